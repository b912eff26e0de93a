"""The contract between the pipeline and the places where batches run."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Generator, Sequence
from typing import Protocol, TypeVar

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class Heartbeat:
    """Tells the executor how far a batch is; this one tells nobody."""

    def __call__(self) -> None:
        """An item is done, and the next one has begun."""

    def reading(self) -> None:
        """Some of the item's file was read: it is slow, but does not hang."""

    def pause_time_limit(self) -> None:
        """Let no time or memory limit of one item apply until the next item is done.

        For work on all items at once, as when a network runs over them.
        """


class Batch(Protocol[R_co]):
    """Work on some items; picklable, and so are its results."""

    def __len__(self) -> int: ...

    def part(self, start: int, stop: int) -> Batch[R_co]:
        """The same work on some of the items."""

    def failure(self, reason: str) -> R_co:
        """The result for an item that could not be worked on."""

    def run(self, heartbeat: Heartbeat) -> Sequence[R_co]:
        """Do the work, a result per item; `heartbeat` is called after each."""


class Executor(ABC):
    """Runs batches. What they give does not depend on where, or on how many at a time."""

    @abstractmethod
    def run(self, batches: Sequence[Batch[R]]) -> Generator[tuple[int, Sequence[R]]]:
        """Yield (number of the batch, its results) as they come."""

    def close(self) -> None:  # noqa: B027
        """Let go of what is kept from one run to the next."""


def usable_cores() -> int:
    """Cores that this process may run on."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS and Windows
        return os.cpu_count() or 1
