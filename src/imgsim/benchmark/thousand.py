"""How long it takes to search 1,000 images, timed on rows made from those of a data set.

The time of a search among 10 or 100 images, multiplied, would multiply what beginning takes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgsim.benchmark.results import Spread
from imgsim.benchmark.timing import one_thread, repeated, scaled
from imgsim.comparators.base import Comparator
from imgsim.neighbours.build import make_engine
from imgsim.neighbours.pairs import PairEngine
from imgsim.progress import Silent
from imgsim.read.options import RunOptions

IMAGES = 1000

LONGEST_SECONDS = 4.0
"""What would take longer is timed with fewer rows, and multiplied by the pairs."""

LEAST_ROWS = 4
"""So many are searched, however long a pair takes."""

_ENOUGH_SECONDS = 1.0
_LEAST_FITTING = 64
_BYTES = 256 << 20
"""Memory that rows may take; feature maps of large frames are 700 kB each."""


def search_of_thousand(
    comparator: Comparator, rows: NDArray[Any], options: RunOptions, seed: int
) -> Spread:
    """Time the search of the 3 nearest of each of 1,000 images, with one thread.

    Parameters
    ----------
    comparator : VectorComparator or PairComparator
    rows : ndarray of the extractor's dtype, shape (n, ...)
        Features of the images there are, two at least.
    options : RunOptions
    seed : int
        Of the rows that are made or drawn.

    Returns
    -------
    Spread
        Seconds for the whole search.
    """
    alone = replace(options, jobs=1, progress=Silent())
    fitting = max(_LEAST_FITTING, _BYTES // max(1, rows[:1].nbytes))
    some = thousand_rows(rows, min(IMAGES, fitting), seed)
    with one_thread():
        try:
            return _timed(comparator, some, alone)
        except Exception:  # a plug-in may refuse rows that its extractor did not give
            return _timed(comparator, np.resize(rows, some.shape), alone)


def thousand_rows(rows: NDArray[Any], count: int, seed: int) -> NDArray[Any]:
    """Draw so many rows; of fewer, make them: each the beginning of one and the end of another.

    Repeated rows would be equal, and engines look twice at what is nearly equal.

    Parameters
    ----------
    rows : ndarray of any dtype, shape (n, ...)
    count : int
    seed : int

    Returns
    -------
    ndarray of that dtype, shape (count, ...)
    """
    rng = np.random.default_rng(seed)
    if len(rows) >= count:
        return rows[np.sort(rng.choice(len(rows), count, replace=False))]
    flat = np.reshape(rows, (len(rows), -1))
    first = rng.integers(len(flat), size=count)
    made = flat[first]
    ends = (first + rng.integers(1, max(2, len(flat)), size=count)) % len(flat)
    cuts = rng.integers(flat.shape[1] // 4, 1 + 3 * flat.shape[1] // 4, size=count)
    for row, end, cut in zip(made, ends, cuts, strict=True):
        row[cut:] = flat[end, cut:]
    return np.reshape(made, (count, *rows.shape[1:]))


def _timed(comparator: Comparator, rows: NDArray[Any], options: RunOptions) -> Spread:
    engine = make_engine(comparator, rows, options)
    if isinstance(engine, PairEngine):
        expected = engine.seconds_for(len(rows) * (len(rows) - 1) // 2)
        if expected > LONGEST_SECONDS:
            fewer = int(len(rows) * (LONGEST_SECONDS / expected) ** 0.5)
            rows = rows[: max(LEAST_ROWS, fewer)]
    n = len(rows)

    def search() -> None:
        make_engine(comparator, rows, options).nearest(np.arange(n), min(3, n - 1))

    timed = repeated(search, times=3, enough=_ENOUGH_SECONDS)
    return scaled(timed, IMAGES * (IMAGES - 1) / (n * (n - 1)))
