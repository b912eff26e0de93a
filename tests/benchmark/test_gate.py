"""Figures that got worse than allowed; times count on one quiet machine only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from imgsim.benchmark import gate
from imgsim.benchmark.results import Bench, Estimate, MethodResult, Spread
from imgsim.errors import UsageError


def worse(run: Bench, change: Callable[[MethodResult], MethodResult]) -> Bench:
    return replace(run, methods=(change(run.methods[0]), *run.methods[1:]))


def accuracy(value: float) -> Callable[[MethodResult], MethodResult]:
    def change(m: MethodResult) -> MethodResult:
        assert m.retrieval is not None
        return replace(m, retrieval=replace(m.retrieval, accuracy=Estimate(value)))

    return change


def slower(factor: float) -> Callable[[MethodResult], MethodResult]:
    def change(m: MethodResult) -> MethodResult:
        old = m.timing.seconds_features
        new = Spread(factor * old.median, factor * old.low, factor * old.high, old.n, old.cpu)
        return replace(m, timing=replace(m.timing, seconds_features=new))

    return change


def quiet(run: Bench) -> Bench:
    """As if nobody else had used the machine."""
    methods = (replace(m, timing=replace(m.timing, load=0.5)) for m in run.methods)
    return replace(run, methods=tuple(methods))


@pytest.mark.parametrize(
    ("change", "figures"),
    [
        (accuracy(0.98), []),
        (accuracy(0.96), ["accuracy"]),
        (slower(1.4), []),
        (slower(100.0), ["seconds_features"]),
        (slower(0.01), []),
    ],
)
def test_the_gate(
    measured: Bench, change: Callable[[MethodResult], MethodResult], figures: list[str]
) -> None:
    before, now = quiet(measured), quiet(worse(measured, change))
    compared = gate.compare_with_baseline(before, now, max_drop=0.03, max_slowdown=1.5)
    assert [drop.figure for drop in compared.drops] == figures
    assert compared.compared == 3


def test_times_of_another_machine_do_not_count(measured: Bench) -> None:
    before, now = quiet(measured), quiet(worse(measured, slower(100.0)))
    now = replace(now, machine=replace(now.machine, processor="another"))
    compared = gate.compare_with_baseline(before, now, max_drop=0.01, max_slowdown=1.5)
    assert compared.drops == ()
    assert "times not compared: the baseline is of" in compared.notes[0]


def test_times_of_a_busy_machine_do_not_count(measured: Bench) -> None:
    before, now = quiet(measured), quiet(worse(measured, slower(100.0)))
    first = now.methods[0]
    busy = replace(first, timing=replace(first.timing, load=3.0))
    now = replace(now, methods=(busy, *now.methods[1:]))
    compared = gate.compare_with_baseline(before, now, max_drop=0.01, max_slowdown=1.5)
    assert compared.drops == ()
    assert compared.notes == ("times not compared: the machine was busy",)


def test_what_cannot_be_compared(measured: Bench) -> None:
    for other in (
        replace(measured, data=replace(measured.data, digest="0" * 64)),
        replace(measured, protocol="article"),
        replace(measured, methods=()),
    ):
        with pytest.raises(UsageError):
            gate.compare_with_baseline(measured, other, max_drop=0.01, max_slowdown=2)
    fewer = replace(measured, methods=measured.methods[1:])
    compared = gate.compare_with_baseline(
        quiet(measured), quiet(fewer), max_drop=0.01, max_slowdown=2
    )
    assert compared.vanished == ("phash",)
    assert not compared.passes


def test_changes_that_are_not_measured_any_more(measured: Bench) -> None:
    assert measured.resilience is not None
    fewer = replace(measured.resilience, methods=measured.resilience.methods[1:])
    gone = measured.resilience.methods[0].method
    lax = {"max_drop": 0.01, "max_slowdown": 1e6}
    compared = gate.compare_with_baseline(measured, replace(measured, resilience=fewer), **lax)
    assert (compared.vanished, compared.drops) == ((gone,), ())
    none = gate.compare_with_baseline(measured, replace(measured, resilience=None), **lax)
    assert none.passes
    assert "the experiment resilience is in the baseline, and was not run now" in none.notes
