"""Names what belongs to members of groups and is no copy of them: in a group, or without one."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from imgsim.decode.metadata import Metadata
from imgsim.group.shot_series import Link
from imgsim.group.shots import Shot, other_shot_text
from imgsim.types import Group, Member, Picture, Related, Role

_SHOTS = ("burst", "bracket")


def with_related(
    groups: Sequence[Group], pairs: Iterable[tuple[Picture, Picture, float]]
) -> list[Group]:
    """Add to each group the files that match a member and stand elsewhere.

    Of all files of another group the nearest is named.

    Parameters
    ----------
    groups : sequence of Group
    pairs : iterable of (Picture, Picture, float)
        Two pictures that match, and their distance.
    """
    number = {m.picture.file.path: i for i, group in enumerate(groups) for m in group.members}
    nearest: dict[tuple[int, int | str], tuple[float, bytes, Related]] = {}
    for one, other, distance in pairs:
        for member, company in ((one, other), (other, one)):
            path, beside = company.file.path, member.file.path
            own, others = number.get(beside), number.get(path)
            if own is None or own == others:
                continue
            key = own, path if others is None else others
            new = distance, os.fsencode(path), Related(path, beside, "verified")
            nearest[key] = min(nearest.get(key, new), new, key=lambda named: named[:2])
    more: dict[int, list[Related]] = {}
    for (own, _), (_, _, related) in nearest.items():
        more.setdefault(own, []).append(related)
    return [
        replace(group, related=(*group.related, *_new(group, more[i]))) if i in more else group
        for i, group in enumerate(groups)
    ]


def _new(group: Group, related: Sequence[Related]) -> list[Related]:
    """Those whose files the group does not name yet, in order of their paths."""
    named = {one.path for one in group.related}
    new = [one for one in related if one.path not in named]
    return sorted(new, key=_place)


def with_links(
    groups: Sequence[Group], links: Iterable[Link], related: Sequence[Related] = ()
) -> tuple[list[Group], list[Related]]:
    """Add to each group the bursts, brackets, raw files and moments of its members.

    Of the files of another group one is named for each relation, the kept one if that is linked.
    What was named as verified with a member, and is another shot of its burst, is named as that.

    Parameters
    ----------
    groups : sequence of Group
    links : iterable of Link
    related : sequence of Related
        Files that were matched with a member of a group, and are in none.

    Returns
    -------
    list of Group
    list of Related
        Of `related` what no group names now; then the links of files that are both in no group,
        each with the earlier one, a raw file with the picture of its name.
    """
    number = {m.picture.file.path: i for i, group in enumerate(groups) for m in group.members}
    kept = {group.kept.file.path for group in groups}
    alone: list[Related] = []
    chosen: dict[tuple[int, int | str, str], tuple[tuple[bool, bool, bytes, bytes], Related]] = {}
    for link in links:
        paths = link.one.file.path, link.other.file.path
        own, others = map(number.get, paths)
        if own is None and others is None:
            alone.append(Related(*paths[::-1], link.relation))
            continue
        ends = [paths[::-1], paths]
        if own == others:  # of two members the one is named that is not kept
            ends = [end for end in ends if end[0] not in kept][:1]
        for path, beside in ends:
            home = number.get(beside)
            if home is None:
                continue
            unit = path if own == others else number.get(path, path)
            rank = path not in kept, beside not in kept, os.fsencode(path), os.fsencode(beside)
            new = rank, Related(path, beside, link.relation)
            key = home, unit, link.relation
            chosen[key] = min(chosen.get(key, new), new, key=lambda one: one[0])
    more: dict[int, list[Related]] = {}
    for (home, _, _), (_, one) in chosen.items():
        more.setdefault(home, []).append(one)
    linked = [
        replace(group, related=_merged(group.related, more[i], number)) if i in more else group
        for i, group in enumerate(groups)
    ]
    named = {r.path for group in linked for r in group.related if r.relation in _SHOTS}
    left = [one for one in related if one.path not in named]
    return linked, [*left, *sorted(alone, key=_place)]


def _merged(
    before: Sequence[Related], new: Sequence[Related], number: Mapping[str, int]
) -> tuple[Related, ...]:
    """What a group names: of a file, or another group, either a match or a burst, not both."""

    def unit(related: Related) -> int | str:
        return number.get(related.path, related.path)

    shots = {unit(one) for one in new if one.relation in _SHOTS}
    stay = [one for one in before if one.relation != "verified" or unit(one) not in shots]
    matched = {unit(one) for one in stay if one.relation == "verified"}
    new = [one for one in new if one.relation != "moment" or unit(one) not in matched]
    return (*stay, *sorted(new, key=_place))


def with_sizes(
    groups: Sequence[Group], related: Sequence[Related], pictures: Iterable[Picture]
) -> tuple[list[Group], list[Related]]:
    """Add the bytes of the files to what is related, in groups and without one.

    Parameters
    ----------
    groups : sequence of Group
    related : sequence of Related
    pictures : iterable of Picture
        All that were read.
    """
    sizes = {picture.file.path: picture.file.size_bytes for picture in pictures}

    def sized(some: Sequence[Related]) -> list[Related]:
        return [
            replace(one, size_bytes=sizes[one.path], beside_bytes=sizes[one.beside]) for one in some
        ]

    told = [replace(g, related=tuple(sized(g.related))) if g.related else g for g in groups]
    return told, sized(related)


def _place(related: Related) -> tuple[bytes, bytes]:
    return os.fsencode(related.path), os.fsencode(related.beside)


# Roles ----------------------------------------------------------------------------------------

_LIES: frozenset[Role] = frozenset(
    ("inset", "overlaid", "cropped", "rotated", "mirrored", "turned", "stretched", "fuller")
)
"""Roles that say how a picture lies, or that it has more, and hold for another shot too."""


def with_other_shots(groups: Sequence[Group], metadata: Mapping[str, Metadata]) -> list[Group]:
    """Give members that are another shot than the kept file, by their dates, the role `near`.

    However alike two shots are, none was made from the other.

    Parameters
    ----------
    groups : sequence of Group
    metadata : mapping of str to Metadata
        By the digest of the content.
    """
    return [
        replace(group, members=tuple(_as_shot(m, group, metadata) for m in group.members))
        for group in groups
    ]


def _as_shot(member: Member, group: Group, metadata: Mapping[str, Metadata]) -> Member:
    if member.kind != "near":
        return member
    kept, other = (
        Shot(p, metadata.get(p.digest, Metadata())) for p in (group.kept, member.picture)
    )
    why = other_shot_text(kept, other)
    if not why:
        return member
    roles = dict.fromkeys(role for role in (member.role, *member.changes) if role in _LIES)
    return replace(member, role="near", changes=tuple(r for r in roles if r), why=why)
