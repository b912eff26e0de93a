"""Where the time of a run goes: processor and wall seconds of its stages, from all processes.

Nobody measures in a normal run: then `stage` does nothing. Stages nest, and the time of an inner
one is not counted for the outer one. Worker processes hand their sums back with their results, see
`executors`.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from functools import wraps
from types import TracebackType
from typing import NamedTuple, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

STAGES = {
    "starting": "processes start and import what they need",
    "listing": "files are found",
    "reading": "bytes are read from files and hashed",
    "decoding": "bytes to pixels, for the features and again to verify",
    "features": "hashes and keypoints of pixels",
    "caching": "what is known is looked up and kept; pixels for the verification are written",
    "proposing": "pairs that are worth a look are found",
    "aligning": "one picture of a pair is laid upon the other",
    "verifying": "the rest of comparing a pair",
    "details": "small differences of an accepted pair are looked for",
    "measuring": "what was done to the members of groups is measured",
    "checking": "damage that decoders hide, equal samples, masks",
    "metadata": "what files say of themselves is read",
    "grouping": "pairs to groups, and which file of each is kept",
    "report": "the result is written",
    "waiting": "for the workers",
}
"""Names of the stages in the order of the flow, and what happens in each."""


class Seconds(NamedTuple):
    """Processor and wall seconds; the latter are summed over all threads and processes."""

    processor: float
    wall: float


Sums = Mapping[str, Seconds]
"""By the name of the stage."""


class StageTimes:
    """Sums of the time that one thread, and those that report to it, spent in each stage."""

    def __init__(self) -> None:
        self._sums: dict[str, list[float]] = {}
        self._open: list[str] = []
        self._since = 0.0, 0.0
        self._lock = threading.Lock()

    def enter(self, name: str) -> None:
        """Begin a stage; the one that it lies in pauses."""
        self._count()
        self._open.append(name)

    def leave(self) -> None:
        """End the stage that was begun last."""
        self._count()
        self._open.pop()

    def _count(self) -> None:
        now = time.thread_time(), time.perf_counter()
        if self._open:
            self.add(self._open[-1], now[0] - self._since[0], now[1] - self._since[1])
        self._since = now

    def add(self, name: str, processor: float, wall: float) -> None:
        """Add to a stage; other threads may do so too."""
        with self._lock:
            sums = self._sums.setdefault(name, [0.0, 0.0])
            sums[0] += processor
            sums[1] += wall

    def merge(self, sums: Sums) -> None:
        """Add what another thread or process measured."""
        for name, seconds in sums.items():
            self.add(name, *seconds)

    def sums(self) -> dict[str, Seconds]:
        """Return what was measured so far, in the order of `STAGES`; of open stages, too."""
        self._count()
        with self._lock:
            return {n: Seconds(*self._sums[n]) for n in STAGES if n in self._sums}


_CURRENT: ContextVar[StageTimes | None] = ContextVar("stage_times", default=None)


class _Stage(AbstractContextManager[None]):
    def __init__(self, times: StageTimes, name: str) -> None:
        self._times = times
        self._name = name

    def __enter__(self) -> None:
        self._times.enter(self._name)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._times.leave()


_NOTHING = nullcontext()


def stage(name: str) -> AbstractContextManager[None]:
    """Count the time within for a stage, if somebody measures; no generator may yield within.

    Parameters
    ----------
    name : str
        Of `STAGES`.
    """
    times = _CURRENT.get()
    return _NOTHING if times is None else _Stage(times, name)


def staged(name: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Count the time of a function for a stage, as `stage` does."""

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            times = _CURRENT.get()
            if times is None:
                return function(*args, **kwargs)
            times.enter(name)
            try:
                return function(*args, **kwargs)
            finally:
                times.leave()

        return call

    return decorate


def current() -> StageTimes | None:
    """Return what measures in this thread, for `measuring_into` in another; None if nobody does."""
    return _CURRENT.get()


@contextmanager
def measuring() -> Iterator[StageTimes]:
    """Measure the stages of what is done within, in this thread.

    Yields
    ------
    StageTimes
        It fills up.
    """
    times = StageTimes()
    token = _CURRENT.set(times)
    try:
        yield times
    finally:
        _CURRENT.reset(token)


@contextmanager
def measuring_into(times: StageTimes | None) -> Iterator[None]:
    """Measure the stages of this thread for another one.

    Parameters
    ----------
    times : StageTimes or None
        Of the other one, see `current`; nothing is measured if it is None.
    """
    if times is None:
        yield
        return
    with measuring() as own:
        try:
            yield
        finally:
            times.merge(own.sums())


def processor_seconds() -> float:
    """Return the processor seconds of this process and of its children that have ended."""
    return sum(os.times()[:4])
