"""The members of zip archives."""

from __future__ import annotations

import stat
import struct
import time
from collections.abc import Iterator
from typing import Any, BinaryIO, cast

from imgsim.read.archives.kinds import MAX_LISTING_BYTES, BadArchive
from imgsim.read.archives.members import Archive, Place
from imgsim.read.archives.streams import Bounded

_ENCRYPTED = 0x1
_IS_UTF8 = 0x800
_MADE_ON_UNIX = 3
_TIMES = 0x5455
"""The extra field with times of the kind that Unix has."""


def zip_entries(stream: BinaryIO, archive: Archive) -> Iterator[tuple[str, Place | None, str]]:
    """Yield the name of each member of a zip, where it lies, and why it is not read.

    Raises
    ------
    BadArchive
        It is no zip, or a damaged one.
    """
    import zipfile

    try:
        file = zipfile.ZipFile(cast(Any, Bounded(stream, MAX_LISTING_BYTES)))
        infos = file.infolist()
    except zipfile.BadZipFile as error:
        raise BadArchive(f"no zip, or a damaged one ({error})") from None
    except UnicodeDecodeError:
        raise BadArchive("names in it are not in UTF-8, as it says") from None
    except (ValueError, OverflowError, struct.error) as error:
        raise BadArchive(f"a damaged zip: {error}") from None
    overlapping = _overlapping(infos)
    for place, info in enumerate(infos):
        name = _name(info)
        if name.endswith("/"):
            continue
        reason = _reason(info) or ("it overlaps another member" if place in overlapping else "")
        yield name, _place(info, archive), reason


def _reason(info: Any) -> str:
    if info.flag_bits & _ENCRYPTED:
        return "encrypted"
    mode = info.external_attr >> 16
    if info.create_system == _MADE_ON_UNIX and stat.S_ISLNK(mode):
        return "a symbolic link"
    return ""


def _overlapping(infos: list[Any]) -> set[int]:
    """Members that begin where another one has its content: a few bytes that unpack many times."""
    order = sorted(range(len(infos)), key=lambda i: (infos[i].header_offset, i))
    overlapping, end = set(), 0
    for i in order:
        info = infos[i]
        if info.header_offset < end:
            overlapping.add(i)
        end = max(end, info.header_offset + 30 + info.compress_size)
    return overlapping


def _name(info: Any) -> str:
    """The name; programs write UTF-8 also where they do not say so."""
    name: str = info.filename
    if not info.flag_bits & _IS_UTF8 and not name.isascii():
        try:
            return name.encode("cp437").decode("utf-8")
        except ValueError:
            return name
    return name


def _place(info: Any, archive: Archive) -> Place:
    return Place(
        archive, info.header_offset, info.file_size, _mtime_ns(info) or archive.stamp.mtime_ns,
        info.compress_size, info.compress_type, info.CRC,
    )  # fmt: skip


def _mtime_ns(info: Any) -> int:
    """When a member was changed; a date without a zone is taken as local, as unzip does."""
    extra = info.extra
    while len(extra) >= 4:
        kind, size = struct.unpack_from("<2H", extra)
        if kind == _TIMES and size >= 5 and extra[4] & 1 and len(extra) >= 9:
            return int(struct.unpack_from("<i", extra, 5)[0]) * 10**9
        extra = extra[4 + size :]
    try:
        return int(time.mktime((*info.date_time, 0, 0, -1))) * 10**9
    except (ValueError, OverflowError):
        return 0
