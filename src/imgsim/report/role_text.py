"""What the members of groups are, in the words of texts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from imgsim.comparators.recipes import Recipe
from imgsim.report.units import count, size
from imgsim.tasks.find_duplicates import Duplicates
from imgsim.types import Group, Related, Relation

RELATIONS = {
    "verified": "matches it too",
    "whole": "kept too, since it shows the whole picture",
    "burst": "of the same burst",
    "bracket": "of the same bracket",
    "raw": "of the same shot, raw or not",
    "moment": "of the same moment",
}
"""What a related file is to the one beside which it is named."""

SHOT_RELATIONS = ("burst", "bracket", "moment")

_SERIES: dict[Relation, tuple[str, str]] = {
    "bracket": ("bracket of exposures", "brackets of exposures"),
    "burst": ("burst", "bursts"),
    "moment": ("moment of which shots differ", "moments of which shots differ"),
    "raw": ("shot in raw and another format", "shots in raw and another format"),
}
_HEADINGS: dict[Relation, str] = {
    "bracket": "Bracket of exposures",
    "burst": "Burst",
    "moment": "Of one moment",
    "raw": "Raw and another format of one shot",
}
_VERSIONS = {
    "edited": ("edited version", "edited versions"),
    "noisier": ("noisier version", "noisier versions"),
    "blurred": ("blurred version", "blurred versions"),
    "stretched": ("stretched version", "stretched versions"),
    "rotated": ("turned version", "turned versions"),
    "turned": ("turned version", "turned versions"),
    "mirrored": ("mirrored version", "mirrored versions"),
    "enlarged": ("enlarged version", "enlarged versions"),
    "overlaid": ("version with words", "versions with words"),
    "cropped": ("part", "parts"),
    "inset": ("version with a frame or screenshot", "versions with a frame or screenshots"),
    "fuller": ("version that is better than the kept one", "versions better than the kept one"),
    "damaged": ("damaged file", "damaged files"),
    "near": ("version that may hold more", "versions that may hold more"),
}


DECISIONS = {
    "keep": "decided: keep this one",
    "keep-all": "decided: keep all",
    "not-duplicates": "decided: not duplicates",
    "remove": "decided: this one may go",
}
"""What a person decided of a member."""


def keep_text(group: Group) -> str:
    """Return the rule that chose the kept file, and what that has over the others."""
    reason = group.keep_reason
    if not group.keep_rule or group.keep_rule in (reason, "decision"):
        return reason
    return f"{group.keep_rule}, {reason}" if reason else group.keep_rule


def other_versions_lines(duplicates: Duplicates) -> Iterator[str]:
    """Yield what stands in groups beside the kept files and is no mere copy of them.

    And what belongs to other files, in a group or not: a member that does counts here alone.
    """
    series = series_of(duplicates)
    shots = {path for one in series if one.relation != "raw" for path in one.sizes}
    nouns_of = _VERSIONS | {"near": _near_nouns(duplicates)}
    versions: dict[tuple[str, str], list[int]] = {}
    for member in (member for group in duplicates.groups for member in group.members):
        file = member.picture.file
        if member.role not in nouns_of or file.reference:
            continue
        if member.role == "near" and file.path in shots:
            continue
        versions.setdefault(nouns_of[member.role], []).append(file.size_bytes)
    for nouns in dict.fromkeys(nouns_of.values()):
        if sizes := versions.get(nouns):
            yield f"and {count(len(sizes), *nouns)}, {size(sum(sizes))}"
    for relation, nouns in _SERIES.items():
        of_it = [one for one in series if one.relation == relation]
        if of_it:
            files = sum(len(one.sizes) for one in of_it)
            total = size(sum(sum(one.sizes.values()) for one in of_it))
            yield f"and {count(len(of_it), *nouns)}: {files} files, {total}"
    matched = sum(one.relation == "verified" for one in duplicates.related)
    if matched:
        verb = "matches" if matched == 1 else "match"
        yield f"and {count(matched, 'file')} that {verb} one of these, in no group"


def _near_nouns(duplicates: Duplicates) -> tuple[str, str]:
    """Name what may or may not be a copy; a method that verifies nothing measures no difference."""
    if isinstance(duplicates.comparator, Recipe):
        return _VERSIONS["near"]
    name = duplicates.comparator.name
    return (
        f"version that {name} cannot tell from a copy (auto may)",
        f"versions that {name} cannot tell from copies (auto may)",
    )


@dataclass(frozen=True, slots=True)
class Series:
    """Files that belong together by one relation.

    Attributes
    ----------
    relation : str
    sizes : dict of str to int
        Bytes by path, in order of the paths.
    grouped : bool
        One of them is named in a group.
    """

    relation: Relation
    sizes: dict[str, int]
    grouped: bool


def series_of(duplicates: Duplicates) -> list[Series]:
    """Return the bursts, brackets, raw files and moments of a run.

    A burst of which some shots differ in exposure is a bracket.
    """
    named = [(one, True) for group in duplicates.groups for one in group.related]
    links = [
        (one, grouped)
        for one, grouped in [*named, *((one, False) for one in duplicates.related)]
        if one.relation in _SERIES
    ]
    sizes: dict[str, int] = {}
    together = _Together()
    for one, grouped in links:
        sizes |= {one.path: one.size_bytes, one.beside: one.beside_bytes}
        together.join(one, grouped=grouped)
    series = []
    for some, relations, in_group in together.parts():
        relation: Relation = next(r for r in _SERIES if r in relations)
        ordered = sorted(some, key=os.fsencode)
        series.append(Series(relation, {path: sizes[path] for path in ordered}, in_group))
    return sorted(series, key=lambda one: (os.fsencode(next(iter(one.sizes))), one.relation))


class _Together:
    """Paths that are linked, directly or by way of others: raw files, moments, and the rest."""

    def __init__(self) -> None:
        self._root: dict[tuple[str, str], tuple[str, str]] = {}
        self._links: list[tuple[tuple[str, str], Related, bool]] = []

    def join(self, link: Related, *, grouped: bool) -> None:
        # the shots of a burst may have raw files each, and the next burst be of the same moment
        kind = link.relation if link.relation in ("raw", "moment") else "burst"
        ends = (kind, link.path), (kind, link.beside)
        self._root[self._top(ends[0])] = self._top(ends[1])
        self._links.append((ends[0], link, grouped))

    def _top(self, node: tuple[str, str]) -> tuple[str, str]:
        self._root.setdefault(node, node)
        while self._root[node] != node:
            self._root[node] = self._root[self._root[node]]
            node = self._root[node]
        return node

    def parts(self) -> list[tuple[set[str], set[str], bool]]:
        """The paths of each part, the relations in it, and whether a group names one of it."""
        parts: dict[tuple[str, str], tuple[set[str], set[str], list[bool]]] = {}
        for node, link, grouped in self._links:
            paths, relations, named = parts.setdefault(self._top(node), (set(), set(), []))
            paths.update((link.path, link.beside))
            relations.add(link.relation)
            named.append(grouped)
        return [(paths, relations, any(named)) for paths, relations, named in parts.values()]


def series_heading(series: Series) -> str:
    """Return what some files that belong together are."""
    return f"{_HEADINGS[series.relation]}, {len(series.sizes)} files"
