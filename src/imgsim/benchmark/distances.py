"""Distances computed from the feature rows for scoring: the harness does not take an engine's.

The engines filter in single precision and prune; here everything is computed for every pair, in
double precision, by the definitions alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators.base import Comparator, Metric, PairComparator, VectorComparator
from imgsim.errors import UsageError
from imgsim.neighbours.engine import rows_in_block

_NEARLY_EQUAL = 1e-9
"""Relative square distance below which a difference is not taken from products: they cancel."""


def blocks(n: int, bytes_per_row: int) -> Iterator[slice]:
    """Yield parts of n rows that each fit `engine.BLOCK_BYTES`, at least one row long."""
    size = rows_in_block(bytes_per_row, n)
    for start in range(0, n, size):
        yield slice(start, min(n, start + size))


def between(comparator: Comparator, left: NDArray[Any], right: NDArray[Any]) -> NDArray[np.float64]:
    """Compute the distances of all pairs of a left and a right row.

    Parameters
    ----------
    comparator : Comparator
    left, right : ndarray, shape (m, ...) and (n, ...)
        Rows of its extractor.

    Returns
    -------
    ndarray of float64, shape (m, n)

    Raises
    ------
    UsageError
        The comparator gives no distance of feature rows.
    """
    result = np.empty((len(left), len(right)))
    if isinstance(comparator, PairComparator):
        for part in blocks(len(right), 64 * int(right[:1].nbytes)):
            prepared = comparator.prepare(right[part])
            for i in range(len(left)):
                one = comparator.prepare(left[i : i + 1])
                result[i, part] = comparator.distance(one, prepared)
        return result
    if not isinstance(comparator, VectorComparator):
        raise UsageError(f"{comparator.name} gives no distance of feature rows", "leave it out")
    measure = {Metric.HAMMING: _hamming, Metric.EUCLIDEAN: _euclidean, Metric.COSINE: _cosine}
    width = int(np.prod(right.shape[1:], dtype=np.int64))
    for rows in blocks(len(left), 8 * max(width, len(right))):
        for columns in blocks(len(right), 8 * width):
            result[rows, columns] = measure[comparator.metric](left[rows], right[columns])
    return result


def of_pairs(
    comparator: Comparator, left: NDArray[Any], right: NDArray[Any]
) -> NDArray[np.float64]:
    """Compute the distances of pairs of rows.

    Parameters
    ----------
    comparator : Comparator
    left, right : ndarray of the extractor's dtype, shape (n, ...)

    Returns
    -------
    ndarray of float64, shape (n,)

    Raises
    ------
    UsageError
        The comparator gives no distance of feature rows.
    """
    result = np.empty(len(left))
    for part in blocks(len(left), 64 * int(left[:1].nbytes)):
        if isinstance(comparator, PairComparator):
            result[part] = comparator.distance(
                comparator.prepare(left[part]), comparator.prepare(right[part])
            )
            continue
        for i in range(part.start, part.stop):
            result[i] = between(comparator, left[i : i + 1], right[i : i + 1])[0, 0]
    return result


def of_pair(comparator: Comparator, left: NDArray[Any], right: NDArray[Any]) -> float:
    """Compute the distance of two rows, with little around it: loops over pairs are timed with it.

    Parameters
    ----------
    comparator : Comparator
    left, right : ndarray of the extractor's dtype, shape (...)

    Raises
    ------
    UsageError
        The comparator gives no distance of feature rows.
    """
    if isinstance(comparator, PairComparator):
        one, other = (comparator.prepare(row[None]) for row in (left, right))
        return float(comparator.distance(one, other)[0])
    if not isinstance(comparator, VectorComparator):
        raise UsageError(f"{comparator.name} gives no distance of feature rows", "leave it out")
    if comparator.metric is Metric.HAMMING:
        return float(np.bitwise_count(left ^ right).sum())
    x, y = left.astype(np.float64), right.astype(np.float64)
    if comparator.metric is Metric.EUCLIDEAN:
        return float(np.linalg.norm(x - y))
    norms = float(np.sqrt((x @ x) * (y @ y)))
    return 1.0 - float(x @ y) / norms if norms else float(bool(x.any() or y.any()))


def _hamming(left: NDArray[Any], right: NDArray[Any]) -> NDArray[np.float64]:
    """Count the different bits."""
    total = np.zeros((len(left), len(right)), np.int64)
    for byte in range(left.shape[1]):
        total += np.bitwise_count(left[:, byte, None] ^ right[None, :, byte])
    return total.astype(np.float64)


def _euclidean(left: NDArray[Any], right: NDArray[Any]) -> NDArray[np.float64]:
    """Compute the L2 distances."""
    x, y = left.astype(np.float64), right.astype(np.float64)
    sums = np.einsum("ij,ij->i", x, x)[:, None] + np.einsum("ij,ij->i", y, y)[None, :]
    square = np.maximum(sums - 2 * (x @ y.T), 0.0)
    _by_difference(square, square <= _NEARLY_EQUAL * sums, x, y)
    return np.asarray(np.sqrt(square))


def _cosine(left: NDArray[Any], right: NDArray[Any]) -> NDArray[np.float64]:
    """Compute 1 - cosine; a vector of zeros is at 0 from another and at 1 from everything else."""
    x, y = left.astype(np.float64), right.astype(np.float64)
    x_norm, y_norm = np.linalg.norm(x, axis=1), np.linalg.norm(y, axis=1)
    x /= np.where(x_norm > 0, x_norm, 1.0)[:, None]
    y /= np.where(y_norm > 0, y_norm, 1.0)[:, None]
    square = np.clip(2.0 - 2.0 * (x @ y.T), 0.0, 4.0)  # of unit vectors, twice 1 - cosine
    _by_difference(square, square <= _NEARLY_EQUAL, x, y)
    distance = square / 2
    distance[np.ix_(x_norm == 0, y_norm == 0)] = 0.0
    return np.asarray(distance)


def _by_difference(
    square: NDArray[np.float64],
    where: NDArray[np.bool_],
    x: NDArray[np.float64],
    y: NDArray[np.float64],
) -> None:
    """Compute some square distances from differences, in place: equal rows are at exactly 0."""
    i, j = np.nonzero(where)
    for part in blocks(len(i), 24 * x.shape[1]):
        difference = x[i[part]] - y[j[part]]
        square[i[part], j[part]] = np.einsum("ij,ij->i", difference, difference)
