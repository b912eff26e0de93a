"""The database of the cache: its tables, their migrations, and opening it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from imgsim.errors import CacheUnusable

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


MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (
    _m001_create,
    _m002_verdicts,
    _m003_samples,
)


def connect(path: Path) -> sqlite3.Connection:
    """Open the database, or make it; its tables are those of the newest migration."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size:
        check_header(path)
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


def check_header(path: Path) -> None:
    """Check that a file begins as a SQLite database does."""
    try:
        with path.open("rb") as stream:
            begins_right = stream.read(16) == b"SQLite format 3\0"
    except OSError as error:
        raise CacheUnusable(
            f"cannot read {path}: {error.strerror}", "name imgsim's cache"
        ) from None
    if not begins_right:
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
