"""Breaks paths at their slashes where a line of a terminal ends."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator

LEAST_ROOM = 24
"""Columns that a path gets at least, however narrow the terminal is."""

_SEPARATORS = "/" + os.sep


def wrapped_path(path: str, room: int) -> Iterator[str]:
    """Yield the parts of a path that each fit into some columns.

    A name that does not fit by itself stays whole: it could not be copied otherwise.

    Parameters
    ----------
    path : str
        Printable.
    room : int
        Columns; at least `LEAST_ROOM` are used.
    """
    room = max(room, LEAST_ROOM)
    line = ""
    for name in _names(path):
        if line and columns_of(line + name) > room:
            yield line
            line = ""
        line += name
    yield line


def _names(path: str) -> Iterator[str]:
    """Yield the names in a path, each with the slash behind it."""
    start = 0
    for place, character in enumerate(path):
        if character in _SEPARATORS and place + 1 < len(path):
            yield path[start : place + 1]
            start = place + 1
    yield path[start:]


def columns_of(text: str) -> int:
    """Return the columns that a text takes on a terminal: East Asian characters take two."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )
