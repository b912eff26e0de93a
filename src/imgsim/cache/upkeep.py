"""Where the cache lies, what is in it, and clearing or pruning it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from imgsim.addresses import INSIDE
from imgsim.cache.rowfile import all_files, row_path, rows_folder
from imgsim.cache.schema import (
    CacheDamaged,
    CacheOfNewer,
    connect,
    connect_to_read,
    is_damage,
    is_filled,
    lock_path,
)
from imgsim.errors import CacheUnusable
from imgsim.locks import FileLock

_NAME_IT = "name imgsim's cache"


def default_path() -> Path | None:
    """The cache file in the user's cache folder; None for a user who has no home folder."""
    from platformdirs import user_cache_path

    try:
        folder = user_cache_path("imgsim", appauthor=False)
    except (KeyError, RuntimeError):  # no entry in the list of users
        return None
    # without a home the path would begin with "~" and lie below the current folder
    return folder / "cache.sqlite" if folder.is_absolute() else None


@dataclass(frozen=True, slots=True)
class CacheInfo:
    """Size of a cache; bytes on disk, numbers of entries."""

    path: str
    size_bytes: int
    files: int
    contents: int
    rows: dict[str, int]


def read_info(path: Path) -> CacheInfo:
    """Count what a cache keeps; all is 0 if there is none, or an empty file. Nothing is changed.

    Raises
    ------
    CacheUnusable
        It is no cache of imgsim's, or cannot be read.
    """
    with _explained(path):
        if is_filled(path):
            with closing(connect_to_read(path)) as db:
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
        key = text.decode(errors="replace").split(" imgsim-decode", 1)[0]
        rows[key] = rows.get(key, 0) + count
    return CacheInfo(str(path), size, files, contents, rows)


def prune(path: Path, decoders: Sequence[str]) -> int:
    """Drop files that are gone, contents no file has, and all that other decoders made.

    Parameters
    ----------
    path : Path
    decoders : sequence of str
        Those in use, see `decode.decoder.decoder_id`.

    Returns
    -------
    int
        Number of files dropped.

    Raises
    ------
    CacheUnusable
        It is no cache of imgsim's, or cannot be changed.
    """
    with _explained(path):
        if is_filled(path):
            with closing(connect(path)) as db:
                return _prune(db, path, decoders)
    return 0


def _prune(db: sqlite3.Connection, path: Path, decoders: Sequence[str]) -> int:
    db.execute("BEGIN IMMEDIATE")
    gone = [
        (path_key,)
        for (path_key,) in db.execute("SELECT path FROM file")
        if not _is_there(os.fsdecode(path_key))
    ]
    db.executemany("DELETE FROM file WHERE path = ?", gone)
    stale, in_use = [], set()
    for label, stored in db.execute("SELECT id, text FROM label").fetchall():
        text = stored.decode(errors="replace")
        if text.endswith(tuple(decoders)):
            in_use.add(row_path(path, text))
        else:
            stale.append((label,))
    db.executemany("DELETE FROM fact WHERE decoder = ?", stale)
    db.executemany("DELETE FROM feature WHERE extractor = ?", stale)
    db.executemany("DELETE FROM verdict WHERE label = ?", stale)
    db.executemany("DELETE FROM sample WHERE label = ?", stale)
    db.executemany("DELETE FROM metadata WHERE label = ?", stale)
    db.executemany("DELETE FROM proposals WHERE label = ?", stale)
    db.executemany("DELETE FROM label WHERE id = ?", stale)
    orphans = "(SELECT id FROM content WHERE id NOT IN (SELECT content FROM file))"
    db.execute(f"DELETE FROM feature WHERE content IN {orphans}")
    db.execute(f"DELETE FROM fact WHERE content IN {orphans}")
    db.execute(f"DELETE FROM sample WHERE content IN {orphans}")
    db.execute(f"DELETE FROM metadata WHERE content IN {orphans}")
    db.execute(f"DELETE FROM proposals WHERE content IN {orphans}")
    db.execute(f"DELETE FROM verdict WHERE left IN {orphans} OR right IN {orphans}")
    db.execute(f"DELETE FROM content WHERE id IN {orphans}")
    for file in set(rows_folder(path).glob("*.rows")) - in_use:
        file.unlink(missing_ok=True)
    db.execute("COMMIT")
    db.execute("VACUUM")
    return len(gone)


def _is_there(path: str) -> bool:
    """Whether a file is there; of what lies in a container, whether that is."""
    if "://" in path:  # an object in a store, which is not asked
        return True
    container = path.partition(INSIDE)[0]
    return os.path.exists(path) or (container != path and os.path.isfile(container))


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn whatever is wrong with the file into a `CacheUnusable` with a hint."""
    try:
        yield
    except CacheDamaged as error:
        hint = "the next run sets it aside and makes a new one; imgsim cache clear deletes it"
        raise CacheUnusable(f"the cache {path} is damaged: {error}", hint) from None
    except sqlite3.Error as error:
        if is_damage(error):
            said = f"{path} is a damaged database, and nothing says that it is imgsim's"
            raise CacheUnusable(said, f"{_NAME_IT}, or delete it") from None
        raise CacheUnusable(f"cannot use the cache {path}: {error}", _NAME_IT) from None
    except OSError as error:
        reason = error.strerror or error
        raise CacheUnusable(f"cannot use the cache {path}: {reason}", _NAME_IT) from None


def clear(path: Path) -> int:
    """Delete a cache and the files beside it. Returns the bytes freed.

    Raises
    ------
    CacheUnusable
        The file is no cache of imgsim's, whatever else it is, or another process uses it.
    """
    with _explained(path), suppress(CacheDamaged, CacheOfNewer):
        connect_to_read(path).close()
    try:
        with closing(FileLock(lock_path(path))) as lock:
            if not lock.acquire(exclusive=True):
                raise CacheUnusable(f"another program uses {path}", "try again when it has ended")
            return _delete(path)
    except OSError as error:
        raise CacheUnusable(f"cannot delete {path}: {error.strerror}", "delete it") from None


def _delete(path: Path) -> int:
    files = all_files(path)
    freed = sum(p.stat().st_size for p in files)
    # the lock last, and on Windows not at all while it is held
    for file in sorted(files, key=lambda p: p == lock_path(path)):
        if file != lock_path(path) or os.name != "nt":
            file.unlink()
    if rows_folder(path).is_dir():
        rows_folder(path).rmdir()
    return freed
