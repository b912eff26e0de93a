"""Which split a file belongs to, and which files belong together."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations

from imgsim.addresses import INSIDE, Address
from imgsim.errors import UsageError
from imgsim.read.archives.kinds import archive_kind
from imgsim.read.discover import printable
from imgsim.read.manifests.reading import is_manifest, read_manifest
from imgsim.read.options import Paths, as_list
from imgsim.read.tables.listing import dataset_splits
from imgsim.types import Picture


class SplitPaths:
    """Which split a path belongs to."""

    def __init__(self, splits: Mapping[str, Paths]) -> None:
        self.roots: dict[str, tuple[str, str]] = {}  # (split, path as given), by absolute path
        self.paths: list[str] = []
        for name, paths in splits.items():
            for path in as_list(paths, name):
                earlier = self.roots.setdefault(_absolute(path), (name, path))
                if earlier[0] != name:
                    raise UsageError(
                        f"{printable(path)} is in {earlier[0]} and in {name}",
                        "a path belongs to one split",
                    )
                self.paths.append(path)

    def root_of(self, path: str) -> tuple[str, str] | None:
        """The split of a path, and what was named: it, or the nearest folder around it."""
        place, inside = _absolute(path), isinstance(path, Address)
        while place not in self.roots:
            parent = os.path.dirname(place)
            if inside:
                parent = parent.removesuffix(INSIDE[0])
            if parent == place:
                return None
            place = parent
        return self.roots[place]

    def spread(self, picture: Picture) -> list[Picture]:
        """One picture for each split that has a name of the file, its root that split."""
        names: dict[str, list[str]] = {}
        for path in (picture.file.path, *picture.file.links):
            split = self.root_of(path)
            if split is not None:
                names.setdefault(split[0], []).append(path)
        return [
            replace(
                picture,
                file=replace(picture.file, path=paths[0], root=name, links=tuple(paths[1:])),
            )
            for name, paths in names.items()
        ]

    def below(self, picture: Picture, base: str | None) -> str:
        """A path below its split's folder, with ``/``."""
        split = self.root_of(picture.file.path)
        root = base if base is not None else split[1] if split else ""
        if isinstance(picture.file.path, Address) and archive_kind(root):
            root += INSIDE[0]
        path = os.path.relpath(_absolute(picture.file.path), _absolute(root or os.curdir))
        return os.path.basename(picture.file.path) if path == "." else path.replace(os.sep, "/")


def _absolute(path: str) -> str:
    return os.path.normcase(os.path.abspath(path))


_LAST_NUMBER = re.compile(r"[\s_.()-]*\d+\D*$")


def grouping_by(group_by: str) -> Callable[[str], str]:
    """A function from a path below the split's folder to the name of its group, or to nothing."""
    if group_by == "folder":
        return os.path.dirname
    if group_by == "prefix":

        def prefix(path: str) -> str:
            folder, name = os.path.split(path)
            stem = _LAST_NUMBER.sub("", os.path.splitext(name)[0])
            return f"{folder}/{stem}" if folder and stem else folder or stem

        return prefix
    try:
        pattern = re.compile(group_by)
    except re.error as error:
        raise UsageError(
            f"{group_by!r} is no regular expression: {error}", "or one of prefix, folder"
        ) from None

    def matched(path: str) -> str:
        match = pattern.search(path)
        return "/".join(g for g in match.groups() or (match.group(),) if g) if match else ""

    return matched


def read_splits(paths: Sequence[str]) -> tuple[dict[str, list[str]], str | None]:
    """Splits that are a folder, an archive or a manifest each; or those that manifests tell.

    Parameters
    ----------
    paths : sequence of path
        A manifest with a column of splits stands for these; any other is one, by its name.

    Returns
    -------
    splits : dict of str to list of str
    base : str or None
        The folder of the manifests, if all paths are manifests: what is gone is skipped then.

    Raises
    ------
    UsageError
        A manifest makes no sense, or two paths lie inside each other.
    """
    if isinstance(paths, str | os.PathLike) or not all(
        isinstance(path, str | os.PathLike) for path in paths
    ):
        raise UsageError(
            "no list of paths of splits", 'name the splits: {"train": pictures, "valid": others}'
        )
    paths = [os.fspath(path) for path in paths]
    manifests = {path: read_manifest(path) for path in paths if is_manifest(path)}
    datasets = {path: names for path in paths if (names := _dataset_splits(path)) is not None}
    folders = [path for path in paths if path not in manifests and path not in datasets]
    splits = split_folders(folders)
    for names in datasets.values():
        for name, folder in names.items():
            splits.setdefault(name, []).append(folder)
    plain = [path for path, manifest in manifests.items() if not manifest.splits]
    stems = [os.path.splitext(os.path.basename(path))[0] for path in plain]
    for path, manifest in manifests.items():
        named = manifest.by_split() if manifest.splits else {}
        if path in plain:
            stem = stems[plain.index(path)]
            alone = stems.count(stem) == 1 and stem not in splits
            named = {stem if alone else path: list(manifest.paths)}
        for name, some in named.items():
            splits.setdefault(name, []).extend(dict.fromkeys(some))
    if folders or datasets or not manifests:
        return splits, None
    return splits, os.path.commonpath([os.path.dirname(os.path.abspath(m)) for m in manifests])


def tells_splits(path: str) -> bool:
    """Return whether a path by itself may stand for several splits."""
    return is_manifest(path) or _dataset_splits(path) is not None


def _dataset_splits(path: str) -> dict[str, str] | None:
    try:
        return dataset_splits(path)
    except OSError as error:
        raise UsageError(f"cannot read {printable(path)}: {error.strerror}", "check it") from None


def split_folders(folders: Sequence[str]) -> dict[str, list[str]]:
    """Splits that are a folder each, named after it; by their whole paths where names clash.

    Raises
    ------
    UsageError
        One lies inside another.
    """
    names = [os.path.basename(os.path.abspath(folder)) for folder in folders]
    if len(set(names)) < len(names):
        names = [folder.rstrip(os.sep) for folder in folders]
    for one, other in combinations(folders, 2):
        inner, outer = sorted((_absolute(one), _absolute(other)), key=len, reverse=True)
        if (inner + os.sep).startswith(outer.rstrip(os.sep) + os.sep):
            raise UsageError(
                f"{printable(one)} and {printable(other)} overlap", "name folders side by side"
            )
    return {name: [folder] for name, folder in zip(names, folders, strict=True)}


def read_split_file(path: str, folder: str) -> dict[str, list[str]]:
    """Splits from a CSV file with the columns ``path`` and ``split``.

    Parameters
    ----------
    path : path
        Of the CSV file, in UTF-8. A path in it may name a folder.
    folder : path
        What paths in it are relative to.

    Raises
    ------
    UsageError
        It cannot be read, or a line makes no sense.
    """
    splits: dict[str, list[str]] = {}
    try:
        with open(path, encoding="utf-8-sig", errors="surrogateescape", newline="") as stream:
            rows = csv.DictReader(stream)
            if not {"path", "split"} <= set(rows.fieldnames or ()):
                columns = ", ".join(rows.fieldnames or ()) or "nothing"
                raise UsageError(
                    f"{printable(path)} has no columns path and split: {columns[:60]}",
                    "begin it with the line path,split",
                )
            for row in rows:
                if not row["path"] or not row["split"]:
                    raise UsageError(
                        f"{printable(path)}, line {rows.line_num}: no path or no split",
                        "write path,split",
                    )
                splits.setdefault(row["split"].strip(), []).append(
                    os.path.join(folder, row["path"])
                )
    except (OSError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"cannot read {printable(path)}: {reason}", "check it") from None
    return splits
