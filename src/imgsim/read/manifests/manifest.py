"""What a manifest says, whatever its format."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from imgsim.addresses import printable
from imgsim.errors import UsageError
from imgsim.read.archives.listing import find_archive
from imgsim.read.manifests.path_values import PathValues, absolute_path
from imgsim.read.remote import is_url
from imgsim.results import Result

PATH_COLUMNS = (
    "path", "file", "filename", "file_name", "filepath", "file_path", "image", "image_path",
    "image_file", "img", "img_path",
)  # fmt: skip
SPLIT_COLUMNS = ("split", "set", "subset", "partition", "fold")
LABEL_COLUMNS = ("label", "class", "class_name", "category", "target")
GROUP_COLUMNS = ("group", "group_id")
"""Names of columns, in any letters; of several the first of these counts."""


@dataclass(frozen=True, slots=True)
class ListedPath:
    """A path of a manifest, and what it says of it by the name of the column."""

    path: str
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True, repr=False)
class Manifest(Result[ListedPath]):
    """Pictures that a file lists, and what it says of each.

    Attributes
    ----------
    source : str
        The file.
    paths : tuple of str
        Files, folders and members of archives. As they are found from where the program runs;
        whether they are there is not known. One may stand several times.
    columns : mapping of str to tuple of str
        Everything else, by the name of the column, a value for each path; "" where there is none.
    folder : str or None
        What relative paths counted from; None for the folder of the file.
    """

    source: str
    paths: tuple[str, ...]
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    folder: str | None = None

    def _items(self) -> tuple[ListedPath, ...]:
        names = tuple(self.columns)
        values = zip(*self.columns.values(), strict=True) if names else ((),) * len(self.paths)
        return tuple(
            ListedPath(path, dict(zip(names, one, strict=True)))
            for path, one in zip(self.paths, values, strict=True)
        )

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def splits(self) -> tuple[str, ...]:
        """The split of each path; empty if nothing is said of splits."""
        return self._first(SPLIT_COLUMNS)

    @property
    def labels(self) -> tuple[str, ...]:
        """The label of each path; empty if nothing is said of labels."""
        return self._first(LABEL_COLUMNS)

    @property
    def groups(self) -> tuple[str, ...]:
        """What each path belongs together with; empty if nothing is said of groups."""
        return self._first(GROUP_COLUMNS)

    def column(self, *names: str) -> str | None:
        """Return the first of some columns that it has, in any letters; None if it has none."""
        for name in names:
            if name in self.columns:
                return name
            for own in self.columns:
                if own.lower() == name.lower():
                    return own
        return None

    def values(self, column: str) -> PathValues:
        """Return the values of a column by path, see `values_of`."""
        return values_of([self], column)

    def _first(self, names: Sequence[str]) -> tuple[str, ...]:
        own = self.column(*names)
        return () if own is None else self.columns[own]

    def split_values(self) -> PathValues:
        """Return the split of each path.

        Raises
        ------
        UsageError
            There is no column of splits, or a path stands in two.
        """
        column = self.column(*SPLIT_COLUMNS)
        if column is None:
            raise _without_splits(self)
        return self.values(column)

    def by_split(self) -> dict[str, list[str]]:
        """Return the paths of each split.

        Raises
        ------
        UsageError
            There is no column of splits, or a path has no split.
        """
        if not self.splits:
            raise _without_splits(self)
        splits: dict[str, list[str]] = {}
        for path, split in zip(self.paths, self.splits, strict=True):
            if not split:
                raise UsageError(
                    f"{printable(self.source)} has no split for {printable(path)}", "give it one"
                )
            splits.setdefault(split, []).append(path)
        return splits


def values_of(manifests: Sequence[Manifest], column: str, *, first: bool = False) -> PathValues:
    """Return the values of a column of one or more manifests, by path.

    Parameters
    ----------
    manifests : sequence of Manifest
        At least one; those without this column say nothing.
    column : str
        In any letters.
    first : bool
        Take the first that is not empty where rows of one file differ.

    Raises
    ------
    UsageError
        None has such a column, or two rows of one file differ.
    """
    values: dict[str, str] = {}
    having = [(one, own) for one in manifests if (own := one.column(column)) is not None]
    if not having:
        names = dict.fromkeys(name for manifest in manifests for name in manifest.columns)
        raise UsageError(
            f"{_sources(manifests)} has no column {printable(column)}",
            f"its columns: {', '.join(map(printable, names)) or 'none but the paths'}"[:200],
        )
    for manifest, own in having:
        for path, value in zip(manifest.paths, manifest.columns[own], strict=True):
            place = absolute_path(path)
            if first:
                values[place] = values.get(place) or value
            elif values.setdefault(place, value) != value:
                raise UsageError(
                    f"{_sources(manifests)}: {printable(path)} has two values of"
                    f" {printable(column)}",
                    "keep one row of it",
                )
    return PathValues(values)


def _without_splits(manifest: Manifest) -> UsageError:
    names = ", ".join(map(printable, manifest.columns)) or "none"
    return UsageError(
        f"{printable(manifest.source)} has no column of splits; beside the paths: {names[:60]}",
        f"one of these columns has to have them: {', '.join(SPLIT_COLUMNS)}",
    )


def _sources(manifests: Sequence[Manifest]) -> str:
    return ", ".join(printable(manifest.source) for manifest in manifests)


def path_column(names: Sequence[str]) -> str | None:
    """Return the column that has the paths, of those of a table; None if there is none."""
    lower = {name.strip().lower(): name for name in reversed(names)}
    return next((lower[name] for name in PATH_COLUMNS if name in lower), None)


def place_of(path: str, folders: Sequence[str]) -> str:
    """Return where a path of a list is: below the first folder where it is there.

    Of one that is gone, below the first where its own folder is there, else the first. Blanks
    around it count only if there is such a file.

    Parameters
    ----------
    path : str
    folders : sequence of str
        ``""`` is where the program runs.
    """
    for text in dict.fromkeys((path, path.strip())):
        if os.path.isabs(text) or is_url(text):
            places = [text]
        else:
            places = [os.path.join(folder, text.removeprefix("./")) for folder in folders]
        there = next((place for place in places if is_there(place)), None)
        if there is not None:
            return there
    beside = (place for place in places if os.path.isdir(os.path.dirname(place) or "."))
    return next(beside, places[0])


def is_there(place: str) -> bool:
    """Return whether there is a file or a folder, or an archive that might hold it."""
    try:
        return is_url(place) or os.path.exists(place) or find_archive(place) is not None
    except ValueError:  # an embedded NUL byte
        return False
