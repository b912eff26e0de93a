"""Errors and kills that strace puts into system calls of real apply, resume and undo commands.

    python benchmarks/act_strace.py FOLDER... [--faults 125] [--seed 0]

Each FOLDER, on a file system of its own kind, must not exist. A first run of a command, without a
fault, tells which system calls it makes on files of the library, the waste folder, the journal and
the target of --move (which lies on the next FOLDER's file system for half of the cases); each case
draws one of them, and an error or a kill. Then the run is resumed or undone without faults. After
each command every content has to be somewhere in full, by sha256; after undo all bytes, times,
permissions and extended attributes have to be as they were, but attributes that undo says it could
not set, and nothing may be left behind; exit code 0 has to mean that
all was done. Result file act-strace.json, of which rows of other file systems stay. Linux alone,
with strace.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from act_kills import Tree, Trusting, file_system, tree
from PIL import Image
from record import RESULTS, machine, write

from imgsim.act.apply import resume
from imgsim.act.plan import Plan, PlanGroup, PlannedFile, Removal
from imgsim.act.plan_file import write_plan
from imgsim.act.run_list import list_runs
from imgsim.act.undo import undo
from imgsim.pictures.generate import landscape

ACTIONS = ("quarantine", "move", "hardlink", "symlink", "reflink", "delete")
STAGES = ("apply", "apply", "undo", "resume")
CALLS = (
    "openat,read,pread64,write,fsync,renameat,renameat2,rename,linkat,symlinkat,readlinkat,"
    "mkdirat,mkdir,unlinkat,rmdir,newfstatat,fstat,fchmod,fchmodat,utimensat,ioctl,flock,fcntl,"
    "getdents64,lseek,close,fchown,fsetxattr,fgetxattr,flistxattr,fstatfs,?faccessat,?faccessat2"
)
ERRORS = (
    "EIO", "ENOSPC", "EACCES", "EXDEV", "EROFS", "EPERM", "EBUSY", "EDQUOT", "EMFILE", "ENOENT",
)  # fmt: skip
KILL = "kill"
_LINE = re.compile(r"^(\d+) +(\w+)\((.*)")


@dataclass(frozen=True)
class Call:
    """A system call of a command: its name, and the how manieth of its kind in its thread."""

    name: str
    number: int


@dataclass
class Case:
    """A library in a folder, and the command line that cleans it up."""

    folder: Path
    action: str
    target: Path
    before: Tree

    @property
    def root(self) -> Path:
        """The library."""
        return self.folder / "photos"

    @property
    def contents(self) -> set[str]:
        """The digests of all contents that have to be somewhere."""
        return {digest for digest, *_ in self.before.values()}

    def command(self, stage: str) -> list[str]:
        """Return the words of a command."""
        if stage == "undo":
            return ["undo", "last"]
        common = ["--yes-folders", "--sidecars", "along", "--executor", "threads", "-j", "1"]
        common += ["--cache", "off"]
        if stage == "resume":
            return ["apply", "--resume", "--yes", *common]
        flags = {"quarantine": [], "move": ["--move", str(self.target)]}
        action = flags.get(self.action, [f"--{self.action}"])
        sure = ["--yes-delete"] if self.action == "delete" else []
        return ["apply", str(self.folder / "plan.json"), "--yes", *action, *sure, *common]

    def run(self, stage: str, strace: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
        """Run a command, under strace if there are words of it."""
        return subprocess.run(
            [*strace, sys.executable, "-m", "imgsim", *self.command(stage)],
            env=os.environ | {"IMGSIM_RUNS": str(self.folder / "runs")},
            capture_output=True, text=True, errors="replace", check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip


def make_case(folder: Path, action: str, target: Path, seed: int) -> Case:
    """Make a library of real pictures with sidecars, and its plan."""
    chance = random.Random(seed)
    root = folder / "photos"
    groups = []
    for number in range(3):
        names = [f"keep/{number}.png", f"copies/0/{number} \n.png", f"copies/1/-{number}'.png"]
        for name in names:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(landscape(seed * 3 + number, 64, 48)).save(root / names[0])
        data = (root / names[0]).read_bytes()
        (root / f"{names[1]}.xmp").write_bytes(b"sidecar %d of %d" % (number, seed))
        for name in names:
            (root / name).write_bytes(data)
            os.chmod(root / name, chance.choice((0o644, 0o600)))
            os.utime(root / name, ns=(5, chance.randint(1, 10**18)))
            with suppress(OSError):  # a file system without
                os.setxattr(root / name, "user.note", b"%d" % chance.randint(1, 99))
        keep, *removed = (_planned(root, name) for name in names)
        groups.append(PlanGroup(keep, tuple(Removal(one, "exact") for one in removed)))
    plan = Plan(str(root), "r", "0", 1, "auto", "normal", 1.0, tuple(groups))
    (folder / "plan.json").write_text("".join(write_plan(plan)))
    (folder / "runs").mkdir()
    target.mkdir(parents=True, exist_ok=True)
    return Case(folder, action, target, digests(root))


def _planned(root: Path, name: str) -> PlannedFile:
    data = (root / name).read_bytes()
    mtime_ns = (root / name).stat().st_mtime_ns
    return PlannedFile(os.fsencode(name), hashlib.sha256(data).hexdigest(), len(data), mtime_ns)


def digests(folder: Path) -> Tree:
    """All files, with the digest of their content, time, permissions and attributes."""
    return {
        name: (hashlib.sha256(data).hexdigest(), mtime_ns, mode, _attributes(folder / name))  # type: ignore[misc]
        for name, (data, mtime_ns, mode) in tree(folder).items()
    }


def _attributes(path: Path) -> tuple[bytes, ...]:
    if path.is_symlink():
        return ()
    return tuple(os.getxattr(path, name) for name in sorted(os.listxattr(path)))


def calls_of(case: Case, stage: str) -> list[Call]:
    """Run a command without a fault, and return its system calls on our files."""
    log = case.folder.with_suffix(".calls")
    case.run(stage, ["strace", "-f", "-y", "-s", "300", "-o", str(log), "-e", f"trace={CALLS}"])
    counts: Counter[tuple[str, str]] = Counter()
    calls = []
    ours = (str(case.folder), str(case.target))
    for line in log.read_text(errors="replace").splitlines():
        match = _LINE.match(line)
        if match is None:
            continue
        thread, name, rest = match.groups()
        counts[thread, name] += 1
        if any(one in rest for one in ours):
            calls.append(Call(name, counts[thread, name]))
    log.unlink()
    return calls


def inject(case: Case, stage: str, call: Call, error: str) -> tuple[bool, int, str]:
    """Run a command with a fault; return whether it came, the exit code, and what was said."""
    log = case.folder.with_suffix(".strace")
    what = "signal=SIGKILL" if error == KILL else f"error={error}"
    words = ["strace", "-f", "-y", "-s", "300", "-o", str(log), "-e", f"trace={call.name}"]
    done = case.run(stage, [*words, "-e", f"inject={call.name}:{what}:when={call.number}"])
    text = log.read_text(errors="replace")
    log.unlink()
    # a run that was killed elsewhere before makes other calls: the program's own files do not count
    ours = (str(case.folder), str(case.target))
    hit = (line for line in text.splitlines() if "INJECTED" in line or line.endswith("= ?"))
    came = any(place in line for line in hit for place in ours)
    return came, done.returncode, done.stderr


def lost(case: Case) -> str:
    """What is nowhere in full; empty if nothing is."""
    there = {digest for digest, *_ in digests(case.folder).values()}
    there |= {digest for digest, *_ in digests(case.target).values()}
    gone = case.contents - there
    if case.action == "delete":  # of each picture a copy, and that the kept one
        after = digests(case.root)
        gone |= {name for name in case.before if name.startswith("keep/") and name not in after}
        gone -= {d for name, (d, *_) in case.before.items() if name.endswith(".xmp")}  # type: ignore[misc]
    return f"lost {sorted(map(str, gone))[:2]}" if gone else ""


def one_fault(
    case: Case, stage: str, call: Call, error: str, chance: random.Random, early: Call
) -> tuple[bool, str]:
    """Put a fault into a command; return whether it came, and what is wrong after."""
    if stage == "undo":
        case.run("apply")
    elif stage == "resume":
        inject(case, "apply", early, KILL)
    came, code, said = inject(case, stage, call, error)
    if wrong := lost(case):
        return came, f"after {stage}: {wrong}"
    if came and ("Traceback" in said or "internal error" in said):
        return came, f"{stage} ended with: {said[-300:]}"
    if code == 0 and stage == "apply" and (left := _not_done(case)):
        return came, f"{stage} exited with 0 and left {left}"
    runs = case.folder / "runs"
    if any(info.state == "interrupted" for info in list_runs(runs)) and chance.random() < 0.5:
        resume(verifier=Trusting(), history=runs)
        if wrong := lost(case) or _not_settled(case):
            return came, f"after resume: {wrong}"
    return came, _undone(case, attributes="could not be set again" not in said)


def _not_done(case: Case) -> list[str]:
    """Copies that are where they were, though all was said to be done."""
    if case.action == "reflink":
        return []
    there = tree(case.root)
    if case.action in ("hardlink", "symlink"):
        kept = {os.stat(case.root / name).st_ino for name in there if name.startswith("keep/")}
        return [
            name for name in case.before
            if name.startswith("copies/") and name.endswith(".png")
            and os.stat(case.root / name).st_ino not in kept
        ]  # fmt: skip
    return [name for name in there if name.startswith("copies/")]


def _not_settled(case: Case) -> str:
    if any(info.state == "interrupted" for info in list_runs(case.folder / "runs")):
        return "still interrupted"
    left = [*case.folder.rglob(".imgsim-0*"), *case.target.rglob(".imgsim-0*")]
    return f"left behind: {left[0]}" if left else ""


def _undone(case: Case, *, attributes: bool) -> str:
    """Undo all runs without a fault; say what is not as it was, its attributes or not."""
    for info in reversed(list_runs(case.folder / "runs")):
        if info.removed or info.state == "interrupted":
            undo(info.name, history=case.folder / "runs")
    if wrong := lost(case):
        return f"after undo: {wrong}"
    after, before = digests(case.root), case.before
    if not attributes:
        after, before = ({n: one[:3] for n, one in t.items()} for t in (after, before))  # type: ignore[misc]
    if case.action == "delete":
        after = {name: one for name, one in after.items() if not name.startswith(".imgsim")}
        wrong_names = [name for name, one in after.items() if before.get(name) != one]
    else:
        names = before.keys() | after.keys()
        wrong_names = [name for name in names if before.get(name) != after.get(name)]
    if wrong_names:
        return f"not restored: {sorted(wrong_names)[:3]}"
    left = [*case.folder.rglob(".imgsim-0*"), *case.target.rglob(".imgsim-0*")]
    left += [path for path in case.target.rglob("*") if path.is_file()]
    return f"left behind: {left[0]}" if left else ""


@dataclass(frozen=True)
class Draw:
    """What is done in one case."""

    action: str
    stage: str
    error: str
    far: bool
    seed: int


def draw(kind: str, seed: int) -> Draw | None:
    """Draw a case of a file system; None for what is not done there."""
    chance = random.Random(f"{seed} {kind}")
    action, stage = chance.choice(ACTIONS), chance.choice(STAGES)
    error = KILL if chance.random() < 0.4 else chance.choice(ERRORS)
    far = action == "move" and chance.random() < 0.5
    no_reflink = action == "reflink" and kind not in ("btrfs", "xfs")
    if no_reflink or (action == "delete" and stage == "undo"):
        return None
    return Draw(action, stage, error, far, seed)


class Trials:
    """Cases on one file system, and the system calls of the commands there."""

    def __init__(self, folder: Path, other: Path) -> None:
        self.folder = folder
        self.other = other
        self._calls: dict[tuple[str, str, bool], list[Call]] = {}

    def case(self, drawn: Draw) -> Case:
        """Make a library where the last one was."""
        target = (self.other if drawn.far else self.folder) / "moved"
        for place in (self.folder, target):
            shutil.rmtree(place, ignore_errors=True)
        self.folder.mkdir()
        return make_case(self.folder, drawn.action, target, drawn.seed % 20)

    def calls(self, drawn: Draw, stage: str) -> list[Call]:
        """Return the system calls of a command."""
        key = drawn.action, stage, drawn.far
        if key not in self._calls:
            first = [] if stage == "apply" else self.calls(drawn, "apply")
            case = self.case(drawn)
            if stage == "undo":
                case.run("apply")
            elif stage == "resume":
                inject(case, "apply", first[len(first) * 2 // 3], KILL)
            self._calls[key] = calls_of(case, stage)
        return self._calls[key]

    def run(self, drawn: Draw) -> tuple[bool, str]:
        """Put one fault into a command; return whether it came, and what is wrong after."""
        chance = random.Random(drawn.seed)
        call = chance.choice(self.calls(drawn, drawn.stage))
        first = self.calls(drawn, "apply")
        early = chance.choice(first[len(first) // 3 :])
        came, wrong = one_fault(self.case(drawn), drawn.stage, call, drawn.error, chance, early)
        return came, f"{drawn}, {call}: {wrong}" if wrong else ""

    def clear(self) -> None:
        """Remove what was made."""
        for place in (self.folder, self.other / "moved"):
            shutil.rmtree(place, ignore_errors=True)


def faults_on(
    folder: Path, other: Path, number: int, seed: int
) -> tuple[dict[tuple[str, str], Counter[str]], list[str]]:
    """Put so many faults into runs on one file system; return the table and what was wrong."""
    kind = file_system(folder.parent)
    trials = Trials(folder, other)
    table: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    wrong: list[str] = []
    while sum(row["faults"] for row in table.values()) < number:
        drawn = draw(kind, seed)
        seed += 1
        if drawn is None:
            continue
        came, said = trials.run(drawn)
        row = table[drawn.stage, KILL if drawn.error == KILL else "error"]
        row["faults"] += came
        row["failed"] += bool(said)
        if said:
            wrong.append(f"{kind}, {said}")
            print(wrong[-1], flush=True)
    trials.clear()
    return table, wrong


def _rows_of_others(kinds: set[str]) -> list[dict[str, Any]]:
    """Rows of the result file that are of file systems on which this run was not."""
    try:
        before = json.loads((RESULTS / "act-strace.json").read_text())
    except FileNotFoundError:
        return []
    return [row for row in before["table"] if row["file_system"] not in kinds]


def main() -> None:
    """Put faults into runs on each file system, and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--faults", type=int, default=125)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    started = time.perf_counter()
    rows, wrong = [], []
    for place, folder in enumerate(given.folders):
        other = given.folders[(place + 1) % len(given.folders)]
        table, said = faults_on(folder.resolve(), other.resolve(), given.faults, given.seed)
        wrong += said
        kind = file_system(folder.parent)
        for (stage, how), row in sorted(table.items()):
            rows.append(
                {"file_system": kind, "command": stage, "by": how, "faults": row["faults"],
                 "failed": row["failed"]}
            )  # fmt: skip
            print(rows[-1], flush=True)
    rows = [*_rows_of_others({row["file_system"] for row in rows}), *rows]
    document = {
        **machine(f"python benchmarks/act_strace.py FOLDER... --faults {given.faults}"),
        "faults": sum(row["faults"] for row in rows),
        "failed": sum(row["failed"] for row in rows),
        "table": rows,
        "wrong": wrong[:20],
        "wall_seconds": round(time.perf_counter() - started, 1),
    }
    print(write("act-strace", document), *wrong[:5], sep="\n")


if __name__ == "__main__":
    sys.exit(main())
