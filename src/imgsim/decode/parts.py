"""What an image file holds beside its picture: films, gain maps, depth maps, further pictures and
bands.

They are not compared, but a file that has one is more than a copy without it.

Sources: Android's Motion Photo and Ultra HDR formats and Dynamic Depth (developer.android.com);
CIPA DC-007 (multi-picture format); Apple's and MPEG's names of auxiliary images (ISO/IEC 23008-12);
ISO 21496-1 (gain maps); ISO/IEC 14496-12 (the boxes of films).
Samsung's trailers and boxes are not published: their names stand in the files.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from typing import Any

from imgsim.decode.containers import boxes_of, end_of_boxes, jpeg_scan
from imgsim.decode.tifftags import holds_layers

FILM, GAIN_MAP, DEPTH_MAP = "film", "gain map", "depth map"
FURTHER_PICTURE = "further picture"
LAYERS = "layers"
"""Of a PSD or a TIFF of Photoshop, whose first picture shows them together."""

FURTHER_BAND = "further band"
"""Samples of which no colour is made: those of a TIFF behind red, green and blue, say."""

_FILM = re.compile(rb"(?:MotionPhoto|MicroVideo)(?:=[\"']|>)1")
_DEPTH = re.compile(rb"GDepth:|Semantic(?:=[\"']|>)Depth")
_END = re.compile(rb"\xff\xd9")
"""Of a JPEG: in its scans, where every 256th byte is 255, this takes a third of `bytes.find`."""
_GAIN_MAP = b"hdrgm:Version", b"urn:iso:std:iso:ts:21496:-1", b"aux:hdrgainmap"
"""Texts in the header of a gain map, the first also in that of the picture that it belongs to."""

_NOT_FURTHER = ("Baseline", "Large Thumbnail")
_UNTOLD = "Undefined"
"""The kind of a second picture by which programs mark gain maps, and any other picture."""

_MAX_FIRST_BOX = 512
"""Bytes of the first box of a film, at most: it names the kinds of players that can show it."""

_PSD_HEADER = 26

_IMAGE_BRANDS = frozenset({b"heic", b"heix", b"hevc", b"mif1", b"msf1", b"avif", b"avis"})
_SAMSUNG_FILM = 1 << 16
"""Bytes from which Samsung's box of remarks holds a film."""


def extra_parts(data: bytes, image: Any) -> str:
    """Name the parts of a file that are no frame of its picture.

    Parameters
    ----------
    data : bytes
        Of the whole file.
    image : Pillow image
        Of the file; it need not be decoded.

    Returns
    -------
    str
        Names in a fixed order, separated by ", ".
    """
    if image.format in ("JPEG", "MPO"):
        parts = set(_of_jpeg(data, image))
    elif data[4:8] == b"ftyp":
        parts = set(_of_boxes(data, image))
    elif image.format == "PSD":
        return LAYERS if has_layers(data) else ""
    elif image.format == "TIFF":
        return LAYERS if holds_layers(image.tag_v2) else ""
    else:
        return ""
    return ", ".join(p for p in (FILM, GAIN_MAP, DEPTH_MAP, FURTHER_PICTURE) if p in parts)


def _of_jpeg(data: bytes, image: Any) -> Iterator[str]:
    head = data[: jpeg_scan(data)]
    found = _END.search(data, len(head))
    end = -1 if found is None else found.start()
    behind = data[end + 2 :] if end >= 0 else b""
    if end >= 0 and not behind and b"\xff\xe1" not in head and b"\xff\xe2" not in head:
        return  # most files without metadata of a camera: nothing could tell of a part
    brands = set(_brands_of_films(behind))
    samsung = data[-4:] == b"SEFT" and b"MotionPhoto_Data" in data
    if _FILM.search(head) or samsung or brands - _IMAGE_BRANDS:
        yield FILM
    said = any(text in head for text in _GAIN_MAP)
    stored = any(text in behind for text in _GAIN_MAP)
    if said or stored:
        yield GAIN_MAP
    if _DEPTH.search(head):
        yield DEPTH_MAP
    kinds = [(str(e["Attribute"]["MPType"]), e) for e in _mpf_entries(image)]
    untold = [_second_picture(data, e) for kind, e in kinds[1:] if kind == _UNTOLD]
    others = sum(not any(text in picture for text in _GAIN_MAP) for picture in untold)
    if said and not stored:
        others -= 1  # the gain map that the first picture tells of
    named = any(not kind.startswith((*_NOT_FURTHER, _UNTOLD)) for kind, _ in kinds)
    if named or others > 0 or brands & _IMAGE_BRANDS:
        yield FURTHER_PICTURE


def further_pictures(data: bytes) -> Iterator[bytes]:
    """Yield the pictures behind the first one of a JPEG, as far as they are there.

    Programs that write a JPEG anew often leave the list of pictures as it was: an entry at whose
    place no JPEG begins tells nothing.

    Parameters
    ----------
    data : bytes
        Of the whole file.
    """
    from PIL import Image

    try:
        image = Image.open(io.BytesIO(data), formats=["JPEG", "MPO"])
        pictures = [_second_picture(data, entry) for entry in _mpf_entries(image)[1:]]
    except Exception:  # the list may be damaged, and Pillow raises whatever it likes
        return
    yield from (picture for picture in pictures if picture.startswith(b"\xff\xd8\xff"))


def _mpf_entries(image: Any) -> Sequence[dict[str, Any]]:
    """Return what the multi-picture format says of each picture, in Pillow's words."""
    return tuple(getattr(image, "mpinfo", {}).get(0xB002, ()))


def _second_picture(data: bytes, entry: dict[str, Any]) -> bytes:
    # places count from behind this name; Pillow forgets where that is
    start = data.find(b"MPF\0", 0, jpeg_scan(data)) + 4 + int(entry["DataOffset"])
    return data[start : start + entry["Size"]]


def _brands_of_films(data: bytes) -> Iterator[bytes]:
    """Yield the main brands of the ISO media files in the bytes behind a picture."""
    place = data.find(b"ftyp", 4)
    while place >= 0:
        size = int.from_bytes(data[place - 4 : place], "big")
        brand = data[place + 4 : place + 8]
        whole = 16 <= size <= _MAX_FIRST_BOX and size % 4 == 0
        if whole and len(brand) == 4 and all(0x20 <= letter < 0x7F for letter in brand):
            yield brand
        place = data.find(b"ftyp", place + 4)


def _of_boxes(data: bytes, image: Any) -> Iterator[str]:
    boxes = top_boxes(data)
    if b"mpvd" in boxes or len(boxes.get(b"sefd", b"")) > _SAMSUNG_FILM:
        yield FILM
    if b"moov" in boxes and image.format != "AVIF":  # whose frames Pillow decodes
        yield FILM
    appended = data[end_of_boxes(data) :]
    if appended[8:12] in _IMAGE_BRANDS:
        yield FURTHER_PICTURE
    kinds = " ".join(str(kind) for kind in image.info.get("aux") or ())
    if "hdrgainmap" in kinds or b"tmap" in data[: 1 << 14]:
        yield GAIN_MAP
    if image.info.get("depth_images"):
        yield DEPTH_MAP


def has_layers(data: bytes) -> bool:
    """Return whether a PSD says that it has layers, or does not say it plainly."""
    place = _PSD_HEADER
    for _ in range(2):  # colours, and resources
        place += 4 + int.from_bytes(data[place : place + 4], "big")
    return int.from_bytes(data[place : place + 4], "big") != 0 or place + 4 > len(data)


def top_boxes(data: bytes) -> dict[bytes, memoryview]:
    """Return the contents of the outermost boxes of a HEIC or AVIF file, the last of each name."""
    view = memoryview(data)
    return {name: view[start:end] for name, start, end in boxes_of(data) if start <= end}


def film_of_boxes(data: bytes) -> bytes | memoryview | None:
    """Return the film that a HEIC file holds, empty if there is none; None if it is not told."""
    boxes = top_boxes(data)
    if b"moov" in boxes:
        return None
    remarks = boxes.get(b"sefd", memoryview(b""))
    return boxes.get(b"mpvd") or (remarks if len(remarks) > _SAMSUNG_FILM else b"")
