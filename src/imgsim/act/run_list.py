"""Lists the runs of apply."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from imgsim.act.files import FileSystem
from imgsim.act.history import History
from imgsim.act.journal import NAMING, Record, Step, Unit
from imgsim.read.discover import TRASH


@dataclass(frozen=True, slots=True)
class RunInfo:
    """A run, as it is listed.

    Attributes
    ----------
    name, root, action : str
    started_ns : int
    removed, sidecars : int
        Files whose removal holds, and the sidecars that went along.
    begun : int
        Files whose removal was interrupted: each may be here or there.
    held_bytes : int
        That `purge` would free.
    state : str
        ``finished``, ``interrupted``, ``undone`` or ``purged``.
    """

    name: str
    root: str
    action: str
    started_ns: int
    removed: int
    held_bytes: int
    state: str
    sidecars: int = 0
    begun: int = 0


def list_runs(history: Path | None = None, fs: FileSystem | None = None) -> list[RunInfo]:
    """Return all runs, in the order in which they were begun."""
    runs = History(history, fs)
    infos = []
    for name in runs.runs():
        record = runs.record(name)
        if record is not None and (record.units or record.finished):  # else nothing was done
            infos.append(_info(name, record))
    return infos


def _info(name: str, record: Record) -> RunInfo:
    state = "interrupted" if record.unfinished else "finished"
    if record.undone:
        state = "undone"
    elif record.purged:
        state = "purged"
    held = sum(
        step.size_bytes for number in record.standing for step in held_steps(record.units[number])
    )
    steps = (step for number in record.standing for step in record.units[number].steps)
    moved = sum(step.kind in NAMING for step in steps)
    head = record.head
    return RunInfo(
        name, str(head["root"]), str(head["options"]["action"]), int(head["started_ns"]),
        len(record.standing), held, state, moved - len(record.standing),
        0 if record.undone else len(record.interrupted),
    )  # fmt: skip


def held_steps(unit: Unit) -> Iterator[Step]:
    """Steps whose files lie in the waste folder of the run."""
    deleted = {step.origin for step in unit.steps if step.kind == "delete"}
    if not unit.purged:
        for step in unit.steps:
            in_trash = TRASH.encode() in step.target.path.split(b"/")
            if step.kind == "move" and in_trash and step.target not in deleted:
                yield step
