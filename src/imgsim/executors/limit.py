"""The time that one item of a batch may take in a worker process.

It is processor time, so that a busy machine changes no result, and wall time only while the
process gets nowhere: it takes no processor time and reads nothing. The watching process looks at
the worker's clock from outside, since a decoder that does not return lets no code run inside.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass

_TICK = 0.05
"""Processor seconds that count as getting on; less may be the rounding of a system's clock."""


NO_PROGRESS = "no progress in"
"""So the reason begins why an item is ended that took no processor time either."""

CRASHED = "its decoder crashed"
NO_MEMORY = "not enough memory"
"""So the reasons begin why an item ended its worker."""


@dataclass(slots=True)
class ItemClock:
    """The time of the item in hand.

    Attributes
    ----------
    timeout : float
        Processor seconds of the item, and wall seconds without progress.
    begun_at : float
        Processor seconds of the worker when the item was begun.
    seen_at : float
        The same when it was last seen to get on.
    idle : float
        Wall seconds since then, as far as they were watched.
    """

    timeout: float
    begun_at: float
    seen_at: float
    idle: float = 0.0

    def read_some(self) -> None:
        """Count that some of the file was read."""
        self.idle = 0.0

    def exceeded(self, process_seconds: float | None, elapsed: float) -> str | None:
        """Say why the item has to be ended; None if it may go on.

        Parameters
        ----------
        process_seconds : float or None
            Processor seconds of the worker since it began; None if they are not known.
        elapsed : float
            Wall seconds since the last call.
        """
        self.idle += elapsed
        if process_seconds is not None:
            if process_seconds - self.begun_at > self.timeout:
                return f"decoding took more than {self.timeout:g} s of processor time"
            if process_seconds - self.seen_at > _TICK:
                self.seen_at = process_seconds
                self.idle = 0.0
        if self.idle > self.timeout:
            return f"{NO_PROGRESS} {self.timeout:g} s: its disk or its decoder hangs"
        return None


def process_seconds(process: subprocess.Popen[bytes]) -> float | None:
    """Return the processor seconds that a child process has taken so far, in all its threads.

    Returns
    -------
    float or None
        None if the process has gone, or the system does not tell.
    """
    try:
        if sys.platform == "win32":
            return _windows_seconds(process)
        if sys.platform == "linux":
            return _linux_seconds(process.pid)
        return _parse_ps(
            subprocess.run(
                ["ps", "-o", "time=", "-p", str(process.pid)],
                capture_output=True,
                text=True,
                check=False,
            ).stdout
        )
    except (OSError, ValueError):
        return None


def _linux_seconds(pid: int) -> float:
    with open(f"/proc/{pid}/stat", "rb") as stream:
        fields = stream.read().rpartition(b")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _parse_ps(text: str) -> float | None:
    """Read ``[[days-]hours:]minutes:seconds[.hundredths]``, as ps writes a time."""
    match = re.fullmatch(r"(?:(?:(\d+)-)?(\d+):)?(\d+):(\d+(?:\.\d+)?)", text.strip())
    if match is None:
        return None
    days, hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


if sys.platform == "win32":

    def _windows_seconds(process: subprocess.Popen[bytes]) -> float | None:
        import ctypes
        from ctypes import wintypes

        times = [wintypes.FILETIME() for _ in range(4)]  # created, ended, kernel, user
        handle = wintypes.HANDLE(int(process._handle))
        if not ctypes.windll.kernel32.GetProcessTimes(handle, *map(ctypes.byref, times)):
            return None
        return sum(t.dwHighDateTime << 32 | t.dwLowDateTime for t in times[2:]) / 1e7
