"""Pictures that resemble many others are compared with those most alike."""

from __future__ import annotations

import numpy as np

from imgsim.propose.most_alike import FEW, MOST_ALIKE, most_alike
from imgsim.propose.proposals import Proposals
from imgsim.propose.reasons import KEYPOINTS

MEASURES = 3


def frames(n: int) -> np.ndarray:
    """Colours of one scene, in each a thing elsewhere."""
    rng = np.random.default_rng(3)
    colours = np.repeat(rng.integers(60, 180, (1, 32, 32, 3)), n, axis=0)
    for one in colours:
        x, y = rng.integers(0, 29, 2)
        one[y : y + 3, x : x + 3] = rng.integers(0, 256, 3)
    return colours.astype(np.uint8)


def every_pair(n: int, why: int = 1) -> Proposals:
    left, right = np.triu_indices(n, 1)
    return Proposals(left, right, np.full(len(left), why), np.zeros(len(left), np.int64))


def test_few_are_all_compared() -> None:
    pairs = every_pair(FEW + 1)
    assert most_alike(pairs, frames(FEW + 1), np.arange(FEW + 1)).pairs() == pairs.pairs()


def test_of_many_each_is_compared_with_few_and_with_the_first() -> None:
    n = 90
    rank = np.random.default_rng(1).permutation(n)
    first = int(np.argmin(rank))
    kept = most_alike(every_pair(n), frames(n), rank)
    assert len(kept.why) <= n * (MEASURES * MOST_ALIKE + 1)
    assert all((min(i, first), max(i, first)) in kept.pairs() for i in range(n) if i != first)


def test_a_darker_copy_is_among_the_most_alike() -> None:
    colours = frames(90)
    colours = np.concatenate([colours, (colours[30:50] * 0.6).astype(np.uint8)])
    kept = set(most_alike(every_pair(110), colours, np.arange(110)).pairs())
    assert all((30 + i, 90 + i) in kept for i in range(20))


def test_a_turned_copy_is_compared_by_the_orientation_that_its_hash_has() -> None:
    colours = frames(90)
    mirrored = 1 << 2  # as `ORIENTATIONS` has it
    pairs = every_pair(91, mirrored)
    colours = np.concatenate([colours, colours[40:41, :, ::-1]])
    kept = most_alike(pairs, colours, np.arange(91)[::-1].copy())
    assert (40, 90) in kept.pairs()


def test_votes_tell_where_colours_do_not() -> None:
    """A part of a frame looks like none of them."""
    n = 90
    pairs = every_pair(n, KEYPOINTS)
    weight = np.where((pairs.left == 57) & (pairs.right == n - 1), 9000, 5000)
    colours = frames(n)
    colours[n - 1] = np.random.default_rng(0).integers(0, 256, (32, 32, 3))
    weighted = Proposals(pairs.left, pairs.right, pairs.why, weight)
    assert (57, n - 1) in most_alike(weighted, colours, np.arange(n)).pairs()


def test_an_archive_of_look_alikes_asks_for_nothing_itself() -> None:
    n = 200
    left = np.arange(n - 1)
    pairs = Proposals(left, np.full(n - 1, n - 1), np.ones(n - 1, int), np.zeros(n - 1, int))
    closed = np.arange(n) < n - 1
    kept = most_alike(pairs, frames(n), np.arange(n), closed)
    assert 0 < len(kept.why) <= MEASURES * MOST_ALIKE + 1


def test_pairs_of_one_content_are_kept_and_do_not_count() -> None:
    """Such as the same file below 60 paths that are to be kept apart."""
    n = 60
    pairs = every_pair(n + 2)
    equal = (pairs.left < n) & (pairs.right < n)
    kept = most_alike(pairs, frames(n + 2), np.arange(n + 2), None, equal)
    assert set(every_pair(n).pairs()) <= set(kept.pairs())
    few = most_alike(pairs.only(equal), frames(n + 2), np.arange(n + 2), None, equal[equal])
    assert few.pairs() == every_pair(n).pairs()
