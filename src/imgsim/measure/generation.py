"""Which of two JPEGs was compressed from the other one.

Each of them has coefficients that are whole multiples of its own steps. Those of the later one are
what its steps round the levels of the first one to, but for what rounding pixels adds; the other
way round this fails the more often, the more the steps differ. How often it would fail is known, as
the coefficients of a photo follow Laplace's distribution.

Source: E. Lam and J. Goodman, 2000, doi:10.1109/83.869177, for that distribution.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_LEAST_STEP = 4
_LEAST_COUNT = 500
_ROUNDING = 0.25
"""Levels that rounding pixels adds to a coefficient, hardly ever more."""
_MULTIPLES = 80
_LEAST_SCALE = 1.0
_FEW = 3
_LEAST_OF_A_CELL = 12
_LEAST_APART = 6


@dataclass(frozen=True, slots=True)
class Generation:
    """Which of two JPEGs, a left and a right one, was compressed from the other.

    Attributes
    ----------
    failing : tuple of float
        Share of the coefficients that are not explained if the left and if the right one is the
        later one: they lie further than half a step from the levels of the other one.
    expected : tuple of float
        The least that would fail if it were the first one.
    spread : tuple of float
        How far coefficients of the other one that round to one multiple lie apart, in steps of the
        left and of the right one: 0.29 if it had much finer steps and was rounded to these. What
        was saved at finer steps later lies where coarser ones had left it.
    """

    failing: tuple[float, float]
    expected: tuple[float, float]
    spread: tuple[float, float]


def compare_generations(
    left: NDArray[np.float64],
    right: NDArray[np.float64],
    tables: tuple[NDArray[np.int64], NDArray[np.int64]],
) -> Generation | None:
    """Tell which of two JPEGs was compressed from the other one.

    Parameters
    ----------
    left, right : ndarray of float64, shape (blocks, 8, 8)
        Of `quantisation.block_coefficients`, pixel upon pixel; the first pixel is that of the
        first block of both.
    tables : tuple of ndarray of int64, shape (8, 8)
        Steps of the left and of the right one by frequency.

    Returns
    -------
    Generation or None
        None if the steps are too small, or there are too few coefficients, to tell.
    """
    used = np.maximum(*tables) >= _LEAST_STEP
    used[0, 0] = False
    steps = [table[used].astype(np.float64) for table in tables]
    levels = [x.reshape(len(x), -1)[:, np.flatnonzero(used)] for x in (left, right)]
    multiples = [np.round(level / step) for level, step in zip(levels, steps, strict=True)]
    either = (multiples[0] != 0) | (multiples[1] != 0)
    count = np.count_nonzero(either)
    if count < _LEAST_COUNT:
        return None
    scale = np.maximum(np.mean([np.abs(level).mean(axis=0) for level in levels], 0), _LEAST_SCALE)
    failing, expected, spread = [], [], []
    for later, first in ((0, 1), (1, 0)):
        away = np.abs(levels[first] - multiples[later] * steps[later])
        fails = (away > steps[later] / 2 + _ROUNDING) & either
        failing.append(float(np.count_nonzero(fails) / count))
        expected.append(_share_lost(steps[later], steps[first], scale))
        spread.append(_spread(levels[first], multiples[later], steps[later]))
    return Generation((failing[0], failing[1]), (expected[0], expected[1]), (spread[0], spread[1]))


def _spread(
    other: NDArray[np.float64], multiples: NDArray[np.float64], steps: NDArray[np.float64]
) -> float:
    """Deviation, in steps, of another one's coefficients of one frequency and multiple."""
    size = np.abs(multiples)
    used = np.flatnonzero((size >= 1) & (size <= _FEW) & (steps >= _LEAST_APART))
    frequency, multiple = used % len(steps), multiples.ravel()[used]
    cell = (frequency * (2 * _FEW + 1) + multiple + _FEW).astype(np.int64)
    away = other.ravel()[used] / steps[frequency] - multiple
    count = np.bincount(cell)
    mean = np.bincount(cell, away) / np.maximum(1, count)
    enough = count >= _LEAST_OF_A_CELL
    squares = np.bincount(cell, away * away) - count * mean * mean
    return float(np.sqrt(max(0.0, squares[enough].sum()) / max(1, count[enough].sum())))


def _share_lost(
    steps: NDArray[np.float64], later: NDArray[np.float64], scale: NDArray[np.float64]
) -> float:
    """Share of the multiples of steps that rounding to later ones leads away from themselves.

    Parameters
    ----------
    steps, later, scale : ndarray of float64, shape (f,)
        By frequency; `scale` is that of Laplace's distribution of the levels.
    """
    multiples = np.arange(-_MULTIPLES, _MULTIPLES + 1)[:, None]
    share = _below((multiples + 0.5) * steps / scale) - _below((multiples - 0.5) * steps / scale)
    rounded = np.round(multiples * steps / later)
    lost = np.abs(rounded * later - multiples * steps) > steps / 2 + _ROUNDING
    share = np.where((multiples != 0) | (rounded != 0), share, 0.0)
    return float((share * lost).sum() / share.sum())


def _below(levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of Laplace's distribution of scale 1 that lies below levels."""
    tail = np.exp(-np.abs(levels)) / 2
    return np.where(levels < 0, tail, 1 - tail)
