"""How files are found, read and worked on."""

from __future__ import annotations

import sys
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from imgsim.cache.store import Cache
from imgsim.decode.decoder import Decoder
from imgsim.decode.spec import DEFAULT_MAX_MEMORY, DEFAULT_MAX_PIXELS, DecodeMode
from imgsim.errors import UsageError, check_kind, shown_value
from imgsim.executors.base import Batch, Executor, R, usable_cores
from imgsim.progress import Progress, Silent
from imgsim.read.discover import DiscoverOptions
from imgsim.read.memory import Paths as Paths
from imgsim.read.memory import as_list as as_list

if TYPE_CHECKING:
    from imgsim.executors.daft_engine import Engine

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How files are found, read and worked on. None of it changes a verdict but `decode`.

    Attributes
    ----------
    discover : DiscoverOptions
    decode : DecodeMode
    max_pixels, min_pixels : int
        Larger images are skipped, smaller ones left out.
    jobs : int
        Worker processes, and threads of the search.
    executor : {"processes", "threads", "daft", "ray"}
        The last two need the extra ``cluster``: Daft on this machine, or on the machines of a Ray
        cluster. Workers and memory are those of each machine then.
    ray_address : str
        Of a Ray cluster, ``HOST:PORT`` or ``ray://HOST:PORT``. By default Ray is started here.
    file_timeout : float
        Processor seconds that decoding one file may take, and seconds for which nothing of it is
        read (worker processes only).
    max_memory : int
        Bytes that decoding may take in all workers together. A file that needs more by itself is
        skipped; what happens to be free decides nothing.
    cache : Path or None
    progress : Progress
    """

    discover: DiscoverOptions = field(default_factory=DiscoverOptions)
    decode: DecodeMode = DecodeMode.REDUCED
    max_pixels: int = DEFAULT_MAX_PIXELS
    min_pixels: int = 0
    jobs: int = field(default_factory=usable_cores)
    executor: Literal["processes", "threads", "daft", "ray"] = "processes"
    file_timeout: float = 60.0
    max_memory: int = DEFAULT_MAX_MEMORY
    cache: Path | None = None
    progress: Progress = field(default_factory=Silent)
    ray_address: str = ""
    _decoder: type[Decoder] = field(default=Decoder, repr=False, compare=False)
    _said: list[str] = field(default_factory=list, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_kind(self.discover, DiscoverOptions, "DiscoverOptions", "leave discover out")
        for name in ("max_pixels", "min_pixels", "jobs", "max_memory"):
            check_kind(
                getattr(self, name), Integral, f"whole number of {name}", f"leave {name} out"
            )
        check_kind(self.file_timeout, Real, "number of seconds", "leave file_timeout out")
        if self.jobs < 1 or self.file_timeout <= 0 or self.max_memory < 1:
            raise UsageError("jobs, file_timeout and max_memory must be positive", "leave them out")

    def make_decoder(self, jobs: int = 1, *, again: bool = False) -> Decoder:
        """Return a decoder that takes its share of memory among so many that work at a time.

        Parameters
        ----------
        jobs : int
        again : bool
            The files were decoded before, so none of them is skipped for its size. (A picture for
            verification can take some more than those for the features.)
        """
        share = max(1, self.max_memory // jobs)
        most = sys.maxsize if again else self.max_memory
        return self._decoder(self.decode, self.max_pixels, most, share)

    def divide(self, items: Sequence[T], most: int) -> list[Sequence[T]]:
        """Divide items into batches of at most so many, of fewer where workers would be idle."""
        size = max(1, min(most, len(items) // (2 * self.jobs)))
        return [items[i : i + size] for i in range(0, len(items), size)]

    def run_items(
        self, batches: Sequence[Batch[R]], executor: Executor | None
    ) -> Generator[tuple[int, dict[int, R]]]:
        """Run batches in an executor, see `Executor.run_items`, or in workers for this alone.

        Parameters
        ----------
        batches : sequence of Batch
        executor : Executor or None
            Stays open.
        """
        chosen = executor or self.open_executor(self.jobs)
        try:
            with closing(chosen.run_items(batches)) as results:
                yield from results
        finally:
            if executor is None:
                chosen.close()

    def run_stage(
        self, stage: str, noun: str, batches: Sequence[Batch[R]], executor: Executor | None
    ) -> Generator[tuple[int, dict[int, R]]]:
        """Run batches as `run_items` does, and show how far they are.

        Parameters
        ----------
        stage, noun : str
            What is done, and to what.
        batches : sequence of Batch
        executor : Executor or None
            Stays open.
        """
        self.progress.start(stage, sum(map(len, batches)), noun)
        try:
            with closing(self.run_items(batches, executor)) as results:
                for number, some in results:
                    yield number, some
                    self.progress.advance(len(some))
        finally:
            self.progress.finish()

    def run_parts(
        self,
        stage: str,
        noun: str,
        parts: Sequence[Sequence[T]],
        batches: Sequence[Batch[R]],
        executor: Executor | None,
    ) -> Generator[tuple[T, R]]:
        """Run batches as `run_stage` does, and yield what came of each item as it is done.

        Parameters
        ----------
        stage, noun : str
        parts : sequence of sequence
            The items of each batch.
        batches : sequence of Batch
        executor : Executor or None
            Stays open.
        """
        with closing(self.run_stage(stage, noun, batches, executor)) as results:
            for number, some in results:
                for place, one in some.items():
                    yield parts[number][place], one

    def open_cache(self, started_ns: int | None = None) -> Cache:
        """The open cache; what is wrong with it is said once, however often it is opened."""
        return Cache(self.cache, self._say_once, started_ns)

    def _say_once(self, text: str) -> None:
        if not self._said:
            self._said.append(text)
            self.progress.note(text)

    def open_executor(self, jobs: int, *, keep: bool = False) -> Executor:
        """The place where so many batches run at a time, several times if it is to be kept.

        Raises
        ------
        ImgsimError
            It needs a package that is not installed, or a cluster that does not answer.
        """
        if self.executor == "threads":
            from imgsim.executors.threads import ThreadsExecutor

            return ThreadsExecutor(jobs, self.max_memory)
        if self.executor in ("daft", "ray"):
            from imgsim.executors.daft_rows import DaftExecutor

            engine = self.start_engine()
            return DaftExecutor(engine, jobs, self.file_timeout, self.max_memory, keep=keep)
        from imgsim.executors.processes import ProcessesExecutor

        return ProcessesExecutor(jobs, self.file_timeout, self.max_memory, keep=keep)

    def start_engine(self) -> Engine:
        """Start the engine of the executor, or return the one that runs.

        Raises
        ------
        ImgsimError
            See `open_executor`.
        """
        from imgsim.executors.daft_engine import start

        return start(self.executor, self.ray_address, self.jobs)


def as_options(options: RunOptions | None) -> RunOptions:
    """Return the options that a call was given, or the default ones.

    Raises
    ------
    UsageError
        They are none.
    """
    if options is None:
        return RunOptions()
    if not isinstance(options, RunOptions):
        raise UsageError(f"{shown_value(options)} are no options", "give imgsim.RunOptions(...)")
    return options
