from __future__ import annotations

import numpy as np

from imgsim.verify.tone import apply_tone_curve, isotonic_regression, joint_histogram, tone_curve


def test_isotonic_regression_is_that_of_scipy() -> None:
    from scipy.optimize import isotonic_regression as scipys

    rng = np.random.default_rng(2)
    for n in (1, 2, 256):
        values, weights = np.arange(n) / 9 + rng.normal(0, 5, n), rng.uniform(0.1, 9, n)
        expected = scipys(values, weights=weights).x
        np.testing.assert_allclose(isotonic_regression(values, weights), expected)


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
