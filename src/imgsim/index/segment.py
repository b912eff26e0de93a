"""A segment of an index: a file with the rows of some contents, and the files that hold them."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from imgsim.addresses import INSIDE
from imgsim.cache.records import dump, load_record
from imgsim.comparators.local import LAYOUT, lack_detail
from imgsim.group.rules import flat_identity
from imgsim.index.manifest import Section, SegmentEntry, damaged
from imgsim.index.pieces import PIECE, Pieces, all_sums
from imgsim.index.words import WORDS, Begins, Words, keypoints_of, tables
from imgsim.propose.figures import are_figures
from imgsim.read.scratch import release
from imgsim.types import ImageFacts

_MAGIC = b"imgsim-index segment 3\n".ljust(64, b"\0")
_ALIGNED = PIECE
SUFFIX = ".segment"
_AT_ONCE = 1 << 22

_TEXT = [("text", "<u8"), ("text_bytes", "<u4"), ("text_crc", "<u4")]

CONTENT = np.dtype(
    [
        ("digest", np.uint8, 32),
        ("hash", np.uint8, 32),
        ("inset_hash", np.uint8, 32),
        ("pixels", np.uint8, 16),
        ("flat", np.bool_),
        ("figure", np.bool_),
        ("holding", np.bool_),
        ("row_crc", "<u4"),
        *_TEXT,
    ]
)
"""A content. `hash` and `inset_hash` as in its row; `pixels`: a digest of what flat pictures with
equal pixels share, zeros for none; `holding`: a picture is set into it; the text: its facts."""

FILE = np.dtype([("name", np.uint8, 16), ("digest", np.uint8, 32), ("skipped", np.bool_), *_TEXT])
"""A file. `name`: a digest of its absolute path; `digest`: of its content; `skipped`: it could not
be read; the text: a `FileRecord`."""

SECTIONS = ("rows", "order", "starts", "sums", "contents", "files", "texts", "names")

MADE_AGAIN = ("rows", "order", "starts", "sums", "names")
"""Sections that are not needed to read all files again."""

ESSENTIAL = ("contents", "files")
"""Sections whose sums are checked whenever an index is opened; in the others the sums of what is
read are, and by `verify` all."""


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A file as it was when it was indexed.

    Attributes
    ----------
    path : str
        As it was given.
    base : str
        The folder from which it was given; empty for what lies on no disk.
    root : str
    links : tuple of str
    size_bytes, mtime_ns, ctime_ns, inode, hard_links, device : int
        See `ImageFile`.
    settled : bool
        See `Picture`.
    inside : bool
        It is no file of its own, but lies in one.
    symlink : bool
        Its path is a symbolic link.
    reason : str
        Why it could not be read; empty if it could.
    """

    path: str
    base: str
    root: str = ""
    links: tuple[str, ...] = ()
    size_bytes: int = 0
    mtime_ns: int = 0
    ctime_ns: int = 0
    inode: int = 0
    hard_links: int = 1
    device: int = 0
    settled: bool = False
    inside: bool = False
    symlink: bool = False
    reason: str = ""

    @property
    def absolute(self) -> str:
        """A path by which it is found from every folder."""
        return self.from_anywhere(self.path)

    @property
    def folder(self) -> str:
        """The absolute path of the folder that it, or what it lies in, is in; empty on no disk."""
        whole = self.absolute
        if not self.base:
            return ""
        return os.path.dirname(whole.partition(INSIDE)[0] if self.inside else whole)

    def from_anywhere(self, path: str) -> str:
        """Return a path that was given with this one as it is found from every folder."""
        return os.path.abspath(os.path.join(self.base, path)) if self.base else path


@dataclass(frozen=True, slots=True)
class Names:
    """By what the files of a segment can be reached beside their paths.

    Attributes
    ----------
    folders : tuple of str
        Absolute paths of the folders that they, or what they lie in, are in.
    links : tuple of (str, int)
        Absolute paths of `FileRecord.links`, and the place of the file.
    symlinks : tuple of int
        Places of the files whose paths are symbolic links.
    """

    folders: tuple[str, ...] = ()
    links: tuple[tuple[str, int], ...] = ()
    symlinks: tuple[int, ...] = ()


def name_of(absolute: str) -> bytes:
    """The digest by which a file is found in an index."""
    return blake2b(os.fsencode(absolute), digest_size=16).digest()


@dataclass(frozen=True, slots=True)
class NewContent:
    """A content to be written: its digest, its facts, and where its row lies among others."""

    digest: str
    facts: ImageFacts
    row: int


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file to be written, and the digest of its content; empty if it could not be read."""

    record: FileRecord
    digest: str


class _Writing:
    """A file that is written section by section."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream
        self.sections: dict[str, Section] = {}
        stream.write(_MAGIC)

    def align(self) -> int:
        """Fill up with zeros to where a section can begin, and return that place."""
        self.stream.write(b"\0" * (-self.stream.tell() % _ALIGNED))
        return self.stream.tell()

    def section(self, name: str, parts: Iterable[bytes | memoryview]) -> None:
        stream = self.stream
        offset, crc = self.align(), 0
        for part in parts:
            crc = zlib.crc32(part, crc)
            stream.write(part)
        self.sections[name] = Section(offset, stream.tell() - offset, crc)


def write_segment(
    folder: Path,
    name: str,
    contents: Sequence[NewContent],
    rows: Any,
    files: Sequence[NewFile],
) -> SegmentEntry:
    """Write a segment and have it on disk.

    Parameters
    ----------
    folder : Path
    name : str
        Of the file.
    contents : sequence of NewContent
    rows : callable
        Returns the rows of some contents, as records of `LAYOUT`.
    files : sequence of NewFile

    Raises
    ------
    OSError
    """
    texts: list[bytes] = []
    end = 0

    def text(record: np.void, value: Any) -> None:
        nonlocal end
        data = value if isinstance(value, bytes) else dump(value).encode()
        record["text"], record["text_bytes"], record["text_crc"] = end, len(data), zlib.crc32(data)
        texts.append(data)
        end += len(data)

    described = np.zeros(len(contents), CONTENT)
    for record, one in zip(described, contents, strict=True):
        record["digest"] = np.frombuffer(bytes.fromhex(one.digest), np.uint8)
        record["flat"] = one.facts.flat
        record["pixels"] = pixels_key(one.facts)
        text(record, one.facts)
    named = np.zeros(len(files), FILE)
    for record, file in zip(named, files, strict=True):
        record["name"] = np.frombuffer(name_of(file.record.absolute), np.uint8)
        record["skipped"] = not file.digest
        if file.digest:
            record["digest"] = np.frombuffer(bytes.fromhex(file.digest), np.uint8)
        text(record, file.record)

    path = folder / name
    with path.open("w+b") as stream:
        writing = _Writing(stream)
        writing.section("rows", _rows(described, contents, rows))
        stream.flush()
        written = _part(_mapped(stream), writing.sections["rows"], LAYOUT)
        detailed = np.flatnonzero(~described["flat"])
        keypoints = keypoints_of(written, detailed)
        starts: list[bytes] = []

        def orders() -> Iterable[memoryview]:
            for first, order, values in tables(written, keypoints) if len(keypoints) else ():
                starts.append(first.tobytes())
                yield order.data
                yield values.data

        writing.section("order", orders())
        writing.section("starts", starts)
        end = writing.align()
        stream.flush()
        writing.section("sums", all_sums(_mapped(stream)[:end]))
        writing.section("contents", [described.tobytes()])
        writing.section("files", [named.tobytes()])
        writing.section("texts", texts)
        writing.section("names", [dump(_names_of(files)).encode()])
        stream.flush()
        os.fsync(stream.fileno())
        size = stream.tell()
    return SegmentEntry(name, size, len(contents), len(files), writing.sections)


def _names_of(files: Sequence[NewFile]) -> Names:
    records = [file.record for file in files]
    return Names(
        tuple(sorted({record.folder for record in records} - {""})),
        tuple((r.from_anywhere(link), i) for i, r in enumerate(records) for link in r.links),
        tuple(i for i, record in enumerate(records) if record.symlink),
    )


def _rows(
    described: NDArray[Any], contents: Sequence[NewContent], rows: Any
) -> Iterable[memoryview]:
    """Rows as they are written; what stands of them in `CONTENT` is filled in."""
    for start in range(0, len(contents), 256):
        here = slice(start, start + 256)
        some = rows([one.row for one in contents[here]])
        part = described[here]
        part["hash"], part["inset_hash"] = some["hash"], some["inset_hash"]
        part["holding"] = some["inset"].any(axis=1)
        part["flat"] = lack_detail(part["flat"], some)
        part["figure"] = are_figures(some, part["flat"])
        part["row_crc"] = [zlib.crc32(row.tobytes()) for row in some]
        yield np.ascontiguousarray(some).view(np.uint8).data


def pixels_key(facts: ImageFacts) -> NDArray[np.uint8]:
    """Return the digest of what flat pictures with equal pixels share; zeros for none.

    Parameters
    ----------
    facts : ImageFacts

    Returns
    -------
    ndarray of uint8, shape (16,)
    """
    identity = flat_identity(facts) if facts.flat else None
    data = blake2b(identity.encode(), digest_size=16).digest() if identity else bytes(16)
    return np.frombuffer(data, np.uint8)


def _mapped(stream: BinaryIO) -> NDArray[np.uint8]:
    """Map a file, which is not empty, to be read."""
    return np.memmap(stream, np.uint8, "r").view(np.ndarray)


def _part(whole: NDArray[np.uint8], section: Section, dtype: np.dtype[Any]) -> NDArray[Any]:
    """The records of a section of a file."""
    return whole[section.offset : section.offset + section.size_bytes].view(dtype)


class Segment:
    """A segment that is read. Only what is asked for comes into memory.

    It is mapped whole when it is opened, which keeps it, whatever becomes of its file: a writer
    may remove that meanwhile (on Windows the system refuses, and the next writer does). It takes
    one descriptor.

    Parameters
    ----------
    folder : Path
    entry : SegmentEntry
    row_bytes : int
        Of a row; another version of imgsim may have other ones.

    Raises
    ------
    UsageError
        It is cut short, or not as it was written.
    FileNotFoundError
        It is not there.

    Attributes
    ----------
    contents, files : ndarray
        Of dtype `CONTENT` and `FILE`.
    """

    def __init__(self, folder: Path, entry: SegmentEntry, row_bytes: int) -> None:
        self.path = folder / entry.name
        self.entry = entry
        with self.path.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            if size != entry.size_bytes:
                what = "cut short" if size < entry.size_bytes else "longer than it was written"
                raise damaged(self.path, f"it is {what}")
            if stream.read(len(_MAGIC)) != _MAGIC:
                raise damaged(self.path, "it is no segment")
            self._whole = _mapped(stream)
        if len(self._whole) != size:
            raise damaged(self.path, "it is cut short")
        self._check_sizes(row_bytes)
        self.contents = self._section("contents", CONTENT)
        self.files = self._section("files", FILE)
        for name in ESSENTIAL:
            self.check(name)

    def _check_sizes(self, row_bytes: int) -> None:
        """Raise UsageError if a section is missing, or has not the size that it should have."""
        entry = self.entry
        sizes = {
            "sums": entry.sections["sums"].offset // PIECE * 4 if "sums" in entry.sections else 0,
            "rows": entry.contents * row_bytes,
            "contents": entry.contents * CONTENT.itemsize,
            "files": entry.files * FILE.itemsize,
        }
        for name in SECTIONS:
            section = entry.sections.get(name)
            if section is None or section.size_bytes != sizes.get(name, section.size_bytes):
                raise damaged(self.path, f"its {name} are not whole")
            if name in ("order", "starts") and section.size_bytes % (2 * WORDS):
                raise damaged(self.path, f"its {name} are not whole")
            if section.offset < 0 or section.offset + section.size_bytes > entry.size_bytes:
                raise damaged(self.path, f"its {name} lie elsewhere")

    def _section(self, name: str, dtype: np.dtype[Any]) -> NDArray[Any]:
        return _part(self._whole, self.entry.sections[name], dtype)

    def check(self, name: str) -> None:
        """Raise UsageError if a section is not as it was written."""
        data = self._section(name, np.dtype(np.uint8))
        crc = 0
        for start in range(0, len(data), _AT_ONCE):
            crc = zlib.crc32(data[start : start + _AT_ONCE].data, crc)
            if name not in ESSENTIAL:
                release(data)
        if crc != self.entry.sections[name].crc:
            known = name in MADE_AGAIN or (name == "texts" and self._knows_files())
            raise damaged(self.path, f"the check sum of its {name} is wrong", files_known=known)

    @cached_property
    def rows(self) -> NDArray[Any]:
        """Its rows, ndarray of dtype `LAYOUT`, shape (contents,).

        Whether they are as they were written is not looked at: `take` does, and `words`.
        """
        return self._section("rows", LAYOUT)

    @cached_property
    def words(self) -> Words:
        """The words of its keypoints."""
        number = np.dtype("<u4")
        sections = self.entry.sections
        starts, sums = (self._section(name, number) for name in ("starts", "sums"))
        order = self._section("order", np.dtype(np.uint8))
        pieces = Pieces(self.path, self._whole[: sections["sums"].offset], sums)
        begins = Begins(*(sections[name].offset for name in ("rows", "starts", "order")))
        return Words(self.rows, starts.reshape(WORDS, -1), order, pieces, begins)

    @cached_property
    def _texts(self) -> NDArray[np.uint8]:
        return self._section("texts", np.dtype(np.uint8))

    def take(self, places: NDArray[np.int64]) -> NDArray[Any]:
        """Some of its rows, which are as they were written.

        Parameters
        ----------
        places : ndarray of int64, shape (n,)

        Returns
        -------
        ndarray of dtype `LAYOUT`, shape (n,)
        """
        rows = self.rows[places]
        for row, crc in zip(rows, self.contents["row_crc"][places].tolist(), strict=True):
            if zlib.crc32(row.tobytes()) != crc:
                raise damaged(self.path, "the check sum of a row is wrong", files_known=True)
        return rows

    @cached_property
    def names(self) -> Names:
        """By what its files can be reached beside their paths."""
        self.check("names")
        names = load_record(Names, self._section("names", np.dtype(np.uint8)).tobytes())
        if names is None:
            raise damaged(self.path, "its names are none", files_known=True)
        return names

    def _text(self, record: np.void) -> bytes | None:
        """The text of a record; None if it is not as it was written."""
        start = int(record["text"])
        data = self._texts[start : start + int(record["text_bytes"])].tobytes()
        return data if zlib.crc32(data) == record["text_crc"] else None

    def _knows_files(self) -> bool:
        """Whether the records of all its files are as they were written."""
        return all(self._text(record) is not None for record in self.files)

    def facts(self, place: int) -> ImageFacts:
        """The facts of one of its contents."""
        text = self._text(self.contents[place])
        facts = None if text is None else load_record(ImageFacts, text)
        if facts is None:
            what = "the check sum of a record is wrong" if text is None else "its facts are none"
            raise damaged(self.path, what, files_known=self._knows_files())
        return facts

    def record(self, place: int) -> FileRecord:
        """What is known of one of its files."""
        text = self._text(self.files[place])
        if text is None:
            raise damaged(self.path, "the check sum of a record is wrong")
        record = load_record(FileRecord, text)
        if record is None:
            raise damaged(self.path, "the record of a file is none")
        return record


def file_name(generation: int, number: int) -> str:
    """The name of a segment that is written with a generation of the manifest."""
    return f"{generation:08}-{number:04}{SUFFIX}"


def segments_there(folder: Path) -> list[Path]:
    """Files of segments that lie in a folder, whether the manifest names them or not."""
    return sorted(folder.glob(f"*{SUFFIX}"))
