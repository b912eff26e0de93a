"""Values of files by their paths, such as labels and groups."""

from __future__ import annotations

import os
from collections.abc import Mapping


class PathValues:
    """Values by path; what is named more closely wins: a file over the folder around it.

    Parameters
    ----------
    values : mapping of str to str
        By `absolute_path`.
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def of(self, path: str) -> str:
        """Return the value of a path; empty where it has none."""
        place = absolute_path(path)
        while place not in self._values:
            parent = os.path.dirname(place)
            if parent == place:
                return ""
            place = parent
        return self._values[place]


def absolute_path(path: str) -> str:
    """Return a path from the root, in one case where the system knows none."""
    return os.path.normcase(os.path.abspath(path))
