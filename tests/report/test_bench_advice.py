"""What a benchmark says in a few sentences."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from imgsim.benchmark.results import (
    Bench,
    Data,
    Detection,
    Estimate,
    Histogram,
    Machine,
    MethodResilience,
    MethodResult,
    Resilience,
    Retrieval,
    Spread,
    Timing,
    Unfinished,
)
from imgsim.report.bench_advice import advice, recommended

N = 96
DATA = Data("fruits", "folder", N, 24, N, "0", ())
HERE = Machine("any", "any", 2, 8.0, {})


def method(
    name: str, seconds: float, accuracy: float = 0.98, *, spread: float = 0.05, load: float = 0.0
) -> MethodResult:
    """One whose search of 1,000 images took so long; all else takes no time."""
    none, one = Spread(0, 0, 0, 7, 0), Estimate(accuracy, accuracy - 0.15, 1.0)
    thousand = Spread(seconds, seconds * (1 - spread), seconds * (1 + spread), 3, seconds)
    found = Detection(9, 9, 0.5, 9, 0, one, one, one, one, one, 1.0, 0.5)
    ranked = Retrieval(N, one, None, one, one, 1.0, 1.0, 1.0, None)
    timing = Timing(none, none, none, none, none, load, thousand)
    scores = Histogram((0.0, 1.0), (9,), (9,))
    return MethodResult(name, "", "lower", 8, timing, 0.0, ranked, found, (), scores, (), ())


def bench(*methods: MethodResult, **more: Any) -> Bench:
    return Bench("1", "", "imgsim", "full", 0, DATA, HERE, methods, **more)


def said(*methods: MethodResult, **more: Any) -> str:
    return " ".join(advice(bench(*methods, **more)))


@pytest.mark.parametrize(
    ("quick", "slow", "named"),
    [
        (method("a", 0.1), method("b", 0.3), False),  # another run may have it the other way
        (method("a", 0.1), method("b", 5), True),
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


def test_the_quickest_of_those_that_cannot_be_told_apart_is_named() -> None:
    text = said(method("best", 9.2), method("slow", 40, 0.97), method("quick", 0.7, 0.96))
    assert "quick is 13 x quicker than best: 1,000 images take it about 0.7 s, best 9.2 s" in text
    assert "More classes might tell them apart." in text
    text = said(method("best", 1), method("twin", 1.1), method("slow", 190))
    assert "best is 190 x quicker than slow" in text
    text = said(method("best", 1), method("like", 0.7, 0.96), method("slow", 190, 0.96))
    assert "1,000 images take best 1 s (" in text


def test_more_pictures_are_asked_for_only_where_they_might_show_a_difference() -> None:
    assert "More" not in said(method("a", 1.0, 1.0), method("b", 1.1, 1.0))


def test_what_is_left_of_an_interrupted_run_is_not_called_a_choice() -> None:
    left = Unfinished("methods", ("b", "c"))
    text = said(method("a", 1.0), unfinished=(left,))
    assert "For these 96 pictures: by a, the only method measured so far, 0.98 of those" in text
    assert "of those of the 3 nearest that can be right are; 95 %" in text  # of 2: one
    text = said(method("a", 1.0, 0.99), method("d", 1.0, 0.5), unfinished=(left,))
    assert "For these 96 pictures, of the methods measured so far: a (0.99" in text


def test_what_the_advice_names_first_is_recommended_and_nothing_where_none_can_be_told() -> None:
    methods = method("a", 1, 0.3), method("b", 2, 0.6), method("c", 3, 0.98), method("d", 4, 0.9)
    assert "For these 96 pictures: c (0.98" in said(*methods)
    assert [m.method for m in recommended(bench(*methods))] == ["c"]
    assert "cannot tell 2 methods apart" in said(methods[2], methods[3])
    assert recommended(bench(methods[2], methods[3])) == recommended(bench(methods[0])) == []
    assert recommended(bench()) == []


@pytest.mark.parametrize(
    ("best", "other", "less"),
    [(0.4646, 0.1454, "0.31"), (0.9, 0.5, "0.40"), (0.9849, 0.9751, "0.0098")],
)
def test_the_difference_is_that_of_the_printed_figures(
    best: float, other: float, less: str
) -> None:
    ones = method("a", 1, best), method("b", 1, other)
    exact = [
        replace(m, retrieval=replace(m.retrieval, class_accuracy=(value,) * 24))
        for m, value in zip(ones, (best, other), strict=True)
    ]
    assert f"less by {less}: more than chance gives" in said(*exact)


def copies(name: str, recognised: float, wrong: int) -> MethodResilience:
    return MethodResilience(name, (), recognised, None, wrong)


def test_where_the_best_at_likeness_is_poor_at_copies_the_advice_says_so() -> None:
    methods = method("a", 1, 0.98), method("b", 2, 0.5)
    for found, poor in (
        ((copies("a", 0.6, 5), copies("b", 0.5, 0)), True),
        ((copies("a", 0.4, 0), copies("b", 0.6, 0)), True),
        ((copies("a", 0.4, 0), copies("b", 0.9, 9)), False),  # more, for it takes all for copies
        ((copies("a", 0.5, 0), copies("b", 0.5, 9)), False),
    ):
        text = said(*methods, resilience=Resilience(24, 1024, found))
        assert ("A ranking does not say how well a finds copies." in text) is poor, text
    text = said(*methods, resilience=Resilience(24, 1024, (copies("a", 0.4, 5), found[1])))
    assert "Of changed copies a recognises 40 % (5 of 276 pairs of originals wrong)" in text
