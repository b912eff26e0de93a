"""Errors that end a run. Trouble with one file ends none; it is a value, `types.Skipped`."""

from __future__ import annotations

import errno
import re
from types import UnionType


class ImgsimError(Exception):
    """The run cannot go on.

    Parameters
    ----------
    message : str
        One line that says what is wrong.
    hint : str
        One line that says what to do about it.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if hint:
            self.add_note(f"hint: {hint}")  # a traceback, of a script or notebook, shows it

    def __reduce__(self) -> tuple[type[ImgsimError], tuple[str, str]]:
        return type(self), (self.message, self.hint)


_TO_READ = {
    errno.ENOENT: "name one that is there; relative paths begin in the current folder",
    errno.ENOTDIR: "name one that is there; relative paths begin in the current folder",
    errno.EACCES: "you may not read it: change its permissions",
    errno.EISDIR: "that is a folder: name a file",
}


def to_read(error: OSError) -> str:
    """Return what to do about a file that was named and cannot be read, as a hint."""
    return _TO_READ.get(error.errno or 0, "name another one")


class UsageError(ImgsimError):
    """The caller asked for something that makes no sense: a path, an option, a field."""


class UnknownMethod(UsageError):
    """No comparator is registered under the name asked for."""


class MethodUnavailable(ImgsimError):
    """A comparator is registered but does not import here."""


class UnreadableImage(ImgsimError):
    """One image that was asked for by itself cannot be read."""


class CacheUnusable(ImgsimError):
    """The cache file cannot be used; the run goes on without it."""


class DecisionsUnusable(ImgsimError):
    """A file of decisions cannot be read or written, or is none."""


_LEFT = "left: "


def note_what_is_left(error: BaseException, text: str) -> None:
    """Let what ends a run before its time say what is left of it, see `left_by`."""
    error.add_note(_LEFT + text)


def left_by(error: BaseException) -> str:
    """Return what is left of a run that an exception ended; empty if that is not known.

    Of Ctrl-C itself, or of what click raises from it.
    """
    notes = [*getattr(error, "__notes__", ()), *getattr(error.__cause__, "__notes__", ())]
    return next((note.removeprefix(_LEFT) for note in notes if note.startswith(_LEFT)), "")


def shown_value(value: object) -> str:
    """Return a value as a message shows it: on one line, and not all of a long one."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else text[:57] + "..."


def check_kind(value: object, kind: type | UnionType, noun: str, hint: str) -> None:
    """Raise UsageError unless an argument is of the kind that is asked for.

    Parameters
    ----------
    value : object
    kind : type or union of types
    noun : str
        What it should have been, for the message: ``plan``.
    hint : str
        How to get one.
    """
    if not isinstance(value, kind):
        raise UsageError(f"{shown_value(value)} is no {noun}", hint)


_LIMITS = {
    errno.EMFILE: "this process may have too few open files: ulimit -n 1024",
    errno.ENFILE: "this system has too many open files: end other programs",
    errno.EFBIG: "files may not become that large: ulimit -f unlimited",
    errno.ENOSPC: "make room there, or choose another place",
    errno.EDQUOT: "make room there, or choose another place",
    errno.EROFS: "choose a place that can be written to",
}


def limit_hint(error: OSError) -> str:
    """Return what helps where a limit of the system, or a full disk, is in the way; else nothing.

    Parameters
    ----------
    error : OSError
    """
    return _LIMITS.get(error.errno or 0, "")


_OUT_OF_MEMORY = re.compile(
    r"([iu]nsufficient|out of|not enough|cannot allocate|can't allocate) memory|bad_alloc"
    r"|memory allocation|unable to allocate|failed to (allocate|map)|can't start new thread",
    re.IGNORECASE,
)


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an exception, or one that led to it, says that memory or threads ran out.

    Libraries have no common type for it: Python raises MemoryError, the system an OSError, OpenCV
    and others an error of their own with a text.
    """
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        if isinstance(cause, MemoryError) or _OUT_OF_MEMORY.search(str(cause)):
            return True
        if isinstance(cause, OSError) and cause.errno == errno.ENOMEM:
            return True
        cause = cause.__cause__ or cause.__context__
    return False
