"""Reads the bytes of files, and tells whether they are still those that were read before."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import BinaryIO, Self

from imgsim.addresses import Address
from imgsim.decode.decoder import Decoder
from imgsim.errors import is_out_of_memory
from imgsim.executors.limit import NO_MEMORY
from imgsim.read.files import check_size, open_regular, read_stream
from imgsim.stage_times import staged
from imgsim.stamps import FileStamp
from imgsim.types import Picture


class ChangedFile(OSError):
    """The file was written to while it was read, or holds something else than before."""


@staged("reading")
def read_bytes(
    path: str, decoder: Decoder | None = None, progress: Callable[[], object] | None = None
) -> tuple[bytes, FileStamp]:
    """Read a whole file, and what the system tells of it.

    Parameters
    ----------
    path : str
    decoder : Decoder, optional
        Its limits of memory hold for the bytes too.
    progress : callable, optional
        Called after each piece of a large file but the last.

    Returns
    -------
    tuple of (bytes, FileStamp)

    Raises
    ------
    OSError
        It cannot be read; `ChangedFile` if it was written to meanwhile, `FileTooLarge` if it has
        more than `MAX_FILE_BYTES`.
    DecodeError, NeedsMemory
        It has more bytes than a limit of the decoder.
    """
    if isinstance(path, Address):
        return path.read(None if decoder is None else decoder.check_memory, progress)
    with open_regular(path) as stream:
        stamp = stamp_of(stream)
        check_size(stamp.size_bytes)
        if decoder is not None:
            decoder.check_memory(stamp.size_bytes)
        data = read_stream(stream, progress, stamp.size_bytes)
        check_unchanged(stream, stamp)
    return data if decoder is None else decoder.unpacked(data), stamp


def stamp_of(stream: BinaryIO) -> FileStamp:
    """Return what the system tells of an open file."""
    return FileStamp.of(os.fstat(stream.fileno()))


def check_unchanged(stream: BinaryIO, stamp: FileStamp) -> None:
    """Raise `ChangedFile` if an open file was written to since its stamp was taken."""
    later = stamp_of(stream)
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
        current = not isinstance(file.path, Address) or file.path.stamp_is_current
        stamp = file.stamp if picture.settled and current else None
        return cls(file.path, picture.digest, stamp)

    def read(
        self, decoder: Decoder | None = None, progress: Callable[[], object] | None = None
    ) -> bytes:
        """Read the bytes again, as `read_bytes` does.

        Raises
        ------
        OSError
            The file cannot be read; `ChangedFile` if it holds something else now.
        """
        data, stamp = read_bytes(self.path, decoder, progress)
        if stamp != self.stamp and hashlib.sha256(data).hexdigest() != self.digest:
            raise ChangedFile("it was changed since it was read first")
        return data


GONE = "it is gone, or was changed meanwhile"
"""Why a file cannot be read again whose content is known."""


def why_not_again(error: Exception) -> str:
    """Say why a file that could be read before cannot be any more.

    Parameters
    ----------
    error : DecodeError, OSError or MemoryError
    """
    if is_out_of_memory(error):
        return f"{NO_MEMORY} to decode it"
    if isinstance(error, OSError):
        return GONE
    return str(error)


@dataclass(frozen=True, slots=True)
class ContentBatch:
    """Files that were read before and are read again in a worker; picklable.

    What is done with them is `run` and `failure` of a `Batch`, which subclasses add.

    Attributes
    ----------
    contents : tuple of Content
    limits : Decoder
    needs : tuple of int
        Bytes that each takes; empty where only decoding tells.
    """

    contents: tuple[Content, ...]
    limits: Decoder
    needs: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.contents)

    def part(self, start: int, stop: int) -> Self:
        """A batch of some of the files."""
        some = slice(start, stop)
        return replace(self, contents=self.contents[some], needs=self.needs[some])

    def with_memory(self, size_bytes: int) -> Self:
        """The same files, each of which may take so many bytes."""
        return replace(self, limits=replace(self.limits, share=size_bytes))
