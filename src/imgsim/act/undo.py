"""Takes runs back, lists them, and frees what they moved away."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from imgsim.act.files import FileSystem, Folder, this_file_system
from imgsim.act.history import History
from imgsim.act.journal import NAMING, Area, Journal, Place, Record, Step, Unit
from imgsim.act.outcome import Purged, Undone
from imgsim.act.select import Left
from imgsim.act.steps import Stage, revert
from imgsim.act.walk import Different, Gone, folder_of, open_hashed, reason_of
from imgsim.errors import UsageError
from imgsim.progress import Progress, Silent
from imgsim.read.discover import TRASH


@dataclass(frozen=True, slots=True)
class RunInfo:
    """A run, as it is listed.

    Attributes
    ----------
    name, root, action : str
    started_ns : int
    removed : int
        Files whose removal holds.
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


def list_runs(history: Path | None = None, fs: FileSystem | None = None) -> list[RunInfo]:
    """Return all runs, in the order in which they were begun."""
    runs = History(history, fs)
    infos = []
    for name in runs.runs():
        record = runs.record(name)
        if record is not None:
            infos.append(_info(name, record))
    return infos


def _info(name: str, record: Record) -> RunInfo:
    state = "interrupted" if record.unfinished else "finished"
    if record.undone:
        state = "undone"
    elif record.purged:
        state = "purged"
    held = sum(
        step.size_bytes for number in record.standing for step in _held(record.units[number])
    )
    head = record.head
    return RunInfo(
        name, str(head["root"]), str(head["options"]["action"]), int(head["started_ns"]),
        len(record.standing), held, state,
    )  # fmt: skip


def _held(unit: Unit) -> Iterator[Step]:
    """Steps whose files lie in the waste folder of the run."""
    deleted = {step.origin for step in unit.steps if step.kind == "delete"}
    if not unit.purged:
        for step in unit.steps:
            in_trash = TRASH.encode() in step.target.path.split(b"/")
            if step.kind == "move" and in_trash and step.target not in deleted:
                yield step


def undo(
    run: str = "last",
    *,
    history: Path | None = None,
    fs: FileSystem | None = None,
    progress: Progress | None = None,
) -> Undone:
    """Bring back what a run removed: bytes, names, times and permissions.

    Where something stands in the way, it stays, and the rest is brought back.

    Parameters
    ----------
    run : str
        Its name or number; ``last`` is the last one of which something is not undone.
    history : Path, optional
    fs : FileSystem, optional
    progress : Progress, optional

    Returns
    -------
    Undone

    Raises
    ------
    UsageError
        There is no such run, or it was undone.
    """
    fs = fs or this_file_system()
    runs = History(history, fs)
    progress = progress or Silent()
    with runs.locked():
        name = _to_undo(runs, run)
        record = runs.record(name)
        if record is None:  # nothing was moved yet
            raise UsageError(f"the run {name} was never begun", "imgsim runs")
        if record.undone:
            raise UsageError(f"the run {name} was undone", "imgsim runs")
        with opened_stage(fs, record, name) as stage, runs.go_on(name) as journal:
            before = set(record.interrupted)
            left = settle(stage, journal, record)
            restored = [_path_of(record.units[n]) for n in before if record.units[n].reverted]
            progress.start("restoring", len(record.standing), "file")
            try:
                for number in sorted(record.standing, reverse=True):
                    reason = _restore(stage, journal, number, record.units[number])
                    path = _path_of(record.units[number])
                    if reason:
                        left.append(Left(path, reason))
                    else:
                        restored.append(path)
                    progress.advance(1)
            finally:
                progress.finish()
            if not record.interrupted and not record.finished:
                journal.of_run("finished")
            if not record.standing and not record.interrupted:
                journal.of_run("undone")
            _clear(stage, record)
    return Undone(name, tuple(sorted(restored)), tuple(left))


def _to_undo(runs: History, run: str) -> str:
    if run != "last":
        return runs.find(run)
    for name in reversed(runs.runs()):
        record = runs.record(name)
        if record is not None and (record.standing or record.interrupted):
            return name
    raise UsageError("there is no run to be undone", "imgsim runs")


@contextmanager
def opened_stage(fs: FileSystem, record: Record, run: str) -> Iterator[Stage]:
    """Open the roots of a run.

    Raises
    ------
    UsageError
        One of them is not there.
    """
    areas: dict[Area, Folder] = {}
    named: dict[Area, str | None] = {
        "root": record.head["root"],
        "target": record.head["options"]["move_to"],
    }
    try:
        for area, path in named.items():
            if path is not None:
                try:
                    areas[area] = fs.open_root(path)
                except OSError as error:
                    raise UsageError(
                        f"cannot open {path}: {error.strerror}", "is its disk connected?"
                    ) from None
        yield Stage(fs, areas, run)
    finally:
        for folder in areas.values():
            fs.leave(folder)


def _path_of(unit: Unit) -> bytes:
    """The file that a unit removes: the last one that is moved."""
    moved = [step for step in unit.steps if step.kind in NAMING]
    return (moved or unit.steps)[-1].origin.path


def settle(stage: Stage, journal: Journal, record: Record) -> list[Left]:
    """Bring what was interrupted to one of its two ends.

    Returns
    -------
    list of Left
        What could not be brought there.
    """
    left: list[Left] = []
    for number in sorted(record.interrupted, reverse=True):
        unit = record.units[number]
        if any(_is_gone(stage, s.origin) for s in unit.steps if s.kind in ("delete", "trash")):
            for step in unit.steps:
                if step.kind == "move":
                    with suppress(OSError):
                        _remove_at(stage, step.target)
            journal.of_unit("complete", number)
            unit.complete = True
            continue
        reason, gone = _revert_all(stage, unit)
        if reason:
            left.append(Left(_path_of(unit), reason))
        if not reason or gone:  # where a file is gone there is nothing more to be done
            journal.of_unit("reverted", number)
            unit.reverted = True
    return left


def _is_gone(stage: Stage, place: Place) -> bool:
    try:
        with folder_of(stage.fs, stage.areas[place.area], place.path) as (folder, name):
            stage.fs.status(folder, name)
    except FileNotFoundError:
        return True
    return False


def _remove_at(stage: Stage, place: Place) -> None:
    with folder_of(stage.fs, stage.areas[place.area], place.path) as (folder, name):
        stage.fs.remove(folder, name)
        stage.fs.sync_folder(folder)


def _restore(stage: Stage, journal: Journal, number: int, unit: Unit) -> str:
    """Take a unit back; return why that cannot be done."""
    if unit.purged:
        return "it was purged"
    kinds = {step.kind for step in unit.steps}
    if "delete" in kinds:
        return "it was deleted for good"
    if "trash" in kinds:
        return "it is in the system's waste basket"
    journal.of_unit("reverting", number)
    reason, _ = _revert_all(stage, unit)
    if not reason:
        journal.of_unit("reverted", number)
        unit.reverted = True
    return reason


def _revert_all(stage: Stage, unit: Unit) -> tuple[str, bool]:
    """Take all steps back that can be; return why not all, and if files are gone at worst."""
    reason, gone = "", True
    for step in reversed(unit.steps):
        try:
            revert(stage, step, unit.copies.get(step.number))
        except Gone as error:
            reason = reason or reason_of(error)
        except (Different, OSError) as error:
            reason, gone = reason_of(error), False
    return reason, gone


def _clear(stage: Stage, record: Record) -> None:
    """Remove the folders of the run's waste that are empty."""
    folders: set[bytes] = set()
    for unit in record.units.values():
        for step in unit.steps:
            if step.kind == "move" and step.target.area == "root":
                parts = step.target.path.split(b"/")
                first = parts.index(TRASH.encode())
                folders.update(b"/".join(parts[: i + 1]) for i in range(first, len(parts) - 1))
    for path in sorted(folders, key=lambda one: -one.count(b"/")):
        with suppress(OSError), folder_of(stage.fs, stage.areas["root"], path) as (folder, name):
            stage.fs.remove_folder(folder, name)


def purge(
    run: str,
    *,
    history: Path | None = None,
    fs: FileSystem | None = None,
    progress: Progress | None = None,
) -> Purged:
    """Delete for good what a run moved into its waste folder.

    A file whose kept one is not there any more, whole, stays.

    Parameters
    ----------
    run : str
        Its name or number, or ``last``.
    history : Path, optional
    fs : FileSystem, optional
    progress : Progress, optional

    Raises
    ------
    UsageError
        There is no such run, or it was interrupted.
    """
    fs = fs or this_file_system()
    runs = History(history, fs)
    progress = progress or Silent()
    with runs.locked():
        name = runs.find(run)
        record = runs.record(name)
        if record is None or record.unfinished:
            raise UsageError(
                f"the run {name} was interrupted", f"imgsim apply --resume, or imgsim undo {name}"
            )
        with opened_stage(fs, record, name) as stage, runs.go_on(name) as journal:
            purged = _purge_units(stage, journal, record, progress)
            if not purged.left and any(unit.purged for unit in record.units.values()):
                journal.of_run("purged")
            _clear(stage, record)
    return purged


def _purge_units(stage: Stage, journal: Journal, record: Record, progress: Progress) -> Purged:
    files = freed = 0
    left: list[Left] = []
    kept: dict[bytes, str] = {}
    standing = [n for n in record.standing if list(_held(record.units[n]))]
    progress.start("purging", len(standing), "file")
    try:
        for number in standing:
            unit = record.units[number]
            held = list(_held(unit))
            reason = _why_not_purge(stage, held, kept)
            for step in () if reason else held:
                try:
                    freed += _free(stage, step)
                    files += 1
                except FileNotFoundError:
                    continue
                except (Different, OSError) as error:
                    reason = reason_of(error)
            if reason:
                left.append(Left(_path_of(unit), reason))
            else:
                journal.of_unit("purged", number)
                unit.purged = True
            progress.advance(1)
    finally:
        progress.finish()
    return Purged(stage.run, files, freed, tuple(left))


def _free(stage: Stage, step: Step) -> int:
    """Delete a file in the waste folder, if it is the one that was moved there."""
    with folder_of(stage.fs, stage.areas["root"], step.target.path) as (folder, name):
        status = stage.fs.status(folder, name)
        if not status.is_file or status.size_bytes != step.size_bytes:
            raise Different("it was changed after it was moved away")
        stage.fs.remove(folder, name)
        stage.fs.sync_folder(folder)
        return status.size_bytes if status.links == 1 else 0


def _why_not_purge(stage: Stage, steps: Sequence[Step], known: dict[bytes, str]) -> str:
    for step in steps:
        if step.kept not in known:
            known[step.kept] = _kept_reason(stage, step)
        if known[step.kept]:
            return known[step.kept]
    return ""


def _kept_reason(stage: Stage, step: Step) -> str:
    try:
        with folder_of(stage.fs, stage.areas["root"], step.kept) as (folder, name):
            opened = open_hashed(stage.fs, folder, name)
        opened.close()
    except (Different, OSError) as error:
        return f"the kept file: {reason_of(error)}"
    return "" if opened.sha256 == step.kept_sha256 else "the kept file: its content has changed"
