"""Signals that end the program become an exception, so that it clears up before it ends."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_PATIENCE = 5.0
"""Seconds after which another signal ends the program at once. Before, it may be the same one
again: `timeout`, and the shell of a terminal that is closed, send it twice."""


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

    A signal that is ignored, as under nohup, or has a handler stays as it is.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    first: list[float] = []

    def end(number: int, frame: object) -> None:
        if not first:
            first.append(time.monotonic())
            raise Terminated(number)
        if time.monotonic() - first[0] > _PATIENCE:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

    handled = []
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, end)
            handled.append(number)
    try:
        yield
    finally:
        for number in handled:
            signal.signal(number, signal.SIG_DFL)


def ignore_more_interrupts() -> None:
    """Let the program end in peace after SIGINT; some seconds later another one ends it at once."""
    first = time.monotonic()

    def end(number: int, frame: object) -> None:
        if time.monotonic() - first > _PATIENCE:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

    signal.signal(signal.SIGINT, end)
