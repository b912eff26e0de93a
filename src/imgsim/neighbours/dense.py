"""Euclidean and cosine distance of dense vectors: a filter by matrix product, then exactly.

The product runs in single precision. Its error has a bound (Higham, "Accuracy and Stability of
Numerical Algorithms", 2002, section 3.1): what is nearer than radius + bound is computed again in
double precision, so the result is that of double precision throughout.
"""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
from numpy.typing import NDArray

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

_GALLERY_BLOCK = 4096
_EXACT_VALUES = 4_000_000
_UNIT_ROUNDOFF = 2.0**-24

_Block = tuple[NDArray[np.float32], NDArray[np.float64]]
"""Vectors as the filter takes them, shape (n, d), and their norms, shape (n,)."""

_Errors = NDArray[np.float64]
"""Bounds of errors, of a shape that fits the values."""


class _DenseEngine(Engine):
    """Search over dense rows; they stay as given (a memory map too), blocks become float32."""

    def __init__(self, rows: NDArray[np.generic]) -> None:
        self.rows = rows
        self.n = len(rows)
        # +4 for the norms and the final sum
        self.product_error = (rows.shape[1] + 4) * _UNIT_ROUNDOFF
        self.block = rows_in_block(4 * rows.shape[1], _GALLERY_BLOCK)

    def queries_at_once(self) -> int:
        return min(self.block, QUERY_BLOCK)

    @abstractmethod
    def _block(self, rows: NDArray[np.generic]) -> _Block:
        """Prepare rows for the filter."""

    @abstractmethod
    def _rough(self, left: _Block, right: _Block) -> tuple[NDArray[np.float32], _Errors]:
        """Compute rough values (monotone in the distance) of all pairs, and bound their error."""

    @abstractmethod
    def _value(self, distance: float) -> float:
        """Return the rough value that belongs to a distance."""

    @abstractmethod
    def _exact(self, left: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
        """Compute the distances of pairs of rows, in double precision."""

    def after(self, queries: NDArray[np.int64], radius: float) -> Candidates:
        left = self._block(self.rows[queries])
        limit = self._value(radius)
        parts, total = [], 0
        first = int(queries[0]) + 1
        for start in range(first - first % self.block, self.n, self.block):
            right = self._block(self.rows[start : start + self.block])
            rough, error = self._rough(left, right)
            query, row = np.nonzero(rough <= limit + error)
            row += start
            later = row > queries[query]
            part = self._rescored(queries[query[later]], row[later])
            near = part.distance <= radius
            parts.append(Candidates(part.left[near], part.right[near], part.distance[near]))
            total += int(near.sum())
            if total > MAX_BLOCK_PAIRS and len(queries) > 1:
                raise TooManyPairs
        return gather(parts)

    def _rescored(self, left: NDArray[np.int64], right: NDArray[np.int64]) -> Candidates:
        distance = np.empty(len(left))
        step = max(1, _EXACT_VALUES // self.rows.shape[1])
        for i in range(0, len(left), step):
            part = slice(i, i + step)
            distance[part] = self._exact(
                self.rows[left[part]].astype(np.float64), self.rows[right[part]].astype(np.float64)
            )
        return Candidates(left, right, distance)

    def nearest(self, queries: NDArray[np.int64], k: int) -> Neighbours:
        size = min(self.block, 256)
        results = [
            self._nearest(queries[start : start + size], k)
            for start in range(0, len(queries), size)
        ]
        return Neighbours(
            np.concatenate([r.rows for r in results]), np.concatenate([r.distance for r in results])
        )

    def _nearest(self, queries: NDArray[np.int64], k: int) -> Neighbours:
        left = self._block(self.rows[queries])
        limit = np.full(len(queries), np.inf)
        near_parts: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]] = []
        for start in range(0, self.n, self.block):
            right = self._block(self.rows[start : start + self.block])
            rough, error = self._rough(left, right)
            low, high = rough - error, rough + error
            itself = (queries >= start) & (queries < start + rough.shape[1])
            low[itself, queries[itself] - start] = np.inf
            high[itself, queries[itself] - start] = np.inf
            if high.shape[1] >= k:
                limit = np.minimum(limit, np.partition(high, k - 1, axis=1)[:, k - 1])
            query, row = np.nonzero((low <= limit[:, None]) & np.isfinite(low))
            near_parts.append((query, row + start, low[query, row]))
        query, row, lowest = (np.concatenate(column) for column in zip(*near_parts, strict=True))
        near = lowest <= limit[query]
        query, row = query[near], row[near]
        scored = self._rescored(queries[query], row)
        return best(len(queries), k, query, row, scored.distance)


class EuclideanEngine(_DenseEngine):
    """L2 distance; the filter works on its square."""

    def _block(self, rows: NDArray[np.generic]) -> _Block:
        vectors = rows.astype(np.float32)
        return vectors, np.sqrt(np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64))

    def _rough(self, left: _Block, right: _Block) -> tuple[NDArray[np.float32], _Errors]:
        (x, x_norm), (y, y_norm) = left, right
        rough = x @ y.T
        rough *= -2
        rough += (x_norm**2)[:, None].astype(np.float32)
        rough += (y_norm**2)[None, :].astype(np.float32)
        largest = (x_norm[:, None] + y_norm.max(initial=0.0)) ** 2
        return rough, self.product_error * largest

    def _value(self, distance: float) -> float:
        return distance * distance

    def _exact(self, left: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
        difference = left - right
        return np.asarray(np.sqrt(np.einsum("ij,ij->i", difference, difference)))


class CosineEngine(_DenseEngine):
    """1 - cosine. A vector of zeros is at distance 0 of another and 1 of everything else."""

    def _block(self, rows: NDArray[np.generic]) -> _Block:
        vectors = rows.astype(np.float32)
        norms = np.sqrt(np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64))
        vectors /= np.where(norms > 0, norms, 1.0)[:, None].astype(np.float32)
        return vectors, norms

    def _rough(self, left: _Block, right: _Block) -> tuple[NDArray[np.float32], _Errors]:
        (x, x_norm), (y, y_norm) = left, right
        rough = 1 - x @ y.T
        rough[np.ix_(x_norm == 0, y_norm == 0)] = 0
        return rough, np.full((len(x), 1), self.product_error)

    def _value(self, distance: float) -> float:
        return distance

    def _exact(self, left: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
        left_square = np.einsum("ij,ij->i", left, left)
        right_square = np.einsum("ij,ij->i", right, right)
        scale = np.sqrt(left_square * right_square)
        dot = np.einsum("ij,ij->i", left, right)
        cosine = np.divide(dot, scale, out=np.zeros_like(dot), where=scale > 0)
        cosine[(left_square == 0) & (right_square == 0)] = 1.0
        cosine[np.all(left == right, axis=1)] = 1.0
        return np.asarray(np.clip(1.0 - cosine, 0.0, 2.0))
