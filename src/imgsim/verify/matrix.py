"""Matrices that lay one picture upon another.

Places are in unit coordinates: (0, 0) is the upper left corner of a picture and (1, 1) the lower
right one, whatever its size. A matrix maps the right picture onto the left one.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators.local import Orientation
from imgsim.verify.limits import LIMITS

Matrix = NDArray[np.float64]
Grey = NDArray[np.uint8]
Band = tuple[float, float]


def inverse(matrix: Matrix) -> Matrix:
    """The matrix of the way back."""
    return np.asarray(np.linalg.inv(matrix), dtype=np.float64)


def by_orientation(how: Orientation) -> Matrix:
    """The matrix of a turn or flip of the whole picture."""
    matrix = np.eye(3)
    if how.transpose:
        matrix = np.array([[0, 1, 0], [1, 0, 0], [0, 0, 1.0]]) @ matrix
    if how.mirror:
        matrix = np.array([[-1, 0, 1], [0, 1, 0], [0, 0, 1.0]]) @ matrix
    if how.flip:
        matrix = np.array([[1, 0, 0], [0, -1, 1], [0, 0, 1.0]]) @ matrix
    return matrix


def in_pixels(matrix: Matrix, left: Grey, right: Grey) -> Matrix:
    """The matrix in pixels (the corner of the first pixel is 0), scaled to 1 in the middle."""
    to_left = np.diag([left.shape[1], left.shape[0], 1.0])
    from_right = np.diag([1 / right.shape[1], 1 / right.shape[0], 1.0])
    pixels = to_left @ matrix @ from_right
    return np.asarray(pixels / (pixels[2] @ [right.shape[1] / 2, right.shape[0] / 2, 1]))


def in_opencv_pixels(matrix: Matrix, left: Grey, right: Grey) -> Matrix:
    """The matrix in pixels as OpenCV counts them (the middle of the first pixel is 0)."""
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
    return np.asarray(np.linalg.inv(half) @ in_pixels(matrix, left, right) @ half)


def plausible(matrix: Matrix, left: Grey, right: Grey) -> bool:
    """Whether it is a change that a picture goes through: convex, and not much distorted."""
    corners = []
    for x, y in ((0, 0), (1, 0), (1, 1), (0, 1)):
        u, v, w = (row[0] * x + row[1] * y + row[2] for row in matrix.tolist())
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
    lengths = [
        math.hypot(*edge) / side
        for edge, side in zip(edges, (width, height, width, height), strict=True)
    ]
    return bool(
        max(lengths) < LIMITS.max_edge_ratio * min(lengths)
        and LIMITS.min_scale < min(lengths) < LIMITS.max_scale
    )
