"""The file systems of this machine: by descriptors of folders, or by paths on Windows."""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import sys
from contextlib import suppress
from pathlib import Path

from imgsim.act import shared_blocks
from imgsim.act.files import (
    NO_SUCH_CALL,
    Attributes,
    FileSystem,
    Folder,
    Lock,
    NotSupported,
    Status,
)
from imgsim.act.open_files import APPEND, CREATE, READ, OpenFiles
from imgsim.act.windows_files import open_shared

_NO_REPLACE = 1  # RENAME_NOREPLACE of Linux
_EXCLUSIVE = 4  # RENAME_EXCL of macOS


class _TreeLock:
    """Shared locks of the folders above one, and an exclusive one of itself."""

    def __init__(self) -> None:
        self.folders: list[int] = []

    def close(self) -> None:
        for folder in self.folders:
            os.close(folder)
        self.folders.clear()


class DescriptorFileSystem(OpenFiles):
    """Folders are open descriptors, as POSIX has them (openat and its like)."""

    def open_root(self, path: str) -> Folder:
        return os.open(path, READ | os.O_DIRECTORY)

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
        return os.open(name, READ | os.O_DIRECTORY, dir_fd=folder)

    def leave(self, folder: Folder) -> None:
        with suppress(OSError):
            os.close(folder)

    def names(self, folder: Folder) -> list[bytes]:
        return sorted(map(os.fsencode, os.listdir(folder)))

    def make_folder(self, folder: Folder, name: bytes) -> None:
        os.mkdir(name, 0o700, dir_fd=folder)

    def set_folder_mode(self, folder: Folder, mode: int) -> None:
        os.chmod(folder, stat.S_IMODE(mode))

    def remove_folder(self, folder: Folder, name: bytes) -> None:
        os.rmdir(name, dir_fd=folder)

    def why_not_to_write(self, folder: Folder) -> str:
        with suppress(OSError):  # some network drives do not tell
            if os.fstatvfs(folder).f_flag & os.ST_RDONLY:
                return "its file system is mounted read-only"
        effective = os.access in os.supports_effective_ids
        if not os.access(".", os.W_OK | os.X_OK, dir_fd=folder, effective_ids=effective):
            return "no permission to change its folder"
        return ""

    def sync_folder(self, folder: Folder) -> None:
        os.fsync(folder)

    def folder_status(self, folder: Folder) -> Status:
        return Status.of(os.fstat(folder))

    def is_folder_immutable(self, folder: Folder) -> bool:
        return self.is_immutable(folder)

    def status(self, folder: Folder, name: bytes) -> Status:
        return Status.of(os.stat(name, dir_fd=folder, follow_symlinks=False))

    def open_file(self, folder: Folder, name: bytes) -> int:
        return os.open(name, READ, dir_fd=folder)

    def create_file(self, folder: Folder, name: bytes) -> int:
        return os.open(name, CREATE, 0o600, dir_fd=folder)

    def open_to_append(self, folder: Folder, name: bytes) -> int:
        return os.open(name, APPEND, dir_fd=folder)

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


class PathFileSystem(OpenFiles):
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

    def set_folder_mode(self, folder: Folder, mode: int) -> None:
        os.chmod(folder, stat.S_IMODE(mode))

    def remove_folder(self, folder: Folder, name: bytes) -> None:
        os.rmdir(_joined(folder, name))

    def why_not_to_write(self, folder: Folder) -> str:
        return ""  # what Windows says of folders tells nothing

    def sync_folder(self, folder: Folder) -> None:
        if os.name == "nt":
            return  # NTFS writes its own journal
        number = os.open(folder, READ)
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
        return open_shared(path, READ)

    def create_file(self, folder: Folder, name: bytes) -> int:
        path = _joined(folder, name)
        file = open_shared(path, CREATE, 0o600)
        self._created[file] = path
        return file

    def set_attributes(
        self, file: int, mode: int, mtime_ns: int, more: Attributes | None = None
    ) -> tuple[str, ...]:
        lost: list[str] = []
        if more is not None:
            self.set_more(file, more, lost)
        path = self._created[file]  # not by the open file, which Windows cannot do
        os.utime(path, ns=(mtime_ns, mtime_ns))
        os.chmod(path, stat.S_IMODE(mode))
        return tuple(lost)

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
        return open_shared(_joined(folder, name), APPEND)

    def rename(self, folder: Folder, name: bytes, to: Folder, new: bytes) -> None:
        if os.name != "nt":
            raise NotSupported("renaming without replacing")
        os.rename(_joined(folder, name), _joined(to, new))  # which replaces nothing there

    def rename_within(self, folder: Folder, name: bytes, new: bytes) -> None:
        os.rename(_joined(folder, name), _joined(folder, new))

    def link(self, folder: Folder, name: bytes, to: Folder, new: bytes) -> None:
        path = _joined(folder, name)
        if stat.S_ISLNK(os.lstat(path).st_mode):  # not every system can link to the link itself
            raise OSError(errno.ELOOP, "a symbolic link")
        try:
            os.link(path, _joined(to, new))
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
