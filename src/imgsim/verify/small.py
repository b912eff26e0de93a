"""Compares two small pictures pixel by pixel: there are too few pixels to align them.

What copying does to a picture of 28 to 96 pixels is predicted from the one and held against the
other: a change of brightness, contrast or gamma by one curve, and light and dark that end in white
and black. The error that is left has to be that of compression or grain: it averages out over a
few pixels, and it does not lie along the edges, as that of a thing that moved does.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgsim.verify.blocks import Map
from imgsim.verify.colours import fit_chroma
from imgsim.verify.limits import LIMITS
from imgsim.verify.recording import record

Pixels = NDArray[np.uint8]
"""An image in grey or RGB: shape (h, w) or (h, w, 3)."""

_Map = NDArray[np.float32]
"""A value, or one of each channel, for every pixel: shape (h, w) or (h, w, c)."""

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_FROM_CHROMA = np.array([[0, 1.402], [-0.3441, -0.7141], [1.772, 0]], np.float32)
_TO_CHROMA = np.array([[-0.1687, -0.3313, 0.5], [0.5, -0.4187, -0.0813]], np.float32)


def same_frame(left: Pixels, right: Pixels) -> Iterator[tuple[Pixels, Pixels]]:
    """Yield two pictures in the size of the smaller one, if they can be copies of one whole.

    Parameters
    ----------
    left, right : ndarray of uint8, shape (h, w) or (h, w, 3)

    Yields
    ------
    tuple of ndarray of uint8, shapes as given but for h and w
        Nothing if their sides have other proportions, or one is far larger.
    """
    import cv2

    smaller, larger = sorted((left, right), key=lambda image: image.shape[0] * image.shape[1])
    height, width = smaller.shape[:2]
    scale = max(larger.shape[0] / height, larger.shape[1] / width)
    expected = larger.shape[0] / scale, larger.shape[1] / scale
    if scale > LIMITS.small_max_scale or height - expected[0] > 1 or width - expected[1] > 1:
        return

    def fitted(image: Pixels) -> Pixels:
        if image.shape[:2] == (height, width):
            return image
        return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA))

    yield fitted(left), fitted(right)


def thumbnail_frames(left: Pixels, right: Pixels) -> Iterator[tuple[Pixels, Pixels]]:
    """Yield two pictures with the larger one shrunk to the size of the other, in two ways.

    Programs make thumbnails by averages over areas, or by Lanczos resampling; in so few pixels
    these differ by more than compression does.

    Parameters
    ----------
    left, right : ndarray of uint8, shape (h, w) or (h, w, 3)

    Yields
    ------
    tuple of ndarray of uint8, shapes as given but for h and w
        Nothing if their sides have other proportions.
    """
    import cv2
    from PIL import Image

    larger_left = left.size > right.size
    smaller, larger = (right, left) if larger_left else (left, right)
    height, width = smaller.shape[:2]
    scale = max(larger.shape[0] / height, larger.shape[1] / width)
    if height - larger.shape[0] / scale > 1 or width - larger.shape[1] / scale > 1:
        return
    by_area = cv2.resize(larger, (width, height), interpolation=cv2.INTER_AREA)
    lanczos = Image.fromarray(larger).resize((width, height), Image.Resampling.LANCZOS)
    for image in (by_area, lanczos):
        shrunk = np.asarray(image, np.uint8)
        yield (shrunk, right) if larger_left else (left, shrunk)


def are_correlated(left: Pixels, right: Pixels) -> bool:
    """Return whether two grey pictures in one frame are light and dark in the same places, roughly.

    Where they are not, `pixel_distance` need not be asked.

    Parameters
    ----------
    left, right : ndarray of uint8, shape (h, w)
    """
    shared, most = covariation(left, right)
    record("small_min_correlation", shared / max(most, 1e-9))
    return shared >= LIMITS.small_min_correlation * most


def covariation(left: Pixels | Map, right: Pixels | Map) -> tuple[float, float]:
    """Return how far two grey pictures are light and dark together, and the most they could be.

    The one as a share of the other is their correlation.

    Parameters
    ----------
    left, right : ndarray of uint8 or float32, shape (h, w)
    """
    one, other = (image - image.mean(dtype=np.float32) for image in (left, right))
    most = float(np.sqrt((one * one).sum() * (other * other).sum()))
    return float((one * other).sum()), most


def pixel_distance(left: Pixels, right: Pixels) -> float:
    """Return how far two small pictures in one frame are from being copies of each other.

    Nothing is aligned: a picture that was moved by half a pixel is another one.

    Parameters
    ----------
    left, right : ndarray of uint8, shape (h, w) or (h, w, 3)
        Of equal height and width; grey, or red, green and blue.

    Returns
    -------
    float
        0 for equal pictures, up to 1 for copies; infinite if they show too little to tell.

    Raises
    ------
    ValueError
        They have other sizes.
    """
    if left.shape[:2] != right.shape[:2]:
        raise ValueError(f"images of {left.shape[:2]} and {right.shape[:2]} pixels")
    one, other = (_channels(image) for image in (left, right))
    if one.shape != other.shape:
        one, other = _luma(one)[..., None], _luma(other)[..., None]
    # compression, and light that ends in white, can be told from what was there before alone
    directions = (one, other), (other, one)
    distance = min(_distance(source, target) for source, target in directions)
    for source, target in directions if distance > LIMITS.small_clear else ():
        expected = _with_tone_of(source, target)
        if expected is not None:
            distance = min(distance, _distance(expected, target))
    return distance if distance <= 1 else 1 + LIMITS.small_excess * (distance - 1)


def _channels(image: Pixels) -> _Map:
    """One channel for a grey picture, also one in RGB, and three for another."""
    if image.ndim == 3 and np.ptp(image, axis=2).max() <= LIMITS.small_grey:
        image = image[..., 1]
    return np.asarray(image.reshape(*image.shape[:2], -1), np.float32)


def _distance(expected: _Map, target: _Map) -> float:
    """The distance of a target from what is expected of it before it is compressed."""
    distance = _distance_of(expected, target)
    if LIMITS.small_clear < distance < np.inf and target.shape[2] > 1:
        # in vivid pictures coarse chroma is the larger part of what compression does
        distance = min(distance, _distance_of(_with_coarse_chroma(expected), target))
    return distance


def _distance_of(expected: _Map, target: _Map) -> float:
    one, other = _luma(expected), _luma(target)
    spread = min(float(one.std()), float(other.std()))
    slopes = _slopes(np.asarray((one + other) / 2, np.float32))
    edges = np.hypot(*slopes) > LIMITS.small_edge
    edge_share = edges.mean()
    record("small_min_spread", spread)
    record("small_min_edges", edge_share)
    if spread < LIMITS.small_min_spread or edge_share < LIMITS.small_min_edges:
        return float("inf")
    scale = max(1.0, LIMITS.small_contrast / spread)
    error = one - other
    # decoders round in their own ways
    error -= np.clip(error.mean(), -LIMITS.small_max_offset, LIMITS.small_max_offset)
    distances = [_difference(error, edges, scale), _movement(error, slopes)]
    if target.shape[2] > 1:
        distances.append(_colour_difference(expected, target))
    return max(distances)


def _luma(image: _Map) -> _Map:
    """Grey levels, shape (h, w)."""
    return np.asarray(image[..., 0] if image.shape[2] == 1 else image @ _LUMA, np.float32)


def _with_tone_of(source: _Map, target: _Map) -> _Map | None:
    """The source, its levels brought nearest to the target's by one curve of all channels.

    The curve is a polynomial, fitted again and again with weights that errors lessen (Cauchy's),
    and drawn to the levels as they are where there is little to fit it to. Levels that may be cut
    off do not count in the fit, and are cut off in what it gives.
    """
    low, high = LIMITS.small_open_levels
    levels, wanted = source.ravel().astype(np.float64), target.ravel().astype(np.float64)
    inside = (np.minimum(levels, wanted) > low) & (np.maximum(levels, wanted) < high)
    powers, wanted = _powers(levels[inside]), wanted[inside] / 128 - 1
    held = np.array(LIMITS.small_tone_hold)
    identity = np.eye(len(held))[1]
    weights = np.ones(len(wanted))
    curve = identity
    for _ in range(LIMITS.small_tone_rounds):
        normal = (powers * weights) @ powers.T + np.diag(held)
        curve = np.linalg.solve(normal, (powers * weights) @ wanted + held * identity)
        errors = (wanted - curve @ powers) * 128
        weights = 1 / (1 + np.square(errors / LIMITS.small_tone_scale))
    every = curve @ _powers(np.arange(256.0))
    if np.any(np.diff(every)[_used(levels)] < 0):
        return None  # no edit of the tones turns light to dark
    shape = source.shape
    return np.asarray(((curve @ _powers(levels) + 1) * 128).clip(0, 255), np.float32).reshape(shape)


def _with_coarse_chroma(image: _Map) -> _Map:
    """A picture whose chroma has half the resolution, as most JPEG files have it."""
    import cv2

    height, width = image.shape[:2]
    even = cv2.copyMakeBorder(image, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
    chroma = np.ascontiguousarray(even @ _TO_CHROMA.T)
    half = cv2.resize(
        chroma, (even.shape[1] // 2, even.shape[0] // 2), interpolation=cv2.INTER_AREA
    )
    full = cv2.resize(half, even.shape[1::-1], interpolation=cv2.INTER_LINEAR)[:height, :width]
    return np.asarray((_luma(image)[..., None] + full @ _FROM_CHROMA.T).clip(0, 255), np.float32)


def _powers(levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Powers of levels that go from -1 to 1, shape (degree + 1, n)."""
    return np.vander(levels / 128 - 1, len(LIMITS.small_tone_hold), increasing=True).T


def _used(levels: NDArray[np.float64]) -> slice:
    """The steps between neighbouring levels that a picture has."""
    return slice(int(levels.min()), max(int(levels.max()), int(levels.min()) + 1))


def _blurred(image: _Map, deviation: float) -> _Map:
    import cv2

    return np.asarray(
        cv2.GaussianBlur(image, (0, 0), deviation, borderType=cv2.BORDER_REFLECT), np.float32
    )


def _difference(error: _Map, edges: NDArray[np.bool_], scale: float) -> float:
    """The error, unless it is that of compression or grain: that averages out, and is everywhere.

    `edges` says where there is something that compression cannot keep as it is; what is measured
    counts `scale` times.
    """
    import cv2

    window = (LIMITS.small_window,) * 2
    squares = cv2.blur(np.square(error), window, borderType=cv2.BORDER_REFLECT).clip(0)
    noise = float(np.sqrt(np.median(squares[edges])))
    most = min(
        float(np.interp(max(error.shape), *LIMITS.small_max_local)),
        LIMITS.small_max_local_without_noise + LIMITS.small_max_local_per_noise * noise,
    )
    local = float(np.abs(_blurred(error, LIMITS.small_local)).max()) / most
    wide = float(np.sqrt(np.square(_blurred(error, LIMITS.small_wide)).mean()))
    fine = float(np.sqrt(squares.max()))
    record("small_max_local", scale * local)
    record("small_max_wide", scale * wide)
    record("small_max_fine", scale * fine)
    return scale * max(local, wide / LIMITS.small_max_wide, fine / LIMITS.small_max_fine)


def _slopes(image: _Map) -> tuple[_Map, _Map]:
    """Grey levels per pixel, across and down."""
    import cv2

    smooth = _blurred(image, LIMITS.small_slope)
    across, down = (
        np.asarray(cv2.Sobel(smooth, cv2.CV_32F, dx, dy, scale=1 / 8), np.float32)
        for dx, dy in ((1, 0), (0, 1))
    )
    return across, down


def _movement(error: _Map, slopes: tuple[_Map, _Map]) -> float:
    """How surely the error comes of things that have moved, and how far.

    The displacement of every small part that explains most of the error there (B. Lucas and
    T. Kanade, 1981), and the share of all of the error that these explain together.
    """
    across, down = slopes
    error = _blurred(error, LIMITS.small_slope)
    products: list[Any] = [across * across, down * down, across * down, across * error]
    products.append(down * error)
    xx, yy, xy, xe, ye = (_blurred(p, LIMITS.small_part) for p in products)
    xx, yy = xx + LIMITS.small_slope_floor, yy + LIMITS.small_slope_floor
    explained = (xx * ye * ye + yy * xe * xe - 2 * xy * xe * ye) / (xx * yy - xy * xy)
    energy = float(explained.sum())
    share = energy / max(float(np.square(error).sum()), 1e-3)
    displaced = float(np.sqrt(energy / (xx + yy).sum()))
    record("small_max_moved_share", share)
    record("small_max_moved", displaced)
    return min(share / LIMITS.small_max_moved_share, displaced / LIMITS.small_max_moved)


def _colour_difference(expected: _Map, target: _Map) -> float:
    """By how much the most different place has another colour, but for one tint of all."""
    channels = []
    for image in (expected, target):
        chroma = [
            _blurred(np.ascontiguousarray(image @ row), LIMITS.small_local) for row in _TO_CHROMA
        ]
        channels.append(np.stack([_luma(image), *chroma]).reshape(3, -1))
    richer, paler = sorted(channels, key=lambda pixels: -float(np.square(pixels[1:]).sum()))
    errors = np.hypot(*(paler[1:] - fit_chroma(richer, paler[1:])))
    record("small_max_chroma", errors.max())
    return float(errors.max()) / LIMITS.small_max_chroma
