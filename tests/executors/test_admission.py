"""Large items come last, and never more at a time than there is memory for."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest

from imgsim.executors.admission import Admission
from imgsim.executors.base import Executor, Heartbeat, MoreMemory
from imgsim.executors.processes import ProcessesExecutor
from imgsim.executors.threads import ThreadsExecutor


@dataclass(frozen=True)
class Loads:
    """Items that need so many bytes; one may find out only then that it needs ten times as much."""

    items: tuple[int, ...]
    share: int = 10

    def __len__(self) -> int:
        return len(self.items)

    def part(self, start: int, stop: int) -> Loads:
        return replace(self, items=self.items[start:stop])

    def with_memory(self, size_bytes: int) -> Loads:
        return replace(self, share=size_bytes)

    def failure(self, reason: str) -> str:
        return reason

    def run(self, heartbeat: Heartbeat) -> Sequence[tuple[int, int] | MoreMemory]:
        results: list[tuple[int, int] | MoreMemory] = []
        for item in self.items:
            needs = item * 10 if item == 55 and self.share >= 55 else item
            enough = needs <= self.share
            results.append((item, self.share) if enough else MoreMemory(needs))
            heartbeat()
        return results


@pytest.mark.parametrize("kind", [ThreadsExecutor, ProcessesExecutor])
def test_items_that_need_more_come_by_themselves_and_last(kind: type[Executor]) -> None:
    executor = kind(2, max_memory=600)  # type: ignore[call-arg]
    batches = [Loads((3, 99, 4)), Loads((55,)), Loads((5, 6))]
    come = list(executor.run_items(batches))
    done = {(number, place): one for number, some in come for place, one in some.items()}
    assert done == {
        (0, 0): (3, 10), (0, 1): (99, 99), (0, 2): (4, 10), (1, 0): (55, 550), (2, 0): (5, 10),
        (2, 1): (6, 10),
    }  # fmt: skip
    order = [place for number, some in come for place in ((number, p) for p in some)]
    assert order[-2:] == [(0, 1), (1, 0)]


def test_no_more_is_handed_out_than_there_is() -> None:
    waiting = Admission([60, 50, 30, 10, 400], total=100)
    assert [waiting.take(), waiting.take(), waiting.take()] == [0, 2, 3]
    taken: list[int | None] = []
    other = threading.Thread(target=lambda: taken.append(waiting.take()))
    other.start()
    waiting.give_back(3)
    assert taken == []
    waiting.give_back(0)
    other.join()
    assert taken == [1]
    waiting.give_back(2)
    waiting.give_back(1)
    assert waiting.take() == 4  # more than there is: by itself
    assert waiting.take() is None


def test_who_waits_is_let_go_at_the_end() -> None:
    waiting = Admission([100, 100], total=100)
    assert waiting.take() == 0
    taken: list[int | None] = []
    other = threading.Thread(target=lambda: taken.append(waiting.take()))
    other.start()
    waiting.stop()
    other.join()
    assert taken == [None]
