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

Levels = NDArray[np.float32]
_T = TypeVar("_T")


class _Figure(NamedTuple):
    """An image in YCbCr, float32, shape (h, w, 3), and the levels of its ground, shape (3,)."""

    levels: Levels
    ground: Levels


def judge_figures(left: NDArray[np.uint8], right: NDArray[np.uint8]) -> Verdict:
    """Return the verdict on two pictures of a figure on an even ground.

    Parameters
    ----------
    left, right : ndarray of uint8, shape (h, w, 3)
        In RGB, in their own sizes as far as possible.

    Returns
    -------
    Verdict
        Of the same picture in another size or encoding, or one without a matrix: then the two are
        different pictures at every preset.
    """
    distance = figure_distance(left, right)
    if not np.isfinite(distance):
        return Verdict(np.inf)
    return Verdict(distance, tuple(np.eye(3).ravel().tolist()), 1.0, 1.0, 1.0)


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
    if abs(fine.shape[1] * height / fine.shape[0] - width) > LIMITS.figure_max_shape:
        return np.inf
    one, other = _figure(coarse), _figure(fine)
    if one is None or other is None:
        return np.inf
    if np.abs(one.ground - other.ground).max() > LIMITS.figure_max_ground:
        return np.inf
    shrunk = _resized(other.levels, (width, height))
    part = _content(one, shrunk)
    if part is None:
        return np.inf
    levels, shrunk = one.levels[part], np.ascontiguousarray(shrunk[part])
    distance = max(_difference(levels, shrunk), _mean_difference(levels, shrunk))
    if distance <= 1:
        distance = max(distance, _shift(levels[..., 0], shrunk[..., 0]) / LIMITS.figure_max_shift)
    if distance <= 1 and fine.shape != coarse.shape:
        distance = max(distance, _lost(other.levels, one.levels, part))
    return distance if distance <= 1 else np.inf


def _figure(image: NDArray[np.uint8]) -> _Figure | None:
    """Find the ground of an image: what its edges show, if they are even."""
    import cv2

    levels = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb), np.float32)
    edges = np.concatenate([levels[0], levels[-1], levels[:, 0], levels[:, -1]])
    ground = np.median(edges, axis=0).astype(np.float32)
    near = np.abs(edges - ground).max(axis=1) <= LIMITS.figure_near_ground
    return _Figure(levels, ground) if near.mean() >= LIMITS.figure_even_edge else None


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
    vivid = LIMITS.figure_grey_per_colour * np.maximum(
        *(_range(np.ascontiguousarray(one[..., channel]), sides[channel]) for channel in (1, 2))
    )
    for channel, ((level, at_edge, near_edge), side) in enumerate(zip(limits, sides, strict=True)):
        a, b = (np.ascontiguousarray(x[..., channel]) for x in (one, other))
        # no edge of one alone excuses a difference
        edge = np.minimum(_range(a, side), _range(b, side))
        beside = np.minimum(_range(a, LIMITS.figure_block), _range(b, LIMITS.figure_block))
        passed = level + at_edge * edge + near_edge * beside + (vivid if channel == 0 else 0)
        share = np.sort((np.abs(a - b) / passed).ravel())
        worst = max(worst, float(share[-1 - min(LIMITS.figure_outliers, len(share) - 1)]))
    return worst


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
    lost = np.count_nonzero(beyond > LIMITS.figure_lost_level) / scale**2
    return float(lost / LIMITS.figure_max_lost)
