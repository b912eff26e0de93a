"""The database of the cache: its tables, their migrations, and opening it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import cache
from pathlib import Path

from imgsim.errors import CacheUnusable

APPLICATION_ID = int.from_bytes(b"imgs", "big")
"""Stands in the header of the database, and tells it from that of another program."""

_HINT = "name imgsim's cache"
_MAGIC = b"SQLite format 3\0"
_TRACES = (b"imgsim-decode ", b"CREATE TABLE content (id INTEGER PRIMARY KEY, digest BLOB")
_SEARCHED_BYTES = 64 << 20
_DAMAGE_CODES = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


SCHEMA_DAMAGED = "its tables cannot be told"


class CacheDamaged(CacheUnusable):
    """The file is a cache of imgsim's, and its database is damaged."""


class CacheOfNewer(CacheUnusable):
    """The file is a cache that a newer imgsim made."""


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


def _m003_samples(db: sqlite3.Connection) -> None:
    db.execute(
        "CREATE TABLE sample (label INTEGER NOT NULL REFERENCES label, content INTEGER NOT NULL"
        " REFERENCES content, digest BLOB, PRIMARY KEY (label, content)) WITHOUT ROWID"
    )


def _m004_stamps_and_check_sums(db: sqlite3.Connection) -> None:
    """Begin anew: what was kept by size and time alone, or as damaged by mistake, is not true."""
    for table in ("verdict", "sample", "feature", "fact", "file", "content", "label"):
        db.execute(f"DROP TABLE {table}")
    for statement in (
        "CREATE TABLE content (id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE,"
        " size INTEGER NOT NULL)",
        "CREATE INDEX content_size ON content (size)",
        "CREATE TABLE file (path BLOB PRIMARY KEY, stamp TEXT NOT NULL, content INTEGER NOT NULL"
        " REFERENCES content, check_sum INTEGER NOT NULL) WITHOUT ROWID",
        "CREATE TABLE label (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE)",
        "CREATE TABLE fact (content INTEGER NOT NULL REFERENCES content, decoder INTEGER NOT NULL"
        " REFERENCES label, facts TEXT, reason TEXT NOT NULL, identified INTEGER NOT NULL,"
        " check_sum INTEGER NOT NULL, PRIMARY KEY (content, decoder)) WITHOUT ROWID",
        "CREATE TABLE feature (extractor INTEGER NOT NULL REFERENCES label, content INTEGER NOT"
        " NULL REFERENCES content, row BLOB, place INTEGER, check_sum INTEGER NOT NULL,"
        " PRIMARY KEY (extractor, content)) WITHOUT ROWID",
        "CREATE TABLE verdict (label INTEGER NOT NULL REFERENCES label, left INTEGER NOT NULL"
        " REFERENCES content, right INTEGER NOT NULL REFERENCES content, verdict TEXT NOT NULL,"
        " check_sum INTEGER NOT NULL, PRIMARY KEY (label, left, right)) WITHOUT ROWID",
        "CREATE TABLE sample (label INTEGER NOT NULL REFERENCES label, content INTEGER NOT NULL"
        " REFERENCES content, digest BLOB, check_sum INTEGER NOT NULL,"
        " PRIMARY KEY (label, content)) WITHOUT ROWID",
        f"PRAGMA application_id = {APPLICATION_ID}",
    ):
        db.execute(statement)


def _m005_metadata(db: sqlite3.Connection) -> None:
    db.execute(
        "CREATE TABLE metadata (label INTEGER NOT NULL REFERENCES label, content INTEGER NOT NULL"
        " REFERENCES content, metadata TEXT NOT NULL, check_sum INTEGER NOT NULL,"
        " PRIMARY KEY (label, content)) WITHOUT ROWID"
    )


def _m006_proposals(db: sqlite3.Connection) -> None:
    db.execute(
        "CREATE TABLE proposals (label INTEGER NOT NULL REFERENCES label, content INTEGER NOT NULL"
        " REFERENCES content, pairs BLOB NOT NULL, check_sum INTEGER NOT NULL,"
        " PRIMARY KEY (label, content))"
    )


MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (
    _m001_create,
    _m002_verdicts,
    _m003_samples,
    _m004_stamps_and_check_sums,
    _m005_metadata,
    _m006_proposals,
)


# Opening ----------------------------------------------------------------------------------------


def connect(path: Path) -> sqlite3.Connection:
    """Open the database, or make it; its tables are those of the newest migration.

    Raises
    ------
    CacheDamaged
        It is imgsim's, and damaged.
    CacheUnusable
        It is something else, or of a newer imgsim; nothing was changed.
    sqlite3.Error, OSError
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if is_filled(path):
        check_header(path)
    db = sqlite3.connect(path, timeout=60, isolation_level=None)
    # so that text that is none raises nothing
    db.text_factory = bytes
    try:
        with damage_of(path):
            _check(db, path)
            # a file system may lack shared memory; the default journal is as safe
            with suppress(sqlite3.OperationalError):
                db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")
            _migrate(db)
    except BaseException:
        db.close()
        raise
    return db


def connect_to_read(path: Path) -> sqlite3.Connection:
    """Open a cache that exists, and make or migrate nothing; else as `connect`."""
    is_filled(path)
    check_header(path)
    uri = f"{path.absolute().as_uri()}?mode=rw"
    db = sqlite3.connect(uri, uri=True, timeout=60, isolation_level=None)
    db.text_factory = bytes
    try:
        with damage_of(path):
            _check(db, path)
    except BaseException:
        db.close()
        raise
    return db


def is_filled(path: Path) -> bool:
    """Return whether there is a file that is not empty.

    Raises
    ------
    CacheUnusable
        There is something that is no file.
    """
    if path.exists() and not path.is_file():
        raise CacheUnusable(f"{path} is not a file", _HINT)
    return path.exists() and path.stat().st_size > 0


def check_header(path: Path) -> None:
    """Check that a file begins as a SQLite database does.

    Raises
    ------
    CacheDamaged
        It does not, though it was imgsim's cache.
    CacheUnusable
        It does not, or cannot be read.
    """
    try:
        with path.open("rb") as stream:
            begins_right = stream.read(len(_MAGIC)) == _MAGIC
    except OSError as error:
        raise CacheUnusable(f"cannot read {path}: {error.strerror}", _HINT) from None
    if not begins_right:
        if is_ours(path):
            raise CacheDamaged("it is no database any more")
        raise CacheUnusable(f"{path} is no imgsim cache", _HINT)


def lock_path(path: Path) -> Path:
    """The file whose lock says that a cache is in use; it lies beside every cache."""
    return path.with_name(path.name + "-lock")


def is_ours(path: Path) -> bool:
    """Return whether a damaged file was a cache of imgsim's: by what lies beside or is in it."""
    if lock_path(path).exists():
        return True
    with path.open("rb") as stream:
        data = stream.read(_SEARCHED_BYTES)
    if data[:16] == _MAGIC and int.from_bytes(data[68:72], "big") == APPLICATION_ID:
        return True
    return any(trace in data for trace in _TRACES)


@contextmanager
def damage_of(path: Path) -> Iterator[None]:
    """Turn what SQLite says of a damaged database into `CacheDamaged`, if that is imgsim's."""
    try:
        yield
    except sqlite3.Error as error:
        if is_damage(error) and is_ours(path):
            raise CacheDamaged(str(error)) from error
        raise
    except UnicodeDecodeError as error:  # what SQLite says names a table by bytes that are no text
        if is_ours(path):
            raise CacheDamaged(SCHEMA_DAMAGED) from error
        raise CacheUnusable(f"{path} is no imgsim cache", _HINT) from None


def is_damage(error: sqlite3.Error) -> bool:
    """Return whether an error means that the database is damaged, or a table is missing."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return False
    return code & 0xFF in _DAMAGE_CODES or str(error).startswith("no such ")


def _check(db: sqlite3.Connection, path: Path) -> None:
    """Refuse what is not ours before anything is changed."""
    db.execute("BEGIN")  # one view of all: another process may be creating the tables
    (applied,) = db.execute("PRAGMA user_version").fetchone()
    (program,) = db.execute("PRAGMA application_id").fetchone()
    tables = set(db.execute("SELECT name, sql FROM sqlite_master"))
    db.execute("COMMIT")
    if applied > len(MIGRATIONS) and program == APPLICATION_ID:
        raise CacheOfNewer(f"a newer imgsim wrote {path}", "name another file")
    if applied == 0 and not tables:
        return
    if 0 < applied <= len(MIGRATIONS) and _tables(applied) <= tables:
        return
    if program == APPLICATION_ID:
        raise CacheDamaged("its tables are not those that were made")
    raise CacheUnusable(f"{path} is another program's database", _HINT)


@cache
def _tables(version: int) -> frozenset[tuple[bytes, bytes | None]]:
    """Names and definitions of the tables and indexes that the first migrations make."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        db.text_factory = bytes
        for migration in MIGRATIONS[:version]:
            migration(db)
        return frozenset(db.execute("SELECT name, sql FROM sqlite_master"))


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
            if db.in_transaction:  # a full disk ends it already
                with suppress(sqlite3.Error):
                    db.execute("ROLLBACK")
            raise
        (applied,) = db.execute("PRAGMA user_version").fetchone()
