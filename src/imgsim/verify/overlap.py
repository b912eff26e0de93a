"""How much two aligned pictures share, and which of them shows more."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from imgsim.types import Verdict
from imgsim.verify.limits import LIMITS
from imgsim.verify.matrix import Grey, Matrix, inverse, project, projected_corners

_SIDE = LIMITS.overlap_grid
_GRID = np.indices((_SIDE, _SIDE), np.float64).reshape(2, -1) / _SIDE + 0.5 / _SIDE

_OUTSIDE = sum(place < 0 for place in LIMITS.rim_places)
"""The first of the places about a rim that lies outside."""


def make_verdict(
    left: Grey, right: Grey, matrix: Matrix, residual: float, overlay: float, overlay_side: int
) -> Verdict:
    """Return the verdict on aligned images: what they share, and which shows more.

    Parameters
    ----------
    left, right : ndarray of uint8, shape (h, w)
        At any scale.
    matrix : ndarray of float64, shape (3, 3)
        Unit coordinates of the right picture to those of the left one.
    residual, overlay : float
        Of the verdict.
    overlay_side : {-1, 0, 1}
        -1 if the overlay lies on the right image, 1 if on the left one, 0 if there is none.

    Raises
    ------
    numpy.linalg.LinAlgError
        The matrix is singular.
    """
    matrix = np.asarray(matrix / matrix[2, 2], dtype=np.float64)
    back = inverse(matrix)
    area = share_inside(back, _GRID), share_inside(matrix, _GRID)
    whole = min(area) == 1.0
    seen = (1.0, 1.0) if whole else (share_seen(left, back), share_seen(right, matrix))
    more = overlay_side  # letters over a picture hide a part of it
    inside, cut = LIMITS.contained_share, LIMITS.whole_overlap
    if area[1] > inside and area[0] < cut and area[0] < area[1]:
        # the right one lies inside the left one: a part of it, or set into it
        more = 1 if _is_pasted(left, back) else -1
    elif area[0] > inside and area[1] < cut and area[1] < area[0]:
        more = -1 if _is_pasted(right, matrix) else 1
    return Verdict(
        residual,
        tuple(matrix.ravel().tolist()),
        *seen,
        min(area),
        overlay,
        more,
    )


def may_share(left: Grey, right: Grey, matrix: Matrix, least: float) -> bool:
    """Return whether one of two pictures shows at least so much of the other one.

    Parameters
    ----------
    left, right : ndarray of uint8, shape (h, w)
        At any scale.
    matrix : ndarray of float64, shape (3, 3)
        Unit coordinates of the right picture to those of the left one.
    least : float
        Share of the area, or of what is to be seen.

    Raises
    ------
    numpy.linalg.LinAlgError
        The matrix is singular.
    """
    back = inverse(matrix)
    return (
        share_inside(matrix, _GRID) >= least
        or share_inside(back, _GRID) >= least
        or share_seen(left, back) >= least
        or share_seen(right, matrix) >= least
    )


def share_inside(matrix: Matrix, points: NDArray[np.float64]) -> float:
    """Return the share of points that a matrix maps into the unit square.

    Parameters
    ----------
    matrix : ndarray of float64, shape (3, 3)
    points : ndarray of float64, shape (2, n)
    """
    return float(_are_inside(matrix, points).mean())


def _are_inside(matrix: Matrix, points: NDArray[np.float64]) -> NDArray[np.bool_]:
    u, v = project(matrix, points)
    return np.asarray((u >= 0) & (u <= 1) & (v >= 0) & (v <= 1))


def share_seen(image: Grey, matrix: Matrix, *, at_edge: bool = False) -> float:
    """Return the share of the squares with structure of an image that lie in the other one.

    Parameters
    ----------
    image : ndarray of uint8, shape (h, w)
    matrix : ndarray of float64, shape (3, 3)
        Its unit coordinates to those of the other one.
    at_edge : bool
        Count also squares through which the other one's edge runs, half of them as in it. What
        fills the corners of a turned picture, or is round an inset one, begins with an edge there.
    """
    import cv2

    side, step = LIMITS.seen_side, LIMITS.seen_step
    image = image[::step, ::step]
    height, width = (n // side for n in image.shape)
    if not height or not width:
        return 0.0
    squares = image[: height * side, : width * side].astype(np.float32)
    mean, power = (
        np.asarray(cv2.resize(x, (width, height), interpolation=cv2.INTER_AREA))
        for x in (squares, squares * squares)
    )
    y, x = np.nonzero(power - mean * mean > LIMITS.seen_variance)
    if len(y) == 0:
        return 0.0
    size = np.array([[side / image.shape[1]], [side / image.shape[0]]])
    if at_edge:
        return share_inside(matrix, (np.stack([x, y]) + 0.5) * size)
    ends = 0.01, 0.99  # a square may begin at the edge
    corners = [_are_inside(matrix, np.stack([x + i, y + j]) * size) for i in ends for j in ends]
    inside, outside = np.all(corners, axis=0), ~np.any(corners, axis=0)
    return float(inside.sum() / max(1, (inside | outside).sum()))


def _is_pasted(canvas: Grey, matrix: Matrix) -> bool:
    """Return whether the other picture is set into a canvas and not cut out of it.

    A picture goes on smoothly where a crop ends; what is around a pasted one begins with an edge,
    or is even where the picture is not.
    `matrix` maps the canvas' unit coordinates to the other picture's.
    """
    back = inverse(matrix)
    size = np.array([[canvas.shape[1]], [canvas.shape[0]]])
    n = LIMITS.rim_samples
    t = (np.arange(n) + 0.5) / n
    still = np.zeros(n)
    sides = []
    for points, outward in (
        ((t, still), (0, -1)),
        ((t, still + 1), (0, 1)),
        ((still, t), (-1, 0)),
        ((still + 1, t), (1, 0)),
    ):
        rim = project(back, np.stack(points)) * size
        step = project(back, np.stack(points) + 1e-3 * np.array(outward)[:, None]) * size - rim
        step /= np.maximum(np.hypot(*step), 1e-9)
        levels = np.stack([_sample(canvas, rim + place * step) for place in LIMITS.rim_places])
        there = ~np.isnan(levels[_OUTSIDE])
        if np.count_nonzero(there) >= n // 2:  # else this side lies on the canvas' own edge
            sides.append(levels[:, there])
    colour = _colour_beside(sides) if len(sides) == 4 else None
    if colour is not None and _is_on_blank(canvas, projected_corners(back) * size, colour):
        return True
    edges = [_is_edge(levels) for levels in sides]
    for levels, edge in zip(sides, edges, strict=True):
        beside = levels[_OUTSIDE - 1 : _OUTSIDE + 1]
        if not edge and min(map(_spread, beside)) > LIMITS.rim_structure:
            return False  # it goes on there: elsewhere a line of print may end at the rim
    return sum(edges) * 2 > len(sides)


def _is_edge(levels: NDArray[np.float64]) -> bool:
    """Return whether a picture ends, by grey levels along one of its sides, shape (places, n)."""
    inner, inside, outside = levels[0], levels[_OUTSIDE - 1], levels[_OUTSIDE]
    within = np.abs(inner - inside).mean()
    across = np.abs(outside - inside).mean()
    spread_outside = max(_spread(line) for line in levels[_OUTSIDE:])
    times, more = LIMITS.rim_step
    times_even, more_even = LIMITS.rim_evenness
    return bool(
        across > times * within + more or _spread(inside) > times_even * spread_outside + more_even
    )


def _spread(line: NDArray[np.float64]) -> float:
    there = line[~np.isnan(line)]
    return float(there.std()) if len(there) else 0.0


def _colour_beside(sides: Sequence[NDArray[np.float64]]) -> float | None:
    """Return the grey level that there is next to all sides, if it is one alone."""
    outside = np.concatenate([levels[_OUTSIDE] for levels in sides])
    colour = float(np.median(outside))
    return colour if np.abs(outside - colour).max() <= LIMITS.rim_one_colour else None


def _is_on_blank(canvas: Grey, corners: NDArray[np.float64], colour: float) -> bool:
    """Return whether what is around a picture is more exactly of one level than its own blank rim.

    Paper that was scanned has specks; the ground that a program draws has none. As wide on all
    sides, that is a border even where the paper has none.

    Parameters
    ----------
    canvas : ndarray of uint8, shape (h, w)
    corners : ndarray of float64, shape (2, 4)
        Of the picture, in pixels.
    colour : float
        Level beside all of its sides.
    """
    import cv2

    canvas = np.ascontiguousarray(canvas)
    away = np.abs(canvas - np.float32(colour))
    near = np.ones((2 * LIMITS.rim_near_print + 1,) * 2, np.uint8)
    blank = cv2.dilate((away > LIMITS.rim_print).astype(np.uint8), near) == 0
    middle = corners.mean(axis=1, keepdims=True)
    whole, core = (
        cv2.fillPoly(np.zeros(canvas.shape, np.uint8), [np.rint(outline.T).astype(np.int32)], (1,))
        for outline in (corners, middle + LIMITS.rim_core * (corners - middle))
    )
    step = np.ones((2 * LIMITS.rim_places[_OUTSIDE] + 1,) * 2, np.uint8)
    inside = blank & (cv2.erode(whole, step, borderValue=(0,)) > core)
    outside = cv2.dilate(whole, step) == 0
    around = blank & outside
    if not around.any() or (away[around] >= 1).mean() > LIMITS.rim_max_specks:
        return False
    # a shadow is no speck
    specks = cv2.absdiff(canvas, cv2.medianBlur(canvas, LIMITS.rim_speck)) >= 1
    share = float(specks[inside].mean()) if inside.any() else 0.0
    if share * np.count_nonzero(around) >= LIMITS.rim_min_specks:
        return True
    (left, top), (right, bottom) = corners.min(axis=1), canvas.shape[::-1] - corners.max(axis=1)
    same_width = np.ptp((left, top, right, bottom)) <= LIMITS.rim_same_width
    return bool(same_width and away[outside].max() <= LIMITS.rim_print < away.max())


def _sample(canvas: Grey, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Grey levels, shape (n,), at points in pixels, shape (2, n); NaN outside."""
    x, y = np.floor(points).astype(int)
    inside = (x >= 0) & (x < canvas.shape[1]) & (y >= 0) & (y < canvas.shape[0])
    levels = np.full(len(x), np.nan)
    levels[inside] = canvas[y[inside], x[inside]]
    return levels
