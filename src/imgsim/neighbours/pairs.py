"""Search for comparators that score pairs: exhaustive, or over pairs that another one proposes.

Where a comparator knows a quicker, rough distance, it computes that of all pairs, and the true one
of those that may be near enough, given the bound of the error.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators.base import PairComparator, Prepared, RoughDistances
from imgsim.neighbours.contenders import Contenders
from imgsim.neighbours.engine import (
    MAX_BLOCK_PAIRS,
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

_ROUGH_QUERIES = 16
"""For fewer it takes longer to prepare rows for rough distances than they save."""

_ROUGH_ROWS = 64
"""Rows whose rough distances a thread computes at a time."""


class PairEngine(Engine):
    """Compares every row with every other, prepared in blocks.

    Parameters
    ----------
    comparator : PairComparator
    rows : ndarray of the extractor's dtype, shape (n, ...)
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
        sample = np.arange(min(self.n, self.block, 4 * _AT_ONCE))
        rough = self._rough(sample)
        prepared = self.comparator.prepare(self.rows[sample])
        started = time.perf_counter()
        if rough:
            compared = rough.to(self.rows[:_ROUGH_ROWS], len(sample)).size
        else:
            compared = len(sample)
            for i in range(0, len(sample), _AT_ONCE):
                part = _entries(prepared, i, i + _AT_ONCE)
                self.comparator.distance(_entries(prepared, 0, 1), part)
        seconds = time.perf_counter() - started
        return seconds / max(1, compared) * pairs / self.jobs

    def after(self, queries: NDArray[np.int64], radius: float) -> Candidates:
        parts, total = [], 0
        rough = self._rough(queries)
        for start, distances in self._blocks(queries, rough, later=True):
            query, row = np.nonzero(distances <= radius + (rough.error if rough else 0.0))
            part = Candidates(queries[query], row + start, distances[query, row])
            if rough:
                distance = self._true_distances(part.left, part.right)
                near = distance <= radius
                part = Candidates(part.left[near], part.right[near], distance[near])
            parts.append(part)
            total += len(part.left)
            if total > MAX_BLOCK_PAIRS and len(queries) > 1:
                raise TooManyPairs
        return gather(parts)

    def nearest(self, queries: NDArray[np.int64], k: int) -> Neighbours:
        contenders = Contenders(self.n, k, self._true_distances)
        every = np.array_equal(queries, np.arange(self.n))
        first = 0
        while first < len(queries):
            block = queries[first : first + self.block]
            rough = self._rough(block)
            if rough is None:
                block = block[:_QUERIES]
            error = rough.error if rough else 0.0
            # when all are asked for, each pair is compared once and counts for both
            for start, distances in self._blocks(block, rough, later=every):
                others = np.arange(start, start + distances.shape[1])
                contenders.add(block, others, distances, error)
                if every:
                    contenders.add(others, block, distances.T, error)
            first += len(block)
        return contenders.nearest(queries)

    def later(self, queries: NDArray[np.int64]) -> Iterator[tuple[int, NDArray[np.float64]]]:
        """Yield (first row of a block, distances of all queries to its rows).

        Rough ones where the comparator has them; inf to a row that is not after the query.

        Parameters
        ----------
        queries : ndarray of int64, shape (q,)
            Rows, ascending.

        Yields
        ------
        tuple of (int, ndarray of float64, shape (q, rows in the block))
        """
        return self._blocks(queries, self._rough(queries), later=True)

    def distances(self, left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.float64]:
        """Compute the distances of some pairs of rows, and advance the progress.

        Parameters
        ----------
        left, right : ndarray of int64, shape (p,)
            Rows.

        Returns
        -------
        ndarray of float64, shape (p,)
        """
        distance = self._true_distances(left, right)
        self.advance(len(left))
        return distance

    def _true_distances(
        self, left: NDArray[np.int64], right: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        distance = np.empty(len(left))
        size = min(self.block, _AT_ONCE)

        def compare(i: int) -> None:
            part = slice(i, i + size)
            distance[part] = self.comparator.distance(
                self.comparator.prepare(self.rows[left[part]]),
                self.comparator.prepare(self.rows[right[part]]),
            )

        with ThreadPoolExecutor(self.jobs) as pool:
            for _ in pool.map(compare, range(0, len(left), size)):
                pass
        return distance

    def _rough(self, queries: NDArray[np.int64]) -> RoughDistances | None:
        if len(queries) < _ROUGH_QUERIES:
            return None
        return self.comparator.rough(self.rows[queries])

    def _blocks(
        self, queries: NDArray[np.int64], rough: RoughDistances | None, *, later: bool
    ) -> Iterator[tuple[int, NDArray[np.float64]]]:
        """Yield (first row of a block, distances of all queries to its rows).

        With `later`, those to a row that is not after the query are inf, else those of a query to
        itself.
        """
        first = int(queries[0]) + 1 if later else 0
        with ThreadPoolExecutor(self.jobs) as pool:
            walk = (
                self._truly(pool, queries, first, later)
                if rough is None
                else self._roughly(pool, queries, rough, first, later)
            )
            for start, distances in walk:
                rows = np.arange(start, start + distances.shape[1])
                left_out = rows <= queries[:, None] if later else rows == queries[:, None]
                distances[left_out] = np.inf
                self.advance(int(distances.size - left_out.sum()))
                yield start, distances

    def _truly(
        self, pool: ThreadPoolExecutor, queries: NDArray[np.int64], first: int, later: bool
    ) -> Iterator[tuple[int, NDArray[np.float64]]]:
        left = self.comparator.prepare(self.rows[queries])
        size = min(self.block, _PREPARED)
        for start in range(first, self.n, size):
            right = self.comparator.prepare(self.rows[start : start + size])
            distances = np.full((len(queries), len(right[0])), np.inf)

            def compare(
                i: int,
                start: int = start,
                right: Prepared = right,
                distances: NDArray[np.float64] = distances,
            ) -> None:
                begin = max(0, int(queries[i]) + 1 - start) if later else 0
                # few at a time, so that they stay in the processor's cache
                for j in range(begin, distances.shape[1], _AT_ONCE):
                    distances[i, j : j + _AT_ONCE] = self.comparator.distance(
                        _entries(left, i, i + 1), _entries(right, j, j + _AT_ONCE)
                    )

            for _ in pool.map(compare, range(len(queries))):
                pass
            yield start, distances

    def _roughly(
        self,
        pool: ThreadPoolExecutor,
        queries: NDArray[np.int64],
        rough: RoughDistances,
        first: int,
        later: bool,
    ) -> Iterator[tuple[int, NDArray[np.float64]]]:
        def compare(start: int) -> NDArray[np.float64]:
            rows = self.rows[start : start + _ROUGH_ROWS]
            distances = np.full((len(queries), len(rows)), np.inf)
            # with `later`, queries are in order, and those beyond the rows do not matter
            asked = int(np.searchsorted(queries, start + len(rows))) if later else len(queries)
            distances[:asked] = rough.to(rows, asked)
            return distances

        together = 4 * self.jobs * _ROUGH_ROWS
        for start in range(first, self.n, together):
            starts = range(start, min(start + together, self.n), _ROUGH_ROWS)
            yield start, np.concatenate(list(pool.map(compare, starts)), axis=1)


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


def _entries(prepared: Prepared, start: int, stop: int) -> Prepared:
    return tuple(array[start:stop] for array in prepared)
