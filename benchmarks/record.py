"""The facts that every result file records; times and memory of programs."""

from __future__ import annotations

import contextlib
import json
import platform
import resource
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

RESULTS = Path(__file__).parent / "results"


def machine(command: str, *packages: str) -> dict[str, Any]:
    """Machine, versions and the command, with names for the user's own paths."""
    return {
        "machine": {
            "platform": platform.platform(),
            "processor": _processor(),
            "cores": psutil.cpu_count(),
            "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        },
        "versions": {"python": platform.python_version()} | {p: version(p) for p in packages},
        "command": command,
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor()


def write(name: str, document: dict[str, Any]) -> Path:
    """Write a result file."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return path


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median and range."""
    return {
        "median": round(statistics.median(values), 4),
        "min": round(min(values), 4),
        "max": round(max(values), 4),
        "n": len(values),
    }


def timed(action: Callable[[], Any], times: int, warm_up: int = 1) -> list[float]:
    """Return the seconds of each of several calls."""
    for _ in range(warm_up):
        action()
    seconds = []
    for _ in range(times):
        started = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - started)
    return seconds


def processor_seconds() -> float:
    """Of this process and of those that have ended."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in both)


@dataclass(frozen=True, slots=True)
class Run:
    """The output, time and memory of a program, all of its processes taken together.

    `peak_mb` is the sum of the proportional set sizes (shared pages counted once), `peak_rss_mb`
    that of the resident ones (shared pages counted in every process). `code` is None where the
    program was stopped because it took too long.
    """

    code: int | None
    seconds: float
    cpu_seconds: float
    peak_mb: float
    peak_rss_mb: float
    output: str
    error: str


def run_program(
    arguments: Sequence[str],
    env: dict[str, str] | None = None,
    cwd: Path | None = None,
    limit: float | None = None,
) -> Run:
    """Run a program, with its time and memory; the memory is sampled every 50 ms."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    process = subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env, cwd=cwd
    )
    peak = peak_rss = 0.0
    cpu: dict[tuple[int, float], float] = {}
    done = threading.Event()

    def watch() -> None:
        nonlocal peak, peak_rss
        root = psutil.Process(process.pid)
        while not done.wait(0.05):
            pss = rss = 0
            for one in _family(root):
                try:
                    weight, times = one.memory_full_info(), one.cpu_times()
                except psutil.Error:
                    continue
                pss += weight.pss
                rss += weight.rss
                cpu[one.pid, one.create_time()] = times.user + times.system
            peak, peak_rss = max(peak, pss / 1e6), max(peak_rss, rss / 1e6)

    watcher = threading.Thread(target=watch)
    watcher.start()
    code: int | None
    try:
        output, error = process.communicate(timeout=limit)
        code = process.returncode
    except subprocess.TimeoutExpired:
        _stop(process.pid)
        output, error = process.communicate()
        code = None
    except BaseException:
        _stop(process.pid)
        raise
    finally:
        seconds = time.perf_counter() - started
        done.set()
        watcher.join()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # The system does not count children that nobody waited for, sampling not what came between.
    waited = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Run(code, seconds, max(waited, sum(cpu.values())), peak, peak_rss, output, error)


def _family(root: psutil.Process) -> list[psutil.Process]:
    try:
        return [root, *root.children(recursive=True)]
    except psutil.Error:
        return []


def _stop(pid: int) -> None:
    for one in _family(psutil.Process(pid)):
        with contextlib.suppress(psutil.Error):
            one.kill()


def run_weighed(
    arguments: Sequence[str], env: dict[str, str] | None = None
) -> tuple[float, float, str]:
    """Run a program: return seconds, peak memory in MB of all its processes, standard output."""
    run = run_program(arguments, env)
    if run.code:
        raise SystemExit(f"{arguments} failed:\n{run.error}")
    return run.seconds, run.peak_mb, run.output
