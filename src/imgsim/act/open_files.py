"""What works on open files, or on absolute paths, on every system."""

from __future__ import annotations

import errno
import os
import stat
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from imgsim.act import shared_blocks
from imgsim.act.files import Attributes, Lock, Status
from imgsim.locks import FileLock

READ = os.O_RDONLY
for _name in ("O_NONBLOCK", "O_CLOEXEC", "O_NOCTTY", "O_BINARY", "O_NOINHERIT", "O_NOFOLLOW"):
    READ |= getattr(os, _name, 0)
CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL
for _name in ("O_CLOEXEC", "O_BINARY", "O_NOINHERIT", "O_NOFOLLOW"):
    CREATE |= getattr(os, _name, 0)
APPEND = os.O_WRONLY | os.O_APPEND
for _name in ("O_CLOEXEC", "O_BINARY", "O_NOINHERIT", "O_NOFOLLOW"):
    APPEND |= getattr(os, _name, 0)
_ACCESS_LIST = "system.posix_acl_access"
_OF_THE_SYSTEM = frozenset(("security.selinux", "security.ima", "security.evm"))
_CANNOT_KEEP = frozenset(
    (errno.EPERM, errno.EACCES, errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP,
     errno.ENOSPC, errno.E2BIG, errno.ERANGE)
)  # fmt: skip
_GET_FLAGS, _IMMUTABLE = 0x80086601, 0x10 | 0x20  # FS_IOC_GETFLAGS; immutable or append-only


class OpenFiles:
    """The part of a `FileSystem` that needs no folder."""

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

    def attributes(self, file: int) -> Attributes:
        status = os.fstat(file)
        group = status.st_gid if hasattr(os, "fchown") else -1
        if sys.platform != "linux":
            return Attributes(group, unread=("extended attributes and access lists",))
        extended = []
        unread = []
        for name in _extended_names(file):
            try:
                extended.append((name, os.getxattr(file, name)))
            except OSError:
                unread.append(f"the attribute {name}")
        return Attributes(group, tuple(extended), tuple(unread))

    def set_attributes(
        self, file: int, mode: int, mtime_ns: int, more: Attributes | None = None
    ) -> tuple[str, ...]:
        lost: list[str] = []
        if more is not None:
            self.set_more(file, more, lost)
        if os.chmod in os.supports_fd:
            with _lost(lost, "permissions"):
                os.chmod(file, stat.S_IMODE(mode))
        if os.utime in os.supports_fd:
            with _lost(lost, "the time"):
                os.utime(file, ns=(mtime_ns, mtime_ns))
        if os.name != "nt" and stat.S_IMODE(os.fstat(file).st_mode) != stat.S_IMODE(mode):
            lost.append("permissions")  # file systems that have none say nothing
        return tuple(dict.fromkeys(lost))

    def set_more(self, file: int, more: Attributes, lost: list[str]) -> None:
        """Set the group and the extended attributes; add to `lost` what cannot be set."""
        lost.extend(more.unread)
        if more.group >= 0 and os.fstat(file).st_gid != more.group:
            with _lost(lost, "the group"):
                os.fchown(file, -1, more.group)
                if os.fstat(file).st_gid != more.group:  # NTFS says nothing
                    lost.append("the group")
        if sys.platform != "linux":
            return
        for name, value in more.extended:
            with _lost(lost, f"the attribute {name}"):
                os.setxattr(file, name, value)
        names = {name for name, _ in more.extended}
        if _ACCESS_LIST not in names and _ACCESS_LIST in _extended_names(file):
            with _lost(lost, "that there was no access list"):  # the folder's default one
                os.removexattr(file, _ACCESS_LIST)

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


def _extended_names(file: int) -> list[str]:
    """The names of a file's extended attributes, but for those that systems set by themselves."""
    if sys.platform != "linux":
        return []
    try:
        return [name for name in os.listxattr(file) if name not in _OF_THE_SYSTEM]
    except OSError:  # a file system without
        return []


@contextmanager
def _lost(lost: list[str], what: str) -> Iterator[None]:
    """Note what a file system cannot keep, or this user may not set."""
    try:
        yield
    except OSError as error:
        if error.errno not in _CANNOT_KEEP:
            raise
        lost.append(what)
