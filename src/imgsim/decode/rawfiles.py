"""Camera raw: told from other files by its content, and its embedded preview."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Preview:
    """The picture that stands for a camera raw file.

    Attributes
    ----------
    jpeg : bytes or None
        The embedded preview, if it is a JPEG.
    pixels : ndarray of uint8, shape (h, w, 3), or None
        Else: the preview, or the picture developed at half size.
    flip : int
        How the camera was held, in libraw's code.
    width, height : int
        Of the picture, as it is stored.
    """

    jpeg: bytes | None
    pixels: Any
    flip: int
    width: int
    height: int

    @property
    def orientation(self) -> int:
        """The EXIF orientation, for a preview that has none of its own."""
        return {3: 3, 5: 8, 6: 6}.get(self.flip, 1)


def preview(data: bytes) -> Preview:
    """Read the preview of a camera raw file.

    Raises
    ------
    ImportError
        The package rawpy is not installed.
    """
    import rawpy

    with rawpy.imread(io.BytesIO(data)) as raw:
        sizes = raw.sizes
        size = sizes.flip, sizes.width, sizes.height
        try:
            thumbnail = raw.extract_thumb()
        except (rawpy.LibRawNoThumbnailError, rawpy.LibRawUnsupportedThumbnailError):
            return Preview(None, raw.postprocess(half_size=True, user_flip=0), *size)
        if thumbnail.format == rawpy.ThumbFormat.JPEG:
            return Preview(bytes(thumbnail.data), None, *size)
        return Preview(None, thumbnail.data, *size)


def is_raw(data: bytes) -> bool:
    """Return whether the bytes of a file are camera raw, by their content alone."""
    head = data[:16]
    if head.startswith((b"FUJIFILMCCD-RAW", b"IIRO", b"IIRS", b"MMOR", b"IIU\0", b"FOVb")):
        return True
    if head[4:12] == b"ftypcrx ":
        return True
    if head[:4] not in (b"II*\0", b"MM\0*"):
        return False
    if head[8:10] == b"CR":
        return True
    tags = _first_tags(data)
    if 50706 in tags or tags.get(262) in (32803, 34892):  # DNG; a colour-filter plane
        return True
    # the compressions of Sony, Samsung, Nikon and Pentax
    if tags.get(259) in (32767, 32770, 34713, 65535):
        return True
    # a camera's thumbnail, with the picture proper in a sub-directory
    return 271 in tags and 330 in tags and tags.get(254, 0) & 1 == 1


def _first_tags(data: bytes) -> dict[int, int]:
    """Numbers in the first directory of a TIFF, by tag; of long values only their place."""
    order = "<" if data[:2] == b"II" else ">"
    tags = {}
    try:
        (offset,) = struct.unpack_from(order + "I", data, 4)
        (count,) = struct.unpack_from(order + "H", data, offset)
        for i in range(min(count, 512)):
            place = offset + 2 + 12 * i
            tag, kind = struct.unpack_from(order + "HH", data, place)
            (tags[tag],) = struct.unpack_from(order + ("H" if kind == 3 else "I"), data, place + 8)
    except struct.error:
        pass
    return tags
