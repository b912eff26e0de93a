"""Experiment 2: which changes of a picture each method is robust to.

Originals are drawn from the data set, in turn from every class, scaled down to `MAX_SIDE` where
they are larger, and each is changed in every way of `changes.CHANGES`. All methods see the same
files. A copy is recognised if it is within the threshold of its original; it finds its original
first if none of the others is as near.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imgsim.benchmark import distances
from imgsim.benchmark.results import ChangeResult, MethodResilience
from imgsim.comparators.base import Comparator
from imgsim.comparators.label import label
from imgsim.comparators.recipes import Recipe
from imgsim.dataset.labelled import LabelledImages
from imgsim.decode.spec import InputSpec
from imgsim.pictures.change import Change
from imgsim.pictures.changes import CHANGES
from imgsim.read.collect import collect
from imgsim.read.files import read_file
from imgsim.read.options import RunOptions
from imgsim.read.table import Collection
from imgsim.temporary import TemporaryFolder
from imgsim.verify.verdicts import verify_pair

MAX_SIDE = 1024
"""Of an original, in pixels."""

_CHANGES_TIMED = 3
"""After so many changes it is told how long the others will take."""

_LONG_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Copies:
    """Originals and their changed copies, read.

    Attributes
    ----------
    originals : tuple of str
    changed : tuple of tuple of str
        For each original, a file per change.
    read : Collection
    """

    originals: tuple[str, ...]
    changed: tuple[tuple[str, ...], ...]
    read: Collection


def draw(data: LabelledImages, most: int, seed: int) -> list[int]:
    """Choose originals: one of each class in turn, classes and images in random order."""
    rng = np.random.default_rng(seed)
    classes = data.classes if data.labels else np.zeros(len(data.paths), np.int64)
    order = rng.permutation(len(classes))
    seen: dict[int, int] = {}
    turns: list[tuple[int, int, int]] = []
    for i in order:
        turn = seen.get(int(classes[i]), 0)
        seen[int(classes[i])] = turn + 1
        turns.append((turn, len(turns), int(i)))
    return sorted(i for _, _, i in sorted(turns)[:most])


def make_copies(
    paths: Sequence[str],
    comparators: Sequence[Comparator],
    folder: Path,
    options: RunOptions,
    seed: int,
    changes: Sequence[Change] = CHANGES,
) -> Copies:
    """Write originals and changed copies of some files, and read them for some methods.

    Parameters
    ----------
    paths : sequence of str
        Files that can be read.
    comparators : sequence of Comparator
    folder : Path
        Empty.
    options : RunOptions
        The cache is left alone.
    seed : int
        Of the strength of the changes.
    changes : sequence of Change
        Ways to change each.
    """
    from PIL import Image

    want = InputSpec(0, 0, "rgb", at_least=MAX_SIDE)
    decoder = options.make_decoder()
    originals, changed = [], []
    options.progress.start("changing", len(paths), "image")
    try:
        for number, path in enumerate(paths):
            pixels = decoder(read_file(path), [want]).images[want]
            image = Image.fromarray(pixels)
            image.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)
            original = folder / f"{number:04}.png"
            image.save(original)
            below = folder / f"{number:04}"
            below.mkdir()
            originals.append(str(original))
            changed.append(
                tuple(
                    str(
                        change.write(
                            image,
                            below / f"{place:02}",
                            np.random.default_rng((seed, number, place)),
                            original,
                        )
                    )
                    for place, change in enumerate(changes)
                )
            )
            options.progress.advance(1)
    finally:
        options.progress.finish()
    extractors = list(dict.fromkeys(c.extractor for c in comparators))
    read = collect([str(folder)], extractors, replace(options, cache=None))
    return Copies(tuple(originals), tuple(changed), read)


def measure_by_distance(
    comparator: Comparator, copies: Copies, threshold: float
) -> MethodResilience:
    """Measure a method that ranks, by the distances of copies and originals.

    Parameters
    ----------
    comparator : Comparator
    copies : Copies
        Read for it.
    threshold : float
        The largest distance of a duplicate.
    """
    places = {p.file.path: i for i, p in enumerate(copies.read.pictures)}
    rows = copies.read.features(comparator.extractor, copies.read.pictures).rows
    originals = rows[[places[path] for path in copies.originals]]
    n = len(originals)
    results = []
    first = []
    for change, files in zip(CHANGES, zip(*copies.changed, strict=True), strict=True):
        changed = rows[[places[path] for path in files]]
        all_distances = distances.between(comparator, changed, originals)
        own = np.diag(all_distances)
        first.append(float(np.mean(_first(all_distances))))
        results.append(ChangeResult(change.name, float(np.mean(own <= threshold)), first[-1]))
    between = distances.between(comparator, originals, originals)[np.triu_indices(n, 1)]
    return MethodResilience(
        label(comparator),
        tuple(results),
        float(np.mean([result.recognised for result in results])),
        float(np.mean(first)),
        int(np.sum(between <= threshold)),
    )


def measure_by_verdict(
    recipe: Recipe, copies: Copies, threshold: float, options: RunOptions
) -> MethodResilience:
    """Measure a method that verifies, by its verdict on each pair of copy and original.

    Parameters
    ----------
    recipe : Recipe
    copies : Copies
        Read for it.
    threshold : float
        The largest distance of a duplicate.
    options : RunOptions
    """
    pictures = copies.read.pictures
    rows = copies.read.features(recipe.extractor, pictures).rows
    places = {p.file.path: i for i, p in enumerate(pictures)}

    def same(one: str, other: str) -> bool:
        left, right = places[one], places[other]
        if pictures[left].digest == pictures[right].digest:
            return True
        verdict = verify_pair(recipe, (one, other), np.stack([rows[left], rows[right]]), options)
        return recipe.accepts(verdict, threshold, "normal")

    progress = options.progress
    n = len(copies.originals)
    between = n * (n - 1) // 2
    progress.start(f"verifying by {recipe.name}", n * len(CHANGES), "pair")
    results: list[ChangeResult] = []
    try:
        started = time.perf_counter()
        for change, files in zip(CHANGES, zip(*copies.changed, strict=True), strict=True):
            pairs = zip(copies.originals, files, strict=True)
            share = float(np.mean([same(original, copy) for original, copy in pairs]))
            results.append(ChangeResult(change.name, share, None))
            progress.advance(len(files))
            if len(results) == _CHANGES_TIMED:
                pairs_done = n * _CHANGES_TIMED
                left = n * len(CHANGES) + between - pairs_done
                seconds = (time.perf_counter() - started) / pairs_done * left
                if seconds > _LONG_SECONDS:
                    progress.note(f"{recipe.name}: {left:,} pairs to verify, about {seconds:.0f} s")
        wrong = sum(same(one, other) for one, other in combinations(copies.originals, 2))
    finally:
        progress.finish()
    mean = float(np.mean([result.recognised for result in results]))
    return MethodResilience(label(recipe), tuple(results), mean, None, wrong)


def _first(all_distances: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell of each row whether its own column is nearer than every other."""
    others = all_distances.copy()
    np.fill_diagonal(others, np.inf)
    return np.asarray(np.diag(all_distances) < others.min(axis=1))


def measure_each(
    data: LabelledImages,
    thresholds: Mapping[Comparator, float],
    most: int,
    options: RunOptions,
    seed: int,
) -> Generator[tuple[Comparator, MethodResilience]]:
    """Draw originals, write their copies to a temporary folder, and measure method by method.

    Parameters
    ----------
    data : LabelledImages
    thresholds : mapping of Comparator to float
        The methods, and the largest distance of a duplicate by each.
    most : int
        Originals.
    options : RunOptions
    seed : int

    Yields
    ------
    tuple of (Comparator, MethodResilience)
        Each as soon as it is measured.
    """
    chosen = draw(data, most, seed)
    with TemporaryFolder("bench") as folder:
        paths = [data.paths[i] for i in chosen]
        copies = make_copies(paths, list(thresholds), Path(folder), options, seed)
        for c, limit in thresholds.items():
            if isinstance(c, Recipe):
                yield c, measure_by_verdict(c, copies, limit, options)
            else:
                yield c, measure_by_distance(c, copies, limit)
