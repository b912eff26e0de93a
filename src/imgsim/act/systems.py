"""The file systems of this machine: by descriptors of folders, or by paths on Windows."""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import struct
import sys
from contextlib import suppress
from pathlib import Path

from imgsim.act import shared_blocks
from imgsim.act.files import NO_SUCH_CALL, FileSystem, Folder, Lock, NotSupported, Status
from imgsim.locks import FileLock

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
        with suppress(OSError):  # what was written was synced before
            os.close(file)

    @property
    def shares_in_place(self) -> bool:
        return sys.platform != "darwin"

    def can_share(self, file: int) -> bool:
        return shared_blocks.can_share(file)

    def shares_blocks(self, file: int, other: int) -> bool:
        return shared_blocks.shares_blocks(file, other)

    def share_content(self, source: int, target: int, size: int) -> int:
        return shared_blocks.share(source, target, size)


class _TreeLock:
    """Shared locks of the folders above one, and an exclusive one of itself."""

    def __init__(self) -> None:
        self.folders: list[int] = []

    def close(self) -> None:
        for folder in self.folders:
            os.close(folder)
        self.folders.clear()


class DescriptorFileSystem(_Descriptors):
    """Folders are open descriptors, as POSIX has them (openat and its like)."""

    def open_root(self, path: str) -> Folder:
        return os.open(path, _READ | os.O_DIRECTORY)

    def lock_tree(self, path: str) -> Lock | None:
        import fcntl

        lock = _TreeLock()
        for folder in (Path(path), *Path(path).parents):
            kind = fcntl.LOCK_EX if folder == Path(path) else fcntl.LOCK_SH
            try:
                number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            except OSError:  # one that is not ours to read
                continue
            lock.folders.append(number)
            try:
                fcntl.flock(number, kind | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.close()
                return None
            except OSError:  # a file system without locks
                continue
        return lock

    def enter(self, folder: Folder, name: bytes) -> Folder:
        return os.open(name, _READ | os.O_DIRECTORY, dir_fd=folder)

    def leave(self, folder: Folder) -> None:
        with suppress(OSError):
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

    def is_folder_immutable(self, folder: Folder) -> bool:
        return self.is_immutable(folder)

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

    def clone(self, source: int, folder: Folder, name: bytes) -> int:
        if sys.platform == "darwin":
            shared_blocks.clone_of_darwin(source, folder, name)
            return self.open_file(folder, name)
        file = self.create_file(folder, name)
        try:
            shared_blocks.clone_of_linux(source, file)
        except BaseException:
            self.close(file)
            self.remove(folder, name)
            raise
        return file

    def make_symlink(self, target: bytes, folder: Folder, name: bytes) -> None:
        os.symlink(target, name, dir_fd=folder)

    def link_target(self, folder: Folder, name: bytes) -> bytes:
        return os.readlink(name, dir_fd=folder)

    def remove(self, folder: Folder, name: bytes) -> None:
        os.unlink(name, dir_fd=folder)


class PathFileSystem(_Descriptors):
    """Folders are paths, for systems on which folders cannot be opened: Windows."""

    def __init__(self) -> None:
        self._created: dict[int, str] = {}

    def open_root(self, path: str) -> Folder:
        os.listdir(path)
        return path

    def lock_tree(self, path: str) -> Lock | None:
        return _TreeLock()

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

    def is_folder_immutable(self, folder: Folder) -> bool:
        return False

    def status(self, folder: Folder, name: bytes) -> Status:
        return Status.of(os.lstat(_joined(folder, name)))

    def open_file(self, folder: Folder, name: bytes) -> int:
        path = _joined(folder, name)
        if stat.S_ISLNK(os.lstat(path).st_mode):
            raise OSError(errno.ELOOP, "a symbolic link")
        return os.open(path, _READ)

    def create_file(self, folder: Folder, name: bytes) -> int:
        path = _joined(folder, name)
        file = os.open(path, _CREATE, 0o600)
        self._created[file] = path
        return file

    def set_attributes(self, file: int, mode: int, mtime_ns: int) -> None:
        path = self._created[file]  # not by the open file, which Windows cannot do
        os.utime(path, ns=(mtime_ns, mtime_ns))
        os.chmod(path, stat.S_IMODE(mode))

    def close(self, file: int) -> None:
        self._created.pop(file, None)
        super().close(file)

    def sync_file(self, file: int) -> None:
        try:
            super().sync_file(file)
        except OSError:  # Windows syncs no file that is only open to be read
            if os.name != "nt" or file in self._created:
                raise

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

    def clone(self, source: int, folder: Folder, name: bytes) -> int:
        raise NotSupported("shared blocks")

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


def _or_not_supported(error: OSError, what: str) -> OSError:
    """Return `NotSupported` for the errors by which file systems say that; else the error."""
    if error.errno in {*NO_SUCH_CALL, errno.EPERM, errno.EMLINK}:
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
    if number in NO_SUCH_CALL:
        raise NotSupported("renaming without replacing")
    raise OSError(number, os.strerror(number), os.fsdecode(name))
