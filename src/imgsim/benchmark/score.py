"""All figures of a method's accuracy, from its distances and the labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgsim.benchmark import distances
from imgsim.benchmark.detection import (
    MISTAKES,
    Bins,
    Extremes,
    curve_points,
    estimate_with_interval,
    make_detection,
)
from imgsim.benchmark.metrics import CurveCounter, PairCounts, curve
from imgsim.benchmark.results import Detection, Estimate, Histogram, Mistake, Retrieval
from imgsim.benchmark.retrieval import QueryScore, score_query
from imgsim.comparators.base import Comparator, PairComparator, Scale
from imgsim.read.scratch import scratch

_SAMPLE = 50_000


def matrix(
    comparator: Comparator,
    rows: NDArray[Any],
    jobs: int = 1,
    advance: Callable[[int], object] = lambda pairs: None,
) -> NDArray[np.float64]:
    """Compute the distances of all pairs; in a temporary file when there are many.

    Parameters
    ----------
    comparator : Comparator
    rows : ndarray, shape (n, ...)
    jobs : int
        Threads.
    advance : callable, optional
        Told the number of pairs just done.

    Returns
    -------
    ndarray of float64, shape (n, n)
        Symmetric: each pair is computed once.

    Raises
    ------
    UsageError
        There is no room for the file.
    """
    n = len(rows)
    result: NDArray[np.float64] = scratch((n, n), np.dtype(np.float64))
    step = 16 if isinstance(comparator, PairComparator) else 256

    def work(start: int) -> None:
        stop = min(n, start + step)
        block = distances.between(comparator, rows[start:stop], rows[start:])
        inner = np.triu(block[:, : stop - start], 1)  # each pair once, also within the block
        block[:, : stop - start] = inner + inner.T
        result[start:stop, start:] = block
        result[start:, start:stop] = block.T
        advance(block.size)

    with ThreadPoolExecutor(jobs) as pool:
        try:
            for _ in pool.map(work, range(0, n, step)):
                pass
        except BaseException:  # Ctrl-C does not wait for what has not begun
            pool.shutdown(cancel_futures=True)
            raise
    return result


@dataclass(frozen=True, slots=True)
class MethodScores:
    """The part of a `results.MethodResult` that is about accuracy, and not about time."""

    retrieval: Retrieval | None
    detection: Detection
    curve: tuple[tuple[float, float], ...]
    histogram: Histogram
    wrong: tuple[Mistake, ...]
    missed: tuple[Mistake, ...]


def score_classes(
    all_distances: NDArray[np.float64],
    classes: NDArray[np.int64],
    names: Sequence[str],
    scale: Scale,
    threshold: float,
    *,
    seed: int = 0,
    queries: Sequence[int] | None = None,
) -> MethodScores:
    """Score a method where every image has a class.

    Parameters
    ----------
    all_distances : ndarray of float64, shape (n, n)
        Symmetric.
    classes : ndarray of int64, shape (n,)
    names : sequence of str
        Of the images, for the list of mistakes.
    scale : Scale
    threshold : float
        Distance up to which a pair counts as found.
    seed : int
        Of the sample that a histogram's range is taken from.
    queries : sequence of int, optional
        Images to ask for; every one that has others of its class. The accuracy of the protocol
        ``article`` is given where they are named.
    """
    n = len(classes)
    sizes = np.bincount(classes)[classes]
    asked = [i for i in (range(n) if queries is None else queries) if sizes[i] > 1]
    wanted = set(asked)
    rankings: list[QueryScore] = []
    pairs = _AllPairs(all_distances, classes, threshold, seed)
    for i in range(n):
        row = np.asarray(all_distances[i])
        pairs.add(i, row)
        if i in wanted:
            rest = np.arange(n) != i
            rankings.append(score_query(row[rest], classes[rest] == classes[i]))
    article = queries is not None
    retrieval = retrieval_of(rankings, classes[asked], sizes, n, article=article)
    return pairs.scores(retrieval, names, scale)


class _AllPairs:
    """Collects the figures of all pairs of a data set, image by image.

    Attributes
    ----------
    per_query : ndarray of float64, shape (n, 3)
        Matching and other pairs within the threshold, and matching pairs, of each image.
    """

    def __init__(
        self,
        all_distances: NDArray[np.float64],
        classes: NDArray[np.int64],
        threshold: float,
        seed: int,
    ) -> None:
        matching = np.concatenate(
            [_upper(all_distances[np.ix_(m, m)]) for m in _members(classes) if len(m) > 1]
        )
        self.classes = classes
        self.threshold = threshold
        self.per_query = np.zeros((len(classes), 3))
        self.counter = CurveCounter(matching)
        self.bins = Bins(_sample(all_distances, seed), matching, threshold)
        self.bins.add(matching, same=True)
        self.wrong = Extremes(MISTAKES)
        self.missed = Extremes(MISTAKES)

    def add(self, i: int, row: NDArray[np.float64]) -> None:
        """Take the distances of one image to all."""
        own = int(self.classes[i])
        same = self.classes == own
        other = ~same
        same[i] = False
        near = row <= self.threshold
        self.per_query[i] = np.sum(near & same), np.sum(near & other), np.sum(same)
        # the rest counts each pair once
        later = np.flatnonzero(other[i + 1 :]) + i + 1
        self.counter.add(row[later])
        self.bins.add(row[later], same=False)
        if len(later):
            self.wrong.add(i, later, row[later])
        mates = np.flatnonzero(same[i + 1 :]) + i + 1
        if len(mates):
            self.missed.add(i, mates, -row[mates])

    def scores(self, retrieval: Retrieval, names: Sequence[str], scale: Scale) -> MethodScores:
        """Compute the figures; all images have to be in."""
        curve = self.counter.curve()
        true, false, matching = self.per_query.sum(axis=0)
        # each pair was met from both sides
        counts = PairCounts(*(round(x / 2) for x in (true, false, matching - true)))
        detection = make_detection(
            curve, counts, scale, self.threshold, self.per_query, self.classes
        )
        return MethodScores(
            retrieval,
            detection,
            curve_points(curve),
            self.bins.histogram(scale),
            self.wrong.mistakes(names, scale, 1.0),
            self.missed.mistakes(names, scale, -1.0),
        )


def score_pairs(
    pair_distances: NDArray[np.float64],
    same: NDArray[np.bool_],
    names: Sequence[tuple[str, str]],
    scale: Scale,
    threshold: float,
) -> MethodScores:
    """Score a method on a list of pairs; for the intervals each is a trial.

    Parameters
    ----------
    pair_distances : ndarray of float64, shape (n,)
    same : ndarray of bool, shape (n,)
        Which pairs match; at least one does, and one does not.
    names : sequence of (str, str)
        Of the images, for the list of mistakes.
    scale : Scale
    threshold : float
        See `score_classes` for these two.
    """
    matching, other = pair_distances[same], pair_distances[~same]
    near = pair_distances <= threshold
    per_pair = np.stack([near & same, near & ~same, same], axis=1).astype(np.float64)
    true, false, total = (int(x) for x in per_pair.sum(axis=0))
    all_pairs = curve(matching, other)
    bins = Bins(other, matching, threshold)
    bins.add(matching, same=True)
    bins.add(other, same=False)
    order = np.argsort(pair_distances, kind="stable")

    def mistakes(places: Sequence[int]) -> tuple[Mistake, ...]:
        return tuple(
            Mistake(
                *names[i],
                scale.score(float(pair_distances[i])),
                scale.similarity(float(pair_distances[i])),
            )
            for i in places
        )

    counts = PairCounts(true, false, total - true)
    groups = np.arange(len(same))
    return MethodScores(
        None,
        make_detection(all_pairs, counts, scale, threshold, per_pair, groups),
        curve_points(all_pairs),
        bins.histogram(scale),
        mistakes([i for i in order if not same[i]][:MISTAKES]),
        mistakes([i for i in order[::-1] if same[i]][:MISTAKES]),
    )


def _members(classes: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Return the places of each class's images."""
    order = np.argsort(classes, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(classes[order])) + 1)


def _upper(square: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what lies above the diagonal."""
    return square[np.triu_indices(len(square), 1)]


def _sample(all_distances: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """Draw distances of pairs of two different images."""
    rng = np.random.default_rng(seed)
    left, right = rng.integers(0, len(all_distances), (2, _SAMPLE))
    return np.asarray(all_distances[left[left != right], right[left != right]])


def retrieval_of(
    rankings: Sequence[QueryScore],
    groups: NDArray[np.int64],
    sizes: NDArray[np.int64],
    images: int,
    *,
    article: bool,
) -> Retrieval:
    """Compute the means over queries, with their intervals over groups.

    Parameters
    ----------
    rankings : sequence of QueryScore
    groups : ndarray of int64, shape (queries,)
        Their classes.
    sizes : ndarray of int64, shape (images,)
        Images of the class of each image.
    images : int
    article : bool
        With the accuracy of the protocol ``article``.
    """

    def estimate(values: list[float]) -> Estimate:
        return estimate_with_interval(float(np.mean(values)), np.ones(len(values)), groups)

    at_1, at_5, at_10 = (float(r) for r in np.mean([s.recall_at for s in rankings], axis=0))
    hits = sum(s.hits for s in rankings)
    return Retrieval(
        len(rankings),
        estimate([s.accuracy for s in rankings]),
        hits / (images - len(rankings)) if article else None,
        estimate([s.average_precision for s in rankings]),
        estimate([s.ndcg for s in rankings]),
        at_1,
        at_5,
        at_10,
        1 + hits / len(rankings) if np.all(sizes == 4) else None,
        tuple(_by_class([s.accuracy for s in rankings], groups)),
    )


def _by_class(values: Sequence[float], groups: NDArray[np.int64]) -> list[float]:
    """Compute the mean of each group, in their order."""
    counts = np.bincount(groups)
    sums = np.bincount(groups, weights=values)
    means: list[float] = (sums[counts > 0] / counts[counts > 0]).tolist()
    return means
