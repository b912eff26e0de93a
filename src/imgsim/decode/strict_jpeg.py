"""Decodes JPEGs strictly: what libjpeg only warns of, and hides from most programs, is damage.

Warnings that are no damage: oddities of headers, filling before the end, and a missing end where
all rows are there, as some cameras write them. Bytes of a scan that are left over when its decoder
is done are damage: it lost its way, and what it decoded is wrong.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgsim.decode.containers import jpeg_scan, jpeg_segments
from imgsim.errors import is_out_of_memory

_END = b"\xff\xd9"
_BLANK = 128
"""Grey level of what libjpeg fills in where data are missing."""

_EXTRANEOUS = re.compile(r"(\d+) extraneous bytes before marker 0x([0-9a-f]{2})")
_METADATA = frozenset({*range(0xE0, 0xEE), 0xEF, 0xFE})
"""Markers of applications and comments, without Adobe's, on whose last byte the colours depend."""
_MARKERS = re.compile(rb"\xff[\xc0-\xcf\xd9-\xfe]")
_HARMFUL = re.compile(r"Huffman code|arithmetic|premature end|Premature end|found marker 0x")


@dataclass(frozen=True, slots=True)
class JpegDamage:
    """The damage of a JPEG.

    Attributes
    ----------
    reason : str
        The first warning, or the error.
    data : bytes
        A file that decodes without an error, what is missing in grey; empty if there is none.
    rows : float
        Share of its rows that are there, from the top.
    """

    reason: str
    data: bytes
    rows: float


def strict_grey(data: bytes, width: int, height: int) -> NDArray[np.uint8] | None:
    """Decode the luma of a JPEG at a reduced scale, as Pillow does.

    Parameters
    ----------
    data : bytes
        Of the whole file.
    width, height : int
        The smallest scale is used that gives so many pixels.

    Returns
    -------
    ndarray of uint8, shape (h, w), or None
        None if there is anything to warn of.
    """
    import simplejpeg

    try:
        grey: NDArray[np.uint8] = simplejpeg.decode_jpeg(
            data, "GRAY", min_width=width, min_height=height, strict=True
        )
    except ValueError as error:
        _raise_if_out_of_memory(error)
        return None
    return grey[..., 0]


def _raise_if_out_of_memory(error: ValueError) -> None:
    """Tell little memory, which libjpeg reports as it does damage, from that."""
    if is_out_of_memory(error):
        raise MemoryError(str(error)) from error


def jpeg_damage(data: bytes) -> JpegDamage | None:
    """Decode a JPEG strictly.

    Parameters
    ----------
    data : bytes
        Of the whole file; of several pictures in it the first counts.

    Returns
    -------
    JpegDamage or None
        None if it is whole.
    """
    data = _without_junk(data)
    has_end = data.rfind(_END, jpeg_scan(data)) >= 0
    mended = data if has_end else _without_zeros(data) + _END
    warning = _warning(mended)
    if not _harmful(warning, mended) and not _lacks_scans(mended):
        return None  # where all rows are there, a missing end is no damage
    _, grey = _decode(mended, strict=False)
    if not has_end:
        warning = "the JPEG has no end"
    elif not _harmful(warning, mended):
        warning = "the last scans of the JPEG are missing"
    if grey is None:
        return JpegDamage(warning, b"", 0.0)
    return JpegDamage(warning, mended, _share_of_rows(grey))


def _warning(data: bytes) -> str:
    """Return the first warning of libjpeg about the scans, or its error; empty if there is none."""
    warning, _ = _decode(_with_plain_header(data))
    return warning


def _decode(data: bytes, *, strict: bool = True) -> tuple[str, NDArray[np.uint8] | None]:
    """Decode the lowest frequency of each block.

    Returns
    -------
    str
        The first warning of libjpeg, or its error; empty if there is none.
    ndarray of uint8, shape (h / 8, w / 8), or None
        In grey; None if it warned and `strict` is set, or cannot be decoded.
    """
    import simplejpeg

    try:
        grey: Any = simplejpeg.decode_jpeg(data, "GRAY", min_height=1, min_width=1, strict=strict)
    except ValueError as error:
        _raise_if_out_of_memory(error)
        return " ".join(str(error).split()) or "cannot be decoded", None
    return "", grey[..., 0]


def _harmful(warning: str, data: bytes) -> bool:
    """Return whether a warning or error is about the pixels."""
    extraneous = _EXTRANEOUS.search(warning)
    if extraneous is None:
        return bool(_HARMFUL.search(warning))
    count, marker = int(extraneous[1]), int(extraneous[2], 16)
    if marker != 0xD9:  # a decoder that lost its way left them over: the header holds none
        return True
    # more than one value is no filling
    end = data.find(_END, jpeg_scan(data))
    return len(set(data[end - count : end])) > 1


def _without_junk(data: bytes) -> bytes:
    """Leave out the bytes between the segments of a header, of which libjpeg warns first."""
    scan = jpeg_scan(data)
    parts = [data[start:end] for _, start, end in jpeg_segments(data)]
    return b"".join([data[:2], *parts, data[scan:]])


def _with_plain_header(data: bytes) -> bytes:
    """Leave out what libjpeg may warn of in a header, as only its first warning can be had.

    These are metadata, and the range of frequencies where it can be but one: its decoder ignores
    that.
    """
    scan = jpeg_scan(data)
    parts, sequential = [data[:2]], False
    for marker, start, end in jpeg_segments(data):
        sequential |= marker in (0xC0, 0xC1)
        if marker not in _METADATA and not (marker == 0xEE and data[start + 15 : end] > b"\x02"):
            parts.append(data[start:end])
    rest = bytearray(data[scan:])
    length = int.from_bytes(rest[2:4], "big")
    if sequential and 6 <= length <= len(rest) - 2:
        rest[length - 1 : length + 2] = b"\0\x3f\0"
    return b"".join([*parts, rest])


def _without_zeros(data: bytes) -> bytes:
    """Leave out the zeros in the place of a lost tail, which would decode to something."""
    start = jpeg_scan(data)
    start += 2 + int.from_bytes(data[start + 2 : start + 4], "big")
    rest = data[start:].rstrip(b"\0")
    stuffed = rest.endswith(b"\xff") and len(rest) < len(data) - start  # a value, not a marker
    return data[:start] + rest + b"\0" * stuffed


def _lacks_scans(data: bytes) -> bool:
    """Return whether a progressive JPEG lacks bits of a coefficient at its end."""
    scan = jpeg_scan(data)
    components = _progressive_components(data[:scan])
    bits = {number: np.full(64, -1) for number in components}
    for marker in _MARKERS.finditer(data, scan):
        kind, place = data[marker.start() + 1], marker.start() + 4
        if kind == 0xD9:
            break
        if kind == 0xDA and place + 1 < len(data):
            end = place + 1 + 2 * data[place]
            first, last, approximation = data[end : end + 3].ljust(3, b"\0")
            for number in data[place + 1 : end : 2]:
                if number in bits:
                    bits[number][first : last + 1] = approximation & 15
    return any((low != 0).any() for low in bits.values())


def _progressive_components(header: bytes) -> bytes:
    """Return the numbers of the components of a progressive JPEG, none of any other."""
    place = header.find(b"\xff\xc2")
    while place >= 0 and place + 10 <= len(header):
        components = header[place + 9]
        if int.from_bytes(header[place + 2 : place + 4], "big") == 8 + 3 * components:
            return header[place + 10 : place + 10 + 3 * components : 3]
        place = header.find(b"\xff\xc2", place + 1)
    return b""


def _share_of_rows(grey: NDArray[np.uint8]) -> float:
    """Return the share of the rows above what was filled in, for an image of shape (h, w)."""
    there = np.flatnonzero((grey != _BLANK).any(axis=1))
    if len(there) == 0:
        return 0.0
    last = int(there[-1])
    if last + 1 == len(grey) and grey[-1, -1] != _BLANK:
        return 1.0
    # the last row of blocks is filled in from somewhere on, and maybe the one above it, too
    return max(0, last - 1) / len(grey)
