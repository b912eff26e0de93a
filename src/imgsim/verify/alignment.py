"""How one image lies upon the other, and how exactly.

Places are in unit coordinates: (0, 0) is the upper left corner of a picture and (1, 1) the lower
right one, whatever its size. A matrix maps the right picture onto the left one.

Sources: RANSAC, M. Fischler and R. Bolles, 1981, doi:10.1145/358669.358692; tracking, B. Lucas
and T. Kanade, 1981, in pyramids (J.-Y. Bouguet, 2000); both as OpenCV has them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imgsim.decode.detail import shrunk
from imgsim.verify.limits import LIMITS
from imgsim.verify.matrix import Band, Grey, Matrix, in_pixels, plausible
from imgsim.verify.tracking import lay, track


@dataclass(frozen=True, slots=True)
class Aligned:
    """Two images at one scale, the right one laid upon the left one.

    Attributes
    ----------
    left, right : ndarray of uint8, shape (h, w)
    covered : ndarray of uint8, shape (h, w)
        1 where the right image has pixels, else 0.
    matrix : ndarray of float64, shape (3, 3)
        Unit coordinates of the right picture to those of the left one.
    tracked : int
        Points of the left image that were looked for in the right one.
    held : int
        Those that lie where the matrix says.
    shift : float
        Pixels, at this scale, by which three quarters of the held points are off at most,
        together with their neighbours.
    """

    left: Grey
    right: Grey
    covered: NDArray[np.uint8]
    matrix: Matrix
    tracked: int
    held: int
    shift: float


def align(
    left: Grey, right: Grey, matrix: Matrix, side: int, without: Sequence[Band] = ()
) -> Aligned | None:
    """Refine a matrix and lay the right image upon the left one.

    Both are brought to the scale of the coarser one.

    Parameters
    ----------
    left, right : ndarray of uint8, shape (h, w)
    matrix : ndarray of float64, shape (3, 3)
    side : int
        Longer side, in pixels, of the left image, at most.
    without : sequence of (float, float)
        Rows of the left image not to look at, from and to, as shares of its height.

    Returns
    -------
    Aligned or None
        None if the matrix is none that a change of a picture makes, or too little is left.
    """
    scaled = _at_one_scale(left, right, matrix, side)
    if scaled is None:
        return None
    tracking = track(*scaled, matrix, without)
    if tracking is None:
        coarse = _at_one_scale(left, right, matrix, LIMITS.coarse_side)
        found = coarse and track(*coarse, matrix, without)
        if found:
            tracking = track(*scaled, found.matrix, without)
    for _ in range(LIMITS.extra_rounds):
        if tracking is None or tracking.moved < LIMITS.settled_shift:
            break
        tracking = track(*scaled, tracking.matrix, without, tracking.corners) or tracking
    if tracking is None or not plausible(tracking.matrix, *scaled):
        return None
    laid, covered = lay(*scaled, tracking.matrix, without)
    return Aligned(
        scaled[0],
        laid,
        covered,
        tracking.matrix,
        tracking.tracked,
        tracking.held,
        tracking.shift(),
    )


def _at_one_scale(left: Grey, right: Grey, matrix: Matrix, longer: int) -> tuple[Grey, Grey] | None:
    if not plausible(matrix, left, right):
        return None
    area = abs(float(np.linalg.det(in_pixels(matrix, left, right)[:2, :2])))
    scale = np.sqrt(area)  # pixels of the left image per pixel of the right one
    side = min(longer, max(left.shape) * min(1.0, 1 / scale))
    small = shrunk(left, max(1, round(side)))
    ratio = max(small.shape) / max(left.shape)
    other = shrunk(right, max(1, round(max(right.shape) * min(1.0, scale * ratio))))
    if min(*small.shape, *other.shape) < LIMITS.min_side:
        return None
    return small, other
