"""Which engine searches for which comparator; equal rows collapse before any search."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators.base import Comparator, Metric, PairComparator, VectorComparator
from imgsim.neighbours.dense import CosineEngine, EuclideanEngine
from imgsim.neighbours.engine import Engine
from imgsim.neighbours.hamming import HammingEngine
from imgsim.neighbours.pairs import PairEngine
from imgsim.read.options import RunOptions


def vector_engine(comparator: VectorComparator, rows: NDArray[np.generic], jobs: int) -> Engine:
    """Make the engine of a comparator's metric.

    Parameters
    ----------
    comparator : VectorComparator
    rows : ndarray of the extractor's dtype, shape (n, ...)
    jobs : int
        Threads.
    """
    if comparator.metric is Metric.HAMMING:
        return HammingEngine(np.asarray(rows, dtype=np.uint8), jobs)
    if comparator.metric is Metric.EUCLIDEAN:
        return EuclideanEngine(rows)
    return CosineEngine(rows)


def collapse(rows: NDArray[np.generic]) -> NDArray[np.int64]:
    """Number the distinct rows in order of their first: 10,000 identical frames are one.

    Parameters
    ----------
    rows : ndarray of any dtype, shape (n, ...)

    Returns
    -------
    ndarray of int64, shape (n,)
        The number of each row; equal rows have equal numbers.
    """
    numbers: dict[bytes, int] = {}
    result = np.empty(len(rows), np.int64)
    for i, row in enumerate(rows):
        content = row.tobytes()
        if len(content) > 64:
            content = blake2b(content, digest_size=32).digest()
        result[i] = numbers.setdefault(content, len(numbers))
    return result


def make_engine(comparator: Comparator, rows: NDArray[np.generic], options: RunOptions) -> Engine:
    """Make the engine that searches rows for a comparator.

    Parameters
    ----------
    comparator : VectorComparator or PairComparator
    rows : ndarray of the extractor's dtype, shape (n, ...)
    options : RunOptions
    """
    if isinstance(comparator, VectorComparator):
        return vector_engine(comparator, rows, options.jobs)
    assert isinstance(comparator, PairComparator)
    return PairEngine(comparator, rows, options.jobs, options.progress.advance)
