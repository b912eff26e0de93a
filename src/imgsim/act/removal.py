"""Carries out one removal after the other: each with its checks right before, and its journal."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field

from imgsim.act.carry import sidecar_of_metadata
from imgsim.act.files import Folder, NotSupported
from imgsim.act.journal import Journal, Place, Step
from imgsim.act.options import IN_PLACE, ApplyOptions
from imgsim.act.outcome import Removed
from imgsim.act.paths import native
from imgsim.act.plan import PlannedFile
from imgsim.act.reverting import revert_all
from imgsim.act.select import Chosen, reason_to_leave
from imgsim.act.steps import (
    Stage,
    copy_file,
    create,
    delete,
    make_clone,
    make_link,
    move,
    rename_within,
)
from imgsim.act.walk import (
    Different,
    OpenFile,
    folder_of,
    open_hashed,
    open_planned,
    reason_of,
)
from imgsim.read.discover import TRASH


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
    next_unit, next_step : int
    to_waste_basket : callable
        Puts the file of an absolute path into the system's waste basket.
    freed_bytes : int
    """

    stage: Stage
    journal: Journal
    root: str
    options: ApplyOptions
    next_unit: int
    next_step: int
    to_waste_basket: Callable[[str], None]
    freed_bytes: int = 0
    _bases: dict[bytes, bytes] = field(default_factory=dict)
    _synced: set[bytes] = field(default_factory=set)

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
        removal = chosen.removal
        return Removed(
            removal.file.path, chosen.keep.path, removal.role, removal.file.size_bytes,
            chosen.sidecars,
        )  # fmt: skip

    def _write(self, write: Callable[[], None]) -> None:
        try:
            write()
        except OSError as error:
            raise Stopped(f"the journal cannot be written: {error.strerror}") from error

    def _put_back(self, unit: int, made: Sequence[Step]) -> None:
        reason, gone = revert_all(self.stage, made, self.journal.copies)
        if reason and not gone:  # what is gone was removed by another program
            raise Stopped(f"a file could not be put back: {reason}")
        if made:
            self._write(lambda: self.journal.of_unit("reverted", unit))

    # What there is to do --------------------------------------------------------------------

    def _open(
        self, stack: ExitStack, chosen: Chosen, unit: int
    ) -> Iterator[tuple[Step, Callable[[], None], bool]]:
        """Open and check everything; return the steps, and what does each of them."""
        fs, root = self.stage.fs, self.stage.areas["root"]
        keep, file = chosen.keep, chosen.removal.file
        kept_at = stack.enter_context(folder_of(fs, root, keep.path))
        kept = _planned(stack, self.stage, kept_at, keep)
        if not kept.status.size_bytes:
            raise GroupChanged("the kept file is empty")
        if keep.path not in self._synced:  # what stays must outlast a power cut first
            fs.sync_file(kept.file)
            fs.sync_folder(kept_at[0])
            self._synced.add(keep.path)
        at = stack.enter_context(folder_of(fs, root, file.path))
        opened = _planned(stack, self.stage, at, file)
        reason = reason_to_leave(opened.status, kept.status, fs.folder_status(at[0]))
        if reason:
            raise Different(reason)
        work = _Work(self, unit, chosen, opened, kept, kept_at)
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
        if self.options.action == "move":
            return Place("target", path)
        base = self._base(path.rpartition(b"/")[0])
        parts = [*([base] if base else []), TRASH.encode(), self.stage.run.encode(), path]
        return Place("root", b"/".join(parts))

    def _base(self, folder: bytes) -> bytes:
        """The highest folder above a file on its own file system, below the root."""
        if not folder:
            return b""
        if folder not in self._bases:
            above = folder.rpartition(b"/")[0]
            same = self._device(folder) == self._device(above)
            self._bases[folder] = self._base(above) if same else folder
        return self._bases[folder]

    def _device(self, folder: bytes) -> int:
        path = folder + b"/x" if folder else b"x"
        with folder_of(self.stage.fs, self.stage.areas["root"], path) as (opened, _):
            return self.stage.fs.folder_status(opened).device

    def number(self) -> int:
        """Return the number of the next step."""
        self.next_step += 1
        return self.next_step - 1


@dataclass(slots=True)
class _Work:
    """One removal, all of whose files are open.

    Attributes
    ----------
    remover : Remover
    unit : int
    chosen : Chosen
    opened, kept : OpenFile
    kept_at : tuple of (Folder, bytes)
    """

    remover: Remover
    unit: int
    chosen: Chosen
    opened: OpenFile
    kept: OpenFile
    kept_at: tuple[Folder, bytes]

    def steps(
        self, sidecars: Sequence[tuple[bytes, OpenFile]]
    ) -> Iterator[tuple[Step, Callable[[], None], bool]]:
        """Yield the steps, what does each, and whether it is the last one."""
        todo = list(self._todo(sidecars))
        for place, (step, do) in enumerate(todo, 1):
            yield step, do, place == len(todo)

    def _todo(
        self, sidecars: Sequence[tuple[bytes, OpenFile]]
    ) -> Iterator[tuple[Step, Callable[[], None]]]:
        action = self.remover.options.action
        path = self.chosen.removal.file.path
        if self.remover.options.carry_metadata:
            yield from self._carry()
        if action == "reflink" and self.remover.stage.fs.shares_in_place:
            step = self._step("share", path, Place("root", path), self.opened)
            yield step, self._share
            return
        if action == "trash":
            for one, opened in [*sidecars, (path, self.opened)]:
                step = self._step("trash", one, Place("root", one), opened)
                yield step, lambda one=one, opened=opened: self._throw(one, opened)  # type: ignore[misc]
            return
        moves = [
            self._step("move", one, self.remover.target(one), opened)
            for one, opened in [*sidecars, (path, self.opened)]
        ]
        for step, opened in zip(moves, [*(o for _, o in sidecars), self.opened], strict=True):
            yield step, lambda step=step, opened=opened: self._move(step, opened)  # type: ignore[misc]
        if action in IN_PLACE:
            kind = "clone" if action == "reflink" else action
            step = self._step(kind, b"", Place("root", path), self.opened, moves[-1].target)
            yield step, lambda: self._link(step)
        if action == "delete":  # the picture first: after it there is no way back
            for step, opened in zip(
                reversed(moves), [self.opened, *(o for _, o in reversed(sidecars))], strict=True
            ):
                gone = self._step("delete", b"", step.target, opened, step.target)
                yield gone, lambda gone=gone: self._delete(gone)  # type: ignore[misc]

    def _step(
        self, kind: str, path: bytes, target: Place, opened: OpenFile, origin: Place | None = None
    ) -> Step:
        removed = self.chosen.removal.file.path
        link = os.path.relpath(b"/" + self.chosen.keep.path, b"/" + removed.rpartition(b"/")[0])
        status = opened.status
        return Step(
            self.unit, self.remover.number(), kind, origin or Place("root", path), target,  # type: ignore[arg-type]
            opened.sha256, status.size_bytes, status.mtime_ns, status.mode & 0o7777,
            self.chosen.keep.path, self.chosen.keep.sha256, link if kind == "symlink" else b"",
        )  # fmt: skip

    def _check_kept(self) -> None:
        if not self.kept.is_at(*self.kept_at):
            raise Different("the kept file changed at the last moment")

    def _move(self, step: Step, opened: OpenFile) -> None:
        self._check_kept()
        move(self.remover.stage, step, opened, self.remover.journal)
        self._check_kept()

    def _link(self, step: Step) -> None:
        if step.kind == "clone":
            make_clone(self.remover.stage, step, self.kept)
        else:
            make_link(self.remover.stage, step)
        self._check_kept()

    def _delete(self, step: Step) -> None:
        if step.sha256 == self.opened.sha256:
            self._check_kept()
            delete(self.remover.stage, step)
            if not self.kept.is_at(*self.kept_at):  # it went in between: ours is still open
                self._write_back(step)
                raise Different("the kept file changed at the last moment")
        else:  # a sidecar, which may be left in the waste folder
            with suppress(OSError):
                delete(self.remover.stage, step)
        self.remover.freed_bytes += step.size_bytes

    def _write_back(self, step: Step) -> None:
        """Write the file that was just deleted to where it was."""
        stage = self.remover.stage
        path = self.chosen.removal.file.path
        with folder_of(stage.fs, stage.areas["root"], path) as (folder, name):
            back = stage.temporary(step, "back")
            copy_file(stage.fs, self.opened, folder, back).close()
            rename_within(stage.fs, folder, back, name)
            stage.fs.sync_folder(folder)

    def _share(self) -> None:
        fs = self.remover.stage.fs
        size = self.opened.status.size_bytes
        self.remover.freed_bytes += fs.share_content(self.kept.file, self.opened.file, size)

    def _throw(self, path: bytes, opened: OpenFile) -> None:
        stage = self.remover.stage
        self._check_kept()
        with folder_of(stage.fs, stage.areas["root"], path) as at:
            if not opened.is_at(*at):
                raise Different("it was replaced at the last moment")
            self.remover.to_waste_basket(os.path.join(self.remover.root, native(path)))

    def _carry(self) -> Iterator[tuple[Step, Callable[[], None]]]:
        """Write what only the removed file says of its picture beside the kept one."""
        fs = self.remover.stage.fs
        carried = sidecar_of_metadata(fs, self.kept, self.opened)
        if carried is None:
            return
        names = fs.names(self.kept_at[0])
        name = self.kept_at[1]
        stem = name.rpartition(b".")[0] or name
        taken = {n.lower() for n in names}
        if {(name + b".xmp").lower(), (stem + b".xmp").lower()} & taken:
            raise Different("the kept file has a sidecar: metadata cannot be carried")
        place = Place("root", self.chosen.keep.path + b".xmp")
        step = Step(
            self.unit, self.remover.number(), "create", place, place, carried.sha256,
            len(carried.data), self.opened.status.mtime_ns, 0o644, self.chosen.keep.path,
            self.chosen.keep.sha256,
        )  # fmt: skip
        yield step, lambda: create(self.remover.stage, step, carried.data)


def _planned(
    stack: ExitStack, stage: Stage, at: tuple[Folder, bytes], planned: PlannedFile
) -> OpenFile:
    try:
        opened = open_planned(stage.fs, *at, planned)
    except (Different, OSError) as error:
        raise GroupChanged(reason_of(error)) from None
    stack.callback(opened.close)
    return opened


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
