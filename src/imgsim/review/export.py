"""The page in one file, for a browser without a server: what ``-f html`` writes.

It holds the groups, small pictures and what a plan has to say of each file. Choices are made in the
browser; it writes them as a plan, which ``imgsim apply`` reads.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Any

from imgsim.act.beside import with_company
from imgsim.act.plan import PlanGroup, PlannedFile, Removal
from imgsim.act.plan_file import file_text, plan_head, removal_text
from imgsim.act.planning import PlanFrame, can_be_kept, can_be_removed, planned_removal
from imgsim.addresses import printable
from imgsim.decode.metadata import Metadata
from imgsim.escapes import escaped_rest
from imgsim.group.choosing import STAYS_BY_DECISION
from imgsim.report.document import path_text
from imgsim.report.leaks import images_by_split, leaks_summary
from imgsim.report.pictures import jpeg_bytes, thumbnails
from imgsim.report.text import (
    damaged_lines,
    mask_lines,
    not_compared_lines,
    skipped_lines,
    verdict_lines,
)
from imgsim.report.units import count, size
from imgsim.review import documents
from imgsim.review.bundle import bundle, static_text
from imgsim.review.model import ReviewGroup
from imgsim.tasks.find_duplicates import Duplicates
from imgsim.tasks.leaks.results import Leak, Leaks
from imgsim.types import NEVER_REMOVED, Member, Picture, Role

MAX_GROUPS = 500
MAX_BYTES = 50_000_000
"""Of the pictures in a page; a browser that opens it has all of them in memory."""

_SIDE = 400
_AT_ONCE = 16
_NO_FILE = PlannedFile(b"", "", 0, 0)  # the page chooses what is kept
_PLAN_NAME = "imgsim-plan.json"
_RUN = ' "run": "@",\n'
_CREATED = ' "created_ns": 0,\n'


def duplicates_page(duplicates: Duplicates) -> Iterator[str]:
    """Yield the page of groups of duplicates.

    Parameters
    ----------
    duplicates : Duplicates
    """
    groups = documents.groups_of(duplicates)
    notes = [
        f"{count(duplicates.images, 'image')}, {count(len(groups), 'group')}",
        *verdict_lines(duplicates),
        *mask_lines(duplicates),
        *skipped_lines(duplicates.skipped, False),
        *damaged_lines(duplicates.damaged, False),
        *not_compared_lines(duplicates.not_compared, False),
    ]
    title = ", ".join(printable(path) for path in duplicates.roots)
    run = _Run(duplicates, duplicates.metadata, title, duplicates.images, notes)
    yield from _page(run, groups)


def leaks_page(leaks: Leaks) -> Iterator[str]:
    """Yield the page of leaks: each is a group, of which the file of the smaller split is kept.

    Parameters
    ----------
    leaks : Leaks
    """
    groups = documents.groups_of_leaks(leaks)
    notes = list(leaks_summary(leaks, timing=False))
    notes += [f"group {printable(group.name)}: {images_by_split(group)}" for group in leaks.groups]
    title = "leaks: " + ", ".join(printable(split.name) for split in leaks.splits)
    # what has another label first; the order is else that of the leaks
    groups.sort(key=lambda group: (not leaks.leaks[int(group.id) - 1].conflicts, int(group.id)))
    yield from _page(_Run(leaks, {}, title, leaks.images, notes, "found"), groups)


@dataclass(frozen=True, slots=True)
class _Run:
    result: Duplicates | Leaks
    metadata: Mapping[str, Metadata]
    title: str
    images: int
    notes: Sequence[str]
    order: str = "gain"


def _page(run: _Run, groups: Sequence[ReviewGroup]) -> Iterator[str]:
    ids: dict[str, str] = {}

    def file_id(path: str) -> str:
        return ids.setdefault(path, str(len(ids)))

    shown, pictures = _with_pictures(groups, file_id)
    data = _data(run, groups, shown, file_id)
    script, style = bundle(), static_text("app.css")
    title = escape(f"imgsim: {run.title}")
    yield (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_policy(script, style)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f'<title>{title}</title>\n<link rel="icon" href="{_icon()}">\n'
        f"<style>{style}</style>\n</head>\n<body>\n"
        '<div id="app"></div>\n<noscript>This page needs JavaScript.</noscript>\n'
        '<script type="application/json" id="imgsim-data">'
    )
    # a script ends where "</script" stands, whatever is around it
    yield json.dumps(data, ensure_ascii=False).replace("<", "\\u003c")[:-1] + ', "pictures": {'
    for number, (name, encoded) in enumerate(pictures.items()):
        yield f'{"," if number else ""}\n"{name}": "{encoded}"'
    yield f'}}}}</script>\n<script type="module">{script}</script>\n</body>\n</html>\n'


def _policy(script: str, style: str) -> str:
    def digest(text: str) -> str:
        return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()

    return (
        f"default-src 'none'; script-src 'sha256-{digest(script)}';"
        f" style-src 'sha256-{digest(style)}'; img-src data:; base-uri 'none'; form-action 'none'"
    )


def _icon() -> str:
    encoded = base64.b64encode(static_text("icon.svg").encode()).decode()
    return f"data:image/svg+xml;base64,{encoded}"


def _with_pictures(
    groups: Sequence[ReviewGroup], file_id: documents.FileId
) -> tuple[list[ReviewGroup], dict[str, str]]:
    """Return the first groups whose pictures fit, and these, as base64 by the ids of files."""
    shown: list[ReviewGroup] = []
    encoded: dict[str, str] = {}
    taken = 0
    for start in range(0, min(len(groups), MAX_GROUPS), _AT_ONCE):
        some = groups[start : min(start + _AT_ONCE, MAX_GROUPS)]
        paths = list(dict.fromkeys(p.file.path for group in some for p in group.pictures))
        made = {
            path: base64.b64encode(jpeg_bytes(picture)).decode()
            for path, picture in zip(paths, thumbnails(paths, _SIDE), strict=True)
        }
        for group in some:
            own = {file_id(p.file.path): made[p.file.path] for p in group.pictures}
            new = {name: text for name, text in own.items() if name not in encoded}
            taken += sum(map(len, new.values()))
            if taken > MAX_BYTES and shown:
                return shown, encoded
            encoded |= new
            shown.append(group)
    return shown, encoded


def _data(
    run: _Run,
    groups: Sequence[ReviewGroup],
    shown: Sequence[ReviewGroup],
    file_id: documents.FileId,
) -> dict[str, Any]:
    rows, folders = documents.entries(shown, run.metadata, file_id)
    frame = PlanFrame(run.result, _pictures(shown), _split_folders(run.result, shown))
    details = {group.id: documents.group_document(group, run.metadata, file_id) for group in shown}
    for group, row in zip(shown, rows, strict=True):
        _complete(details[group.id], group, run.result)
        if isinstance(run.result, Leaks):
            row["note"] = _leak_note(run.result.leaks[int(group.id) - 1])
    return {
        "state": _state(run, groups, shown),
        "groups": rows,
        "folders": folders,
        "details": details,
        "order": {group.id: place for place, group in enumerate(_by_number(shown))},
        "plan": _plan_parts(frame, shown, run.metadata, file_id),
        "no_picture": _icon(),
    }


def _state(
    run: _Run, groups: Sequence[ReviewGroup], shown: Sequence[ReviewGroup]
) -> dict[str, Any]:
    left = groups[len(shown) :]
    warnings = []
    if left:
        gain = sum(group.gain for group in left)
        warnings.append(
            f"This page holds the first {len(shown)} of {count(len(groups), 'group')}. The other"
            f" {len(left)} ({size(gain)}) are in no plan that it saves; imgsim review shows all."
        )
    return {
        "phase": "ready",
        "progress": None,
        "error": None,
        "order": run.order,
        "source": {"kind": "folders", "title": run.title, "paths": []},
        "groups": len(shown),
        "removable_bytes": str(sum(group.gain for group in shown)),
        "images": run.images,
        "skipped": len(run.result.skipped),
        "writer": True,
        "plan": None,
        "run": None,
        "warnings": warnings,
        "notes": [escaped_rest(note) for note in run.notes],
    }


def _pictures(groups: Iterable[ReviewGroup]) -> list[Picture]:
    found = {picture.file.path: picture for group in groups for picture in group.pictures}
    return list(found.values())


def _split_folders(result: Duplicates | Leaks, groups: Sequence[ReviewGroup]) -> dict[str, str]:
    """The folder that holds what is shown of each split: names of splits are no paths."""
    if isinstance(result, Duplicates):
        return {}
    folders: dict[str, list[str]] = {}
    for picture in _pictures(groups):
        if can_be_kept(picture):
            above = os.path.dirname(os.path.abspath(picture.file.path))
            folders.setdefault(picture.file.root, []).append(above)
    return {split: os.path.commonpath(some) for split, some in folders.items()}


def _by_number(groups: Sequence[ReviewGroup]) -> list[ReviewGroup]:
    """Groups in the order of the run: leaks of smaller splits come first."""
    return sorted(groups, key=lambda group: int(group.id))


def _leak_note(leak: Leak) -> str:
    label = f", {leak.label}" if leak.label else ""
    return printable(f"{leak.picture.file.root}{label}{': other label' if leak.conflicts else ''}")


def _complete(detail: dict[str, Any], group: ReviewGroup, result: Duplicates | Leaks) -> None:
    """Add to the details of a group what a page without a server works out itself."""
    members = group.current.members
    leak = result.leaks[int(group.id) - 1] if isinstance(result, Leaks) else None
    if leak is not None:
        detail["more"] = leak.matched - len(leak.matches)
    by_id = dict(zip((file["id"] for file in detail["files"]), members, strict=True))
    equal: dict[str, list[str]] = {}
    for name, member in by_id.items():
        if can_be_removed(member.picture):
            equal.setdefault(member.picture.digest, []).append(name)
    for file in detail["files"]:
        member = by_id[file["id"]]
        own = member.picture.file
        stays = member.kind == "kept" and STAYS_BY_DECISION in group.current.keep_reason
        free = not (own.reference or member.conflict or member.decision or stays)
        same = (
            equal.get(member.picture.digest, []) if free and can_be_removed(member.picture) else []
        )
        file["may_go_for"] = [name for name in same if name != file["id"]]
        if file["removable"] and not (can_be_removed(member.picture) and can_be_kept(group.kept)):
            file["removable"], file["why_not"] = False, "it is a link, or stands against an archive"
        if leak is not None:
            file["split"] = printable(own.root)
            file["label"] = printable(member.label or "") or None
    if leak is not None and leak.label:
        detail["files"][0]["label"] = printable(leak.label)


def _plan_parts(
    frame: PlanFrame,
    groups: Sequence[ReviewGroup],
    metadata: Mapping[str, Metadata],
    file_id: documents.FileId,
) -> dict[str, Any]:
    """What the page puts a plan together from, as texts: its numbers pass those of JavaScript."""
    files: dict[str, str] = {}
    names: list[list[str]] = []
    planned: list[PlanGroup] = []
    for group in groups:
        own: dict[str, Removal] = {}
        for member in group.current.members:
            if not can_be_kept(member.picture):
                continue
            name = file_id(member.picture.file.path)
            files.setdefault(name, file_text(frame.file(member.picture)))
            free = group.is_removable(member) and can_be_removed(member.picture)
            if free and can_be_kept(group.kept):
                own[name] = _removal(frame, group, member, metadata)
        names.append(list(own))
        planned.append(PlanGroup(_NO_FILE, tuple(own.values())))
    plan = with_company(replace(frame.plan, groups=tuple(planned), run="@", created_ns=0))
    before, _, rest = plan_head(plan).partition(_RUN)
    between, _, after = rest.partition(_CREATED)
    removals = {
        group.id: dict(zip(some, map(removal_text, made.removals), strict=True))
        for group, some, made in zip(groups, names, plan.groups, strict=True)
    }
    return {
        "name": _PLAN_NAME,
        "head": [before, between, after],
        "files": files,
        "removals": removals,
        "rules": {
            group.id: [path_text(group.proposed.keep_rule), path_text(group.proposed.keep_reason)]
            for group in groups
        },
    }


def _removal(
    frame: PlanFrame, group: ReviewGroup, member: Member, metadata: Mapping[str, Metadata]
) -> Removal:
    role: Role | None = member.role
    if role is None or role in NEVER_REMOVED:  # of a leak, where the split decides and not the role
        role = "near" if member.kind == "kept" else member.kind
    named = replace(member, role=role)
    return planned_removal(group.current, named, frame.file, metadata)
