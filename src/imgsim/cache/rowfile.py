"""Rows that are too long for the database, in a file for each extractor."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np


def all_files(path: Path) -> list[Path]:
    """The files of a cache that exist: the database, what SQLite puts beside it, row files."""
    beside = [path.with_name(path.name + ending) for ending in ("", "-wal", "-shm", "-journal")]
    rows = sorted(path.with_name(path.name + "-rows").glob("*.rows"))
    return [p for p in (*beside, *rows) if p.is_file()]


def row_path(path: Path, label: str) -> Path:
    """Where the rows of an extractor lie, beside the database."""
    name = blake2b(label.encode(), digest_size=16).hexdigest()
    return path.with_name(path.name + "-rows") / f"{name}.rows"


class RowFile:
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
