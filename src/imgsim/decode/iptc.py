"""Reads the IPTC block (IIM) of an image, and finds it among Photoshop's image resources.

Sources: IPTC-NAA Information Interchange Model 4.2; Adobe Photoshop File Formats (image resources).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

IPTC_RESOURCE, EXIF_RESOURCE, XMP_RESOURCE = 0x0404, 0x0422, 0x0424
_MOST_RECORDS = 4096
_UTF8 = b"\x1b%G"


def read_iptc(block: bytes) -> Mapping[int, tuple[str, ...]]:
    """Read the values of record 2 (the application record) by the number of the data set.

    Parameters
    ----------
    block : bytes

    Returns
    -------
    mapping of int to tuple of str
        Up to the first data set that is broken.
    """
    values: dict[int, list[bytes]] = {}
    utf8 = False
    for record, number, value in _data_sets(block):
        if (record, number) == (1, 90):
            utf8 = value.startswith(_UTF8)
        elif record == 2:
            values.setdefault(number, []).append(value)
    return {number: tuple(_text(value, utf8) for value in some) for number, some in values.items()}


def _data_sets(block: bytes) -> Iterator[tuple[int, int, bytes]]:
    place = 0
    for _ in range(_MOST_RECORDS):
        if place + 5 > len(block) or block[place] != 0x1C:
            return
        record, number = block[place + 1], block[place + 2]
        length = int.from_bytes(block[place + 3 : place + 5], "big")
        place += 5
        if length & 0x8000:  # the length of a length follows
            size = length & 0x7FFF
            length = int.from_bytes(block[place : place + size], "big")
            place += size
        if place + length > len(block):
            return
        yield record, number, block[place : place + length]
        place += length


def _text(value: bytes, utf8: bool) -> str:
    """Decode a text; programs write UTF-8 without saying so."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("utf-8", "replace") if utf8 else value.decode("latin-1")


def image_resources(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield number and content of Photoshop's image resources, up to one that is broken.

    Parameters
    ----------
    data : bytes
        Beginning with the first ``8BIM``.
    """
    place = 0
    while data[place : place + 4] in (b"8BIM", b"PHUT", b"MeSa", b"AgHg", b"DCSR"):
        number = int.from_bytes(data[place + 4 : place + 6], "big")
        if place + 7 > len(data):
            return
        name = data[place + 6] + 1
        place += 6 + name + name % 2
        length = int.from_bytes(data[place : place + 4], "big")
        place += 4
        if place + length > len(data):
            return
        yield number, data[place : place + length]
        place += length + length % 2
