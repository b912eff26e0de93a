"""Lists the pictures of a table, and what its other columns say of them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from imgsim.addresses import INSIDE
from imgsim.read.archives.kinds import BadArchive
from imgsim.read.files import open_regular
from imgsim.read.tables.rows import (
    TABLE_ENDINGS,
    Column,
    Format,
    TableRow,
    bytes_of,
    group_values,
    is_picture_field,
    let_go,
    open_arrow,
    require_pyarrow,
    says_damage,
    stamp_on_disk,
)
from imgsim.types import Skipped

if TYPE_CHECKING:
    import pyarrow as pa

DATASET_FILES = ("state.json", "dataset_info.json")
SPLITS_FILE = "dataset_dict.json"
_MOST_COLUMNS = 32


class NoPictures(BadArchive):
    """The table has no column of pictures."""


@dataclass(slots=True)
class TableListing:
    """The pictures of a table.

    Attributes
    ----------
    rows : list of TableRow
        In the order of the table.
    skipped : list of Skipped
        Rows without bytes, and why.
    """

    rows: list[TableRow] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)


def table_format(name: str) -> Format | None:
    """Return the format of a table, by the ending of its name; None if it is no table."""
    return TABLE_ENDINGS.get(os.path.splitext(name)[1].lower())


def list_table(path: str) -> TableListing:
    """List the pictures in the rows of a table.

    Parameters
    ----------
    path : str
        A Parquet or Arrow file.

    Raises
    ------
    OSError
        It cannot be read; `NoPictures` if it has no column of pictures.
    MethodUnavailable
        pyarrow is not there.
    """
    require_pyarrow()
    listing = TableListing()
    try:
        with says_damage():
            columns = _columns(path)
            for column in columns:
                for row, size in _sizes(column):
                    if size is None:
                        place = f"{path}{INSIDE}{row}"
                        listing.skipped.append(Skipped(place, "the row has no bytes"))
                    else:
                        several = len(columns) > 1
                        listing.rows.append(TableRow(column, row, size, several=several))
    finally:
        let_go()
    return listing


def paths_without_bytes(path: str) -> dict[int, str]:
    """Return the rows in which no column has bytes, with the path in the picture's place.

    Hugging Face's data sets may have the path of a file and null in the place of its bytes.

    Parameters
    ----------
    path : str
        A Parquet or Arrow file with a column of pictures.

    Returns
    -------
    dict of int to str
        Empty texts where there is no path either.

    Raises
    ------
    OSError
        It cannot be read.
    """
    places: dict[int, str] = {}
    held: set[int] = set()
    try:
        with says_damage():
            for column in _columns(path):
                without = []
                for row, size in _sizes(column):
                    if size is None:
                        without.append(row)
                    else:
                        held.add(row)
                named = _paths_beside(column) if without else None
                for row in without:
                    own = named[row].as_py() if named is not None else None
                    places[row] = places.get(row) or own or ""
    finally:
        let_go()
    return {row: place for row, place in sorted(places.items()) if row not in held}


def _paths_beside(column: Column) -> pa.ChunkedArray | None:
    """The field ``path`` of a column of structs; None if it has none."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    if not column.nested:
        return None
    if column.format == "arrow":
        values = open_arrow(column.path).column(column.name)
    else:
        with pq.ParquetFile(column.path) as file:
            values = file.read(columns=[f"{column.name}.path"], use_threads=False)
        if column.name not in values.column_names:
            return None
        values = values.column(column.name)
    place = values.type.get_field_index("path")
    if place < 0 or not pa.types.is_string(values.type.field(place).type):
        return None
    return pc.struct_field(values, "path")


def _columns(path: str) -> list[Column]:
    """The columns of pictures that a table has."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    kind = table_format(path)
    if kind is None:
        raise BadArchive("not the name of a table")
    open_regular(path).close()  # pyarrow would wait for the other end of a pipe
    stamp = stamp_on_disk(path)
    starts: tuple[int, ...] = ()
    if kind == "parquet":
        with pq.ParquetFile(path) as file:
            schema = file.schema_arrow
            groups = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
        starts = tuple(sum(groups[:i]) for i in range(len(groups) + 1))
    else:
        schema = open_arrow(path).schema
    columns = [
        Column(path, kind, one.name, pa.types.is_struct(one.type), stamp, starts)
        for one in schema
        if is_picture_field(one)
    ]
    if not columns:
        raise NoPictures(f"no column of pictures among {', '.join(schema.names)[:80]}")
    return columns


def _sizes(column: Column) -> Iterator[tuple[int, int | None]]:
    """Yield each row and the bytes of its picture; None where there is none."""
    import pyarrow.compute as pc

    row = 0
    parts: Iterator[Any]
    if column.format == "parquet":
        parts = (group_values(column, i) for i in range(len(column.group_rows) - 1))
    else:
        parts = iter([bytes_of(open_arrow(column.path).column(column.name))])
    for values in parts:
        for size in pc.binary_length(values).to_pylist():
            yield row, size
            row += 1


def table_values(path: str) -> tuple[list[str], dict[str, list[str]]]:
    """Return the names of the columns of a table that are no pictures, and their values as texts.

    Labels that Hugging Face keeps as numbers become their names.

    Raises
    ------
    OSError
        It cannot be read.
    MethodUnavailable
        pyarrow is not there.
    """
    require_pyarrow()
    import pyarrow.parquet as pq

    with says_damage():
        open_regular(path).close()
        if table_format(path) == "parquet":
            with pq.ParquetFile(path) as file:
                names = [one.name for one in file.schema_arrow if _is_plain(one)]
                table = file.read(columns=names[:_MOST_COLUMNS], use_threads=False)
                schema = file.schema_arrow
        else:
            table = open_arrow(path)
            schema = table.schema
            names = [one.name for one in schema if _is_plain(one)]
            table = table.select(names[:_MOST_COLUMNS])
        classes = _class_names(schema)
        values = {
            name: [_as_text(value, classes.get(name)) for value in table.column(name).to_pylist()]
            for name in table.column_names
        }
    return list(values), values


def _is_plain(one: pa.Field) -> bool:
    import pyarrow as pa

    kind = one.type
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_integer(kind)
        or pa.types.is_boolean(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_dictionary(kind)
    )


def _as_text(value: object, names: Sequence[str] | None) -> str:
    if value is None or value != value:  # NaN: as pandas writes what is missing
        return ""
    if names is not None and isinstance(value, int) and 0 <= value < len(names):
        return names[value]
    return value if isinstance(value, str) else json.dumps(value)


def _class_names(schema: pa.Schema) -> dict[str, list[str]]:
    """Names of labels by column, from what Hugging Face writes into a schema."""
    try:
        text = (schema.metadata or {}).get(b"huggingface", b"{}")
        features: dict[str, Any] = json.loads(text).get("info", {}).get("features", {})
        return {
            name: [str(one) for one in feature["names"]]
            for name, feature in features.items()
            if isinstance(feature, dict) and feature.get("_type") == "ClassLabel"
        }
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError):
        return {}


def dataset_files(folder: str) -> list[str] | None:
    """Return the Arrow files of a data set that Hugging Face's ``save_to_disk`` wrote.

    None if the folder is none. Of one with splits those of all of them.

    Raises
    ------
    OSError
        What it says of its files makes no sense.
    """
    splits = dataset_splits(folder)
    if splits is not None:
        return [file for one in splits.values() for file in dataset_files(one) or []]
    if not all(os.path.isfile(os.path.join(folder, name)) for name in DATASET_FILES):
        return None
    state = _json(os.path.join(folder, "state.json"))
    try:
        names = [os.path.basename(str(one["filename"])) for one in state["_data_files"]]
    except (KeyError, TypeError):
        raise BadArchive("its state.json names no files") from None
    return [os.path.join(folder, name) for name in names]


def dataset_splits(folder: str) -> dict[str, str] | None:
    """Return the folders of the splits of a data set, by name; None if it has none."""
    name = os.path.join(folder, SPLITS_FILE)
    if not os.path.isfile(name):
        return None
    try:
        names = [os.path.basename(str(one)) for one in _json(name)["splits"]]
    except (KeyError, TypeError):
        raise BadArchive(f"its {SPLITS_FILE} names no splits") from None
    return {one: os.path.join(folder, one) for one in names}


def _json(name: str) -> Any:
    try:
        with open_regular(name) as stream:
            return json.load(stream)
    except (ValueError, RecursionError):
        raise BadArchive(f"{os.path.basename(name)} is no JSON") from None
