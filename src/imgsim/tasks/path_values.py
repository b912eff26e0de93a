"""What is said of files by their paths: labels and groups, from a table or from their folders."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from imgsim.dataset.labelled import SPLITS
from imgsim.errors import UsageError
from imgsim.read.discover import printable
from imgsim.read.encoding import open_text
from imgsim.read.manifests.reading import is_manifest, read_manifest

FOLDER = "folder"
"""Asks for the folder of a file in the place of a column."""


@dataclass(frozen=True, slots=True)
class PathTable:
    """A table of files, a row per file or folder.

    Attributes
    ----------
    source : str
        Where it was read, for messages.
    folder : str
        What the paths in it are relative to.
    columns : tuple of str
        In their order; ``path`` is one of them.
    rows : tuple of dict of str to str
        Without the columns that the table has no name for.
    """

    source: str
    folder: str
    columns: tuple[str, ...]
    rows: tuple[Mapping[str, str], ...]

    def place(self, row: Mapping[str, str]) -> str:
        """Return the path of a row from here on."""
        return os.path.join(self.folder, row["path"])

    def column(self, name: str) -> str | None:
        """Return the column of a name, or else of that in other letters; None if none has it."""
        if name in self.columns:
            return name
        return next((one for one in self.columns if one.lower() == name.lower()), None)

    def values(self, column: str, *, first: bool = False) -> PathValues:
        """Return the values of a column by path.

        Parameters
        ----------
        column : str
            In any letters.
        first : bool
            Take the first that is not empty where rows of one file differ.

        Raises
        ------
        UsageError
            There is no such column, or two rows of one file differ.
        """
        own = self.column(column)
        if own is None:
            raise UsageError(
                f"{printable(self.source)} has no column {printable(column)}",
                f"its columns: {', '.join(map(printable, self.columns))}"[:200],
            )
        values: dict[str, str] = {}
        for row in self.rows:
            if own not in row:  # of a list without this column
                continue
            value, place = (row[own] or "").strip(), absolute_path(self.place(row))
            if first:
                values[place] = values.get(place) or value
            elif values.setdefault(place, value) != value:
                raise UsageError(
                    f"{printable(self.source)}: {printable(row['path'])} has two values of"
                    f" {printable(column)}",
                    "keep one row of it",
                )
        return PathValues(values)


class PathValues:
    """Values by path; what is named more closely wins: a file over the folder around it."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def of(self, path: str) -> str:
        """Return the value of a path; empty where it has none."""
        place = absolute_path(path)
        while place not in self._values:
            parent = os.path.dirname(place)
            if parent == place:
                return ""
            place = parent
        return self._values[place]


def table_of_manifests(paths: Sequence[str]) -> PathTable | None:
    """Return what manifests say of the files that they list.

    Parameters
    ----------
    paths : sequence of path
        Those that are no manifests do not count.

    Returns
    -------
    PathTable or None
        With absolute paths; None if no manifest is among the paths, or none lists anything.

    Raises
    ------
    UsageError
        A manifest makes no sense.
    """
    manifests = [read_manifest(path) for path in map(os.fspath, paths) if is_manifest(path)]
    columns = dict.fromkeys(name for manifest in manifests for name in manifest.columns)
    rows = [
        {name: values[i] for name, values in manifest.columns.items()}
        | {"path": os.path.abspath(path)}
        for manifest in manifests
        for i, path in enumerate(manifest.paths)
    ]
    if not rows:
        return None
    sources = ", ".join(manifest.source for manifest in manifests)
    names = ("path", *(name for name in columns if name != "path"))
    return PathTable(sources, "", names, tuple(rows))


def absolute_path(path: str) -> str:
    """Return a path from the root, in one case where the system knows none."""
    return os.path.normcase(os.path.abspath(path))


def read_table(path: str, folder: str, needed: Sequence[str] = ("path",)) -> PathTable:
    """Read a CSV file of which the first line names the columns.

    Parameters
    ----------
    path : str
        Of the CSV file, in UTF-8. A path in it may name a folder.
    folder : str
        What paths in it are relative to.
    needed : sequence of str
        Columns that every row has to have a value in.

    Raises
    ------
    UsageError
        It cannot be read, or a line makes no sense.
    """
    shown, columns = printable(path), ",".join(needed)
    kept: list[Mapping[str, str]] = []
    try:
        with open_text(path, newline="") as stream:
            rows = csv.DictReader(stream)
            names = tuple(rows.fieldnames or ())
            if not set(needed) <= set(names):
                listed = ", ".join(map(printable, names)) or "nothing"
                raise UsageError(
                    f"{shown} has no columns {' and '.join(needed)}: {listed[:60]}",
                    f"begin it with the line {columns}",
                )
            for row in rows:
                if not all((row[name] or "").strip() for name in needed):
                    raise UsageError(
                        f"{shown}, line {rows.line_num}: no {' or no '.join(needed)}",
                        f"write {columns}",
                    )
                kept.append({name: row[name] or "" for name in names if name is not None})
    except (OSError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"cannot read {shown}: {reason}", "check it") from None
    return PathTable(path, folder, names, tuple(kept))


def are_splits(folders: Iterable[str]) -> bool:
    """Tell whether the top folders of a data set are splits (train, val ...), and not classes.

    Parameters
    ----------
    folders : iterable of str
        All that hold images, below the data set's own, with ``/``; empty for that itself.
    """
    tops = {folder.split("/")[0].lower() for folder in folders}
    return bool(tops) and tops <= SPLITS


def folder_label(below: str, *, splits: bool) -> str:
    """Return the class that a path below a data set's folder is in: the path of its folder.

    Parameters
    ----------
    below : str
        With ``/``.
    splits : bool
        The top folders are no classes, see `are_splits`.

    Returns
    -------
    str
        Empty for a file in no folder of a class.
    """
    return "/".join(os.path.dirname(below).split("/")[splits:])
