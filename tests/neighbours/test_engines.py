"""Blocked search equals brute force, at odd block sizes and in every metric."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from imgsim.comparators.ssim import Ssim
from imgsim.neighbours import contenders, dense, engine, hamming, pairs
from imgsim.neighbours.build import collapse
from imgsim.neighbours.dense import CosineEngine, EuclideanEngine
from imgsim.neighbours.engine import Engine
from imgsim.neighbours.hamming import HammingEngine
from imgsim.neighbours.pairs import PairEngine, ProposedEngine

METRICS = (
    "hamming", "hamming, few rows", "hamming, in C", "hamming, in C by parts",
    "euclidean", "cosine", "ssim", "ssim, rough first",
)  # fmt: skip


@pytest.fixture(autouse=True)
def _odd_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "QUERY_BLOCK", 7)
    for module in (hamming, dense, pairs):
        monkeypatch.setattr(module, "MAX_BLOCK_PAIRS", 11)
    monkeypatch.setattr(hamming, "_INDEX_BLOCK", 5)
    monkeypatch.setattr(hamming, "_QUERIES_WITH_TIES", 3)
    monkeypatch.setattr(dense, "_GALLERY_BLOCK", 6)
    monkeypatch.setattr(dense, "_EXACT_VALUES", 100)
    monkeypatch.setattr(pairs, "_PREPARED", 9)
    monkeypatch.setattr(pairs, "_AT_ONCE", 4)
    monkeypatch.setattr(pairs, "QUERY_BLOCK", 11)
    monkeypatch.setattr(pairs, "_ROUGH_QUERIES", 2)
    monkeypatch.setattr(pairs, "_ROUGH_ROWS", 3)
    monkeypatch.setattr(contenders, "_PENDING", 30)


@dataclass(frozen=True)
class _OnlyTrue(Ssim):
    def rough(self, rows):
        return None


class _ByIndex(HammingEngine):
    """Without the parts in C."""

    def __init__(self, rows: np.ndarray, *, few: bool) -> None:
        super().__init__(rows, 1)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(hamming, "FEW_ROWS", 10**6 if few else 0)
            assert self.indexes

    def after(self, queries, radius):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(hamming, "_hashes", None)
            return super().after(queries, radius)


class _InC(HammingEngine):
    """With the parts in C, though rows are few."""

    def __init__(self, rows: np.ndarray, jobs: int, *, by_parts: bool) -> None:
        super().__init__(rows, jobs)
        self._by_parts = by_parts

    def after(self, queries, radius):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(hamming, "_MIN_PART_BITS", 1)
            patch.setattr(hamming, "_ROWS_WITH_PARTS", 0 if self._by_parts else 10**6)
            return super().after(queries, radius)


def _case(metric: str, seed: int, n: int):
    """Rows with many ties and near ties, their engine, and all distances by another way."""
    rng = np.random.default_rng(seed)
    if metric.startswith("hamming"):
        rows = rng.integers(0, 4, (n, 2), np.uint8)
        bits = np.unpackbits(rows, axis=1)
        found = _InC(rows, 2, by_parts="parts" in metric) if " C" in metric else None
        if found is None or hamming._hashes is None:
            found = _ByIndex(rows, few=metric != "hamming")
        return found, cdist(bits, bits, "cityblock")
    if metric.startswith("ssim"):
        rows = rng.integers(0, 256, (n, 64), np.uint8)
        rows[n // 2 :] = rows[: n - n // 2] // 2
        ssim = Ssim(side=8, win_size=3) if "rough" in metric else _OnlyTrue(side=8, win_size=3)
        prepared = ssim.prepare(rows)
        exact = np.stack(
            [ssim.distance(tuple(a[i : i + 1] for a in prepared), prepared) for i in range(n)]
        )
        return PairEngine(ssim, rows, 2), exact
    rows = rng.integers(0, 3, (n, 5), np.uint8)
    if metric == "euclidean":
        return EuclideanEngine(rows), cdist(rows.astype(float), rows.astype(float))
    rows[:, 0] += 1  # no zero vector: scipy has no distance for it
    exact = cdist(rows.astype(float), rows.astype(float), "cosine")
    return CosineEngine(rows), np.where(exact < 1e-9, 0.0, exact)


def _pairs(searched: Engine, radius: float) -> set[tuple[int, int]]:
    blocks = searched.within(radius)
    return {pair for b in blocks for pair in zip(b.left.tolist(), b.right.tolist(), strict=True)}


@given(st.sampled_from(METRICS), st.integers(0, 10**6), st.integers(2, 40), st.floats(0, 1))
@settings(max_examples=80, deadline=None)
def test_within_equals_brute_force(metric: str, seed: int, n: int, quantile: float) -> None:
    searched, exact = _case(metric, seed, n)
    # between two distances, so that no rounding decides
    upper = np.unique(exact[np.triu_indices(n, 1)].round(9))
    place = int(quantile * (len(upper) - 1))
    radius = float(upper[place] + (upper[min(place + 1, len(upper) - 1)] - upper[place]) / 2) + 1e-7
    blocks = list(searched.within(radius))
    left = np.concatenate([b.left for b in blocks]) if blocks else np.empty(0, int)
    right = np.concatenate([b.right for b in blocks]) if blocks else np.empty(0, int)
    expected = np.argwhere(np.triu(exact <= radius, 1))
    np.testing.assert_array_equal(np.stack([left, right], axis=1), expected)
    distance = np.concatenate([b.distance for b in blocks]) if blocks else np.empty(0)
    np.testing.assert_allclose(distance, exact[left, right], atol=1e-12)


@pytest.mark.parametrize(
    ("searched", "radius"),
    [
        (EuclideanEngine(np.array([(0, 0), (3, 4), (9, 9)], np.uint8)), 5.0),  # 3, 4, 5
        (CosineEngine(np.array([(1, 0), (0, 7), (0, 0)], np.uint8)), 1.0),  # at right angles
        (HammingEngine(np.array([(0, 0), (1, 15), (255, 255)], np.uint8), 1), 5.0),
    ],
    ids=["euclidean", "cosine", "hamming"],
)
def test_a_pair_exactly_on_the_radius_is_within_it(searched: Engine, radius: float) -> None:
    assert (0, 1) in _pairs(searched, radius)
    assert (0, 1) not in _pairs(searched, radius - 1e-6)


@given(st.sampled_from(METRICS), st.integers(0, 10**6), st.integers(2, 40), st.floats(0, 1))
@settings(max_examples=80, deadline=None)
def test_the_distance_of_a_pair_as_radius_finds_that_pair(
    metric: str, seed: int, n: int, quantile: float
) -> None:
    searched, _ = _case(metric, seed, n)
    every = list(searched.within(1000.0))
    left, right, distance = (
        np.concatenate([getattr(block, name) for block in every])
        for name in ("left", "right", "distance")
    )
    assert len(left) == n * (n - 1) // 2
    radius = float(np.sort(distance)[int(quantile * (len(distance) - 1))])
    near = list(searched.within(radius))
    pairs = [np.concatenate([getattr(block, name) for block in near]) for name in ("left", "right")]
    expected = distance <= radius
    np.testing.assert_array_equal(pairs, [left[expected], right[expected]])


@pytest.mark.parametrize("engine_class", [EuclideanEngine, CosineEngine])
def test_rows_of_zeros_are_equal(engine_class: type[Engine]) -> None:
    """Their distances have no rounding error at all, so every bound is met exactly."""
    searched = engine_class(np.zeros((9, 3), np.uint8))
    assert sum(len(block.left) for block in searched.within(0.0)) == 9 * 8 // 2
    nearest = searched.nearest(np.arange(9), 2)
    assert nearest.rows[0].tolist() == [1, 2]
    assert nearest.rows[8].tolist() == [0, 1]
    assert (nearest.distance == 0).all()


def test_a_proposer_and_a_radius_are_met_exactly() -> None:
    hashes = np.array([(0,), (15,), (255,)], np.uint8)  # 4, 8 and 4 bits
    rows = np.random.default_rng(0).integers(0, 256, (3, 64), np.uint8)
    searched = PairEngine(Ssim(side=8, win_size=3), rows, 1)
    distance = searched.distances(np.array([0]), np.array([1]))[0]
    nearer = np.nextafter(distance, 0)
    for proposed, radius, expected in (
        (4.0, distance, True),
        (3.9, distance, False),
        (4.0, nearer, False),
    ):
        narrowed = ProposedEngine(HammingEngine(hashes, 1), proposed, searched)
        assert ((0, 1) in _pairs(narrowed, float(radius))) is expected


@given(st.sampled_from(METRICS), st.integers(0, 10**6), st.integers(2, 40), st.integers(1, 6))
@settings(max_examples=80, deadline=None)
def test_nearest_equals_brute_force_with_ties_by_row(
    metric: str, seed: int, n: int, k: int
) -> None:
    searched, exact = _case(metric, seed, n)
    k = min(k, n - 1)
    queries = np.random.default_rng(seed).permutation(n)[: max(1, n // 2)]
    nearest = searched.nearest(queries, k)
    for query, rows, distances in zip(queries, nearest.rows, nearest.distance, strict=True):
        others = np.delete(np.arange(n), query)
        order = np.lexsort((others, exact[query, others].round(9)))[:k]
        if metric != "cosine":  # whose equal distances differ in the last bit
            np.testing.assert_array_equal(rows, others[order])
        assert len(set(rows)) == k
        np.testing.assert_allclose(distances, exact[query, others[order]], atol=1e-12)


def test_many_equal_rows_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """All pairs of equal images are as near as any; the k first by row are the answer."""
    rows = np.repeat(np.random.default_rng(0).integers(0, 256, (2, 64), np.uint8), 30, axis=0)
    searched = PairEngine(Ssim(side=8, win_size=3), rows, 2)
    piles = []
    add = contenders.Contenders.add

    def watched(self, *arguments):
        add(self, *arguments)
        piles.append(self.pending_pairs)

    monkeypatch.setattr(contenders.Contenders, "add", watched)
    nearest = searched.nearest(np.arange(60), 3)
    assert max(piles) <= 30
    assert (nearest.distance == 0).all()
    assert nearest.rows[0].tolist() == [1, 2, 3]
    assert nearest.rows[31].tolist() == [30, 32, 33]


def test_equal_distances_go_by_row_in_whatever_order_they_come() -> None:
    one, five, seven = (np.array([row]) for row in (1, 5, 7))
    nearest = contenders.Contenders(9, 1, lambda left, right: np.full(len(left), 0.5))
    for row in (seven, five):
        nearest.add(one, row, np.array([[0.5]]), 0.0)
    assert nearest.nearest(one).rows.tolist() == [[5]]


def test_closed_rows_ask_no_more() -> None:
    searched, _ = _case("hamming", 0, 40)
    closed = np.zeros(40, bool)
    seen = []
    for block in searched.within(16.0, closed):
        seen.extend(block.left)
        closed[7:14] = True  # while the first block of queries is handled
    assert set(range(7)) <= set(seen)
    assert not set(range(7, 14)) & set(seen)


def test_fewer_rows_than_neighbours() -> None:
    searched, _ = _case("euclidean", 0, 3)
    nearest = searched.nearest(np.arange(3), 5)
    assert (nearest.rows[:, 2:] == -1).all()
    assert np.isinf(nearest.distance[:, 2:]).all()


def test_a_proposer_narrows_the_pairs() -> None:
    searched, exact = _case("ssim", 3, 30)
    hashes = np.random.default_rng(1).integers(0, 256, (30, 1), np.uint8)
    bits = np.unpackbits(hashes, axis=1)
    proposed = cdist(bits, bits, "cityblock") <= 2
    compared = []
    searched.advance = compared.append
    blocks = list(ProposedEngine(HammingEngine(hashes, 1), 2.0, searched).within(0.9))
    pairs_found = np.concatenate([np.stack([b.left, b.right], axis=1) for b in blocks])
    np.testing.assert_array_equal(pairs_found, np.argwhere(np.triu((exact <= 0.9) & proposed, 1)))
    assert sum(compared) == np.triu(proposed, 1).sum()


@given(st.lists(st.integers(0, 3), max_size=30), st.sampled_from([1, 100]))
def test_collapse_numbers_the_distinct_rows(values: list[int], width: int) -> None:
    rows = np.repeat(np.array(values, np.uint8).reshape(-1, 1), width, axis=1)
    numbers = collapse(rows)
    order = list(dict.fromkeys(values))
    assert [order[number] for number in numbers] == values


@pytest.mark.skipif(hamming._hashes is None, reason="the parts in C are not compiled")
@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"queries": np.array([4])}, "no such row"),
        ({"queries": np.array([-1])}, "no such row"),
        ({"start": 2}, "out of range"),
        ({"radius": -1}, "out of range"),
        ({"size": 0}, "out of range"),
        ({"size": 3}, "rows: "),
        ({"found": np.zeros(3, np.uint64), "distance": np.zeros(3, np.uint16)}, "out of range"),
        ({"distance": np.zeros(8, np.uint16)}, "distance: 9 items"),
        ({"parts": 1}, "out of range"),
        ({"parts": 2, "starts": np.zeros(4, np.uint32)}, "starts: 6 items"),
        ({"parts": 200, "starts": np.zeros(600, np.uint32)}, "parts: out of range"),
    ],
)
def test_c_refuses_what_does_not_fit(change: dict, told: str) -> None:
    given = {
        "start": 0,
        "radius": 1,
        "parts": 0,
        "part_bits": 1,
        "queries": np.array([0]),
        "rows": np.zeros((4, 2), np.uint64),
        "size": 2,
        "starts": None,
        "order": np.zeros(8, np.uint32),
        "found": np.zeros(9, np.uint64),
        "distance": np.zeros(9, np.uint16),
    }
    assert hamming._hashes.after(*given.values()) == (1, 3)
    with pytest.raises(ValueError, match=told):
        hamming._hashes.after(*(given | change).values())


@pytest.mark.skipif(hamming._hashes is None, reason="the parts in C are not compiled")
def test_c_reads_nothing_that_is_not_there() -> None:
    """Numbers of rows out of range, in tables that only damage would make."""
    rows, found, distance = np.zeros((4, 1), np.uint64), np.zeros(9, np.uint64), np.zeros(9, "<u2")
    starts = np.array([0, 2**32 - 1, 5] * 2, np.uint32)
    order = np.full(8, 2**32 - 1, np.uint32)
    near = hamming._hashes.after(0, 1, 2, 1, np.arange(4), rows, 1, starts, order, found, distance)
    assert near == (4, 0)
