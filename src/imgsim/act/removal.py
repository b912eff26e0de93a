"""Carries out one removal after the other: each with its checks right before, and its journal."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace

from imgsim.act.carry import content_below
from imgsim.act.files import NO_SUCH_CALL, Folder, NotSupported
from imgsim.act.guards import reason_to_leave
from imgsim.act.journal import Journal, Place, Step
from imgsim.act.options import ApplyOptions
from imgsim.act.outcome import Removed
from imgsim.act.paths import shown
from imgsim.act.plan import PlannedFile
from imgsim.act.removal_steps import RemovalSteps
from imgsim.act.reverting import revert_all
from imgsim.act.select import Chosen
from imgsim.act.steps import Stage
from imgsim.act.targets import Targets
from imgsim.act.walk import (
    Different,
    OpenFile,
    folder_of,
    open_hashed,
    open_planned,
    reason_of,
)


class Stopped(Exception):
    """The run cannot go on: its journal cannot be written, or a file is neither here nor there."""


class GroupChanged(Different):
    """A file is not as it was planned, so that its group is left alone."""


@dataclass(slots=True)
class Remover:
    """Removes files within one run.

    Attributes
    ----------
    stage : Stage
    journal : Journal
    root : str
        Of the plan.
    options : ApplyOptions
    targets : Targets
    next_unit, next_step : int
    to_waste_basket : callable
        Puts the file of an absolute path into the system's waste basket.
    freed_bytes : int
    """

    stage: Stage
    journal: Journal
    root: str
    options: ApplyOptions
    targets: Targets
    next_unit: int
    next_step: int
    to_waste_basket: Callable[[str], None]
    freed_bytes: int = 0
    _synced: set[bytes] = field(default_factory=set)
    _modes: dict[bytes, tuple[int, ...]] = field(default_factory=dict)
    _packets: dict[bytes, bytes] = field(default_factory=dict)

    def remove(self, chosen: Chosen) -> Removed:
        """Remove a file, if it and the kept one are as they were planned.

        Raises
        ------
        Different
            It stays, and so does all that belongs to it; `GroupChanged` if its group is to.
        Stopped
        """
        unit, self.next_unit = self.next_unit, self.next_unit + 1
        with ExitStack() as stack:
            try:
                work = self._open(stack, chosen, unit)
            except GroupChanged:
                raise
            except (Different, OSError) as error:
                raise GroupChanged(reason_of(error)) from None
            made: list[Step] = []
            try:
                for step, do, last in work:
                    self._write(lambda step=step: self.journal.begin_step(step))  # type: ignore[misc]
                    made.append(step)
                    do()
                    self._write(
                        lambda step=step, last=last: self.journal.end_step(step, last=last)  # type: ignore[misc]
                    )
            except (Different, OSError) as error:
                self._put_back(unit, made)
                raise Different(_said(error)) from None
        written = (step.target.path for step in made if step.kind == "create")
        chosen = replace(chosen, written=next(written, b""))
        return Removed.of(chosen, carried=self.options.carry_metadata)

    def _write(self, write: Callable[[], None]) -> None:
        try:
            write()
        except OSError as error:
            raise Stopped(f"the journal cannot be written: {error.strerror}") from error

    def _put_back(self, unit: int, made: Sequence[Step]) -> None:
        for failure in revert_all(self.stage, made, self.journal.copies):
            if not failure.gone:  # what is gone was removed by another program
                raise Stopped(f"{shown(failure.path)} could not be put back: {failure.reason}")
        if made:
            self._write(lambda: self.journal.of_unit("reverted", unit))

    # What there is to do --------------------------------------------------------------------

    def _open(
        self, stack: ExitStack, chosen: Chosen, unit: int
    ) -> Iterator[tuple[Step, Callable[[], None], bool]]:
        """Open and check everything; return the steps, and what does each of them."""
        fs, root = self.stage.fs, self.stage.areas["root"]
        keep, file = chosen.keep, chosen.removal.file
        try:
            kept_at = stack.enter_context(folder_of(fs, root, keep.path))
            kept = _planned(stack, self.stage, kept_at, keep)
        except (Different, OSError) as error:
            raise GroupChanged(f"the kept file: {reason_of(error)}") from None
        if not kept.status.size_bytes:
            raise GroupChanged("the kept file: it is empty")
        if keep.path not in self._synced:  # what stays must outlast a power cut first
            with _but_unsupported():
                fs.sync_file(kept.file)
                fs.sync_folder(kept_at[0])
            self._synced.add(keep.path)
        at = stack.enter_context(folder_of(fs, root, file.path))
        opened = _planned(stack, self.stage, at, file)
        reason = reason_to_leave(opened.status, kept.status, fs.folder_status(at[0]))
        if reason:
            raise Different(reason)
        work = RemovalSteps(self, unit, chosen, opened, kept, kept_at)
        return work.steps(self._sidecars(stack, chosen))

    def _sidecars(self, stack: ExitStack, chosen: Chosen) -> list[tuple[bytes, OpenFile]]:
        sidecars = []
        for path in chosen.sidecars:
            at = stack.enter_context(folder_of(self.stage.fs, self.stage.areas["root"], path))
            opened = open_hashed(self.stage.fs, *at)
            stack.callback(opened.close)
            sidecars.append((path, opened))
        return sidecars

    def target(self, path: bytes) -> Place:
        """Return where a file below the root is moved."""
        return self.targets.of(path, self.stage.run)

    def packet(self, path: bytes) -> bytes:
        """Return the content of an XMP sidecar, also if it went along with another file."""
        if path not in self._packets:
            self._packets[path] = content_below(self.stage.fs, self.stage.areas["root"], path)
        return self._packets[path]

    def folder_modes(self, path: bytes) -> tuple[int, ...]:
        """Return the permissions of the folders in which a file lies, from the root on."""
        folder = path.rpartition(b"/")[0]
        if not folder:
            return ()
        if folder not in self._modes:
            with folder_of(self.stage.fs, self.stage.areas["root"], path) as (opened, _):
                mode = self.stage.fs.folder_status(opened).mode
            self._modes[folder] = (*self.folder_modes(folder), mode & 0o7777)
        return self._modes[folder]

    def missing_folders(self, place: Place) -> int:
        """Return how many of the folders in which a place of ``--move`` lies are not there yet."""
        if place.area == "root":
            return 0
        above = place.path.split(b"/")[:-1]
        for there in range(len(above), 0, -1):
            path = b"/".join(above[:there])
            with (
                suppress(FileNotFoundError),
                folder_of(self.stage.fs, self.stage.areas[place.area], path) as (folder, name),
            ):
                self.stage.fs.status(folder, name)
                return len(above) - there
        return len(above)

    def number(self) -> int:
        """Return the number of the next step."""
        self.next_step += 1
        return self.next_step - 1


def _planned(
    stack: ExitStack, stage: Stage, at: tuple[Folder, bytes], planned: PlannedFile
) -> OpenFile:
    try:
        opened = open_planned(stage.fs, *at, planned)
    except (Different, OSError) as error:
        raise GroupChanged(reason_of(error)) from None
    stack.callback(opened.close)
    return opened


@contextmanager
def _but_unsupported() -> Iterator[None]:
    """Let a call pass that the file system lacks: a disc that is only read syncs nothing."""
    try:
        yield
    except OSError as error:
        if error.errno not in NO_SUCH_CALL:
            raise


def _said(error: OSError | Different) -> str:
    import errno

    if isinstance(error, NotSupported):
        return error.strerror or "not supported here"
    if isinstance(error, OSError) and error.errno == errno.EXDEV:
        return "another file system is mounted in between"
    return reason_of(error)


@contextmanager
def open_areas(stage: Stage, move_to: str | None) -> Iterator[None]:
    """Open the folder that ``--move`` names, if it does."""
    if move_to is None:
        yield
        return
    stage.areas["target"] = stage.fs.open_root(move_to)
    try:
        yield
    finally:
        stage.fs.leave(stage.areas.pop("target"))


def grouped(chosen: Sequence[Chosen]) -> Iterator[list[Chosen]]:
    """Yield the removals of one group after the other."""
    for _, some in itertools.groupby(chosen, key=lambda one: one.keep.path):
        yield list(some)
