"""How much two aligned pictures share, and which of them shows more."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgsim.types import Verdict
from imgsim.verify.limits import LIMITS
from imgsim.verify.matrix import Grey, Matrix, inverse


def make_verdict(
    left: Grey, right: Grey, matrix: Matrix, excess: float, overlay: float, covered: int
) -> Verdict:
    """What aligned images share and which shows more, as a verdict with their residual."""
    matrix = np.asarray(matrix / matrix[2, 2], dtype=np.float64)
    back = inverse(matrix)
    area = _within(back, _GRID), _within(matrix, _GRID)
    whole = min(area) == 1.0
    seen = (1.0, 1.0) if whole else (_seen(left, back), _seen(right, matrix))
    more = covered  # words over a picture hide a part of it
    if area[1] > LIMITS.contained_share and area[0] < LIMITS.whole_overlap and area[0] < area[1]:
        # the right one lies inside the left one: a part of it, or set into it
        more = 1 if _pasted(left, back) else -1
    elif area[0] > LIMITS.contained_share and area[1] < LIMITS.whole_overlap and area[1] < area[0]:
        more = -1 if _pasted(right, matrix) else 1
    return Verdict(
        excess,
        tuple(matrix.ravel().tolist()),
        *seen,
        min(area),
        overlay,
        more,
    )


_SIDE = LIMITS.overlap_grid
_GRID = np.indices((_SIDE, _SIDE), np.float64).reshape(2, -1) / _SIDE + 0.5 / _SIDE


def _within(matrix: NDArray[Any], places: NDArray[Any]) -> float:
    """Share of places, shape (2, n), that a matrix leaves within the unit square."""
    u, v = _map(matrix, places)
    return float(((u >= 0) & (u <= 1) & (v >= 0) & (v <= 1)).mean())


def _seen(image: Grey, matrix: Matrix) -> float:
    """Share of the blocks with structure of an image that lie in the other one.

    `matrix` takes the image's unit coordinates to the other's.
    """
    import cv2

    side, step = LIMITS.seen_side, LIMITS.seen_step
    image = image[::step, ::step]
    height, width = (n // side for n in image.shape)
    if not height or not width:
        return 0.0
    blocks = image[: height * side, : width * side].astype(np.float32)
    mean, power = (
        np.asarray(cv2.resize(x, (width, height), interpolation=cv2.INTER_AREA))
        for x in (blocks, blocks * blocks)
    )
    y, x = np.nonzero(power - mean * mean > LIMITS.seen_variance)
    if len(y) == 0:
        return 0.0
    places = np.stack([(x + 0.5) * side / image.shape[1], (y + 0.5) * side / image.shape[0]])
    return _within(matrix, places)


def _map(matrix: NDArray[Any], places: NDArray[Any]) -> NDArray[np.float64]:
    """Places, shape (2, n), under a matrix."""
    x, y, w = matrix @ np.vstack([places, np.ones(places.shape[1])])
    return np.stack([x / w, y / w])


def _pasted(canvas: Grey, matrix: Matrix) -> bool:
    """Whether the other picture is set into a canvas and not cut out of it.

    A picture goes on smoothly where a crop ends; what is around a pasted one begins with an edge,
    or is even where the picture is not.
    `matrix` takes the canvas' unit coordinates to the other picture's.
    """
    back = inverse(matrix)
    size = np.array([[canvas.shape[1]], [canvas.shape[0]]])
    n = LIMITS.rim_samples
    t = (np.arange(n) + 0.5) / n
    still = np.zeros(n)
    edges = sides = 0
    for place, normal in (
        ((t, still), (0, -1)),
        ((t, still + 1), (0, 1)),
        ((still, t), (-1, 0)),
        ((still + 1, t), (1, 0)),
    ):
        on = _map(back, np.stack(place)) * size
        step = _map(back, np.stack(place) + 1e-3 * np.array(normal)[:, None]) * size - on
        step /= np.maximum(np.hypot(*step), 1e-9)
        levels = [_levels(canvas, on + far * step) for far in LIMITS.rim_places]
        there = ~np.isnan(levels[2])
        if np.count_nonzero(there) < n // 2:
            continue  # this side lies on the canvas' own edge
        sides += 1
        within = np.abs(levels[0] - levels[1])[there].mean()
        across = np.abs(levels[2] - levels[1])[there].mean()
        rim, around = (float(levels[i][there].std()) for i in (1, 2))
        edges += bool(
            across > LIMITS.rim_step[0] * within + LIMITS.rim_step[1]
            or rim > LIMITS.rim_evenness[0] * around + LIMITS.rim_evenness[1]
        )
    return edges * 2 > sides


def _levels(canvas: Grey, places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Grey levels at places in pixels, NaN outside."""
    x, y = np.floor(places).astype(int)
    inside = (x >= 0) & (x < canvas.shape[1]) & (y >= 0) & (y < canvas.shape[0])
    found = np.full(len(x), np.nan)
    found[inside] = canvas[y[inside], x[inside]]
    return found
