"""Lists of proposed pairs, and pairs that hashes propose; the hashes are made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from imgsim.comparators.local import LAYOUT, ORIENTATIONS, turned
from imgsim.propose import proposals
from imgsim.propose.proposals import Proposals, propose
from imgsim.propose.reasons import KEYPOINTS, MIRRORED
from tests.propose.test_keypoint_votes import images, mirror, points, put

SOME = Proposals(
    np.array([0, 0, 2]), np.array([2, 5, 3]), np.array([1, KEYPOINTS, 6]), np.array([0, 7, 0])
)


def listed(pairs: Proposals) -> list[tuple[int, int, int]]:
    assert pairs.left.dtype == pairs.right.dtype == pairs.why.dtype == np.int64
    return list(zip(pairs.left.tolist(), pairs.right.tolist(), pairs.why.tolist(), strict=True))


def made(*pairs: tuple[int, int]) -> np.ndarray:
    return np.array(pairs, np.int64).reshape(-1, 2)


def test_pairs() -> None:
    assert SOME.pairs() == [(0, 2), (0, 5), (2, 3)]
    assert SOME.only(np.zeros(3, bool)).pairs() == []


def test_only() -> None:
    assert listed(SOME.only(np.array([True, False, True]))) == [(0, 2, 1), (2, 3, 6)]


def test_pairs_that_are_added_stand_in_their_places_and_change_no_others() -> None:
    more = SOME.with_pairs(made((4, 5), (2, 3), (0, 1), (0, 3)))
    assert listed(more) == [
        (0, 1, 0), (0, 2, 1), (0, 3, 0), (0, 5, KEYPOINTS), (2, 3, 6), (4, 5, 0),
    ]  # fmt: skip


@pytest.mark.parametrize("pairs", [made(), made((0, 5)), made((2, 3), (0, 2), (0, 5))])
def test_adding_nothing_new(pairs: np.ndarray) -> None:
    assert listed(SOME.with_pairs(pairs)) == listed(SOME)


def test_adding_to_none() -> None:
    none = Proposals(*(np.zeros(0, np.int64) for _ in range(4)))
    assert listed(none.with_pairs(made((1, 2), (0, 2)))) == [(0, 2, 0), (1, 2, 0)]
    assert listed(none.with_pairs(made())) == []


# By hashes ---------------------------------------------------------------------------------------


def hashed(n: int) -> np.ndarray:
    """Images without keypoints, of hashes that are far from each other."""
    rows = np.zeros(n, LAYOUT)
    rows["hash"] = np.random.default_rng(n).integers(0, 256, (n, 32))
    return rows


@pytest.mark.parametrize(("bits", "found"), [(0, True), (47, True), (48, True), (49, False)])
def test_hashes_up_to_48_bits_apart_are_proposed(bits: int, found: bool) -> None:
    rows = hashed(4)
    flipped = np.unpackbits(rows["hash"][1])
    flipped[5 : 5 + bits] ^= 1
    rows["hash"][3] = np.packbits(flipped)
    assert listed(propose(rows, hashes=True, jobs=1)) == [(1, 3, 1)] * found
    assert listed(propose(rows, hashes=False, jobs=1)) == []


@pytest.mark.parametrize("number", range(8))
def test_the_orientation_is_that_in_which_the_right_one_is_like_the_left_one(number: int) -> None:
    rows = hashed(3)
    rows["hash"][0] = turned(rows["hash"][2:3], ORIENTATIONS[number])[0]
    assert listed(propose(rows, hashes=True, jobs=1)) == [(0, 2, 1 << number)]


def test_a_hash_that_looks_the_same_in_all_orientations_has_all_of_them() -> None:
    rows = hashed(3)
    rows["hash"][1] = rows["hash"][2] = 0
    odd = np.zeros((16, 16), np.uint8)  # signs in even rows and columns alone change in no flip
    odd[4, 8] = odd[8, 4] = 1
    rows["hash"][1] = rows["hash"][2] = np.packbits(odd.reshape(-1))
    (pair,) = listed(propose(rows, hashes=True, jobs=1))
    assert pair[:2] == (1, 2)
    assert pair[2] & 1
    assert pair[2] & 16  # transposed


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 9])
def test_the_number_of_queries_at_once_changes_nothing(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proposals, "_QUERIES", size)
    rows = hashed(9)
    for left, right in ((0, 8), (1, 2), (4, 7), (5, 7)):
        rows["hash"][left] = rows["hash"][right]
    found = propose(rows, hashes=True, jobs=1)
    assert listed(found) == [(0, 8, 1), (1, 2, 1), (4, 5, 1), (4, 7, 1), (5, 7, 1)]


def test_all_reasons_of_a_pair_come_together() -> None:
    rows = images(4)
    rows["hash"] = hashed(4)["hash"]
    rows["hash"][1] = rows["hash"][3]
    own, more = points(4, 1), points(4, 2)
    put(rows[1], own + more)
    put(rows[3], own)
    put(rows[3], [mirror(p) for p in more], [p.descriptor for p in more])
    put(rows[2], more)
    both = KEYPOINTS | MIRRORED
    others = [(1, 2, KEYPOINTS), (2, 3, MIRRORED)]
    assert listed(propose(rows, hashes=True, jobs=1)) == sorted([(1, 3, both | 1), *others])
    assert listed(propose(rows, hashes=False, jobs=1)) == sorted([(1, 3, both), *others])


def test_the_reasons_are_bits_of_their_own() -> None:
    assert len({1 << i for i in range(len(ORIENTATIONS))} | {KEYPOINTS, MIRRORED}) == 10
    assert KEYPOINTS.bit_count() == MIRRORED.bit_count() == 1
