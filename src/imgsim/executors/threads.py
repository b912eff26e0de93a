"""Batches in threads: no start-up, but a decoder that crashes takes the program with it."""

from __future__ import annotations

import warnings
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

from imgsim.decode.spec import DEFAULT_MAX_MEMORY
from imgsim.executors.admission import Admission, needs_of
from imgsim.executors.base import Batch, Executor, Heartbeat, Lost, MoreMemory, R
from imgsim.stage_times import current, measuring_into, stage


class ThreadsExecutor(Executor):
    """Runs batches in threads of this process."""

    def __init__(self, jobs: int, max_memory: int = DEFAULT_MAX_MEMORY) -> None:
        self.jobs = jobs
        self.max_memory = max_memory

    def run(
        self,
        batches: Sequence[Batch[R]],
        memory: Sequence[int] = (),
        lost: Lost | None = None,
    ) -> Generator[tuple[int, Sequence[R | MoreMemory]]]:
        pool = ThreadPoolExecutor(self.jobs)
        needs = needs_of(len(batches), memory, self.max_memory, self.jobs)
        waiting = Admission(needs, self.max_memory)
        times = current()

        def run_next() -> tuple[int, Sequence[R | MoreMemory]] | None:
            number = waiting.take()
            if number is None:
                return None
            try:
                with measuring_into(times):
                    return number, batches[number].run(Heartbeat())
            finally:
                waiting.give_back(number)

        # Around all threads, not in each: the filters are shared by them.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                futures = [pool.submit(run_next) for _ in range(len(batches))]
                done = as_completed(futures)
                for _ in futures:
                    with stage("waiting"):
                        result = next(done).result()
                    if result is not None:
                        yield result
            finally:
                waiting.stop()
                pool.shutdown(cancel_futures=True)
