"""Decides within each group which file is kept, and what the others are to it.

Groups are found around the picture that shows most and matches most, whichever file is kept. Here
the keep rules choose the kept file; every other member is verified with it, those that do not match
it leave the group, and the differences of the rest are measured.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace

from imgsim.decode.metadata import Metadata
from imgsim.group.choosing import Choice, Choosing, Undecided
from imgsim.group.comparisons import Comparisons, Matching, Measure
from imgsim.group.keep import Candidate, Rule, criteria_of, narrow
from imgsim.group.roles import with_role
from imgsim.group.rules import Rules
from imgsim.types import SURENESS, Group, Member, Picture, Related, kind_of


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
        self.comparisons = Comparisons(matching, measure)
        self.choosing = Choosing(keep, rules, self.comparisons, metadata)

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
        while waiting:
            choices = self.choosing.choose(waiting)
            stayed, left = self._verify(choices)
            settled += self._with_roles(choices, stayed)
            waiting = []
            for choice, members in zip(choices, left, strict=True):
                if len(members) > 1:
                    waiting.append(Undecided(tuple(members), choice.group.centre))
                elif members:
                    alone.append((members[0].picture, choice.group.centre))
        settled = [group for group in settled if len(group.members) > 1]
        settled.sort(key=lambda group: os.fsencode(group.kept.file.path))
        related = [Related(one.file.path, by.file.path, "verified") for one, by in alone]
        return settled, sorted(related, key=lambda one: os.fsencode(one.path))

    def _verify(
        self, choices: Sequence[Choice]
    ) -> tuple[list[list[tuple[Candidate, float]]], list[list[Candidate]]]:
        """Members that match the kept file, with their distances, and those that do not."""
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
        stayed: list[list[tuple[Candidate, float]]] = [[] for _ in choices]
        left: list[list[Candidate]] = [[] for _ in choices]
        for (number, other), distance in zip(wanted, distances, strict=True):
            if distance is None:
                left[number].append(other)
            else:
                stayed[number].append((other, distance))
        return stayed, left

    def _with_roles(
        self, choices: Sequence[Choice], stayed: Sequence[list[tuple[Candidate, float]]]
    ) -> list[Group]:
        self.comparisons.measure(
            (choice.kept.picture, other.picture)
            for choice, members in zip(choices, stayed, strict=True)
            for other, _ in members
        )
        return [
            self._group(choice, members) for choice, members in zip(choices, stayed, strict=True)
        ]

    def _group(self, choice: Choice, others: Sequence[tuple[Candidate, float]]) -> Group:
        kept = choice.kept
        members = []
        for other, distance in others:
            one = other.picture
            member = Member(
                one,
                kind_of(kept.picture, one),
                distance,
                self.comparisons.transform(kept.picture, one),
            )
            measured = self.comparisons.differences(kept.picture, one)
            members.append(
                with_role(member, kept, other, self.comparisons.signs(kept.picture, one), measured)
            )
        members.sort(key=lambda m: (SURENESS[m.kind], m.distance, os.fsencode(m.picture.file.path)))
        group = Group(
            (Member(kept.picture, "kept", None), *members), choice.reason, choice.rule.text
        )
        return self._with_whole(group, choice, [other for other, _ in others])

    def _with_whole(self, group: Group, choice: Choice, others: Sequence[Candidate]) -> Group:
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
