"""The memory that decoding a file takes at its peak, told from its header.

The bytes a pixel are upper bounds of what was measured (`benchmarks/memory_limits.py`): a decoder
keeps its own buffers beside the picture that it makes. What imgsim does with the picture goes by
strips, see `strips`, and takes the same for any size.
"""

from __future__ import annotations

from functools import lru_cache

from imgsim.decode.deep import DeepImage
from imgsim.decode.source import Scale, Source
from imgsim.decode.spec import DecodeMode, InputSpec
from imgsim.decode.strips import STRIP_PIXELS

_ALWAYS = 16 << 20
_PER_STRIP_PIXEL = 20
_PNG_STRIPS = 64 << 20
_STREAMED = 160 << 20
"""Of a PNG that is read strip by strip; wide rows come on top."""

_STORED = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2, "I;16N": 2}
"""Bytes a pixel of a Pillow image; 4 of all other modes."""

_PLAIN = frozenset(
    {"JPEG", "MPO", "PNG", "GIF", "BMP", "DIB", "PPM", "TGA", "TIFF", "PCX", "IM", "FLI"}
)
"""Formats whose decoders write into the picture, line by line."""

_COLOURED_FRAMES = frozenset({"GIF", "PNG"})
"""Formats of animations whose frames may have more colours than the first."""

_PER_PIXEL = {"WEBP": 18, "AVIF": 12, "HEIF": 10, "JXL": 12, "RAW": 12}
_ANY_OTHER = 9
_JPEG_2000 = 6
"""For each band and pixel; its samples are decoded to 32 bits."""

_OTHER_FRAMES = 12
"""A pixel of an animation: the canvas, what was on it, and the frame that is laid over it."""

_DEEP = 3
"""A copy of deep samples is made in two steps."""

_SALVAGED = {"PNG": 16, "GIF": 16, "BMP": 4, "TIFF": 4}
"""A pixel of a damaged file of which rows may be found; JPEGs are decoded at an eighth."""

_RESULT = {"grey": 1, "rgb": 4, "ycbcr": 4}


def full_bytes(source: Source) -> int:
    """Return the bytes that decoding a file takes, whole and with all of its frames.

    Parameters
    ----------
    source : Source
        As it was opened.
    """
    if source.deep is not None:
        return deep_bytes(source.deep)
    pixels = source.width * source.height
    more_colours = source.frames > 1 and source.format in _COLOURED_FRAMES
    stored = 4 if more_colours else _STORED.get(source.mode, 4)
    if source.format == "JPEG2000":
        per_pixel = _JPEG_2000 * _bands(source.mode) + 2
    else:
        per_pixel = _PER_PIXEL.get(source.format, stored if source.format in _PLAIN else _ANY_OTHER)
    if source.mode.startswith("I") or source.mode == "F":
        per_pixel += (_DEEP - 1) * stored
    if source.orientation != 1 or source.turned_by_decoder:
        per_pixel += stored
    if source.frames > 1:
        per_pixel += _OTHER_FRAMES
    more = source.segment_bytes + source.coefficient_bytes
    return _overhead(pixels, source.encoded_bytes, source.format) + pixels * per_pixel + more


def salvage_bytes(source: Source) -> int:
    """Return the bytes that it takes to find what is there of a damaged file."""
    more = 3 * source.encoded_bytes
    if source.deep is not None:
        more += 3 * source.deep.size_bytes
    else:
        more += _SALVAGED.get(source.format, 0) * source.width * source.height
    return full_bytes(source) + more


def load_bytes(source: Source, scale: Scale) -> int:
    """Return the bytes that `Source.load` takes at a scale, without what it returns."""
    if scale is None or not source.jpeg:
        return full_bytes(source)
    pixels = -(-source.width // scale[0]) * -(-source.height // scale[0])
    stored = _STORED.get(source.mode, 4)
    overhead = _overhead(pixels, source.encoded_bytes, source.format)
    return overhead + pixels * stored + source.coefficient_bytes


def deep_bytes(image: DeepImage) -> int:
    """Return the bytes that decoding a picture of deep samples takes."""
    overhead = _overhead(image.width * image.height, len(image.data), image.format)
    if image.streamed:
        return overhead + _STREAMED + 6 * image.width * image.bands * image.bits // 8
    if image.tags is None:
        if image.is_filled_in_strips:
            return overhead + _PNG_STRIPS + image.size_bytes
        return overhead + 2 * image.size_bytes
    if image.tags.compression == 1:
        return overhead + image.size_bytes
    compressed = sum(length for _, length in image.tags.segments)
    return overhead + 2 * (image.size_bytes + image.tags.segment_bytes) + compressed


@lru_cache(maxsize=64)  # many pictures of a folder have one size
def result_bytes(width: int, height: int, mode: DecodeMode, wants: tuple[InputSpec, ...]) -> int:
    """Return the bytes of the pictures that are made for some inputs, before they are resized.

    Parameters
    ----------
    width, height : int
        Of the file.
    mode : DecodeMode
    wants : tuple of InputSpec
    """
    total = most = 0
    colours = {want.colour for want in wants} | {"grey"}
    for colour in colours:
        sides = [want for want in wants if want.colour == colour]
        pixels = max((_scaled_pixels(width, height, mode, w) for w in sides), default=0)
        arrays = 6 if any(not w.width for w in sides) else 0
        total += pixels * (_RESULT[colour] + arrays)
        most = max(most, pixels * _RESULT[colour])  # one is there twice while it is turned upright
    return total + most


def _scaled_pixels(width: int, height: int, mode: DecodeMode, want: InputSpec) -> int:
    if mode is DecodeMode.FULL:
        return width * height
    divisor = max(1, min(width, height) // want.decoded_side)
    return -(-width // divisor) * -(-height // divisor)


def _overhead(pixels: int, encoded: int, kind: str) -> int:
    copies = 1 if kind in _PLAIN else 2
    return _ALWAYS + min(pixels, STRIP_PIXELS) * _PER_STRIP_PIXEL + copies * encoded


def _bands(mode: str) -> int:
    return {"L": 1, "I;16": 1, "I": 1, "LA": 2, "RGB": 3, "YCbCr": 3}.get(mode, 4)


def over_memory(needed: int, max_memory: int) -> str | None:
    """Say why a file that needs so many bytes is skipped; None if it is not."""
    if needed <= max_memory:
        return None
    return f"needs {size_text(needed, up=True)}, --max-memory is {size_text(max_memory)}"


def size_text(size: int, *, up: bool = False) -> str:
    """Write a number of bytes in GB, MB or kB, rounded to three digits, or up."""
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if size >= unit:
            tenths = -(-size * 10 // unit) if up else round(size * 10 / unit)
            return f"{tenths / 10:g} {name}"
    return f"{size} bytes"
