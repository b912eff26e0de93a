"""What speaks against the removal of a file: the system, its owner, and ``--protect``."""

from __future__ import annotations

import os
import stat
import unicodedata
from fnmatch import fnmatchcase

from imgsim.act.files import Status


def reason_to_leave(status: Status, kept: Status, folder: Status) -> str:
    """Say why a file is not to be removed, by what the system tells of it; empty if nothing does.

    Parameters
    ----------
    status, kept : Status
        Of the file, and of what is kept in its place.
    folder : Status
        Of the folder that it is in.
    """
    if status.is_same_file(kept):
        return "frees nothing: another name of the kept file"
    if status.may_be_same_file(kept):
        return "it may be the kept file itself, seen through another mount"
    if status.links > 1:
        return f"frees nothing: it has {status.links} names"
    if status.device != folder.device:
        return "something is mounted there"
    reason = reason_by_owner(status)
    if not reason and not stat.S_IMODE(folder.mode) & 0o200:
        reason = "its folder is read-only"
    return reason


def reason_by_owner(status: Status) -> str:
    """Say why a file is not to be removed, by who owns it and may write; empty if nothing does."""
    if hasattr(os, "geteuid") and status.owner != os.geteuid():
        return "another user owns it"
    return "" if stat.S_IMODE(status.mode) & 0o200 else "read-only"


def matches(full: str, below_root: str, pattern: str) -> bool:
    """Return whether a pattern of ``--protect`` names a path or a folder of it.

    Without a ``/`` it is for any name below the root; with one for the folders from any one on, the
    root's own among them: listings name files from where one stands.
    """
    plain = _plain(pattern)
    if "/" not in plain:
        return any(fnmatchcase(part, plain) for part in _plain(below_root).split("/"))
    parts = _plain(full).split("/")
    return any(
        fnmatchcase("/".join(parts[start:end]), plain)
        for start in range(len(parts))
        for end in range(start + 1, len(parts) + 1)
    )


def _plain(path: str) -> str:
    """Letters with accents are written in two ways, and a slash at either end says nothing."""
    path = unicodedata.normalize("NFC", path)
    return path.removeprefix("./").strip("/")
