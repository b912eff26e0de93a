"""Batches in threads: no start-up, but a decoder that crashes takes the program with it."""

from __future__ import annotations

import warnings
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

from imgsim.executors.base import Batch, Executor, Heartbeat, R


class ThreadsExecutor(Executor):
    """Runs batches in threads of this process."""

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs

    def run(self, batches: Sequence[Batch[R]]) -> Generator[tuple[int, Sequence[R]]]:
        pool = ThreadPoolExecutor(self.jobs)
        # Around all threads, not in each: the filters are shared by them.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                futures = {pool.submit(b.run, Heartbeat()): i for i, b in enumerate(batches)}
                for future in as_completed(futures):
                    yield futures[future], future.result()
            finally:
                pool.shutdown(cancel_futures=True)
