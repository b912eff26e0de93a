"""Hamming distance of packed bits, by FAISS's flat binary index; by numpy where rows are few."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from imgsim.neighbours.engine import MAX_BLOCK_PAIRS, Engine, Neighbours, TooManyPairs, best, gather
from imgsim.types import Candidates

_INDEX_BLOCK = 16_384
_QUERIES_WITH_TIES = 64

FEW_ROWS = 2048
"""Up to so many rows, FAISS takes longer to import than to be done without."""


class _Index(Protocol):
    """The part of FAISS's binary index that is used here."""

    ntotal: int

    def range_search(self, vectors: NDArray[np.uint8], below: int) -> tuple[Any, Any, Any]: ...

    def search(self, vectors: NDArray[np.uint8], k: int) -> tuple[Any, Any]: ...


class _FewRows:
    """The same, by numpy."""

    def __init__(self, rows: NDArray[np.uint8]) -> None:
        self.ntotal = len(rows)
        self.words = words(rows)

    def _distances(self, vectors: NDArray[np.uint8]) -> NDArray[np.int64]:
        return bit_distances(words(vectors), self.words)

    def range_search(self, vectors: NDArray[np.uint8], below: int) -> tuple[Any, Any, Any]:
        """Return the limits of each query's results, distances, rows."""
        distances = self._distances(vectors)
        near = distances < below
        limits = np.concatenate([[0], np.cumsum(near.sum(axis=1))])
        return limits, distances[near], np.nonzero(near)[1]

    def search(self, vectors: NDArray[np.uint8], k: int) -> tuple[Any, Any]:
        """Return the distances of the k nearest, and their rows."""
        distances = self._distances(vectors)
        order = np.argsort(distances, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(distances, order, axis=1), order


def bit_distances(left: NDArray[np.uint64], right: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Count the different bits of every pair of a left and a right row.

    Parameters
    ----------
    left, right : ndarray of uint64, shape (n, w) and (m, w)
        From `words`.

    Returns
    -------
    ndarray of int64, shape (n, m)
    """
    total = np.zeros((len(left), len(right)), np.int64)
    for i in range(left.shape[1]):
        total += np.bitwise_count(left[:, i, None] ^ right[:, i])
    return total


def words(rows: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Return bytes as whole 64-bit words, filled up with zeros.

    Parameters
    ----------
    rows : ndarray of uint8, shape (n, bytes)

    Returns
    -------
    ndarray of uint64, shape (n, ceil(bytes / 8))
    """
    padded = np.zeros((len(rows), -(-rows.shape[1] // 8) * 8), np.uint8)
    padded[:, : rows.shape[1]] = rows
    return padded.view(np.uint64)


class HammingEngine(Engine):
    """Exact search over packed bits.

    Parameters
    ----------
    rows : ndarray of uint8, shape (n, bytes)
    jobs : int
        Threads.
    """

    def __init__(self, rows: NDArray[np.uint8], jobs: int) -> None:
        self.n = len(rows)
        self.rows = np.ascontiguousarray(rows)
        # In blocks, so that a query is not compared with the rows far before it.
        self.indexes: list[tuple[int, _Index]] = []
        if self.n <= FEW_ROWS:
            self.indexes = [(0, _FewRows(self.rows))]
            return
        import faiss

        faiss.omp_set_num_threads(jobs)
        for start in range(0, self.n, _INDEX_BLOCK):
            index = faiss.IndexBinaryFlat(8 * rows.shape[1])
            index.add(self.rows[start : start + _INDEX_BLOCK])
            self.indexes.append((start, index))

    def after(self, queries: NDArray[np.int64], radius: float) -> Candidates:
        parts, total = [], 0
        for start, index in self.indexes:
            if start + index.ntotal <= queries[0] + 1:
                continue
            limits, distance, right = index.range_search(self.rows[queries], _below(radius))
            left = np.repeat(queries, _counts(limits))
            right = right + start
            later = right > left
            part = Candidates(left[later], right[later], distance[later].astype(np.float64))
            total += len(part.left)
            if total > MAX_BLOCK_PAIRS and len(queries) > 1:
                raise TooManyPairs
            parts.append(part)
        return gather(parts)

    def around(
        self, vectors: NDArray[np.uint8], radius: float, before: int | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Find the rows within a radius of any vectors.

        Parameters
        ----------
        vectors : ndarray of uint8, shape (q, bytes)
        radius : float
            In bits.
        before : int, optional
            Rows from this one on need not be found.

        Returns
        -------
        numbers, rows : ndarray of int64, shape (p,)
            Places of the vectors, and rows near them.
        """
        numbers, rows = [], []
        for start, index in self.indexes:
            if before is not None and start >= before:
                break
            limits, _, row = index.range_search(np.ascontiguousarray(vectors), _below(radius))
            numbers.append(np.repeat(np.arange(len(vectors)), _counts(limits)))
            rows.append(row.astype(np.int64) + start)
        return np.concatenate(numbers), np.concatenate(rows)

    def nearest(self, queries: NDArray[np.int64], k: int) -> Neighbours:
        rows, distances = [], []
        for start in range(0, len(queries), _QUERIES_WITH_TIES):
            block = self._nearest(queries[start : start + _QUERIES_WITH_TIES], k)
            rows.append(block.rows)
            distances.append(block.distance)
        return Neighbours(np.concatenate(rows), np.concatenate(distances))

    def nearest_to(self, vectors: NDArray[np.uint8], k: int) -> Neighbours:
        """Find the k nearest rows of any vectors, of equally near ones the first.

        Parameters
        ----------
        vectors : ndarray of uint8, shape (q, bytes)
        k : int
        """
        rows, distances = [], []
        for start in range(0, len(vectors), _QUERIES_WITH_TIES):
            part = np.ascontiguousarray(vectors[start : start + _QUERIES_WITH_TIES])
            block = best(len(part), k, *self._up_to(part, k))
            rows.append(block.rows)
            distances.append(block.distance)
        return Neighbours(np.concatenate(rows), np.concatenate(distances))

    def _nearest(self, queries: NDArray[np.int64], k: int) -> Neighbours:
        query, row, distance = self._up_to(self.rows[queries], k + 1)
        other = row != queries[query]
        return best(len(queries), k, query[other], row[other], distance[other])

    def _up_to(
        self, vectors: NDArray[np.uint8], k: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """All rows that are as near as the k-th nearest of each vector: vector, row, distance."""
        # The distance of the k-th row; then everything up to it, so that ties go by row.
        near = [index.search(vectors, min(k, index.ntotal))[0] for _, index in self.indexes]
        nearest = np.sort(np.concatenate(near, axis=1), axis=1)
        limit = nearest[:, min(k, nearest.shape[1]) - 1]
        which, rows, distances = [], [], []
        for radius in np.unique(limit):
            of_radius = np.flatnonzero(limit == radius)
            for start, index in self.indexes:
                limits, distance, row = index.range_search(vectors[of_radius], int(radius) + 1)
                which.append(np.repeat(of_radius, _counts(limits)))
                rows.append(row + start)
                distances.append(distance.astype(np.float64))
        return np.concatenate(which), np.concatenate(rows), np.concatenate(distances)


def _below(radius: float) -> int:
    """Return the bound that FAISS searches below; percent may have rounded the radius down."""
    return int(radius + 1e-9) + 1


def _counts(limits: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """Return the numbers of results, from where each query's begin."""
    starts = limits.astype(np.int64)
    return starts[1:] - starts[:-1]
