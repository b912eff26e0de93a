"""Files to facts and feature rows: what workers do, one batch at a time."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators.contract import rows_fault
from imgsim.comparators.extractor import Extractor
from imgsim.decode.decoder import Decoder
from imgsim.decode.spec import DecodeError, InputSpec, NeedsMemory
from imgsim.errors import ImgsimError, MethodUnavailable, is_out_of_memory
from imgsim.executors.base import Heartbeat, MoreMemory
from imgsim.read.content import read_bytes
from imgsim.read.files import FileTooLarge
from imgsim.read.mounts import NO_ANSWER
from imgsim.read.spool import Slot, write
from imgsim.stage_times import stage, staged
from imgsim.stamps import FileStamp
from imgsim.types import ImageFacts

_AT_ONCE = 64
"""Images that go through the extractors together, while others are decoded."""


@dataclass(frozen=True, slots=True)
class Extracted:
    """The outcome of reading one file.

    Attributes
    ----------
    digest : str or None
        sha256 of the bytes; None if they could not be read.
    facts : ImageFacts or None
        None if it is no image that can be read.
    reason : str
        Why not.
    lasting : bool
        The reason lies in the content, not in this run's limits.
    identified : bool
        It is an image of some kind, even if not a readable one.
    opened : bool
        The file itself could be read; if not, a copy of it elsewhere may be.
    rows : tuple of ndarray
        One per extractor, of its shape and dtype.
    seconds : float
        Spent in decoding.
    slot : Slot or None
        Where the pixels lie that verification needs again.
    stamp : FileStamp or None
        Of the file when it was read.
    """

    digest: str | None
    facts: ImageFacts | None
    reason: str = ""
    lasting: bool = True
    identified: bool = True
    opened: bool = True
    rows: tuple[NDArray[Any], ...] = ()
    seconds: float = 0.0
    slot: Slot | None = None
    stamp: FileStamp | None = None


@dataclass(frozen=True, slots=True)
class ExtractBatch:
    """Files to decode, and the extractors to run over them; picklable.

    Attributes
    ----------
    threads : int
        Files decoded at a time, ahead of the extractors.
    spool : str
        The file for pixels that verification needs again, or "" to keep none.
    """

    paths: tuple[str, ...]
    extractors: tuple[Extractor, ...]
    decoder: Decoder
    threads: int = 1
    spool: str = ""

    def __len__(self) -> int:
        return len(self.paths)

    def part(self, start: int, stop: int) -> ExtractBatch:
        """A batch of some of the files."""
        return replace(self, paths=self.paths[start:stop])

    def failure(self, reason: str) -> Extracted:
        """The outcome of a file whose worker died, or whose mount does not answer."""
        opened = not reason.startswith(NO_ANSWER)  # if not, a copy of it elsewhere may be
        return Extracted(None, None, reason, lasting=False, opened=opened)

    def with_memory(self, size_bytes: int) -> ExtractBatch:
        """The same files, one at a time, each of which may take so many bytes."""
        return replace(self, threads=1, decoder=replace(self.decoder, share=size_bytes))

    def run(self, heartbeat: Heartbeat) -> list[Extracted | MoreMemory]:
        """Read, decode and extract; `heartbeat` is called after each file."""
        wants = tuple(dict.fromkeys(e.wants for e in self.extractors))
        results: list[Extracted | MoreMemory] = []
        waiting: list[tuple[int, Extracted, dict[InputSpec, NDArray[np.uint8]]]] = []

        again = next((e.wants for e in self.extractors if e.needs_pixels_again), None)

        def extract() -> None:
            heartbeat.pause_time_limit()
            slots: list[Slot | None] = [None] * len(waiting)
            if again is not None and self.spool:
                slots = write(self.spool, [pixels[again][..., 0] for _, _, pixels in waiting])
            columns = [
                _extract(e, [pixels[e.wants] for _, _, pixels in waiting]) for e in self.extractors
            ]
            for place, (i, extracted, _) in enumerate(waiting):
                rows = tuple(column[place] for column in columns)
                results[i] = replace(extracted, rows=rows, slot=slots[place])
            waiting.clear()

        with self._map() as over:
            for result, images in over(
                lambda path: self._read(path, wants, heartbeat.reading), self.paths
            ):
                results.append(result)
                if images is not None and isinstance(result, Extracted):
                    waiting.append((len(results) - 1, result, images))
                if len(waiting) >= _AT_ONCE:
                    extract()
                heartbeat()
        extract()
        return results

    @contextmanager
    def _map(self) -> Iterator[Callable[..., Iterator[Any]]]:
        """`map`, in as many threads; with one, nothing is gained by handing over to it."""
        if self.threads == 1:
            yield map
            return
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(self.threads) as pool:
            yield pool.map

    def _read(
        self, path: str, wants: Sequence[InputSpec], progress: Callable[[], object]
    ) -> tuple[Extracted | MoreMemory, dict[InputSpec, NDArray[np.uint8]] | None]:
        try:
            data, stamp = read_bytes(path, self.decoder, progress)
        except NeedsMemory as error:
            return MoreMemory(error.size_bytes), None
        except DecodeError as error:
            return Extracted(None, None, str(error), error.lasting), None
        except FileTooLarge as error:
            return Extracted(None, None, str(error.strerror), lasting=False), None
        except MemoryError:
            return Extracted(None, None, "not enough memory to read it", lasting=False), None
        except OSError as error:
            reason = f"cannot be read: {error.strerror or error}"
            return Extracted(None, None, reason, lasting=False, opened=False), None
        with stage("reading"):
            digest = hashlib.sha256(data).hexdigest()
        started = time.perf_counter()
        try:
            decoded = self.decoder(data, wants)
        except NeedsMemory as error:
            return MoreMemory(error.size_bytes), None
        except DecodeError as error:
            failed = Extracted(digest, None, str(error), error.lasting, error.identified)
            return replace(failed, stamp=stamp), None
        seconds = time.perf_counter() - started
        return Extracted(digest, decoded.facts, seconds=seconds, stamp=stamp), decoded.images


@staged("features")
def _extract(extractor: Extractor, images: list[NDArray[np.uint8]]) -> list[NDArray[Any]]:
    """Rows of some images; those of one size go through the extractor together."""
    rows: list[Any] = [None] * len(images)
    sizes: dict[tuple[int, ...], list[int]] = {}
    for i, image in enumerate(images):
        sizes.setdefault(image.shape, []).append(i)
    for members in sizes.values():
        made = checked_rows(extractor, np.stack([images[i] for i in members]))
        for i, row in zip(members, made, strict=True):
            rows[i] = row
    return rows


def checked_rows(extractor: Extractor, images: NDArray[np.uint8]) -> NDArray[Any]:
    """Compute the rows of images of one size; those of other packages are checked.

    Parameters
    ----------
    extractor : Extractor
    images : ndarray of uint8, shape (n, height, width, channels)

    Returns
    -------
    ndarray of the extractor's dtype, shape (n, \\*extractor.shape)

    Raises
    ------
    MethodUnavailable
        They are not as declared, or there are none.
    """
    if type(extractor).__module__.startswith("imgsim."):
        return extractor.extract(images)
    images = images.view()
    images.flags.writeable = False  # what is written there would make other rows of them
    try:
        rows = extractor.extract(images)
        fault = rows_fault(extractor, rows, images)
    except ImgsimError:
        raise
    except (Exception, SystemExit) as error:  # which would end a worker, or the run
        if is_out_of_memory(error):
            raise
        fault = f"failed: {' '.join(f'{type(error).__name__}: {error}'.split())}"
    if fault:
        raise MethodUnavailable(
            f"method {extractor.name} {fault}", f"tell its author ({type(extractor).__module__})"
        )
    return rows
