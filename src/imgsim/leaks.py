"""Near duplicates across the splits of a data set.

A leak is a picture of one split that another split shows too. It is reported at its file in the
smaller split, with what it matched in larger ones: then the number of leaks is the number of
validation images that are worth nothing, however many neighbouring frames training holds of each.
The file to drop is always the one in the larger split.
"""

from __future__ import annotations

import csv
import os
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from imgsim.collect import Collection, RunOptions, collect
from imgsim.comparators import registry
from imgsim.comparators.base import Comparator, Preset
from imgsim.comparators.recipes import Recipe
from imgsim.discover import printable
from imgsim.errors import UsageError
from imgsim.group import Rules, classes_of, flat_identity, kinds
from imgsim.pipeline import (
    Paths,
    Seconds,
    alike,
    as_comparator,
    as_list,
    largest_distance,
    match_into,
    proposer_for,
    seconds_since,
)
from imgsim.profile import Profile
from imgsim.types import Candidates, Member, Picture, Skipped, Transform
from imgsim.verified import of_one_kind, proposed

_RULES = Rules(isolate=True)
"""The root of every picture is the name of its split here, so this isolates the splits."""


@dataclass(frozen=True, slots=True)
class Split:
    """A part of a data set.

    Attributes
    ----------
    name : str
    images : int
        Readable ones.
    leaked : int
        Those that match one of another split.
    """

    name: str
    images: int
    leaked: int


@dataclass(frozen=True, slots=True)
class Crossing:
    """What two splits share.

    Attributes
    ----------
    smaller, larger : str
        Names of the splits.
    leaked : int
        Images of the smaller one that match one of the larger.
    pairs : int
    """

    smaller: str
    larger: str
    leaked: int
    pairs: int


@dataclass(frozen=True, slots=True)
class Leak:
    """A picture that stands in a larger split too.

    Attributes
    ----------
    picture : Picture
        In the smaller split; `picture.file.root` is the name of the split, as in all matches.
    matched : int
        Files of larger splits that it matches.
    matches : tuple of Member
        The nearest of them, nearest first.
    """

    picture: Picture
    matched: int
    matches: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class GroupLeak:
    """Files that belong together, such as the frames of one video, in several splits.

    Attributes
    ----------
    name : str
    splits : tuple of (str, int)
        Names of the splits and how many of its images each holds, the smallest split first.
    example : str
        Its first path in the smallest split.
    """

    name: str
    splits: tuple[tuple[str, int], ...]
    example: str


@dataclass(frozen=True, slots=True)
class Leaks:
    """What `find_leaks` found.

    Attributes
    ----------
    comparator : Comparator
    preset : str or None
        None when a threshold was given.
    max_distance : float
        Pairs up to this distance are leaks.
    splits : tuple of Split
        The smallest first.
    crossings : tuple of Crossing
        Of all pairs of splits.
    leaks : tuple of Leak
        In order of the split, then of the path.
    groups : tuple of GroupLeak
        In order of their names.
    drop : tuple of str
        Paths to drop from larger splits so that neither a leak nor a divided group remains.
    images : int
    skipped : tuple of Skipped
    decoded : int
    pairs_compared : int
        Pairs of different contents across splits.
    expected_false_pairs : float or None
        How many unrelated pairs to expect among them; None where nothing is known.
    seconds : Seconds
    """

    comparator: Comparator
    preset: Preset | None
    max_distance: float
    splits: tuple[Split, ...]
    crossings: tuple[Crossing, ...]
    leaks: tuple[Leak, ...]
    groups: tuple[GroupLeak, ...]
    drop: tuple[str, ...]
    images: int
    skipped: tuple[Skipped, ...]
    decoded: int
    pairs_compared: int
    expected_false_pairs: float | None
    seconds: Seconds

    @property
    def clean(self) -> bool:
        """Nothing stands in two splits."""
        return not self.leaks and not self.groups


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
    grouping = None if group_by is None else _grouping(group_by)
    places = _Places(splits)
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
        near = Across(detailed, alike(collection, comparator, detailed, _RULES), number)
        match_into(near, collection, comparator, proposing, max_distance, options)
    flat = equal_across([p for p in pictures if p.facts.flat], number)
    groups = _groups(pictures, grouping, places, base, number) if grouping else {}
    divided = {name: parts for name, parts in groups.items() if len(parts) > 1}
    drop = near.dropped() + flat.dropped()
    drop += [p for parts in divided.values() for part in list(parts.values())[1:] for p in part]
    leaks = [*near.leaks(k), *flat.leaks(k)]
    leaks.sort(key=lambda leak: (number[leak.picture.file.root], _path_order(leak.picture)))
    leaked = near.leaked() + flat.leaked()
    pairs = _comparable(detailed, names)
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


def _path_order(picture: Picture) -> bytes:
    return os.fsencode(picture.file.path)


def _comparable(pictures: Sequence[Picture], names: Sequence[str]) -> int:
    """Pairs of different contents across splits."""
    contents = {name: {p.digest for p in pictures if p.file.root == name} for name in names}
    return sum(
        len(contents[a]) * len(contents[b]) - len(contents[a] & contents[b])
        for a, b in combinations(names, 2)
    )


class Across:
    """Matched classes of pictures, as far as they stand in different splits.

    Parameters
    ----------
    pictures : sequence of Picture
        The smallest split first; `file.root` is the split.
    classes : sequence of ndarray of int64
        Pictures of one split that no match tells apart, see `group.kinds`; in order of their
        first picture, so that the left one of a pair is in the smaller split.
    number : mapping of str to int
        Splits by size.
    transform : callable, optional
        How a picture of a larger split lies upon one of a smaller one, where that is known.
    """

    def __init__(
        self,
        pictures: Sequence[Picture],
        classes: Sequence[NDArray[np.int64]],
        number: Mapping[str, int],
        transform: Callable[[Picture, Picture], Transform | None] = lambda picture, other: None,
    ) -> None:
        self._transform = transform
        self.pictures = pictures
        self.classes = classes
        firsts = [pictures[members[0]] for members in classes]
        self._names = list(number)
        self._split = np.array([number[p.file.root] for p in firsts], np.int64)
        kind = {(p.facts.raw, p.facts.frames): i for i, p in enumerate(firsts)}
        self._kind = np.array([kind[p.facts.raw, p.facts.frames] for p in firsts], np.int64)
        self._size = np.array([len(members) for members in classes], np.int64)
        # what comes after a picture of the largest split is in the same split
        self.closed = self._split == len(number) - 1
        self._blocks: list[Candidates] = []
        self._copies: dict[int, dict[str, list[int]]] = {}  # of a class, by content

    def add(self, candidates: Candidates) -> None:
        """Take a block of matched classes, and keep what lies across splits."""
        left, right = candidates.left, candidates.right
        across = (self._split[left] != self._split[right]) & (self._kind[left] == self._kind[right])
        if across.any():
            block = (left[across], right[across], candidates.distance[across])
            self._blocks.append(Candidates(*block))

    def leaks(self, k: int) -> list[Leak]:
        """Every picture that matches one of a larger split, with its k nearest matches."""
        found = []
        for block in self._blocks:
            order = np.lexsort((block.right, block.distance, block.left))
            left, right, distance = (a[order] for a in (block.left, block.right, block.distance))
            starts = np.flatnonzero(np.diff(left, prepend=-1))
            for start, stop in zip(starts, [*starts[1:], len(left)], strict=True):
                matched = int(self._size[right[start:stop]].sum())
                # all at the distance of the k-th, so that ties go by path
                enough = start + np.searchsorted(np.cumsum(self._size[right[start:stop]]), k)
                limit = distance[min(enough, stop - 1)]
                near = range(start, start + np.searchsorted(distance[start:stop], limit, "right"))
                for one in self.classes[left[start]]:
                    picture = self.pictures[one]
                    matches = [
                        self._member(picture, self.pictures[other], float(distance[place]))
                        for place in near
                        for other in self._firsts(right[place], picture.digest, k)
                    ]
                    matches.sort(key=lambda m: (m.distance, m.kind, _path_order(m.picture)))
                    found.append(Leak(picture, matched, tuple(matches[:k])))
        return found

    def _firsts(self, number: int, digest: str, k: int) -> list[int]:
        """The k of a class that come first, copies of a content before all.

        Not all of it: a class may be 10,000 identical frames, and as many may ask for them.
        """
        members = self.classes[number]
        if number not in self._copies:
            self._copies[number] = {}
            for i in members:
                self._copies[number].setdefault(self.pictures[i].digest, []).append(int(i))
        same = self._copies[number].get(digest, [])[:k]
        return same + [int(i) for i in members[:k] if self.pictures[i].digest != digest]

    def _member(self, picture: Picture, other: Picture, distance: float) -> Member:
        kind: Literal["exact", "near"] = "exact" if other.digest == picture.digest else "near"
        return Member(other, kind, distance, self._transform(picture, other))

    def dropped(self) -> list[Picture]:
        """Pictures that match one of a smaller split."""
        right = np.unique(np.concatenate([np.empty(0, np.int64), *(b.right for b in self._blocks)]))
        return [self.pictures[i] for number in right for i in self.classes[number]]

    def leaked(self) -> Counter[str]:
        """Pictures of each split that match one of another."""
        sides = [side for b in self._blocks for side in (b.left, b.right)]
        return self._count(np.unique(np.concatenate([np.empty(0, np.int64), *sides])))

    def _count(self, classes: NDArray[np.int64]) -> Counter[str]:
        counts: Counter[str] = Counter()
        for number in classes:
            counts[self._names[self._split[number]]] += int(self._size[number])
        return counts

    def shared(self, smaller: str, larger: str) -> tuple[int, int]:
        """Pictures of the smaller split that match one of the larger, and pairs."""
        left_is, right_is = self._names.index(smaller), self._names.index(larger)
        leaked = pairs = 0
        for block in self._blocks:
            both = (self._split[block.left] == left_is) & (self._split[block.right] == right_is)
            left, right = block.left[both], block.right[both]
            leaked += int(self._size[np.unique(left)].sum())  # no class is left in two blocks
            pairs += int((self._size[left] * self._size[right]).sum())
        return leaked, pairs


def _verified(
    collection: Collection,
    recipe: Recipe,
    pictures: Sequence[Picture],
    max_distance: float,
    preset: Preset | None,
    number: Mapping[str, int],
    options: RunOptions,
) -> Across:
    """Propose pairs across splits, and look at each of them."""
    classes = classes_of(zip((p.digest for p in pictures), kinds(pictures, _RULES), strict=True))
    firsts = [pictures[members[0]] for members in classes]
    looks, proposals, place = proposed(recipe, collection, firsts, _may_leak, options)
    pairs = proposals.pairs()
    with closing(looks):
        looks.look(pairs)
    accepted = {(a, b) for a, b in pairs if recipe.accepts(looks[a, b], max_distance, preset)}

    def transform(picture: Picture, other: Picture) -> Transform | None:
        return None if picture.digest == other.digest else looks.transform(picture, other)

    found = Across(pictures, classes, number, transform)
    distance = {
        (min(place[a], place[b]), max(place[a], place[b])): looks[a, b].residual
        for a, b in accepted
    }
    for copies in classes_of(p.digest for p in firsts):  # proposed or not
        distance |= {
            (int(a), int(b)): 0.0
            for a, b in combinations(copies, 2)
            if _may_leak(firsts[a], firsts[b])
        }
    if distance:
        left, right = np.array(sorted(distance), np.int64).T
        values = np.array([distance[pair] for pair in sorted(distance)])
        found.add(Candidates(left, right, values))
    return found


def _may_leak(one: Picture, other: Picture) -> bool:
    return of_one_kind(one, other) and one.file.root != other.file.root


def equal_across(pictures: Sequence[Picture], number: Mapping[str, int]) -> Across:
    """Flat pictures, which match what their pixels equal, or their bytes if of several frames."""
    identities = [flat_identity(p.facts) or p.digest for p in pictures]
    classes = classes_of(zip(identities, kinds(pictures, _RULES), strict=True))
    across = Across(pictures, classes, number)
    for equal in classes_of(identities[members[0]] for members in classes):
        left, right = np.triu_indices(len(equal), 1)
        across.add(Candidates(equal[left], equal[right], np.zeros(len(left))))
    return across


class _Places:
    """Which split a path belongs to."""

    def __init__(self, splits: Mapping[str, Paths]) -> None:
        self.roots: dict[str, tuple[str, str]] = {}  # (split, path as given), by absolute path
        self.paths: list[str] = []
        for name, paths in splits.items():
            for path in as_list(paths):
                earlier = self.roots.setdefault(_absolute(path), (name, path))
                if earlier[0] != name:
                    raise UsageError(
                        f"{printable(path)} is in {earlier[0]} and in {name}",
                        "a path belongs to one split",
                    )
                self.paths.append(path)

    def root_of(self, path: str) -> tuple[str, str] | None:
        """The split of a path, and what was named: it, or the nearest folder around it."""
        place = _absolute(path)
        while place not in self.roots:
            parent = os.path.dirname(place)
            if parent == place:
                return None
            place = parent
        return self.roots[place]

    def spread(self, picture: Picture) -> list[Picture]:
        """One picture for each split that has a name of the file, its root that split."""
        names: dict[str, list[str]] = {}
        for path in (picture.file.path, *picture.file.links):
            found = self.root_of(path)
            if found is not None:
                names.setdefault(found[0], []).append(path)
        return [
            replace(
                picture,
                file=replace(picture.file, path=paths[0], root=name, links=tuple(paths[1:])),
            )
            for name, paths in names.items()
        ]

    def below(self, picture: Picture, base: str | None) -> str:
        """A path below its split's folder, with ``/``."""
        found = self.root_of(picture.file.path)
        root = base if base is not None else found[1] if found else ""
        path = os.path.relpath(_absolute(picture.file.path), _absolute(root or os.curdir))
        return os.path.basename(picture.file.path) if path == "." else path.replace(os.sep, "/")


def _absolute(path: str) -> str:
    return os.path.normcase(os.path.abspath(path))


_LAST_NUMBER = re.compile(r"[\s_.()-]*\d+\D*$")


def _grouping(group_by: str) -> Callable[[str], str]:
    """A function from a path below the split's folder to the name of its group, or to nothing."""
    if group_by == "folder":
        return os.path.dirname
    if group_by == "prefix":

        def prefix(path: str) -> str:
            folder, name = os.path.split(path)
            stem = _LAST_NUMBER.sub("", os.path.splitext(name)[0])
            return f"{folder}/{stem}" if folder and stem else folder or stem

        return prefix
    try:
        pattern = re.compile(group_by)
    except re.error as error:
        raise UsageError(
            f"{group_by!r} is no regular expression: {error}", "or one of prefix, folder"
        ) from None

    def matched(path: str) -> str:
        found = pattern.search(path)
        return "/".join(g for g in found.groups() or (found.group(),) if g) if found else ""

    return matched


def _groups(
    pictures: Iterable[Picture],
    grouping: Callable[[str], str],
    places: _Places,
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


def split_folders(folders: Sequence[str]) -> dict[str, list[str]]:
    """Splits that are a folder each, named after it; by their whole paths where names clash.

    Raises
    ------
    UsageError
        One lies inside another.
    """
    names = [os.path.basename(os.path.abspath(folder)) for folder in folders]
    if len(set(names)) < len(names):
        names = [folder.rstrip(os.sep) for folder in folders]
    for one, other in combinations(folders, 2):
        inner, outer = sorted((_absolute(one), _absolute(other)), key=len, reverse=True)
        if (inner + os.sep).startswith(outer.rstrip(os.sep) + os.sep):
            raise UsageError(
                f"{printable(one)} and {printable(other)} overlap", "name folders side by side"
            )
    return {name: [folder] for name, folder in zip(names, folders, strict=True)}


def read_split_file(path: str, folder: str) -> dict[str, list[str]]:
    """Splits from a CSV file with the columns ``path`` and ``split``.

    Parameters
    ----------
    path : path
        Of the CSV file, in UTF-8. A path in it may name a folder.
    folder : path
        What paths in it are relative to.

    Raises
    ------
    UsageError
        It cannot be read, or a line makes no sense.
    """
    splits: dict[str, list[str]] = {}
    try:
        with open(path, encoding="utf-8-sig", errors="surrogateescape", newline="") as stream:
            rows = csv.DictReader(stream)
            if not {"path", "split"} <= set(rows.fieldnames or ()):
                found = ", ".join(rows.fieldnames or ()) or "nothing"
                raise UsageError(
                    f"{printable(path)} has no columns path and split: {found[:60]}",
                    "begin it with the line path,split",
                )
            for row in rows:
                if not row["path"] or not row["split"]:
                    raise UsageError(
                        f"{printable(path)}, line {rows.line_num}: no path or no split",
                        "write path,split",
                    )
                splits.setdefault(row["split"].strip(), []).append(
                    os.path.join(folder, row["path"])
                )
    except (OSError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"cannot read {printable(path)}: {reason}", "check it") from None
    return splits
