"""Takes runs back, and settles those that were interrupted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from imgsim.act.files import FileSystem, Folder
from imgsim.act.history import History
from imgsim.act.journal import LINKING, NAMING, Area, Journal, Place, Record, Unit
from imgsim.act.outcome import Undone
from imgsim.act.reverting import NotReverted, revert_all
from imgsim.act.select import Left
from imgsim.act.steps import Stage
from imgsim.act.systems import this_file_system
from imgsim.act.walk import folder_of, locked_tree, reason_of
from imgsim.errors import UsageError
from imgsim.progress import Progress, Silent
from imgsim.read.discover import TRASH


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
        Its name or number; ``last`` is the last one of which something can be brought back.
        Later ones that cannot, since they were purged or deleted for good, are passed over.
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

    Examples
    --------
    >>> import imgsim
    >>> plan = imgsim.plan(imgsim.find_duplicates("photos", "phash"))
    >>> done = imgsim.apply(plan, yes=True)
    >>> imgsim.undo(done.run).restored
    (b'IMG_0001 copy.jpg',)
    """
    fs = fs or this_file_system()
    runs = History(history, fs)
    progress = progress or Silent()
    with runs.locked():
        name, passed_over = _to_undo(runs, run)
        record = runs.record(name)
        if record is None:  # nothing was moved yet
            raise UsageError(f"the run {name} was never begun", "imgsim runs")
        if record.undone:
            raise UsageError(f"the run {name} was undone", "imgsim runs")
        with opened_stage(fs, record, name) as stage, runs.go_on(name) as journal:
            before = [*record.standing, *record.interrupted]
            left, stopped = settle(stage, journal, record)
            if not stopped:
                stopped = _restore_all(stage, journal, record, left, progress)
            if not stopped and not record.standing and not record.interrupted:
                stopped = _noted(lambda: journal.of_run("undone"))
            told = {one.path for one in left}
            units = [(removed_path(record.units[n]), record.units[n]) for n in before]
            restored = {path for path, unit in units if unit.reverted or unit.back} - told
            if stopped:
                waiting = {path for path, _ in units} - restored - told
                left.extend(Left(path, "undo was stopped") for path in waiting)
            clear_trash(stage, moved_to(record))
            _clear_made(stage, record)
    return Undone(
        name, tuple(sorted(restored)), tuple(left), passed_over, stopped,
        str(record.head["root"]), dict(stage.lost),
    )  # fmt: skip


def _restore_all(
    stage: Stage, journal: Journal, record: Record, left: list[Left], progress: Progress
) -> str:
    """Take back what stands, and add what stays to `left`; return why it was stopped, if it was."""
    progress.start("restoring", len(record.standing), "file")
    try:
        for number in sorted(record.standing, reverse=True):
            left.extend(_restore(stage, journal, number, record.units[number]))
            progress.advance(1)
        if not record.interrupted and not record.finished:
            journal.of_run("finished")
    except OSError as error:
        return _not_written(error)
    finally:
        progress.finish()
    return ""


def _noted(write: Callable[[], None]) -> str:
    """Write to the journal; return why that failed, if it did."""
    try:
        write()
    except OSError as error:
        return _not_written(error)
    return ""


def _not_written(error: OSError) -> str:
    return f"the journal cannot be written: {reason_of(error)}"


def _to_undo(runs: History, run: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Return the run that is meant, and those that ``last`` passes over, each with the reason."""
    if run != "last":
        return runs.find(run), ()
    passed_over: list[tuple[str, str]] = []
    for name in reversed(runs.runs()):
        record = runs.record(name)
        if record is None:
            continue
        reasons = [_lost(record.units[number]) for number in record.standing]
        if record.interrupted or not all(reasons):
            return name, tuple(passed_over)
        if reasons:
            passed_over.append((name, reasons[0]))
    why = f" (the last one: {passed_over[0][1]})" if passed_over else ""
    raise UsageError(f"there is no run to be undone{why}", "imgsim runs")


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
        with locked_tree(fs, str(record.head["root"])):
            yield Stage(fs, areas, run)
    finally:
        for folder in areas.values():
            fs.leave(folder)


def removed_path(unit: Unit) -> bytes:
    """The file that a unit removes: the last one that is moved."""
    moved = [step for step in unit.steps if step.kind in NAMING]
    return (moved or unit.steps)[-1].origin.path


def settle(stage: Stage, journal: Journal, record: Record) -> tuple[list[Left], str]:
    """Bring what was interrupted to one of its two ends.

    Returns
    -------
    tuple of (list of Left, str)
        What could not be brought there, and why the journal cannot be written; empty if it can.
    """
    left: list[Left] = []
    for number in sorted(record.interrupted, reverse=True):
        unit = record.units[number]
        try:
            deleted = _is_deleted(stage, unit)
        except OSError as error:
            left.append(Left(removed_path(unit), reason_of(error)))
            continue
        if deleted:
            if stopped := _noted(lambda number=number: journal.of_unit("complete", number)):  # type: ignore[misc]
                return left, stopped
            unit.complete = True
            continue
        failures = _revert(stage, unit)
        left.extend(Left(one.path, one.reason) for one in failures)
        if all(one.gone for one in failures):  # then there is nothing more to be done
            if stopped := _noted(lambda number=number: journal.of_unit("reverted", number)):  # type: ignore[misc]
                return left, stopped
            unit.reverted = True
    return left, ""


def _is_deleted(stage: Stage, unit: Unit) -> bool:
    """Whether a removal that has no way back came so far; what is left of it is deleted then."""
    if not any(_is_gone(stage, s.origin) for s in unit.steps if s.kind in ("delete", "trash")):
        return False
    for step in unit.steps:
        if step.kind == "move":
            with suppress(OSError):
                _remove_at(stage, step.target)
    return True


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


def _lost(unit: Unit) -> str:
    """Why a unit can never be taken back; empty if it can."""
    kinds = {step.kind for step in unit.steps}
    if unit.purged:
        return "it was purged"
    if "delete" in kinds:
        return "it was deleted for good"
    return "it is in the system's waste basket" if "trash" in kinds else ""


def _restore(stage: Stage, journal: Journal, number: int, unit: Unit) -> list[Left]:
    """Take a unit back; return the files of it that are not as they were."""
    if reason := _lost(unit):
        return [Left(removed_path(unit), reason)]
    journal.of_unit("reverting", number)
    failures = _revert(stage, unit)
    if not failures:
        journal.of_unit("reverted", number)
        unit.reverted = True
    return [Left(one.path, one.reason) for one in failures]


def _revert(stage: Stage, unit: Unit) -> list[NotReverted]:
    """Take the steps of a unit back, and note whether its file came back."""
    path = removed_path(unit)
    try:
        was_there = not _is_gone(stage, Place("root", path))
    except OSError:
        was_there = False
    failures = revert_all(stage, unit.steps, unit.copies)
    linked = any(step.kind in LINKING for step in unit.steps)
    failed = any(one.path == path for one in failures)
    unit.back = not failed and (linked or not was_there)
    return failures


def moved_to(record: Record) -> Iterator[Place]:
    """Yield the places to which a run moved files."""
    for unit in record.units.values():
        yield from (step.target for step in unit.steps if step.kind == "move")


def clear_trash(stage: Stage, places: Iterable[Place]) -> None:
    """Remove the folders of the run's waste, those of the places given, that are empty."""
    folders: set[bytes] = set()
    for place in places:
        if place.area == "root":
            parts = place.path.split(b"/")
            first = parts.index(TRASH.encode())
            folders.update(b"/".join(parts[: i + 1]) for i in range(first, len(parts) - 1))
    _remove_empty(stage, "root", folders)


def _clear_made(stage: Stage, record: Record) -> None:
    """Remove the folders that the run made in that of ``--move``, those that are empty."""
    folders: set[bytes] = set()
    for unit in record.units.values():
        for step in unit.steps:
            if step.target.area == "target":
                above = step.target.path.split(b"/")[:-1]
                least = len(above) - step.made_folders
                folders.update(b"/".join(above[:i]) for i in range(least + 1, len(above) + 1))
    if folders:
        _remove_empty(stage, "target", folders)


def _remove_empty(stage: Stage, area: Area, folders: set[bytes]) -> None:
    for path in sorted(folders, key=lambda one: -one.count(b"/")):
        with suppress(OSError), folder_of(stage.fs, stage.areas[area], path) as (folder, name):
            stage.fs.remove_folder(folder, name)
