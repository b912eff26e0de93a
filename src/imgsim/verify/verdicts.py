"""Verdicts on pairs: proposed, verified once, and kept in the cache."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from imgsim.cache.store import Cache
from imgsim.comparators.local import ORIENTATIONS, records
from imgsim.comparators.recipes import Recipe
from imgsim.decode.decoder import decoder_id
from imgsim.executors.base import Executor, Heartbeat, MoreMemory
from imgsim.propose.proposals import KEYPOINTS, MIRRORED, Proposals, propose
from imgsim.read.options import RunOptions
from imgsim.read.spool import Slot
from imgsim.types import Picture, Transform, Verdict
from imgsim.verify.batch import Hypotheses, Pair, VerifyBatch
from imgsim.verify.judge import EQUAL, NOT_ALIGNED, VERSION
from imgsim.verify.transform import transform_between

_BATCH = 24


class Verdicts:
    """Verdicts on pairs of pictures, each verified once; equal bytes need no verification.

    Parameters
    ----------
    pictures : sequence of Picture
        In order of their digests, which says which one of a pair is the left one.
    rows : ndarray of uint8, shape (n, ...)
        Their `LocalFeatures`.
    proposals : Proposals
        The pairs that may be asked for, and why.
    slots : dict
        Images kept since they were decoded, by digest.
    executor : Executor or None
        Where they were decoded; it is closed with this.
    options : RunOptions
    """

    def __init__(
        self,
        pictures: Sequence[Picture],
        rows: NDArray[np.generic],
        proposals: Proposals,
        slots: Mapping[str, Slot],
        executor: Executor | None,
        options: RunOptions,
    ) -> None:
        self.pictures = pictures
        self.slots = slots
        self.rows = rows
        self.options = options
        self.verified = 0
        self._why = dict(zip(proposals.pairs(), proposals.why.tolist(), strict=True))
        self._verdicts: dict[tuple[str, str], Verdict] = {}
        # what is wrong with it was said when the files were read
        self._cache = Cache(options.cache, lambda trouble: None)
        self._executor = executor or options.open_executor(options.jobs, keep=True)
        self._recall()

    def close(self) -> None:
        self._executor.close()
        self._cache.close()

    def __getitem__(self, pair: tuple[int, int]) -> Verdict:
        return self._verdicts[self._contents(pair)]

    def between(self, one: Picture, other: Picture) -> Verdict | None:
        """The verdict on two pictures, the left one being that with the lesser digest, if any."""
        digests = one.digest, other.digest
        return self._verdicts.get((min(digests), max(digests)))

    def transform(self, kept: Picture, other: Picture) -> Transform | None:
        """How a picture lies upon the kept one, if the two were verified."""
        verdict = None if kept.identity == other.identity else self.between(kept, other)
        if verdict is None:
            return None
        return transform_between(kept, other, verdict, kept_left=kept.digest <= other.digest)

    def _contents(self, pair: tuple[int, int]) -> tuple[str, str]:
        return self.pictures[min(pair)].digest, self.pictures[max(pair)].digest

    def _recall(self) -> None:
        identity = [picture.identity for picture in self.pictures]
        equal = {self._contents((a, b)) for a, b in self._why if identity[a] == identity[b]}
        self._verdicts = dict.fromkeys(equal, EQUAL)
        wanted: dict[int, set[tuple[str, str]]] = {}
        for pair, why in self._why.items():
            wanted.setdefault(why, set()).add(self._contents(pair))
        for why, pairs in wanted.items():
            lefts = {left for left, _ in pairs - equal}
            for contents, verdict in self._cache.verdicts(self._label(why), lefts).items():
                if contents in pairs - equal:
                    self._verdicts[contents] = verdict

    def _label(self, why: int) -> str:
        """Name what a verdict follows from besides the contents.

        That is also how the pair may lie upon each other: another method, or another folder, may
        propose it for other reasons.
        """
        return f"verdict/{VERSION} {why} {decoder_id(self.options.decode)}"

    def verify(self, pairs: Sequence[tuple[int, int]]) -> None:
        """Verify those pairs that were not verified before."""
        wanted = {self._contents(pair): (min(pair), max(pair)) for pair in pairs}
        todo = [pair for contents, pair in wanted.items() if contents not in self._verdicts]
        if not todo:
            return
        self.verified += len(todo)
        size = max(1, min(_BATCH, len(todo) // (2 * self.options.jobs)))
        parts = [todo[i : i + size] for i in range(0, len(todo), size)]
        progress = self.options.progress
        progress.start("verifying", len(todo), "pair")
        try:
            batches = [self._batch(part) for part in parts]
            with closing(self._executor.run_items(batches)) as results:
                for number, outcomes in results:
                    lasting: dict[int, dict[tuple[str, str], Verdict]] = {}
                    for place, one in outcomes.items():
                        pair = parts[number][place]
                        contents = self._contents(pair)
                        self._verdicts[contents] = one.verdict
                        if one.lasting:
                            lasting.setdefault(self._why[pair], {})[contents] = one.verdict
                    for why, verdicts in lasting.items():
                        self._cache.keep_verdicts(self._label(why), verdicts)
                    progress.advance(len(outcomes))
        finally:
            progress.finish()

    def _batch(self, pairs: Sequence[tuple[int, int]]) -> VerifyBatch:
        files = sorted({i for pair in pairs for i in pair})
        place = {file: i for i, file in enumerate(files)}
        return VerifyBatch(
            tuple(self.pictures[i].file.path for i in files),
            tuple(self.rows[i].tobytes() for i in files),
            tuple(Pair(place[a], place[b], _hypotheses(self._why[a, b])) for a, b in pairs),
            self.options.make_decoder(self.options.jobs, again=True),
            tuple(self.slots.get(self.pictures[i].digest) for i in files),
        )


def verify_pair(
    recipe: Recipe,
    paths: tuple[str | os.PathLike[str], str | os.PathLike[str]],
    rows: NDArray[np.generic],
    options: RunOptions,
) -> Verdict:
    """Verify two files, if the recipe proposes them.

    Parameters
    ----------
    recipe : Recipe
    paths : tuple of path
    rows : ndarray of uint8, shape (2, ...)
        Their `LocalFeatures`.
    options : RunOptions
    """
    proposals = propose(records(rows), hashes=recipe.hashes, jobs=1)
    if len(proposals.why) == 0:
        return NOT_ALIGNED
    batch = VerifyBatch(
        (os.fspath(paths[0]), os.fspath(paths[1])),
        (rows[0].tobytes(), rows[1].tobytes()),
        (Pair(0, 1, _hypotheses(int(proposals.why[0]))),),
        replace(options.make_decoder(again=True), share=0),
    )
    outcome = batch.run(Heartbeat())[0]
    return NOT_ALIGNED if isinstance(outcome, MoreMemory) else outcome.verdict


def _hypotheses(why: int) -> Hypotheses:
    return Hypotheses(
        tuple(i for i in range(len(ORIENTATIONS)) if why >> i & 1),
        bool(why & KEYPOINTS),
        bool(why & MIRRORED),
    )
