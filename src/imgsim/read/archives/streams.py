"""Opens archives to be read at any place: files, parts of files, and what is compressed."""

from __future__ import annotations

import io
import sys
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

from imgsim.errors import MethodUnavailable
from imgsim.read.archives.gzips import GzipFile
from imgsim.read.archives.kinds import BadArchive, Packing
from imgsim.read.sized_stream import SizedStream

Progress = Callable[[], object] | None

_PIECE = 1 << 20


class Window(SizedStream):
    """A part of a file that is open, as a stream of its own.

    Parameters
    ----------
    stream : file object
        It stays open.
    start, length : int
    """

    def __init__(self, stream: BinaryIO, start: int, length: int) -> None:
        super().__init__(length)
        self._stream, self._start = stream, start

    def readinto(self, buffer: Any) -> int:
        """Read on from the place."""
        size = max(0, min(len(buffer), self._size - self._place))
        self._stream.seek(self._start + self._place)
        data = self._stream.read(size)
        buffer[: len(data)] = data
        self._place += len(data)
        return len(data)


class Bounded:
    """A stream that reads a limited number of bytes at a time, and in all.

    Modules for archives read what a header announces, however much that is.

    Parameters
    ----------
    stream : file object
    most_at_once : int
    most : int or None
        The last place that may be read.
    progress : callable, optional
        Called after each piece of a long way.
    """

    def __init__(
        self,
        stream: BinaryIO,
        most_at_once: int,
        most: int | None = None,
        progress: Progress = None,
    ) -> None:
        self._stream, self._most_at_once, self._most = stream, most_at_once, most
        self._progress = progress
        self.last = b""  # what was read last

    def read(self, size: int = -1) -> bytes:
        """Read on, as for any stream; raise `BadArchive` over a limit."""
        if size > self._most_at_once:
            raise BadArchive("it announces a list of members that is too long")
        data = self._stream.read(self._most_at_once + 1 if size < 0 else size)
        if len(data) > self._most_at_once:
            raise BadArchive("its list of members is too long")
        self._check(self._stream.tell())
        self.last = data
        return data

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place; what is compressed is unpacked up to there, with `progress`."""
        if whence == io.SEEK_SET:
            self._check(offset)
            go_to(self._stream, offset, self._progress)
            return offset
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        """Return the place."""
        return self._stream.tell()

    def seekable(self) -> bool:
        """True."""
        return True

    def _check(self, place: int) -> None:
        if self._most is not None and place > self._most:
            raise BadArchive(f"it unpacks to more than {self._most:,} bytes")


def go_to(stream: BinaryIO, offset: int, progress: Progress = None) -> None:
    """Go to a place; what is compressed is unpacked up to there in pieces."""
    if not isinstance(stream, Unpacked):
        stream.seek(offset)
        return
    if stream.knows(offset):
        stream.seek(offset)
    elif offset < stream.tell():
        stream.seek(0)
    while (left := offset - stream.tell()) > 0:
        if not stream.read(min(left, _PIECE)):
            raise BadArchive("its end is missing")
        if progress is not None:
            progress()


class Unpacked(io.RawIOBase):
    """What a compressed stream unpacks to.

    Going back in one of bzip2 or xz means to unpack it from the beginning.
    """

    def __init__(self, stream: BinaryIO, packing: Packing) -> None:
        super().__init__()
        self._packed = stream
        try:
            self._unpacker = _unpacker(stream, packing)
        except BaseException:
            stream.close()
            raise

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def knows(self, offset: int) -> bool:
        """Return whether the way to a place is short, from a point that was passed before."""
        return isinstance(self._unpacker, GzipFile) and self._unpacker.knows(offset)

    def tell(self) -> int:
        """Return the place in what it unpacks to."""
        return int(self._unpacker.tell())

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place, as for any stream."""
        with says_damage():
            return int(self._unpacker.seek(offset, whence))

    def readinto(self, buffer: Any) -> int:
        """Read on from the place."""
        with says_damage():
            data = self._unpacker.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def read(self, size: int = -1) -> bytes:
        """Read on from the place, as many bytes as asked for if there are as many."""
        with says_damage():
            return bytes(self._unpacker.read(size))

    def close(self) -> None:
        """Close it and the compressed stream."""
        if not self.closed:
            self._unpacker.close()
            self._packed.close()
        super().close()


def _unpacker(stream: BinaryIO, packing: Packing) -> Any:
    if packing == "gzip":
        return GzipFile(stream)
    if packing == "bzip2":
        import bz2

        return bz2.BZ2File(stream)
    if packing == "xz":
        import lzma

        return lzma.LZMAFile(stream)
    return _zstd().ZstdFile(stream)


def _zstd() -> Any:
    """The module of Python 3.14, or what brings it to older ones."""
    try:
        if sys.version_info >= (3, 14):
            from compression import zstd
        else:
            import backports.zstd as zstd
    except ImportError:
        raise MethodUnavailable(
            "archives packed by zstd need the package backports.zstd",
            "pip install 'imgsim[archives]'",
        ) from None
    return zstd


@contextmanager
def says_damage() -> Iterator[None]:
    """Turn what the modules for compression raise on damaged data into `BadArchive`."""
    import lzma
    import zipfile

    try:
        yield
    except BadArchive:
        raise
    except (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile) as error:
        said = " ".join(str(error).split()) or "its end is missing"
        raise BadArchive(f"damaged: {said}") from None
    except OSError as error:
        if error.errno is None:  # of gzip and bz2, on data that are none
            raise BadArchive(f"damaged: {error}") from None
        raise
    except (NotImplementedError, RuntimeError) as error:  # a compression that Python lacks
        raise BadArchive(str(error)) from None
    except Exception as error:
        if type(error).__name__ == "ZstdError":  # of a module that may not be there
            raise BadArchive(f"damaged: {error}") from None
        raise


class Kept:
    """What a thread keeps open or in memory to read on from, one thing at a time."""

    def __init__(self) -> None:
        self._local = threading.local()

    def get(self, key: object) -> Any:
        """Return what is kept under a key; None if that is something else."""
        kept = getattr(self._local, "kept", None)
        return kept[1] if kept is not None and kept[0] == key else None

    def put(self, key: object, value: Any) -> None:
        """Keep this, and close what was kept before."""
        _, before = getattr(self._local, "kept", (None, None))
        self._local.kept = (key, value)
        if isinstance(before, io.IOBase):
            before.close()


def as_stream(data: bytes) -> BinaryIO:
    """Return bytes as a stream."""
    return cast(BinaryIO, io.BytesIO(data))
