"""Makes files that decode out of damaged ones, with the rows that are there.

JPEG, PNG, GIF, BMP and TIFF give rows from a part of their data; of other formats nothing is left
once their decoder fails.
"""

from __future__ import annotations

import io
import math
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from imgsim.decode import tifftags
from imgsim.decode.containers import PNG_DATA, png_chunks
from imgsim.decode.source import open_source
from imgsim.decode.strict_jpeg import jpeg_damage

PNG_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Samples of a pixel, by the colour type of a PNG."""

_FILTERS = 5
_PIECE = 4096
_WIDTH, _HEIGHT, _STRIP_HEIGHT, _TILE_WIDTH, _TILE_HEIGHT = 256, 257, 278, 322, 323
_SEGMENTS = frozenset({273, 279, 324, 325})
"""Tags of TIFF: places and lengths of strips and of tiles."""


@dataclass(frozen=True, slots=True)
class Salvaged:
    """The rows of a damaged file that are there.

    Attributes
    ----------
    data : bytes
        A file that decodes.
    top, bottom : float
        The first row that is there and the one behind the last, as shares of the height.
    rows : float
        Share of the rows that are there; less than what lies between the two where every other
        row of an interlaced picture is missing.
    cut : bool
        The picture in `data` ends there, and is not of the full height.
    whole : bool
        Nothing of the picture is missing or wrong.
    """

    data: bytes
    top: float
    bottom: float
    rows: float
    cut: bool = False
    whole: bool = False


def salvage(data: bytes, format: str) -> Salvaged | None:
    """Take what is there of a damaged file.

    Parameters
    ----------
    data : bytes
        Of the whole file.
    format : str
        Pillow's name of its format.

    Returns
    -------
    Salvaged or None
        None if nothing can be told from a part of it.
    """
    way = _WAYS.get(format)
    return way(data) if way else None


def _jpeg(data: bytes) -> Salvaged | None:
    damage = jpeg_damage(data)
    if damage is None:
        return Salvaged(data + b"\xff\xd9", 0.0, 1.0, 1.0, whole=True)
    return Salvaged(damage.data, 0.0, damage.rows, damage.rows) if damage.data else None


# PNG -------------------------------------------------------------------------------------------


def _png(data: bytes) -> Salvaged | None:
    """Inflate as much as can be, and write it as a PNG again."""
    header, sure = b"", -1
    kept: list[tuple[bytes, bytes]] = []
    packed: list[bytes] = []
    for name, start, length, sound in png_chunks(data):
        content = data[start : start + length]
        if name == b"IHDR" and not header:
            if not sound or length != 13:
                return None
            header = content
        elif name == b"IDAT":
            if not sound and sure < 0:
                sure = sum(len(part) for part in packed)
            packed.append(content)
        elif not packed and name not in PNG_DATA | {b"acTL", b"fcTL"}:
            stored = data[start + length : start + length + 4]
            if stored == zlib.crc32(name + content).to_bytes(4, "big"):
                kept.append((name, content))
    if not header or not packed:
        return None
    width, height, bits, colour = struct.unpack(">IIBB", header[:10])
    sizes = png_rows(width, height, bits * PNG_SAMPLES.get(colour, 0), interlaced=header[12] == 1)
    expected = sum(rows * size for rows, size in sizes)
    stream = b"".join(packed)
    inflated, whole = _inflate(stream, expected)
    if not whole and sure >= 0:
        # what follows a wrong checksum may inflate to anything
        certain, _ = _inflate(stream[:sure], expected)
        if _complete_rows(certain, sizes, height)[0] >= height / 2:
            inflated = certain
    rows, length = _complete_rows(inflated, sizes, height)
    inflated = inflated[:length]
    body = zlib.compress(inflated + bytes(expected - len(inflated)), 1)
    chunks = [(b"IHDR", header), *kept, (b"IDAT", body), (b"IEND", b"")]
    made = data[:8] + b"".join(_png_chunk(*chunk) for chunk in chunks)
    return Salvaged(made, 0.0, rows / height, rows / height)


def _png_chunk(name: bytes, content: bytes) -> bytes:
    body = name + content
    return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))


def png_rows(width: int, height: int, bits: int, *, interlaced: bool) -> list[tuple[int, int]]:
    """Return how many rows each pass has, and the bytes of one with its filter."""
    if not interlaced:
        return [(height, 1 + math.ceil(width * bits / 8))]
    passes = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2))
    sizes = []
    for x, y, across, down in (*passes, (0, 1, 1, 2)):
        columns, rows = max(0, -(-(width - x) // across)), max(0, -(-(height - y) // down))
        sizes.append((rows if columns else 0, 1 + math.ceil(columns * bits / 8)))
    return sizes


def _inflate(stream: bytes, expected: int) -> tuple[bytes, bool]:
    """Inflate as much as can be, up to what is expected.

    Returns
    -------
    bytes
    bool
        It is all, and its checksum is right.
    """
    inflater, room = zlib.decompressobj(), expected
    parts: list[bytes] = []
    step, place = _PIECE, 0
    while place < len(stream) and room > 0:
        before = inflater.copy()
        try:
            part = inflater.decompress(stream[place : place + step], room)
        except zlib.error:
            if step == 1:
                return b"".join(parts), False
            inflater, step = before, 1  # up to the byte in which it goes wrong
            continue
        parts.append(part)
        room -= len(part)
        place += step
    try:  # the checksum at the end
        inflater.decompress(inflater.unconsumed_tail + stream[place:], 1)
    except zlib.error:
        return b"".join(parts), False
    return b"".join(parts), inflater.eof and room == 0


def _complete_rows(inflated: bytes, sizes: list[tuple[int, int]], height: int) -> tuple[int, int]:
    """Count the rows from the top that are there in full, with filters that exist.

    Returns
    -------
    rows : int
    length : int
        The bytes that are good.
    """
    place = last = 0
    for number, (rows, size) in enumerate(sizes):
        there = inflated[place : place + rows * size]
        filters = there[: len(there) // size * size : size]
        last = next((i for i, kind in enumerate(filters) if kind >= _FILTERS), len(filters))
        if last < rows:
            length = place + last * size
            if len(sizes) == 1:
                return last, length
            # the last pass fills every other row
            return (min(height, 2 * last + 1) if number == len(sizes) - 1 else 0), length
        place += rows * size
    return height, place


# GIF -------------------------------------------------------------------------------------------


def _gif(data: bytes) -> Salvaged | None:
    """Decode the first frame over two grounds: where they show, nothing was written."""
    from PIL import Image

    image: Any = Image.open(io.BytesIO(data), formats=["GIF"])
    first, second = (_decode_gif(image, data, ground) for ground in (0, 255))
    there = np.flatnonzero((np.asarray(first) == np.asarray(second)).all(axis=1))
    height = image.height
    if len(there) == 0:
        return None
    image.im, image.tile = first.im, []
    pixels = np.asarray(image.convert("RGBA"))
    until = next((i for i, row in enumerate(there) if i != row), len(there))
    stream = io.BytesIO()
    if until < len(there):  # interlaced: each row also stands for those below that are missing
        pixels = pixels[there[np.searchsorted(there, np.arange(height), "right") - 1]]
        Image.fromarray(pixels).save(stream, "PNG", compress_level=1)
        return Salvaged(stream.getvalue(), 0.0, 1.0, len(there) / height)
    Image.fromarray(pixels).save(stream, "PNG", compress_level=1)
    return Salvaged(stream.getvalue(), 0.0, until / height, until / height)


def _decode_gif(image: Any, data: bytes, ground: int) -> Any:
    """Return the palette indices of the first frame, as far as they are there."""
    from PIL import Image

    indices: Any = Image.new("P", image.size, ground)
    indices.load()
    for name, extents, offset, args in image.tile:
        decoder = Image._getdecoder("P", name, args, image.decoderconfig)
        try:
            decoder.setimage(indices.im, extents)
            decoder.decode(data[offset:])
        finally:
            decoder.cleanup()
    return indices


# BMP and TIFF ----------------------------------------------------------------------------------


def _bmp(data: bytes) -> Salvaged | None:
    """Fill up the samples that are missing; they are the upper rows, as a rule."""
    offset, header = struct.unpack_from("<II", data, 10)
    if header < 40 or len(data) < 54:
        return None
    width, height, _, bits, packed = struct.unpack_from("<iiHHI", data, 18)
    if packed not in (0, 3) or width <= 0 or height == 0:
        return None
    stride = (width * bits + 31) // 32 * 4
    missing = offset + stride * abs(height) - len(data)
    if missing <= 0:
        return Salvaged(data, 0.0, 1.0, 1.0)
    rows = max(0, len(data) - offset) // stride / abs(height)
    top = 1 - rows if height > 0 else 0.0
    return Salvaged(data + bytes(missing), top, top + rows, rows)


def _tiff(data: bytes) -> Salvaged | None:
    """Find the most strips or rows of tiles that decode, by making the picture as low."""
    if filled := _filled_tiff(data):
        return filled
    parts = _tiff_parts(data)
    if parts is None:
        return None
    height, step = parts
    good, bad = 0, _first_missing(data, -(-height // step))
    salvaged = None
    while bad - good > 1:
        middle = (good + bad) // 2
        lower = _lower_tiff(data, middle * step)
        if lower is not None and _decodes(lower):
            good, salvaged = (
                middle,
                Salvaged(lower, 0.0, middle * step / height, middle * step / height, cut=True),
            )
        else:
            bad = middle
    return salvaged


def _filled_tiff(data: bytes) -> Salvaged | None:
    """Fill up the samples that are missing in a TIFF without compression.

    None where that says nothing of rows: it is compressed, stored turned, or chroma is subsampled.
    """
    tags = tifftags.read_tags(data)
    if tags is None or tags.compression != 1 or tags.orientation != 1 or not tags.segments:
        return None
    unusual = tags.photometric == tifftags.YCBCR or tags.segment_columns < 1
    if unusual or tags.segment_rows < 1 or not (tags.height and tags.width):
        return None
    there = np.ones(tags.height, bool)
    end = size = 0
    for number, (start, length) in enumerate(tags.segments):
        top, rows, row_bytes = tags.segment_shape(number)
        complete = max(0, len(data) - start) // row_bytes
        there[top + complete : top + rows] = False
        end = max(end, start + max(rows * row_bytes, length))
        size += rows * row_bytes
    if not there.any() or end - len(data) > size:  # the places are wrong
        return None
    edges = np.flatnonzero(np.diff(there, prepend=False, append=False)).reshape(-1, 2)
    first, last = edges[np.diff(edges)[:, 0].argmax()].tolist()
    filled = data + bytes(max(0, end - len(data)))
    top, bottom = first / tags.height, last / tags.height
    return Salvaged(filled, top, bottom, bottom - top)


def _first_missing(data: bytes, rows: int) -> int:
    """Return the first of the rows of strips or tiles that lies behind the end, or that is bad."""
    tags = tifftags.read_tags(data)
    if tags is None or not tags.segments:
        return 0
    across = max(1, len(tags.segments) // rows)
    beyond = (i for i, (start, length) in enumerate(tags.segments) if start + length > len(data))
    return min(rows, next(beyond, rows * across) // across + 1)


def _decodes(data: bytes) -> bool:
    try:
        open_source(data).load(None, {"grey"})
    except Exception:  # decoders raise whatever they like
        return False
    return True


def _tiff_parts(data: bytes) -> tuple[int, int] | None:
    """Return the height of a TIFF and the rows of a strip or tile; None if they are unusual."""
    tags = tifftags.read_tags(data)
    entries = _tiff_entries(data)
    if tags is None or tags.planes or not entries or tags.height < 1:
        return None
    step = entries.get(_TILE_HEIGHT, entries.get(_STRIP_HEIGHT, (0, 0, 0, tags.height)))[3]
    return (tags.height, step) if 0 < step < tags.height else None


def _tiff_entries(data: bytes) -> dict[int, tuple[int, int, int, int]]:
    """Return place, type, count and value of the first directory's entries, by tag."""
    order = "<" if data[:2] == b"II" else ">"
    entries = {}
    try:
        (place,) = struct.unpack_from(order + "I", data, 4)
        (count,) = struct.unpack_from(order + "H", data, place)
        for start in range(place + 2, place + 2 + 12 * count, 12):
            tag, kind, number = struct.unpack_from(order + "HHI", data, start)
            (value,) = struct.unpack_from(order + ("H" if kind == 3 else "I"), data, start + 8)
            entries[tag] = start, kind, number, value
    except struct.error:
        return {}
    return entries


def _lower_tiff(data: bytes, height: int) -> bytes | None:
    """Say in the directory of a TIFF that the picture has fewer rows."""
    order, entries, made = "<" if data[:2] == b"II" else ">", _tiff_entries(data), bytearray(data)
    tiled = _TILE_HEIGHT in entries
    step = entries[_TILE_HEIGHT if tiled else _STRIP_HEIGHT][3]
    across = -(-entries[_WIDTH][3] // entries[_TILE_WIDTH][3]) if tiled else 1
    segments = across * -(-height // step)
    for tag, (start, kind, number, value) in entries.items():
        if tag == _HEIGHT:
            struct.pack_into(order + ("H" if kind == 3 else "I"), made, start + 8, height)
        elif tag in _SEGMENTS and number > segments:
            size = 2 if kind == 3 else 4
            struct.pack_into(order + "I", made, start + 4, segments)
            if size * segments <= 4 < size * number:  # so few stand in the entry itself
                inline = data[value : value + size * segments].ljust(4, b"\0")
                made[start + 8 : start + 12] = inline
    return bytes(made)


_WAYS: dict[str, Callable[[bytes], Salvaged | None]] = {
    "JPEG": _jpeg,
    "MPO": _jpeg,
    "PNG": _png,
    "GIF": _gif,
    "BMP": _bmp,
    "TIFF": _tiff,
}
