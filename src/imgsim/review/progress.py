"""Progress that the page shows, and by which what runs is ended."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

_EVERY = 0.2
_SURE_AFTER = 3.0


class Ended(BaseException):
    """The review was ended while something ran."""


class Shown:
    """A `Progress` for the page; raises `Ended` in the thread that reports when it is to end.

    Parameters
    ----------
    touch : callable
        Called when there is something new to show.
    ended : Event
    """

    def __init__(self, touch: Callable[[], None], ended: threading.Event) -> None:
        self._touch = touch
        self._ended = ended
        self._stage = ""
        self._unit = ""
        self._total = 0
        self._done = 0
        self._started = time.monotonic()
        self._told = 0.0
        self.notes: list[str] = []

    def start(self, stage: str, total: int, unit: str) -> None:
        """Begin a stage."""
        self._check()
        self._stage, self._total, self._unit, self._done = stage, total, unit, 0
        self._started = time.monotonic()
        self._touch()

    def advance(self, n: int) -> None:
        """Count things as done."""
        self._check()
        self._done += n
        now = time.monotonic()
        if now - self._told > _EVERY:
            self._told = now
            self._touch()

    def finish(self) -> None:
        """End the stage."""

    def note(self, text: str) -> None:
        """Keep a line for the page."""
        self.notes.append(text)

    def _check(self) -> None:
        if self._ended.is_set():
            raise Ended

    def document(self) -> dict[str, Any] | None:
        """Return how far the stage is; None before the first."""
        if not self._stage:
            return None
        took, left = time.monotonic() - self._started, None
        if self._done and took > _SURE_AFTER:
            left = round(took / self._done * (self._total - self._done))
        return {
            "stage": self._stage,
            "unit": self._unit,
            "done": min(self._done, self._total),
            "total": self._total,
            "seconds_left": left,
        }
