"""Runs of apply that are killed before a call into a real file system, then resumed or undone.

    python benchmarks/act_kills.py FOLDER... [--kills 200]

Each FOLDER, on a file system of its own kind, must not exist. After each kill the run is resumed or
undone; every file has to be whole in one of its two places, and after undo all bytes, times and
permissions have to be as they were. act_strace.py puts faults into whole commands. Result file
act-kills.json. Linux alone.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Any

from record import machine, write

from imgsim.act.apply import apply, resume
from imgsim.act.options import Action, ApplyOptions
from imgsim.act.plan import Plan, PlanGroup, PlannedFile, Removal
from imgsim.act.run_list import list_runs
from imgsim.act.systems import DescriptorFileSystem
from imgsim.act.undo import undo

ACTIONS: tuple[Action, ...] = ("quarantine", "move", "hardlink", "symlink")
CALLS = [name for name in vars(DescriptorFileSystem) if not name.startswith("_")] + [
    "read", "write", "sync_file", "close", "attributes", "set_attributes", "make_root", "lock",
]  # fmt: skip

Tree = dict[str, tuple[bytes, int, int]]


class Trusting:
    """A verifier for files that are no pictures."""

    def verify(self, plan: Plan, groups: object) -> dict[bytes, str]:
        """Find nothing wrong."""
        return {}


class Killing(DescriptorFileSystem):
    """Kills this process before a call; counts them until then."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.calls = 0

    def __getattribute__(self, name: str) -> Any:
        if name in CALLS:
            self.calls += 1
            if self.calls == self.at:
                os.kill(os.getpid(), signal.SIGKILL)
        return super().__getattribute__(name)


def make_library(root: Path, chance: random.Random) -> Plan:
    """Make some groups with sidecars, and their plan."""
    groups = []
    for number in range(3):
        data = chance.randbytes(chance.randint(1, 200_000))
        names = [f"keep/{number}.jpg", *(f"copies/{i}/{number} \n.jpg" for i in range(2))]
        for name in names:
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            os.chmod(path, chance.choice((0o644, 0o600)))
            os.utime(path, ns=(5, chance.randint(1, 10**18)))
        (root / f"{names[1]}.xmp").write_bytes(b"sidecar %d" % number)
        keep, *removed = (
            PlannedFile(
                os.fsencode(name), hashlib.sha256(data).hexdigest(), len(data),
                (root / name).stat().st_mtime_ns,
            )
            for name in names
        )  # fmt: skip
        groups.append(PlanGroup(keep, tuple(Removal(one, "exact") for one in removed)))
    return Plan(str(root), "r", "0", 1, "auto", "normal", 1.0, tuple(groups))


def tree(root: Path) -> Tree:
    """All files, with their content, time and permissions."""
    return {
        str(path.relative_to(root)): (
            path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_mode
        )
        for path in root.rglob("*")
        if path.is_file() and not path.is_symlink()
    }  # fmt: skip


def in_child(act: Any) -> bool:
    """Run something in a forked process; return whether it was killed."""
    child = os.fork()
    if child == 0:
        try:
            act()
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def one_fault(folder: Path, seed: int, action: Action) -> tuple[bool, str]:
    """Kill one run; return whether it came to that, and what was wrong."""
    chance = random.Random(f"{seed} {action}")
    root, runs = folder / "photos", folder / "runs"
    root.mkdir(parents=True)
    plan = make_library(root, chance)
    before = tree(root)
    move_to = str(folder / "moved") if action == "move" else None
    options = ApplyOptions(action, move_to, yes_folders=True, sidecars="along")

    def act(at: int) -> None:
        apply(plan, options, yes=True, verifier=Trusting(), history=runs, fs=Killing(at))

    at = chance.randint(1, 900)
    killed = in_child(lambda: act(at))
    interrupted = [info for info in list_runs(runs) if info.state == "interrupted"]
    if interrupted and chance.random() < 0.5:
        second = chance.randint(1, 900)
        in_child(lambda: resume(verifier=Trusting(), history=runs, fs=Killing(second)))
        if any(info.state == "interrupted" for info in list_runs(runs)):
            resume(verifier=Trusting(), history=runs)
        names = [p.name for p in folder.rglob("*.jpg") if p.is_file()] if action == "move" else []
        if len(names) > 9 or list(folder.rglob(".imgsim-0*")):
            return killed, "a file is in two places after resume"
    for info in reversed(list_runs(runs)):
        if info.removed or info.state == "interrupted":
            undo(info.name, history=runs)
    after = tree(root)
    if after != before:
        wrong = [
            name for name in before.keys() | after.keys() if before.get(name) != after.get(name)
        ]
        return killed, f"not restored: {wrong[:3]}"
    left = [str(p) for p in folder.rglob(".imgsim-*")]
    return killed, f"left behind: {left[:3]}" if left else ""


def main() -> None:
    """Kill runs on each file system, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--kills", type=int, default=200)
    given = parser.parse_args()
    started = time.perf_counter()
    table, wrong = [], []
    for folder in given.folders:
        kind = file_system(folder.parent)
        faults = seed = failed = 0
        while faults < given.kills:
            action = ACTIONS[seed % len(ACTIONS)]
            came, said = one_fault(folder, seed, action)
            faults += came
            if said:
                failed += 1
                wrong.append(f"{kind}, {action}, {seed}: {said}")
            shutil.rmtree(folder)
            seed += 1
        table.append({"file_system": kind, "runs": seed, "kills": faults, "failed": failed})
        print(table[-1], flush=True)
    command = f"python benchmarks/act_kills.py FOLDER... --kills {given.kills}"
    document = {
        **machine(command),
        "table": table,
        "wrong": wrong[:20],
        "wall_seconds": round(time.perf_counter() - started, 1),
    }
    print(write("act-kills", document), *wrong[:5], sep="\n")


def file_system(folder: Path) -> str:
    """The kind of file system that a folder is on, as Linux has it."""
    best = ("", "unknown")
    for line in Path("/proc/mounts").read_text().splitlines():
        _, place, kind, *_ = line.split()
        if str(folder.resolve()).startswith(place) and len(place) > len(best[0]):
            best = (place, kind)
    return best[1]


if __name__ == "__main__":
    sys.exit(main())
