"""Says what a plan would do, without doing it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from imgsim.act.check import open_plan_root
from imgsim.act.files import FileSystem, Folder
from imgsim.act.history import History
from imgsim.act.links import links_to
from imgsim.act.options import ApplyOptions
from imgsim.act.outcome import Applied, Removed
from imgsim.act.overlap import busy_paths
from imgsim.act.plan import Plan, PlanGroup
from imgsim.act.select import Chosen, Left, Selection
from imgsim.act.verify import Verifier
from imgsim.act.walk import Different, folder_of, open_planned, reason_of
from imgsim.progress import Progress


def dry_run(
    plan: Plan,
    options: ApplyOptions,
    runs: History,
    verifier: Verifier | None,
    progress: Progress,
) -> Applied:
    """Say what would be done; with a verifier all files are read."""
    fs = runs.fs
    root = open_plan_root(fs, plan)
    try:
        selection = Selection(fs, root, plan, options, busy_paths(runs, plan))
        groups = selection.chosen()
        groups = _as_planned(fs, root, groups, selection, progress, trust=verifier is None)
        if verifier is not None:
            groups = verified(groups, verifier.verify(plan, groups), selection)
        chosen = selection.with_sidecars(groups)
        removed = tuple(_to_removed(one) for one in chosen)
        links = links_to(fs, root, plan.root, {one.path for one in removed})
    finally:
        fs.leave(root)
    return Applied(
        "", options.action, True, removed, tuple(selection.left), links=links, root=plan.root
    )


def _as_planned(
    fs: FileSystem,
    root: Folder,
    groups: Sequence[PlanGroup],
    selection: Selection,
    progress: Progress,
    *,
    trust: bool,
) -> list[PlanGroup]:
    """Groups of which no file was changed; `trust` takes one with its size and time for such."""
    same: list[PlanGroup] = []
    progress.start("checking", len(groups), "group")
    try:
        for group in groups:
            reason = ""
            for file in (group.keep, *(one.file for one in group.removals)):
                try:
                    with folder_of(fs, root, file.path) as (folder, name):
                        if not trust or fs.status(folder, name).mtime_ns != file.mtime_ns:
                            open_planned(fs, folder, name, file).close()
                except (OSError, Different) as error:
                    reason = reason_of(error)
                    if file is group.keep:
                        reason = f"the kept file: {reason}"
                    break
            if reason:
                selection.left.extend(Left(one.file.path, reason) for one in group.removals)
            else:
                same.append(group)
            progress.advance(1)
    finally:
        progress.finish()
    return same


def _to_removed(chosen: Chosen) -> Removed:
    removal = chosen.removal
    return Removed(
        removal.file.path, chosen.keep.path, removal.role, removal.file.size_bytes, chosen.sidecars
    )


def verified(
    groups: Sequence[PlanGroup], reasons: dict[bytes, str], selection: Selection
) -> list[PlanGroup]:
    """The groups without what may not be kept or removed by its content."""
    verified = []
    for group in groups:
        of_kept = reasons.get(group.keep.path, "")
        removals = []
        for one in group.removals:
            reason = of_kept or reasons.get(one.file.path, "")
            if reason:
                selection.left.append(Left(one.file.path, reason))
            else:
                removals.append(one)
        if removals:
            verified.append(replace(group, removals=tuple(removals)))
    return verified
