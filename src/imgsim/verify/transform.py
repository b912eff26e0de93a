"""How a member of a group lies upon the kept file, and the name of it."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from imgsim.types import Picture, Transform, Verdict
from imgsim.verify.limits import LIMITS


def transform_between(
    kept: Picture, other: Picture, verdict: Verdict, *, kept_left: bool
) -> Transform:
    """How a picture lies upon the kept one.

    Parameters
    ----------
    kept, other : Picture
    verdict : Verdict
    kept_left : bool
        The kept one is the left one of the verdict.
    """
    matrix = np.array(verdict.matrix).reshape(3, 3)
    if not kept_left:
        matrix = np.linalg.inv(matrix)
    to_kept = np.diag([kept.facts.width, kept.facts.height, 1.0])
    from_other = np.diag([1 / other.facts.width, 1 / other.facts.height, 1.0])
    pixels = to_kept @ matrix @ from_other
    pixels /= pixels[2, 2]
    rows = tuple(tuple(float(x) for x in row) for row in pixels)
    return Transform(_kind(matrix, verdict), rows, verdict.overlap, verdict.overlay)


def _kind(
    matrix: NDArray[np.float64], verdict: Verdict
) -> Literal["same", "turned", "mirrored", "crop", "inset", "warped"]:
    """A name for a matrix in unit coordinates that takes a picture to the kept one."""
    corners = matrix @ np.array([(0, 1, 1, 0), (0, 0, 1, 1), (1, 1, 1, 1.0)])
    corners = corners[:2] / corners[2]
    if np.linalg.det(matrix[:2, :2]) < 0:
        return "mirrored"
    upright = np.abs(corners[1, 1] - corners[1, 0]) + np.abs(corners[0, 3] - corners[0, 0])
    across = np.abs(corners[0, 1] - corners[0, 0]) + np.abs(corners[1, 3] - corners[1, 0])
    if upright > across or corners[0, 1] < corners[0, 0]:
        return "turned"
    if verdict.whole or verdict.overlap > LIMITS.whole_overlap:
        return "same"
    perspective = abs(matrix[2, 0]) + abs(matrix[2, 1])
    if upright > LIMITS.max_skew * across or perspective > LIMITS.max_skew:
        return "warped"
    area = abs(float(np.linalg.det(matrix[:2, :2])))
    return "crop" if area < 1 else "inset"
