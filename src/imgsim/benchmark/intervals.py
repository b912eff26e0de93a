"""Confidence intervals: of a share (Wilson) and by bootstrap over queries, classes or pairs."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imgsim.benchmark.metrics import thresholds_of


@dataclass(frozen=True, slots=True)
class Interval:
    """Bounds between which the true value lies with a confidence, usually of 95 percent."""

    low: float
    high: float


def bootstrap(
    numerator: NDArray[np.float64],
    denominator: NDArray[np.float64] | None = None,
    groups: NDArray[np.int64] | None = None,
    *,
    seed: int = 0,
    samples: int = 2000,
    confidence: float = 0.95,
) -> Interval | None:
    """Compute the percentile interval of a mean, or of a ratio of sums, over queries.

    Parameters
    ----------
    numerator : ndarray of float64, shape (n,)
        A value per query.
    denominator : ndarray of float64, shape (n,), optional
        The interval is that of sum(numerator) / sum(denominator); ones if left out.
    groups : ndarray of int64, shape (n,), optional
        Queries of one group (a class) are drawn together: they succeed and fail together, and to
        draw them one by one would make the interval too narrow.
    seed, samples : int
    confidence : float

    Returns
    -------
    Interval or None
        None where there are fewer than two to draw from, or nothing to divide by.

    Notes
    -----
    Source: B. Efron, "Bootstrap Methods: Another Look at the Jackknife", Annals of Statistics
    7(1), 1979, doi:10.1214/aos/1176344552. Where every query has the same value the interval has
    no width, however few they are.
    """
    above = numerator
    below = np.ones(len(numerator)) if denominator is None else denominator
    if groups is not None:
        number = np.unique(groups, return_inverse=True)[1]
        above, below = (np.asarray(np.bincount(number, x), np.float64) for x in (above, below))
    n = len(above)
    if n < 2:
        return None
    rng = np.random.default_rng(seed)
    ratios = np.empty(samples)
    for i in range(samples):
        drawn = rng.integers(0, n, n)
        total = float(below[drawn].sum())
        ratios[i] = float(above[drawn].sum()) / total if total else np.nan
    if np.isnan(ratios).all():
        return None
    tail = 50 * (1 - confidence)
    low, high = np.nanpercentile(ratios, [tail, 100 - tail])
    return Interval(float(low), float(high))


def wilson(successes: float, trials: int, z: float = 1.959964) -> Interval | None:
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


CURVE_STEPS = 1024
"""Intervals of a curve are computed at so many of its thresholds; few curves have more."""

_AT_ONCE = 250


class CurveSampler:
    """Bootstrap over queries: draws them again and again, for intervals of a `Curve`'s figures.

    A query's pairs are drawn together, and those of a group (a class) too; see `bootstrap`. The
    images that are ranked stay the same.

    Parameters
    ----------
    matching : ndarray of float64, shape (m,)
        Distances of all matching pairs, at least one.
    groups : int
    """

    def __init__(self, matching: NDArray[np.float64], groups: int) -> None:
        self.thresholds = thresholds_of(matching, CURVE_STEPS)
        shape = (groups, len(self.thresholds) + 1)  # the last column: beyond all thresholds
        self._counts = {same: np.zeros(shape, np.float32) for same in (True, False)}

    def add(self, group: int, distance: NDArray[np.float64], *, same: bool) -> None:
        """Count the pairs of one query that match, or that do not.

        Parameters
        ----------
        group : int
            Of the query.
        distance : ndarray of float64, shape (p,)
        same : bool
            Whether these pairs match.
        """
        places = np.searchsorted(self.thresholds, distance, side="left")
        self._counts[same][group] += np.bincount(places, minlength=len(self.thresholds) + 1)

    def intervals(
        self,
        precision: float,
        *,
        seed: int = 0,
        samples: int = 2000,
        confidence: float = 0.95,
    ) -> tuple[Interval, Interval] | None:
        """Compute the intervals of the average precision and of the recall at a precision.

        Returns
        -------
        tuple of Interval, or None
            None where all queries are of one group.
        """
        true, false = (self._counts[same] for same in (True, False))
        groups = np.flatnonzero((true.sum(axis=1) > 0) | (false.sum(axis=1) > 0))
        if len(groups) < 2:
            return None
        rng = np.random.default_rng(seed)
        share = np.full(len(groups), 1 / len(groups))

        def draw(n: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
            often = rng.multinomial(len(groups), share, n).astype(np.float32)
            one, other = often @ true[groups], often @ false[groups]
            return one.astype(np.float64), other.astype(np.float64)

        return _sampled(draw, precision, samples, confidence)


def pair_intervals(
    pair_distances: NDArray[np.float64],
    same: NDArray[np.bool_],
    precision: float,
    *,
    seed: int = 0,
    samples: int = 2000,
    confidence: float = 0.95,
) -> tuple[Interval, Interval]:
    """Compute the intervals of `CurveSampler.intervals` of a list of pairs, drawn one by one.

    Parameters
    ----------
    pair_distances : ndarray of float64, shape (n,)
    same : ndarray of bool, shape (n,)
        Which pairs match; at least one.
    precision : float
        That the recall is taken at.
    seed, samples : int
    confidence : float
    """
    sampler = CurveSampler(pair_distances[same], 1)
    counts = []
    for kind in (True, False):
        sampler.add(0, pair_distances[same == kind], same=kind)
        counts.append(sampler._counts[kind][0].astype(np.float64))
    both = np.concatenate(counts)
    rng = np.random.default_rng(seed)

    def draw(n: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        # how often each step comes when pairs are drawn with replacement
        drawn = rng.multinomial(len(same), both / both.sum(), n).astype(np.float64)
        one, other = np.split(drawn, 2, axis=1)
        return one, other

    return _sampled(draw, precision, samples, confidence)


def _sampled(
    draw: Callable[[int], tuple[NDArray[np.float64], NDArray[np.float64]]],
    precision: float,
    samples: int,
    confidence: float,
) -> tuple[Interval, Interval]:
    """Compute percentile intervals of the average precision and of the recall at a precision."""
    averages, recalls = [], []
    for start in range(0, samples, _AT_ONCE):
        gained, false = draw(min(_AT_ONCE, samples - start))
        total = gained.sum(axis=1)
        gained, false = gained[total > 0, :-1], false[total > 0, :-1]
        total = total[total > 0]
        true = gained.cumsum(axis=1)
        every = true + false.cumsum(axis=1)
        right = np.divide(true, every, out=np.zeros_like(true), where=every > 0)
        averages.append((right * gained).sum(axis=1) / total)
        recalls.append(np.where(right >= precision, true, 0).max(axis=1) / total)
    tail = 50 * (1 - confidence)
    one, other = (
        Interval(*map(float, np.percentile(np.concatenate(values), [tail, 100 - tail])))
        for values in (averages, recalls)
    )
    return one, other
