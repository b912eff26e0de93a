"""Reads what a file says of its picture: when, where and with what it was taken, and its history.

EXIF, XMP and IPTC, in this order of trust: what cameras write before what programs write. A block
that is broken says nothing; the others count.

Sources: CIPA DC-008 (Exif 3.0); ISO 16684-1 (XMP); the guidelines of the Metadata Working Group,
version 2.0, for which fields of the three mean the same.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, field, replace

from imgsim.decode.containers import has_end
from imgsim.decode.jpeg_quality import estimated_quality
from imgsim.decode.metadata_blocks import metadata_blocks
from imgsim.decode.metadata_fields import (
    Blocks,
    author_of,
    clean_text,
    comments_of,
    copyright_of,
    date_taken,
    description_of,
    exif_number,
    exif_text,
    first_text,
    is_geographic,
    keywords_of,
    people_of,
    program_texts_of,
    rating_of,
    taken_size,
    title_of,
    xmp_place,
)
from imgsim.decode.rawfiles import is_raw, preview
from imgsim.decode.recompression import compressed_twice
from imgsim.decode.spec import DEFAULT_MAX_PIXELS

VERSION = 7
"""Of what is read; raise it when a file can say something else."""

ONLY_HERE = {
    "date": "date taken",
    "place": "place",
    "rating": "rating",
    "title": "title",
    "description": "description",
    "keywords": "keywords",
    "people": "names of people",
    "author": "author",
    "copyright": "copyright",
    "comment": "comment",
    "program_text": "text of a program",
    "map_position": "position on a map",
    "clipping_path": "clipping path",
    "other_data": "sound or other data",
}
"""What a file may say that the kept one does not, and how it is called."""

_MUCH = 4096
"""Bytes of other segments from which they are more than what a program notes of itself."""

_JFIF = b"\xff\xd8\xff\xe0"


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
        Or else its caption, in one line.
    description : str
        The caption with its lines, whether or not there is a title.
    keywords : tuple of str
        In order, each once.
    place : bool
        The file says where it was taken.
    latitude, longitude : float or None
        Degrees, north and east positive. Private: in no output unless it is asked for.
    people : tuple of str
        Names of those whom it shows, in order, each once.
    author, copyright : str
        Several authors have "; " between them; a copyright may have several lines.
    comments : tuple of str
        With their lines.
    program_texts : tuple of str
        See `metadata_fields.program_texts_of`.
    geographic : bool
        A TIFF that says where its points lie on a map.
    clipping_path : bool
        It has paths of Photoshop.
    other_data : bool
        A JPEG with much else beside picture and metadata: sound, say, or temperatures.
    document_id, instance_id, original_document_id : str
        Of XMP, by which programs tell files that derive from each other.
    derived_from : tuple of str
        Ids of the documents or instances that it was made from.
    jpeg_quality : int or None
        1 to 100, see `jpeg_quality.estimated_quality`; None where it is no JPEG.
    compressed_twice : bool or None
        A JPEG whose pixels had been a JPEG with other tables before; None where it cannot be told,
        or was not asked for.
    exposure_seconds, f_number, exposure_bias : float or None
        Seconds, the aperture, and stops of compensation; None where they are not told.
    iso : int or None
    auto_bracket : bool
        The camera varied the exposure from shot to shot.
    has_exif : bool
        It has an EXIF block, or is a TIFF or raw file, that names a camera or a time.
    is_jfif : bool
        It begins as JPEGs of programs do, where Exif has a block of its own.
    has_end : bool
        It has the mark that ends pictures of its format, see `containers.has_end`.
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
    description: str = ""
    keywords: tuple[str, ...] = ()
    place: bool = False
    latitude: float | None = field(default=None, repr=False)
    longitude: float | None = field(default=None, repr=False)
    people: tuple[str, ...] = field(default=(), repr=False)
    author: str = ""
    copyright: str = ""
    comments: tuple[str, ...] = ()
    program_texts: tuple[str, ...] = ()
    geographic: bool = False
    clipping_path: bool = False
    other_data: bool = False
    document_id: str = ""
    instance_id: str = ""
    original_document_id: str = ""
    derived_from: tuple[str, ...] = ()
    jpeg_quality: int | None = None
    compressed_twice: bool | None = None
    exposure_seconds: float | None = None
    f_number: float | None = None
    exposure_bias: float | None = None
    iso: int | None = None
    auto_bracket: bool = False
    has_exif: bool = False
    is_jfif: bool = False
    has_end: bool = True


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
    blocks = Blocks(whole_tiff=source[:2] in (b"II", b"MM"))
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
    is_jfif = source.startswith(_JFIF) and source[6:11] == b"JFIF\0"
    return replace(_merged(blocks, quality, twice), is_jfif=is_jfif, has_end=has_end(source))


def read_sidecar(packet: bytes) -> Metadata:
    """Read the metadata of an XMP sidecar. What is broken in it says nothing, and raises nothing.

    Parameters
    ----------
    packet : bytes
        The content of the file.
    """
    blocks = Blocks()
    with suppress(ValueError, IndexError, OverflowError, RecursionError):
        blocks.add("xmp", packet)
    return _merged(blocks, None, None)


def _of_preview(data: bytes) -> Blocks:
    """The blocks of a raw file's preview, for those that are no TIFF (Sigma's)."""
    blocks = Blocks()
    with suppress(Exception):  # whatever libraw says of the file, or if it is not there
        for kind, content in metadata_blocks(preview(data).jpeg or b""):
            blocks.add(kind, content)
    return blocks


def _merged(blocks: Blocks, quality: int | None, twice: bool | None) -> Metadata:
    first, exif, xmp, iptc = blocks.first, blocks.exif, blocks.xmp, blocks.iptc
    make = first_text(exif_text(first, 0x010F), *xmp.get("tiff:Make", ()))
    model = first_text(exif_text(first, 0x0110), *xmp.get("tiff:Model", ()))
    width, height = taken_size(blocks)
    place = blocks.place or xmp_place(xmp)
    derived = (
        value
        for name in ("documentID", "instanceID", "originalDocumentID")
        for value in xmp.get(f"xmpMM:DerivedFrom/stRef:{name}", ())
    )
    return Metadata(
        date_taken=date_taken(blocks),
        make=make,
        model=model,
        lens=first_text(
            exif_text(exif, 0xA434),
            *xmp.get("exifEX:LensModel", ()),
            *xmp.get("aux:Lens", ()),
        ),
        software=first_text(
            exif_text(first, 0x0131),
            *xmp.get("xmp:CreatorTool", ()),
            *xmp.get("tiff:Software", ()),
            *iptc.get(65, ()),
            blocks.texts.get("Software", ""),
        ),
        taken_width=width,
        taken_height=height,
        rating=rating_of(first, xmp),
        title=title_of(blocks),
        description=description_of(blocks),
        keywords=keywords_of(blocks),
        place=place is not None,
        latitude=place[0] if place else None,
        longitude=place[1] if place else None,
        people=people_of(xmp),
        author=author_of(blocks),
        copyright=copyright_of(blocks),
        comments=comments_of(blocks),
        program_texts=program_texts_of(blocks.texts),
        geographic=blocks.whole_tiff and is_geographic(first),
        clipping_path=blocks.paths,
        other_data=blocks.other_bytes >= _MUCH,
        document_id=first_text(*xmp.get("xmpMM:DocumentID", ())),
        instance_id=first_text(*xmp.get("xmpMM:InstanceID", ())),
        original_document_id=first_text(*xmp.get("xmpMM:OriginalDocumentID", ())),
        derived_from=tuple(dict.fromkeys(map(clean_text, derived))),
        jpeg_quality=quality,
        compressed_twice=twice,
        exposure_seconds=exif_number(exif, 0x829A),
        f_number=exif_number(exif, 0x829D),
        exposure_bias=exif_number(exif, 0x9204, signed=True),
        iso=int(exif_number(exif, 0x8827) or 0) or None,
        auto_bracket=exif_number(exif, 0xA402) == 2,
        has_exif=bool(
            exif_text(first, 0x010F) or exif_text(first, 0x0110) or exif_text(exif, 0x9003)
        ),
    )


def only_here(kept: Metadata, other: Metadata) -> tuple[str, ...]:
    """Return what the metadata of a file have and those of the kept file lack.

    Parameters
    ----------
    kept, other : Metadata

    Returns
    -------
    tuple of str
        In the order of `ONLY_HERE`.
    """
    lacking = {
        "date": bool(other.date_taken) and not kept.date_taken,
        "place": other.place and not kept.place,
        "rating": other.rating is not None and kept.rating is None,
        "title": _own_title(other) not in ("", kept.description) and not _own_title(kept),
        "description": other.description not in ("", kept.title) and not kept.description,
        "keywords": bool(set(other.keywords) - set(kept.keywords)),
        "people": bool(set(other.people) - set(kept.people)),
        "author": bool(other.author) and not kept.author,
        "copyright": bool(other.copyright) and not kept.copyright,
        "comment": bool(set(other.comments) - set(kept.comments)),
        "program_text": bool(set(other.program_texts) - set(kept.program_texts)),
        "map_position": other.geographic and not kept.geographic,
        "clipping_path": other.clipping_path and not kept.clipping_path,
        "other_data": other.other_data and not kept.other_data,
    }
    return tuple(name for name, lacks in lacking.items() if lacks)


def _own_title(metadata: Metadata) -> str:
    """The title of a picture that is not its caption."""
    return "" if metadata.title == clean_text(metadata.description) else metadata.title
