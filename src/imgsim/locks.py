"""Locks between processes that end with their process, however that ends."""

from __future__ import annotations

import os
import sys
from pathlib import Path

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


class FileLock:
    """A lock on a file of its own, which is made if it is not there.

    Parameters
    ----------
    path : Path

    Raises
    ------
    OSError
        The file cannot be made or opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        own = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | own, 0o666)

    def acquire(self, *, exclusive: bool) -> bool:
        """Take the lock, or change what was taken; do not wait.

        Windows has no shared locks of this kind: what is shared counts as taken there, and a file
        that is in use can be neither moved nor deleted.

        Parameters
        ----------
        exclusive : bool
            Nobody else may have it; else nobody else may have it exclusively.

        Returns
        -------
        bool
            False if another process has it; an exclusive one also where locks do not work.
        """
        try:
            if sys.platform == "win32":
                if exclusive:
                    os.lseek(self._file, 0, os.SEEK_SET)
                    msvcrt.locking(self._file, msvcrt.LK_NBLCK, 1)
            else:
                kind = fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH
                fcntl.flock(self._file, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:  # on Windows: taken; elsewhere: a file system without locks
            return not exclusive
        return True

    def is_current(self) -> bool:
        """Return whether the locked file is still the one at its path."""
        try:
            return os.path.samestat(os.fstat(self._file), os.stat(self.path))
        except OSError:
            return False

    def close(self) -> None:
        """Release the lock; the file stays."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
