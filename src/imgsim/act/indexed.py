"""Takes out of a plan what a lasting index has among its files, as it is now."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from imgsim.act.options import ApplyOptions
from imgsim.act.paths import native
from imgsim.act.plan import Plan, PlannedFile
from imgsim.act.select import Left
from imgsim.types import ImageFile


def leave_indexed(plan: Plan, options: ApplyOptions) -> tuple[Plan, list[Left]]:
    """Return a plan without the removals of files of the index that it was made with.

    What the index has by now counts, by whatever path it has it; one that is gone has nothing.

    Parameters
    ----------
    plan : Plan
    options : ApplyOptions
        Tells which removals are asked for.

    Raises
    ------
    UsageError
        There is an index, and it cannot be read.
    """
    if not plan.index:
        return plan, []
    # a plan without one needs nothing of it
    from imgsim.index.manifest import NAME
    from imgsim.index.own_files import OwnFiles
    from imgsim.index.snapshot import Snapshot

    folder = Path(plan.index)
    if not os.path.lexists(folder / NAME):
        return plan, []
    removals = [removal for _, removal in plan.removals]
    numbers = OwnFiles(Snapshot(folder)).numbers([_found(plan, one.file) for one in removals])
    own = {one.file.path for one, some in zip(removals, numbers, strict=True) if some}
    if not own:
        return plan, []
    left = [
        Left(one.file.path, "a file of the index", one.chosen or one.role in options.include)
        for one in removals
        if one.file.path in own
    ]
    groups = (
        replace(g, removals=tuple(one for one in g.removals if one.file.path not in own))
        for g in plan.groups
    )
    return replace(plan, groups=tuple(group for group in groups if group.removals)), left


def _found(plan: Plan, file: PlannedFile) -> ImageFile:
    """A file as the system has it now; one that is gone has its path alone."""
    path = os.path.join(plan.root, os.fspath(native(file.path)))
    try:
        return ImageFile.of(path, os.stat(path, follow_symlinks=False), path)
    except OSError:
        return ImageFile(path, 0, 0, path)
