"""Finds the blocks of metadata in the files of every format: EXIF, XMP and IPTC.

Nothing is decoded. A container that is broken gives the blocks that come before.

Sources: CIPA DC-008 (Exif 3.0) and ISO 16684-3 for JPEG, PNG, WebP, GIF and TIFF; ISO/IEC 23008-12
and 14496-12 for HEIC and AVIF; ISO/IEC 18181-2 for JPEG XL; ISO/IEC 15444-1 and the UUIDs that
ExifTool documents for JPEG 2000. What cameras write (CR3, RAF, MRW) is not published: their
structure is that of the descriptions by L. Clevy and in ExifTool's documentation.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import Literal

from imgsim.decode.containers import (
    boxes_of,
    end_of_gif_blocks,
    gif_colour_table,
    jpeg_segments,
    whole_png_chunks,
)
from imgsim.decode.iptc import EXIF_RESOURCE, IPTC_RESOURCE, XMP_RESOURCE, image_resources

Kind = Literal["exif", "xmp", "iptc", "text", "comment", "path", "other"]
Block = tuple[Kind, bytes]
"""The kind of a block and its bytes; a ``text`` is a key, NUL and a value of a PNG, a ``path`` one
of Photoshop, and ``other`` what a segment of a JPEG holds that is no metadata of a picture."""

_XMP_HEAD = b"http://ns.adobe.com/xap/1.0/\0"
_RESOURCES_HEAD = b"Photoshop 3.0\0"
_KNOWN_HEADS = {
    0xE0: (b"JFIF\0", b"JFXX\0"),
    0xE1: (b"Exif\0", b"http://ns.adobe.com/"),
    0xE2: (b"ICC_PROFILE\0", b"MPF\0", b"urn:iso:std:iso:ts:21496:"),
    0xEC: (b"Ducky",),
    0xED: (_RESOURCES_HEAD,),
    0xEE: (b"Adobe",),
}
"""By which segments begin that are read here or belong to the picture or its parts."""

_MOST_BYTES = 1 << 22
_MOST_PACKED = 32
_UUIDS: dict[bytes, Kind] = {
    bytes.fromhex("be7acfcb97a942e89c71999491e3afac"): "xmp",
    b"JpgTiffExif->JP2": "exif",
    bytes.fromhex("0537cdab9d0c4431a72afa561f2a113e"): "exif",
    bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38"): "iptc",
    bytes.fromhex("09a14e97c0b442e0bebf36df6f0ce36f"): "iptc",
}
_CANON = bytes.fromhex("85c0b687820f11e08111f4ce462b6a48")
RESOURCE_KINDS: dict[int, Kind] = {
    IPTC_RESOURCE: "iptc",
    EXIF_RESOURCE: "exif",
    XMP_RESOURCE: "xmp",
    **dict.fromkeys((1025, *range(2000, 2998)), "path"),
}
"""Kinds of block among Photoshop's image resources."""


def metadata_blocks(data: bytes) -> Iterator[Block]:
    """Yield the blocks of metadata of a file.

    Parameters
    ----------
    data : bytes
        Of the whole file, of any format.
    """
    for heads, read in _READERS:
        if data.startswith(heads):
            yield from read(data)
            return
    if data[4:8] == b"ftyp":
        yield from _of_heif(data)


def _of_jpeg(data: bytes) -> Iterator[Block]:
    resources = b""
    for marker, start, end in jpeg_segments(data):
        content = data[start + 4 : end]
        if marker == 0xE1 and content.startswith(b"Exif\0"):
            yield "exif", content
        elif marker == 0xE1 and content.startswith(_XMP_HEAD):
            yield "xmp", content[len(_XMP_HEAD) :]
        elif (
            marker == 0xED and content.startswith(_RESOURCES_HEAD) and len(resources) < _MOST_BYTES
        ):
            resources += content[len(_RESOURCES_HEAD) :]
        elif marker == 0xFE:
            yield "comment", content
        elif 0xE0 <= marker <= 0xEF and not content.startswith(_KNOWN_HEADS.get(marker, ())):
            yield "other", content
    yield from _of_resources(resources)


def _of_resources(data: bytes) -> Iterator[Block]:
    for number, content in image_resources(data):
        if number in RESOURCE_KINDS and content:
            yield RESOURCE_KINDS[number], content


def _of_png(data: bytes) -> Iterator[Block]:
    packed = 0
    for name, start, length in whole_png_chunks(data):
        if name == b"eXIf":
            yield "exif", data[start : start + length]
        elif name in (b"tEXt", b"zTXt", b"iTXt") and length <= _MOST_BYTES:
            packed += name != b"tEXt"
            if packed <= _MOST_PACKED:  # each may unpack to much
                yield from _of_png_text(name, data[start : start + length])


def _of_png_text(name: bytes, content: bytes) -> Iterator[Block]:
    key, _, value = content.partition(b"\0")
    if name == b"zTXt":
        value = _inflated(value[1:])
    elif name == b"iTXt":
        packed = value[:1] == b"\1"
        value = value[2:].split(b"\0", 2)[-1]
        value = _inflated(value) if packed else value
    if key == b"XML:com.adobe.xmp":
        yield "xmp", value
    elif key.startswith(b"Raw profile type "):  # as ImageMagick writes them
        yield from _of_raw_profile(key[17:], value)
    else:
        yield "text", key + b"\0" + value


def _of_raw_profile(kind: bytes, value: bytes) -> Iterator[Block]:
    lines = value.strip().split(b"\n", 2)
    try:
        content = bytes.fromhex(b"".join(lines[2:]).decode("ascii"))
    except ValueError:
        return
    if kind in (b"exif", b"APP1") and content.startswith(b"Exif\0"):
        yield "exif", content
    elif kind == b"xmp":
        yield "xmp", content
    elif kind == b"iptc":
        yield from _of_resources(content)


def _inflated(data: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(data, _MOST_BYTES)
    except zlib.error:
        return b""


def _of_webp(data: bytes) -> Iterator[Block]:
    place = 12
    while data[8:12] == b"WEBP" and place + 8 <= len(data):
        length = int.from_bytes(data[place + 4 : place + 8], "little")
        name, content = data[place : place + 4], slice(place + 8, place + 8 + length)
        if name == b"EXIF":
            yield "exif", data[content]
        elif name == b"XMP ":
            yield "xmp", data[content]
        place += 8 + length + length % 2


def _of_gif(data: bytes) -> Iterator[Block]:
    if len(data) < 13:
        return
    place = 13 + gif_colour_table(data[10])
    while place + 2 < len(data):
        if data[place] == 0x21:
            start, place = place, end_of_gif_blocks(data, place + 2)
            if data[start : start + 14] == b"\x21\xff\x0bXMP DataXMP":
                # the packet is no row of blocks; 258 bytes behind it make a decoder find the end
                yield "xmp", data[start + 14 : max(start + 14, place - 258)]
            elif data[start + 1] == 0xFE:
                yield "comment", data[start + 3 : start + 3 + data[start + 2]]
        elif data[place] == 0x2C and place + 10 <= len(data):
            place = end_of_gif_blocks(data, place + 11 + gif_colour_table(data[place + 9]))
        else:
            return


def _of_tiff(data: bytes) -> Iterator[Block]:
    yield "exif", data


def _of_psd(data: bytes) -> Iterator[Block]:
    place = 26
    place += 4 + int.from_bytes(data[place : place + 4], "big")
    length = int.from_bytes(data[place : place + 4], "big")
    yield from _of_resources(data[place + 4 : place + 4 + min(length, _MOST_BYTES)])


def _of_raf(data: bytes) -> Iterator[Block]:
    """The preview of Fuji's raw has the EXIF of the file."""
    start, length = (int.from_bytes(data[i : i + 4], "big") for i in (84, 88))
    yield from _of_jpeg(data[start : start + length])


def _of_mrw(data: bytes) -> Iterator[Block]:
    place, end = 8, 8 + int.from_bytes(data[4:8], "big")
    while place + 8 <= min(end, len(data)):
        length = int.from_bytes(data[place + 4 : place + 8], "big")
        if data[place : place + 4] == b"\0TTW":
            yield "exif", data[place + 8 : place + 8 + length]
        place += 8 + length


# Boxes: HEIC, AVIF, JPEG XL, JPEG 2000, CR3 ----------------------------------------------------


def _of_jpeg2000(data: bytes) -> Iterator[Block]:
    """JPEG 2000 and JPEG XL."""
    for name, start, end in boxes_of(data):
        if name == b"uuid" and bytes(data[start : start + 16]) in _UUIDS:
            yield _UUIDS[data[start : start + 16]], data[start + 16 : end]
        elif name == b"Exif":
            yield from _exif_item(data[start:end])
        elif name == b"xml ":
            yield "xmp", data[start:end]


def _of_heif(data: bytes) -> Iterator[Block]:
    for name, start, end in boxes_of(data):
        if name == b"meta":
            yield from _of_items(data, start + 4, min(end, len(data)))
        elif name == b"moov" and data[8:12] == b"crx ":
            yield from _of_canon(data[start : min(end, start + _MOST_BYTES)])
        elif name == b"uuid" and data[start : start + 16] in _UUIDS:
            yield _UUIDS[data[start : start + 16]], data[start + 16 : end]


def _of_canon(data: bytes) -> Iterator[Block]:
    """The directories of EXIF of a CR3: each is a TIFF by itself."""
    for name, start, end in boxes_of(data):
        if name != b"uuid" or data[start : start + 16] != _CANON:
            continue
        inner = data[start + 16 : end]
        for part, first, last in boxes_of(inner):
            if part in (b"CMT1", b"CMT2", b"CMT4"):
                yield "exif", inner[first:last]


def _of_items(data: bytes, start: int, end: int) -> Iterator[Block]:
    """The items of a `meta` box that hold EXIF or XMP."""
    view = data[start:end]
    if len(view) > _MOST_BYTES:
        return
    boxes = {name: view[first:last] for name, first, last in boxes_of(view)}
    kinds = dict(_item_kinds(boxes.get(b"iinf", b"")))
    own = boxes.get(b"idat", b"")
    for item, method, extents in _item_places(boxes.get(b"iloc", b"")):
        if item not in kinds or method > 1:
            continue
        source = own if method == 1 else data
        if sum(length for _, length in extents) > _MOST_BYTES:
            continue
        content = b"".join(source[first : first + length] for first, length in extents)
        if kinds[item] == "exif":
            yield from _exif_item(content)
        else:
            yield kinds[item], content


def without_resources(data: bytes) -> bytes:
    """Return a JPEG in which nothing is marked as Photoshop's resources, or as a short JFIF block.

    Pillow refuses the picture where one of them is cut off.

    Parameters
    ----------
    data : bytes
        Of the whole file.
    """
    changed = bytearray(data)
    for marker, start, end in jpeg_segments(data):
        short = marker == 0xE0 and end - start < 16
        if end > start + 4 and (marker == 0xED or short):
            changed[start + 4] = 0
    return bytes(changed)


def without_exif_items(data: bytes) -> bytes:
    """Return a HEIC or AVIF file whose items with EXIF are of a kind that decoders pass over.

    libavif refuses the picture where an item with EXIF is broken.

    Parameters
    ----------
    data : bytes
        Of the whole file.
    """
    changed = bytearray(data)
    for name, start, end in boxes_of(data):
        if name != b"meta":
            continue
        for inner, first, last in boxes_of(data[start + 4 : end]):
            if inner != b"iinf":
                continue
            entries = slice(start + 4 + first, start + 4 + last)
            head = 6 if data[entries][:1] == b"\0" else 8
            for entry, place, _ in boxes_of(data[entries][head:]):
                at = entries.start + head + place
                at += 8 if data[at] == 2 else 10  # the kind stands behind a number of 2 or 4 bytes
                if entry == b"infe" and data[at : at + 4] == b"Exif":
                    changed[at : at + 4] = b"skip"
    return bytes(changed)


def _exif_item(content: bytes) -> Iterator[Block]:
    """An item begins with the number of bytes between it and the TIFF header."""
    yield "exif", content[4 + int.from_bytes(content[:4], "big") :]


def _item_kinds(data: bytes) -> Iterator[tuple[int, Kind]]:
    """Yield number and kind of the items with metadata."""
    entries = data[6:] if data[:1] == b"\0" else data[8:]
    for name, start, end in boxes_of(entries):
        entry = entries[start:end]
        if name != b"infe" or len(entry) < 12 or entry[0] < 2:
            continue
        size = 2 if entry[0] == 2 else 4
        item = int.from_bytes(entry[4 : 4 + size], "big")
        kind = entry[6 + size : 10 + size]
        if kind == b"Exif":
            yield item, "exif"
        elif kind == b"mime" and b"application/rdf+xml" in entry:
            yield item, "xmp"


def _item_places(data: bytes) -> Iterator[tuple[int, int, list[tuple[int, int]]]]:
    """Yield number, construction method and (start, length) of the parts of each item."""
    if len(data) < 8:
        return
    version = data[0]
    sizes = data[4] >> 4, data[4] & 15, data[5] >> 4, data[5] & 15
    offset_size, length_size, base_size, index_size = sizes
    wide = 4 if version == 2 else 2
    place = 6

    def take(size: int) -> int:
        nonlocal place
        place += size
        return int.from_bytes(data[place - size : place], "big")

    for _ in range(take(wide)):
        if place >= len(data):
            return
        item = take(wide)
        method = take(2) & 15 if version in (1, 2) else 0
        take(2)
        base, extents = take(base_size), []
        parts = take(2)
        if parts > 1 and not offset_size + length_size:  # all parts were one
            return
        for _ in range(parts):
            if place >= len(data):
                return
            if version in (1, 2):
                take(index_size)
            start = base + take(offset_size)
            extents.append((start, take(length_size)))
        yield item, method, extents


_READERS: tuple[tuple[tuple[bytes, ...], Callable[[bytes], Iterator[Block]]], ...] = (
    ((b"\xff\xd8\xff",), _of_jpeg),
    ((b"\x89PNG\r\n\x1a\n",), _of_png),
    ((b"RIFF",), _of_webp),
    ((b"GIF8",), _of_gif),
    ((b"8BPS",), _of_psd),
    ((b"FUJIFILMCCD-RAW",), _of_raf),
    ((b"\0MRM",), _of_mrw),
    ((b"\0\0\0\x0cjP  \r\n\x87\n", b"\0\0\0\x0cJXL \r\n\x87\n"), _of_jpeg2000),
    ((b"II", b"MM"), _of_tiff),
)
"""What files begin with, and who reads them. Camera raw is mostly TIFF with another number."""
