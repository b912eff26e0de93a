"""The file system as removing needs it: one system call a method, no link followed, none replaced.

Everything below `act` goes through such an object, so that tests can put faults between any two
steps. Folders are handles that were opened one below the other without following links: what
another program does to a path above does not lead astray.
"""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass
from typing import Any, Protocol

NO_SUCH_CALL = frozenset((errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP))
"""Errors by which systems say that there is no such call, or not for this file system."""

_PIECE = 1 << 20

Folder = Any
"""A handle of `FileSystem.open_root` or `enter`: a number, or a path where the system has none."""


class NotSupported(OSError):
    """The file system has no such operation; another way has to be taken."""

    def __init__(self, what: str) -> None:
        super().__init__(errno.ENOTSUP, f"not supported here: {what}")


@dataclass(frozen=True, slots=True)
class Status:
    """What the system tells of a file.

    Attributes
    ----------
    mode : int
        Kind and permissions.
    size_bytes, mtime_ns, device, inode, links, owner, ctime_ns : int
    """

    mode: int
    size_bytes: int
    mtime_ns: int
    device: int
    inode: int
    links: int
    owner: int
    ctime_ns: int = 0

    @classmethod
    def of(cls, status: os.stat_result) -> Status:
        """Take it from what `os.stat` returns."""
        return cls(
            status.st_mode, status.st_size, status.st_mtime_ns, status.st_dev, status.st_ino,
            status.st_nlink, status.st_uid, status.st_ctime_ns,
        )  # fmt: skip

    @property
    def is_file(self) -> bool:
        """Whether it is a regular file."""
        return stat.S_ISREG(self.mode)

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return stat.S_ISDIR(self.mode)

    @property
    def is_link(self) -> bool:
        """Whether it is a symbolic link."""
        return stat.S_ISLNK(self.mode)

    def is_same_file(self, other: Status) -> bool:
        """Return whether both are names of one file."""
        return (self.device, self.inode) == (other.device, other.inode)

    def may_be_same_file(self, other: Status) -> bool:
        """Return whether both may be one file, seen through two mounts.

        A union or FUSE file system may give a file the number and the times that it has where it
        lies, and a device of its own. A copy has another time of change.
        """
        own, others = (
            (one.inode, one.size_bytes, one.mtime_ns, one.ctime_ns) for one in (self, other)
        )
        return self.ctime_ns != 0 and own == others

    def is_unchanged(self, other: Status) -> bool:
        """Return whether both are one file that nobody wrote to in between."""
        return self.is_same_file(other) and (self.size_bytes, self.mtime_ns) == (
            other.size_bytes,
            other.mtime_ns,
        )


@dataclass(frozen=True, slots=True)
class Attributes:
    """What a file has beside its content, permissions and time.

    Attributes
    ----------
    group : int
        -1 where systems have none.
    extended : tuple of (str, bytes)
        Extended attributes by their names, access lists among them.
    unread : tuple of str
        What there may be beside these and cannot be read.
    """

    group: int = -1
    extended: tuple[tuple[str, bytes], ...] = ()
    unread: tuple[str, ...] = ()


class Lock(Protocol):
    """A lock that ends with the process at the latest."""

    def close(self) -> None:
        """Release it."""


class FileSystem(Protocol):
    """What the modules of this folder ask of a file system; every method may raise OSError."""

    def open_root(self, path: str) -> Folder:
        """Open a folder by its absolute path."""

    def make_root(self, path: str) -> None:
        """Make a folder by its absolute path, and those above it, where they are missing."""

    def lock(self, path: str) -> Lock | None:
        """Take the lock of a file by its absolute path; None if another process has it."""

    def lock_tree(self, path: str) -> Lock | None:
        """Keep others from changing what is below a folder, or above it; None if one does.

        Where the system has no locks of folders, nothing is locked.
        """

    def enter(self, folder: Folder, name: bytes) -> Folder:
        """Open a folder in another one; a symbolic link is none."""

    def leave(self, folder: Folder) -> None:
        """Close a folder."""

    def names(self, folder: Folder) -> list[bytes]:
        """Return the names of what is in a folder, in order."""

    def make_folder(self, folder: Folder, name: bytes) -> None:
        """Make a folder that others can not look into."""

    def set_folder_mode(self, folder: Folder, mode: int) -> None:
        """Set the permissions of an open folder."""

    def remove_folder(self, folder: Folder, name: bytes) -> None:
        """Remove an empty folder."""

    def why_not_to_write(self, folder: Folder) -> str:
        """Return why names in an open folder cannot be changed, for all we know; else nothing."""

    def sync_folder(self, folder: Folder) -> None:
        """Make the names in a folder outlast a power cut."""

    def folder_status(self, folder: Folder) -> Status:
        """Return the status of an open folder."""

    def status(self, folder: Folder, name: bytes) -> Status:
        """Return the status of a file by its name; of a link, not of what it points to."""

    def open_file(self, folder: Folder, name: bytes) -> int:
        """Open a file to be read; never wait for the other end of a pipe."""

    def create_file(self, folder: Folder, name: bytes) -> int:
        """Make a file that does not exist yet, and open it to be written."""

    def open_to_append(self, folder: Folder, name: bytes) -> int:
        """Open a file to be written at its end."""

    def file_status(self, file: int) -> Status:
        """Return the status of an open file."""

    def is_immutable(self, file: int) -> bool:
        """Return whether an open file is marked as never to be changed."""

    def is_folder_immutable(self, folder: Folder) -> bool:
        """Return whether an open folder is marked so that no name in it may be taken away."""

    def read(self, file: int, size: int) -> bytes:
        """Read the next bytes; none at the end."""

    def rewind(self, file: int) -> None:
        """Go back to the beginning of a file."""

    def write(self, file: int, data: bytes) -> int:
        """Write some bytes, and return how many were written."""

    def sync_file(self, file: int) -> None:
        """Make the content of a file outlast a power cut."""

    def attributes(self, file: int) -> Attributes:
        """Return what an open file has beside its content, permissions and time."""

    def set_attributes(
        self, file: int, mode: int, mtime_ns: int, more: Attributes | None = None
    ) -> tuple[str, ...]:
        """Set the permissions, the time of the last change, and what else is given.

        Returns
        -------
        tuple of str
            What the file system cannot keep, or this user may not set.
        """

    def close(self, file: int) -> None:
        """Close a file."""

    def rename(self, folder: Folder, name: bytes, to: Folder, new: bytes) -> None:
        """Rename a file where nothing has the new name; `NotSupported` if that cannot be had."""

    def rename_within(self, folder: Folder, name: bytes, new: bytes) -> None:
        """Rename a file to a name that only this program uses; it may replace a file there."""

    def link(self, folder: Folder, name: bytes, to: Folder, new: bytes) -> None:
        """Give a file another name; `NotSupported` on file systems without."""

    def make_symlink(self, target: bytes, folder: Folder, name: bytes) -> None:
        """Make a symbolic link."""

    def link_target(self, folder: Folder, name: bytes) -> bytes:
        """Return what a symbolic link points to."""

    def remove(self, folder: Folder, name: bytes) -> None:
        """Remove a name of a file."""

    @property
    def shares_in_place(self) -> bool:
        """Whether a file can take over the blocks of another one, `share_content`; else `clone`."""

    def can_share(self, file: int) -> bool:
        """Return whether the file system of an open file may have shared blocks, for all we know.

        Nothing is changed.
        """

    def shares_blocks(self, file: int, other: int) -> bool:
        """Return whether two open files are known to have all their blocks in common."""

    def clone(self, source: int, folder: Folder, name: bytes) -> int:
        """Make a file, and open it, that shares all blocks of an open one; attributes may differ.

        `NotSupported` on file systems without, and nothing is left then.
        """

    def share_content(self, source: int, target: int, size: int) -> int:
        """Let a file share the blocks of another one of equal content, which the kernel compares.

        Returns
        -------
        int
            Bytes that are shared now.
        """


def write_all(fs: FileSystem, file: int, data: bytes) -> None:
    """Write bytes to an open file, all of them."""
    view = memoryview(data)
    while view:
        view = view[fs.write(file, bytes(view[:_PIECE])) :]


def read_all(fs: FileSystem, folder: Folder, name: bytes) -> bytes:
    """Return the content of a file by its name in an open folder."""
    file = fs.open_file(folder, name)
    try:
        parts = []
        while piece := fs.read(file, _PIECE):
            parts.append(piece)
        return b"".join(parts)
    finally:
        fs.close(file)
