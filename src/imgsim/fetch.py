"""Query images from the web, with limits."""

from __future__ import annotations

import ipaddress
import queue
import socket
import threading
import urllib.error
import urllib.request
from http.client import HTTPException, HTTPMessage
from typing import IO
from urllib.parse import quote, urlsplit

from imgsim import __version__
from imgsim.errors import UnreadableImage
from imgsim.tasks.query import Query, query_file

MAX_BYTES = 100_000_000
TIMEOUT_SECONDS = 20.0
TOTAL_SECONDS = 120.0


def as_query(text: str) -> Query:
    """Read a file, or fetch the image at an http(s) URL, as a query.

    Raises
    ------
    UnreadableImage
        It cannot be had.
    """
    return query_url(text) if text.lower().startswith(("http://", "https://")) else query_file(text)


def query_url(
    url: str,
    *,
    max_bytes: int = MAX_BYTES,
    timeout_seconds: float = TIMEOUT_SECONDS,
    total_seconds: float = TOTAL_SECONDS,
) -> Query:
    """Fetch the image at an http(s) URL as a query.

    The address that the user names may be anywhere; a redirect may only lead to the same host or
    to a public address, so that a page cannot make imgsim read from the local network.

    Parameters
    ----------
    url : str
    max_bytes : int
        More is refused.
    timeout_seconds : float
        Of each wait for the server.
    total_seconds : float
        Of all of it: the name, redirects, and the content.

    Raises
    ------
    UnreadableImage
        It cannot be had, or is too large.
    """
    hint = "download it yourself and name the file"
    answers: queue.SimpleQueue[bytes | str] = queue.SimpleQueue()
    # a server that sends a byte now and then lets no read run into its limit, nor does a name
    # server that is slow; a thread can be left behind
    threading.Thread(
        target=lambda: answers.put(_fetch(url, max_bytes, timeout_seconds)), daemon=True
    ).start()
    try:
        answer = answers.get(timeout=total_seconds)
    except queue.Empty:
        answer = f"it took more than {total_seconds:g} s"
    if isinstance(answer, str):
        raise UnreadableImage(f"cannot fetch {url}: {answer}", hint)
    return Query(url, answer)


def _fetch(url: str, max_bytes: int, timeout_seconds: float) -> bytes | str:
    """What a URL holds, or why it cannot be had."""
    opener = urllib.request.build_opener(_PublicRedirects())
    try:
        request = urllib.request.Request(
            quote(url, safe="%/:=&?~#+!$,;'@()*[]"), headers={"User-Agent": f"imgsim/{__version__}"}
        )
        with opener.open(request, timeout=timeout_seconds) as response:
            data = bytes(response.read(max_bytes + 1))
            missing = response.length
    except (OSError, ValueError, HTTPException) as error:
        code = f"{error.code} " if isinstance(error, urllib.error.HTTPError) else ""
        reason = " ".join(str(getattr(error, "reason", None) or error or repr(error)).split())
        return f"{code}{reason}"
    except Exception as error:  # of a library, in a thread that nobody sees
        return repr(error)
    if missing and len(data) <= max_bytes:
        return "the connection ended early"
    return data if len(data) <= max_bytes else f"more than {max_bytes:,} bytes"


class _PublicRedirects(urllib.request.HTTPRedirectHandler):
    """Follows a redirect to the same host or to a public address."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        target = urlsplit(newurl)
        same = (target.hostname, target.port) == (urlsplit(req.full_url).hostname, _port(req))
        if target.scheme not in ("http", "https"):
            raise urllib.error.URLError(f"redirected to {target.scheme}:")
        if not same and not _is_public(target.hostname or ""):
            raise urllib.error.URLError(f"redirected to the private address {target.hostname}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _port(request: urllib.request.Request) -> int | None:
    return urlsplit(request.full_url).port


def _is_public(host: str) -> bool:
    try:
        addresses = socket.getaddrinfo(host, None)
    except OSError as error:
        raise urllib.error.URLError(error) from None
    return all(ipaddress.ip_address(str(address[4][0])).is_global for address in addresses)
