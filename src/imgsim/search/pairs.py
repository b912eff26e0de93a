"""Search for comparators that score pairs: exhaustive, or over pairs that another one proposes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators.base import PairComparator, Prepared
from imgsim.search.engine import (
    MAX_PAIRS,
    QUERY_BLOCK,
    Engine,
    Neighbours,
    TooManyPairs,
    best,
    gather,
    rows_in_block,
)
from imgsim.types import Candidates

_PREPARED = 256
_AT_ONCE = 32
_QUERIES = 64


class PairEngine(Engine):
    """Compares every row with every other, prepared in blocks.

    Parameters
    ----------
    comparator : PairComparator
    rows : ndarray, shape (n, ...)
    jobs : int
        Threads.
    advance : callable, optional
        Called with the number of pairs just compared.
    """

    def __init__(
        self,
        comparator: PairComparator,
        rows: NDArray[np.generic],
        jobs: int,
        advance: Callable[[int], object] | None = None,
    ) -> None:
        self.comparator = comparator
        self.rows = rows
        self.n = len(rows)
        self.jobs = jobs
        self.advance = advance or (lambda pairs: None)
        one = comparator.prepare(rows[:1])
        self.block = rows_in_block(sum(array.nbytes for array in one), QUERY_BLOCK)

    def queries_at_once(self) -> int:
        return self.block

    def seconds_for(self, pairs: int) -> float:
        """Estimate how long so many pairs will take, from some of them."""
        sample = self.comparator.prepare(self.rows[: min(self.block, 4 * _AT_ONCE)])
        started = time.perf_counter()
        for i in range(0, len(sample[0]), _AT_ONCE):
            part = _entries(sample, i, i + _AT_ONCE)
            self.comparator.distance(_entries(sample, 0, 1), part)
        seconds = time.perf_counter() - started
        return seconds / max(1, len(sample[0])) * pairs / self.jobs

    def after(self, queries: NDArray[np.int64], radius: float) -> Candidates:
        parts, total = [], 0
        for start, distances in self._blocks(queries, later=True):
            query, row = np.nonzero(distances <= radius)
            parts.append(Candidates(queries[query], row + start, distances[query, row]))
            total += len(query)
            if total > MAX_PAIRS and len(queries) > 1:
                raise TooManyPairs
        return gather(parts)

    def nearest(self, queries: NDArray[np.int64], k: int) -> Neighbours:
        nearest = Neighbours(np.full((self.n, k), -1), np.full((self.n, k), np.inf))
        every = np.array_equal(queries, np.arange(self.n))
        size = min(self.block, _QUERIES)
        for first in range(0, len(queries), size):
            block = queries[first : first + size]
            # when all are asked for, each pair is compared once and counts for both
            for start, distances in self._blocks(block, later=every):
                others = np.arange(start, start + distances.shape[1])
                _keep_nearest(nearest, block, others, distances)
                if every:
                    _keep_nearest(nearest, others, block, distances.T)
        return Neighbours(nearest.rows[queries], nearest.distance[queries])

    def distances(self, left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.float64]:
        """Distances of some pairs of rows."""
        distance = np.empty(len(left))
        size = min(self.block, _PREPARED)
        for i in range(0, len(left), size):
            part = slice(i, i + size)
            distance[part] = self.comparator.distance(
                self.comparator.prepare(self.rows[left[part]]),
                self.comparator.prepare(self.rows[right[part]]),
            )
            self.advance(len(left[part]))
        return distance

    def _blocks(
        self, queries: NDArray[np.int64], *, later: bool
    ) -> Iterator[tuple[int, NDArray[np.float64]]]:
        """Yield (first row of a block, distances of all queries to its rows).

        With `later`, those to a row that is not after the query are inf and not computed.
        """
        left = self.comparator.prepare(self.rows[queries])
        first = int(queries[0]) + 1 if later else 0
        with ThreadPoolExecutor(self.jobs) as pool:
            size = min(self.block, _PREPARED)
            for start in range(first, self.n, size):
                right = self.comparator.prepare(self.rows[start : start + size])
                distances = np.full((len(queries), len(right[0])), np.inf)

                def compare(
                    i: int,
                    start: int = start,
                    right: Prepared = right,
                    distances: NDArray[np.float64] = distances,
                ) -> int:
                    begin = max(0, int(queries[i]) + 1 - start) if later else 0
                    # few at a time, so that they stay in the processor's cache
                    for j in range(begin, distances.shape[1], _AT_ONCE):
                        distances[i, j : j + _AT_ONCE] = self.comparator.distance(
                            _entries(left, i, i + 1), _entries(right, j, j + _AT_ONCE)
                        )
                    return max(0, int(distances.shape[1]) - begin)

                for compared in pool.map(compare, range(len(queries))):
                    self.advance(compared)
                yield start, distances


class ProposedEngine(Engine):
    """Compares only the pairs that another engine, over the same rows, finds near enough."""

    def __init__(self, proposer: Engine, radius: float, pairs: PairEngine) -> None:
        self.proposer = proposer
        self.proposer_radius = radius
        self.pairs = pairs
        self.n = pairs.n

    def queries_at_once(self) -> int:
        return self.pairs.queries_at_once()

    def after(self, queries: NDArray[np.int64], radius: float) -> Candidates:
        proposed = self.proposer.after(queries, self.proposer_radius)
        distance = self.pairs.distances(proposed.left, proposed.right)
        near = distance <= radius
        return Candidates(proposed.left[near], proposed.right[near], distance[near])

    def nearest(self, queries: NDArray[np.int64], k: int) -> Neighbours:
        nearest = self.proposer.nearest(queries, min(self.n - 1, max(10 * k, 100)))
        query, column = np.nonzero(nearest.rows >= 0)
        row = nearest.rows[query, column]
        return best(len(queries), k, query, row, self.pairs.distances(queries[query], row))


def _keep_nearest(
    nearest: Neighbours,
    queries: NDArray[np.int64],
    rows: NDArray[np.int64],
    distances: NDArray[np.float64],
) -> None:
    """Put rows in among the nearest of queries where they are; `distances` of all these pairs."""
    k = nearest.rows.shape[1]
    near = (distances <= nearest.distance[queries, -1][:, None]) & np.isfinite(distances)
    near &= queries[:, None] != rows
    touched = np.flatnonzero(near.any(axis=1))
    if len(touched) == 0:
        return
    query, column = np.nonzero(near[touched])
    known, place = np.nonzero(nearest.rows[queries[touched]] >= 0)
    kept = queries[touched[known]]
    chosen = best(
        len(touched),
        k,
        np.concatenate([known, query]),
        np.concatenate([nearest.rows[kept, place], rows[column]]),
        np.concatenate([nearest.distance[kept, place], distances[touched[query], column]]),
    )
    nearest.rows[queries[touched]] = chosen.rows
    nearest.distance[queries[touched]] = chosen.distance


def _entries(prepared: Prepared, start: int, stop: int) -> Prepared:
    return tuple(array[start:stop] for array in prepared)
