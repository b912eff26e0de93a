"""Runs that were interrupted: with what they were begun, how far they came, what is left to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from imgsim.act.dry_run import dry_run
from imgsim.act.history import History
from imgsim.act.journal import NAMING, Journal, Record
from imgsim.act.options import ApplyOptions
from imgsim.act.outcome import Applied, Removed
from imgsim.act.plan import Plan
from imgsim.errors import UsageError
from imgsim.progress import Progress

_NOTE = "the run "


@contextmanager
def naming_run(run: str, journal: Journal) -> Iterator[None]:
    """Let what ends a run after its first step say which run that was, see `run_of`."""
    try:
        yield
    except BaseException as error:
        if journal.begun:
            error.add_note(f"{_NOTE}{run}")
        raise


def run_of(error: BaseException) -> str:
    """Return the name of the run that an exception ended; empty if none was begun.

    Of Ctrl-C itself, or of what click raises from it.
    """
    notes = [*getattr(error, "__notes__", ()), *getattr(error.__cause__, "__notes__", ())]
    return next((note.removeprefix(_NOTE) for note in notes if note.startswith(_NOTE)), "")


def how_to_go_on(run: str | int) -> str:
    """Say what can be done about an interrupted run, of which this is the name or number."""
    return f"imgsim apply --resume {run} --yes goes on, imgsim undo {run} takes it back"


def options_of(record: Record) -> ApplyOptions:
    """Return the options with which a run was begun."""
    given = dict(record.head["options"])
    given["include"] = frozenset(given["include"])
    return ApplyOptions(**given)


def unfinished_run(runs: History, run: str) -> str:
    """Return the name of a run that is to be resumed; ``last`` is the last one that can be.

    Raises
    ------
    UsageError
        There is no such run, or it is finished.
    """
    if run == "last":
        for name in reversed(runs.runs()):
            record = runs.record(name)
            if record is not None and record.unfinished:
                return name
        raise UsageError("no run was interrupted", "imgsim runs")
    name = runs.find(run)
    record = runs.record(name)
    if record is None or not record.unfinished:
        raise UsageError(f"the run {name} was not interrupted", "imgsim runs")
    return name


def resumption(
    plan: Plan,
    options: ApplyOptions,
    runs: History,
    run: str,
    record: Record,
    progress: Progress,
) -> Applied:
    """Say what would finish a run: the removal that was interrupted, and the rest."""
    begun, done = (
        removed_by(record, plan, units, carried=options.carry_metadata)
        for units in (record.interrupted, record.standing)
    )
    rest = without(plan, {one.path for one in (*begun, *done)})
    applied = dry_run(rest, options, runs, None, progress, own=run)
    return replace(applied, run=run, removed=(*begun, *applied.removed), before=tuple(done))


def removed_by(
    record: Record, plan: Plan, units: Sequence[int], *, carried: bool = False
) -> list[Removed]:
    """Return the files of some removals of a run that was interrupted; `carried` as in them."""
    gone = {
        step.origin.path
        for number in units
        for step in record.units[number].steps
        if step.kind in NAMING
    }
    return [
        Removed(
            one.file.path,
            group.keep.path,
            one.role,
            one.file.size_bytes,
            by_decision=one.by_decision,
            only_here=one.only_here,
            carried=carried,
        )
        for group, one in plan.removals
        if one.file.path in gone
    ]


def without(plan: Plan, paths: set[bytes]) -> Plan:
    """Return a plan without the removals of some files."""
    groups = (
        replace(group, removals=tuple(r for r in group.removals if r.file.path not in paths))
        for group in plan.groups
    )
    return replace(plan, groups=tuple(group for group in groups if group.removals))
