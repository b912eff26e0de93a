"""Which split a file belongs to, and which files belong together."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from imgsim.addresses import INSIDE, Address
from imgsim.decode.names import claims_to_be_image
from imgsim.decode.spec import DEFAULT_MAX_PIXELS
from imgsim.errors import UsageError, check_kind, shown_value, to_read
from imgsim.read.archives.kinds import archive_kind
from imgsim.read.discover import DiscoverOptions, discover, printable
from imgsim.read.manifests.manifest import Manifest, is_there, values_of
from imgsim.read.manifests.path_values import absolute_path
from imgsim.read.manifests.reading import columns_of_paths, is_manifest, read_manifest
from imgsim.read.memory import MemoryPicture, as_text, is_one
from imgsim.read.options import Paths, as_list
from imgsim.read.tables.listing import dataset_splits, table_format
from imgsim.tasks.folder_labels import FOLDER, are_splits, folder_label
from imgsim.types import Picture, Skipped

Splits = Mapping[str, Paths] | Sequence[str | Manifest] | Manifest
"""Splits by their names; folders, archives and manifests; or one manifest that has splits."""


class SplitPaths:
    """Which split a path belongs to: a file, as lists name it, may stand in several.

    Raises
    ------
    UsageError
        A folder, an archive, or the name of a picture in memory belongs to two.
    """

    def __init__(self, splits: Mapping[str, Paths], max_pixels: int = DEFAULT_MAX_PIXELS) -> None:
        self.roots: dict[str, tuple[str, str]] = {}  # (split, path as given), by absolute path
        self._more: dict[str, dict[str, None]] = {}  # further splits of a file
        self.paths: list[str] = []
        for name, paths in splits.items():
            for path in as_list(paths, name, max_pixels):
                earlier = self.roots.setdefault(absolute_path(path), (name, path))
                if earlier[0] == name:
                    pass
                elif _is_file(path):
                    self._more.setdefault(absolute_path(path), {})[name] = None
                else:
                    raise UsageError(
                        f"{printable(path)} is in {earlier[0]} and in {name}",
                        "a folder or a name belongs to one split",
                    )
                self.paths.append(path)

    def root_of(self, path: str) -> tuple[str, str] | None:
        """The split of a path, and what was named: it, or the nearest folder around it."""
        place, inside = absolute_path(path), isinstance(path, Address)
        while place not in self.roots:
            parent = os.path.dirname(place)
            if inside:
                parent = parent.removesuffix(INSIDE[0])
            if parent == place:
                return None
            place = parent
        return self.roots[place]

    def splits_of(self, path: str) -> list[str]:
        """The splits of a path, in the order in which they were named; empty if it has none."""
        split = self.root_of(path)
        return [] if split is None else [split[0], *self._more.get(absolute_path(path), ())]

    def spread(self, picture: Picture) -> list[Picture]:
        """One picture for each split that has a name of the file, its root that split."""
        names: dict[str, list[str]] = {}
        for path in (picture.file.path, *picture.file.links):
            for split in self.splits_of(path):
                names.setdefault(split, []).append(path)
        return [
            replace(
                picture,
                file=replace(picture.file, path=paths[0], root=name, links=tuple(paths[1:])),
            )
            for name, paths in names.items()
        ]

    def splits_of_files(self, files: Iterable[Skipped]) -> list[tuple[str, str]]:
        """Return the paths of files that were skipped, and their splits, if they have one."""
        return [(file.path, split) for file in files for split in self.splits_of(file.path)]

    def below(self, picture: Picture, base: str | None) -> str:
        """A path below its split's folder, with ``/``."""
        split = self.root_of(picture.file.path)
        root = base if base is not None else split[1] if split else ""
        if isinstance(picture.file.path, Address) and archive_kind(root):
            root += INSIDE[0]
        path = os.path.relpath(absolute_path(picture.file.path), absolute_path(root or os.curdir))
        return os.path.basename(picture.file.path) if path == "." else path.replace(os.sep, "/")


def _is_file(path: str) -> bool:
    """Whether a path names one picture on disk, in an archive or in a store."""
    if isinstance(path, Address):
        return not isinstance(path, MemoryPicture)
    return not (os.path.isdir(path) or archive_kind(path) or table_format(path))


@dataclass(frozen=True, slots=True)
class SaidOfPaths:
    """What a user says of the files of a data set: splits, groups and labels.

    Attributes
    ----------
    names : list of str
        Of the splits.
    places : SplitPaths
    base : str or None
        See `find_leaks`.
    group_by, labels : str or None
        As they were asked for.
    group_of, label_of : callable or None
        Tell the group and the label of a picture, empty for none; None where none were asked for.
    manifests : list of Manifest
        Those that the splits come from.
    """

    names: list[str]
    places: SplitPaths
    base: str | None
    group_by: str | None
    labels: str | None
    group_of: Callable[[Picture], str] | None
    label_of: Callable[[Picture], str] | None
    manifests: list[Manifest]

    @classmethod
    def of(
        cls,
        splits: Splits,
        group_by: str | None,
        labels: str | None,
        base: str | None,
        max_pixels: int = DEFAULT_MAX_PIXELS,
    ) -> SaidOfPaths:
        """Read the arguments of `find_leaks`.

        Raises
        ------
        UsageError
            They make no sense.
        """
        manifests: list[Manifest] = []
        if isinstance(splits, Manifest):
            splits = [splits]
        if isinstance(splits, str | os.PathLike):
            one = as_text(splits)
            hint = 'name two folders in a list, or the splits: {"train": ..., "valid": ...}'
            if tells_splits(one):
                hint = f"put the list in a list: [{one!r}]"
            raise UsageError(
                f"{printable(one)} is one path: leaks are found between two splits", hint
            )
        check_kind(labels, str | None, "column of labels", "the name of one, or folder")
        check_kind(base, str | os.PathLike | None, "folder of a list", "leave base out")
        if isinstance(splits, Iterator) and not is_one(splits):
            splits = list(splits)
        if not isinstance(splits, Mapping):
            if not isinstance(splits, Iterable):
                raise UsageError(
                    f"{shown_value(splits)} is no path, nor several", "name the folders in a list"
                )
            paths = with_manifests(splits)
            manifests = [one for one in paths if isinstance(one, Manifest)]
            splits, listed_from = read_splits(paths)
            base = listed_from if base is None else base
        if len(splits) < 2:
            raise UsageError("leaks are found between two splits", "name a second one")
        places = SplitPaths(splits, max_pixels)
        named = {group_by, labels} - {None, FOLDER, "prefix"}
        if named:  # a column, maybe, of data sets that are splits
            tables = columns_of_paths(path for path in places.paths if os.path.isdir(path))
            manifests += tables
        group_of = None if group_by is None else grouping_of(group_by, places, base, manifests)
        label_of = None if labels is None else labels_of(labels, places, base, manifests)
        return cls(list(splits), places, base, group_by, labels, group_of, label_of, manifests)

    def in_no_split(self, options: DiscoverOptions) -> tuple[str, ...] | None:
        """Return files with names of pictures that lie below the folder of a list, and in no split.

        None where the paths of no list count from a folder that was named.
        """
        folders = [one.folder for one in self.manifests if one.folder is not None]
        folders = [folder for folder in folders if os.path.isdir(folder)]
        if not folders:
            return None
        below = discover(folders, replace(options, reference=(), listed=(), manifests=()))
        return tuple(
            file.path
            for file in below.files
            if claims_to_be_image(file)
            and not any(map(self.places.splits_of, (file.path, *file.links)))
        )

    def check(self, pictures: Sequence[Picture]) -> None:
        """Check that groups and labels say something of the pictures.

        Raises
        ------
        UsageError
            They do not.
        """
        if not pictures:
            return
        if self.group_of is not None and not any(map(self.group_of, pictures)):
            names = dict.fromkeys(name for one in self.manifests for name in one.columns)
            columns = f"; columns: {', '.join(map(printable, names))}" if names else ""
            example = printable(self.places.below(pictures[0], self.base))
            raise UsageError(
                f"--group-by {printable(str(self.group_by))}: no image is in a group",
                f"it is told from paths such as {example}{columns}"[:200],
            )
        if self.label_of is not None and not any(map(self.label_of, pictures)):
            raise UsageError(
                f"labels by {printable(str(self.labels))}: no image has one",
                "name the column that has them, or folder where a class is a folder",
            )


_LAST_NUMBER = re.compile(r"[\s_.()-]*\d+\D*$")


def grouping_by(group_by: str) -> Callable[[str], str]:
    """A function from a path below the split's folder to the name of its group, or to nothing."""
    if not isinstance(group_by, str) or not group_by:
        raise UsageError(f"{group_by!r} groups nothing", "prefix, folder, or a regular expression")
    if group_by == FOLDER:
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


def with_manifests(paths: Sequence[str | Manifest]) -> list[str | Manifest]:
    """Return paths, and in the place of those of manifests what these say.

    Raises
    ------
    UsageError
        A manifest makes no sense.
    """
    _check_list(paths)
    texts = [one if isinstance(one, Manifest) else os.fspath(one) for one in paths]
    return [
        read_manifest(one) if not isinstance(one, Manifest) and is_manifest(one) else one
        for one in texts
    ]


def read_splits(paths: Sequence[str | Manifest]) -> tuple[dict[str, list[str]], str | None]:
    """Splits that are a folder, an archive or a manifest each; or those that manifests tell.

    Parameters
    ----------
    paths : sequence of path or Manifest
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
    named = with_manifests(paths)
    manifests = [one for one in named if isinstance(one, Manifest)]
    others = [one for one in named if not isinstance(one, Manifest)]
    datasets = {path: names for path in others if (names := _dataset_splits(path)) is not None}
    splits = split_folders([path for path in others if path not in datasets])
    for names in datasets.values():
        for name, folder in names.items():
            splits.setdefault(name, []).append(folder)
    plain = [_stem(manifest) for manifest in manifests if not manifest.splits]
    for manifest in manifests:
        by_split = manifest.by_split() if manifest.splits else {}
        if not manifest.splits:
            stem = _stem(manifest)
            alone = plain.count(stem) == 1 and stem not in splits
            by_split = {stem if alone else manifest.source: list(manifest.paths)}
        for name, some in by_split.items():
            splits.setdefault(name, []).extend(dict.fromkeys(some))
    if others or not manifests:
        return splits, None
    folders = {
        os.path.dirname(os.path.abspath(one.source)) if one.folder is None else one.folder
        for one in manifests
    }
    return splits, folders.pop() if len(folders) == 1 else os.path.commonpath(
        list(map(os.path.abspath, folders))
    )


def _stem(manifest: Manifest) -> str:
    return os.path.splitext(os.path.basename(manifest.source))[0]


def _check_list(paths: Sequence[str | Manifest]) -> None:
    """Raise `UsageError` unless this is a list of paths and manifests."""
    if is_one(paths) or not all(isinstance(one, str | os.PathLike | Manifest) for one in paths):
        raise UsageError(
            "no list of paths of splits", 'name the splits: {"train": pictures, "valid": others}'
        )


def tells_splits(path: str) -> bool:
    """Return whether a path by itself may stand for several splits."""
    return is_manifest(path) or _dataset_splits(path) is not None


def _dataset_splits(path: str) -> dict[str, str] | None:
    try:
        return dataset_splits(path)
    except OSError as error:
        raise UsageError(
            f"cannot read {printable(path)}: {error.strerror}", to_read(error)
        ) from None


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
        inner, outer = sorted((absolute_path(one), absolute_path(other)), key=len, reverse=True)
        if (inner + os.sep).startswith(outer.rstrip(os.sep) + os.sep):
            raise UsageError(
                f"{printable(one)} and {printable(other)} overlap", "name folders side by side"
            )
    return {name: [folder] for name, folder in zip(names, folders, strict=True)}


def read_split_file(path: str, folder: str) -> Manifest:
    """Read a manifest that has a column of splits, with paths below another folder than its own.

    Raises
    ------
    UsageError
        It cannot be read, makes no sense, has no such column, or none of its files is there.
    """
    manifest = read_manifest(path, folder)
    if len(manifest.by_split()) > 1 and not any(map(is_there, manifest.paths)):
        below = os.path.relpath(manifest.paths[0], folder)
        first = manifest.paths[0] if below.startswith(os.pardir) else below
        hint = f"its paths count from {printable(folder)}"
        name = os.path.basename(os.path.abspath(folder))
        if "\\" in first and os.sep != "\\":
            hint += ", with / between folders"
        elif first.startswith(name + os.sep):
            hint += f": leave out {printable(name)}/ at their beginning"
        raise UsageError(
            f"{printable(path)}: no file of it is there, such as {printable(first)}", hint
        )
    return manifest


def grouping_of(
    group_by: str, places: SplitPaths, base: str | None, manifests: Sequence[Manifest]
) -> Callable[[Picture], str]:
    """Return what tells the name of a picture's group, or nothing.

    A column of the manifests wins over `grouping_by`.
    """
    if any(_has_column(manifest, group_by) for manifest in manifests):
        values = values_of(manifests, group_by)
        return lambda picture: values.of(picture.file.path)
    told = grouping_by(group_by)
    return lambda picture: told(places.below(picture, base))


def _has_column(manifest: Manifest, name: str) -> bool:
    """Whether a column is asked for; words with a meaning of their own only in these letters."""
    if not isinstance(name, str):
        return False
    column = manifest.column(name)
    return column == name or (column is not None and name not in (FOLDER, "prefix"))


def labels_of(
    labels: str, places: SplitPaths, base: str | None, manifests: Sequence[Manifest]
) -> Callable[[Picture], str]:
    """Return what tells the label of a picture, or nothing: its folder, or a column's value.

    Raises
    ------
    UsageError
        There is no such column.
    """
    if labels == FOLDER and not any(_has_column(manifest, labels) for manifest in manifests):
        # below the folder of a list, those of the splits stand above the classes
        splits = base is not None and are_splits(
            os.path.relpath(path, base).replace(os.sep, "/") for path in places.paths
        )
        return lambda picture: folder_label(places.below(picture, base), splits=splits)
    if not manifests:
        raise UsageError(
            f"no labels {printable(labels)}", "folder, or a column of --split-file or of the lists"
        )
    values = values_of(manifests, labels)
    return lambda picture: values.of(picture.file.path)
