"""Opens what lies below a root, part by part, and hashes it."""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from imgsim.act.files import FileSystem, Folder, Status
from imgsim.act.plan import PlannedFile
from imgsim.errors import UsageError
from imgsim.read.discover import printable

_PIECE = 1 << 20


class Different(Exception):
    """A file is not what the plan says it is, or must not be touched; the text says why.

    Attributes
    ----------
    reason : str
        Short, the same for all files of its kind: reasons are counted.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Gone(Different):
    """A file is in none of its two places: somebody else removed it."""


@contextmanager
def locked_tree(fs: FileSystem, root: str) -> Iterator[None]:
    """Let no other process, be it of another user, act on the same files meanwhile.

    Raises
    ------
    UsageError
        One does.
    """
    lock = fs.lock_tree(root)
    if lock is None:
        raise UsageError(
            f"another imgsim works on files below or above {printable(root)}",
            "wait until it is done",
        )
    try:
        yield
    finally:
        lock.close()


@contextmanager
def folder_of(
    fs: FileSystem,
    root: Folder,
    path: bytes,
    *,
    make: bool = False,
    modes: Sequence[int] = (),
) -> Iterator[tuple[Folder, bytes]]:
    """Open the folder in which a path below the root lies; links are not followed.

    Parameters
    ----------
    fs : FileSystem
    root : Folder
    path : bytes
    make : bool
        Make the folders that are missing, so that they outlast a power cut.
    modes : sequence of int
        Permissions of the folders on the path, for those that are made; others get no access to
        the rest.

    Yields
    ------
    tuple of (Folder, bytes)
        The folder, open within the ``with`` statement, and the name in it.

    Raises
    ------
    OSError
    """
    *above, name = path.split(b"/")
    opened: list[Folder] = []
    folder = root
    try:
        for depth, part in enumerate(above):
            try:
                inner = fs.enter(folder, part)
            except FileNotFoundError:
                if not make:
                    raise
                inner = _made(fs, folder, part, modes[depth] if depth < len(modes) else None)
            except OSError as error:
                if error.errno in (errno.ENOTDIR, errno.ELOOP) and _is_link(fs, folder, part):
                    why = "a folder in its path is a symbolic link"
                    raise NotADirectoryError(errno.ENOTDIR, why) from None
                raise
            opened.append(inner)
            folder = inner
        yield folder, name
    finally:
        for one in reversed(opened):
            fs.leave(one)


def _is_link(fs: FileSystem, folder: Folder, name: bytes) -> bool:
    try:
        return fs.status(folder, name).is_link
    except OSError:
        return False


def _made(fs: FileSystem, folder: Folder, name: bytes, mode: int | None) -> Folder:
    """Make a folder, and open it."""
    try:
        fs.make_folder(folder, name)
    except FileExistsError:  # another program was faster
        mode = None
    inner = fs.enter(folder, name)
    if mode is not None:
        with suppress(OSError):  # it is there, and closed to others
            fs.set_folder_mode(inner, mode)
    fs.sync_folder(folder)
    return inner


@dataclass(slots=True)
class OpenFile:
    """A regular file that was opened and hashed; close it.

    Attributes
    ----------
    fs : FileSystem
    file : int
    status : Status
        When it was hashed.
    sha256 : str
    """

    fs: FileSystem
    file: int
    status: Status
    sha256: str

    def close(self) -> None:
        """Close it."""
        self.fs.close(self.file)

    def is_at(self, folder: Folder, name: bytes) -> bool:
        """Return whether the name is one of this file, and nobody wrote to it since."""
        try:
            at = self.fs.status(folder, name)
            now = self.fs.file_status(self.file)
        except OSError:
            return False
        return at.is_unchanged(self.status) and now.is_unchanged(self.status)


def open_hashed(fs: FileSystem, folder: Folder, name: bytes, size: int | None = None) -> OpenFile:
    """Open a file without following a link, and hash its content.

    Parameters
    ----------
    fs : FileSystem
    folder : Folder
    name : bytes
    size : int, optional
        Bytes that it should have; one of another size is not read.

    Raises
    ------
    Different
        It is no regular file, of another size, or was written to meanwhile.
    OSError
    """
    if not fs.status(folder, name).is_file:  # before it is opened: devices act on that
        raise Different("not a regular file")
    file = fs.open_file(folder, name)
    try:
        status = fs.file_status(file)
        if not status.is_file:
            raise Different("not a regular file")
        if size is not None and status.size_bytes != size:
            raise Different("its size has changed")
        digest = hashlib.sha256()
        read = 0
        while piece := fs.read(file, _PIECE):
            digest.update(piece)
            read += len(piece)
            if read > status.size_bytes:
                break
        if read != status.size_bytes or not fs.file_status(file).is_unchanged(status):
            raise Different("it is being written to")
    except BaseException:
        fs.close(file)
        raise
    return OpenFile(fs, file, status, digest.hexdigest())


def open_planned(fs: FileSystem, folder: Folder, name: bytes, planned: PlannedFile) -> OpenFile:
    """Open a file that has to be as it was planned, see `open_hashed`.

    Raises
    ------
    Different
        Its content or size is another.
    OSError
    """
    opened = open_hashed(fs, folder, name, planned.size_bytes)
    if opened.sha256 != planned.sha256:
        opened.close()
        raise Different("its content has changed")
    return opened


def reason_of(error: OSError | Different) -> str:
    """Return why a file cannot be dealt with, in a few words."""
    if isinstance(error, Different):
        return error.reason
    if isinstance(error, FileNotFoundError):
        return "it is gone"
    return error.strerror or type(error).__name__
