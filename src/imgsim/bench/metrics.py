"""What retrieval and copy-detection papers measure, exactly, from distances and a truth.

Ties never flatter a method: what is equally near comes in an average over all orders, or all at
once, and not in the order of paths (in which images of one class stand together).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RECALL_AT = (1, 5, 10)
"""Ranks k of recall@k."""

MAX_THRESHOLDS = 100_000
"""A curve of more matching pairs is taken at so many of their quantiles."""


@dataclass(frozen=True, slots=True)
class QueryScore:
    """How well the other images were ranked for one query.

    Attributes
    ----------
    hits : float
        Images of the query's class among its 3 nearest.
    accuracy : float
        Hits / min(3, others of its class).
    recall_at : tuple of float
        For each k of `RECALL_AT`, 1 if one of its class is among the k nearest, else 0 (where
        distances tie, the probability of it). Metric learning calls this recall@k.
    average_precision : float
        As `sklearn.metrics.average_precision_score`: what ties enters at once.
    ndcg : float
        Of the whole ranking, with gain 1 for the class. Source: K. Järvelin and J. Kekäläinen,
        "Cumulated gain-based evaluation of IR techniques", ACM TOIS 20(4), 2002,
        doi:10.1145/582415.582418; ties are averaged as in F. McSherry and M. Najork, "Computing
        Information Retrieval Performance Measures Efficiently in the Presence of Tied Scores",
        ECIR 2008, doi:10.1007/978-3-540-78646-7_38.
    """

    hits: float
    accuracy: float
    recall_at: tuple[float, ...]
    average_precision: float
    ndcg: float


def score_query(distance: NDArray[np.float64], relevant: NDArray[np.bool_]) -> QueryScore:
    """Score one query.

    Parameters
    ----------
    distance : ndarray of float64, shape (n,)
        To every other image; the query itself is none of them.
    relevant : ndarray of bool, shape (n,)
        Which are of its class; at least one.
    """
    order = np.argsort(distance, kind="stable")
    found = relevant[order]
    total = int(found.sum())
    starts = _tie_starts(distance[order])
    ends = np.append(starts[1:], len(order))
    upto = np.append(0, np.cumsum(found))  # relevant among so many nearest
    in_tie = upto[ends] - upto[starts]

    hits = _expected_hits(3, starts, ends, upto)
    recall = tuple(_chance_of_a_hit(k, starts, ends, upto) for k in RECALL_AT)
    precision = float(np.sum(upto[ends] / ends * in_tie)) / total
    discount = np.append(0.0, np.cumsum(1 / np.log2(np.arange(2, len(order) + 2))))
    gain = np.sum(in_tie / (ends - starts) * (discount[ends] - discount[starts]))
    return QueryScore(hits, hits / min(3, total), recall, precision, float(gain / discount[total]))


def _tie_starts(ascending: NDArray[np.float64]) -> NDArray[np.int64]:
    """Where each run of equal distances begins."""
    return np.flatnonzero(np.append(True, ascending[1:] != ascending[:-1]))


def _expected_hits(
    k: int, starts: NDArray[np.int64], ends: NDArray[np.int64], upto: NDArray[np.int64]
) -> float:
    """Relevant ones among the k nearest, averaged over the orders of a tie."""
    if k >= ends[-1]:
        return float(upto[-1])
    tie = int(np.searchsorted(ends, k, side="right"))  # the one that reaches over rank k
    start, end = starts[tie], ends[tie]
    return float(upto[start] + (k - start) * (upto[end] - upto[start]) / (end - start))


def _chance_of_a_hit(
    k: int, starts: NDArray[np.int64], ends: NDArray[np.int64], upto: NDArray[np.int64]
) -> float:
    """Whether a relevant one is among the k nearest: the probability, where there are ties."""
    if k >= ends[-1]:
        return float(upto[-1] > 0)
    tie = int(np.searchsorted(ends, k, side="right"))
    start, end = int(starts[tie]), int(ends[tie])
    if upto[start] > 0:
        return 1.0
    others = end - start - int(upto[end] - upto[start])
    return 1.0 - math.comb(others, k - start) / math.comb(end - start, k - start)


@dataclass(frozen=True, slots=True)
class Curve:
    """How many pairs are right and wrong up to each threshold. Exact.

    Attributes
    ----------
    thresholds : ndarray of float64, shape (t,)
        Distances, ascending: those at which matching pairs lie (recall changes nowhere else).
    true, false : ndarray of int64, shape (t,)
        Matching and other pairs up to each.
    matching, other : int
        All there are.
    """

    thresholds: NDArray[np.float64]
    true: NDArray[np.int64]
    false: NDArray[np.int64]
    matching: int
    other: int

    @property
    def precision(self) -> NDArray[np.float64]:
        return self.true / (self.true + self.false)

    @property
    def recall(self) -> NDArray[np.float64]:
        return self.true / self.matching

    @property
    def average_precision(self) -> float:
        """Over all pairs of all queries together, µAP in copy detection.

        Source: F. Perronnin, Y. Liu and J.-M. Renders, "A family of contextual measures of
        similarity between distributions with application to image retrieval", CVPR 2009,
        doi:10.1109/CVPR.2009.5206505.
        """
        gained = np.diff(self.true, prepend=0)
        return float(np.sum(self.precision * gained) / self.matching)

    def recall_at_precision(self, least: float) -> float:
        """The most that is found at this precision or a better one; 0 if it is never reached."""
        enough = self.precision >= least
        return float(self.recall[enough].max(initial=0.0))

    def threshold_at_precision(self, least: float) -> float | None:
        """The distance that finds most at this precision or a better one, or None."""
        enough = np.flatnonzero(self.precision >= least)
        return float(self.thresholds[enough[-1]]) if len(enough) else None

    @property
    def best_f1(self) -> tuple[float, float]:
        """The largest F1 of any threshold, and that threshold: chosen on the data it is told of."""
        f1 = 2 * self.true / (self.true + self.false + self.matching)
        place = int(np.argmax(f1))
        return float(f1[place]), float(self.thresholds[place])


class CurveCounter:
    """Makes a `Curve` of blocks of pairs: what it holds grows with the matching pairs only.

    Parameters
    ----------
    matching : ndarray of float64
        Distances of all matching pairs, at least one.
    """

    def __init__(self, matching: NDArray[np.float64]) -> None:
        thresholds = np.unique(matching)
        if len(thresholds) > MAX_THRESHOLDS:
            places = np.linspace(0, len(thresholds) - 1, MAX_THRESHOLDS).round().astype(np.int64)
            thresholds = thresholds[places]
        self.thresholds = thresholds
        self.true = np.searchsorted(np.sort(matching), thresholds, side="right")
        self.matching = len(matching)
        self.other = 0
        self._counts = np.zeros(len(thresholds) + 1, np.int64)

    def add(self, other: NDArray[np.float64]) -> None:
        """Count distances of pairs that do not match, of any shape."""
        places = np.searchsorted(self.thresholds, other.ravel(), side="left")
        self._counts += np.bincount(places, minlength=len(self._counts))
        self.other += other.size

    def curve(self) -> Curve:
        """What was counted so far."""
        false = np.cumsum(self._counts)[:-1]
        return Curve(self.thresholds, self.true, false, self.matching, self.other)


def curve(matching: NDArray[np.float64], other: NDArray[np.float64]) -> Curve:
    """The curve of the distances of matching pairs and of others."""
    counter = CurveCounter(matching)
    counter.add(other)
    return counter.curve()


@dataclass(frozen=True, slots=True)
class Verdicts:
    """Pairs up to one threshold: matching and not (true, false), and matching ones beyond it."""

    true: int
    false: int
    missed: int

    @property
    def precision(self) -> float | None:
        """None where nothing was found."""
        found = self.true + self.false
        return self.true / found if found else None

    @property
    def recall(self) -> float:
        return self.true / (self.true + self.missed)

    @property
    def f1(self) -> float:
        return 2 * self.true / (2 * self.true + self.false + self.missed)


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
    """Percentile interval of a mean, or of a ratio of sums, over queries.

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
    """Score interval of a share; None of no trials. Not degenerate at 0 and 1.

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
"""Intervals of a curve are worked out at so many of its thresholds; few curves have more."""

_AT_ONCE = 250


class CurveSampler:
    """Draws queries again and again, and tells how far the figures of a `Curve` move.

    A query's pairs are drawn together, and those of a group (a class) too; see `bootstrap`. The
    images that are ranked stay the same.

    Parameters
    ----------
    matching : ndarray of float64
        Distances of all matching pairs, at least one.
    groups : int
    """

    def __init__(self, matching: NDArray[np.float64], groups: int) -> None:
        thresholds = np.unique(matching)
        if len(thresholds) > CURVE_STEPS:
            places = np.linspace(0, len(thresholds) - 1, CURVE_STEPS).round().astype(np.int64)
            thresholds = thresholds[places]
        self.thresholds = thresholds
        shape = (groups, len(thresholds) + 1)  # the last column: beyond all thresholds
        self._counts = {same: np.zeros(shape, np.float32) for same in (True, False)}

    def add(self, group: int, distance: NDArray[np.float64], *, same: bool) -> None:
        """Count the pairs of one query that match, or that do not."""
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
        """Of the average precision, and of the recall at a precision; None of one group."""
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
    """As `CurveSampler.intervals`, of a list of pairs that are drawn one by one."""
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
    """Percentile intervals of the average precision and of the recall at a precision."""
    averages, recalls = [], []
    for start in range(0, samples, _AT_ONCE):
        gained, false = draw(min(_AT_ONCE, samples - start))
        total = gained.sum(axis=1)
        gained, false = gained[total > 0, :-1], false[total > 0, :-1]
        total = total[total > 0]
        found = gained.cumsum(axis=1)
        every = found + false.cumsum(axis=1)
        right = np.divide(found, every, out=np.zeros_like(found), where=every > 0)
        averages.append((right * gained).sum(axis=1) / total)
        recalls.append(np.where(right >= precision, found, 0).max(axis=1) / total)
    tail = 50 * (1 - confidence)
    one, other = (
        Interval(*map(float, np.percentile(np.concatenate(values), [tail, 100 - tail])))
        for values in (averages, recalls)
    )
    return one, other
