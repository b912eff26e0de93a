"""Figures that got worse than allowed; times count on one quiet machine only."""

from __future__ import annotations

import shutil
import unittest.mock
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from imgsim import RunOptions
from imgsim.benchmark import gate
from imgsim.benchmark.results import Bench, Detection, Estimate, MethodResult, Retrieval, Spread
from imgsim.benchmark.runner import Plan, bench
from imgsim.dataset.layouts import load_labelled
from imgsim.errors import UsageError
from tests.benchmark.conftest import METHODS


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


FIGURES = {
    field.name
    for kind in (Retrieval, Detection)
    for field in fields(kind)
    if field.name not in ("queries", "pairs", "matching", "threshold", "found", "wrong")
    and field.name not in ("best_f1_threshold", "class_accuracy")  # the mean of which is accuracy
}


@pytest.mark.parametrize("name", sorted(FIGURES))
def test_every_figure_of_accuracy_is_guarded(measured: Bench, name: str) -> None:
    """None may get worse, or vanish; what one method has and another does not is not mixed up."""
    before = quiet(measured)
    first = before.methods[0]
    part = "retrieval" if name in {f.name for f in fields(Retrieval)} else "detection"
    old = getattr(getattr(first, part), name)
    value = 0.9 if old is None or not isinstance(old, Estimate) else Estimate(0.9)

    def having(value: Estimate | float | None) -> Bench:
        changed = replace(getattr(first, part), **{name: value})
        return replace(before, methods=(replace(first, **{part: changed}), *before.methods[1:]))

    lower = Estimate(0.8) if isinstance(value, Estimate) else 0.8
    lax = {"max_drop": 0.02, "max_slowdown": 1e6}
    (drop,) = gate.compare_with_baseline(having(value), having(lower), **lax).drops
    assert (drop.before, drop.now) == (0.9, 0.8)
    (drop,) = gate.compare_with_baseline(having(value), having(None), **lax).drops
    assert (drop.before, drop.now) == (0.9, None)
    assert gate.compare_with_baseline(having(lower), having(value), **lax).passes


def test_every_change_of_a_picture_is_guarded(measured: Bench) -> None:
    """A change that is not seen any more is worse, though the mean over all hardly is."""
    before = quiet(measured)
    assert before.resilience is not None
    first = before.resilience.methods[0]
    change = next(c for c in first.changes if c.recognised == 1 and c.first == 1)

    def having(**changes: object) -> Bench:
        methods = (replace(first, **changes), *before.resilience.methods[1:])  # type: ignore[union-attr]
        return replace(before, resilience=replace(before.resilience, methods=methods))

    lost = replace(change, recognised=0.5, first=0.5)
    others = tuple(lost if c is change else c for c in first.changes)
    lax = {"max_drop": 0.02, "max_slowdown": 1e6}
    drops = gate.compare_with_baseline(before, having(changes=others), **lax).drops
    assert [d.figure for d in drops] == [
        f"recognised copies, {change.change}", f"originals found first, {change.change}",
    ]  # fmt: skip
    now = having(wrong=first.wrong + 1)
    (drop,) = gate.compare_with_baseline(before, now, **lax).drops
    assert (drop.figure, drop.unit) == ("wrong pairs of originals", "pairs")
    assert gate.compare_with_baseline(now, before, **lax).passes


def test_a_baseline_of_other_data_is_refused_before_anything_is_measured(
    measured: Bench, places: Path, tmp_path: Path
) -> None:
    def refused(folder: Path, **options: Any) -> str:
        plan = Plan(**{"experiments": ("methods", "resilience"), "changed_images": 3} | options)
        with (
            unittest.mock.patch("imgsim.benchmark.runner.measure_method") as measure,
            unittest.mock.patch("imgsim.benchmark.resilience.measure_each") as copies,
            pytest.raises(UsageError) as raised,
        ):
            bench(
                load_labelled(folder), METHODS, plan, baseline=measured,
                options=RunOptions(executor="threads", jobs=1),
            )  # fmt: skip
        assert not measure.called
        assert not copies.called
        return str(raised.value)

    other = shutil.copytree(places, tmp_path / "other")
    (other / "0").rename(other / "zero")  # the same pictures, in the order of other names
    assert "other data: 20 images of 5 classes" in refused(other)
    (other / "zero").rename(other / "0")
    Image.new("RGB", (90, 90)).save(other / "0" / "160.jpg")
    assert "other data" in refused(other)
    assert "--seed: 0, now 1" in refused(places, seed=1)
    assert "copies of 3 originals, now 2" in refused(places, changed_images=2)
    with pytest.raises(UsageError, match="no method is both"):
        gate.require_comparable(measured, measured, {"methods": ["dhash"]}, None)
    alone = replace(measured, methods=())
    with pytest.raises(UsageError, match="no method is both"):  # no experiment in common
        gate.compare_with_baseline(
            alone, replace(measured, resilience=None), max_drop=0, max_slowdown=9
        )


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
        replace(measured, methods=(), resilience=None),
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
