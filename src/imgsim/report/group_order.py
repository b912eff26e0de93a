"""In which order groups are shown, and which of them where there are too many."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from imgsim.comparators.base import Scale
from imgsim.decode.metadata import Metadata
from imgsim.report.document import member_similarity
from imgsim.tasks.find_duplicates import Duplicates
from imgsim.types import Group

ORDERS = ("path", "size", "similarity", "date")


def in_order(duplicates: Duplicates, order: str) -> Duplicates:
    """Return the same groups in another order; groups that are equal in it stay in order of path.

    Parameters
    ----------
    duplicates : Duplicates
    order : str
        One of `ORDERS`: by the path of the kept file; by the bytes of all files but the kept one,
        most first; by the similarity of the least similar member, highest first; by when the kept
        file was taken (else last changed), oldest first.
    """
    if order == "path":  # as they are found
        return duplicates
    keys: dict[str, Callable[[Group], Any]] = {
        "size": lambda group: -copies_bytes(group),
        "similarity": lambda group: -_similarity(group, duplicates.comparator.scale),
        "date": lambda group: _time(group, duplicates.metadata),
    }
    return replace(duplicates, groups=tuple(sorted(duplicates.groups, key=keys[order])))


def largest(groups: tuple[Group, ...], most: int) -> frozenset[int]:
    """Return the places of the groups whose copies have the most bytes, so many at most."""
    places = sorted(range(len(groups)), key=lambda i: (-copies_bytes(groups[i]), i))
    return frozenset(places[:most])


def copies_bytes(group: Group) -> int:
    """Return the bytes of all files of a group but the kept one."""
    return sum(member.picture.file.size_bytes for member in group.members[1:])


def _similarity(group: Group, scale: Scale) -> float:
    return min(member_similarity(member, scale) for member in group.members[1:])


def _time(group: Group, metadata: Mapping[str, Metadata]) -> str:
    taken = metadata.get(group.kept.digest, Metadata()).date_taken
    if taken:
        return taken
    changed = datetime.fromtimestamp(group.kept.file.mtime_ns // 10**9, UTC)
    return changed.strftime("%Y-%m-%dT%H:%M:%S")
