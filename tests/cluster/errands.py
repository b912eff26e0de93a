"""Runs batches by an engine, and prints what came of them: ``... -m tests.cluster.errands ray``."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from dataclasses import dataclass, replace

from imgsim.errors import ImgsimError
from imgsim.executors.base import Heartbeat, Lost, MoreMemory
from imgsim.executors.daft_engine import leave, start
from imgsim.executors.daft_rows import DaftExecutor
from imgsim.executors.limit import NO_PROGRESS
from imgsim.stage_times import measuring, stage

MEMORY = 1 << 30


@dataclass(frozen=True)
class Errands:
    """Numbers to square; words that do harm."""

    items: tuple[int | str, ...]
    memory: int = 0

    def __len__(self) -> int:
        return len(self.items)

    def part(self, start: int, stop: int) -> Errands:
        return replace(self, items=self.items[start:stop])

    def failure(self, reason: str) -> str:
        return f"failed: {reason}"

    def with_memory(self, size_bytes: int) -> Errands:
        return replace(self, memory=size_bytes)

    def run(self, heartbeat: Heartbeat) -> list[object]:
        results: list[object] = []
        for item in self.items:
            if item == "exit":
                os._exit(5)
            if item == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            if item == "hang":
                time.sleep(600)
            if item == "raise":
                raise RuntimeError("a bug")
            if item == "large" and not self.memory:
                results.append(MoreMemory(MEMORY))
            elif item == "where":
                results.append([os.getpid(), os.getppid()])
            else:
                with stage("decoding"):
                    results.append(item * item if isinstance(item, int) else item)
            heartbeat()
        return results


class Gone(Lost):
    """Says that what is called gone is, and what hung is no more tried."""

    def before(self, batch: Errands) -> dict[int, str]:
        return {i: "it is gone" for i, item in enumerate(batch.items) if item == "gone"}

    def after_hang(self, batch: Errands, place: int) -> str:
        return f"{NO_PROGRESS} time"


def run(engine: str) -> dict[str, object]:
    started = start(engine, cores=2)
    executor = DaftExecutor(started, 2, 3.0, MEMORY, keep=True)

    def done(*batches: tuple[int | str, ...], lost: Lost | None = None) -> list[list[object]]:
        results: list[dict[int, object]] = [{} for _ in batches]
        for number, some in executor.run_items([Errands(b) for b in batches], lost):
            results[number] |= some
        return [[some[i] for i in sorted(some)] for some in results]

    told: dict[str, object] = {"main": os.getpid()}
    told["token"] = os.environ.get("RAY_AUTH_MODE"), len(os.environ.get("RAY_AUTH_TOKEN", ""))
    told["squares"] = done(*[tuple(range(i, i + 3)) for i in range(0, 150, 3)])
    told["harm"] = done((1, 2, "exit", 3), (4, "kill"), (5, "hang", 6), ("large", 7), (8,))
    told["nothing"] = done()
    told["lost"] = done((1, "gone", 2), lost=Gone())
    told["workers"] = done(("where",), ("where",))
    try:
        done((1,), ("raise",), (2,))
    except ImgsimError as error:
        told["bug"] = error.message
    told["after"] = done((9,))
    with measuring() as times:
        done((3,))
    told["stages"] = sorted(times.sums())
    results = executor.run([Errands((i,)) for i in range(200)])
    next(results)
    results.close()
    told["closed"] = done((10,))
    try:
        start("daft" if engine == "ray" else "ray")
    except ImgsimError as error:
        told["another"] = error.message
    if engine == "ray":
        told["engine killed"] = _killed_in_the_middle(executor)
    executor.close()
    return told


def _killed_in_the_middle(executor: DaftExecutor) -> bool:
    """Kill the process of the engine that runs the batches; whether all have their results."""
    numbers = [Errands((i,)) for i in range(100)]
    results: dict[int, object] = {}
    ((_, ((_, process),)),) = executor.run([Errands(("where",))])
    for number, done in executor.run(numbers):
        if not results:
            os.kill(process, signal.SIGKILL)
        results[number] = done
    return results == {i: [i * i] for i in range(100)}


if __name__ == "__main__":
    from tests.cluster import errands  # workers import the batches by this name

    print(json.dumps(errands.run(sys.argv[1])))
    leave(0)
