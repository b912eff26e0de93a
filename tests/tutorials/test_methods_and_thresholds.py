from __future__ import annotations

from pathlib import Path

import pytest

import imgsim
from tests.tutorials.page import WEIGHTS, check

pytestmark = pytest.mark.slow


def measure(folder: Path) -> dict[str, float]:
    (ranked,) = imgsim.matches("places", f"efficientnet-cosine:weights={WEIGHTS}").methods
    right = [
        int(Path(match.path).stem) // 4 == int(Path(query.path).stem) // 4
        for query in ranked
        for match in query.matches
    ]
    return {"of the 3 nearest by the network, right": sum(right) / len(right)}


def test_the_page_is_true(tmp_path: Path) -> None:
    check("methods-and-thresholds", tmp_path, measure)
