"""Medians and quantiles are numpy's, however many values there are."""

import numpy as np
import pytest

from imgsim.verify import median as module
from imgsim.verify.median import median, quantile


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1, 2, 3, 110, 8193, 20_000])
def test_they_are_those_of_numpy(
    size: int, kind: type, fast: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SELECTS_FAST", fast)
    rng = np.random.default_rng(size)
    plain = rng.gamma(1, 3, size).astype(kind)
    ascending, few = np.sort(plain), np.rint(plain)
    mostly_equal = np.where(rng.random(size) < 0.9, kind(0), plain)
    # those that are looked at first, of many, say nothing of the others
    misleading = plain.copy()
    misleading[::61] = plain.max()
    for values in (plain, ascending, few, mostly_equal, misleading):
        before = values.copy()
        assert median(values) == float(np.median(values))
        for share in (0.0, 0.05, 0.25, 0.5, 0.8056, 0.97, 1.0):
            assert quantile(values, share) == float(np.quantile(values, share)), share
        np.testing.assert_array_equal(values, before)
