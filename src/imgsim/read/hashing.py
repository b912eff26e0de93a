"""Hashes the content of many files in threads of this process."""

from __future__ import annotations

import hashlib
import queue
import threading
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass

from imgsim.addresses import Address
from imgsim.read.content import check_unchanged, stamp_of
from imgsim.read.files import open_regular, pieces
from imgsim.read.mounts import Mounts
from imgsim.stage_times import current, measuring_into, staged
from imgsim.stamps import FileStamp
from imgsim.types import ImageFile

_CHECK_SECONDS = 0.5


Hashed = tuple[ImageFile, tuple[str, FileStamp] | None, str]


@dataclass(slots=True)
class _Reader:
    """A thread that hashes files; `pieces_read` says whether it moves.

    Attributes
    ----------
    file : ImageFile or None
        In hand.
    pieces_read, seen : int
        So far, and when it was last checked.
    idle : float
        Seconds since it read a piece.
    given_up : bool
        Nobody waits for its file any more.
    """

    file: ImageFile | None = None
    pieces_read: int = 0
    seen: int = 0
    idle: float = 0.0
    given_up: bool = False

    def move(self) -> None:
        """Note that another piece was read."""
        self.pieces_read += 1


class _Hashing:
    """The state of one `hash_files`."""

    def __init__(
        self, files: Sequence[ImageFile], timeout: float, mounts: Mounts | None = None
    ) -> None:
        self.timeout = timeout
        self.mounts = mounts or Mounts((), timeout)
        self.waiting: queue.SimpleQueue[ImageFile] = queue.SimpleQueue()
        for file in files:
            self.waiting.put(file)
        self.results: queue.SimpleQueue[Hashed] = queue.SimpleQueue()
        self.readers: list[_Reader] = []
        self.lock = threading.Lock()
        self.stopped = False
        self.times = current()

    def start_reader(self) -> None:
        reader = _Reader()
        self.readers.append(reader)
        # A daemon: neither Ctrl-C nor the end of the program waits for a disk that hangs
        threading.Thread(target=self._read, args=(reader,), daemon=True).start()

    def _read(self, reader: _Reader) -> None:
        with measuring_into(self.times):
            self._read_all(reader)

    def _read_all(self, reader: _Reader) -> None:
        while not self.stopped:
            try:
                reader.file = self.waiting.get_nowait()
            except queue.Empty:
                break
            reason = self.mounts.why_not(reader.file.path)
            digest = None if reason else self._digest(reader, reader.file)
            with self.lock:
                if reader.given_up:
                    return
                if not reason:
                    self.mounts.was_read(reader.file.path)
                self.results.put((reader.file, digest, reason))
                reader.file = None

    @staged("reading")
    def _digest(self, reader: _Reader, file: ImageFile) -> tuple[str, FileStamp] | None:
        try:
            if isinstance(file.path, Address):
                data, stamp = file.path.read(progress=reader.move)
                return hashlib.sha256(data).hexdigest(), stamp
            digest = hashlib.sha256()
            with open_regular(file.path) as stream:
                reader.move()
                stamp = stamp_of(stream)
                for piece in pieces(stream):
                    if self.stopped:
                        return None
                    digest.update(piece)
                    reader.move()
                check_unchanged(stream, stamp)
            return digest.hexdigest(), stamp
        except OSError:
            return None  # said when it is read to be decoded

    def check_readers(self, seconds: float) -> None:
        """Give up files of which nothing was read for too long; others go on with the rest."""
        hung = []
        for reader in tuple(self.readers):
            moved = reader.pieces_read != reader.seen
            reader.seen = reader.pieces_read
            reader.idle = 0.0 if moved or reader.file is None else reader.idle + seconds
            with self.lock:
                if reader.file is None or reader.idle <= self.timeout:
                    continue
                reader.given_up = True
                reason = f"cannot be read: no progress in {self.timeout:g} s"
                self.results.put((reader.file, None, reason))
                hung.append(reader.file.path)
            self.readers.remove(reader)
        for path in hung:
            self.mounts.gave_up(path)
        for _ in hung:
            self.start_reader()


def hash_files(
    files: Sequence[ImageFile], threads: int, timeout: float, mounts: Mounts | None = None
) -> Generator[Hashed]:
    """Hash the content of files, several at a time.

    A consumer that stops, as at Ctrl-C, waits for none of them.

    Parameters
    ----------
    files : sequence of ImageFile
    threads : int
    timeout : float
        Seconds after which a file of which nothing more could be read is given up.
    mounts : Mounts, optional
        Of these files: those on one that has stopped to answer are given up at once.

    Yields
    ------
    file : ImageFile
        In the order in which they are done.
    content : (str, FileStamp) or None
        sha256 in hexadecimal, and what the system tells of the file; None if it cannot be read, was
        written to meanwhile, or has more than `MAX_FILE_BYTES`.
    reason : str
        Why it is not to be read again in this run, or "".
    """
    hashing = _Hashing(files, timeout, mounts)
    for _ in range(min(threads, len(files))):
        hashing.start_reader()
    checked = time.monotonic()
    left = len(files)
    try:
        while left:
            try:
                result = hashing.results.get(timeout=_CHECK_SECONDS)
            except queue.Empty:
                result = None
            now = time.monotonic()
            if now - checked >= _CHECK_SECONDS:
                # not the full time: the program may have been stopped in between
                hashing.check_readers(min(now - checked, 2 * _CHECK_SECONDS))
                checked = now
            if result is not None:
                left -= 1
                yield result
    finally:
        hashing.stopped = True
