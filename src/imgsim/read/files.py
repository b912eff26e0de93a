"""Opens and reads the files of pictures: regular files alone, piece by piece, up to a size."""

from __future__ import annotations

import errno
import io
import os
import stat
import time
from collections.abc import Callable, Iterator
from typing import BinaryIO

from imgsim.addresses import Address

MAX_FILE_BYTES = 1_000_000_000
"""Larger files are skipped: they are read as a whole, by every worker."""

_PIECE = 1 << 20
_LEAST = 1 << 14
_FLAGS = os.O_RDONLY
for _name in ("O_NONBLOCK", "O_CLOEXEC", "O_NOCTTY", "O_BINARY", "O_NOINHERIT"):
    _FLAGS |= getattr(os, _name, 0)
_LEASE_SECONDS = 60.0
"""Another program may hold a lease on a file; the system takes it away after 45 s by default."""


class FileTooLarge(OSError):
    """The file has more bytes than are read."""

    def __init__(self, most: int | None = None) -> None:
        super().__init__(errno.EFBIG, f"more than {most or MAX_FILE_BYTES:,} bytes")


def open_regular(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a file to be read; never wait for the other end of a pipe.

    Between the walk through a folder and this, another program can have put a pipe or a device in
    the place of a file.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    file object
        Not buffered.

    Raises
    ------
    OSError
        It cannot be opened, or is no regular file.
    """
    deadline = 0.0
    while True:
        try:
            number = os.open(path, _FLAGS)
            break
        except BlockingIOError:  # a lease, as file servers have them, is being given up
            deadline = deadline or time.monotonic() + _LEASE_SECONDS
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
    try:
        if not stat.S_ISREG(os.fstat(number).st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        return open(number, "rb", buffering=0)
    except BaseException:
        os.close(number)
        raise


def open_input(path: str | os.PathLike[str]) -> io.BufferedReader:
    """Open what the user names as input beside pictures: a file, a pipe or a device.

    Parameters
    ----------
    path : str or path-like

    Raises
    ------
    OSError
        It cannot be opened; or it is a pipe or device, and nothing comes for a minute, too much, or
        what comes does not end in ten minutes.
    """
    try:
        mode = os.stat(path).st_mode
    except OSError:
        mode = 0  # opening it says what is wrong
    is_device = stat.S_ISCHR(mode) or stat.S_ISBLK(mode)
    if not (is_device or stat.S_ISFIFO(mode)) or os.name == "nt":
        return open(path, "rb")
    number = os.open(path, _FLAGS)
    try:
        pieces = _come_by(number, _DEVICE_BYTES if is_device else MAX_FILE_BYTES)
        return io.BufferedReader(io.BytesIO(b"".join(pieces)))
    finally:
        os.close(number)


def _come_by(number: int, most: int) -> Iterator[bytes]:
    """Yield what comes through a pipe, until no program has it open to write, or from a device."""
    import select

    total = 0
    deadline = time.monotonic() + _WHOLE_PIPE_SECONDS
    waiting = select.poll()  # a system that has pipes by name has it
    waiting.register(number, select.POLLIN)
    while True:
        if not waiting.poll(_PIPE_SECONDS * 1000):
            raise OSError(errno.ETIMEDOUT, f"nothing came through it in {_PIPE_SECONDS:g} s")
        if time.monotonic() > deadline:  # a byte now and then would keep it open for ever
            raise OSError(errno.ETIMEDOUT, f"it did not end in {_WHOLE_PIPE_SECONDS:g} s")
        piece = os.read(number, _PIECE)
        if not piece:
            return
        total += len(piece)
        if total > most:
            raise FileTooLarge(most)
        yield piece


_PIPE_SECONDS = 60.0
_WHOLE_PIPE_SECONDS = 600.0
"""A list may come from a program that walks through a large disk while it writes."""

_DEVICE_BYTES = 1 << 26
"""More than a person types or any list holds that comes from a device; some devices never end."""


def check_size(size: int) -> None:
    """Raise if a file has too many bytes to be read as a whole.

    Raises
    ------
    FileTooLarge
    """
    if size > MAX_FILE_BYTES:
        raise FileTooLarge


def pieces(stream: BinaryIO) -> Iterator[memoryview]:
    """Yield the content of an open file in pieces of at most 1 MiB; each is void after the next.

    Raises
    ------
    FileTooLarge
        It is, by now.
    OSError
    """
    total = 0
    # most files are small, and a buffer has to be cleared
    size = os.fstat(stream.fileno()).st_size
    buffer = memoryview(bytearray(min(_PIECE, max(_LEAST, size))))
    while size := stream.readinto(buffer):  # type: ignore[attr-defined]
        total += size
        if total > MAX_FILE_BYTES:
            raise FileTooLarge
        yield buffer[:size]


def read_stream(
    stream: BinaryIO, progress: Callable[[], object] | None = None, size: int | None = None
) -> bytes:
    """Read an open file as a whole.

    Parameters
    ----------
    stream : file object
    progress : callable, optional
        Called after each piece but the last.
    size : int, optional
        Its bytes as the system tells, where that was asked already.

    Raises
    ------
    FileTooLarge
    OSError
    """
    if size is None:
        size = os.fstat(stream.fileno()).st_size
        check_size(size)
    first = b""
    if size < _PIECE:
        first = stream.read(size + 1)
        if len(first) <= size:
            return first
    content = io.BytesIO()  # its buffer becomes the result, without a copy
    content.write(first)
    for piece in pieces(stream):
        content.write(piece)
        if progress is not None:
            progress()
    return content.getvalue()


def read_file(path: str | os.PathLike[str], progress: Callable[[], object] | None = None) -> bytes:
    """Read a regular file, or what an address names, as a whole.

    Parameters
    ----------
    path : str or path-like
    progress : callable, optional
        Called after each piece but the last.

    Raises
    ------
    FileTooLarge
    OSError
        It cannot be read, or is no regular file.
    """
    if isinstance(path, Address):
        return path.read(progress=progress)[0]
    with open_regular(path) as stream:
        return read_stream(stream, progress)
