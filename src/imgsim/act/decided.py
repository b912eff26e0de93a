"""Takes out of a plan what a person decided on since it was made."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations

from imgsim.act.options import ApplyOptions
from imgsim.act.paths import native
from imgsim.act.plan import Plan, PlanGroup, PlannedFile, Removal
from imgsim.act.removal import Stopped
from imgsim.act.select import Left
from imgsim.decisions.lookup import Decided, SeenFile
from imgsim.decisions.records import Decision
from imgsim.decisions.store import Decisions
from imgsim.errors import DecisionsUnusable
from imgsim.stamps import identity_of


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
    answers = tuple(decisions)
    there = [seen(file) for file in files]
    decided = Decided(answers, [*there, *_standing_elsewhere(answers, there)])
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


def decided_since(
    plan: Plan, decisions: Iterable[Decision] | None, options: ApplyOptions
) -> Callable[[], Mapping[bytes, Left]]:
    """Return what tells which files of a plan decisions forbid to remove that were made since.

    A large plan takes minutes, in which a person may go on to decide.

    Parameters
    ----------
    plan : Plan
        Without what is decided so far.
    decisions : iterable of Decision, optional
        `Decisions` are read again each time; others do not change.
    options : ApplyOptions
    """
    if not isinstance(decisions, Decisions):
        return dict
    store = decisions
    stay: Mapping[bytes, Left] = {}

    def by_now() -> Mapping[bytes, Left]:
        nonlocal stay
        try:
            changed = store.refresh()
        except DecisionsUnusable as error:
            raise Stopped(f"decisions cannot be read: {error}") from None
        if changed:
            stay = {one.path: one for one in leave_decided(plan, store, options)[1]}
        return stay

    return by_now


def _standing_elsewhere(
    decisions: Sequence[Decision], planned: Sequence[SeenFile]
) -> Iterator[SeenFile]:
    """Yield files that were decided to stay, are as they were, and no part of the plan.

    Files of one content are told apart by their number: without these, others of their content
    would be taken for them.
    """
    paths = {file.path for file in planned}
    keys = {file.digest for file in planned}
    named = [file for one in decisions for file in one.files]
    keys |= {key for file in named if file.digest in keys for key in file.keys}
    stay = [file for one in decisions if one.answer == "keep-all" for file in one.files]
    wanted = [
        file
        for file in dict.fromkeys(stay)
        if file.path not in paths and os.path.isabs(file.path) and keys & set(file.keys)
    ]
    if not wanted:
        return
    known = {identity_of(path) for path in paths}  # by links, a file has several paths
    for file in wanted:
        identity = identity_of(file.path)
        if identity is None or identity in known or not os.path.isfile(file.path):
            continue
        known.add(identity)
        try:
            with open(file.path, "rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError:
            continue
        if digest == file.digest:
            yield SeenFile(digest, file.path)
