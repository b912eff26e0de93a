"""Says what a plan would do, without doing it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace

from imgsim.act.carry import SAME_VIEW, Carried, carried_metadata, content_below, sidecar_of
from imgsim.act.check import open_plan_root
from imgsim.act.files import FileSystem, Folder
from imgsim.act.history import History
from imgsim.act.links import links_to
from imgsim.act.options import ApplyOptions
from imgsim.act.outcome import Applied, Removed
from imgsim.act.overlap import busy_paths
from imgsim.act.plan import Plan, PlanGroup, PlannedFile
from imgsim.act.select import Chosen, Left, Selection
from imgsim.act.targets import Targets, check_move_folder
from imgsim.act.verify import Verifier
from imgsim.act.walk import Different, OpenFile, folder_of, open_planned, reason_of
from imgsim.progress import Progress

_ANOTHER = "another file of the group"


def dry_run(
    plan: Plan,
    options: ApplyOptions,
    runs: History,
    verifier: Verifier | None,
    progress: Progress,
    own: str = "",
) -> Applied:
    """Say what would be done; with a verifier all files are read.

    `own` is a run that was begun, and whose rest the plan is.

    Raises
    ------
    UsageError
        The root is gone, or files cannot be moved to the folder that is named.
    """
    fs = runs.fs
    with ExitStack() as stack:
        root = open_plan_root(fs, plan)
        stack.callback(fs.leave, root)
        check_move_folder(fs, options)
        targets = Targets(fs, root, plan, options, _opened(stack, fs, options.move_to))
        selection = Selection(fs, root, plan, options, busy_paths(runs, plan, own), targets)
        groups = selection.chosen()
        groups = as_planned(fs, root, groups, selection, progress, trust=verifier is None)
        if verifier is not None:
            groups = verified(groups, verifier.verify(plan, groups), selection)
        chosen = selection.with_sidecars(groups)
        if options.carry_metadata:
            chosen = list(_carried(fs, root, chosen, selection))
        removed = tuple(Removed.of(one, carried=options.carry_metadata) for one in chosen)
        links = links_to(fs, root, plan.root, {one.path for one in removed})
    return Applied(
        "", options.action, True, removed, tuple(selection.left), links=links, root=plan.root
    )


def as_planned(
    fs: FileSystem,
    root: Folder,
    groups: Sequence[PlanGroup],
    selection: Selection,
    progress: Progress,
    *,
    trust: bool,
) -> list[PlanGroup]:
    """Return the groups of which no file was changed.

    With `trust` a file of its planned size and time is taken for such, and not read.
    """
    same: list[PlanGroup] = []
    progress.start("checking", len(groups), "group")
    try:
        for group in groups:
            reason, changed = "", group.keep
            for file in (group.keep, *(one.file for one in group.removals)):
                try:
                    with folder_of(fs, root, file.path) as (folder, name):
                        if not trust or fs.status(folder, name).mtime_ns != file.mtime_ns:
                            open_planned(fs, folder, name, file).close()
                except (OSError, Different) as error:
                    reason, changed = reason_of(error), file
                    if file is group.keep:
                        reason = f"the kept file: {reason}"
                    break
            if reason:
                of_others = reason if changed is group.keep else f"{_ANOTHER}: {reason}"
                selection.left.extend(
                    Left(one.file.path, reason if one.file is changed else of_others)
                    for one in group.removals
                )
            else:
                same.append(group)
            progress.advance(1)
    finally:
        progress.finish()
    return same


def _opened(stack: ExitStack, fs: FileSystem, path: str | None) -> Folder | None:
    """The folder of ``--move``, if it is there."""
    if path is None:
        return None
    try:
        folder = fs.open_root(path)
    except FileNotFoundError:
        return None
    stack.callback(fs.leave, folder)
    return folder


def _carried(
    fs: FileSystem, root: Folder, chosen: Sequence[Chosen], selection: Selection
) -> Iterator[Chosen]:
    """The removals whose metadata can be carried, in the order in which they are made."""
    written: dict[bytes, Carried] = {}
    for one in chosen:
        kept = one.keep.path
        try:
            carried = _to_carry(fs, root, one, written.get(kept))
        except (Different, OSError) as error:
            selection.left.append(Left(one.removal.file.path, reason_of(error)))
            continue
        if carried is not None:
            written[kept] = carried
            one = replace(one, written=sidecar_of(kept))
        yield one


def _to_carry(fs: FileSystem, root: Folder, one: Chosen, written: Carried | None) -> Carried | None:
    with ExitStack() as stack:
        packets = [content_below(fs, root, path) for path in one.described_by]

        def opened(planned: PlannedFile) -> tuple[OpenFile, tuple[Folder, bytes]]:
            at = stack.enter_context(folder_of(fs, root, planned.path))
            file = open_planned(fs, *at, planned)
            stack.callback(file.close)
            return file, at

        kept, kept_at = opened(one.keep)
        return carried_metadata(
            fs,
            kept,
            kept_at,
            opened(one.removal.file)[0],
            packets,
            written,
            same_view=one.removal.role in SAME_VIEW,
        )


def verified(
    groups: Sequence[PlanGroup], reasons: dict[bytes, str], selection: Selection
) -> list[PlanGroup]:
    """Return the groups without what may not be kept or removed by its content."""
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
