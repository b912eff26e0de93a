"""The change of brightness and contrast between two images."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imgsim.verify.limits import LIMITS
from imgsim.verify.matrix import Grey

try:
    from imgsim.compiled import _equations
except ImportError:
    _equations = None  # type: ignore[assignment]

_ONES = np.ones(256, np.float32)
_LEVELS = np.arange(256, dtype=np.float32)
_OFFSETS = np.arange(-LIMITS.tone_smoothing_radius, LIMITS.tone_smoothing_radius + 1)
_CURVATURE = (
    np.array([1, 5, *[6] * 252, 5, 1], np.float64),
    np.array([-2, *[-4] * 253, -2], np.float64),
    np.ones(254),
)
"""Diagonals of the squared second differences of 256 levels; to multiply these here would start the
threads of a linear algebra library in every worker."""
_KERNEL = np.exp(-0.5 * (_OFFSETS / LIMITS.tone_smoothing) ** 2)


def joint_histogram(one: Grey, other: Grey, mask: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Count how often a level of one image lies on a level of the other one.

    Some of the pixels are counted, see `Limits.tone_step`.

    Parameters
    ----------
    one, other : ndarray of uint8, shape (h, w)
    mask : ndarray of uint8, shape (h, w)
        0 where pixels do not count.

    Returns
    -------
    ndarray of float32, shape (256, 256)
        Pixels, by the level of `one` and that of `other`.
    """
    import cv2

    step = LIMITS.tone_step
    parts = [np.ascontiguousarray(x[::step, ::step]) for x in (one, other, mask)]
    counts = cv2.calcHist(parts[:2], [0, 1], parts[2], [256, 256], [0, 256, 0, 256])
    return np.asarray(counts, np.float32)


def tone_curve(joint: NDArray[np.float32]) -> NDArray[np.float64]:
    """Fit the rising curve that brings the grey levels of one image nearest to the other's.

    By isotonic regression: a stray pixel has no more than its own weight.

    Parameters
    ----------
    joint : ndarray of float32, shape (256, 256)
        Of `joint_histogram`; transposed for the other direction.

    Returns
    -------
    ndarray of float64, shape (256,)
        The level of the other image for every level of the one.
    """
    count, total = (joint @ values for values in (_ONES, _LEVELS))
    pixels = float(count.sum())
    count, total = (np.convolve(x, _KERNEL, "same") for x in (count, total))
    seen = np.flatnonzero(count > pixels / LIMITS.tone_rarest)
    rising = isotonic_regression(total[seen] / count[seen], count[seen])
    return np.asarray(np.interp(np.arange(256), seen, rising))


def isotonic_regression(
    values: NDArray[np.floating], weights: NDArray[np.floating]
) -> NDArray[np.floating]:
    """Return the nearest values that never fall: neighbours that do are pooled.

    As `scipy.optimize.isotonic_regression`, whose import takes every worker longer than verifying
    forty pairs.

    Parameters
    ----------
    values, weights : ndarray of float64, shape (n,)
        The weights are above 0.

    Returns
    -------
    ndarray of float64, shape (n,)
    """
    if _equations is not None:
        rising = np.empty(len(values))
        one, other = (np.ascontiguousarray(x, np.float64) for x in (values, weights))
        _equations.isotonic(one, other, rising)
        return rising
    members = np.ones(len(values), np.int64)
    while True:
        rises = values[1:] > values[:-1]
        if rises.all():
            return np.repeat(values, members)
        first = np.flatnonzero(np.concatenate(([True], rises)))
        pooled = np.add.reduceat(weights, first)
        values = np.add.reduceat(values * weights, first) / pooled
        members = np.add.reduceat(members, first)
        weights = pooled


def apply_tone_curve(image: Grey, curve: NDArray[np.float64]) -> Grey:
    """Replace the grey levels of an image.

    Parameters
    ----------
    image : ndarray of uint8, shape (h, w)
    curve : ndarray of float64, shape (256,)
        Of `tone_curve`; rounded.

    Returns
    -------
    ndarray of uint8, shape (h, w)
    """
    import cv2

    return np.asarray(cv2.LUT(image, np.rint(curve).clip(0, 255).astype(np.uint8)), np.uint8)


def smooth_tone_curve(joint: NDArray[np.float32]) -> NDArray[np.float64]:
    """Fit the smooth curve that brings the grey levels of one image nearest to the other's.

    By penalised least squares (E. Whittaker, 1923): levels that few pixels have lie on a line
    between those that many have, so that a page's ink and ground alone do not bend what is
    between them.

    Parameters
    ----------
    joint : ndarray of float32, shape (256, 256)
        As of `joint_histogram`; transposed for the other direction.

    Returns
    -------
    ndarray of float64, shape (256,)
        The level of the other image for every level of the one, from 0 to 255.
    """
    count, total = (joint @ values for values in (_ONES, _LEVELS))
    weights = count * np.float32(LIMITS.curve_pixels / max(1.0, float(count.sum())))
    wanted = np.where(count > 0, total / np.maximum(count, 1e-6), _LEVELS)
    diagonals = [LIMITS.curve_stiffness * diagonal for diagonal in _CURVATURE]
    diagonals[0] = diagonals[0] + weights + LIMITS.curve_hold
    right = weights * wanted + LIMITS.curve_hold * _LEVELS
    curve = _solve_banded(diagonals[0], diagonals[1], diagonals[2], right)
    return np.asarray(np.maximum.accumulate(curve).clip(0, 255), np.float64)


def _solve_banded(
    diagonal: NDArray[np.float64],
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    right: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Solve a positive definite symmetric system with two diagonals beside the main one.

    For so few unknowns the threads of a linear algebra library cost more than the work.
    """
    if _equations is None:
        return np.array(_solve_in_python(*(x.tolist() for x in (diagonal, first, second, right))))
    solved = np.array(right, np.float64)
    _equations.solve_banded(diagonal, first, second, solved)
    return solved


def _solve_in_python(
    diagonal: list[float], first: list[float], second: list[float], right: list[float]
) -> list[float]:
    count = len(diagonal)
    pivots, lower, lowest = [0.0] * count, [0.0] * count, [0.0] * count
    solved = list(right)
    pivots[0] = diagonal[0]
    lower[1] = first[0] / pivots[0]
    pivots[1] = diagonal[1] - lower[1] * lower[1] * pivots[0]
    solved[1] -= lower[1] * solved[0]
    for i in range(2, count):
        one, two = pivots[i - 1], pivots[i - 2]
        far = second[i - 2] / two
        near = (first[i - 1] - far * lower[i - 1] * two) / one
        pivots[i] = diagonal[i] - far * far * two - near * near * one
        solved[i] -= far * solved[i - 2] + near * solved[i - 1]
        lower[i], lowest[i] = near, far
    solved[-1] /= pivots[-1]
    solved[-2] = solved[-2] / pivots[-2] - lower[-1] * solved[-1]
    for i in range(count - 3, -1, -1):
        solved[i] = (
            solved[i] / pivots[i] - lower[i + 1] * solved[i + 1] - lowest[i + 2] * solved[i + 2]
        )
    return solved
