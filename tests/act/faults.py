"""Faults at any call into the file system while plans are applied, resumed and undone.

Each case makes a small library in memory, applies a plan, and puts one fault before a call that is
drawn; then it resumes or undoes, with another fault at times. What has to hold afterwards:

* every content that was there, and every content that the faults brought, is somewhere in full;
* after undo every file has its bytes, time, permissions and attributes, but where another program
  was at work;
* no file is left in two places.
"""

from __future__ import annotations

import errno
import hashlib
import os
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from unittest.mock import patch

from imgsim.act.apply import apply, resume
from imgsim.act.files import Attributes
from imgsim.act.history import History
from imgsim.act.options import Action, ApplyOptions
from imgsim.act.plan import Plan, PlanGroup, PlannedFile, Removal
from imgsim.act.run_list import list_runs
from imgsim.act.undo import undo
from imgsim.errors import ImgsimError

from .memory import ENDS, Crash, MemoryFiles

ROOT, RUNS, FAR = "/photos", "/home/runs", "/far/away"
NAMES = (
    b"a.jpg", b"b b.jpg", b"\xff\xfe.jpg", b"new\nline.png", b"'quoted\".jpg", b"-rf.jpg",
    "ü.jpg".encode(), b"$HOME.jpg", b"%s.jpg",
)  # fmt: skip
ACTIONS: tuple[Action, ...] = (
    "quarantine", "move", "hardlink", "symlink", "reflink", "delete",
)  # fmt: skip
KINDS = (
    "none", "error", "full", "crash", "crash twice", "changed", "replaced", "gone", "emptied",
    "kept gone", "kept changed", "permission", "in the way", "placed", "linked", "clock",
)  # fmt: skip
ERRORS = (errno.EACCES, errno.EIO, errno.EPERM, errno.EROFS, errno.EBUSY, errno.EINTR)


class Nothing:
    """A verifier for files that are no pictures."""

    def verify(self, plan: Plan, groups: Sequence[PlanGroup]) -> dict[bytes, str]:
        return {}


@dataclass
class Case:
    """A library, its plan and what is known of both.

    Attributes
    ----------
    touched : set of bytes
        Paths at which another program was at work.
    contents : set of bytes
        That have to be somewhere at the end.
    """

    files: MemoryFiles
    plan: Plan
    options: ApplyOptions
    before: dict[bytes, tuple[bytes, int, int, Attributes]]
    contents: set[bytes]
    touched: set[bytes] = field(default_factory=set)


def make_case(chance: random.Random, action: Action) -> Case:
    """Make a library of two or three groups."""
    files = MemoryFiles(("/", "/home", "/far"))
    files.no_rename = chance.random() < 0.3
    files.no_links = files.no_rename and chance.random() < 0.5 and action != "hardlink"
    names = chance.sample(NAMES, chance.randint(2, 3))
    groups = []
    for number, name in enumerate(names):
        data = f"content {number} {chance.random()}".encode() * 3
        text = os.fsdecode(name)
        places = [f"/keep/{text}", *(f"/copies/{i}/{text}" for i in range(chance.randint(1, 2)))]
        for place in places:
            made = files.put(
                ROOT + place, data, chance.choice((0o644, 0o600)), chance.randint(2, 999)
            )
            files.nodes[made].attributes = Attributes(made, (("user.note", b"%d" % made),))
        if action in ("quarantine", "move") and chance.random() < 0.4:
            files.put(f"{ROOT}{places[1]}.xmp", f"sidecar {number}".encode(), mtime_ns=number + 3)
        keep, *removed = (_planned(files, os.fsencode(p[1:])) for p in places)
        groups.append(PlanGroup(keep, tuple(Removal(one, "exact") for one in removed)))
    if chance.random() < 0.5:
        files.plain.add(3)  # where --move leads
    files.make_root(RUNS)
    files.make_root(FAR)
    files.settle()
    plan = Plan(ROOT, "r", "0", 1, "auto", "normal", 1.0, tuple(groups))
    options = ApplyOptions(
        action, FAR if action == "move" else None, yes_folders=True, sidecars="along"
    )
    return Case(files, plan, options, _tree(files), {n.data for n in files.tree(ROOT).values()})


def _planned(files: MemoryFiles, path: bytes) -> PlannedFile:
    node = files.tree(ROOT)[path]
    return PlannedFile(path, hashlib.sha256(node.data).hexdigest(), len(node.data), node.mtime_ns)


def _tree(files: MemoryFiles) -> dict[bytes, tuple[bytes, int, int, Attributes]]:
    return {
        path: (node.data, node.mtime_ns, node.mode, node.attributes)
        for path, node in files.tree(ROOT).items()
        if b".imgsim-trash/" not in path
    }


class Fault:
    """Does something once, before a call."""

    def __init__(self, case: Case, kind: str, at: int, chance: random.Random) -> None:
        self.case = case
        self.kind = kind
        self.at = at
        self.chance = chance
        self.happened = False
        self.calls = 0

    def __call__(self, name: str) -> None:
        self.calls += 1
        if self.happened or self.calls < self.at:
            return
        if self.kind == "placed" and name not in ("rename", "link", "rename_within"):
            return
        if name in ENDS and self.kind in ("error", "full", "permission"):
            return
        self.happened = True
        self._do(name)

    def _do(self, name: str) -> None:
        kind, files, chance = self.kind, self.case.files, self.chance
        if kind.startswith("crash"):
            raise Crash
        if kind in ("error", "permission"):
            number = chance.choice(ERRORS) if kind == "error" else errno.EACCES
            raise OSError(number, "injected")
        if kind == "full":
            raise OSError(errno.ENOSPC, "No space left on device")
        if kind == "placed":
            self._place()
            return
        group = chance.choice(self.case.plan.groups)
        path = (
            group.keep.path
            if kind.startswith("kept")
            else (chance.choice(group.removals).file.path)
        )
        where = f"{ROOT}/" + _text(path)
        number = files.find(where)
        if number is None:
            return
        node = files.nodes[number]
        if node.kind != "file":
            return
        if kind == "linked":
            files.nodes[files.find(ROOT)].entries[b"linked %d" % self.at] = number
            files.settle_names()
            return
        self.case.touched.add(path)
        if kind in ("changed", "emptied", "kept changed"):  # by whatever name
            self.case.touched.update(p for p, n in files.tree(ROOT).items() if n is node)
        if kind == "in the way":
            return
        copies = sum(n.data == node.data for n in files.tree(ROOT).values())
        if copies == 1:  # what another program destroys is not for imgsim to save
            self.case.contents.discard(node.data)
        if kind in ("changed", "kept changed"):
            node.data = b"changed" + node.data[7:]
            node.mtime_ns += 1
            self.case.contents.add(node.data)
        elif kind == "emptied":
            node.data = b""
            node.mtime_ns += 1
        elif kind == "replaced":
            fresh = f"replaced {self.at}".encode()
            files.put(where, fresh)
            self.case.contents.add(fresh)
        else:
            files.drop(where)
        files.settle_names()

    def _place(self) -> None:
        """Another program takes the name to which a file is about to be moved."""
        case = self.case
        path = self.chance.choice(self.chance.choice(case.plan.groups).removals).file.path
        places = [f"{ROOT}/" + _text(path)]
        if case.options.action == "move":
            places.append(f"{FAR}/" + _text(path))
        for place in places:
            if case.files.find(place) is None:
                fresh = f"placed at {place.encode('utf-8', 'replace')!r}".encode()
                case.files.put(place, fresh)
                case.contents.add(fresh)
                case.touched.update((path, path + b".xmp"))
        case.files.settle_names()


def _text(path: bytes) -> str:
    return os.fsdecode(path)


def run_case(seed: int, kind: str, action: Action) -> tuple[str, bool]:
    """Run one case; return what was wrong, empty if nothing was, and whether the fault came."""
    chance = random.Random(f"{seed} {kind} {action}")
    case = make_case(chance, action)
    if kind == "placed":
        case.files.no_links = False  # without both only a look tells whether a name is free
    if kind in ("in the way", "clock"):
        other = _in_the_way if kind == "in the way" else _by_a_wrong_clock
        return other(case, chance), True
    calls = _count_calls(seed, kind, action)
    fault = Fault(case, kind, chance.randint(1, calls), chance)
    if kind == "placed" and chance.random() < 0.7:  # while it is undone
        _apply(case)
        fault.at = chance.randint(1, calls // 3)
        _undo_all(case, fault)
        _undo_all(case, None)
        wrong = _lost(case) or _not_restored(case)
        return (f"after undo: {wrong}" if wrong else ""), fault.happened
    if kind in ("error", "full", "permission") and chance.random() < 0.4:
        first, last = _calls_of_undo(seed, kind, action)
        fault.at = chance.randint(first, last)
        return _while_undone(case, fault), fault.happened
    crashed = _attempt(case, fault, lambda: _apply(case))
    wrong = _lost(case)
    if wrong:
        return f"after apply: {wrong}", fault.happened
    if crashed and chance.random() < 0.5:
        second = None
        if kind == "crash twice":
            second = Fault(case, "crash", chance.randint(1, calls), chance)
        if _attempt(case, second, lambda: _resume(case)):
            _attempt(case, None, lambda: _resume(case))
        wrong = _lost(case) or _twice(case)
        if wrong:
            return f"after resume: {wrong}", fault.happened
    second = (
        Fault(case, "crash", chance.randint(1, calls), chance) if kind == "crash twice" else None
    )
    _undo_all(case, second)
    wrong = _lost(case) or _twice(case) or _not_restored(case)
    return (f"after undo: {wrong}" if wrong else ""), fault.happened


def _while_undone(case: Case, fault: Fault) -> str:
    """An error while a run is undone, which is undone again then."""
    _apply(case)
    _undo_all(case, fault)
    wrong = _lost(case)
    if wrong:
        return f"after the first undo: {wrong}"
    _undo_all(case, None)
    wrong = _lost(case) or _twice(case) or _not_restored(case)
    return f"after undo: {wrong}" if wrong else ""


def _count_calls(seed: int, kind: str, action: Action) -> int:
    case = make_case(random.Random(f"{seed} {kind} {action}"), action)
    start = case.files.calls
    _apply(case)
    return case.files.calls - start


def _calls_of_undo(seed: int, kind: str, action: Action) -> tuple[int, int]:
    """The first and last call once the list of runs was read."""
    case = make_case(random.Random(f"{seed} {kind} {action}"), action)
    _apply(case)
    start = case.files.calls
    list_runs(Path(RUNS), case.files)
    listed = case.files.calls - start
    _undo_runs(case)
    return listed, case.files.calls - start - listed


def _apply(case: Case) -> None:
    history = Path(RUNS)
    plan = replace(case.plan, history=History(history, case.files).name)
    apply(plan, case.options, yes=True, verifier=Nothing(), history=history, fs=case.files)


def _resume(case: Case) -> None:
    resume(verifier=Nothing(), history=Path(RUNS), fs=case.files)


def _attempt(case: Case, fault: Fault | None, action: Callable[[], None]) -> bool:
    """Do something with a fault; return whether the power was cut."""
    case.files.before = fault
    try:
        action()
    except Crash:
        case.files.crash(random.Random(case.files.calls))
        return True
    except (ImgsimError, OSError):
        pass
    finally:
        case.files.before = None
    return False


def _undo_all(case: Case, fault: Fault | None) -> None:
    crashed = _attempt(case, fault, lambda: _undo_runs(case))
    if crashed:
        _undo_runs(case)


def _undo_runs(case: Case) -> None:
    for info in reversed(list_runs(Path(RUNS), case.files)):
        if info.state != "undone":
            undo(info.name, history=Path(RUNS), fs=case.files)


def _everything(case: Case) -> list[tuple[bytes, bytes]]:
    found = [
        (path, node.data) for path, node in case.files.tree(ROOT).items() if node.kind == "file"
    ]
    return found + [(path, node.data) for path, node in case.files.tree(FAR).items()]


def _lost(case: Case) -> str:
    """What is nowhere in full; of deleted files one of their content has to be there."""
    there = {data for _, data in _everything(case)}
    lost = case.contents - there
    return f"lost {sorted(lost)[0]!r}" if lost else ""


def _twice(case: Case) -> str:
    """Files that are in both of their places, or parts of files that were left behind."""
    names = Counter(
        path.partition(b".imgsim-trash/")[2].partition(b"/")[2] or path
        for path, _ in _everything(case)
        if path not in case.touched
    )
    twice = [path for path, times in names.items() if times > 1]
    if case.options.action in ("hardlink", "symlink", "reflink"):
        twice = []
    left = [p for p, _ in _everything(case) if b".imgsim-0" in p]
    return f"in two places: {twice[0]!r}" if twice else f"left: {left[0]!r}" if left else ""


def _not_restored(case: Case) -> str:
    after = _tree(case.files)
    for path, was in case.before.items():
        if path in case.touched or after.get(path) == was:
            continue
        if case.options.action == "delete" and path not in after:
            continue  # there is no way back; `_lost` has seen to its content
        return f"{path!r} is {after.get(path)!r} and was {was!r}"
    return ""


def _by_a_wrong_clock(case: Case, chance: random.Random) -> str:
    """The clock jumps with each look at it."""
    with patch("imgsim.act.history.time.time_ns", lambda: chance.randint(0, 1 << 60)):
        for _ in range(2):
            _apply(case)
            wrong = _lost(case)
            if wrong:
                return wrong
            _undo_all(case, None)
    return _lost(case) or _twice(case) or _not_restored(case)


def _in_the_way(case: Case, chance: random.Random) -> str:
    """Another program puts a file where one was moved away from."""
    _apply(case)
    one = chance.choice(chance.choice(case.plan.groups).removals).file.path
    case.files.drop(f"{ROOT}/" + _text(one))
    case.files.put(f"{ROOT}/" + _text(one), b"in the way")
    case.files.settle()
    case.contents.add(b"in the way")
    case.touched.update((one, one + b".xmp"))
    _undo_all(case, None)
    return _lost(case) or _not_restored(case)
