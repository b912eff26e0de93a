"""Which pairs are verified, in what batches, and which verdicts are kept."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imgsim.cache.records import Known
from imgsim.cache.store import Cache
from imgsim.comparators.local import LocalFeatures
from imgsim.comparators.recipes import Auto
from imgsim.executors.base import Executor, Lost
from imgsim.propose.proposals import Proposals
from imgsim.propose.reasons import KEYPOINTS, MIRRORED
from imgsim.read.options import RunOptions
from imgsim.read.spool import Slot
from imgsim.types import ImageFacts, ImageFile, Picture, Verdict
from imgsim.verify import verdicts as module
from imgsim.verify.batch import Hypotheses, Outcome, Pair, VerifyBatch
from imgsim.verify.judge import EQUAL, NOT_ALIGNED
from imgsim.verify.needed import ALL, DUPLICATES
from imgsim.verify.verdicts import Verdicts, verify_pair
from tests.verify.pictures import picture

DIGESTS = ["11" * 32, "22" * 32, "22" * 32, "33" * 32]
FACTS = ImageFacts(400, 300, "PNG", True, False, 1, 60, None)
PICTURES = [
    Picture(ImageFile(f"{number}.png", 1, 1, "."), digest, FACTS)
    for number, digest in enumerate(DIGESTS)
]
ROWS = np.arange(8, dtype=np.uint8).reshape(4, 2)
PAIRS = [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
WHY = [1, KEYPOINTS, MIRRORED, 0, 0b10000101 | KEYPOINTS | MIRRORED, 2]


class KnowingExecutor(Executor):
    """Answers by the number of the pair's left and right file, the last batch first."""

    def __init__(self, reason: str = "") -> None:
        self.runs: list[Sequence[VerifyBatch]] = []
        self.reason = reason
        self.closed = False

    def run(
        self, batches: Sequence[Any], memory: Sequence[int] = (), lost: Lost | None = None
    ) -> Generator[tuple[int, list[Outcome]]]:
        self.runs.append(batches)
        for number in reversed(range(len(batches))):
            part = batches[number]
            yield (
                number,
                [
                    Outcome(residual_of(part.paths[p.left], part.paths[p.right]), self.reason)
                    for p in part.pairs
                ],
            )

    def close(self) -> None:
        self.closed = True


def residual_of(left: str, right: str) -> Verdict:
    return Verdict(int(left[:-4]) + int(right[:-4]) / 1024)


class NotedProgress:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []

    def start(self, stage: str, total: int, unit: str) -> None:
        self.told.append((stage, total, unit))

    def advance(self, n: int) -> None:
        self.told.append((n,))

    def finish(self) -> None:
        self.told.append(())

    def note(self, text: str) -> None:
        raise AssertionError(text)


def verdicts_by(
    executor: Executor | None,
    options: RunOptions | None = None,
    slots: dict[str, Slot] | None = None,
) -> Verdicts:
    left, right = np.array(PAIRS).T
    proposals = Proposals(left, right, np.array(WHY), np.zeros(len(WHY), int))
    return Verdicts(
        PICTURES, ROWS, proposals, slots or {}, executor,
        options or RunOptions(jobs=1),
    )  # fmt: skip


def test_a_pair_of_contents_is_verified_once() -> None:
    executor, progress = KnowingExecutor(), NotedProgress()
    verdicts = verdicts_by(executor, RunOptions(jobs=1, progress=progress))
    verdicts.verify([(1, 0), (0, 2), (1, 2)])  # the second one is of the same contents
    assert verdicts.verified == 1
    assert progress.told == [("verifying", 1, "pair"), (1,), ()]
    ((part,),) = executor.runs
    assert part.paths == ("0.png", "2.png")
    assert verdicts[0, 1] == verdicts[1, 0] == verdicts[2, 0] == Verdict(2 / 1024)
    assert verdicts[1, 2] == verdicts[2, 1] == EQUAL
    verdicts.verify([(0, 1)])
    verdicts.verify([])
    assert len(executor.runs) == 1
    verdicts.verify([(3, 2), (3, 0)])
    assert verdicts.verified == 3
    assert verdicts[1, 3] == Verdict(2 + 3 / 1024)
    assert verdicts[3, 0] == Verdict(3 / 1024)
    with pytest.raises(KeyError):
        verdicts[0, 0]


def test_pairs_go_to_workers_with_what_they_need() -> None:
    executor = KnowingExecutor()
    slot = Slot("spool", 0, 3, 4)
    verdicts = verdicts_by(executor, RunOptions(jobs=1, max_pixels=77), {DIGESTS[3]: slot})
    verdicts.verify([(1, 3)])
    ((part,),) = executor.runs
    assert part.paths == ("1.png", "3.png")
    assert part.rows == (bytes([2, 3]), bytes([6, 7]))
    assert part.slots == (None, slot)
    assert part.decoder.max_pixels == 77
    assert part.decoder.mode == verdicts.options.decode
    assert part.pairs == (Pair(0, 1, Hypotheses((0, 2, 7), keypoints=True, mirrored=True)),)


@pytest.mark.parametrize(
    ("pair", "expected"),
    [
        ((0, 1), Hypotheses((0,), keypoints=False, mirrored=False)),
        ((0, 2), Hypotheses((), keypoints=True, mirrored=False)),
        ((0, 3), Hypotheses((), keypoints=False, mirrored=True)),
        ((2, 3), Hypotheses((1,), keypoints=False, mirrored=False)),
    ],
)
def test_hypotheses_are_those_of_the_proposal(pair: tuple[int, int], expected: Hypotheses) -> None:
    executor = KnowingExecutor()
    verdicts_by(executor).verify([pair])
    assert executor.runs[0][0].pairs[0].hypotheses == expected


@pytest.mark.parametrize(
    ("pairs", "jobs", "sizes"),
    [
        (1, 1, [1]),
        (5, 1, [2, 2, 1]),  # two batches for each worker, if there is enough
        (12, 3, [2] * 6),
        (47, 1, [23, 23, 1]),
        (48, 1, [24, 24]),
        (100, 1, [24, 24, 24, 24, 4]),
    ],
)
def test_pairs_are_spread_over_workers(pairs: int, jobs: int, sizes: list[int]) -> None:
    many = [Picture(ImageFile(f"{n}.png", 1, 1, "."), f"{n:064}", FACTS) for n in range(pairs + 1)]
    left, right = np.zeros(pairs, int), np.arange(1, pairs + 1)
    executor, progress = KnowingExecutor(), NotedProgress()
    options = RunOptions(jobs=jobs, progress=progress)
    proposals = Proposals(left, right, np.ones(pairs, int), np.zeros(pairs, int))
    rows = np.zeros((pairs + 1, 2), np.uint8)
    verdicts = Verdicts(many, rows, proposals, {}, executor, options)
    verdicts.verify(proposals.pairs())
    assert [len(part) for part in executor.runs[0]] == sizes
    assert progress.told == [
        ("verifying", pairs, "pair"), *((size,) for size in reversed(sizes)), (),
    ]  # fmt: skip
    for number in (1, pairs):
        assert verdicts[0, number] == Verdict(number / 1024)


def test_batches_are_made_when_they_are_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each holds the rows of its pictures: all together took 19 kB a pair."""
    made: list[object] = []

    class Looking(KnowingExecutor):
        def run(
            self, batches: Sequence[Any], memory: Sequence[int] = (), lost: Lost | None = None
        ) -> Generator[tuple[int, list[Outcome]]]:
            assert (len(batches), made) == (3, [])
            yield from super().run(batches, memory, lost)

    make = Verdicts._batch
    monkeypatch.setattr(Verdicts, "_batch", lambda own, jobs: made.append(jobs) or make(own, jobs))
    verdicts_by(Looking()).verify([(0, 1), (0, 3), (2, 3)])
    assert len(made) == 3


def test_many_pairs_are_verified_and_recalled_some_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imgsim.verify.verdicts._AT_ONCE", 1)
    options = known_contents(tmp_path / "cache.sqlite")
    for runs in (2, 0):
        executor = KnowingExecutor()
        verdicts = verdicts_by(executor, options)
        verdicts.verify([(0, 1), (0, 3), (0, 2)])
        assert len(executor.runs) == runs
        assert [pair for pair, _ in verdicts.asked()] == [(0, 1), (0, 2), (0, 3)]
        assert verdicts[0, 3] == Verdict(3 / 1024)
        verdicts.close()


def test_progress_ends_even_if_a_worker_fails() -> None:
    class Failing(KnowingExecutor):
        def run(
            self, batches: Sequence[Any], memory: Sequence[int] = (), lost: Lost | None = None
        ) -> Generator[tuple[int, list[Outcome]]]:
            raise RuntimeError("no workers")
            yield

    progress = NotedProgress()
    verdicts = verdicts_by(Failing(), RunOptions(jobs=1, progress=progress))
    with pytest.raises(RuntimeError):
        verdicts.verify([(0, 1)])
    assert progress.told[-1] == ()


def known_contents(path: Path) -> RunOptions:
    """Options with a cache that knows the contents of the pictures."""
    cache = Cache(path, pytest.fail)
    cache.keep("decoder", [], [(p.file, p.digest, Known(p.facts), ()) for p in PICTURES])
    cache.close()
    return RunOptions(jobs=1, cache=path)


@pytest.mark.parametrize("reason", ["", "its worker was killed"])
def test_verdicts_that_last_are_remembered(reason: str, tmp_path: Path) -> None:
    options = known_contents(tmp_path / "cache.sqlite")
    executor = KnowingExecutor(reason)
    verdicts = verdicts_by(executor, options)
    verdicts.verify([(0, 1), (2, 3)])
    verdicts.close()
    assert not executor.closed  # it is for who opened it to close
    again = verdicts_by(KnowingExecutor(), options)
    again.verify([(0, 2), (1, 3), (0, 3)])
    assert again.verified == (3 if reason else 1)
    assert again[0, 1] == Verdict((2 if reason else 1) / 1024)
    again.close()


def test_of_the_cache_only_pairs_that_are_proposed_are_recalled(tmp_path: Path) -> None:
    """And only if they are proposed for the same reasons: a verdict follows from these too."""
    options = known_contents(tmp_path / "cache.sqlite")
    first = verdicts_by(KnowingExecutor(), options)
    first.verify([(0, 1), (0, 3)])
    first.close()
    why = WHY[PAIRS.index((0, 3))]
    for reasons, expected in ((why, Verdict(3 / 1024)), (why | 64, None)):
        few = Proposals(np.array([0]), np.array([3]), np.array([reasons]), np.array([0]))
        again = Verdicts(PICTURES, ROWS, few, {}, KnowingExecutor(), options)
        assert again.between(PICTURES[0], PICTURES[3]) == expected
        assert again.between(PICTURES[0], PICTURES[1]) is None
        again.close()


def test_verdicts_of_which_less_was_told_are_no_others(tmp_path: Path) -> None:
    options = known_contents(tmp_path / "cache.sqlite")
    few = Proposals(np.array([0]), np.array([3]), np.array([1]), np.array([0]))
    for needed in (DUPLICATES, ALL):
        for known in (False, True):
            executor = KnowingExecutor()
            verdicts = Verdicts(PICTURES, ROWS, few, {}, executor, options, needed=needed)
            assert (verdicts.between(PICTURES[0], PICTURES[3]) is not None) == known
            verdicts.verify([(0, 3)])
            assert known or executor.runs[0][0].needed is needed
            verdicts.close()


def test_a_verdict_is_found_whichever_picture_is_named_first() -> None:
    verdicts = verdicts_by(KnowingExecutor())
    assert verdicts.between(PICTURES[0], PICTURES[3]) is None
    verdicts.verify([(0, 3)])
    for one, other in ((0, 3), (3, 0)):
        assert verdicts.between(PICTURES[one], PICTURES[other]) == Verdict(3 / 1024)
    assert verdicts.between(PICTURES[1], PICTURES[2]) == EQUAL


def test_pairs_that_are_proposed_later_keep_what_is_known_of_them() -> None:
    executor = KnowingExecutor()
    few = Proposals(np.array([0, 1]), np.array([3, 3]), np.array([1, 1]), np.zeros(2, int))
    verdicts = Verdicts(PICTURES, ROWS, few, {}, executor, RunOptions(jobs=1))
    verdicts.verify([(3, 0), (1, 3)])
    verdicts.verify_through([(0, 3, 2)])
    assert verdicts.was_asked((2, 0))
    assert not verdicts.was_asked((2, 3))
    before = [pair for pair, _ in verdicts.asked()]
    assert before == [(0, 2), (0, 3), (1, 3)]
    later = Proposals(*np.array([[0, 0, 1, 2], [1, 2, 2, 3]]), np.full(4, 2), np.zeros(4, int))
    verdicts.propose(later)
    assert [pair for pair in PAIRS if verdicts.was_asked(pair)] == before
    verdicts.verify([(0, 1), (1, 2), (2, 3)])
    assert [pair for pair, _ in verdicts.asked()] == PAIRS
    assert len(executor.runs) == 2  # the contents of these are known
    strange = Picture(ImageFile("9.png", 1, 1, "."), "12" * 32, FACTS)
    assert verdicts.between(strange, PICTURES[3]) is None
    assert verdicts.between(PICTURES[3], replace(strange, digest="99" * 32)) is None


def test_a_transform_is_that_of_the_verdict_whichever_is_kept() -> None:
    verdicts = verdicts_by(KnowingExecutor())
    assert verdicts.transform(PICTURES[0], PICTURES[3]) is None
    assert verdicts.transform(PICTURES[1], PICTURES[2]) is None  # equal bytes
    matrix = 0.5, 0, 0.25, 0, 0.5, 0.25, 0, 0, 1
    verdicts._keep(verdicts._code((0, 3)), Verdict(0.5, matrix, 1.0, 1.0, 0.25), "")
    for kept, other, kind, corner in ((0, 3, "crop", (100, 75)), (3, 0, "inset", (-200, -150))):
        transform = verdicts.transform(PICTURES[kept], PICTURES[other])
        assert transform is not None
        assert transform.kind == kind
        assert [row[2] for row in transform.matrix] == pytest.approx([*corner, 1])


# Two files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("swapped", [False, True])
def test_two_files_are_verified_in_the_order_given(swapped: bool, tmp_path: Path) -> None:
    whole = picture()
    paths = [tmp_path / "whole.png", tmp_path / "part.png"]
    images = [whole, whole.crop((100, 60, 436, 312))]
    if swapped:
        paths.reverse()
        images.reverse()
    for path, image in zip(paths, images, strict=True):
        image.save(path)
    extracted = [LocalFeatures().extract(np.asarray(i.convert("YCbCr"))[None]) for i in images]
    rows = np.concatenate(extracted)
    verdict = verify_pair(Auto(), (paths[0], str(paths[1])), rows, RunOptions(jobs=1))
    assert verdict.residual <= 1
    assert verdict.more == (1 if swapped else -1)
    matrix = np.array(verdict.matrix).reshape(3, 3)
    cut = np.array([[336 / 480, 0, 100 / 480], [0, 252 / 360, 60 / 360], [0, 0, 1]])
    expected = np.linalg.inv(cut) if swapped else cut
    np.testing.assert_allclose(matrix, expected, atol=0.005)


def test_two_files_that_nothing_proposes_are_not_read(tmp_path: Path) -> None:
    extracted = [
        LocalFeatures().extract(np.asarray(picture(seed).convert("YCbCr"))[None]) for seed in (3, 4)
    ]
    missing = tmp_path / "one.png", tmp_path / "other.png"
    verdict = verify_pair(Auto(), missing, np.concatenate(extracted), RunOptions(jobs=1))
    assert verdict == NOT_ALIGNED


def test_two_files_are_tried_as_they_were_proposed(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = []
    monkeypatch.setattr(
        VerifyBatch, "run", lambda self, beat: [ran.append(self), Outcome(EQUAL)][1:]
    )
    why = np.array([0b1000001 | MIRRORED])
    asked = []

    def propose(rows: np.ndarray, *, hashes: bool, jobs: int, flat: np.ndarray) -> Proposals:
        asked.append((len(rows), hashes, jobs, flat.tolist()))
        return Proposals(np.array([0]), np.array([1]), why, np.zeros(1, int))

    monkeypatch.setattr(module, "propose", propose)
    rows = np.zeros((2, LocalFeatures().shape[0]), np.uint8)
    rows[1] = 1
    options = RunOptions(jobs=1, max_pixels=55)
    assert verify_pair(Auto(), ("a.png", Path("b.png")), rows, options) == EQUAL
    assert asked == [(2, True, 1, [False, False])]
    (work,) = ran
    assert work.paths == ("a.png", "b.png")
    assert work.rows == (rows[0].tobytes(), rows[1].tobytes())
    assert work.pairs == (Pair(0, 1, Hypotheses((0, 6), keypoints=False, mirrored=True)),)
    assert work.decoder.max_pixels == 55


def test_closing_lets_go_of_the_cache_and_of_an_executor_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    executor, closed = KnowingExecutor(), []
    monkeypatch.setattr(Cache, "close", lambda self: closed.append(self))
    verdicts = verdicts_by(executor)
    assert not executor.closed
    verdicts.close()
    assert not executor.closed
    assert closed == [verdicts._cache]
    monkeypatch.setattr(RunOptions, "open_executor", lambda *a, **k: executor)
    verdicts_by(None).close()
    assert executor.closed
