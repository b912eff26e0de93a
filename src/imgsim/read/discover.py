"""Paths to `ImageFile`, in an order that depends on the names alone."""

from __future__ import annotations

import codecs
import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from imgsim.addresses import INSIDE, Address
from imgsim.addresses import printable as printable  # from here for most
from imgsim.decode.names import has_name_of_image, may_hold_image
from imgsim.errors import UsageError
from imgsim.read.archives.kinds import archive_kind, unread_archive
from imgsim.read.archives.listing import find_archive
from imgsim.read.encoding import marked_encoding
from imgsim.read.manifests.reading import read_manifest
from imgsim.read.memory import MemoryPicture
from imgsim.read.remote import SCHEMES, has_scheme, is_url
from imgsim.read.tables.listing import table_format
from imgsim.read.time_limited import TimeLimited
from imgsim.read.walk import UnreadableArchive, Walk
from imgsim.stage_times import staged
from imgsim.types import NOT_THERE, ImageFile, Skipped

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
    """Files in order of their path; folders and files that could not be looked at.

    `links` symbolic links in folders were not followed; `only_links` are the folders given that
    hold no other file that may be an image.
    """

    files: tuple[ImageFile, ...]
    skipped: tuple[Skipped, ...]
    links: int = 0
    only_links: tuple[str, ...] = ()


@staged("listing")
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
    walk = _FolderWalk(options)
    try:
        return _discovered(walk, paths, options)
    finally:
        walk.calls.close()


def _discovered(walk: _FolderWalk, paths: Sequence[str], options: DiscoverOptions) -> Discovered:
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
    skipped = sorted(walk.skipped, key=lambda s: _order(s.path))
    return Discovered(tuple(files), tuple(skipped), walk.links, tuple(sorted(walk.only_links)))


def check_there(path: str) -> None:
    """Refuse a path that `discover` would refuse since nothing is there, without a walk.

    What is inside an archive, or at a URL, is not looked at.

    Raises
    ------
    UsageError
        There is no such path.
    """
    if isinstance(path, Address) or os.path.lexists(path) or is_url(path):
        return
    if find_archive(path) is None:
        raise _no_such_path(path)


def _no_such_path(path: str) -> UsageError:
    if has_scheme(path):
        return UsageError(
            f"this kind of URL is not read: {printable(path)}",
            f"those of {', '.join(SCHEMES)} are; copy others to disk",
        )
    return UsageError(f"{NOT_THERE}: {printable(path)}", "check the spelling")


def _name_of_two(paths: Sequence[str]) -> str | None:
    """The name that two pictures in memory have, or one and a file; None if there is none."""
    names = {path for path in paths if isinstance(path, MemoryPicture)}
    if not names:
        return None
    times = Counter(paths)
    return next((name for name in paths if name in names and times[name] > 1), None)


def _order(path: str) -> bytes:
    return os.fsencode(path)


class _FolderWalk(Walk):
    """Walks through folders, and adds what is named."""

    def __init__(self, options: DiscoverOptions) -> None:
        patterns = [*options.exclude, *(DEFAULT_EXCLUDES if options.default_excludes else ())]
        super().__init__(recursive=options.recursive, exclude=patterns)
        self.options = options
        self.calls = TimeLimited()
        self.links = 0
        self.only_links: set[str] = set()

    def listed(self, path: str, source: str | None = None) -> None:
        """Add a path of a list; one that is gone is skipped."""
        try:
            self.argument(path, reference=False, source=source, listed=True)
        except UnreadableArchive as error:
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
            status = self.calls.stat(path)
        except FileNotFoundError:
            inside = find_archive(path)
            if is_url(path) and inside is None:
                self.remote(path, root, reference, archives=self.options.archives)
                return
            if inside is not None:
                path = INSIDE.join(inside)
                if not (listed and self.member(inside[0], path, root)):
                    self.named_archive(*inside, path, reference)
                return
            raise _no_such_path(path) from None
        except ValueError as error:  # an embedded NUL byte
            raise UsageError(f"not a path: {printable(path)}", str(error)) from None
        except OSError as error:
            raise UsageError(
                f"cannot look at {printable(path)}: {error.strerror}",
                "check its mount" if isinstance(error, TimeoutError) else "check its permissions",
            ) from None
        if stat.S_ISDIR(status.st_mode):
            if not self.dataset(path, reference):
                self.folder(path, path, reference)
        elif stat.S_ISREG(status.st_mode) and (unread := unread_archive(path)):
            raise UnreadableArchive(path, unread)
        elif stat.S_ISREG(status.st_mode) and (archive_kind(path) or table_format(path)):
            self.named_archive(path, "", path, reference)
        else:
            self.add(path, status, root, reference, named=True)

    def folder(self, path: str, root: str, reference: bool) -> None:
        """Walk one folder, and each folder below it once, however many links lead there."""
        pending = [path]
        seen: set[tuple[int, int]] = set()
        links, others = self.links, False
        while pending:
            path = pending.pop()
            try:
                if self.options.follow_symlinks:
                    status = self.calls(os.stat, path)
                    identity = (status.st_dev, status.st_ino)
                    if identity in seen:
                        continue
                    seen.add(identity)
                entries = self.calls(self._entries, path, root)
            except OSError as error:
                self.skipped.append(Skipped(path, f"folder cannot be read: {error.strerror}"))
                others = True
                continue
            for inside, met in entries:
                others |= met is not None and may_hold_image(inside)
                try:
                    if isinstance(met, OSError):
                        raise met
                    if met is None:
                        pending.append(inside)
                    elif not (
                        self.options.archives and self.found_archive(inside, root, reference)
                    ):
                        self.add(inside, met, root, reference, named=False)
                except FileNotFoundError:
                    if os.path.islink(inside) and may_hold_image(inside):  # not gone meanwhile
                        self.skipped.append(Skipped(inside, "symbolic link that leads nowhere"))
                except OSError as error:  # an archive that is none is one too
                    reason = error.strerror or str(error)
                    self.skipped.append(Skipped(inside, f"cannot be read: {reason}"))
        if self.links > links and not others:
            self.only_links.add(root)

    def _entries(self, folder: str, root: str) -> list[tuple[str, os.stat_result | OSError | None]]:
        """What lies in a folder and is to be looked at, with its status; None for a folder."""
        found: list[tuple[str, os.stat_result | OSError | None]] = []
        for entry in sorted(os.scandir(folder), key=lambda e: _order(e.name), reverse=True):
            self.calls.step()
            if self.excluded(entry, root):
                continue
            try:
                if entry.is_symlink() and not self.options.follow_symlinks:
                    self.links += 1
                    continue
                if entry.is_dir():
                    if self.options.recursive:
                        found.append((entry.path, None))
                    continue
                # not entry.stat(): on Windows it has neither inode nor device
                found.append((entry.path, os.stat(entry.path)))
            except OSError as error:
                found.append((entry.path, error))
        return found

    def add(
        self, path: str, status: os.stat_result, root: str, reference: bool, *, named: bool
    ) -> None:
        if not stat.S_ISREG(status.st_mode):
            if named or has_name_of_image(path):
                self.skipped.append(Skipped(path, "not a regular file"))
            return
        file = ImageFile.of(path, status, root, reference, named)
        self.keep(file, (status.st_dev, status.st_ino))

    def excluded(self, entry: os.DirEntry[str], root: str) -> bool:
        name = entry.name
        if name == TRASH:
            return True
        if self.options.default_excludes and _hidden_on_windows(entry):
            return True
        below = entry.path[len(root) :].lstrip(os.sep + (os.altsep or "")).replace(os.sep, "/")
        return self.matches_pattern(name, below)


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
        if len(files) == 1:
            yield first
            continue
        links = tuple(f.path for f in files[1:])
        yield replace(first, links=links, named=any(f.named for f in files))


def read_file_list(data: bytes, *, null: bool = False) -> list[str]:
    """Paths from a list, one a line; separated by NUL bytes if `null`, or if it has any.

    Raises
    ------
    UsageError
        It is UTF-16 without a byte order mark, or is not whole.
    """
    encoding = "utf-8-sig" if null else marked_encoding(data[:4])
    if encoding != "utf-8-sig":
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError as error:
            raise UsageError(
                f"the list is no {encoding.upper()}: {error.reason}", "save it as UTF-8"
            ) from None
        data = text.encode("utf-8", "surrogatepass")
    elif not null:
        data = data.removeprefix(codecs.BOM_UTF8)
        if b"\r\0\n" in data:
            raise UsageError("the list is UTF-16 without a byte order mark", "save it as UTF-8")
    if null or b"\0" in data:
        return [os.fsdecode(p) for p in data.split(b"\0") if p]
    return [os.fsdecode(p.removesuffix(b"\r")) for p in data.split(b"\n") if p]
