from __future__ import annotations

import math

import numpy as np
import pytest

from imgsim.verify import tone
from imgsim.verify.tone import (
    apply_tone_curve,
    isotonic_regression,
    joint_histogram,
    smooth_tone_curve,
    tone_curve,
)

needs_c = pytest.mark.skipif(
    tone._equations is None, reason="the parts in C are not compiled: there was no C compiler"
)


@pytest.mark.parametrize("compiled", [pytest.param(True, marks=needs_c), False])
def test_isotonic_regression_is_that_of_scipy(
    compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from scipy.optimize import isotonic_regression as scipys

    if not compiled:
        monkeypatch.setattr(tone, "_equations", None)
    rng = np.random.default_rng(2)
    for n in (1, 2, 256):
        values, weights = np.arange(n) / 9 + rng.normal(0, 5, n), rng.uniform(0.1, 9, n)
        expected = scipys(values, weights=weights).x
        np.testing.assert_allclose(isotonic_regression(values, weights), expected)


@needs_c
def test_c_and_python_fit_the_same_curve(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(4)
    joint = (rng.integers(0, 50, (256, 256)) * (rng.random((256, 256)) < 0.05)).astype(np.float32)
    curve = smooth_tone_curve(joint)
    monkeypatch.setattr(tone, "_equations", None)
    np.testing.assert_array_equal(curve, smooth_tone_curve(joint))


@needs_c
def test_c_checks_the_curves_it_is_given() -> None:
    with pytest.raises(ValueError, match="weights: 3 items"):
        tone._equations.isotonic(np.zeros(3), np.zeros(2), np.zeros(3))
    with pytest.raises(ValueError, match="3 items or more"):
        tone._equations.solve_banded(np.ones(2), np.ones(1), np.ones(0), np.ones(2))
    with pytest.raises(ValueError, match="second: 2 items"):
        tone._equations.solve_banded(np.ones(4), np.ones(3), np.ones(3), np.ones(4))


def test_a_change_of_tone_is_found_both_ways_and_undone() -> None:
    one = np.random.default_rng(0).integers(0, 256, (120, 160), np.uint8)
    gamma = (255 * (np.arange(256) / 255) ** 0.7).round()
    other = gamma.astype(np.uint8)[one]
    joint = joint_histogram(one, other, np.ones_like(one))
    assert joint.sum() == 60 * 80  # every second pixel, either way
    inner = slice(20, 236)  # near the ends a level borrows from one side alone
    np.testing.assert_allclose(tone_curve(joint)[inner], gamma[inner], atol=2)
    assert np.abs(apply_tone_curve(one, tone_curve(joint)).astype(int) - other).mean() < 2
    back = apply_tone_curve(other, tone_curve(joint.T))
    assert np.abs(back.astype(int) - one).mean() < 2


def test_what_the_mask_leaves_out_does_not_count() -> None:
    one = np.full((40, 40), 100, np.uint8)
    other = np.full((40, 40), 50, np.uint8)
    other[:, 20:] = 250
    mask = np.ones_like(one)
    mask[:, 20:] = 0
    joint = joint_histogram(one, other, mask)
    assert joint[100, 50] == joint.sum() == 200
    assert tone_curve(joint)[100] == 50


def test_a_stray_pixel_does_not_lift_the_levels_beside_it() -> None:
    one = np.repeat(np.arange(256, dtype=np.uint8), 64).reshape(128, 128)
    other = one.copy()
    other[0, 0] = 255
    curve = tone_curve(joint_histogram(one, other, np.ones_like(one)))
    assert np.abs(curve - np.arange(256)).max() < 12
    assert (np.diff(curve) >= 0).all()


def curve_by_hand(joint: np.ndarray) -> np.ndarray:
    """A tone curve by loops and scipy."""
    from scipy.optimize import isotonic_regression as scipys

    levels, values, weights = [], [], []
    for level in range(256):
        weight = total = 0.0
        for other in range(max(0, level - 12), min(255, level + 12) + 1):
            share = math.exp(-((other - level) ** 2) / (2 * 4.0**2))
            weight += share * joint[other].sum()
            total += share * (joint[other] * np.arange(256)).sum()
        if weight > joint.sum() / 256_000:
            levels.append(level)
            values.append(total / weight)
            weights.append(weight)
    return np.interp(np.arange(256), levels, scipys(values, weights=weights).x)


def test_a_tone_curve_is_that_of_smoothed_counts() -> None:
    rng = np.random.default_rng(1)
    joint = np.zeros((256, 256), np.float32)
    joint[rng.integers(40, 60, 60), rng.integers(100, 130, 60)] = 1
    joint[rng.integers(90, 200, 300), rng.integers(60, 250, 300)] = 5
    np.testing.assert_allclose(tone_curve(joint), curve_by_hand(joint), atol=0.01)


@pytest.mark.parametrize(("many", "counts"), [(255_998, True), (255_999, False)])
def test_a_level_counts_if_more_than_one_pixel_in_256000_has_it(many: int, counts: bool) -> None:
    joint = np.zeros((256, 256), np.float32)
    joint[50, 50] = many
    joint[100, 200] = 1
    curve = tone_curve(joint)
    assert curve[100] == pytest.approx(200 if counts else 50)
    assert curve[[30, 50]] == pytest.approx([50, 50])


def test_a_level_borrows_from_those_up_to_12_beside_it() -> None:
    joint = np.zeros((256, 256), np.float32)
    joint[100, 50] = joint[124, 74] = 1
    curve = tone_curve(joint)
    assert curve[[88, 100, 111]] == pytest.approx([50, 50, 50], abs=1e-4)
    assert curve[112] == pytest.approx(62)  # half from either
    assert curve[[113, 124, 136]] == pytest.approx([74, 74, 74], abs=1e-4)


def test_levels_are_counted_by_pairs_in_every_second_pixel() -> None:
    rng = np.random.default_rng(3)
    one, other = rng.integers(0, 256, (2, 41, 33), np.uint8)
    mask = rng.integers(0, 2, one.shape).astype(np.uint8)
    expected = np.zeros((256, 256))
    for y in range(0, 41, 2):
        for x in range(0, 33, 2):
            expected[one[y, x], other[y, x]] += mask[y, x]
    joint = joint_histogram(one, other, mask)
    assert joint.dtype == np.float32
    np.testing.assert_array_equal(joint, expected)


def test_a_curve_is_rounded_and_ends_in_black_and_white() -> None:
    image = np.array([[0, 1, 2, 3, 255]], np.uint8)
    curve = np.arange(256.0)
    curve[:4] = -3.0, 1.4, 1.6, 2.5
    curve[255] = 300
    np.testing.assert_array_equal(apply_tone_curve(image, curve), [[0, 1, 2, 2, 255]])


def test_equal_neighbours_are_pooled_without_a_change() -> None:
    values = np.array([1.0, 1, 2, 2, 1.5, 9])
    weights = np.array([1.0, 2, 1, 1, 2, 1])
    pooled = isotonic_regression(values, weights)
    np.testing.assert_allclose(pooled, [1, 1, 1.75, 1.75, 1.75, 9])
