"""Aligns two images: how one lies upon the other, and how exactly.

Coordinates and matrices are those of `verify.matrix`.

Sources: RANSAC, M. Fischler and R. Bolles, 1981, doi:10.1145/358669.358692; tracking, B. Lucas
and T. Kanade, 1981, in pyramids (J.-Y. Bouguet, 2000); both as OpenCV has them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imgsim.decode.detail import longer_side, shrink
from imgsim.stage_times import staged
from imgsim.verify.limits import LIMITS
from imgsim.verify.matrix import (
    Band,
    Grey,
    Matrix,
    is_plausible,
    pixel_matrix,
    stretch_scales,
)
from imgsim.verify.recording import record
from imgsim.verify.tracking import Tracking, track, warp


@dataclass(frozen=True, slots=True)
class Aligned:
    """Two images at one scale, the right one warped into the frame of the left one.

    Attributes
    ----------
    left, right : ndarray of uint8, shape (h, w)
    mask : ndarray of uint8, shape (h, w)
        1 where the right image has pixels, else 0.
    matrix : ndarray of float64, shape (3, 3)
        Unit coordinates of the right picture to those of the left one.
    tracked : int
        Points of the left image that were tracked in the right one.
    inliers : int
        Those that lie where the matrix says.
    shift : float
        Pixels, at this scale, by which most inliers are displaced with their neighbours, at most;
        see `Tracking.shift`.
    """

    left: Grey
    right: Grey
    mask: NDArray[np.uint8]
    matrix: Matrix
    tracked: int
    inliers: int
    shift: float


class FewAgree(Exception):
    """Hardly any point of an image lies in the other one where it would in a copy."""


@staged("aligning")
def align(
    left: Grey,
    right: Grey,
    matrix: Matrix,
    side: int,
    excluded: Sequence[Band] = (),
    *,
    supposed: bool = False,
) -> Aligned | None:
    """Refine a matrix and warp the right image by it.

    Both are brought to the scale of the coarser one.

    Parameters
    ----------
    left, right : ndarray of uint8, shape (h, w)
    matrix : ndarray of float64, shape (3, 3)
        Unit coordinates of the right picture to those of the left one, roughly.
    side : int
        Longer side, in pixels, of the left image, at most.
    excluded : sequence of (float, float)
        Rows of the left image to leave out, from and to, as shares of its height.
    supposed : bool
        The matrix is one of which most are by chance: it is not corrected again and again.

    Returns
    -------
    Aligned or None
        None if editing a picture does not give such a matrix, or too little is left.

    Raises
    ------
    FewAgree
        Of a matrix that is supposed.
    """
    refined = _refine(left, right, matrix, side, excluded, supposed=supposed)
    if refined is None:
        return None
    scaled, tracking = refined
    warped, mask = warp(*scaled, tracking.matrix, excluded)
    return Aligned(
        scaled[0],
        warped,
        mask,
        tracking.matrix,
        tracking.tracked,
        len(tracking.inliers),
        tracking.shift(),
    )


def refine_matrix(
    left: Grey, right: Grey, matrix: Matrix, side: int, excluded: Sequence[Band] = ()
) -> Matrix | None:
    """Refine a matrix as `align` does, and warp nothing by it.

    Parameters
    ----------
    left, right : ndarray of uint8, shape (h, w)
    matrix : ndarray of float64, shape (3, 3)
    side : int
    excluded : sequence of (float, float)
        See `align`.

    Returns
    -------
    ndarray of float64, shape (3, 3), or None
        None where `align` gives none.
    """
    refined = _refine(left, right, matrix, side, excluded)
    return None if refined is None else refined[1].matrix


def _refine(
    left: Grey,
    right: Grey,
    matrix: Matrix,
    side: int,
    excluded: Sequence[Band],
    *,
    supposed: bool = False,
) -> tuple[tuple[Grey, Grey], Tracking] | None:
    """Both images at one scale, and what the last round of tracking found."""
    scaled = at_one_scale(left, right, matrix, side)
    if scaled is None:
        return None
    tracking = track(*scaled, matrix, excluded)
    if supposed and _is_by_chance(tracking):
        raise FewAgree
    if tracking is None:
        coarse = _track_coarse(left, right, matrix, excluded)
        tracking = coarse and track(*scaled, coarse.matrix, excluded)
    for _ in range(LIMITS.extra_rounds):
        if tracking is None or tracking.correction < LIMITS.settled_shift:
            break
        tracking = track(*scaled, tracking.matrix, excluded, tracking.corners) or tracking
    if tracking is None or not is_plausible(tracking.matrix, *scaled):
        return None
    return scaled, tracking


def _is_by_chance(tracking: Tracking | None) -> bool:
    """Whether few points agree with a matrix, and it did not move far to where these do."""
    if tracking is None:
        return True
    if tracking.correction >= LIMITS.supposed_max_moved:
        return False
    share = len(tracking.inliers) / tracking.tracked
    record("supposed_min_share", share)
    return share < LIMITS.supposed_min_share


def _track_coarse(
    left: Grey, right: Grey, matrix: Matrix, excluded: Sequence[Band]
) -> Tracking | None:
    scaled = at_one_scale(left, right, matrix, LIMITS.coarse_side)
    return scaled and track(*scaled, matrix, excluded)


def at_one_scale(left: Grey, right: Grey, matrix: Matrix, longer: int) -> tuple[Grey, Grey] | None:
    """Shrink both images to the scale of the coarser one.

    Parameters
    ----------
    left, right : ndarray of uint8, shape (h, w)
    matrix : ndarray of float64, shape (3, 3)
        Unit coordinates of the right picture to those of the left one.
    longer : int
        Pixels of the longer side of the left one, at most.

    Returns
    -------
    tuple of ndarray of uint8, shape (h, w), or None
        None if editing a picture does not give such a matrix, or little is left.
    """
    if not is_plausible(matrix, left, right):
        return None
    stretched = stretch_scales(matrix, left, right)
    if stretched is not None:
        return _squeeze(left, right, matrix, longer, stretched)
    area = abs(float(np.linalg.det(pixel_matrix(matrix, left, right)[:2, :2])))
    scale = np.sqrt(area)  # pixels of the left image per pixel of the right one
    longer = longer_side(left.shape, longer)
    side = min(longer, max(left.shape) * min(1.0, 1 / scale))
    small = shrink(left, max(1, round(side)))
    ratio = max(small.shape) / max(left.shape)
    other = shrink(right, max(1, round(max(right.shape) * min(1.0, scale * ratio))))
    if min(*small.shape, *other.shape) < LIMITS.min_side:
        return None
    return small, other


def _squeeze(
    left: Grey, right: Grey, matrix: Matrix, longer: int, scales: tuple[float, float]
) -> tuple[Grey, Grey] | None:
    """Shrink both images to the coarser one's scale along either side.

    `scales` are those of `stretch_scales`.
    """
    import cv2

    size = [n * min(1.0, 1 / scale) for n, scale in zip(left.shape[::-1], scales, strict=True)]
    shrunk = min(1.0, longer / max(size))
    size = [max(1, round(shrunk * n)) for n in size]
    fine = [s * n / full for s, n, full in zip(scales, size, left.shape[::-1], strict=True)]
    lies_across = abs(matrix[0, 1]) > abs(matrix[0, 0])
    other = [
        max(1, round(n * min(1.0, scale)))
        for n, scale in zip(right.shape[::-1], fine[::-1] if lies_across else fine, strict=True)
    ]
    if min(*size, *other) < LIMITS.min_side:
        return None
    small, small_right = (
        np.asarray(cv2.resize(image, wanted, interpolation=cv2.INTER_AREA), np.uint8)
        for image, wanted in ((left, size), (right, other))
    )
    return small, small_right
