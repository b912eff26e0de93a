"""Reads the bytes of files, and tells whether they are still those that were read before."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import BinaryIO

from imgsim.types import FileStamp, Picture


class ChangedFile(OSError):
    """The file was written to while it was read, or holds something else than before."""


def read_bytes(path: str, max_bytes: int | None = None) -> tuple[bytes, FileStamp]:
    """Read a whole file, and what the system tells of it.

    Parameters
    ----------
    path : str
    max_bytes : int, optional

    Returns
    -------
    tuple of (bytes, FileStamp)

    Raises
    ------
    OSError
        It cannot be read; `ChangedFile` if it was written to meanwhile.
    ValueError
        It has more than `max_bytes`.
    """
    with open(path, "rb") as stream:
        stamp = _stamp(stream)
        if max_bytes is not None and stamp.size_bytes > max_bytes:
            raise ValueError(f"more than {max_bytes:,} bytes")
        data = stream.read()
        _check_unchanged(stream, stamp)
    return data, stamp


def hash_file(path: str) -> tuple[str, FileStamp]:
    """Compute the sha256 of a file in hexadecimal; else as `read_bytes`."""
    with open(path, "rb") as stream:
        stamp = _stamp(stream)
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
        _check_unchanged(stream, stamp)
    return digest, stamp


def _stamp(stream: BinaryIO) -> FileStamp:
    return FileStamp.of(os.fstat(stream.fileno()))


def _check_unchanged(stream: BinaryIO, stamp: FileStamp) -> None:
    later = _stamp(stream)
    # not the time of the change as well: a name that comes or goes is no other content
    if later[:2] != stamp[:2]:
        raise ChangedFile("it was written to while it was read")


@dataclass(frozen=True, slots=True)
class Content:
    """A file whose content was read before and is needed again; picklable.

    Attributes
    ----------
    path : str
    digest : str
        sha256 of the bytes.
    stamp : FileStamp or None
        A file that has it still is the same; None if only the bytes can tell.
    """

    path: str
    digest: str
    stamp: FileStamp | None = None

    @classmethod
    def of(cls, picture: Picture) -> Content:
        """The content of a picture."""
        file = picture.file
        return cls(file.path, picture.digest, file.stamp if picture.settled else None)

    def read(self) -> bytes:
        """Read the bytes again.

        Raises
        ------
        OSError
            The file cannot be read; `ChangedFile` if it holds something else now.
        """
        data, stamp = read_bytes(self.path)
        if stamp != self.stamp and hashlib.sha256(data).hexdigest() != self.digest:
            raise ChangedFile("it was changed since it was read first")
        return data
