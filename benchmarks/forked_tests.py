"""Runs tests in forked processes, each in a copy of the project, and records what they run."""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import tempfile
import threading
import traceback
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

PACKAGE = Path("src", "imgsim")
TIMES, SECONDS = 10, 20
"""A test is stopped after so many times its usual time and so many seconds more."""


MEMORY_BYTES = 8 << 30
COLLECT_SECONDS = 120
EXAMPLES = 20
FAILED = "failed.txt"
"""File, in the copy, that names the test that failed."""


NO_TESTS = 5  # exit status of pytest
BROKEN = 70  # exit status where pytest did not even start

Lines = Mapping[str, Mapping[int, set[str]]]


class ChosenTests:
    """Runs the tests that have usual seconds, the fastest first; all, where none has any."""

    def __init__(self, usual: Mapping[str, float]) -> None:
        self.usual = usual
        self.seconds: Counter[str] = Counter()
        self.failed: set[str] = set()
        self.skipped: set[str] = set()

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        if self.usual:
            chosen = [item for item in items if item.nodeid in self.usual]
            items[:] = sorted(chosen, key=lambda item: self.usual[item.nodeid])

    def pytest_runtest_setup(self, item: Any) -> None:
        limit = TIMES * self.usual[item.nodeid] + SECONDS if self.usual else 0
        signal.setitimer(signal.ITIMER_REAL, limit)

    def pytest_runtest_logreport(self, report: Any) -> None:
        self.seconds[report.nodeid] += report.duration
        if report.failed:
            self.failed.add(report.nodeid)
        if report.skipped:
            self.skipped.add(report.nodeid)


def fork(copy: Path, work: Callable[[], int]) -> int:
    """Start a process in a copy of the project; its exit status is what `work` returns."""
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return pid
    status = BROKEN
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.setpgid(0, 0)
        os.chdir(copy)
        for name in ("home", "tmp"):
            (copy / name).mkdir(exist_ok=True)
        tempfile.tempdir = str(copy / "tmp")
        os.environ |= {
            "PYTHONPATH": str(copy / "src"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "HOME": str(copy / "home"),
            "XDG_CACHE_HOME": str(copy / "home"),
            "TMPDIR": str(copy / "tmp"),
        }
        sys.path.insert(0, str(copy / "src"))
        (copy / FAILED).unlink(missing_ok=True)
        with open(copy / "log.txt", "wb") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        status = work()
    except BaseException:
        traceback.print_exc()
    finally:
        with suppress(Exception):
            sys.stdout.flush()
        os._exit(status)


def run_pytest(plugin: ChosenTests, *arguments: str) -> int:
    """Run tests in this process, with few and always the same examples from hypothesis."""
    import pytest
    from hypothesis import settings

    settings.register_profile(
        "mutants", max_examples=EXAMPLES, derandomize=True, deadline=None, database=None
    )
    settings.load_profile("mutants")
    options = "-q", "-pno:cacheprovider", "--basetemp=tmp/pytest", "-Wignore:Module already"
    return int(pytest.main([*options, *arguments], plugins=[plugin]))


def run_chosen(usual: Mapping[str, float]) -> int:
    """Run tests until one fails, within limits of time and memory; for a forked process."""
    sys.dont_write_bytecode = True
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    signal.setitimer(signal.ITIMER_REAL, COLLECT_SECONDS)
    files = sorted({name.partition("::")[0] for name in usual})
    plugin = ChosenTests(usual)
    status = run_pytest(plugin, "-x", *files)
    Path(FAILED).write_text("".join(plugin.failed), encoding="utf-8")
    return status


def end(pid: int) -> None:
    """End what is left of a process and of those that it started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def record_lines(log: str, sources: str) -> None:
    """Write each line of the sources that runs from here on, and the test that runs it.

    A copy of the package calls it on import, thus also in the processes that tests start. What is
    written is there at once, since tests kill some of these.
    """
    seen = set()
    stream = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def record(frame: FrameType, event: str, _: object) -> Any:
        key = frame.f_code.co_filename, frame.f_lineno, os.environ.get("PYTEST_CURRENT_TEST")
        if event == "line" and key not in seen:
            seen.add(key)
            os.write(stream, (json.dumps(key) + "\n").encode())
        return record

    def on_call(frame: FrameType, event: str, _: object) -> Any:
        return record if frame.f_code.co_filename.startswith(sources) else None

    threading.settrace(on_call)
    sys.settrace(on_call)


@dataclass(frozen=True, slots=True)
class Baseline:
    """What the tests do on the unchanged sources.

    Attributes
    ----------
    usual : dict of str to float
        Seconds of every test that passed, by its name.
    lines : dict
        Names of the tests that run a line, by file (within the package) and line.
    left_out : list of str
        Tests that fail.
    """

    usual: dict[str, float]
    lines: Lines
    left_out: list[str]


def measure(copy: Path, tests: Iterable[str]) -> Baseline:
    """Run tests in a copy of the project; `tests` are paths of files and folders."""
    log, times = copy / "lines.jsonl", copy / "times.json"
    package = copy / PACKAGE
    start = package / "__init__.py"
    source = start.read_bytes()
    here = str(Path(__file__).parent)
    start.write_bytes(
        source
        + f"\nimport sys\nsys.path.append({here!r})\nimport forked_tests\n"
        f"forked_tests.record_lines({str(log)!r}, {str(package) + os.sep!r})\n".encode()
    )

    def work() -> int:
        plugin = ChosenTests({})
        status = run_pytest(plugin, *tests)
        passed = {
            n: s for n, s in plugin.seconds.items() if n not in plugin.failed | plugin.skipped
        }
        times.write_text(json.dumps([passed, sorted(plugin.failed)]), encoding="utf-8")
        return status

    pid = fork(copy, work)
    try:
        os.waitpid(pid, 0)
    finally:
        end(pid)
    start.write_bytes(source)
    usual, failed = json.loads(times.read_text(encoding="utf-8")) if times.exists() else ({}, [])
    if not usual:
        raise SystemExit((copy / "log.txt").read_text(encoding="utf-8"))
    return Baseline(usual, _read_lines(log, package, usual), failed)


def _read_lines(log: Path, package: Path, usual: Mapping[str, float]) -> Lines:
    of_file = defaultdict(set)
    for name in usual:
        of_file[name.partition("::")[0]].add(name)
    lines: dict[str, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
    for entry in log.read_text(encoding="utf-8").splitlines():
        file, line, current = json.loads(entry)
        name, _, phase = (current or "").rpartition(" ")
        # a fixture may serve all tests of a file, though it runs in the first one only
        names = of_file[name.partition("::")[0]] if phase == "(setup)" else {name} & usual.keys()
        lines[file.removeprefix(f"{package}{os.sep}")][line] |= names
    return lines
