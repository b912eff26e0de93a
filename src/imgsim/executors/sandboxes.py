"""Batches that an engine brings to a machine, run there in worker processes.

Engines have worker processes too, but none that a file may end: Daft 0.7 gives the query up when
one dies, and on Ray it tries the same rows again until it hangs. So what an engine calls here only
passes a batch on to a worker process of imgsim, and waits.
"""

from __future__ import annotations

import os
import pickle
import platform
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from imgsim import __version__
from imgsim.errors import ImgsimError, UsageError
from imgsim.executors.base import Batch, Lost, MoreMemory, R
from imgsim.executors.processes import Died, ProcessesExecutor, Worker
from imgsim.executors.worker import as_shown
from imgsim.stage_times import StageTimes, Sums, measuring


@dataclass(frozen=True, slots=True)
class Place:
    """How batches are run on each machine; it comes with every batch, pickled.

    Attributes
    ----------
    name : str
        Executors with different names share no workers.
    jobs : int
        Workers of a machine.
    timeout : float
        See `ProcessesExecutor`.
    max_memory : int
        Bytes that decoding may take in all workers of a machine together.
    folder : str
        The current folder, which relative paths begin at; empty if it is gone.
    timed : bool
        Whether the stages are measured.
    run : str
        The name of the run, by which `LOST` has its `Lost`, if that is in this process.
    versions : tuple of str
        Of imgsim and of Python where the run was begun.
    """

    name: str
    jobs: int
    timeout: float
    max_memory: int
    folder: str
    timed: bool = False
    run: str = ""
    versions: tuple[str, str] = (__version__, platform.python_version())


LOST: dict[str, Lost] = {}
"""Of the runs that were begun in this process, by `Place.run`."""


class Sandboxes(ProcessesExecutor):
    """Worker processes of one machine that several threads use at a time.

    Parameters
    ----------
    jobs : int
    timeout : float
    max_memory : int
    """

    def __init__(self, jobs: int, timeout: float, max_memory: int) -> None:
        super().__init__(jobs, timeout, max_memory, keep=True)
        self._free_places = jobs
        self._free_memory = max_memory
        self._changed = threading.Condition()
        threading.Thread(target=self._watch, daemon=True).start()

    def run_one(
        self, batch: Batch[R], need: int, times: StageTimes | None, lost: Lost | None
    ) -> Sequence[R | MoreMemory]:
        """Run a batch when there is a worker for it, and memory.

        Parameters
        ----------
        batch : Batch
        need : int
            Bytes that it takes; 0 for the share of a worker.
        times : StageTimes or None
        lost : Lost or None

        Raises
        ------
        ImgsimError
            A bug in the batch; or `stop` was called.
        """
        own: list[Worker] = []
        with self._admitted(min(need or self.max_memory // self.jobs, self.max_memory)):
            try:
                return self._run_batch(batch, own, times, lost)
            except (Died, ImgsimError):
                if self.stopped.is_set():  # it may have been starting then
                    raise ImgsimError(_STOPPED_RUN) from None
                raise
            finally:
                for one in own:
                    self._release(one)

    @contextmanager
    def _admitted(self, need: int) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(
                lambda: self.stopped.is_set() or (self._free_places and need <= self._free_memory)
            )
            if self.stopped.is_set():
                raise ImgsimError(_STOPPED_RUN)
            self._free_places -= 1
            self._free_memory -= need
        try:
            yield
        finally:
            with self._changed:
                self._free_places += 1
                self._free_memory += need
                self._changed.notify_all()

    def stop(self) -> None:
        """End the workers, those at work too; batches that wait or come later are refused."""
        with self._changed:
            self.stopped.set()
            self._changed.notify_all()
        with self.lock:
            for one in self.workers:
                one.process.kill()
        self.close()


_OPEN: dict[tuple[str, int, float, int], Sandboxes] = {}
_STOPPED: set[str] = set()
_STOPPED_RUN = "the run was stopped"
_LOCK = threading.Lock()


def _sandboxes_of(place: Place) -> Sandboxes:
    key = place.name, place.jobs, place.timeout, place.max_memory
    with _LOCK:
        if place.run in _STOPPED:
            raise ImgsimError(_STOPPED_RUN)
        if key not in _OPEN:
            _OPEN[key] = Sandboxes(place.jobs, place.timeout, place.max_memory)
        return _OPEN[key]


def stop(name: str, run: str = "") -> None:
    """End the workers of this process that belong to `Place.name`, those at work too.

    Parameters
    ----------
    name : str
    run : str
        A run whose batches may still come, and are refused.
    """
    with _LOCK:
        _STOPPED.update({run} - {""})
        ended = [_OPEN.pop(key) for key in list(_OPEN) if key[0] == name]
    for one in ended:
        one.stop()


class Series(Protocol):
    """A column of some rows, as Daft has it."""

    def to_pylist(self) -> list[Any]: ...

    def to_arrow(self) -> Any: ...


def run_rows(needs: Series, batches: Series, place: bytes) -> list[bytes]:
    """Run some batches; what Daft calls, in a process of each machine that lives as long as a run.

    Parameters
    ----------
    needs : Series of int
        See `Sandboxes.run_one`.
    batches : Series of bytes
        Pickled batches.
    place : bytes
        A pickled `Place`.

    Returns
    -------
    list of bytes
        For each a pickled pair of its results, or the error that is to be raised, and of its sums.
    """
    both = zip(needs.to_pylist(), batches.to_pylist(), strict=True)
    return [_run_row(need, batch, place) for need, batch in both]


def _run_row(need: int, pickled: bytes, pickled_place: bytes) -> bytes:
    sums: Sums | None = None
    done: Sequence[Any] | ImgsimError
    try:
        place: Place = pickle.loads(pickled_place)
        _check_machine(place)
        batch: Batch[Any] = pickle.loads(pickled)
        sandboxes, lost = _sandboxes_of(place), LOST.get(place.run)
        if place.timed:
            with measuring() as times:
                done = sandboxes.run_one(batch, need, times, lost)
            sums = times.sums()
        else:
            done = sandboxes.run_one(batch, need, None, lost)
    except Exception as error:
        done = as_shown(error)
    return pickle.dumps((done, sums), pickle.HIGHEST_PROTOCOL)


def _check_machine(place: Place) -> None:
    """Raise UsageError unless this machine is like the one where the run was begun."""
    own = __version__, platform.python_version()
    if own[0] != place.versions[0] or own[1].split(".")[:2] != place.versions[1].split(".")[:2]:
        here, there = (f"imgsim {v[0]} on Python {v[1]}" for v in (own, place.versions))
        raise UsageError(
            f"{platform.node()} has {here}, and this machine {there}",
            "install the same on all machines of the cluster",
        )
    try:
        if place.folder and os.getcwd() != place.folder:
            os.chdir(place.folder)
    except OSError as error:
        raise UsageError(
            f"{platform.node()} has no folder {place.folder}: {error.strerror}",
            "let all machines see the pictures under the same paths, or name them by s3:// or gs://",
        ) from None
