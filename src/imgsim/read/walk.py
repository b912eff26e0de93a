"""What a walk has come to, and how it goes through archives, tables and stores."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from fnmatch import translate

from imgsim.addresses import INSIDE, Address, container_of, printable
from imgsim.decode.names import may_hold_image
from imgsim.errors import MethodUnavailable, UsageError
from imgsim.read.archives.kinds import (
    ARCHIVE_ENDINGS,
    UNREAD_HINT,
    archive_kind,
    unread_archive,
)
from imgsim.read.archives.listing import list_archive
from imgsim.read.archives.walking import list_inside
from imgsim.read.remote import RemoteError, is_url, list_remote
from imgsim.read.tables.listing import NoPictures, dataset_files, list_table, table_format
from imgsim.types import NOT_THERE, ImageFile, Skipped

_OF_STORES = "check the URL, and what the store asks for: names, keys, a region"

_OF_TABLES = "pictures are read, from columns of bytes; paths in a column with --manifest"

_INSIDE_ONE = -1
"""In the place of a device: the number beside it is of a member."""


class UnreadableArchive(UsageError):
    """What has the name of an archive is none."""

    def __init__(self, path: str, reason: str, hint: str = "") -> None:
        if unread_archive(path):
            hint = UNREAD_HINT
        elif is_url(path) and table_format(path):
            hint = "copy it to disk"
        elif table_format(path):
            hint = _OF_TABLES
        elif not hint:
            hint = "archives by these names are read: " + " ".join(ARCHIVE_ENDINGS)
        super().__init__(f"cannot read {printable(path)}: {reason}", hint)
        self.reason = reason


class Walk:
    """Files and other pictures, by absolute path, and what could not be looked at.

    Parameters
    ----------
    recursive : bool
        Look into folders of archives and stores.
    exclude : sequence of str
        Glob patterns, see `DiscoverOptions`.
    """

    def __init__(self, *, recursive: bool, exclude: Sequence[str]) -> None:
        self.recursive = recursive
        self.files: dict[str, tuple[ImageFile, tuple[int, int]]] = {}
        self.skipped: list[Skipped] = []
        self._members: dict[str, dict[str, Address]] = {}  # of archives that lists name
        patterns = [pattern.rstrip("/") for pattern in exclude]
        self._names = _any_of([p for p in patterns if "/" not in p])
        self._paths_below = _any_of([p for p in patterns if "/" in p])

    def named_archive(self, path: str, below: str, root: str, reference: bool) -> None:
        """List an archive that is an argument, or what lies in a folder of it."""
        try:
            list_it = self.table if table_format(path) else self.archive
            taken = list_it(path, below, root, reference)
        except OSError as error:
            hint = _OF_STORES if isinstance(error, RemoteError) else ""
            raise UnreadableArchive(path, error.strerror or str(error), hint) from None
        if below and not taken:
            raise UsageError(f"{NOT_THERE}: {printable(root)}", "name a member, or a folder of it")

    def found_archive(self, path: str, root: str, reference: bool) -> bool:
        """List an archive or a table that lies in a folder; false if it is neither."""
        if unread := unread_archive(path):
            self.skipped.append(Skipped(path, unread))
            return True
        try:
            if archive_kind(path):
                self.archive(path, "", root, reference)
                return True
            if table_format(path):
                self.table(path, "", root, reference)
                return True
        except NoPictures:  # a table of other things
            return False
        except MethodUnavailable as error:
            self.skipped.append(Skipped(path, error.message))
            return True
        return False

    def address(self, path: Address, root: str, reference: bool, *, named: bool = True) -> None:
        """Add a picture that is no file, and whose address is known."""
        stamp = path.stamp
        file = ImageFile(path, root=root, reference=reference, named=named, **stamp._asdict())
        # an archive may have two names, as a file
        self.keep(file, (_INSIDE_ONE, stamp.inode) if path.container else (0, 0))

    def remote(self, url: str, root: str, reference: bool, *, archives: bool) -> None:
        """Add the objects below a URL, or the one that it names.

        Parameters
        ----------
        url, root : str
        reference : bool
        archives : bool
            Look into archives that lie below it. One that is named always is.
        """
        if (reason := _not_in_stores(url)) is not None:
            raise UnreadableArchive(url, reason)
        try:
            listed = list_remote(url, recursive=self.recursive)
        except OSError as error:
            raise UnreadableArchive(url, error.strerror or str(error), _OF_STORES) from None
        for address, below in listed:
            parts = below.split("/")
            heads = (("/".join(parts[: i + 1]), part) for i, part in enumerate(parts))
            if any(self.matches_pattern(part, head) for head, part in heads):
                continue
            if archive_kind(address) and address == url:
                self.named_archive(address, "", root, reference)
            elif archives and (reason := _not_in_stores(address)) is not None:
                self.skipped.append(Skipped(address, reason))
            elif archives and archive_kind(address):
                try:
                    self.archive(address, "", root, reference)
                except OSError as error:
                    reason = f"cannot be read: {error.strerror or error}"
                    self.skipped.append(Skipped(address, reason))
                except MethodUnavailable as error:
                    self.skipped.append(Skipped(address, error.message))
            else:
                self.address(address, root, reference, named=address == url)

    def dataset(self, path: str, reference: bool) -> bool:
        """Add the rows of a data set of Hugging Face; false if the folder is none."""
        try:
            files = dataset_files(path)
            for file in files or ():
                self.table(file, "", path, reference)
        except OSError as error:
            reason = error.strerror or str(error)
            hint = _OF_TABLES if isinstance(error, NoPictures) else "write it with save_to_disk"
            raise UnreadableArchive(path, reason, hint) from None
        return files is not None

    def table(self, path: str, below: str, root: str, reference: bool) -> int:
        """Add the pictures in the rows of a table, or in one of them, and return how many."""
        listing = list_table(path)
        rows = [row for row in listing.rows if not below or row == path + INSIDE + below]
        for row in rows:
            self.address(row, root, reference)
        skipped = [s for s in listing.skipped if not below or s.path == path + INSIDE + below]
        self.skipped += skipped
        return len(rows) + len(skipped)

    def member(self, path: str, name: str, root: str) -> bool:
        """Add the member of an archive that a list names; false if there is none."""
        if path not in self._members:  # a list names many of one archive
            members: Sequence[Address] = ()
            with suppress(OSError):  # which is said when it is listed once more
                table = table_format(path)
                members = list_table(path).rows if table else list_archive(path).members
            self._members[path] = {str(one): one for one in members}
        member = self._members[path].get(name)
        if member is not None:
            self.address(member, root, reference=False)
        return member is not None

    def archive(self, path: str, below: str, root: str, reference: bool) -> int:
        """List the members of an archive, or of a folder of it, and return how many there are."""
        listing = list_inside(path, below, root, self.recursive, self.matches_pattern)
        for member in listing.members:
            self.address(member, root, reference, named=member == root)
        self.skipped += [
            s
            for s in listing.skipped
            if may_hold_image(s.path) or archive_kind(s.path) or unread_archive(s.path)
        ]
        return len(listing.members) + len(listing.skipped)

    def keep(self, file: ImageFile, identity: tuple[int, int]) -> None:
        """Add a file; one that is there already, by another argument, is added once."""
        key = os.path.normcase(os.path.abspath(file.path))
        if key in self.files:
            earlier = self.files[key][0]
            if container_of(earlier.path) != container_of(file.path):
                self.skipped.append(Skipped(file.path, "something else has the same name"))
                return
            closer = max(earlier, file, key=lambda f: len(os.path.abspath(f.root)))
            file = replace(
                closer,
                reference=earlier.reference or file.reference,
                named=earlier.named or file.named,
            )
        self.files[key] = (file, identity)

    def matches_pattern(self, name: str, below: str) -> bool:
        """Whether a file or folder is left out, by its name or its path below the argument."""
        return bool(self._names(name) or self._paths_below(below))


def _not_in_stores(url: str) -> str | None:
    """Why what has such a name is not read from a store; None if it is."""
    if table_format(url):
        return "tables are read from disk alone"
    return unread_archive(url) or None


def _any_of(patterns: Sequence[str]) -> Callable[[str], object]:
    """Return what tells whether a text matches one of some glob patterns."""
    if not patterns:
        return lambda text: False
    return re.compile("|".join(map(translate, patterns))).match
