"""Experiment 3: two implementations of one distance, `scipy` and `numpy`, against each other."""

from __future__ import annotations

from functools import partial

import numpy as np

from imgsim.benchmark.results import NormTiming
from imgsim.benchmark.timing import Watch, one_thread

REPETITIONS = 2300

VECTORS = (
    (64, "a hash, a number per bit"),
    (1280, "EfficientNet-b0 features, pooled"),
    (30_000, "RGB pixels of 100 x 100"),
    (62_720, "EfficientNet-b0 features, whole map of 224 x 224"),
)


def norms(repetitions: int = REPETITIONS, seed: int = 0) -> tuple[NormTiming, ...]:
    """Time `scipy.spatial.distance.euclidean(x, y)` and `numpy.linalg.norm(x - y)`.

    Each repetition times both, in turn one first and the other, so that neither meets filled
    processor caches, or a busier machine, more often; on one thread.

    Parameters
    ----------
    repetitions : int
    seed : int
        Of the vectors, in double precision, uniform in 0..1.
    """
    from scipy.spatial.distance import euclidean

    def by_numpy(x: np.ndarray[tuple[int], np.dtype[np.float64]], y: object) -> object:
        return np.linalg.norm(x - y)  # type: ignore[operator]

    results = []
    for length, what in VECTORS:
        rng = np.random.default_rng((seed, length))
        pool = rng.random((16, 2, length))
        warm, timed = ({euclidean: Watch(), by_numpy: Watch()} for _ in range(2))
        with one_thread():
            for watches, times in ((warm, min(20, repetitions)), (timed, repetitions)):
                for i in range(times):
                    x, y = pool[i % len(pool)]
                    for function in (euclidean, by_numpy) if i % 2 else (by_numpy, euclidean):
                        watches[function].time(partial(function, x, y))
        results.append(
            NormTiming(length, what, timed[euclidean].spread(), timed[by_numpy].spread())
        )
    return tuple(results)
