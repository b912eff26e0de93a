"""One method on one data set: timed and scored."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from imgsim.benchmark import distances
from imgsim.benchmark.results import MethodResult, Spread, Timing
from imgsim.benchmark.score import MethodScores, matrix, score_classes, score_pairs
from imgsim.benchmark.thousand import search_of_thousand
from imgsim.benchmark.timing import ENOUGH_SECONDS, each, load_average, one_thread, repeated
from imgsim.comparators.base import Comparator
from imgsim.comparators.extractor import Extractor
from imgsim.comparators.label import label
from imgsim.dataset.labelled import LabelledImages
from imgsim.neighbours.build import make_engine
from imgsim.neighbours.pairs import PairEngine
from imgsim.read.files import read_file
from imgsim.read.options import RunOptions

SAMPLE = 32
"""Images that reading and extraction are timed on."""

TIMED_PAIRS = 200
MIXED_PAIRS = 20
_CHECKED = 256
_TIMES = 3
"""All pairs are compared to warm up, to be timed and to be scored, if that takes long."""

_LONG_SECONDS = 10

_RowOf = Callable[[int], NDArray[np.float64]]
"""Gives the distances of one image to all, shape (n,)."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """Some of the images as an extractor is given them, and the times that this and it take.

    Methods with one extractor share them, so that they are told apart by what differs.

    Attributes
    ----------
    images : tuple of ndarray of uint8, each of shape (h, w, c)
    seconds_read, seconds_features : Spread
        For an image.
    """

    images: tuple[NDArray[np.uint8], ...]
    seconds_read: Spread
    seconds_features: Spread


def read_sample(
    paths: Sequence[str], extractor: Extractor, options: RunOptions, seed: int
) -> Inputs:
    """Read some of the images as an extractor wants them; time this and the extraction.

    Parameters
    ----------
    paths : sequence of str
        Files that can be read.
    extractor : Extractor
    options : RunOptions
    seed : int
        Chooses them.
    """
    decoder = options.make_decoder()
    chosen = sample(len(paths), SAMPLE, seed)
    images: dict[int, NDArray[np.uint8]] = {}

    def reading(place: int) -> Callable[[], object]:
        def read() -> None:
            decoded = decoder(read_file(paths[place]), [extractor.wants])
            images[place] = decoded.images[extractor.wants]

        return read

    seconds = each([reading(place) for place in chosen])
    given = tuple(images[place] for place in chosen)
    return Inputs(given, seconds, seconds_of_features(extractor, given))


def seconds_of_features(extractor: Extractor, images: Sequence[NDArray[np.uint8]]) -> Spread:
    """Time an extractor, on the images of one size together.

    Parameters
    ----------
    extractor : Extractor
    images : sequence of ndarray of uint8, each of shape (h, w, c)

    Returns
    -------
    Spread
        Seconds for an image.
    """
    sizes: dict[tuple[int, ...], list[NDArray[np.uint8]]] = {}
    for image in images:
        sizes.setdefault(image.shape, []).append(image)
    batches = [np.stack(same) for same in sizes.values()]

    def extract() -> None:
        for batch in batches:
            extractor.extract(batch)

    with one_thread():
        if extractor.heavy:  # a network may be compiled for a size at first, which takes seconds
            extract()
        return repeated(extract, of=len(images))


def sample(n: int, most: int, seed: int) -> list[int]:
    """Draw at most so many places out of n, in order."""
    if n <= most:
        return list(range(n))
    return sorted(np.random.default_rng(seed).choice(n, most, replace=False).tolist())


def measure_method(
    comparator: Comparator,
    data: LabelledImages,
    rows: NDArray[Any],
    inputs: Inputs,
    options: RunOptions,
    threshold: float,
    *,
    seed: int = 0,
    queries: Sequence[int] | None = None,
    root: str = "",
) -> MethodResult:
    """Time and score a method.

    Parameters
    ----------
    comparator : Comparator
    data : LabelledImages
    rows : ndarray of the extractor's dtype, shape (n, ...)
        Features of its images.
    inputs : Inputs
        What the times of extraction are taken on.
    options : RunOptions
    threshold : float
        The largest distance of a duplicate.
    seed : int
    queries : sequence of int, optional
        See `score.score_classes`.
    root : str
        Paths are shown from here on.
    """
    names = [shown(path, root) for path in data.paths]
    scale = comparator.scale
    _announce(comparator, rows, options)
    timing, nearest = _timed(comparator, rows, inputs, options, seed)
    if data.pairs:
        scores, row_of = _scored_pairs(comparator, data, rows, names, threshold)
    else:
        every = _all_distances(comparator, rows, options)
        row_of = every.__getitem__
        scores = score_classes(
            every, data.classes, names, scale, threshold, seed=seed, queries=queries
        )
    return MethodResult(
        label(comparator),
        scale.unit,
        scale.better,
        int(rows[:1].nbytes),
        timing,
        _deviation(nearest, row_of, scale.worst),
        scores.retrieval,
        scores.detection,
        scores.curve,
        scores.histogram,
        scores.wrong,
        scores.missed,
    )


def _scored_pairs(
    comparator: Comparator,
    data: LabelledImages,
    rows: NDArray[Any],
    names: Sequence[str],
    threshold: float,
) -> tuple[MethodScores, _RowOf]:
    """Score a method on listed pairs."""
    left, right, same = data.pair_arrays()
    listed = distances.of_pairs(comparator, rows[left], rows[right])
    pair_names = [(names[p.left], names[p.right]) for p in data.pairs]
    scores = score_pairs(listed, same, pair_names, comparator.scale, threshold)
    return scores, lambda i: distances.between(comparator, rows[i : i + 1], rows)[0]


def _all_distances(
    comparator: Comparator, rows: NDArray[Any], options: RunOptions
) -> NDArray[np.float64]:
    """Compute the distances of all pairs, with progress."""
    progress = options.progress
    progress.start(f"scoring {comparator.name}", len(rows) * (len(rows) + 1) // 2, "pair")
    try:
        return matrix(comparator, rows, options.jobs, progress.advance)
    finally:
        progress.finish()


def shown(path: str, root: str = "") -> str:
    """Return a path as results name it: from a folder on, other bytes than UTF-8 replaced."""
    return os.fsencode(path.removeprefix(root).lstrip("/\\")).decode("utf-8", "replace")


def _announce(comparator: Comparator, rows: NDArray[Any], options: RunOptions) -> None:
    """Tell how long it will take to compare all pairs one by one, where that is long."""
    engine = make_engine(comparator, rows, options)
    if isinstance(engine, PairEngine):
        pairs = len(rows) * (len(rows) - 1) // 2
        seconds = _TIMES * engine.seconds_for(pairs)
        if seconds > _LONG_SECONDS:
            options.progress.note(f"{comparator.name}: {pairs:,} pairs, about {seconds:.0f} s")


def _timed(
    comparator: Comparator,
    rows: NDArray[Any],
    inputs: Inputs,
    options: RunOptions,
    seed: int,
) -> tuple[Timing, NDArray[np.float64]]:
    """Time a method; also return the distances of the nearest as the engine has them."""
    n = len(rows)
    nearest: list[NDArray[np.float64]] = []

    def search() -> None:
        engine = make_engine(comparator, rows, options)
        nearest[:] = [engine.nearest(np.arange(n), min(3, n - 1)).distance]

    rng = np.random.default_rng(seed)
    pairs = [rng.choice(n, 2, replace=False) for _ in range(TIMED_PAIRS)]
    few = [rng.choice(len(inputs.images), 2, replace=False) for _ in range(MIXED_PAIRS)]

    def compare(i: int, j: int) -> Callable[[], object]:
        return lambda: distances.of_pair(comparator, rows[i], rows[j])

    alone = _one_at_a_time(comparator).extract

    def mixed(i: int, j: int) -> Callable[[], object]:
        one, other = inputs.images[i][None], inputs.images[j][None]
        return lambda: distances.of_pair(comparator, alone(one)[0], alone(other)[0])

    busy = load_average()
    searched = repeated(search, of=n * (n - 1))
    with one_thread():
        compared = each([compare(i, j) for i, j in pairs], enough=ENOUGH_SECONDS)
        both = each([mixed(i, j) for i, j in few], enough=ENOUGH_SECONDS)
    thousand = search_of_thousand(comparator, rows, options, seed)
    timing = Timing(
        inputs.seconds_read, inputs.seconds_features, searched, compared, both, busy, thousand
    )
    return timing, nearest[0]


def _one_at_a_time(comparator: Comparator) -> Extractor:
    """Return its extractor, one that does not fill up a batch of which one image is wanted."""
    if any(field.name == "batch_size" for field in fields(cast(Any, comparator))):
        comparator = replace(cast(Any, comparator), batch_size=1)
    return comparator.extractor


def _deviation(nearest: NDArray[np.float64], row_of: _RowOf, worst: float) -> float:
    """Compute how far the engine's distances are from the harness's, at some of the queries."""
    n, k = nearest.shape
    largest = 0.0
    for i in sample(n, _CHECKED, 0):
        others = np.delete(row_of(i), i)
        expected = np.sort(np.partition(others, k - 1)[:k])
        largest = max(largest, float(np.abs(nearest[i] - expected).max()))
    return largest / worst
