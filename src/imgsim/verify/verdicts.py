"""Verdicts on pairs: proposed, verified once, and kept in the cache."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators.local import ORIENTATIONS, records
from imgsim.comparators.recipes import Recipe
from imgsim.decode.decoder import decoder_id
from imgsim.errors import ImgsimError
from imgsim.executors.address_space import limit_in_words, tight_address_limit
from imgsim.executors.base import Executor, Heartbeat, MoreMemory
from imgsim.propose.proposals import Proposals, propose
from imgsim.propose.reasons import FIGURE, INSET, KEYPOINTS, MIRRORED, NEGATIVE
from imgsim.read.content import Content
from imgsim.read.options import RunOptions
from imgsim.read.spool import Slot
from imgsim.types import Picture, Transform, Verdict
from imgsim.verify.batch import Hypotheses, Pair, VerifyBatch, hypothetical_matrices
from imgsim.verify.judge import EQUAL, NOT_ALIGNED, VERSION
from imgsim.verify.keypoints import Keypoints
from imgsim.verify.matrix import Matrix, inverse, matrix_of
from imgsim.verify.needed import ALL, Needed
from imgsim.verify.transform import transform_between

_BATCH = 24
_DENSE = 16  # pairs per picture
_TILE = 12
_DENSE_BATCH = 144


@dataclass(frozen=True, slots=True)
class _Job:
    """A pair to be verified, by which hypotheses, and the label of its verdict in the cache."""

    pair: tuple[int, int]
    label: str
    hypotheses: Hypotheses
    matrix: tuple[float, ...] = ()


class _Batches(Sequence[VerifyBatch]):
    """Batches that are made when they are run: each holds the rows of its pictures."""

    def __init__(
        self, make: Callable[[Sequence[_Job]], VerifyBatch], parts: Sequence[Sequence[_Job]]
    ) -> None:
        self._make = make
        self._parts = parts

    def __len__(self) -> int:
        return len(self._parts)

    @overload
    def __getitem__(self, index: int) -> VerifyBatch: ...

    @overload
    def __getitem__(self, index: slice) -> _Batches: ...

    def __getitem__(self, index: int | slice) -> VerifyBatch | _Batches:
        if isinstance(index, slice):
            return _Batches(self._make, self._parts[index])
        return self._make(self._parts[index])


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
        Where they were decoded; it is not closed with this.
    options : RunOptions
    contents : sequence of str, optional
        Equal for pictures that are equal without being verified: by default their identities.
    needed : Needed
        What has to be told of the pairs.
    """

    def __init__(
        self,
        pictures: Sequence[Picture],
        rows: NDArray[np.generic],
        proposals: Proposals,
        slots: Mapping[str, Slot],
        executor: Executor | None,
        options: RunOptions,
        contents: Sequence[str] | None = None,
        needed: Needed = ALL,
    ) -> None:
        self.pictures = pictures
        self._equal = contents or [picture.identity for picture in pictures]
        self.slots = slots
        self.rows = rows
        self.options = options
        self.needed = needed
        self.verified = 0
        self._digests = [picture.digest for picture in pictures]
        self._content = cache(lambda place: Content.of(pictures[place]))
        self._label_of: dict[int, str] = {}
        self._why: dict[tuple[int, int], int] = {}
        self._asked: set[tuple[int, int]] = set()
        self._failed: dict[tuple[str, str], str] = {}  # and why
        self._verdicts: dict[tuple[str, str], Verdict] = {}
        self._labels: dict[tuple[str, str], str] = {}  # how they came about
        self._tried: set[tuple[tuple[str, str], str]] = set()  # through a third, by such labels
        self._cache = options.open_cache()
        self._own = executor is None
        self._executor = executor or options.open_executor(options.jobs, keep=True)
        self.propose(proposals)

    def close(self) -> None:
        if self._own:
            self._executor.close()
        self._cache.close()

    def __getitem__(self, pair: tuple[int, int]) -> Verdict:
        return self._verdicts[self._contents(pair)]

    def asked(self) -> Iterator[tuple[tuple[int, int], Verdict]]:
        """Yield the pairs that were asked for, in ascending order, and the verdicts on them.

        The cache may know more, which must change no result.
        """
        for pair in sorted(self._asked):
            yield pair, self[pair]

    def was_asked(self, pair: tuple[int, int]) -> bool:
        """Whether the verdict on a pair was asked for in this run."""
        return (min(pair), max(pair)) in self._asked

    def why_failed(self, pair: tuple[int, int]) -> str:
        """Why a pair could not be verified, such as that its worker died; empty if it was."""
        return self._failed.get(self._contents(pair), "")

    def failed(self) -> Iterator[tuple[tuple[int, int], str]]:
        """Yield the pairs that were asked for and could not be verified, in order, and why."""
        if self._failed:
            for pair in sorted(self._asked):
                if reason := self.why_failed(pair):
                    yield pair, reason

    def between(self, one: Picture, other: Picture) -> Verdict | None:
        """The verdict on two pictures, the left one being that with the lesser digest, if any."""
        digests = one.digest, other.digest
        return self._verdicts.get((min(digests), max(digests)))

    def seen_from(self, one: Picture, other: Picture) -> Verdict | None:
        """The verdict on two pictures with the first as the left one, if any."""
        verdict = self.between(one, other)
        return verdict if verdict is None or one.digest <= other.digest else swapped(verdict)

    def transform(self, kept: Picture, other: Picture) -> Transform | None:
        """How a picture lies upon the kept one, if the two were verified."""
        verdict = None if kept.identity == other.identity else self.between(kept, other)
        if verdict is None:
            return None
        return transform_between(kept, other, verdict, kept_left=kept.digest <= other.digest)

    def _contents(self, pair: tuple[int, int]) -> tuple[str, str]:
        one, other = pair
        digests = self._digests
        return (digests[one], digests[other]) if one < other else (digests[other], digests[one])

    def propose(self, proposals: Proposals) -> None:
        """Take pairs that may be asked for, and recall those verdicts that the cache knows."""
        new = dict(zip(proposals.pairs(), proposals.why.tolist(), strict=True))
        self._why |= new
        equal = {self._contents((a, b)) for a, b in new if self._equal[a] == self._equal[b]}
        self._verdicts |= dict.fromkeys(equal, EQUAL)
        self._labels |= dict.fromkeys(equal, "equal")
        wanted: dict[int, set[tuple[str, str]]] = {}
        for pair, why in new.items():
            wanted.setdefault(why, set()).add(self._contents(pair))
        for why, pairs in wanted.items():
            lefts = {left for left, _ in pairs - equal}
            label = self._label(why)
            for contents, verdict in self._cache.verdicts(label, lefts).items():
                if contents in pairs - equal:
                    self._verdicts[contents] = verdict
                    self._labels[contents] = label

    def _label(self, why: int) -> str:
        """Name what a verdict follows from besides the contents.

        That is also how the pair may lie upon each other: another method, or another folder, may
        propose it for other reasons; and what had to be told of it.
        """
        label = self._label_of.get(why)
        if label is None:
            # one for all pairs: there may be millions
            decoder = decoder_id(self.options.decode)
            label = f"verdict/{VERSION} {why} {decoder}{self.needed.label}"
            self._label_of[why] = label
        return label

    def verify(self, pairs: Sequence[tuple[int, int]]) -> None:
        """Verify those pairs that were not verified before; of others than the proposed none."""
        self._asked.update((min(pair), max(pair)) for pair in pairs)
        self.verify_ahead(pairs)

    def verify_ahead(self, pairs: Sequence[tuple[int, int]]) -> None:
        """Verify proposed pairs that will be asked for if nothing intervenes."""
        wanted = {self._contents(pair): (min(pair), max(pair)) for pair in pairs}
        todo = [pair for contents, pair in wanted.items() if contents not in self._verdicts]
        self._run(
            [
                _Job(pair, self._label(self._why[pair]), _hypotheses(self._why[pair]))
                for pair in todo
            ]
        )

    def verify_through(self, chains: Sequence[tuple[int, int, int]]) -> None:
        """Verify pairs where the verdicts on a third picture say how they lie upon each other.

        A verdict that is there already stays unless this one is better.

        Parameters
        ----------
        chains : sequence of (int, int, int)
            One picture, the third, which was verified and aligned with both, and the other; no
            pair twice.
        """
        jobs: list[_Job] = []
        before: dict[tuple[str, str], tuple[Verdict, str]] = {}
        # how pictures lie upon the third one is asked for before any verdict is set aside: other
        # files with the same contents may be the ends of another chain
        known_ways = [
            (
                (min(one, other), max(one, other)),
                self._way(min(one, other), third, max(one, other)),
            )
            for one, third, other in chains
        ]
        for pair, (way, matrix) in known_ways:
            self._asked.add(pair)
            contents = self._contents(pair)
            label = self._label(0) + f" through {way}"
            if contents in before or (contents, label) in self._tried:
                continue
            self._tried.add((contents, label))
            known = self._cache.verdicts(label, [contents[0]]).get(contents)
            before[contents] = (
                self._verdicts.pop(contents, NOT_ALIGNED),
                self._labels.pop(contents, ""),
            )
            if known is not None:
                self._verdicts[contents] = known
                self._labels[contents] = label
                continue
            jobs.append(_Job(pair, label, Hypotheses((), False, False), tuple(matrix.ravel())))
        self._run(jobs)
        for contents, (verdict, label) in before.items():
            if verdict.residual <= self._verdicts[contents].residual:
                self._verdicts[contents], self._labels[contents] = verdict, label

    def _way(self, one: int, third: int, other: int) -> tuple[str, Matrix]:
        """A digest of how two pictures lie upon a third, and how one lies upon the other then."""
        labels = "".join(self._labels[self._contents((end, third))] for end in (one, other))
        digest = sha256(f"{self.pictures[third].digest} {labels}".encode()).hexdigest()
        return digest, self._matrix(one, third) @ self._matrix(third, other)

    def _matrix(self, to: int, of: int) -> Matrix:
        """Unit coordinates of a picture to those of another one, as verified."""
        matrix = matrix_of(self[to, of])
        return matrix if to < of else inverse(matrix)

    def _run(self, jobs: Sequence[_Job]) -> None:
        if not jobs:
            return
        self.verified += len(jobs)
        crashed = 0
        jobs, most = _in_tiles(jobs)
        parts = self.options.divide(jobs, most)
        progress = self.options.progress
        progress.start("verifying", len(jobs), "pair")
        try:
            batches = _Batches(self._batch, parts)
            with closing(self._executor.run_items(batches)) as results:
                for number, outcomes in results:
                    lasting: dict[str, dict[tuple[str, str], Verdict]] = {}
                    for place, one in outcomes.items():
                        job = parts[number][place]
                        contents = self._contents(job.pair)
                        self._verdicts[contents] = one.verdict
                        self._labels[contents] = job.label
                        if one.reason:
                            self._failed.setdefault(contents, one.reason)
                            crashed += one.crashed
                        else:
                            lasting.setdefault(job.label, {})[contents] = one.verdict
                    for label, verdicts in lasting.items():
                        self._cache.keep_verdicts(label, verdicts)
                    progress.advance(len(outcomes))
        finally:
            progress.finish()
        limit = tight_address_limit()
        if crashed and limit:
            # without these pairs a gate would pass, and copies be called single
            pairs = "1 pair" if crashed == 1 else f"{crashed} pairs"
            raise ImgsimError(
                f"{pairs} of files could not be compared: {limit_in_words(limit)}",
                "ulimit -v unlimited",
            )

    def _batch(self, jobs: Sequence[_Job]) -> VerifyBatch:
        files = sorted({i for job in jobs for i in job.pair})
        place = {file: i for i, file in enumerate(files)}
        return VerifyBatch(
            tuple(self.pictures[i].file.path for i in files),
            tuple(self.rows[i].tobytes() for i in files),
            tuple(
                Pair(
                    place[job.pair[0]],
                    place[job.pair[1]],
                    job.hypotheses,
                    self._several_frames(*job.pair),
                    job.matrix,
                )
                for job in jobs
            ),
            self.options.make_decoder(self.options.jobs, again=True),
            tuple(self.slots.get(self.pictures[i].digest) for i in files),
            tuple(map(self._content, files)),
            self.needed,
        )

    def _several_frames(self, left: int, right: int) -> bool:
        frames = self.pictures[left].facts.frames, self.pictures[right].facts.frames
        return max(frames) > 1


def _in_tiles(jobs: Sequence[_Job]) -> tuple[Sequence[_Job], int]:
    """Order pairs so that each batch has few pictures, and say how many pairs a batch takes.

    Where nearly all pictures are paired with each other (screens of one program), the pairs of some
    pictures with some others come together; the pictures of a batch are read once.
    """
    pictures = {i for job in jobs for i in job.pair}
    if len(jobs) < _DENSE * len(pictures):
        return jobs, _BATCH
    place = {picture: number // _TILE for number, picture in enumerate(sorted(pictures))}
    ordered = sorted(jobs, key=lambda job: (*(place[i] for i in job.pair), job.pair))
    return ordered, _DENSE_BATCH


def swapped(verdict: Verdict) -> Verdict:
    """Return a verdict with the left and the right picture in the other order."""
    matrix = verdict.matrix
    if matrix:
        matrix = tuple(inverse(matrix_of(verdict)).ravel().tolist())
    return replace(
        verdict,
        matrix=matrix,
        left_seen=verdict.right_seen,
        right_seen=verdict.left_seen,
        more=-verdict.more,
    )


def verify_pair(
    recipe: Recipe,
    paths: tuple[str | os.PathLike[str], str | os.PathLike[str]],
    rows: NDArray[np.generic],
    options: RunOptions,
    *,
    frames: bool = False,
    flat: tuple[bool, bool] = (False, False),
) -> Verdict:
    """Verify two files, if the recipe proposes them.

    Parameters
    ----------
    recipe : Recipe
    paths : tuple of path
    rows : ndarray of uint8, shape (2, ...)
        Their `LocalFeatures`.
    options : RunOptions
    frames : bool
        They have further frames, which have to agree too.
    flat : tuple of bool
        Which of them is flat, and so verified as a figure alone.

    Raises
    ------
    ImgsimError
        They cannot be compared: one of them was changed since its row was made, say.
    """
    if any(flat) and frames:
        return NOT_ALIGNED
    flat_ones = np.array(flat, np.bool_)
    proposals = propose(records(rows), hashes=recipe.hashes, jobs=1, flat=flat_ones)
    if len(proposals.why) == 0:
        return NOT_ALIGNED
    batch = VerifyBatch(
        (os.fspath(paths[0]), os.fspath(paths[1])),
        (rows[0].tobytes(), rows[1].tobytes()),
        (Pair(0, 1, _hypotheses(int(proposals.why[0])), frames),),
        replace(options.make_decoder(again=True), share=0),
    )
    outcome = batch.run(Heartbeat())[0]
    assert not isinstance(outcome, MoreMemory)  # they may take what they need
    if outcome.reason:
        raise ImgsimError(f"the two cannot be compared: {outcome.reason}", "try again")
    return outcome.verdict


def is_ruled_out(why: int, left: NDArray[Any], right: NDArray[Any]) -> bool:
    """Whether the rows of two pictures tell, without their pixels, that they do not match.

    Parameters
    ----------
    why : int
        See `Proposals`.
    left, right : ndarray of dtype `comparators.local.LAYOUT`, shape ()
    """
    hypotheses = _hypotheses(why)
    if hypotheses.negative or hypotheses.figure:
        return False

    def keypoints(number: int) -> Keypoints:
        return Keypoints.of((left, right)[number])

    ways = hypothetical_matrices(Pair(0, 1, hypotheses), left, right, keypoints)
    return next(ways, None) is None


def _hypotheses(why: int) -> Hypotheses:
    return Hypotheses(
        tuple(i for i in range(len(ORIENTATIONS)) if why >> i & 1),
        bool(why & KEYPOINTS),
        bool(why & MIRRORED),
        bool(why & NEGATIVE),
        bool(why & INSET),
        bool(why & FIGURE),
    )
