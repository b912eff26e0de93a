"""The files that an index names: how they are shown, and whether they still are what they were."""

from __future__ import annotations

import errno
import os
import stat
import time
from dataclasses import replace
from typing import NamedTuple

from imgsim.addresses import INSIDE, Address
from imgsim.index.segment import FileRecord
from imgsim.read.archives.listing import as_address
from imgsim.read.content import ChangedFile, Content
from imgsim.read.files import MAX_FILE_BYTES
from imgsim.stamps import FileStamp
from imgsim.types import ImageFile


def shown_path(record: FileRecord, path: str = "") -> str:
    """Return a path of a file as it was given, or, from another folder, its absolute path.

    Parameters
    ----------
    record : FileRecord
    path : str
        One of `record.links`; by default `record.path`.
    """
    path = path or record.path
    if os.path.isabs(path) or record.base == os.getcwd():
        return path
    return record.from_anywhere(path)


def file_of(record: FileRecord) -> ImageFile:
    """Return a file as it was when it was indexed; it is a reference."""
    return ImageFile(
        shown_path(record),
        record.size_bytes,
        record.mtime_ns,
        shown_path(record, record.root),
        reference=True,
        links=tuple(shown_path(record, link) for link in record.links),
        ctime_ns=record.ctime_ns,
        inode=record.inode,
        hard_links=record.hard_links,
        device=record.device,
    )


def record_of(file: ImageFile, base: str, *, settled: bool = False, reason: str = "") -> FileRecord:
    """Return what is kept of a file that was given from a folder."""
    on_disk = not isinstance(file.path, Address) or bool(file.path.container)
    return FileRecord(
        str(file.path), base if on_disk else "", str(file.root), tuple(map(str, file.links)),
        file.size_bytes, file.mtime_ns, file.ctime_ns, file.inode, file.hard_links, file.device,
        settled, isinstance(file.path, Address), on_disk and os.path.islink(file.path), reason,
    )  # fmt: skip


def is_unchanged(record: FileRecord, stamp: FileStamp) -> bool:
    """Whether a file with this stamp has the content that was indexed, as far as that tells."""
    own = FileStamp(record.size_bytes, record.mtime_ns, record.ctime_ns, record.inode)
    return record.settled and stamp == own


class Absent(NamedTuple):
    """Why a file of an index cannot be had as it was indexed.

    Attributes
    ----------
    reason : str
    known : bool
        It is gone, or was changed. If not, nobody knows: it, or what it lies in, cannot be read.
    folder : str
        What it lies in and is not there, or is empty; else empty.
    """

    reason: str
    known: bool
    folder: str = ""

    @property
    def gone(self) -> bool:
        """Nothing is there any more, for certain."""
        return self.known and self.reason.startswith(GONE.reason)


CHANGED = Absent("changed", True)
GONE = Absent("gone", True)


def found_at(record: FileRecord, path: str) -> tuple[ImageFile, bool] | Absent:
    """Return a file of an index with what the system tells of it now.

    Parameters
    ----------
    record : FileRecord
    path : str
        By which it is found from here.

    Returns
    -------
    file : ImageFile
    certain : bool
        What the system tells is that of the file itself, and of now.
    """
    file = file_of(record)
    try:
        if record.inside:
            address = as_address(path)
            if not isinstance(address, Address):
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
            file = replace(file, path=address).with_stamp(address.stamp)
            return file, address.stamp_is_current
        status = os.stat(path)
    except (OSError, ValueError) as error:
        return _absent(record, path, error)
    if not stat.S_ISREG(status.st_mode):
        what = "a folder" if stat.S_ISDIR(status.st_mode) else "something else"
        return Absent(f"gone: {what} is there now", True)
    file = replace(file, path=path, hard_links=max(1, status.st_nlink), device=status.st_dev)
    return file.with_stamp(FileStamp.of(status)), True


def _absent(record: FileRecord, path: str, error: Exception) -> Absent:
    if isinstance(error, ChangedFile):
        return CHANGED
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return _gone(record, path) if record.base else GONE
    reason = error.strerror if isinstance(error, OSError) else None
    return Absent(f"cannot be read: {reason or error}", False)


def _gone(record: FileRecord, path: str) -> Absent:
    """Tell whether a path at which nothing is names a file that is gone, or a disk that is.

    A file is gone if the folder that was indexed is there, and so is all that lies on the way to
    what is missing: no link leads nowhere, and no folder is empty that may be where a disk belongs.
    """
    on_disk = os.path.abspath(path.partition(INSIDE)[0] if record.inside else path)
    if record.inside and os.path.exists(on_disk):
        return GONE
    root = record.from_anywhere(record.root)
    if not on_disk.startswith(root.rstrip(os.sep) + os.sep):  # it was named by itself
        root = os.path.dirname(on_disk)
    there = on_disk
    while True:
        if os.path.islink(there):
            return Absent("cannot be read: a link leads nowhere", False)
        there = os.path.dirname(there)
        try:
            status = os.stat(there)
            break
        except (FileNotFoundError, NotADirectoryError):
            if len(there) <= len(root):
                return _away(root, "there is no such folder")
        except OSError as error:
            return Absent(f"cannot be read: {error.strerror}", False)
    if not stat.S_ISDIR(status.st_mode):
        return _away(root, "it is no folder") if len(there) <= len(root) else GONE
    if (there == root or status.st_dev != record.device) and _is_empty(there):
        return _away(there, "it is empty: is its disk mounted?")
    return GONE


def _away(folder: str, why: str) -> Absent:
    return Absent(f"cannot be read: {why}", False, folder)


def _is_empty(folder: str) -> bool:
    try:
        with os.scandir(folder) as entries:
            return next(entries, None) is None
    except OSError:
        return False


def unreadable(path: str) -> str:
    """Return why the bytes of a file cannot be had; empty if they can, or it is none any more."""
    if isinstance(path, Address):
        path = path.container
    try:
        if path and os.path.isfile(path):
            with open(path, "rb") as stream:
                stream.read(1)
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    return ""


def file_as_it_is(
    record: FileRecord, digest: str, seen: dict[str, FileStamp] | None = None
) -> tuple[ImageFile, bool] | Absent:
    """Return a file of an index as it lies there now, or why it cannot be had.

    What the system tells of it decides; where it tells of a change, the bytes do.

    Parameters
    ----------
    record : FileRecord
    digest : str
    seen : dict of str to FileStamp, optional
        Stamps with which the bytes of paths were right before: those are not read again.

    Returns
    -------
    file : ImageFile
    settled : bool
        See `Picture`.
    """
    now = time.time_ns()
    path = shown_path(record)
    found = found_at(record, path)
    if isinstance(found, Absent):
        return found
    file, certain = found
    stamp = file.stamp
    try:
        known = seen is not None and seen.get(file.path) == stamp
        if certain and (known or is_unchanged(record, stamp)):
            return file, True
        if stamp.size_bytes != record.size_bytes or stamp.size_bytes > MAX_FILE_BYTES:
            return CHANGED
        Content(file.path, digest).read()
    except (OSError, ValueError) as error:
        return _absent(record, path, error)
    settled = stamp.is_settled(now)
    if seen is not None and settled:
        seen[file.path] = stamp
    return file, settled
