"""A file that crashes or hangs its decoder costs itself, and nothing else."""

from __future__ import annotations

import mmap
import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from imgsim.errors import ImgsimError
from imgsim.executors import processes
from imgsim.executors.base import Heartbeat
from imgsim.executors.processes import ProcessesExecutor, Worker
from imgsim.executors.threads import ThreadsExecutor


def reserve() -> None:
    """Take more addresses than a file that is tried alone may."""
    mmap.mmap(-1, 6 << 30, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ).close()


@dataclass(frozen=True)
class Errands:
    """Numbers to square; words that do harm."""

    items: tuple[int | str, ...]

    def __len__(self) -> int:
        return len(self.items)

    def part(self, start: int, stop: int) -> Errands:
        return replace(self, items=self.items[start:stop])

    def failure(self, reason: str) -> str:
        return f"failed: {reason}"

    def run(self, heartbeat: Heartbeat) -> list[object]:
        results: list[object] = []
        for item in self.items:
            if item == "crash":
                os.abort()
            if item == "hang":
                time.sleep(600)
            if item == "wait":
                time.sleep(1)
            if item == "spin":
                sum(range(10**12))  # a loop that lets no other thread run
            if item == "hang in C":  # and let no other thread of Python run
                re.match(r"(a+)+$", "a" * 60 + "b")
            if item == "network":
                heartbeat.pause_time_limit()
                time.sleep(5)  # longer than the limit
            if item == "alone":
                if self.items != ("alone",):
                    os.abort()
                with pytest.raises(OSError, match="memory"):
                    reserve()
                heartbeat.pause_time_limit()
                reserve()
            if item == "raise":
                raise RuntimeError("a bug")
            if item == "memory":
                raise MemoryError
            if item == "print":
                os.write(1, b"a decoder's own words")
            results.append(item * item if isinstance(item, int) else item)
            heartbeat()
        return results


def run(executor, *batches: tuple[int | str, ...]) -> list[object]:
    done = dict(executor.run([Errands(batch) for batch in batches]))
    return [done[i] for i in range(len(batches))]


def test_processes_and_threads_give_the_same() -> None:
    batches = [tuple(range(i, i + 3)) for i in range(0, 30, 3)]
    expected = [[i * i for i in batch] for batch in batches]
    for executor in (ProcessesExecutor(1), ProcessesExecutor(3), ThreadsExecutor(2)):
        assert run(executor, *batches) == expected
    assert run(ProcessesExecutor(2)) == []


@pytest.mark.skipif(sys.platform == "win32", reason="the signal is POSIX's")
def test_a_crash_costs_one_item() -> None:
    results = run(ProcessesExecutor(2), (1, 2, "crash", 3), (4, "crash"), (5, "print", 6))
    crashed = "failed: its decoder crashed (SIGABRT)"
    assert results == [[1, 4, crashed, 9], [16, crashed], [25, "print", 36]]
    # in a later batch of the same worker
    assert run(ProcessesExecutor(1), (1, 2, 3), (4,), (5, "crash", 6)) == [
        [1, 4, 9],
        [16],
        [25, crashed, 36],
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="it shares memory by a name")
def test_a_crash_is_found_without_files_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "memfd_create", raising=False)
    crashed = "failed: its decoder crashed (SIGABRT)"
    assert run(ProcessesExecutor(1), (1, 2, "crash", 3)) == [[1, 4, crashed, 9]]


def test_a_hang_costs_one_item() -> None:
    results = run(ProcessesExecutor(2, timeout=3.0), (1, "hang", 2), (3, "spin", 4))
    hung = "failed: no progress in 3 s: its disk or its decoder hangs"
    spun = "failed: decoding took more than 3 s of processor time"
    assert results == [[1, hung, 4], [9, spun, 16]]


def test_what_is_no_items_work_has_no_limit() -> None:
    results = run(ProcessesExecutor(2, timeout=3.0), (1, "network", "hang", 2), (3, "network"))
    hung = "failed: no progress in 3 s: its disk or its decoder hangs"
    assert results == [[1, "network", hung, 4], [9, "network"]]


@pytest.mark.skipif(sys.platform != "linux", reason="limits of the address space are Linux's")
def test_an_item_alone_is_limited_and_what_is_not_its_work_is_not() -> None:
    assert run(ProcessesExecutor(1), (1, "alone")) == [[1, "alone"]]


def test_memory_that_runs_out_costs_one_item() -> None:
    results = run(ProcessesExecutor(1), (1, "memory", 2))
    assert results == [[1, "failed: not enough memory to decode it", 4]]


def test_a_bug_ends_the_run_with_its_traceback() -> None:
    with pytest.raises(ImgsimError, match="RuntimeError: a bug"):
        run(ProcessesExecutor(2), (1,), ("raise",), (2,))


def test_a_consumer_that_stops_ends_the_workers() -> None:
    executor = ProcessesExecutor(2)
    results = executor.run([Errands((i,)) for i in range(50)])
    next(results)
    results.close()
    assert executor.workers == set()


def test_a_worker_that_starts_while_a_run_ends_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    executor = ProcessesExecutor(2)
    started: list[Worker] = []

    class Late(Worker):
        def __init__(self, *arguments) -> None:
            super().__init__(*arguments)
            started.append(self)
            if len(started) == 2:
                executor.stopped.wait()

    monkeypatch.setattr(processes, "Worker", Late)
    results = executor.run([Errands((i, "wait")) for i in range(40)])
    next(results)
    while len(started) < 2:
        time.sleep(0.01)
    results.close()
    assert started[1].progress.read().begun == 0


@pytest.mark.parametrize(
    "hang",
    [
        "hang",
        pytest.param(
            "hang in C",
            marks=pytest.mark.skipif(sys.platform != "linux", reason="the system ends it there"),
        ),
    ],
)
def test_workers_leave_when_their_parent_is_killed(hang: str, tmp_path: Path) -> None:
    """Even from a hanging decoder."""
    marker = tmp_path / "pid"
    program = (
        "from imgsim.executors.processes import ProcessesExecutor\n"
        "from tests.executors.test_processes import Errands\n"
        "executor = ProcessesExecutor(1, timeout=600)\n"
        "import threading\n"
        "def tell():\n"
        "    import time\n"
        "    while not executor.workers or not list(executor.workers)[0].ready: time.sleep(0.05)\n"
        f"    open({str(marker)!r}, 'w').write(str(list(executor.workers)[0].process.pid))\n"
        "threading.Thread(target=tell).start()\n"
        f"list(executor.run([Errands(({hang!r},))]))\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], cwd=Path(__file__).parents[2])
    while not (marker.exists() and marker.read_text()):
        assert parent.poll() is None
        time.sleep(0.05)
    worker = int(marker.read_text())
    parent.kill()
    parent.wait()
    for _ in range(200):
        if not _alive(worker):
            return
        time.sleep(0.05)
    pytest.fail("the worker is still there after 10 s")


def _alive(pid: int) -> bool:
    import psutil

    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def test_a_script_without_a_main_guard_works(tmp_path: Path, demo) -> None:
    """Three lines of Python must do: nothing runs the user's script again."""
    folder, _ = demo
    script = tmp_path / "script.py"
    script.write_text(
        f"import imgsim\nfound = imgsim.find_duplicates({str(folder)!r})\n"
        "print(len(found.groups))\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert done.stdout == "9\n"


def test_few_items_start_one_worker_and_slow_ones_the_others() -> None:
    """To start a worker takes as long as to work on many items."""
    executor = ProcessesExecutor(2, keep=True)
    quick = [Errands((number,)) for number in range(4)]
    list(executor.run(quick))
    assert len(executor.idle) == 1
    list(executor.run([Errands(("wait",)), Errands(("wait",))]))
    assert len(executor.idle) == 2
    executor.close()
