"""Making, naming and copying for the folders that imgsim writes."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from imgsim.addresses import Address
from imgsim.errors import UsageError

_MAX_NAME_BYTES = 200
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\.|$)")


def make_empty(folder: Path) -> None:
    """Make a folder; one that exists must be empty.

    Raises
    ------
    UsageError
        It is not, or cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise UsageError(f"{folder} is not empty", "name a folder that does not exist yet")
    except OSError as error:
        raise UsageError(f"cannot write to {folder}: {error.strerror}", "name another") from None


@contextmanager
def new_folder(folder: Path) -> Iterator[None]:
    """Make a folder, as `make_empty`, for the files that the body of the statement writes there.

    Raises
    ------
    UsageError
        It is not empty, or the body raised an OSError.
    """
    make_empty(folder)
    try:
        yield
    except OSError as error:
        raise UsageError(f"cannot write to {folder}: {error.strerror}", "name another") from None


def safe_name(name: str) -> str:
    """Return a file name that every file system takes: without control and special characters."""
    text = os.fsencode(name).decode("utf-8", "replace")
    text = "".join(c if c.isprintable() and c not in '<>:"/\\|?*\ufffd' else "_" for c in text)
    stem, ending = os.path.splitext(text.rstrip(" .") or "_")
    room = _MAX_NAME_BYTES - len(ending.encode())
    stem = stem.encode()[: max(1, room)].decode("utf-8", "ignore")
    return f"_{stem}{ending}" if _RESERVED.match(stem) else stem + ending


def copy_numbered(paths: Sequence[str], folder: Path) -> Iterable[tuple[str, str]]:
    """Copy files into an empty folder, as ``0001_name.jpg`` in the order given.

    Yields
    ------
    tuple of (str, str)
        A path, and why it could not be copied; nothing if it was.
    """
    digits = len(str(len(paths)))
    for number, path in enumerate(paths, 1):
        target = folder / f"{number:0{digits}}_{safe_name(os.path.basename(path))}"
        reason = ""
        try:
            if isinstance(path, Address):
                target.write_bytes(path.read()[0])
                yield path, ""
                continue
            with open(path, "rb") as source, target.open("xb") as copy:  # x: never over a file
                shutil.copyfileobj(source, copy)
            shutil.copystat(path, target)
        except OSError as error:
            reason = error.strerror or str(error)
        yield path, reason


def sync_folder(folder: Path) -> None:
    """Have the names in a folder written to disk, where a system can do that.

    Raises
    ------
    OSError
        Its file system cannot, or the folder is not there.
    """
    if os.name == "nt":  # folders cannot be opened there
        return
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
