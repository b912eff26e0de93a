"""Accuracy of duplicates: precision and recall at a threshold, and over all thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from imgsim.benchmark.intervals import Interval, bootstrap, wilson
from imgsim.benchmark.metrics import Curve, PairCounts, evenly_spread
from imgsim.benchmark.results import CURVE_POINTS, Detection, Estimate, Histogram, Mistake
from imgsim.comparators.base import Scale

MISTAKES = 6
"""Wrong and missed pairs that are shown of a method, each."""

HIGH_PRECISION = 0.999

_BINS = 40
_FEW = 8


def make_detection(
    curve: Curve,
    counts: PairCounts,
    intervals: tuple[Interval, Interval] | None,
    scale: Scale,
    threshold: float,
    per_query: NDArray[np.float64],
    groups: NDArray[np.int64],
    seed: int,
) -> Detection:
    """Compute precision and recall at a threshold and over all of them, with their intervals.

    Parameters
    ----------
    curve : Curve
    counts : PairCounts
        At the threshold.
    intervals : tuple of Interval, or None
        Of the average precision, and of the recall at `HIGH_PRECISION`.
    scale : Scale
    threshold : float
        Distance up to which a pair counts as found.
    per_query : ndarray of float64, shape (n, 3)
    groups : ndarray of int64, shape (n,)
    seed : int
        See `detection_of` for these three.
    """
    trials = len(np.unique(groups[per_query[:, 2] > 0]))
    of_average, of_recall = intervals or (None, None)
    best, at = curve.best_f1
    pairs = curve.matching + curve.other
    return replace(
        detection_of(counts, pairs, scale, threshold, per_query, groups, seed),
        micro_average_precision=_with_interval(curve.average_precision, of_average, trials),
        recall_at_999=_with_interval(curve.recall_at_precision(HIGH_PRECISION), of_recall, trials),
        best_f1=best,
        best_f1_threshold=scale.score(at),
    )


def detection_of(
    counts: PairCounts,
    pairs: int,
    scale: Scale,
    threshold: float,
    per_query: NDArray[np.float64],
    groups: NDArray[np.int64],
    seed: int,
) -> Detection:
    """Compute precision and recall at a threshold alone, without an order of the pairs.

    Parameters
    ----------
    counts : PairCounts
        At the threshold.
    pairs : int
        All there are.
    scale : Scale
    threshold : float
        Distance up to which a pair counts as found.
    per_query : ndarray of float64, shape (n, 3)
        Of each query: matching and other pairs found, matching pairs.
    groups : ndarray of int64, shape (n,)
        Queries that are drawn together, for the intervals.
    seed : int
    """

    def estimate(value: float, above: NDArray[np.float64], below: NDArray[np.float64]) -> Estimate:
        return estimate_with_interval(value, above, below, groups, seed)

    true, false, all_true = per_query.T
    precision = counts.precision
    return Detection(
        pairs,
        counts.true + counts.missed,
        scale.score(threshold),
        counts.true,
        counts.false,
        None if precision is None else estimate(precision, true, true + false),
        estimate(counts.recall, true, all_true),
        estimate(counts.f1, 2 * true, true + false + all_true),
        None,
        None,
        None,
        None,
    )


def estimate_with_interval(
    value: float,
    above: NDArray[np.float64],
    below: NDArray[np.float64],
    groups: NDArray[np.int64],
    seed: int,
) -> Estimate:
    """Put the interval over groups to a ratio of sums.

    Parameters
    ----------
    value : float
        The ratio.
    above, below : ndarray of float64, shape (n,)
        Numerator and denominator of each query.
    groups : ndarray of int64, shape (n,)
        Queries that are drawn together.
    seed : int
    """
    interval = bootstrap(above, below, groups, seed=seed)
    return _with_interval(value, interval, len(np.unique(groups[below > 0])))


def _with_interval(value: float, interval: Interval | None, trials: int) -> Estimate:
    """Put the bootstrap interval over so many groups to a figure.

    Of a few groups, or where all agree, that is too narrow, as if two classes without a mistake
    proved that there is none: then it is Wilson's, with the groups as trials.
    """
    if interval is None or interval.low == interval.high or trials < _FEW:
        interval = wilson(value * trials, trials)
    return Estimate(value, interval.low, interval.high) if interval else Estimate(value)


def curve_points(curve: Curve) -> tuple[tuple[float, float], ...]:
    """Return at most `CURVE_POINTS` points (recall, precision) of a curve, evenly spread."""
    places = evenly_spread(len(curve.thresholds), CURVE_POINTS)
    return tuple(
        (float(r), float(p))
        for r, p in zip(curve.recall[places], curve.precision[places], strict=True)
    )


class Bins:
    """Counts distances in equal bins up to a distance that nearly all pairs stay below.

    Parameters
    ----------
    sample : ndarray of float64, shape (s,)
        Distances of some of the pairs.
    matching : ndarray of float64, shape (m,)
        Distances of all matching pairs.
    threshold : float
        It lies within the bins.
    """

    def __init__(
        self, sample: NDArray[np.float64], matching: NDArray[np.float64], threshold: float
    ) -> None:
        together = np.concatenate([sample, matching])
        top = max(float(np.quantile(together, 0.99)), threshold) or 1.0
        whole = np.all(together == np.round(together)) and top >= 2  # bits: whole numbers a bin
        step = max(1.0, np.ceil((top + 1) / _BINS)) if whole else top / _BINS
        self.edges = step * np.arange(int(np.ceil((top + whole) / step)) + 1) - 0.5 * whole
        self.counts = {same: np.zeros(len(self.edges) - 1, np.int64) for same in (True, False)}

    def add(self, values: NDArray[np.float64], *, same: bool) -> None:
        """Count some distances; those beyond the last edge count in the last bin.

        Parameters
        ----------
        values : ndarray of float64, shape (p,)
        same : bool
            Whether these pairs match.
        """
        place = np.searchsorted(self.edges, values, side="right") - 1
        place = np.clip(place, 0, len(self.edges) - 2)
        self.counts[same] += np.bincount(place, minlength=len(self.edges) - 1)

    def histogram(self, scale: Scale) -> Histogram:
        """Return the counts, with the edges as scores."""
        edges = [scale.score(float(edge)) for edge in self.edges]
        matching, other = (self.counts[same].tolist() for same in (True, False))
        return Histogram(tuple(edges), tuple(matching), tuple(other))


class Extremes:
    """Keeps the pairs of the least values, no image twice: one bad image does not fill the list."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.kept: list[tuple[float, int, int]] = []

    def add(self, left: int, right: NDArray[np.int64], values: NDArray[np.float64]) -> None:
        """Take the pair of one image that has the least value.

        Parameters
        ----------
        left : int
            The image.
        right : ndarray of int64, shape (p,)
            The others, at least one.
        values : ndarray of float64, shape (p,)
            Of the pairs.
        """
        place = int(np.argmin(values))
        self.kept.append((float(values[place]), left, int(right[place])))
        self.kept.sort()
        seen: set[int] = set()
        chosen = []
        for one in self.kept:
            if not {one[1], one[2]} & seen:
                chosen.append(one)
                seen |= {one[1], one[2]}
        self.kept = chosen[: self.most]

    def mistakes(self, names: Sequence[str], scale: Scale, sign: float) -> tuple[Mistake, ...]:
        """Return the pairs; a value times `sign` is the distance."""
        return tuple(
            Mistake(
                names[left],
                names[right],
                scale.score(sign * value),
                scale.similarity(sign * value),
            )
            for value, left, right in self.kept
        )
