"""The rate of false pairs, by its law and by counting."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import imgsim
from imgsim import RunOptions
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


def test_up_to_the_level_the_rate_is_the_counted_share() -> None:
    drawn = np.sort(np.random.default_rng(1).integers(0, 40, 10_000)).astype(float)
    for bits in (True, False):
        tail = false_pairs.fit_tail(drawn[drawn <= 3], len(drawn), bits=bits)
        assert tail.rate(3) == pytest.approx(np.count_nonzero(drawn <= 3) / 10_000, rel=1e-12)


@pytest.mark.parametrize(
    ("spec", "distance", "expected"),
    [
        # share * exp((distance - level) / scale), and share * (distance / level) ** exponent
        ("dhash", 15, 239 / 101_926),
        ("dhash", 5, 239 / 101_926 * math.exp(-10 / 2.081589958158996)),
        ("cosine", 0.03221721300065761, 205 / 101_926),
        ("cosine", 0.03221721300065761 / 2, 205 / 101_926 / 2**4.801687229557255),
        ("colorhash", 0, 993 / 101_926),
    ],
)
def test_the_rates_of_methods_are_those_that_were_measured(
    spec: str, distance: float, expected: float
) -> None:
    rate = registry.parse(spec).false_pair_rate(distance)
    assert rate == pytest.approx(expected, rel=1e-12)


def test_expected_false_pairs_are_the_rate_of_each_pair_compared(
    tmp_path: Path, photo: Callable[[int], Image.Image], threads: RunOptions
) -> None:
    """239 of 101,926 pairs of different pictures lie within 15 bits of dhash."""
    for folder, seeds in (("train", range(3)), ("valid", range(3, 5))):
        (tmp_path / folder).mkdir()
        for seed in seeds:
            photo(seed).save(tmp_path / folder / f"{seed}.png")
    (tmp_path / "valid" / "copy.png").write_bytes((tmp_path / "valid" / "3.png").read_bytes())
    duplicates = imgsim.find_duplicates(tmp_path, "dhash", threshold=15, options=threads)
    assert duplicates.pairs_compared == 10  # of five pictures; a copy is no other picture
    assert duplicates.expected_false_pairs == pytest.approx(10 * 239 / 101_926, rel=1e-12)
    leaks = imgsim.find_leaks(
        {name: tmp_path / name for name in ("train", "valid")},
        "dhash",
        threshold=15,
        options=threads,
    )
    assert leaks.pairs_compared == 6  # three by two
    assert leaks.expected_false_pairs == pytest.approx(6 * 239 / 101_926, rel=1e-12)
