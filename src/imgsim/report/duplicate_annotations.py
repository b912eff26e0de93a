"""find-dupes as code hosts show it; the parts are those of `code_hosts`.

A finding is a file that shows what another one of its group does: the kept file, or, where that is
not in the baseline, one that is. So a pull request is told of the files that it brings.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from imgsim.read.discover import printable
from imgsim.report.code_hosts import sarif_document, sarif_result, warning_command
from imgsim.report.document import member_similarity
from imgsim.report.rankings import score_text
from imgsim.report.units import percent
from imgsim.tasks.find_duplicates import Duplicates
from imgsim.types import Group, Kind, Member, kind_of

_RULES = {
    "duplicate-exact": "The same file stands at another place.",
    "duplicate-pixels": "Another file has the same pixels.",
    "duplicate-near": "Another file is a near duplicate.",
    "label-conflict": "A picture stands under two labels.",
    "duplicate-damaged": "A file is a damaged copy of another, or another of it.",
}


def find_dupes_github(duplicates: Duplicates) -> Iterator[str]:
    """Yield a warning of GitHub per copy, but for what a baseline has."""
    for group in duplicates.groups:
        shown = shown_beside(group)
        for member in group.members:
            if member is not shown and member.new is not False:
                path = member.picture.file.path
                title = "label conflict" if _other_label(member, shown) else "duplicate"
                yield warning_command(path, title, _message(member, shown, duplicates))


def shown_beside(group: Group) -> Member:
    """Return the member that the others are copies of."""
    kept = group.members[0]
    if not kept.new:
        return kept
    return next((member for member in group.members if member.new is False), kept)


def _kind(member: Member, shown: Member) -> Kind:
    return member.kind if shown.kind == "kept" else kind_of(shown.picture, member.picture)


def _other_label(member: Member, shown: Member) -> bool:
    return bool(member.label and shown.label and member.label != shown.label)


def _message(member: Member, shown: Member, duplicates: Duplicates) -> str:
    text = _likeness(member, shown, duplicates)
    if not _other_label(member, shown):
        return text
    there, here = printable(shown.label or ""), printable(member.label or "")
    return f"{text}, under the label {there} there and {here} here"


def _likeness(member: Member, shown: Member, duplicates: Duplicates) -> str:
    path = printable(shown.picture.file.path)
    kind = _kind(member, shown)
    if kind == "exact":
        return f"the same file as {path}"
    if kind == "pixels":
        return f"the same pixels as {path}"
    text = f"{'damaged copy, or copy of a damaged file: ' if kind == 'damaged' else ''}like {path}"
    one = member if shown.kind == "kept" else shown
    if "kept" not in (member.kind, shown.kind) or one.distance is None:
        return text
    alike = percent(member_similarity(one, duplicates.comparator.scale))
    score = score_text(duplicates.comparator, one.distance)
    role = f", {one.role}" if one is member and one.role not in (None, "near", "damaged") else ""
    return f"{text} ({alike}, {score}{role})"


def find_dupes_sarif(duplicates: Duplicates, *, known_too: bool = True) -> Iterator[str]:
    """Yield a SARIF document of one run, with a result per copy.

    Parameters
    ----------
    duplicates : Duplicates
    known_too : bool
        With the files that a baseline has.
    """
    results = [
        _sarif_copy(member, shown, duplicates)
        for group in duplicates.groups
        for shown in [shown_beside(group)]
        for member in group.members
        if member is not shown and (known_too or member.new is not False)
    ]
    yield sarif_document(_RULES, results, duplicates.skipped, duplicates.damaged)


def _sarif_copy(member: Member, shown: Member, duplicates: Duplicates) -> dict[str, Any]:
    path = member.picture.file.path
    said = "kept" if shown.kind == "kept" else "known"
    return sarif_result(
        "label-conflict" if _other_label(member, shown) else f"duplicate-{_kind(member, shown)}",
        path,
        _message(member, shown, duplicates),
        # name and content, so that the finding stays the same when folders move
        f"{os.path.basename(path)} {member.picture.digest}",
        beside=[(shown.picture.file.path, said)],
        new=member.new,
    )
