"""The contract of engines: blocks of queries, and near pairs in a fixed order."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imgsim.types import Candidates

MAX_BLOCK_PAIRS = 2_000_000
"""Pairs that a block of queries may find before it is split in two."""

QUERY_BLOCK = 512

BLOCK_BYTES = 64 << 20
"""Memory that a block of rows may take when it is prepared for comparing."""


def rows_in_block(bytes_per_row: int, at_most: int) -> int:
    """Compute how many rows fit `BLOCK_BYTES`, at least one."""
    return max(1, min(at_most, BLOCK_BYTES // max(1, bytes_per_row)))


class TooManyPairs(Exception):
    """A block of several queries found more than `MAX_BLOCK_PAIRS`."""


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The k nearest rows of each query, nearest first, ties in order of the row.

    Attributes
    ----------
    rows : ndarray of int64, shape (q, k)
        -1 where there are fewer than k.
    distance : ndarray of float64, shape (q, k)
        inf there.
    """

    rows: NDArray[np.int64]
    distance: NDArray[np.float64]


class Engine(ABC):
    """Searches n rows, which need not be distinct."""

    n: int

    def within(
        self, radius: float, closed: NDArray[np.bool_] | None = None
    ) -> Iterator[Candidates]:
        """Find all pairs of rows at most `radius` apart.

        Parameters
        ----------
        radius : float
        closed : ndarray of bool, shape (n,), optional
            Rows that no longer matter as the left one of a pair. It is read again before every
            block, so the caller can close rows while the search goes on.

        Yields
        ------
        Candidates
            Blocks in order of the left row, at most about `MAX_BLOCK_PAIRS` long.
        """
        size = self.queries_at_once()
        for start in range(0, self.n, size):
            yield from self._split(start, min(start + size, self.n), radius, closed)

    def queries_at_once(self) -> int:
        """Return the queries in a block: fewer where rows are long, so that it fits its memory."""
        return QUERY_BLOCK

    def _split(
        self, start: int, stop: int, radius: float, closed: NDArray[np.bool_] | None
    ) -> Iterator[Candidates]:
        queries = np.arange(start, stop)
        if closed is not None:
            queries = queries[~closed[start:stop]]
        if len(queries) == 0:
            return
        try:
            pairs = self.after(queries, radius)
        except TooManyPairs:
            middle = (start + stop) // 2
            yield from self._split(start, middle, radius, closed)
            yield from self._split(middle, stop, radius, closed)
            return
        if len(pairs.left):
            order = np.lexsort((pairs.right, pairs.left))
            yield Candidates(pairs.left[order], pairs.right[order], pairs.distance[order])

    @abstractmethod
    def after(self, queries: NDArray[np.int64], radius: float) -> Candidates:
        """Find rows within `radius` that come after each query, in any order.

        Parameters
        ----------
        queries : ndarray of int64, shape (q,)
            Rows, ascending.
        radius : float
            Pairs that are exactly so far apart are within it.

        Raises
        ------
        TooManyPairs
            There are several queries and more than `MAX_BLOCK_PAIRS` pairs.
        """

    @abstractmethod
    def nearest(self, queries: NDArray[np.int64], k: int) -> Neighbours:
        """Find the k nearest other rows of some of the rows.

        Parameters
        ----------
        queries : ndarray of int64, shape (q,)
        k : int
        """


def gather(parts: list[Candidates]) -> Candidates:
    """Join the parts of a block."""
    if not parts:
        return Candidates(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float64))
    return Candidates(
        np.concatenate([p.left for p in parts]),
        np.concatenate([p.right for p in parts]),
        np.concatenate([p.distance for p in parts]),
    )


def best(
    n_queries: int,
    k: int,
    query: NDArray[np.int64],
    row: NDArray[np.int64],
    distance: NDArray[np.float64],
) -> Neighbours:
    """Choose the k nearest of each query from a list of (query, row, distance).

    Parameters
    ----------
    n_queries, k : int
    query : ndarray of int64, shape (p,)
        From 0 to n_queries - 1.
    row : ndarray of int64, shape (p,)
    distance : ndarray of float64, shape (p,)
    """
    order = np.lexsort((row, distance, query))
    query, row, distance = query[order], row[order], distance[order]
    starts = np.searchsorted(query, np.arange(n_queries))
    place = np.arange(len(query)) - starts[query]
    keep = place < k
    rows = np.full((n_queries, k), -1, np.int64)
    distances = np.full((n_queries, k), np.inf)
    rows[query[keep], place[keep]] = row[keep]
    distances[query[keep], place[keep]] = distance[keep]
    return Neighbours(rows, distances)
