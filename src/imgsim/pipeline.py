"""Joins the stages, to find groups of duplicates."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from imgsim.collect import Collection, RunOptions, collect
from imgsim.comparators import registry
from imgsim.comparators.base import (
    PRESETS,
    Comparator,
    PairComparator,
    Preset,
    VectorComparator,
)
from imgsim.comparators.recipes import Recipe
from imgsim.decode import DecodeMode
from imgsim.errors import UsageError
from imgsim.group import (
    KEEP_POLICIES,
    Rules,
    Stars,
    classes_of,
    comparable_pairs,
    equal_pixels,
    join,
    kinds,
    rank,
)
from imgsim.profile import Profile
from imgsim.search.build import collapse, vector_engine
from imgsim.search.engine import Engine
from imgsim.search.pairs import PairEngine, ProposedEngine
from imgsim.types import Candidates, Group, Picture, Skipped
from imgsim.verified import best_first, of_one_kind, proposed

Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


@dataclass(frozen=True, slots=True)
class Seconds:
    """Wall-clock time of the stages, and the time in decoders summed over all workers."""

    total: float
    read: float
    search: float
    decode: float


@dataclass(frozen=True, slots=True)
class Duplicates:
    """What `find_duplicates` found.

    Attributes
    ----------
    comparator : Comparator
    preset : str or None
        None when a threshold was given.
    max_distance : float
        Pairs up to this distance are duplicates.
    groups : tuple of Group
        In order of the kept file's path.
    images : int
        Readable images looked at.
    skipped : tuple of Skipped
    other_files, too_small, decoded : int
        See `collect.Collection`.
    pairs_compared : int
        Pairs of different contents that were looked at.
    expected_false_pairs : float or None
        How many unrelated pairs to expect among them; None where nothing is known.
    seconds : Seconds
    """

    comparator: Comparator
    preset: Preset | None
    max_distance: float
    groups: tuple[Group, ...]
    images: int
    skipped: tuple[Skipped, ...]
    other_files: int
    too_small: int
    decoded: int
    pairs_compared: int
    expected_false_pairs: float | None
    seconds: Seconds

    @property
    def reclaimable_bytes(self) -> int:
        return sum(group.reclaimable_bytes for group in self.groups)


def find_duplicates(
    paths: Paths,
    method: str | Comparator = registry.DEFAULT_METHOD,
    *,
    preset: Preset = "normal",
    threshold: float | None = None,
    min_similarity: float | None = None,
    profile: Profile | None = None,
    proposer: str | Comparator | None = None,
    keep: str = "best",
    isolate: bool = False,
    options: RunOptions | None = None,
) -> Duplicates:
    """Find groups of exact and near duplicates.

    Parameters
    ----------
    paths : path or sequence of paths
        Files and folders.
    method : str or Comparator
        ``NAME[:field=value,...]``.
    preset : {"strict", "normal", "loose"}
        The method's own thresholds.
    threshold : float, optional
        Instead: the worst score of a duplicate, in the method's own terms.
    min_similarity : float, optional
        Instead: the least similarity of a duplicate, in percent.
    profile : Profile, optional
        Instead: the thresholds that ``imgsim calibrate`` chose.
    proposer : str or Comparator, optional
        For methods that score pairs: compare only the pairs within this method's loose threshold.
    keep : str
        One of `group.KEEP_POLICIES`.
    isolate : bool
        Match only files below different `paths`.
    options : RunOptions, optional
        By default no cache is used; the command line uses one.

    Returns
    -------
    Duplicates

    Raises
    ------
    UsageError
        A path does not exist, or an argument makes no sense.
    """
    started = time.perf_counter()
    options = options or RunOptions()
    if keep not in KEEP_POLICIES:
        raise UsageError(f"no keep policy {keep!r}", f"one of {', '.join(KEEP_POLICIES)}")
    comparator = as_comparator(method)
    proposing = proposer_for(proposer, comparator)
    max_distance = largest_distance(
        comparator, preset, threshold, min_similarity, profile, options.decode
    )
    extractors = [comparator.extractor, *([proposing.extractor] if proposing else [])]
    collection = collect(as_list(paths), extractors, options)
    read = time.perf_counter()
    rules = Rules(isolate)
    ranked = rank(collection.pictures, keep)
    detailed = [p for p in ranked if not p.facts.flat]
    contents = classes_of(p.digest for p in detailed)
    own = threshold is None and min_similarity is None and profile is None
    chosen = preset if own else None
    if isinstance(comparator, Recipe):
        stars = _verified(
            collection, comparator, detailed, max_distance, chosen, rules, keep, options
        )
    else:
        stars = Stars(detailed, alike(collection, comparator, detailed, rules), rules)
        match_into(stars, collection, comparator, proposing, max_distance, options)
    groups = stars.groups(keep)
    flat = [p for p in ranked if p.facts.flat]
    equal = Stars(flat, equal_pixels(flat), rules).groups(keep)
    pairs = comparable_pairs([detailed[members[0]] for members in contents], rules)
    rate = comparator.false_pair_rate(max_distance)
    return Duplicates(
        comparator,
        chosen,
        max_distance,
        tuple(join(groups, equal)),
        len(collection.pictures),
        collection.skipped,
        collection.other_files,
        collection.too_small,
        collection.decoded,
        pairs,
        None if rate is None else rate * pairs,
        seconds_since(started, read, collection),
    )


class Taker(Protocol):
    """Takes matched classes of pictures as they come, such as `group.Stars`.

    Attributes
    ----------
    pictures : sequence of Picture
    classes : sequence of ndarray of int64
        See `group.Stars`.
    closed : ndarray of bool
        Classes whose later matches are not needed.
    """

    pictures: Sequence[Picture]
    classes: Sequence[NDArray[np.int64]]
    closed: NDArray[np.bool_]

    def add(self, candidates: Candidates) -> None:
        """Take a block of matched classes; blocks come in order of the left class."""


def alike(
    collection: Collection, comparator: Comparator, pictures: Sequence[Picture], rules: Rules
) -> list[NDArray[np.int64]]:
    """Classes of pictures that the comparator cannot tell apart and the rules treat alike."""
    contents = classes_of(p.digest for p in pictures)
    row = np.empty(len(pictures), np.int64)
    features = collection.features(comparator.extractor, [pictures[m[0]] for m in contents]).rows
    for members, number in zip(contents, collapse(features), strict=True):
        row[members] = number
    return classes_of(zip(row.tolist(), kinds(pictures, rules), strict=True))


def match_into(
    taker: Taker,
    collection: Collection,
    comparator: Comparator,
    proposing: VectorComparator | None,
    max_distance: float,
    options: RunOptions,
) -> None:
    """Search for the pairs of classes that match."""
    firsts = [taker.pictures[members[0]] for members in taker.classes]
    engine = make_engine(
        comparator, collection.features(comparator.extractor, firsts).rows, options
    )
    if proposing is not None and isinstance(engine, PairEngine):
        proposals = collection.features(proposing.extractor, firsts).rows
        engine = ProposedEngine(
            vector_engine(proposing, proposals, options.jobs),
            proposing.preset_distance("loose"),
            engine,
        )
    later = np.arange(engine.n)[::-1]  # rows after each
    with exhaustive(engine, int(later[~taker.closed].sum()), options):
        for candidates in engine.within(max_distance, taker.closed):
            taker.add(candidates)


def _verified(
    collection: Collection,
    recipe: Recipe,
    pictures: Sequence[Picture],
    max_distance: float,
    preset: Preset | None,
    rules: Rules,
    keep: str,
    options: RunOptions,
) -> Stars:
    """Propose pairs, look at them and group what was verified."""
    classes = classes_of(zip((p.digest for p in pictures), kinds(pictures, rules), strict=True))
    firsts = [pictures[members[0]] for members in classes]
    looks, proposals, by_digest = proposed(recipe, collection, firsts, of_one_kind, options)
    alone = np.array([not rules.isolate and not p.file.reference for p in looks.pictures], bool)
    with closing(looks):
        order, matched = best_first(
            looks,
            proposals,
            np.array(by_digest, np.int64),
            lambda verdict: recipe.accepts(verdict, max_distance, preset),
            by_content=keep == "best",
            closing_allowed=alone,
        )
    ordered = [classes[by_digest[i]] for i in order]
    place = {int(i): number for number, i in enumerate(order)}

    moved = np.concatenate(ordered) if ordered else np.empty(0, np.int64)
    moved = np.array(sorted(moved, key=lambda i: not pictures[i].file.reference), np.int64)
    back = {int(i): number for number, i in enumerate(moved)}
    renumbered = [np.array(sorted(back[int(i)] for i in members), np.int64) for members in ordered]
    by_first = sorted(range(len(renumbered)), key=lambda i: int(renumbered[i][0]))
    number = {old: new for new, old in enumerate(by_first)}
    stars = Stars(
        [pictures[i] for i in moved], [renumbered[i] for i in by_first], rules, looks.transform
    )
    found = sorted(
        (min(a, b), max(a, b), looks[i, j].residual)
        for i, j in matched
        for a, b in [(number[place[i]], number[place[j]])]
    )
    if found:
        left, right, distance = zip(*found, strict=True)
        stars.add(Candidates(np.array(left), np.array(right), np.array(distance)))
    return stars


@contextmanager
def exhaustive(engine: Engine, pairs: int, options: RunOptions) -> Iterator[None]:
    """Show how long a search by pairs will take and how far it is; other engines need neither."""
    if isinstance(engine, PairEngine) and pairs > 0:
        seconds = engine.seconds_for(pairs)
        if seconds >= 1:
            options.progress.note(f"comparing {pairs:,} pairs one by one: about {seconds:.0f} s")
        options.progress.start("comparing", pairs, "pair")
    try:
        yield
    finally:
        options.progress.finish()


def seconds_since(started: float, read: float, collection: Collection) -> Seconds:
    """The times of a run that ends now; `read` is when all was read."""
    done = time.perf_counter()
    return Seconds(done - started, read - started, done - read, collection.seconds_decoding)


def make_engine(comparator: Comparator, rows: NDArray[np.generic], options: RunOptions) -> Engine:
    """The engine that searches rows for a comparator."""
    if isinstance(comparator, VectorComparator):
        return vector_engine(comparator, rows, options.jobs)
    assert isinstance(comparator, PairComparator)
    return PairEngine(comparator, rows, options.jobs, options.progress.advance)


def as_comparator(method: str | Comparator) -> Comparator:
    """A comparator, made from its text if it is one."""
    return registry.parse(method) if isinstance(method, str) else method


def proposer_for(proposer: str | Comparator | None, method: Comparator) -> VectorComparator | None:
    """The comparator that proposes pairs to a method that scores them.

    Raises
    ------
    UsageError
        One of the two does not do that.
    """
    if proposer is None:
        return None
    if not isinstance(method, PairComparator):
        raise UsageError(
            f"{method.name} needs no proposer", "proposers are for methods that score pairs: ssim"
        )
    proposing = as_comparator(proposer)
    if not isinstance(proposing, VectorComparator):
        raise UsageError(f"{proposing.name} cannot propose pairs", "try --proposer phash:size=16")
    return proposing


def largest_distance(
    comparator: Comparator,
    preset: Preset,
    threshold: float | None,
    min_similarity: float | None,
    profile: Profile | None,
    decode: DecodeMode,
) -> float:
    """Up to which distance a pair counts as duplicates.

    Raises
    ------
    UsageError
        A value makes no sense.
    """
    if preset not in PRESETS:
        raise UsageError(f"no preset {preset!r}", f"one of {', '.join(PRESETS)}")
    scale = comparator.scale
    if threshold is not None and min_similarity is not None:
        raise UsageError("both a threshold and a similarity are given", "give one of them")
    if profile is not None:
        if threshold is not None or min_similarity is not None:
            raise UsageError("both a profile and a threshold are given", "give one of them")
        return profile.distance(comparator, decode)
    if threshold is not None:
        distance = scale.distance(threshold)
        if not 0 <= distance <= scale.worst:
            low, high = sorted((scale.score(0), scale.score(scale.worst)))
            raise UsageError(
                f"threshold {threshold:g} is out of range for {comparator.spec}",
                f"{scale.unit}: {low:g} to {high:g}, {scale.better} is closer",
            )
        return distance
    if min_similarity is not None:
        if not 0 <= min_similarity <= 100:
            raise UsageError(f"similarity {min_similarity:g} is out of range", "0 to 100 percent")
        return scale.distance_of_similarity(min_similarity)
    return comparator.preset_distance(preset)


def as_list(paths: Paths) -> list[str]:
    """Paths as a list of text, also if there is only one."""
    if isinstance(paths, str | os.PathLike):
        paths = [paths]
    return [os.fspath(path) for path in paths]
