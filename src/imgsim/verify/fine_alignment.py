"""Corrects an alignment by all pixels with a gradient, to a small part of a pixel.

Points that are tracked in a page of ruled lines say little of the direction along these; all
letters together say it.

Source: B. Lucas and T. Kanade, 1981, with one homography for the whole image and Cauchy's weights.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from imgsim.verify.blocks import Map
from imgsim.verify.limits import LIMITS
from imgsim.verify.matrix import Matrix
from imgsim.verify.median import median
from imgsim.verify.recording import record

try:
    from imgsim.compiled import _equations
except ImportError:
    _equations = None  # type: ignore[assignment]

_DERIVATIVE = np.array([1, -8, 0, 8, -1], np.float32) / 12
"""Central differences of fourth order: those of Sobel make shifts appear larger."""
_HERE = np.ones(1, np.float32)


def fine_correction(left: Map, right: Map, mask: NDArray[np.uint8]) -> Matrix | None:
    """Return the homography by which the right image has to be sampled elsewhere.

    Parameters
    ----------
    left, right : ndarray of float32, shape (h, w)
        Aligned to about a pixel, at one tone, and smoothed.
    mask : ndarray of uint8, shape (h, w)
        1 where they are compared, else 0.

    Returns
    -------
    ndarray of float64, shape (3, 3), or None
        Pixels of the left image to pixels of the right one, as OpenCV counts them; None if there
        is too little to tell, or they lie further apart than a correction can be.
    """
    import cv2

    mean = cv2.addWeighted(left, 0.5, right, 0.5, 0)
    across = cv2.sepFilter2D(mean, cv2.CV_32F, _DERIVATIVE, _HERE)
    down = cv2.sepFilter2D(mean, cv2.CV_32F, _HERE, _DERIVATIVE)
    squared = across * across
    squared += down * down
    strong = (squared > LIMITS.correction_min_gradient**2) & (mask > 0)
    places = np.flatnonzero(strong)
    record("correction_min_pixels", len(places))
    if len(places) < LIMITS.correction_min_pixels:
        return None
    places = places[:: max(1, len(places) // LIMITS.correction_max_pixels)]
    half = max(left.shape) / 2
    centre = np.array([left.shape[1] / 2, left.shape[0] / 2])
    x, y = (
        (np.arange(n) - middle) / half for n, middle in zip(left.shape[::-1], centre, strict=True)
    )
    row = places // left.shape[1]  # several times as fast as numpy.divmod
    column = places - row * left.shape[1]
    error = left.ravel()[places] - right.ravel()[places]
    gx, gy = (g.ravel()[places] for g in (across, down))
    solution = _solve_robustly(np.array([gx, gy, x[column], y[row], error], np.float64))
    a, b, c, d, e, f, g, h = solution
    record("correction_most", np.abs(solution).max())
    if np.abs(solution).max() > LIMITS.correction_most:
        return None
    units = np.array([[half, 0, centre[0]], [0, half, centre[1]], [0, 0, 1]])
    # in coordinates of `half` pixels
    moved = np.array(
        [
            [1 + b / half, c / half, a / half],
            [e / half, 1 + f / half, d / half],
            [-g / half, -h / half, 1],
        ]
    )
    return np.asarray(units @ moved @ np.linalg.inv(units))


_UNKNOWNS = 8
_PART = 512
"""Equations that are multiplied at a time: of more, a linear algebra library shares the work among
threads, which costs more than it takes."""


Sums = Callable[[NDArray[np.float64] | None], NDArray[np.float64]]
"""Gives the sums of the products of all factors, shape (_UNKNOWNS, _UNKNOWNS + 1), the last ones
with what is wanted; with Cauchy's weights of what a solution leaves, if there is one."""


def _solve_robustly(equations: NDArray[np.float64]) -> NDArray[np.float64]:
    """Solve equations by least squares with Cauchy's weights.

    `equations` has one for every pixel, shape (5, n): its gradient across and down, its place, and
    the error. Returns the unknowns, shape (_UNKNOWNS,).
    """
    sums_of = _in_parts(equations) if _equations is None else _in_c(equations)
    ridge = np.eye(_UNKNOWNS) * LIMITS.correction_ridge * equations.shape[1]
    solution = None
    for _ in range(LIMITS.correction_rounds):
        sums = sums_of(solution)
        solution = np.linalg.solve(sums[:, :_UNKNOWNS] + ridge, sums[:, _UNKNOWNS])
    assert solution is not None
    return solution


def _in_c(equations: NDArray[np.float64]) -> Sums:
    rest = np.empty(equations.shape[1])

    def sums_of(solution: NDArray[np.float64] | None) -> NDArray[np.float64]:
        sums = np.empty((_UNKNOWNS, _UNKNOWNS + 1))
        if solution is None:
            _equations.sums(equations, None, 1.0, sums)
        else:
            _equations.rest(equations, solution, rest)
            _equations.sums(equations, rest, max(1.0, 2 * median(rest)), sums)
        return sums

    return sums_of


def _in_parts(equations: NDArray[np.float64]) -> Sums:
    """The same in NumPy, but for the order in which numbers are added."""
    count = equations.shape[1]
    gx, gy, u, v, error = equations
    gxu, gyv = gx * u, gy * v
    along = gxu + gyv
    rows = (gx, gxu, gx * v, gy, gy * u, gyv, along * u, along * v, error)
    parts = -(-count // _PART)
    filled = np.zeros((len(rows), parts * _PART))
    for row, values in zip(filled, rows, strict=True):
        row[:count] = values
    filled = np.ascontiguousarray(filled.reshape(len(rows), parts, _PART).swapaxes(0, 1))
    factors = filled[:, :_UNKNOWNS]

    def sums_of(solution: NDArray[np.float64] | None) -> NDArray[np.float64]:
        weighted = factors
        if solution is not None:
            rest = (np.append(-solution, 1.0) @ filled).ravel()
            rest /= max(1.0, 2 * median(np.abs(rest[:count])))
            rest *= rest
            rest += 1
            weighted = factors * (1 / rest).reshape(-1, 1, _PART)
        return np.asarray((weighted @ filled.swapaxes(1, 2)).sum(axis=0))

    return sums_of
