"""Batches as rows of a Daft DataFrame, on this machine or on those of a Ray cluster."""

from __future__ import annotations

import os
import pickle
import queue
import secrets
import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from imgsim.errors import ImgsimError
from imgsim.executors import sandboxes
from imgsim.executors.base import Batch, Executor, Lost, MoreMemory, R
from imgsim.executors.daft_engine import Engine, failure
from imgsim.executors.sandboxes import Place
from imgsim.stage_times import current, stage

_QUERY_BYTES = 256 << 20
"""Pickled batches that an engine is given at a time, at most ..."""

_ROWS_PER_CORE = 4
"""... or so many for each core, where these are more."""

_TASK_ROWS = 4
"""Batches that Ray brings to a machine together: results come when all of them are done."""

_END_SECONDS = 10.0


class DaftExecutor(Executor):
    """Runs batches in worker processes of the machines that an engine has.

    Parameters
    ----------
    engine : Engine
    jobs : int
        Workers of each machine.
    timeout : float
        See `ProcessesExecutor`.
    max_memory : int
        Bytes that decoding may take in all workers of a machine together.
    keep : bool
        Keep the workers for the next run; on Ray they stay until the program ends.

    Notes
    -----
    Files are read where batches run, so each machine has to see them under the same paths. A mount
    that has stopped to answer is known to the others of a machine's workers on one machine alone;
    on Ray each of its files takes its limit of time.
    """

    def __init__(
        self, engine: Engine, jobs: int, timeout: float, max_memory: int, *, keep: bool = False
    ) -> None:
        self.engine = engine
        self.keep = keep
        name = "" if engine.name == "ray" else secrets.token_hex(8)
        folder = ""
        with suppress(OSError):  # it is gone
            folder = os.getcwd()
        self.place = Place(name, jobs, timeout, max_memory, folder)

    def run(
        self,
        batches: Sequence[Batch[R]],
        memory: Sequence[int] = (),
        lost: Lost | None = None,
    ) -> Generator[tuple[int, Sequence[R | MoreMemory]]]:
        times = current()
        place = replace(self.place, timed=times is not None, run=secrets.token_hex(8))
        if lost is not None:
            sandboxes.LOST[place.run] = lost
        try:
            for query in self._queries(batches, memory):
                for number, pickled in self._with_second_try(query, place):
                    done, sums = pickle.loads(pickled)
                    if isinstance(done, ImgsimError):
                        raise done
                    if times is not None and sums is not None:
                        times.merge(sums)
                    yield number, done
        except BaseException:
            self.close()
            raise
        finally:
            sandboxes.LOST.pop(place.run, None)
            if not self.keep:
                self.close()

    def close(self) -> None:
        if self.place.name:  # of this process
            sandboxes.stop(self.place.name)

    def _queries(
        self, batches: Sequence[Batch[Any]], memory: Sequence[int]
    ) -> Iterator[dict[int, tuple[int, bytes]]]:
        """Yield batches as rows, as many at a time as an engine is given: needs and bytes."""
        rows: dict[int, tuple[int, bytes]] = {}
        size = 0
        for number, batch in enumerate(batches):
            pickled = pickle.dumps(batch, pickle.HIGHEST_PROTOCOL)
            rows[number] = memory[number] if memory else 0, pickled
            size += len(pickled)
            if size >= _QUERY_BYTES and len(rows) >= _ROWS_PER_CORE * self.engine.cores:
                yield rows
                rows, size = {}, 0
        if rows:
            yield rows

    def _with_second_try(
        self, rows: dict[int, tuple[int, bytes]], place: Place
    ) -> Iterator[tuple[int, bytes]]:
        """Run rows; what has no result when the engine fails is given to it once more."""
        waiting = dict(rows)
        tries = 2
        while waiting:
            before = len(waiting)
            try:
                for number, done in self._query(waiting, place):
                    if waiting.pop(number, None) is not None:
                        yield number, done
                if waiting:
                    raise RuntimeError(f"{len(waiting)} of {before} rows have no result")
            except ImgsimError:
                raise
            except Exception as error:
                tries = tries - 1 if len(waiting) == before else 1
                if not tries:
                    raise failure(error) from error

    def _query(
        self, rows: dict[int, tuple[int, bytes]], place: Place
    ) -> Iterator[tuple[int, bytes]]:
        """Run rows, in a thread: this one can be interrupted while the engine works."""
        results: queue.Queue[tuple[int, bytes] | BaseException | None] = queue.Queue()
        stopped = threading.Event()

        def serve() -> None:
            try:
                for row in self._frame(rows, place).iter_rows():
                    results.put((row["number"], row["result"]))
                    if stopped.is_set():
                        break
                results.put(None)
            except BaseException as error:
                results.put(error)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        ended = False
        try:
            while True:
                with stage("waiting"):
                    result = results.get()
                if result is None or isinstance(result, BaseException):
                    ended = True
                    if result is not None:
                        raise result
                    return
                yield result
        finally:
            if not ended:
                stopped.set()
                if self.place.name:
                    sandboxes.stop(self.place.name, place.run)
            if ended or self.place.name:  # what Ray runs elsewhere is not waited for
                thread.join(_END_SECONDS)

    def _frame(self, rows: dict[int, tuple[int, bytes]], place: Place) -> Any:
        """The rows as a frame of their numbers and results."""
        import daft

        run_rows = daft.func.batch(
            return_dtype=daft.DataType.binary(), batch_size=1, use_process=False
        )(sandboxes.run_rows)
        frame = daft.from_pydict(
            {
                "number": list(rows),
                "need": [need for need, _ in rows.values()],
                "batch": [batch for _, batch in rows.values()],
            }
        )
        if self.engine.name == "ray":
            parts = max(len(rows) // _TASK_ROWS, _ROWS_PER_CORE * self.engine.cores)
            frame = frame.into_partitions(min(len(rows), parts))
        done = run_rows(frame["need"], frame["batch"], pickle.dumps(place))
        return frame.select(frame["number"], done.alias("result"))
