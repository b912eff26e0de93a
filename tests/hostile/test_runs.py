"""Runs that are killed, or whose files change meanwhile, leave nothing and teach no lies."""

from __future__ import annotations

from pathlib import Path


def test_after_a_fault_the_next_run_prints_the_same_bytes(tmp_path: Path) -> None:
    from fault_pictures import Counts
    from fault_runs import Runs

    counts = Counts()
    runs = Runs(tmp_path / "runs", counts, 0, plainly=True)
    for kind in ("SIGKILL", "changing tree"):
        runs.fault(kind, 0)
    assert counts.found == {}
