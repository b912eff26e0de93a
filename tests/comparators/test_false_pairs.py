from __future__ import annotations

import numpy as np
import pytest

from imgsim.comparators import false_pairs, registry


def test_a_power_law_is_found_again() -> None:
    """Of distances drawn with P(d) = d ** 7, the nearest tell the exponent and any rate."""
    rng = np.random.default_rng(0)
    drawn = np.sort(rng.random(1_000_000) ** (1 / 7))
    tail = false_pairs.fit_tail(drawn[:2000], len(drawn), bits=False)
    assert tail.exponent == pytest.approx(7, rel=0.06)
    assert tail.distance(1e-9) == pytest.approx(1e-9 ** (1 / 7), rel=0.15)


def test_the_tail_of_random_bits_is_never_nearer_than_the_law_says() -> None:
    """Binomial tails fall faster than an exponential one: the fit errs to the safe side."""
    from scipy.stats import binom

    drawn = np.sort(np.random.default_rng(0).binomial(256, 0.5, 1_000_000)).astype(float)
    level = drawn[2000]
    tail = false_pairs.fit_tail(drawn[drawn <= level], len(drawn), bits=True)
    assert tail.rate(level - 10) == pytest.approx(binom.cdf(level - 10, 256, 0.5), rel=1.0)
    assert tail.rate(60) > binom.cdf(60, 256, 0.5)


@pytest.mark.parametrize("spec", ["phash", "ssim", "colorhash"])
def test_rate_and_distance_are_inverse(spec: str) -> None:
    tail = false_pairs._tails()[spec]
    for rate in (1e-3, 1e-6, 1e-9):
        assert tail.rate(tail.distance(rate)) == pytest.approx(rate)


def test_presets_expect_few_false_pairs() -> None:
    comparator = registry.parse("phash:size=16")
    rate = comparator.false_pair_rate(comparator.preset_distance("normal"))
    assert rate is not None
    assert rate < 1e-9
