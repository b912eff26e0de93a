"""Makes the pictures that the page asks for, and remembers the last ones."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from typing import Literal

from imgsim.errors import ImgsimError
from imgsim.executors.base import Executor
from imgsim.read.content import Content
from imgsim.read.options import RunOptions
from imgsim.review.images import SIDES, ImageWork, Made, Part, Size, placeholder
from imgsim.types import Member, Picture

CACHE_BYTES = 128 << 20
"""JPEGs that are remembered; the page's own cache has them too."""

_MOST_WORKERS = 4
_LEAST_WORKERS = 3
_LARGE_BYTES = 120 << 20
_LARGE_FILE = 24 << 20


class ImageService:
    """Makes pictures, several at a time; a large file does not hold up the others.

    Thumbnails come from all workers but the first, which is kept for crops: it remembers the
    pixels of the picture that the last one was made of. Who asks should ask for one large picture
    at a time, see `is_large`, so that a worker is left for the others.

    Parameters
    ----------
    options : RunOptions
        Its limits hold as for all that is read.
    """

    def __init__(self, options: RunOptions) -> None:
        workers = min(_MOST_WORKERS, max(_LEAST_WORKERS, options.jobs))
        self._options = replace(options, jobs=1)
        share = max(1, options.max_memory // workers)
        self._limits = replace(options.make_decoder(), share=share)
        self._closed = False
        self._lanes = [self._open() for _ in range(workers)]
        self._free = list(range(1, workers))
        self._changed = threading.Condition()
        self._crops = threading.Lock()
        self._large = threading.Lock()
        self._made: OrderedDict[Hashable, bytes] = OrderedDict()
        self._bytes = 0
        self._waiting: dict[Hashable, threading.Event] = {}

    def _open(self) -> Executor:
        return self._options.open_executor(1, keep=True)

    def start(self) -> None:
        """Start the workers, and let them load what they need, before a picture is asked for."""
        placeholder("", SIDES[0])  # two threads that load Pillow at once get in each other's way
        nothing = ImageWork("nothing", Content("", ""), Size(1, 1), SIDES[0], self._limits)
        if self._options.executor == "threads":
            self._warm_up(0, nothing)
            return
        for lane in range(len(self._lanes)):
            threading.Thread(target=self._warm_up, args=(lane, nothing), daemon=True).start()

    def _warm_up(self, lane: int, work: ImageWork) -> None:
        with suppress(ImgsimError, StopIteration):  # said when a picture is asked for
            if lane == 0:
                with self._crops:
                    self._run(lane, work)
            else:
                self._make(work)

    def thumbnail(self, picture: Picture, side: int) -> Made:
        """Return a picture whose longer side has `side` pixels at most."""
        work = ImageWork("thumbnail", Content.of(picture), size_of(picture), side, self._limits)
        return self._get(("thumbnail", picture.digest, side), work)

    def crop(self, picture: Picture, part: Part) -> Made:
        """Return a part of a picture, at its own size or smaller."""
        work = ImageWork(
            "crop", Content.of(picture), size_of(picture), 0, self._limits, region=part
        )
        return self._get(("crop", picture.digest, part), work)

    def laid(
        self, kind: Literal["aligned", "difference"], kept: Picture, member: Member, side: int
    ) -> Made:
        """Return a file as it lies upon the kept one, or where the two differ."""
        other = member.picture
        work = ImageWork(
            kind, Content.of(other), size_of(other), side, self._limits, None,
            Content.of(kept), size_of(kept), matrix_between(kept, member),
        )  # fmt: skip
        return self._get((kind, kept.digest, other.digest, side), work)

    def _get(self, key: Hashable, work: ImageWork) -> Made:
        """Make a picture, or take the one that was made; who asks for the same meanwhile waits."""
        while True:
            with self._changed:
                if (known := self._made.get(key)) is not None:
                    self._made.move_to_end(key)
                    return Made(known)
                own = self._waiting.get(key)
                if own is None:
                    self._waiting[key] = threading.Event()
                    break
            own.wait()
        try:
            made = self._make(work)
            with self._changed:
                if made.jpeg:
                    self._keep(key, made.jpeg)
            return made
        finally:
            with self._changed:
                self._waiting.pop(key).set()

    def _keep(self, key: Hashable, jpeg: bytes) -> None:
        self._made[key] = jpeg
        self._bytes += len(jpeg)
        while self._bytes > CACHE_BYTES:
            self._bytes -= len(self._made.popitem(last=False)[1])

    def _make(self, work: ImageWork) -> Made:
        if work.kind == "crop":
            with self._crops:
                return self._run(0, work)
        with self._changed:
            while not self._free:
                self._changed.wait()
            lane = self._free.pop()
        try:
            return self._run(lane, work)
        finally:
            with self._changed:
                self._free.append(lane)
                self._changed.notify()

    def _run(self, lane: int, work: ImageWork) -> Made:
        if self._closed:
            return Made(b"", "the review has ended")
        with closing(self._lanes[lane].run([work])) as results:
            made: Sequence[object] = next(results)[1]
        if isinstance(made[0], Made):
            return made[0]
        # more than a share: such files are decoded one at a time
        needed = getattr(made[0], "size_bytes", 0)
        with self._large, closing(self._lanes[lane].run([work.with_memory(needed)])) as results:
            made = next(results)[1]
        return made[0] if isinstance(made[0], Made) else Made(b"", "it needs too much memory")

    def close(self) -> None:
        """End the workers."""
        self._closed = True
        for executor in self._lanes:
            executor.close()


def is_large(picture: Picture) -> bool:
    """Whether a picture takes seconds to decode."""
    if picture.facts.decode_bytes:
        return picture.facts.decode_bytes > _LARGE_BYTES
    return picture.file.size_bytes > _LARGE_FILE  # nothing is known of it yet


def size_of(picture: Picture) -> Size:
    """Return the size of a picture."""
    return Size(picture.facts.width, picture.facts.height)


def matrix_between(kept: Picture, member: Member) -> tuple[float, ...]:
    """Return what maps pixels of a member to those of the kept file, row by row.

    Without a known transform the whole lies upon the whole, see `documents.can_be_aligned`.
    """
    if member.transform is not None:
        return tuple(x for row in member.transform.matrix for x in row)
    across = kept.facts.width / max(1, member.picture.facts.width)
    along = kept.facts.height / max(1, member.picture.facts.height)
    return (across, 0.0, 0.0, 0.0, along, 0.0, 0.0, 0.0, 1.0)
