"""The stamps of files, by which their contents are known again without reading them."""

from __future__ import annotations

import os
from typing import NamedTuple

_COARSEST_CLOCK_NS = 2_000_000_000


def identity_of(path: str) -> tuple[int, int] | None:
    """Return the device and inode of what lies at a path, links followed; None if nothing does.

    Equal for all names of a file or folder, where its file system has inodes.
    """
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino


class FileStamp(NamedTuple):
    """What the system tells of a file, by which the same content is known again.

    Attributes
    ----------
    size_bytes : int
    mtime_ns : int
    ctime_ns : int
        When the file was changed, be it by a rename; on Windows when it was made.
    inode : int
        Or the file's id on Windows; 0 where the file system has none.
    """

    size_bytes: int
    mtime_ns: int
    ctime_ns: int = 0
    inode: int = 0

    @classmethod
    def of(cls, status: os.stat_result) -> FileStamp:
        """Take it from what `os.stat` returns."""
        return cls(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)

    def is_settled(self, now_ns: int) -> bool:
        """Whether any later change will give another stamp.

        A file that was changed shortly before may change again within the same unit of the file
        system's clock, which is 2 s at worst.

        Parameters
        ----------
        now_ns : int
            When the content was read, or before.
        """
        return now_ns - max(self.mtime_ns, self.ctime_ns) > _COARSEST_CLOCK_NS
