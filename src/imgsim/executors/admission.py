"""Hands out batches as the memory for all workers permits."""

from __future__ import annotations

import threading
from collections.abc import Sequence


class Admission:
    """Batches that wait for a worker, and for memory.

    Parameters
    ----------
    needs : sequence of int
        Bytes of each batch.
    total : int
        Bytes of all that run at a time.
    """

    def __init__(self, needs: Sequence[int], total: int) -> None:
        self._needs = [min(need, total) for need in needs]
        self._free = total
        self._waiting = list(reversed(range(len(needs))))
        self._changed = threading.Condition()

    def take(self) -> int | None:
        """Wait for the first batch that there is memory for; None if no batch waits any more."""
        with self._changed:
            while self._waiting:
                for place in reversed(range(len(self._waiting))):
                    number = self._waiting[place]
                    if self._needs[number] <= self._free:
                        del self._waiting[place]
                        self._free -= self._needs[number]
                        return number
                self._changed.wait()
            return None

    def give_back(self, number: int) -> None:
        """Let others have the memory of a batch that is done."""
        with self._changed:
            self._free += self._needs[number]
            self._changed.notify_all()

    def stop(self) -> None:
        """Hand out no more batches."""
        with self._changed:
            self._waiting.clear()
            self._changed.notify_all()


def needs_of(batches: int, memory: Sequence[int], total: int, jobs: int) -> Sequence[int]:
    """Return the bytes of each of some batches: as stated, or the share of one worker."""
    return memory or [total // jobs] * batches
