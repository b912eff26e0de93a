"""The open database of the cache: transactions, queries, and what is done when it fails."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

from imgsim.cache.rowfile import beside
from imgsim.cache.schema import (
    SCHEMA_DAMAGED,
    CacheDamaged,
    connect,
    is_damage,
    is_filled,
    lock_path,
)
from imgsim.errors import CacheUnusable
from imgsim.locks import FileLock

_BATCH = 500
_TRIES = 100
_SECONDS_BETWEEN = 0.05


class Database:
    """The database of the cache, or none. Nothing here raises because of its file.

    A database that is damaged is moved to a name that ends in ``-damaged`` and made anew. With any
    other trouble the run goes on without it.

    Parameters
    ----------
    path : Path or None
        None keeps nothing.
    warn : callable
        Told in one line what is wrong.
    """

    def __init__(self, path: Path | None, warn: Callable[[str], object]) -> None:
        self.path = path
        self._warn = warn
        self._db: sqlite3.Connection | None = None
        self._lock: FileLock | None = None
        self._identity: os.stat_result | None = None
        self._labels: dict[str, int] = {}
        if path is not None:
            with self._trouble():
                self._open(path)

    def close(self) -> None:
        self._disconnect()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _open(self, path: Path) -> None:
        if is_filled(path):
            self._identity = path.stat()
            if not lock_path(path).exists():
                connect(path).close()  # nothing is put beside what is not ours
        self._lock = _lock_shared(path)
        if is_filled(path):  # nobody replaces it from here on
            self._identity = path.stat()
        self._db = connect(path)
        self._identity = path.stat()

    def _disconnect(self) -> None:
        database, self._db = self._db, None
        self._labels.clear()
        if database is not None:
            with suppress(sqlite3.Error):
                database.close()

    @contextmanager
    def _trouble(self) -> Iterator[None]:
        """Turn trouble with the file into one warning, and go on without it or with a new one."""
        try:
            yield
        except CacheDamaged as error:
            self._replace(str(error))
        except UnicodeDecodeError:
            self._replace(SCHEMA_DAMAGED)
        except sqlite3.Error as error:
            if is_damage(error):
                self._replace(str(error))
            else:
                self._give_up(error)
        except (OSError, CacheUnusable, MemoryError, OverflowError) as error:
            self._give_up(error)

    def _give_up(self, error: object) -> None:
        self.close()
        self._warn(f"going on without the cache {self.path}: {error or 'not enough memory'}")

    def _replace(self, damage: str) -> None:
        """Set the damaged database aside, unless another process uses it, and make a new one."""
        assert self.path is not None
        self._disconnect()
        aside = damaged_path(self.path)
        try:
            if self._lock is None:
                self._lock = FileLock(lock_path(self.path))
            if not self._lock.acquire(exclusive=True):
                self._give_up(f"it is damaged ({damage}), and another program uses it")
                return
            self._set_aside(aside)
            self._db = connect(self.path)
            self._identity = self.path.stat()
            self._lock.acquire(exclusive=False)
        except (sqlite3.Error, OSError, CacheUnusable) as error:
            self._give_up(error)
        else:
            self._warn(f"the cache was damaged ({damage}): it is now {aside}, and made anew")

    def _set_aside(self, aside: Path) -> None:
        """Move the database away, unless another process has replaced it since it was opened."""
        assert self.path is not None
        opened = self._identity
        if opened and self.path.exists() and not os.path.samestat(opened, self.path.stat()):
            return
        for file in beside(self.path):
            file.unlink(missing_ok=True)
        if self.path.exists():
            os.replace(self.path, aside)

    # Reading and writing ------------------------------------------------------------------

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
                with suppress(sqlite3.Error):  # what went wrong first is what counts
                    database.execute("ROLLBACK")
            self._labels.clear()
            raise

    def _select(self, query: str, keys: Iterable[Any]) -> Iterator[tuple[Any, ...]]:
        """Yield the records of a query, whose {} becomes places for some of the keys at a time."""
        wanted = list(keys)
        database = self._db
        for i in range(0, len(wanted), _BATCH):
            if self._db is None or self._db is not database:
                return  # closed, or made anew
            part = wanted[i : i + _BATCH]
            records: list[tuple[Any, ...]] = []
            with self._trouble():
                records = database.execute(query.format(",".join("?" * len(part))), part).fetchall()
            yield from records

    def _label(self, text: str, *, create: bool) -> int | None:
        """The number of a label; None if it is not known, or there is no database."""
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
            if create:
                raise CacheDamaged("a label that was written is not there")
            return None
        self._labels[text] = ids[0][0]
        return ids[0][0]


def damaged_path(path: Path) -> Path:
    """Where a damaged database is moved; one that lies there is overwritten."""
    return path.with_name(path.name + "-damaged")


def _lock_shared(path: Path) -> FileLock | None:
    """Say to others that the cache is in use; None where that cannot be said.

    Raises
    ------
    CacheUnusable
        Another process is deleting or replacing it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for _ in range(_TRIES):
        try:
            lock = FileLock(lock_path(path))
        except OSError:  # a folder that cannot be written to
            return None
        if lock.acquire(exclusive=False) and lock.is_current():
            return lock
        lock.close()
        time.sleep(_SECONDS_BETWEEN)
    raise CacheUnusable("another program is replacing it")
