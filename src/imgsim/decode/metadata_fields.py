"""The fields of a file's metadata, taken from its blocks of EXIF, XMP and IPTC.

Where several say the same, what cameras write comes before what programs write.

Source: the guidelines of the Metadata Working Group, version 2.0, for which fields of the three
mean the same.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from imgsim.decode.exif import IPTC_TAG, RESOURCES_TAG, XMP_TAG, ExifTags, read_exif
from imgsim.decode.iptc import image_resources, read_iptc
from imgsim.decode.metadata_blocks import RESOURCE_KINDS
from imgsim.decode.xmp import read_xmp

_MOST_CHARACTERS = 500
_MOST_KEYWORDS = 200
_BY_CAMERAS = re.compile(
    r"(OLYMPUS|SONY|MINOLTA|KONICA|SAMSUNG|KODAK|SANYO)?\s*(DIGITAL (STILL )?CAMERA|DSC|DCIM\S*)"
    r"|SAMSUNG|<?untitled>?|default|Created with GIMP|Screenshot",
    re.IGNORECASE,
)
"""Descriptions that cameras and programs write into every picture."""

_PERCENT_STARS = ((88, 5), (63, 4), (38, 3), (13, 2), (1, 1))
"""From how many percent on a picture has so many stars (Microsoft: 1, 25, 50, 75, 99)."""


@dataclass(slots=True)
class Blocks:
    """What the blocks of a file hold; of several of a kind the first value of each name."""

    first: dict[int, Any] = field(default_factory=dict)
    exif: dict[int, Any] = field(default_factory=dict)
    place: tuple[float, float] | None = None
    xmp: dict[str, tuple[str, ...]] = field(default_factory=dict)
    iptc: dict[int, tuple[str, ...]] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    whole_tiff: bool = False

    def add(self, kind: str, content: bytes) -> None:
        """Read one block, and those that lie within it."""
        if kind == "exif":
            self._add_exif(read_exif(content))
        elif kind == "xmp":
            self._keep(self.xmp, read_xmp(content))
        elif kind == "iptc":
            self._keep(self.iptc, read_iptc(content))
        elif kind == "text":
            key, _, value = content.partition(b"\0")
            self.texts.setdefault(_decoded(key), _decoded(value))

    def _add_exif(self, tags: ExifTags) -> None:
        self._keep(self.first, tags.first)
        self._keep(self.exif, tags.exif)
        self.place = self.place or tags.place
        for tag, kind in ((XMP_TAG, "xmp"), (IPTC_TAG, "iptc")):
            if tag in tags.first:
                self.add(kind, _block(tags.first[tag]))
        for number, content in image_resources(_block(tags.first.get(RESOURCES_TAG, b""))):
            if RESOURCE_KINDS.get(number, "exif") != "exif":  # no block lies within its like
                self.add(RESOURCE_KINDS[number], content)

    @staticmethod
    def _keep(values: dict[Any, Any], more: Mapping[Any, Any]) -> None:
        for name, value in more.items():
            values.setdefault(name, value)


# Text ------------------------------------------------------------------------------------------


def _decoded(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def clean_text(text: str) -> str:
    """Return a text without control characters and without space around it, not too long."""
    text = "".join(c if c.isprintable() else " " for c in text.split("\0", 1)[0])
    return " ".join(text.split())[:_MOST_CHARACTERS]


def first_text(*texts: str) -> str:
    """Return the first text that says something, cleaned; empty if none does."""
    return next((clean for clean in map(clean_text, texts) if clean), "")


def exif_text(tags: Mapping[int, Any], tag: int) -> str:
    """Return a text of EXIF, without what is no text; empty if there is none."""
    value = tags.get(tag)
    return clean_text(_decoded(value)) if isinstance(value, bytes) else ""


def _windows_text(tags: Mapping[int, Any], tag: int) -> str:
    """A text that Windows wrote: UTF-16, as bytes or as numbers."""
    value = _block(tags.get(tag, b""))
    return value[: len(value) // 2 * 2].decode("utf-16-le", "replace").split("\0", 1)[0]


def _block(value: Any) -> bytes:
    """The bytes of a tag whose type may be that of numbers."""
    if isinstance(value, bytes):
        return value
    return bytes(value) if all(isinstance(v, int) and 0 <= v < 256 for v in value) else b""


def title_of(blocks: Blocks) -> str:
    """Return the title of a picture, or else its caption; empty if it has neither."""
    told = (
        *blocks.xmp.get("dc:title", ()),
        *blocks.iptc.get(5, ()),
        _windows_text(blocks.first, 0x9C9B),
        *blocks.xmp.get("photoshop:Headline", ()),
        *blocks.iptc.get(105, ()),
        blocks.texts.get("Title", ""),
        *blocks.xmp.get("dc:description", ()),
        exif_text(blocks.first, 0x010E),
        *blocks.iptc.get(120, ()),
        blocks.texts.get("Description", ""),
    )
    return first_text(*("" if _BY_CAMERAS.fullmatch(clean_text(text)) else text for text in told))


def keywords_of(blocks: Blocks) -> tuple[str, ...]:
    """Return the keywords of a picture, each once."""
    windows = _windows_text(blocks.first, 0x9C9E).split(";")
    told: Iterable[str] = (*blocks.xmp.get("dc:subject", ()), *blocks.iptc.get(25, ()), *windows)
    words = dict.fromkeys(word for word in map(clean_text, told) if word)
    return tuple(words)[:_MOST_KEYWORDS]


# Numbers ---------------------------------------------------------------------------------------


def _number(value: Any) -> int:
    """A positive whole number of a tag or a property, else 0."""
    if isinstance(value, tuple):
        value = value[0]
    if isinstance(value, str):
        value = int(value) if value.isascii() and value.isdecimal() and len(value) < 10 else 0
    return value if isinstance(value, int) and value > 0 else 0


def exif_number(tags: Mapping[int, Any], tag: int, *, signed: bool = False) -> float | None:
    """Return a number of EXIF; None if it is not told, or not finite.

    Parameters
    ----------
    tags : mapping of int to Any
    tag : int
    signed : bool
        It may be 0 or negative.
    """
    value = tags.get(tag)
    if not isinstance(value, tuple) or not math.isfinite(value[0]):
        return None
    return float(value[0]) if signed or value[0] > 0 else None


def taken_size(blocks: Blocks) -> tuple[int, int]:
    """Return width and height as the camera wrote them; 0 and 0 if it did not.

    In a TIFF the size of the file itself tells nothing.
    """
    pairs: list[tuple[Any, Any]] = [
        (blocks.exif.get(0xA002), blocks.exif.get(0xA003)),
        (
            blocks.xmp.get("exif:PixelXDimension"),
            blocks.xmp.get("exif:PixelYDimension"),
        ),
    ]
    if not blocks.whole_tiff:
        pairs.append((blocks.first.get(0x0100), blocks.first.get(0x0101)))
    for pair in pairs:
        width, height = map(_number, pair)
        if width and height:
            return width, height
    return 0, 0


def rating_of(first: Mapping[int, Any], xmp: Mapping[str, tuple[str, ...]]) -> int | None:
    """Return the stars of a picture, -1 or 1 to 5; None for one that was not rated."""
    for text in xmp.get("xmp:Rating", ()):
        match = re.fullmatch(r"(-?\d)(?:\.0*)?", text)
        if match and -1 <= int(match[1]) <= 5:
            return int(match[1]) or None
    stars = _number(first.get(0x4746))
    if 1 <= stars <= 5:
        return stars
    percent = _number(first.get(0x4749)) or _number(xmp.get("MicrosoftPhoto:Rating"))
    return next((stars for least, stars in _PERCENT_STARS if least <= percent <= 100), None)


def xmp_place(xmp: Mapping[str, tuple[str, ...]]) -> tuple[float, float] | None:
    """Return latitude and longitude of XMP, in degrees; None where they are not told."""
    values = []
    for name, most in (("exif:GPSLatitude", 90), ("exif:GPSLongitude", 180)):
        # 52,31.5N or 52,31,30N
        pattern = r"(\d{1,3}),(\d{1,2}(?:\.\d+)?)(?:,(\d{1,2}(?:\.\d+)?))?([NSEW])"
        match = re.fullmatch(pattern, xmp.get(name, ("",))[0])
        if not match:
            return None
        degrees = int(match[1]) + float(match[2]) / 60 + float(match[3] or 0) / 3600
        if degrees > most:
            return None
        values.append(-degrees if match[4] in "SW" else degrees)
    return values[0], values[1]


# Time ------------------------------------------------------------------------------------------

_TIME = re.compile(
    r"(\d{4})[:\-/.]?(\d\d)[:\-/.]?(\d\d)"
    r"(?:[T ]?(\d\d):?(\d\d)(?::?(\d\d)(?:[.,](\d{1,9}))?)?\s*(Z|[+-]\d\d:?\d\d)?)?"
)
_OFFSET = re.compile(r"(Z)|([+-])(\d\d):?(\d\d)")


def iso_time(text: str, fraction: str = "", offset: str = "") -> str:
    """Write a time of EXIF, XMP or IPTC as ISO 8601; empty if it is none.

    Parameters
    ----------
    text : str
        With a date, and perhaps a time of day, a fraction of a second and an offset from UTC.
    fraction : str
        Digits behind the point, where the text has none.
    offset : str
        As ``+02:00``, where the text has none.
    """
    match = _TIME.fullmatch(text.strip())
    if not match:
        return ""
    year, month, day, hour, minute, second, digits, zone = match.groups()
    try:
        datetime(
            int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0)
        )
    except ValueError:  # 0000:00:00, or a thirteenth month
        return ""
    date = f"{year}-{month}-{day}"
    if hour is None:
        return date
    digits = digits or (fraction.strip() if fraction.strip().isdecimal() else "")
    parts = _OFFSET.fullmatch(zone or offset.strip())
    ending = ""
    if parts:
        ending = "Z" if parts[1] else f"{parts[2]}{parts[3]}:{parts[4]}"
    time = f"{hour}:{minute}" + (f":{second}" if second else "")
    return f"{date}T{time}{'.' + digits[:9] if digits and second else ''}{ending}"


def date_taken(blocks: Blocks) -> str:
    """Return when a picture was taken, as ISO 8601; else when it was scanned or made, or empty."""
    exif, xmp, iptc = blocks.exif, blocks.xmp, blocks.iptc
    told = [
        iso_time(*(exif_text(exif, tag) for tag in (0x9003, 0x9291, 0x9011))),
        *map(iso_time, xmp.get("exif:DateTimeOriginal", ())),
        *map(iso_time, xmp.get("photoshop:DateCreated", ())),
        iso_time(first_text(*iptc.get(55, ())) + "T" + first_text(*iptc.get(60, ()))),
        iso_time(first_text(*iptc.get(55, ()))),
        iso_time(*(exif_text(exif, tag) for tag in (0x9004, 0x9292, 0x9012))),
        *map(iso_time, xmp.get("xmp:CreateDate", ())),
    ]
    return next((time for time in told if time), "")
