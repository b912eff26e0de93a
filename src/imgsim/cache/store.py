"""Keeps in SQLite, between runs, what was learned about files.

Facts and features belong to a content (sha256), so a moved or copied file is known at once; a
look-up by path, size and modification time spares reading unchanged files. Long feature rows lie
in files beside the database, see `rowfile.RowFile`. Whatever is wrong with the cache, the run goes
on without it and says so.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgsim.cache.rowfile import RowFile, row_path
from imgsim.cache.schema import connect
from imgsim.comparators.extractor import Extractor
from imgsim.errors import CacheUnusable
from imgsim.types import ImageFacts, ImageFile, Verdict

ROW_BYTES_IN_DATABASE = 512
"""Longer rows lie in files beside the database."""


_BATCH = 500

_UNSETTLED_NS = 2_000_000_000
"""A file changed so shortly ago may change again without another modification time."""


@dataclass(frozen=True, slots=True)
class Known:
    """The facts of a content, or the reason why there are none.

    Attributes
    ----------
    facts : ImageFacts or None
    reason : str
    identified : bool
        It is an image of some kind, even if not a readable one.
    """

    facts: ImageFacts | None
    reason: str = ""
    identified: bool = True


Entry = tuple[ImageFile, str, Known | None, Sequence[NDArray[Any]]]
"""A file, its digest, what is known of the content, and its rows; see `Cache.keep`."""


class Cache:
    """The open cache. Its methods never raise because of the file; see `_trouble`.

    Several processes may use one file at a time. One instance belongs to one thread.

    Parameters
    ----------
    path : Path or None
        None keeps nothing.
    warn : callable
        Told once, in one line, why the cache is not used.
    started_ns : int, optional
        When the run began to read files; their times are not trusted from 2 s before it on.
    """

    def __init__(
        self, path: Path | None, warn: Callable[[str], object], started_ns: int | None = None
    ) -> None:
        self.path = path
        self._started_ns = time.time_ns() if started_ns is None else started_ns
        self._warn = warn
        self._db: sqlite3.Connection | None = None
        self._labels: dict[str, int] = {}
        if path is None:
            return
        with self._trouble():
            self._db = connect(path)

    def close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

    @contextmanager
    def _trouble(self) -> Iterator[None]:
        """Turn trouble with the file into one warning, and go on without it."""
        try:
            yield
        except (sqlite3.Error, OSError, CacheUnusable) as error:
            database, self._db = self._db, None
            if database is not None:
                database.close()
            self._warn(f"going on without the cache {self.path}: {error}")

    # Looking up ---------------------------------------------------------------------------

    def digests(self, files: Sequence[ImageFile]) -> dict[str, str]:
        """Digests of the files whose path, size and modification time are known, by path."""
        digests: dict[str, str] = {}
        by_key = {_path_key(f.path): f for f in files}
        query = (
            "SELECT f.path, f.size, f.mtime_ns, c.digest FROM file f JOIN content c"
            " ON c.id = f.content WHERE f.path IN ({})"
        )
        for path, size, mtime_ns, digest in self._select(query, by_key):
            file = by_key[path]
            if (file.size_bytes, file.mtime_ns) == (size, mtime_ns):
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
            "SELECT c.digest, f.facts, f.reason, f.identified FROM content c JOIN fact f"
            f" ON f.content = c.id AND f.decoder = {label} WHERE c.digest IN ({{}})"
        )
        known_facts = {}
        for digest, *columns in self._select(query, map(bytes.fromhex, digests)):
            facts, reason, identified = columns
            try:
                facts = ImageFacts(**json.loads(facts)) if facts else None
                known = Known(facts, reason, bool(identified))
            except (TypeError, ValueError):
                continue  # damaged: as if not known
            known_facts[digest.hex()] = known
        return known_facts

    def rows(
        self, extractor: Extractor, decoder: str, digests: Sequence[str]
    ) -> Iterator[tuple[str, NDArray[Any]]]:
        """Yield the rows of an extractor that are known, as (digest, row).

        A row has the extractor's shape and dtype.
        """
        label = self._label(f"{extractor.key} {decoder}", create=False)
        if label is None:
            return
        query = (
            "SELECT c.digest, f.row, f.place, f.check_sum FROM content c JOIN feature f"
            f" ON f.content = c.id AND f.extractor = {label} WHERE c.digest IN ({{}})"
        )
        file = self._row_file(extractor, decoder)
        for digest, data, place, check_sum in self._select(query, map(bytes.fromhex, digests)):
            if data is None and place is not None and self._db is not None:
                with self._trouble():
                    data = file.read(place)
            if data is None or len(data) != extractor.row_bytes or zlib.crc32(data) != check_sum:
                continue  # damaged: as if not known
            yield digest.hex(), np.frombuffer(data, extractor.dtype).reshape(extractor.shape)

    def verdicts(self, label: str, lefts: Iterable[str]) -> dict[tuple[str, str], Verdict]:
        """Verdicts on those pairs of contents that are known, by their digests.

        Parameters
        ----------
        label : str
            Of the method that verified them, see `keep_verdicts`.
        lefts : iterable of str
            Digests of the first of each pair.
        """
        number = self._label(label, create=False)
        if number is None:
            return {}
        query = (
            "SELECT l.digest, r.digest, v.verdict FROM content l JOIN verdict v ON v.left = l.id"
            f" AND v.label = {number} JOIN content r ON r.id = v.right WHERE l.digest IN ({{}})"
        )
        verdicts = {}
        for left, right, text in self._select(query, map(bytes.fromhex, sorted(set(lefts)))):
            try:
                fields = json.loads(text)
                verdict = Verdict(**{**fields, "matrix": tuple(fields["matrix"])})
            except (TypeError, ValueError, KeyError):
                continue  # damaged: as if not known
            verdicts[left.hex(), right.hex()] = verdict
        return verdicts

    def keep_verdicts(self, label: str, verdicts: dict[tuple[str, str], Verdict]) -> None:
        """Store verdicts on pairs of contents, by their digests; both contents must be stored."""
        if self._db is None or not verdicts:
            return
        with self._trouble(), self._transaction() as db:
            number = self._label(label, create=True)
            db.executemany(
                "INSERT OR REPLACE INTO verdict SELECT ?, l.id, r.id, ? FROM content l,"
                " content r WHERE l.digest = ? AND r.digest = ?",
                [
                    (number, json.dumps(asdict(v)), bytes.fromhex(one), bytes.fromhex(other))
                    for (one, other), v in verdicts.items()
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
        number = self._label(label, create=False)
        if number is None:
            return {}
        query = (
            "SELECT c.digest, s.digest FROM content c JOIN sample s ON s.content = c.id"
            f" AND s.label = {number} WHERE c.digest IN ({{}})"
        )
        rows = self._select(query, map(bytes.fromhex, digests))
        return {content.hex(): samples.hex() if samples else None for content, samples in rows}

    def keep_sample_digests(self, label: str, samples: Mapping[str, str | None]) -> None:
        """Store digests of samples, by the digests of the bytes; these must be stored."""
        if self._db is None or not samples:
            return
        with self._transaction() as db:
            number = self._label(label, create=True)
            db.executemany(
                "INSERT OR REPLACE INTO sample SELECT ?, id, ? FROM content WHERE digest = ?",
                [
                    (number, bytes.fromhex(digest) if digest else None, bytes.fromhex(content))
                    for content, digest in samples.items()
                ],
            )

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing of what is written."""
        database = self._db
        assert database is not None
        database.execute("BEGIN IMMEDIATE")
        try:
            yield database
            database.execute("COMMIT")
        except BaseException:
            if database.in_transaction:
                database.execute("ROLLBACK")
            self._labels.clear()
            raise

    def _select(self, query: str, keys: Iterable[Any]) -> Iterator[tuple[Any, ...]]:
        if self._db is None:
            return
        wanted = list(keys)
        for i in range(0, len(wanted), _BATCH):
            part = wanted[i : i + _BATCH]
            records: list[tuple[Any, ...]] = []
            with self._trouble():
                records = self._db.execute(query.format(",".join("?" * len(part))), part).fetchall()
            yield from records
            if self._db is None:
                return

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
                    (ids[digest], row[column].tobytes()) for _, digest, _, row in entries if row
                ]
                self._write_rows(db, extractor, decoder, rows)

    def _write_contents(self, db: sqlite3.Connection, entries: Sequence[Entry]) -> dict[str, int]:
        """Write contents and the files that hold them; the numbers of the contents."""
        db.executemany(
            "INSERT OR IGNORE INTO content (digest, size) VALUES (?, ?)",
            [(bytes.fromhex(digest), file.size_bytes) for file, digest, _, _ in entries],
        )
        ids = {}
        for _, digest, _, _ in entries:
            ids[digest] = db.execute(
                "SELECT id FROM content WHERE digest = ?", (bytes.fromhex(digest),)
            ).fetchone()[0]
        db.executemany(
            "INSERT OR REPLACE INTO file VALUES (?, ?, ?, ?)",
            [
                (_path_key(f.path), f.size_bytes, f.mtime_ns, ids[digest])
                for f, digest, _, _ in entries
                if self._started_ns - f.mtime_ns > _UNSETTLED_NS
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
        db.executemany(
            "INSERT OR REPLACE INTO fact VALUES (?, ?, ?, ?, ?)",
            [
                (
                    ids[digest],
                    label,
                    json.dumps(asdict(known.facts)) if known.facts else None,
                    known.reason,
                    known.identified,
                )
                for _, digest, known, _ in entries
                if known is not None
            ],
        )

    def _write_rows(
        self,
        db: sqlite3.Connection,
        extractor: Extractor,
        decoder: str,
        rows: Sequence[tuple[int, bytes]],
    ) -> None:
        """Write rows by the numbers of their contents; long ones go to the file of rows."""
        label = self._label(f"{extractor.key} {decoder}", create=True)
        places: Sequence[int | None] = [None] * len(rows)
        if extractor.row_bytes > ROW_BYTES_IN_DATABASE:
            (last,) = db.execute(
                "SELECT MAX(place) FROM feature WHERE extractor = ?", (label,)
            ).fetchone()
            first = 0 if last is None else last + 1
            self._row_file(extractor, decoder).write(first, [row for _, row in rows])
            places = range(first, first + len(rows))
        db.executemany(
            "INSERT OR REPLACE INTO feature VALUES (?, ?, ?, ?, ?)",
            [
                (label, content, row if place is None else None, place, zlib.crc32(row))
                for (content, row), place in zip(rows, places, strict=True)
            ],
        )

    def _label(self, text: str, *, create: bool) -> int | None:
        if text in self._labels:
            return self._labels[text]
        if self._db is None:
            return None
        if create:
            self._db.execute("INSERT OR IGNORE INTO label (text) VALUES (?)", (text,))
        ids: list[tuple[int]] = []
        with nullcontext() if create else self._trouble():  # in a transaction, that is its own
            ids = self._db.execute("SELECT id FROM label WHERE text = ?", (text,)).fetchall()
        if not ids:
            return None
        self._labels[text] = ids[0][0]
        return ids[0][0]

    def _row_file(self, extractor: Extractor, decoder: str) -> RowFile:
        assert self.path is not None
        return RowFile(row_path(self.path, f"{extractor.key} {decoder}"), extractor.row_bytes)


def _path_key(path: str) -> bytes:
    return os.fsencode(os.path.abspath(path))
