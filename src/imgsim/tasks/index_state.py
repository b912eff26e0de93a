"""Tells what an index holds, and whether it is as it was written."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from imgsim.errors import UsageError, shown_value
from imgsim.index.manifest import VERSION, is_outdated
from imgsim.index.segment import MADE_AGAIN
from imgsim.index.snapshot import Snapshot
from imgsim.index.sources import Absent, file_as_it_is, shown_path
from imgsim.progress import Progress, Silent
from imgsim.types import Skipped

PathLike = str | os.PathLike[str]


@dataclass(frozen=True, slots=True)
class IndexInfo:
    """What an index holds.

    Attributes
    ----------
    path : str
    images, contents : int
        Files with a picture, and different contents of these.
    skipped : int
        Files that could not be read.
    size_bytes, segments : int
        Of the files on disk.
    removed : int
        Files that were removed and whose place is not used again yet.
    extractor, decode, decoder : str
        By what its rows were made.
    extractor_version, format_version, generation : int
    outdated : bool
        By an earlier version of imgsim: it has to be upgraded.
    roots : dict of str to int
        How many files lie below each path that was given, in order of the paths.
    """

    path: str
    images: int
    contents: int
    skipped: int
    size_bytes: int
    segments: int
    removed: int
    extractor: str
    extractor_version: int
    decode: str
    decoder: str
    format_version: int
    generation: int
    outdated: bool
    roots: dict[str, int]


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong with an index.

    Attributes
    ----------
    damaged : tuple of Skipped
        Files of the index itself.
    sources : tuple of Skipped
        Files that were indexed and are gone or changed, and what cannot be read: files, or a folder
        that is away.
    changed, unread : int
        How many files are gone or changed, and of how many nobody knows, since they cannot be read.
    hint : str
        What helps where the index itself is damaged.
    """

    damaged: tuple[Skipped, ...] = ()
    sources: tuple[Skipped, ...] = ()
    changed: int = 0
    unread: int = 0
    hint: str = ""


def as_folder(folder: PathLike) -> Path:
    """Return the path of an index.

    Raises
    ------
    UsageError
        It is no path.
    """
    path = os.fspath(folder) if isinstance(folder, str | os.PathLike) else None
    if not isinstance(path, str) or "\0" in path:
        raise UsageError(f"{shown_value(folder)} is no path", "name the folder of the index")
    return Path(path)


def index_info(folder: PathLike) -> IndexInfo:
    """Describe an index.

    Raises
    ------
    UsageError
        There is none, or it cannot be read.
    """
    snapshot = Snapshot(as_folder(folder))
    entries, maker = snapshot.manifest.segments, snapshot.maker
    roots = Counter(shown_path(r, r.root) for _, r, digest in snapshot.all_files() if digest)
    live = sum(files for _, files in snapshot.live_in_segments())
    return IndexInfo(
        os.fspath(folder),
        snapshot.pictures,
        snapshot.contents,
        live - snapshot.pictures,
        sum(entry.size_bytes for entry in entries),
        len(entries),
        sum(entry.files for entry in entries) - live,
        maker.extractor,
        maker.extractor_version,
        maker.decode,
        maker.decoder,
        VERSION,
        snapshot.manifest.generation,
        is_outdated(snapshot.manifest),
        dict(sorted(roots.items())),
    )


def verify_index(
    folder: PathLike, *, sources: bool = False, progress: Progress | None = None
) -> Wrong:
    """Check that an index is as it was written.

    Parameters
    ----------
    folder : path
    sources : bool
        Look also whether the files that were indexed are there and hold what they held. Where the
        system tells of no change, their bytes are not read.
    progress : Progress, optional

    Returns
    -------
    Wrong
        Of a damaged index the files that were indexed are not looked at.

    Raises
    ------
    UsageError
        There is none, or it cannot be opened at all.
    """
    progress = progress or Silent()
    snapshot = Snapshot(as_folder(folder))
    wrong: list[Skipped] = []
    hint = ""
    parts = [(segment, name) for segment in snapshot.segments for name in segment.entry.sections]
    progress.start("checking", len(parts), "part")
    for segment, name in parts:
        try:
            segment.check(name)
        except UsageError as error:
            wrong.append(Skipped(os.fspath(segment.path), error.message.partition(": ")[2]))
            hint = error.hint if not hint or name not in MADE_AGAIN else hint
        progress.advance(1)
    progress.finish()
    if not sources or wrong:
        return Wrong(tuple(wrong), hint=hint)
    files = [(record, digest) for _, record, digest in snapshot.all_files() if digest]
    changed = unread = 0
    away: Counter[tuple[str, str]] = Counter()
    progress.start("checking files", len(files), "file")
    for record, digest in files:
        found = file_as_it_is(record, digest)
        if isinstance(found, Absent):
            changed += found.known
            unread += not found.known
            if found.folder:
                is_root = found.folder == record.from_anywhere(record.root)
                lost = shown_path(record, record.root) if is_root else found.folder
                away[lost, found.reason] += 1
            else:
                wrong.append(Skipped(shown_path(record), found.reason))
        progress.advance(1)
    progress.finish()
    for (lost, reason), n in away.items():
        below = "one file" if n == 1 else f"{n} files"
        wrong.append(Skipped(lost, f"{reason} ({below} of the index)"))
    wrong.sort(key=lambda one: os.fsencode(one.path))
    return Wrong((), tuple(wrong), changed, unread)
