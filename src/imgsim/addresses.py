"""The names of pictures that are no files of their own.

A picture is named by a text: a path, or an `Address`, which is a text too and also knows how the
bytes are had. So it goes wherever a path goes: through batches into worker processes (it is
picklable), as a key of what is known of the picture, into rankings and reports, which show it as
it stands. Only what opens files has to ask whether a path is an `Address`: `read/content.py`,
`read/files.py` and `read/hashing.py` do, and everything reads through these. An address is no
instruction: a text from outside becomes one only by listing what it names.

- **Kinds.** `ArchiveMember`, `TableRow`, `RemoteObject` and `MemoryPicture`. A new place in which
  pictures lie is another kind, that `read/walk.py` makes.
- **Name.** Of what lies in a file the path of that, ``!/``, and the name inside:
  ``shop.zip!/a/1.jpg``, ``train.parquet!/17``. In an archive in an archive:
  ``all.zip!/shop.cbz!/1.jpg``. A folder inside is named likewise, without the last part. An object
  has its URL, a picture in memory what the caller calls it.
- **Stamp.** `FileStamp` of a member or a row has its own size and date, and the times and the
  identity of the file on disk, which with its place and name at each level (file, archive in the
  archive, member) make its identity; without an inode the file's path counts too. While that file
  is not written to, a member's stamp stays the same; when it is, every member gets another stamp,
  and its bytes have to tell. An object's has its date and tag, and is never believed when it is
  read once more; a picture's in memory has its content.
- **Reading.** By the place in the file, without its list of members, which was read once. What is
  compressed as a whole stays open in each thread, to be read on from: pictures are read in the
  order of `read_order`. Nothing is written to disk. A file that was changed since gives other
  bytes, which are noticed by check sums in it, or by the digest that was taken first
  (`Content.read`).
- **Cache.** By content, as all pictures, and by name and stamp, as all files.
- **Acting.** Nothing is written to, moved or deleted by an address, and what holds it is never
  touched: `Member.removable` is false for it, and a plan names neither it nor what it was kept for,
  so nothing that carries out plans, moves, links or writes scripts ever sees one.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from imgsim.escapes import escaped
from imgsim.stamps import FileStamp

INSIDE = "!/"
"""Stands between the name of what holds a picture and the picture's own."""


class Address(str):
    """Where a picture lies that is no file of its own; the text is its name. Picklable."""

    __slots__ = ()

    @property
    def container(self) -> str:
        """The file on disk that holds the picture; empty if none does."""
        raise NotImplementedError

    @property
    def read_order(self) -> tuple[int, ...]:
        """Sorted by this, pictures of one container are read from its beginning to its end."""
        return ()

    @property
    def stamp(self) -> FileStamp:
        """The stamp that it had when it was listed."""
        raise NotImplementedError

    @property
    def stamp_is_current(self) -> bool:
        """Whether the stamp that `read` returns is that of the content which it returns."""
        return True

    def read(
        self,
        check_size: Callable[[int], object] | None = None,
        progress: Callable[[], object] | None = None,
    ) -> tuple[bytes, FileStamp]:
        """Return the bytes of the picture, and its stamp.

        Parameters
        ----------
        check_size : callable, optional
            Called with the number of bytes before they are read; raises if they are too many.
        progress : callable, optional
            Called after each piece of a long read.

        Raises
        ------
        OSError
            They cannot be read.
        """
        raise NotImplementedError


def container_of(path: str) -> str:
    """Return the file on disk that holds a picture; empty for a file, and if none does."""
    return path.container if isinstance(path, Address) else ""


def can_be_read(path: str) -> bool:
    """Return whether the system lets this program read a picture."""
    if not isinstance(path, Address):
        return os.access(path, os.R_OK)
    return not path.container or os.access(path.container, os.R_OK)


def read_order(path: str) -> tuple[str, tuple[int, ...]]:
    """Return a key that keeps files as they are and puts those of a container in its order."""
    return (path.container, path.read_order) if isinstance(path, Address) else ("", ())


def absolute(path: str) -> str:
    """Return a path by which a picture is found from every folder."""
    own = isinstance(path, Address) and not path.container
    return str(path) if own else os.path.abspath(path)


def folder_of(path: str) -> str:
    """Return the folder that a picture lies in, or the container."""
    folder = os.path.dirname(path)
    return folder.removesuffix(INSIDE[0]) if isinstance(path, Address) else folder


def as_path(path: str) -> str:
    """Return a path in which containers look like folders, to be matched with patterns."""
    return path.replace(INSIDE, "/") if isinstance(path, Address) else path


def printable(path: str) -> str:
    """A path as it can be shown: what is not seen, and bytes that are no text, as escapes."""
    return escaped(os.fsencode(path).decode("utf-8", "surrogateescape"))
