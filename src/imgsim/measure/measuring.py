"""Measures the differences of pairs of pictures in the workers, each pair of contents once."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imgsim.decode.decoder import Decoder, decoder_id
from imgsim.decode.exif import read_exif
from imgsim.decode.jpeg_quality import in_rows, luma_table, mean_steps
from imgsim.decode.memory import result_bytes
from imgsim.decode.metadata_blocks import metadata_blocks
from imgsim.decode.spec import DecodeError, DecodeMode, InputSpec, NeedsMemory
from imgsim.executors.base import Executor, Heartbeat, MoreMemory
from imgsim.measure.differences import (
    VERSION,
    Differences,
    MeasuredPicture,
    measure_differences,
)
from imgsim.read.content import Content
from imgsim.stage_times import staged
from imgsim.types import Picture

if TYPE_CHECKING:  # the programs of workers need none of it
    from imgsim.read.options import RunOptions

_PIXELS = InputSpec(0, 0, "rgb")
_FRAME_BYTES = 24
"""Bytes a pixel that laying two pictures upon each other takes, of both together."""

_ORIENTATION = 0x0112


@dataclass(frozen=True, slots=True)
class MeasuredPair:
    """Two pictures to be measured, the left one being that with the lesser digest.

    Attributes
    ----------
    left, right : Picture
    matrix : tuple of float
        Unit coordinates of the right picture to those of the left one, row by row.
    """

    left: Picture
    right: Picture
    matrix: tuple[float, ...]

    @property
    def digests(self) -> tuple[str, str]:
        """Of the left and the right picture."""
        return self.left.digest, self.right.digest


@dataclass(frozen=True, slots=True)
class DifferencesBatch:
    """Pairs of files to be measured, those with a file in common in a row; picklable.

    Attributes
    ----------
    pairs : tuple of (Content, Content, tuple of float)
    needs : tuple of int
        Bytes that each takes.
    limits : Decoder
    """

    pairs: tuple[tuple[Content, Content, tuple[float, ...]], ...]
    needs: tuple[int, ...]
    limits: Decoder

    def __len__(self) -> int:
        return len(self.pairs)

    def part(self, start: int, stop: int) -> DifferencesBatch:
        """A batch of some of the pairs."""
        some = slice(start, stop)
        return replace(self, pairs=self.pairs[some], needs=self.needs[some])

    def failure(self, reason: str) -> Differences | None:
        """The outcome of a pair whose worker died."""
        return None

    def with_memory(self, size_bytes: int) -> DifferencesBatch:
        """The same pairs, each of which may take so many bytes."""
        return replace(self, limits=replace(self.limits, share=size_bytes))

    @staged("measuring")
    def run(self, heartbeat: Heartbeat) -> list[Differences | MoreMemory | None]:
        """Measure every pair; None for one that cannot be read or measured."""
        import cv2

        cv2.setNumThreads(1)  # there is a worker for every core
        results: list[Differences | MoreMemory | None] = []
        held: dict[str, MeasuredPicture] = {}
        for (left, right, matrix), needed in zip(self.pairs, self.needs, strict=True):
            try:
                self.limits.check_memory(needed)
                # the last pair may have had one of them
                held = {
                    one.digest: held.get(one.digest) or self._read(one, heartbeat)
                    for one in (left, right)
                }
                results.append(
                    measure_differences(
                        held[left.digest],
                        held[right.digest],
                        np.array(matrix, np.float64).reshape(3, 3),
                    )
                )
            except NeedsMemory as error:
                held = {}
                results.append(MoreMemory(error.size_bytes))
            except (DecodeError, OSError, np.linalg.LinAlgError, cv2.error):
                results.append(None)
            heartbeat()
        return results

    def _read(self, content: Content, heartbeat: Heartbeat) -> MeasuredPicture:
        data = content.read(self.limits, heartbeat.reading)
        pixels = self.limits.pixels(data, [_PIXELS])[_PIXELS]
        return MeasuredPicture(pixels, _upright_table(data), _mean_errors(data))


def _upright_table(data: bytes) -> NDArray[np.int64] | None:
    """Steps of the luma of a JPEG that is stored upright; None for other files."""
    if not data.startswith(b"\xff\xd8\xff"):
        return None
    table = luma_table(data)
    if table is None:
        return None
    for kind, block in metadata_blocks(data):
        if kind == "exif" and read_exif(block).first.get(_ORIENTATION, (1,)) not in ((1,), 1):
            return None
    return in_rows(table)


def _mean_errors(data: bytes) -> tuple[float, float]:
    """Levels by which a JPEG may change the mean light and colour of a block; else 0."""
    steps = mean_steps(data) if data.startswith(b"\xff\xd8\xff") else None
    light, colour = steps or (0, 0)
    return light / 16, colour / 16  # half a step of eight times the mean


def measure_pairs(
    pairs: Sequence[MeasuredPair], options: RunOptions, executor: Executor | None
) -> dict[tuple[str, str], Differences]:
    """Measure pairs of pictures, or take what was measured from the cache.

    Parameters
    ----------
    pairs : sequence of MeasuredPair
        Those with a picture in common in a row.
    options : RunOptions
    executor : Executor or None
        Where the files are read; it stays open. By default workers for this alone.

    Returns
    -------
    dict of (str, str) to Differences
        By the digests of the left and the right picture; without those that could not be measured.
    """
    wanted = {pair.digests: pair for pair in pairs}
    if not wanted:
        return {}
    label = f"differences/{VERSION} {decoder_id(DecodeMode.FULL)}"
    with closing(options.open_cache()) as cache:
        known = cache.pair_records(label, {left for left, _ in wanted}, Differences)
        measured = {pair: known[pair] for pair in wanted if pair in known}
        new = _measure([p for key, p in wanted.items() if key not in measured], options, executor)
        cache.keep_pair_records(label, new)
    return measured | new


def _measure(
    pairs: Sequence[MeasuredPair], options: RunOptions, executor: Executor | None
) -> dict[tuple[str, str], Differences]:
    if not pairs:
        return {}
    parts = options.divide(pairs, _BATCH)
    limits = replace(options.make_decoder(options.jobs, again=True), mode=DecodeMode.FULL)
    batches = [
        DifferencesBatch(
            tuple((Content.of(p.left), Content.of(p.right), p.matrix) for p in part),
            tuple(map(_needed_bytes, part)),
            limits,
        )
        for part in parts
    ]
    stage = options.run_parts("measuring differences", "pair", parts, batches, executor)
    with closing(stage) as results:
        return {pair.digests: one for pair, one in results if one is not None}


_BATCH = 8


def _needed_bytes(pair: MeasuredPair) -> int:
    """Bytes that decoding one of two pictures and laying both upon each other take."""
    both = pair.left, pair.right
    decoding = max(
        one.facts.decode_bytes
        + result_bytes(one.facts.width, one.facts.height, DecodeMode.FULL, (_PIXELS,))
        for one in both
    )
    return decoding + _FRAME_BYTES * max(one.pixels for one in both)
