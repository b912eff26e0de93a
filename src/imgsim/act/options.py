"""How a plan is carried out."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from imgsim.errors import UsageError
from imgsim.types import Role

Action = Literal["quarantine", "move", "hardlink", "symlink", "reflink", "trash", "delete"]
Sidecars = Literal["auto", "along", "hold", "leave"]

AskFolder = Callable[[bytes, str], bool]
"""Takes a folder, and what would be left of it, and returns whether to go on."""

IN_PLACE: frozenset[Action] = frozenset(("hardlink", "symlink", "reflink"))
"""Actions after which the name is still there."""

FOR_GOOD: frozenset[Action] = frozenset(("trash", "delete"))
"""Actions that undo does not take back."""


@dataclass(frozen=True, slots=True)
class ApplyOptions:
    """How a plan is carried out.

    Attributes
    ----------
    action : str
        ``quarantine`` moves files to `.imgsim-trash` in the folder that was scanned; ``move`` below
        `move_to`.
    move_to : str or None
        Absolute.
    include : frozenset of str
        Roles of which all listed files are removed, chosen or not.
    protect : sequence of str
        Glob patterns of files and folders of which nothing is removed. One with a ``/`` is matched
        with the path below the root, one without with every name in it.
    sidecars : {"auto", "along", "hold", "leave"}
        ``auto``: they go along, but films and sound only if the kept file has equal ones beside
        it, else the picture is held back; ``along``: all of them; ``hold``: a picture with one is
        held back; ``leave``: they stay.
    sidecar_endings : sequence of str
        Further ones, such as ``.pp3``.
    yes_folders : bool
        Also where more than half of a folder's pictures would go, or a folder be left empty.
    ask_folder : callable, optional
        Asked for each such folder (its path below the root, and what would be left) if not.
    carry_metadata : bool
        What only a removed file or its XMP sidecar says of the picture goes to an XMP sidecar of
        the kept one; a file with more than a sidecar can hold stays.
    """

    action: Action = "quarantine"
    move_to: str | None = None
    include: frozenset[Role] = frozenset()
    protect: Sequence[str] = ()
    sidecars: Sidecars = "auto"
    sidecar_endings: Sequence[str] = ()
    yes_folders: bool = False
    ask_folder: AskFolder | None = None
    carry_metadata: bool = False

    def __post_init__(self) -> None:
        if (self.action == "move") != (self.move_to is not None):
            raise UsageError("the action move needs a folder, and no other has one", "move_to")
        if self.move_to is not None and not os.path.isabs(self.move_to):
            raise UsageError(f"{self.move_to} is not absolute", "give the whole path")
