"""Batches in worker processes: a file that kills or hangs its decoder takes only a worker along.

Workers are started as ``python -c ...`` and spoken to over pipes, not by `multiprocessing`: that
would run the user's main script again in every worker.
"""

from __future__ import annotations

import json
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from imgsim.decode.spec import DEFAULT_MAX_MEMORY
from imgsim.errors import ImgsimError, limit_hint
from imgsim.executors import worker
from imgsim.executors.admission import Admission, needs_of
from imgsim.executors.base import Batch, Executor, Lost, MoreMemory, R
from imgsim.executors.limit import CRASHED, NO_MEMORY, NO_PROGRESS, ItemClock, process_seconds
from imgsim.executors.progress import Share
from imgsim.stage_times import StageTimes, current, stage

_PROGRAM = (
    "import sys, json; sys.path[:] = json.loads(sys.argv[1]);"
    "from imgsim.executors.worker import main; main(int(sys.argv[2]), sys.argv[3])"
)
_MEMORY_ALONE = 4 << 30
"""Address space of a worker that tries a suspicious file once more, in bytes, at least."""

_PROGRAM_BYTES = 1 << 30
"""Address space that a worker takes beside what it decodes."""


_KEEPS_FREED_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(64 << 20),
}
"""Environment by which glibc keeps freed memory up to these sizes from the beginning, as it does
later by itself: to get every image from the system anew takes a fifth of the time of a pair."""

_WATCH_SECONDS = 0.2

_FEW_ITEMS = 16
"""To start a worker takes as much processor time as so many items of most kinds, or more: one that
has fewer to work on is not started at once."""

_LATER_SECONDS = 0.5
"""Where items are few, but take long, the other workers are started when the first ones have worked
for so long."""


class Died(Exception):
    """A worker ended or was ended in the middle of a batch.

    Parameters
    ----------
    reason : str
    done : int
        Items of the batch that were done before.
    """

    def __init__(self, reason: str, done: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.done = done


class Worker:
    """One worker process; used by one thread at a time, watched by another."""

    def __init__(self, timeout: float, spawner: ThreadPoolExecutor, memory_bytes: int = 0) -> None:
        self.timeout = timeout
        self.running = False
        self.clock: ItemClock | None = None  # none while nothing, or work without a limit, runs
        self.exceeded = ""
        # argv is encoded as the file system is, so paths of any bytes get through
        # -P: the first imports must not find modules in the current folder
        arguments = [sys.executable, "-P", "-c", _PROGRAM, json.dumps(sys.path), str(memory_bytes)]
        try:
            share = Share()
        except OSError as error:
            hint = limit_hint(error) or _THREADS_HINT
            raise ImgsimError(f"cannot share memory: {error.strerror}", hint) from error
        self.progress = share.progress
        self.seen = self.progress.read()
        try:
            self.process = spawner.submit(
                subprocess.Popen,
                [*arguments, share.name],
                pass_fds=share.descriptors,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                # there is a worker for every core; NumPy's threads would only wait for each other
                env={"OPENBLAS_NUM_THREADS": "1", **_KEEPS_FREED_MEMORY, **os.environ},
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            ).result()
        except OSError as error:
            hint = limit_hint(error) or _THREADS_HINT
            raise ImgsimError(f"cannot start a worker process: {error.strerror}", hint) from error
        finally:
            share.close()
        self.ready = False
        self.started = time.perf_counter()

    def run(self, batch: Batch[R], times: StageTimes | None = None) -> Sequence[R | MoreMemory]:
        assert self.process.stdin
        assert self.process.stdout
        begun = self.progress.read().begun
        try:
            if not self.ready:
                worker.receive(self.process.stdout)  # type: ignore[arg-type]
                self.ready = True
                if times is not None:
                    times.add("starting", 0.0, time.perf_counter() - self.started)
            payload = pickle.dumps(batch, pickle.HIGHEST_PROTOCOL)
            self.clock, self.running = None, True
            sent = worker.PLAIN if times is None else worker.TIMED
            worker.send(self.process.stdin, sent, payload)  # type: ignore[arg-type]
            kind, payload = worker.receive(self.process.stdout)  # type: ignore[arg-type]
            if kind == worker.ERROR:
                raise pickle.loads(payload)
            results: Sequence[R | MoreMemory]
            results, sums = pickle.loads(payload)
            if times is not None:
                times.merge(sums)
            return results
        except (EOFError, OSError):
            code = self.process.wait()
            if not self.ready:
                raise ImgsimError(
                    f"a worker process does not start (exit code {code})", _THREADS_HINT
                ) from None
            # it began the item in hand, too
            done = max(0, self.progress.read().begun - begun - 1)
            raise Died(self._cause(code), done) from None
        finally:
            self.running = False

    def _cause(self, code: int) -> str:
        if self.exceeded:
            return self.exceeded
        if code == 3:
            return f"{NO_MEMORY} to decode it"
        name = f"exit code {code}"
        if code < 0:
            try:
                name = signal.Signals(-code).name
            except ValueError:
                name = f"signal {-code}"
        return f"{CRASHED} ({name})"

    def watch(self, elapsed: float) -> None:
        """End the worker if its file takes too long; `elapsed` seconds after the last call."""
        now, before = self.progress.read(), self.seen
        self.seen = now
        if not (self.running and now.limited):
            self.clock = None
            return
        clock = self.clock
        if clock is None or now.begun != before.begun:
            self.clock = clock = ItemClock(self.timeout, now.seconds, now.seconds)
        elif now.pieces != before.pieces:
            clock.read_some()
        reason = clock.exceeded(process_seconds(self.process), elapsed)
        if reason and self.running and self.progress.read().begun == now.begun:
            self.exceeded = reason
            self.process.kill()

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            assert stream
            with suppress(OSError):  # what was not sent is not wanted any more
                stream.close()


def _end(workers: list[Worker]) -> None:
    while workers:
        workers.pop().close()


_THREADS_HINT = "try --executor threads, and report it"


class ProcessesExecutor(Executor):
    """Runs batches in worker processes.

    Parameters
    ----------
    jobs : int
    timeout : float
        Processor seconds that one file may take, and seconds for which nothing of it is read or
        decoded. A worker that takes longer is killed, the file tried once more by itself with the
        same limit and one on its memory, then given up. A network that runs over the images of
        many files has no limit.
    max_memory : int
        Bytes that decoding may take in all workers together.
    keep : bool
        Keep the workers for the next run; `close`, or the end of this object, ends them.
    """

    def __init__(
        self,
        jobs: int,
        timeout: float = 60.0,
        max_memory: int = DEFAULT_MAX_MEMORY,
        *,
        keep: bool = False,
    ) -> None:
        self.jobs = jobs
        self.max_memory = max_memory
        self.keep = keep
        self.timeout = timeout
        self.workers: set[Worker] = set()
        self.idle: list[Worker] = []
        # to Linux the parent of a process is a thread, so it has to live as long as the workers
        self.spawner = ThreadPoolExecutor(1)
        weakref.finalize(self, _end, self.idle)
        self.lock = threading.Lock()
        self.stopped = threading.Event()

    def run(
        self,
        batches: Sequence[Batch[R]],
        memory: Sequence[int] = (),
        lost: Lost | None = None,
    ) -> Generator[tuple[int, Sequence[R | MoreMemory]]]:
        needs = needs_of(len(batches), memory, self.max_memory, self.jobs)
        waiting = Admission(needs, self.max_memory)
        results: queue.Queue[tuple[int, Sequence[R | MoreMemory]] | BaseException]
        results = queue.Queue(2 * self.jobs)
        self.stopped.clear()
        finished = threading.Event()
        times = current()
        items = 0
        for batch in batches:
            items += len(batch)
            if items >= self.jobs * _FEW_ITEMS:
                break
        at_once = max(len(self.idle), 1, items // _FEW_ITEMS)

        def serve(place: int) -> None:
            own: list[Worker] = []
            if place >= at_once and self._done_soon(finished):
                return
            try:
                while not self.stopped.is_set() and (i := waiting.take()) is not None:
                    try:
                        done = self._run_batch(batches[i], own, times, lost)
                    finally:
                        waiting.give_back(i)
                    self._put(results, (i, done))
            except BaseException as error:
                self._put(results, error)
            finally:
                for one in own:
                    self._release(one)

        serving = [
            threading.Thread(target=serve, args=(place,), daemon=True)
            for place in range(min(self.jobs, len(batches)))
        ]
        threads = [*serving, threading.Thread(target=self._watch, daemon=True)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(len(batches)):
                with stage("waiting"):
                    result = results.get()
                if isinstance(result, BaseException):
                    raise result
                yield result
            finished.set()
            for thread in serving:
                thread.join()
        finally:
            finished.set()
            self.stopped.set()
            waiting.stop()
            with self.lock:
                for one in self.workers:
                    one.process.kill()
            for thread in threads:
                thread.join()

    def _done_soon(self, finished: threading.Event) -> bool:
        """Wait until all is done, or as long as the workers that were started may take for it."""
        worked_since = float("inf")
        while not finished.wait(_LATER_SECONDS / 4):
            now = time.monotonic()
            if now - worked_since > _LATER_SECONDS:
                return False
            with self.lock:  # what a worker needs is imported when it begins its first item
                if any(one.progress.read().begun for one in self.workers):
                    worked_since = min(worked_since, now)
        return True

    def _put(self, results: queue.Queue[R], result: R) -> None:
        while not self.stopped.is_set():
            try:
                return results.put(result, timeout=0.1)
            except queue.Full:
                continue

    def _run_batch(
        self,
        batch: Batch[R],
        own: list[Worker],
        times: StageTimes | None,
        lost: Lost | None,
    ) -> list[R | MoreMemory]:
        """Run a batch; of one that kills its worker, the file in hand is tried alone."""
        if len(batch) == 0:
            return []
        reasons = lost.before(batch) if lost is not None else {}
        if reasons:
            i = min(reasons)
            return [
                *self._run_batch(batch.part(0, i), own, times, None),
                batch.failure(reasons[i]),
                *self._run_batch(batch.part(i + 1, len(batch)), own, times, lost),
            ]
        if not own:
            own.append(self._open())
        try:
            return list(own[0].run(batch, times))
        except Died as died:
            self._close(own.pop())
            if self.stopped.is_set():
                raise
            i = min(died.done, len(batch) - 1)
            hung = died.reason.startswith(NO_PROGRESS)
        why = lost.after_hang(batch, i) if lost is not None and hung else ""
        return [
            *self._run_batch(batch.part(0, i), own, times, lost),
            batch.failure(why) if why else self._run_alone(batch.part(i, i + 1), times),
            *self._run_batch(batch.part(i + 1, len(batch)), own, times, lost),
        ]

    def _run_alone(self, batch: Batch[R], times: StageTimes | None) -> R | MoreMemory:
        one = self._open(max(_MEMORY_ALONE, self.max_memory + _PROGRAM_BYTES))
        try:
            return one.run(batch, times)[0]
        except Died as died:
            return batch.failure(died.reason)
        finally:
            self._close(one)

    def _release(self, one: Worker) -> None:
        """Keep an idle worker for the next run, or end it."""
        with self.lock:
            self.workers.discard(one)
            if self.keep and one.ready and not self.stopped.is_set():
                self.idle.append(one)
                return
        one.close()

    def close(self) -> None:
        with self.lock:
            _end(self.idle)

    def _open(self, memory_bytes: int = 0) -> Worker:
        with self.lock:
            idle = self.idle.pop() if self.idle and not memory_bytes else None
        one = idle or Worker(self.timeout, self.spawner, memory_bytes)
        with self.lock:
            self.workers.add(one)
            if self.stopped.is_set():  # whoever ended the run has killed only those known then
                one.process.kill()
        return one

    def _close(self, one: Worker) -> None:
        with self.lock:
            self.workers.discard(one)
        one.close()

    def _watch(self) -> None:
        last = time.monotonic()
        while not self.stopped.wait(_WATCH_SECONDS):
            now = time.monotonic()
            # not the full time: this process may have been stopped in between, with its workers
            elapsed, last = min(now - last, 5 * _WATCH_SECONDS), now
            with self.lock:
                workers = tuple(self.workers)
            for one in workers:
                one.watch(elapsed)
