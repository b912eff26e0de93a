"""Experiment 3: two implementations of one distance, `scipy` and `numpy`, against each other."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from imgsim.bench.results import NormTiming
from imgsim.bench.timing import one_thread, spread

REPETITIONS = 2300

VECTORS = (
    (64, "a hash, a number per bit"),
    (1280, "EfficientNet-b0 features, pooled"),
    (30_000, "RGB pixels of 100 x 100"),
    (62_720, "EfficientNet-b0 features, whole map of 224 x 224"),
)


def norms(repetitions: int = REPETITIONS, seed: int = 0) -> tuple[NormTiming, ...]:
    """Time `scipy.spatial.distance.euclidean(x, y)` and `numpy.linalg.norm(x - y)`.

    Each repetition times both, in turn one first and the other, so that neither finds the
    processor's caches filled more often, or the machine busier; on one thread.

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
        seconds: dict[Callable[..., object], list[float]] = {euclidean: [], by_numpy: []}
        with one_thread():
            for warm_up in (True, False):
                for i in range(min(20, repetitions) if warm_up else repetitions):
                    x, y = pool[i % len(pool)]
                    for function in (euclidean, by_numpy) if i % 2 else (by_numpy, euclidean):
                        started = time.perf_counter()
                        function(x, y)
                        took = time.perf_counter() - started
                        if not warm_up:
                            seconds[function].append(took)
        results.append(
            NormTiming(length, what, spread(seconds[euclidean]), spread(seconds[by_numpy]))
        )
    return tuple(results)
