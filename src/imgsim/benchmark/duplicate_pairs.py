"""Methods that verify: which pairs of a data set they call duplicates, and how rightly.

What they rank are these copies first, by their residuals, then the others by their hashes.

The pairs are those of find-dupes, by the same run of the recipe, with all that it proposes
verified. What is right is counted here, from the labels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from imgsim.addresses import printable
from imgsim.benchmark.detection import MISTAKES, detection_of
from imgsim.benchmark.measure import MIXED_PAIRS, SAMPLE, TIMED_PAIRS, Inputs, sample, shown
from imgsim.benchmark.metrics import PairCounts
from imgsim.benchmark.results import MethodResult, Mistake, Retrieval, Spread, Timing
from imgsim.benchmark.retrieval import score_query
from imgsim.benchmark.score import retrieval_of
from imgsim.benchmark.thousand import IMAGES
from imgsim.benchmark.timing import (
    ENOUGH_SECONDS,
    each,
    load_average,
    one_thread,
    repeated,
    scaled,
)
from imgsim.comparators.label import label
from imgsim.comparators.local import ORIENTATIONS, records, turned
from imgsim.comparators.recipes import Recipe
from imgsim.dataset.labelled import LabelledImages
from imgsim.errors import ImgsimError
from imgsim.group.recipe_run import RecipeRun, split_judged
from imgsim.group.rules import Rules, equal_pixels
from imgsim.neighbours.hamming import bit_distances, words
from imgsim.read.options import RunOptions
from imgsim.read.table import Collection
from imgsim.types import Picture
from imgsim.verify.verdicts import verify_pair

_BEHIND_ALL_COPIES = 1e6
"""Added to the bits of hashes, so that no residual is as large."""


@dataclass(frozen=True, slots=True)
class DuplicatePairs:
    """The pairs that a method calls duplicates.

    Attributes
    ----------
    same : ndarray of bool, shape (n, n)
        Symmetric; true for the pairs.
    residual : dict of (int, int) to float
        Of the pairs that it verified, the lesser place first.
    seconds : Spread
        For all of it.
    """

    same: NDArray[np.bool_]
    residual: dict[tuple[int, int], float]
    seconds: Spread


def find_pairs(
    recipe: Recipe, pictures: Sequence[Picture], read: Collection, limit: float, options: RunOptions
) -> DuplicatePairs:
    """Find the pairs that a recipe calls duplicates, by verifying all that it proposes.

    Parameters
    ----------
    recipe : Recipe
    pictures : sequence of Picture
        One per image of the data set; the same one twice for files with equal bytes.
    read : Collection
        Read for the recipe.
    limit : float
        The largest residual of a duplicate.
    options : RunOptions
        Neither verdicts of earlier runs nor images that were kept since they were read are used,
        so that the time does not depend on what was done before.
    """
    others = {p.identity for p in split_judged(recipe, read, pictures)[1]}
    detailed = [place for place, p in enumerate(pictures) if p.identity not in others]
    flat = [place for place, p in enumerate(pictures) if p.identity in others]
    options = replace(options, cache=None, executor="threads")  # whose processors' time is known
    afresh = replace(read, slots={}, executor=None)  # not by the workers that read them
    same = np.zeros((len(pictures), len(pictures)), bool)
    residual: dict[tuple[int, int], float] = {}

    def verify() -> None:
        chosen = [pictures[place] for place in detailed]
        with RecipeRun(
            recipe, afresh, chosen, Rules(), limit, "normal", options, residuals=True
        ) as run:
            verdicts = run.verify_all()
            lost = run.not_compared()
        if lost:  # to count it as a pair that does not match would be a guess
            one = lost[0]
            names = f"{printable(one.left)} and {printable(one.right)}"
            raise ImgsimError(
                f"{names} could not be compared: {one.reason}",
                "run it again while no file is changed: what was measured is kept",
            )
        classes = [[detailed[i] for i in members] for members in run.classes]
        for members in classes:
            same[np.ix_(members, members)] = True
        for (left, right), verdict in verdicts.items():
            ends = list(product(classes[left], classes[right]))
            residual.update({(min(pair), max(pair)): verdict.residual for pair in ends})
            same[np.ix_(classes[left], classes[right])] = run.accepts(verdict)

    seconds = repeated(verify)
    for members in equal_pixels([pictures[place] for place in flat]):
        equal = [flat[i] for i in members]
        same[np.ix_(equal, equal)] = True
    same |= same.T
    np.fill_diagonal(same, False)
    return DuplicatePairs(same, residual, seconds)


def measure_pairs(
    recipe: Recipe,
    data: LabelledImages,
    pictures: Sequence[Picture],
    read: Collection,
    inputs: Inputs,
    options: RunOptions,
    limit: float,
    *,
    seed: int = 0,
    root: str = "",
) -> MethodResult:
    """Time and score a method that verifies; see `measure.measure_method` and `find_pairs`."""
    busy = load_average()
    duplicates = find_pairs(recipe, pictures, read, limit, options)
    n = len(pictures)
    left, right, same = _truth(data)
    said = duplicates.same[left, right]
    counts = PairCounts(
        int(np.sum(said & same)), int(np.sum(said & ~same)), int(np.sum(~said & same))
    )
    if data.pairs:
        per_group = np.stack([said & same, said & ~same, same], axis=1).astype(np.float64)
        groups = np.arange(len(same))
    else:
        per_group = np.zeros((n, 3))
        for side in (left, right):
            for column, some in enumerate((said & same, said & ~same, same)):
                per_group[:, column] += np.bincount(side[some], minlength=n)
        groups = data.classes
    names = [shown(path, root) for path in data.paths]

    def mistakes(wanted: NDArray[np.bool_]) -> tuple[Mistake, ...]:
        return _mistakes(recipe, duplicates, left[wanted], right[wanted], names)

    return MethodResult(
        label(recipe),
        recipe.scale.unit,
        recipe.scale.better,
        int(np.prod(recipe.extractor.shape)) * recipe.extractor.dtype.itemsize,
        _timing(recipe, pictures, read, inputs, options, duplicates.seconds, busy, seed),
        None,
        None if data.pairs else _retrieval(recipe, duplicates, data, pictures, read),
        detection_of(counts, len(same), recipe.scale, limit, per_group, groups),
        (),
        None,
        mistakes(said & ~same),
        mistakes(~said & same),
    )


def _retrieval(
    recipe: Recipe,
    duplicates: DuplicatePairs,
    data: LabelledImages,
    pictures: Sequence[Picture],
    read: Collection,
) -> Retrieval:
    """Score the rankings: verified copies before all others."""
    rows = records(read.features(recipe.extractor, pictures).rows)
    hashes = np.ascontiguousarray(rows["hash"])
    turns = [words(turned(hashes, how)) for how in ORIENTATIONS]
    residual: dict[int, dict[int, float]] = {}
    for (left, right), distance in duplicates.residual.items():
        residual.setdefault(left, {})[right] = distance
        residual.setdefault(right, {})[left] = distance
    n = len(pictures)
    sizes = np.bincount(data.classes)[data.classes]
    asked = np.flatnonzero(sizes > 1)
    rankings = []
    for i in asked.tolist():
        bits = np.min([bit_distances(turns[0][i : i + 1], turn)[0] for turn in turns], axis=0)
        distance = _BEHIND_ALL_COPIES + bits.astype(np.float64)
        for j in np.flatnonzero(duplicates.same[i]).tolist():
            distance[j] = residual.get(i, {}).get(j, 0.0)  # equal ones were not verified
        rest = np.arange(n) != i
        rankings.append(score_query(distance[rest], data.classes[rest] == data.classes[i]))
    return retrieval_of(rankings, data.classes[asked], sizes, n, article=False)


def _truth(data: LabelledImages) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Pairs, and whether they match."""
    if data.pairs:
        return data.pair_arrays()
    left, right = np.triu_indices(len(data.paths), 1)
    return left, right, data.classes[left] == data.classes[right]


def _mistakes(
    recipe: Recipe,
    duplicates: DuplicatePairs,
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    names: Sequence[str],
) -> tuple[Mistake, ...]:
    """Those that were verified first, the nearest of them first; no image twice."""
    pairs = list(zip(left.tolist(), right.tolist(), strict=True))
    pairs.sort(key=lambda pair: (duplicates.residual.get(pair, np.inf), pair))
    chosen: list[Mistake] = []
    seen: set[int] = set()
    for pair in pairs:
        if len(chosen) == MISTAKES:
            break
        if seen & set(pair):
            continue
        seen |= set(pair)
        residual = duplicates.residual.get(pair)
        score = similarity = None
        if residual is not None and np.isfinite(residual):
            score, similarity = recipe.scale.score(residual), recipe.scale.similarity(residual)
        chosen.append(Mistake(names[pair[0]], names[pair[1]], score, similarity))
    return tuple(chosen)


def _timing(
    recipe: Recipe,
    pictures: Sequence[Picture],
    read: Collection,
    inputs: Inputs,
    options: RunOptions,
    whole: Spread,
    busy: float,
    seed: int,
) -> Timing:
    n = len(pictures)
    rng = np.random.default_rng(seed)
    rows = read.features(recipe.extractor, pictures).rows
    paths = [p.file.path for p in pictures]

    def compared(i: int, j: int) -> Callable[[], object]:
        return lambda: verify_pair(recipe, (paths[i], paths[j]), rows[[i, j]], options)

    places = sample(n, SAMPLE, seed)  # those that the inputs are of

    def mixed(i: int, j: int) -> Callable[[], object]:
        compare = compared(places[i], places[j])

        def both() -> None:
            for place in (i, j):
                recipe.extractor.extract(inputs.images[place][None])
            compare()

        return both

    pairs = [rng.choice(n, 2, replace=False).tolist() for _ in range(TIMED_PAIRS)]
    few = [rng.choice(len(places), 2, replace=False).tolist() for _ in range(MIXED_PAIRS)]
    with one_thread():
        single = each([compared(i, j) for i, j in pairs], enough=ENOUGH_SECONDS)
        both = each([mixed(i, j) for i, j in few], enough=ENOUGH_SECONDS)
    ordered = n * (n - 1)
    thousand = scaled(whole, IMAGES / n)
    if options.jobs > 1 and whole.median > 0:  # by one thread, as for other methods
        thousand = scaled(thousand, whole.cpu / whole.median)
        thousand = replace(thousand, cpu=whole.cpu * IMAGES / n)
    return Timing(
        inputs.seconds_read,
        inputs.seconds_features,
        scaled(whole, 1 / ordered),
        single,
        both,
        busy,
        thousand,
    )
