"""Figures of pairs, against counting them one by one."""

from __future__ import annotations

import numpy as np
import pytest

from imgsim.training.pairs import all_pairs, best_threshold, measure_pairs


@pytest.fixture(params=[0, 1, 2])
def scored(request) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(request.param)
    same = rng.random(60) < 0.3
    return np.round(rng.normal(0, 1, 60) + same, 1), same  # rounded: some are equal


def test_auc_is_the_chance_that_a_pair_of_one_class_wins(scored) -> None:
    scores, same = scored
    wins = [(a > b) + 0.5 * (a == b) for a in scores[same] for b in scores[~same]]
    assert measure_pairs(scores, same, 0.0).auc == pytest.approx(np.mean(wins))


def test_no_other_threshold_is_more_accurate(scored) -> None:
    scores, same = scored
    best = measure_pairs(scores, same, best_threshold(scores, same)).accuracy
    others = [measure_pairs(scores, same, t).accuracy for t in np.append(scores, scores.max() + 1)]
    assert best == pytest.approx(max(others))


def test_accuracy_counts_both_kinds_alike() -> None:
    scores, same = np.array([0.9, 0.1, 0.2, 0.3]), np.array([True, False, False, False])
    assert measure_pairs(scores, same, 0.5).accuracy == 1.0
    assert measure_pairs(scores, same, 0.0).accuracy == 0.5
    assert measure_pairs(scores, same, 0.25).accuracy == pytest.approx((1 + 2 / 3) / 2)


def test_all_pairs() -> None:
    pairs = all_pairs(np.array([2, 5, 7]), np.array([0, 0, 1, 0, 0, 1, 0, 0]))
    assert list(zip(pairs.left, pairs.right, pairs.same, strict=True)) == [
        (2, 5, True), (2, 7, False), (5, 7, False),
    ]  # fmt: skip
