"""Whether one filter over all of a page explains all by which another page differs from it.

What blur, resampling, sharpening and a misplacement by a part of a pixel do to a page is one linear
filter, the same at every letter. So its weights are fitted to the whole pair, and one page is told
from the other by what is left: a few dozen weights, fitted to all letters, do not turn one of them
into another. What another letter would leave is measured by this very pair, too; where that is
hardly more than its noise, nothing is said.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from imgsim.stage_times import staged
from imgsim.verify.blocks import Map
from imgsim.verify.details import legibilities
from imgsim.verify.limits import LIMITS
from imgsim.verify.local_differences import (
    BlockErrors,
    Frame,
    at_same_scale,
    block_error,
    in_one_frame,
    top_of,
    with_noise,
)
from imgsim.verify.matrix import Grey, Matrix, inverse, nearest_orientation, oriented
from imgsim.verify.recording import record

_LEAST_LEGIBLE = 1e-3
"""Where no letter would stand out at all; what is told by it is divided by it."""


class _Explained(NamedTuple):
    """By how much the rest of a page exceeds its noise, and another letter would.

    `lone` tells that it does so at one place alone.
    """

    top: float
    legible: float
    lone: bool


@staged("details")
def filtered_distance(
    left: Grey,
    right: Grey,
    matrix: Matrix,
    *,
    printed: bool = True,
    aligned: Frame | None = None,
) -> float | None:
    """Return how far two pages are from one being the other, filtered.

    Parameters
    ----------
    left, right : ndarray of uint8, shape (h, w)
        In the finest size that is to be compared.
    matrix : ndarray of float64, shape (3, 3)
        Unit coordinates of the right page to those of the left one.
    printed : bool
        They are surely pages. Of others nothing is said where letters would not be told for sure.
    aligned : Frame, optional
        Both, by `in_one_frame`.

    Returns
    -------
    float or None
        1 is the limit of the preset normal; None if that is not told.
    """
    frames = [_explained(*frame) for frame in _frames(left, right, matrix, aligned)]
    # where it lies worse, or noise is smoothed away, another letter may hide
    in_place = sorted(left.shape) == sorted(right.shape) and nearest_orientation(matrix) is not None
    most = [max(way.legible for way in ways) for ways in frames]
    if not printed and max(most, default=0.0) < LIMITS.page_filter_sure_legibility:
        return None
    told = [
        way
        for ways, legible in zip(frames, most, strict=True)
        for way in ways
        if legible >= LIMITS.page_filter_frame_share * max(most)
        and way.legible >= LIMITS.page_filter_way_share * legible
    ]
    distance = min((_distance(way, in_place=in_place) for way in told), default=None)
    if distance is not None and any(way.lone for way in told):
        return max(distance, LIMITS.page_filter_lone_distance)
    return distance


def _distance(way: _Explained, *, in_place: bool) -> float:
    legible = max(way.legible, _LEAST_LEGIBLE)
    share, ratio = LIMITS.page_filter_max_share, LIMITS.page_filter_max_ratio
    if in_place:
        share, ratio = LIMITS.page_filter_max_share_in_place, LIMITS.page_filter_max_ratio_in_place
    distance = way.top / min(share * legible, ratio)
    if distance > 1:
        distance = 1 + LIMITS.detail_excess * (distance - 1)
    # where another letter would not be seen, that there is none says nothing
    return max(distance, (LIMITS.page_filter_min_legibility / legible) ** 2)


def _frames(
    left: Grey, right: Grey, matrix: Matrix, aligned: Frame | None
) -> Iterator[tuple[Frame, bool]]:
    """Both pages as they were aligned, and as they lie if one is all of the other, and whether so.

    If it is not, either may have been warped from the other one.
    """
    same_scale = LIMITS.page_filter_same_scale
    if aligned is None:
        aligned = in_one_frame(left, right, matrix, same_scale=same_scale)
    else:
        aligned = at_same_scale(aligned, left, right, same_scale)
    frames = [(aligned, False)]
    orientation = nearest_orientation(matrix, LIMITS.peer_max_corner)
    if orientation is None:
        frames.append((in_one_frame(right, left, inverse(matrix), same_scale=same_scale), False))
    else:
        pages = left, oriented(right, orientation)
        for small in pages:
            if all(small.shape[n] <= min(page.shape[n] for page in pages) for n in (0, 1)):
                one, other = (_resized(page, small) for page in pages)
                frames.append((in_one_frame(one, other, np.eye(3), exact=True), True))
                break
    for frame, whole in frames:
        if frame is not None and frame.inside.any():
            yield frame, whole


def _resized(image: Grey, like: Grey) -> Grey:
    """An image in the size of a smaller one, by the filter that programs shrink pictures by."""
    from PIL import Image

    if image.shape == like.shape:
        return image
    height, width = like.shape
    whole = Image.fromarray(np.ascontiguousarray(image))
    return np.asarray(whole.resize((width, height), Image.Resampling.LANCZOS))


def _explained(frame: Frame, whole: bool) -> list[_Explained]:
    """What is left of each page where the other one was filtered; `whole` if one is all of it."""
    import cv2

    places = _inner_places(frame.mask)
    ways = []
    for source, target, toned in zip(
        (frame.one, frame.other), (frame.other, frame.one), frame.toned(), strict=True
    ):
        fits = [_fitted(image, target.levels, places) for image in (toned, source.levels)]
        filtered = min(fits, key=lambda fit: fit.apart).filtered()
        smooth = np.asarray(cv2.GaussianBlur(filtered, (0, 0), LIMITS.detail_blur))
        images = smooth, target.smooth
        ways.append(
            with_noise(
                frame,
                images,
                block_error(*images, frame.mask),
                floor=LIMITS.page_filter_floor,
                least_error=LIMITS.page_filter_least_error,
            )
        )
    legible = legibilities(ways, LIMITS.page_filter_min_gradient)
    return [_recorded(errors, way, whole) for errors, way in zip(ways, legible, strict=True)]


def _recorded(errors: BlockErrors, legible: float, whole: bool) -> _Explained:
    top, lone = errors.top_ratio(), _differs_at_one_place(errors, to_the_edge=whole)
    if not np.isfinite(legible):
        return _Explained(top, 0.0, lone)
    record("page_filter_max_ratio", top)
    record("page_filter_max_share", top / max(legible, _LEAST_LEGIBLE))
    record("page_filter_min_legibility", legible)
    return _Explained(top, legible, lone)


def _differs_at_one_place(errors: BlockErrors, *, to_the_edge: bool) -> bool:
    """Whether the largest ratios lie side by side, and those elsewhere are far smaller.

    A filter that does not fit leaves about as much at many letters; another letter that is hardly
    to be seen leaves little, but at its place alone. What blur does at the very edge of a page, it
    does at all of it.
    """
    everywhere = errors.all_ratios()
    if not to_the_edge:
        everywhere[~errors.inside] = 0
    ratio = np.where(errors.error > LIMITS.page_filter_least_error, everywhere, 0)
    if top_of(ratio) < LIMITS.page_filter_lone_ratio:
        return False
    reach = LIMITS.page_filter_lone_reach
    peak = np.unravel_index(int(ratio.argmax()), ratio.shape)
    place = tuple(slice(max(0, i - reach), i + reach + 1) for i in peak)
    elsewhere = everywhere.copy()
    elsewhere[place] = 0
    excess = top_of(ratio[place]) / max(top_of(elsewhere), 1e-3)
    record("page_filter_lone_excess", excess)
    return excess >= LIMITS.page_filter_lone_excess


class _Fit(NamedTuple):
    """A page and the filter that brings it nearest to another one, and how near that is.

    `apart` is in grey levels, root mean square.
    """

    image: Map
    weights: NDArray[np.float32]
    apart: float

    def filtered(self) -> Map:
        import cv2

        kernel = self.weights[:-1].reshape((2 * LIMITS.page_filter_reach + 1,) * 2)
        filtered = np.asarray(cv2.filter2D(self.image, cv2.CV_32F, kernel))
        filtered += self.weights[-1]
        return filtered


def _inner_places(mask: NDArray[np.uint8]) -> NDArray[np.intp]:
    """Places of pixels by which filters are fitted: all that these reach lies in the mask."""
    reach = LIMITS.page_filter_reach
    inner = np.zeros_like(mask)
    inner[reach:-reach, reach:-reach] = mask[reach:-reach, reach:-reach]
    places = np.flatnonzero(inner.view(np.bool_))
    return places[:: max(1, len(places) // LIMITS.page_filter_places)]


def _fitted(source: Map, target: Map, places: NDArray[np.intp]) -> _Fit:
    """The filter that brings a page nearest to another one: a blur and weights of near pixels."""
    import cv2

    reach = LIMITS.page_filter_reach
    wanted = target.ravel()[places]
    offsets = range(-reach, reach + 1)
    steps = [row * source.shape[1] + column for row in offsets for column in offsets]
    first = places + steps[0]
    near = np.ones((len(steps) + 1, len(places)), np.float32)
    best = None
    for sigma in LIMITS.page_filter_blurs:
        image = np.asarray(cv2.GaussianBlur(source, (0, 0), sigma)) if sigma else source
        pixels = image.ravel()
        for row, step in zip(near, steps, strict=False):
            np.take(pixels[step - steps[0] :], first, out=row, mode="clip")  # none lies outside
        products = (near @ near.T).astype(np.float64)
        products[np.diag_indices(len(products))] += LIMITS.page_filter_ridge * len(places)
        weights = np.linalg.solve(products, (near @ wanted).astype(np.float64)).astype(np.float32)
        apart = float(np.sqrt(np.square(weights @ near - wanted).mean()))
        if best is not None and apart > LIMITS.page_filter_nearer * best.apart:
            break
        best = _Fit(image, weights, apart)
    assert best is not None
    return best
