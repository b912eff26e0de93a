"""What was learned about files, kept in SQLite between runs.

Facts and features belong to a content (sha256), so a moved or copied file is known at once; a
look-up by path, size and modification time spares reading unchanged files. Long feature rows lie
in files beside the database, see `_RowFile`. Whatever is wrong with the cache, the run goes on
without it and says so.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators.base import Extractor
from imgsim.errors import CacheUnusable
from imgsim.types import ImageFacts, ImageFile, Verdict

ROW_BYTES_IN_DATABASE = 512
"""Longer rows lie in files beside the database."""

_BATCH = 500
_UNSETTLED_NS = 2_000_000_000
"""A file changed so shortly ago may change again without another modification time."""


def default_path() -> Path:
    """The cache file in the user's cache folder."""
    from platformdirs import user_cache_path

    return user_cache_path("imgsim", appauthor=False) / "cache.sqlite"


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a content: facts, or the reason why there are none.

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


@dataclass(frozen=True, slots=True)
class CacheInfo:
    """Size of a cache; bytes on disk, numbers of entries."""

    path: str
    size_bytes: int
    files: int
    contents: int
    rows: dict[str, int]


# Migrations: append only, each runs once, in its own transaction --------------------------------


def _m001_create(db: sqlite3.Connection) -> None:
    for statement in (
        "CREATE TABLE content (id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE,"
        " size INTEGER NOT NULL)",
        "CREATE INDEX content_size ON content (size)",
        "CREATE TABLE file (path BLOB PRIMARY KEY, size INTEGER NOT NULL,"
        " mtime_ns INTEGER NOT NULL, content INTEGER NOT NULL REFERENCES content) WITHOUT ROWID",
        "CREATE TABLE label (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE)",
        "CREATE TABLE fact (content INTEGER NOT NULL REFERENCES content, decoder INTEGER NOT NULL"
        " REFERENCES label, facts TEXT, reason TEXT NOT NULL, identified INTEGER NOT NULL,"
        " PRIMARY KEY (content, decoder)) WITHOUT ROWID",
        "CREATE TABLE feature (extractor INTEGER NOT NULL REFERENCES label, content INTEGER NOT"
        " NULL REFERENCES content, row BLOB, place INTEGER, check_sum INTEGER,"
        " PRIMARY KEY (extractor, content)) WITHOUT ROWID",
    ):
        db.execute(statement)


def _m002_verdicts(db: sqlite3.Connection) -> None:
    db.execute(
        "CREATE TABLE verdict (label INTEGER NOT NULL REFERENCES label, left INTEGER NOT NULL"
        " REFERENCES content, right INTEGER NOT NULL REFERENCES content, verdict TEXT NOT NULL,"
        " PRIMARY KEY (label, left, right)) WITHOUT ROWID"
    )


MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (_m001_create, _m002_verdicts)


class Cache:
    """The open cache. Its methods never raise because of the file; see `trouble`.

    Several processes may use one file at a time. One instance belongs to one thread.

    Parameters
    ----------
    path : Path or None
        None keeps nothing.
    warn : callable
        Told once, in one line, why the cache is not used.
    started_ns : int, optional
        When the run began to look at files; their times are not trusted from 2 s before it on.
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
            self._db = _connect(path)

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
        found: dict[str, str] = {}
        by_key = {_path_key(f.path): f for f in files}
        query = (
            "SELECT f.path, f.size, f.mtime_ns, c.digest FROM file f JOIN content c"
            " ON c.id = f.content WHERE f.path IN ({})"
        )
        for path, size, mtime_ns, digest in self._select(query, by_key):
            file = by_key[path]
            if (file.size_bytes, file.mtime_ns) == (size, mtime_ns):
                found[file.path] = digest.hex()
        return found

    def known_sizes(self, sizes: Iterable[int]) -> set[int]:
        """Those sizes, in bytes, that a known content has."""
        query = "SELECT DISTINCT size FROM content WHERE size IN ({})"
        return {size for (size,) in self._select(query, set(sizes))}

    def facts(self, digests: Iterable[str], decoder: str) -> dict[str, Known]:
        """What is known of some contents under a decoder, by digest."""
        label = self._label(decoder, create=False)
        if label is None:
            return {}
        query = (
            "SELECT c.digest, f.facts, f.reason, f.identified FROM content c JOIN fact f"
            f" ON f.content = c.id AND f.decoder = {label} WHERE c.digest IN ({{}})"
        )
        found = {}
        for digest, *columns in self._select(query, map(bytes.fromhex, digests)):
            facts, reason, identified = columns
            try:
                facts = ImageFacts(**json.loads(facts)) if facts else None
                known = Known(facts, reason, bool(identified))
            except (TypeError, ValueError):
                continue  # damaged: as if not known
            found[digest.hex()] = known
        return found

    def rows(
        self, extractor: Extractor, decoder: str, digests: Sequence[str]
    ) -> Iterator[tuple[str, NDArray[Any]]]:
        """Yield the rows of an extractor that are known, as (digest, row)."""
        label = self._label(f"{extractor.key} {decoder}", create=False)
        if label is None:
            return
        query = (
            "SELECT c.digest, f.row, f.place, f.check_sum FROM content c JOIN feature f"
            f" ON f.content = c.id AND f.extractor = {label} WHERE c.digest IN ({{}})"
        )
        file = self._row_file(extractor, decoder)
        for digest, data, place, check_sum in self._select(query, map(bytes.fromhex, digests)):
            if data is None and place is not None:
                with self._trouble():
                    data = file.read(place)
            if data is None or len(data) != extractor.row_bytes or zlib.crc32(data) != check_sum:
                continue  # damaged: as if not known
            yield digest.hex(), np.frombuffer(data, extractor.dtype).reshape(extractor.shape)

    def verdicts(self, label: str, lefts: Iterable[str]) -> dict[tuple[str, str], Verdict]:
        """What is known of pairs of contents, by their digests.

        Parameters
        ----------
        label : str
            What looked at them, see `keep_verdicts`.
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
        found = {}
        for left, right, text in self._select(query, map(bytes.fromhex, sorted(set(lefts)))):
            try:
                fields = json.loads(text)
                verdict = Verdict(**{**fields, "matrix": tuple(fields["matrix"])})
            except (TypeError, ValueError, KeyError):
                continue  # damaged: as if not known
            found[left.hex(), right.hex()] = verdict
        return found

    def keep_verdicts(self, label: str, verdicts: dict[tuple[str, str], Verdict]) -> None:
        """Store what was seen of pairs of contents that are known here, by their digests."""
        if self._db is None or not verdicts:
            return
        with self._trouble():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                number = self._label(label, create=True)
                self._db.executemany(
                    "INSERT OR REPLACE INTO verdict SELECT ?, l.id, r.id, ? FROM content l,"
                    " content r WHERE l.digest = ? AND r.digest = ?",
                    [
                        (number, json.dumps(asdict(v)), bytes.fromhex(one), bytes.fromhex(other))
                        for (one, other), v in verdicts.items()
                    ],
                )
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                self._labels.clear()
                raise

    def _select(self, query: str, keys: Iterable[Any]) -> Iterator[tuple[Any, ...]]:
        if self._db is None:
            return
        wanted = list(keys)
        for i in range(0, len(wanted), _BATCH):
            part = wanted[i : i + _BATCH]
            found: list[tuple[Any, ...]] = []
            with self._trouble():
                found = self._db.execute(query.format(",".join("?" * len(part))), part).fetchall()
            yield from found
            if self._db is None:
                return

    # Keeping ------------------------------------------------------------------------------

    def keep(
        self,
        decoder: str,
        extractors: Sequence[Extractor],
        entries: Sequence[tuple[ImageFile, str, Known | None, Sequence[NDArray[Any]]]],
    ) -> None:
        """Store what was learned of some files, in one transaction.

        Parameters
        ----------
        decoder : str
        extractors : sequence of Extractor
        entries : sequence of (file, digest, known, rows)
            `known` is None for a file whose content is stored already (only its path is new);
            rows are in order of `extractors`.
        """
        if self._db is None or not entries:
            return
        with self._trouble():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._write(decoder, extractors, entries)
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                self._labels.clear()
                raise

    def _write(
        self,
        decoder: str,
        extractors: Sequence[Extractor],
        entries: Sequence[tuple[ImageFile, str, Known | None, Sequence[NDArray[Any]]]],
    ) -> None:
        db = self._db
        assert db is not None
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
        for column, extractor in enumerate(extractors):
            made = [(ids[digest], rows[column].tobytes()) for _, digest, _, rows in entries if rows]
            label = self._label(f"{extractor.key} {decoder}", create=True)
            places: Sequence[int | None] = [None] * len(made)
            if extractor.row_bytes > ROW_BYTES_IN_DATABASE:
                (last,) = db.execute(
                    "SELECT MAX(place) FROM feature WHERE extractor = ?", (label,)
                ).fetchone()
                first = 0 if last is None else last + 1
                self._row_file(extractor, decoder).write(first, [row for _, row in made])
                places = range(first, first + len(made))
            db.executemany(
                "INSERT OR REPLACE INTO feature VALUES (?, ?, ?, ?, ?)",
                [
                    (label, content, row if place is None else None, place, zlib.crc32(row))
                    for (content, row), place in zip(made, places, strict=True)
                ],
            )

    def _label(self, text: str, *, create: bool) -> int | None:
        if text in self._labels:
            return self._labels[text]
        if self._db is None:
            return None
        if create:
            self._db.execute("INSERT OR IGNORE INTO label (text) VALUES (?)", (text,))
        found: list[tuple[int]] = []
        with self._trouble():
            found = self._db.execute("SELECT id FROM label WHERE text = ?", (text,)).fetchall()
        if not found:
            return None
        self._labels[text] = found[0][0]
        return found[0][0]

    def _row_file(self, extractor: Extractor, decoder: str) -> _RowFile:
        assert self.path is not None
        return _RowFile(_row_path(self.path, f"{extractor.key} {decoder}"), extractor.row_bytes)

    # Maintenance --------------------------------------------------------------------------

    def info(self) -> CacheInfo:
        """Count what is kept."""
        path = self.path
        if self._db is None or path is None:
            return CacheInfo(str(path or "off"), 0, 0, 0, {})
        with self._trouble():
            return self._info(self._db, path)
        return CacheInfo(str(path), 0, 0, 0, {})

    def _info(self, db: sqlite3.Connection, path: Path) -> CacheInfo:
        size = sum(p.stat().st_size for p in _all_files(path))
        (files,) = db.execute("SELECT COUNT(*) FROM file").fetchone()
        (contents,) = db.execute("SELECT COUNT(*) FROM content").fetchone()
        rows: dict[str, int] = {}
        for text, count in db.execute(
            "SELECT l.text, COUNT(*) FROM feature f JOIN label l ON l.id = f.extractor"
            " GROUP BY l.id ORDER BY l.text"
        ):
            key = text.split(" imgsim-decode", 1)[0]
            rows[key] = rows.get(key, 0) + count
        return CacheInfo(str(path), size, files, contents, rows)

    def prune(self, decoders: Sequence[str]) -> int:
        """Drop files that are gone, contents no file has, and all that other decoders made.

        Returns
        -------
        int
            Number of files dropped.
        """
        if self._db is not None and self.path is not None:
            with self._trouble():
                return self._prune(self._db, self.path, decoders)
        return 0

    def _prune(self, db: sqlite3.Connection, path: Path, decoders: Sequence[str]) -> int:
        db.execute("BEGIN IMMEDIATE")
        gone = [
            (path_key,)
            for (path_key,) in db.execute("SELECT path FROM file")
            if not os.path.exists(os.fsdecode(path_key))
        ]
        db.executemany("DELETE FROM file WHERE path = ?", gone)
        stale = []
        for label, text in db.execute("SELECT id, text FROM label").fetchall():
            if not text.endswith(tuple(decoders)):
                stale.append((label,))
                _row_path(path, text).unlink(missing_ok=True)
        db.executemany("DELETE FROM fact WHERE decoder = ?", stale)
        db.executemany("DELETE FROM feature WHERE extractor = ?", stale)
        db.executemany("DELETE FROM verdict WHERE label = ?", stale)
        db.executemany("DELETE FROM label WHERE id = ?", stale)
        orphans = "(SELECT id FROM content WHERE id NOT IN (SELECT content FROM file))"
        db.execute(f"DELETE FROM feature WHERE content IN {orphans}")
        db.execute(f"DELETE FROM fact WHERE content IN {orphans}")
        db.execute(f"DELETE FROM verdict WHERE left IN {orphans} OR right IN {orphans}")
        db.execute(f"DELETE FROM content WHERE id IN {orphans}")
        db.execute("COMMIT")
        self._labels.clear()
        db.execute("VACUUM")
        return len(gone)


def clear(path: Path) -> int:
    """Delete a cache and the files beside it. Returns the bytes freed.

    Raises
    ------
    CacheUnusable
        The file is no cache of imgsim's, whatever else it is.
    """
    _check_header(path)
    with closing(sqlite3.connect(path)) as db:
        try:
            tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master")}
        except sqlite3.DatabaseError:
            tables = {"content", "feature"}  # damaged, but a database in the cache's place
        if tables and not {"content", "feature"} <= tables:
            raise CacheUnusable(f"{path} is another program's database", "name imgsim's cache")
    files = _all_files(path)
    freed = sum(p.stat().st_size for p in files)
    for file in files:
        file.unlink()
    folder = path.with_name(path.name + "-rows")
    if folder.is_dir():
        folder.rmdir()
    return freed


def _all_files(path: Path) -> list[Path]:
    beside = [path.with_name(path.name + ending) for ending in ("", "-wal", "-shm", "-journal")]
    rows = sorted(path.with_name(path.name + "-rows").glob("*.rows"))
    return [p for p in (*beside, *rows) if p.is_file()]


def _row_path(path: Path, label: str) -> Path:
    name = blake2b(label.encode(), digest_size=16).hexdigest()
    return path.with_name(path.name + "-rows") / f"{name}.rows"


def _path_key(path: str) -> bytes:
    return os.fsencode(os.path.abspath(path))


def _connect(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size:
        _check_header(path)
    db = sqlite3.connect(path, timeout=60, isolation_level=None)
    try:
        _check(db)
        # a file system may lack shared memory; the default journal is as safe
        with suppress(sqlite3.OperationalError):
            db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        _migrate(db)
    except BaseException:
        db.close()
        raise
    return db


def _check_header(path: Path) -> None:
    with path.open("rb") as stream:
        if stream.read(16) != b"SQLite format 3\0":
            raise CacheUnusable(f"{path} is no imgsim cache", "name imgsim's cache")


def _check(db: sqlite3.Connection) -> None:
    """Refuse what is not ours before anything is changed."""
    db.execute("BEGIN")  # one view of both: another process may be creating the tables
    (applied,) = db.execute("PRAGMA user_version").fetchone()
    tables = db.execute("SELECT 1 FROM sqlite_master").fetchone()
    db.execute("COMMIT")
    if applied > len(MIGRATIONS):
        raise CacheUnusable("a newer imgsim wrote it")
    if applied == 0 and tables:
        raise CacheUnusable("it is another program's database")


def _migrate(db: sqlite3.Connection) -> None:
    (applied,) = db.execute("PRAGMA user_version").fetchone()
    while applied < len(MIGRATIONS):
        db.execute("BEGIN IMMEDIATE")
        try:
            # another process may have been faster
            (applied,) = db.execute("PRAGMA user_version").fetchone()
            if applied < len(MIGRATIONS):
                MIGRATIONS[applied](db)
                db.execute(f"PRAGMA user_version = {applied + 1}")
            db.execute("COMMIT")
        except BaseException:
            db.execute("ROLLBACK")
            raise
        (applied,) = db.execute("PRAGMA user_version").fetchone()


class _RowFile:
    """Rows of one extractor, one after the other.

    Written at the places that the database will give, inside its write transaction, which keeps
    other processes out. What a killed process wrote beyond the last place known is overwritten;
    what a power failure lost is noticed by its check sum.
    """

    def __init__(self, path: Path, row_bytes: int) -> None:
        self.path = path
        self.row_bytes = row_bytes
        self._map: np.memmap[Any, Any] | None = None

    def write(self, place: int, rows: Sequence[bytes]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with open(self.path, "r+b" if self.path.exists() else "w+b") as stream:
            stream.seek(place * self.row_bytes)
            stream.write(b"".join(rows))

    def read(self, place: int) -> bytes | None:
        if self._map is None:
            if not self.path.exists() or self.path.stat().st_size < self.row_bytes:
                return None
            self._map = np.memmap(self.path, np.uint8, "r")
        start = place * self.row_bytes
        return self._map[start : start + self.row_bytes].tobytes()
