"""Errors that end a run. Trouble with one file ends none; it is a value, `types.Skipped`."""

from __future__ import annotations


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
