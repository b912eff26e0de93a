"""The program of a worker process: batches come on standard input, results go to output."""

from __future__ import annotations

import os
import pickle
import queue
import signal
import struct
import sys
import threading
import time
import warnings
from contextlib import suppress
from typing import Any, BinaryIO

from imgsim.errors import ImgsimError, is_out_of_memory
from imgsim.executors.base import Heartbeat
from imgsim.executors.progress import SharedProgress, attach
from imgsim.garbage import collect_garbage_seldom
from imgsim.stage_times import Sums, measuring, stage

READY, RESULT, ERROR = range(3)
PLAIN, TIMED = range(2)
"""Kinds of batches: of the latter the stages are measured, and come back with the results."""
_HEADER = struct.Struct("<BQ")


def send(stream: BinaryIO, kind: int, payload: bytes = b"") -> None:
    """Write one message."""
    stream.write(_HEADER.pack(kind, len(payload)))
    stream.write(payload)
    stream.flush()


def receive(stream: BinaryIO) -> tuple[int, bytes]:
    """Read one message.

    Raises
    ------
    EOFError
        The other side is gone.
    """
    header = _read(stream, _HEADER.size)
    kind, size = _HEADER.unpack(header)
    return kind, _read(stream, size)


def _read(stream: BinaryIO, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return data


def main(memory_bytes: int, progress_name: str) -> None:
    """Work until the input ends.

    Parameters
    ----------
    memory_bytes : int
        Limit of the address space; 0 for none.
    progress_name : str
        See `progress.attach`.
    """
    progress = attach(progress_name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):  # the parent decides when to stop
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    _end_with_parent()
    results = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # decoders that print must not write between the messages
    warnings.simplefilter("ignore")
    collect_garbage_seldom()
    if memory_bytes:
        _limit_memory(memory_bytes)
    batches: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(batches,), daemon=True).start()
    send(results, READY)
    started = time.process_time()
    while True:
        sums: Sums | None = None
        try:
            kind, payload = batches.get()
            if kind == TIMED:
                with measuring() as times:
                    times.add("starting", started, 0.0)
                    started = 0.0
                    with stage("starting"):  # the first batch brings what it needs
                        batch = pickle.loads(payload)
                    done = batch.run(_CountProgress(progress))
                sums = times.sums()
            else:
                done = pickle.loads(payload).run(_CountProgress(progress))
        except Exception as error:
            if is_out_of_memory(error):
                os._exit(3)  # counts as a crash at the file in hand
            send(results, ERROR, pickle.dumps(as_shown(error)))
        else:
            send(results, RESULT, pickle.dumps((done, sums), pickle.HIGHEST_PROTOCOL))


def as_shown(error: Exception) -> ImgsimError:
    """Return what the parent process is to raise: trouble with the run, or a bug with its place.

    Parameters
    ----------
    error : Exception
    """
    if isinstance(error, ImgsimError):
        return error
    import traceback

    text = "".join(traceback.format_exception(error))
    return ImgsimError(f"a worker process failed:\n{text}", "this is a bug: report it")


class _CountProgress(Heartbeat):
    """Shows the parent process how far a batch is, from its first item on."""

    def __init__(self, progress: SharedProgress) -> None:
        self.progress = progress
        self()

    def __call__(self) -> None:
        self.progress.begin(time.process_time())

    def reading(self) -> None:
        self.progress.read_piece()

    def pause_time_limit(self) -> None:
        _limit_memory(-1)  # libraries for a GPU reserve more addresses than any file may take
        self.progress.pause_limit()


def _listen(batches: queue.SimpleQueue[Any]) -> None:
    """Pass batches on; leave at once, even from a hanging decoder, when the parent is gone."""
    while True:
        try:
            message = receive(sys.stdin.buffer)
        except EOFError:
            os._exit(0)
        batches.put(message)


def _end_with_parent() -> None:
    """Let the system end this process with its parent, even where a decoder blocks Python."""
    if sys.platform != "linux":
        return
    import ctypes

    set_parent_death_signal = 1
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)


def _limit_memory(limit: int) -> None:
    """Limit the address space to some bytes, or with -1 to what the user allows."""
    try:
        import resource
    except ImportError:  # Windows
        return
    with suppress(ValueError, OSError):  # lower already, or not to be set on this system
        allowed = resource.getrlimit(resource.RLIMIT_AS)[1]
        resource.setrlimit(resource.RLIMIT_AS, (allowed if limit < 0 else limit, allowed))
