"""Decides within each group which file is kept, and what the others are to it.

Groups are found around the picture that shows most and matches most, whichever file is kept. Here
the keep rules choose the kept file; every other member is verified with it, those that do not match
it leave the group, and the differences of the rest are measured.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from imgsim.decode.metadata import Metadata
from imgsim.group.evidence import Sign, Signs, derivation, signs_of
from imgsim.group.keep import ALWAYS, CAMERA, NATURAL, WHOLE, Candidate, Rule, criteria_of, narrow
from imgsim.group.roles import with_role
from imgsim.group.rules import MayMatch, Rules
from imgsim.measure.differences import Differences
from imgsim.measure.extent import area_shares
from imgsim.measure.measuring import MeasuredPair
from imgsim.types import SURENESS, Group, Member, Picture, Related, Transform, Verdict, kind_of
from imgsim.verify.matrix import Matrix
from imgsim.verify.transform import stretch

_ROUNDS = 4
"""Times that another file may turn out to be what the chosen one was made from."""

_STRETCHED = 1.02
"""Ratio of the scales of two directions of a picture of another shape."""


class Matching(Protocol):
    """What is known of pairs of pictures of one group, however they were matched."""

    def match(self, pairs: Sequence[tuple[Picture, Picture, Picture]]) -> list[float | None]:
        """Compare pictures with the one that is to be kept.

        Parameters
        ----------
        pairs : sequence of (Picture, Picture, Picture)
            The kept one, the other, and a third that both were matched with.

        Returns
        -------
        list of float or None
            The distances of those that match.
        """

    def verdict(self, left: Picture, right: Picture) -> Verdict | None:
        """The verdict on two pictures, with the first as the left one, if they were verified."""

    def transform(self, kept: Picture, other: Picture) -> Transform | None:
        """How a picture lies upon the kept one, if that is known."""


Measure = Callable[[Sequence[MeasuredPair]], dict[tuple[str, str], Differences]]


@dataclass(frozen=True, slots=True)
class _Open:
    """Members of a group that is not decided yet, and a picture that all of them match."""

    members: tuple[Candidate, ...]
    centre: Picture


@dataclass(slots=True)
class _Choice:
    """The file that is to be kept of some members."""

    group: _Open
    kept: Candidate
    rule: Rule
    reason: str


class Settling:
    """Decides groups.

    Parameters
    ----------
    keep : sequence of Rule
    rules : Rules
    matching : Matching
    measure : callable
        Measures the differences of pairs.
    metadata : mapping of str to Metadata
        By the digest of the content.
    """

    def __init__(
        self,
        keep: Sequence[Rule],
        rules: Rules,
        matching: Matching,
        measure: Measure,
        metadata: Mapping[str, Metadata],
    ) -> None:
        self.keep = keep
        self.rules = rules
        self.matching = matching
        self.measure = measure
        self.metadata = metadata
        self._measured: dict[tuple[str, str], Differences | None] = {}

    def settle(self, groups: Sequence[Group]) -> tuple[list[Group], list[Related]]:
        """Decide groups whose first member is their centre.

        Returns
        -------
        list of Group
            In order of the kept file's path.
        list of Related
            Files that were matched with a member of a group, and are in none.
        """
        self._measure_parts(groups)
        waiting = [self._open(group) for group in groups]
        settled: list[Group] = []
        alone: list[tuple[Picture, Picture]] = []
        while waiting:
            choices = self._choose(waiting)
            stayed, left = self._verify(choices)
            settled += self._with_roles(choices, stayed)
            waiting = []
            for choice, members in zip(choices, left, strict=True):
                if len(members) > 1:
                    waiting.append(_Open(tuple(members), choice.group.centre))
                elif members:
                    alone.append((members[0].picture, choice.group.centre))
        settled = [group for group in settled if len(group.members) > 1]
        settled.sort(key=lambda group: os.fsencode(group.kept.file.path))
        related = [Related(one.file.path, by.file.path, "verified") for one, by in alone]
        return settled, sorted(related, key=lambda one: os.fsencode(one.path))

    # Choosing -------------------------------------------------------------------------------

    def _open(self, group: Group) -> _Open:
        """The candidates of a group, by how they lie upon its centre."""
        centre = group.kept
        shows_less: set[str] = set()
        stretched: set[str] = set()
        own: dict[str, float] = {}
        for member in group.members:
            one = member.picture
            own[one.identity] = one.pixels
            verdict = None if one.identity == centre.identity else self._verdict(centre, one)
            if verdict is None:
                continue
            measured = self._differences(centre, one)
            signs = signs_of(centre, one, verdict, measured)
            lesser = _part_of(verdict, signs.signs if measured else None)
            if lesser:
                shows_less.add(one.identity if lesser > 0 else centre.identity)
            if lesser > 0 and verdict.matrix:
                own[one.identity] *= area_shares(_matrix(verdict))[1]
            if stretch(verdict, centre.facts, one.facts) > _STRETCHED:
                stretched.add(one.identity)
        everything = {m.picture.identity for m in group.members} <= shows_less
        return _Open(
            tuple(
                Candidate(
                    m.picture,
                    self.metadata.get(m.picture.digest, Metadata()),
                    own[m.picture.identity],
                    m.picture.identity in shows_less and not everything,
                    m.picture.identity == centre.identity,
                    m.picture.identity in stretched,
                )
                for m in group.members
            ),
            centre,
        )

    def _measure_parts(self, groups: Sequence[Group]) -> None:
        """Measure those members of which one may be a part of the other."""
        pairs = [(g.kept, m.picture) for g in groups for m in g.members[1:]]
        verdicts = [(pair, self._verdict(*pair)) for pair in pairs]
        self._measure_all(
            pair for pair, verdict in verdicts if verdict is not None and not verdict.whole
        )

    def _choose(self, groups: Sequence[_Open]) -> list[_Choice]:
        """Choose the kept file of each group by the rules."""
        choices: list[_Choice] = []
        asked: list[tuple[int, list[Candidate]]] = []
        for group in groups:
            left, reason = narrow(self._eligible(group), ALWAYS)
            decisive = self.keep[0]
            for rule in (*self.keep, _FIRST):
                if len(left) == 1:
                    break
                decisive = rule
                if rule.text == "original":
                    asked.append((len(choices), left))
                    break
                left, decided = narrow(left, criteria_of(rule, left))
                reason = decided or reason
            choices.append(_Choice(group, left[0], decisive, reason))
        self._choose_originals(choices, asked)
        return choices

    def _eligible(self, group: _Open) -> list[Candidate]:
        """Members that may match all others."""
        pictures = [c.picture for c in group.members]
        may_match = MayMatch(pictures, self.rules)
        able = [
            c
            for i, c in enumerate(group.members)
            if all(
                bool(may_match(i, j)) or pictures[i].identity == pictures[j].identity
                for j in range(len(pictures))
                if j != i and not pictures[j].facts.damage
            )
        ]
        return able or list(group.members[:1])

    def _choose_originals(
        self, choices: list[_Choice], asked: Sequence[tuple[int, list[Candidate]]]
    ) -> None:
        """Choose what the others were made from."""
        pools: dict[int, list[Candidate]] = {}
        for number, left in asked:
            pool, reason = narrow(left, (WHOLE, CAMERA, NATURAL))
            pools[number] = pool
            choices[number].reason = reason or choices[number].reason
            choices[number].kept = self._first(pool)
        tried: dict[int, set[str]] = {number: set() for number in pools}
        pending = dict(pools)
        for _ in range(_ROUNDS):
            self._measure_all(
                (choices[n].kept.picture, c.picture) for n, p in pending.items() for c in p
            )
            for number, pool in list(pending.items()):
                kept = choices[number].kept
                tried[number].add(kept.picture.identity)
                sources = self._sources(kept, pool)
                sources = [c for c in sources if c.picture.identity not in tried[number]]
                if sources:
                    choices[number].kept = self._first(sources)
                else:
                    del pending[number]
            if not pending:
                break
        for number, pool in pools.items():
            choices[number].kept = self._like(choices[number].kept, pool)
            choices[number].reason = self._reason(choices[number], pool)

    def _first(self, pool: Sequence[Candidate]) -> Candidate:
        return narrow(pool, criteria_of(_ORIGINAL, pool))[0][0]

    def _like(self, kept: Candidate, pool: Sequence[Candidate]) -> Candidate:
        """Of the files with the pixels of the kept one, the first by name, place and date."""
        return self._first([c for c in pool if c.picture.identity == kept.picture.identity])

    def _sources(self, kept: Candidate, pool: Sequence[Candidate]) -> list[Candidate]:
        """Files from which the kept one was made, or of which most of the group are."""
        related = [(c, self._derivation(kept, c)[0]) for c in pool]
        sources = [c for c, derived in related if derived < 0]
        return sources or self._majority(kept, pool)

    def _majority(self, kept: Candidate, pool: Sequence[Candidate]) -> list[Candidate]:
        """Files with tones in which more contents agree than in those of the kept one.

        Which of two versions was edited, pixels alone do not tell; but of an edit there is one,
        and of the original there are exports and copies.
        """
        contents = {c.picture.identity: c for c in pool}
        versions: dict[tuple[int, int], list[Candidate]] = {}
        for one in contents.values():
            version = self._version(kept, one)
            if version is not None:
                versions.setdefault(version, []).append(one)
        own = versions.get(_SAME_TONES, [])
        most = max(versions.values(), key=len, default=[])
        if len(most) <= len(own):
            return []
        identities = {one.picture.identity for one in most}
        return [c for c in pool if c.picture.identity in identities]

    def _version(self, kept: Candidate, other: Candidate) -> tuple[int, int] | None:
        """Equal numbers for files with the same tones and colours, seen from the kept one.

        None for what was made from it: that says nothing of which of the others came first.
        """
        measured = self._differences(kept.picture, other.picture)
        signs = self._signs(kept, other).signs
        if measured is None or not signs:
            return _SAME_TONES
        if any(sign.derived and sign.role != "reencoded" for sign in signs):
            return None
        if not any(sign.role == "edited" for sign in signs):
            return _SAME_TONES
        return round(measured.tone / 3) + 1, round(10 * measured.saturation) + 1

    def _reason(self, choice: _Choice, pool: Sequence[Candidate]) -> str:
        """What the kept file has over the next one."""
        kept = choice.kept
        others = [c for c in pool if c.picture.identity != kept.picture.identity]
        if others:
            derived, why = self._derivation(kept, self._first(others))
            if derived > 0:
                return f"the other was made from it: {why}"
        ordered = [kept, *others] if others else pool
        return narrow(ordered, criteria_of(_ORIGINAL, ordered))[1] or choice.reason

    def _derivation(self, kept: Candidate, other: Candidate) -> tuple[int, str]:
        if kept.picture.identity == other.picture.identity:
            return 0, ""
        verdict = self._verdict(kept.picture, other.picture)
        measured = self._differences(kept.picture, other.picture)
        return derivation(kept.picture, other.picture, verdict, measured)

    # Verifying ------------------------------------------------------------------------------

    def _verify(
        self, choices: Sequence[_Choice]
    ) -> tuple[list[list[tuple[Candidate, float]]], list[list[Candidate]]]:
        """Members that match the kept file, with their distances, and those that do not."""
        wanted = [
            (number, other)
            for number, choice in enumerate(choices)
            for other in choice.group.members
            if other is not choice.kept
        ]
        distances = self.matching.match(
            [
                (choices[number].kept.picture, other.picture, choices[number].group.centre)
                for number, other in wanted
            ]
        )
        stayed: list[list[tuple[Candidate, float]]] = [[] for _ in choices]
        left: list[list[Candidate]] = [[] for _ in choices]
        for (number, other), distance in zip(wanted, distances, strict=True):
            if distance is None:
                left[number].append(other)
            else:
                stayed[number].append((other, distance))
        return stayed, left

    # Roles ----------------------------------------------------------------------------------

    def _with_roles(
        self, choices: Sequence[_Choice], stayed: Sequence[list[tuple[Candidate, float]]]
    ) -> list[Group]:
        self._measure_all(
            (choice.kept.picture, other.picture)
            for choice, members in zip(choices, stayed, strict=True)
            for other, _ in members
        )
        return [
            self._group(choice, members) for choice, members in zip(choices, stayed, strict=True)
        ]

    def _group(self, choice: _Choice, others: Sequence[tuple[Candidate, float]]) -> Group:
        kept = choice.kept
        members = []
        for other, distance in others:
            one = other.picture
            member = Member(
                one,
                kind_of(kept.picture, one),
                distance,
                self.matching.transform(kept.picture, one),
            )
            measured = self._differences(kept.picture, one)
            members.append(with_role(member, kept, other, self._signs(kept, other), measured))
        members.sort(key=lambda m: (SURENESS[m.kind], m.distance, os.fsencode(m.picture.file.path)))
        group = Group(
            (Member(kept.picture, "kept", None), *members), choice.reason, choice.rule.text
        )
        return self._with_whole(group, choice, [other for other, _ in others])

    def _with_whole(self, group: Group, choice: _Choice, others: Sequence[Candidate]) -> Group:
        """Keep the whole picture too, where a rule chose a part of it."""
        kept = choice.kept
        wholes = [c for c in others if not c.partial]
        if (
            not kept.partial
            or kept.picture.file.reference
            or choice.rule.partial_may_stay
            or not wholes
        ):
            return group
        left = wholes
        for rule in self.keep:
            left, _ = narrow(left, criteria_of(rule, left))
        path = left[0].picture.file.path
        members = tuple(
            replace(
                m,
                role="fuller",
                changes=tuple(r for r in (m.role, *m.changes) if r and r != "fuller"),
            )
            if m.picture.file.path == path and m.role != "fuller"
            else m
            for m in group.members
        )
        related = (Related(path, kept.picture.file.path, "whole"),)
        return replace(group, members=members, related=related)

    def _signs(self, kept: Candidate, other: Candidate) -> Signs:
        one, two = kept.picture, other.picture
        return signs_of(one, two, self._verdict(one, two), self._differences(one, two))

    def _verdict(self, left: Picture, right: Picture) -> Verdict | None:
        return self.matching.verdict(left, right)

    # Measuring ------------------------------------------------------------------------------

    def _measure_all(self, pairs: Iterable[tuple[Picture, Picture]]) -> None:
        """Measure pairs that were not measured before, and can be."""
        wanted: dict[tuple[str, str], MeasuredPair] = {}
        for one, other in pairs:
            left, right = sorted((one, other), key=lambda p: p.digest)
            key = left.digest, right.digest
            if one.identity == other.identity or key in self._measured or key in wanted:
                continue
            verdict = self._verdict(left, right)
            if verdict is not None and verdict.matrix and _measurable(one) and _measurable(other):
                wanted[key] = MeasuredPair(left, right, verdict.matrix)
        measured = self.measure(list(wanted.values()))
        self._measured |= {key: measured.get(key) for key in wanted}

    def _differences(self, left: Picture, right: Picture) -> Differences | None:
        """What was measured, with the first picture as the left one."""
        if left.digest <= right.digest:
            return self._measured.get((left.digest, right.digest))
        measured = self._measured.get((right.digest, left.digest))
        return None if measured is None else measured.swapped()


def _measurable(picture: Picture) -> bool:
    """Whether what is decoded is all of the picture, and the picture itself."""
    facts = picture.facts
    return not (facts.raw or facts.damage or facts.frames > 1)


def _part_of(verdict: Verdict, signs: Sequence[Sign] | None) -> int:
    """Tell which of two pictures is a part of the other: 1 the right one, -1 the left, 0 none."""
    if signs is None:
        return -verdict.more
    if any(sign.role in ("cropped", "inset", "overlaid") for sign in signs):
        return 1
    if any(sign.role == "rotated" and sign.derived for sign in signs):
        return 1
    return -1 if verdict.more and any(sign.role == "fuller" for sign in signs) else 0


def _matrix(verdict: Verdict) -> Matrix:
    return np.array(verdict.matrix).reshape(3, 3)


_SAME_TONES = (0, 0)
_ORIGINAL = Rule("original", ())
_FIRST = Rule("first", (("first by path", lambda c: os.fsencode(c.picture.file.path)),))
