"""Compares a plan with the files as they are now."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from imgsim.act.files import FileSystem, Folder
from imgsim.act.plan import Plan, PlannedFile
from imgsim.act.systems import this_file_system
from imgsim.act.walk import Different, folder_of, open_planned, reason_of
from imgsim.errors import UsageError
from imgsim.progress import Progress, Silent


@dataclass(frozen=True, slots=True)
class ChangedPath:
    """A file that is not as it was planned.

    Attributes
    ----------
    path : bytes
        Below the plan's root.
    reason : str
    kept : bool
        It is one that stays.
    """

    path: bytes
    reason: str
    kept: bool


def open_plan_root(fs: FileSystem, plan: Plan) -> Folder:
    """Open the root of a plan.

    Raises
    ------
    UsageError
        It is not there.
    """
    try:
        return fs.open_root(plan.root)
    except OSError as error:
        raise UsageError(
            f"cannot open the plan's root {plan.root}: {error.strerror}",
            "plans hold on the machine where they were made",
        ) from None


def check_plan(
    plan: Plan, fs: FileSystem | None = None, progress: Progress | None = None
) -> list[ChangedPath]:
    """Hash every file of a plan, and return those that are not as they were.

    Parameters
    ----------
    plan : Plan
    fs : FileSystem, optional
    progress : Progress, optional

    Raises
    ------
    UsageError
        The root is not there.
    """
    fs = fs or this_file_system()
    progress = progress or Silent()
    root = open_plan_root(fs, plan)
    changed: list[ChangedPath] = []
    progress.start("checking", sum(1 + len(g.removals) for g in plan.groups), "file")
    try:
        for file, kept in _files(plan):
            reason = _difference(fs, root, file)
            if reason:
                changed.append(ChangedPath(file.path, reason, kept))
            progress.advance(1)
    finally:
        progress.finish()
        fs.leave(root)
    return changed


def _files(plan: Plan) -> Iterator[tuple[PlannedFile, bool]]:
    for group in plan.groups:
        yield group.keep, True
        for removal in group.removals:
            yield removal.file, False


def _difference(fs: FileSystem, root: Folder, file: PlannedFile) -> str:
    try:
        with folder_of(fs, root, file.path) as (folder, name):
            open_planned(fs, folder, name, file).close()
    except (OSError, Different) as error:
        return reason_of(error)
    return ""
