"""A small library of files that are no pictures, its plans, and what is there afterwards."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Sequence
from pathlib import Path

import pytest

from imgsim.act.apply import apply
from imgsim.act.history import History
from imgsim.act.options import ApplyOptions
from imgsim.act.outcome import Applied
from imgsim.act.plan import Plan, PlanGroup, PlannedFile, Removal
from imgsim.types import Role

posix = pytest.mark.skipif(os.name == "nt", reason="POSIX alone")
ALL = ApplyOptions(yes_folders=True)


class Trusting:
    """A verifier that finds nothing wrong but what it was told."""

    def __init__(self, **reasons: str) -> None:
        self.reasons = {os.fsencode(path): why for path, why in reasons.items()}

    def verify(self, plan: Plan, groups: Sequence[PlanGroup]) -> dict[bytes, str]:
        return self.reasons


def planned(root: Path, path: str) -> PlannedFile:
    data = (root / path).read_bytes()
    status = (root / path).stat()
    return PlannedFile(
        os.fsencode(path), hashlib.sha256(data).hexdigest(), len(data), status.st_mtime_ns
    )


def plan_of(
    root: Path, keep: str, *removed: str, role: Role = "exact", chosen: bool = True
) -> Plan:
    removals = tuple(Removal(planned(root, one), role, chosen=chosen) for one in removed)
    history = History()
    return Plan(
        str(root), "r", "0", 1, "auto", "normal", 1.0,
        (PlanGroup(planned(root, keep), removals),), (), history.name, history.number_of_runs(),
    )  # fmt: skip


def do(plan: Plan, options: ApplyOptions = ALL, **more: object) -> Applied:
    return apply(plan, options, yes=True, verifier=Trusting(), **more)  # type: ignore[arg-type]


def files(root: Path) -> dict[str, tuple[bytes, int, int]]:
    return {
        path.relative_to(root).as_posix(): (
            path.read_bytes(), path.stat().st_mtime_ns, stat.S_IMODE(path.stat().st_mode)
        )
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }  # fmt: skip


def reasons(applied: Applied) -> dict[str, str]:
    return {os.fsdecode(one.path): one.reason for one in applied.left}
