"""Temporary folders that are removed at the latest by the next run."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
import weakref
from pathlib import Path
from types import TracebackType

from imgsim.locks import FileLock

_PREFIX = "imgsim-"
_LOCK = ".imgsim-lock"
_TRIES = 5
_EMPTY_SECONDS = 3600.0
_OPEN: weakref.WeakSet[TemporaryFolder] = weakref.WeakSet()


class TemporaryFolder:
    """A temporary folder; it goes with the last reference to this, on `close`, or after ``with``.

    A lock in it ends with this process: by that `remove_leftovers` knows what nobody uses.

    Parameters
    ----------
    kind : str
        A part of its name.

    Attributes
    ----------
    path : str

    Raises
    ------
    OSError
        It cannot be made.
    """

    def __init__(self, kind: str) -> None:
        for _ in range(_TRIES):
            self.path = tempfile.mkdtemp(prefix=f"{_PREFIX}{kind}-")
            lock = FileLock(Path(self.path, _LOCK))
            if lock.acquire(exclusive=True) and lock.is_current():
                break
            # the clean-up of another run was faster, or locks do not work here
        self.close = weakref.finalize(self, _remove, self.path, lock)
        _OPEN.add(self)

    def __enter__(self) -> str:
        return self.path

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _remove(path: str, lock: FileLock) -> None:
    if os.name == "nt":
        lock.close()  # an open file cannot be deleted there
    shutil.rmtree(path, ignore_errors=True)
    lock.close()


def close_all() -> None:
    """Remove the folders of this process, which Python does where it ends by itself."""
    for folder in list(_OPEN):
        folder.close()


def remove_leftovers() -> None:
    """Remove the temporary folders of processes that were killed, of this user alone."""
    try:
        folder = tempfile.gettempdir()
        with os.scandir(folder) as entries:
            names = [entry.path for entry in entries if entry.name.startswith(_PREFIX)]
    except OSError:
        return
    for name in names:
        try:
            _remove_leftover(Path(name))
        except OSError:  # another run was faster
            continue


def _remove_leftover(folder: Path) -> None:
    status = folder.lstat()
    own = not hasattr(os, "getuid") or status.st_uid == os.getuid()
    if folder.is_symlink() or not folder.is_dir() or not own:
        return
    if not (folder / _LOCK).is_file():
        if time.time() - status.st_mtime > _EMPTY_SECONDS:
            folder.rmdir()  # if it is empty: killed before its lock was made
        return
    lock = FileLock(folder / _LOCK)
    try:
        if lock.acquire(exclusive=True) and lock.is_current():
            _remove(str(folder), lock)
    finally:
        lock.close()
