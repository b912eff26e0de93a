"""Signals that end the program become an exception, so that it clears up before it ends."""

from __future__ import annotations

import os
import signal
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_PATIENCE = 5.0
"""Seconds after which another signal ends the program at once. Before, it may be the same one
again: `timeout`, and the shell of a terminal that is closed, send it twice."""


_LATER = 0.05
"""Seconds after which a signal that came in a finalizer comes once more."""


class Terminated(BaseException):
    """The program was asked to end by a signal.

    Parameters
    ----------
    number : int
        Of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number

    @property
    def exit_code(self) -> int:
        """Its exit code, as shells count: 143 after SIGTERM, 129 after SIGHUP."""
        return 128 + self.number


@contextmanager
def termination_raises() -> Iterator[None]:
    """Raise `Terminated` in the body of the ``with`` statement on SIGTERM and SIGHUP.

    SIGINT raises KeyboardInterrupt as always, but once: another one would end the clearing up that
    the first one began. After some seconds it ends the program at once. A signal that is ignored,
    as under nohup, or has a handler stays as it is.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    first: list[float] = []

    def end(number: int, frame: FrameType | None) -> None:
        if not first:
            if _in_finalizer(frame):  # Python would print what is raised there, and go on
                threading.Timer(_LATER, signal.raise_signal, (number,)).start()
                return
            first.append(time.monotonic())
            if number == signal.SIGINT:
                raise KeyboardInterrupt
            raise Terminated(number)
        if time.monotonic() - first[0] > _PATIENCE:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

    handled: list[tuple[int, Any]] = []
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        handled.append((signal.SIGINT, signal.signal(signal.SIGINT, end)))
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            handled.append((number, signal.signal(number, end)))
    try:
        yield
    finally:
        for number, before in handled:
            signal.signal(number, before)


def _in_finalizer(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code is _FINALIZE or frame.f_code.co_name == "__del__":
            return True
        frame = frame.f_back
    return False


_FINALIZE = weakref.finalize.__call__.__code__


def ignore_more_interrupts() -> None:
    """Let the program end in peace after SIGINT; some seconds later another one ends it at once."""
    if threading.current_thread() is not threading.main_thread():
        return
    first = time.monotonic()

    def end(number: int, frame: object) -> None:
        if time.monotonic() - first > _PATIENCE:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

    signal.signal(signal.SIGINT, end)
