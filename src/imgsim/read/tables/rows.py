"""Rows of tables, as addresses that read themselves.

Each thread keeps one part of a table open, to read on from: of Parquet the pictures of a row group,
of Arrow the table, which is mapped into memory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from imgsim.addresses import INSIDE, Address
from imgsim.errors import MethodUnavailable
from imgsim.read.archives.kinds import BadArchive
from imgsim.read.archives.streams import Kept
from imgsim.read.content import stamp_of
from imgsim.read.files import MAX_FILE_BYTES, check_size, open_regular
from imgsim.stamps import FileStamp

if TYPE_CHECKING:
    import pyarrow as pa

Format = Literal["parquet", "arrow"]
TABLE_ENDINGS: dict[str, Format] = {
    ".parquet": "parquet", ".pq": "parquet", ".arrow": "arrow", ".feather": "arrow",
}  # fmt: skip

MAX_GROUP_BYTES = MAX_FILE_BYTES
"""A row group of Parquet is decoded as a whole; those with more bytes of pictures are refused."""

_BYTE_COLUMNS = frozenset(
    "image img picture photo jpg jpeg png webp bytes content data image_bytes image_data".split()
)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of pictures in a table, as it was when its rows were listed.

    Attributes
    ----------
    path : str
        The file.
    format : {"parquet", "arrow"}
    name : str
    nested : bool
        It has structs with the field ``bytes``, as data sets of Hugging Face have, and not bytes.
    stamp : FileStamp
        Of the file.
    group_rows : tuple of int
        Where the row groups of Parquet begin, and the number of rows.
    """

    path: str
    format: Format
    name: str
    nested: bool
    stamp: FileStamp
    group_rows: tuple[int, ...] = ()


class TableRow(Address):
    """The picture in a row of a table."""

    __slots__ = ("column", "row", "size_bytes")
    column: Column
    row: int
    size_bytes: int

    def __new__(cls, column: Column, row: int, size_bytes: int, *, several: bool) -> TableRow:
        """Make the address of the picture in a row.

        Parameters
        ----------
        column : Column
        row : int
        size_bytes : int
        several : bool
            The table has other columns of pictures too, so the name has the column.
        """
        text = f"{column.path}{INSIDE}{row}" + (f"/{column.name}" if several else "")
        picture = super().__new__(cls, text)
        picture.column, picture.row, picture.size_bytes = column, row, size_bytes
        return picture

    def __reduce__(self) -> tuple[Any, ...]:
        """Return what it takes to make it again."""
        several = not str(self).endswith(f"{INSIDE}{self.row}")
        return _row, (self.column, self.row, self.size_bytes, several)

    @property
    def container(self) -> str:
        """The file on disk."""
        return self.column.path

    @property
    def read_order(self) -> tuple[int, ...]:
        """The row."""
        return (self.row,)

    @property
    def stamp(self) -> FileStamp:
        """Its stamp, as long as the file on disk has the one that it had."""
        return self._stamp(self.column.stamp, self.size_bytes)

    def _stamp(self, around: FileStamp, size: int) -> FileStamp:
        # without an inode two files may have one stamp
        file = (*around, self.container) if around.inode == 0 else tuple(around)
        text = repr((file, self.row, self.column.name)).encode("utf-8", "surrogateescape")
        identity = int.from_bytes(hashlib.blake2b(text, digest_size=16).digest())
        return FileStamp(size, around.mtime_ns, max(around.mtime_ns, around.ctime_ns), identity)

    def read(
        self,
        check_size: Callable[[int], object] | None = None,
        progress: Callable[[], object] | None = None,
    ) -> tuple[bytes, FileStamp]:
        """Return the bytes in the row, and their stamp; see `Address.read`."""
        _check(self.size_bytes, check_size)
        stamp = stamp_on_disk(self.column.path)
        with says_damage():
            values, first = _values(self.column, self.row, stamp)
            if not 0 <= self.row - first < len(values):
                raise BadArchive("its table was changed since it was read first")
            value = values[self.row - first]
            data = value.as_py() if value.is_valid else None
        if data is None:
            raise BadArchive("the row has no bytes")
        _check(len(data), check_size)
        return data, self._stamp(stamp, len(data))


def _row(column: Column, row: int, size_bytes: int, several: bool) -> TableRow:
    return TableRow(column, row, size_bytes, several=several)


def _check(size: int, more: Callable[[int], object] | None) -> None:
    check_size(size)
    if more is not None:
        more(size)


def stamp_on_disk(path: str) -> FileStamp:
    """Return what the system tells of a file."""
    with open_regular(path) as file:
        return stamp_of(file)


def require_pyarrow() -> None:
    """Raise if the package that reads tables is not there.

    Raises
    ------
    MethodUnavailable
    """
    try:
        import pyarrow as pa  # noqa: F401
    except ImportError:
        raise MethodUnavailable(
            "Parquet and Arrow need the package pyarrow", "pip install 'imgsim[data]'"
        ) from None


@contextmanager
def says_damage() -> Iterator[None]:
    """Turn what pyarrow raises on damaged files into `BadArchive`."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, IndexError, KeyError, UnicodeDecodeError) as error:
        said = " ".join(str(error).split())[:200]
        raise BadArchive(f"damaged, or no table: {said}") from None
    except OSError as error:
        if isinstance(error, BadArchive) or error.strerror:
            raise
        raise BadArchive(f"damaged: {' '.join(str(error).split())[:200]}") from None


_kept = Kept()


def _values(column: Column, row: int, stamp: FileStamp) -> tuple[pa.ChunkedArray, int]:
    """The bytes of some rows, a row among them, and the first of these."""
    group = 0
    if column.format == "parquet":
        group = sum(start <= row for start in column.group_rows[:-1]) - 1
    key = (column.path, column.name, stamp, group)
    kept: tuple[pa.ChunkedArray, int] | None = _kept.get(key)
    if kept is None:
        if column.format == "parquet":
            kept = group_values(column, group), column.group_rows[group]
        else:
            kept = bytes_of(open_arrow(column.path).column(column.name)), 0
        _kept.put(key, kept)
    return kept


def let_go() -> None:
    """Let go of what this thread keeps."""
    _kept.put(None, None)


def group_values(column: Column, group: int) -> pa.ChunkedArray:
    """Read the pictures of a row group of Parquet.

    Raises
    ------
    BadArchive
        They have too many bytes.
    """
    import pyarrow.parquet as pq

    leaf = f"{column.name}.bytes" if column.nested else column.name
    with pq.ParquetFile(column.path) as file:
        metadata = file.metadata.row_group(group)
        chunks = [metadata.column(i) for i in range(metadata.num_columns)]
        size = sum(c.total_uncompressed_size for c in chunks if c.path_in_schema == leaf)
        if size > MAX_GROUP_BYTES:
            raise BadArchive(f"a row group has more than {MAX_GROUP_BYTES:,} bytes of pictures")
        table = file.read_row_group(group, columns=[leaf], use_threads=False)
    return bytes_of(table.column(column.name))


def bytes_of(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the bytes of a column, be they in structs or not."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_struct(values.type):
        return pc.struct_field(values, "bytes")
    return values


def open_arrow(path: str) -> pa.Table:
    """Map an Arrow file into memory, as a stream or with an index.

    Its offsets are checked: pyarrow follows them wherever they lead, and the process would end.
    """
    import pyarrow as pa

    source = pa.memory_map(path)
    try:
        table = pa.ipc.open_file(source).read_all()
    except pa.ArrowInvalid:
        source.seek(0)
        table = pa.ipc.open_stream(source).read_all()
    table.validate(full=True)
    return table


def is_picture_field(field: pa.Field) -> bool:
    """Return whether a field of a schema has pictures."""
    import pyarrow as pa

    kind = field.type
    if pa.types.is_struct(kind):
        place = kind.get_field_index("bytes")
        return place >= 0 and _is_binary(kind.field(place).type)
    return _is_binary(kind) and field.name.lower() in _BYTE_COLUMNS


def _is_binary(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))
