"""Lists those members of an archive that a walk through folders would find, were it one."""

from __future__ import annotations

import os
from collections.abc import Callable

from imgsim.addresses import INSIDE
from imgsim.read.archives.kinds import archive_kind
from imgsim.read.archives.listing import Listing, leads_up, list_archive


def list_inside(
    path: str, below: str, root: str, recursive: bool, is_excluded: Callable[[str, str], bool]
) -> Listing:
    """List the members of an archive, or of a folder of it.

    Parameters
    ----------
    path : str
        The archive.
    below : str
        A folder of it, a member, or ``""`` for all.
    root : str
        The argument by which it is walked through.
    recursive : bool
        With sub-folders.
    is_excluded : callable
        Told the name of a member or of a folder, and its path below the root.

    Raises
    ------
    OSError
        It cannot be read.
    """
    below = below.strip("/")
    above = len(path + INSIDE) if root == path else len(root)
    out: dict[str, bool] = {}  # folders that are left out, and others

    def inside(name: str) -> bool:
        return not below or name == below or name.startswith((below + "/", below + INSIDE))

    def left_out(name: str) -> bool:
        folder, _, last = name.rpartition("/")
        if folder not in out:
            out[folder] = bool(folder) and left_out(folder)
        if leads_up(last):  # no hidden file: it is skipped, with its reason
            return out[folder]
        shown = (path + INSIDE + name)[above:].replace(os.sep, "/").lstrip("/")
        return out[folder] or is_excluded(last.removesuffix("!"), shown)

    def wanted(name: str) -> bool:
        if not inside(name):  # an archive around what is asked for
            return bool(archive_kind(name)) and below.startswith(name + INSIDE)
        # what lies at the top of an archive in an archive is no deeper than that one
        deeper = name[len(below) :].replace(INSIDE, "").strip("/")
        return (recursive or "/" not in deeper) and not left_out(name)

    return list_archive(path, wanted)
