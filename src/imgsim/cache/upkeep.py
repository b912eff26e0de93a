"""Where the cache lies, what is in it, and clearing or pruning it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from imgsim.cache.rowfile import all_files, row_path
from imgsim.cache.schema import check_header, connect
from imgsim.errors import CacheUnusable


def default_path() -> Path:
    """The cache file in the user's cache folder."""
    from platformdirs import user_cache_path

    return user_cache_path("imgsim", appauthor=False) / "cache.sqlite"


@dataclass(frozen=True, slots=True)
class CacheInfo:
    """Size of a cache; bytes on disk, numbers of entries."""

    path: str
    size_bytes: int
    files: int
    contents: int
    rows: dict[str, int]


def read_info(path: Path, warn: Callable[[str], object]) -> CacheInfo:
    """Count what a cache keeps; all is 0 if there is none, or if it cannot be read.

    Parameters
    ----------
    path : Path
    warn : callable
        Told in one line why it cannot be read.
    """
    if path.exists():
        with _trouble(path, warn), closing(connect(path)) as db:
            return _count(db, path)
    return CacheInfo(str(path), 0, 0, 0, {})


def _count(db: sqlite3.Connection, path: Path) -> CacheInfo:
    size = sum(p.stat().st_size for p in all_files(path))
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


def prune(path: Path, decoders: Sequence[str], warn: Callable[[str], object]) -> int:
    """Drop files that are gone, contents no file has, and all that other decoders made.

    Parameters
    ----------
    path : Path
    decoders : sequence of str
        Those in use, see `decode.decoder.decoder_id`.
    warn : callable
        Told in one line why the cache cannot be used.

    Returns
    -------
    int
        Number of files dropped.
    """
    with _trouble(path, warn), closing(connect(path)) as db:
        return _prune(db, path, decoders)
    return 0


def _prune(db: sqlite3.Connection, path: Path, decoders: Sequence[str]) -> int:
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
            row_path(path, text).unlink(missing_ok=True)
    db.executemany("DELETE FROM fact WHERE decoder = ?", stale)
    db.executemany("DELETE FROM feature WHERE extractor = ?", stale)
    db.executemany("DELETE FROM verdict WHERE label = ?", stale)
    db.executemany("DELETE FROM sample WHERE label = ?", stale)
    db.executemany("DELETE FROM label WHERE id = ?", stale)
    orphans = "(SELECT id FROM content WHERE id NOT IN (SELECT content FROM file))"
    db.execute(f"DELETE FROM feature WHERE content IN {orphans}")
    db.execute(f"DELETE FROM fact WHERE content IN {orphans}")
    db.execute(f"DELETE FROM sample WHERE content IN {orphans}")
    db.execute(f"DELETE FROM verdict WHERE left IN {orphans} OR right IN {orphans}")
    db.execute(f"DELETE FROM content WHERE id IN {orphans}")
    db.execute("COMMIT")
    db.execute("VACUUM")
    return len(gone)


@contextmanager
def _trouble(path: Path, warn: Callable[[str], object]) -> Iterator[None]:
    """Trouble with the cache becomes one warning and ends what is done with it."""
    try:
        yield
    except (sqlite3.Error, OSError, CacheUnusable) as error:
        warn(f"cannot use the cache {path}: {error}")


def clear(path: Path) -> int:
    """Delete a cache and the files beside it. Returns the bytes freed.

    Raises
    ------
    CacheUnusable
        The file is no cache of imgsim's, whatever else it is.
    """
    check_header(path)
    with closing(sqlite3.connect(path)) as db:
        try:
            tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master")}
        except sqlite3.DatabaseError:
            tables = {"content", "feature"}  # damaged, but a database in the cache's place
        if tables and not {"content", "feature"} <= tables:
            raise CacheUnusable(f"{path} is another program's database", "name imgsim's cache")
    files = all_files(path)
    try:
        freed = sum(p.stat().st_size for p in files)
        for file in files:
            file.unlink()
        folder = path.with_name(path.name + "-rows")
        if folder.is_dir():
            folder.rmdir()
    except OSError as error:
        raise CacheUnusable(f"cannot delete {path}: {error.strerror}", "delete it") from None
    return freed
