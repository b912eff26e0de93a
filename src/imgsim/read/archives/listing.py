"""Lists the members of an archive: those that can be read, and why the others cannot."""

from __future__ import annotations

import errno
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from imgsim.addresses import INSIDE, Address
from imgsim.errors import MethodUnavailable
from imgsim.read.archives.kinds import (
    ALWAYS_BYTES,
    MAX_MEMBERS,
    MAX_NESTED_BYTES,
    MAX_RATIO,
    BadArchive,
    archive_kind,
    unread_archive,
)
from imgsim.read.archives.members import (
    Archive,
    ArchiveMember,
    Place,
    let_go,
    opened_archive,
)
from imgsim.read.archives.streams import says_damage
from imgsim.read.archives.tars import tar_entries
from imgsim.read.archives.zips import zip_entries
from imgsim.read.content import stamp_of
from imgsim.read.files import open_regular
from imgsim.read.remote import is_url, remote_object
from imgsim.read.tables.listing import list_table, table_format
from imgsim.stamps import FileStamp
from imgsim.types import Skipped


@dataclass(slots=True)
class Listing:
    """The members of an archive, and of those archives that lie in it.

    Attributes
    ----------
    members : list of ArchiveMember
        In the order of the archive; of several of one name the last.
    skipped : list of Skipped
        Members that are not read, and why.
    """

    members: list[ArchiveMember] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Entry:
    """A member as its archive lists it.

    Attributes
    ----------
    name : str
    place : Place or None
    reason : str
        Why it is not read, or "".
    """

    name: str
    place: Place | None
    reason: str = ""


def list_archive(path: str, wanted: Callable[[str], bool] = lambda name: True) -> Listing:
    """List the members of an archive, without those that are folders.

    Archives that lie in it are looked into, those in these are not.

    Parameters
    ----------
    path : str
        A file, or an object of a store.
    wanted : callable
        Told the name of a member below the archive on disk; others are left out.

    Raises
    ------
    OSError
        It cannot be read; `BadArchive` if it is no archive of the kind that its name says.
    """
    kind = archive_kind(path)
    if kind is None:
        raise BadArchive("not the name of an archive")
    if is_url(path) and not isinstance(path, Address):
        path = remote_object(path)
    if isinstance(path, Address):
        stamp = path.stamp
    else:
        with open_regular(path) as file:
            stamp = stamp_of(file)
    lister = _Lister(stamp, wanted)
    try:
        lister.add(Archive(path, *kind, stamp), "", stamp.size_bytes, stamp.size_bytes)
    finally:
        let_go()
    return lister.listing


class _Lister:
    """The state of one `list_archive`."""

    def __init__(self, stamp: FileStamp, wanted: Callable[[str], bool]) -> None:
        self.listing = Listing()
        self.stamp = stamp
        self.wanted = wanted
        self.left = ALWAYS_BYTES
        self.members = 0

    def add(self, archive: Archive, above: str, size: int, on_disk: float) -> None:
        """Add the members of an archive.

        Parameters
        ----------
        archive : Archive
        above : str
            Its own name in another archive with what divides both; or "".
        size : int
            Its bytes.
        on_disk : float
            How many bytes it takes of the file on disk.
        """
        entries = []
        most = max(self.left, int(MAX_RATIO * on_disk))
        unpacked, paid = size, False
        for entry in self._entries(archive, most):
            self.members += 1
            if self.members > MAX_MEMBERS:
                raise BadArchive(f"more than {MAX_MEMBERS:,} members")
            if archive.packing and entry.place is not None:
                unpacked = max(unpacked, entry.place.offset + entry.place.size_bytes)
            if self.wanted(above + entry.name):
                entries.append(entry)
        if archive.packing and unpacked > MAX_RATIO * on_disk:  # it was unpacked to be listed
            self.left, paid = self.left - unpacked, True
        share = on_disk / max(1, unpacked)
        times = Counter(entry.name for entry in entries)
        for entry in entries:
            times[entry.name] -= 1
            reason = entry.reason or unsafe_name(entry.name)
            if not reason and times[entry.name]:
                reason = "a later member has the same name"
            if reason or entry.place is None:
                self._skip(archive.path + INSIDE + entry.name, reason)
                continue
            takes = share * entry.place.stored_bytes
            member = ArchiveMember(entry.name, entry.place)
            if unread := unread_archive(entry.name):
                self._skip(member, unread)
            elif archive.packing and entry.place.offset + entry.place.size_bytes > most:
                self._skip(member, f"its archive unpacks to more than {most:,} bytes")
            elif archive_kind(member.name) is not None:
                self._add_archive(member, above, takes, paid=paid)
            elif paid or self._can_be_unpacked(member, takes):
                self.listing.members.append(member)

    def _add_archive(self, member: ArchiveMember, above: str, takes: float, *, paid: bool) -> None:
        kind = archive_kind(member.name)
        assert kind is not None
        if above:
            self._skip(member, "an archive in an archive in an archive")
        elif member.place.size_bytes > MAX_NESTED_BYTES and not member.place.stored:
            self._skip(member, f"compressed, and has over {MAX_NESTED_BYTES:,} bytes")
        elif paid or self._can_be_unpacked(member, takes):
            size = member.place.size_bytes
            try:
                self.add(Archive(member, *kind, self.stamp), member.name + INSIDE, size, takes)
            except OSError as error:
                self._skip(member, f"cannot be read: {error.strerror or error}")
            except MethodUnavailable as error:
                self._skip(member, error.message)

    def _can_be_unpacked(self, member: ArchiveMember, takes: float) -> bool:
        """Whether a member is within what may be unpacked of what it takes of the file on disk."""
        size = member.place.size_bytes
        if size <= MAX_RATIO * takes:
            return True
        if size > self.left:
            self._skip(
                member,
                f"unpacks to {size:,} bytes from {takes:,.0f}: that much is no picture's size",
            )
            return False
        self.left -= size
        return True

    def _skip(self, path: str, reason: str) -> None:
        self.listing.skipped.append(Skipped(path, reason))

    def _entries(self, archive: Archive, most: int) -> Iterator[Entry]:
        with opened_archive(archive) as (stream, _), says_damage():
            if archive.kind == "zip":
                entries = zip_entries(stream, archive)
            else:
                entries = tar_entries(stream, archive, most)
            before = self.members
            try:
                for name, place, reason in entries:
                    yield Entry(_HERE.sub("", name), place, reason)
            except BadArchive as error:
                if self.members == before:
                    raise
                # what was listed so far can be read
                self._skip(archive.path, f"the rest cannot be read: {error.strerror}")


_DRIVE = re.compile(r"[A-Za-z]:")
_HERE = re.compile(r"(?:^|(?<=/))(?:\.[/\\]+)+")
"""Parts of a member's name that stand for the folder itself, as in ``./1.jpg``."""


def unsafe_name(name: str) -> str:
    """Return why a member of this name is not read, or "": it leads out of its archive."""
    if leads_up(name):
        return "its name leads out of the archive"
    if not name:
        return "it has no name"
    if name.startswith(("/", "\\")) or _DRIVE.match(name):
        return "its name is an absolute path"
    return ""


def leads_up(name: str) -> bool:
    """Return whether a part of a member's name stands for the folder above."""
    return ".." in re.split(r"[/\\]", name)


def as_address(path: str) -> str:
    """Return the member of an archive that a path names; any other path as it is.

    Raises
    ------
    OSError
        The archive cannot be read, or has no such member.
    """
    if isinstance(path, Address) or os.path.exists(path):
        return path
    inside = find_archive(path)
    if inside is None:
        return remote_object(path) if is_url(path) else path
    archive, below = inside
    path = archive + INSIDE + below
    if table_format(archive):
        return _row_of(archive, path)

    def wanted(name: str) -> bool:
        return name == below or below.startswith(name + INSIDE)

    listing = list_archive(archive, wanted)
    for skipped in listing.skipped:
        if skipped.path == path:
            raise BadArchive(skipped.reason)
    for member in listing.members:
        if member == path:
            return member
    raise FileNotFoundError(errno.ENOENT, "no such member of the archive")


def _row_of(table: str, path: str) -> str:
    for row in list_table(table).rows:
        if row == path:
            return row
    raise FileNotFoundError(errno.ENOENT, "no such row of the table")


def find_archive(path: str) -> tuple[str, str] | None:
    """Divide the text of an address into the archive or table and what lies in it.

    None if it is no such text, or names no file that is there. Of an archive in a store, whether it
    is there is not known.
    """
    start = 0
    while (place := path.find(INSIDE, start)) >= 0:
        outer = path[:place]
        below = _HERE.sub("", path[place + len(INSIDE) :])
        if archive_kind(outer) and is_url(outer):
            return outer, below
        if archive_kind(outer) or table_format(outer):
            with suppress(OSError, ValueError), open_regular(outer):
                return outer, below
        start = place + 1
    return None
