"""Which keypoints are alike: in C and in NumPy the same, and of many only the nearest."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest

from imgsim.comparators.local import LAYOUT
from imgsim.propose import alike, keypoint_votes, nearest
from imgsim.propose.keypoint_votes import Votes, _agreeing, votes_of
from imgsim.propose.keypoints import Keypoints

needs_c = pytest.mark.skipif(
    alike._alike is None, reason="the parts in C are not compiled: there was no C compiler"
)


def _rows(seed: int, n: int = 60) -> np.ndarray:
    """Images whose keypoints come in families, so that many share words and many are near."""
    rng = np.random.default_rng(seed)
    rows = np.zeros(n, LAYOUT)
    rows["size"] = 400, 300
    rows["count"] = rng.integers(0, 40, n)
    family = rng.integers(0, 256, (12, 32), np.uint8)
    for row in rows:
        for name, most in (("descriptor", 40), ("mirrored", 20)):
            own = family[rng.integers(0, len(family), most)]
            flipped = rng.random((most, 256)) < rng.choice([0.0, 0.02, 0.08], (most, 1))
            row[name][:most] = own ^ np.packbits(flipped, axis=1)
        row["place"][:40] = rng.integers(0, 300 * 64, (40, 2))
        row["octave"][:40] = rng.integers(0, 3, 40)
    return rows


def _pairs(rows: np.ndarray, closed: np.ndarray | None = None) -> set[tuple[int, int]]:
    n = len(rows)
    keypoints = Keypoints.of(rows, np.arange(n))
    if closed is not None:
        keypoints = keypoints.of_open(closed)
    found = alike.Collisions(keypoints, n, 8).found(1, 0, 0)
    return {(int(a), int(b)) for one, other in found for a, b in zip(one, other, strict=True)}


def _votes(votes: Votes) -> list[list[int]]:
    columns = votes.left, votes.right, votes.mirrored, votes.weight
    return [column.tolist() for column in columns]


@needs_c
@pytest.mark.parametrize("counted", [3, 1 << 20])
@pytest.mark.parametrize("common", [9, 1024])
@pytest.mark.parametrize("in_memory", [0, 1 << 20])
@pytest.mark.parametrize("some_closed", [False, True])
def test_c_and_numpy_find_the_same(
    counted: int,
    common: int,
    in_memory: int,
    some_closed: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = _rows(counted + common)
    closed = np.random.default_rng(1).random(len(rows)) < 0.7 if some_closed else None
    monkeypatch.setattr(nearest, "NEAREST", counted)
    monkeypatch.setattr(alike, "COMMON_WORD", common)
    monkeypatch.setattr(alike, "_IN_MEMORY", in_memory)
    monkeypatch.setattr(alike, "_SORTED_BITS", 8)
    least = (2, 900, 900)
    compiled = _pairs(rows, closed), _votes(votes_of(rows, *least, closed=closed))
    for module in (alike, keypoint_votes):
        monkeypatch.setattr(module, "_alike", None)
    assert (_pairs(rows, closed), _votes(votes_of(rows, *least, closed=closed))) == compiled
    assert len(compiled[0]) > 50


@needs_c
@pytest.mark.parametrize("most", [15, 40, 1000])
def test_c_and_numpy_find_the_same_votes_that_agree(
    most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Few or many votes of two images, of few keypoints each."""
    rng = np.random.default_rng(most)
    n, votes = 6, 20 * most
    image = np.sort(rng.integers(0, n, votes))
    pair = (rng.integers(0, 2, votes) * n + image) * n + rng.integers(0, n, votes)
    cell, query, other = (rng.integers(0, k, votes) for k in (7, most, 9))
    given = pair, cell, query, other, rng.integers(0, 1000, votes), n, 2, (900, 1500)
    compiled = _agreeing(*given)
    monkeypatch.setattr(keypoint_votes, "_alike", None)
    expected = _agreeing(*given)
    assert sorted(compiled.T.tolist()) == sorted(expected.T.tolist())
    assert len(expected.T)
    assert _agreeing(*(one[:0] for one in given[:5]), *given[5:]).shape == (2, 0)


@needs_c
@pytest.mark.parametrize(
    ("place", "value"),
    [(0, np.full(3, 72)), (0, np.full(3, -1)), (1, np.zeros(2, np.int64)), (4, np.zeros(3, "f4")),
     (5, 0)],
)  # fmt: skip
def test_c_checks_the_votes_it_is_given(place: int, value: Any) -> None:
    given = [*(np.zeros(3, np.int64) for _ in range(5)), 6, 2, 0, 0, *np.zeros((2, 3), np.int64)]
    assert alike._alike.agreeing(*given) == 0
    given[place] = value
    with pytest.raises((ValueError, TypeError)):
        alike._alike.agreeing(*given)


@pytest.mark.parametrize("compiled", [pytest.param(True, marks=needs_c), False])
def test_pairs_wait_in_files_a_part_at_a_time(
    compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = _rows(7)
    expected = _pairs(rows)
    monkeypatch.setattr(alike, "_IN_MEMORY", 0)
    monkeypatch.setattr(alike, "_IMAGES", 2)
    monkeypatch.setattr(alike, "_FILE_BYTES", 1 << 40)
    monkeypatch.setattr(alike, "_alike", alike._alike if compiled else None)
    waiting = []
    write = alike.Collisions._write

    def written(*given: Any) -> list[tuple[int, str]]:
        files = write(*given)
        waiting.append(sum(os.path.getsize(name) for _, name in files))
        return files

    monkeypatch.setattr(alike.Collisions, "_write", written)
    assert _pairs(rows) == expected
    (every,) = waiting
    waiting.clear()
    monkeypatch.setattr(alike, "_FILE_BYTES", every // (4 * len(rows)))
    assert _pairs(rows) == expected
    assert sum(waiting) == every
    assert len(waiting) >= 4
    assert max(waiting) < every / 2


@pytest.mark.parametrize("counted", [5, 40])
def test_of_many_the_nearest_count(counted: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every keypoint is like one in each of 99 images: by 0 bits in 3, by 1 to 60 in the others."""
    rows = np.zeros(100, LAYOUT)
    rows["size"], rows["count"] = (400, 300), 1
    own = np.random.default_rng(3).integers(0, 256, 32, np.uint8)
    for i, row in enumerate(rows):
        bits = np.unpackbits(own)
        bits[32 : 32 + (0 if i < 4 else 1 + i % 60)] ^= 1  # the first word stays
        row["descriptor"][0] = np.packbits(bits)
    monkeypatch.setattr(nearest, "NEAREST", counted)
    few = _pairs(rows)
    assert {(i, j) for i in range(4) for j in range(i + 1, 4)} <= few
    monkeypatch.setattr(nearest, "NEAREST", 1 << 20)
    assert few < _pairs(rows)
    # each has about so many, and some more are those of others
    assert counted * 100 / 2 <= len(few) <= counted * 100 * 1.3


def test_of_equally_near_ones_those_of_some_pairs_of_images_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two hundred images show the same eight keypoints: a pair of them has eight votes, or none."""
    rows = np.zeros(200, LAYOUT)
    rows["size"], rows["count"] = (400, 300), 8
    rows["descriptor"][:, :8] = np.random.default_rng(4).integers(0, 256, (8, 32), np.uint8)
    rows["descriptor"][:, 9:12, 0] = np.arange(200)[:, None]  # no keypoints, and so nothing
    rows["descriptor"][:, 0, 31] = np.arange(200)  # that they be told apart
    monkeypatch.setattr(nearest, "NEAREST", 20)
    pairs = np.array(sorted(_pairs(rows)))
    images, votes = np.unique(pairs // 8 @ [200, 1], return_counts=True)
    assert (votes >= 7).all()
    each = np.bincount(np.concatenate(np.divmod(images, 200)), minlength=200)
    assert 10 < each.mean() < 40
    # the same whatever else lies beside them
    order = np.random.default_rng(5).permutation(200)
    again = {tuple(sorted((order[a // 8], order[b // 8]))) for a, b in _pairs(rows[order])}
    assert again == {tuple(pair) for pair in np.stack(np.divmod(images, 200), axis=1).tolist()}


ARRAYS: dict[str, Any] = {
    "order": np.zeros(4, np.uint32),
    "words": np.zeros(4, np.uint32),
    "descriptors": np.zeros((4, 32), np.uint8),
    "about": np.zeros(4, np.uint64),
    "closed": None,
    "codes": np.zeros(2, np.uint32),
    "histogram": np.zeros((4, 8), np.uint16),
    "limit": None,
    "share": None,
    "found": np.zeros(64, np.uint64),
}


@needs_c
@pytest.mark.parametrize(
    ("change", "error", "told"),
    [
        ({"order": np.array([0, 1, 2, 4], np.uint32)}, ValueError, "no such keypoint"),
        ({"order": np.zeros(4, np.uint64)}, TypeError, "items of 4 bytes"),
        ({"words": np.zeros(3, np.uint32)}, ValueError, "words: 4 items"),
        ({"descriptors": np.zeros((4, 31), np.uint8)}, ValueError, "descriptors: 128 items"),
        ({"descriptors": np.zeros((4, 64), np.uint8)[:, ::2]}, BufferError, "contiguous"),
        ({"about": np.full(4, 2 << 32, np.uint64)}, ValueError, "no such image"),
        ({"histogram": np.zeros((4, 7), np.uint16)}, ValueError, "histogram: 32 items"),
        ({"found": np.zeros(8, np.uint64)}, ValueError, "too little room"),
        ({"found": np.frombuffer(bytes(512), np.uint64)}, BufferError, "read"),
        ({"limit": np.zeros(4, np.uint8)}, ValueError, "go together"),
        ({"closed": np.zeros(3, np.bool_)}, ValueError, "closed: 2 items"),
        ({"closed": b"a text"}, ValueError, "closed: 2 items"),
        ({"about": 5}, TypeError, "bytes-like"),
    ],
)
def test_c_checks_what_it_is_given(
    change: dict[str, Any], error: type[Exception], told: str
) -> None:
    assert alike._alike.search(0, 0, 4, 0, 4, *ARRAYS.values()) == (4, 0)
    with pytest.raises((error, ValueError), match=told):
        alike._alike.search(0, 0, 4, 0, 4, *(ARRAYS | change).values())


@needs_c
@pytest.mark.parametrize(
    "numbers",
    [(5, 0, 4, 0, 4), (-1, 0, 4, 0, 4), (0, 15, 4, 0, 4), (0, 0, 0, 0, 4), (0, 0, 5000, 0, 4),
     (0, 0, 4, -1, 4), (0, 0, 4, 3, 2)],
)  # fmt: skip
def test_c_refuses_numbers_out_of_range(numbers: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"out of range|too little room"):
        alike._alike.search(*numbers, *ARRAYS.values())


@needs_c
@pytest.mark.parametrize(
    ("pairs", "first", "images", "told"),
    [
        ([4 << 32], 0, 2, "no such keypoint"),
        ([4], 0, 2, "no such keypoint"),
        ([1], 1, 1, "no such keypoint, or query"),
        ([1], 0, 3, "out of range"),
    ],
)
def test_c_keeps_pairs_of_those_that_are_there(
    pairs: list[int], first: int, images: int, told: str
) -> None:
    own = ARRAYS["descriptors"], ARRAYS["about"], ARRAYS["histogram"]
    given = np.array(pairs, np.uint64)
    with pytest.raises(ValueError, match=told):
        alike._alike.promising(given, *own, first, images, 2, 72, 8, 1, 0, 0, 8, given.copy())


@needs_c
@pytest.mark.parametrize("few", [2, 8])
def test_c_and_numpy_keep_the_same_single_votes(few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = _rows(7, 30)
    n = len(rows)
    monkeypatch.setattr(alike, "FEW_LIKENESSES", few)
    kept = []
    for part in (alike._alike, None):
        monkeypatch.setattr(alike, "_alike", part)
        found = alike.Collisions(Keypoints.of(rows, np.arange(n)), n, 8).found(9, 5000, 2500)
        kept.append([pair.tolist() for both in found for pair in both])
    assert kept[0] == kept[1]
    assert len(kept[0][0]) > 0
