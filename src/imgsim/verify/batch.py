"""Verification of many pairs: what workers do, one batch at a time."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import chain
from typing import Any, Self, TypeVar, cast

import numpy as np

from imgsim.comparators.local import LONG_SIDE, ORIENTATIONS, LocalFeatures, records
from imgsim.decode.damage import hidden_fault
from imgsim.decode.decoder import Decoder
from imgsim.decode.spec import DecodeError, DecodeMode, InputSpec, NeedsMemory
from imgsim.errors import ImgsimError, is_out_of_memory
from imgsim.executors.base import Heartbeat, MoreMemory
from imgsim.executors.limit import CRASHED, NO_MEMORY
from imgsim.propose.hashes import HASH_RADIUS
from imgsim.read.content import Content, read_bytes
from imgsim.read.spool import Slot
from imgsim.stage_times import staged
from imgsim.types import Verdict
from imgsim.verify.colour_details import half_size
from imgsim.verify.figures import judge_figures
from imgsim.verify.frames import with_frames
from imgsim.verify.in_place import Screen
from imgsim.verify.judge import NOT_ALIGNED, judge, judge_negative, match_in_place
from imgsim.verify.keypoints import Keypoints, matrices_from_keypoints
from imgsim.verify.limits import LIMITS
from imgsim.verify.matrix import Grey, Matrix, inverse, orientation_matrix, rescale
from imgsim.verify.multiscale import MultiscaleImage
from imgsim.verify.needed import ALL, Needed
from imgsim.verify.other_shot import is_another_shot
from imgsim.verify.small import Pixels

T = TypeVar("T", Pixels, Screen)

_KEPT_BYTES = 24 << 20
_SMALL = replace(LocalFeatures().wants, colour="grey")
_RGB = replace(LocalFeatures().wants, colour="rgb")
_FINE = InputSpec(0, 0, "grey", at_least=LIMITS.fine_decoded_side, at_most=LIMITS.fine_side)
_HALF = -3
"""Stands for the size of `PixelSource.detail_colours`."""
_FIGURE = InputSpec(0, 0, "rgb", at_least=LIMITS.detail_decoded_side, at_most=LIMITS.figure_side)
_DETAIL_RGB = replace(_FIGURE, at_most=LIMITS.detail_side)
_HALF_COLOURS = InputSpec(
    0, 0, "ycbcr", at_least=LIMITS.detail_decoded_side // 2, at_most=LIMITS.detail_side // 2
)
_DETAIL = InputSpec(0, 0, "grey", at_least=LIMITS.detail_decoded_side, at_most=LIMITS.detail_side)

CHANGED = "one of the two is gone, or was changed meanwhile"
"""Why two files cannot be compared that could be read before."""

_REASONS = {
    CRASHED: "the worker that compared them was killed",
    f"{NO_MEMORY} to decode it": f"{NO_MEMORY} to compare them",
}
"""What the reasons why an item ended its worker are where that is a pair."""


@dataclass(frozen=True, slots=True)
class Hypotheses:
    """How one image may lie upon another, as the proposal says.

    Attributes
    ----------
    orientations : tuple of int
        Places in `ORIENTATIONS` under which the hashes agree.
    keypoints, mirrored : bool
        Keypoints agree, or do so in a mirror.
    negative : bool
        The hash of one agrees with that of the other's negative.
    inset : bool
        It agrees with that of a picture that is set into the other.
    figure : bool
        Both are figures on an even ground, and nearly equal when small.
    """

    orientations: tuple[int, ...]
    keypoints: bool
    mirrored: bool
    negative: bool = False
    inset: bool = False
    figure: bool = False


@dataclass(frozen=True, slots=True)
class Pair:
    """Two images to verify; the numbers are places among the batch's files.

    `frames` is set if they have further frames, which have to agree too; `matrix` is another
    hypothesis, row by row, to be tried first.
    """

    left: int
    right: int
    hypotheses: Hypotheses
    frames: bool = False
    matrix: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """The verdict on a pair.

    Attributes
    ----------
    verdict : Verdict
    reason : str
        Why the pair could not be compared: a file was gone, say, or the worker crashed. Empty if it
        was; then the verdict follows from the contents, and may be cached.
    crashed : bool
        The worker crashed, or memory was short.
    """

    verdict: Verdict
    reason: str = ""
    crashed: bool = False

    @classmethod
    def of_error(cls, error: OSError) -> Self:
        """The outcome of a pair of which one file cannot be read any more."""
        crashed = is_out_of_memory(error)
        return cls(NOT_ALIGNED, f"{NO_MEMORY} to compare them" if crashed else CHANGED, crashed)

    @classmethod
    def of_fault(cls, error: Exception) -> Self:
        """The outcome of a pair whose comparison failed: a bug that must not cost all others."""
        import traceback

        place = traceback.extract_tb(error.__traceback__)[-1]
        text = " ".join(f"{type(error).__name__}: {error}".split())
        where = f"{os.path.basename(place.filename)}, line {place.lineno}"
        return cls(NOT_ALIGNED, f"internal error, to be reported: {text} ({where})")

    @classmethod
    def of_dead_worker(cls, reason: str) -> Self:
        """The outcome of a pair that ended its worker twice, the second time by itself."""
        crashed = reason.startswith((CRASHED, NO_MEMORY))  # it took too long otherwise
        for of_file, of_pair in _REASONS.items():
            reason = reason.replace(of_file, of_pair, 1)
        return cls(NOT_ALIGNED, reason, crashed)


@dataclass(frozen=True, slots=True)
class VerifyBatch:
    """Pairs of some files; picklable.

    Attributes
    ----------
    paths : tuple of str
    rows : tuple of bytes
        Of `LocalFeatures`, one per path.
    pairs : tuple of Pair
    decoder : Decoder
    slots : tuple of Slot or None
        Where the small images of the paths were kept, or empty.
    contents : tuple of Content
        What the paths held when they were read first; empty if that does not matter.
    needed : Needed
        What has to be told of the pairs; of those with further frames it is all.
    """

    paths: tuple[str, ...]
    rows: tuple[bytes, ...]
    pairs: tuple[Pair, ...]
    decoder: Decoder
    slots: tuple[Slot | None, ...] = ()
    contents: tuple[Content, ...] = ()
    needed: Needed = ALL

    def __len__(self) -> int:
        return len(self.pairs)

    def part(self, start: int, stop: int) -> VerifyBatch:
        """A batch of some of the pairs."""
        return replace(self, pairs=self.pairs[start:stop])

    def failure(self, reason: str) -> Outcome:
        """The outcome of a pair whose worker died."""
        return Outcome.of_dead_worker(reason)

    def with_memory(self, size_bytes: int) -> VerifyBatch:
        """The same pairs; each of their files may take so many bytes, one at a time."""
        return replace(self, decoder=replace(self.decoder, share=size_bytes))

    @staged("verifying")
    def run(self, heartbeat: Heartbeat) -> list[Outcome | MoreMemory]:
        """Verify every pair; `heartbeat` is called after each."""
        import cv2

        cv2.setNumThreads(1)  # there is a worker for every core
        kept = zip(self.paths, self.slots, strict=False)
        source = PixelSource(
            self.decoder,
            {path: slot for path, slot in kept if slot},
            {content.path: content for content in self.contents},
            heartbeat.reading,
        )
        size = LocalFeatures().shape
        rows = [records(np.frombuffer(row, np.uint8).reshape(1, *size))[0] for row in self.rows]
        keypoints = cache(lambda number: Keypoints.of(rows[number]))
        views = [_multiscale(source, path, row) for path, row in zip(self.paths, rows, strict=True)]
        outcomes: list[Outcome | MoreMemory] = []
        for pair in self.pairs:
            left, right = pair.left, pair.right
            hypotheses = hypothetical_matrices(pair, rows[left], rows[right], keypoints)
            first = next(hypotheses, None)
            if first is None and not (pair.hypotheses.negative or pair.hypotheses.figure):
                # most that was proposed by chance: no pixels are needed
                outcomes.append(Outcome(NOT_ALIGNED))
                heartbeat()
                continue
            try:
                verdict = NOT_ALIGNED
                if first is not None:
                    # the residual of the frames takes the place of that of the first ones
                    needed = ALL if pair.frames else self.needed
                    ways = chain([first], hypotheses)
                    verdict = judge(views[left], views[right], ways, needed)
                if pair.hypotheses.negative and verdict is NOT_ALIGNED:
                    verdict = judge_negative(views[left], views[right])
                if pair.hypotheses.figure and not verdict.residual <= 1:
                    both = (source.figure(self.paths[i]) for i in (left, right))
                    verdict = min(verdict, judge_figures(*both), key=lambda one: one.residual)
                if verdict.overlay > 0 and match_in_place(verdict):
                    files = [source.content(self.paths[i]) for i in (left, right)]
                    if is_another_shot(files[0], files[1], self.decoder):
                        verdict = replace(verdict, residual=LIMITS.edited_difference)
                if pair.frames and np.isfinite(verdict.residual):
                    files = [source.content(self.paths[i]) for i in (left, right)]
                    verdict = with_frames(verdict, files[0], files[1], self.decoder)
                outcomes.append(Outcome(verdict))
            except NeedsMemory as error:
                outcomes.append(MoreMemory(error.size_bytes))
            except OSError as error:  # it could be read before
                outcomes.append(Outcome.of_error(error))
            except DecodeError as error:
                outcomes.append(Outcome(NOT_ALIGNED, str(error), not error.lasting))
            except Exception as error:
                if is_out_of_memory(error) or isinstance(error, ImgsimError):
                    raise
                outcomes.append(Outcome.of_fault(error))
            heartbeat()
        return outcomes


def hypothetical_matrices(
    pair: Pair, left: Any, right: Any, keypoints: Callable[[int], Keypoints]
) -> Iterator[Matrix]:
    """Yield the matrices by which two images may lie upon each other.

    Parameters
    ----------
    pair : Pair
    left, right : record of dtype `comparators.local.LAYOUT`
    keypoints : callable
        Returns the keypoints of a place of the pair.

    Yields
    ------
    Matrix
        ndarray of float64, shape (3, 3).
    """
    hypotheses = pair.hypotheses
    if pair.matrix:
        yield np.array(pair.matrix).reshape(3, 3)
    for i in hypotheses.orientations:
        yield orientation_matrix(ORIENTATIONS[i])
    if hypotheses.inset:
        yield from _as_insets(left, right)
    for mirrored in (False, True):
        if hypotheses.mirrored if mirrored else hypotheses.keypoints:
            both = keypoints(pair.left), keypoints(pair.right)
            yield from matrices_from_keypoints(*both, mirrored=mirrored)


def _multiscale(source: PixelSource, path: str, row: Any) -> MultiscaleImage:
    width, height = row["size"].tolist()
    return MultiscaleImage(
        partial(source.grey, path),
        (height, width),
        row["colours"],
        partial(source.rgb, path),
        partial(source.damaged, path),
        partial(source.screen, path),
        partial(source.detail_rgb, path),
        partial(source.detail_colours, path),
        partial(source.saved_rgb, path),
    )


def _as_insets(left: Any, right: Any) -> Iterator[Matrix]:
    """The matrices by which one is the picture that is set into the other."""
    for holder, other, swapped in ((left, right, False), (right, left, True)):
        bits = np.bitwise_count(holder["inset_hash"] ^ other["hash"]).sum()
        if holder["inset"].any() and bits <= HASH_RADIUS:
            width, height = (float(side) for side in holder["size"])
            x, y, end, bottom = (float(place) for place in holder["inset"])
            pixels = np.array([(end - x, 0, x), (0, bottom - y, y), (0, 0, 1.0)])
            matrix = rescale(pixels, (1 / width, 1 / height), (1.0, 1.0))
            yield inverse(matrix) if swapped else matrix


class PixelSource:
    """Gives the pixels of files again, keeping the last ones.

    Parameters
    ----------
    decoder : Decoder
    slots : dict
        Small images that need not be decoded again, by path.
    contents : dict, optional
        What files must hold, by path.
    progress : callable, optional
        Called while a large file is read.
    """

    def __init__(
        self,
        decoder: Decoder,
        slots: Mapping[str, Slot],
        contents: Mapping[str, Content] | None = None,
        progress: Callable[[], object] | None = None,
    ) -> None:
        self.decoder = decoder
        self.progress = progress
        self.slots = slots
        self.contents = contents or {}
        self._kept: OrderedDict[tuple[str, int], Pixels | Screen] = OrderedDict()
        self._bytes = 0

    def grey(self, path: str, max_side: int) -> Grey:
        """Read the upright grey image, with a longer side of at most so many pixels.

        Returns
        -------
        ndarray of uint8, shape (h, w)

        Raises
        ------
        OSError, DecodeError
            The file cannot be read, or holds something else by now.
        """
        return self._keep((path, max_side), partial(self._read, path, max_side))

    def rgb(self, path: str) -> Pixels:
        """Read the upright image in colour, with a longer side of at most `LONG_SIDE` pixels.

        Returns
        -------
        ndarray of uint8, shape (h, w, 3)

        Raises
        ------
        OSError, DecodeError
            The file cannot be read.
        """
        return self._keep((path, 0), partial(self._decode, path, _RGB))

    def detail_rgb(self, path: str) -> Pixels:
        """Decode the upright image in colour, in the size in which details are compared.

        Returns
        -------
        ndarray of uint8, shape (h, w, 3)

        Raises
        ------
        OSError, DecodeError
            The file cannot be read.
        """
        return self._decode(path, _DETAIL_RGB)

    def saved_rgb(self, path: str) -> Pixels:
        """Decode the upright image in full, as a program does that saves it in another format.

        Returns
        -------
        ndarray of uint8, shape (h, w, 3)

        Raises
        ------
        OSError, DecodeError
            The file cannot be read.
        """
        in_full = replace(self.decoder, mode=DecodeMode.FULL)
        return in_full.pixels(self.content(path), [_DETAIL_RGB])[_DETAIL_RGB]

    def detail_colours(self, path: str) -> Pixels:
        """Read the upright image in YCbCr, in half the size in which details are compared.

        Returns
        -------
        ndarray of uint8, shape (h, w, 3)

        Raises
        ------
        OSError, DecodeError
            The file cannot be read.
        """
        return self._keep((path, _HALF), lambda: self._details(path)[1])

    def figure(self, path: str) -> Pixels:
        """Read the upright image in colour, with a longer side of at most `figure_side` pixels.

        Returns
        -------
        ndarray of uint8, shape (h, w, 3)

        Raises
        ------
        OSError, DecodeError
            The file cannot be read.
        """
        return self._keep((path, -2), partial(self._decode, path, _FIGURE))

    def screen(self, path: str) -> Screen:
        """Return `in_place.Screen` of the grey image as it is aligned first.

        Raises
        ------
        OSError, DecodeError
            The file cannot be read.
        """
        return self._keep((path, -1), lambda: Screen(self.grey(path, LONG_SIDE)))

    def damaged(self, path: str) -> bool:
        """Whether a strict decoder finds damage that others hide.

        Raises
        ------
        OSError, DecodeError
            The file cannot be read.
        """
        return bool(hidden_fault(self.content(path), self.decoder.max_pixels))

    def _keep(self, key: tuple[str, int], read: Callable[[], T]) -> T:
        if key in self._kept:
            self._kept.move_to_end(key)
            return cast(T, self._kept[key])
        image = self._kept[key] = read()
        self._bytes += image.nbytes
        while self._bytes > _KEPT_BYTES and len(self._kept) > 1:
            self._bytes -= self._kept.popitem(last=False)[1].nbytes
        return image

    def _read(self, path: str, max_side: int) -> Grey:
        if max_side <= LONG_SIDE and path in self.slots:
            with suppress(OSError):  # a tidy neighbour emptied the folder of temporary files
                return self.slots[path].read()
        sizes = (LONG_SIDE, _SMALL), (LIMITS.fine_side, _FINE)
        wants = next((spec for side, spec in sizes if max_side <= side), None)
        if wants is not None:
            return self._decode(path, wants)[..., 0]
        grey, colours = self._details(path)
        self._keep((path, _HALF), lambda: colours)  # in most pairs they are needed next
        return grey

    def _details(self, path: str) -> tuple[Grey, Pixels]:
        """The grey image in the size of details, and in YCbCr in half of it, by one decode."""
        images = self.decoder.pixels(self.content(path), [_DETAIL, _HALF_COLOURS])
        grey = images[_DETAIL][..., 0]
        return grey, half_size(images[_HALF_COLOURS], grey.shape)

    def _decode(self, path: str, wants: InputSpec) -> Pixels:
        return self.decoder.pixels(self.content(path), [wants])[wants]

    def content(self, path: str) -> bytes:
        """Read the bytes of a file.

        Raises
        ------
        OSError
            It cannot be read, or holds something else by now.
        DecodeError, NeedsMemory
            It has more bytes than a limit of the decoder.
        """
        content = self.contents.get(path)
        if content is not None:
            return content.read(self.decoder, self.progress)
        return read_bytes(path, self.decoder, self.progress)[0]
