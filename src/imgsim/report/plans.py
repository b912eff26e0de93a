"""Plans as text."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from imgsim.act.check import ChangedPath
from imgsim.act.paths import shown
from imgsim.act.plan import Plan
from imgsim.act.plan_file import write_plan
from imgsim.act.sidecar_losses import SidecarLoss
from imgsim.decode.spec import DecodeMode
from imgsim.read.discover import printable
from imgsim.report.facts import names_text
from imgsim.report.units import count, size


def plan_document(plan: Plan) -> dict[str, Any]:
    """Return the document of a plan as its file has it."""
    document: dict[str, Any] = json.loads("".join(write_plan(plan)))
    return document


def plan_text(
    plan: Plan, losses: Mapping[bytes, Sequence[SidecarLoss]] | None = None
) -> Iterator[str]:
    """Yield the groups of a plan: what stays, and what is to be removed in its favour.

    `losses` are those of sidecars that go along, by the path of the removed file.
    """
    yield f"Below {printable(plan.root)}\n"
    yield f"{_made(plan)} ({plan.run}, imgsim {plan.version})\n"
    for group in plan.groups:
        rule = printable(f" ({group.rule})") if group.rule else ""
        yield f"\nkeep        {size(group.keep.size_bytes):>9}  {shown(group.keep.path)}{rule}\n"
        for one in group.removals:
            mark = "  [by your decision]" if one.by_decision else ""
            mark += "" if one.chosen else "  [not chosen]"
            file = one.file
            yield f"  {one.role:9} {size(file.size_bytes):>9}  {shown(file.path)}{mark}\n"
            if one.evidence and one.role not in ("exact", "pixels"):
                yield f"{'':23}{printable(one.evidence)}\n"
            if one.only_here:
                yield f"{'':23}the kept file lacks its {names_text(one.only_here)}\n"
            for loss in (losses or {}).get(file.path, ()):
                yield f"{'':23}its sidecar {shown(loss.path)} {loss.why}\n"


def _made(plan: Plan) -> str:
    """How the plan was made, as the options of find-dupes have it."""
    words = [f"made by {printable(plan.method)}"]
    words.append(f"--preset {plan.preset}" if plan.preset else f"--threshold {plan.threshold:g}")
    if plan.decode is not DecodeMode.REDUCED:
        words.append(f"--decode {plan.decode}")
    return " ".join([*words, *(f"--keep {printable(rule)}" for rule in plan.keep)])


def plan_summary(plan: Plan) -> Iterator[str]:
    """Yield how many files of which roles are to be removed."""
    chosen = [one for _, one in plan.removals if one.chosen]
    others = [one for _, one in plan.removals if not one.chosen]
    roles = Counter(one.role for one in chosen)
    names = ", ".join(f"{n} {role}" for role, n in roles.items())
    total = size(sum(one.file.size_bytes for one in chosen))
    yield f"{count(len(chosen), 'file')} to be removed ({names or 'none'}), {total}"
    if others:
        verb = "is" if len(others) == 1 else "are"
        yield (
            f'{count(len(others), "file")} {verb} listed and not chosen: set "chosen": true, or'
            " name their roles with imgsim apply --include"
        )


def changed_text(changed: Sequence[ChangedPath]) -> Iterator[str]:
    """Yield the files that are not as they were planned."""
    for one in changed:
        yield f"{'keep' if one.kept else 'remove':7} {one.reason}: {shown(one.path)}\n"
