from __future__ import annotations

import pytest
from scipy.stats import permutation_test

from imgsim.benchmark.significance import differs


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ([1.0] * 24, [1.0] * 24, False),
        ([1.0] * 24, [1.0] * 23 + [0.0], False),  # one class of 24
        ([1.0] * 5, [0.0] * 5, False),  # five classes can show nothing: 2 / 32
        ([1.0] * 6, [0.5] * 6, True),
        ([1.0] * 20, [0.7] * 10 + [1.0] * 10, True),
        ([0.6, 0.8] * 10, [0.8, 0.6] * 10, False),
    ],
)
def test_methods_differ_by_more_than_chance(one, other, expected: bool) -> None:
    assert differs(one, other) is expected
    assert differs(other, one) is expected


def test_it_is_the_permutation_test_of_scipy() -> None:
    one = [0.9, 0.7, 1.0, 0.4, 0.8, 0.9, 1.0, 0.6, 0.3]
    for shift in (0.0, 0.1, 0.2, 0.3):
        other = [0.8, 0.75, 0.9, 0.5, 0.6, 0.85, 0.9, 0.5, 0.35]
        other = [value - shift for value in other]
        test = permutation_test(
            (one, other), lambda x, y: (x - y).sum(), permutation_type="samples", n_resamples=1e9
        )
        assert differs(one, other) is bool(test.pvalue <= 0.05)
