"""Names what was verified with members of a group, and is no member of it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace

from imgsim.types import Group, Picture, Related


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
    return sorted(new, key=lambda one: os.fsencode(one.path))
