"""Paths to `ImageFile`, in an order that depends on the names alone."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from imgsim.addresses import INSIDE, Address, container_of
from imgsim.addresses import printable as printable  # from here for most
from imgsim.decode.names import may_hold_image
from imgsim.errors import UsageError
from imgsim.read.archives.kinds import ARCHIVE_ENDINGS, archive_kind
from imgsim.read.archives.listing import find_archive, list_archive
from imgsim.read.archives.walking import list_inside
from imgsim.read.manifests.reading import read_manifest
from imgsim.read.memory import MemoryPicture
from imgsim.read.remote import is_url, list_remote
from imgsim.read.tables.listing import NoPictures, dataset_files, list_table, table_format
from imgsim.types import ImageFile, Skipped

DEFAULT_EXCLUDES = (
    ".*",
    "@eaDir",
    "#recycle",
    "$RECYCLE.BIN",
    "System Volume Information",
    "__MACOSX",
    "*.lrdata",
    "*.photoslibrary",
    "Thumbs.db",
    "ehthumbs.db",
    "Desktop.ini",
)
"""Hidden files, thumbnail caches, waste baskets and catalogues of photo programs."""

TRASH = ".imgsim-trash"
"""Where `imgsim apply` moves files, at the root; left out of every walk."""


@dataclass(frozen=True, slots=True)
class DiscoverOptions:
    """Which files below the given paths to read.

    Attributes
    ----------
    recursive : bool
        Look into sub-folders.
    exclude : sequence of str
        Glob patterns. One with a ``/`` is matched with the path below the argument, one without
        with every file and folder name.
    default_excludes : bool
        Leave out `DEFAULT_EXCLUDES` too.
    follow_symlinks : bool
        Look at what symbolic links point to. A link named as an argument is always followed.
    reference : sequence of str
        Paths whose files are matched against and never proposed for removal.
    listed : sequence of str
        More paths, from a list: one that is gone meanwhile is skipped, not an error.
    manifests : sequence of str
        Files that list more pictures, see `read_manifest`: one that is gone is skipped.
    archives : bool
        Look into zip and tar archives that lie in folders. One that is named as an argument always
        is.
    """

    recursive: bool = True
    exclude: Sequence[str] = ()
    default_excludes: bool = True
    follow_symlinks: bool = False
    reference: Sequence[str] = ()
    listed: Sequence[str] = ()
    archives: bool = False
    manifests: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Discovered:
    """Files in order of their path; folders and files that could not be looked at."""

    files: tuple[ImageFile, ...]
    skipped: tuple[Skipped, ...]


def discover(paths: Sequence[str], options: DiscoverOptions | None = None) -> Discovered:
    """List the files below some paths, and the members of archives among these.

    Whether a file is an image is found later, from its content. A file that is reached twice, by
    overlapping arguments, hard links or followed symbolic links, is listed once.

    Parameters
    ----------
    paths : sequence of str
        Files, folders and archives. ``shop.zip!/a`` is a member of an archive, or a folder in it.
    options : DiscoverOptions, optional

    Returns
    -------
    Discovered

    Raises
    ------
    UsageError
        A path does not exist, or an archive that is named is none.
    """
    options = options or DiscoverOptions()
    walk = _Walk(options)
    twice = _name_of_two(paths)
    if twice is not None:
        raise UsageError(f"two pictures are called {printable(twice)}", "name them differently")
    arguments = [(path, False) for path in paths] + [(path, True) for path in options.reference]
    for path, reference in sorted(set(arguments), key=lambda a: (_order(a[0]), a[1])):
        walk.argument(path, reference)
    for path in sorted(set(options.listed), key=_order):
        walk.listed(path)
    for manifest in sorted(set(options.manifests), key=_order):
        for path in sorted(set(read_manifest(manifest).paths), key=_order):
            walk.listed(path, manifest)
    files = sorted(_join_links(walk.files.values()), key=lambda f: _order(f.path))
    return Discovered(tuple(files), tuple(sorted(walk.skipped, key=lambda s: _order(s.path))))


def _name_of_two(paths: Sequence[str]) -> str | None:
    """The name that two pictures in memory have, or one and a file; None if there is none."""
    names = {path for path in paths if isinstance(path, MemoryPicture)}
    if not names:
        return None
    times = Counter(paths)
    return next((name for name in paths if name in names and times[name] > 1), None)


def _order(path: str) -> bytes:
    return os.fsencode(path)


class _UnreadableArchive(UsageError):
    """What has the name of an archive is none."""

    def __init__(self, path: str, reason: str) -> None:
        hint = "archives by these names are read: " + " ".join(ARCHIVE_ENDINGS)
        if is_url(path):
            hint = "check the URL, and what the store asks for: names, keys, a region"
        elif table_format(path):
            hint = "pictures are read, from columns of bytes; paths in a column with --manifest"
        super().__init__(f"cannot read {printable(path)}: {reason}", hint)
        self.reason = reason


class _Walk:
    """Files found so far, by absolute path."""

    def __init__(self, options: DiscoverOptions) -> None:
        self.options = options
        self.files: dict[str, tuple[ImageFile, tuple[int, int]]] = {}
        self.skipped: list[Skipped] = []
        self.members: dict[str, dict[str, Address]] = {}  # of archives, by name
        self.patterns = tuple(pattern.rstrip("/") for pattern in options.exclude) + (
            DEFAULT_EXCLUDES if options.default_excludes else ()
        )

    def listed(self, path: str, source: str | None = None) -> None:
        """Add a path of a list; one that is gone is skipped."""
        try:
            self.argument(path, reference=False, source=source, listed=True)
        except _UnreadableArchive as error:
            self.skipped.append(Skipped(path, error.reason))
        except UsageError as error:
            self.skipped.append(Skipped(path, error.message.split(":")[0]))

    def argument(
        self, path: str, reference: bool, source: str | None = None, *, listed: bool = False
    ) -> None:
        """Add a path, and what lies below it.

        Parameters
        ----------
        path : str
        reference : bool
        source : str, optional
            The manifest that lists it: the root of a file.
        listed : bool
            It is one of many.
        """
        root = path if source is None else source
        if isinstance(path, Address):
            self.address(path, root, reference)
            return
        try:
            status = os.stat(path)
        except FileNotFoundError:
            if is_url(path):
                self.remote(path, root, reference)
                return
            inside = find_archive(path)
            if inside is not None:
                if not (listed and self.member(inside[0], path, root)):
                    self.named_archive(*inside, path, reference)
                return
            raise UsageError(f"no such path: {printable(path)}", "check the spelling") from None
        except ValueError as error:  # an embedded NUL byte
            raise UsageError(f"not a path: {printable(path)}", str(error)) from None
        except OSError as error:
            raise UsageError(
                f"cannot look at {printable(path)}: {error.strerror}", "check its permissions"
            ) from None
        if stat.S_ISDIR(status.st_mode):
            if not self.dataset(path, reference):
                self.folder(path, path, reference)
        elif stat.S_ISREG(status.st_mode) and (archive_kind(path) or table_format(path)):
            self.named_archive(path, "", path, reference)
        else:
            self.add(path, status, root, reference, named=True)

    def folder(self, path: str, root: str, reference: bool) -> None:
        """Walk one folder, and each folder below it once, however many links lead there."""
        pending = [path]
        seen: set[tuple[int, int]] = set()
        while pending:
            path = pending.pop()
            try:
                if self.options.follow_symlinks:
                    status = os.stat(path)
                    identity = (status.st_dev, status.st_ino)
                    if identity in seen:
                        continue
                    seen.add(identity)
                entries = sorted(os.scandir(path), key=lambda e: _order(e.name), reverse=True)
            except OSError as error:
                self.skipped.append(Skipped(path, f"folder cannot be read: {error.strerror}"))
                continue
            for entry in entries:
                if self.excluded(entry, root):
                    continue
                try:
                    if entry.is_symlink() and not self.options.follow_symlinks:
                        continue
                    if entry.is_dir():
                        if self.options.recursive:
                            pending.append(entry.path)
                        continue
                    if self.options.archives and archive_kind(entry.name):
                        self.archive(entry.path, "", root, reference)
                        continue
                    if self.options.archives and table_format(entry.name):
                        with suppress(NoPictures):  # one of other things
                            self.table(entry.path, "", root, reference)
                            continue
                    # not entry.stat(): on Windows it has neither inode nor device
                    self.add(entry.path, os.stat(entry.path), root, reference, named=False)
                except FileNotFoundError:  # gone meanwhile, or a link to nothing
                    continue
                except OSError as error:  # an archive that is none is one too
                    reason = error.strerror or str(error)
                    self.skipped.append(Skipped(entry.path, f"cannot be read: {reason}"))

    def named_archive(self, path: str, below: str, root: str, reference: bool) -> None:
        """List an archive that is an argument, or what lies in a folder of it."""
        try:
            list_it = self.table if table_format(path) else self.archive
            taken = list_it(path, below, root, reference)
        except OSError as error:
            raise _UnreadableArchive(path, error.strerror or str(error)) from None
        if below and not taken:
            raise UsageError(f"no such path: {printable(root)}", "name a member, or a folder of it")

    def address(self, path: Address, root: str, reference: bool) -> None:
        """Add a picture that is no file, and whose address is known."""
        stamp = path.stamp._asdict()
        self.keep(ImageFile(path, root=root, reference=reference, named=True, **stamp), (0, 0))

    def remote(self, url: str, root: str, reference: bool) -> None:
        """Add the objects below a URL, or the one that it names."""
        try:
            listed = list_remote(url, recursive=self.options.recursive)
        except OSError as error:
            raise _UnreadableArchive(url, error.strerror or str(error)) from None
        for address, below in listed:
            parts = below.split("/")
            heads = (("/".join(parts[: i + 1]), part) for i, part in enumerate(parts))
            if not any(self.matches_pattern(part, head) for head, part in heads):
                stamp = address.stamp._asdict()
                named = address == url
                file = ImageFile(address, root=root, named=named, reference=reference, **stamp)
                self.keep(file, (0, 0))

    def dataset(self, path: str, reference: bool) -> bool:
        """Add the rows of a data set of Hugging Face; false if the folder is none."""
        try:
            files = dataset_files(path)
            for file in files or ():
                self.table(file, "", path, reference)
        except OSError as error:
            raise _UnreadableArchive(path, error.strerror or str(error)) from None
        return files is not None

    def table(self, path: str, below: str, root: str, reference: bool) -> int:
        """Add the pictures in the rows of a table, or in one of them, and return how many."""
        listing = list_table(path)
        rows = [row for row in listing.rows if not below or row == path + INSIDE + below]
        for row in rows:
            self.address(row, root, reference)
        self.skipped += listing.skipped if not below else []
        return len(rows)

    def member(self, path: str, name: str, root: str) -> bool:
        """Add the member of an archive that a list names; false if there is none."""
        if path not in self.members:  # a list names many of one archive
            members: Sequence[Address] = ()
            with suppress(OSError):  # which is said when it is listed once more
                table = table_format(path)
                members = list_table(path).rows if table else list_archive(path).members
            self.members[path] = {str(one): one for one in members}
        member = self.members[path].get(name)
        if member is not None:
            self.address(member, root, reference=False)
        return member is not None

    def archive(self, path: str, below: str, root: str, reference: bool) -> int:
        """List the members of an archive, or of a folder of it, and return how many there are."""
        listing = list_inside(path, below, root, self.options.recursive, self.matches_pattern)
        for member in listing.members:
            named = member == root
            stamp = member.stamp._asdict()
            file = ImageFile(member, root=root, named=named, reference=reference, **stamp)
            self.keep(file, (0, 0))
        self.skipped += [s for s in listing.skipped if may_hold_image(s.path)]
        return len(listing.members) + len(listing.skipped)

    def add(
        self, path: str, status: os.stat_result, root: str, reference: bool, *, named: bool
    ) -> None:
        if not stat.S_ISREG(status.st_mode):
            if named:
                self.skipped.append(Skipped(path, "not a regular file"))
            return
        file = ImageFile(
            path, status.st_size, status.st_mtime_ns, root, reference, named,
            ctime_ns=status.st_ctime_ns, inode=status.st_ino, hard_links=max(1, status.st_nlink),
        )  # fmt: skip
        self.keep(file, (status.st_dev, status.st_ino))

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

    def excluded(self, entry: os.DirEntry[str], root: str) -> bool:
        name = entry.name
        if name == TRASH:
            return True
        if self.options.default_excludes and _hidden_on_windows(entry):
            return True
        if not self.patterns:
            return False
        below = entry.path[len(root) :].lstrip(os.sep + (os.altsep or "")).replace(os.sep, "/")
        return self.matches_pattern(name, below)

    def matches_pattern(self, name: str, below: str) -> bool:
        """Whether a file or folder is left out, by its name or its path below the argument."""
        return any(fnmatchcase(below if "/" in p else name, p) for p in self.patterns)


def _hidden_on_windows(entry: os.DirEntry[str]) -> bool:
    if os.name != "nt":
        return False
    attributes = getattr(entry.stat(follow_symlinks=False), "st_file_attributes", 0)
    return bool(attributes & getattr(stat, "FILE_ATTRIBUTE_HIDDEN", 0))


def _join_links(walked: Iterable[tuple[ImageFile, tuple[int, int]]]) -> Iterator[ImageFile]:
    """Make one file of the names that share an inode; the first name in order stands for all."""
    names: dict[tuple[int, int], list[ImageFile]] = {}
    for file, identity in walked:
        if identity[1] == 0:  # a file system without inodes
            yield file
        else:
            names.setdefault(identity, []).append(file)
    for files in names.values():
        files.sort(key=lambda f: (not f.reference, _order(f.path)))
        first = files[0]
        links = tuple(f.path for f in files[1:])
        yield replace(first, links=links, named=any(f.named for f in files))


def read_file_list(data: bytes, *, null: bool = False) -> list[str]:
    """Paths from a list, one a line; separated by NUL bytes if `null`, or if it has any."""
    if null or b"\0" in data:
        return [os.fsdecode(p) for p in data.split(b"\0") if p]
    return [os.fsdecode(p.removesuffix(b"\r")) for p in data.split(b"\n") if p]
