"""How much of each other two pictures show, and what is around what they share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imgsim.verify.matrix import Matrix, inverse, project
from imgsim.verify.overlap import share_inside

_MIN_REST_POINTS = 40
"""Points of the grid that must lie outside, for their colour to tell something."""

_ONE_COLOUR_LEVELS = 12
"""Levels by which what has one colour differs from its median, at most."""

_RIM = 0.01
"""Share of the sides beyond the common part that is not looked at."""

_SIDE = 128
_GRID = np.indices((_SIDE, _SIDE), np.float64).reshape(2, -1)[::-1] / _SIDE
_GRID = np.ascontiguousarray(_GRID + 0.5 / _SIDE)


def area_shares(matrix: Matrix) -> tuple[float, float]:
    """Return which share of the area of each picture the other one shows.

    Parameters
    ----------
    matrix : ndarray of float64, shape (3, 3)
        Unit coordinates of the right picture to those of the left one.

    Returns
    -------
    left, right : float
    """
    return share_inside(inverse(matrix), _GRID), share_inside(matrix, _GRID)


def share_of_one_colour(
    left: NDArray[np.uint8], right: NDArray[np.uint8], matrix: Matrix
) -> tuple[float, float]:
    """Return which share of what only one picture shows has one colour.

    Parameters
    ----------
    left, right : ndarray of uint8, shape (h, w, 3)
    matrix : ndarray of float64, shape (3, 3)
        Unit coordinates of the right picture to those of the left one.

    Returns
    -------
    left, right : float
        0 where nothing is around what the other one shows.
    """
    return _even_rest(left, inverse(matrix)), _even_rest(right, matrix)


def _even_rest(image: NDArray[np.uint8], matrix: Matrix) -> float:
    """`matrix` maps the image's unit coordinates to those of the other picture."""
    u, v = project(matrix, _GRID)
    outside = ~((u > -_RIM) & (u < 1 + _RIM) & (v > -_RIM) & (v < 1 + _RIM))
    if np.count_nonzero(outside) < _MIN_REST_POINTS:
        return 0.0
    x, y = (_GRID[:, outside] * [[image.shape[1]], [image.shape[0]]]).astype(int)
    colours = image[y, x].astype(np.int16)
    off = np.abs(colours - np.median(colours, axis=0)).max(axis=1)
    return float((off <= _ONE_COLOUR_LEVELS).mean())
