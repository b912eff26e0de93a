"""How much of each other two pictures show, and what is around what they share."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from imgsim.verify.matrix import Matrix, inverse, project, projected_corners
from imgsim.verify.overlap import share_inside

_MIN_REST_POINTS = 40
"""Points of the grid that must lie outside, for their colour to tell something."""

_ONE_COLOUR_LEVELS = 12
"""Levels by which what has one colour differs from its median, at most."""

_RIM = 2.5
"""Pixels around the common part whose colours are a mixture of both sides."""

_FEW_REST_POINTS = 1500
"""Points outside from which on a finer grid finds no more: with fewer there is but a narrow rim."""


@cache
def _grid(side: int) -> NDArray[np.float64]:
    """Return unit coordinates of the middles of `side` times `side` cells, as columns."""
    cells = np.indices((side, side), np.float64).reshape(2, -1)[::-1] / side
    return np.ascontiguousarray(cells + 0.5 / side)


_SAME_COLOUR_LEVELS = 3
"""The same for the colour of a border that goes on inside, where most of it is as even."""

_BACKGROUND = 0.8
"""Share of the last points inside that have the colour of what is around, if it is no border."""

_FILLED = 0.999
"""Share of what a program filled that has its colour, at least."""

_STRAIGHT = 0.005
"""How far sides are turned, at most, that lie along those of the other picture: a quarter of a
degree."""

_REACH = 0.02
"""Share of a side by which a picture may lie away from it and still reach it."""

_GRID = _grid(128)
_FINE_SIDE = 512


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
    """Return which share of what only one picture shows has one colour, other than what it frames.

    Parameters
    ----------
    left, right : ndarray of uint8, shape (h, w, 3)
    matrix : ndarray of float64, shape (3, 3)
        Unit coordinates of the right picture to those of the left one.

    Returns
    -------
    left, right : float
        0 where nothing is around what the other one shows, or its colour goes on inside: then it is
        no border but the background of the picture.
    """
    return _even_rest(left, inverse(matrix)), _even_rest(right, matrix)


def _even_rest(image: NDArray[np.uint8], matrix: Matrix) -> float:
    """`matrix` maps the image's unit coordinates to those of the other picture."""
    if _depth(projected_corners(matrix), image, matrix).min() >= -_RIM:
        return 0.0  # the other picture shows all of it
    rest, edge = _around_the_edge(_GRID, image, matrix)
    if rest.shape[1] < _FEW_REST_POINTS:
        rest, edge = _around_the_edge(_grid(_FINE_SIDE), image, matrix)
    if rest.shape[1] < _MIN_REST_POINTS:
        return 0.0
    colours = _colours(image, rest)
    colour = np.median(colours, axis=0)
    share = _share_of(colours, colour, _ONE_COLOUR_LEVELS)
    if not edge.size:
        return share
    # paper differs from its own colour inside as it does outside
    is_even = _share_of(colours, colour, _SAME_COLOUR_LEVELS) >= _BACKGROUND
    levels = _SAME_COLOUR_LEVELS if is_even else _ONE_COLOUR_LEVELS
    if _share_of(_colours(image, edge), colour, levels) < _BACKGROUND:
        return share
    # what is turned and has its corners filled fills its frame, and they have no specks
    exact = _share_of(colours, colour, 1) >= _FILLED
    filled = exact and not _is_straight(matrix) and _fills_frame(inverse(matrix))
    return share if filled else 0.0


def _is_straight(matrix: Matrix) -> bool:
    """Whether sides lie along sides."""
    (a, b), (c, d) = np.abs(matrix[:2, :2])
    return bool(min(a + d, b + c) <= _STRAIGHT * max(a + d, b + c))


def _fills_frame(matrix: Matrix) -> bool:
    """Whether a picture reaches all four sides of the image upon which the matrix lays it."""
    corners = projected_corners(matrix)
    first, last = corners.min(axis=1), corners.max(axis=1)
    return bool((first <= _REACH).all() and (last >= 1 - _REACH).all())


def _around_the_edge(
    grid: NDArray[np.float64], image: NDArray[np.uint8], matrix: Matrix
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the points of a grid that the other picture does not show, and the last that it does.

    A rim between them has colours that are a mixture of both.
    """
    depth = _depth(project(matrix, grid), image, matrix)
    cell = max(image.shape[:2]) / np.sqrt(grid.shape[1])
    return grid[:, depth < -_RIM], grid[:, (depth > _RIM) & (depth < _RIM + 2 * cell)]


def _depth(
    places: NDArray[np.float64], image: NDArray[np.uint8], matrix: Matrix
) -> NDArray[np.float64]:
    """Pixels of the image by which places on the other picture lie inside its nearest side."""
    u, v = places
    scale = 1 / np.sqrt(abs(np.linalg.det(matrix[:2, :2])))
    height, width = image.shape[:2]
    across, along = (np.minimum(x, 1 - x) for x in (u, v))
    return np.asarray(np.minimum(across * (width * scale), along * (height * scale)))


def _colours(image: NDArray[np.uint8], points: NDArray[np.float64]) -> NDArray[np.int16]:
    x, y = (points * [[image.shape[1]], [image.shape[0]]]).astype(int)
    colours: NDArray[np.int16] = image[y, x].astype(np.int16)
    return colours


def _share_of(colours: NDArray[np.int16], colour: NDArray[np.float64], levels: int) -> float:
    near = np.ones(len(colours), np.bool_)
    for channel, level in zip(colours.T, colour.tolist(), strict=True):
        near &= np.abs(channel - level) <= levels
    return float(near.mean())


_MOST_BORDER = 8
"""Pixels by which a picture is larger, at most, that has a narrow border around the other one."""

_BORDER = 0.9
"""Share of a border that has one colour, at least."""

_SAME_LEVELS = 6.0
"""Mean difference, in grey levels, of the other picture from what is inside a border."""


def narrow_border(left: NDArray[np.uint8], right: NDArray[np.uint8]) -> int:
    """Tell which of two pictures is the other one in a border of a few pixels of one colour.

    So narrow borders hardly move anything: the two lie upon each other as a whole.

    Parameters
    ----------
    left, right : ndarray of uint8, shape (h, w, 3)

    Returns
    -------
    {-1, 0, 1}
        1 if the right one has the border, -1 if the left one has it, 0 if none has.
    """
    more = [b - a for a, b in zip(left.shape[:2], right.shape[:2], strict=True)]
    if max(map(abs, more)) > _MOST_BORDER or not any(more) or min(more) * max(more) < 0:
        return 0
    inner, outer = (left, right) if max(more) > 0 else (right, left)
    height, width = inner.shape[:2]
    places = np.ndindex(abs(more[0]) + 1, abs(more[1]) + 1)
    grey = inner[::3, ::3, 1].astype(np.int16)
    apart, (y, x) = min(
        (float(np.abs(outer[v : v + height : 3, u : u + width : 3, 1] - grey).mean()), (v, u))
        for v, u in places
    )
    if apart > _SAME_LEVELS:
        return 0
    sides = (
        (outer[:y], inner[:1]),
        (outer[y + height :], inner[-1:]),
        (outer[:, :x], inner[:, :1]),
        (outer[:, x + width :], inner[:, -1:]),
    )
    rims, edges = (
        np.concatenate([side[i].reshape(-1, 3) for side in sides if side[0].size]).astype(np.int16)
        for i in (0, 1)
    )
    colour = np.median(rims, axis=0)
    even, goes_on = (_share_of(some, colour, 2 * _ONE_COLOUR_LEVELS) for some in (rims, edges))
    if even < _BORDER or goes_on >= _BACKGROUND:
        return 0  # it was cut, or its colour goes on inside
    return 1 if max(more) > 0 else -1
