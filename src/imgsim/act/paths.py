"""Paths below a root, byte by byte: which ones a plan may name, and how they are written down.

Such a path is bytes with ``/`` between its parts, on every system.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from typing import Any

from imgsim.errors import UsageError
from imgsim.read.discover import TRASH, printable

_RESERVED = re.compile(
    rb"(?i)(con|prn|aux|nul|conin\$|conout\$|(com|lpt)([0-9]|\xc2[\xb9\xb2\xb3]))"
)
_NOT_ON_WINDOWS = re.compile(rb'[<>:"|?*\\\x00-\x1f]')


def check_relative(path: bytes, *, windows: bool = os.name == "nt") -> bytes:
    """Return a path below the root, if it is one.

    Parameters
    ----------
    path : bytes
    windows : bool
        By the rules of Windows, where more names mean something else.

    Raises
    ------
    UsageError
        It is absolute, leads upwards, or is no path.
    """
    parts = path.split(b"/")
    if not path or b"\0" in path:
        raise _refused(path, "is no path")
    if path.startswith(b"/"):
        raise _refused(path, "is absolute")
    if b".." in parts:
        raise _refused(path, "leads out of the root")
    if b"" in parts or b"." in parts:
        raise _refused(path, "is no plain path")
    if any(part.lower() == TRASH.encode() for part in parts):
        raise _refused(path, f"lies in {TRASH}")
    if windows:
        for part in parts:
            if _NOT_ON_WINDOWS.search(part) or part.endswith((b".", b" ")):
                raise _refused(path, "is no path on Windows")
            if _RESERVED.fullmatch(part.split(b".")[0].rstrip(b" ")):
                raise _refused(path, "names a device on Windows")
    return path


def _refused(path: bytes, why: str) -> UsageError:
    return UsageError(f"the plan's path {shown(path)!r} {why}", "paths are below the plan's root")


def shown(path: bytes) -> str:
    """Return a path as it can be printed in one line."""
    return printable(os.fsdecode(path))


def native(path: bytes) -> str:
    """Return a path below the root as this system writes it."""
    return os.fsdecode(path).replace("/", os.sep)


def below(path: str, root: str) -> bytes:
    """Return an absolute path as one below the root.

    Parameters
    ----------
    path, root : str
        Both absolute, without symbolic links.

    Raises
    ------
    UsageError
        It does not lie below the root.
    """
    relative = os.path.relpath(path, root)
    if os.altsep or os.sep != "/":
        relative = relative.replace(os.sep, "/")
    return check_relative(os.fsencode(relative))


def to_document(path: bytes, key: str = "path") -> dict[str, str]:
    """Return a path for JSON: as text, and in base64 beside it where it is no UTF-8."""
    try:
        return {key: path.decode("utf-8")}
    except UnicodeDecodeError:
        text = path.decode("utf-8", "replace")
        return {key: text, f"{key}_bytes": base64.b64encode(path).decode()}


def from_document(document: dict[str, Any], key: str = "path") -> bytes:
    """Return the path that `to_document` wrote.

    Raises
    ------
    UsageError
        There is none, or the text and the bytes do not say the same.
    """
    text, encoded = document.get(key), document.get(f"{key}_bytes")
    if not isinstance(text, str):
        raise UsageError(f"the plan has a file without {key}", "make the plan again")
    if encoded is None:
        try:
            return text.encode("utf-8")
        except UnicodeEncodeError:
            raise UsageError(f"{key} {text!r} is no text", "make the plan again") from None
    try:
        path = base64.b64decode(encoded, validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise UsageError(f"{key}_bytes of {text!r} is no base64", "make the plan again") from None
    if path.decode("utf-8", "replace") != text:
        raise UsageError(
            f"{key} {text!r} and its {key}_bytes name different files", "make the plan again"
        )
    return path
