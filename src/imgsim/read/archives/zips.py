"""The members of zip archives."""

from __future__ import annotations

import stat
import struct
import time
from collections.abc import Iterator
from itertools import islice
from typing import BinaryIO

from imgsim.read.archives.kinds import MAX_MEMBERS, BadArchive
from imgsim.read.archives.members import Archive, Place
from imgsim.read.archives.zip_directory import (
    ZipEntry,
    extra_field,
    overlapping,
    read_directory,
)

_ENCRYPTED = 0x1
_MADE_ON_UNIX = 3
_TIMES = 0x5455
"""The extra field with times of the kind that Unix has."""


def zip_entries(stream: BinaryIO, archive: Archive) -> Iterator[tuple[str, Place | None, str]]:
    """Yield the name of each member of a zip, where it lies, and why it is not read.

    Raises
    ------
    BadArchive
        It is no zip, or a damaged one; what was yielded before can be read.
    """
    entries: list[ZipEntry] = []
    damage = None
    try:
        for entry in islice(read_directory(stream), MAX_MEMBERS + 1):
            entries.append(entry)
    except BadArchive as error:
        damage = error
    files = [e for e in entries if e.size_bytes or not e.name.endswith("/")]
    placed = [e for e in files if not e.wrong]
    left_out = {id(placed[i]): why for i, why in overlapping(stream, placed).items()}
    for entry in files:
        reason = entry.wrong or _reason(entry) or left_out.get(id(entry), "")
        yield entry.name.rstrip("/"), None if reason else _place(entry, archive), reason
    if damage is not None:
        raise damage


def _reason(entry: ZipEntry) -> str:
    if entry.flags & _ENCRYPTED:
        return "encrypted"
    if entry.name.endswith("/"):
        return "a folder by its name, with content"
    if entry.system == _MADE_ON_UNIX and stat.S_ISLNK(entry.attributes >> 16):
        return "a symbolic link"
    return ""


def _place(entry: ZipEntry, archive: Archive) -> Place:
    return Place(
        archive, entry.offset, entry.size_bytes, _mtime_ns(entry) or archive.stamp.mtime_ns,
        entry.stored_bytes, entry.method, entry.check,
    )  # fmt: skip


def _mtime_ns(entry: ZipEntry) -> int:
    """When a member was changed; a date without a zone is taken as local, as unzip does."""
    times = extra_field(entry.extra, _TIMES)
    if times is not None and len(times) >= 5 and times[0] & 1:
        return int(struct.unpack_from("<i", times, 1)[0]) * 10**9
    day, clock = entry.date, entry.time
    try:
        return 10**9 * int(
            time.mktime(
                ((day >> 9) + 1980, day >> 5 & 15, day & 31,
                 clock >> 11, clock >> 5 & 63, (clock & 31) * 2, 0, 0, -1)
            )
        )  # fmt: skip
    except (ValueError, OverflowError):
        return 0
