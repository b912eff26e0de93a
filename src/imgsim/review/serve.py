"""Runs the page on this machine until it is ended: the socket, the server, the browser."""

from __future__ import annotations

import logging
import os
import socket
import sys
import threading
import time
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import suppress

from imgsim.errors import UsageError
from imgsim.report.units import count
from imgsim.review.acting import Acting
from imgsim.review.image_service import ImageService
from imgsim.review.session import Session

HOST = "127.0.0.1"
_POLL_SECONDS = 0.2
_START_SECONDS = 30.0
_END_SECONDS = 5.0
_BROWSER_SECONDS = 5.0


def open_socket(port: int) -> socket.socket:
    """Listen on this machine alone.

    Parameters
    ----------
    port : int
        0 for any that is free.

    Raises
    ------
    UsageError
        It is taken.
    """
    # asyncio sends small answers at once only where the protocol is named
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    if sys.platform != "win32":  # there it would let two programs listen
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
        listening.listen(128)
    except OSError as error:
        listening.close()
        raise UsageError(
            f"cannot listen on port {port}: {error.strerror}",
            "another program has it, maybe another review; --port 0 takes one that is free",
        ) from None
    return listening


def serve(
    session: Session,
    acting: Acting,
    images: ImageService,
    listening: socket.socket,
    *,
    browser: bool,
    say: Callable[[str], None],
) -> None:
    """Serve the page until the review ends, or is interrupted.

    Parameters
    ----------
    session : Session
        Is started here, and ended.
    acting : Acting
    images : ImageService
        Is closed.
    listening : socket
        Is closed.
    browser : bool
        Open the page in the browser; else its address is only said.
    say : callable
        Takes lines for the terminal.
    """
    import uvicorn

    from imgsim.review.server import Guard, make_app

    guard = Guard(listening.getsockname()[1])
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL)
    config = uvicorn.Config(
        make_app(session, acting, images, guard),
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=1,
        server_header=False,
        ws="none",
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    try:
        told = False
        images.start()
        session.start()
        thread.start()
        waited = time.monotonic()
        while not server.started and thread.is_alive():
            if time.monotonic() - waited > _START_SECONDS:
                break
            time.sleep(0.01)
        if browser and not _open(guard.url):
            say("no browser could be opened")
        say(f"open {guard.url}" if not browser else f"the page, if none opens: {guard.url}")
        say("Ctrl-C ends the review; every answer is saved at once")
        while not session.ended.wait(_POLL_SECONDS):
            if not thread.is_alive():
                raise UsageError("the server stopped", "run it with -v, and report it")
            if not told and session.phase != "reading":
                told = True
                for line in _summary(session):
                    say(line)
    finally:
        session.end()
        acting.join()
        server.should_exit = True
        thread.join(_END_SECONDS)
        images.close()
        session.join(_END_SECONDS)
        session.writers.close()
        listening.close()


def _summary(session: Session) -> Iterator[str]:
    """What was found, once it is."""
    if session.error is not None:
        yield f"error: {session.error['text']}"
        if session.error["hint"]:
            yield f"  hint: {session.error['hint']}"
        return
    yield f"{count(session.images, 'image')}, {count(len(session.groups), 'group')} of duplicates"
    yield from session.warnings


def _open(url: str) -> bool:
    """Open the browser; False if there is none."""
    if not _has_display():
        return False
    opened: list[bool] = []

    def work() -> None:
        with suppress(webbrowser.Error, OSError):
            opened.append(webbrowser.open(url))

    thread = threading.Thread(target=work, daemon=True)  # some return when they are closed
    thread.start()
    thread.join(_BROWSER_SECONDS)
    return thread.is_alive() or any(opened)


def _has_display() -> bool:
    """Whether a window can be shown: a browser in the terminal would take it."""
    if sys.platform in ("win32", "darwin"):
        return True
    named = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER", "WSL_DISTRO_NAME")
    return any(os.environ.get(name) for name in named)
