"""Reads a manifest of any format, by the ending of its name."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import replace

from imgsim.addresses import INSIDE, printable
from imgsim.errors import UsageError, check_kind, to_read
from imgsim.read.manifests.coco import read_coco
from imgsim.read.manifests.manifest import Manifest, place_of
from imgsim.read.manifests.tables import (
    checked_column,
    make_manifest,
    read_csv,
    read_json_lines,
)
from imgsim.read.manifests.yolo import read_data_yaml, read_path_list
from imgsim.read.tables.listing import (
    NoPictures,
    dataset_files,
    dataset_splits,
    list_table,
    paths_without_bytes,
    table_values,
)
from imgsim.read.tables.rows import TABLE_ENDINGS


def read_table(name: str, folder: str | None = None) -> Manifest:
    """Read Parquet or Arrow: a column of pictures, or one of paths, and the others.

    Where the place of a picture has a path and no bytes, the file counts.

    Raises
    ------
    UsageError
        It cannot be read, or has neither.
    MethodUnavailable
        pyarrow is not there.
    """
    try:
        header, values = table_values(name)
        try:
            listing = list_table(name)
        except NoPictures:
            column = checked_column(name, header)
            lines = (
                (number, {one: values[one][number - 1] for one in header})
                for number in range(1, len(values[column]) + 1)
            )
            return make_manifest(name, column, header, lines, folder)
        places: list[tuple[int, str]] = [(row.row, row) for row in listing.rows]
        if listing.skipped:
            folders = [os.path.dirname(name), ""] if folder is None else [folder]
            for number, path in paths_without_bytes(name).items():
                # without a path the row names itself, to be told of as skipped
                place = place_of(path, folders) if path else f"{name}{INSIDE}{number}"
                places.append((number, place))
            places.sort(key=lambda one: one[0])
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError(f"cannot read {printable(name)}: {reason}", to_read(error)) from None
    columns = {one: tuple(values[one][row] for row, _ in places) for one in header}
    return Manifest(name, tuple(place for _, place in places), columns)


def read_dataset(name: str) -> Manifest | None:
    """Read a data set that Hugging Face's ``save_to_disk`` wrote: its rows, and their columns.

    Of one with splits their names are the column ``split``. None if the folder is none.

    Raises
    ------
    UsageError
        It cannot be read.
    MethodUnavailable
        pyarrow is not there.
    """
    try:
        splits = dataset_splits(name)
        files = [
            (split, file)
            for split, folder in (splits or {"": name}).items()
            for file in dataset_files(folder) or ()
        ]
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError(f"cannot read {printable(name)}: {reason}", to_read(error)) from None
    if not files:
        return None
    tables = [(split, read_table(file)) for split, file in files]
    names = dict.fromkeys(column for _, table in tables for column in table.columns)
    columns = {
        column: tuple(
            value
            for _, table in tables
            for value in table.columns.get(column, ("",) * len(table.paths))
        )
        for column in names
    }
    if splits is not None:
        columns["split"] = tuple(split for split, table in tables for _ in table.paths)
    return Manifest(name, tuple(path for _, table in tables for path in table.paths), columns)


def columns_of_paths(paths: Iterable[str]) -> list[Manifest]:
    """Return what tables and data sets of Hugging Face say of their rows, of those among paths."""
    found = []
    for path in paths:
        if os.path.isdir(path):
            dataset = read_dataset(path)
            found += [] if dataset is None else [dataset]
        elif os.path.splitext(path)[1].lower() in TABLE_ENDINGS and os.path.isfile(path):
            found.append(read_table(path))
    return found


_READERS: dict[str, Callable[[str, str | None], Manifest]] = {
    ".csv": read_csv,
    ".tsv": read_csv,
    ".jsonl": read_json_lines,
    ".ndjson": read_json_lines,
    ".json": read_coco,
    ".txt": read_path_list,
    ".yaml": read_data_yaml,
    ".yml": read_data_yaml,
    **dict.fromkeys(TABLE_ENDINGS, read_table),
}
MANIFEST_ENDINGS = tuple(_READERS)


def is_manifest(name: str) -> bool:
    """Return whether a path is a file with the name of a manifest."""
    return os.path.splitext(name)[1].lower() in _READERS and os.path.isfile(name)


def read_manifest(
    name: str | os.PathLike[str], folder: str | os.PathLike[str] | None = None
) -> Manifest:
    """Read a list of pictures, and what it says of each.

    Parameters
    ----------
    name : path
        A table (CSV, TSV, JSON lines, Parquet, Arrow) with a column of paths, COCO's JSON, YOLO's
        ``data.yaml``, a list with a path a line, or a data set of Hugging Face on disk. Relative
        paths count from its folder, or else from where the program runs.
    folder : path, optional
        What relative paths count from instead.

    Raises
    ------
    UsageError
        It cannot be read, or is of another kind.

    Examples
    --------
    >>> import imgsim
    >>> manifest = imgsim.read_manifest("table.csv")
    >>> manifest.paths, manifest.columns["split"]
    (('photos/IMG_0001.jpg', 'new/IMG_0005.jpg'), ('train', 'valid'))
    """
    text = _path_text(name)
    if folder is None and os.path.isdir(text):
        dataset = read_dataset(text)
        if dataset is not None:
            return dataset
    reader = _READERS.get(os.path.splitext(text)[1].lower())
    if reader is None:
        raise UsageError(
            f"{printable(text)} is no manifest, by its name",
            f"lists of these endings are read: {' '.join(MANIFEST_ENDINGS)}",
        )
    below = None if folder is None else _path_text(folder)
    manifest = reader(text, below)
    columns = {name: _encodable(values) for name, values in manifest.columns.items()}
    return replace(manifest, folder=below, paths=_encodable(manifest.paths), columns=columns)


def _encodable(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Replace halves of surrogate pairs, which JSON can name and no file or terminal can."""
    try:
        for text in texts:
            if not text.isascii():
                os.fsencode(text)
    except UnicodeEncodeError:
        return tuple(
            _HALVES.sub("\ufffd", text) if _HALVES.search(text) else text for text in texts
        )
    return texts


_HALVES = re.compile("[\ud800-\udc7f\udd00-\udfff]")
"""All but those by which Python stands for bytes that are no UTF-8."""


def _path_text(path: str | os.PathLike[str]) -> str:
    check_kind(path, str | os.PathLike, "path", "give a text or a pathlib.Path")
    text = os.fsdecode(path)
    if "\0" in text:
        raise UsageError(f"not a path: {printable(text)}", "it has a NUL character")
    return text
