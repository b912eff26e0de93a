"""Of pairs that a method matched by one frame, keeps those whose other frames agree too.

For methods that compare rows; a recipe compares all frames when it verifies a pair.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from imgsim.decode.decoder import Decoder, decoder_id
from imgsim.decode.spec import DecodeError, DecodeMode, NeedsMemory
from imgsim.executors.base import Executor, Heartbeat, MoreMemory
from imgsim.read.content import Content
from imgsim.stage_times import staged
from imgsim.types import Candidates, NotCompared, Picture, Verdict
from imgsim.verify.batch import Outcome
from imgsim.verify.frames import with_frames
from imgsim.verify.judge import EQUAL, NOT_ALIGNED, VERSION

if TYPE_CHECKING:  # the programs of workers need none of it
    from imgsim.read.options import RunOptions

_BATCH = 8
_MAX_RESIDUAL = 1.0


@dataclass(frozen=True, slots=True)
class FrameBatch:
    """Pairs of files whose frames are to be compared as they lie; picklable."""

    pairs: tuple[tuple[Content, Content], ...]
    decoder: Decoder

    def __len__(self) -> int:
        return len(self.pairs)

    def part(self, start: int, stop: int) -> FrameBatch:
        """A batch of some of the pairs."""
        return replace(self, pairs=self.pairs[start:stop])

    def failure(self, reason: str) -> Outcome:
        """The outcome of a pair whose worker died."""
        return Outcome.of_dead_worker(reason)

    def with_memory(self, size_bytes: int) -> FrameBatch:
        """The same pairs, each of which may take so many bytes."""
        return replace(self, decoder=replace(self.decoder, share=size_bytes))

    @staged("verifying")
    def run(self, heartbeat: Heartbeat) -> list[Outcome | MoreMemory]:
        """Compare every pair; `heartbeat` is called after each."""
        import cv2

        cv2.setNumThreads(1)  # there is a worker for every core
        outcomes: list[Outcome | MoreMemory] = []
        for pair in self.pairs:
            try:
                left, right = (file.read(self.decoder, heartbeat.reading) for file in pair)
                verdict = with_frames(EQUAL, left, right, self.decoder)
                outcomes.append(Outcome(verdict))
            except NeedsMemory as error:
                outcomes.append(MoreMemory(error.size_bytes))
            except OSError as error:  # it could be read before
                outcomes.append(Outcome.of_error(error))
            except DecodeError as error:
                outcomes.append(Outcome(NOT_ALIGNED, "" if error.lasting else str(error)))
            heartbeat()
        return outcomes


class FramePairs:
    """Compares the frames of matched pictures; every pair once.

    Parameters
    ----------
    pictures : sequence of Picture
        Candidates name places of these.
    executor : Executor or None
        Where to compare; workers are started if there are pairs and no executor.
    options : RunOptions

    Attributes
    ----------
    not_compared : list of NotCompared
        Pairs that are left out, since their frames could not be compared.
    """

    def __init__(
        self, pictures: Sequence[Picture], executor: Executor | None, options: RunOptions
    ) -> None:
        self._pictures = pictures
        self._executor = executor
        self._options = options
        self.not_compared: list[NotCompared] = []
        self._several = np.array([p.facts.frames > 1 for p in pictures], bool)

    def only(self, candidates: Candidates) -> Candidates:
        """Leave out the pairs of which a frame differs."""
        several = self._several[candidates.left] & self._several[candidates.right]
        if not several.any():
            return candidates
        places = np.flatnonzero(several).tolist()
        pairs = [self._in_order(int(candidates.left[i]), int(candidates.right[i])) for i in places]
        verdicts = self._verdicts({_contents(pair): pair for pair in pairs})
        kept = np.ones(len(several), bool)
        for i, pair in zip(places, pairs, strict=True):
            kept[i] = verdicts[_contents(pair)].residual <= _MAX_RESIDUAL
        return Candidates(candidates.left[kept], candidates.right[kept], candidates.distance[kept])

    def _in_order(self, left: int, right: int) -> tuple[Picture, Picture]:
        one, other = sorted((self._pictures[left], self._pictures[right]), key=lambda p: p.digest)
        return one, other

    def _verdicts(
        self, pairs: dict[tuple[str, str], tuple[Picture, Picture]]
    ) -> dict[tuple[str, str], Verdict]:
        options = self._options
        verdicts = {
            contents: EQUAL for contents, (a, b) in pairs.items() if a.identity == b.identity
        }
        label = f"frames/{VERSION} {decoder_id(DecodeMode.FULL)}"
        with closing(options.open_cache()) as cache:
            known = cache.verdicts(label, {left for left, _ in pairs})
            verdicts |= {contents: v for contents, v in known.items() if contents in pairs}
            todo = [contents for contents in pairs if contents not in verdicts]
            outcomes = self._compare([pairs[contents] for contents in todo])
            new = dict(zip(todo, outcomes, strict=True))
            lasting = {contents: one.verdict for contents, one in new.items() if not one.reason}
            cache.keep_verdicts(label, lasting)
        self.not_compared += [
            NotCompared(left, right, one.reason)
            for contents, one in new.items()
            if one.reason
            for left, right in [_paths(pairs[contents])]
        ]
        return verdicts | {contents: one.verdict for contents, one in new.items()}

    def _compare(self, pairs: Sequence[tuple[Picture, Picture]]) -> list[Outcome]:
        if not pairs:
            return []
        options = self._options
        parts = [pairs[i : i + _BATCH] for i in range(0, len(pairs), _BATCH)]
        decoder = options.make_decoder(options.jobs, again=True)
        batches = [
            FrameBatch(tuple((Content.of(a), Content.of(b)) for a, b in part), decoder)
            for part in parts
        ]
        outcomes: dict[int, Outcome] = {}
        with closing(options.run_items(batches, self._executor)) as results:
            for number, some in results:
                outcomes |= {number * _BATCH + place: one for place, one in some.items()}
        return [outcomes[place] for place in range(len(pairs))]


def same_frames(left: bytes, right: bytes, decoder: Decoder) -> bool:
    """Whether two files of several frames show the same all through, as they lie.

    Parameters
    ----------
    left, right : bytes
        Of the whole files.
    decoder : Decoder

    Raises
    ------
    DecodeError
        A limit of this run keeps them from being decoded.
    """
    try:
        return with_frames(EQUAL, left, right, decoder).residual <= _MAX_RESIDUAL
    except DecodeError as error:
        if not error.lasting:
            raise
        return False


def _paths(pair: tuple[Picture, Picture]) -> tuple[str, str]:
    left, right = sorted((one.file.path for one in pair), key=os.fsencode)
    return left, right


def _contents(pair: tuple[Picture, Picture]) -> tuple[str, str]:
    """The digests of two pictures."""
    return pair[0].digest, pair[1].digest
