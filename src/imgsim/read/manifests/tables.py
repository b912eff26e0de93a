"""Manifests that are tables: CSV and JSON lines."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator, Mapping, Sequence

from imgsim.addresses import printable
from imgsim.errors import UsageError, to_read
from imgsim.read.encoding import open_text
from imgsim.read.manifests.manifest import PATH_COLUMNS, Manifest, path_column, place_of

_DELIMITERS = ",;\t|"
_MOST_OF_A_FIELD = 10_000_000
"""Characters; some tables have a mask or an embedding beside each path."""

_HINT = f"one of these columns has to have the paths: {', '.join(PATH_COLUMNS)}"


def read_csv(name: str, folder: str | None = None) -> Manifest:
    """Read a table with a header: CSV, or separated by tabs, semicolons or bars.

    Raises
    ------
    UsageError
        It cannot be read, has no column of paths, or a line is wrong.
    """
    csv.field_size_limit(max(csv.field_size_limit(), _MOST_OF_A_FIELD))
    try:
        with open_text(name, newline="") as stream:
            first = stream.readline()
            stream.seek(0)
            delimiter = _delimiter(first, os.path.splitext(name)[1].lower())
            rows = csv.reader(stream, delimiter=delimiter, strict=True)
            header = [column.strip() for column in next(rows, [])]
            column = checked_column(name, header)
            return make_manifest(name, column, header, _csv_rows(name, header, rows), folder)
    except OSError as error:
        raise UsageError(
            f"cannot read {printable(name)}: {error.strerror}", to_read(error)
        ) from None
    except csv.Error as error:
        raise UsageError(f"{printable(name)} is no CSV: {error}", "save it as CSV again") from None


def _delimiter(line: str, ending: str) -> str:
    if ending == ".tsv":
        return "\t"
    for delimiter in _DELIMITERS:
        if path_column([field.strip(' "') for field in line.split(delimiter)]):
            return delimiter
    return ","


def checked_column(name: str, header: Sequence[str]) -> str:
    """Return the column of a table that has the paths.

    Raises
    ------
    UsageError
        There is none, or two columns have one name.
    """
    column = path_column(header)
    if column is None:
        shown = ", ".join(header)[:60] or "nothing"
        raise UsageError(f"{printable(name)} has no column of paths: {printable(shown)}", _HINT)
    twice = next((one for one in header if one and header.count(one) > 1), None)
    if twice is not None:
        raise UsageError(f"{printable(name)} has two columns {twice!r}", "name each differently")
    return column


def _csv_rows(
    name: str, header: Sequence[str], rows: Iterator[list[str]]
) -> Iterator[tuple[int, dict[str, str]]]:
    reader = rows
    for row in reader:
        if not any(field.strip() for field in row):
            continue
        line = getattr(reader, "line_num", 0)
        if len(row) != len(header):
            raise UsageError(
                f"{printable(name)}, line {line}: {len(row)} of {len(header)} fields",
                "each line has to have those of the header",
            )
        yield line, dict(zip(header, row, strict=True))


def read_json_lines(name: str, folder: str | None = None) -> Manifest:
    """Read JSON lines: an object for each picture.

    Raises
    ------
    UsageError
        It cannot be read, has no field of paths, or a line is wrong.
    """
    objects: list[tuple[int, dict[str, str]]] = []
    names: dict[str, None] = {}
    try:
        with open_text(name) as stream:
            for number, line in enumerate(stream, 1):
                if not line.strip():
                    continue
                value = json.loads(line)
                if not isinstance(value, dict):
                    raise UsageError(f"{printable(name)}, line {number}: no object", _HINT)
                row = {key: _as_text(field) for key, field in value.items()}
                names.update(dict.fromkeys(row))
                objects.append((number, row))
    except OSError as error:
        raise UsageError(
            f"cannot read {printable(name)}: {error.strerror}", to_read(error)
        ) from None
    except (ValueError, RecursionError) as error:
        said = str(error).partition(":")[0] or "too deep"
        raise UsageError(
            f"{printable(name)}, line {number}: no JSON ({said})", "write one object a line"
        ) from None
    column = checked_column(name, list(names))
    return make_manifest(name, column, list(names), iter(objects), folder)


def _as_text(value: object) -> str:
    """A field as the text that a table would have."""
    if isinstance(value, str):
        return value
    missing = value is None or value != value  # NaN
    return "" if missing else json.dumps(value, ensure_ascii=False)


def make_manifest(
    name: str,
    column: str,
    header: Sequence[str],
    rows: Iterator[tuple[int, Mapping[str, str]]],
    folder: str | None = None,
) -> Manifest:
    """Make a manifest of the rows of a table.

    Parameters
    ----------
    name : str
        The file; relative paths count from its folder, or else from where the program runs.
    column : str
        Which has the paths.
    header : sequence of str
    rows : iterator of (int, mapping of str to str)
        With the number of the line.
    folder : str, optional
        What relative paths count from instead.

    Raises
    ------
    UsageError
        A row has no path, or there are no rows.
    """
    folders = [os.path.dirname(name), ""] if folder is None else [folder]
    paths: list[str] = []
    others = [one for one in header if one != column and one]
    values: dict[str, list[str]] = {one: [] for one in others}
    for line, row in rows:
        path = row.get(column, "")
        if not path.strip():
            raise UsageError(f"{printable(name)}, line {line}: no {column}", "write the path")
        paths.append(place_of(path, folders))
        for one in others:
            values[one].append(row.get(one, "").strip())
    if not paths:
        raise UsageError(f"{printable(name)} lists no pictures", "a line for each")
    return Manifest(name, tuple(paths), {one: tuple(v) for one, v in values.items()})
