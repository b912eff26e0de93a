"""Scores divided over cells: the parts add up, and lie where the shared thing was planted."""

from __future__ import annotations

import numpy as np
import pytest

from imgsim.models import cam


def _maps(seed: int, channels: int = 12, side: int = 6) -> np.ndarray:
    return np.random.default_rng(seed).gamma(1.0, 1.0, (channels, side, side))


def _cosine(one: np.ndarray, other: np.ndarray) -> float:
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


POOLS = {
    "avg": lambda m: m.mean(axis=(1, 2)),
    "gem": lambda m: (m**3).mean(axis=(1, 2)) ** (1 / 3),
    "none": lambda m: m.ravel(),
}


@pytest.mark.parametrize("pool", POOLS)
def test_the_parts_of_both_images_add_up_to_the_cosine(pool: str) -> None:
    left, right = _maps(1), _maps(2)
    parts = cam.pooled_cosine(left, right, pool)
    expected = _cosine(POOLS[pool](left), POOLS[pool](right))
    assert parts.total == pytest.approx(expected, abs=1e-12)
    assert parts.left.sum() == pytest.approx(expected, abs=1e-12)
    assert parts.right.sum() == pytest.approx(expected, abs=1e-12)
    swapped = cam.pooled_cosine(right, left, pool)
    assert np.allclose(swapped.left, parts.right)


def test_what_a_cell_adds_is_what_the_score_loses_without_it() -> None:
    """The inner product is linear: take a cell away and keep the lengths as they were."""
    left, right = _maps(3), _maps(4)
    parts = cam.pooled_cosine(left, right, "avg")
    one, other = POOLS["avg"](left), POOLS["avg"](right)
    without = left.copy()
    without[:, 2, 5] = 0
    lost = (one - POOLS["avg"](without)) @ other / np.linalg.norm(one) / np.linalg.norm(other)
    assert parts.left[2, 5] == pytest.approx(lost, abs=1e-12)


def test_weights_of_channels() -> None:
    left, right, weights = _maps(5), _maps(6), np.random.default_rng(0).random(12)
    root = np.sqrt(weights)[:, None, None]
    parts = cam.weighted_cosine(left, right, weights)
    assert parts.total == pytest.approx(cam.weighted_cosine(left * root, right * root).total)


def test_the_parts_lie_on_a_planted_object_and_links_join_it() -> None:
    """Two backgrounds that share nothing, one pattern of channels in both, at two places."""
    rng = np.random.default_rng(0)
    left, right = np.zeros((30, 8, 8)), np.zeros((30, 8, 8))
    left[:10], right[20:] = rng.random((10, 8, 8)), rng.random((10, 8, 8))
    pattern = 3 * rng.random((10, 2, 2))
    left[:, 1:3, 1:3], right[:, 5:7, 4:6] = 0, 0
    left[10:20, 1:3, 1:3] = right[10:20, 5:7, 4:6] = pattern
    parts = cam.pooled_cosine(left, right, "avg")
    assert parts.left[1:3, 1:3].sum() == pytest.approx(parts.total)
    assert parts.right[5:7, 4:6].sum() == pytest.approx(parts.total)
    links = cam.cell_links(left, right, parts, 4)
    assert len(links) == 4
    for link in links:
        move = np.subtract(link.right, link.left)
        assert np.allclose(move, (3 / 8, 4 / 8))
        assert 0 < link.weight <= 1


def test_maps_of_nothing_have_no_parts() -> None:
    parts = cam.pooled_cosine(np.zeros((4, 3, 3)), _maps(1, 4, 3), "avg")
    assert parts.total == 0
    assert not parts.left.any()
    assert cam.cell_links(np.zeros((4, 3, 3)), _maps(1, 4, 3), parts, 3) == ()


@pytest.mark.parametrize(("shift", "rows"), [(1, (3, 4)), (-1, (1, 2)), (0, (1,))])
def test_parts_are_placed_where_the_network_looked(shift: int, rows: tuple[int, ...]) -> None:
    left = np.zeros((1, 4, 4))
    left[0, 1, 1] = 1
    parts = cam.pooled_cosine(left, np.ones((1, 4, 4)), "avg")
    placed = cam.move_to_receptive_fields(parts, shift).left
    assert tuple(np.flatnonzero(placed.sum(axis=1))) == rows
    assert placed.sum() == pytest.approx(parts.total)


def test_what_lies_outside_stays_at_the_edge() -> None:
    left = np.zeros((1, 4, 4))
    left[0, 3, 0] = 1
    parts = cam.pooled_cosine(left, np.ones((1, 4, 4)), "avg")
    for shift in (1, -1):
        assert cam.move_to_receptive_fields(parts, shift).left.sum() == pytest.approx(parts.total)
    assert np.argwhere(cam.move_to_receptive_fields(parts, 1).left).tolist() == [[7, 1], [7, 2]]
