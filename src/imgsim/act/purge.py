"""Deletes for good what runs moved away."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from imgsim.act.files import FileSystem, Folder
from imgsim.act.history import History
from imgsim.act.journal import Journal, Record, Step
from imgsim.act.outcome import Purged
from imgsim.act.run_list import held_steps
from imgsim.act.select import Left
from imgsim.act.steps import Stage
from imgsim.act.systems import this_file_system
from imgsim.act.undo import clear_trash, moved_to, opened_stage, removed_path
from imgsim.act.walk import Different, OpenFile, folder_of, open_hashed, reason_of
from imgsim.errors import UsageError
from imgsim.progress import Progress, Silent
from imgsim.read.discover import TRASH

_CHANGED = "it was changed after it was moved away"
_OUT_OF_REACH = "the waste folder that holds it is not there: is its disk connected?"


def purge(
    run: str,
    *,
    dry_run: bool = False,
    history: Path | None = None,
    fs: FileSystem | None = None,
    progress: Progress | None = None,
) -> Purged:
    """Delete for good what a run moved into its waste folder.

    A file stays if its kept one is not there any more, whole, or if it is not the one that was
    moved: both are hashed.

    Parameters
    ----------
    run : str
        Its name or number, or ``last``.
    dry_run : bool
        Say what would be deleted, after both are hashed, and delete nothing.
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
                f"the run {name} was interrupted",
                f"imgsim apply --resume --yes, or imgsim undo {name}",
            )
        with opened_stage(fs, record, name) as stage, runs.go_on(name) as journal:
            if dry_run:
                return _purge_units(stage, None, record, progress)
            purged = _purge_units(stage, journal, record, progress)
            if not purged.left and any(unit.purged for unit in record.units.values()):
                journal.of_run("purged")
            clear_trash(stage, moved_to(record))
    return purged


def _purge_units(
    stage: Stage, journal: Journal | None, record: Record, progress: Progress
) -> Purged:
    """Delete what the run holds; without a journal only say what would be deleted."""
    files = freed = 0
    left: list[Left] = []
    kept: dict[bytes, str] = {}
    standing = [n for n in record.standing if list(held_steps(record.units[n]))]
    progress.start("purging", len(standing), "file")
    try:
        for number in standing:
            unit = record.units[number]
            held = list(held_steps(unit))
            reason = _why_not_purge(stage, held, kept)
            for step in () if reason else held:
                try:
                    freed += _free(stage, step, dry_run=journal is None)
                    files += 1
                except FileNotFoundError:
                    if not _is_reached(stage, step.target.path):
                        reason = _OUT_OF_REACH
                        break
                except (Different, OSError) as error:
                    reason = reason_of(error)
            if reason:
                left.append(Left(removed_path(unit), reason))
            elif journal is not None:
                unit.purged = True
                journal.of_unit("purged", number)
            progress.advance(1)
    finally:
        progress.finish()
    return Purged(stage.run, files, freed, tuple(left))


def _is_reached(stage: Stage, path: bytes) -> bool:
    """Whether the waste folder of the run is there, from which a file is missing."""
    parts = path.split(b"/")
    end = parts.index(TRASH.encode()) + 2
    try:
        with folder_of(stage.fs, stage.areas["root"], b"/".join([*parts[:end], b"-"])):
            return True
    except FileNotFoundError:
        return False


def _free(stage: Stage, step: Step, *, dry_run: bool) -> int:
    """Delete a file in the waste folder, if it is the one that was moved there."""
    with folder_of(stage.fs, stage.areas["root"], step.target.path) as (folder, name):
        opened = _unchanged(stage, step, folder, name)
        try:
            if not opened.is_at(folder, name):
                raise Different(_CHANGED)
            if not dry_run:
                stage.fs.remove(folder, name)
        finally:
            opened.close()
        if not dry_run:
            stage.fs.sync_folder(folder)
        return opened.status.size_bytes if opened.status.links == 1 else 0


def _unchanged(stage: Stage, step: Step, folder: Folder, name: bytes) -> OpenFile:
    try:
        opened = open_hashed(stage.fs, folder, name, step.size_bytes)
    except Different:
        raise Different(_CHANGED) from None
    if opened.sha256 != step.sha256:
        opened.close()
        raise Different(_CHANGED)
    return opened


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
