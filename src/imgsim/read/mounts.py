"""Which mounts have stopped to answer while files were read.

A file of which nothing comes costs the time limit of one file. That its mount is the cause shows in
another file, of which nothing comes either: then no further file of the mount is waited for.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from contextlib import suppress

from imgsim.addresses import Address
from imgsim.read.files import open_regular
from imgsim.types import ImageFile

NO_ANSWER = "cannot be read: its disk or its server does not answer any more"

SECONDS = 10.0
"""For which another file is tried, at most: nothing came of the first one for longer."""


def _read_some(path: str) -> None:
    with suppress(OSError), open_regular(path) as stream:  # an error is an answer too
        stream.read(1)


class Mounts:
    """Notes what reading tells of the mounts on which files lie.

    Parameters
    ----------
    files : iterable of ImageFile
        Those that are to be read.
    timeout : float
        Seconds after which a file is given up.
    read_some : callable
        Reads the first byte at a path; an error is an answer, too.
    """

    def __init__(
        self,
        files: Iterable[ImageFile],
        timeout: float,
        read_some: Callable[[str], None] = _read_some,
    ) -> None:
        self._devices = {
            file.path: file.device
            for file in files
            if file.device and not isinstance(file.path, Address)
        }
        self._seconds = min(timeout, SECONDS)
        self._read_some = read_some
        self._seen: set[str] = set()
        self._dead: set[int] = set()
        self._lock = threading.Lock()

    def was_read(self, path: str) -> None:
        """Note that a file was read, or that this failed at once."""
        self._seen.add(path)

    def gave_up(self, path: str) -> None:
        """Find out, after nothing came of a file for its time limit, whether it is the mount."""
        self._seen.add(path)
        device = self._devices.get(path)
        with self._lock:  # others that were given up at the same time wait for the answer
            if device is None or device in self._dead:
                return
            unread = (p for p, d in self._devices.items() if d == device and p not in self._seen)
            other = next(unread, None)
            if other is None:
                return
            # a daemon: it may never come back
            trial = threading.Thread(target=self._read_some, args=(other,), daemon=True)
            trial.start()
            trial.join(self._seconds)
            if trial.is_alive():
                self._dead.add(device)

    def why_not(self, path: str) -> str:
        """Return why a file cannot be read: its mount has stopped to answer; else nothing."""
        if self._devices.get(path) in self._dead:
            return NO_ANSWER
        return ""
