"""Checks the containers of image files: what a file lacks that its own structure promises.

Each check reads headers and lengths only (and the checksums of PNG), so it runs over every file.
What follows the end of a picture does not count, nor do errors in metadata.

Sources: PNG (W3C, third edition), GIF89a, JPEG (ITU-T T.81), JPEG 2000 (ITU-T T.800, annexes A and
I), WebP (RFC 9649), ISO base media file format (ISO/IEC 14496-12).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator

from imgsim.decode import tifftags

PNG_DATA = frozenset({b"IDAT", b"fdAT"})
_PNG_CHECKED = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IEND", b"acTL", b"fcTL"}) | PNG_DATA
_MEDIA_BOXES = frozenset({b"mdat", b"meta", b"moov"})
_MANY_ZEROS = 1024
_QOI_END = b"\0" * 7 + b"\1"
_NO_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})
"""Markers of JPEG that stand alone: TEM, RST0 to RST7 and SOI."""


def container_fault(data: bytes, format: str) -> str:
    """Say what is wrong with the container of an image file.

    Parameters
    ----------
    data : bytes
        Of the whole file.
    format : str
        Pillow's name of its format.

    Returns
    -------
    str
        Empty if nothing is wrong, or nothing is known of the format.
    """
    check = _CHECKS.get(format)
    return check(data) if check else ""


def has_end(data: bytes) -> bool:
    """Return whether a file has the end that pictures of its format have.

    That is a mark, which most decoders do without and some miss. HEIC and AVIF have none: their
    compressed data, which look like noise, do not end in many zeros, as those of a file do that
    was not copied to its end. True of other formats.

    Parameters
    ----------
    data : bytes
        Of the whole file.
    """
    if data.startswith(b"\xff\xd8\xff"):
        return not _jpeg_fault(data)
    if data.startswith(b"GIF8"):
        return _walk_gif(data)[1]
    if data.startswith(b"\x89PNG"):
        return any(name == b"IEND" for name, _, _ in whole_png_chunks(data))
    if data[4:8] == b"ftyp":
        media = [data[start:end] for name, start, end in boxes_of(data) if name == b"mdat"]
        return not media or not _ends_in_zeros(media[-1])
    return _QOI_END in data[-64:] if data.startswith(b"qoif") else True


def _ends_in_zeros(data: bytes) -> bool:
    zeros = len(data) - len(data.rstrip(b"\0"))
    return zeros > max(_MANY_ZEROS, len(data) // 50)


def whole_png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, start and length of the chunks of a PNG that lie within the file.

    Whether their checksums are right is not asked, which would read all of the file.
    """
    place = 8
    while place + 12 <= len(data):
        length = int.from_bytes(data[place : place + 4], "big")
        if place + 12 + length > len(data):
            return
        yield data[place + 4 : place + 8], place + 8, length
        place += 12 + length


def png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int, bool]]:
    """Yield name, start, length and soundness of the chunks of a PNG up to its end.

    The last one may go beyond the end of the file. A chunk is sound if its checksum is right, or
    if it has nothing to do with the pixels.
    """
    place = 8
    while place + 8 <= len(data):
        length = int.from_bytes(data[place : place + 4], "big")
        name, start = data[place + 4 : place + 8], place + 8
        place = start + length + 4
        sound = place <= len(data)
        if sound and name in _PNG_CHECKED:
            stored = int.from_bytes(data[place - 4 : place], "big")
            sound = zlib.crc32(memoryview(data)[start - 4 : place - 4]) == stored
        yield name, start, length, sound
        if name == b"IEND":
            return


def _png_fault(data: bytes) -> str:
    name = b""
    for name, start, length, sound in png_chunks(data):
        if start + length + 4 > len(data):
            return "the PNG is cut off"
        if not sound:
            return f"a checksum of the PNG is wrong ({name.decode('latin-1')})"
    return "" if name == b"IEND" else "the PNG has no end"


def jpeg_scan(data: bytes) -> int:
    """Return the place of the first scan of a JPEG, or the end of the data if there is none."""
    for marker, start, _ in _jpeg_markers(data, 2):
        if marker == 0xDA:
            return start
    return len(data)


def jpeg_segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield marker, start and end of the segments before the first scan of a JPEG.

    Those without content are left out; the last one may go beyond the end of the file.
    """
    for marker, start, end in _jpeg_markers(data, 2):
        if marker == 0xDA:
            return
        yield marker, start, end


def _jpeg_markers(data: bytes, place: int) -> Iterator[tuple[int, int, int]]:
    while place + 4 <= len(data):
        if data[place] != 0xFF:  # decoders skip what is between segments
            place = data.find(b"\xff", place)
            if place < 0:
                return
            continue
        marker = data[place + 1]
        if marker == 0xFF:  # filling
            place += 1
        elif marker == 0 or marker in _NO_LENGTH:
            place += 2
        else:
            end = place + 2 + int.from_bytes(data[place + 2 : place + 4], "big")
            yield marker, place, end
            place = end


def _jpeg_fault(data: bytes) -> str:
    """A file whose tail was lost and filled with zeros decodes without a complaint."""
    has_end = data.endswith(b"\xff\xd9") or data.rfind(b"\xff\xd9", jpeg_scan(data)) >= 0
    return "" if has_end else "the JPEG has no end"


def _gif_fault(data: bytes) -> str:
    return _walk_gif(data)[0]


def _walk_gif(data: bytes) -> tuple[str, bool]:
    """What is wrong with the blocks of a GIF, and whether the trailer stands behind them."""
    place = 13
    if len(data) < place:
        return "the GIF is cut off", False
    place += gif_colour_table(data[10])
    while place < len(data):
        kind = data[place]
        if kind == 0x3B:
            return "", True
        if kind == 0x21:
            place = end_of_gif_blocks(data, place + 2)
        elif kind == 0x2C and place + 10 <= len(data):
            place = end_of_gif_blocks(data, place + 11 + gif_colour_table(data[place + 9]))
        elif kind == 0:  # decoders skip it
            place += 1
        else:
            return "" if not data[place:].strip(b"\0") else "a block of the GIF is damaged", False
        if place > len(data):
            return "the GIF is cut off", False
    return "", False  # all blocks are there, and the trailer tells nothing


def gif_colour_table(flags: int) -> int:
    """Return the bytes of the colour table that the flags of a GIF announce."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def end_of_gif_blocks(data: bytes, place: int) -> int:
    """Return the place behind a row of data blocks of a GIF, beyond the end if they are cut off."""
    while place < len(data):
        length = data[place]
        place += 1 + length
        if length == 0:
            return place
    return len(data) + 1


def _webp_fault(data: bytes) -> str:
    size = int.from_bytes(data[4:8], "little") + 8
    return "the WebP is cut off" if len(data) < size - 1 else ""  # the filling may be left out


def _tiff_fault(data: bytes) -> str:
    for tags in tifftags.read_pages(data):
        if tags.compression == 1:
            continue  # decoders know how much they need, whatever the lengths say
        if any(start + length > len(data) for start, length in tags.segments):
            return "a part of the TIFF lies behind its end"
    return ""


def boxes_of(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, start of the content and end of the boxes at the top of a file."""
    place = 0
    while place + 8 <= len(data):
        size, name, start = int.from_bytes(data[place : place + 4], "big"), place + 4, place + 8
        if size == 1:
            size, start = int.from_bytes(data[place + 8 : place + 16], "big"), place + 16
        end = len(data) if size == 0 else place + size
        yield data[name : name + 4], start, end
        if end < start:
            return
        place = end


def end_of_boxes(data: bytes) -> int:
    """Return where a file of boxes ends, and another that was appended to it begins."""
    starts = [start - 8 for name, start, _ in boxes_of(data) if name == b"ftyp"]
    return starts[1] if len(starts) > 1 else len(data)


def _heif_fault(data: bytes) -> str:
    for name, _, end in boxes_of(data):
        if name in _MEDIA_BOXES and end > len(data):
            return "the file is cut off"
    return ""


def _jpeg2000_fault(data: bytes) -> str:
    start, end = 0, len(data)
    if not data.startswith(b"\xff\x4f"):
        boxes = [(start, end) for name, start, end in boxes_of(data) if name == b"jp2c"]
        if not boxes:
            return "there is no JPEG 2000 codestream"
        start, end = boxes[0]
    place = start + 2
    while place + 12 <= min(end, len(data)):
        if data[place] != 0xFF:
            return "a tile of the JPEG 2000 has a wrong length"
        marker = data[place + 1]
        if marker == 0xD9:
            return ""
        if marker == 0x90:
            length = int.from_bytes(data[place + 6 : place + 10], "big")
            if length == 0:  # up to the end
                break
            place += length
        else:
            place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    found_end = data.find(b"\xff\xd9", max(start, min(place, len(data)))) >= 0
    return "" if found_end else "the JPEG 2000 has no end"


_CHECKS: dict[str, Callable[[bytes], str]] = {
    "PNG": _png_fault,
    "JPEG": _jpeg_fault,
    "MPO": _jpeg_fault,
    "GIF": _gif_fault,
    "WEBP": _webp_fault,
    "TIFF": _tiff_fault,
    "HEIF": _heif_fault,
    "AVIF": _heif_fault,
    "JPEG2000": _jpeg2000_fault,
}
