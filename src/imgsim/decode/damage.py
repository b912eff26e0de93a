"""Tells damaged files from whole ones, and opens what is there of them.

A file is damaged if its container lacks something, or its decoder reports an error; it is read if
at least half of its rows decode. For JPEG, whose decoders hide their warnings, see `strict_jpeg`.
"""

from __future__ import annotations

import io
import struct
import sys
import zlib
from collections.abc import Callable
from dataclasses import replace

from imgsim.decode import tifftags
from imgsim.decode.containers import container_fault, jpeg_scan, png_chunks
from imgsim.decode.parts import further_pictures
from imgsim.decode.rawfiles import is_raw
from imgsim.decode.salvage import PNG_SAMPLES, Salvaged, png_rows, salvage
from imgsim.decode.source import Check, Source, open_source
from imgsim.decode.spec import DecodeError
from imgsim.decode.strict_jpeg import jpeg_damage
from imgsim.decode.tifftags import TiffTags
from imgsim.types import WHOLE_PART

_BRANDS = frozenset({b"avif", b"avis", b"heic", b"heix", b"mif1", b"msf1"})

_AT_ONCE = 1 << 20
_MOST_PNG_BYTES = 8
"""A pixel: four bands of 16 bits."""

MIN_ROWS = 0.5
"""Of a damaged file at least this share of the rows must decode, or it is skipped."""


def open_or_mend(
    data: bytes,
    max_pixels: int,
    check: Check | None = None,
    check_memory: Callable[[int], None] | None = None,
) -> Source:
    """Open image data, also a PNG whose metadata keep Pillow from opening it.

    Parameters
    ----------
    data : bytes
        Of the whole file.
    max_pixels : int
    check : callable, optional
        See `open_source`.
    check_memory : callable, optional
        Raises if so many bytes are more than there may be.

    Raises
    ------
    DecodeError
    """
    try:
        return open_source(data, check)
    except DecodeError as error:
        if data[4:8] == b"ftyp" and data[8:12] in _BRANDS and container_fault(data, "HEIF"):
            raise DecodeError("truncated: the file is cut off") from None
        if not data.startswith(b"\x89PNG") or len(data) < 33:
            raise
        width, height = int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
        if not 0 < width * height <= max_pixels or not error.lasting:
            raise
        if check_memory is not None:
            check_memory(3 * (width * height * _MOST_PNG_BYTES + len(data)))
        salvaged = _salvaged(data, "PNG")
        if salvaged is None:
            raise error
        return open_source(salvaged.data, check)


def fault_before(data: bytes, source: Source) -> str:
    """Say what is wrong with an image file before it is decoded; empty if nothing is."""
    return "" if source.raw else container_fault(data, source.format)


def fault_after(data: bytes, source: Source) -> str:
    """Say what is wrong with an image file whose decoder reported no error.

    Parameters
    ----------
    data : bytes
        Of the whole file.
    source : Source
        It was decoded.

    Returns
    -------
    str
        Empty if nothing is wrong, or if the last row was decoded: see `strict_jpeg` then.
    """
    if not source.ends_blank or source.raw:
        return ""
    if source.format == "GIF":
        return _gif_fault(data)
    damage = jpeg_damage(data)
    return damage.reason if damage is not None and damage.rows < 1 else ""


def hidden_fault(data: bytes, max_pixels: int) -> str:
    """Say what is wrong with a file that decoded without an error, at the cost of a decode.

    Parameters
    ----------
    data : bytes
        Of the whole file.
    max_pixels : int
        An image with more is not decoded.

    Returns
    -------
    str
        Of JPEG what libjpeg warns of, in further pictures (MPO) too, of GIF rows that are missing,
        of PNG and TIFF deflated data with a wrong checksum or without an end, or too few of them;
        empty if nothing is wrong, or nothing more can be told of the format.
    """
    if data.startswith(b"\xff\xd8"):
        damage = jpeg_damage(data)
        return damage.reason if damage is not None else _further_fault(data, max_pixels)
    if data.startswith(b"GIF8"):
        return _gif_fault(data)
    if data.startswith(b"\x89PNG"):
        return _png_fault(data, max_pixels)
    if tifftags.is_tiff(data) and not is_raw(data):
        pages = tifftags.read_pages(data)
        some = (
            tags
            for tags in pages
            if tags.deflated
            and min(tags.width, tags.height) > 0
            and tags.width * tags.height <= max_pixels
        )
        return next(filter(None, (_deflate_fault(data, tags) for tags in some)), "")
    return ""


def _further_fault(data: bytes, max_pixels: int) -> str:
    """Say what is wrong with the pictures of a JPEG behind the first one."""
    if b"MPF\0" not in data[: jpeg_scan(data)]:
        return ""
    for number, picture in enumerate(further_pictures(data), 2):
        if _jpeg_pixels(picture) > max_pixels:
            continue
        damage = jpeg_damage(picture)
        if damage is not None:
            return f"picture {number} in it: {damage.reason}"
    return ""


def _jpeg_pixels(data: bytes) -> int:
    from PIL import Image

    try:
        width, height = Image.open(io.BytesIO(data), formats=["JPEG"]).size
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return sys.maxsize
    except MemoryError:
        raise
    except Exception:  # decoding it says what is wrong
        return 0
    return width * height


def _gif_fault(data: bytes) -> str:
    salvaged = _salvaged(data, "GIF")
    return "the GIF holds fewer rows than it says" if salvaged and salvaged.rows < 1 else ""


def _png_fault(data: bytes, max_pixels: int) -> str:
    inflater, inflated, expected = zlib.decompressobj(), 0, 0
    try:
        for name, start, length, _ in png_chunks(data):
            if name == b"IHDR" and length == 13 and not expected:
                width, height, bits, colour = struct.unpack_from(">IIBB", data, start)
                if width * height > max_pixels:
                    return ""
                bits *= PNG_SAMPLES.get(colour, 0)
                sizes = png_rows(width, height, bits, interlaced=data[start + 12] == 1)
                expected = sum(rows * size for rows, size in sizes)
            left: bytes | memoryview = memoryview(data)[start : start + length]
            while name == b"IDAT" and left and not inflater.eof:
                inflated += len(inflater.decompress(left, _AT_ONCE))
                if inflated > expected + _AT_ONCE:
                    return ""  # more than the picture takes: decoders stop there
                left = inflater.unconsumed_tail
    except (zlib.error, struct.error):
        return "a checksum of the PNG is wrong"
    if inflated < expected:
        return "the PNG holds fewer rows than it says"
    return "" if inflater.eof else "the data of the PNG have no end"


def _deflate_fault(data: bytes, tags: TiffTags) -> str:
    for number, (start, length) in enumerate(tags.segments):
        if not length:
            continue  # it is left out where nothing is shown
        inflater = zlib.decompressobj()
        left = data[start : start + length]
        inflated = 0
        try:
            while left and not inflater.eof:
                inflated += len(inflater.decompress(left, _AT_ONCE))
                left = inflater.unconsumed_tail
        except zlib.error:
            return "a checksum of the TIFF is wrong"
        if not inflater.eof or inflated < _least_bytes(tags, number):
            return "a part of the TIFF ends too early"
    return ""


def _least_bytes(tags: TiffTags, number: int) -> int:
    """Return how many bytes a strip or tile has at least, decoded."""
    if tags.photometric == tifftags.YCBCR or not (tags.segment_rows and tags.segment_columns):
        return 0  # its chroma may have fewer samples
    _, rows, row_bytes = tags.segment_shape(number)
    return rows * row_bytes


def open_damaged(data: bytes, source: Source, fault: str) -> Source:
    """Open what is there of a damaged file.

    Parameters
    ----------
    data : bytes
        Of the whole file.
    source : Source
        As it was opened.
    fault : str
        What is wrong with it.

    Raises
    ------
    DecodeError
        Less than half of its rows decode.
    """
    salvaged = _salvaged(data, source.format)
    if salvaged is None:
        return replace(source, opened=None, damage=fault)
    if salvaged.rows < MIN_ROWS:
        reason = f"damaged: {_percent(salvaged.rows)} of its rows decode ({fault})"
        raise DecodeError(reason, damaged=True)
    mended = open_source(salvaged.data, source.check)
    if salvaged.whole:
        fault = ""
    elif salvaged.rows < 1:
        fault = f"{_percent(salvaged.rows)} of its rows decode ({fault})"
    part = (0.0, salvaged.top, 1.0, salvaged.bottom)
    turned = mended.orientation
    return replace(
        mended,
        format=source.format,
        lossless=source.lossless,
        frames=source.frames,
        width=source.width,
        height=source.height,
        damage=fault,
        top=0.0 if salvaged.cut else salvaged.top,
        bottom=1.0 if salvaged.cut else salvaged.bottom,
        part=_turn_part(part, turned) if part != WHOLE_PART else WHOLE_PART,
    )


def _salvaged(data: bytes, format: str) -> Salvaged | None:
    try:
        return salvage(data, format)
    except MemoryError:
        raise
    except Exception:  # it is damaged: anything may be wrong with it
        return None


def _percent(share: float) -> str:
    return f"{int(share * 100)} %"  # 99.7 % are not all


def _turn_part(
    part: tuple[float, float, float, float], orientation: int
) -> tuple[float, float, float, float]:
    """Turn a part of a picture upright by its EXIF orientation."""
    left, top, right, bottom = part
    if orientation in (5, 6, 7, 8):
        left, top, right, bottom = top, left, bottom, right
    if orientation in (2, 3, 6, 7):
        left, right = 1 - right, 1 - left
    if orientation in (3, 4, 7, 8):
        top, bottom = 1 - bottom, 1 - top
    return left, top, right, bottom
