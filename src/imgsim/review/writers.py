"""Who may decide: one tab of one review at a time; the others read, or take over."""

from __future__ import annotations

import threading
import time

_SILENT_SECONDS = 20.0
"""A tab that was not heard of for so long has gone."""


class Writers:
    """The tabs of a page.

    A tab is heard of with each request, and while it listens to events.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._writer: str | None = None
        self._heard: dict[str, float] = {}

    def hear(self, tab: str) -> None:
        """Note that a tab is there; the first one may write."""
        if not tab:  # what names none only reads
            return
        with self._lock:
            now = time.monotonic()
            self._heard[tab] = now
            gone = now - self._heard.get(self._writer or "", 0.0) > _SILENT_SECONDS
            if self._writer is None or gone:
                self._writer = tab

    def leave(self, tab: str) -> None:
        """Note that a tab has closed."""
        with self._lock:
            self._heard.pop(tab, None)
            if self._writer == tab:
                self._writer = None

    def take_over(self, tab: str) -> None:
        """Let a tab write, and no other."""
        with self._lock:
            self._heard[tab] = time.monotonic()
            self._writer = tab

    def may_write(self, tab: str) -> bool:
        """Whether a tab may write."""
        return bool(tab) and self._writer == tab

    def warnings(self, tab: str) -> list[str]:
        """What a tab should be told of it."""
        return []
