"""Which verdicts a recipe accepts as duplicates, at the bounds themselves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from imgsim.comparators.recipes import Auto
from imgsim.types import Verdict

EQUAL = Verdict(0.5, left_seen=1.0, right_seen=1.0, overlap=1.0)


@pytest.mark.parametrize("preset", ["strict", "normal", "loose", None])
def test_the_largest_residual_is_accepted_and_no_larger_one(preset: str | None) -> None:
    above = replace(EQUAL, residual=float(np.nextafter(0.5, 1)))
    assert Auto().accepts(EQUAL, 0.5, preset)
    assert not Auto().accepts(above, 0.5, preset)
    assert not Auto().accepts(replace(EQUAL, residual=np.nan), 0.5, preset)
    assert not Auto().accepts(replace(EQUAL, residual=np.inf), 0.5, preset)


@pytest.mark.parametrize(
    ("verdict", "accepted_by"),
    [
        (EQUAL, {"strict", "normal", "loose"}),
        (replace(EQUAL, overlap=0.9), {"normal", "loose"}),  # something was cut off
        (replace(EQUAL, overlay=0.1), {"normal", "loose"}),
        (replace(EQUAL, left_seen=0.5, overlap=0.5), {"normal", "loose"}),  # a part of it
        (replace(EQUAL, left_seen=0.5, right_seen=0.5, overlap=0.3), {"loose"}),
        (replace(EQUAL, left_seen=0.5, right_seen=0.5, overlap=0.29), set()),
    ],
)
def test_presets_differ_by_the_parts_that_pictures_share(
    verdict: Verdict, accepted_by: set[str]
) -> None:
    accepting = {p for p in ("strict", "normal", "loose") if Auto().accepts(verdict, 0.5, p)}
    assert accepting == accepted_by
    # a threshold of the user's is read as normal is
    assert Auto().accepts(verdict, 0.5, None) == ("normal" in accepted_by)
