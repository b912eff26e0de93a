"""The share of small changes of the sources (mutants) that the tests notice.

python benchmarks/mutants.py --mutants 400 --seed 1 --output /tmp/mutants.jsonl

The tests run once on a copy of the project while it is recorded which test runs which line. Each
mutant of a seeded sample then gets those tests of its folder that run its line, the fastest first,
until one fails. The working tree is not changed. Needs `os.fork`: Linux or macOS.
"""

from __future__ import annotations

import argparse
import compileall
import importlib
import json
import os
import re
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path
from py_compile import PycInvalidationMode

from forked_tests import BROKEN, FAILED, NO_TESTS, PACKAGE, Baseline, end, fork, measure, run_chosen
from mutate_source import Mutant, find_mutants, function_lines

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = {
    "verify": ("tests/verify/", "tests/group/test_best_first.py"),
    "group": ("tests/group/", "tests/tasks/test_find_duplicates.py"),
    "propose": ("tests/propose/",),
    "cache": ("tests/cache/",),
}
"""Folders of the package whose sources are changed, and the tests that should notice."""


PRELOADED = ("numpy", "cv2", "scipy.optimize", "scipy.ndimage", "PIL.Image", "faiss", "pytest")
KILLED = "killed", "timeout"

# The sample ---------------------------------------------------------------------------------------


def draw(sources: Mapping[str, str], number: int, seed: int) -> list[Mutant]:
    """Draw mutants of some files; a changed line changes the draw of its own mutants only.

    Parameters
    ----------
    sources : dict of str to str
        Sources by their paths within the package.
    number : int
        The same seed draws fewer of the same mutants where the number is less.
    seed : int
    """
    ranked = []
    repeated: Counter[tuple[object, ...]] = Counter()
    for file, source in sorted(sources.items()):
        rows, text = source.splitlines(), source.encode()
        for mutant in find_mutants(file, source):
            column = mutant.start - text.rfind(b"\n", 0, mutant.start)
            what = file, rows[mutant.line - 1].strip(), column, mutant.operator, mutant.text
            repeated[what] += 1
            key = sha256(repr((seed, *what, repeated[what])).encode()).digest()
            ranked.append((key, mutant))
    drawn = [mutant for _, mutant in sorted(ranked, key=lambda pair: pair[0])[:number]]
    return sorted(drawn, key=lambda m: (m.file, m.start, m.end, m.text))


def tests_of(mutant: Mutant, sources: Mapping[str, str], baseline: Baseline) -> dict[str, float]:
    """Usual seconds of the tests of its folder that can notice a mutant, by their names."""
    names = set()
    if mutant.lines:
        for line in mutant.lines:
            names |= baseline.lines.get(mutant.file, {}).get(line, set())
    else:
        pattern = re.compile(rf"\b({'|'.join(map(re.escape, mutant.names)) or '$^'})\b")
        for file, source in sources.items():
            if file == mutant.file or pattern.search(source):
                for line in function_lines(source):
                    names |= baseline.lines.get(file, {}).get(line, set())
    own = FOLDERS[mutant.file.partition("/")[0]]
    return {n: baseline.usual[n] for n in sorted(names) if n.startswith(own)}


# Testing them -------------------------------------------------------------------------------------


def copy_project(target: Path) -> Path:
    """Copy what the tests need; bytecode is compared with the sources, not with their times."""
    leave = shutil.ignore_patterns("__pycache__")
    for name in ("src", "tests"):
        shutil.copytree(ROOT / name, target / name, ignore=leave)
    shutil.copy2(ROOT / "pyproject.toml", target)
    compileall.compile_dir(
        target / "src", quiet=1, invalidation_mode=PycInvalidationMode.CHECKED_HASH
    )
    return target


def run(
    mutants: Sequence[Mutant],
    tests: Mapping[Mutant, Mapping[str, float]],
    copies: Iterable[Path],
    tell: Callable[[Mutant, str, str, float], object],
) -> None:
    """Run the tests of each mutant, one at a time in each copy of the project.

    `tell` is called with each mutant, what became of it, the test that failed and seconds.
    """
    waiting = [m for m in mutants if tests[m]]
    for mutant in mutants:
        if not tests[mutant]:
            tell(mutant, "not executed", "", 0.0)
    free = list(copies)
    running: dict[int, tuple[Mutant, Path, bytes, float]] = {}
    try:
        while waiting or running:
            while waiting and free:
                mutant, copy = waiting.pop(0), free.pop()
                file = copy / PACKAGE / mutant.file
                source = file.read_bytes()
                file.write_bytes(mutant.apply(source))
                pid = fork(copy, partial(run_chosen, tests[mutant]))
                running[pid] = mutant, copy, source, time.monotonic()
            pid, status = os.wait()
            end(pid)
            mutant, copy, source, started = running.pop(pid)
            (copy / PACKAGE / mutant.file).write_bytes(source)
            free.append(copy)
            tell(mutant, *_outcome(status, copy), time.monotonic() - started)
    finally:
        for pid in running:
            end(pid)


def _outcome(status: int, copy: Path) -> tuple[str, str]:
    """Return what became of a mutant, and the test that failed where that is known."""
    if os.WIFSIGNALED(status):
        return "timeout" if os.WTERMSIG(status) == signal.SIGALRM else "killed", ""
    if os.WEXITSTATUS(status) in (NO_TESTS, BROKEN):
        raise SystemExit((copy / "log.txt").read_text(encoding="utf-8"))
    failed = copy / FAILED
    by = failed.read_text(encoding="utf-8") if failed.exists() else ""
    return "killed" if os.WEXITSTATUS(status) else "survived", by


def report(folders: Sequence[str], options: argparse.Namespace, workplace: Path) -> None:
    """Draw mutants of some folders, test them and print what became of them."""
    started = time.monotonic()
    copies = [copy_project(workplace / "0")]
    package = copies[0] / PACKAGE
    sources = {
        path.relative_to(package).as_posix(): path.read_text(encoding="utf-8")
        for folder in FOLDERS
        for path in sorted((package / folder).rglob("*.py"))
    }
    mutants = draw(
        {f: s for f, s in sources.items() if f.partition("/")[0] in folders},
        options.mutants,
        options.seed,
    )
    baseline = measure(copies[0], sorted({path for name in folders for path in FOLDERS[name]}))
    seconds = time.monotonic() - started
    print(f"{len(baseline.usual)} tests pass unchanged, measured in {seconds:.0f} s")
    for name in baseline.left_out:
        print(f"fails without any change, left out: {name}")
    tests = {mutant: tests_of(mutant, sources, baseline) for mutant in mutants}
    for number in range(1, min(options.jobs, len(mutants))):
        copies.append(Path(shutil.copytree(copies[0], workplace / str(number))))
    outcomes: dict[Mutant, str] = {}
    with open(options.output or os.devnull, "w", encoding="utf-8") as output:

        def tell(mutant: Mutant, outcome: str, by: str, seconds: float) -> None:
            outcomes[mutant] = outcome
            diff = mutant.diff(sources[mutant.file].encode())
            entry = {"file": mutant.file, "line": mutant.line, "operator": mutant.operator}
            entry |= {"outcome": outcome, "seconds": round(seconds, 2)}
            entry |= {"by": by, "tests": len(tests[mutant]), "diff": diff}
            print(json.dumps(entry), file=output, flush=True)
            if not options.list_survivors:
                print(f"{outcome:12} {mutant.file}:{mutant.line} {mutant.operator}", flush=True)

        run(mutants, tests, copies, tell)
    for mutant in mutants if options.list_survivors else ():
        if outcomes[mutant] not in KILLED:
            print(f"\n{mutant.file}:{mutant.line} {mutant.operator}, {outcomes[mutant]}")
            print(mutant.diff(sources[mutant.file].encode()))
    for name in (*folders, "all"):
        own = [o for m, o in outcomes.items() if name in ("all", m.file.partition("/")[0])]
        killed = sum(outcome in KILLED for outcome in own)
        print(f"{name:8} {killed / max(1, len(own)):5.0%} killed: {killed} of {len(own)}")
    print(f"{time.monotonic() - started:.0f} s in all")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mutants", type=int, default=400, metavar="N", help="size of the sample")
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), metavar="N")
    parser.add_argument("--only", choices=FOLDERS, action="append", metavar="FOLDER")
    parser.add_argument("--output", type=Path, metavar="FILE", help="JSON lines, one per mutant")
    parser.add_argument("--list-survivors", action="store_true", help="their changes, at the end")
    options = parser.parse_args()
    folders = options.only or list(FOLDERS)
    # as Ctrl-C does: end the tests that run, and remove the copies
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"  # threads do not outlive a fork
    for name in PRELOADED:
        importlib.import_module(name)
    with tempfile.TemporaryDirectory(prefix="mutants-", ignore_cleanup_errors=True) as folder:
        report(folders, options, Path(folder).resolve())


if __name__ == "__main__":
    main()
