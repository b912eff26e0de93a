"""What a benchmark says in a few sentences."""

from __future__ import annotations

import pytest

from imgsim.benchmark.results import (
    Bench,
    Data,
    Detection,
    Estimate,
    Histogram,
    Machine,
    MethodResult,
    Retrieval,
    Spread,
    Timing,
)
from imgsim.report.bench_advice import advice

N = 96
DATA = Data("fruits", "folder", N, 24, N, "0", ())
HERE = Machine("any", "any", 2, 8.0, {})


def method(name: str, seconds: float, *, spread: float = 0.05, load: float = 0.0) -> MethodResult:
    """One whose search of all images took so long; all else takes no time."""

    def timed(whole: float) -> Spread:
        pairs = N * (N - 1)
        low, high = whole * (1 - spread), whole * (1 + spread)
        return Spread(whole / pairs, low / pairs, high / pairs, 7, whole / pairs)

    none, one = Spread(0, 0, 0, 7, 0), Estimate(0.98, 0.83, 1.0)
    found = Detection(9, 9, 0.5, 9, 0, one, one, one, one, one, 1.0, 0.5)
    ranked = Retrieval(N, one, None, one, one, 1.0, 1.0, 1.0, None)
    timing = Timing(none, none, timed(seconds), none, none, load)
    scores = Histogram((0.0, 1.0), (9,), (9,))
    return MethodResult(name, "", "lower", 8, timing, 0.0, ranked, found, (), scores, (), ())


def said(*methods: MethodResult) -> str:
    return " ".join(advice(Bench("1", "", "imgsim", "full", 0, DATA, HERE, methods)))


@pytest.mark.parametrize(
    ("quick", "slow", "named"),
    [
        (method("a", 0.007), method("b", 0.035), False),  # the same in another run: 35 and 7 ms
        (method("a", 0.007), method("b", 0.35), True),
        (method("a", 1.0), method("b", 3.0), True),
        (method("a", 1.0), method("b", 3.0, spread=0.6), False),
        (method("a", 1.0, load=3.0), method("b", 3.0, load=3.0), False),
        (method("a", 1.0), method("b", 1.4), False),
    ],
)
def test_that_one_is_quicker_is_said_where_another_run_would_say_so(
    quick: MethodResult, slow: MethodResult, named: bool
) -> None:
    assert ("a is " in said(quick, slow) and "x quicker than b" in said(quick, slow)) is named
    assert "1,000 images take" in said(quick, slow)
