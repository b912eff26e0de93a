"""Verification of many pairs: what workers do, one batch at a time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from imgsim.comparators.local import LONG_SIDE, ORIENTATIONS, LocalFeatures, records, shrunk
from imgsim.decode import DecodeError, Decoder, InputSpec
from imgsim.types import Verdict
from imgsim.verify.alignment import Grey, Matrix, by_keypoints, by_orientation
from imgsim.verify.verdict import FINE_SIDE, NOTHING, judge

_KEPT = 64
_FINE = InputSpec(0, 0, "grey", at_least=512)


@dataclass(frozen=True, slots=True)
class Hypotheses:
    """How two images may lie upon each other, as the search saw it.

    Attributes
    ----------
    orientations : tuple of int
        Places in `ORIENTATIONS` under which the hashes agree.
    keypoints, mirrored : bool
        Keypoints agree, or do so in a mirror.
    """

    orientations: tuple[int, ...]
    keypoints: bool
    mirrored: bool


@dataclass(frozen=True, slots=True)
class Pair:
    """Two images to look at; numbers are places in the batch's files."""

    left: int
    right: int
    hypotheses: Hypotheses


@dataclass(frozen=True, slots=True)
class Seen:
    """A verdict, and whether it lies in the contents and not in this run."""

    verdict: Verdict
    lasting: bool


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
    """

    paths: tuple[str, ...]
    rows: tuple[bytes, ...]
    pairs: tuple[Pair, ...]
    decoder: Decoder

    def __len__(self) -> int:
        return len(self.pairs)

    def part(self, start: int, stop: int) -> VerifyBatch:
        """A batch of some of the pairs."""
        return replace(self, pairs=self.pairs[start:stop])

    def failure(self, reason: str) -> Seen:
        """What stands for a pair whose worker died."""
        return Seen(NOTHING, lasting=False)

    def run(self, beat: Callable[[], object]) -> list[Seen]:
        """Look at every pair; `beat` is called after each."""
        source = PixelSource(self.decoder)
        size = LocalFeatures().shape
        rows = [np.frombuffer(row, np.uint8).reshape(1, *size) for row in self.rows]
        seen = []
        for pair in self.pairs:
            left, right = pair.left, pair.right
            found = self._hypotheses(rows[left], rows[right], pair.hypotheses)
            try:
                verdict = judge(
                    partial(source.grey, self.paths[left]),
                    partial(source.grey, self.paths[right]),
                    found,
                )
                seen.append(Seen(verdict, lasting=True))
            except (DecodeError, OSError):  # it could be read before: it was changed meanwhile
                seen.append(Seen(NOTHING, lasting=False))
            beat()
        return seen

    def _hypotheses(
        self, left: np.ndarray, right: np.ndarray, hypotheses: Hypotheses
    ) -> Iterator[Matrix]:
        for i in hypotheses.orientations:
            yield by_orientation(ORIENTATIONS[i])
        for mirrored in (False, True):
            if hypotheses.mirrored if mirrored else hypotheses.keypoints:
                one = by_keypoints(records(left)[0], records(right)[0], mirrored=mirrored)
                if one is not None:
                    yield one


class PixelSource:
    """Gives the pixels of files again, keeping the last ones.

    Parameters
    ----------
    decoder : Decoder
    """

    def __init__(self, decoder: Decoder) -> None:
        self.decoder = decoder
        self._kept: OrderedDict[tuple[str, int], Grey] = OrderedDict()

    def grey(self, path: str, max_side: int) -> Grey:
        """The upright grey image, uint8[h, w], with a longer side of at most so many pixels.

        Raises
        ------
        OSError, DecodeError
            The file cannot be read.
        """
        key = path, max_side
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        wants = LocalFeatures().wants if max_side <= LONG_SIDE else _FINE
        with open(path, "rb") as stream:
            pixels = self.decoder(stream.read(), [wants]).images[wants][..., 0]
        self._kept[key] = shrunk(pixels, min(max_side, FINE_SIDE))
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return self._kept[key]
