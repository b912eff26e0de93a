"""Splits without leaks: what hangs together stands in one split, and sizes stay as they were.

Pictures hang together if they match, within a split too, or are of one group. Such a family that
several splits share goes to one of these as a whole. Where a split has become smaller than it was,
families that nothing else is tied to come to it from a split that has become larger, and at last
families are exchanged as long as that brings two splits nearer to their sizes.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators.recipes import Recipe
from imgsim.group.recipe_run import RecipeRun
from imgsim.group.rules import Rules, classes_of, flat_keys
from imgsim.read.options import RunOptions
from imgsim.read.table import Collection
from imgsim.tasks.arguments import Criterion
from imgsim.tasks.leaks.results import CorrectedSplits
from imgsim.tasks.matching import alike, match_into
from imgsim.types import Candidates, NotCompared, Picture

WHOLE = Rules()


class Families:
    """Pictures that hang together, as sets that grow into one another.

    Parameters
    ----------
    n : int
        Pictures.
    """

    def __init__(self, n: int) -> None:
        self._parent = list(range(n))

    def _root(self, place: int) -> int:
        while self._parent[place] != place:
            self._parent[place] = self._parent[self._parent[place]]
            place = self._parent[place]
        return place

    def tie(self, places: Iterable[int]) -> None:
        """Put pictures into one family."""
        roots = {self._root(place) for place in places}
        if roots:
            first = min(roots)
            for root in roots:
                self._parent[root] = first

    def members(self) -> list[list[int]]:
        """Return the places of each family, in order of their first picture."""
        families: dict[int, list[int]] = {}
        for place in range(len(self._parent)):
            families.setdefault(self._root(place), []).append(place)
        return list(families.values())


class _Ties:
    """Takes matched classes of pictures into families; see `matching.MatchSink`."""

    def __init__(
        self,
        pictures: Sequence[Picture],
        classes: Sequence[NDArray[np.int64]],
        families: Families,
        place: Mapping[tuple[str, str], int],
    ) -> None:
        self.pictures = pictures
        self.classes = classes
        self.closed = np.zeros(len(classes), np.bool_)
        self._families = families
        self._places = [[place[_key(pictures[i])] for i in members] for members in classes]
        for places in self._places:
            # two equal damaged files do not match, and lie in one class all the same: to keep
            # them together costs nothing
            families.tie(places)

    def add(self, candidates: Candidates) -> None:
        for left, right in zip(candidates.left.tolist(), candidates.right.tolist(), strict=True):
            self._families.tie((self._places[left][0], self._places[right][0]))


def _key(picture: Picture) -> tuple[str, str]:
    return picture.file.root, picture.file.path


def families_of(
    criterion: Criterion,
    collection: Collection,
    pictures: Sequence[Picture],
    judged: tuple[Sequence[Picture], Sequence[Picture]],
    groups: Iterable[Iterable[Picture]],
    options: RunOptions,
) -> tuple[list[list[int]], tuple[NotCompared, ...]]:
    """Find the pictures that hang together: all pairs are compared, within splits too.

    Parameters
    ----------
    criterion : Criterion
    collection : Collection
        Where they were read.
    pictures : sequence of Picture
        All, with their splits as roots.
    judged : tuple of sequence of Picture
        Those that the method compares, and those that equal pixels match.
    groups : iterable of iterable of Picture
        What belongs together without being alike, and what was matched across splits.
    options : RunOptions

    Returns
    -------
    list of list of int
        Places in `pictures`.
    tuple of NotCompared
        Pairs that could not be compared.
    """
    detailed, flat = judged
    place = {_key(picture): number for number, picture in enumerate(pictures)}
    families = Families(len(pictures))
    recipe = criterion.comparator
    if isinstance(recipe, Recipe):
        limit = criterion.max_distance, criterion.preset
        with RecipeRun(recipe, collection, list(detailed), WHOLE, *limit, options) as run:
            matches = run.all_matches()
            _Ties(detailed, run.classes, families, place).add(matches)
        not_compared = run.not_compared()
    else:
        ties = _Ties(detailed, alike(collection, recipe, detailed, WHOLE), families, place)
        not_compared = match_into(ties, collection, criterion, options)
    for equal in classes_of(flat_keys(flat)):
        families.tie(place[_key(flat[i])] for i in equal)
    for group in groups:
        families.tie(place[_key(picture)] for picture in group)
    return families.members(), not_compared


def correct(
    pictures: Sequence[Picture],
    families: Sequence[Sequence[int]],
    unread: Iterable[tuple[str, str]] = (),
) -> CorrectedSplits:
    """Give every family one split, so that each split has about as many files as before.

    Parameters
    ----------
    pictures : sequence of Picture
        With their splits as roots, the smallest split first.
    families : sequence of sequence of int
        Places of pictures that hang together.
    unread : iterable of (str, str)
        Files that nothing is known of, and their splits, where they stay.

    Returns
    -------
    CorrectedSplits
        A split that hangs together with others as a whole may be left without a file.
    """
    before = Counter(picture.file.root for picture in pictures)
    wanted = dict(before)
    counts = [Counter(pictures[i].file.root for i in family) for family in families]
    split = [next(iter(count)) if len(count) == 1 else "" for count in counts]
    size = Counter(dict.fromkeys(before, 0))
    # a file that two splits named will stand in one of them once
    once = [list({pictures[i].file.path: i for i in family}.values()) for family in families]
    for family, name in zip(once, split, strict=True):
        if name:
            size[name] += len(family)
    divided = [number for number, name in enumerate(split) if not name]
    # the largest first, while there is room for them
    for number in sorted(divided, key=lambda n: (-len(once[n]), n)):
        shares = counts[number]
        split[number] = max(shares, key=lambda s: (wanted[s] - size[s], shares[s]))
        size[split[number]] += len(once[number])
    # by content, so that no folder or name is preferred, and always the same
    drawn = [sha256(pictures[family[0]].digest.encode()).hexdigest() for family in families]
    _fill_up(once, split, size, wanted, set(divided), drawn)
    _exchange(once, split, size, wanted, drawn)
    after = {name: size[name] for name in before}
    placed = {i: name for family, name in zip(families, split, strict=True) for i in family}
    listed = [
        (path, placed[i])
        for i, picture in enumerate(pictures)
        for path in (picture.file.path, *picture.file.links)
    ]
    return CorrectedSplits(
        tuple(sorted({*listed, *unread}, key=lambda one: (os.fsencode(one[0]), one[1]))),
        sum(placed[i] != picture.file.root for i, picture in enumerate(pictures)),
        dict(before),
        after,
    )


def _fill_up(
    families: Sequence[Sequence[int]],
    split: list[str],
    size: Counter[str],
    wanted: Mapping[str, int],
    settled: set[int],
    drawn: Sequence[str],
) -> None:
    """Bring families to splits that have become smaller, from those that have become larger."""
    free = sorted((n for n in range(len(families)) if n not in settled), key=drawn.__getitem__)
    for number in sorted(free, key=lambda n: -len(families[n])):
        home, members = split[number], len(families[number])
        if size[home] - members < wanted[home]:
            continue
        target = max(wanted, key=lambda s: wanted[s] - size[s])
        if wanted[target] - size[target] >= members:
            split[number] = target
            size[home] -= members
            size[target] += members


def _exchange(
    families: Sequence[Sequence[int]],
    split: list[str],
    size: Counter[str],
    wanted: Mapping[str, int],
    drawn: Sequence[str],
) -> None:
    """Move a family, or exchange two of unlike sizes, as long as splits come nearer to theirs."""
    of_size: dict[tuple[str, int], list[int]] = defaultdict(list)
    for number in sorted(range(len(families)), key=drawn.__getitem__, reverse=True):
        of_size[split[number], len(families[number])].append(number)
    while True:
        sizes = {
            name: sorted(m for s, m in of_size if s == name and of_size[s, m]) for name in size
        }
        over = {name: size[name] - wanted[name] for name in wanted}
        ways = [
            (abs(over[home] - given + got) + abs(over[to] + given - got)
             - abs(over[home]) - abs(over[to]), given + got, home, to, given, got)
            for home, to in permutations(wanted, 2)
            if over[home] > 0 or over[to] < 0
            for given in sizes[home]
            for got in (0, *sizes[to])
            if given > got
        ]  # fmt: skip
        gain, _, home, to, given, got = min(ways, default=(0, 0, "", "", 0, 0))
        if gain >= 0:
            return
        for source, target, members in ((home, to, given), (to, home, got)):
            if members:
                number = of_size[source, members].pop()
                of_size[target, members].append(number)
                split[number] = target
                size[source] -= members
                size[target] += members
