"""Reads those tags of an EXIF block, or of a TIFF or a camera raw file, that imgsim uses.

Only what is asked for is read, every length is checked against the data, and a directory that is
broken ends there: what was read before it counts. Serial numbers and makers' notes are not read.

Sources: TIFF 6.0; BigTIFF (Aldus and LibTIFF); CIPA DC-008 (Exif 3.0), for the tags.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import Any

EXIF_POINTER, GPS_POINTER = 0x8769, 0x8825
XMP_TAG, IPTC_TAG, RESOURCES_TAG = 700, 33723, 34377
GEOGRAPHIC_TAGS = (33922, 34264, 34735)
"""Where the points of a map lie, and in which system (GeoTIFF 1.1)."""

_IN_EXIF = frozenset(
    {
        0x829A, 0x829D, 0x8827, 0x9003, 0x9004, 0x9011, 0x9012, 0x9204, 0x9291, 0x9292, 0xA002,
        0xA003, 0xA402, 0xA433, 0xA434, 0x9286,
    }
)  # fmt: skip
_IN_GPS = frozenset({1, 2, 3, 4})
_IN_FIRST = frozenset(
    {
        0x0100, 0x0101, 0x010E, 0x010F, 0x0110, 0x0112, 0x0131, 0x013B, 0x4746, 0x4749, 0x8298,
        0x9C9B, 0x9C9C, 0x9C9D, 0x9C9E, *GEOGRAPHIC_TAGS,
        EXIF_POINTER, GPS_POINTER, XMP_TAG, IPTC_TAG, RESOURCES_TAG,
        # TIFF/EP has the time there; CR3 has each directory as a TIFF of its own
        *_IN_EXIF, *_IN_GPS,
    }
)  # fmt: skip

_FORMATS = {
    1: "B", 2: "s", 3: "H", 4: "I", 5: "II", 6: "b", 7: "s", 8: "h", 9: "i", 10: "ii", 11: "f",
    12: "d", 13: "I", 16: "Q", 17: "q", 18: "Q",
}  # fmt: skip
_MOST_BYTES = 1 << 16
_MOST_BLOCK_BYTES = 1 << 22
_BLOCKS = frozenset({XMP_TAG, IPTC_TAG, RESOURCES_TAG})


@dataclass(frozen=True, slots=True)
class ExifTags:
    """The tags that were read, by number.

    Attributes
    ----------
    first, exif, gps : dict of int to bytes or tuple
        Of the first directory, of the one of the exposure, and of the one of the place: bytes of
        a text or a block, else numbers; a rational number is a float, not-a-number for n/0.
    """

    first: dict[int, Any]
    exif: dict[int, Any]
    gps: dict[int, Any]

    @property
    def place(self) -> tuple[float, float] | None:
        """Latitude and longitude in degrees; None where they are not told, or cannot be."""
        latitude = _degrees(self.gps.get(2), self.gps.get(1), b"S", 90)
        longitude = _degrees(self.gps.get(4), self.gps.get(3), b"W", 180)
        if latitude is None or longitude is None:
            return None
        return latitude, longitude


def read_exif(block: bytes) -> ExifTags:
    """Read the tags of a block, which may be a whole TIFF or raw file of that structure.

    Parameters
    ----------
    block : bytes
        With or without the six bytes that EXIF begins with in a JPEG.

    Returns
    -------
    ExifTags
        Empty where nothing can be read.
    """
    if block[:6] in (b"Exif\0\0", b"Exif\0\xff"):
        block = block[6:]
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    if order is None or len(block) < 16:
        return ExifTags({}, {}, {})
    big = struct.unpack_from(order + "H", block, 2)[0] == 43
    place = struct.unpack_from(order + ("Q" if big else "I"), block, 8 if big else 4)[0]
    first = _directory(block, place, order, big, _IN_FIRST)
    exif = _directory(block, _pointer(first, EXIF_POINTER), order, big, _IN_EXIF)
    gps = _directory(block, _pointer(first, GPS_POINTER), order, big, _IN_GPS)
    return ExifTags(first, exif or first, gps or first)


def _pointer(tags: dict[int, Any], tag: int) -> int:
    value = tags.get(tag)
    return value[0] if isinstance(value, tuple) and isinstance(value[0], int) else 0


def _directory(
    data: bytes, place: int, order: str, big: bool, wanted: frozenset[int]
) -> dict[int, Any]:
    """Read the wanted tags of one directory; those that lie beyond the end are left out."""
    tags: dict[int, Any] = {}
    if not 0 < place < len(data):
        return tags
    head, entry, room = ("Q", "HHQ", 8) if big else ("H", "HHI", 4)
    start = struct.calcsize(order + entry)
    try:
        (count,) = struct.unpack_from(order + head, data, place)
        place += struct.calcsize(order + head)
        for i in range(min(count, 4096)):
            at = place + i * (start + room)
            tag, kind, number = struct.unpack_from(order + entry, data, at)
            if tag in wanted and tag not in tags:
                value = _value(data, at + start, order, kind, number, room, tag)
                if value is not None:
                    tags[tag] = value
    except struct.error:
        pass
    return tags


def _value(
    data: bytes, at: int, order: str, kind: int, number: int, room: int, tag: int
) -> bytes | tuple[Any, ...] | None:
    """Read the value of a tag; None if it has none, or one that is too long or not there."""
    code = _FORMATS.get(kind)
    if code is None or number == 0:
        return None
    length = struct.calcsize("=" + code) * number
    if length > (_MOST_BLOCK_BYTES if tag in _BLOCKS else _MOST_BYTES):
        return None
    if length > room:
        (at,) = struct.unpack_from(order + ("Q" if room == 8 else "I"), data, at)
    if at + length > len(data):
        return None
    if code == "s" or tag in _BLOCKS or (kind == 1 and number > room):
        return bytes(data[at : at + length])
    values = struct.unpack_from(f"{order}{code * number}", data, at)
    if len(code) == 1:
        return values
    pairs = zip(values[::2], values[1::2], strict=True)
    return tuple(a / b if b else math.nan for a, b in pairs)


def _degrees(parts: Any, side: Any, negative: bytes, most: int) -> float | None:
    """Degrees, minutes and seconds as one number with a sign."""
    if not isinstance(parts, tuple) or not parts or not isinstance(side, bytes):
        return None
    # seconds may be left out, and be 0/0 then
    values = [0.0 if i and math.isnan(value) else float(value) for i, value in enumerate(parts[:3])]
    degrees = math.fsum(value / float(60**i) for i, value in enumerate(values))
    if not degrees <= most or degrees < 0:  # not-a-number is neither
        return None
    return -degrees if side[:1].upper() == negative else degrees
