"""Takes out of a plan what a person decided on since it was made."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from itertools import combinations

from imgsim.act.options import ApplyOptions
from imgsim.act.paths import native
from imgsim.act.plan import Plan, PlanGroup, PlannedFile, Removal
from imgsim.act.select import Left
from imgsim.decisions.lookup import Decided, SeenFile
from imgsim.decisions.records import Decision


def leave_decided(
    plan: Plan, decisions: Iterable[Decision], options: ApplyOptions
) -> tuple[Plan, list[Left]]:
    """Return a plan without the removals that decisions forbid, and what these are.

    Parameters
    ----------
    plan : Plan
    decisions : iterable of Decision
    options : ApplyOptions
        Tells which removals are asked for.
    """

    def seen(file: PlannedFile) -> SeenFile:
        return SeenFile(file.sha256, os.path.join(plan.root, native(file.path)))

    files = [f for g in plan.groups for f in (g.keep, *(one.file for one in g.removals))]
    decided = Decided(decisions, map(seen, files))
    if not decided:
        return plan, []
    left: list[Left] = []
    groups: list[PlanGroup] = []
    for group in plan.groups:
        kept = seen(group.keep)
        asked = [one for one in group.removals if one.chosen or one.role in options.include]
        both = [
            pair
            for pair in combinations(asked, 2)
            if decided.between_files(seen(pair[0].file), seen(pair[1].file)) == "not-duplicates"
        ]
        unclear = {one.file.path for pair in both for one in pair}

        def reason(
            one: Removal, kept: SeenFile = kept, unclear: set[bytes] = unclear
        ) -> str | None:
            file = seen(one.file)
            answer = decided.between_files(kept, file) or decided.file_stays(file, kept)
            return answer or ("not-duplicates" if one.file.path in unclear else None)

        stay = {one.file.path: answer for one in group.removals if (answer := reason(one))}
        for one in group.removals:
            if one.file.path in stay:
                said = f"decided: {stay[one.file.path]}"
                left.append(Left(one.file.path, said, any(one is other for other in asked)))
        rest = tuple(one for one in group.removals if one.file.path not in stay)
        if rest:
            groups.append(replace(group, removals=rest))
    return replace(plan, groups=tuple(groups)), left
