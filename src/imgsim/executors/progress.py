"""How far a worker process is, in a few bytes of memory that its parent sees too.

A message for every item would wake the parent as often, which takes longer than reading the result
of a small picture.
"""

from __future__ import annotations

import mmap
import os
import secrets
import sys
import tempfile
from contextlib import suppress
from typing import NamedTuple

_BEGUN, _PIECES, _LIMITED, _COUNTS = 0, 1, 2, 3
_BYTES = 8 * _COUNTS + 8
"""Three counts of 64 bits, and a float of the same size: each is written at once."""


class Progress(NamedTuple):
    """How far a worker is.

    Attributes
    ----------
    begun : int
        Items that it has begun since it was started, and one more for each batch that it ended.
    pieces : int
        Pieces of large files that it has read since then.
    limited : bool
        Whether the item in hand has a limit of time.
    seconds : float
        Processor seconds that it had taken when it began the item.
    """

    begun: int
    pieces: int
    limited: bool
    seconds: float


class SharedProgress:
    """The same where it lies; written by the worker, read by its parent.

    Parameters
    ----------
    memory : mmap
        Of 32 bytes.
    """

    def __init__(self, memory: mmap.mmap) -> None:
        view = memoryview(memory)
        self._counts = view[: 8 * _COUNTS].cast("Q")
        self._seconds = view[8 * _COUNTS : _BYTES].cast("d")

    def read(self) -> Progress:
        """Return what the worker wrote last."""
        begun, pieces, limited = self._counts
        return Progress(begun, pieces, bool(limited), self._seconds[0])

    def begin(self, seconds: float) -> None:
        """Begin an item, when the process has taken so many processor seconds."""
        self._seconds[0] = seconds
        self._counts[_LIMITED] = 1
        self._counts[_BEGUN] += 1

    def read_piece(self) -> None:
        """Count a piece of a file."""
        self._counts[_PIECES] += 1

    def pause_limit(self) -> None:
        """Let the item in hand have no limit of time."""
        self._counts[_LIMITED] = 0


class Share:
    """Memory for the progress of one worker, until it is started.

    Attributes
    ----------
    progress : SharedProgress
    name : str
        For `attach` in the worker.
    descriptors : tuple of int
        Files that the worker has to inherit.

    Raises
    ------
    OSError
        The system gives no memory that can be shared.
    """

    descriptors: tuple[int, ...] = ()

    def __init__(self) -> None:
        if sys.platform == "win32":
            self.name = f"imgsim-{os.getpid()}-{secrets.token_hex(8)}"
            self.progress = SharedProgress(mmap.mmap(-1, _BYTES, tagname=self.name))
            return
        number = _open_memory()
        self.descriptors = (number,)
        self.name = str(number)
        try:
            self.progress = SharedProgress(mmap.mmap(number, _BYTES))
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close what only a worker that starts needs."""
        for number in self.descriptors:
            os.close(number)
        self.descriptors = ()


def attach(name: str) -> SharedProgress:
    """Return the progress that the parent reads, in a worker that inherited its descriptors."""
    if sys.platform == "win32":
        return SharedProgress(mmap.mmap(-1, _BYTES, tagname=name))
    number = int(name)
    memory = mmap.mmap(number, _BYTES)
    os.close(number)
    return SharedProgress(memory)


def _open_memory() -> int:
    """Open a file that no folder names; in memory where the system has such files."""
    number = -1
    with suppress(AttributeError, OSError):  # Linux alone has it, and a filter may forbid it
        number = os.memfd_create("imgsim")
    if number < 0:
        with tempfile.TemporaryFile() as stream:
            number = os.dup(stream.fileno())
    try:
        os.write(number, bytes(_BYTES))  # now, since a full disk would end whoever writes to it
    except BaseException:
        os.close(number)
        raise
    return number
