"""Verdicts on pairs: proposed, verified once, and kept in the cache."""

from __future__ import annotations

import os
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators.local import ORIENTATIONS, lack_detail, records
from imgsim.comparators.recipes import Recipe
from imgsim.decode.decoder import decoder_id
from imgsim.errors import ImgsimError
from imgsim.executors.address_space import limit_in_words, tight_address_limit
from imgsim.executors.base import Executor, Heartbeat, MadeWhenRun, MoreMemory
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
_AT_ONCE = 1 << 16
"""Pairs that are worked on together; each takes some 500 bytes then."""


@dataclass(frozen=True, slots=True)
class _Job:
    """A pair to be verified, by which hypotheses, and the label of its verdict in the cache."""

    pair: tuple[int, int]
    label: str
    hypotheses: Hypotheses
    matrix: tuple[float, ...] = ()


class _Codes:
    """Places of numbers: of most in ascending order, of those that are added behind them.

    Parameters
    ----------
    codes : ndarray of int64, shape (n,)
        Ascending, none twice.
    """

    def __init__(self, codes: NDArray[np.int64]) -> None:
        self._codes = array("q", codes.tobytes())  # one is found sooner than in an ndarray
        self._added: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._codes) + len(self._added)

    def find(self, code: int) -> int:
        """The place of a number, or -1."""
        place = bisect_left(self._codes, code)
        if place < len(self._codes) and self._codes[place] == code:
            return place
        return self._added.get(code, -1)

    def add(self, code: int) -> int:
        """The place of a number, which is added if it is not there."""
        place = self.find(code)
        return self._added.setdefault(code, len(self)) if place < 0 else place

    @property
    def codes(self) -> NDArray[np.int64]:
        """Those that were there first, ndarray of int64, shape (n,)."""
        return np.array(self._codes, np.int64)


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
    contents : ndarray of int64, shape (n,), optional
        Equal for pictures that are equal without being verified: by default of equal identities.
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
        contents: NDArray[np.int64] | None = None,
        needed: Needed = ALL,
    ) -> None:
        self.pictures = pictures
        self.slots = slots
        self.rows = rows
        self.options = options
        self.needed = needed
        self.verified = 0
        self._digests = [picture.digest for picture in pictures]
        self._content = cache(lambda place: Content.of(pictures[place]))
        if contents is None:
            identities = [picture.identity for picture in pictures]
            contents = np.unique(identities, return_inverse=True)[1]
        self._equal = contents
        # A pair is one number, of two places: what is known of pairs stands in rows, since there
        # may be millions. A pair of contents has the first places of its digests.
        first = np.arange(len(pictures))
        first[1:][[one == other for one, other in pairwise(self._digests)]] = 0
        self._first = array("q", np.maximum.accumulate(first).tobytes())
        self._label_of: dict[int, str] = {}
        self._proposed = _Codes(np.zeros(0, np.int64))
        self._why = np.zeros(0, np.int32)  # of those
        self._asked = np.zeros(0, np.bool_)  # of those
        self._asked_besides: set[int] = set()
        self._known = _Codes(np.zeros(0, np.int64))  # pairs of contents
        self._verdicts: list[Verdict | None] = []  # of those
        self._labels: list[str] = []  # of those: how they came about
        self._failed: dict[int, str] = {}  # and why
        self._tried: set[tuple[int, str]] = set()  # through a third, by such labels
        self._cache = options.open_cache()
        self._own = executor is None
        self._executor = executor or options.open_executor(options.jobs, keep=True)
        self.propose(proposals)

    def close(self) -> None:
        if self._own:
            self._executor.close()
        self._cache.close()

    def __getitem__(self, pair: tuple[int, int]) -> Verdict:
        verdict = self._verdict(self._code(pair))
        if verdict is None:
            raise KeyError(pair)
        return verdict

    def _verdict(self, code: int) -> Verdict | None:
        place = self._known.find(code)
        return None if place < 0 else self._verdicts[place]

    def _keep(self, code: int, verdict: Verdict | None, label: str) -> None:
        """Store the verdict on two contents; most do not match, and share one."""
        place = self._known.add(code)
        if place == len(self._verdicts):
            self._verdicts.append(None)
            self._labels.append("")
        self._verdicts[place] = NOT_ALIGNED if verdict == NOT_ALIGNED else verdict
        self._labels[place] = label

    def asked(self) -> Iterator[tuple[tuple[int, int], Verdict]]:
        """Yield the pairs that were asked for, in ascending order, and the verdicts on them.

        The cache may know more, which must change no result.
        """
        for pair in self._pairs_asked():
            yield pair, self[pair]

    def _pairs_asked(self) -> Iterator[tuple[int, int]]:
        proposed = self._proposed.codes[self._asked]
        besides = np.array([*self._asked_besides], np.int64)
        codes = np.union1d(proposed, besides)
        for start in range(0, len(codes), _AT_ONCE):
            ends = np.divmod(codes[start : start + _AT_ONCE], max(1, len(self.pictures)))
            yield from zip(*(end.tolist() for end in ends), strict=True)

    def was_asked(self, pair: tuple[int, int]) -> bool:
        """Whether the verdict on a pair was asked for in this run."""
        code = self._ordered(pair)
        place = self._proposed.find(code)
        return code in self._asked_besides if place < 0 else bool(self._asked[place])

    def why_failed(self, pair: tuple[int, int]) -> str:
        """Why a pair could not be verified, such as that its worker died; empty if it was."""
        return self._failed.get(self._code(pair), "")

    def failed(self) -> Iterator[tuple[tuple[int, int], str]]:
        """Yield the pairs that were asked for and could not be verified, in order, and why."""
        if self._failed:
            for pair in self._pairs_asked():
                if reason := self.why_failed(pair):
                    yield pair, reason

    def between(self, one: Picture, other: Picture) -> Verdict | None:
        """The verdict on two pictures, the left one being that with the lesser digest, if any."""
        code = self._code_of(one.digest, other.digest)
        return None if code is None else self._verdict(code)

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

    def _ordered(self, pair: tuple[int, int]) -> int:
        """A pair of places as a number."""
        return min(pair) * len(self.pictures) + max(pair)

    def _code(self, pair: tuple[int, int]) -> int:
        """A pair of contents as a number."""
        one, other = pair
        return self._ordered((self._first[one], self._first[other]))

    def _code_of(self, *contents: str) -> int | None:
        """A pair of contents as a number, if both are those of pictures."""
        places = [bisect_left(self._digests, digest) for digest in contents]
        if all(d in self._digests[i : i + 1] for i, d in zip(places, contents, strict=True)):
            return self._ordered((places[0], places[1]))
        return None

    def propose(self, proposals: Proposals) -> None:
        """Take pairs that may be asked for, and recall those verdicts that the cache knows."""
        n = len(self.pictures)
        self._add_proposed(proposals.left * n + proposals.right, proposals.why)
        first = np.array(self._first, np.int64)
        codes = first[proposals.left] * n + first[proposals.right]
        if len(self._known) == 0:
            self._known = _Codes(np.unique(codes))
            self._verdicts, self._labels = [None] * len(self._known), [""] * len(self._known)
        equal = self._equal[proposals.left] == self._equal[proposals.right]
        for code in codes[equal].tolist():
            self._keep(code, EQUAL, "equal")
        are_equal = np.isin(codes, codes[equal])
        reasons, places = np.unique(proposals.why, return_index=True)
        for why in reasons[np.argsort(places)].tolist():
            every = np.unique(codes[(proposals.why == why) & ~are_equal])
            label = self._label(why)
            for start in range(0, len(every), _AT_ONCE):
                wanted = set(every[start : start + _AT_ONCE].tolist())
                lefts = {self._digests[code // n] for code in wanted}
                for contents, verdict in self._cache.verdicts(label, lefts).items():
                    code = self._code_of(*contents)
                    if code is not None and code in wanted:
                        self._keep(code, verdict, label)

    def _add_proposed(self, codes: NDArray[np.int64], why: NDArray[np.int64]) -> None:
        every = np.concatenate([codes, self._proposed.codes])  # the later reason counts
        whys = np.concatenate([why, self._why])
        asked = self._proposed.codes[self._asked]
        besides = np.array([*self._asked_besides], np.int64)
        codes, place = np.unique(every, return_index=True)
        self._proposed, self._why = _Codes(codes), whys[place].astype(np.int32)
        self._asked = np.isin(codes, np.concatenate([asked, besides]))
        self._asked_besides = {*np.setdiff1d(besides, codes).tolist()}

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
        for pair in pairs:
            self._ask(pair)
        self.verify_ahead(pairs)

    def _ask(self, pair: tuple[int, int]) -> None:
        place = self._proposed.find(code := self._ordered(pair))
        if place < 0:
            self._asked_besides.add(code)
        else:
            self._asked[place] = True

    def verify_ahead(self, pairs: Sequence[tuple[int, int]]) -> None:
        """Verify proposed pairs that will be asked for if nothing intervenes."""
        for start in range(0, len(pairs), _AT_ONCE):
            self._verify_some(pairs[start : start + _AT_ONCE])

    def _verify_some(self, pairs: Sequence[tuple[int, int]]) -> None:
        todo: dict[int, tuple[int, int]] = {}
        for pair in pairs:
            code = self._code(pair)
            if self._verdict(code) is None:
                todo[code] = min(pair), max(pair)
        jobs = []
        for pair in todo.values():
            why = self._why_of(pair)
            jobs.append(_Job(pair, self._label(why), _hypotheses(why)))
        self._run(jobs)

    def _why_of(self, pair: tuple[int, int]) -> int:
        place = self._proposed.find(self._ordered(pair))
        if place < 0:
            raise KeyError(pair)
        return int(self._why[place])

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
        before: dict[int, tuple[Verdict, str]] = {}
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
            self._ask(pair)
            contents, code = self._contents(pair), self._code(pair)
            label = self._label(0) + f" through {way}"
            if code in before or (code, label) in self._tried:
                continue
            self._tried.add((code, label))
            known = self._cache.verdicts(label, [contents[0]]).get(contents)
            place = self._known.find(code)
            verdict = self._verdict(code)
            before[code] = (NOT_ALIGNED, "") if verdict is None else (verdict, self._labels[place])
            self._keep(code, None, "")
            if known is not None:
                self._keep(code, known, label)
                continue
            jobs.append(_Job(pair, label, Hypotheses((), False, False), tuple(matrix.ravel())))
        self._run(jobs)
        for code, (earlier, label) in before.items():
            now = self._verdict(code)
            assert now is not None
            if earlier.residual <= now.residual:
                self._keep(code, earlier, label)

    def _way(self, one: int, third: int, other: int) -> tuple[str, Matrix]:
        """A digest of how two pictures lie upon a third, and how one lies upon the other then."""
        places = [self._known.find(self._code((end, third))) for end in (one, other)]
        labels = "".join(self._labels[place] for place in places)
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
            batches = MadeWhenRun(lambda i: self._batch(parts[i]), len(parts))
            with closing(self._executor.run_items(batches)) as results:
                for number, outcomes in results:
                    lasting: dict[str, dict[tuple[str, str], Verdict]] = {}
                    for place, one in outcomes.items():
                        job = parts[number][place]
                        code = self._code(job.pair)
                        self._keep(code, one.verdict, job.label)
                        if one.reason:
                            self._failed.setdefault(code, one.reason)
                            crashed += one.crashed
                        else:
                            contents = self._contents(job.pair)
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
    digests: tuple[str, str] = ("", ""),
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
        Which of them is flat, and so verified as a figure alone unless it has many keypoints.
    digests : tuple of str
        Of their contents, if the verdict has to be that of `Verdicts`: the file with the lesser one
        is verified as the left one, and the verdict turned round where that is the second.

    Raises
    ------
    ImgsimError
        They cannot be compared: one of them was changed since its row was made, say.
    """
    if digests[0] > digests[1]:
        exchanged = paths[::-1], rows[::-1]
        verdict = verify_pair(recipe, *exchanged, options, frames=frames, flat=flat[::-1])
        return swapped(verdict)
    if any(flat) and frames:
        return NOT_ALIGNED
    plain = lack_detail(flat, records(rows))
    proposals = propose(records(rows), hashes=recipe.hashes, jobs=1, flat=plain)
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


@cache
def _hypotheses(why: int) -> Hypotheses:
    return Hypotheses(
        tuple(i for i in range(len(ORIENTATIONS)) if why >> i & 1),
        bool(why & KEYPOINTS),
        bool(why & MIRRORED),
        bool(why & NEGATIVE),
        bool(why & INSET),
        bool(why & FIGURE),
    )
