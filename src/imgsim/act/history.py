"""The runs of apply that are remembered: a folder each, with the plan and the journal."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from imgsim.act.files import FileSystem, Folder, read_all, write_all
from imgsim.act.journal import (
    JOURNAL,
    PLAN,
    Journal,
    Record,
    read_journal,
)
from imgsim.act.systems import this_file_system
from imgsim.errors import UsageError
from imgsim.read.discover import printable

_NAME = b"history"
_LOCK = "lock"


def default_folder() -> Path | None:
    """Return the user's folder of runs, or what IMGSIM_RUNS names; None without a home folder."""
    from platformdirs import user_state_path

    named = os.environ.get("IMGSIM_RUNS")
    if named:
        return Path(named).absolute()
    try:
        folder = user_state_path("imgsim", appauthor=False)
    except (KeyError, RuntimeError):  # no entry in the list of users
        return None
    return folder / "runs" if folder.is_absolute() else None


class History:
    """The runs of this user on this machine.

    Parameters
    ----------
    folder : Path, optional
        The user's own by default.
    fs : FileSystem, optional

    Attributes
    ----------
    folder : Path or None
    """

    def __init__(self, folder: Path | None = None, fs: FileSystem | None = None) -> None:
        self.folder = folder or default_folder()
        self.fs = fs or this_file_system()

    @property
    def name(self) -> str:
        """What tells this list of runs from others; empty as long as there was no run."""
        try:
            with self._open() as folder:
                return read_all(self.fs, folder, _NAME).decode("ascii", "replace").strip()
        except FileNotFoundError:  # what cannot be read is not as if it were not there
            return ""

    def runs(self) -> list[str]:
        """Return the names of the runs, in the order in which they were begun."""
        try:
            with self._open() as folder:
                names = [n for n in self.fs.names(folder) if self.fs.status(folder, n).is_folder]
        except FileNotFoundError:
            return []
        return sorted(map(os.fsdecode, names))

    def number_of_runs(self) -> int:
        """Return the number of the latest run."""
        return max(map(number_of, self.runs()), default=0)

    def find(self, run: str) -> str:
        """Return the name of a run of which the user gave the name, the number or ``last``.

        Raises
        ------
        UsageError
            There is no such run.
        """
        runs = self.runs()
        if run == "last" and runs:
            return runs[-1]
        for name in runs:
            if name == run or (run.isdecimal() and number_of(name) == int(run)):
                return name
        raise UsageError(f"no run {run}" if run != "last" else "no run yet", "imgsim runs")

    def record(self, run: str) -> Record | None:
        """Return what the journal of a run tells; None if it was never begun in full."""
        try:
            with self._open() as folder, self._inside(folder, run) as inner:
                return read_journal(read_all(self.fs, inner, JOURNAL))
        except FileNotFoundError:
            return None

    def plan(self, run: str) -> bytes:
        """Return the plan of a run."""
        with self._open() as folder, self._inside(folder, run) as inner:
            return read_all(self.fs, inner, PLAN)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Let no other process of this user apply, undo or purge meanwhile.

        Raises
        ------
        UsageError
            Another one is at it, or there is no folder for the journal.
        """
        if self.folder is None:
            raise UsageError(
                "there is no home folder to keep the journal in", "IMGSIM_RUNS=FOLDER names one"
            )
        try:
            self.fs.make_root(str(self.folder))
            lock = self.fs.lock(str(self.folder / _LOCK))
        except OSError as error:
            raise UsageError(
                f"cannot keep a journal in {self.folder}: {error.strerror}",
                "IMGSIM_RUNS=FOLDER names another folder",
            ) from None
        if lock is None:
            raise UsageError("another imgsim applies or undoes a plan", "wait until it is done")
        try:
            with self.errors_told():
                yield
        finally:
            lock.close()

    @contextmanager
    def errors_told(self) -> Iterator[None]:
        """Raise `UsageError` for an error of the system, which nothing else has dealt with."""
        try:
            yield
        except OSError as error:
            known = isinstance(error.filename, str | bytes)  # not the number of a folder
            named = f"{printable(os.fsdecode(error.filename))}: " if known else ""
            raise UsageError(
                f"cannot go on: {named}{error.strerror or error}",
                "imgsim runs lists what was done, and it can be run again",
            ) from error

    @contextmanager
    def begin(self, head: dict[str, Any], plan: bytes) -> Iterator[tuple[str, Journal]]:
        """Begin a run; the lock is held.

        Parameters
        ----------
        head : dict
            What is said of it in its journal.
        plan : bytes

        Yields
        ------
        tuple of (str, Journal)
            Its name, and the journal, open within the ``with`` statement.
        """
        now = time.time_ns()
        stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now // 10**9))
        with self._open() as folder:
            if not self.name:
                self._write_name(folder)
            run = f"{self.number_of_runs() + 1:06d}-{stamp}-{secrets.token_hex(2)}"
            self.fs.make_folder(folder, run.encode())
            with self._inside(folder, run) as inner:
                named = {"run": run, "started_ns": now, **head}
                journal = Journal.begin(self.fs, inner, named, plan)
                self.fs.sync_folder(folder)
                try:
                    yield run, journal
                finally:
                    journal.close()
                    if not journal.begun:
                        self._forget(folder, inner, run)

    def _forget(self, folder: Folder, inner: Folder, run: str) -> None:
        """Remove what is kept of a run that ended before its first step."""
        with suppress(OSError):
            for name in (JOURNAL, PLAN):
                self.fs.remove(inner, name)
            self.fs.remove_folder(folder, run.encode())
            self.fs.sync_folder(folder)

    @contextmanager
    def go_on(self, run: str) -> Iterator[Journal]:
        """Open the journal of a run, to add to it; the lock is held."""
        with self._open() as folder, self._inside(folder, run) as inner:
            journal = Journal(self.fs, inner)
            try:
                yield journal
            finally:
                journal.close()

    @contextmanager
    def _open(self) -> Iterator[Folder]:
        if self.folder is None:
            raise FileNotFoundError
        folder = self.fs.open_root(str(self.folder))
        try:
            yield folder
        finally:
            self.fs.leave(folder)

    @contextmanager
    def _inside(self, folder: Folder, run: str) -> Iterator[Folder]:
        inner = self.fs.enter(folder, os.fsencode(run))
        try:
            yield inner
        finally:
            self.fs.leave(inner)

    def _write_name(self, folder: Folder) -> None:
        part = b".history.part"
        with suppress(FileNotFoundError):
            self.fs.remove(folder, part)
        file = self.fs.create_file(folder, part)
        try:
            write_all(self.fs, file, secrets.token_hex(8).encode() + b"\n")
            self.fs.sync_file(file)
        finally:
            self.fs.close(file)
        self.fs.rename_within(folder, part, _NAME)
        self.fs.sync_folder(folder)


def number_of(run: str) -> int:
    """Return the number with which the name of a run begins; 0 if there is none."""
    head = run.partition("-")[0]
    return int(head) if head.isdecimal() else 0
