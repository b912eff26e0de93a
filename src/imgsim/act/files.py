"""The file system as removing needs it: one system call a method, no link followed, none replaced.

Everything below `act` goes through such an object, so that tests can put faults between any two
steps. Folders are handles that were opened one below the other without following links: what
another program does to a path above does not lead astray.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import struct
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from imgsim.locks import FileLock

Folder = Any
"""A handle of `FileSystem.open_root` or `enter`: a number, or a path where the system has none."""

_READ = os.O_RDONLY
for _name in ("O_NONBLOCK", "O_CLOEXEC", "O_NOCTTY", "O_BINARY", "O_NOINHERIT", "O_NOFOLLOW"):
    _READ |= getattr(os, _name, 0)
_CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL
for _name in ("O_CLOEXEC", "O_BINARY", "O_NOINHERIT", "O_NOFOLLOW"):
    _CREATE |= getattr(os, _name, 0)
_APPEND = os.O_WRONLY | os.O_APPEND
for _name in ("O_CLOEXEC", "O_BINARY", "O_NOINHERIT", "O_NOFOLLOW"):
    _APPEND |= getattr(os, _name, 0)
_NO_REPLACE = 1  # RENAME_NOREPLACE of Linux
_EXCLUSIVE = 4  # RENAME_EXCL of macOS
_GET_FLAGS, _IMMUTABLE = 0x80086601, 0x10 | 0x20  # FS_IOC_GETFLAGS; immutable or append-only
_DEDUPE_RANGE = 0xC0189436  # FIDEDUPERANGE
_MOST_DEDUPED = 16 << 20


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
    size_bytes, mtime_ns, device, inode, links, owner : int
    """

    mode: int
    size_bytes: int
    mtime_ns: int
    device: int
    inode: int
    links: int
    owner: int

    @classmethod
    def of(cls, status: os.stat_result) -> Status:
        """Take it from what `os.stat` returns."""
        return cls(
            status.st_mode, status.st_size, status.st_mtime_ns, status.st_dev, status.st_ino,
            status.st_nlink, status.st_uid,
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

    def is_unchanged(self, other: Status) -> bool:
        """Return whether both are one file that nobody wrote to in between."""
        return self.is_same_file(other) and (self.size_bytes, self.mtime_ns) == (
            other.size_bytes,
            other.mtime_ns,
        )


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

    def enter(self, folder: Folder, name: bytes) -> Folder:
        """Open a folder in another one; a symbolic link is none."""

    def leave(self, folder: Folder) -> None:
        """Close a folder."""

    def names(self, folder: Folder) -> list[bytes]:
        """Return the names of what is in a folder, in order."""

    def make_folder(self, folder: Folder, name: bytes) -> None:
        """Make a folder that others can not look into."""

    def remove_folder(self, folder: Folder, name: bytes) -> None:
        """Remove an empty folder."""

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

    def read(self, file: int, size: int) -> bytes:
        """Read the next bytes; none at the end."""

    def rewind(self, file: int) -> None:
        """Go back to the beginning of a file."""

    def write(self, file: int, data: bytes) -> int:
        """Write some bytes, and return how many were written."""

    def sync_file(self, file: int) -> None:
        """Make the content of a file outlast a power cut."""

    def set_attributes(self, file: int, mode: int, mtime_ns: int) -> None:
        """Set the permissions and the time of the last change."""

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

    def share_content(self, source: int, target: int, size: int) -> int:
        """Let a file share the blocks of another one of equal content, which the kernel compares.

        Returns
        -------
        int
            Bytes that are shared now.
        """


class _Descriptors:
    """What works on open files, or on absolute paths."""

    def make_root(self, path: str) -> None:
        os.makedirs(path, mode=0o700, exist_ok=True)

    def lock(self, path: str) -> Lock | None:
        lock = FileLock(Path(path))
        if lock.acquire(exclusive=True):
            return lock
        lock.close()
        return None

    def file_status(self, file: int) -> Status:
        return Status.of(os.fstat(file))

    def is_immutable(self, file: int) -> bool:
        flags = getattr(os.fstat(file), "st_flags", 0)
        if flags:
            return bool(
                flags & (getattr(stat, "UF_IMMUTABLE", 2) | getattr(stat, "SF_IMMUTABLE", 0))
            )
        if sys.platform != "linux":
            return False
        import fcntl

        try:
            answer = fcntl.ioctl(file, _GET_FLAGS, struct.pack("l", 0))
        except OSError:  # a file system without such marks
            return False
        return bool(struct.unpack("l", answer)[0] & _IMMUTABLE)

    def read(self, file: int, size: int) -> bytes:
        return os.read(file, size)

    def rewind(self, file: int) -> None:
        os.lseek(file, 0, os.SEEK_SET)

    def write(self, file: int, data: bytes) -> int:
        return os.write(file, data)

    def sync_file(self, file: int) -> None:
        os.fsync(file)

    def set_attributes(self, file: int, mode: int, mtime_ns: int) -> None:
        if os.chmod in os.supports_fd:
            os.chmod(file, stat.S_IMODE(mode))
        if os.utime in os.supports_fd:
            os.utime(file, ns=(mtime_ns, mtime_ns))

    def close(self, file: int) -> None:
        os.close(file)

    def share_content(self, source: int, target: int, size: int) -> int:
        if sys.platform != "linux":
            raise NotSupported("shared blocks")
        import fcntl

        done = 0
        while done < size:
            step = min(_MOST_DEDUPED, size - done)
            request = struct.pack("QQHHI", done, step, 1, 0, 0)
            request += struct.pack("qQQiI", target, done, 0, 0, 0)
            try:
                answer = fcntl.ioctl(source, _DEDUPE_RANGE, request)
            except OSError as error:
                raise NotSupported(f"shared blocks ({error.strerror})") from None
            _, _, shared, outcome, _ = struct.unpack("qQQiI", answer[24:])
            if outcome < 0:
                raise OSError(-outcome, os.strerror(-outcome))
            if outcome > 0 or not shared:
                raise OSError(errno.EINVAL, "the kernel finds their content different")
            done += shared
        return done


class DescriptorFileSystem(_Descriptors):
    """Folders are open descriptors, as POSIX has them (openat and its like)."""

    def open_root(self, path: str) -> Folder:
        return os.open(path, _READ | os.O_DIRECTORY)

    def enter(self, folder: Folder, name: bytes) -> Folder:
        return os.open(name, _READ | os.O_DIRECTORY, dir_fd=folder)

    def leave(self, folder: Folder) -> None:
        os.close(folder)

    def names(self, folder: Folder) -> list[bytes]:
        return sorted(map(os.fsencode, os.listdir(folder)))

    def make_folder(self, folder: Folder, name: bytes) -> None:
        os.mkdir(name, 0o700, dir_fd=folder)

    def remove_folder(self, folder: Folder, name: bytes) -> None:
        os.rmdir(name, dir_fd=folder)

    def sync_folder(self, folder: Folder) -> None:
        os.fsync(folder)

    def folder_status(self, folder: Folder) -> Status:
        return Status.of(os.fstat(folder))

    def status(self, folder: Folder, name: bytes) -> Status:
        return Status.of(os.stat(name, dir_fd=folder, follow_symlinks=False))

    def open_file(self, folder: Folder, name: bytes) -> int:
        return os.open(name, _READ, dir_fd=folder)

    def create_file(self, folder: Folder, name: bytes) -> int:
        return os.open(name, _CREATE, 0o600, dir_fd=folder)

    def open_to_append(self, folder: Folder, name: bytes) -> int:
        return os.open(name, _APPEND, dir_fd=folder)

    def rename(self, folder: Folder, name: bytes, to: Folder, new: bytes) -> None:
        _rename_without_replacing(folder, name, to, new)

    def rename_within(self, folder: Folder, name: bytes, new: bytes) -> None:
        os.rename(name, new, src_dir_fd=folder, dst_dir_fd=folder)

    def link(self, folder: Folder, name: bytes, to: Folder, new: bytes) -> None:
        try:
            os.link(name, new, src_dir_fd=folder, dst_dir_fd=to, follow_symlinks=False)
        except OSError as error:
            raise _or_not_supported(error, "hard links") from None

    def make_symlink(self, target: bytes, folder: Folder, name: bytes) -> None:
        os.symlink(target, name, dir_fd=folder)

    def link_target(self, folder: Folder, name: bytes) -> bytes:
        return os.readlink(name, dir_fd=folder)

    def remove(self, folder: Folder, name: bytes) -> None:
        os.unlink(name, dir_fd=folder)


class PathFileSystem(_Descriptors):
    """Folders are paths, for systems on which folders cannot be opened: Windows."""

    def open_root(self, path: str) -> Folder:
        os.listdir(path)
        return path

    def enter(self, folder: Folder, name: bytes) -> Folder:
        path = _joined(folder, name)
        status = os.lstat(path)
        reparsed = getattr(status, "st_file_attributes", 0) & 0x400  # junctions and the like
        if not stat.S_ISDIR(status.st_mode) or reparsed:
            raise NotADirectoryError(errno.ENOTDIR, "not a folder")
        return path

    def leave(self, folder: Folder) -> None:
        pass

    def names(self, folder: Folder) -> list[bytes]:
        return sorted(map(os.fsencode, os.listdir(folder)))

    def make_folder(self, folder: Folder, name: bytes) -> None:
        os.mkdir(_joined(folder, name), 0o700)

    def remove_folder(self, folder: Folder, name: bytes) -> None:
        os.rmdir(_joined(folder, name))

    def sync_folder(self, folder: Folder) -> None:
        if os.name == "nt":
            return  # NTFS writes its own journal
        number = os.open(folder, _READ)
        try:
            os.fsync(number)
        finally:
            os.close(number)

    def folder_status(self, folder: Folder) -> Status:
        return Status.of(os.stat(folder))

    def status(self, folder: Folder, name: bytes) -> Status:
        return Status.of(os.lstat(_joined(folder, name)))

    def open_file(self, folder: Folder, name: bytes) -> int:
        path = _joined(folder, name)
        if stat.S_ISLNK(os.lstat(path).st_mode):
            raise OSError(errno.ELOOP, "a symbolic link")
        return os.open(path, _READ)

    def create_file(self, folder: Folder, name: bytes) -> int:
        return os.open(_joined(folder, name), _CREATE, 0o600)

    def open_to_append(self, folder: Folder, name: bytes) -> int:
        return os.open(_joined(folder, name), _APPEND)

    def rename(self, folder: Folder, name: bytes, to: Folder, new: bytes) -> None:
        if os.name != "nt":
            raise NotSupported("renaming without replacing")
        os.rename(_joined(folder, name), _joined(to, new))  # which replaces nothing there

    def rename_within(self, folder: Folder, name: bytes, new: bytes) -> None:
        os.rename(_joined(folder, name), _joined(folder, new))

    def link(self, folder: Folder, name: bytes, to: Folder, new: bytes) -> None:
        try:
            os.link(_joined(folder, name), _joined(to, new), follow_symlinks=False)
        except OSError as error:
            raise _or_not_supported(error, "hard links") from None

    def make_symlink(self, target: bytes, folder: Folder, name: bytes) -> None:
        os.symlink(os.fsdecode(target), _joined(folder, name))

    def link_target(self, folder: Folder, name: bytes) -> bytes:
        return os.fsencode(os.readlink(_joined(folder, name)))

    def remove(self, folder: Folder, name: bytes) -> None:
        os.unlink(_joined(folder, name))


def _joined(folder: Folder, name: bytes) -> str:
    return os.path.join(str(folder), os.fsdecode(name))


def this_file_system() -> FileSystem:
    """Return the file system of this machine."""
    if os.open in os.supports_dir_fd and os.rename in os.supports_dir_fd:
        return DescriptorFileSystem()
    return PathFileSystem()


_NO_SUCH_CALL = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP}


def _or_not_supported(error: OSError, what: str) -> OSError:
    """Return `NotSupported` for the errors by which file systems say that; else the error."""
    if error.errno in {*_NO_SUCH_CALL, errno.EPERM, errno.EMLINK}:
        return NotSupported(what)
    return error


def _rename_without_replacing(folder: int, name: bytes, to: int, new: bytes) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if sys.platform == "darwin":
        call, flag = getattr(library, "renameatx_np", None), _EXCLUSIVE
    else:
        call, flag = getattr(library, "renameat2", None), _NO_REPLACE
    if call is None:
        raise NotSupported("renaming without replacing")
    call.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint]
    if call(folder, name, to, new, flag) == 0:
        return
    number = ctypes.get_errno()
    if number in _NO_SUCH_CALL:
        raise NotSupported("renaming without replacing")
    raise OSError(number, os.strerror(number), os.fsdecode(name))
