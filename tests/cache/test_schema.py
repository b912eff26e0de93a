"""Opening the database of the cache, and its migrations."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from imgsim.cache import schema
from imgsim.cache.schema import check_header, connect
from imgsim.errors import CacheUnusable

TABLES = {
    "content", "file", "label", "fact", "feature", "metadata", "proposals", "sample", "verdict",
}  # fmt: skip
VERSION = 6


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache.sqlite"


def tables(db: sqlite3.Connection) -> set[str]:
    db.text_factory = str
    return {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def test_a_new_database_and_the_folders_above_it(tmp_path: Path) -> None:
    path = tmp_path / "two" / "folders" / "cache.sqlite"
    for _ in range(2):  # made, and opened again
        with closing(connect(path)) as db:
            assert tables(db) == TABLES
            assert version(db) == VERSION
            assert db.execute("PRAGMA journal_mode").fetchone() in [("wal",), (b"wal",)]
            assert db.execute("PRAGMA application_id").fetchone() == (schema.APPLICATION_ID,)
            assert db.execute("PRAGMA synchronous").fetchone() == (1,)  # NORMAL
            assert db.execute("PRAGMA busy_timeout").fetchone() == (60_000,)
            assert not db.in_transaction


def test_an_empty_file_becomes_a_cache(path: Path) -> None:
    path.touch()
    with closing(connect(path)) as db:
        assert tables(db) == TABLES


@pytest.mark.parametrize("content", [b"x", b"SQLite format 3", b"SQLite format 4\0" * 100])
def test_a_file_that_does_not_begin_as_a_database_is_refused(content: bytes, path: Path) -> None:
    path.write_bytes(content)
    for look in (connect, check_header):
        with pytest.raises(CacheUnusable, match="is no imgsim cache") as error:
            look(path)
        assert error.value.hint == "name imgsim's cache"
    assert path.read_bytes() == content


def test_the_file_need_not_be_longer_than_its_header(path: Path) -> None:
    path.write_bytes(b"SQLite format 3\0")
    check_header(path)


@pytest.mark.parametrize("version_before", [1, 2, 3])
def test_an_older_database_begins_anew(version_before: int, path: Path) -> None:
    """It may hold files that were believed by size and time alone."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for migration in schema.MIGRATIONS[:version_before]:
            migration(db)
        db.execute(f"PRAGMA user_version = {version_before}")
        db.execute("INSERT INTO content (digest, size) VALUES (x'aa', 7)")
    with closing(connect(path)) as db:
        assert tables(db) == TABLES
        assert version(db) == VERSION
        assert db.execute("SELECT * FROM content").fetchall() == []


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        ("PRAGMA application_id = 0x696d6773; PRAGMA user_version = 99", "a newer imgsim"),
        ("PRAGMA user_version = 99", "another program's"),
        ("CREATE TABLE x (y)", "another program's"),
        # many programs count their own versions there
        ("CREATE TABLE x (y); PRAGMA user_version = 1", "another program's"),
        ("CREATE TABLE content (y); CREATE TABLE file (y); PRAGMA user_version = 6", "another"),
    ],
)
def test_what_is_not_ours_is_refused_and_closed(
    spoil: str, message: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.executescript(spoil)
    closed = []

    class Noted(sqlite3.Connection):
        def close(self) -> None:
            closed.append(True)
            super().close()

    before = path.read_bytes()
    monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Noted))
    with pytest.raises(CacheUnusable, match=message):
        connect(path)
    assert closed == [True]
    assert path.read_bytes() == before


def test_a_migration_that_fails_leaves_nothing_of_itself(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(db: sqlite3.Connection) -> None:
        db.execute("CREATE TABLE half (x)")
        raise RuntimeError("power failure")

    migrations: tuple[Callable[[sqlite3.Connection], None], ...] = schema.MIGRATIONS
    monkeypatch.setattr(schema, "MIGRATIONS", (*migrations, fail))
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        with pytest.raises(RuntimeError, match="power failure"):
            schema._migrate(db)
        assert not db.in_transaction
        assert tables(db) == TABLES
        assert version(db) == VERSION


def test_another_process_may_migrate_at_the_same_time(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Overtaken(sqlite3.Connection):
        """Just before its first write, another process creates the tables."""

        def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
            if sql == "BEGIN IMMEDIATE":
                with monkeypatch.context() as patch:
                    patch.setattr(sqlite3, "connect", plain)
                    connect(path).close()
            return super().execute(sql, *parameters)

    plain = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", partial(plain, factory=Overtaken))
    with closing(connect(path)) as db:
        assert tables(db) == TABLES
        assert version(db) == VERSION
