"""Distances and a truth to everything that is told of a method's quality."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgsim.bench import distances
from imgsim.bench.detection import (
    HIGH_PRECISION,
    MISTAKES,
    Bins,
    Extremes,
    estimate_with_interval,
    make_detection,
    points,
)
from imgsim.bench.intervals import CurveSampler, pair_intervals
from imgsim.bench.metrics import CurveCounter, PairCounts, curve
from imgsim.bench.results import Detection, Estimate, Histogram, Mistake, Retrieval
from imgsim.bench.retrieval import QueryScore, score_query
from imgsim.comparators.base import Comparator, PairComparator, Scale

_IN_MEMORY = 256 << 20
_SAMPLE = 50_000


def matrix(
    comparator: Comparator,
    rows: NDArray[Any],
    jobs: int = 1,
    advance: Callable[[int], object] = lambda pairs: None,
) -> NDArray[np.float64]:
    """Distances of all pairs, worked out anew; in a temporary file when there are many.

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
        Symmetric: each pair is worked out once.
    """
    n = len(rows)
    result: NDArray[np.float64]
    if 8 * n * n <= _IN_MEMORY:
        result = np.zeros((n, n))
    else:
        with tempfile.TemporaryFile(prefix="imgsim-") as stream:  # the map keeps it alive
            result = np.memmap(stream, np.float64, "w+", shape=(n, n))
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
class Quality:
    """All that is known of a method's quality; see `results.MethodResult`."""

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
) -> Quality:
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
        Of the intervals, and of the sample that a histogram's range is taken from.
    queries : sequence of int, optional
        Images to ask for; every one that has others of its class. The accuracy of the protocol
        ``article`` is given where they are named.
    """
    n = len(classes)
    sizes = np.bincount(classes)[classes]
    asked = [i for i in (range(n) if queries is None else queries) if sizes[i] > 1]
    scores: list[QueryScore] = []
    counts = np.zeros((n, 3))  # matching and other pairs within the threshold, matching pairs
    matching = np.concatenate(
        [_upper(all_distances[np.ix_(m, m)]) for m in _members(classes) if len(m) > 1]
    )
    counter = CurveCounter(matching)
    sampler = CurveSampler(matching, int(classes.max()) + 1)
    bins = Bins(_sample(all_distances, seed), matching, threshold)
    bins.add(matching, same=True)
    wrong = Extremes(MISTAKES)
    missed = Extremes(MISTAKES)
    wanted = set(asked)
    for i in range(n):
        row = np.asarray(all_distances[i])
        same = classes == classes[i]
        other = ~same
        same[i] = False
        near = row <= threshold
        counts[i] = np.sum(near & same), np.sum(near & other), np.sum(same)
        if i in wanted:
            rest = np.arange(n) != i
            scores.append(score_query(row[rest], same[rest]))
        sampler.add(int(classes[i]), row[same], same=True)
        sampler.add(int(classes[i]), row[other], same=False)
        later = np.flatnonzero(other[i + 1 :]) + i + 1
        counter.add(row[later])
        bins.add(row[later], same=False)
        if len(later):
            wrong.add(i, later, row[later])
        mates = np.flatnonzero(same[i + 1 :]) + i + 1
        if len(mates):
            missed.add(i, mates, -row[mates])
    groups = classes[asked]
    retrieval = _retrieval(scores, groups, sizes, n, seed, article=queries is not None)
    found = counter.curve()
    total = counts.sum(axis=0)
    verdicts = PairCounts(
        *(round(x / 2) for x in (total[0], total[1], total[2] - total[0]))
    )  # each pair was met from both sides
    sampled = sampler.intervals(HIGH_PRECISION, seed=seed)
    detection = make_detection(found, verdicts, sampled, scale, threshold, counts, classes, seed)
    return Quality(
        retrieval,
        detection,
        points(found),
        bins.histogram(scale),
        wrong.mistakes(names, scale, 1.0),
        missed.mistakes(names, scale, -1.0),
    )


def score_pairs(
    pair_distances: NDArray[np.float64],
    same: NDArray[np.bool_],
    names: Sequence[tuple[str, str]],
    scale: Scale,
    threshold: float,
    *,
    seed: int = 0,
) -> Quality:
    """Score a method on a list of pairs; see `score_classes`. Intervals draw pairs."""
    matching, other = pair_distances[same], pair_distances[~same]
    near = pair_distances <= threshold
    counts = np.stack([near & same, near & ~same, same], axis=1).astype(np.float64)
    hits, false, total = (int(x) for x in counts.sum(axis=0))
    found = curve(matching, other)
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

    verdicts = PairCounts(hits, false, total - hits)
    groups = np.arange(len(same))
    sampled = pair_intervals(pair_distances, same, HIGH_PRECISION, seed=seed)
    return Quality(
        None,
        make_detection(found, verdicts, sampled, scale, threshold, counts, groups, seed),
        points(found),
        bins.histogram(scale),
        mistakes([i for i in order if not same[i]][:MISTAKES]),
        mistakes([i for i in order[::-1] if same[i]][:MISTAKES]),
    )


def _members(classes: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    order = np.argsort(classes, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(classes[order])) + 1)


def _upper(square: NDArray[np.float64]) -> NDArray[np.float64]:
    return square[np.triu_indices(len(square), 1)]


def _sample(all_distances: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    left, right = rng.integers(0, len(all_distances), (2, _SAMPLE))
    return np.asarray(all_distances[left[left != right], right[left != right]])


def _retrieval(
    scores: Sequence[QueryScore],
    groups: NDArray[np.int64],
    sizes: NDArray[np.int64],
    images: int,
    seed: int,
    *,
    article: bool,
) -> Retrieval:
    def estimate(values: list[float]) -> Estimate:
        above = np.array(values)
        return estimate_with_interval(float(above.mean()), above, np.ones(len(above)), groups, seed)

    at_1, at_5, at_10 = (float(r) for r in np.mean([s.recall_at for s in scores], axis=0))
    hits = sum(s.hits for s in scores)
    return Retrieval(
        len(scores),
        estimate([s.accuracy for s in scores]),
        hits / (images - len(scores)) if article else None,
        estimate([s.average_precision for s in scores]),
        estimate([s.ndcg for s in scores]),
        at_1,
        at_5,
        at_10,
        1 + hits / len(scores) if np.all(sizes == 4) else None,
    )
