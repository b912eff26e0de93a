"""Starts Daft: on this machine, or on Ray, which is a cluster or is started here too.

What they cost, and why it is Daft and not Ray Data, stands in docs/cluster.md, with the figures of
`benchmarks/cluster.py`.
"""

from __future__ import annotations

import os
import queue
import re
import secrets
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, TypeVar

from imgsim.errors import ImgsimError, MethodUnavailable, UsageError

R = TypeVar("R")

CONNECT_SECONDS = 30.0
"""To a cluster."""

_START_SECONDS = 120.0
"""To start Ray on this machine, which takes 7 s where it is not busy."""

_ADDRESS = re.compile(
    r"(?:ray://)?(?:\[(?P<six>[0-9a-fA-F:]+)\]|(?P<host>[^:/\[\]]+)):(?P<port>\d+)"
)

_QUIET = {
    "DAFT_ANALYTICS_ENABLED": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "DAFT_PROGRESS_BAR": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # else Ray warns of what it will do one day
}
"""Environment by which the engines report nothing to their makers, and draw nothing."""


@dataclass(frozen=True, slots=True)
class Engine:
    """An engine that runs.

    Attributes
    ----------
    name : {"daft", "ray"}
    address : str
        Of a Ray cluster; empty for what was started here.
    cores : int
        Of all its machines.
    """

    name: str
    address: str
    cores: int


_LOCK = threading.Lock()
_STARTED: list[Engine] = []  # one at most: Daft has one runner in a process


def check_usable(name: str, address: str | None = None) -> None:
    """Find out whether an engine can be asked for, without loading it.

    Parameters
    ----------
    name : {"daft", "ray"}
    address : str, optional

    Raises
    ------
    MethodUnavailable
        A package is not installed.
    UsageError
        The address is none.
    """
    if address is not None and name != "ray":
        raise UsageError("an address of Ray goes with executor ray", "--executor ray")
    for package in ("daft", "ray")[: 2 if name == "ray" else 1]:
        if find_spec(package) is None:
            raise MethodUnavailable(
                f"executor {name} needs the package {package}", "pip install 'imgsim[cluster]'"
            )
    if address is not None and _ADDRESS.fullmatch(address) is None:
        raise UsageError(
            f"{address!r} is no address of a Ray cluster", "HOST:PORT, or ray://HOST:PORT"
        )


def start(name: str, address: str = "", cores: int = 1) -> Engine:
    """Start an engine, or return the one that runs.

    Parameters
    ----------
    name : {"daft", "ray"}
    address : str
        Of a Ray cluster; by default Ray is started here. What the environment says of an address
        is not heeded.
    cores : int
        That it uses where it is started here.

    Raises
    ------
    MethodUnavailable
        See `check_usable`.
    UsageError
        No cluster answers; or another engine runs in this process.
    """
    check_usable(name, address or None)
    with _LOCK:
        for engine in _STARTED:
            if (engine.name, engine.address) == (name, address):
                return engine
            raise UsageError(
                f"this process runs executor {engine.name} {engine.address}".rstrip(),
                "use another process for another one: Daft can be started once",
            )
        os.environ.update(_QUIET)
        with _own_signals():
            engine = _start_ray(address, cores) if name == "ray" else _start_daft(cores)
        _STARTED.append(engine)
        return engine


def _start_daft(cores: int) -> Engine:
    import daft

    daft.set_runner_native(num_threads=cores)
    daft.set_execution_config(maintain_order=False)  # no batch waits for those before it
    return Engine("daft", "", cores)


def _start_ray(address: str, cores: int) -> Engine:
    if not address:
        # it listens on all interfaces, and runs what it is sent; read when it is imported
        os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=secrets.token_hex(32))
    import daft
    import ray

    begun = time.monotonic()
    if address:
        _check_answers(address)
        arguments: dict[str, Any] = {"address": address, "runtime_env": {"env_vars": _QUIET}}
        limit = CONNECT_SECONDS
    else:
        arguments = {"address": "local", "num_cpus": cores, "include_dashboard": False}
        limit = _START_SECONDS
    failed: list[BaseException] = []
    ended = threading.Event()

    def connect() -> None:
        if hasattr(signal, "pthread_sigmask"):
            # Ray's processes inherit it: a signal to all of this group must end this one first,
            # which Ray would abort, and they end with it
            signal.pthread_sigmask(signal.SIG_BLOCK, _signals())
        try:
            ray.init(**arguments, log_to_driver=False, logging_level="ERROR")
        except BaseException as error:
            failed.append(error)
        ended.set()
        threading.Event().wait()  # to Linux this thread is the parent of Ray's processes

    threading.Thread(target=connect, daemon=True).start()
    if not ended.wait(limit - (time.monotonic() - begun)):
        raise _no_cluster(address, f"it does not answer as Ray does within {limit:g} s")
    if failed:
        raise _no_cluster(address, " ".join(str(failed[0]).split())[:200]) from failed[0]
    daft.set_runner_ray(noop_if_initialized=True)
    daft.set_execution_config(maintain_order=False)
    return Engine("ray", address, max(1, int(ray.cluster_resources().get("CPU", 1))))


def _check_answers(address: str) -> None:
    """Raise UsageError unless something listens at an address: Ray itself tries for minutes."""
    match = _ADDRESS.fullmatch(address)
    assert match is not None
    place = match["six"] or match["host"], int(match["port"])
    try:
        socket.create_connection(place, CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise _no_cluster(address, getattr(error, "strerror", None) or str(error)) from None


def _no_cluster(address: str, reason: str) -> UsageError:
    if not address:
        return UsageError(f"Ray does not start: {reason}", "--executor daft needs no Ray")
    return UsageError(
        f"no Ray cluster at {address}: {reason}", "see `ray status` there, and --ray-address"
    )


def _signals() -> list[signal.Signals]:
    """Those by which the program is asked to end."""
    names = ("SIGINT", "SIGTERM", "SIGHUP")
    return [getattr(signal, name) for name in names if hasattr(signal, name)]


@contextmanager
def _own_signals() -> Iterator[None]:
    """Keep the handlers of signals that Ray puts its own in the place of."""
    before = {number: signal.getsignal(number) for number in _signals()}
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            for number, handler in before.items():
                if handler is not None:
                    signal.signal(number, handler)


def in_thread(function: Callable[[], R]) -> R:
    """Run a query in a thread: this one can be interrupted while the engine works.

    Parameters
    ----------
    function : callable

    Raises
    ------
    ImgsimError
        The engine failed.
    """
    results: queue.SimpleQueue[R | BaseException] = queue.SimpleQueue()

    def serve() -> None:
        try:
            results.put(function())
        except BaseException as error:
            results.put(error)

    threading.Thread(target=serve, daemon=True).start()
    result = results.get()
    if isinstance(result, BaseException):
        raise failure(result) from result
    return result


def leave(exit_code: int) -> None:
    """End the program where an engine was started, before the engine ends itself.

    What was written is on the disk then. Daft 0.7.26 crashed when Python ended in 1 of 20 runs with
    process UDFs (SIGSEGV after the last line), which would take the place of the exit code. A Ray
    that was started here ends with this process, the last of its own within two minutes.

    Parameters
    ----------
    exit_code : int
    """
    from imgsim.temporary import close_all

    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):  # closed, or told before
            stream.flush()
            os.fsync(stream.fileno())
    try:
        close_all()
    except Exception as error:
        with suppress(OSError, ValueError, AttributeError):
            sys.stderr.write(f"imgsim: after the result was written: {error}\n")
            sys.stderr.flush()
    os._exit(exit_code)


def started() -> bool:
    """Return whether an engine was started, or begun to, in this process."""
    return bool(_STARTED) or "daft" in sys.modules


def failure(error: BaseException) -> ImgsimError:
    """Return what is to be raised where the engine itself failed.

    Parameters
    ----------
    error : BaseException
    """
    said = " ".join(f"{type(error).__name__}: {error}".split())
    return ImgsimError(
        f"the engine failed: {said[:300]}",
        "what was done is in the cache; run it again, or with --executor processes",
    )
