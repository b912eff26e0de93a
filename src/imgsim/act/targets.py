"""Where files are moved, and what stands in the way there."""

from __future__ import annotations

import os

from imgsim.act.files import FileSystem, Folder
from imgsim.act.journal import Place
from imgsim.act.options import ApplyOptions
from imgsim.act.paths import shown
from imgsim.act.plan import Plan
from imgsim.act.walk import Different, folder_of, reason_of
from imgsim.errors import UsageError
from imgsim.read.discover import TRASH, printable

_TRASH = TRASH.encode()
_MOUNTED = "another file system is mounted in between"


class Targets:
    """The places below the root, or below the folder of ``--move``, to which files go.

    Each folder that was scanned has a waste folder of its own, and so has each file system that is
    mounted below it: renaming does not lead from one to another.

    Parameters
    ----------
    fs : FileSystem
    root : Folder
    plan : Plan
    options : ApplyOptions
    target : Folder, optional
        The open folder of ``--move``; there is nothing in the way in one that is yet to be made.
    """

    def __init__(
        self,
        fs: FileSystem,
        root: Folder,
        plan: Plan,
        options: ApplyOptions,
        target: Folder | None = None,
    ) -> None:
        self.fs = fs
        self.root = root
        self.options = options
        self.target = target
        self._roots = {b"" if path == b"." else path for path in plan.roots}
        self._bases: dict[bytes, bytes] = {}
        self._obstacles: dict[bytes, str] = {}

    def of(self, path: bytes, run: str) -> Place:
        """Return where a file below the root is moved.

        Raises
        ------
        OSError
        """
        if self.options.action == "move":
            return Place("target", path)
        return Place("root", b"/".join([self.waste_folder(path), run.encode(), path]))

    def waste_folder(self, path: bytes) -> bytes:
        """Return the waste folder of a file, below the root.

        Raises
        ------
        OSError
        """
        base = self._base(path.rpartition(b"/")[0])
        return base + b"/" + _TRASH if base else _TRASH

    def obstacle(self, path: bytes) -> str:
        """Return why a file cannot be moved, by what is where it would go; else nothing."""
        action = self.options.action
        if action == "trash" or (action == "reflink" and self.fs.shares_in_place):
            return ""
        try:
            if action == "move":
                return self._taken(path)
            waste = self.waste_folder(path)
            if waste not in self._obstacles:
                self._obstacles[waste] = self._of_waste_folder(waste)
            return self._obstacles[waste]
        except (Different, OSError) as error:
            return reason_of(error)

    def _taken(self, path: bytes) -> str:
        if self.target is None:
            return ""
        named = printable(str(self.options.move_to))
        try:
            with folder_of(self.fs, self.target, path) as (folder, name):
                self.fs.status(folder, name)
        except FileNotFoundError:
            return ""
        except OSError:  # a part of its path is no folder
            return f"a folder cannot be made in {named}"
        return f"something has its name in {named}"

    def _of_waste_folder(self, waste: bytes) -> str:
        named = shown(waste)
        with folder_of(self.fs, self.root, waste) as (folder, name):
            try:
                status = self.fs.status(folder, name)
            except FileNotFoundError:
                why = self.fs.why_not_to_write(folder)
                return f"{named} cannot be made: {why}" if why else ""
            if not status.is_folder:
                kind = "a symbolic link" if status.is_link else "a file"
                return f"{named} is {kind}, so nothing can be moved there"
            if status.device != self.fs.folder_status(folder).device:
                return _MOUNTED
            inner = self.fs.enter(folder, name)
            try:
                why = self.fs.why_not_to_write(inner)
            finally:
                self.fs.leave(inner)
        return f"{named} cannot be written to: {why}" if why else ""

    def _base(self, folder: bytes) -> bytes:
        """The highest folder above a file that was scanned with it, on its own file system.

        Of what lies behind a symbolic link it is the highest that holds no scanned folder.
        """
        if not folder or folder in self._roots:
            return folder
        if folder not in self._bases:
            above = folder.rpartition(b"/")[0]
            same = self._device(folder) == self._device(above)
            goes_on = same and not self._is_outside(above)
            self._bases[folder] = self._base(above) if goes_on else folder
        return self._bases[folder]

    def _is_outside(self, folder: bytes) -> bool:
        """Whether a folder was not scanned, but one below it."""
        if not self._roots or folder in self._roots:
            return False
        return not folder or any(root.startswith(folder + b"/") for root in self._roots)

    def _device(self, folder: bytes) -> int:
        path = folder + b"/x" if folder else b"x"
        with folder_of(self.fs, self.root, path) as (opened, _):
            return self.fs.folder_status(opened).device


def check_move_folder(fs: FileSystem, options: ApplyOptions) -> None:
    """Check that the folder of ``--move`` is there and can be written to, or can be made.

    Raises
    ------
    UsageError
        It cannot; nothing was made.
    """
    if options.move_to is None:
        return
    path = options.move_to
    while True:
        try:
            folder = fs.open_root(path)
            break
        except FileNotFoundError as error:
            above = os.path.dirname(path)
            if above == path:
                raise _cannot_make(options.move_to, error.strerror or "") from None
            path = os.path.realpath(above)
        except OSError as error:
            raise _cannot_make(options.move_to, error.strerror or "") from None
    try:
        why = fs.why_not_to_write(folder)
    finally:
        fs.leave(folder)
    if why:
        raise _cannot_make(options.move_to, why)


def _cannot_make(path: str, why: str) -> UsageError:
    return UsageError(f"cannot move files to {printable(path)}: {why}", "name another folder")
