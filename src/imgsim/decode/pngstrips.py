"""Decodes PNGs of 16 bits some rows at a time.

OpenCV decodes a picture as a whole, and takes twice its samples to do so. Here the compressed data
are inflated row by row, and the rows of a strip, behind the last row of the strip above, on which
their filters depend, are given to it as a PNG of their own.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgsim.decode.spec import DecodeError

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_STRIP_BYTES = 8 << 20
_FEED = 1 << 18
_COLOURS = {2: 3, 4: 2, 6: 4}
"""Colour types of PNG to their samples per pixel."""

Chunk = tuple[bytes, int, int]
Decode = Callable[[bytes], NDArray[Any] | None]


class PngRows:
    """The samples of a PNG of 16 bits, not interlaced, in several bands; red first.

    Rows are meant to be asked for from the top to the bottom; whoever goes back some strips has
    the picture decoded from its beginning.

    Parameters
    ----------
    data : bytes
        Of the whole file.
    chunks : sequence of (bytes, int, int)
        Name, place and length of its chunks.
    bands : int
        With the alpha that a transparent colour stands for.
    decode : callable
        Decodes a PNG as OpenCV does, blue first; None if it cannot be.
    """

    dtype = np.dtype(np.uint16)

    def __init__(self, data: bytes, chunks: Sequence[Chunk], bands: int, decode: Decode) -> None:
        width, height = struct.unpack_from(">II", data, 16)
        self.shape = height, width, bands
        self._data = data
        self._chunks = chunks
        self._decode = decode
        self._stored = _COLOURS[data[25]]
        self._restart()

    def _restart(self) -> None:
        self._start = 0
        self._kept = np.empty((0, *self.shape[1:]), self.dtype)
        self._strips = self.strips()

    def rows(self, top: int, bottom: int) -> NDArray[np.uint16]:
        """Return some rows.

        Returns
        -------
        ndarray of uint16, shape (bottom - top, w, bands)

        Raises
        ------
        DecodeError
            The data are damaged, or end too early.
        """
        if top < self._start:
            self._restart()
        parts: list[NDArray[np.uint16]] = []
        place = self._start
        strip = self._kept
        while True:
            inside = strip[max(0, top - place) : max(0, bottom - place)]
            if len(inside):
                parts.append(inside)
            if place + len(strip) >= bottom:
                break
            place += len(strip)
            strip = next(self._strips)
        # what follows is asked for with some of these rows once more
        self._start = top if parts else place
        self._kept = np.concatenate([*parts, strip[max(0, bottom - place) :]])
        return self._kept[: bottom - top]

    def strips(self) -> Iterator[NDArray[np.uint16]]:
        """Decode all rows from the top, some at a time.

        Yields
        ------
        ndarray of uint16, shape (rows, w, bands)

        Raises
        ------
        DecodeError
            The data are damaged, or end too early.
        """
        height, width, _ = self.shape
        row_bytes = 1 + width * self._stored * 2
        inflated = _Inflated(self._data, self._chunks)
        above = b""
        done = 0
        while done < height:
            rows = min(max(1, _STRIP_BYTES // row_bytes), height - done)
            filtered = inflated.read(rows * row_bytes)
            read = self._decode(self._wrapped(above + filtered, rows + bool(above)))
            if read is None or read.dtype != self.dtype or read.shape[1:2] != (width,):
                raise _cannot_be_decoded()
            last = read[-1]
            read = read[1:] if above else read
            done += rows
            strip = self._in_order(read)
            # filter 0: the row as it is
            above = b"\0" + self._in_order(last)[..., : self._stored].astype(">u2").tobytes()
            yield strip

    def _in_order(self, read: NDArray[Any]) -> NDArray[np.uint16]:
        bands = self.shape[2]
        if bands == 2:
            return np.asarray(read[..., ::3])
        return np.asarray(read[..., [2, 1, 0, 3][:bands]])

    def _wrapped(self, filtered: bytes, rows: int) -> bytes:
        """Make a PNG of some filtered rows; a transparent colour of the file holds in it too."""
        head = struct.pack(">II", self.shape[1], rows) + self._data[24:29]
        parts = [_SIGNATURE, _chunk(b"IHDR", head)]
        for name, start, length in self._chunks:
            if name == b"tRNS":
                parts.append(_chunk(name, self._data[start : start + length]))
        parts += [_chunk(b"IDAT", zlib.compress(filtered, 0)), _chunk(b"IEND", b"")]
        return b"".join(parts)


def _cannot_be_decoded() -> DecodeError:
    return DecodeError("damaged or unsupported: the PNG cannot be decoded")


def is_read_in_strips(data: bytes, chunks: Sequence[Chunk]) -> bool:
    """Return whether a PNG of 16 bits is neither interlaced nor an animation."""
    return data[28] == 0 and data[25] in _COLOURS and all(name != b"acTL" for name, *_ in chunks)


class _Inflated:
    """The inflated data of a PNG. Its checksum is not compared, as OpenCV does not either."""

    def __init__(self, data: bytes, chunks: Sequence[Chunk]) -> None:
        self._parts = _compressed(memoryview(data), chunks)
        self._inflater = zlib.decompressobj(-15)
        self._rest: bytes | memoryview = b""

    def read(self, size: int) -> bytes:
        """Return so many bytes.

        Raises
        ------
        DecodeError
            There are no more, or they are damaged.
        """
        parts: list[bytes] = []
        while size:
            if not self._rest:
                self._rest = next(self._parts, b"")
            last = not self._rest  # some output may be left of what went in
            try:
                part = self._inflater.decompress(self._rest, size)
            except zlib.error:
                raise _cannot_be_decoded() from None
            self._rest = self._inflater.unconsumed_tail
            if not part and (last or self._inflater.eof):
                raise _cannot_be_decoded()
            parts.append(part)
            size -= len(part)
        return b"".join(parts)


def _compressed(data: memoryview, chunks: Sequence[Chunk]) -> Iterator[memoryview]:
    """Yield the compressed data in parts, without the two bytes of zlib's head."""
    head = 2
    for name, start, length in chunks:
        if name != b"IDAT":
            continue
        skipped = min(head, length)
        head -= skipped
        for place in range(start + skipped, start + length, _FEED):
            yield data[place : min(place + _FEED, start + length)]


def _chunk(name: bytes, content: bytes) -> bytes:
    check = zlib.crc32(content, zlib.crc32(name))
    return b"".join([struct.pack(">I", len(content)), name, content, struct.pack(">I", check)])
