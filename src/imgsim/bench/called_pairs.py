"""Methods that rank nothing: which pairs of a data set they call duplicates, and how rightly.

The pairs are those that find-dupes may join: all that are proposed are looked at, files of equal
bytes are duplicates, and flat images match equal pixels only. What is right is counted here, from
the labels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from imgsim.bench.detection import MISTAKES, detection_of
from imgsim.bench.measure import SAMPLE, Inputs, sample, shown
from imgsim.bench.metrics import PairCounts
from imgsim.bench.results import MethodResult, Mistake, Spread, Timing
from imgsim.bench.timing import ENOUGH_SECONDS, each, load, one_thread, repeated
from imgsim.comparators.label import label
from imgsim.comparators.recipes import Recipe
from imgsim.dataset.labelled import Labelled
from imgsim.group.rules import equal_pixels, of_one_kind
from imgsim.read.options import RunOptions
from imgsim.read.table import Collection
from imgsim.types import Picture
from imgsim.verify.verdicts import proposed, verify_pair

_PAIRS = 200
_MIXED_PAIRS = 20


@dataclass(frozen=True, slots=True)
class Called:
    """What a method said of the images.

    Attributes
    ----------
    same : ndarray of bool, shape (n, n)
        Symmetric; which pairs it calls duplicates.
    residual : dict of (int, int) to float
        Of the pairs that it looked at, the lesser place first.
    seconds : Spread
        For all of it.
    """

    same: NDArray[np.bool_]
    residual: dict[tuple[int, int], float]
    seconds: Spread


def call(
    recipe: Recipe, pictures: Sequence[Picture], read: Collection, limit: float, options: RunOptions
) -> Called:
    """Propose pairs, look at all of them, and tell which are duplicates.

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
    places: dict[str, list[int]] = {}
    for place, picture in enumerate(pictures):
        places.setdefault(picture.digest, []).append(place)
    by_digest = [pictures[places[digest][0]] for digest in sorted(places)]
    looked = [p for p in by_digest if not p.facts.flat]
    options = replace(options, cache=None, executor="threads")  # whose processors' time is known
    afresh = replace(read, slots={}, executor=None)  # not by the workers that read them
    verdicts: dict[tuple[str, str], tuple[bool, float]] = {}

    def look() -> None:
        looks, proposals, _ = proposed(recipe, afresh, looked, of_one_kind, options)
        pairs = proposals.pairs()
        with closing(looks):
            looks.look(pairs)
            for a, b in pairs:
                verdict = looks[a, b]
                verdicts[looked[a].digest, looked[b].digest] = (
                    recipe.accepts(verdict, limit, "normal"),
                    verdict.residual,
                )

    seconds = repeated(look)
    same = np.zeros((len(pictures), len(pictures)), bool)
    residual: dict[tuple[int, int], float] = {}
    for (one, other), (accepted, value) in verdicts.items():
        same[np.ix_(places[one], places[other])] = accepted
        same[np.ix_(places[other], places[one])] = accepted
        for i in places[one]:
            residual |= {(min(i, j), max(i, j)): value for j in places[other]}
    flat = [p for p in by_digest if p.facts.flat]
    equal = [[flat[i].digest for i in members] for members in equal_pixels(flat)]
    for digests in (*equal, *([p.digest] for p in looked)):
        together = [place for digest in digests for place in places[digest]]
        same[np.ix_(together, together)] = True
    np.fill_diagonal(same, False)
    return Called(same, residual, seconds)


def measure_called(
    recipe: Recipe,
    data: Labelled,
    pictures: Sequence[Picture],
    read: Collection,
    inputs: Inputs,
    options: RunOptions,
    limit: float,
    *,
    seed: int = 0,
    root: str = "",
) -> MethodResult:
    """Time and score a method that ranks nothing; see `measure.measure` and `call`."""
    busy = load()
    called = call(recipe, pictures, read, limit, options)
    n = len(pictures)
    left, right, same = _truth(data)
    said = called.same[left, right]
    verdicts = PairCounts(
        int(np.sum(said & same)), int(np.sum(said & ~same)), int(np.sum(~said & same))
    )
    if data.pairs:
        counts = np.stack([said & same, said & ~same, same], axis=1).astype(np.float64)
        groups = np.arange(len(same))
    else:
        counts = np.zeros((n, 3))
        for side in (left, right):
            for column, some in enumerate((said & same, said & ~same, same)):
                counts[:, column] += np.bincount(side[some], minlength=n)
        groups = data.classes
    names = [shown(path, root) for path in data.paths]

    def mistakes(wanted: NDArray[np.bool_]) -> tuple[Mistake, ...]:
        return _mistakes(recipe, called, left[wanted], right[wanted], names)

    return MethodResult(
        label(recipe),
        recipe.scale.unit,
        recipe.scale.better,
        int(np.prod(recipe.extractor.shape)) * recipe.extractor.dtype.itemsize,
        _timing(recipe, pictures, read, inputs, options, called.seconds, busy, seed),
        None,
        None,
        detection_of(verdicts, len(same), recipe.scale, limit, counts, groups, seed),
        (),
        None,
        mistakes(said & ~same),
        mistakes(~said & same),
    )


def _truth(data: Labelled) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Pairs, and whether they match."""
    if data.pairs:
        left, right = (np.array([getattr(p, s) for p in data.pairs]) for s in ("left", "right"))
        return left, right, np.array([p.same for p in data.pairs])
    left, right = np.triu_indices(len(data.paths), 1)
    return left, right, data.classes[left] == data.classes[right]


def _mistakes(
    recipe: Recipe,
    called: Called,
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    names: Sequence[str],
) -> tuple[Mistake, ...]:
    """Those that were looked at first, the nearest of them first; no image twice."""
    pairs = list(zip(left.tolist(), right.tolist(), strict=True))
    pairs.sort(key=lambda pair: (called.residual.get(pair, np.inf), pair))
    chosen: list[Mistake] = []
    seen: set[int] = set()
    for pair in pairs:
        if len(chosen) == MISTAKES:
            break
        if seen & set(pair):
            continue
        seen |= set(pair)
        residual = called.residual.get(pair)
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

    def look(i: int, j: int) -> Callable[[], object]:
        return lambda: verify_pair(recipe, (paths[i], paths[j]), rows[[i, j]], options)

    places = sample(n, SAMPLE, seed)  # those that the inputs are of

    def mixed(i: int, j: int) -> Callable[[], object]:
        compare = look(places[i], places[j])

        def both() -> None:
            for place in (i, j):
                recipe.extractor.extract(inputs.images[place][None])
            compare()

        return both

    pairs = [rng.choice(n, 2, replace=False).tolist() for _ in range(_PAIRS)]
    few = [rng.choice(len(places), 2, replace=False).tolist() for _ in range(_MIXED_PAIRS)]
    with one_thread():
        compared = each([look(i, j) for i, j in pairs], enough=ENOUGH_SECONDS)
        both = each([mixed(i, j) for i, j in few], enough=ENOUGH_SECONDS)
    ordered = n * (n - 1)
    search = Spread(
        whole.median / ordered, whole.low / ordered, whole.high / ordered, whole.n,
        whole.cpu / ordered,
    )  # fmt: skip
    return Timing(inputs.seconds_read, inputs.seconds_features, search, compared, both, busy)
