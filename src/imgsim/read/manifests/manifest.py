"""What a manifest says, whatever its format."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from imgsim.errors import UsageError
from imgsim.read.archives.listing import find_archive
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
        Files, and members of archives; from YOLO's also folders. As they are found from where the
        program runs; whether they are there is not known. One may stand several times.
    columns : mapping of str to tuple of str
        Everything else, by the name of the column, a value for each path; "" where there is none.
    """

    source: str
    paths: tuple[str, ...]
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

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

    def _first(self, names: Sequence[str]) -> tuple[str, ...]:
        lower: dict[str, tuple[str, ...]] = {}
        for name, values in self.columns.items():
            lower.setdefault(name.lower(), values)
        return next((lower[name] for name in names if name in lower), ())

    def by_split(self) -> dict[str, list[str]]:
        """Return the paths of each split.

        Raises
        ------
        UsageError
            A path has no split.
        """
        splits: dict[str, list[str]] = {}
        for path, split in zip(self.paths, self.splits, strict=True):
            if not split:
                raise UsageError(f"{self.source} has no split for {path}", "give it one")
            splits.setdefault(split, []).append(path)
        return splits


def path_column(names: Sequence[str]) -> str | None:
    """Return the column that has the paths, of those of a table; None if there is none."""
    lower = {name.strip().lower(): name for name in reversed(names)}
    return next((lower[name] for name in PATH_COLUMNS if name in lower), None)


def place_of(path: str, folders: Sequence[str]) -> str:
    """Return where a path of a list is: below the first folder where it is there, else the first.

    Parameters
    ----------
    path : str
    folders : sequence of str
        ``""`` is where the program runs.
    """
    if os.path.isabs(path) or is_url(path):
        return path
    path = path.removeprefix("./")
    places = [os.path.join(folder, path) for folder in folders]
    return next((place for place in places if is_there(place)), places[0])


def is_there(place: str) -> bool:
    """Return whether there is a file or a folder, or an archive that might hold it."""
    try:
        return is_url(place) or os.path.exists(place) or find_archive(place) is not None
    except ValueError:  # an embedded NUL byte
        return False
