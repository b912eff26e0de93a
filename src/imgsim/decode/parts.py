"""What an image file holds beside its picture: films, gain maps, depth maps, further pictures.

They are not compared, but a file that has one is more than a copy without it.

Sources: Android's Motion Photo and Ultra HDR formats and Dynamic Depth (developer.android.com);
CIPA DC-007 (multi-picture format); Apple's and MPEG's names of auxiliary images (ISO/IEC 23008-12).
Samsung's trailers and boxes are not published: their names stand in the files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from imgsim.decode.containers import boxes_of, jpeg_scan

FILM, GAIN_MAP, DEPTH_MAP = "film", "gain map", "depth map"
FURTHER_PICTURE = "further picture"

_FILM = re.compile(rb"(?:MotionPhoto|MicroVideo)(?:=[\"']|>)1")
_DEPTH = re.compile(rb"GDepth:|Semantic(?:=[\"']|>)Depth")
_NOT_FURTHER = ("Baseline", "Large Thumbnail", "Undefined")
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
    else:
        return ""
    return ", ".join(p for p in (FILM, GAIN_MAP, DEPTH_MAP, FURTHER_PICTURE) if p in parts)


def _of_jpeg(data: bytes, image: Any) -> Iterator[str]:
    head = data[: jpeg_scan(data)]
    if _FILM.search(head) or (data[-4:] == b"SEFT" and b"MotionPhoto_Data" in data):
        yield FILM
    if b"hdrgm:Version" in head:
        yield GAIN_MAP
    if _DEPTH.search(head):
        yield DEPTH_MAP
    kinds = [str(e["Attribute"]["MPType"]) for e in getattr(image, "mpinfo", {}).get(0xB002, ())]
    if any(not kind.startswith(_NOT_FURTHER) for kind in kinds):
        yield FURTHER_PICTURE


def _of_boxes(data: bytes, image: Any) -> Iterator[str]:
    boxes = top_boxes(data)
    if b"mpvd" in boxes or len(boxes.get(b"sefd", b"")) > _SAMSUNG_FILM:
        yield FILM
    if b"moov" in boxes and image.format != "AVIF":  # whose frames Pillow decodes
        yield FILM
    kinds = " ".join(str(kind) for kind in image.info.get("aux") or ())
    if "hdrgainmap" in kinds or b"tmap" in data[: 1 << 14]:
        yield GAIN_MAP
    if image.info.get("depth_images"):
        yield DEPTH_MAP


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
