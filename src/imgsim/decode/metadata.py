"""Reads what a file says of its picture: when, where and with what it was taken, and its history.

EXIF, XMP and IPTC, in this order of trust: what cameras write before what programs write. A block
that is broken says nothing; the others count.

Sources: CIPA DC-008 (Exif 3.0); ISO 16684-1 (XMP); the guidelines of the Metadata Working Group,
version 2.0, for which fields of the three mean the same.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from imgsim.decode.exif import IPTC_TAG, RESOURCES_TAG, XMP_TAG, ExifTags, read_exif
from imgsim.decode.iptc import image_resources, read_iptc
from imgsim.decode.jpeg_quality import estimated_quality
from imgsim.decode.metadata_blocks import RESOURCE_KINDS, metadata_blocks
from imgsim.decode.rawfiles import is_raw, preview
from imgsim.decode.recompression import compressed_twice
from imgsim.decode.spec import DEFAULT_MAX_PIXELS
from imgsim.decode.xmp import read_xmp

VERSION = 1
"""Of what is read; raise it when a file can say something else."""

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


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a file says of its picture. Serial numbers are not read.

    Attributes
    ----------
    date_taken : str
        ISO 8601, as exact as it is given: fractions of a second and the offset from UTC where
        there are any. Empty if nothing tells.
    make, model, lens, software : str
        Empty if nothing tells. `software` wrote the file, or is in the camera.
    taken_width, taken_height : int
        Pixels that the camera says it wrote, not turned upright; 0 if unknown.
    rating : int or None
        Stars, 1 to 5; -1 for rejected. None for a picture without any.
    title : str
        Or a caption.
    keywords : tuple of str
        In order, each once.
    place : bool
        The file says where it was taken.
    latitude, longitude : float or None
        Degrees, north and east positive. Private: in no output unless it is asked for.
    document_id, instance_id, original_document_id : str
        Of XMP, by which programs tell files that derive from each other.
    derived_from : tuple of str
        Ids of the documents or instances that it was made from.
    jpeg_quality : int or None
        1 to 100, see `jpeg_quality.estimated_quality`; None where it is no JPEG.
    compressed_twice : bool or None
        A JPEG whose pixels had been a JPEG with other tables before; None where it cannot be told,
        or was not asked for.
    has_exif : bool
        It has an EXIF block, or is a TIFF or raw file, that names a camera or a time.
    """

    date_taken: str = ""
    make: str = ""
    model: str = ""
    lens: str = ""
    software: str = ""
    taken_width: int = 0
    taken_height: int = 0
    rating: int | None = None
    title: str = ""
    keywords: tuple[str, ...] = ()
    place: bool = False
    latitude: float | None = field(default=None, repr=False)
    longitude: float | None = field(default=None, repr=False)
    document_id: str = ""
    instance_id: str = ""
    original_document_id: str = ""
    derived_from: tuple[str, ...] = ()
    jpeg_quality: int | None = None
    compressed_twice: bool | None = None
    has_exif: bool = False


@dataclass(slots=True)
class _Blocks:
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


def read_metadata(
    source: bytes | str | os.PathLike[str],
    max_pixels: int = DEFAULT_MAX_PIXELS,
    *,
    history: bool = True,
) -> Metadata:
    """Read the metadata of a file. A block that is broken says nothing, and raises nothing.

    Parameters
    ----------
    source : bytes or path
        The bytes of the whole file, or where it lies.
    max_pixels : int
        Of larger JPEGs it is not told whether they were compressed twice.
    history : bool
        Tell it of the others, which takes a decode.

    Returns
    -------
    Metadata
        Empty for a file of a format that has none, or that is none.

    Raises
    ------
    OSError
        The file at a path cannot be read.
    """
    if not isinstance(source, bytes):
        with open(source, "rb") as stream:
            source = stream.read()
    blocks = _Blocks(whole_tiff=source[:2] in (b"II", b"MM"))
    # a block may be broken in a way that its reader did not think of
    with suppress(ValueError, IndexError, OverflowError, RecursionError):
        for kind, content in metadata_blocks(source):
            blocks.add(kind, content)
    if not (blocks.first or blocks.exif) and is_raw(source):
        blocks = _of_preview(source)
    quality = twice = None
    if source.startswith(b"\xff\xd8\xff"):
        quality = estimated_quality(source)
        twice = compressed_twice(source, max_pixels) if history else None
    return _merged(blocks, quality, twice)


def _of_preview(data: bytes) -> _Blocks:
    """The blocks of a raw file's preview, for those that are no TIFF (Sigma's)."""
    blocks = _Blocks()
    with suppress(Exception):  # whatever libraw says of the file, or if it is not there
        for kind, content in metadata_blocks(preview(data).jpeg or b""):
            blocks.add(kind, content)
    return blocks


def _merged(blocks: _Blocks, quality: int | None, twice: bool | None) -> Metadata:
    first, exif, xmp, iptc = blocks.first, blocks.exif, blocks.xmp, blocks.iptc
    date = _date_taken(blocks)
    make = _first(_exif_text(first, 0x010F), *xmp.get("tiff:Make", ()))
    model = _first(_exif_text(first, 0x0110), *xmp.get("tiff:Model", ()))
    width, height = _taken_size(blocks)
    place = blocks.place or _xmp_place(xmp)
    derived = (
        value
        for name in ("documentID", "instanceID", "originalDocumentID")
        for value in xmp.get(f"xmpMM:DerivedFrom/stRef:{name}", ())
    )
    return Metadata(
        date_taken=date,
        make=make,
        model=model,
        lens=_first(
            _exif_text(exif, 0xA434),
            *xmp.get("exifEX:LensModel", ()),
            *xmp.get("aux:Lens", ()),
        ),
        software=_first(
            _exif_text(first, 0x0131),
            *xmp.get("xmp:CreatorTool", ()),
            *xmp.get("tiff:Software", ()),
            *iptc.get(65, ()),
            blocks.texts.get("Software", ""),
        ),
        taken_width=width,
        taken_height=height,
        rating=_rating(first, xmp),
        title=_title(blocks),
        keywords=_keywords(blocks),
        place=place is not None,
        latitude=place[0] if place else None,
        longitude=place[1] if place else None,
        document_id=_first(*xmp.get("xmpMM:DocumentID", ())),
        instance_id=_first(*xmp.get("xmpMM:InstanceID", ())),
        original_document_id=_first(*xmp.get("xmpMM:OriginalDocumentID", ())),
        derived_from=tuple(dict.fromkeys(map(_clean, derived))),
        jpeg_quality=quality,
        compressed_twice=twice,
        has_exif=bool(
            _exif_text(first, 0x010F) or _exif_text(first, 0x0110) or _exif_text(exif, 0x9003)
        ),
    )


# Text ------------------------------------------------------------------------------------------


def _decoded(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _clean(text: str) -> str:
    """A text without what is no text: NUL and other control characters, and space around it."""
    text = "".join(c if c.isprintable() else " " for c in text.split("\0", 1)[0])
    return " ".join(text.split())[:_MOST_CHARACTERS]


def _first(*texts: str) -> str:
    """The first text that says something."""
    return next((clean for clean in map(_clean, texts) if clean), "")


def _exif_text(tags: Mapping[int, Any], tag: int) -> str:
    value = tags.get(tag)
    return _clean(_decoded(value)) if isinstance(value, bytes) else ""


def _windows_text(tags: Mapping[int, Any], tag: int) -> str:
    """A text that Windows wrote: UTF-16, as bytes or as numbers."""
    value = _block(tags.get(tag, b""))
    return value[: len(value) // 2 * 2].decode("utf-16-le", "replace").split("\0", 1)[0]


def _block(value: Any) -> bytes:
    """The bytes of a tag whose type may be that of numbers."""
    if isinstance(value, bytes):
        return value
    return bytes(value) if all(isinstance(v, int) and 0 <= v < 256 for v in value) else b""


def _title(blocks: _Blocks) -> str:
    told = (
        *blocks.xmp.get("dc:title", ()),
        *blocks.iptc.get(5, ()),
        _windows_text(blocks.first, 0x9C9B),
        *blocks.xmp.get("photoshop:Headline", ()),
        *blocks.iptc.get(105, ()),
        blocks.texts.get("Title", ""),
        *blocks.xmp.get("dc:description", ()),
        _exif_text(blocks.first, 0x010E),
        *blocks.iptc.get(120, ()),
        blocks.texts.get("Description", ""),
    )
    return _first(*("" if _BY_CAMERAS.fullmatch(_clean(text)) else text for text in told))


def _keywords(blocks: _Blocks) -> tuple[str, ...]:
    windows = _windows_text(blocks.first, 0x9C9E).split(";")
    told: Iterable[str] = (*blocks.xmp.get("dc:subject", ()), *blocks.iptc.get(25, ()), *windows)
    words = dict.fromkeys(word for word in map(_clean, told) if word)
    return tuple(words)[:_MOST_KEYWORDS]


# Numbers ---------------------------------------------------------------------------------------


def _number(value: Any) -> int:
    """A positive whole number of a tag or a property, else 0."""
    if isinstance(value, tuple):
        value = value[0]
    if isinstance(value, str):
        value = int(value) if value.isascii() and value.isdecimal() and len(value) < 10 else 0
    return value if isinstance(value, int) and value > 0 else 0


def _taken_size(blocks: _Blocks) -> tuple[int, int]:
    """The size as the camera wrote it; in a TIFF the size of the file itself tells nothing."""
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


def _rating(first: Mapping[int, Any], xmp: Mapping[str, tuple[str, ...]]) -> int | None:
    for text in xmp.get("xmp:Rating", ()):
        match = re.fullmatch(r"(-?\d)(?:\.0*)?", text)
        if match and -1 <= int(match[1]) <= 5:
            return int(match[1]) or None
    stars = _number(first.get(0x4746))
    if 1 <= stars <= 5:
        return stars
    percent = _number(first.get(0x4749)) or _number(xmp.get("MicrosoftPhoto:Rating"))
    return next((stars for least, stars in _PERCENT_STARS if least <= percent <= 100), None)


def _xmp_place(xmp: Mapping[str, tuple[str, ...]]) -> tuple[float, float] | None:
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


def _date_taken(blocks: _Blocks) -> str:
    exif, xmp, iptc = blocks.exif, blocks.xmp, blocks.iptc
    told = [
        iso_time(*(_exif_text(exif, tag) for tag in (0x9003, 0x9291, 0x9011))),
        *map(iso_time, xmp.get("exif:DateTimeOriginal", ())),
        *map(iso_time, xmp.get("photoshop:DateCreated", ())),
        iso_time(_first(*iptc.get(55, ())) + "T" + _first(*iptc.get(60, ()))),
        iso_time(_first(*iptc.get(55, ()))),
        iso_time(*(_exif_text(exif, tag) for tag in (0x9004, 0x9292, 0x9012))),
        *map(iso_time, xmp.get("xmp:CreateDate", ())),
    ]
    return next((time for time in told if time), "")
