"""How a member of a group lies upon the kept file, and the name of it."""

from __future__ import annotations

from typing import Literal

import numpy as np

from imgsim.types import ImageFacts, Picture, Transform, Verdict
from imgsim.verify.limits import LIMITS
from imgsim.verify.matrix import Matrix, inverse, matrix_of, projected_corners, rescale


def transform_between(
    kept: Picture, other: Picture, verdict: Verdict, *, kept_left: bool
) -> Transform:
    """Return the transform that maps a picture onto the kept one.

    Parameters
    ----------
    kept, other : Picture
    verdict : Verdict
        On a pair that was aligned, or, where it has no matrix, compared as wholes.
    kept_left : bool
        The kept one is the left one of the verdict.
    """
    matrix = matrix_of(verdict)
    if not kept_left:
        matrix = inverse(matrix)
    pixels = rescale(
        inverse(_to_part(kept.facts.decoded_part)) @ matrix @ _to_part(other.facts.decoded_part),
        (kept.facts.width, kept.facts.height),
        (1 / other.facts.width, 1 / other.facts.height),
    )
    pixels /= pixels[2, 2]
    rows = tuple(tuple(float(x) for x in row) for row in pixels)
    return Transform(_kind(matrix, verdict), rows, verdict.overlap, verdict.overlay)


def _to_part(part: tuple[float, float, float, float]) -> Matrix:
    """Return what maps the unit coordinates of a picture to those of a part of it."""
    left, top, right, bottom = part
    width, height = right - left, bottom - top
    return np.array([(1 / width, 0, -left / width), (0, 1 / height, -top / height), (0, 0, 1.0)])


def stretch_of(matrix: Matrix, left: ImageFacts, right: ImageFacts) -> float:
    """Return by how much one picture is stretched in one direction, upon the other.

    Parameters
    ----------
    matrix : ndarray of float64, shape (3, 3)
        Unit coordinates of the right picture to those of the left one.
    left, right : ImageFacts

    Returns
    -------
    float
        Ratio of the scales of two directions at right angles, the greatest there is.
    """
    largest, least = np.linalg.svd(_linear_part(matrix, left, right), compute_uv=False)
    return float(largest / least)


def stretch_along_width(matrix: Matrix, left: ImageFacts, right: ImageFacts) -> float:
    """Return by how much the right picture is stretched along the width of the left one.

    Parameters
    ----------
    matrix : ndarray of float64, shape (3, 3)
        Unit coordinates of the right picture to those of the left one.
    left, right : ImageFacts

    Returns
    -------
    float
        Pixels of the right picture for each of the left one, along the width over those along the
        height: below 1 where it is stretched along the height.
    """
    across, along = np.linalg.norm(_linear_part(matrix, left, right), axis=1)
    return float(along / across)


def _linear_part(matrix: Matrix, left: ImageFacts, right: ImageFacts) -> Matrix:
    """Return what maps directions in pixels of the right picture to those of the left one."""
    width, height = _decoded_size(left)
    other_width, other_height = _decoded_size(right)
    pixels = rescale(matrix, (width, height), (1 / other_width, 1 / other_height))
    return np.asarray(pixels[:2, :2] / pixels[2, 2])


def _decoded_size(facts: ImageFacts) -> tuple[float, float]:
    """Width and height of what decodes of a picture."""
    left, top, right, bottom = facts.decoded_part
    return facts.width * (right - left), facts.height * (bottom - top)


def _kind(
    matrix: Matrix, verdict: Verdict
) -> Literal["same", "turned", "mirrored", "crop", "inset", "warped"]:
    """Name a matrix in unit coordinates that maps a picture onto the kept one."""
    x, y = projected_corners(matrix)
    if np.linalg.det(matrix[:2, :2]) < 0:
        return "mirrored"
    # how far the upper and left edges reach across their own direction, and along it
    across = np.abs(y[1] - y[0]) + np.abs(x[3] - x[0])
    along = np.abs(x[1] - x[0]) + np.abs(y[3] - y[0])
    if across > along or x[1] < x[0]:
        return "turned"
    if verdict.whole or verdict.overlap > LIMITS.whole_overlap:
        return "same"
    perspective = abs(matrix[2, 0]) + abs(matrix[2, 1])
    if across > LIMITS.max_skew * along or perspective > LIMITS.max_skew:
        return "warped"
    area = abs(float(np.linalg.det(matrix[:2, :2])))
    return "crop" if area < 1 else "inset"
