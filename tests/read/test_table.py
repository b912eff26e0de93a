"""Rows by content, in one order whatever was read first."""

from __future__ import annotations

import numpy as np
import pytest

from imgsim.comparators.local import LocalFeatures
from imgsim.read.table import FeatureTable


@pytest.mark.parametrize("seed", range(6))
def test_rows_that_lie_in_order_are_no_copies(seed: int) -> None:
    rng = np.random.default_rng(seed)
    digests = [f"{i:03}" for i in range(40)]
    table = FeatureTable(LocalFeatures(), 50)
    for number in rng.permutation(40) if seed else range(40):
        table.add(digests[number], np.full(table.extractor.shape, number, np.uint8))
    table.sort()
    assert list(table.places) == digests
    lying, _ = table.lying(digests)
    for some, copied in ((digests, False), (digests[3:9], False), (digests[::2], True)):
        rows = table.rows(some)
        assert rows[:, 0].tolist() == [int(digest) for digest in some]
        assert (rows == rows[:, :1]).all()
        assert np.shares_memory(rows, lying) != copied
    assert len(table.rows([])) == 0
