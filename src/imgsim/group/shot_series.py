"""Finds bursts, brackets, raw files of the same shot and shots of one moment.

Only pictures that candidates propose as look-alikes, members of groups, and raw files with a
picture of their name are asked for their dates. Nothing of this makes or changes a group.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imgsim.decode.metadata import Metadata
from imgsim.group.rules import MayMatch, Rules
from imgsim.group.shots import (
    MOMENT_SECONDS,
    Shot,
    first_dated,
    moment_seconds,
    relation_of,
    same_instant,
    same_moment,
    shot_stem,
)
from imgsim.propose.near_hashes import hash_bits
from imgsim.types import Group, Picture, Relation

ReadMetadata = Callable[[Sequence[Picture]], Mapping[str, Metadata]]
_NEIGHBOURS = 8
"""Shots that one is compared with to find the one before it: those of one instant are passed."""


@dataclass(frozen=True, slots=True)
class LookAlikes:
    """Pairs of pictures that were proposed as candidates.

    Attributes
    ----------
    contents : sequence of sequence of Picture
        Pictures with equal bytes or pixels; none of them empty.
    left, right : ndarray of int64, shape (n,)
        Places in `contents`, which the rules allow to match.
    upright : ndarray of bool, shape (n,)
        Their hashes are alike as they are: nothing is turned, cut off or added.
    crowded : ndarray of int64, shape (m,)
        Places of what resembles many others, of whose pairs not all are here.
    hashes : ndarray of uint8, shape (m, 32)
        Of these.
    may_match : MayMatch or None
        The rules for the first of each of `contents`; None if there are none.
    """

    contents: Sequence[Sequence[Picture]]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    upright: NDArray[np.bool_]
    crowded: NDArray[np.int64]
    hashes: NDArray[np.uint8]
    may_match: MayMatch | None

    @classmethod
    def none(cls) -> LookAlikes:
        """No pair."""
        nothing = np.zeros(0, np.int64)
        no_hashes = np.zeros((0, 32), np.uint8)
        return cls((), nothing, nothing, np.zeros(0, np.bool_), nothing, no_hashes, None)

    @property
    def pictures(self) -> list[Picture]:
        """All pictures of the pairs."""
        places = np.unique(np.concatenate([self.left, self.right, self.crowded]))
        return [picture for place in places.tolist() for picture in self.contents[place]]


@dataclass(frozen=True, slots=True)
class Link:
    """Two pictures that belong together and are no copies, the earlier one first.

    Attributes
    ----------
    one, other : Picture
        Of a raw file and a picture the raw file is the other one.
    relation : str
        See `types.Related`.
    """

    one: Picture
    other: Picture
    relation: Relation


def find_links(
    groups: Sequence[Group],
    candidates: LookAlikes,
    pictures: Sequence[Picture],
    rules: Rules,
    read: ReadMetadata,
) -> tuple[list[Link], dict[str, Metadata]]:
    """Find what belongs together by when, with what and under which name it was taken.

    Parameters
    ----------
    groups : sequence of Group
    candidates : LookAlikes
    pictures : sequence of Picture
        All that were read.
    rules : Rules
    read : callable
        Reads the metadata of pictures, by the digest of the content.

    Returns
    -------
    list of Link
        Each shot is linked with the one before it, and not with all of its series.
    dict of str to Metadata
        What was read for it.
    """
    named = _named_alike(pictures)
    members = [m.picture for group in groups for m in group.members]
    wanted = [*candidates.pictures, *members, *(p for some in named for p in some)]
    metadata = dict(read(wanted)) if wanted else {}
    links = [*_series(groups, candidates, metadata), *_raw_links(named, rules, metadata)]
    return links, metadata


# Bursts, brackets, moments --------------------------------------------------------------------


def _series(
    groups: Sequence[Group], candidates: LookAlikes, metadata: dict[str, Metadata]
) -> Iterator[Link]:
    """Yield the links of shots that were taken one after the other."""
    together = _Series()
    for one, other, upright in _near_in_time(candidates, metadata):
        # thousands of pairs of screens may lead to one series
        if not together.linked(one, other) and (
            relation_of(one, other, matched=False) or (upright and same_moment(one, other))
        ):
            together.add(one, other)
    for group in groups:
        shots = [Shot(m.picture, metadata.get(m.picture.digest, Metadata())) for m in group.members]
        dated = sorted((s for s in shots if s.seconds is not None), key=_by_camera)
        for place, one in enumerate(dated):
            for other in dated[place + 1 : place + 1 + _NEIGHBOURS]:
                if relation_of(one, other, matched=True):
                    together.add(one, other)
    group_of = {m.picture.file.path: i for i, group in enumerate(groups) for m in group.members}
    for shots in together.ordered({group.kept.file.path for group in groups}):
        yield from _chain(shots, group_of)


def _by_camera(shot: Shot) -> tuple[str, tuple[float, bytes]]:
    return shot.camera, shot.order


def _near_in_time(
    candidates: LookAlikes, metadata: dict[str, Metadata]
) -> Iterator[tuple[Shot, Shot, bool]]:
    """Yield the candidates that may be of one moment, and whether they are alike as they are."""
    if not len(candidates.left) and not len(candidates.crowded):
        return
    shots = [first_dated(some, metadata) for some in candidates.contents]
    seconds = np.array([moment_seconds(shot) for shot in shots])
    left, right = candidates.left, candidates.right
    # a long exposure lies between two shots of a bracket
    near = np.abs(seconds[left] - seconds[right]) <= 2 * MOMENT_SECONDS
    for one, other, upright in zip(
        left[near].tolist(), right[near].tolist(), candidates.upright[near].tolist(), strict=True
    ):
        pair = shots[one], shots[other]
        if pair[0].picture.identity != pair[1].picture.identity:
            yield *pair, upright
    for one, other, upright in _crowded_in_time(candidates, seconds):
        pair = shots[one], shots[other]
        if pair[0].picture.identity != pair[1].picture.identity:
            yield *pair, upright


def _crowded_in_time(
    candidates: LookAlikes, seconds: NDArray[np.float64]
) -> Iterator[tuple[int, int, bool]]:
    """The same of what resembles many others: each with those right after it."""
    dated = np.flatnonzero(np.isfinite(seconds[candidates.crowded]))
    dated = dated[np.argsort(seconds[candidates.crowded[dated]], kind="stable")]
    for step in range(1, _NEIGHBOURS + 1):
        one, other = dated[:-step], dated[step:]
        apart = seconds[candidates.crowded[other]] - seconds[candidates.crowded[one]]
        near = apart <= 2 * MOMENT_SECONDS
        left, right = np.minimum(one[near], other[near]), np.maximum(one[near], other[near])
        bits = hash_bits(candidates.hashes, left, right)
        ends = candidates.crowded[left], candidates.crowded[right]
        if candidates.may_match is not None:
            bits[~candidates.may_match(*ends)] = 0
        for i in np.flatnonzero(bits).tolist():
            yield int(ends[0][i]), int(ends[1][i]), bool(bits[i] & 1)


def _chain(shots: Sequence[Shot], group_of: Mapping[str, int]) -> Iterator[Link]:
    """Yield the link of each shot with the one before it.

    Parameters
    ----------
    shots : sequence of Shot
        In order of time.
    group_of : mapping of str to int
        The group of a path.
    """
    for place, shot in enumerate(shots):
        for before in reversed(shots[max(0, place - _NEIGHBOURS) : place]):
            paths = before.picture.file.path, shot.picture.file.path
            own = group_of.get(paths[0])
            matched = own is not None and own == group_of.get(paths[1])
            relation = relation_of(before, shot, matched=matched)
            if relation is None and not matched and same_moment(before, shot):
                relation = "moment"
            if relation is not None:
                yield Link(before.picture, shot.picture, relation)
                break


class _Series:
    """Shots that are linked, directly or by way of others."""

    def __init__(self) -> None:
        self._shots: dict[str, Shot] = {}
        self._root: dict[str, str] = {}

    def add(self, one: Shot, other: Shot) -> None:
        ends = []
        for shot in (one, other):
            path = shot.picture.file.path
            self._shots.setdefault(path, shot)
            self._root.setdefault(path, path)
            ends.append(self._top(path))
        self._root[ends[1]] = ends[0]

    def linked(self, one: Shot, other: Shot) -> bool:
        """Whether two shots are in one series already."""
        paths = one.picture.file.path, other.picture.file.path
        known = all(path in self._root for path in paths)
        return known and self._top(paths[0]) == self._top(paths[1])

    def _top(self, path: str) -> str:
        while self._root[path] != path:
            self._root[path] = self._root[self._root[path]]
            path = self._root[path]
        return path

    def ordered(self, last: Container[str]) -> list[list[Shot]]:
        """The series, each in order of time.

        Parameters
        ----------
        last : container of str
            Paths that come last of those with one time: the next shot is named with these.
        """
        series: dict[str, list[Shot]] = {}
        for path, shot in self._shots.items():
            series.setdefault(self._top(path), []).append(shot)

        def place(shot: Shot) -> tuple[float, bool, bytes]:
            seconds, path = shot.order
            return seconds, shot.picture.file.path in last, path

        return [sorted(some, key=place) for some in series.values()]


# Raw files ------------------------------------------------------------------------------------


def _named_alike(pictures: Iterable[Picture]) -> list[list[Picture]]:
    """Pictures of one name of which some are camera raw and some are not."""
    by_name: dict[str, list[Picture]] = {}
    for picture in pictures:
        by_name.setdefault(shot_stem(picture.file.path), []).append(picture)
    return [some for some in by_name.values() if len({p.facts.raw for p in some}) > 1]


def _raw_links(
    named: Sequence[Sequence[Picture]], rules: Rules, metadata: Mapping[str, Metadata]
) -> Iterator[Link]:
    """Yield the raw files with the pictures of the same shot."""
    for some in named:
        shots = [Shot(p, metadata.get(p.digest, Metadata())) for p in some]
        shots.sort(key=lambda shot: os.fsencode(shot.picture.file.path))
        for raw in (shot for shot in shots if shot.picture.facts.raw):
            for other in shots:
                if other.picture.facts.raw or not _may_be_linked(raw.picture, other.picture, rules):
                    continue
                if same_instant(raw, other):
                    yield Link(other.picture, raw.picture, "raw")


def _may_be_linked(one: Picture, other: Picture, rules: Rules) -> bool:
    if one.file.reference and other.file.reference:
        return False
    return not rules.isolate or one.file.root != other.file.root
