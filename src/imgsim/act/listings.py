"""The names in the folders of a plan, and which sidecars a kept file has beside it."""

from __future__ import annotations

from collections.abc import Sequence

from imgsim.act.files import FileSystem, Folder
from imgsim.act.sidecars import Names
from imgsim.act.walk import Different, folder_of, open_hashed


class Listings:
    """Lists folders below a root, each once.

    Parameters
    ----------
    fs : FileSystem
    root : Folder
    endings : sequence of str
        Of further sidecars.
    """

    def __init__(self, fs: FileSystem, root: Folder, endings: Sequence[str] = ()) -> None:
        self.fs = fs
        self.root = root
        self.endings = endings
        self._names: dict[bytes, Names] = {}

    def names_in(self, folder: bytes) -> Names:
        """Return the names in a folder below the root.

        Raises
        ------
        OSError
            It cannot be listed.
        """
        if folder not in self._names:
            with folder_of(self.fs, self.root, join_path(folder, b"x")) as (opened, _):
                names = self.fs.names(opened)
            self._names[folder] = Names(names, self.endings)
        return self._names[folder]

    def counterparts(self, sidecar: bytes, kept: bytes) -> list[bytes]:
        """Return the paths of a kept file's sidecars of the same kind as another one, by its path.

        Raises
        ------
        OSError
            The kept file's folder cannot be listed.
        """
        folder, name = split_path(kept)
        others = self.names_in(folder).counterparts(split_path(sidecar)[1], name)
        return [path for other in others if (path := join_path(folder, other)) != sidecar]

    def kept_has(self, sidecar: bytes, kept: bytes) -> bool:
        """Return whether a sidecar beside the kept file has the same bytes as one of a path."""
        try:
            others = self.counterparts(sidecar, kept)
            if not others:
                return False
            digest = self._digest(sidecar)
            return any(self._digest(path) == digest for path in others)
        except (OSError, Different):
            return False

    def _digest(self, path: bytes) -> str:
        with folder_of(self.fs, self.root, path) as (folder, name):
            opened = open_hashed(self.fs, folder, name)
        opened.close()
        return opened.sha256


def split_path(path: bytes) -> tuple[bytes, bytes]:
    """Return the folder of a path below the root, empty for the root itself, and the name."""
    folder, _, name = path.rpartition(b"/")
    return folder, name


def join_path(folder: bytes, name: bytes) -> bytes:
    """Return the path of a name in a folder below the root."""
    return folder + b"/" + name if folder else name
