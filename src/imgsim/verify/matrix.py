"""Matrices that map one picture onto another.

Coordinates are in units: (0, 0) is the upper left corner of a picture and (1, 1) the lower right
one, whatever its size. A matrix maps the right picture onto the left one; it is a homography.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators.local import ORIENTATIONS, Orientation
from imgsim.types import Verdict
from imgsim.verify.limits import LIMITS
from imgsim.verify.recording import record

Matrix = NDArray[np.float64]
Grey = NDArray[np.uint8]
Band = tuple[float, float]
"""Rows of an image, from and to, as shares of its height."""

_HALF_PIXEL = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
"""Pixels as OpenCV counts them (the centre of the first one is 0) to pixels whose first corner
is 0."""
_BACK_BY_HALF = np.array([[1, 0, -0.5], [0, 1, -0.5], [0, 0, 1]])
CORNERS = np.array([(0, 1, 1, 0), (0, 0, 1, 1.0)])
"""Of the unit square, in their order around it: x and y, shape (2, 4)."""


def matrix_of(verdict: Verdict) -> Matrix:
    """Return the matrix of a verdict, from the right picture to the left one.

    Where nothing was aligned they were compared as wholes: it is the identity.

    Parameters
    ----------
    verdict : Verdict

    Returns
    -------
    ndarray of float64, shape (3, 3)
    """
    numbers = verdict.matrix
    return np.array(numbers, np.float64).reshape(3, 3) if numbers else np.eye(3)


def inverse(matrix: Matrix) -> Matrix:
    """Return the matrix that maps the left picture onto the right one.

    Parameters
    ----------
    matrix : ndarray of float64, shape (3, 3)

    Returns
    -------
    ndarray of float64, shape (3, 3)

    Raises
    ------
    numpy.linalg.LinAlgError
        The matrix is singular.
    """
    return np.asarray(np.linalg.inv(matrix), dtype=np.float64)


def orientation_matrix(how: Orientation) -> Matrix:
    """Return the matrix that turns or flips a whole picture.

    Parameters
    ----------
    how : Orientation

    Returns
    -------
    ndarray of float64, shape (3, 3)
        Unit coordinates to unit coordinates.
    """
    matrix = np.eye(3)
    if how.transpose:
        matrix = np.array([[0, 1, 0], [1, 0, 0], [0, 0, 1.0]]) @ matrix
    if how.mirror:
        matrix = np.array([[-1, 0, 1], [0, 1, 0], [0, 0, 1.0]]) @ matrix
    if how.flip:
        matrix = np.array([[1, 0, 0], [0, -1, 1], [0, 0, 1.0]]) @ matrix
    return matrix


def nearest_orientation(matrix: Matrix, max_off: float = LIMITS.near_corner) -> Orientation | None:
    """Return the turn or flip of a whole picture that a matrix is near, if any.

    Parameters
    ----------
    matrix : ndarray of float64, shape (3, 3)
        Unit coordinates to unit coordinates.
    max_off : float
        Share of a side by which a corner may be off.
    """
    off = np.abs(projected_corners(matrix) - _oriented_corners()).max(axis=(1, 2))
    near = np.flatnonzero(off < max_off)
    return ORIENTATIONS[int(near[0])] if len(near) else None


@cache
def _oriented_corners() -> NDArray[np.float64]:
    """Where every orientation takes the corners of a picture, shape (8, 2, 4)."""
    return np.stack([projected_corners(orientation_matrix(how)) for how in ORIENTATIONS])


def oriented(image: NDArray[np.uint8], how: Orientation) -> NDArray[np.uint8]:
    """Turn or flip an image.

    Parameters
    ----------
    image : ndarray of uint8, shape (h, w) or (h, w, c)
    how : Orientation

    Returns
    -------
    ndarray of uint8, shape (h, w) or (h, w, c), or with w and h swapped
    """
    if how.transpose:
        image = image.swapaxes(0, 1)
    if how.mirror:
        image = image[:, ::-1]
    return np.ascontiguousarray(image[::-1] if how.flip else image)


def project(matrix: NDArray[Any], points: NDArray[Any]) -> NDArray[np.float64]:
    """Map points by a homography.

    Parameters
    ----------
    matrix : ndarray of float64, shape (3, 3)
    points : ndarray of float64, shape (2, n)
        x and y.

    Returns
    -------
    ndarray of float64, shape (2, n)
        Infinite or not a number where a point has no image.
    """
    homogeneous = np.empty((len(matrix), points.shape[1]))
    homogeneous[:2], homogeneous[2] = points, 1
    projected = matrix @ homogeneous
    return np.asarray(projected[:2] / projected[2])


def projected_corners(matrix: Matrix) -> NDArray[np.float64]:
    """Return where the corners of the unit square lie, in their order around it.

    Parameters
    ----------
    matrix : ndarray of float64, shape (3, 3)

    Returns
    -------
    ndarray of float64, shape (2, 4)
        x and y; the upper left one comes first, the upper right one next.
    """
    return project(matrix, CORNERS)


def area_between(corners: NDArray[np.float64]) -> float:
    """Return the area of a polygon.

    Parameters
    ----------
    corners : ndarray of float64, shape (2, n)
        In their order around it.
    """
    x, y = corners
    return abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2


def rescale(matrix: Matrix, target: tuple[float, float], source: tuple[float, float]) -> Matrix:
    """Return a matrix between coordinates of other scales.

    Parameters
    ----------
    matrix : ndarray of float64, shape (3, 3)
    target : tuple of float
        Factors of x and y that it gives.
    source : tuple of float
        Factors of x and y that it is given: it multiplies by them first.

    Returns
    -------
    ndarray of float64, shape (3, 3)
    """
    return np.asarray(np.array([*target, 1.0])[:, None] * matrix * np.array([*source, 1.0]))


def pixel_matrix(matrix: Matrix, left: NDArray[np.uint8], right: NDArray[np.uint8]) -> Matrix:
    """Return the matrix between pixels of two images; the corner of the first pixel is 0.

    Parameters
    ----------
    matrix : ndarray of float64, shape (3, 3)
        Unit coordinates of the right picture to those of the left one.
    left, right : ndarray of uint8, shape (h, w) or (h, w, c)

    Returns
    -------
    ndarray of float64, shape (3, 3)
        Scaled so that the homogeneous coordinate is 1 in the centre of the right image.
    """
    (height, width), (right_height, right_width) = left.shape[:2], right.shape[:2]
    pixels = rescale(matrix, (width, height), (1 / right_width, 1 / right_height))
    return np.asarray(pixels / (pixels[2] @ [right_width / 2, right_height / 2, 1]))


def opencv_matrix(matrix: Matrix, left: NDArray[np.uint8], right: NDArray[np.uint8]) -> Matrix:
    """Return the matrix between pixels as OpenCV counts them; the centre of the first one is 0.

    Parameters
    ----------
    matrix : ndarray of float64, shape (3, 3)
        Unit coordinates of the right picture to those of the left one.
    left, right : ndarray of uint8, shape (h, w) or (h, w, c)

    Returns
    -------
    ndarray of float64, shape (3, 3)
    """
    return np.asarray(_BACK_BY_HALF @ pixel_matrix(matrix, left, right) @ _HALF_PIXEL)


def unit_matrix(homography: Matrix, image: Grey) -> Matrix:
    """Return a matrix within one image in unit coordinates.

    Parameters
    ----------
    homography : ndarray of float64, shape (3, 3)
        Between pixels of the image as OpenCV counts them.
    image : ndarray of uint8, shape (h, w)

    Returns
    -------
    ndarray of float64, shape (3, 3)
    """
    size = np.diag([image.shape[1], image.shape[0], 1.0])
    return np.asarray(
        np.linalg.inv(size) @ _HALF_PIXEL @ homography @ _BACK_BY_HALF @ size, dtype=np.float64
    )


def is_plausible(matrix: Matrix, left: Grey, right: Grey) -> bool:
    """Return whether editing a picture can give a matrix: it is convex and distorts little.

    Parameters
    ----------
    matrix : ndarray of float64, shape (3, 3)
        Unit coordinates of the right picture to those of the left one.
    left, right : ndarray of uint8, shape (h, w)
    """
    corners = []  # four points: numpy would take longer
    rows = matrix.tolist()
    for x, y in ((0, 0), (1, 0), (1, 1), (0, 1)):
        u, v, w = (row[0] * x + row[1] * y + row[2] for row in rows)
        if not (w > 1e-6 and math.isfinite(u + v + w)):
            return False
        corners.append((u / w * left.shape[1], v / w * left.shape[0]))
    edges = [
        (b[0] - a[0], b[1] - a[1]) for a, b in zip(corners, corners[1:] + corners[:1], strict=True)
    ]
    turns = [a[0] * b[1] - a[1] * b[0] for a, b in zip(edges, edges[1:] + edges[:1], strict=True)]
    if not (min(turns) > 0 or max(turns) < 0):
        return False
    height, width = right.shape
    scales = [
        math.hypot(*edge) / side
        for edge, side in zip(edges, (width, height, width, height), strict=True)
    ]
    ratio = max(scales) / min(scales)
    record("max_edge_ratio", ratio)
    record("min_scale", min(scales))
    record("max_scale", min(scales))
    return bool(
        (ratio < LIMITS.max_edge_ratio or (ratio < LIMITS.max_stretch and _is_stretch(edges)))
        and LIMITS.min_scale < min(scales) < LIMITS.max_scale
    )


def _is_stretch(edges: Sequence[tuple[float, float]]) -> bool:
    """Return whether a picture with such edges lies straight: it was stretched along its sides."""
    lean = [min(map(abs, edge)) / max(map(abs, edge)) for edge in edges]
    opposite = [math.hypot(*a) / math.hypot(*b) for a, b in zip(edges[:2], edges[2:], strict=True)]
    most = LIMITS.max_stretch_lean
    return max(lean) < most and all(abs(math.log(ratio)) < most for ratio in opposite)


def stretch_scales(matrix: Matrix, left: Grey, right: Grey) -> tuple[float, float] | None:
    """Return the pixels of the left image per pixel of the right one, along its x and its y.

    Parameters
    ----------
    matrix : ndarray of float64, shape (3, 3)
        Unit coordinates of the right picture to those of the left one; plausible.
    left, right : ndarray of uint8, shape (h, w)

    Returns
    -------
    tuple of float, or None
        None if the two differ by less than `Limits.max_edge_ratio`, as a turned picture's do.
    """
    rows = np.abs(pixel_matrix(matrix, left, right)[:2, :2]).max(axis=1)
    across, down = float(rows[0]), float(rows[1])
    ratio = max(across, down) / min(across, down)
    return (across, down) if ratio >= LIMITS.max_edge_ratio else None
