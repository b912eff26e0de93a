"""Large arrays for the time of a run, in memory or in a temporary file."""

from __future__ import annotations

import errno
import mmap
import os
import shutil
import tempfile
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgsim.errors import UsageError, limit_hint

_IN_MEMORY = 128 << 20  # bytes of all arrays together
_SMALL = 1 << 16
_held = [0]  # bytes of those in memory
_LOCK = threading.RLock()  # garbage may be collected while it is held
_ZEROS = bytes(1 << 20)
_LARGER = "name a folder on a larger disk by --tmp or TMPDIR"


def scratch(shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Make an array of zeros, in memory or, where there are more than 128 MiB of them, in a file.

    The file is temporary. Its space is reserved at once: a disk that filled up later would end the
    program by a bus error, without a word.

    Parameters
    ----------
    shape : tuple of int
    dtype : dtype

    Returns
    -------
    ndarray of dtype, of that shape

    Raises
    ------
    UsageError
        The disk has no room for the file.
    """
    size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    if size <= min(_SMALL, _IN_MEMORY):
        return np.zeros(shape, dtype)
    if size + _held[0] <= _IN_MEMORY:
        array = np.zeros(shape, dtype)
        _hold(size)
        weakref.finalize(array, _hold, -size).atexit = False
        return array
    with needs_space(size), tempfile.TemporaryFile(prefix="imgsim-") as stream:
        _reserve(stream.fileno(), size)
        mapped = np.memmap(stream, dtype, "r+", shape=shape)  # keeps the file alive
    return mapped.view(np.ndarray)


def _hold(size: int) -> None:
    with _LOCK:
        _held[0] += size


def release(array: NDArray[Any]) -> None:
    """Let the system take back the memory of an array in a temporary file, until it is read again.

    Nothing is lost: the file has all that was written. Arrays in memory stay as they are.

    Parameters
    ----------
    array : ndarray of any dtype, shape (...)
        From `scratch`, or a view of one.
    """
    base: Any = array
    while isinstance(base, np.ndarray):
        base = base.base
    if isinstance(base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        base.madvise(mmap.MADV_DONTNEED)


def _reserve(file: int, size: int) -> None:
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file, 0, size)
        return
    for start in range(0, size, len(_ZEROS)):  # macOS and Windows
        os.write(file, _ZEROS[: size - start])


def check_room(size: int) -> None:
    """Say it now if the temporary folder has no room for so many bytes that come later.

    Parameters
    ----------
    size : int
        Of temporary files, so many at least.

    Raises
    ------
    UsageError
    """
    try:
        free = shutil.disk_usage(tempfile.gettempdir()).free
    except OSError:  # there is none: what fits in memory needs none
        return
    if max(free, _IN_MEMORY) < size:
        told = f"temporary files take {size:,} bytes in {tempfile.gettempdir()}"
        raise UsageError(f"{told}, which has {free:,}", _LARGER)


@contextmanager
def needs_space(size: int) -> Iterator[None]:
    """Say how many bytes were to be written, and where, if the temporary folder cannot take them.

    Parameters
    ----------
    size : int
        Bytes.

    Raises
    ------
    UsageError
        The body of the ``with`` statement raised an OSError.
    """
    try:
        yield
    except OSError as error:
        folder = tempfile.gettempdir() if tempfile.tempdir else "the folder of temporary files"
        raise UsageError(
            f"no room for {size:,} bytes in {folder}: {error.strerror or error}",
            limit_hint(error) if error.errno == errno.EFBIG else _LARGER,
        ) from None
