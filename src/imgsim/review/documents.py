"""What the page gets of groups: short entries of all, and the details of one.

All names in them are for people: control characters are escaped, and no file is asked for by one.
Numbers that may pass 2^53 are text.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from imgsim.act.planning import can_be_removed
from imgsim.addresses import folder_of, printable
from imgsim.decode.metadata import ONLY_HERE, Metadata
from imgsim.group.roles import only_in
from imgsim.report.document import parts_note
from imgsim.report.group_order import copies_bytes
from imgsim.report.role_text import DECISIONS, RELATIONS, keep_text
from imgsim.review.model import ReviewGroup
from imgsim.tasks.find_duplicates import Duplicates
from imgsim.tasks.leaks.results import Leaks
from imgsim.types import Group, Member, Role

ROLE_TEXTS: dict[Role, str] = {
    "exact": "the same bytes",
    "pixels": "the same pixels",
    "damaged": "damaged",
    "fuller": "shows more than the kept file",
    "inset": "with a frame, or in a screenshot",
    "overlaid": "with words or a logo over it",
    "cropped": "a part of it",
    "edited": "edited",
    "noisier": "noisier",
    "blurred": "blurred",
    "stretched": "stretched",
    "rotated": "turned by an angle",
    "mirrored": "mirrored",
    "turned": "turned by quarters",
    "enlarged": "enlarged",
    "smaller": "smaller",
    "reencoded": "compressed again",
    "near": "alike, and not sure what was made from what",
}
"""What a file is to the kept one, in a few words."""

FileId = Callable[[str], str]
"""Gives a path its id."""


class Folders:
    """The folders of the files, by their numbers."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def number(self, path: str) -> int:
        """Return the number of the folder that a file lies in."""
        return self._numbers.setdefault(folder_of(path) or os.curdir, len(self._numbers))

    @property
    def paths(self) -> list[str]:
        """The folders in order of their numbers, as they are."""
        return list(self._numbers)

    @property
    def names(self) -> list[str]:
        """The same, as they are shown."""
        return [printable(path) for path in self._numbers]


def entry_document(
    group: ReviewGroup, metadata: Mapping[str, Metadata], folders: Folders, file_id: FileId
) -> dict[str, Any]:
    """Return the short entry of a group in the list.

    Parameters
    ----------
    group : ReviewGroup
    metadata : mapping of str to Metadata
    folders : Folders
        Takes the folders of its files.
    file_id : callable
    """
    members = group.current.members
    paths = [member.picture.file.path for member in members]
    others = members[1:]
    date = metadata.get(group.kept.digest, Metadata()).date_taken
    return {
        "id": group.id,
        "kept": file_id(group.kept.file.path),
        "title": printable(os.path.basename(group.kept.file.path)),
        "count": len(members),
        "gain": str(group.gain),
        "bytes": str(copies_bytes(group.current)),
        "removable": len(group.removable),
        "roles": list(dict.fromkeys(m.role for m in others if m.role)),
        "folders": list(dict.fromkeys(map(folders.number, paths))),
        "answer": group.answer,
        "pending": group.pending,
        "applied": bool(group.moved),
        "changed": bool(group.changed),
        "text": " ".join(dict.fromkeys(printable(os.path.basename(p)).lower() for p in paths)),
        "date": printable(date) or None,
        "distance": max(filter(math.isfinite, (m.distance or 0.0 for m in others)), default=0.0),
    }


def group_document(
    group: ReviewGroup, metadata: Mapping[str, Metadata], file_id: FileId
) -> dict[str, Any]:
    """Return the details of a group.

    Parameters
    ----------
    group : ReviewGroup
    metadata : mapping of str to Metadata
    file_id : callable
    """
    current = group.current
    return {
        "id": group.id,
        "answer": group.answer,
        "pending": group.pending,
        "kept": file_id(group.kept.file.path),
        "proposed": file_id(group.proposed.kept.file.path),
        "kept_because": printable(keep_text(current)),
        "gain": str(group.gain),
        "files": [_file_document(group, m, metadata, file_id) for m in current.members],
        "related": [
            {
                "path": printable(one.path),
                "beside": printable(one.beside),
                "relation": one.relation,
                "text": RELATIONS[one.relation],
            }
            for one in current.related
        ],
    }


def _file_document(
    group: ReviewGroup, member: Member, metadata: Mapping[str, Metadata], file_id: FileId
) -> dict[str, Any]:
    picture, path = member.picture, member.picture.file.path
    own = metadata.get(picture.digest, Metadata())
    lost = () if member.kind == "kept" else only_in(member, group.current, metadata)
    note = parts_note(group.kept, member) if member.kind != "kept" else ""
    evidence = [text for text in (*member.why.split("; "), note) if text]
    removable = group.is_removable(member)
    return {
        "id": file_id(path),
        "name": printable(os.path.basename(path)),
        "folder": printable(folder_of(path) or os.curdir),
        "path": printable(path),
        "bytes": str(picture.file.size_bytes),
        "mtime_ms": str(picture.file.mtime_ns // 1_000_000),
        "width": picture.facts.width,
        "height": picture.facts.height,
        "format": picture.facts.format,
        "date": printable(own.date_taken) or None,
        "camera": _camera(own) or None,
        "quality": own.jpeg_quality,
        "kind": member.kind,
        "role": None if group.pending else member.role,
        "role_text": _role_text(group, member),
        "evidence": [] if group.pending else [printable(text) for text in evidence],
        "changes": [] if group.pending else [ROLE_TEXTS[role] for role in member.changes],
        "removable": removable,
        "why_not": "" if removable else _why_not(group, member),
        "lost_metadata": [ONLY_HERE[name] for name in lost],
        "decided": member.decision,
        "accepted": path in group.accepted,
        "can_be_removed": not removable
        and group.can_be_removed(member)
        and can_be_removed(picture),
        "changed": path in group.changed,
        "moved": path in group.moved,
        "damage": printable(picture.facts.damage) or None,
        "reference": picture.file.reference,
        "aligned": member.kind != "kept" and can_be_aligned(group, member),
        "matrix": None if member.transform is None else member.transform.matrix,
    }


def can_be_aligned(group: ReviewGroup, member: Member) -> bool:
    """Whether it is known how a file lies upon the kept one."""
    if group.pending:
        return False
    return member.transform is not None or member.role in WHOLE_ROLES


WHOLE_ROLES: frozenset[Role] = frozenset(("exact", "pixels", "reencoded", "smaller"))
"""Of such files the whole lies upon the whole, upright."""


def _role_text(group: ReviewGroup, member: Member) -> str:
    if member.kind == "kept":
        return "kept"
    if group.pending:
        return "being compared with the file that you keep"
    return ROLE_TEXTS[member.role] if member.role else "alike"


def _why_not(group: ReviewGroup, member: Member) -> str:
    """Why a file stays if the group is accepted."""
    if member.kind == "kept":
        return ""
    if group.pending:
        return "it is being compared with the file that you keep"
    if member.decision is not None and member.decision != "remove":
        return DECISIONS[member.decision]
    if member.picture.file.reference:
        return "it lies below --reference"
    if member.conflict:
        return "the files stand under two labels"
    if group.chosen is not None and member.picture.file.path in group.chosen:
        return "the plan lists it, and did not choose it"
    if member.removable:
        return "what is kept lies in an archive, and vouches for no file"
    if member.role is None:
        return "it was not compared with the file that you keep"
    if not member.removable and member.role in WHOLE_ROLES:
        return "it lies in an archive"
    return f"{ROLE_TEXTS[member.role]}: only you can tell whether it is needed"


def _camera(metadata: Metadata) -> str:
    camera = metadata.model
    if metadata.make and not camera.lower().startswith(metadata.make.lower().split()[0]):
        camera = f"{metadata.make} {camera}".strip()
    return printable(camera)


# Without a server -------------------------------------------------------------------------


def groups_of(duplicates: Duplicates) -> list[ReviewGroup]:
    """Return the groups of a search as the page shows them, the largest gain first."""
    return in_order(
        ReviewGroup(str(number), group, group) for number, group in enumerate(duplicates.groups, 1)
    )


def groups_of_leaks(leaks: Leaks) -> list[ReviewGroup]:
    """Return leaks as groups: the file of the smaller split, and those that it matches."""
    groups = []
    for number, leak in enumerate(leaks.leaks, 1):
        members = (Member(leak.picture, "kept", None), *leak.matches)
        group = Group(members, f"in the split {leak.picture.file.root}")
        # what stands in a larger split too may go from there
        chosen = {member.picture.file.path: can_be_removed(member.picture) for member in members}
        groups.append(ReviewGroup(str(number), group, group, chosen=chosen))
    return groups


def in_order(groups: Iterable[ReviewGroup]) -> list[ReviewGroup]:
    """Return groups in the order of the page: the largest gain first."""

    def key(group: ReviewGroup) -> tuple[int, int, bytes]:
        path = os.fsencode(group.proposed.kept.file.path)
        return -group.gain, -copies_bytes(group.proposed), path

    return sorted(groups, key=key)


def entries(
    groups: Sequence[ReviewGroup], metadata: Mapping[str, Metadata], file_id: FileId
) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the entries of some groups, and the folders that they name by number."""
    folders = Folders()
    made = [entry_document(group, metadata, folders, file_id) for group in groups]
    return made, folders.names
