"""Keeps in SQLite, between runs, what was learned about files.

Facts and features belong to a content (sha256), so a moved or copied file is known at once; a
look-up by path, size, times and inode spares reading unchanged files. Long feature rows lie in
files beside the database, see `rowfile.RowFile`. Every record has a check sum of all that leads to
it; one that is wrong is as if not there. Whatever is wrong with the cache, the run goes on without
it and says so.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from imgsim.addresses import absolute
from imgsim.cache.database import Database
from imgsim.cache.records import (
    Known,
    check_sum,
    dump,
    load_known,
    load_metadata,
    load_record,
    stamp_text,
)
from imgsim.cache.rowfile import RowFile, row_path
from imgsim.cache.schema import CacheDamaged
from imgsim.comparators.extractor import Extractor
from imgsim.decode.metadata import Metadata
from imgsim.types import ImageFile, Verdict

T = TypeVar("T")

ROW_BYTES_IN_DATABASE = 512
"""Longer rows lie in files beside the database."""


Entry = tuple[ImageFile, str, Known | None, Sequence[NDArray[Any]]]
"""A file, its digest, what is known of the content, and its rows; see `Cache.keep`."""


class Cache(Database):
    """The open cache. Its methods never raise because of the file; see `Database`.

    Several processes may use one file at a time. One instance belongs to one thread.

    Parameters
    ----------
    path : Path or None
        None keeps nothing.
    warn : callable
        Told in one line what is wrong with it.
    started_ns : int, optional
        When the run began to read files; one that was changed shortly before is not believed by
        its stamp, see `FileStamp.is_settled`.
    """

    def __init__(
        self, path: Path | None, warn: Callable[[str], object], started_ns: int | None = None
    ) -> None:
        self._started_ns = time.time_ns() if started_ns is None else started_ns
        super().__init__(path, warn)

    # Looking up ---------------------------------------------------------------------------

    def digests(self, files: Sequence[ImageFile]) -> dict[str, str]:
        """Digests of the files whose path and stamp are known, by path."""
        digests: dict[str, str] = {}
        by_key = {_path_key(f.path): f for f in files}
        query = (
            "SELECT f.path, f.stamp, f.check_sum, c.digest FROM file f JOIN content c"
            " ON c.id = f.content WHERE f.path IN ({})"
        )
        for path, stamp, check, digest in self._select(query, by_key):
            file = by_key[path]
            if stamp == stamp_text(file.stamp) and check == check_sum(path, stamp, digest):
                digests[file.path] = digest.hex()
        return digests

    def known_sizes(self, sizes: Iterable[int]) -> set[int]:
        """Those sizes, in bytes, that a known content has."""
        query = "SELECT DISTINCT size FROM content WHERE size IN ({})"
        return {size for (size,) in self._select(query, set(sizes))}

    def facts(self, digests: Iterable[str], decoder: str) -> dict[str, Known]:
        """Facts of those contents that are known under a decoder, by digest."""
        label = self._label(decoder, create=False)
        if label is None:
            return {}
        query = (
            "SELECT c.digest, f.check_sum, f.facts, f.reason, f.identified FROM content c"
            f" JOIN fact f ON f.content = c.id AND f.decoder = {label} WHERE c.digest IN ({{}})"
        )
        known_facts = {}
        for digest, check, *columns in self._select(query, map(bytes.fromhex, digests)):
            if check == check_sum(digest, decoder, *columns):
                known = load_known(*columns)
                if known is not None:
                    known_facts[digest.hex()] = known
        return known_facts

    def rows(
        self, extractor: Extractor, decoder: str, digests: Sequence[str]
    ) -> Iterator[tuple[str, NDArray[Any]]]:
        """Yield the rows of an extractor that are known, as (digest, row).

        A row has the extractor's shape and dtype.
        """
        text = f"{extractor.key} {decoder}"
        label = self._label(text, create=False)
        if label is None:
            return
        query = (
            "SELECT c.digest, f.row, f.place, f.check_sum FROM content c JOIN feature f"
            f" ON f.content = c.id AND f.extractor = {label} WHERE c.digest IN ({{}})"
        )
        with closing(self._row_file(extractor, decoder)) as file:
            for digest, data, place, check in self._select(query, map(bytes.fromhex, digests)):
                if data is None and place is not None and self._db is not None:
                    with self._trouble():
                        data = file.read(place)
                if (
                    isinstance(data, bytes)
                    and len(data) == extractor.row_bytes
                    and check == check_sum(digest, text, data)
                ):
                    yield (
                        digest.hex(),
                        np.frombuffer(data, extractor.dtype).reshape(extractor.shape),
                    )

    def verdicts(self, label: str, lefts: Iterable[str]) -> dict[tuple[str, str], Verdict]:
        """Verdicts on those pairs of contents that are known; as `pair_records`."""
        return self.pair_records(label, lefts, Verdict)

    def keep_verdicts(self, label: str, verdicts: Mapping[tuple[str, str], Verdict]) -> None:
        """Store verdicts on pairs of contents; as `keep_pair_records`."""
        self.keep_pair_records(label, verdicts)

    def pair_records(
        self, label: str, lefts: Iterable[str], kind: type[T]
    ) -> dict[tuple[str, str], T]:
        """Records on those pairs of contents that are known, by their digests.

        Parameters
        ----------
        label : str
            Of the method that made them, see `keep_pair_records`.
        lefts : iterable of str
            Digests of the first of each pair.
        kind : type
            The dataclass that they are.
        """
        number = self._label(label, create=False)
        if number is None:
            return {}
        query = (
            "SELECT l.digest, r.digest, v.verdict, v.check_sum FROM content l JOIN verdict v"
            f" ON v.left = l.id AND v.label = {number} JOIN content r ON r.id = v.right"
            " WHERE l.digest IN ({})"
        )
        records = {}
        keys = map(bytes.fromhex, sorted(set(lefts)))
        for left, right, text, check in self._select(query, keys):
            if check == check_sum(left, right, label, text):
                record = load_record(kind, text)
                if record is not None:
                    records[left.hex(), right.hex()] = record
        return records

    def keep_pair_records(self, label: str, records: Mapping[tuple[str, str], object]) -> None:
        """Store dataclasses on pairs of contents, by their digests; both must be stored."""
        if self._db is None or not records:
            return
        with self._trouble(), self._transaction() as db:
            number = self._label(label, create=True)
            db.executemany(
                "INSERT OR REPLACE INTO verdict SELECT ?, l.id, r.id, ?, ? FROM content l,"
                " content r WHERE l.digest = ? AND r.digest = ?",
                [
                    (number, text, check_sum(left, right, label, text), left, right)
                    for left, right, text in (
                        (bytes.fromhex(one), bytes.fromhex(other), dump(record))
                        for (one, other), record in records.items()
                    )
                ],
            )

    def sample_digests(self, label: str, digests: Iterable[str]) -> dict[str, str | None]:
        """Digests of samples that are known, by the digests of the bytes.

        Parameters
        ----------
        label : str
            Of what decodes, see `keep_sample_digests`.
        digests : iterable of str
        """
        known = self._known_values("sample", "digest", label, digests)
        return {content: samples.hex() if samples else None for content, samples in known}

    def keep_sample_digests(self, label: str, samples: Mapping[str, str | None]) -> None:
        """Store digests of samples, by the digests of the bytes; these must be stored."""
        values = {one: bytes.fromhex(other) if other else None for one, other in samples.items()}
        self._keep_values("sample", label, values)

    def metadata(self, label: str, digests: Iterable[str]) -> dict[str, Metadata]:
        """Metadata of those contents that are known, by digest.

        Parameters
        ----------
        label : str
            Of what reads them, see `keep_metadata`.
        digests : iterable of str
        """
        read = (
            (content, load_metadata(text))
            for content, text in self._known_values("metadata", "metadata", label, digests)
        )
        return {content: metadata for content, metadata in read if metadata is not None}

    def keep_metadata(self, label: str, metadata: Mapping[str, Metadata]) -> None:
        """Store metadata by the digests of the contents; these must be stored."""
        values = {digest: dump(one) for digest, one in metadata.items()}
        self._keep_values("metadata", label, values)

    def proposals(self, label: str, digest: str) -> bytes:
        """What was stored last of the pairs of some pictures, by a content; empty if nothing was.

        Parameters
        ----------
        label : str
            Of what proposes them, see `keep_proposals`.
        digest : str
        """
        known = self._known_values("proposals", "pairs", label, [digest])
        return next((data for _, data in known), b"")

    def keep_proposals(self, label: str, digest: str, data: bytes) -> None:
        """Store the pairs of some pictures in the place of a content, which must be stored."""
        self._keep_values("proposals", label, {digest: data})

    def _known_values(
        self, table: str, column: str, label: str, digests: Iterable[str]
    ) -> Iterator[tuple[str, Any]]:
        """Yield the values of a table with one for each content and label, by the digests."""
        number = self._label(label, create=False)
        if number is None:
            return
        query = (
            f"SELECT c.digest, v.{column}, v.check_sum FROM content c JOIN {table} v"
            f" ON v.content = c.id AND v.label = {number} WHERE c.digest IN ({{}})"
        )
        for content, value, check in self._select(query, map(bytes.fromhex, digests)):
            if check == check_sum(content, label, value):
                yield content.hex(), value

    def _keep_values(self, table: str, label: str, values: Mapping[str, Any]) -> None:
        """Store values in such a table; the contents must be stored."""
        if self._db is None or not values:
            return
        with self._trouble(), self._transaction() as db:
            number = self._label(label, create=True)
            db.executemany(
                f"INSERT OR REPLACE INTO {table} SELECT ?, id, ?, ? FROM content WHERE digest = ?",
                [
                    (number, value, check_sum(content, label, value), content)
                    for digest, value in values.items()
                    for content in [bytes.fromhex(digest)]
                ],
            )

    # Keeping ------------------------------------------------------------------------------

    def keep(
        self,
        decoder: str,
        extractors: Sequence[Extractor],
        entries: Sequence[Entry],
    ) -> None:
        """Store what was learned of some files, in one transaction.

        Parameters
        ----------
        decoder : str
        extractors : sequence of Extractor
        entries : sequence of (file, digest, known, rows)
            `known` is None for a file whose content is stored already (only its path is new);
            rows are in order of `extractors`, each of that one's shape and dtype.
        """
        if self._db is None or not entries:
            return
        with self._trouble(), self._transaction() as db:
            ids = self._write_contents(db, entries)
            self._write_facts(db, decoder, entries, ids)
            for column, extractor in enumerate(extractors):
                rows = [
                    (ids[digest], bytes.fromhex(digest), row[column].tobytes())
                    for _, digest, _, row in entries
                    if row
                ]
                self._write_rows(db, extractor, decoder, rows)

    def _write_contents(self, db: sqlite3.Connection, entries: Sequence[Entry]) -> dict[str, int]:
        """Write contents and the files that hold them; the numbers of the contents."""
        db.executemany(
            "INSERT OR IGNORE INTO content (digest, size) VALUES (?, ?)",
            [(bytes.fromhex(digest), file.size_bytes) for file, digest, _, _ in entries],
        )
        ids: dict[str, int] = {}
        for _, digest, _, _ in entries:
            stored = db.execute(
                "SELECT id FROM content WHERE digest = ?", (bytes.fromhex(digest),)
            ).fetchone()
            if stored is None:
                raise CacheDamaged("a content that was written is not there")
            ids[digest] = stored[0]
        db.executemany(
            "INSERT OR REPLACE INTO file VALUES (?, ?, ?, ?)",
            [
                (path, stamp, ids[digest], check_sum(path, stamp, bytes.fromhex(digest)))
                for path, stamp, digest in (
                    (_path_key(file.path), stamp_text(file.stamp), digest)
                    for file, digest, _, _ in entries
                    if file.stamp.is_settled(self._started_ns)
                )
            ],
        )
        return ids

    def _write_facts(
        self,
        db: sqlite3.Connection,
        decoder: str,
        entries: Sequence[Entry],
        ids: Mapping[str, int],
    ) -> None:
        label = self._label(decoder, create=True)
        records = []
        for _, digest, known, _ in entries:
            if known is not None:
                facts = dump(known.facts) if known.facts else None
                columns = facts, known.reason, int(known.identified)
                check = check_sum(bytes.fromhex(digest), decoder, *columns)
                records.append((ids[digest], label, *columns, check))
        db.executemany("INSERT OR REPLACE INTO fact VALUES (?, ?, ?, ?, ?, ?)", records)

    def _write_rows(
        self,
        db: sqlite3.Connection,
        extractor: Extractor,
        decoder: str,
        rows: Sequence[tuple[int, bytes, bytes]],
    ) -> None:
        """Write (number of the content, its digest, row); long rows go to the file of rows."""
        text = f"{extractor.key} {decoder}"
        label = self._label(text, create=True)
        places: Sequence[int | None] = [None] * len(rows)
        if extractor.row_bytes > ROW_BYTES_IN_DATABASE:
            (last,) = db.execute(
                "SELECT MAX(place) FROM feature WHERE extractor = ?", (label,)
            ).fetchone()
            file = self._row_file(extractor, decoder)
            first = file.next_place(last)
            file.write(first, [row for _, _, row in rows])
            places = range(first, first + len(rows))
        db.executemany(
            "INSERT OR REPLACE INTO feature VALUES (?, ?, ?, ?, ?)",
            [
                (label, number, row if place is None else None, place, check_sum(digest, text, row))
                for (number, digest, row), place in zip(rows, places, strict=True)
            ],
        )

    def _row_file(self, extractor: Extractor, decoder: str) -> RowFile:
        assert self.path is not None
        return RowFile(row_path(self.path, f"{extractor.key} {decoder}"), extractor.row_bytes)


def _path_key(path: str) -> bytes:
    return os.fsencode(absolute(path))
