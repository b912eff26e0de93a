"""What every result file records, and how things are timed and weighed."""

from __future__ import annotations

import json
import platform
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
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
    """Seconds of each of several calls."""
    for _ in range(warm_up):
        action()
    seconds = []
    for _ in range(times):
        started = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - started)
    return seconds


def run_weighed(
    arguments: Sequence[str], env: dict[str, str] | None = None
) -> tuple[float, float, str]:
    """Run a program: seconds, peak memory in MB summed over its processes, standard output.

    The memory is the sum of the proportional set sizes (shared pages counted once), sampled
    every 50 ms.
    """
    started = time.perf_counter()
    process = subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env
    )
    peak = 0.0
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        root = psutil.Process(process.pid)
        while not done.wait(0.05):
            total = 0
            try:
                for one in [root, *root.children(recursive=True)]:
                    try:
                        total += one.memory_full_info().pss
                    except psutil.Error:
                        continue
            except psutil.Error:
                continue
            peak = max(peak, total / 1e6)

    watcher = threading.Thread(target=watch)
    watcher.start()
    output, error = process.communicate()
    seconds = time.perf_counter() - started
    done.set()
    watcher.join()
    if process.returncode:
        raise SystemExit(f"{arguments} failed:\n{error}")
    return seconds, peak, output
