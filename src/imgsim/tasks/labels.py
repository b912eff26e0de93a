"""Groups of duplicates whose files stand under two labels."""

from __future__ import annotations

import os
from collections.abc import Callable, Container, Iterable, Set
from dataclasses import replace

from imgsim.addresses import printable
from imgsim.errors import UsageError, check_kind
from imgsim.read.manifests.path_values import PathValues, absolute_path
from imgsim.tasks.find_duplicates import Duplicates
from imgsim.tasks.folder_labels import FOLDER, are_splits, folder_label


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
        No image has a label, or it cannot be told which folders are the classes.

    Examples
    --------
    >>> import imgsim
    >>> found = imgsim.with_labels(imgsim.find_duplicates("shop", "phash"), "folder")
    >>> [group.conflict for group in found if group.conflict]
    []
    """
    check_kind(duplicates, Duplicates, "result of find_duplicates", "give what it returned")
    told = label_teller(labels, duplicates.roots, duplicates.folders)
    groups = []
    for group in duplicates.groups:
        members = tuple(
            replace(m, label=told(m.picture.file.path, m.picture.file.root)) for m in group.members
        )
        conflict = len({m.label for m in members if m.label}) > 1
        members = tuple(replace(m, conflict=conflict) for m in members)
        groups.append(replace(group, members=members))
    if groups and not (
        any(member.label for group in groups for member in group.members)
        or _any_label(duplicates, told)
    ):
        raise no_labels()
    return replace(duplicates, groups=tuple(groups))


def label_teller(
    labels: str | PathValues, roots: Iterable[str], folders: Iterable[str]
) -> Callable[[str, str], str]:
    """Return what tells the label of a path below a root; empty for one without.

    Parameters
    ----------
    labels : {"folder"} or PathValues
        See `with_labels`.
    roots : iterable of str
        The paths that were asked for.
    folders : iterable of str
        Those that hold images.

    Raises
    ------
    UsageError
        There are no such labels, or it cannot be told which folders are the classes.
    """
    if isinstance(labels, PathValues):
        return lambda path, root: labels.of(path)
    if labels == FOLDER:
        return _folder_labels(roots, folders)
    raise UsageError(f"no labels {labels!r}"[:80], "folder, or the values of a table")


def no_labels() -> UsageError:
    """Return the error that no image has a label."""
    return UsageError(
        "no image has a label",
        "name a table that has them, or a folder in which every class is a folder",
    )


def _any_label(duplicates: Duplicates, told: Callable[[str, str], str]) -> bool:
    """Whether any image has a label, in a group or not."""
    named = {absolute_path(root or os.curdir) for root in duplicates.roots}
    return any(
        told(path, root)
        for path in duplicates.paths
        if (root := _root_of(absolute_path(path), named)) is not None
    )


def _folder_labels(roots: Iterable[str], folders: Iterable[str]) -> Callable[[str, str], str]:
    """Return what tells the label of a path from its folder below the path that was asked for.

    Where several paths were asked for, and each of them holds images itself, they are the classes,
    or files in these; but for those that are called as splits are.

    Parameters
    ----------
    roots : iterable of str
        The paths that were asked for.
    folders : iterable of str
        Those that hold images, of any group or none.

    Raises
    ------
    UsageError
        Some of the paths hold images, and others only folders of them.
    """
    named = {absolute_path(root or os.curdir) for root in roots}
    holding = {absolute_path(folder) for folder in folders}
    if len(named) > 1 and _are_classes(named, holding):
        above = {os.path.dirname(root) for root in named if os.path.isdir(root)}

        def own_class(path: str, root: str) -> str:
            root, folder = absolute_path(root or os.curdir), os.path.dirname(absolute_path(path))
            if not os.path.isdir(root):  # a file beside the classes is in none of them
                return "" if folder in above else os.path.basename(folder)
            below = _below(folder, root)
            return os.path.basename(root) + (f"/{below}" if below else "")

        return own_class
    splits = are_splits(
        _below(folder, root) for folder in holding if (root := _root_of(folder, named))
    )

    def told(path: str, root: str) -> str:
        place = _below(absolute_path(path), absolute_path(root or os.curdir))
        return folder_label(place, splits=splits)

    return told


def _are_classes(named: Set[str], holding: Set[str]) -> bool:
    """Whether paths that were asked for are classes, and not data sets with folders of these.

    Parameters
    ----------
    named : set of str
        The paths, two or more.
    holding : set of str
        The folders that hold images.

    Raises
    ------
    UsageError
        It cannot be told.
    """
    around = {_root_of(folder, named) for folder in holding}
    roots = sorted(root for root in around if root is not None and os.path.isdir(root))
    if not roots:  # files, or members of archives
        return holding <= {os.path.dirname(root) for root in named}
    if len(roots) > 1 and are_splits(map(os.path.basename, roots)):
        return False
    direct = [root for root in roots if root in holding]
    if direct and len(direct) < len(roots):
        other = next(root for root in roots if root not in holding)
        raise UsageError(
            f"{printable(direct[0])} holds images, {printable(other)} only folders of them:"
            " which of these are the classes?",
            "name the one folder above all classes, or a table with --label-file",
        )
    return bool(direct)


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
