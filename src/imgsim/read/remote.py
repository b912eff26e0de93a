"""Pictures in object stores, by URLs as fsspec takes them: ``s3://bucket/folder``.

Unlike a file's, the stamp of an object is the one that it had when it was listed: to ask for it at
every read would double the requests. So what is read once more is told by its bytes.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, BinaryIO, cast

from imgsim.addresses import Address
from imgsim.errors import ImgsimError, MethodUnavailable
from imgsim.read.files import check_size
from imgsim.read.memory import MemoryPicture
from imgsim.read.sized_stream import SizedStream
from imgsim.stamps import FileStamp

SCHEMES = ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "hf", "memory")
"""Others are refused: a list from elsewhere must not make imgsim ask any host, or run a chain."""

_URL = re.compile(r"([a-z][a-z0-9+.-]+)://", re.IGNORECASE)
_PIECE = 1 << 23
_AHEAD = 1 << 18
"""Bytes that a request for a part of an object has at least."""

_TIMES = ("LastModified", "last_modified", "mtime", "updated", "modified", "created")
_TAGS = ("ETag", "etag", "generation", "md5Hash", "content_md5", "crc32c", "blob_id")


class RemoteError(OSError):
    """An object, or a store, cannot be read."""

    def __init__(self, reason: str) -> None:
        super().__init__(0, reason)


class RemoteObject(Address):
    """An object of a store."""

    __slots__ = ("_stamp",)
    _stamp: FileStamp

    def __new__(cls, url: str, stamp: FileStamp) -> RemoteObject:
        """Make the address of an object, with the stamp that it had when it was listed."""
        picture = super().__new__(cls, url)
        picture._stamp = stamp
        return picture

    def __reduce__(self) -> tuple[Any, ...]:
        """Return what it takes to make it again."""
        return RemoteObject, (str(self), self._stamp)

    @property
    def container(self) -> str:
        """Nothing on disk."""
        return ""

    @property
    def stamp(self) -> FileStamp:
        """The stamp that it had when it was listed."""
        return self._stamp

    @property
    def stamp_is_current(self) -> bool:
        """False: see the module."""
        return False

    def read(
        self,
        check_size: Callable[[int], object] | None = None,
        progress: Callable[[], object] | None = None,
    ) -> tuple[bytes, FileStamp]:
        """Return the bytes, and the stamp that it had when it was listed; see `Address.read`."""
        _check(self._stamp.size_bytes, check_size)
        with says_why():
            store, path = _store(str(self))
            data = _read(store, path, self._stamp.size_bytes, progress)
        if len(data) != self._stamp.size_bytes:
            raise RemoteError("it was changed since it was listed")
        return data, self._stamp


def _check(size: int, more: Callable[[int], object] | None) -> None:
    check_size(size)
    if more is not None:
        more(size)


def _read(store: Any, path: str, size: int, progress: Callable[[], object] | None) -> bytes:
    if size <= _PIECE:
        # one request for a small object; a byte more shows that it grew
        return bytes(store.cat_file(path, start=0, end=size + 1) if size else b"")
    data = bytearray()
    while len(data) < size:
        piece = store.cat_file(path, start=len(data), end=min(size, len(data) + _PIECE))
        if not piece:
            break
        data += piece
        if progress is not None:
            progress()
    return bytes(data)


class RemoteStream(SizedStream):
    """An object as a stream that is read in parts, each a request.

    Parameters
    ----------
    store : file system of fsspec
    path : str
        Of the object, in the store.
    size_bytes : int
    """

    def __init__(self, store: Any, path: str, size_bytes: int) -> None:
        super().__init__(size_bytes)
        self._store, self._path = store, path
        self._start, self._data = 0, b""
        self._expected = (0, 0)

    def expect(self, size: int) -> None:
        """Say how many bytes will be read from here on, so that one request fetches them."""
        self._expected = (self._place, self._place + size)

    def readinto(self, buffer: Any) -> int:
        """Read on from the place."""
        wanted = max(0, min(len(buffer), self._size - self._place))
        place = self._place - self._start
        if wanted and not 0 <= place < len(self._data):
            self._fetch(wanted)
            place = 0
        data = self._data[place : place + wanted]
        buffer[: len(data)] = data
        self._place += len(data)
        return len(data)

    def read(self, size: int = -1) -> bytes:
        """Read on from the place, as many bytes as asked for if there are as many."""
        left = self._size - self._place if size < 0 else size
        parts = []
        while left > 0 and (part := super().read(min(left, _PIECE))):
            parts.append(part)
            left -= len(part)
        return b"".join(parts)

    def _fetch(self, wanted: int) -> None:
        start, end = self._place, self._place + max(wanted, _AHEAD)
        if self._expected[0] <= start < self._expected[1]:
            end = max(start + wanted, self._expected[1])
        end = min(self._size, end, start + _PIECE)
        with says_why():
            data = bytes(self._store.cat_file(self._path, start=start, end=end))
        if len(data) != end - start:
            raise RemoteError("it was changed meanwhile, or its store gives no parts of objects")
        self._start, self._data = start, data


def open_remote(address: Address) -> BinaryIO:
    """Open an object, to be read at any place.

    Raises
    ------
    OSError
        It cannot be read.
    """
    if isinstance(address, MemoryPicture):
        return io.BytesIO(address.read()[0])
    with says_why():
        store, path = _store(str(address))
    return cast(BinaryIO, RemoteStream(store, path, address.stamp.size_bytes))


def is_url(path: str) -> bool:
    """Return whether a path is a URL of a kind that is read."""
    match = _URL.match(path)
    return match is not None and match[1].lower() in SCHEMES and "::" not in path


def has_scheme(path: str) -> bool:
    """Return whether a path has the form of a URL, of whatever kind."""
    return _URL.match(path) is not None


def list_remote(url: str, *, recursive: bool = True) -> list[tuple[Address, str]]:
    """List the objects below a URL.

    Parameters
    ----------
    url : str
        Of an object, or of what the names of objects begin with, up to a slash.
    recursive : bool
        Also those with another slash in what follows.

    Returns
    -------
    list of (Address, str)
        Each object, and its name below the URL.

    Raises
    ------
    OSError
        There is nothing, or it cannot be read.
    MethodUnavailable
        The package for this kind of store is not there.
    """
    with says_why():
        store, path = _store(url)
        depth = None if recursive else 1
        objects = store.find(path, maxdepth=depth, detail=True)
        if not objects:
            raise RemoteError("nothing is there")
        listed = []
        for name in sorted(objects, key=os.fsencode):
            info = objects[name]
            if info.get("type") != "file":
                continue
            below = name[len(path.rstrip("/")) :].strip("/")
            whole = f"{url.rstrip('/')}/{below}" if below else url
            listed.append((_address(store, name, whole, info), below or os.path.basename(name)))
    return listed


def remote_object(url: str) -> Address:
    """Return the address of the object at a URL.

    Raises
    ------
    OSError
        There is none, or it cannot be read.
    MethodUnavailable
        The package for this kind of store is not there.
    """
    with says_why():
        store, path = _store(url)
        info = store.info(path)
        if info.get("type") != "file":
            raise RemoteError("it is a folder")
        return _address(store, path, url, info)


def _address(store: Any, name: str, url: str, info: dict[str, Any]) -> Address:
    if "memory" in _protocols(store):  # other processes do not have it
        return MemoryPicture(url, bytes(store.cat_file(name)))
    return RemoteObject(url, _stamp_of(info))


def _protocols(store: Any) -> tuple[str, ...]:
    return (store.protocol,) if isinstance(store.protocol, str) else tuple(store.protocol)


def _stamp_of(info: dict[str, Any]) -> FileStamp:
    """The stamp of an object; one that says nothing of its content is never settled."""
    size = int(info.get("size") or 0)
    time = next((info[key] for key in _TIMES if info.get(key)), None)
    tag = next((str(info[key]) for key in _TAGS if info.get(key)), "")
    mtime_ns = _nanoseconds(time)
    if not mtime_ns and not tag:
        return FileStamp(size, 0, sys.maxsize, 0)
    text = repr((tag, mtime_ns, size)).encode()
    return FileStamp(size, mtime_ns, 0, int.from_bytes(hashlib.sha256(text).digest()))


def _nanoseconds(time: object) -> int:
    if isinstance(time, str):
        try:
            time = datetime.fromisoformat(time)
        except ValueError:
            return 0
    if isinstance(time, datetime):
        aware = time if time.tzinfo else time.replace(tzinfo=UTC)
        return int(aware.timestamp()) * 10**9 + aware.microsecond * 1000
    return int(time * 10**9) if isinstance(time, int | float) else 0


def _store(url: str) -> tuple[Any, str]:
    """The file system of fsspec for a URL, and the path in it."""
    try:
        from fsspec.core import url_to_fs
    except ImportError:
        raise MethodUnavailable(
            f"{url.partition(':')[0]}:// needs the package fsspec", "pip install 'imgsim[remote]'"
        ) from None
    try:
        store, path = url_to_fs(url)
    except ImportError as error:
        said = str(error).partition("\n")[0]
        raise MethodUnavailable(
            f"cannot read {url}: {said}", "pip install 'imgsim[remote]', or the package it names"
        ) from None
    return store, str(path)


@contextmanager
def says_why() -> Iterator[None]:
    """Turn whatever a store raises into an OSError with a reason of one line."""
    try:
        yield
    except (ImgsimError, RemoteError):
        raise
    except FileNotFoundError:
        raise RemoteError("nothing is there") from None
    except Exception as error:  # each store has errors of its own
        said = " ".join(str(error).split())[:200]
        raise RemoteError(f"{type(error).__name__}: {said}" if said else repr(error)) from None
