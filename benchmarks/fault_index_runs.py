"""Several processes on one index: writers that are killed, and readers meanwhile.

A reader must answer as the index was before a step or after it, a second writer be refused or wait
its turn, and after a killed writer the next one must bring the index to the same answers, with
nothing left beside the files that it names.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from fault_children import Child
from fault_runs import Result, Runs, write_tree

from imgsim.index.manifest import read_manifest

_BOTH = "both"
"""Name of the state with all pictures; the other one has those of a folder alone."""


class IndexRuns:
    """Faults of an index, in the folders of other runs.

    Parameters
    ----------
    runs : Runs
    """

    def __init__(self, runs: Runs) -> None:
        self.runs = runs
        self.folder = runs.top / "index"
        self.whole: dict[str, Path] = {}
        self.expected: dict[str, bytes] = {}
        self.asked = runs.top / "asked of an index"
        write_tree(self.asked)
        for name, paths in (("more", ["more"]), (_BOTH, ["more", *self._others()])):
            folder = runs.top / f"index of {name}"
            shutil.rmtree(folder, ignore_errors=True)
            self._do(["index", "build", str(folder), *self._paths(paths)], 0)
            self.whole[name] = folder
            self._use(name)
            self.expected[name] = self._do(self._question(), 1).output
        if len(set(self.expected.values())) != 2:
            raise SystemExit("both states of the index answer the same")

    def _others(self) -> list[str]:
        return sorted(p.name for p in self.runs.pictures.iterdir() if p.name[0].isdigit())

    def _paths(self, names: Sequence[str]) -> list[str]:
        return [str(self.runs.pictures / name) for name in names]

    def _use(self, name: str) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self.whole[name], self.folder)

    def _question(self) -> list[str]:
        words = ["known", str(self.asked), "--index", str(self.folder), "-f", "json"]
        return [*words, "--no-timing", "--cache", "off", "-j", "1"]

    def _do(self, words: Sequence[str], code: int) -> Result:
        done = self.runs.run(words)
        if done.code != code:
            raise SystemExit(f"{words} ends with {done.code}: {done.error}")
        return done

    def several(self, kind: str, number: int) -> None:
        """Change an index by one or two writers, one of them ended, while others ask it."""
        runs, chance = self.runs, self.runs.chance(kind, number)
        adds = chance.random() < 0.5
        before, after = ("more", _BOTH) if adds else (_BOTH, "more")
        self._use(before)
        change = ["index", "add" if adds else "remove", str(self.folder)]
        change += self._paths(self._others())
        end = chance.choice((None, signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT))
        with contextlib.ExitStack() as stack:
            writers = [self._start(stack, change, f"writer {i}") for i in range(2)]
            readers = []
            for i in range(3):
                readers.append(self._start(stack, self._question(), f"reader {i}"))
                time.sleep(chance.uniform(0, 0.4))
            if end is not None:
                time.sleep(chance.uniform(0, 0.6))
                writers[0][0].kill(end)
            ended = () if end is None else (128 + end,)
            for i, (child, result) in enumerate(writers):
                # the second one may find the lock taken, or nothing left to remove
                done = result(child.wait())
                runs.counts.noted[f"{kind}: a writer ended with {done.code}"] += 1
                runs.check_one(kind, number, done, (0, 2, *(ended if i == 0 else ())), None)
            answers = (self.expected[before], self.expected[after])
            for child, result in readers:
                runs.check_one(kind, number, result(child.wait()), (1,), answers)
            left = sum(child.left() for child, _ in [*writers, *readers])
        verified = runs.run(["index", "verify", str(self.folder)])
        verified.left = left
        runs.check(kind, number, verified, (0,), None, same=False)
        again = runs.run(change)
        repeat = f"--repeat 'run/{kind}/{number}/{runs.seed}'"
        if again.code not in ((0,) if adds else (0, 2)):  # what was removed was never indexed
            said = f"{repeat}: {change[1]} ends with {again.code}: {again.error[-300:]}"
            runs.counts.find("crashes and hangs of the run", said)
        answered = runs.run(self._question())
        if (answered.code, answered.output) != (1, self.expected[after]):
            said = f"{repeat}: after it {answered.code}: {answered.error[-300:]}"
            runs.counts.find("other bytes", said)
        named = {entry.name for entry in read_manifest(self.folder).segments}
        others = {path.name for path in self.folder.iterdir()} - named - {"lock", "manifest.json"}
        if others and again.code == 0:
            runs.counts.find("leftovers", f"{repeat}: {sorted(others)}")

    def _start(
        self, stack: contextlib.ExitStack, words: Sequence[str], name: str
    ) -> tuple[Child, Callable[[int | None], Result]]:
        null = stack.enter_context(open(os.devnull, "rb"))  # noqa: SIM115
        out = stack.enter_context((self.runs.top / f"{name} out").open("w+b"))
        err = stack.enter_context((self.runs.top / f"{name} err").open("w+b"))
        child = self.runs.start(words, (null.fileno(), out.fileno(), err.fileno()))

        def result(code: int | None) -> Result:
            out.seek(0), err.seek(0)
            return Result(code, out.read(), err.read().decode("utf-8", "replace"), 0.0)

        return child, result


_MADE: dict[int, IndexRuns] = {}


def _several(runs: Runs, kind: str, number: int) -> None:
    if id(runs) not in _MADE:
        _MADE[id(runs)] = IndexRuns(runs)
    _MADE[id(runs)].several(kind, number)


FAULTS: dict[str, Callable[[Runs, str, int], None]] = {"several on an index": _several}
"""What may happen to an index."""

SHARES = {"several on an index": 2}
"""How often a fault is made, where not once in a round."""
