"""Metrics against scikit-learn, against counting, and against what has to hold of ties."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score, ndcg_score, precision_recall_curve

from imgsim.benchmark.intervals import CurveSampler, bootstrap, pair_intervals, wilson
from imgsim.benchmark.metrics import Curve, CurveCounter, PairCounts, curve
from imgsim.benchmark.retrieval import RECALL_AT, score_query


def case(seed: int, n: int = 40, values: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Distances with many ties, and a truth that has something to do with them."""
    rng = np.random.default_rng(seed)
    relevant = rng.random(n) < 0.3
    relevant[:2] = True, False
    return rng.integers(0, values, n) + 2.0 * ~relevant, relevant


@pytest.mark.parametrize("values", [2, 12, 10**6])
@pytest.mark.parametrize("seed", range(5))
def test_rankings_score_as_in_scikit_learn(seed: int, values: int) -> None:
    distance, relevant = case(seed, values=values)
    score = score_query(distance, relevant)
    assert score.average_precision == pytest.approx(average_precision_score(relevant, -distance))
    assert score.ndcg == pytest.approx(ndcg_score([relevant.astype(int)], [-distance]))


@pytest.mark.parametrize("seed", range(5))
def test_ties_count_as_the_mean_over_their_orders(seed: int) -> None:
    distance, relevant = case(seed, n=7, values=2)
    orders = [o for o in permutations(range(7)) if np.all(np.diff(distance[list(o)]) >= 0)]
    ranked = np.array([relevant[list(order)] for order in orders])
    score = score_query(distance, relevant)
    assert score.hits == pytest.approx(ranked[:, :3].sum(axis=1).mean())
    assert score.accuracy == pytest.approx(score.hits / min(3, relevant.sum()))
    expected = [ranked[:, :k].any(axis=1).mean() for k in RECALL_AT]
    assert score.recall_at == pytest.approx(expected)


def test_a_constant_method_gains_nothing_from_the_order_of_paths() -> None:
    relevant = np.arange(96) < 3  # of its class, and first in order of the path
    score = score_query(np.zeros(96), relevant)
    assert score.accuracy == pytest.approx(3 / 96)
    assert score.average_precision == pytest.approx(3 / 96)


@pytest.mark.parametrize("values", [3, 50, 10**6])
def test_the_curve_is_that_of_scikit_learn(values: int) -> None:
    distance, same = case(7, n=500, values=values)
    measured = curve(distance[same], distance[~same])
    assert measured.average_precision == pytest.approx(average_precision_score(same, -distance))
    precision, recall, thresholds = precision_recall_curve(same, -distance)
    for i, threshold in enumerate(measured.thresholds):
        place = int(np.flatnonzero(thresholds == -threshold)[0])
        assert measured.precision[i] == pytest.approx(precision[place])
        assert measured.recall[i] == pytest.approx(recall[place])
    for least in (0.3, 0.9, 0.999):
        assert measured.recall_at_precision(least) == pytest.approx(
            recall[precision >= least].max()
        )
    best, at = measured.best_f1
    assert best == pytest.approx(f1_score(same, distance <= at))
    assert best == pytest.approx(max(f1_score(same, distance <= t) for t in distance))


def test_a_curve_in_blocks_is_that_of_all_pairs() -> None:
    distance, same = case(3, n=400)
    counter = CurveCounter(distance[same])
    for part in np.array_split(distance[~same], 7):
        counter.add(part)
    np.testing.assert_equal(
        vars_of(counter.curve()), vars_of(curve(distance[same], distance[~same]))
    )


def vars_of(one: Curve) -> tuple[object, ...]:
    return (one.thresholds, one.true, one.false, one.matching, one.other)


def test_the_threshold_of_a_precision() -> None:
    some = curve(np.array([1.0, 2.0, 5.0]), np.array([3.0, 6.0]))
    assert some.threshold_at_precision(1.0) == 2.0
    assert some.recall_at_precision(1.0) == pytest.approx(2 / 3)
    assert some.threshold_at_precision(0.7) == 5.0
    nothing = curve(np.array([1.0]), np.array([0.0, 1.0]))
    assert nothing.threshold_at_precision(0.9) is None
    assert nothing.recall_at_precision(0.9) == 0.0


def test_counts_at_a_threshold() -> None:
    some = PairCounts(true=6, false=2, missed=3)
    assert (some.precision, some.recall) == (6 / 8, 6 / 9)
    truth, said = [1] * 9 + [0] * 5, [1] * 6 + [0] * 3 + [1] * 2 + [0] * 3
    assert some.f1 == pytest.approx(f1_score(truth, said))
    assert PairCounts(0, 0, 3).precision is None


def test_the_bootstrap_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    inside = 0
    for seed in range(200):
        values = rng.random(60)
        interval = bootstrap(values, seed=seed, samples=300)
        assert interval is not None
        inside += interval.low <= 0.5 <= interval.high
    assert 0.89 <= inside / 200 <= 0.99


def test_queries_of_one_class_are_drawn_together() -> None:
    values = np.repeat([0.0, 1.0, 1.0, 0.0, 1.0], 20)
    alone = bootstrap(values)
    together = bootstrap(values, groups=np.repeat(np.arange(5), 20))
    assert alone is not None
    assert together is not None
    assert together.high - together.low > 3 * (alone.high - alone.low)
    assert bootstrap(values, groups=np.zeros(100, np.int64)) is None
    assert bootstrap(values) == alone


def test_the_interval_of_a_ratio() -> None:
    rng = np.random.default_rng(1)
    below = rng.integers(1, 9, 500).astype(float)
    interval = bootstrap(below / 4, below)
    assert interval is not None
    assert (interval.low, interval.high) == pytest.approx((0.25, 0.25))
    assert bootstrap(np.zeros(5), np.zeros(5)) is None


def test_wilson() -> None:
    # the example of R's prop.test(15, 50, correct = FALSE)
    some = wilson(15, 50)
    assert some is not None
    assert (some.low, some.high) == pytest.approx((0.1910, 0.4375), abs=5e-5)
    perfect = wilson(20, 20)
    assert perfect is not None
    assert perfect.high == pytest.approx(1.0)
    assert perfect.low == pytest.approx(0.8389, abs=5e-5)
    assert wilson(0, 0) is None


def test_intervals_of_a_curve_draw_queries() -> None:
    """Each query's pairs weigh as often as its class was drawn: against scikit-learn's weights."""
    rng = np.random.default_rng(4)
    classes = np.repeat(np.arange(9), 4)
    n = len(classes)
    far = rng.integers(0, 12, (n, n)) + 6 * (classes[:, None] != classes[None])
    distance = np.triu(far, 1) + np.triu(far, 1).T.astype(float)
    same = classes[:, None] == classes[None]
    pairs = ~np.eye(n, dtype=bool)
    sampler = CurveSampler(distance[same & pairs], 9)
    for i in range(n):
        for kind in (True, False):
            chosen = pairs[i] & (same[i] == kind)
            sampler.add(int(classes[i]), distance[i][chosen], same=kind)
    intervals = sampler.intervals(0.9, seed=7, samples=100)
    assert intervals is not None
    drawn = np.random.default_rng(7).multinomial(9, [1 / 9] * 9, 100)
    averages, recalls = [], []
    for often in drawn:
        weight = np.broadcast_to(often[classes][:, None], (n, n))[pairs]
        truth, score = same[pairs], -distance[pairs]
        averages.append(average_precision_score(truth, score, sample_weight=weight))
        precision, recall, _ = precision_recall_curve(truth, score, sample_weight=weight)
        recalls.append(recall[precision >= 0.9].max())
    for one, expected in zip(intervals, (averages, recalls), strict=True):
        assert (one.low, one.high) == pytest.approx(np.percentile(expected, [2.5, 97.5]))
    assert CurveSampler(np.ones(1), 1).intervals(0.9) is None


def test_intervals_of_a_list_of_pairs_draw_pairs() -> None:
    rng = np.random.default_rng(8)
    same = np.repeat([True, False], [60, 240])
    distance = np.where(same, rng.normal(3, 1, 300), rng.normal(5, 1, 300))
    intervals = pair_intervals(distance, same, 0.8)
    averages = []
    for _ in range(600):
        drawn = rng.integers(0, 300, 300)
        averages.append(average_precision_score(same[drawn], -distance[drawn]))
    expected = np.percentile(averages, [2.5, 97.5])
    assert (intervals[0].low, intervals[0].high) == pytest.approx(expected, abs=0.02)
    assert 0 <= intervals[1].low < intervals[1].high <= 1
