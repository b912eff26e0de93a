"""Files that share their blocks: FIDEDUPERANGE and FICLONE of Linux, fclonefileat of macOS."""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys

from imgsim.act.files import NO_SUCH_CALL, NotSupported

_DEDUPE_RANGE = 0xC0189436
_CLONE = 0x40049409
_MOST_DEDUPED = 16 << 20
_MAP = 0xC020660B  # FS_IOC_FIEMAP
_EXTENT = struct.Struct("QQQ16xI12x")
_MOST_EXTENTS = 100
_WHOLE = (1 << 64) - 1
_LAST, _NOWHERE = 0x1, 0x2 | 0x4 | 0x8 | 0x200  # not known, not written yet, encoded, inline
_NOT_HERE = NO_SUCH_CALL | {errno.ENOTTY}


def can_share(file: int) -> bool:
    """Return whether the file system of an open file may have shared blocks, for all we know."""
    if sys.platform != "linux":
        return sys.platform == "darwin"
    import fcntl

    try:  # of no range at all
        fcntl.ioctl(file, _DEDUPE_RANGE, struct.pack("QQHHI", 0, 0, 0, 0, 0))
    except OSError as error:
        return error.errno not in _NOT_HERE
    return True


def shares_blocks(file: int, other: int) -> bool:
    """Return whether two open files have all their blocks in common, as far as Linux tells."""
    extents = _extents(file)
    return bool(extents) and extents == _extents(other)


def _extents(file: int) -> list[tuple[int, int, int]]:
    """Where the content of a file begins and lies on the disk; nothing if that is not known."""
    if sys.platform != "linux":
        return []
    import fcntl

    extents: list[tuple[int, int, int]] = []
    start, last = 0, False
    while not last:
        head = struct.pack("QQIIII", start, _WHOLE - start, 0, 0, _MOST_EXTENTS, 0)
        data = bytearray(head + bytes(_MOST_EXTENTS * _EXTENT.size))
        try:
            fcntl.ioctl(file, _MAP, data)
        except OSError:
            return []
        mapped = struct.unpack_from("I", data, 20)[0]
        if not mapped:
            return []
        for number in range(mapped):
            logical, physical, size, flags = _EXTENT.unpack_from(data, 32 + number * _EXTENT.size)
            if flags & _NOWHERE:
                return []
            extents.append((logical, physical, size))
            start, last = logical + size, bool(flags & _LAST)
    return extents


def share(source: int, target: int, size: int) -> int:
    """Let an open file share the blocks of another one, and return how many bytes do.

    The kernel compares their content.
    """
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
            if error.errno in _NOT_HERE:
                raise NotSupported(f"shared blocks ({error.strerror})") from None
            raise
        _, _, shared, outcome, _ = struct.unpack("qQQiI", answer[24:])
        if -outcome in NO_SUCH_CALL:
            raise NotSupported(f"shared blocks ({os.strerror(-outcome)})")
        if outcome < 0:
            raise OSError(-outcome, os.strerror(-outcome))
        if outcome > 0 or not shared:
            raise OSError(errno.EINVAL, "the kernel finds their content different")
        done += shared
    return done


def clone_of_linux(source: int, file: int) -> None:
    """Let a new file share all blocks of an open one."""
    if sys.platform != "linux":
        raise NotSupported("shared blocks")
    import fcntl

    try:
        fcntl.ioctl(file, _CLONE, source)
    except OSError as error:
        if error.errno in _NOT_HERE:
            raise NotSupported(f"shared blocks ({error.strerror})") from None
        raise


def clone_of_darwin(source: int, folder: int, name: bytes) -> None:
    """Make a clone by ``fclonefileat``, which replaces nothing and copies all attributes."""
    library = ctypes.CDLL(None, use_errno=True)
    call = getattr(library, "fclonefileat", None)
    if call is None:
        raise NotSupported("shared blocks")
    call.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_int]
    if call(source, folder, name, 0) == 0:
        return
    number = ctypes.get_errno()
    if number in NO_SUCH_CALL:
        raise NotSupported(f"shared blocks ({os.strerror(number)})")
    raise OSError(number, os.strerror(number), os.fsdecode(name))
