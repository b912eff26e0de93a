from __future__ import annotations

from pathlib import Path

import pytest

import imgsim
from tests.tutorials.page import WEIGHTS, check

pytestmark = pytest.mark.slow


def measure(folder: Path) -> dict[str, float]:
    found = imgsim.matches("places", ["cosine", f"efficientnet-cosine:weights={WEIGHTS}"])
    shares = []
    for method in found.methods:
        right = [
            int(Path(match.path).stem) // 4 == int(Path(query.path).stem) // 4
            for query in method
            for match in query.matches
        ]
        shares.append(sum(right) / len(right))
    what = "of the 3 nearest of all places, right, by"
    return {f"{what} cosine": shares[0], f"{what} the network": shares[1]}


def test_the_page_is_true(tmp_path: Path) -> None:
    check("methods-and-thresholds", tmp_path, measure)
