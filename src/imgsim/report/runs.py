"""What was applied, undone and purged, as text."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from imgsim.act.carry import CARRIED
from imgsim.act.history import number_of
from imgsim.act.options import FOR_GOOD, Action
from imgsim.act.outcome import Applied, Purged, Removed, Undone
from imgsim.act.overlap import OLDER, UNFINISHED
from imgsim.act.paths import shown
from imgsim.act.paths import to_document as path_below
from imgsim.act.run_list import RunInfo
from imgsim.act.select import FOLDER, Left
from imgsim.read.discover import printable
from imgsim.report.document import heading
from imgsim.report.facts import names_text
from imgsim.report.units import count, size

_DONE: dict[Action, str] = {
    "quarantine": "moved", "move": "moved", "hardlink": "linked", "symlink": "linked",
    "reflink": "shared", "trash": "thrown away", "delete": "deleted",
}  # fmt: skip
_WOULD: dict[Action, str] = {
    "quarantine": "move", "move": "move", "hardlink": "link", "symlink": "link",
    "reflink": "share", "trash": "throw away", "delete": "delete",
}  # fmt: skip


def applied_document(applied: Applied) -> dict[str, Any]:
    """Return everything that `apply` did, or would do; paths are below the root."""
    return {
        **heading("imgsim.applied/1"),
        **path_below(os.fsencode(applied.root), "root"),
        "run": applied.run,
        "action": applied.action,
        "dry_run": applied.dry_run,
        "complete": applied.complete,
        "stopped": applied.stopped,
        "moved_bytes": applied.moved_bytes,
        "freed_bytes": applied.freed_bytes,
        "removed": [
            {
                **path_below(one.path),
                **path_below(one.kept, "kept"),
                "role": one.role,
                "by_decision": one.by_decision,
                "bytes": one.size_bytes,
                "sidecars": [path_below(path) for path in one.sidecars],
                "losses": [{**path_below(loss.path), "why": loss.why} for loss in one.losses],
                "only_here": list(one.only_here),
                **(path_below(one.written, "written") if one.written else {}),
            }
            for one in applied.removed
        ],
        "left": _left_documents(applied.left),
        "links": [
            {**path_below(link), **path_below(target, "target")} for link, target in applied.links
        ],
        "lost": _lost_documents(applied.lost),
        "before": [path_below(one.path) for one in applied.before],
    }


def undone_document(undone: Undone) -> dict[str, Any]:
    """Return everything that `undo` did; paths are below the root."""
    return {
        **heading("imgsim.undone/1"),
        **path_below(os.fsencode(undone.root), "root"),
        "run": undone.run,
        "complete": undone.complete,
        "stopped": undone.stopped,
        "restored": [path_below(path) for path in undone.restored],
        "left": _left_documents(undone.left),
        "passed_over": [{"run": run, "reason": why} for run, why in undone.passed_over],
        "lost": _lost_documents(undone.lost),
    }


def _left_documents(left: Sequence[Left]) -> list[dict[str, Any]]:
    return [{**path_below(o.path), "reason": o.reason, "asked_for": o.asked_for} for o in left]


def _lost_documents(lost: Mapping[bytes, tuple[str, ...]]) -> list[dict[str, Any]]:
    return [{**path_below(path), "what": list(what)} for path, what in sorted(lost.items())]


def applied_text(applied: Applied) -> Iterator[str]:
    """Yield a line for each file that was removed, or would be, and what is kept for it."""
    for one in applied.removed:
        yield from removal_text(one, applied.action, dry_run=applied.dry_run)
    for link, target in applied.links:
        yield f"note: the link {shown(link)} points to {shown(target)}\n"
    for left in applied.left:
        if left.asked_for:
            yield f"skipped  {shown(left.path)}: {printable(left.reason)}\n"


def removal_text(one: Removed, action: Action, *, dry_run: bool = False) -> Iterator[str]:
    """Yield the lines of a file that was removed: what is kept for it, and what went along."""
    verb = f"would {_WOULD[action]}" if dry_run else _DONE[action]
    why = f"{one.role}, by your decision" if one.by_decision else one.role
    yield f"{verb}  {shown(one.path)}  ({why}; kept: {shown(one.kept)})\n"
    if one.only_here:
        yield f"note: {_metadata_note(one)}\n"
    if one.written:
        writes = "would write" if dry_run else "wrote"
        yield f"{writes}  {shown(one.written)}  (sidecar, with what only {shown(one.path)} says)\n"
    for sidecar in one.sidecars:
        yield f"{verb}  {shown(sidecar)}  (sidecar)\n"
    for loss in one.losses:
        yield f"note: the sidecar {shown(loss.path)} {loss.why}\n"


def _metadata_note(one: Removed) -> str:
    carried = [name for name in one.only_here if name in CARRIED]
    others = [name for name in one.only_here if name not in CARRIED]
    kept = shown(one.kept)
    if not one.carried:
        hint = ": see --carry-metadata" if carried else ""
        return f"{kept} lacks its {names_text(one.only_here)}{hint}"
    verb = "goes" if len(carried) == 1 and carried[0] not in ("keywords", "people") else "go"
    told = [f"its {names_text(carried)} {verb} beside {kept}"] if carried else []
    told += [f"{kept} lacks its {names_text(others)}"] if others else []
    return "; ".join(told)


def applied_summary(applied: Applied) -> Iterator[str]:
    """Yield what is to be known of a run; last what was removed, skipped and freed."""
    unasked = [one for one in applied.left if not one.asked_for]
    if applied.root:
        yield f"below {printable(applied.root)}:"
    if unasked:
        yield f"{count(len(unasked), 'file')} listed and not chosen"
    if applied.stopped:
        yield f"stopped: {applied.stopped}"
        number = number_of(applied.run)
        yield f"imgsim apply --resume --yes goes on, imgsim undo {number} takes it back"
    if any(one.reason.endswith(UNFINISHED) for one in applied.left):
        yield "imgsim apply --resume --yes goes on with a run that is not finished,"
        yield "imgsim undo last takes it back"
    if any(one.reason.startswith(OLDER) for one in applied.left):
        yield f"make the plan again: imgsim find-dupes {printable(applied.root)} --plan FILE"
    if applied.dry_run and any(one.reason == FOLDER for one in applied.left):
        yield "on a terminal --yes asks for each such folder; --yes-folders says yes to all"
    yield from sidecar_summary(applied)
    yield from _metadata_summary(applied)
    if applied.dry_run and applied.removed:
        yield "nothing was changed: add --yes to do it"
    if applied.action == "trash" and applied.removed:
        yield "imgsim undo cannot fetch files from the system's waste basket: restore them there"
    if applied.dry_run:
        yield from _resumption(applied)
    elif applied.run and applied.removed and applied.action != "trash" and not applied.freed_bytes:
        number = number_of(applied.run)
        yield f"run {applied.run}: imgsim undo {number} takes it back"
        if applied.action != "move":
            yield f"imgsim purge {number} frees {size(applied.moved_bytes)}"
    yield from _lost(applied.lost, "not kept on the other disk")
    yield applied_headline(applied)


def _resumption(applied: Applied) -> Iterator[str]:
    """Say how far a run came that would be resumed, and what could be freed after that."""
    if not applied.run:
        return
    number, done = number_of(applied.run), sum(one.size_bytes for one in applied.before)
    text = f"run {applied.run} {_DONE[applied.action]} {count(len(applied.before), 'file')}"
    text += f" ({size(done)}) before it was interrupted"
    if applied.action not in FOR_GOOD:
        text += f": imgsim undo {number} takes it back"
    yield text
    if applied.action not in (*FOR_GOOD, "move", "reflink"):
        freed = size(done + applied.moved_bytes)
        yield f"once it is finished, imgsim purge {number} frees {freed}"


def sidecar_summary(applied: Applied) -> Iterator[str]:
    """Yield how many of the sidecars that go along have no equal beside the kept file, if any."""
    number = sum(len(one.losses) for one in applied.removed)
    if not number:
        return
    verbs = ("goes", "has") if number == 1 else ("go", "have")
    text = f"{count(number, 'sidecar')} that {verbs[0]} along {verbs[1]} no equal"
    text += " beside the kept file"
    if applied.dry_run:
        yield f"{text}: --sidecars hold leaves pictures with a sidecar where they are"
    else:
        what = "what is in it" if number == 1 else "what is in them"
        yield text + _deleted_by_purge(applied, what)


def _metadata_summary(applied: Applied) -> Iterator[str]:
    """Yield how many files have metadata that are written nowhere else, if any."""
    number = sum(bool(one.only_here) and not one.carried for one in applied.removed)
    if not number:
        return
    verb = "has" if number == 1 else "have"
    text = f"{count(number, 'file')} {verb} metadata that the kept file lacks"
    if applied.dry_run:
        yield f"{text}: --carry-metadata writes them beside it, or leaves the file where it is"
    else:
        yield text + _deleted_by_purge(applied, "them")


def _deleted_by_purge(applied: Applied, what: str) -> str:
    return f": imgsim purge deletes {what} for good" if applied.action == "quarantine" else ""


def _lost(lost: Mapping[bytes, tuple[str, ...]], how: str) -> Iterator[str]:
    counted = Counter(what for some in lost.values() for what in some)
    for what, files in sorted(counted.items()):
        yield f"{how}: {printable(what)} of {count(files, 'file')}"


def applied_headline(applied: Applied) -> str:
    """Return what was removed, skipped and freed, or would be."""
    sidecars = sum(len(one.sidecars) for one in applied.removed)
    verb = f"would {_WOULD[applied.action]}" if applied.dry_run else _DONE[applied.action]
    asked = [one for one in applied.left if one.asked_for]
    text = f"{verb} {count(len(applied.removed), 'file')} ({size(applied.moved_bytes)})"
    text += f" and {count(sidecars, 'sidecar')}" if sidecars else ""
    text += f", skipped {len(asked)}"
    if asked:
        reasons = Counter(one.reason for one in asked)
        listed = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
        text += f" ({', '.join(f'{n} {printable(why)}' for why, n in listed)})"
    return text + ("" if applied.dry_run else f", {size(applied.freed_bytes)} freed")


def undone_text(undone: Undone) -> Iterator[str]:
    """Yield the files that are not back, and why."""
    for one in undone.left:
        yield f"not restored  {shown(one.path)}: {printable(one.reason)}\n"


def undone_summary(undone: Undone) -> Iterator[str]:
    """Yield which later runs were passed over, and how many files of a run are back."""
    for run, why in undone.passed_over:
        yield f"passed over run {run}: {why}"
    if undone.stopped:
        yield f"stopped: {undone.stopped}; imgsim undo {number_of(undone.run)} goes on"
    yield from _lost(undone.lost, "could not be set again")
    yield undone_headline(undone)


def undone_headline(undone: Undone) -> str:
    """Return how many files of a run are back."""
    text = f"run {undone.run}: restored {count(len(undone.restored), 'file')}"
    text += f" below {printable(undone.root)}" if undone.root else ""
    return text + (f", {len(undone.left)} not restored" if undone.left else "")


def runs_text(runs: Sequence[RunInfo], width: int | None = None) -> Iterator[str]:
    """Yield a line for each run; two where it is wider than told."""
    for run in runs:
        held = f", {size(run.held_bytes)} held" if run.held_bytes else ""
        started = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.started_ns / 1e9))
        what = f"{run.state}: {run.action}"
        if run.state != "undone" or run.removed:
            what += f", {count(run.removed, 'file')}"
            what += f", {count(run.sidecars, 'sidecar')}" if run.sidecars else ""
            what += f", {run.begun} begun" if run.begun else ""
            what += held
        root = printable(run.root)
        line = f"{run.name}  {started}  {what}  {root}\n"
        if width is not None and len(line) > width:
            line = f"{run.name}  {what}\n    {started}  {root}\n"
        yield line


def purged_text(purged: Sequence[Purged]) -> Iterator[str]:
    """Yield the files that stay in quarantine, and why."""
    left: list[Left] = [one for some in purged for one in some.left]
    for one in left:
        yield f"stays  {shown(one.path)}: {printable(one.reason)}\n"


def purged_summary(purged: Sequence[Purged], *, dry_run: bool = False) -> str:
    """Return how many files were deleted for good, or would be."""
    files = sum(one.files for one in purged)
    left = sum(len(one.left) for one in purged)
    freed = size(sum(one.freed_bytes for one in purged))
    stay = f", {left} stay" if left else ""
    if dry_run:
        return f"would delete {count(files, 'file')} for good ({freed}){stay}: nothing was changed"
    return f"deleted {count(files, 'file')}, {freed} freed{stay}"
