"""The contract between the pipeline and the places where batches run."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, overload

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


@dataclass(frozen=True, slots=True)
class MoreMemory:
    """In the place of a result: the item needs more memory than its worker may take now.

    Attributes
    ----------
    size_bytes : int
    """

    size_bytes: int


class Batch(Protocol[R_co]):
    """Work on some items; picklable, and so are its results."""

    def __len__(self) -> int: ...

    def part(self, start: int, stop: int) -> Batch[R_co]:
        """The same work on some of the items."""

    def failure(self, reason: str) -> R_co:
        """The result for an item that could not be worked on."""

    def with_memory(self, size_bytes: int) -> Batch[R_co]:
        """The same work, one item at a time, each of which may take so many bytes."""

    def run(self, heartbeat: Heartbeat) -> Sequence[R_co | MoreMemory]:
        """Do the work, a result per item; `heartbeat` is called after each."""


class MadeWhenRun(Sequence[Batch[R]]):
    """Batches that are made when they are run: all together they may take much memory.

    Parameters
    ----------
    make : callable
        Takes the number of a batch, perhaps more than once.
    n : int
        How many there are.
    """

    def __init__(self, make: Callable[[int], Batch[R]], n: int) -> None:
        self._make = make
        self._n = n

    def __len__(self) -> int:
        return self._n

    @overload
    def __getitem__(self, index: int) -> Batch[R]: ...

    @overload
    def __getitem__(self, index: slice) -> list[Batch[R]]: ...

    def __getitem__(self, index: int | slice) -> Batch[R] | list[Batch[R]]:
        numbers = range(self._n)[index]
        return [self[i] for i in numbers] if isinstance(numbers, range) else self._make(numbers)


class Lost(Protocol):
    """Tells which items cannot be worked on any more, since what they are read from is gone."""

    def before(self, batch: Any) -> dict[int, str]:
        """Return the places of such items of a batch, and why."""

    def after_hang(self, batch: Any, place: int) -> str:
        """Return why an item that got nowhere within its limit is lost; empty to try it again."""


class Executor(ABC):
    """Runs batches. What they give does not depend on where, or on how many at a time."""

    @abstractmethod
    def run(
        self,
        batches: Sequence[Batch[R]],
        memory: Sequence[int] = (),
        lost: Lost | None = None,
    ) -> Generator[tuple[int, Sequence[R | MoreMemory]]]:
        """Yield (number of the batch, its results) as they come.

        Parameters
        ----------
        batches : sequence of Batch
            Each is asked for when it is run, and may be made then.
        memory : sequence of int
            Bytes that each batch takes; those that run at a time take no more than there are for
            all workers. By default each takes the share of one worker.
        lost : Lost, optional
            Asked before a batch and after a hang, where items have a limit of time.
        """

    def run_items(
        self, batches: Sequence[Batch[R]], lost: Lost | None = None
    ) -> Generator[tuple[int, dict[int, R]]]:
        """Yield (number of the batch, results by place within it) as they come.

        Items that need more than the share of a worker come last, by themselves, as many at a
        time as there is memory for: they hold up none of the others.
        """
        pending, places = batches, [(i, 0) for i in range(len(batches))]
        memory: list[int] = []
        while pending:
            larger: dict[tuple[int, int], int] = {}
            with closing(self.run(pending, memory, lost)) as results:
                for number, some in results:
                    batch, first = places[number]
                    done: dict[int, R] = {}
                    for place, one in enumerate(some, first):
                        if isinstance(one, MoreMemory):
                            larger[batch, place] = one.size_bytes
                        else:
                            done[place] = one
                    yield batch, done
            places = sorted(larger)
            memory = [larger[place] for place in places]
            pending = [
                batches[batch].part(place, place + 1).with_memory(larger[batch, place])
                for batch, place in places
            ]

    def close(self) -> None:  # noqa: B027
        """Let go of what is kept from one run to the next."""


def usable_cores() -> int:
    """Cores that this process may run on."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS and Windows
        return os.cpu_count() or 1
