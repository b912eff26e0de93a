"""Hamming distance of packed bits.

All pairs within a radius are found in C, where that could be compiled: each row is compared with
all behind it or, where the radius is small, with those that have one of `radius` + 1 parts in
common (multi-index hashing: M. Norouzi, A. Punjani, D. Fleet, CVPR 2012,
doi:10.1109/CVPR.2012.6248043).
Else, and for all other questions, it is FAISS's flat binary index; by numpy where rows are few.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from imgsim.neighbours.engine import MAX_BLOCK_PAIRS, Engine, Neighbours, TooManyPairs, best, gather
from imgsim.types import Candidates

try:
    from imgsim.compiled import _hashes
except ImportError:
    _hashes = None  # type: ignore[assignment]

_INDEX_BLOCK = 16_384
_QUERIES_WITH_TIES = 64

_MIN_PART_BITS, _MAX_PART_BITS = 9, 16
"""Bits of the parts of a row: rows that share fewer are so many that all may as well be compared;
for more the tables would be larger than the rows."""

_ROWS_WITH_PARTS = 4096
"""From so many rows on, it takes less time to look for those with a part in common."""

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


@dataclass(frozen=True, slots=True)
class _Parts:
    """Rows in order of the values of each of their parts.

    Attributes
    ----------
    number, bits : int
        Parts, and bits of each.
    starts : ndarray of uint32, shape (number, 2**bits + 1), or None
        Where the rows of each value begin.
    order : ndarray of uint32, shape (number, n), or None
    """

    number: int = 0
    bits: int = 0
    starts: NDArray[np.uint32] | None = None
    order: NDArray[np.uint32] | None = None

    @classmethod
    def of(cls, words: NDArray[np.uint64], bits: int, radius: int) -> _Parts:
        """One more than bits may differ, so that one is equal; none where they would be small."""
        number = radius + 1
        size = min(_MAX_PART_BITS, bits // number)
        if size < _MIN_PART_BITS or len(words) < _ROWS_WITH_PARTS:
            return cls()
        starts = np.zeros((number, (1 << size) + 1), np.uint32)
        order = np.empty((number, len(words)), np.uint32)
        for part in range(number):
            word, shift = divmod(part * size, 64)
            values = words[:, word] >> np.uint64(shift)
            if shift + size > 64:
                values |= words[:, word + 1] << np.uint64(64 - shift)
            values &= np.uint64((1 << size) - 1)
            starts[part, 1:] = np.cumsum(np.bincount(values.astype(np.int64), minlength=1 << size))
            order[part] = np.argsort(values.astype(np.uint16), kind="stable")
        return cls(number, size, starts, order)


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
        self.jobs = jobs
        self._parts: dict[int, _Parts] = {}

    @cached_property
    def indexes(self) -> list[tuple[int, _Index]]:
        """Where each begins: in blocks, so that a query is not compared with rows far before it."""
        if self.n <= FEW_ROWS:
            return [(0, _FewRows(self.rows))]
        import faiss

        faiss.omp_set_num_threads(self.jobs)
        indexes: list[tuple[int, _Index]] = []
        for start in range(0, self.n, _INDEX_BLOCK):
            index = faiss.IndexBinaryFlat(8 * self.rows.shape[1])
            index.add(self.rows[start : start + _INDEX_BLOCK])
            indexes.append((start, index))
        return indexes

    @cached_property
    def _words(self) -> NDArray[np.uint64]:
        return words(self.rows)

    def after(self, queries: NDArray[np.int64], radius: float) -> Candidates:
        if _hashes is not None:
            return self._after(queries, _below(radius) - 1)
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

    def _after(self, queries: NDArray[np.int64], radius: int) -> Candidates:
        """The same in C."""
        if radius not in self._parts:
            self._parts[radius] = _Parts.of(self._words, 8 * self.rows.shape[1], radius)
        some = -(-len(queries) // self.jobs)
        blocks = [queries[i : i + some] for i in range(0, len(queries), some)]
        with ThreadPoolExecutor(self.jobs) as pool:
            near = list(pool.map(lambda block: self._near(block, radius), blocks))
        if sum(len(one.left) for one in near) > MAX_BLOCK_PAIRS and len(queries) > 1:
            raise TooManyPairs
        return gather(near)

    def _near(self, queries: NDArray[np.int64], radius: int) -> Candidates:
        parts = self._parts[radius]
        room = min(MAX_BLOCK_PAIRS, len(queries) * self.n) + self.n
        found, distance = np.empty(room, np.uint64), np.empty(room, np.uint16)
        size = self._words.shape[1]
        stop, n = _hashes.after(
            0,
            radius,
            parts.number,
            parts.bits,
            queries,
            self._words,
            size,
            parts.starts,
            parts.order,
            found,
            distance,
        )
        if stop < len(queries):
            raise TooManyPairs
        left, right = found[:n] >> np.uint64(32), found[:n] & np.uint64(2**32 - 1)
        return Candidates(
            left.astype(np.int64), right.astype(np.int64), distance[:n].astype(np.float64)
        )

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
