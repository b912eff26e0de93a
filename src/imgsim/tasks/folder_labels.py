"""Labels that the folders of files are."""

from __future__ import annotations

import os
from collections.abc import Iterable

from imgsim.dataset.labelled import SPLITS

FOLDER = "folder"
"""Asks for the folder of a file in the place of a column."""


def are_splits(folders: Iterable[str]) -> bool:
    """Tell whether the top folders of a data set are splits (train, val ...), and not classes.

    Parameters
    ----------
    folders : iterable of str
        All that hold images, below the data set's own, with ``/``; empty for that itself.
    """
    tops = {folder.split("/")[0].lower() for folder in folders}
    return bool(tops) and tops <= SPLITS


def folder_label(below: str, *, splits: bool) -> str:
    """Return the class that a path below a data set's folder is in: the path of its folder.

    Parameters
    ----------
    below : str
        With ``/``.
    splits : bool
        The top folders are no classes, see `are_splits`.

    Returns
    -------
    str
        Empty for a file in no folder of a class.
    """
    return "/".join(os.path.dirname(below).split("/")[splits:])
