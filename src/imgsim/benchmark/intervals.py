"""Confidence intervals, of one kind everywhere: Wilson's, with classes as trials."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Interval:
    """Bounds between which the true value lies with a confidence, usually of 95 percent."""

    low: float
    high: float


def wilson(successes: float, trials: float, z: float = 1.959964) -> Interval | None:
    """Compute the score interval of a share; None of no trials. It has a width also at 0 and 1.

    Source: E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference",
    JASA 22(158), 1927, doi:10.1080/01621459.1927.10502953. It takes the trials for independent,
    which pairs of a few images are not: they share images.
    """
    if trials == 0:
        return None
    share = successes / trials
    centre = share + z * z / (2 * trials)
    width = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    scale = 1 + z * z / trials
    return Interval(max(0.0, (centre - width) / scale), min(1.0, (centre + width) / scale))


def effective_trials(
    weights: NDArray[np.float64], groups: NDArray[np.int64] | None = None
) -> float:
    """Compute how many equally heavy groups tell as much as these.

    Parameters
    ----------
    weights : ndarray of float64, shape (n,)
        How much each query counts in a mean; at least 0.
    groups : ndarray of int64, shape (n,), optional
        Queries of one group (a class) succeed and fail together, and count as one trial. Every
        query for itself, if left out.

    Returns
    -------
    float
        Between 1 and the number of groups; 0 where nothing has a weight.

    Notes
    -----
    Source: L. Kish, "Survey Sampling", Wiley, 1965, section 11.7: the square of the sum of the
    weights over the sum of their squares.
    """
    if groups is not None:
        number = np.unique(groups, return_inverse=True)[1]
        weights = np.bincount(number, weights).astype(np.float64)
    squares = float(np.square(weights).sum())
    return float(weights.sum()) ** 2 / squares if squares else 0.0


def grouped_interval(
    value: float, weights: NDArray[np.float64], groups: NDArray[np.int64] | None = None
) -> Interval | None:
    """Compute the interval of a weighted mean of values in 0..1 over queries that hang together.

    It is Wilson's, with the `effective_trials` of the groups. A share has the largest variance of
    all values in 0..1 of one mean, so the interval is rather too wide than too narrow. Of two
    means over the same weights the larger one has the higher bounds, also next to one of exactly 1:
    a bootstrap has no width there, for it never draws a failure that it has not seen.

    Parameters
    ----------
    value : float
        The mean, in 0..1.
    weights : ndarray of float64, shape (n,)
    groups : ndarray of int64, shape (n,), optional
        See `effective_trials` for these two.

    Returns
    -------
    Interval or None
        None where nothing has a weight.
    """
    trials = effective_trials(weights, groups)
    return wilson(value * trials, trials)
