"""The members of tar archives."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO, cast

from imgsim.read.archives.kinds import BadArchive
from imgsim.read.archives.members import Archive, Place, tar_check_sum
from imgsim.read.archives.streams import Bounded

_MOST_OF_A_HEADER = 16_000_000


def tar_entries(
    stream: BinaryIO, archive: Archive, most_bytes: int
) -> Iterator[tuple[str, Place | None, str]]:
    """Yield the name of each member of a tar, where it lies, and why it is not read.

    Parameters
    ----------
    stream : file object
        What the archive is compressed by is taken off.
    archive : Archive
    most_bytes : int
        What a compressed one may unpack to.

    Raises
    ------
    BadArchive
        It is no tar, or damaged; what was yielded before can be read.
    """
    import tarfile

    stream.seek(0)
    bounded = Bounded(stream, _MOST_OF_A_HEADER, most_bytes if archive.packing else None)
    try:
        with tarfile.open(fileobj=cast(Any, bounded), mode="r:") as file:
            while (info := file.next()) is not None:
                cast(Any, file).members.clear()  # it would keep them all
                if not info.isdir():
                    # what was read last is the header, right before the content
                    yield str(info.name), _place(info, archive, bounded.last), _reason(info)
    except tarfile.TarError as error:
        raise BadArchive(f"no tar, or a damaged one ({error})") from None
    except (RecursionError, ValueError, OverflowError) as error:
        raise BadArchive(f"a damaged tar: {type(error).__name__}") from None
    if bounded.last.strip(b"\0"):  # the end is a block of zeros, or of the file
        raise BadArchive("damaged: no header where one has to be")


def _reason(info: Any) -> str:
    if info.issym():
        return "a symbolic link"
    if info.islnk():
        return "a hard link to another member"
    if info.issparse():
        return "a sparse file"
    if not info.isreg():
        return "not a regular file"
    return ""


def _place(info: Any, archive: Archive, header: bytes) -> Place | None:
    if _reason(info):
        return None
    mtime_ns = int(info.mtime * 10**9)
    check = tar_check_sum(header)
    return Place(archive, info.offset_data, info.size, mtime_ns, info.size, 0, check)
