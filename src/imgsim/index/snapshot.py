"""What a reader sees of an index: the state of one manifest, whatever is written meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from imgsim.errors import UsageError
from imgsim.index.manifest import Maker, Manifest, damaged, read_manifest, shown
from imgsim.index.rows import SegmentRows
from imgsim.index.segment import (
    CONTENT,
    FILE,
    FileRecord,
    NewContent,
    NewFile,
    Segment,
    pixels_key,
)
from imgsim.types import ImageFacts

_TRIES = 5


class Digests(Sequence[str]):
    """Digests in ascending order, as texts.

    Parameters
    ----------
    rows : ndarray of uint8, shape (n, 32)
    """

    def __init__(self, rows: NDArray[np.uint8]) -> None:
        self._rows = rows
        self._keys = _keys(rows)

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> list[str]: ...

    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [row.tobytes().hex() for row in self._rows[index]]
        return str(self._rows[index].tobytes().hex())

    def places(self, digest: str) -> range:
        """Where a digest stands."""
        wanted = np.frombuffer(bytes.fromhex(digest), np.uint8)
        key = _keys(wanted[None])[0]
        first, end = (int(np.searchsorted(self._keys, key, side)) for side in ("left", "right"))
        own = np.flatnonzero((self._rows[first:end] == wanted).all(axis=1)) + first
        return range(int(own[0]), int(own[-1]) + 1) if len(own) else range(0)


def _keys(digests: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """The first eight bytes of each as a number, in the same order."""
    return np.ascontiguousarray(digests[:, :8]).view(">u8")[:, 0].astype(np.uint64)


def _order(digests: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The ascending order of digests, of equal ones the first first."""
    keys = _keys(digests)
    order = np.argsort(keys, kind="stable")
    keys, ordered = keys[order], digests[order]
    if ((keys[1:] == keys[:-1]) & (ordered[1:] != ordered[:-1]).any(axis=1)).any():
        order = np.lexsort(digests.T[::-1])
    return order


class Snapshot:
    """An index as it was when it was opened.

    Parameters
    ----------
    folder : path

    Raises
    ------
    UsageError
        It is none, it is damaged, or a later version of imgsim wrote it.

    Attributes
    ----------
    folder : Path
    manifest : Manifest
    segments : list of Segment
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for tried in range(_TRIES):
            self.manifest = read_manifest(folder)
            try:
                row_bytes = self.manifest.maker.row_bytes
                self.segments = [Segment(folder, e, row_bytes) for e in self.manifest.segments]
                break
            except FileNotFoundError as error:  # put together with others meanwhile
                if tried + 1 == _TRIES:
                    raise damaged(Path(error.filename or folder), "it is gone") from None
            except OSError as error:
                raise UsageError(
                    f"cannot read {shown(folder)}: {error.strerror}", "check its permissions"
                ) from None
        removed = [entry.removed_files() for entry in self.manifest.segments]
        self._file_starts = np.cumsum([0, *map(len, removed)])
        self._is_live = ~np.concatenate([np.zeros(0, np.bool_), *removed])
        self._skipped = self._of_files("skipped")
        digests = self._of_files("digest")
        pictures = np.flatnonzero(self._is_live & ~self._skipped)
        self._picture_files = pictures[_order(digests[pictures])]
        self._file_digests = Digests(digests[self._picture_files])

        stored = self._of_contents("digest")
        order = _order(stored)
        first = np.r_[True, (stored[order][1:] != stored[order][:-1]).any(axis=1)][: len(order)]
        order = order[first]  # a content can have been written twice where two were put together
        self._stored_digests = Digests(stored[order])
        live = _are_among(stored[order], digests[self._picture_files])
        self._where = order[live]
        self.digests = Digests(stored[self._where])
        self._content_starts = np.cumsum([0, *(len(s.contents) for s in self.segments)])

    def _of_files(self, name: str) -> NDArray[Any]:
        return _stacked([segment.files for segment in self.segments], FILE, name)

    def _of_contents(self, name: str) -> NDArray[Any]:
        return _stacked([segment.contents for segment in self.segments], CONTENT, name)

    @property
    def maker(self) -> Maker:
        """By what its rows were made."""
        return self.manifest.maker

    @property
    def contents(self) -> int:
        """How many different contents its files have."""
        return len(self.digests)

    @property
    def pictures(self) -> int:
        """How many files with a picture it has."""
        return len(self._picture_files)

    @cached_property
    def rows(self) -> SegmentRows:
        """The rows of its contents, in the order of `digests`."""
        return SegmentRows(self.segments, self._where)

    def holds(self, digest: str) -> bool:
        """Whether the row of a content is stored, be it that all of its files were removed."""
        return len(self._stored_digests.places(digest)) > 0

    def facts(self, digest: str) -> ImageFacts:
        """The facts of a content of it."""
        number = int(self._where[self.digests.places(digest)[0]])
        segment, place = self._at(self._content_starts, number)
        return segment.facts(place)

    def _at(self, starts: NDArray[np.int64], number: int) -> tuple[Segment, int]:
        """The segment in which a content or file lies, and its place there."""
        i = int(np.searchsorted(starts, number, "right")) - 1
        return self.segments[i], number - int(starts[i])

    def numbers_of(self, digest: str) -> list[int]:
        """The numbers of the files with a content."""
        return [int(self._picture_files[i]) for i in self._file_digests.places(digest)]

    def record(self, number: int) -> FileRecord:
        """What is known of a file, by its number."""
        segment, place = self._at(self._file_starts, number)
        return segment.record(place)

    def records(self, digest: str) -> list[FileRecord]:
        """What is known of the files with a content."""
        return [self.record(number) for number in self.numbers_of(digest)]

    def all_files(self) -> Iterator[tuple[int, FileRecord, str]]:
        """Yield number, record and digest of every file; the digest is empty for a skipped one."""
        for i, segment in enumerate(self.segments):
            start = int(self._file_starts[i])
            for place in np.flatnonzero(self._is_live[start : start + len(segment.files)]).tolist():
                yield start + place, segment.record(place), self.digest_of(start + place)

    def digest_of(self, number: int) -> str:
        """The digest of a file, by its number; empty if it could not be read."""
        segment, place = self._at(self._file_starts, number)
        file = segment.files[place]
        return "" if file["skipped"] else file["digest"].tobytes().hex()

    def skipped(self) -> list[FileRecord]:
        """The files that could not be read."""
        numbers = np.flatnonzero(self._is_live & self._skipped)
        return [self.record(number) for number in numbers.tolist()]

    def numbers_by_name(self) -> dict[bytes, int]:
        """The numbers of all files by digests of their absolute paths, see `segment.name_of`."""
        names = self._of_files("name")
        return {names[i].tobytes(): i for i in np.flatnonzero(self._is_live).tolist()}

    def folders(self) -> list[str]:
        """Absolute paths of the folders that its files are in, and maybe of removed ones."""
        return sorted({folder for segment in self.segments for folder in segment.names.folders})

    def links(self) -> dict[str, int]:
        """The numbers of its files by absolute paths of `FileRecord.links`."""
        return {
            path: number
            for start, segment in zip(self._file_starts.tolist(), self.segments, strict=False)
            for path, place in segment.names.links
            if self._is_live[number := start + place]
        }

    def symlinks(self) -> list[int]:
        """The numbers of its files whose paths are symbolic links."""
        return [
            number
            for start, segment in zip(self._file_starts.tolist(), self.segments, strict=False)
            for place in segment.names.symlinks
            if self._is_live[number := start + place]
        ]

    def has_picture(self, number: int) -> bool:
        """Whether a file could be read."""
        return not self._skipped[number]

    def named(self, names: Sequence[bytes]) -> dict[bytes, int]:
        """The numbers of its files among some digests of absolute paths.

        Parameters
        ----------
        names : sequence of bytes
            See `segment.name_of`.
        """
        own = self._of_files("name")
        asked = np.frombuffer(b"".join(names), np.uint8).reshape(-1, own.shape[1])
        # as a table, which NumPy 2.0 would choose, it has no numbers from 2**63 on
        near = np.flatnonzero(np.isin(_keys(own), _keys(asked), kind="sort") & self._is_live)
        wanted = set(names)
        return {name: i for i in near.tolist() if (name := own[i].tobytes()) in wanted}

    def equal_flat(self, facts: ImageFacts) -> list[str]:
        """The contents of flat pictures that have equal pixels."""
        key = pixels_key(facts)
        if not key.any():
            return []
        alike = (self._pixels == key).all(axis=1)
        return [self.digests[i] for i in np.flatnonzero(alike).tolist()]

    @cached_property
    def _pixels(self) -> NDArray[np.uint8]:
        return np.asarray(self._of_contents("pixels")[self._where])

    def with_removed(self, numbers: Sequence[int]) -> Manifest:
        """The manifest without some files."""
        live = self._is_live.copy()
        live[list(numbers)] = False
        entries = tuple(
            entry.with_removed(~live[self._file_starts[i] : self._file_starts[i + 1]])
            for i, entry in enumerate(self.manifest.segments)
        )
        own = self.manifest
        return Manifest(own.maker, entries, own.generation)

    def live_in_segments(self) -> list[tuple[int, int]]:
        """How many contents and files of each segment were not removed."""
        owner = np.searchsorted(self._content_starts, self._where, "right") - 1
        contents = np.bincount(owner, minlength=len(self.segments)).tolist()
        files = [
            int(self._is_live[start : start + len(segment.files)].sum())
            for segment, start in zip(self.segments, self._file_starts.tolist(), strict=False)
        ]
        return list(zip(contents, files, strict=False))

    def live_contents(self, chosen: Sequence[int]) -> list[NewContent]:
        """The contents of some segments, to be written anew; `NewContent.row` is their place."""
        owner = np.searchsorted(self._content_starts, self._where, "right") - 1
        places = np.flatnonzero(np.isin(owner, chosen)).tolist()
        return [NewContent(self.digests[p], self.facts(self.digests[p]), p) for p in places]

    def live_files(self, chosen: Sequence[int]) -> list[NewFile]:
        """The files of some segments, to be written anew."""
        starts = self._file_starts
        owned = (
            np.flatnonzero(self._is_live[starts[i] : starts[i + 1]]) + starts[i] for i in chosen
        )
        return [
            NewFile(self.record(number), self.digest_of(number))
            for numbers in owned
            for number in numbers.tolist()
        ]


def _stacked(tables: Sequence[NDArray[Any]], dtype: np.dtype[Any], name: str) -> NDArray[Any]:
    """One field of several tables, one after the other."""
    return np.concatenate([np.empty(0, dtype)[name], *(table[name] for table in tables)])


def _are_among(some: NDArray[np.uint8], others: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which of some digests, all ascending, are among others, all ascending."""
    if not len(some) or not len(others):
        return np.zeros(len(some), np.bool_)
    keys, wanted = _keys(others), _keys(some)
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    found = (others[place] == some).all(axis=1)
    for i in np.flatnonzero(~found & (keys[place] == wanted)):  # two that begin alike
        alike = slice(place[i], int(np.searchsorted(keys, wanted[i], "right")))
        found[i] = (others[alike] == some[i]).all(axis=1).any()
    return np.asarray(found, np.bool_)
