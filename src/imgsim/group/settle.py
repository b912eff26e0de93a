"""Decides within each group which file is kept, and what the others are to it.

Groups are found around the picture that shows most and matches most, whichever file is kept. Here
the keep rules choose the kept file; every other member is verified with it, those that do not match
it leave the group, and the differences of the rest are measured. What a person decided on with the
kept file leaves it too.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from imgsim.decisions.lookup import Decided, PairAnswer
from imgsim.decode.metadata import Metadata
from imgsim.group.choosing import Choice, Choosing, Undecided
from imgsim.group.comparisons import Comparisons, Matching, Measure
from imgsim.group.keep import Candidate, Rule, narrow
from imgsim.group.roles import with_role
from imgsim.group.rules import Rules
from imgsim.types import SURENESS, Group, Member, Picture, Related, kind_of

_ALL_MATCH = "all of the group match it"


@dataclass(slots=True)
class _Sides:
    """The other members of a group, by what they are to the kept file.

    Attributes
    ----------
    stayed : list of (Candidate, float)
        They match it at this distance.
    decided : list of (Candidate, float, str)
        They do, and a person decided on the two.
    left : list of Candidate
        They do not.
    """

    stayed: list[tuple[Candidate, float]] = field(default_factory=list)
    decided: list[tuple[Candidate, float, PairAnswer]] = field(default_factory=list)
    left: list[Candidate] = field(default_factory=list)


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
    decided : Decided, optional
    paired : collection of str, optional
        Paths of the files that lie beside the other file of their shot, see `shots.paired_shots`.

    Attributes
    ----------
    decided_groups : list of Group
        Those of which `settle` left nothing to decide, with their files as `Group.decided`; in
        order of the kept file's path.
    """

    def __init__(
        self,
        keep: Sequence[Rule],
        rules: Rules,
        matching: Matching,
        measure: Measure,
        metadata: Mapping[str, Metadata],
        decided: Decided | None = None,
        paired: Collection[str] = (),
    ) -> None:
        self.keep = keep
        self.decided = Decided() if decided is None else decided
        self.decided_groups: list[Group] = []
        self.comparisons = Comparisons(matching, measure)
        self.choosing = Choosing(keep, rules, self.comparisons, metadata, self.decided, paired)

    def settle(self, groups: Sequence[Group]) -> tuple[list[Group], list[Related]]:
        """Decide groups whose first member is their centre.

        Returns
        -------
        list of Group
            In order of the kept file's path.
        list of Related
            Files that were matched with a member of a group, and are in none.
        """
        self.choosing.measure_parts(groups)
        waiting = [self.choosing.undecided(group) for group in groups]
        settled: list[Group] = []
        alone: list[tuple[Picture, Picture]] = []
        first_round = True
        while waiting:
            choices = self.choosing.choose(waiting)
            sides = self._verify(choices)
            self._keep_what_all_match(choices, sides)
            new = self._with_roles(choices, sides)
            settled += new
            if first_round:  # what such a group leaves was shown in it
                self.decided_groups = [g for g in new if len(g.members) == 1 and g.decided]
            first_round, waiting = False, []
            for choice, side in zip(choices, sides, strict=True):
                members = self._still_open(side)
                whole = any(not one.picture.facts.damage for one in members)
                if len(members) > 1 and whole:
                    waiting.append(Undecided(tuple(members), choice.group.centre))
                    continue
                alone += [  # damaged ones without a whole one make no group
                    (one.picture, choice.group.centre)
                    for one in members
                    if not self._is_decided(one.picture, choice)
                ]
        settled = [group for group in settled if len(group.members) > 1]
        for some in (settled, self.decided_groups):
            some.sort(key=lambda group: os.fsencode(group.kept.file.path))
        related = [Related(one.file.path, by.file.path, "verified") for one, by in alone]
        return settled, sorted(related, key=lambda one: os.fsencode(one.path))

    def _verify(self, choices: Sequence[Choice]) -> list[_Sides]:
        """Divide the other members by what they are to the kept file."""
        wanted = [
            (number, other)
            for number, choice in enumerate(choices)
            for other in choice.group.members
            if other is not choice.kept
        ]
        distances = self.comparisons.match(
            [
                (choices[number].kept.picture, other.picture, choices[number].group.centre)
                for number, other in wanted
            ]
        )
        sides = [_Sides() for _ in choices]
        for (number, other), distance in zip(wanted, distances, strict=True):
            answer = self.decided.between(choices[number].kept.picture, other.picture)
            if distance is None:
                sides[number].left.append(other)
            elif answer is None:
                sides[number].stayed.append((other, distance))
            else:
                sides[number].decided.append((other, distance, answer))
        return sides

    def _keep_what_all_match(self, choices: list[Choice], sides: list[_Sides]) -> None:
        """Keep a file that is as good as the kept one, where all of the group match it alone.

        Nobody can tell what was done to a file that is much like the others, but for what no
        longer matches it: text that a darker copy hides is legible in others.
        """
        asked = [
            (number, place, rival, other)
            for number, side in enumerate(sides)
            if side.left
            for place, rival in enumerate(self.choosing.rivals(choices[number]))
            for other in side.left
            if other is not rival
        ]
        distances = self.comparisons.match(
            [
                (rival.picture, other.picture, choices[number].group.centre)
                for number, _, rival, other in asked
            ]
        )
        refused = {
            (number, place)
            for (number, place, _, _), distance in zip(asked, distances, strict=True)
            if distance is None
        }
        tried: dict[int, Choice] = {}
        for number, place, rival, _ in asked:
            if (number, place) not in refused and number not in tried:
                tried[number] = replace(choices[number], kept=rival, reason=_ALL_MATCH)
        for number, side in zip(tried, self._verify(list(tried.values())), strict=True):
            if not side.left:
                choices[number], sides[number] = tried[number], side

    def _still_open(self, side: _Sides) -> list[Candidate]:
        """The members that are not the kept file's, and have an undecided pair left."""
        others = [*side.left, *(other for other, _, _ in side.decided)]
        if not side.decided:
            return others
        asked = {
            other.picture.file.path
            for other, _, _ in side.decided
            if all(
                one is other or self.decided.between(one.picture, other.picture) for one in others
            )
        }
        return [other for other in others if other.picture.file.path not in asked]

    def _is_decided(self, one: Picture, choice: Choice) -> bool:
        return self.decided.between(one, choice.group.centre) is not None or (
            one is choice.group.centre
        )

    def _with_roles(self, choices: Sequence[Choice], sides: Sequence[_Sides]) -> list[Group]:
        matched = [
            [*side.stayed, *((other, distance) for other, distance, _ in side.decided)]
            for side in sides
        ]
        self.comparisons.measure(
            (choice.kept.picture, other.picture)
            for choice, members in zip(choices, matched, strict=True)
            for other, _ in members
        )
        return [self._group(choice, side) for choice, side in zip(choices, sides, strict=True)]

    def _group(self, choice: Choice, side: _Sides) -> Group:
        kept = choice.kept.picture
        contradicting = self.decided.contradict([other.picture for other, _ in side.stayed])
        members = []
        for other, distance in side.stayed:
            member = self._member(choice, other, distance)
            staying = self.decided.stays(other.picture, kept)
            if staying is None and other.picture.file.path in contradicting:
                members.append(replace(member, decision="not-duplicates"))
            elif staying is None and self.decided.removed_for(other.picture, kept):
                members.append(replace(member, decision="remove"))
            else:
                members.append(replace(member, decision=staying))
        decided = [
            replace(self._member(choice, other, distance), decision=answer, decided=True)
            for other, distance, answer in side.decided
        ]
        for some in (members, decided):
            some.sort(key=_member_order)
        first = Member(kept, "kept", None)
        if self.decided.is_kept(kept, (other.picture for other, _ in side.stayed)):
            first = replace(first, decision="keep")
        group = Group((first, *members), choice.reason, choice.rule.text, decided=tuple(decided))
        return self._with_whole(group, choice, [other for other, _ in side.stayed])

    def _member(self, choice: Choice, other: Candidate, distance: float) -> Member:
        """A member and its role."""
        kept, one = choice.kept, other.picture
        member = Member(
            one,
            kind_of(kept.picture, one),
            distance,
            self.comparisons.transform(kept.picture, one),
        )
        measured = self.comparisons.differences(kept.picture, one)
        return with_role(member, kept, other, self.comparisons.signs(kept.picture, one), measured)

    def _with_whole(self, group: Group, choice: Choice, others: Sequence[Candidate]) -> Group:
        """Keep the whole picture too, where a rule chose a part of it."""
        kept = choice.kept
        wholes = [c for c in others if not c.partial and not c.picture.facts.damage]
        if (
            not kept.partial
            or kept.picture.file.reference
            or choice.rule.partial_may_stay
            or not wholes
        ):
            return group
        left = wholes
        for rule in self.keep:
            left, _ = narrow(left, rule.criteria)
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


def _member_order(member: Member) -> tuple[int, float, bytes]:
    return SURENESS[member.kind], member.distance or 0.0, os.fsencode(member.picture.file.path)
