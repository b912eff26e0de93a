"""Finds the symbolic links that point to files which are removed."""

from __future__ import annotations

import os

from imgsim.act.files import FileSystem, Folder
from imgsim.read.discover import TRASH


def links_to(
    fs: FileSystem, root: Folder, root_path: str, removed: set[bytes]
) -> tuple[tuple[bytes, bytes], ...]:
    """Return the symbolic links below a root that point to removed files.

    Parameters
    ----------
    fs : FileSystem
    root : Folder
    root_path : str
    removed : set of bytes
        Paths below the root.

    Returns
    -------
    tuple of (bytes, bytes)
        Each link, and the removed file, in order.
    """
    links: list[tuple[bytes, bytes]] = []
    if not removed:
        return ()
    top = os.fsencode(root_path).rstrip(b"/") + b"/"
    pending: list[tuple[bytes, Folder]] = [(b"", root)]
    while pending:
        above, folder = pending.pop()
        try:
            for name in fs.names(folder):
                if name == TRASH.encode():
                    continue
                path = above + name
                status = fs.status(folder, name)
                if status.is_folder:
                    pending.append((path + b"/", fs.enter(folder, name)))
                elif status.is_link:
                    target = os.path.normpath(
                        os.path.join(top + above, fs.link_target(folder, name))
                    )
                    if target.startswith(top) and target[len(top) :] in removed:
                        links.append((path, target[len(top) :]))
        except OSError:  # it is only said
            continue
        finally:
            if folder is not root:
                fs.leave(folder)
    return tuple(sorted(links))
