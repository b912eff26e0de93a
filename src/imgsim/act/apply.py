"""Carries out a plan, and goes on with a run that was interrupted."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from imgsim import __version__
from imgsim.act.check import open_plan_root
from imgsim.act.decided import decided_since, leave_decided
from imgsim.act.dry_run import as_planned, dry_run, verified
from imgsim.act.files import FileSystem
from imgsim.act.history import History
from imgsim.act.indexed import leave_indexed
from imgsim.act.interrupted import (
    naming_run,
    options_of,
    removed_by,
    resumption,
    unfinished_run,
    without,
)
from imgsim.act.journal import Journal
from imgsim.act.links import links_to
from imgsim.act.options import Action, ApplyOptions, AskFolder
from imgsim.act.outcome import Applied, Removed
from imgsim.act.overlap import busy_paths
from imgsim.act.paths import native
from imgsim.act.plan import Plan
from imgsim.act.plan_file import read_plan, write_plan
from imgsim.act.removal import GroupChanged, Remover, Stopped, grouped, open_areas
from imgsim.act.select import Left, Selection
from imgsim.act.steps import Stage
from imgsim.act.systems import this_file_system
from imgsim.act.targets import Targets, check_move_folder
from imgsim.act.undo import clear_trash, settle
from imgsim.act.verify import ContentVerifier, Verifier
from imgsim.act.walk import Different, locked_tree
from imgsim.decisions.records import Decision, as_decisions
from imgsim.errors import MethodUnavailable, UsageError, check_kind
from imgsim.progress import Progress, Silent
from imgsim.read.discover import TRASH, printable


def apply(
    plan: Plan,
    options: ApplyOptions | None = None,
    *,
    yes: bool = False,
    thorough: bool = False,
    verifier: Verifier | None = None,
    history: Path | None = None,
    fs: FileSystem | None = None,
    progress: Progress | None = None,
    decisions: Iterable[Decision] | None = None,
    on_removed: Callable[[Removed, Action], None] | None = None,
) -> Applied:
    """Remove what a plan names, or say what would be removed.

    Right before each step both files are opened without following links and hashed. A group of
    which a file is not as it was planned is left alone; what is kept has to decode in full.

    Parameters
    ----------
    plan : Plan
    options : ApplyOptions, optional
        By default files are moved to `.imgsim-trash` in the folder that was scanned.
    yes : bool
        Do it; else nothing on disk is changed, and a file whose size and time are those of the
        plan is not read.
    thorough : bool
        Without `yes`: hash and verify all files, as `yes` does.
    verifier : Verifier, optional
    history : Path, optional
        The folder of the journals; the user's own by default.
    fs : FileSystem, optional
    progress : Progress, optional
    decisions : Decisions, optional
        What a person decided to keep, maybe since the plan was made or while it is carried out,
        stays.
    on_removed : callable, optional
        Called with each removal when it is done, and the action, so that an interrupted run can
        be told of.

    Returns
    -------
    Applied

    Raises
    ------
    UsageError
        The root is gone, another process applies a plan, there is no place for the journal, or the
        plan's index cannot be read.

    Examples
    --------
    >>> import imgsim
    >>> plan = imgsim.plan(imgsim.find_duplicates("photos", "phash"))
    >>> done = imgsim.apply(plan)  # without yes=True nothing is changed
    >>> done.dry_run, [one.path for one in done.removed]
    (True, [b'IMG_0001 copy.jpg'])
    """
    check_kind(plan, Plan, "plan", "imgsim.plan makes one, imgsim.read_plan reads one from bytes")
    fs = fs or this_file_system()
    options = options or ApplyOptions()
    check_kind(options, ApplyOptions, "ApplyOptions", "give imgsim.ApplyOptions(...)")
    runs = History(history, fs)
    _check_options(plan, options)
    plan, left = leave_decided(plan, as_decisions(decisions), options)
    plan, indexed = leave_indexed(plan, options)
    left += indexed
    if not yes:
        judge = (verifier or ContentVerifier()) if thorough else None
        with runs.errors_told():
            applied = dry_run(plan, options, runs, judge, progress or Silent())
    else:
        with runs.locked():
            stays = decided_since(plan, decisions, options)
            applied = _begin(plan, options, runs, verifier, progress or Silent(), stays, on_removed)
    return replace(applied, left=(*applied.left, *left)) if left else applied


def resume(
    run: str = "last",
    *,
    yes: bool = True,
    options: ApplyOptions | None = None,
    ask_folder: AskFolder | None = None,
    verifier: Verifier | None = None,
    history: Path | None = None,
    fs: FileSystem | None = None,
    progress: Progress | None = None,
    decisions: Iterable[Decision] | None = None,
    on_removed: Callable[[Removed, Action], None] | None = None,
) -> Applied:
    """Go on with a run that was interrupted.

    Parameters
    ----------
    run : str
        Its name or number; ``last`` is the last one that is not finished.
    yes : bool
        Do it; else say what would be done, and change nothing.
    options : ApplyOptions, optional
        Those that it was begun with by default.
    ask_folder : callable, optional
        See `ApplyOptions`; answers that were given before are not remembered.
    decisions : Decisions, optional
        As for `apply`; what was removed before stays removed.
    on_removed : callable, optional
        As for `apply`; not called with what was removed before.

    Returns
    -------
    Applied
        With what it did before, too.

    Raises
    ------
    UsageError
        There is no such run, or it is finished.
    """
    fs = fs or this_file_system()
    runs = History(history, fs)
    with runs.locked():
        name = unfinished_run(runs, run)
        record = runs.record(name)
        assert record is not None
        plan = read_plan(runs.plan(name))
        options = options or replace(options_of(record), ask_folder=ask_folder)
        begun = {one.path for one in removed_by(record, plan, list(record.units))}
        left = leave_decided(plan, as_decisions(decisions), options)[1]
        left += leave_indexed(without(plan, {one.path for one in left}), options)[1]
        left = [one for one in left if one.path not in begun]
        plan = without(plan, {one.path for one in left})
        if not yes:
            applied = resumption(plan, options, runs, name, record, progress or Silent())
            return replace(applied, left=(*applied.left, *left))
        with (
            locked_tree(fs, plan.root),
            _stage(fs, plan, options, name) as stage,
            runs.go_on(name) as journal,
            naming_run(name, journal),
        ):
            journal.of_run("resumed")
            stuck, stopped = settle(stage, journal, record)
            if stuck or stopped:
                return Applied(
                    name, options.action, False, (), tuple(stuck),
                    stopped=stopped or "see what is left", root=plan.root,
                )  # fmt: skip
            done = removed_by(record, plan, record.standing, carried=options.carry_metadata)
            rest = without(plan, {one.path for one in done})
            stays = decided_since(rest, decisions, options)
            run_ = _Run(
                rest, options, runs, stage, journal, progress or Silent(), stays, on_removed
            )
            first = 1 + max(record.units, default=0)
            applied = run_.carry_out(verifier, first, record.next_step)
    return replace(applied, removed=(*done, *applied.removed), left=(*applied.left, *left))


def _check_options(plan: Plan, options: ApplyOptions) -> None:
    if options.move_to is None:
        return
    target = os.path.realpath(options.move_to)
    if target == plan.root:
        raise UsageError("--move names the folder that is cleaned up", "name another one")
    for root in plan.roots or (b".",):
        scanned = os.path.normpath(os.path.join(plan.root, native(root)))
        if os.path.normcase(target) == os.path.normcase(scanned) or _is_scanned(target, scanned):
            raise UsageError(
                f"{printable(options.move_to)} lies in the folder that is cleaned up",
                "name one outside it: the next scan would find the moved files again",
            )


def _is_scanned(path: str, root: str) -> bool:
    """Whether a folder lies below one that is scanned, and in none of its waste folders."""
    below, above = os.path.normcase(path), os.path.join(os.path.normcase(root), "")
    return below.startswith(above) and TRASH not in below[len(above) :].split(os.sep)


def _begin(
    plan: Plan,
    options: ApplyOptions,
    runs: History,
    verifier: Verifier | None,
    progress: Progress,
    stays: Callable[[], Mapping[bytes, Left]],
    on_removed: Callable[[Removed, Action], None] | None,
) -> Applied:
    fs = runs.fs
    fs.leave(open_plan_root(fs, plan))
    check_move_folder(fs, options)
    if options.move_to is not None:
        try:
            fs.make_root(options.move_to)
        except OSError as error:
            raise UsageError(f"cannot make {options.move_to}: {error.strerror}", "") from None
    head = {
        "version": __version__,
        "root": plan.root,
        "plan_run": plan.run,
        "options": _document(options),
    }
    data = "".join(write_plan(plan)).encode()
    with ExitStack() as stack:
        try:
            stack.enter_context(locked_tree(fs, plan.root))
            name, journal = stack.enter_context(runs.begin(head, data))
            stack.enter_context(naming_run(name, journal))
            stage = stack.enter_context(_stage(fs, plan, options, name))
        except OSError as error:
            raise UsageError(
                f"cannot begin: {error.strerror or error}", "nothing was moved"
            ) from None
        run = _Run(plan, options, runs, stage, journal, progress, stays, on_removed)
        return run.carry_out(verifier, 1, 1)


@contextmanager
def _stage(fs: FileSystem, plan: Plan, options: ApplyOptions, run: str) -> Iterator[Stage]:
    root = open_plan_root(fs, plan)
    stage = Stage(fs, {"root": root}, run)
    try:
        with open_areas(stage, options.move_to):
            yield stage
    finally:
        fs.leave(root)


class _Run:
    """One run, whose journal is open."""

    def __init__(
        self,
        plan: Plan,
        options: ApplyOptions,
        runs: History,
        stage: Stage,
        journal: Journal,
        progress: Progress,
        stays: Callable[[], Mapping[bytes, Left]],
        on_removed: Callable[[Removed, Action], None] | None,
    ) -> None:
        self.stays = stays
        self.on_removed = on_removed or (lambda one, action: None)
        self.plan = plan
        self.options = options
        self.runs = runs
        self.stage = stage
        self.journal = journal
        self.progress = progress

    def carry_out(self, verifier: Verifier | None, unit: int, step: int) -> Applied:
        """Select, verify and remove; units and steps are counted from the given numbers."""
        fs, root = self.stage.fs, self.stage.areas["root"]
        busy = busy_paths(self.runs, self.plan, self.stage.run)
        targets = Targets(fs, root, self.plan, self.options, self.stage.areas.get("target"))
        selection = Selection(fs, root, self.plan, self.options, busy, targets)
        groups = selection.chosen()
        groups = as_planned(fs, root, groups, selection, self.progress, trust=True)
        reasons = (verifier or ContentVerifier()).verify(self.plan, groups)
        chosen = selection.with_sidecars(verified(groups, reasons, selection))
        remover = Remover(
            self.stage, self.journal, self.plan.root, self.options, targets, unit, step,
            _to_waste_basket,
        )  # fmt: skip
        removed: list[Removed] = []
        stopped = ""
        left = selection.left
        self.progress.start(self.options.action, len(chosen), "file")
        waiting = list(chosen)
        try:
            for some in grouped(chosen):
                for place, one in enumerate(some):
                    try:
                        if decided := self.stays().get(one.removal.file.path):
                            left.append(decided)
                        else:
                            removed.append(remover.remove(one))
                            self.on_removed(removed[-1], self.options.action)
                    except GroupChanged as error:
                        left.extend(Left(o.removal.file.path, error.reason) for o in some[place:])
                        waiting = waiting[len(some) - place :]
                        break
                    except Different as error:
                        left.append(Left(one.removal.file.path, error.reason))
                    waiting = waiting[1:]
                    self.progress.advance(1)
            self.journal.of_run("finished")
        except (Stopped, OSError) as error:
            stopped = str(error)
            left.extend(Left(one.removal.file.path, "the run was stopped") for one in waiting)
        finally:
            self.progress.finish()
        held = {one.path for one in removed} if self.options.action != "delete" else set()
        names = (n for o in chosen for n in (o.removal.file.path, *o.sidecars))
        with suppress(OSError):  # a folder may be gone
            clear_trash(self.stage, [remover.target(name) for name in names if name not in held])
        links = links_to(fs, root, self.plan.root, {one.path for one in removed})
        return Applied(
            self.stage.run, self.options.action, False, tuple(removed), tuple(left),
            remover.freed_bytes, links, stopped, self.plan.root, dict(self.stage.lost),
        )  # fmt: skip


def _to_waste_basket(path: str) -> None:
    from send2trash import send2trash

    send2trash(path)


def check_waste_basket() -> None:
    """Raise `MethodUnavailable` if the package for the system's waste basket is not installed."""
    from importlib.util import find_spec

    if find_spec("send2trash") is None:
        raise MethodUnavailable(
            "--trash needs the package send2trash", "pip install 'imgsim[trash]'"
        )


def _document(options: ApplyOptions) -> dict[str, Any]:
    document = asdict(replace(options, ask_folder=None))
    del document["ask_folder"]
    return document | {
        "include": sorted(options.include),
        "protect": list(options.protect),
        "sidecar_endings": list(options.sidecar_endings),
    }
