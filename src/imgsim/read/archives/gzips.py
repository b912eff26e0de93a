"""Reads what is compressed by gzip from any place, without unpacking all before it again."""

from __future__ import annotations

import io
import zlib
from bisect import bisect_right
from typing import Any, BinaryIO

_INPUT = 1 << 16
_OUTPUT = 1 << 18
_FIRST_SPACING = 1 << 20
_MOST_POINTS = 256
_GZIP = 16 + zlib.MAX_WBITS


class GzipFile(io.RawIOBase):
    """What a gzip file unpacks to, as a stream.

    On its way it keeps copies of the decompressor, some 50 kB each, and goes back to these.

    Parameters
    ----------
    stream : file object
        Of the compressed data; it stays open.

    Raises
    ------
    zlib.error, EOFError
        When it is read: the data are damaged, or lack their end.
    """

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__()
        self._stream = stream
        self._spacing = _FIRST_SPACING
        self._input = 0  # where to read on in the stream
        self._decompressor: Any = zlib.decompressobj(_GZIP)
        self._began = False  # the gzip member in hand has given something
        self._output = b""
        self._taken = 0  # of the output
        self._end = 0  # place after the output
        self._points = [self._point()]

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def tell(self) -> int:
        """Return the place in what it unpacks to."""
        return self._end - len(self._output) + self._taken

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place, counted from the beginning or from here."""
        if whence == io.SEEK_CUR:
            offset += self.tell()
        elif whence != io.SEEK_SET:
            raise OSError(22, "the end of compressed data is not known")
        start = self._end - len(self._output)
        nearest = self._points[bisect_right(self._points, offset, key=lambda p: p[0]) - 1]
        if offset < start or nearest[0] > self._end:
            self._go_back(nearest)
        while offset > self._end and self._fill():
            pass
        self._taken = max(0, min(len(self._output), offset - (self._end - len(self._output))))
        return self.tell()

    def readinto(self, buffer: Any) -> int:
        """Read on from the place."""
        if self._taken == len(self._output) and not self._fill():
            return 0
        data = self._output[self._taken : self._taken + len(buffer)]
        buffer[: len(data)] = data
        self._taken += len(data)
        return len(data)

    def read(self, size: int = -1) -> bytes:
        """Read on from the place, as many bytes as asked for if there are as many."""
        parts = []
        left = size
        while left:
            if self._taken == len(self._output) and not self._fill():
                break
            stop = len(self._output) if left < 0 else self._taken + left
            part = self._output[self._taken : stop]
            self._taken += len(part)
            parts.append(part)
            left = left if left < 0 else left - len(part)
        return b"".join(parts)

    def knows(self, offset: int) -> bool:
        """Return whether it was at a place before, or nearly."""
        return offset <= self._points[-1][0] + self._spacing

    def _point(self) -> tuple[int, int, Any, bool]:
        return self._end, self._input, self._decompressor.copy(), self._began

    def _go_back(self, point: tuple[int, int, Any, bool]) -> None:
        self._end, self._input, decompressor, self._began = point
        self._decompressor = decompressor.copy()
        self._output, self._taken = b"", 0

    def _fill(self) -> bool:
        """Unpack the next piece in the place of the one in hand; false at the end."""
        while True:
            data = self._decompressor.unconsumed_tail
            if self._decompressor.eof:
                data = self._decompressor.unused_data.lstrip(b"\0")  # padding
                self._decompressor, self._began = zlib.decompressobj(_GZIP), False
            if not data:
                self._stream.seek(self._input)
                data = self._stream.read(_INPUT)
                self._input += len(data)
                if not self._began:
                    data = data.lstrip(b"\0") if self._end else data
            if not data:
                if self._began or not self._end:
                    raise EOFError("compressed data end before their end mark")
                return False
            self._began = True
            output = self._decompressor.decompress(data, _OUTPUT)
            if output:
                break
        self._output, self._taken = output, 0
        self._end += len(output)
        if self._end - self._points[-1][0] >= self._spacing:
            self._points.append(self._point())
            if len(self._points) > _MOST_POINTS:
                self._points = self._points[::2]
                self._spacing *= 2
        return True
