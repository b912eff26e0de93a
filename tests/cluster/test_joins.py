"""Candidates by joins are those of one machine."""

from __future__ import annotations

from tests.cluster import answer_of, needs_engines

pytestmark = needs_engines


def test_joins_find_the_pairs_of_images_that_one_machine_finds() -> None:
    seen = answer_of("joins")
    assert seen["tried"] >= 30
    assert min(seen["pairs"], seen["mirrored"], seen["crowded"]) > 0
    assert seen["parquet"] is True
