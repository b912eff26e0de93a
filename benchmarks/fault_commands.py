"""Faults of the commands beside find-dupes: those that only read, and those that change files.

After a fault a command that only reads runs once more on the same cache, and must print what an
undisturbed run prints. After one of apply or undo no content may be gone for which no kept file
stands, and undo must bring back every name and byte. A decision that was taken must be in the file.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import resource
import shutil
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fault_children import Child
from fault_runs import Result, Runs, write_tree

_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGKILL")
_STREAMS = ("out full", "out pipe", "err closed", "err full", "err pipe")
_SIDECAR = b"<x:xmpmeta/>"
READING_FAULTS = (*_SIGNALS, *_STREAMS, "file size", "memory")


@dataclass(frozen=True)
class Command:
    """A command that changes no picture.

    Attributes
    ----------
    words : callable
        Its arguments, from the folder of pictures and that of outputs.
    code : int
        With which it ends undisturbed.
    same : bool
        It prints the same bytes each time.
    cached : bool
        It takes ``--cache``.
    """

    words: Callable[[Path, Path], Sequence[str | Path]]
    code: int = 0
    same: bool = True
    cached: bool = True


COMMANDS: dict[str, Command] = {
    "leaks": Command(
        lambda p, o: ["leaks", p, o.parent / "others", "-f", "json", "--no-timing"], 1
    ),
    "known": Command(
        lambda p, o: ["known", p, "--in", o.parent / "others", "-f", "json", "--no-timing"], 1
    ),
    "sort": Command(lambda p, o: ["sort", p, "-m", "phash", "-f", "json", "--no-timing"]),
    "cluster": Command(
        lambda p, o: ["cluster", p, "-m", "phash", "-n", "2", "-f", "json", "--no-timing"]
    ),
    "matches": Command(
        lambda p, o: ["matches", p, "-m", "phash", "-m", "ssim", "-f", "json", "--no-timing"]
    ),
    "search": Command(
        lambda p, o: ["search", p / "0.jpeg", "--in", p, "-m", "phash", "-f", "json", "--no-timing"]
    ),
    "compare": Command(
        lambda p, o: [
            "compare",
            p / "0.jpeg",
            p / "more" / "small.jpg",
            "-m",
            "phash",
            "-m",
            "ssim",
            "-f",
            "json",
        ],
        cached=False,
    ),
    "features": Command(lambda p, o: ["features", p, "-m", "phash", "-o", o / "f.csv", "--force"]),
    "explain": Command(
        lambda p, o: ["explain", p / "0.jpeg", p / "more" / "small.jpg", "-f", "json"], cached=False
    ),
    "bench": Command(
        lambda p, o: [
            "bench",
            p,
            "-m",
            "phash",
            "--experiment",
            "methods",
            "--prefix",
            "^(.)",
            "-f",
            "json",
        ],
        same=False,
    ),
    "methods": Command(lambda p, o: ["methods", "-f", "json"], cached=False),
    "cache info": Command(lambda p, o: ["cache", "info", "-f", "json"], same=False),
    "cache prune": Command(lambda p, o: ["cache", "prune", "-f", "json"], same=False),
    "cache clear": Command(lambda p, o: ["cache", "clear", "-f", "json"], same=False),
    "plan show": Command(lambda p, o: ["plan", "show", o / "plan.json"], cached=False),
    "plan check": Command(lambda p, o: ["plan", "check", o / "plan.json"], cached=False),
    "decisions list": Command(lambda p, o: ["decisions", "list", "-f", "jsonl"], cached=False),
}
"""Commands that change no picture."""

ACTIONS: dict[str, tuple[str, ...]] = {
    "to .imgsim-trash": (), "hardlink": ("--hardlink",), "symlink": ("--symlink",),
    "delete": ("--delete", "--yes-delete"), "metadata": ("--carry-metadata",), "move": ("--move",),
}  # fmt: skip
"""What apply does, with its options."""


class CommandRuns:
    """Faults of commands, in the folders of other runs.

    Parameters
    ----------
    runs : Runs
    """

    def __init__(self, runs: Runs) -> None:
        self.runs = runs
        self.expected: dict[str, tuple[int | None, bytes]] = {}
        self.lengths: dict[str, float] = {}
        self.library = runs.top / "library"
        self.moved = runs.top / "moved"
        self.plan = b""
        self.outputs = runs.top / "written"
        self.outputs.mkdir(exist_ok=True)
        write_tree(runs.top / "others")

    # Commands that only read ---------------------------------------------------------------

    def _words(self, name: str, cache: Path) -> list[str]:
        runs, command = self.runs, COMMANDS[name]
        words = [str(word) for word in command.words(runs.pictures, self.outputs)]
        return [*words, *(("--cache", str(cache)) if command.cached else ())]

    def _prepare(self, name: str) -> None:
        """Make what a command reads, and see what it prints undisturbed."""
        if "plan" in name and not (self.outputs / "plan.json").exists():
            more = ("--plan", str(self.outputs / "plan.json"))
            self.runs.run([*self.runs.arguments(None), *more])
        if name in self.expected:
            return
        with self.runs.cache() as cache:
            if name.startswith("cache"):
                self.runs.run(self.runs.arguments(cache))
            done = self.runs.run(self._words(name, cache))
        if done.code != COMMANDS[name].code:
            raise SystemExit(f"{name} ends with {done.code}: {done.error}")
        self.expected[name] = done.code, self._printed(name, done)
        self.lengths[name] = done.seconds

    def _printed(self, name: str, done: Result) -> bytes:
        path = self.outputs / "f.csv"
        return path.read_bytes() if name == "features" and path.exists() else done.output

    def reading(self, kind: str, number: int) -> None:
        """Disturb a command that changes no picture."""
        runs, chance = self.runs, self.runs.chance(kind, number)
        name = tuple(COMMANDS)[number % len(COMMANDS)]
        fault = chance.choice(READING_FAULTS)
        self._prepare(name)
        command, label = COMMANDS[name], f"{kind}: {name}, {fault}"
        with runs.cache() as cache:
            if name.startswith("cache") or chance.random() < 0.3:
                runs.run(runs.arguments(cache))
            done, codes = self._disturbed(self._words(name, cache), fault, chance, name)
            told = self._printed(name, done)
            full = done.code == command.code and fault not in ("file size", *_STREAMS[:2])
            repeat = f"--repeat 'run/{label}/{number}/{runs.seed}'"
            lacking = fault == "memory" and b"memory" in told
            if full and command.same and not lacking and told != self.expected[name][1]:
                runs.counts.find("other bytes", f"{repeat}: of the disturbed run")
            again = runs.run(self._words(name, cache))
            # now, since the next run removes what a killed one leaves
            runs.check(label, number, done, (command.code, *codes), None, same=False)
            if again.code != command.code or (
                command.same and (again.code, self._printed(name, again)) != self.expected[name]
            ):
                why = f"{again.code} {again.error[-300:]}"
                runs.counts.find("other bytes", f"{repeat}: of the run after it: {why}")
            if name.startswith("cache"):
                runs.check(label, number, runs.run(runs.arguments(cache)), (0,), None)

    def _disturbed(
        self, words: Sequence[str], fault: str, chance: random.Random, name: str
    ) -> tuple[Result, tuple[int, ...]]:
        """Run a command with a fault; return how it ended, and with which codes it may end."""
        runs = self.runs
        if fault in _SIGNALS:
            which = signal.Signals[fault]
            at = chance.uniform(0, 1.1 * max(0.3, self.lengths.get(name, 1.0)))

            def send(child: Child) -> None:
                time.sleep(at)
                child.kill(which)

            return runs.run(words, send), (128 + which,)
        if fault in _STREAMS:
            return self._with_streams(words, fault)
        if fault == "file size":
            size = int(2 ** chance.uniform(0, 16))
            return runs.run(words, before=lambda: _limit(resource.RLIMIT_FSIZE, size)), (2, 3)
        megabytes = int(2 ** chance.uniform(9, 12))
        plainly, runs.plainly = runs.plainly, True
        try:
            limit = megabytes << 20
            return runs.run(words, before=lambda: _limit(resource.RLIMIT_AS, limit)), (2,)
        finally:
            runs.plainly = plainly

    def _with_streams(self, words: Sequence[str], fault: str) -> tuple[Result, tuple[int, ...]]:
        runs = self.runs
        null, full = os.open(os.devnull, os.O_RDWR), os.open("/dev/full", os.O_WRONLY)
        reading, pipe = os.pipe()
        os.close(reading)
        out = os.open(runs.top / "stdout", os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        err = os.open(runs.top / "stderr", os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        target = {"full": full, "pipe": pipe, "closed": None}[fault.split()[1]]
        streams = (null, target, err) if fault.startswith("out") else (null, out, target)
        try:
            codes = {"out full": (2,), "out pipe": (141,)}.get(fault, ())
            return runs.run(words, streams=streams), codes
        finally:
            for one in (null, full, pipe, out, err):
                os.close(one)

    # Apply, undo and purge -----------------------------------------------------------------

    def _new_library(self) -> dict[str, str]:
        """Write the library anew, with the plan for it; return the digests by name."""
        write_tree(self.library)
        (self.library / "more" / "0 copy.jpeg.xmp").write_bytes(_SIDECAR)
        os.utime(self.library / "more" / "0 copy.jpeg.xmp", (1.5e9, 1.5e9))
        for folder in (self.moved, self.runs.top / "runs"):
            shutil.rmtree(folder, ignore_errors=True)
        path = self.outputs / "library.json"
        if not self.plan:
            self.runs.run(["find-dupes", str(self.library), "--cache", "off", "--decisions", "off",
                           "--plan", str(path)])  # fmt: skip
            self.plan = path.read_bytes()
            if len(json.loads(self.plan)["groups"]) < 5:
                raise SystemExit("the plan for the faults of apply has too few groups")
        path.write_bytes(self.plan)
        return _digests(self.library)

    def _apply(self, action: str) -> list[str]:
        more = [*ACTIONS[action], *([str(self.moved)] if action == "move" else [])]
        plan = str(self.outputs / "library.json")
        return ["apply", plan, "--yes", "--yes-folders", "--decisions", "off", *more]

    def changing_files(self, kind: str, number: int) -> None:
        """Disturb apply, undo or purge; then nothing may be lost."""
        runs, chance = self.runs, self.runs.chance(kind, number)
        action = tuple(ACTIONS)[number % len(ACTIONS)]
        which = chance.choice(("apply", "apply", "undo", "purge"))
        fault = chance.choice((*_SIGNALS, "SIGKILL", "SIGKILL", *_STREAMS, "file size"))
        before = self._new_library()
        if which != "apply" and action == "delete":
            action = "hardlink"
        words = self._apply(action)
        if which != "apply":
            done = runs.run(words)
            if done.code != 0:
                runs.counts.find("crashes and hangs of the run", f"apply: {done.error[-300:]}")
            words = [which, "last", *(["--yes"] if which == "purge" else [])]
        label, name = f"{kind}: {which} {action}, {fault}", f"{which} {action}"
        if name not in self.lengths:  # an undisturbed run tells when signals are sent
            self.lengths[name] = 0.4
        done, codes = self._disturbed(words, fault, chance, name)
        if done.code == 0:
            self.lengths[name] = done.seconds
        runs.check(label, number, done, (0, 3, *codes), None, same=False)
        repeat = f"--repeat 'run/{label}/{number}/{runs.seed}'"
        self._check_nothing_lost(
            repeat, before, gone_for_good=action == "delete" or which == "purge"
        )
        undone = runs.run(["undo", "last"])
        # 2: there is no run of which something could be brought back
        nothing = undone.code == 2 and "no run" in undone.error + undone.output.decode()
        allowed = (0, 3) if action == "delete" or which == "purge" else (0,)
        if undone.code not in allowed and not nothing:
            said = f"{repeat}: undo ends with {undone.code}: {undone.error[-300:]}"
            runs.counts.find("crashes and hangs of the run", said)
        after = _digests(self.library)
        if action != "delete" and which != "purge" and after != before:
            changed = sorted(set(before.items()) ^ set(after.items()))[:4]
            runs.counts.find("other bytes", f"{repeat}: undo left other files: {changed}")
        self._check_nothing_lost(
            repeat, before, gone_for_good=action == "delete" or which == "purge"
        )

    def _check_nothing_lost(self, repeat: str, before: dict[str, str], gone_for_good: bool) -> None:
        """Each content is still there; what a purge removed, as the content that was kept."""
        there = {_digest(p) for top in (self.library, self.moved) for p in top.rglob("*")
                 if p.is_file()}  # fmt: skip
        lost = set(before.values()) - there
        if gone_for_good:  # a removed file may be, with its sidecar, if its kept file is there
            lost.discard(hashlib.sha256(_SIDECAR).hexdigest())
            for group in json.loads(self.plan)["groups"]:
                kept = group["keep"]
                if _plain(kept["sha256"] if "sha256" in kept else kept["digest"]) in there:
                    for one in group["remove"]:
                        lost.discard(_plain(one["sha256"] if "sha256" in one else one["digest"]))
        if lost:
            self.runs.counts.find("files lost", f"{repeat}: {sorted(lost)}")

    # Decisions, the review, training -------------------------------------------------------

    def decisions(self, kind: str, number: int) -> None:
        """Several processes decide at once, and one is killed: what was told to be done is kept."""
        runs, chance = self.runs, self.runs.chance(kind, number)
        file = runs.top / "d.jsonl"
        for path in runs.top.glob("d.jsonl*"):
            path.unlink()
        environment = runs.environment()
        pairs = [("0.jpeg", "1.png"), ("0.jpeg", "2.webp"), ("1.png", "4.gif")]
        children: list[Child] = []
        with open(os.devnull, "r+b") as null:
            streams = (null.fileno(), null.fileno(), null.fileno())
            for pair in pairs:
                words = ["decisions", "add", "not-duplicates", "--cache", "off",
                         *(str(runs.pictures / name) for name in pair)]  # fmt: skip
                children.append(runs.start(words, streams, environment=environment))
            time.sleep(chance.uniform(0, 1.5))
            children[0].kill(chance.choice((signal.SIGKILL, signal.SIGTERM, signal.SIGINT)))
            codes = [child.wait() for child in children]
        left = sum(child.left() for child in children)
        listed = runs.run(["decisions", "list", "-f", "jsonl"])
        listed.left = left
        runs.check(kind, number, listed, (0,), None, same=False)
        repeat = f"--repeat 'run/{kind}/{number}/{runs.seed}'"
        lines = [line for line in listed.output.decode().splitlines() if '"decision"' in line]
        if len(lines) < sum(code == 0 for code in codes) or len(lines) > len(pairs):
            runs.counts.find("files lost", f"{repeat}: {len(lines)} decisions of {codes}")
        if any(code not in (0, 130, 137, 143) for code in codes) or None in codes[1:]:
            runs.counts.find("crashes and hangs of the run", f"{repeat}: {codes}")
        for path in runs.top.glob("d.jsonl*"):
            if path != file and "lock" not in path.name:
                runs.counts.find("leftovers", f"{repeat}: {path.name}")
            path.unlink()

    def review(self, kind: str, number: int) -> None:
        """A signal to the server of the review, while it starts or searches."""
        runs, chance = self.runs, self.runs.chance(kind, number)
        fault = ("SIGINT", "SIGTERM", "SIGHUP", "SIGKILL")[number % 4]
        which = signal.Signals[fault]
        at = chance.uniform(0, 4)

        def send(child: Child) -> None:
            time.sleep(at)
            child.kill(which)

        plan = self.outputs / "review.json"
        with runs.cache() as cache:
            words = ["review", str(runs.pictures), "--no-browser", "--cache", str(cache), "--plan",
                     str(plan)]  # fmt: skip
            done = runs.run(words, send)
            # a person ends the review with Ctrl-C: that is no failure
            runs.check(f"{kind}: {fault}", number, done, (0, 128 + which), cache, same=False)
        plan.unlink(missing_ok=True)

    def train(self, kind: str, number: int) -> None:
        """A signal while a network is trained: its weights are there as a whole, or not."""
        runs, chance = self.runs, self.runs.chance(kind, number)
        out = self.outputs / "trained"
        shutil.rmtree(out, ignore_errors=True)
        fault = chance.choice(_SIGNALS)
        which, at = signal.Signals[fault], chance.uniform(0, 12)

        def send(child: Child) -> None:
            time.sleep(at)
            child.kill(which)

        plainly, runs.plainly = runs.plainly, True
        try:
            words = ["train", "autoencoder", str(runs.pictures), "-o", str(out), "--epochs", "2",
                     "--device", "cpu"]  # fmt: skip
            done = runs.run(words, send)
            runs.check(f"{kind}: {fault}", number, done, (0, 128 + which), None, same=False)
            repeat = f"--repeat 'run/{kind}: {fault}/{number}/{runs.seed}'"
            for path in out.glob("model.safetensors"):
                method = f"autoencoder:weights={path}"
                used = runs.run(["compare", str(runs.pictures / "0.jpeg"),
                                 str(runs.pictures / "1.png"), "-m", method])  # fmt: skip
                if used.code != 0:
                    runs.counts.find("other bytes", f"{repeat}: {path.name}: {used.error[-200:]}")
        finally:
            runs.plainly = plainly
            shutil.rmtree(out, ignore_errors=True)


def _limit(what: int, value: int) -> None:
    resource.setrlimit(what, (value, value))


def _plain(digest: str) -> str:
    return digest.removeprefix("sha256:")


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _digests(folder: Path) -> dict[str, str]:
    """Digests of the files below a folder but those of runs, and where links lead."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if name.startswith(".imgsim-trash"):
            continue
        if path.is_symlink():
            found[name] = f"link {os.readlink(path)}"
        elif path.is_file():
            found[name] = _digest(path)
    return found


_MADE: dict[int, CommandRuns] = {}


def _of(runs: Runs) -> CommandRuns:
    if id(runs) not in _MADE:
        _MADE[id(runs)] = CommandRuns(runs)
    return _MADE[id(runs)]


FAULTS: dict[str, Callable[[Runs, str, int], None]] = {
    "commands": lambda runs, kind, number: _of(runs).reading(kind, number),
    "changes": lambda runs, kind, number: _of(runs).changing_files(kind, number),
    "decisions": lambda runs, kind, number: _of(runs).decisions(kind, number),
    "review": lambda runs, kind, number: _of(runs).review(kind, number),
    "train": lambda runs, kind, number: _of(runs).train(kind, number),
}
"""What may happen to other commands."""

SHARES = {"commands": 12, "changes": 9, "decisions": 2, "review": 1}


def preload() -> None:
    """Import what the commands need, so that forked ones start at once."""
    import sklearn.cluster
    import sklearn.manifold  # noqa: F401

    from imgsim.cli.commands import COMMANDS as all_commands
    from imgsim.cli.commands import load_command

    for name in all_commands:
        with contextlib.suppress(ImportError):
            command: Any = load_command(name)
            del command
