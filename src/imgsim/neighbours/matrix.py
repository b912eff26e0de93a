"""All distances of a folder, as a matrix in single precision."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators.base import Comparator, Metric, PairComparator, VectorComparator
from imgsim.errors import UsageError
from imgsim.neighbours.engine import rows_in_block
from imgsim.neighbours.hamming import bit_distances, words
from imgsim.neighbours.pairs import PairEngine
from imgsim.read.scratch import scratch

MAX_ROWS = 20_000
"""Of a matrix: 1.6 GB, in a temporary file."""

_BLOCK = 1024


def distance_matrix(
    comparator: Comparator, rows: NDArray[np.generic], engine: object
) -> NDArray[np.float32]:
    """Compute the distance of every row to every other.

    Parameters
    ----------
    comparator : VectorComparator or PairComparator
    rows : ndarray of the extractor's dtype, shape (n, ...)
        At most `MAX_ROWS`.
    engine : Engine
        That searches these rows; a `PairEngine` computes the distances.

    Returns
    -------
    ndarray of float32, shape (n, n)
        Symmetric, 0 on the diagonal; rough where a pair comparator has rough distances. It takes
        4 n^2 bytes: above 256 MiB in a temporary file, through which the system pages.

    Raises
    ------
    UsageError
        There are too many rows, no room for the file, or the comparator does not give a distance
        for every pair.
    """
    n = len(rows)
    if n > MAX_ROWS:
        raise UsageError(f"{n:,} images are too many for a matrix", f"up to {MAX_ROWS:,}")
    matrix = scratch((n, n), np.dtype(np.float32))
    if isinstance(comparator, PairComparator) and isinstance(engine, PairEngine):
        _fill_by_pairs(matrix, engine)
    elif isinstance(comparator, VectorComparator):
        _fill_by_vectors(matrix, comparator, rows)
    else:
        raise UsageError(
            f"{comparator.name} does not give a distance for every pair", "try ssim or phash"
        )
    np.fill_diagonal(matrix, 0)
    return matrix


def _fill_by_pairs(matrix: NDArray[np.float32], engine: PairEngine) -> None:
    size = engine.queries_at_once()
    for first in range(0, engine.n, size):
        queries = np.arange(first, min(first + size, engine.n))
        for start, distances in engine.later(queries):
            # each pair is computed once: what is not later is inf
            # and a rough distance may be a little below 0
            part = np.where(np.isfinite(distances), distances, 0).clip(0).astype(np.float32)
            columns = slice(start, start + part.shape[1])
            matrix[first : first + len(queries), columns] += part
            matrix[columns, first : first + len(queries)] += part.T


def _fill_by_vectors(
    matrix: NDArray[np.float32], comparator: VectorComparator, rows: NDArray[np.generic]
) -> None:
    if comparator.metric is Metric.HAMMING:
        bits = words(np.asarray(rows, np.uint8))
        for i in range(0, len(rows), _BLOCK):
            for j in range(0, len(rows), _BLOCK):
                matrix[i : i + _BLOCK, j : j + _BLOCK] = bit_distances(
                    bits[i : i + _BLOCK], bits[j : j + _BLOCK]
                )
        return
    size = rows_in_block(8 * rows.shape[1], _BLOCK)
    for i in range(0, len(rows), size):
        left = _vectors(comparator, rows[i : i + size])
        for j in range(i, len(rows), size):
            right = left if i == j else _vectors(comparator, rows[j : j + size])
            block = _dense(comparator, left, right)
            matrix[i : i + size, j : j + size] = block
            matrix[j : j + size, i : i + size] = block.T


def _vectors(comparator: VectorComparator, rows: NDArray[np.generic]) -> NDArray[np.float64]:
    vectors = rows.astype(np.float64)
    if comparator.metric is Metric.COSINE:
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-300)
    return vectors


def _dense(
    comparator: VectorComparator, left: NDArray[np.float64], right: NDArray[np.float64]
) -> NDArray[np.float64]:
    dot = left @ right.T
    if comparator.metric is Metric.COSINE:
        return np.asarray(np.clip(1 - dot, 0, 2))
    squares = (left * left).sum(axis=1)[:, None] + (right * right).sum(axis=1)
    return np.asarray(np.sqrt(np.maximum(squares - 2 * dot, 0)))
