"""Near duplicates across the splits of a data set.

A leak is a picture of one split that another split shows too. It is reported at its file in the
smaller split, with what it matched in larger ones: then the number of leaks is the number of
validation images that are worth nothing, however many neighbouring frames training holds of each.
The file to drop is always the one in the larger split.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Self

from imgsim.comparators import registry
from imgsim.comparators.base import Comparator, Preset
from imgsim.comparators.recipes import Recipe
from imgsim.decisions.lookup import Decided, decided_of
from imgsim.decisions.records import Decision, as_decisions
from imgsim.group.recipe_run import RecipeRun, split_judged
from imgsim.group.rules import comparable_pairs, split_flat
from imgsim.profile import Profile
from imgsim.read.collect import collect
from imgsim.read.equal_samples import with_sample_digests
from imgsim.read.hidden_damage import HiddenDamage
from imgsim.read.label_maps import label_maps_among, without_label_maps
from imgsim.read.options import RunOptions, as_options
from imgsim.read.table import Collection
from imgsim.tasks.arguments import Criterion, check_k, make_criterion
from imgsim.tasks.leaks.across import ACROSS_SPLITS, Across, equal_across
from imgsim.tasks.leaks.corrected import correct, families_of
from imgsim.tasks.leaks.results import (
    CorrectedSplits,
    Crossing,
    GroupLeak,
    Leaks,
    SplitSummary,
    path_order,
)
from imgsim.tasks.leaks.splits import SaidOfPaths, SplitPaths, Splits
from imgsim.tasks.matching import alike, match_into, paths_of, seconds_since
from imgsim.types import NotCompared, Picture, in_path_order


def find_leaks(
    splits: Splits,
    method: str | Comparator = registry.DEFAULT_METHOD,
    *,
    preset: Preset | None = None,
    threshold: float | None = None,
    min_similarity: float | None = None,
    profile: Profile | None = None,
    proposer: str | Comparator | None = None,
    group_by: str | None = None,
    labels: str | None = None,
    base: str | None = None,
    k: int = 3,
    check_all: bool = False,
    correct_splits: bool = False,
    skip_masks: bool = False,
    decisions: Iterable[Decision] | None = None,
    options: RunOptions | None = None,
) -> Leaks:
    """Find near duplicates across the splits of a data set.

    Memory: some 16 bytes for each pair of different contents that matches.

    Parameters
    ----------
    splits : mapping of str to paths, sequence of paths and manifests, or Manifest
        Names of splits, and the folders and files of each, or pictures in memory; or only folders,
        archives and manifests, see `read_splits`; or one manifest with splits, see `read_manifest`.
        What is named more closely wins: a file over the folder around it.
    method, threshold, min_similarity, profile, proposer
        As for `find_duplicates`.
    preset : str, optional
        ``strict``, ``normal`` or ``loose``. By default the last for methods that verify pairs
        (auto, local), since a picture with words over it, or a part of it, teaches a network too;
        ``normal`` for others.
    group_by : str, optional
        Which files belong together: ``prefix`` (the same folder, and the same name up to its last
        number), ``folder``, or a regular expression that is searched for in the path below the
        split's folder; its groups, or all that it matches, name the group. A column of that name
        in the manifests wins.
    labels : str, optional
        Where the labels are: a column of the manifests, or ``folder`` for that of each file below
        its split. Matches of another label are counted as conflicts; no label conflicts with none.
    base : path, optional
        Where the paths come from a list: the folder that it belongs to. `group_by` takes the
        paths below it, and a path that is gone is skipped; else that is an error.
    k : int
        How many matches of each leak are kept.
    check_all : bool
        As for `find_duplicates`.
    correct_splits : bool
        Also work out splits without leaks, for which all pairs are compared, within splits too.
        It changes `Leaks.corrected` alone.
    skip_masks : bool
        Leave out pictures that hold the class of each pixel: masks and label maps.
    decisions : Decisions, optional
        Pairs that were decided to be no duplicates, or both to be kept, are no leaks. Corrected
        splits do not divide them, whatever was decided.
    options : RunOptions, optional

    Returns
    -------
    Leaks

    Raises
    ------
    UsageError
        A path does not exist, a folder belongs to two splits, no picture is in a group, or an
        argument makes no sense.

    Examples
    --------
    >>> import imgsim
    >>> found = imgsim.find_leaks({"train": "photos", "valid": "new"})
    >>> [(leak.picture.file.path, leak.matches[0].picture.file.path) for leak in found.leaks]
    [('new/IMG_0002 small.jpg', 'photos/IMG_0002 small.jpg')]
    """
    started = time.perf_counter()
    options = as_options(options)
    answers = as_decisions(decisions)
    said = SaidOfPaths.of(splits, group_by, labels, base, options.max_pixels)
    places = said.places
    check_k(k)
    criterion = make_criterion(
        method,
        preset,
        threshold,
        min_similarity,
        profile,
        proposer,
        options.decode,
        default="loose",
    )
    paths = places.paths
    if said.base is not None:  # a path that is gone is skipped
        options = replace(options, discover=replace(options.discover, listed=paths))
        paths = []
    later = criterion.temporary_bytes
    collection = collect(paths, criterion.extractors, options, keep_workers=True, later_bytes=later)
    try:
        collection = with_sample_digests(collection, criterion.comparator.extractor, options)
        left_out = 0
        if skip_masks:
            collection, left_out = without_label_maps(collection, options)
        read = time.perf_counter()
        hidden = HiddenDamage(collection, options)
        while True:
            found = _Matched.among(hidden.collection, criterion, said, options)
            if not hidden.look_in(found.matched()):
                break
        masks = left_out or len(
            label_maps_among(found.matched(), options, hidden.collection.executor)
        )
        corrected, not_compared = None, found.near.not_compared
        if correct_splits:
            corrected, within = _corrected(found, criterion, said, options)
            not_compared = in_path_order([*not_compared, *within])
        decided_pairs = None
        if answers:
            decided = decided_of(answers, found.matched(), options, hidden.collection.executor)
            decided_pairs = found.leave_out(decided)
        if check_all:
            hidden.look_in(hidden.collection.pictures)
    finally:
        if collection.executor is not None:
            collection.executor.close()
    number = {name: i for i, name in enumerate(found.sizes)}
    leaks = [leak for across in found.across for leak in across.leaks(k, said.label_of)]
    leaks.sort(key=lambda leak: (number[leak.picture.file.root], path_order(leak.picture)))
    leaked = found.near.leaked() + found.flat.leaked()
    not_judged = Counter(p.file.root for p in found.without_detail)
    pairs = comparable_pairs(found.detailed, ACROSS_SPLITS)
    divided = {name: parts for name, parts in found.groups.items() if len(parts) > 1}
    return Leaks(
        criterion.comparator,
        criterion.preset,
        criterion.max_distance,
        tuple(
            SplitSummary(name, size, leaked[name], not_judged[name])
            for name, size in found.sizes.items()
        ),
        tuple(_crossing(a, b, found.across) for a, b in combinations(found.sizes, 2)),
        tuple(leaks),
        tuple(_group_leak(name, divided[name]) for name in sorted(divided)),
        _to_drop(found.across, divided.values()),
        len(found.pictures),
        found.collection.skipped,
        hidden.collection.damaged,
        found.collection.decoded,
        pairs,
        found.near.pairs_left_out,
        criterion.expected_false_pairs(pairs),
        seconds_since(started, read, found.collection),
        paths_of(found.without_detail),
        sum(not p.facts.damage for p in found.detailed),
        _count_ungrouped(found.pictures, found.groups) if said.group_of else 0,
        corrected,
        masks,
        skip_masks,
        decided_pairs,
        said.in_no_split(options.discover),
        not_compared,
        hidden.collection.unchecked,
    )


@dataclass(frozen=True, slots=True)
class _Matched:
    """The pictures of the splits, and which of them match across these.

    Attributes
    ----------
    collection : Collection
    pictures : list of Picture
        In order of their splits and paths, the smallest split first; `file.root` is the split.
    sizes : dict of str to int
        Pictures of each split, the smallest first.
    groups : dict
        Pictures by group and split; empty where no groups were asked for.
    detailed, without_detail : sequence of Picture
        Those that the method can judge, and those that it cannot.
    near, flat : Across
        Matches among these and among those.
    """

    collection: Collection
    pictures: Sequence[Picture]
    sizes: Mapping[str, int]
    groups: Mapping[str, Mapping[str, Sequence[Picture]]]
    detailed: Sequence[Picture]
    without_detail: Sequence[Picture]
    near: Across
    flat: Across

    @classmethod
    def among(
        cls, collection: Collection, criterion: Criterion, said: SaidOfPaths, options: RunOptions
    ) -> Self:
        """Match what was read."""
        pictures, sizes = _by_split(collection.pictures, said.places, said.names)
        said.check(pictures)
        groups = _groups(pictures, said.group_of) if said.group_of else {}
        number = {name: i for i, name in enumerate(sizes)}
        if isinstance(criterion.comparator, Recipe):
            judged = split_judged(criterion.comparator, collection, pictures)
        else:
            judged = split_flat(pictures)
        detailed, without_detail = judged
        near = _near_duplicates(criterion, collection, detailed, number, options)
        flat = equal_across(without_detail, number)
        return cls(collection, pictures, sizes, groups, detailed, without_detail, near, flat)

    @property
    def across(self) -> tuple[Across, Across]:
        return self.near, self.flat

    def matched(self) -> list[Picture]:
        """Pictures that match one of another split."""
        return [picture for across in self.across for picture in across.matched()]

    def leave_out(self, decided: Decided) -> int:
        """Drop what a person decided on, and return how many pairs of pictures that were."""
        return sum(
            across.leave_out(lambda one, other: decided.between(one, other) is not None)
            for across in self.across
        )


def _corrected(
    found: _Matched, criterion: Criterion, said: SaidOfPaths, options: RunOptions
) -> tuple[CorrectedSplits, tuple[NotCompared, ...]]:
    """Work out splits without leaks, for which pairs within splits are compared too.

    Returns
    -------
    CorrectedSplits
    tuple of NotCompared
        Pairs that could not be compared.
    """
    together: list[Iterable[Picture]] = [
        pair for across in found.across for pair in across.matched_pairs()
    ]
    together += [[p for part in parts.values() for p in part] for parts in found.groups.values()]
    families, not_compared = families_of(
        criterion,
        found.collection,
        found.pictures,
        (found.detailed, found.without_detail),
        together,
        options,
    )
    unread = said.places.splits_of_files(found.collection.skipped)
    return correct(found.pictures, families, unread), not_compared


def _count_ungrouped(
    pictures: Sequence[Picture], groups: Mapping[str, Mapping[str, Sequence[Picture]]]
) -> int:
    return len(pictures) - sum(len(some) for parts in groups.values() for some in parts.values())


def _by_split(
    pictures: Sequence[Picture], places: SplitPaths, names: Sequence[str]
) -> tuple[list[Picture], dict[str, int]]:
    """Pictures by split and path, and the number of each split's; the smallest split first.

    Of equally large ones the last named is taken for the smaller, and the first for training.
    """
    spread = [one for picture in pictures for one in places.spread(picture)]
    counts = Counter(p.file.root for p in spread)
    sizes = {name: counts[name] for name in reversed(names)}
    sizes = dict(sorted(sizes.items(), key=lambda item: item[1]))
    number = {name: i for i, name in enumerate(sizes)}
    return sorted(spread, key=lambda p: (number[p.file.root], path_order(p))), sizes


def _near_duplicates(
    criterion: Criterion,
    collection: Collection,
    pictures: Sequence[Picture],
    number: Mapping[str, int],
    options: RunOptions,
) -> Across:
    """Match pictures, which are in order of their splits, across these."""
    recipe = criterion.comparator
    if not isinstance(recipe, Recipe):
        across = Across(pictures, alike(collection, recipe, pictures, ACROSS_SPLITS), number)
        across.not_compared = match_into(across, collection, criterion, options)
        return across
    limit = criterion.max_distance, criterion.preset
    with RecipeRun(recipe, collection, pictures, ACROSS_SPLITS, *limit, options) as run:
        matches = run.all_matches()
    across = Across(pictures, run.classes, number, run.transform)
    across.add(matches)
    across.pairs_left_out = run.left_out
    across.not_compared = run.not_compared()
    return across


def _crossing(smaller: str, larger: str, matches: Sequence[Across]) -> Crossing:
    shared = [across.shared(smaller, larger) for across in matches]
    return Crossing(smaller, larger, sum(s[0] for s in shared), sum(s[1] for s in shared))


def _to_drop(
    matches: Sequence[Across], divided: Iterable[Mapping[str, Sequence[Picture]]]
) -> tuple[str, ...]:
    """Paths without which neither a leak nor a divided group remains."""
    drop = [p for across in matches for p in across.dropped()]
    drop += [p for parts in divided for part in list(parts.values())[1:] for p in part]
    return tuple(sorted({p.file.path for p in drop}, key=os.fsencode))


def _groups(
    pictures: Iterable[Picture], grouping: Callable[[Picture], str]
) -> dict[str, dict[str, list[Picture]]]:
    """Pictures by group and split; the pictures, and so the splits, are in order of size."""
    groups: dict[str, dict[str, list[Picture]]] = {}
    for picture in pictures:
        name = grouping(picture)
        if name:
            groups.setdefault(name, {}).setdefault(picture.file.root, []).append(picture)
    return groups


def _group_leak(name: str, parts: Mapping[str, Sequence[Picture]]) -> GroupLeak:
    splits = tuple((split, len(pictures)) for split, pictures in parts.items())
    contents = sorted((split, p.digest) for split, pictures in parts.items() for p in pictures)
    example = next(iter(parts.values()))[0].file.path
    return GroupLeak(name, splits, example, contents=tuple(contents))
