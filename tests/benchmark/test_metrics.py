"""Metrics against scikit-learn, against counting, and against what has to hold of ties."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score, ndcg_score, precision_recall_curve

from imgsim.benchmark.intervals import effective_trials, grouped_interval, wilson
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


@pytest.mark.parametrize("sizes", [[4] * 40, [2, 3, 5, 8, 13, 21] * 6])
@pytest.mark.parametrize("truth", [0.5, 0.9, 0.97])
def test_grouped_intervals_cover_the_truth_at_least_as_often_as_they_say(
    sizes: list[int], truth: float
) -> None:
    """Queries of a class fail together: by how much nobody tells the interval."""
    rng = np.random.default_rng(11)
    groups = np.repeat(np.arange(len(sizes)), sizes)
    inside = 0
    for _ in range(400):
        # half of the classes succeed or fail as one, the other half query by query
        whole = rng.random(len(sizes)) < truth
        alone = rng.random(len(groups)) < truth
        values = np.where(groups % 2 == 0, whole[groups], alone)
        interval = grouped_interval(float(values.mean()), np.ones(len(groups)), groups)
        assert interval is not None
        inside += interval.low <= truth <= interval.high
    assert inside / 400 >= 0.93


def test_a_perfect_figure_has_no_lower_bounds_than_one_next_to_it() -> None:
    """A mean of 1.000 had 0.86-1.00 beside 0.99-1.00 of one of 0.997."""
    groups = np.repeat(np.arange(24), 4)
    ones = np.ones(96)
    bounds = [grouped_interval(value, ones, groups) for value in (0.5, 0.9, 0.96, 0.997, 1.0)]
    lows = [one.low for one in bounds if one]
    highs = [one.high for one in bounds if one]
    assert lows == sorted(lows)
    assert highs == sorted(highs)
    assert lows[-1] == pytest.approx(wilson(24, 24).low)  # type: ignore[union-attr]


def test_effective_trials() -> None:
    groups = np.repeat(np.arange(5), 20)
    assert effective_trials(np.ones(100)) == pytest.approx(100)
    assert effective_trials(np.ones(100), groups) == pytest.approx(5)
    # one class has nearly all the weight, and so tells nearly all
    assert effective_trials(np.array([1e6, 1.0, 1.0])) == pytest.approx(1, abs=1e-4)
    assert effective_trials(np.zeros(3)) == 0
    assert grouped_interval(0.5, np.zeros(3)) is None
