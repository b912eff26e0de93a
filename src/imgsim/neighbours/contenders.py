"""The k nearest of each row, from distances that come in blocks and may be rough."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from imgsim.neighbours.engine import Neighbours, best

_PENDING = 1_000_000
"""Pairs that may wait for their exact distance."""

Exact = Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.float64]]
"""Computes the exact distances, shape (p,), of left and right rows, each of shape (p,)."""


class Contenders:
    """Keeps the pairs that may be among the k nearest of a row, and compares only these exactly.

    Parameters
    ----------
    n, k : int
        Rows, and how many neighbours of each are wanted.
    exact : callable
        Gives the same distance for (a, b) and (b, a).

    Attributes
    ----------
    nearest_high : ndarray of float64, shape (n, k)
        The k least upper bounds of distances from each row.
    pending : list of (queries, rows, lower bounds)
        Pairs whose exact distance is not known yet.
    pending_pairs : int
        How many these are.
    compared : Neighbours
        The k nearest of each row, among the pairs whose exact distance is known.
    """

    def __init__(self, n: int, k: int, exact: Exact) -> None:
        self.n = n
        self.k = k
        self.exact = exact
        self.nearest_high = np.full((n, k), np.inf)
        self.pending: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]] = []
        self.pending_pairs = 0
        self.compared = Neighbours(np.full((n, k), -1), np.full((n, k), np.inf))

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
        queries, rows : ndarray of int64, shape (q,) and (r,)
            No row twice.
        distances : ndarray of float64, shape (q, r)
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
            self._compare_pending(_PENDING // 2)

    def nearest(self, queries: NDArray[np.int64]) -> Neighbours:
        """Return the k nearest of some rows.

        Parameters
        ----------
        queries : ndarray of int64, shape (q,)
        """
        self._compare_pending(0)
        return Neighbours(self.compared.rows[queries], self.compared.distance[queries])

    def _limit(self, queries: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return distances that k pairs of each query do not exceed."""
        return np.asarray(self.nearest_high[queries].max(axis=1))

    def _compare_pending(self, at_most: int) -> None:
        """Drop pairs beyond the limit; if more than so many are left, compare them exactly."""
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
        known, column = np.nonzero(self.compared.rows[asked] >= 0)
        chosen = best(
            len(asked),
            self.k,
            np.concatenate([known, number]),
            np.concatenate([self.compared.rows[asked[known], column], row]),
            np.concatenate([self.compared.distance[asked[known], column], distance]),
        )
        self.compared.rows[asked] = chosen.rows
        self.compared.distance[asked] = chosen.distance
        self.pending, self.pending_pairs = [], 0
