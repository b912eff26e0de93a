"""The k nearest of each row, from distances that come in blocks and may be a little wrong."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from imgsim.neighbours.engine import Neighbours, best

_PENDING = 1_000_000
Exact = Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.float64]]


class Contenders:
    """Keeps the pairs that may be among the k nearest of a row, and compares only these exactly.

    Parameters
    ----------
    n, k : int
        Rows, and how many neighbours of each are wanted.
    exact : callable
        Takes left and right rows, gives their true distances; the same for (a, b) and (b, a).
    """

    def __init__(self, n: int, k: int, exact: Exact) -> None:
        self.n = n
        self.k = k
        self.exact = exact
        self.nearest_high = np.full((n, k), np.inf)
        self.pending: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]] = []
        self.pending_pairs = 0
        self.settled = Neighbours(np.full((n, k), -1), np.full((n, k), np.inf))

    def add(
        self,
        queries: NDArray[np.int64],
        rows: NDArray[np.int64],
        distances: NDArray[np.float64],
        error: float,
    ) -> None:
        """Take the distances of queries to rows.

        Parameters
        ----------
        queries, rows : ndarray of int64
            No row twice.
        distances : ndarray of float64, shape (queries, rows)
            inf leaves a pair out.
        error : float
            No distance is farther than this from the true one.
        """
        near = np.flatnonzero(distances.min(axis=1) - error <= self._limit(queries))
        queries, distances = queries[near], distances[near]
        high = np.concatenate([self.nearest_high[queries], distances + error], axis=1)
        self.nearest_high[queries] = np.partition(high, self.k - 1, axis=1)[:, : self.k]
        low = distances - error
        query, row = np.nonzero((low <= self._limit(queries)[:, None]) & np.isfinite(low))
        self.pending.append((queries[query], rows[row], low[query, row]))
        self.pending_pairs += len(query)
        if self.pending_pairs > _PENDING:
            self._drop_and_settle(_PENDING // 2)

    def nearest(self, queries: NDArray[np.int64]) -> Neighbours:
        """The k nearest of some rows."""
        self._drop_and_settle(0)
        return Neighbours(self.settled.rows[queries], self.settled.distance[queries])

    def _limit(self, queries: NDArray[np.int64]) -> NDArray[np.float64]:
        """k pairs of each query are at most this far apart."""
        return np.asarray(self.nearest_high[queries].max(axis=1))

    def _drop_and_settle(self, at_most: int) -> None:
        """Forget pairs that turned out too far; if more are left than that, compare them."""
        if not self.pending:
            return
        query, row, low = (np.concatenate(column) for column in zip(*self.pending, strict=True))
        near = low <= self._limit(query)
        query, row, low = query[near], row[near], low[near]
        self.pending, self.pending_pairs = [(query, row, low)], len(query)
        if len(query) <= at_most:
            return
        pairs, place = np.unique(
            np.minimum(query, row) * self.n + np.maximum(query, row), return_inverse=True
        )
        distance = self.exact(pairs // self.n, pairs % self.n)[place]
        asked, number = np.unique(query, return_inverse=True)
        known, column = np.nonzero(self.settled.rows[asked] >= 0)
        chosen = best(
            len(asked),
            self.k,
            np.concatenate([known, number]),
            np.concatenate([self.settled.rows[asked[known], column], row]),
            np.concatenate([self.settled.distance[asked[known], column], distance]),
        )
        self.settled.rows[asked] = chosen.rows
        self.settled.distance[asked] = chosen.distance
        self.pending, self.pending_pairs = [], 0
