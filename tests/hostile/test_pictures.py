"""Damaged pictures cost themselves alone."""

from __future__ import annotations

from pathlib import Path

import pytest

pytestmark = pytest.mark.forks


def test_mutants_of_pictures_are_decoded_or_refused() -> None:
    from fault_pictures import FORMATS, Counts, decode_mutants

    counts = Counts()
    decode_mutants(counts, range(2), 0, tuple(FORMATS)[::3])
    assert counts.found == {}
    assert counts.tried.total() >= 20


def test_damaged_files_beside_whole_ones_are_accounted_for_and_never_preferred(
    tmp_path: Path,
) -> None:
    from fault_pictures import Counts, judge_batch

    kinds = ["JPEG", "JPEG, progressive", "PNG", "PNG, palette", "GIF", "WebP", "PSD"]
    counts = Counts()
    judge_batch(counts, tmp_path / "batch", 0, len(kinds), kinds, large=False)
    assert counts.found == {}
