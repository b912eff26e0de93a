"""Accuracy of duplicates: precision and recall at a threshold, and over all thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from imgsim.bench.intervals import Interval, bootstrap, wilson
from imgsim.bench.metrics import Curve, PairCounts
from imgsim.bench.results import CURVE_POINTS, Detection, Estimate, Histogram, Mistake
from imgsim.comparators.base import Scale

_BINS = 40
_FEW = 8
MISTAKES = 6
HIGH_PRECISION = 0.999


def make_detection(
    found: Curve,
    verdicts: PairCounts,
    sampled: tuple[Interval, Interval] | None,
    scale: Scale,
    threshold: float,
    counts: NDArray[np.float64],
    groups: NDArray[np.int64],
    seed: int,
) -> Detection:
    """Precision and recall of the verdicts, and over all thresholds, with their intervals."""
    trials = len(np.unique(groups[counts[:, 2] > 0]))
    one, other = sampled or (None, None)
    best, at = found.best_f1
    return replace(
        detection_of(
            verdicts, found.matching + found.other, scale, threshold, counts, groups, seed
        ),
        micro_average_precision=_with_interval(found.average_precision, one, trials),
        recall_at_999=_with_interval(found.recall_at_precision(HIGH_PRECISION), other, trials),
        best_f1=best,
        best_f1_threshold=scale.score(at),
    )


def detection_of(
    verdicts: PairCounts,
    pairs: int,
    scale: Scale,
    threshold: float,
    counts: NDArray[np.float64],
    groups: NDArray[np.int64],
    seed: int,
) -> Detection:
    """What the verdicts on pairs alone tell, without an order of the pairs.

    Parameters
    ----------
    verdicts : PairCounts
    pairs : int
        All there are.
    scale : Scale
    threshold : float
        Distance up to which a pair counts as found.
    counts : ndarray of float64, shape (n, 3)
        Of each query: matching and other pairs found, matching pairs.
    groups : ndarray of int64, shape (n,)
        Queries that are drawn together, for the intervals.
    seed : int
    """

    def estimate(value: float, above: NDArray[np.float64], below: NDArray[np.float64]) -> Estimate:
        return estimate_with_interval(value, above, below, groups, seed)

    true, false, all_true = counts.T
    precision = verdicts.precision
    return Detection(
        pairs,
        verdicts.true + verdicts.missed,
        scale.score(threshold),
        verdicts.true,
        verdicts.false,
        None if precision is None else estimate(precision, true, true + false),
        estimate(verdicts.recall, true, all_true),
        estimate(verdicts.f1, 2 * true, true + false + all_true),
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
    """A ratio with its interval over groups."""
    found = bootstrap(above, below, groups, seed=seed)
    return _with_interval(value, found, len(np.unique(groups[below > 0])))


def _with_interval(value: float, found: Interval | None, trials: int) -> Estimate:
    """A figure with its bootstrap interval over so many groups.

    Of a few groups, or where all agree, that is too narrow, as if two classes without a mistake
    proved that there is none: then it is Wilson's, with the groups as trials.
    """
    if found is None or found.low == found.high or trials < _FEW:
        found = wilson(value * trials, trials)
    return Estimate(value, found.low, found.high) if found else Estimate(value)


def points(found: Curve) -> tuple[tuple[float, float], ...]:
    """Some points of the curve of recall and precision, evenly spread."""
    places = np.unique(np.linspace(0, len(found.thresholds) - 1, CURVE_POINTS).round().astype(int))
    return tuple(
        (float(r), float(p))
        for r, p in zip(found.recall[places], found.precision[places], strict=True)
    )


class Bins:
    """Counts distances in equal bins up to what nearly all pairs stay below."""

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
        """What is farther than the last edge counts in the last bin."""
        place = np.searchsorted(self.edges, values, side="right") - 1
        place = np.clip(place, 0, len(self.edges) - 2)
        self.counts[same] += np.bincount(place, minlength=len(self.edges) - 1)

    def histogram(self, scale: Scale) -> Histogram:
        edges = [scale.score(float(edge)) for edge in self.edges]
        matching, other = (self.counts[same].tolist() for same in (True, False))
        return Histogram(tuple(edges), tuple(matching), tuple(other))


class Extremes:
    """The least of many values, one a left image, so that one bad image does not fill the list."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.kept: list[tuple[float, int, int]] = []

    def add(self, left: int, right: NDArray[np.int64], values: NDArray[np.float64]) -> None:
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
        return tuple(
            Mistake(
                names[left],
                names[right],
                scale.score(sign * value),
                scale.similarity(sign * value),
            )
            for value, left, right in self.kept
        )
