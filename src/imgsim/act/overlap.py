"""Finds what earlier runs have to do with the files of a plan."""

from __future__ import annotations

import os
from collections.abc import Iterable

from imgsim.act.history import History, number_of
from imgsim.act.journal import NAMING, Record
from imgsim.act.plan import Plan
from imgsim.act.plan_file import read_plan
from imgsim.errors import UsageError

UNFINISHED = "is not finished"
"""How the reason ends of what an interrupted run may have to do with."""
OLDER = "the plan is older than run "
"""How the reason begins of what a later run had to do with."""


def busy_paths(runs: History, plan: Plan, own: str = "") -> dict[bytes, str]:
    """Return paths of a plan's root that no group of it may have, and why.

    Those are the files of runs that are not finished, and those that were kept or removed by a
    run that is later than the plan: what the plan says of them is no longer so.

    Parameters
    ----------
    runs : History
    plan : Plan
    own : str
        A run that does not count.
    """
    busy: dict[bytes, str] = {}
    same_history = bool(plan.history) and plan.history == runs.name
    for name in runs.runs():
        record = runs.record(name)
        if name == own or record is None or record.undone:
            continue
        if record.unfinished:
            paths, why = _planned_paths(runs, name, record), f"run {name} {UNFINISHED}"
        else:
            later = (
                number_of(name) > plan.runs_before
                if same_history
                else int(record.head["started_ns"]) >= plan.created_ns
            )
            if not later:
                continue
            paths, why = _paths_of(record, record.standing), f"{OLDER}{name}"
        root = os.fsencode(str(record.head["root"])).rstrip(b"/") + b"/"
        own_root = os.fsencode(plan.root).rstrip(b"/") + b"/"
        for path in paths:
            whole = root + path
            if whole.startswith(own_root):
                busy.setdefault(whole[len(own_root) :], why)
    return busy


def _planned_paths(runs: History, name: str, record: Record) -> set[bytes]:
    """The files that an unfinished run has to do with, by its plan and by its journal."""
    paths = _paths_of(record, record.units)
    try:
        plan = read_plan(runs.plan(name))
    except (FileNotFoundError, UsageError):  # somebody changed it: what was begun is known still
        return paths
    paths |= {group.keep.path for group in plan.groups}
    return paths | {one.file.path for _, one in plan.removals}


def _paths_of(record: Record, units: Iterable[int]) -> set[bytes]:
    paths: set[bytes] = set()
    for number in units:
        for step in record.units[number].steps:
            paths.add(step.kept)
            if step.kind in NAMING:
                paths.add(step.origin.path)
    return paths
