"""Who may decide: one tab of one review at a time; the others read, or take over."""

from __future__ import annotations

import hashlib
import os
import secrets
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from imgsim.addresses import absolute
from imgsim.locks import FileLock

_SILENT_SECONDS = 10.0
"""A tab that was not heard of for so long has gone."""

_LOOK_SECONDS = 1.0


class Owner:
    """Which of several reviews of the same files may write, by a file beside the decisions.

    The first one holds a lock on it, which ends with its process; whose id the file holds decides.

    Parameters
    ----------
    path : Path or None
        None where nobody else can decide on the same files.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._id = secrets.token_hex(8)
        self._lock: FileLock | None = None
        self._locked = self._mine = path is None
        self._looked = 0.0
        self._look()

    def is_mine(self) -> bool:
        """Whether this review may write."""
        if time.monotonic() - self._looked > _LOOK_SECONDS:
            self._look()
        return self._mine

    def _look(self) -> None:
        self._looked = time.monotonic()
        if self._path is None:
            return
        try:
            if not self._locked:
                if self._lock is not None and not self._lock.is_current():
                    self._lock.close()  # who had it has ended, and removed the file
                    self._lock = None
                self._lock = self._lock or FileLock(self._path)
                self._locked = self._lock.acquire(exclusive=True)
                if self._locked:  # nobody else is there any more
                    self._write(self._id)
            held = self._path.read_text(encoding="ascii", errors="replace")
        except OSError:  # a folder that cannot be written to says so when something is decided
            self._mine = True
            return
        if not held and self._locked:
            self._write(self._id)
        self._mine = held in (self._id, "") and (held != "" or self._locked)

    def _write(self, text: str) -> None:
        if self._path is not None:
            with suppress(OSError):
                self._path.write_text(text, encoding="ascii")

    def take_over(self) -> None:
        """Write from now on, instead of the other review."""
        self._write(self._id)
        self._look()

    def release(self) -> None:
        """Let others write."""
        if self._path is None:
            return
        locked = self._locked
        self._mine, self._locked = False, True  # it does not look for it any more
        with suppress(OSError):
            held = self._path.read_text(encoding="ascii", errors="replace")
            if locked and held in (self._id, ""):
                self._path.unlink(missing_ok=True)
            elif held == self._id:
                self._path.write_text("", encoding="ascii")
        if self._lock is not None:
            self._lock.close()


def owner_path(decisions: Path | None, kind: str, paths: Sequence[str]) -> Path | None:
    """Return the file by which reviews of the same paths know of each other.

    Parameters
    ----------
    decisions : Path or None
        Where they write what is decided.
    kind : str
        What is reviewed.
    paths : sequence of str
    """
    if decisions is None:
        return None
    named = sorted(os.path.realpath(absolute(path)) for path in paths)
    text = "\0".join([kind, *named])
    digest = hashlib.sha256(os.fsencode(text)).hexdigest()[:16]
    target = Path(os.path.realpath(decisions))
    with suppress(OSError):
        target.parent.mkdir(parents=True, exist_ok=True)
    return target.with_name(f"{target.name}-review-{digest}")


class Writers:
    """The tabs of a page.

    A tab is heard of with each request, and while it listens to events.

    Parameters
    ----------
    owner : Owner, optional
    """

    def __init__(self, owner: Owner | None = None) -> None:
        self._owner = owner or Owner(None)
        self._lock = threading.Lock()
        self._writer: str | None = None
        self._heard: dict[str, float] = {}

    def hear(self, tab: str) -> None:
        """Note that a tab is there; the first one may write, and one that finds it gone."""
        if not tab:  # what names none only reads
            return
        with self._lock:
            now = time.monotonic()
            self._heard[tab] = now
            last = self._heard.get(self._writer or "")
            if last is None or now - last > _SILENT_SECONDS:
                self._writer = tab
            self._heard = {t: at for t, at in self._heard.items() if now - at < _SILENT_SECONDS}

    def leave(self, tab: str) -> None:
        """Note that a tab has closed."""
        with self._lock:
            self._heard.pop(tab, None)
            if self._writer == tab:
                self._writer = None

    def take_over(self, tab: str) -> None:
        """Let a tab write, and no other, of no other review either."""
        if not tab:
            return
        with self._lock:
            self._heard[tab] = time.monotonic()
            self._writer = tab
        self._owner.take_over()

    def may_write(self, tab: str) -> bool:
        """Whether a tab may write."""
        return bool(tab) and self._writer == tab and self._owner.is_mine()

    @property
    def other_review(self) -> bool:
        """Whether another review of the same files decides."""
        return not self._owner.is_mine()

    def close(self) -> None:
        """Let other reviews write."""
        self._owner.release()
