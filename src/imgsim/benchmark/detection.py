"""Accuracy of duplicates: precision and recall at a threshold, and over all thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from imgsim.benchmark.intervals import grouped_interval
from imgsim.benchmark.metrics import Curve, PairCounts, evenly_spread
from imgsim.benchmark.results import CURVE_POINTS, Detection, Estimate, Histogram, Mistake
from imgsim.comparators.base import Scale

MISTAKES = 6
"""Wrong and missed pairs that are shown of a method, each."""

HIGH_PRECISION = 0.999

_BINS = 40


def make_detection(
    curve: Curve,
    counts: PairCounts,
    scale: Scale,
    threshold: float,
    per_query: NDArray[np.float64],
    groups: NDArray[np.int64],
) -> Detection:
    """Compute precision and recall at a threshold and over all of them, with their intervals.

    Parameters
    ----------
    curve : Curve
    counts : PairCounts
        At the threshold.
    scale : Scale
    threshold : float
        Distance up to which a pair counts as found.
    per_query : ndarray of float64, shape (n, 3)
    groups : ndarray of int64, shape (n,)
        See `detection_of` for these two.
    """
    # both are means over the matching pairs: of the precision at each, and of whether it is found
    matching = per_query[:, 2]
    best, at = curve.best_f1
    pairs = curve.matching + curve.other
    return replace(
        detection_of(counts, pairs, scale, threshold, per_query, groups),
        micro_average_precision=estimate_with_interval(curve.average_precision, matching, groups),
        recall_at_999=estimate_with_interval(
            curve.recall_at_precision(HIGH_PRECISION), matching, groups
        ),
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
        Queries that count as one trial together, for the intervals.
    """
    true, false, all_true = per_query.T
    precision = counts.precision
    return Detection(
        pairs,
        counts.true + counts.missed,
        scale.score(threshold),
        counts.true,
        counts.false,
        None if precision is None else estimate_with_interval(precision, true + false, groups),
        estimate_with_interval(counts.recall, all_true, groups),
        estimate_with_interval(counts.f1, true + false + all_true, groups),
        None,
        None,
        None,
        None,
    )


def estimate_with_interval(
    value: float, weights: NDArray[np.float64], groups: NDArray[np.int64]
) -> Estimate:
    """Put the interval over groups to a mean, or to a ratio of sums; see `grouped_interval`.

    Parameters
    ----------
    value : float
        The mean.
    weights : ndarray of float64, shape (n,)
        How much each query counts in it: the denominators of a ratio of sums.
    groups : ndarray of int64, shape (n,)
        Queries that count as one trial together.
    """
    interval = grouped_interval(value, weights, groups)
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
