"""Changes an index: one writer at a time, each step whole or not there.

A batch is a segment that is written and synced, then a manifest that names it. What a killed writer
leaves is a file that no manifest names; the next writer removes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from imgsim.errors import UsageError
from imgsim.folders import sync_folder
from imgsim.index.manifest import (
    NAME,
    Maker,
    Manifest,
    SegmentEntry,
    is_outdated,
    shown,
    write_manifest,
)
from imgsim.index.segment import (
    SUFFIX,
    NewContent,
    NewFile,
    file_name,
    segments_there,
    write_segment,
)
from imgsim.index.snapshot import Snapshot
from imgsim.locks import FileLock

_LOCK = "lock"
_PART = f"{NAME}.part"

BATCH = 512
"""Files that are written together: what a killed writer loses, at most."""

MERGED = 8
"""Segments of about one size that are put together."""

MAX_CONTENTS = 1 << 16
"""Contents of a segment that is put together of others, at most: memory to order its keypoints."""

_MAX_REMOVED = 0.25
"""Share of the files or contents of a segment that were removed, from which it is written anew."""


class Batch(NamedTuple):
    """What is written together.

    Attributes
    ----------
    contents : sequence of NewContent
        None of them is stored yet.
    rows : callable
        Returns rows as records of `LAYOUT`, shape (n,), by some `NewContent.row`.
    files : sequence of NewFile
    """

    contents: Sequence[NewContent]
    rows: Callable[[Sequence[int]], NDArray[Any]]
    files: Sequence[NewFile]


class IndexWriter:
    """Holds the lock of an index, and changes it; to be closed.

    Parameters
    ----------
    folder : Path

    Raises
    ------
    UsageError
        There is no index, or another process changes it.

    Attributes
    ----------
    snapshot : Snapshot
        The index as it is after the last step.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = _locked(folder)
        try:
            self.snapshot = Snapshot(folder)
            named = {entry.name for entry in self.snapshot.manifest.segments}
            for path in [*segments_there(folder), folder / _PART]:
                if path.name not in named:
                    with suppress(OSError):  # a reader may have it open, on Windows
                        path.unlink()
        except BaseException:
            self._lock.close()
            raise

    @classmethod
    def create(cls, folder: Path, maker: Maker) -> IndexWriter:
        """Make an empty index.

        Raises
        ------
        UsageError
            There is something at this path, or it cannot be made.
        """
        try:
            if folder.exists() and not folder.is_dir():
                raise UsageError(
                    f"{shown(folder)} is a file", "name a folder that does not exist yet"
                )
            folder.mkdir(parents=True, exist_ok=True)
            _check_empty(folder)
            lock = _locked(folder)
            try:
                write_manifest(folder, Manifest(maker))
            finally:
                lock.close()
        except OSError as error:
            raise _unwritable(folder, error) from None
        return cls(folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the lock."""
        self._lock.close()

    def append(self, batch: Batch, replaced: Sequence[int] = ()) -> None:
        """Add contents and files, and drop what was known of some files, in one step.

        Parameters
        ----------
        batch : Batch
        replaced : sequence of int
            Numbers of files, see `Snapshot`.
        """
        manifest = self.snapshot.with_removed(replaced) if replaced else self.snapshot.manifest
        self._commit(manifest, manifest.segments, [batch])
        self.tidy()

    def remove(self, numbers: Sequence[int]) -> None:
        """Drop some files, by their numbers."""
        manifest = self.snapshot.with_removed(numbers)
        self._commit(manifest, manifest.segments, [])
        if not is_outdated(manifest):  # else its rows are not to be written anew
            self.tidy()

    def replace_all(self, maker: Maker, batches: Iterable[Batch]) -> None:
        """Put others in the place of all contents and files, in one step.

        Parameters
        ----------
        maker : Maker
            By what their rows are made.
        batches : iterable of Batch
        """
        self._commit(Manifest(maker, (), self.snapshot.manifest.generation), (), batches)
        self.tidy()

    def _commit(
        self, manifest: Manifest, kept: Sequence[SegmentEntry], new: Iterable[Batch]
    ) -> None:
        """Write segments, then the manifest; then remove segments that it no longer names."""
        generation = manifest.generation + 1
        segments = (*kept, *self._write(generation, new))
        try:
            sync_folder(self.folder)
            write_manifest(self.folder, replace(manifest, segments=segments, generation=generation))
        except OSError as error:
            raise _unwritable(self.folder, error) from None
        named = {entry.name for entry in segments}
        before = [entry.name for entry in self.snapshot.manifest.segments]
        self.snapshot = Snapshot(self.folder)
        for name in before:
            if name not in named:
                with suppress(OSError):
                    (self.folder / name).unlink()

    def _write(self, generation: int, new: Iterable[Batch]) -> list[SegmentEntry]:
        """Write segments that no manifest names yet; where one cannot be written, none stays."""
        names: list[str] = []
        written: list[SegmentEntry] = []
        try:
            for number, batch in enumerate(new):
                if batch.contents or batch.files:
                    names.append(file_name(generation, number))
                    written.append(write_segment(self.folder, names[-1], *batch))
        except (OSError, UsageError) as error:
            for name in names:
                with suppress(OSError):
                    (self.folder / name).unlink()
            if isinstance(error, OSError):
                raise _unwritable(self.folder, error) from None
            raise  # what was to be written cannot be read
        return written

    def tidy(self) -> None:
        """Put small segments together, and write those anew of which much was removed."""
        while chosen := self._to_merge():
            self._merge(chosen)

    def _to_merge(self) -> list[int]:
        """The places of segments that are to become one."""
        entries = self.snapshot.manifest.segments
        live = self.snapshot.live_in_segments()
        for i, (entry, (contents, files)) in enumerate(zip(entries, live, strict=True)):
            removed = max(entry.files - files, (entry.contents - contents) if entry.contents else 0)
            if removed > _MAX_REMOVED * max(entry.files, entry.contents):
                return [i]
        tiers: dict[int, list[int]] = {}
        for i, (contents, files) in enumerate(live):
            size = max(contents, files)
            if size * 2 <= MAX_CONTENTS:
                tiers.setdefault(int(np.log2(max(1, size / BATCH)) / np.log2(MERGED)), []).append(i)
        for tier in sorted(tiers):
            chosen: list[int] = []
            for i in tiers[tier]:
                if sum(max(live[j]) for j in [*chosen, i]) > MAX_CONTENTS:
                    break
                chosen.append(i)
            if len(chosen) >= (MERGED if len(chosen) == len(tiers[tier]) else 2):
                return chosen
        return []

    def _merge(self, chosen: Sequence[int]) -> None:
        """Write one segment in the place of some, without what was removed."""
        snapshot = self.snapshot
        contents, files = snapshot.live_contents(chosen), snapshot.live_files(chosen)
        entries = snapshot.manifest.segments
        kept = [entry for i, entry in enumerate(entries) if i not in set(chosen)]

        def rows(numbers: Sequence[int]) -> NDArray[Any]:
            return snapshot.rows.take(np.array(numbers, np.int64))

        self._commit(snapshot.manifest, kept, [Batch(contents, rows, files)])


def _check_empty(folder: Path) -> None:
    """Refuse to make an index in a folder that holds something.

    Raises
    ------
    UsageError
    """
    names = {entry.name for entry in folder.iterdir()} - {_LOCK}
    if NAME in names:
        raise UsageError(
            f"there is an index at {shown(folder)}",
            "imgsim index add goes on with it; delete the folder for a new one",
        )
    if names and all(name.endswith(SUFFIX) or name == _PART for name in names):
        raise UsageError(
            f"{shown(folder)} holds what is left of an index", "delete the folder, or name another"
        )
    if names:
        raise UsageError(f"{shown(folder)} is not empty", "name a folder that does not exist yet")


def _locked(folder: Path) -> FileLock:
    """Take the lock of an index.

    Raises
    ------
    UsageError
        Another process has it, or the folder cannot be written to.
    """
    try:
        if not folder.is_dir():
            raise FileNotFoundError
        lock = FileLock(folder / _LOCK)
    except FileNotFoundError:
        raise UsageError(
            f"no index at {shown(folder)}", "imgsim index build makes one: check the spelling"
        ) from None
    except OSError as error:
        raise _unwritable(folder, error) from None
    if not lock.acquire(exclusive=True):
        lock.close()
        raise UsageError(
            f"another process is changing {shown(folder)}", "wait until it has finished"
        )
    return lock


def _unwritable(folder: Path, error: OSError) -> UsageError:
    return UsageError(
        f"cannot write to {shown(folder)}: {error.strerror or error}",
        "check its permissions, and the room on its disk",
    )
