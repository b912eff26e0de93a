"""Calls to the file system that end, whatever they look at.

A call that looks at a mount whose server has gone returns never, and no signal ends it.
"""

from __future__ import annotations

import errno
import os
import queue
import threading
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

SECONDS = 60.0


class TimeLimited:
    """Runs calls in a thread of its own, which is left behind by one that does not return.

    Parameters
    ----------
    seconds : float
        That a call may take without a `step`.
    """

    def __init__(self, seconds: float | None = None) -> None:
        self.seconds = SECONDS if seconds is None else seconds
        self._steps = 0
        self._questions: queue.SimpleQueue[Any] | None = None
        self._answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._answering: set[str] = set()
        self._silent: set[str] = set()

    def step(self) -> None:
        """Tell, within a call, that it gets on."""
        self._steps += 1

    def __call__(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what a call returns.

        Raises
        ------
        TimeoutError
            It did not return in time.
        BaseException
            What it raises.
        """
        if self._questions is None:
            ends: tuple[queue.SimpleQueue[Any], queue.SimpleQueue[Any]]
            ends = queue.SimpleQueue(), queue.SimpleQueue()
            try:
                threading.Thread(target=_answer, args=ends, daemon=True).start()
            except RuntimeError:  # the system lets this process have no more threads
                return call(*args, **kwargs)
            self._questions, self._answers = ends
        self._questions.put((call, args, kwargs))
        while True:
            seen = self._steps
            try:
                value, error = self._answers.get(timeout=self.seconds)
            except queue.Empty:
                if self._steps > seen:
                    continue
                self._questions = None
                raise _no_answer(self.seconds) from None
            if error is not None:
                raise error
            result: T = value
            return result

    def stat(self, path: str) -> os.stat_result:
        """Return the status of a file; of one folder only the first costs the limit.

        Raises
        ------
        OSError
        ValueError
        """
        folder = os.path.dirname(path)
        if folder in self._answering:
            return os.stat(path)
        if folder in self._silent:
            raise _no_answer(self.seconds)
        try:
            status = self(os.stat, path)
        except TimeoutError:
            self._silent.add(folder)
            raise
        except OSError:
            self._answering.add(folder)
            raise
        self._answering.add(folder)
        return status

    def close(self) -> None:
        """End the thread."""
        if self._questions is not None:
            self._questions.put(None)
            self._questions = None


def _no_answer(seconds: float) -> TimeoutError:
    return TimeoutError(
        errno.ETIMEDOUT, f"no answer in {seconds:g} s: its disk or its server hangs"
    )


def _answer(questions: queue.SimpleQueue[Any], answers: queue.SimpleQueue[Any]) -> None:
    while (question := questions.get()) is not None:
        call, args, kwargs = question
        try:
            answers.put((call(*args, **kwargs), None))
        except BaseException as error:
            answers.put((None, error))
