"""Groups of duplicates whose files stand under two labels."""

from __future__ import annotations

import os
from collections.abc import Callable, Container, Iterable
from dataclasses import replace

from imgsim.errors import UsageError
from imgsim.read.manifests.path_values import PathValues, absolute_path
from imgsim.tasks.find_duplicates import Duplicates
from imgsim.tasks.folder_labels import FOLDER, are_splits, folder_label
from imgsim.types import Picture


def with_labels(duplicates: Duplicates, labels: str | PathValues = FOLDER) -> Duplicates:
    """Return the groups with the labels of their files.

    Where a group has two labels, none of its files counts as removable: one of the labels is
    wrong, and a person has to say which before a file goes.

    Parameters
    ----------
    duplicates : Duplicates
    labels : {"folder"} or PathValues
        The folders of a file below the path that was asked for; or the values of a column, see
        `Manifest.values`.

    Raises
    ------
    UsageError
        No file of a group has a label.
    """
    if isinstance(labels, PathValues):
        told: Callable[[str, str], str] = lambda path, root: labels.of(path)  # noqa: E731
    elif labels == FOLDER:
        told = _folder_labels({p.file.root for p in _pictures(duplicates)}, duplicates.folders)
    else:
        raise UsageError(f"no labels {labels!r}"[:80], "folder, or the values of a table")
    groups = []
    for group in duplicates.groups:
        members = tuple(
            replace(m, label=told(m.picture.file.path, m.picture.file.root)) for m in group.members
        )
        conflict = len({m.label for m in members if m.label}) > 1
        members = tuple(replace(m, conflict=conflict) for m in members)
        groups.append(replace(group, members=members))
    if groups and not any(member.label for group in groups for member in group.members):
        raise UsageError(
            "no file of a group has a label",
            "name a table that has them, or a folder in which every class is a folder",
        )
    return replace(duplicates, groups=tuple(groups))


def _pictures(duplicates: Duplicates) -> Iterable[Picture]:
    return (member.picture for group in duplicates.groups for member in group.members)


def _folder_labels(roots: Iterable[str], folders: Iterable[str]) -> Callable[[str, str], str]:
    """Return what tells the label of a path from its folder below the path that was asked for.

    Where several paths were asked for, and no image lies in a folder below one of them, they are
    the classes themselves, or files in these.

    Parameters
    ----------
    roots : iterable of str
        The paths that were asked for.
    folders : iterable of str
        Those that hold images.
    """
    named = {absolute_path(root or os.curdir) for root in roots}
    holding = {absolute_path(folder) for folder in folders}
    own = {root if os.path.isdir(root) else os.path.dirname(root) for root in named}
    if len(named) > 1 and holding <= own:
        return lambda path, root: os.path.basename(os.path.dirname(absolute_path(path)))
    splits = are_splits(
        _below(folder, root) for folder in holding if (root := _root_of(folder, named))
    )

    def told(path: str, root: str) -> str:
        place = _below(absolute_path(path), absolute_path(root or os.curdir))
        return folder_label(place, splits=splits)

    return told


def _below(path: str, root: str) -> str:
    below = os.path.relpath(path, root).replace(os.sep, "/")
    return "" if below == "." else below


def _root_of(folder: str, roots: Container[str]) -> str | None:
    """Return the nearest of some folders that a folder lies in, or is."""
    while folder not in roots:
        parent = os.path.dirname(folder)
        if parent == folder:
            return None
        folder = parent
    return folder
