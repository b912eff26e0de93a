"""The contract between the pipeline and the places where batches run."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Generator, Sequence
from typing import Protocol, TypeVar

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class Beat:
    """What a batch tells as it goes on; this one goes unheard."""

    def __call__(self) -> None:
        """An item is done, and the next one in hand."""

    def no_item(self) -> None:
        """What comes until the next item is done is the work of none, as when a network runs.

        So no limit that one item has applies to it.
        """


class Batch(Protocol[R_co]):
    """Work on some items; picklable, and so are its results."""

    def __len__(self) -> int: ...

    def part(self, start: int, stop: int) -> Batch[R_co]:
        """The same work on some of the items."""

    def failure(self, reason: str) -> R_co:
        """The result for an item that could not be worked on."""

    def run(self, beat: Beat) -> Sequence[R_co]:
        """Do the work, a result per item; `beat` is called after each."""


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
