"""Rows that are too long for the database, in a file for each extractor."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO

_LARGEST_PLACE = 2**32


def beside(path: Path) -> list[Path]:
    """The files that SQLite puts beside a database."""
    return [path.with_name(path.name + ending) for ending in ("-wal", "-shm", "-journal")]


def rows_folder(path: Path) -> Path:
    """Where the files of rows lie."""
    return path.with_name(path.name + "-rows")


def all_files(path: Path) -> list[Path]:
    """The files of a cache that exist: the database, what lies beside it, files of rows."""
    own = [path.with_name(path.name + ending) for ending in ("-lock", "-damaged")]
    rows = sorted(rows_folder(path).glob("*.rows"))
    return [p for p in (path, *beside(path), *own, *rows) if p.is_file()]


def row_path(path: Path, label: str) -> Path:
    """Where the rows of an extractor lie, beside the database."""
    return rows_folder(path) / f"{blake2b(label.encode(), digest_size=16).hexdigest()}.rows"


class RowFile:
    """Rows of one extractor, one after the other.

    Written at the places that the database will give, inside its write transaction, which keeps
    other processes out. What a killed process wrote beyond the last place known is overwritten;
    what a power failure lost is noticed by its check sum. It is not mapped into memory: a mapped
    file that is cut off ends the program.
    """

    def __init__(self, path: Path, row_bytes: int) -> None:
        self.path = path
        self.row_bytes = row_bytes
        self._stream: BinaryIO | None = None

    def next_place(self, last: object) -> int:
        """The first free place after the last one that the database knows, if that can be."""
        size = self.path.stat().st_size if self.path.exists() else 0
        stored = -(-size // self.row_bytes)
        return min(last + 1, stored) if isinstance(last, int) and last >= 0 else 0

    def write(self, place: int, rows: Sequence[bytes]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with open(self.path, "r+b" if self.path.exists() else "w+b") as stream:
            stream.seek(place * self.row_bytes)
            stream.write(b"".join(rows))

    def read(self, place: object) -> bytes:
        """Read a row; fewer bytes if it is not all there."""
        if not isinstance(place, int) or not 0 <= place < _LARGEST_PLACE:
            return b""
        if self._stream is None:
            try:
                self._stream = open(self.path, "rb")  # noqa: SIM115
            except FileNotFoundError:
                return b""
        self._stream.seek(place * self.row_bytes)
        return self._stream.read(self.row_bytes)

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None
