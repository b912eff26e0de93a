"""Builds an index, and keeps it up to date: adds, removes, describes, checks, makes anew."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgsim.addresses import INSIDE, absolute, printable
from imgsim.comparators.local import LAYOUT, LocalFeatures, records
from imgsim.decode.spec import DecodeMode
from imgsim.errors import UsageError, note_what_is_left
from imgsim.index.manifest import Maker, check_maker, check_not_later, shown
from imgsim.index.own_files import OwnFiles
from imgsim.index.segment import FileRecord, NewContent, NewFile, name_of
from imgsim.index.snapshot import Snapshot
from imgsim.index.sources import (
    Absent,
    found_at,
    is_unchanged,
    record_of,
    shown_path,
    unreadable,
)
from imgsim.index.writer import BATCH, Batch, IndexWriter
from imgsim.progress import Progress, Silent
from imgsim.read.collect import collect_found, note_left_out
from imgsim.read.discover import Discovered, check_there, discover
from imgsim.read.memory import MemoryPicture
from imgsim.read.options import Paths, RunOptions, as_list, as_options
from imgsim.read.remote import is_url
from imgsim.read.table import Collection
from imgsim.tasks.index_state import PathLike, as_folder
from imgsim.temporary import remove_leftovers
from imgsim.types import ImageFile, Skipped


@dataclass(frozen=True, slots=True)
class Added:
    """What was done to an index.

    Attributes
    ----------
    added, changed, unchanged : int
        Files that are new in it, that hold another content than before, and that need not be read.
    skipped : tuple of Skipped
        Files that could not be read.
    gone : tuple of str
        Files of it that are gone, and that it has no longer.
    read_again : int
        Files of it that were read again, whatever they hold, by `upgrade_index`.
    images : int
        That the index holds now.
    """

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    skipped: tuple[Skipped, ...] = ()
    gone: tuple[str, ...] = ()
    read_again: int = 0
    images: int = 0


def build_index(folder: PathLike, paths: Paths, options: RunOptions | None = None) -> Added:
    """Make an index of the pictures below some paths.

    Parameters
    ----------
    folder : path
        Of the index, which does not exist yet.
    paths : path or sequence of paths
    options : RunOptions, optional

    Raises
    ------
    UsageError
        There is something in the folder, or a path does not exist.
    """
    options = as_options(options)
    listed = _listed(paths)
    made = IndexWriter.create(as_folder(folder), Maker.own(options.decode))
    with made as writer, _says_what_is_kept(writer):
        return _add(writer, listed, options)


def add_to_index(folder: PathLike, paths: Paths, options: RunOptions | None = None) -> Added:
    """Add the pictures below some paths to an index; files that it has unchanged are not read.

    Parameters
    ----------
    folder : path
        Of the index.
    paths : path or sequence of paths
    options : RunOptions, optional

    Raises
    ------
    UsageError
        There is no index, another process changes it, it cannot be read, or a path does not exist.
    """
    options = as_options(options)
    listed = _listed(paths)
    with IndexWriter(as_folder(folder)) as writer, _says_what_is_kept(writer):
        check_maker(writer.folder, writer.snapshot.manifest, options.decode)
        return _add(writer, listed, options)


@contextmanager
def _says_what_is_kept(writer: IndexWriter) -> Iterator[None]:
    """Let what ends the run before its time say how far it came, see `left_by`."""
    try:
        yield
    except Exception:
        raise
    except BaseException as ended:
        folder = shown(writer.folder)
        images = writer.snapshot.pictures
        held = f"{folder} holds {images} image{'s' * (images != 1)}"
        note_what_is_left(ended, f"{held}, imgsim index add goes on")
        raise


def _listed(paths: Paths) -> list[str]:
    listed = as_list(paths)
    for path in listed:
        if isinstance(path, MemoryPicture):
            raise UsageError(
                "a picture in memory cannot be indexed: it is read again to be compared",
                "write it to a file",
            )
        check_there(path)
    return listed


def _add(writer: IndexWriter, paths: Sequence[str], options: RunOptions) -> Added:
    started_ns = time.time_ns()
    discovered = discover(paths, options.discover)
    note_left_out(discovered, options)
    base = os.getcwd()
    known = writer.snapshot.numbers_by_name()
    before = _by_other_paths(writer.snapshot, discovered.files, known)

    def name(path: str) -> bytes:
        return name_of(before[path].absolute if path in before else absolute(path))

    todo = [
        file
        for file in discovered.files
        if not _is_up_to_date(writer.snapshot, known.get(name(file.path)), file)
    ]
    done = Added(unchanged=len(discovered.files) - len(todo), skipped=discovered.skipped)
    with closing(_read(todo, options, started_ns)) as parts:
        for part, read in parts:
            replaced = _numbers([name(file.path) for file in part], known, writer.snapshot)
            found = [
                replace(file, record=_given_as(file.record, before))
                if file.record.path in before
                else file
                for file in _new_files(part, read, base)
            ]
            files = _without_known(found, replaced, writer.snapshot)
            held = {name: writer.snapshot.digest_of(n) for name, n in replaced.items()}
            digests = [(held.get(name_of(f.record.absolute)), f.digest) for f in files]
            new = sum(old is None and bool(now) for old, now in digests)
            changed = sum(old not in (None, now) and bool(now) for old, now in digests)
            if files or replaced:
                batch = _batch(read, files, writer.snapshot.holds)
                writer.append(batch, list(replaced.values()))
            done = replace(
                done,
                added=done.added + new,
                changed=done.changed + changed,
                unchanged=done.unchanged + len(read.pictures) - new - changed,
                skipped=(*done.skipped, *read.skipped),
            )
    if discovered.skipped:
        files = [_unread(one, base) for one in discovered.skipped]
        names = [name_of(file.record.absolute) for file in files]
        replaced = _numbers(names, known, writer.snapshot)
        files = _without_known(files, replaced, writer.snapshot)
        if files or replaced:
            writer.append(Batch((), _no_rows, files), list(replaced.values()))
    return replace(done, images=writer.snapshot.pictures)


def _by_other_paths(
    snapshot: Snapshot, files: Sequence[ImageFile], known: Mapping[bytes, int]
) -> dict[str, FileRecord]:
    """What is known of files that an index has by other paths of their folders, by theirs."""
    new = [file for file in files if name_of(absolute(file.path)) not in known] if known else []
    numbers = OwnFiles(snapshot).by_folder(new)
    return {
        str(file.path): snapshot.record(some[0])
        for file, some in zip(new, numbers, strict=True)
        if some
    }


def _numbers(
    names: Sequence[bytes], known: Mapping[bytes, int], snapshot: Snapshot
) -> dict[bytes, int]:
    """The numbers that files have now which the index knew before; each step changes them."""
    if known.keys().isdisjoint(names):
        return {}
    numbers = snapshot.numbers_by_name()
    return {name: numbers[name] for name in names if name in numbers}


def _without_known(
    files: Sequence[NewFile], replaced: dict[bytes, int], snapshot: Snapshot
) -> list[NewFile]:
    """Leave out files that cannot be read; what is known of them stays.

    That is the same reason, or what they held when they could be read.
    """
    left = []
    for file in files:
        name = name_of(file.record.absolute)
        known = replaced.get(name) if not file.digest else None
        if known is not None and (
            snapshot.record(known).reason == file.record.reason
            or (snapshot.digest_of(known) and unreadable(_on_disk(file.record)))
        ):
            del replaced[name]
        else:
            left.append(file)
    return left


def _on_disk(record: FileRecord) -> str:
    return record.absolute.partition(INSIDE)[0] if record.inside else record.absolute


def _is_up_to_date(snapshot: Snapshot, number: int | None, file: ImageFile) -> bool:
    """Whether an index has a file as it is."""
    if number is None:
        return False
    record = snapshot.record(number)
    return not record.reason and is_unchanged(record, file.stamp)


def _read(
    files: Sequence[ImageFile], options: RunOptions, started_ns: int
) -> Generator[tuple[Sequence[ImageFile], Collection]]:
    """Read some files at a time, and show how far all are."""
    if not files:
        return
    extractor = LocalFeatures()
    extractor.get_ready()
    remove_leftovers()
    progress = options.progress
    silent = replace(options, progress=_Notes(progress))
    executor = options.open_executor(options.jobs, keep=True)
    progress.start("indexing", len(files), "file")
    try:
        for start in range(0, len(files), BATCH):
            part = files[start : start + BATCH]
            yield (
                part,
                collect_found(
                    Discovered(tuple(part), ()),
                    [extractor],
                    silent,
                    executor=executor,
                    started_ns=started_ns,
                    keep_pixels=False,
                ),
            )
            progress.advance(len(part))
    finally:
        progress.finish()
        executor.close()


class _Notes(Silent):
    """Progress of a part of a stage: only what it notes is shown."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def note(self, text: str) -> None:
        self._progress.note(text)


def _new_files(part: Sequence[ImageFile], read: Collection, base: str) -> list[NewFile]:
    """What is kept of files that were read; nothing of those that are no images."""
    files = [NewFile(record_of(p.file, base, settled=p.settled), p.digest) for p in read.pictures]
    by_path = {file.path: file for file in part}
    unread = [record_of(by_path[one.path], base, reason=one.reason) for one in read.skipped]
    return [*files, *(NewFile(record, "") for record in unread)]


def _unread(one: Skipped, base: str) -> NewFile:
    """What is kept of a path that could not be looked at."""
    return NewFile(record_of(ImageFile(one.path, 0, 0, one.path), base, reason=one.reason), "")


def _batch(read: Collection, files: Sequence[NewFile], holds: Callable[[str], bool]) -> Batch:
    """Files, and those of their contents that are not stored yet."""
    firsts = {p.digest: p for p in read.pictures}
    new = [p for digest, p in firsts.items() if not holds(digest)]
    rows, places = read.tables[LocalFeatures()].lying([p.digest for p in new])
    contents = [
        NewContent(p.digest, p.facts, place) for p, place in zip(new, places.tolist(), strict=True)
    ]
    return Batch(contents, lambda some: records(rows[list(some)]), files)


def _no_rows(some: Sequence[int]) -> NDArray[Any]:
    return np.zeros(0, LAYOUT)


def remove_from_index(folder: PathLike, paths: Paths) -> int:
    """Remove files from an index; the files themselves stay, and need not be there.

    Parameters
    ----------
    folder : path
        Of the index.
    paths : path or sequence of paths
        Files, and folders and archives with all that lies below them.

    Returns
    -------
    int
        How many files were removed.

    Raises
    ------
    UsageError
        There is no index, another process changes it, it cannot be read, or a path was never
        indexed: nothing is changed then.
    """
    with IndexWriter(as_folder(folder)) as writer:
        check_not_later(writer.folder, writer.snapshot.manifest)
        files = [(number, record.absolute) for number, record, _ in writer.snapshot.all_files()]
        chosen: set[int] = set()
        for path in as_list(paths):
            whole = path if is_url(path) else os.path.abspath(path)
            below = tuple(whole.rstrip(os.sep) + end for end in (os.sep, INSIDE))
            found = {n for n, own in files if own == whole or own.startswith(below)}
            if not found:
                raise UsageError(
                    f"{printable(path)} was never indexed",
                    "name files and folders as they were added; nothing was removed",
                )
            chosen |= found
        writer.remove(sorted(chosen))
        return len(chosen)


def upgrade_index(folder: PathLike, options: RunOptions | None = None) -> Added:
    """Read all files of an index again, and put their features in the place of those that it has.

    An index that is killed meanwhile stays as it was. Files that are gone are dropped, and named. A
    file that cannot be read, or whose folder is away, is not gone: nothing is changed then.

    Parameters
    ----------
    folder : path
    options : RunOptions, optional
        How files are decoded is what the index was built with.

    Raises
    ------
    UsageError
        There is no index, another process changes it, it cannot be read, a later version of
        imgsim wrote it, or files of it cannot be read.
    """
    options = as_options(options)
    with IndexWriter(as_folder(folder)) as writer:
        snapshot = writer.snapshot
        decode = DecodeMode(snapshot.maker.decode)
        check_not_later(writer.folder, snapshot.manifest)
        options = replace(options, decode=decode)
        started_ns = time.time_ns()
        by_path: dict[str, FileRecord] = {}
        files: list[ImageFile] = []
        gone: list[str] = []
        away: dict[str, str] = {}
        with_picture: set[str] = set()
        for _, record, digest in snapshot.all_files():
            found = found_at(record, record.absolute)
            if not isinstance(found, Absent):
                by_path[found[0].path] = record
                files.append(found[0])
                if digest:
                    with_picture.add(found[0].path)
            elif digest and found.gone:
                gone.append(shown_path(record))
            elif digest:
                away[shown_path(record)] = found.reason
        _refuse_unread(writer.folder, away)
        done = Added()
        stored: set[str] = set()

        def batches() -> Iterator[Batch]:
            nonlocal done
            with closing(_read(files, options, started_ns)) as parts:
                for part, read in parts:
                    lost = {
                        shown_path(by_path[path]): reason
                        for path in (one.path for one in read.skipped)
                        if path in with_picture and (reason := unreadable(path))
                    }
                    _refuse_unread(writer.folder, lost)
                    new = [
                        replace(file, record=_given_as(file.record, by_path))
                        for file in _new_files(part, read, "")
                    ]
                    batch = _batch(read, new, stored.__contains__)
                    stored.update(one.digest for one in batch.contents)
                    done = replace(
                        done,
                        read_again=done.read_again + len(read.pictures),
                        skipped=(*done.skipped, *read.skipped),
                    )
                    yield batch

        writer.replace_all(Maker.own(decode), batches())
        gone.sort(key=os.fsencode)
        return replace(done, gone=tuple(gone), images=writer.snapshot.pictures)


def _refuse_unread(folder: Path, why: Mapping[str, str]) -> None:
    """Refuse to make an index anew without files of which nobody knows what became of them.

    Raises
    ------
    UsageError
    """
    if why:
        first, reason = min(why.items(), key=lambda one: os.fsencode(one[0]))
        more = f", and {len(why) - 1} more" if len(why) > 1 else ""
        raise UsageError(
            f"files of {shown(folder)} are not gone, but cannot be read: {printable(first)}"
            f" ({reason.removeprefix('cannot be read: ')}){more}",
            f"make them readable, or imgsim index remove {shown(folder)} PATH; nothing was changed",
        )


def _given_as(now: FileRecord, by_path: Mapping[str, FileRecord]) -> FileRecord:
    """What was read of a file, under the path by which it was given first."""
    before = by_path[now.path]
    return replace(now, path=before.path, base=before.base, root=before.root, links=before.links)
