"""Where the time of a run went, as a table."""

from __future__ import annotations

from collections.abc import Iterator

from imgsim.stage_times import STAGES, Sums

_REST = "pipes, imports, helper threads"


def stage_lines(stages: Sums, total: float) -> Iterator[str]:
    """Yield a line per stage: processor and wall seconds, and what happens in it.

    Parameters
    ----------
    stages : mapping of str to Seconds
    total : float
        Processor seconds of all processes; what no stage took is the last line but one.
    """
    yield f"{'stage':12}{'processor':>10}{'wall':>10}"
    for name, took in stages.items():
        yield f"{name:12}{took.processor:>8.2f} s{took.wall:>8.2f} s  {STAGES[name]}"
    counted = sum(took.processor for took in stages.values())
    yield f"{'the rest':12}{max(0.0, total - counted):>8.2f} s{'':10}  {_REST}"
    yield f"{'all':12}{max(total, counted):>8.2f} s"
