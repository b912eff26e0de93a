"""Tells which files on disk are those of an index, by whatever path they are reached."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import cached_property

from imgsim.addresses import Address, absolute, container_of
from imgsim.index.segment import name_of
from imgsim.index.snapshot import Snapshot
from imgsim.stamps import identity_of
from imgsim.types import ImageFile

_Identity = tuple[int, int] | str


class OwnFiles:
    """The files that lie at the paths of an index now, whatever they hold.

    No file of the index is looked at but symbolic links: the folders are, which are few, and where
    a file that is asked about has other names elsewhere (hard links), the names in them.

    Parameters
    ----------
    snapshot : Snapshot
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._identities: dict[str, _Identity | None] = {}

    def by_folder(self, files: Sequence[ImageFile]) -> list[list[int]]:
        """The numbers of the files of the index that have the names of others in the same folders.

        Parameters
        ----------
        files : sequence of ImageFile
            Their further names, and where symbolic links lead, are not looked at.

        Returns
        -------
        list of list of int
            For each file, see `Snapshot`.
        """
        asked = [list(self._names(file.path, follow=False)) for file in files]
        known = self._snapshot.named([name for some in asked for name in some])
        return [sorted({known[name] for name in some if name in known}) for some in asked]

    def numbers(self, files: Sequence[ImageFile]) -> list[list[int]]:
        """The numbers of the files of the index that others are, by whatever names.

        Parameters
        ----------
        files : sequence of ImageFile
            As they were found just now.

        Returns
        -------
        list of list of int
            For each file, see `Snapshot`.
        """
        named = self._named(
            [
                [name for path in (file.path, *file.links) for name in self._names(path)]
                for file in files
            ]
        )
        found = [set(numbers) for numbers in named]
        for numbers, file in zip(found, files, strict=True):
            if not isinstance(file.path, Address) and file.inode:
                numbers.update(self._symlinks.get((file.device, file.inode), ()))
        linked: dict[tuple[int, int], list[int]] = {}
        for i, file in enumerate(files):
            is_linked = file.hard_links > 1 and not isinstance(file.path, Address)
            if is_linked and file.inode and not found[i]:
                linked.setdefault((file.device, file.inode), []).append(i)
        for identity, number in self._hard_links(linked) if linked else ():
            for i in linked[identity]:
                found[i].add(number)
        return [sorted(numbers) for numbers in found]

    def _named(self, names: Sequence[Sequence[bytes]]) -> list[list[int]]:
        known = self._snapshot.named([name for some in names for name in some])
        links = self._links
        return [
            sorted({own[name] for name in some for own in (known, links) if name in own})
            for some in names
        ]

    def _names(self, path: str, *, follow: bool = True) -> Iterator[bytes]:
        """The digests of the paths that the index may have of a file."""
        whole = absolute(path)
        yield name_of(whole)
        if isinstance(path, Address) and not path.container:
            return
        on_disk = os.path.abspath(container_of(path) or path)
        inside = whole[len(on_disk) :]
        places = {on_disk}
        if follow and os.path.islink(on_disk):
            places.add(os.path.realpath(on_disk))
        for place in places:
            folder, name = os.path.split(place)
            identity = self._identity(folder)
            for own in self._folders.get(identity, ()) if identity else ():
                yield name_of(os.path.join(own, name + inside))

    def _identity(self, folder: str) -> _Identity | None:
        """By what a folder is known, whatever its path; None if it is not there."""
        if folder not in self._identities:
            known: _Identity | None = identity_of(folder)
            if isinstance(known, tuple) and not known[1]:  # a file system without inodes
                known = os.path.realpath(folder)
            self._identities[folder] = known
        return self._identities[folder]

    @cached_property
    def _folders(self) -> dict[_Identity, list[str]]:
        """The paths that the index has of each folder."""
        folders: dict[_Identity, list[str]] = {}
        for folder in self._snapshot.folders():
            identity = self._identity(folder)
            if identity is not None:
                folders.setdefault(identity, []).append(folder)
        return folders

    @cached_property
    def _links(self) -> dict[bytes, int]:
        """The numbers of files by digests of their further names."""
        return {name_of(path): number for path, number in self._snapshot.links().items()}

    @cached_property
    def _symlinks(self) -> dict[tuple[int, int], list[int]]:
        """The numbers of symbolic links by the identities of what they lead to."""
        found: dict[tuple[int, int], list[int]] = {}
        for number in self._snapshot.symlinks():
            identity = identity_of(self._snapshot.record(number).absolute)
            if identity is not None:
                found.setdefault(identity, []).append(number)
        return found

    def _hard_links(
        self, linked: dict[tuple[int, int], list[int]]
    ) -> Iterator[tuple[tuple[int, int], int]]:
        """Yield which files of the index have the identities of some files."""
        devices = {device for device, _ in linked}
        inodes = {inode for _, inode in linked}
        places: list[tuple[tuple[int, int], bytes]] = []
        for identity, folders in self._folders.items():
            if isinstance(identity, tuple) and identity[0] not in devices:
                continue
            try:
                with os.scandir(folders[0]) as entries:
                    for entry in entries:
                        if entry.inode() not in inodes:
                            continue
                        file = identity_of(entry.path)  # entry.stat has none on Windows
                        if file in linked:
                            own = (os.path.join(folder, entry.name) for folder in folders)
                            places += [(file, name_of(path)) for path in own]
            except OSError:  # gone, or not to be looked at: nor was what lies there
                continue
        numbers = self._named([[name] for _, name in places])
        for (file, _), some in zip(places, numbers, strict=True):
            for number in some:
                yield file, number
