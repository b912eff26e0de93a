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
from dataclasses import replace
from itertools import combinations

from imgsim.comparators import registry
from imgsim.comparators.base import Comparator, Preset
from imgsim.comparators.recipes import Recipe
from imgsim.errors import UsageError
from imgsim.group.recipe_run import RecipeRun
from imgsim.group.rules import comparable_pairs
from imgsim.profile import Profile
from imgsim.read.collect import collect
from imgsim.read.options import Paths, RunOptions
from imgsim.read.table import Collection
from imgsim.tasks.arguments import as_comparator, largest_distance, proposer_for
from imgsim.tasks.leaks.across import ACROSS_SPLITS, Across, equal_across
from imgsim.tasks.leaks.found import Crossing, GroupLeak, Leaks, Split, path_order
from imgsim.tasks.leaks.splits import SplitPaths, grouping_by, split_folders
from imgsim.tasks.matching import alike, match_into, seconds_since
from imgsim.types import Picture


def find_leaks(
    splits: Mapping[str, Paths] | Sequence[str],
    method: str | Comparator = registry.DEFAULT_METHOD,
    *,
    preset: Preset = "normal",
    threshold: float | None = None,
    min_similarity: float | None = None,
    profile: Profile | None = None,
    proposer: str | Comparator | None = None,
    group_by: str | None = None,
    base: str | None = None,
    k: int = 3,
    options: RunOptions | None = None,
) -> Leaks:
    """Find near duplicates across the splits of a data set.

    Memory: some 16 bytes for each pair of different contents that matches.

    Parameters
    ----------
    splits : mapping of str to paths, or sequence of paths
        Names of splits, and the folders and files of each, see `read_split_file`; or only folders,
        see `split_folders`. What is named more closely wins: a file over the folder around it.
    method, preset, threshold, min_similarity, profile, proposer
        As for `find_duplicates`.
    group_by : str, optional
        Which files belong together: ``prefix`` (the same folder, and the same name up to its last
        number), ``folder``, or a regular expression that is searched for in the path below the
        split's folder; its groups, or all that it matches, name the group.
    base : path, optional
        Where the paths come from a list: the folder that it belongs to. `group_by` looks at the
        paths below it, and a path that is gone is skipped; else that is an error.
    k : int
        How many matches of each leak are kept.
    options : RunOptions, optional

    Returns
    -------
    Leaks

    Raises
    ------
    UsageError
        A path does not exist or belongs to two splits, or an argument makes no sense.
    """
    started = time.perf_counter()
    options = options or RunOptions()
    splits = splits if isinstance(splits, Mapping) else split_folders(splits)
    if len(splits) < 2:
        raise UsageError("leaks are found between two splits", "name a second one")
    if k < 1:
        raise UsageError(f"k={k} is less than 1", "ask for at least one match")
    comparator = as_comparator(method)
    proposing = proposer_for(proposer, comparator)
    max_distance = largest_distance(
        comparator, preset, threshold, min_similarity, profile, options.decode
    )
    grouping = None if group_by is None else grouping_by(group_by)
    places = SplitPaths(splits)
    extractors = [comparator.extractor, *([proposing.extractor] if proposing else [])]
    if base is not None:
        options = replace(options, discover=replace(options.discover, listed=places.paths))
    collection = collect([] if base is not None else places.paths, extractors, options)
    read = time.perf_counter()
    pictures = [one for picture in collection.pictures for one in places.spread(picture)]
    sizes = Counter(p.file.root for p in pictures)
    # equally large: the first named is taken for training
    names = sorted(splits, key=lambda name: (sizes[name], -list(splits).index(name)))
    number = {name: i for i, name in enumerate(names)}
    pictures.sort(key=lambda p: (number[p.file.root], os.fsencode(p.file.path)))
    detailed = [p for p in pictures if not p.facts.flat]
    own = threshold is None and min_similarity is None and profile is None
    chosen = preset if own else None
    if isinstance(comparator, Recipe):
        near = _verified(collection, comparator, detailed, max_distance, chosen, number, options)
    else:
        near = Across(detailed, alike(collection, comparator, detailed, ACROSS_SPLITS), number)
        match_into(near, collection, comparator, proposing, max_distance, options)
    flat = equal_across([p for p in pictures if p.facts.flat], number)
    groups = _groups(pictures, grouping, places, base, number) if grouping else {}
    divided = {name: parts for name, parts in groups.items() if len(parts) > 1}
    drop = near.dropped() + flat.dropped()
    drop += [p for parts in divided.values() for part in list(parts.values())[1:] for p in part]
    leaks = [*near.leaks(k), *flat.leaks(k)]
    leaks.sort(key=lambda leak: (number[leak.picture.file.root], path_order(leak.picture)))
    leaked = near.leaked() + flat.leaked()
    pairs = comparable_pairs(detailed, ACROSS_SPLITS)
    rate = comparator.false_pair_rate(max_distance)
    return Leaks(
        comparator,
        chosen,
        max_distance,
        tuple(Split(name, sizes[name], leaked[name]) for name in names),
        tuple(_crossing(a, b, (near, flat)) for a, b in combinations(names, 2)),
        tuple(leaks),
        tuple(_group_leak(name, divided[name]) for name in sorted(divided)),
        tuple(sorted({p.file.path for p in drop}, key=os.fsencode)),
        len(pictures),
        collection.skipped,
        collection.decoded,
        pairs,
        None if rate is None else rate * pairs,
        seconds_since(started, read, collection),
    )


def _crossing(smaller: str, larger: str, found: Sequence[Across]) -> Crossing:
    shared = [one.shared(smaller, larger) for one in found]
    return Crossing(smaller, larger, sum(s[0] for s in shared), sum(s[1] for s in shared))


def _verified(
    collection: Collection,
    recipe: Recipe,
    pictures: Sequence[Picture],
    max_distance: float,
    preset: Preset | None,
    number: Mapping[str, int],
    options: RunOptions,
) -> Across:
    """All pairs across splits that a recipe verified."""
    with RecipeRun(
        recipe, collection, pictures, ACROSS_SPLITS, max_distance, preset, options
    ) as run:
        matches = run.all_matches()
    across = Across(pictures, run.classes, number, run.transform)
    across.add(matches)
    return across


def _groups(
    pictures: Iterable[Picture],
    grouping: Callable[[str], str],
    places: SplitPaths,
    base: str | None,
    number: Mapping[str, int],
) -> dict[str, dict[str, list[Picture]]]:
    """Pictures by group and split; the pictures, and so the splits, are in order of size."""
    groups: dict[str, dict[str, list[Picture]]] = {}
    for picture in pictures:
        name = grouping(places.below(picture, base))
        if name:
            groups.setdefault(name, {}).setdefault(picture.file.root, []).append(picture)
    return groups


def _group_leak(name: str, parts: Mapping[str, Sequence[Picture]]) -> GroupLeak:
    splits = tuple((split, len(pictures)) for split, pictures in parts.items())
    return GroupLeak(name, splits, next(iter(parts.values()))[0].file.path)
