"""The first half of the pipeline: files to pictures and feature rows, through the cache."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

from numpy.typing import NDArray

from imgsim.addresses import Address, can_be_read, printable, read_order
from imgsim.cache.records import Known
from imgsim.cache.store import Cache
from imgsim.comparators.extractor import Extractor
from imgsim.decode.decoder import decoder_id
from imgsim.decode.memory import over_memory, result_bytes
from imgsim.decode.names import claims_to_be_image, taken_by_accident, worth_reading
from imgsim.decode.spec import over_cap
from imgsim.errors import UsageError
from imgsim.executors.base import Executor, MadeWhenRun
from imgsim.read.archives.kinds import archive_kind, unread_archive
from imgsim.read.discover import Discovered, discover
from imgsim.read.extract import ExtractBatch, Extracted
from imgsim.read.files import MAX_FILE_BYTES
from imgsim.read.hashing import hash_files
from imgsim.read.manifests.reading import is_manifest
from imgsim.read.mounts import Mounts
from imgsim.read.options import RunOptions
from imgsim.read.scratch import check_room
from imgsim.read.spool import Slot, Spool
from imgsim.read.table import Collection, FeatureTable
from imgsim.read.tables.listing import table_format
from imgsim.stage_times import stage, staged
from imgsim.temporary import remove_leftovers
from imgsim.types import ImageFile, Picture, Skipped

_KEEP_SECONDS = 2.0
_BATCH_FILES = 32
_HEAVY_FILES = 256
_LIST = "content is no image format; if it lists pictures, --manifest reads it"


def collect(
    paths: Sequence[str],
    extractors: Sequence[Extractor],
    options: RunOptions,
    *,
    keep_workers: bool = False,
    executor: Executor | None = None,
    later_bytes: Callable[[int], int] | None = None,
) -> Collection:
    """Read what is not known yet of the images below some paths.

    Parameters
    ----------
    paths : sequence of str
    extractors : sequence of Extractor
    options : RunOptions
    keep_workers : bool
        The caller closes `Collection.executor`. Otherwise only extractors that need pixels again
        leave one.
    executor : Executor or None
        Where files are decoded; it stays open. By default a new one.
    later_bytes : callable, optional
        Bytes of temporary files that so many files that are no references need later, at least.

    Raises
    ------
    UsageError
        A path does not exist, or there is no room for those.
    """
    for extractor in extractors:
        extractor.get_ready()
    remove_leftovers()
    started_ns = time.time_ns()
    discovered = discover(paths, options.discover)
    if later_bytes is not None:
        check_room(later_bytes(sum(not f.reference for f in discovered.files if worth_reading(f))))
    note_left_out(discovered, options)
    return collect_found(
        discovered,
        extractors,
        options,
        keep_workers=keep_workers,
        executor=executor,
        started_ns=started_ns,
    )


def collect_found(
    discovered: Discovered,
    extractors: Sequence[Extractor],
    options: RunOptions,
    *,
    keep_workers: bool = False,
    executor: Executor | None = None,
    started_ns: int | None = None,
    keep_pixels: bool = True,
) -> Collection:
    """Read what is not known yet of images that were found, see `collect`.

    Parameters
    ----------
    discovered : Discovered
    extractors : sequence of Extractor
        They are ready.
    options : RunOptions
    keep_workers : bool
    executor : Executor or None
    started_ns : int, optional
        When the search for them began.
    keep_pixels : bool
        Keep pixels that verification needs again in a spool.
    """
    started_ns = time.time_ns() if started_ns is None else started_ns
    files = [file for file in discovered.files if worth_reading(file)]
    with closing(options.open_cache(started_ns)) as cache:
        run = _Collecting(
            files, tuple(dict.fromkeys(extractors)), options, cache, started_ns, keep_workers
        )
        run.keep_pixels = keep_pixels
        if executor is not None:
            run.keep_workers, run.executor = True, executor
        with stage("caching"):
            run.look_up()
        run.extract()
    return run.finish(discovered.skipped, len(discovered.files) - len(files))


def note_left_out(discovered: Discovered, options: RunOptions) -> None:
    """Say which archives and links in the folders are not looked into."""
    if not options.discover.archives:
        _note_archives(discovered.files, options)
    _note_links(discovered, options)


def _note_links(discovered: Discovered, options: RunOptions) -> None:
    """Say how many symbolic links lie in the folders and are not followed."""
    if discovered.links:
        what = _counted(discovered.links, "symbolic link")
        folders = ", ".join(map(printable, discovered.only_links))
        only = f"; there is nothing else in {folders}" if folders else ""
        options.progress.note(f"{what} not followed (--follow-symlinks){only}")


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun if number == 1 else noun + 's'}"


def _note_archives(files: Sequence[ImageFile], options: RunOptions) -> None:
    """Say how many archives and tables lie in the folders and are not looked into."""
    archives = sum(archive_kind(file.path) is not None for file in files)
    tables = sum(table_format(file.path) is not None for file in files)
    counted = [
        _counted(number, noun)
        for number, noun in ((archives, "archive"), (tables, "table"))
        if number
    ]
    if counted:
        options.progress.note(f"{' and '.join(counted)} not looked into (--archives)")
    unread = [file.path for file in files if unread_archive(file.path)]
    if unread:
        more = f", and {len(unread) - 1:,} more" if unread[1:] else ""
        options.progress.note(f"{printable(unread[0])}{more}: {unread_archive(unread[0])}")


def _check_importable(extractor: Extractor) -> None:
    """Refuse what worker processes cannot import.

    Raises
    ------
    UsageError
    """
    cls = type(extractor)
    if cls.__module__ == "__main__" or "<locals>" in cls.__qualname__:
        where = "a function" if "<locals>" in cls.__qualname__ else "a script or notebook"
        raise UsageError(
            # all in the message: IPython shows no more of an error
            f"worker processes cannot import {cls.__name__}, which is defined in {where}:"
            " move it to a module of its own (a .py file that you import),"
            ' or give options=RunOptions(executor="threads")'
        )


class _OnMounts:
    """Files of batches that lie on mounts which have stopped to answer."""

    def __init__(self, mounts: Mounts) -> None:
        self.mounts = mounts

    def before(self, batch: ExtractBatch) -> dict[int, str]:
        reasons = ((place, self.mounts.why_not(path)) for place, path in enumerate(batch.paths))
        return {place: reason for place, reason in reasons if reason}

    def after_hang(self, batch: ExtractBatch, place: int) -> str:
        for path in batch.paths[:place]:
            self.mounts.was_read(path)
        self.mounts.gave_up(batch.paths[place])
        return self.mounts.why_not(batch.paths[place])


class _Collecting:
    """The state of one `collect`."""

    def __init__(
        self,
        files: Sequence[ImageFile],
        extractors: tuple[Extractor, ...],
        options: RunOptions,
        cache: Cache,
        started_ns: int,
        keep_workers: bool,
    ) -> None:
        again = any(e.needs_pixels_again for e in extractors)
        # a network runs in this process, and its threads are not kept
        self.keep_workers = (keep_workers or again) and not any(e.heavy for e in extractors)
        self.files = files
        self.started_ns = started_ns
        self.extractors = extractors
        self.options = options
        self.cache = cache
        self.decoder = options.make_decoder(options.jobs)
        self.label = decoder_id(options.decode)
        self.digests: dict[str, str] = {}  # by path
        self.unlisted: dict[str, ImageFile] = {}  # not in the cache, by path
        self.copies: dict[str, list[str]] = {}  # paths of the contents that are hashed
        self.known: dict[str, Known] = {}  # by digest
        self.failed: dict[str, str] = {}  # reasons of this run, by path
        self.as_read: dict[str, ImageFile] = {}  # files as they were when they were read, by path
        self.tables = {e: FeatureTable(e, len(files)) for e in extractors}
        self.new: list[tuple[ImageFile, str, Known | None, Sequence[NDArray[Any]]]] = []
        self.kept_at = time.monotonic()
        self.decoded = 0
        self.seconds_decoding = 0.0
        self.spool: Spool | None = None
        self.slots: dict[str, Slot] = {}
        self.keep_pixels = True
        self.executor: Executor | None = None
        self.mounts = Mounts(files, options.file_timeout)

    def look_up(self) -> None:
        """Find out what is known already: by path, else by content."""
        self.digests = self.cache.digests(self.files)
        for path in self.digests:
            if not can_be_read(path):  # known or not, the result is the same
                self.failed[path] = "cannot be read: Permission denied"
        self.unlisted = {f.path: f for f in self.files if f.path not in self.digests}
        unknown = list(self.unlisted.values())
        # The content of others is hashed when it is read to be decoded, with one read.
        sizes = Counter(f.size_bytes for f in self.files)
        sizes.update(self.cache.known_sizes({f.size_bytes for f in unknown}))
        self._hash(
            [f for f in unknown if sizes[f.size_bytes] > 1 and f.size_bytes <= self._most_hashed(f)]
        )
        for path, digest in self.digests.items():
            self.copies.setdefault(digest, []).append(path)
        digests = dict(zip(self.copies, self.copies, strict=True))  # each is one string
        for path, digest in self.digests.items():
            self.digests[path] = digests[digest]
        facts = self.cache.facts(digests, self.label)
        self.known = {digests[digest]: known for digest, known in facts.items()}
        images = [d for d, known in self.known.items() if known.facts is not None]
        for extractor, table in self.tables.items():
            for digest, row in self.cache.rows(extractor, self.label, images):
                table.add(digests[digest], row)
        for digest in images:
            if any(digest not in table.places for table in self.tables.values()):
                del self.known[digest]

    def _most_hashed(self, file: ImageFile) -> int:
        """Bytes up to which a file is hashed before it is decoded; what is no file, in memory."""
        return self.decoder.share if isinstance(file.path, Address) else MAX_FILE_BYTES

    def _hash(self, files: Sequence[ImageFile]) -> None:
        if not files:
            return
        options = self.options
        options.progress.start("reading", len(files), "file")
        try:
            files = sorted(files, key=lambda f: read_order(f.path))
            with closing(
                hash_files(files, options.jobs, options.file_timeout, self.mounts)
            ) as hashed:
                for file, content, reason in hashed:
                    if content is not None:
                        self.digests[file.path] = content[0]
                        self.as_read[file.path] = file.with_stamp(content[1])
                    if reason:
                        self.failed[file.path] = reason
                    options.progress.advance(1)
        finally:
            options.progress.finish()

    def extract(self) -> None:
        """Decode one file of each content that is not known."""
        while todo := self._missing():
            self._extract(todo)
        for file in self.unlisted.values():
            digest = self.digests.get(file.path)
            if digest in self.known and file.path not in self.failed:
                self.new.append((self.as_read[file.path], digest, None, ()))
        self._flush()

    def _missing(self) -> list[ImageFile]:
        """The first file of each content that is not known, of those that could be read so far."""
        work: dict[str, ImageFile] = {}
        for file in self.files:
            digest = self.digests.get(file.path)
            if file.path not in self.failed and (digest is None or digest not in self.known):
                work.setdefault(digest or file.path, file)
        return sorted(work.values(), key=lambda f: read_order(f.path))

    def _extract(self, todo: Sequence[ImageFile]) -> None:
        jobs = self.options.jobs
        heavy = any(e.heavy for e in self.extractors)
        # A network runs once, and is fed by threads; hashes run in all workers.
        size = _HEAVY_FILES if heavy else max(1, min(_BATCH_FILES, len(todo) // (4 * jobs)))
        threads = jobs if heavy else 1
        parts = [tuple(f.path for f in todo[i : i + size]) for i in range(0, len(todo), size)]
        kept = [e.wants.at_most for e in self.extractors if e.needs_pixels_again]
        spool = self._new_spool() if kept else None

        def batch(number: int) -> ExtractBatch:
            part = parts[number]
            file = spool.file(number, len(part) * max(kept) ** 2) if spool else ""
            return ExtractBatch(part, self.extractors, self.decoder, threads, file)

        batches = MadeWhenRun(batch, len(parts))  # when it is known what others took of the spool
        if self.options.executor != "threads":
            for extractor in self.extractors:
                _check_importable(extractor)
        keep = self.keep_workers
        executor = self.executor or self.options.open_executor(1 if heavy else jobs, keep=keep)
        if keep:
            self.executor = executor  # its workers need not start once more
        progress = self.options.progress
        progress.start("decoding", len(todo), "image")
        try:
            with closing(executor.run_items(batches, _OnMounts(self.mounts))) as results:
                for number, extracted in results:
                    for place, one in extracted.items():
                        self._take(todo[number * size + place], one)
                    if spool is not None:
                        slots = [one.slot for one in extracted.values() if one.slot is not None]
                        spool.wrote(number, sum(slot.height * slot.width for slot in slots))
                    progress.advance(len(extracted))
                    if time.monotonic() - self.kept_at > _KEEP_SECONDS:
                        self._flush()
        except BaseException:
            self._flush()  # the next run goes on from here
            executor.close()
            raise
        finally:
            if not keep:
                executor.close()
            progress.finish()

    def _new_spool(self) -> Spool | None:
        """A spool for all that is decoded; what is decoded later is too little to matter."""
        if not self.keep_pixels or self.spool is not None:
            return None
        try:
            self.spool = Spool()
        except OSError:  # no folder for temporary files: what is needed again is decoded again
            return None
        return self.spool

    def _take(self, file: ImageFile, one: Extracted) -> None:
        self.decoded += 1
        self.mounts.was_read(file.path)
        self.seconds_decoding += one.seconds
        if one.stamp is not None:
            self.as_read[file.path] = file.with_stamp(one.stamp)
        if one.digest is not None and not one.lasting and not one.identified:
            self.digests[file.path] = one.digest  # no image, as far as this run can tell
            self.known[one.digest] = Known(None, one.reason, identified=False)
            return
        if one.digest is None or not one.lasting:
            copies = self.copies.get(self.digests.get(file.path, ""), []) if one.opened else []
            for path in (file.path, *copies):
                self.failed[path] = one.reason
            return
        self.digests[file.path] = one.digest
        self.known[one.digest] = Known(one.facts, one.reason, one.identified)
        for table, row in zip(self.tables.values(), one.rows, strict=False):
            table.add(one.digest, row)
        if one.slot is not None:
            self.slots[one.digest] = one.slot
        read = self.as_read[file.path]
        self.new.append((read, one.digest, self.known[one.digest], one.rows))
        self.unlisted.pop(file.path, None)

    def _over_memory(self, picture: Picture) -> str | None:
        """Say why a picture that is known already would be skipped if it were not."""
        facts = picture.facts
        wants = [extractor.wants for extractor in self.extractors]
        results = result_bytes(facts.width, facts.height, self.options.decode, tuple(wants))
        return over_memory(facts.decode_bytes + results, self.options.max_memory)

    @staged("caching")
    def _flush(self) -> None:
        self.cache.keep(self.label, self.extractors, self.new)
        self.new = []
        self.kept_at = time.monotonic()

    def finish(self, unseen: Sequence[Skipped], others: int) -> Collection:
        """Sort files into pictures, skipped and left out."""
        options = self.options
        pictures: list[Picture] = []
        skipped = list(unseen)
        too_small = 0
        for file in self.files:
            digest = self.digests.get(file.path)
            known = self.known.get(digest) if digest and file.path not in self.failed else None
            if known is None or digest is None:
                largest = min(MAX_FILE_BYTES, options.max_memory)
                if file.size_bytes > largest and not claims_to_be_image(file):
                    others += 1
                else:
                    skipped.append(Skipped(file.path, self.failed.get(file.path, "cannot be read")))
            elif known.facts is None:
                if known.identified or claims_to_be_image(file):
                    listed = not known.identified and is_manifest(file.path)
                    skipped.append(Skipped(file.path, _LIST if listed else known.reason))
                else:
                    others += 1
            elif taken_by_accident(file, known.facts):
                others += 1
            else:
                read = self.as_read.get(file.path, file)
                settled = read.stamp.is_settled(self.started_ns)
                picture = Picture(read, digest, known.facts, settled=settled)
                reason = over_cap(picture.pixels, options.max_pixels) or self._over_memory(picture)
                if reason:
                    skipped.append(Skipped(file.path, reason))
                elif picture.pixels < options.min_pixels:
                    too_small += 1
                else:
                    pictures.append(picture)
        for table in self.tables.values():
            table.sort()
        return Collection(
            tuple(pictures),
            tuple(sorted(skipped, key=lambda s: os.fsencode(s.path))),
            others,
            too_small,
            self.decoded,
            self.tables,
            self.seconds_decoding,
            self.spool,
            self.slots,
            self.executor,
        )
