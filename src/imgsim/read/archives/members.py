"""Members of archives, as addresses that read themselves.

A member of a zip is found by the place of its header alone, so no worker has to read the archive's
list of members. Each thread keeps one thing open: of a compressed tar the stream, to read on from
where it is; of a compressed archive in an archive the bytes.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

from imgsim.addresses import INSIDE, Address
from imgsim.read.archives.kinds import MAX_NESTED_BYTES, BadArchive, Kind, Packing
from imgsim.read.archives.streams import (
    Kept,
    Progress,
    Unpacked,
    Window,
    as_stream,
    go_to,
    says_damage,
)
from imgsim.read.archives.zip_directory import LOCAL_HEADER
from imgsim.read.content import ChangedFile, check_unchanged, stamp_of
from imgsim.read.files import check_size, open_regular
from imgsim.read.remote import RemoteStream, open_remote
from imgsim.stamps import FileStamp

_PIECE = 1 << 20
_TAR_BLOCK = 512
_STORED = 0
_NAME_AND_EXTRA = 1000
"""Bytes that a member of a zip hardly ever has more of before its content."""


@dataclass(frozen=True, slots=True)
class Archive:
    """An archive, as it was when its members were listed.

    Attributes
    ----------
    path : str
        A file, an object of a store, or a member of another archive.
    kind, packing : str
        See `kinds.archive_kind`.
    stamp : FileStamp
        Of the file or the object.
    """

    path: str
    kind: Kind
    packing: Packing
    stamp: FileStamp

    @property
    def outermost(self) -> str:
        """The file or the object."""
        path = self.path
        return path.place.archive.outermost if isinstance(path, ArchiveMember) else path

    @property
    def container(self) -> str:
        """The file on disk; empty if none holds it."""
        outermost = self.outermost
        return outermost.container if isinstance(outermost, Address) else outermost


@dataclass(frozen=True, slots=True)
class Place:
    """Where a member lies in its archive.

    Attributes
    ----------
    archive : Archive
    offset : int
        Of a member of a zip its header, of one of a tar its content.
    size_bytes : int
        As the archive has it.
    mtime_ns : int
        When the member was changed, as the archive has it.
    stored_bytes, method, check : int
        Of a member of a zip: how many bytes it has there, how they are compressed, and the CRC-32
        of the content. `check` of a member of a tar is the sum of its header.
    """

    archive: Archive
    offset: int
    size_bytes: int
    mtime_ns: int
    stored_bytes: int
    method: int
    check: int

    @property
    def stored(self) -> bool:
        """Its content lies in the archive as it is, and so it can be read at any place."""
        if self.archive.kind == "zip":
            return self.method == _STORED and self.stored_bytes == self.size_bytes
        return not self.archive.packing


class ArchiveMember(Address):
    """A member of an archive."""

    __slots__ = ("name", "place")
    name: str
    place: Place

    def __new__(cls, name: str, place: Place) -> ArchiveMember:
        """Make the address of a member, by its name in the archive."""
        member = super().__new__(cls, place.archive.path + INSIDE + name)
        member.name, member.place = name, place
        return member

    def __reduce__(self) -> tuple[Any, ...]:
        """Return what it takes to make it again."""
        return ArchiveMember, (self.name, self.place)

    @property
    def container(self) -> str:
        """The archive on disk; empty if none holds it."""
        return self.place.archive.container

    @property
    def stamp_is_current(self) -> bool:
        """Whether the archive is a file, of which the system tells whether it was changed."""
        return bool(self.container)

    @property
    def chain(self) -> tuple[tuple[int, str], ...]:
        """Where it lies and its name, after those of the archive in the archive that holds it."""
        outer = self.place.archive.path
        around = outer.chain if isinstance(outer, ArchiveMember) else ()
        return (*around, (self.place.offset, self.name))

    @property
    def read_order(self) -> tuple[int, ...]:
        """Where it lies in its archive, after where that lies in another one."""
        outer = self.place.archive.path
        return (*(outer.read_order if isinstance(outer, Address) else ()), self.place.offset)

    @property
    def stamp(self) -> FileStamp:
        """Its stamp, as long as the file on disk has the one that it had."""
        return self._stamp(self.place.archive.stamp)

    def _stamp(self, around: FileStamp) -> FileStamp:
        place = self.place
        # without an inode two files may have one stamp: then by name; with one, names may share it
        outermost = str(self.place.archive.outermost)
        file = (*around, outermost) if around.inode == 0 else tuple(around)
        text = repr((file, self.chain)).encode("utf-8", "surrogateescape")
        identity = int.from_bytes(hashlib.blake2b(text, digest_size=16).digest())
        return FileStamp(
            place.size_bytes, place.mtime_ns, max(around.mtime_ns, around.ctime_ns), identity
        )

    def read(
        self,
        check_size: Callable[[int], object] | None = None,
        progress: Callable[[], object] | None = None,
    ) -> tuple[bytes, FileStamp]:
        """Return the content, and its stamp; see `Address.read`."""
        _check(self.place.size_bytes, check_size)
        with opened_archive(self.place.archive, progress) as (stream, stamp):
            try:
                data = self.content(stream, progress)
            except BadArchive:
                if stamp != self.place.archive.stamp:
                    raise BadArchive("its archive was changed since it was read first") from None
                raise
        return data, self._stamp(stamp)

    def content(self, stream: BinaryIO, progress: Progress) -> bytes:
        """Return the content, given the open archive."""
        with says_damage(), opened_member(stream, self.place, progress) as content:
            data = read_limited(content, self.place.size_bytes, progress)
        if len(data) < self.place.size_bytes:
            raise BadArchive("damaged: its end is missing")
        return data


def _check(size: int, more: Callable[[int], object] | None) -> None:
    check_size(size)
    if more is not None:
        more(size)


def read_limited(stream: Any, size: int, progress: Progress) -> bytes:
    """Read so many bytes of a stream, or to its end, in pieces."""
    if size <= _PIECE:
        return bytes(stream.read(size))
    content = io.BytesIO()
    while content.tell() < size and (piece := stream.read(min(_PIECE, size - content.tell()))):
        content.write(piece)
        if progress is not None:
            progress()
    return content.getvalue()


@contextmanager
def opened_member(stream: BinaryIO, place: Place, progress: Progress) -> Iterator[Any]:
    """Yield the content of a member as a stream, given that of its archive.

    Raises
    ------
    BadArchive
        Something else lies there.
    """
    if place.archive.kind == "tar":
        go_to(stream, place.offset - _TAR_BLOCK, progress)
        if isinstance(stream, RemoteStream):
            stream.expect(_TAR_BLOCK + place.size_bytes)
        block = stream.read(_TAR_BLOCK)
        if len(block) < _TAR_BLOCK or tar_check_sum(block) != place.check:
            raise BadArchive("damaged: another member lies in its place")
        yield stream
        return
    import zipfile

    stream.seek(place.offset)
    if isinstance(stream, RemoteStream):
        stream.expect(LOCAL_HEADER.size + _NAME_AND_EXTRA + place.stored_bytes)
    header = stream.read(LOCAL_HEADER.size)
    if len(header) < LOCAL_HEADER.size or header[:4] != b"PK\3\4":
        raise BadArchive("damaged: no member lies in its place")
    *_, name_bytes, extra_bytes = LOCAL_HEADER.unpack(header)
    stream.seek(place.offset + LOCAL_HEADER.size + name_bytes + extra_bytes)
    info = zipfile.ZipInfo()
    info.compress_type, info.CRC = place.method, place.check
    info.compress_size, info.file_size = place.stored_bytes, place.size_bytes
    with zipfile.ZipExtFile(cast(Any, stream), "r", info) as content:
        yield content


def tar_check_sum(block: bytes) -> int:
    """Return the sum of a header's bytes, by which it is known again."""
    return sum(block)


_KEPT = {name: Kept() for name in ("object", "unpacked", "unpacked inside", "bytes inside")}
"""By what is kept: the stream of an object, that of a compressed tar, that of one in an archive,
the bytes of an archive in another one.
"""


def let_go() -> None:
    """Close what this thread keeps open."""
    for kept in _KEPT.values():
        kept.put(None, None)


def _stamp_now(archive: Archive) -> FileStamp:
    """The stamp of the file on disk; of an object the one that it had when it was listed."""
    path = archive.outermost
    if isinstance(path, Address):
        return archive.stamp
    with open_regular(path) as file:
        return stamp_of(file)


def _object(path: Address) -> BinaryIO:
    """An archive that is an object of a store; it stays open, to be read on from."""
    stream = _KEPT["object"].get((path, path.stamp))
    if stream is None:
        stream = open_remote(path)
        _KEPT["object"].put((path, path.stamp), stream)
    return cast(BinaryIO, stream)


@contextmanager
def opened_archive(
    archive: Archive, progress: Progress = None
) -> Iterator[tuple[BinaryIO, FileStamp]]:
    """Yield an archive as a stream, what it is compressed by taken off, and the file's stamp.

    Raises
    ------
    OSError
        It cannot be read, or was written to while it was.
    """
    path = archive.path
    if not archive.packing and isinstance(path, Address) and not isinstance(path, ArchiveMember):
        yield _object(path), archive.stamp
        return
    if not archive.packing and not isinstance(path, ArchiveMember):
        with open_regular(path) as file:
            stamp = stamp_of(file)
            yield file, stamp
            check_unchanged(file, stamp)
        return
    stamp = _stamp_now(archive)
    if archive.packing:
        yield _unpacked(archive, stamp, progress), stamp
    elif isinstance(path, ArchiveMember) and path.place.stored:
        with opened_archive(path.place.archive, progress) as (outer, _):
            with opened_member(outer, path.place, progress):
                start = outer.tell()
            yield cast(BinaryIO, Window(outer, start, path.place.size_bytes)), stamp
    else:
        yield as_stream(_bytes_of(path, stamp, progress)), stamp
    if _stamp_now(archive) != stamp:
        raise ChangedFile("it was written to while it was read")


def _unpacked(archive: Archive, stamp: FileStamp, progress: Progress) -> BinaryIO:
    """What a compressed tar unpacks to; it stays open, to be read on from."""
    path = archive.path
    inside = isinstance(path, ArchiveMember)
    kept = _KEPT["unpacked inside" if inside else "unpacked"]
    unpacked = kept.get((path, stamp))
    if unpacked is None:
        if inside:
            packed = as_stream(_bytes_of(path, stamp, progress))
        else:
            file = open_remote(path) if isinstance(path, Address) else open_regular(path)
            packed = cast(BinaryIO, io.BufferedReader(cast(Any, file), _PIECE))
        unpacked = Unpacked(packed, archive.packing)
        kept.put((path, stamp), unpacked)
    return cast(BinaryIO, unpacked)


def _bytes_of(path: str, stamp: FileStamp, progress: Progress) -> bytes:
    """The bytes of an archive that lies in another one."""
    assert isinstance(path, ArchiveMember)
    data = _KEPT["bytes inside"].get((path, stamp))
    if data is None:
        if path.place.size_bytes > MAX_NESTED_BYTES:
            raise BadArchive(f"an archive in an archive of over {MAX_NESTED_BYTES:,} bytes")
        with opened_archive(path.place.archive, progress) as (outer, _):
            data = path.content(outer, progress)
        _KEPT["bytes inside"].put((path, stamp), data)
    return cast(bytes, data)
