"""Compares icons and other figures on an even ground, pixel by pixel, as the whole pictures.

They have too little in them to be aligned by points: what tells two of them apart is where each of
their edges lies. So nothing is aligned. One is the other in another size, or it is another picture.
"""

from __future__ import annotations

from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from imgsim.types import Verdict
from imgsim.verify.limits import LIMITS
from imgsim.verify.recording import record
from imgsim.verify.unchanged import lone_change

Levels = NDArray[np.float32]
_T = TypeVar("_T")


class _Figure(NamedTuple):
    """An image in YCbCr, float32, shape (h, w, 3), and the levels of its ground, shape (3,)."""

    levels: Levels
    ground: Levels


_COMPARED = "figure_difference", "figure_mean", "figure_ink"
"""Limits that depend on the place: what is held against them is a share of what is let pass."""


def judge_figures(left: NDArray[np.uint8], right: NDArray[np.uint8]) -> Verdict:
    """Return the verdict on two pictures of a figure on an even ground.

    Parameters
    ----------
    left, right : ndarray of uint8, shape (h, w, 3)
        In RGB, in their own sizes as far as possible.

    Returns
    -------
    Verdict
        Of the same picture in another size or encoding, or of different pictures at every preset.
        It has no matrix: nothing was aligned, and too little is seen to measure differences.
    """
    distance = figure_distance(left, right)
    if not np.isfinite(distance):
        return Verdict(np.inf)
    return Verdict(distance, (), 1.0, 1.0, 1.0)


def figure_distance(left: NDArray[np.uint8], right: NDArray[np.uint8]) -> float:
    """Compare two pictures of a figure on an even ground.

    Parameters
    ----------
    left, right : ndarray of uint8, shape (h, w, 3)
        In RGB, in their own sizes as far as possible.

    Returns
    -------
    float
        1 at most if one is the other in another size or encoding, the largest of several
        differences as a share of what is let pass; else infinite.
    """
    coarse, fine = sorted((left, right), key=lambda image: (image.shape[0], image.shape[1]))
    height, width = coarse.shape[:2]
    if min(height, width) < LIMITS.figure_min_frame:
        return np.inf
    if abs(fine.shape[1] * height / fine.shape[0] - width) > LIMITS.figure_max_shape:
        return np.inf
    one, other = _figure(coarse), _figure(fine)
    if one is None or other is None:
        return np.inf
    record("figure_max_ground", np.abs(one.ground - other.ground).max())
    if np.abs(one.ground - other.ground).max() > LIMITS.figure_max_ground:
        return np.inf
    shrunk = _resized(other.levels, (width, height))
    part = _content(one, shrunk)
    if part is None:
        return np.inf
    levels, shrunk = one.levels[part], np.ascontiguousarray(shrunk[part])
    differences = (
        _difference(levels, shrunk),
        _mean_difference(levels, shrunk),
        _ink_difference(levels, shrunk, one.ground),
    )
    for name, difference in zip(_COMPARED, differences, strict=True):
        record(name, difference)
    distance = max(differences)
    if distance <= 1:
        shift = _shift(levels[..., 0], shrunk[..., 0])
        record("figure_max_shift", shift)
        distance = max(distance, shift / LIMITS.figure_max_shift)
    if distance <= 1:
        grey, other_grey = (np.asarray(x.levels[..., 0], np.uint8) for x in (one, other))
        change = lone_change(grey, other_grey)
        record("unchanged_max_share", change)
        distance = max(distance, change / LIMITS.unchanged_max_share)
    if distance <= 1 and fine.shape != coarse.shape:
        distance = max(distance, _lost(other.levels, one.levels, part))
    return distance if distance <= 1 else np.inf


def _figure(image: NDArray[np.uint8]) -> _Figure | None:
    """Find the ground of an image: what its edges show, if they are even."""
    import cv2

    levels = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb), np.float32)
    edges = np.concatenate([levels[0], levels[-1], levels[:, 0], levels[:, -1]])
    ground = np.median(edges, axis=0).astype(np.float32)
    near = (np.abs(edges - ground).max(axis=1) <= LIMITS.figure_near_ground).mean()
    record("figure_even_edge", near)
    return _Figure(levels, ground) if near >= LIMITS.figure_even_edge else None


def _resized(image: Levels, size: tuple[int, int]) -> Levels:
    import cv2

    if image.shape[1::-1] == size:
        return image
    larger = size[0] > image.shape[1]
    how = cv2.INTER_CUBIC if larger else cv2.INTER_AREA
    return np.asarray(cv2.resize(image, size, interpolation=how), np.float32)


def _content(one: _Figure, shrunk: Levels) -> tuple[slice, slice] | None:
    """Return the rows and columns that hold all that is not ground in either, with a margin.

    None if that is too small to tell one figure from another.
    """
    apart = np.maximum(
        np.abs(one.levels - one.ground).max(axis=2), np.abs(shrunk - one.ground).max(axis=2)
    )
    contrast = float(apart.max())
    record("figure_min_contrast", contrast)
    if contrast < LIMITS.figure_min_contrast:
        return None
    strong = apart > contrast / 2
    if np.count_nonzero(strong) < LIMITS.figure_min_pixels:
        return None
    if min(np.count_nonzero(strong.any(axis=axis)) for axis in (0, 1)) < LIMITS.figure_min_side:
        return None
    places = np.nonzero(apart > LIMITS.figure_near_ground)
    margin = LIMITS.figure_margin
    rows, columns = (
        slice(max(0, int(p.min()) - margin), int(p.max()) + margin + 1) for p in places
    )
    return rows, columns


def _range(image: Levels, side: int) -> Levels:
    """Difference of the largest and the least level in a square around each pixel."""
    import cv2

    near = np.ones((side, side), np.uint8)
    return np.asarray(cv2.dilate(image, near) - cv2.erode(image, near), np.float32)


def _difference(one: Levels, other: Levels) -> float:
    """The difference of the most different pixels, as a share of what is let pass.

    At an edge resampling and compression make more of a difference than beside it.
    """
    worst = 0.0
    limits = _of_channels(LIMITS.figure_difference)
    sides = _of_channels(LIMITS.figure_edge)
    # what is lost of a colour changes its grey level too, where that has reached black or white
    vivid = LIMITS.figure_grey_per_colour * np.max(
        [
            _range(np.ascontiguousarray(image[..., channel]), sides[channel])
            for image in (one, other)
            for channel in (1, 2)
        ],
        axis=0,
    )
    certain = 1 - (1 - LIMITS.figure_edge_of_letters) * _is_lettered(one[..., 0], other[..., 0])
    for channel, ((level, at_edge, near_edge), side) in enumerate(zip(limits, sides, strict=True)):
        a, b = (np.ascontiguousarray(x[..., channel]) for x in (one, other))
        # no edge of one alone excuses a difference
        edge = np.minimum(_range(a, side), _range(b, side))
        beside = np.minimum(_range(a, LIMITS.figure_block), _range(b, LIMITS.figure_block))
        uncertain = at_edge * edge + (vivid if channel == 0 else 0)
        passed = level + certain * uncertain + near_edge * beside
        share = np.sort((np.abs(a - b) / passed).ravel())
        worst = max(worst, float(share[-1 - min(LIMITS.figure_outliers, len(share) - 1)]))
    return worst


def _is_lettered(one: Levels, other: Levels) -> Levels:
    """Where there are several thin strokes within a few pixels, 1, else 0: letters, more or less.

    Of those edges may not excuse what tells one letter from another.
    """
    import cv2

    lettered = np.zeros(one.shape, np.bool_)
    side = LIMITS.figure_letter_side
    square = np.ones((3, 3), np.uint8)
    for image in (one, other):
        grey = np.ascontiguousarray(image)
        opened = cv2.morphologyEx(grey, cv2.MORPH_OPEN, square)
        closed = cv2.morphologyEx(grey, cv2.MORPH_CLOSE, square)
        least = LIMITS.figure_thin_share * _range(grey, LIMITS.figure_block)
        thin = np.maximum(grey - opened, closed - grey) > np.maximum(LIMITS.figure_thin, least)
        share = cv2.blur(np.asarray(thin, np.float32), (side, side))
        lettered |= share * side * side >= LIMITS.figure_min_thin
    return np.asarray(cv2.dilate(np.asarray(lettered, np.float32), square), np.float32)


def _ink_difference(one: Levels, other: Levels, ground: Levels) -> float:
    """The difference of all that stands on the ground, as a share of what is let pass.

    No resampling changes its sum by much; another shade or a bolder letter does.
    """
    apart = np.minimum(*(np.abs(x - ground).max(axis=2) for x in (one, other)))
    strong = apart > apart.max() / 2
    if not strong.any():
        return np.inf
    differences = np.abs((one - other).sum(axis=(0, 1))) / np.count_nonzero(strong)
    contrast = np.abs(one[strong] - ground).mean(axis=0)
    level, share = LIMITS.figure_ink
    return float((differences / (level + share * contrast)).max())


def _mean_difference(one: Levels, other: Levels) -> float:
    """The difference of the mean levels of areas, as a share of what is let pass.

    In another colour or shade all of an area differs, if by a few levels.
    """
    import cv2

    side = LIMITS.figure_area
    difference = one - other
    worst = 0.0
    even = np.ones(one.shape[:2], np.bool_)
    for channel, (level, near_edge) in enumerate(_of_channels(LIMITS.figure_mean)):
        a, b = (np.ascontiguousarray(x[..., channel]) for x in (one, other))
        even &= np.maximum(_range(a, side), _range(b, side)) <= LIMITS.figure_even
        beside = np.minimum(_range(a, LIMITS.figure_block), _range(b, LIMITS.figure_block))
        means = np.abs(cv2.blur(difference[..., channel], (side, side)))
        worst = max(worst, float((means / (level + near_edge * beside)).max()))
    number, areas = cv2.connectedComponents(np.asarray(even, np.uint8))
    sizes = np.bincount(areas.ravel(), minlength=number)
    large = np.flatnonzero(sizes >= LIMITS.figure_min_even)
    for channel, most in enumerate(_of_channels(LIMITS.figure_mean_even)):
        sums = np.bincount(areas.ravel(), difference[..., channel].ravel(), number)
        means = np.abs(sums[large[large > 0]] / sizes[large[large > 0]])
        worst = max(worst, float(means.max(initial=0.0)) / most)
    return worst


def _of_channels(limits: tuple[_T, _T]) -> tuple[_T, _T, _T]:
    """A limit for grey levels and one for colours, for each channel."""
    return limits[0], limits[1], limits[1]


def _shift(one: Levels, other: Levels) -> float:
    """Pixels by which one lies beside the other, as far as a shift explains their difference."""
    import cv2

    mean = (one + other) / 2
    across, down = (cv2.Sobel(mean, cv2.CV_32F, *order, scale=0.125) for order in ((1, 0), (0, 1)))
    terms = np.stack([across.ravel(), down.ravel()]).astype(np.float64)
    normal = np.einsum("in,jn->ij", terms, terms) + 1e-3 * np.eye(2)
    shift = np.linalg.solve(normal, np.einsum("in,n->i", terms, (one - other).ravel()))
    return float(np.hypot(*shift))


def _lost(fine: Levels, coarse: Levels, part: tuple[slice, slice]) -> float:
    """How far what the finer picture shows lies beyond what is left of it in the coarser one.

    Where letters have become a blur, nothing tells which they were.
    """
    import cv2

    height, width = fine.shape[:2]
    scale = height / coarse.shape[0]
    rows, columns = (slice(int(p.start * scale), int(np.ceil(p.stop * scale))) for p in part)
    again = _resized(coarse, (width, height))[rows, columns, 0]
    shown = np.ascontiguousarray(fine[rows, columns, 0])
    side = 2 * round(LIMITS.figure_lost_near * scale) + 1
    near = np.ones((side, side), np.uint8)
    again = np.ascontiguousarray(again)
    above = shown - cv2.dilate(again, near)
    below = cv2.erode(again, near) - shown
    contrast = float(shown.max() - shown.min())
    beyond = np.maximum(above, below) / max(1.0, contrast)
    letters = _is_lettered(shown, shown) > 0
    if scale > LIMITS.figure_max_scale_of_letters and letters.any():
        return np.inf
    lost = np.count_nonzero(beyond > LIMITS.figure_lost_level) / LIMITS.figure_max_lost
    lost_letters = np.count_nonzero((beyond > LIMITS.figure_lost_of_letters) & letters)
    return float(max(lost, lost_letters / LIMITS.figure_max_lost_letters) / scale**2)
