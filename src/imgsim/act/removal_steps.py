"""The steps of one removal, by its action, and what does each of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from imgsim.act.carry import SAME_VIEW, carried_metadata, sidecar_of
from imgsim.act.files import Folder
from imgsim.act.journal import Journal, Place, Step
from imgsim.act.options import IN_PLACE, ApplyOptions
from imgsim.act.paths import native
from imgsim.act.select import Chosen
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
from imgsim.act.walk import Different, OpenFile, folder_of


class RemovalRun(Protocol):
    """The run that removals are a part of, as `removal.Remover` is one.

    Attributes
    ----------
    stage : Stage
    journal : Journal
    root : str
        Of the plan.
    options : ApplyOptions
    freed_bytes : int
    """

    stage: Stage
    journal: Journal
    root: str
    options: ApplyOptions
    freed_bytes: int

    @property
    def to_waste_basket(self) -> Callable[[str], None]:
        """The function that puts the file of an absolute path into the system's waste basket."""

    def number(self) -> int:
        """Return the number of the next step."""

    def target(self, path: bytes) -> Place:
        """Return where a file below the root is moved."""

    def packet(self, path: bytes) -> bytes:
        """Return the content of an XMP sidecar, also if it went along with another file."""

    def folder_modes(self, path: bytes) -> tuple[int, ...]:
        """Return the permissions of the folders in which a file lies, from the root on."""

    def missing_folders(self, place: Place) -> int:
        """Return how many of the folders in which a place of ``--move`` lies are not there yet."""


@dataclass(slots=True)
class RemovalSteps:
    """The steps of one removal, all of whose files are open.

    Attributes
    ----------
    remover : RemovalRun
    unit : int
    chosen : Chosen
    opened, kept : OpenFile
    kept_at : tuple of (Folder, bytes)
    """

    remover: RemovalRun
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
            self.remover.folder_modes(path), self.remover.missing_folders(target),
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
            attributes = stage.fs.attributes(self.opened.file)
            copy_file(stage.fs, self.opened, folder, back, attributes)[0].close()
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
        packets = [self.remover.packet(path) for path in self.chosen.described_by]
        carried = carried_metadata(
            fs,
            self.kept,
            self.kept_at,
            self.opened,
            packets,
            same_view=self.chosen.removal.role in SAME_VIEW,
        )
        if carried is None:
            return
        place = Place("root", sidecar_of(self.chosen.keep.path))
        step = Step(
            self.unit, self.remover.number(), "create", place, place, carried.sha256,
            len(carried.data), self.opened.status.mtime_ns, self.kept.status.mode & 0o666,
            self.chosen.keep.path,
            self.chosen.keep.sha256,
        )  # fmt: skip
        yield step, lambda: create(self.remover.stage, step, carried.data)
