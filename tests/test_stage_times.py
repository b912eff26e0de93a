"""The stages of a run: nested, from threads and workers, and nothing unless somebody asks."""

from __future__ import annotations

import time
from dataclasses import dataclass

import pytest

from imgsim.executors.base import Executor, Heartbeat
from imgsim.executors.processes import ProcessesExecutor
from imgsim.executors.threads import ThreadsExecutor
from imgsim.stage_times import STAGES, current, measuring, stage, staged


def spin(seconds: float) -> None:
    """Take processor time."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


@staged("features")
def outer() -> None:
    """A stage with another one in it."""
    spin(0.03)
    with stage("decoding"):
        spin(0.06)
        with pytest.raises(ValueError, match="odd"), stage("reading"):
            raise ValueError("odd")


@dataclass(frozen=True)
class Spins:
    """Items that take processor time."""

    n: int

    def __len__(self) -> int:
        return self.n

    def part(self, start: int, stop: int) -> Spins:
        return Spins(stop - start)

    def failure(self, reason: str) -> bool:
        return False

    def with_memory(self, size_bytes: int) -> Spins:
        return self

    def run(self, heartbeat: Heartbeat) -> list[bool]:
        for _ in range(self.n):
            outer()
            heartbeat()
        return [current() is not None] * self.n


def test_an_inner_stage_does_not_count_for_the_outer_one() -> None:
    outer()  # nobody measures
    assert current() is None
    with measuring() as times:
        outer()
    sums = times.sums()
    assert list(sums) == ["reading", "decoding", "features"]
    assert 0.06 <= sums["decoding"].processor < 0.09
    assert 0.03 <= sums["features"].processor < 0.06
    assert all(took.wall >= took.processor - 0.005 for took in sums.values())


@pytest.mark.parametrize("executor", [ProcessesExecutor(2), ThreadsExecutor(2)])
def test_workers_hand_their_stages_back(executor: Executor) -> None:
    batches = [Spins(1), Spins(2)]
    with measuring() as times:
        measured = [some for _, done in executor.run(batches) for some in done]
    sums = times.sums()
    assert measured == [True] * 3
    assert 0.18 <= sums["decoding"].processor < 0.27
    assert set(sums) <= set(STAGES)
    if isinstance(executor, ProcessesExecutor):
        assert sums["starting"].processor > 0
    # not measured again, where nobody asks
    assert [some for _, done in executor.run([Spins(1)]) for some in done] == [False]
