"""The files that an index names: how they are shown, and whether they still are what they were."""

from __future__ import annotations

import os
import time
from dataclasses import replace

from imgsim.addresses import Address
from imgsim.index.segment import FileRecord
from imgsim.read.archives.listing import as_address
from imgsim.read.content import Content
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
        settled, isinstance(file.path, Address), reason,
    )  # fmt: skip


def is_unchanged(record: FileRecord, stamp: FileStamp) -> bool:
    """Whether a file with this stamp has the content that was indexed, as far as that tells."""
    own = FileStamp(record.size_bytes, record.mtime_ns, record.ctime_ns, record.inode)
    return record.settled and stamp == own


def found_at(record: FileRecord, path: str) -> tuple[ImageFile, bool] | None:
    """Return a file of an index with what the system tells of it now; None if it is gone.

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
                return None
            file = replace(file, path=address).with_stamp(address.stamp)
            return file, address.stamp_is_current
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    file = replace(file, path=path, hard_links=max(1, status.st_nlink), device=status.st_dev)
    return file.with_stamp(FileStamp.of(status)), True


def file_as_it_is(
    record: FileRecord, digest: str, seen: dict[str, FileStamp] | None = None
) -> tuple[ImageFile, bool] | None:
    """Return a file of an index as it lies there now; None if it is gone, or holds another content.

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
    found = found_at(record, shown_path(record))
    if found is None:
        return None
    file, certain = found
    stamp = file.stamp
    try:
        known = seen is not None and seen.get(file.path) == stamp
        if certain and (known or is_unchanged(record, stamp)):
            return file, True
        if stamp.size_bytes != record.size_bytes or stamp.size_bytes > MAX_FILE_BYTES:
            return None
        Content(file.path, digest).read()
    except (OSError, ValueError):
        return None
    settled = stamp.is_settled(now)
    if seen is not None and settled:
        seen[file.path] = stamp
    return file, settled
