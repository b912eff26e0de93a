"""Reads a zip's list of members, each for itself: one that makes no sense costs no other one.

`zipfile` refuses a whole archive for a single name or field. The format is that of PKWARE's
APPNOTE.TXT 6.3, sections 4.3.12 to 4.3.16 and 4.5.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO

from imgsim.read.archives.kinds import MAX_LISTING_BYTES, BadArchive

_END = struct.Struct("<4s4H2LH")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR_64 = struct.Struct("<4sLQL")
_ENTRY = struct.Struct("<4s4B4H3L5H2L")
LOCAL_HEADER = struct.Struct("<4s5H3L2H")
"""Of a member, right before its name, extra fields and content."""

_MOST_OF_A_COMMENT = 0xFFFF
_IN_EXTRA = 0xFFFFFFFF
_SIZES_64 = 0x0001
_UTF8_NAME = 0x7075
_IS_UTF8 = 0x800


@dataclass(frozen=True, slots=True)
class ZipEntry:
    """A member as a zip lists it.

    Attributes
    ----------
    raw_name : bytes
    name : str
        Bytes that are no text are surrogates, as in names of files.
    system, attributes : int
        What it was made on, and the attributes of the file there.
    flags, method, check : int
        The CRC-32 of the content is `check`.
    date, time : int
        As MS-DOS has them.
    offset, stored_bytes, size_bytes : int
        Where its own header lies in the file, and sizes before and after it is unpacked.
    extra : bytes
    wrong : str
        Why it cannot be read, or "".
    """

    raw_name: bytes
    name: str
    system: int
    attributes: int
    flags: int
    method: int
    check: int
    date: int
    time: int
    offset: int
    stored_bytes: int
    size_bytes: int
    extra: bytes
    wrong: str = ""

    @property
    def least_end(self) -> int:
        """Before here its content cannot end."""
        return self.offset + LOCAL_HEADER.size + self.stored_bytes


def read_directory(stream: BinaryIO) -> Iterator[ZipEntry]:
    """Yield the members that a zip lists, in its order.

    Raises
    ------
    BadArchive
        It is no zip, or its list cannot be read; what was yielded before can.
    """
    start, size, number, shift = _find(stream)
    if size > MAX_LISTING_BYTES:
        raise BadArchive("its list of members is too long")
    end = stream.seek(0, os.SEEK_END)
    stream.seek(start)
    listing = stream.read(size)
    place = 0
    while place + _ENTRY.size <= len(listing):
        fields = _ENTRY.unpack_from(listing, place)
        if fields[0] != b"PK\1\2":
            break
        place += _ENTRY.size
        lengths = fields[12:15]
        if place + sum(lengths) > len(listing):
            break
        name, extra = (
            listing[place : place + lengths[0]],
            listing[place + lengths[0] : place + lengths[0] + lengths[1]],
        )
        place += sum(lengths)
        number -= 1
        yield _entry(fields, name, extra, shift, end)
    # the number of members has 16 bits in old archives, so it may have been counted from 0 again
    if place < len(listing) or number % 0x10000:
        raise BadArchive("a damaged zip: its list of members does not make sense")


def _find(stream: BinaryIO) -> tuple[int, int, int, int]:
    """Where the list begins, its size, how many it lists, and how much lies before the zip."""
    total = stream.seek(0, os.SEEK_END)
    before = max(0, total - _END.size - _MOST_OF_A_COMMENT)
    stream.seek(before)
    tail = stream.read(total - before)
    place = tail.rfind(b"PK\5\6")
    if place < 0 or place + _END.size > len(tail):
        raise BadArchive("no zip, or a damaged one (it has no list of members at its end)")
    _, disk, _, _, number, size, offset, _ = _END.unpack_from(tail, place)
    end = before + place
    if end >= _LOCATOR_64.size:
        stream.seek(end - _LOCATOR_64.size)
        signature, _, end_64, _ = _LOCATOR_64.unpack(stream.read(_LOCATOR_64.size))
        if signature == b"PK\6\7":
            # what lies before the zip is not counted in the place
            for at in (end_64, end - _LOCATOR_64.size - _END_64.size):
                stream.seek(max(0, min(at, total)))
                record = stream.read(_END_64.size)
                if len(record) == _END_64.size and record[:4] == b"PK\6\6":
                    *_, disk, _, _, number, size, offset = _END_64.unpack(record)
                    end = at
                    break
            else:
                raise BadArchive("no zip, or a damaged one (the place of its list is lost)")
    if disk not in (0, 0xFFFF):
        raise BadArchive("one part of a zip of several parts: join them to one file")
    shift = end - size - offset
    if shift < 0:
        raise BadArchive("no zip, or a damaged one (its list of members lies elsewhere)")
    return end - size, size, number, shift


def _entry(fields: tuple[int, ...], raw: bytes, extra: bytes, shift: int, end: int) -> ZipEntry:
    _, _, system, _, _, flags, method, time, date, check = fields[:10]
    stored, size = fields[10:12]
    attributes, offset = fields[17:19]
    wrong = ""
    wide = [size, stored, offset]
    values = extra_field(extra, _SIZES_64)
    for i, value in enumerate(wide):
        if value == _IN_EXTRA and values is not None:
            if len(values) < 8:
                wrong = "damaged: its size or place is missing"
                break
            (wide[i],) = struct.unpack_from("<Q", values)
            values = values[8:]
    size, stored, offset = wide
    entry = ZipEntry(
        raw, _name(raw, flags, extra), system, attributes, flags, method, check, date, time,
        offset + shift, stored, size, extra, wrong,
    )  # fmt: skip
    if not wrong and entry.least_end > end:
        return replace(entry, wrong="damaged: it lies beyond the end of the archive")
    return entry


def extra_field(extra: bytes, wanted: int) -> bytes | None:
    """Return the content of an extra field of a member; None if it has none of this kind."""
    while len(extra) >= 4:
        kind, size = struct.unpack_from("<2H", extra)
        if kind == wanted and len(extra) >= 4 + size:
            return extra[4 : 4 + size]
        extra = extra[4 + size :]
    return None


def _name(raw: bytes, flags: int, extra: bytes) -> str:
    """The name; programs write UTF-8 also where they do not say so."""
    told = extra_field(extra, _UTF8_NAME)
    if told is not None and told[:5] == struct.pack("<BL", 1, zlib.crc32(raw)):
        raw, flags = told[5:], flags | _IS_UTF8
    raw = raw.partition(b"\0")[0]
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("utf-8", "surrogateescape") if flags & _IS_UTF8 else raw.decode("cp437")


def overlapping(stream: BinaryIO, entries: list[ZipEntry]) -> dict[int, str]:
    """Return which members share bytes with others, so that a few would unpack many times, and why.

    A member that reaches over another one is left out, and so is one in whose place none lies; so
    one whose place or size lies costs no other one.

    Parameters
    ----------
    stream : file object
    entries : list of ZipEntry
        Those that have a place.

    Returns
    -------
    dict of int to str
        By the place in `entries`.
    """
    order = sorted(range(len(entries)), key=lambda i: (entries[i].offset, i))
    left_out: dict[int, str] = {}
    last: int | None = None  # the one before that is not left out
    for i in order:
        if last is not None and entries[last].least_end > entries[i].offset:
            here = _lies_in_its_place(stream, entries[i])
            same = entries[last].offset == entries[i].offset
            if not here and (not same or _lies_in_its_place(stream, entries[last])):
                left_out[i] = "damaged: another member, or none, lies in its place"
                continue
            left_out[last] = "it overlaps another member"
        last = i
    return left_out


def _lies_in_its_place(stream: BinaryIO, entry: ZipEntry) -> bool:
    """Whether a header with the name of a member lies where it is said to lie."""
    stream.seek(entry.offset)
    header = stream.read(LOCAL_HEADER.size + len(entry.raw_name))
    return header[:4] == b"PK\3\4" and header[LOCAL_HEADER.size :] == entry.raw_name
