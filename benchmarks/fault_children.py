"""Work done in forked processes, so that what crashes, hangs or fills the memory is counted.

A process that was forked has all modules already: it starts some hundred times as fast as a
program. It needs a system with `os.fork`.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import pickle
import resource
import select
import signal
import struct
import sys
import tempfile
import time
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")

ADDRESS_SPACE = 6 << 30
"""Bytes a child may map, so that no mutant harms the machine."""


@dataclass(frozen=True)
class Lost:
    """The child ended, or was ended, while it worked on an item."""

    reason: str


@dataclass(frozen=True)
class Worked:
    """What came of an item, and the most memory of the child so far."""

    result: Any
    peak_bytes: int


def in_children(
    work: Callable[[T], R], items: Sequence[T], seconds: float = 60.0
) -> Iterator[Worked | Lost]:
    """Do some work in a child, item by item; after a loss in another child, with the next item.

    Parameters
    ----------
    work : callable
    items : sequence
    seconds : float
        Wall time of one item, after which its child is killed.
    """
    place = 0
    while place < len(items):
        pid, stream = _start(work, items[place:])
        try:
            while place < len(items):
                got = _receive(stream, seconds)
                if isinstance(got, str):
                    os.kill(pid, signal.SIGKILL)
                    _, status = os.waitpid(pid, 0)
                    pid = 0
                    ended = "" if got == "hung" else f" {_ending(status)}"
                    yield Lost(f"{got}{ended}")
                    place += 1
                    break
                yield Worked(*got)
                place += 1
        finally:
            os.close(stream)
            if pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)


def _ending(status: int) -> str:
    if os.WIFSIGNALED(status):
        return signal.Signals(os.WTERMSIG(status)).name
    return f"exit code {os.WEXITSTATUS(status)}"


def _start(work: Callable[[T], R], items: Sequence[T]) -> tuple[int, int]:
    reading, writing = os.pipe()
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        os.close(writing)
        return pid, reading
    try:
        os.close(reading)
        silent = os.open(os.devnull, os.O_RDWR)
        os.dup2(silent, 2)  # C libraries say there what they think of the files
        # of what this process has already, networks among it, most is never used
        limit = _addresses() + ADDRESS_SPACE
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        for item in items:
            result = work(item)
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
            data = pickle.dumps((result, peak))
            sent = struct.pack("<Q", len(data)) + data
            while sent:
                sent = sent[os.write(writing, sent) :]
    finally:
        os._exit(0)


def _addresses() -> int:
    """Bytes of addresses that this process has."""
    with open("/proc/self/statm", encoding="ascii") as stream:
        return int(stream.read().split()[0]) * resource.getpagesize()


def _receive(stream: int, seconds: float) -> tuple[Any, int] | str:
    """Receive one result; else what became of the child."""
    until = time.monotonic() + seconds
    data = b""
    while len(data) < 8 or len(data) < 8 + struct.unpack("<Q", data[:8])[0]:
        if not select.select([stream], [], [], max(0.0, until - time.monotonic()))[0]:
            return "hung"
        wanted = 8 if len(data) < 8 else 8 + struct.unpack("<Q", data[:8])[0]
        part = os.read(stream, wanted - len(data))
        if not part:
            return "ended"
        data += part
    value: tuple[Any, int] = pickle.loads(data[8:])
    return value


@dataclass
class Child:
    """A run of the program in a forked process."""

    pid: int
    started: float

    def wait(self, seconds: float = 120.0) -> int | None:
        """Wait for the end: the exit code as shells count it, None if it had to be killed."""
        until = time.monotonic() + seconds
        pause = 0.002
        while time.monotonic() < until:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                code = os.waitstatus_to_exitcode(status)
                return 128 - code if code < 0 else code
            time.sleep(pause)
            pause = min(0.05, pause * 1.5)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        return None

    def left(self, seconds: float = 10.0) -> int:
        """Count the processes that it has left behind after so many seconds, and kill them."""
        until = time.monotonic() + seconds
        while (pids := _session(self.pid)) and time.monotonic() < until:
            time.sleep(0.02)
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return len(pids)

    def kill(self, number: int) -> None:
        """Send a signal."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)


def _session(number: int) -> list[int]:
    """Processes of a session, without those that only wait to be waited for."""
    pids = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as stream:
                fields = stream.read().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == number and fields[0] not in "ZX":
            pids.append(int(name))
    return pids


def start_program(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    streams: tuple[int | None, int | None, int | None],
    before: Callable[[], None] = lambda: None,
) -> Child:
    """Start ``imgsim`` with some arguments in a forked process.

    Parameters
    ----------
    arguments : sequence of str
    environment : mapping of str to str
        Set beside what is there.
    streams : three of int or None
        What its standard input, output and error are; None: closed.
    before : callable
        Called in the child before the program: it sets limits, and the like.
    """
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return Child(pid, time.monotonic())
    code = 70
    try:
        os.setsid()
        _forget_exit_functions()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        os.environ.update(environment)
        tempfile.tempdir = None
        _set_streams(streams)
        before()
        sys.argv = ["imgsim", *arguments]
        from imgsim.__main__ import run

        try:
            run()
        except SystemExit as end:
            code = int(end.code or 0)
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
    except KeyboardInterrupt:  # while it was loaded
        code = 130
    except BaseException:
        import traceback

        with contextlib.suppress(BaseException):
            traceback.print_exc()
    finally:
        os._exit(code)


def _forget_exit_functions() -> None:
    """Leave what the parent does when it ends, such as removing its folders, to the parent."""
    atexit._clear()
    finalize: Any = weakref.finalize
    finalize._registry.clear()
    finalize._registered_with_atexit = False


def _set_streams(streams: tuple[int | None, int | None, int | None]) -> None:
    kept = [None if one is None else os.dup(one) for one in streams]
    for number, one in enumerate(kept):
        if one is None:
            os.close(number)
        else:
            os.dup2(one, number)
            os.close(one)
    modes = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))
    for number, (name, mode) in enumerate(modes):  # as Python makes them when it starts
        if kept[number] is None:
            setattr(sys, name, None)
            setattr(sys, f"__{name}__", None)
            continue
        errors = "backslashreplace" if name == "stderr" else "surrogateescape"
        opened: Any = open(number, mode, encoding="utf-8", errors=errors, closefd=False)  # noqa: SIM115
        opened.reconfigure(line_buffering=name == "stderr")
        setattr(sys, name, opened)
        setattr(sys, f"__{name}__", opened)
