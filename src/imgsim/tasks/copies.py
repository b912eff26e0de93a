"""Finds the copies of pictures that a recipe verifies, and what each picture is to them.

`matches`, `search` and `known` come through here, so that a pair gets the same answer in each, and
the one that find-dupes gives.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice

from imgsim.addresses import absolute
from imgsim.comparators.recipes import Recipe
from imgsim.decisions.lookup import Decided, decided_of
from imgsim.decisions.records import Decision
from imgsim.decode.metadata import Metadata
from imgsim.group.comparisons import Comparisons, Matching
from imgsim.group.keep import Candidate
from imgsim.group.recipe_run import RecipeRun, split_judged
from imgsim.group.roles import with_role
from imgsim.group.rules import MayMatch, Rules, equal_pixels
from imgsim.measure.differences import Differences
from imgsim.measure.measuring import MeasuredPair, measure_pairs
from imgsim.propose.proposals import PairRules, Proposals
from imgsim.read.equal_samples import with_sample_digests
from imgsim.read.hidden_damage import HiddenDamage
from imgsim.read.metadata import metadata_of
from imgsim.read.options import RunOptions
from imgsim.read.table import Collection
from imgsim.tasks.arguments import Criterion
from imgsim.tasks.matching import DistanceMatching
from imgsim.types import SURENESS, Member, NotCompared, Picture, Skipped, kind_of

Proposed = Callable[[Sequence[Picture], PairRules], Proposals]

_OUTSIDE, _INSIDE = "queries", "gallery"  # roots: within one of them nothing is matched


@dataclass(frozen=True, slots=True)
class Copy:
    """A picture of the gallery that matches a query.

    Attributes
    ----------
    place : int
        In the gallery.
    distance : float
        The residual.
    member : Member
        What the query is to it.
    """

    place: int
    distance: float
    member: Member


@dataclass(frozen=True, slots=True)
class Copies:
    """The pictures that match each of some queries.

    Attributes
    ----------
    queries : tuple of Picture
        With the damage that was found in them.
    of : tuple of tuple of Copy
        For each of them, the nearest first, of equally near ones the surest.
    refused : callable
        Whether a query, by its place, and a picture of the gallery were verified and do not match.
    unverified : tuple of (NotCompared or None)
        For each query a picture that it could not be compared with, as the right one.
    decided : tuple of int
        For each query how many nearer matches are left out, since a person decided on them.
    not_compared : tuple of NotCompared
        All pairs that could not be compared, in order of paths.
    absent : tuple of tuple of NotCompared
        For each query the files of an index that it may match and that cannot be had, as the right
        ones, the nearest first; empty where none is asked.
    not_checked : tuple of tuple of Skipped
        For each query which of it and its copies could not be read once more, and why.
    """

    queries: tuple[Picture, ...]
    of: tuple[tuple[Copy, ...], ...]
    refused: Callable[[int, int], bool]
    unverified: tuple[NotCompared | None, ...]
    decided: tuple[int, ...] = ()
    not_compared: tuple[NotCompared, ...] = ()
    absent: tuple[tuple[NotCompared, ...], ...] = ()
    not_checked: tuple[tuple[Skipped, ...], ...] = ()


def copies_within(
    criterion: Criterion, collection: Collection, k: int, options: RunOptions
) -> Copies:
    """Find the copies of every picture among the others, all pairs that are proposed verified.

    Parameters
    ----------
    criterion : Criterion
        Of a `Recipe`.
    collection : Collection
        Read for it; its pictures are the queries and the gallery.
    k : int
        Copies of each, at most.
    options : RunOptions
    """
    return _find(criterion, collection, len(collection.pictures), 0, k, options, Rules(), None)


def copies_between(
    criterion: Criterion,
    queries: Sequence[Picture],
    gallery: Sequence[Picture],
    read: Collection,
    proposed: Proposed,
    k: int,
    options: RunOptions,
    decisions: Sequence[Decision] = (),
) -> Copies:
    """Find the copies of some pictures among those of a gallery.

    Parameters
    ----------
    criterion : Criterion
        Of a `Recipe`.
    queries, gallery : sequence of Picture
        A query that is a file of the gallery is no copy of that.
    read : Collection
        With the rows of all of them.
    proposed : callable
        See `RecipeRun`.
    k : int
        Copies of each, at most.
    options : RunOptions
    decisions : sequence of Decision
        Pairs that a person decided on are left out.
    """
    outside = [_marked(p, _OUTSIDE, reference=False) for p in queries]
    inside = [_marked(p, _INSIDE, reference=True) for p in gallery]
    both = replace(read, pictures=(*outside, *inside))
    n = len(queries)
    return _find(criterion, both, n, n, k, options, Rules(isolate=True), proposed, decisions)


def _marked(picture: Picture, root: str, *, reference: bool) -> Picture:
    return replace(picture, file=replace(picture.file, root=root, reference=reference))


def _find(
    criterion: Criterion,
    collection: Collection,
    queries: int,
    first: int,
    k: int,
    options: RunOptions,
    rules: Rules,
    proposed: Proposed | None,
    decisions: Sequence[Decision] = (),
) -> Copies:
    """Find the copies of the first pictures among those from a place on."""
    recipe = criterion.comparator
    assert isinstance(recipe, Recipe)
    collection = with_sample_digests(collection, recipe.extractor, options)
    hidden = HiddenDamage(collection, options)
    limit = criterion.max_distance, criterion.preset
    while True:
        collection = hidden.collection
        pictures = collection.pictures
        detailed, _ = split_judged(recipe, collection, pictures)
        decided = decided_of(decisions, pictures, options, collection.executor)
        with RecipeRun(
            recipe, collection, detailed, rules, *limit, options, proposed=proposed
        ) as run:
            matches = _Matches(run, pictures, detailed, rules, decided)
            nearest = [list(islice(matches.nearest(place, k), k)) for place in range(queries)]
            used = {
                place
                for query, some in enumerate(nearest)
                for place in (*(other for _, other in some), *([query] if some else ()))
            }
            # with one of them damaged, others may match
            if hidden.look_in([pictures[place] for place in sorted(used)]):
                continue
            pairs = [
                (pictures[other], pictures[query], distance)
                for query, some in enumerate(nearest)
                for distance, other in some
            ]
            members = iter(_members(pairs, matches, criterion, collection, options))
        of = []
        for some in nearest:
            copies = [Copy(other - first, distance, next(members)) for distance, other in some]
            copies.sort(key=lambda c: (c.distance, SURENESS[c.member.kind], c.place))
            of.append(tuple(copies))
        unverified = tuple(matches.unverified_with(place) for place in range(queries))
        left_out = tuple(matches.decided[place] for place in range(queries))
        refused = partial(matches.refused, first)
        not_compared = run.not_compared()
        not_checked = tuple(
            tuple(
                Skipped(pictures[place].file.path, pictures[place].unchecked)
                for place in (query, *(other for _, other in some))
                if pictures[place].unchecked
            )
            for query, some in enumerate(nearest)
        )
        told = unverified, left_out, not_compared
        return Copies(pictures[:queries], tuple(of), refused, *told, not_checked=not_checked)


class _Matches:
    """Which pictures of a run match which, by their places.

    `decided` counts for each the matches that were left out by a decision so far.
    """

    def __init__(
        self,
        run: RecipeRun,
        pictures: Sequence[Picture],
        detailed: Sequence[Picture],
        rules: Rules,
        decided: Decided,
    ) -> None:
        self.run = run
        self.decided: Counter[int] = Counter()
        self._decided = decided
        self._pictures = pictures
        self._may_match = MayMatch(pictures, rules)
        place = {id(picture): i for i, picture in enumerate(pictures)}
        self._members = [[place[id(detailed[i])] for i in some] for some in run.classes]
        judged = {i for some in self._members for i in some}
        self.flat = [i for i in range(len(pictures)) if i not in judged]
        equal = equal_pixels([pictures[i] for i in self.flat])
        self._members += [[self.flat[i] for i in some] for some in equal]
        self._class = {i: number for number, some in enumerate(self._members) for i in some}
        self._near: dict[int, list[tuple[float, int]]] = {}
        self._refused: set[tuple[int, int]] = set()
        verdicts = run.verify_all()
        unverified = run.unverified()
        self._unverified: dict[int, tuple[int, str]] = {}
        for (one, other), reason in sorted(unverified.items()):
            self._unverified.setdefault(one, (other, reason))
            self._unverified.setdefault(other, (one, reason))
        for (one, other), verdict in verdicts.items():
            if (one, other) in unverified:
                continue
            if not run.accepts(verdict):
                self._refused.add((one, other))
                continue
            self._near.setdefault(one, []).append((verdict.residual, other))
            self._near.setdefault(other, []).append((verdict.residual, one))

    def nearest(self, place: int, k: int) -> Iterator[tuple[float, int]]:
        """Yield the distances and places of at least k matches, if there are, nearest first."""
        number = self._class[place]
        by_distance: dict[float, list[int]] = {0.0: self._some(number, place, k)}
        for distance, other in sorted(self._near.get(number, [])):
            by_distance.setdefault(distance, []).extend(self._some(other, place, k))
        for distance in sorted(by_distance):
            for other in sorted(by_distance[distance]):
                yield distance, other

    def _is_decided(self, place: int, other: int) -> bool:
        """Whether a person decided on two pictures; each is counted."""
        if self._decided.between(self._pictures[place], self._pictures[other]) is None:
            return False
        self.decided[place] += 1
        return True

    def _some(self, number: int, place: int, k: int) -> list[int]:
        """The first k pictures of a class that one may match."""
        there = (
            other
            for other in self._members[number]
            if other != place
            and bool(self._may_match(place, other))
            and not is_same_file(self._pictures[place], self._pictures[other])
            and not self._is_decided(place, other)
        )
        return list(islice(there, k))

    def unverified_with(self, place: int) -> NotCompared | None:
        """Return a picture that one could not be compared with, if there is such a one."""
        found = self._unverified.get(self._class[place])
        if found is None:
            return None
        other, reason = found
        both = self._pictures[place], self._pictures[self._members[other][0]]
        return NotCompared(both[0].file.path, both[1].file.path, reason)

    def refused(self, first: int, query: int, place: int) -> bool:
        """Whether two pictures were verified and do not match; the gallery begins at `first`."""
        one, two = self._class[query], self._class[first + place]
        return (min(one, two), max(one, two)) in self._refused


def first_other(path: str, files: Sequence[Skipped]) -> Skipped | None:
    """Return the first of some files, which may be gone, that is not the file at a path."""
    return next((file for file in files if not _are_one(path, file.path)), None)


def _are_one(one: str, other: str) -> bool:
    if absolute(one) == absolute(other):
        return True
    try:
        return os.path.samefile(one, other)
    except (OSError, ValueError):
        return False


def is_same_file(one: Picture, other: Picture) -> bool:
    """Return whether two pictures are one file, be it by another path."""
    if one.file.inode != other.file.inode:
        return False
    try:
        return os.path.samefile(one.file.path, other.file.path)
    except OSError:  # one of them is gone meanwhile
        return os.path.abspath(one.file.path) == os.path.abspath(other.file.path)


def _members(
    pairs: Sequence[tuple[Picture, Picture, float]],
    matches: _Matches,
    criterion: Criterion,
    collection: Collection,
    options: RunOptions,
) -> list[Member]:
    """What the second picture of each pair is to the first."""

    def measure(wanted: Sequence[MeasuredPair]) -> dict[tuple[str, str], Differences]:
        return measure_pairs(wanted, options, collection.executor)

    ends = [picture for kept, other, _ in pairs for picture in (kept, other)]
    metadata = metadata_of(ends, options, collection.executor)
    by_pixels: Matching = DistanceMatching(collection, criterion, options)
    flat = {collection.pictures[i].file.path for i in matches.flat}
    verified, equal = Comparisons(matches.run, measure), Comparisons(by_pixels, measure)
    verified.measure((kept, other) for kept, other, _ in pairs if kept.file.path not in flat)
    members = []
    for kept, other, distance in pairs:
        known = equal if kept.file.path in flat else verified
        members.append(
            with_role(
                Member(other, kind_of(kept, other), distance, known.transform(kept, other)),
                Candidate(kept, metadata.get(kept.digest, Metadata())),
                Candidate(other, metadata.get(other.digest, Metadata())),
                known.signs(kept, other),
                known.differences(kept, other),
            )
        )
    return members
