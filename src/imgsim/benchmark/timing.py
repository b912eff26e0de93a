"""Timing by `perf_counter`, after a warm-up, with the spread; and the machine it runs on."""

from __future__ import annotations

import math
import os
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from imgsim import __version__
from imgsim.benchmark.results import Machine, Spread
from imgsim.executors.base import usable_cores

_PACKAGES = (
    "numpy",
    "pillow",
    "scipy",
    "faiss-cpu",
    "torch",
    "efficientnet_pytorch",
    "openvino",
    "matplotlib",
)
ENOUGH_SECONDS = 4.0
"""After so many, nothing is repeated any more."""


@dataclass(slots=True)
class Watch:
    """Times by the clock and by the processors, of actions that are called one after the other."""

    seconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def time(self, action: Callable[[], object]) -> None:
        """Call an action once."""
        worked, started = time.process_time(), time.perf_counter()
        action()
        self.seconds.append(time.perf_counter() - started)
        self.cpu.append(time.process_time() - worked)

    def spread(self, of: int = 1) -> Spread:
        """Compute median, quartiles and mean for one thing, where each time is that of so many."""
        low, median, high = np.percentile(np.asarray(self.seconds) / of, (25, 50, 75))
        cpu = float(np.median(self.cpu)) / of
        mean = float(np.mean(self.seconds)) / of
        return Spread(float(median), float(low), float(high), len(self.seconds), cpu, mean)


def repeated(
    action: Callable[[], object],
    of: int = 1,
    *,
    times: int = 7,
    enough: float = ENOUGH_SECONDS,
) -> Spread:
    """Time an action again and again, after one call that does not count.

    What takes long is repeated less often: three times at least, but only once where a single
    call takes longer than all repetitions should.

    Parameters
    ----------
    action : callable
    of : int
        How many things it works on; the result is for one.
    times : int
        At most.
    enough : float
        Seconds after which it is repeated no more.
    """
    first = Watch()
    first.time(action)
    if first.seconds[0] > enough:
        return first.spread(of)
    watch = Watch()
    while len(watch.seconds) < times and (len(watch.seconds) < 3 or sum(watch.seconds) < enough):
        watch.time(action)
    return watch.spread(of)


def scaled(spread: Spread, factor: float) -> Spread:
    """Return the times of so many times as much."""
    return replace(
        spread,
        median=spread.median * factor,
        low=spread.low * factor,
        high=spread.high * factor,
        cpu=spread.cpu * factor,
        mean=None if spread.mean is None else spread.mean * factor,
    )


def each(actions: Sequence[Callable[[], object]], *, enough: float = math.inf) -> Spread:
    """Time several actions of a kind, one after the other, after a first one that does not count.

    Parameters
    ----------
    actions : sequence of callable
        At least one.
    enough : float
        Seconds after which the rest of them is left out, if there were three.
    """
    actions[0]()
    watch = Watch()
    for action in actions:
        if len(watch.seconds) >= 3 and sum(watch.seconds) > enough:
            break
        watch.time(action)
    return watch.spread()


def seconds_of_repeated(single: float, *, times: int = 7) -> float:
    """Compute how long `repeated` takes with an action of so many seconds."""
    if single > ENOUGH_SECONDS:
        return single
    enough = math.ceil(ENOUGH_SECONDS / single) if single > 0 else times
    return (1 + min(times, max(3, enough))) * single


def seconds_of_each(single: float, actions: int, *, enough: float = ENOUGH_SECONDS) -> float:
    """Compute how long `each` takes with so many actions, of so many seconds each."""
    done = math.floor(enough / single) + 1 if single > 0 else actions
    return (1 + min(actions, max(3, done))) * single


@contextmanager
def one_thread() -> Iterator[None]:
    """Hold linear algebra and networks to one thread.

    So methods are compared alike. And where the machine is busy, several threads wait for each
    other for milliseconds at every step, which says nothing of what is timed.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        yield


def load_average() -> float:
    """Return the load average of the last minute per core, 0 where the system does not tell it."""
    try:
        return round(os.getloadavg()[0] / usable_cores(), 2)
    except (AttributeError, OSError):  # not on Windows
        return 0.0


def machine() -> Machine:
    """Describe the machine that this runs on."""
    versions = {"imgsim": __version__, "python": platform.python_version()}
    for package in _PACKAGES:
        with suppress(PackageNotFoundError):
            versions[package] = version(package)
    return Machine(platform.platform(), _processor(), usable_cores(), _memory_gib(), versions)


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _memory_gib() -> float:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, ValueError, OSError):  # not on Windows
        return 0.0
