"""Which engine searches for which comparator; equal rows collapse before any search."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators.base import Metric, VectorComparator
from imgsim.search.dense import CosineEngine, EuclideanEngine
from imgsim.search.engine import Engine
from imgsim.search.hamming import HammingEngine


def vector_engine(comparator: VectorComparator, rows: NDArray[np.generic], jobs: int) -> Engine:
    """Make the engine of a comparator's metric."""
    if comparator.metric is Metric.HAMMING:
        return HammingEngine(np.asarray(rows, dtype=np.uint8), jobs)
    if comparator.metric is Metric.EUCLIDEAN:
        return EuclideanEngine(rows)
    return CosineEngine(rows)


@dataclass(frozen=True, slots=True)
class Collapsed:
    """Classes of equal rows.

    Attributes
    ----------
    first : ndarray of int64, shape (classes,)
        The first row of each class, ascending.
    members : tuple of ndarray of int64
        All rows of each class, ascending.
    """

    first: NDArray[np.int64]
    members: tuple[NDArray[np.int64], ...]


def collapse(rows: NDArray[np.generic]) -> Collapsed:
    """Find equal rows: 10,000 identical frames are searched as one."""
    if len(rows) == 0:
        return Collapsed(np.empty(0, np.int64), ())
    classes: dict[bytes, list[int]] = {}
    for i, row in enumerate(rows):
        content = row.tobytes()
        if len(content) > 64:
            content = blake2b(content, digest_size=32).digest()
        classes.setdefault(content, []).append(i)
    members = tuple(np.array(m, np.int64) for m in classes.values())
    return Collapsed(np.array([m[0] for m in members], np.int64), members)
