"""Compares a benchmark with an earlier one: which figures got worse, or slower, than allowed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from imgsim.benchmark.results import Bench, Estimate, MethodResilience, MethodResult, Spread
from imgsim.benchmark.store import from_document
from imgsim.errors import UsageError
from imgsim.read.files import open_input

Unit = Literal["share", "points", "pairs"]

_HINT = "make one: imgsim bench DATASET --format json > FILE"
_ROUNDING = 1e-12
_OF_RANKINGS = {
    "accuracy": "accuracy",
    "article_accuracy": "article accuracy",
    "mean_average_precision": "MAP",
    "ndcg": "NDCG",
    "recall_at_1": "R@1",
    "recall_at_5": "R@5",
    "recall_at_10": "R@10",
    "ns_score": "N-S score",
}
_OF_PAIRS = {
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "micro_average_precision": "µAP",
    "recall_at_999": "R@.999",
    "best_f1": "best F1",
}
"""Figures by their fields, under the names that tables have."""


@dataclass(frozen=True, slots=True)
class Drop:
    """A figure of a method that is worse than before by more than is allowed.

    Attributes
    ----------
    method, figure : str
    before : float
        A share, seconds (the figure's name begins so), or what `unit` says.
    now : float or None
        None where a method does not have the figure any more.
    unit : {"share", "points", "pairs"}
    """

    method: str
    figure: str
    before: float
    now: float | None
    unit: Unit = "share"


@dataclass(frozen=True, slots=True)
class BaselineComparison:
    """The result of comparing a run with an earlier one, the baseline.

    Attributes
    ----------
    drops : tuple of Drop
    vanished : tuple of str
        Methods of the baseline that were not measured now: nobody knows whether they got worse.
    compared : int
        Methods that are in both runs.
    notes : tuple of str
        What was not compared, and why.
    """

    drops: tuple[Drop, ...]
    vanished: tuple[str, ...]
    compared: int
    notes: tuple[str, ...]

    @property
    def passes(self) -> bool:
        """No figure is worse, and no method is gone."""
        return not self.drops and not self.vanished


def read_bench(path: Path) -> Bench:
    """Read a result of ``imgsim bench --format json``.

    Raises
    ------
    UsageError
        It cannot be read, is no such result, or one of a run that was interrupted.
    """
    try:
        with open_input(path) as stream:
            document = json.load(stream)
        if not isinstance(document, dict) or document.get("schema") != "imgsim.bench/1":
            raise ValueError("its schema is not imgsim.bench/1")
        bench = from_document(Bench, document)
    except OSError as error:
        raise UsageError(f"cannot read baseline {path}: {error.strerror}", _HINT) from None
    except (ValueError, TypeError, RecursionError, OverflowError) as error:
        raise UsageError(f"{path} is no result of bench: {error}", _HINT) from None
    if bench.unfinished:  # what it lacks could not get worse
        raise UsageError(f"baseline {path} is of a run that was interrupted", "run that to its end")
    return bench


def compare_with_baseline(
    before: Bench, now: Bench, *, max_drop: float, max_slowdown: float
) -> BaselineComparison:
    """Compare a run with an earlier one, on the same data and by the same rules.

    Parameters
    ----------
    before, now : Bench
    max_drop : float
        What any figure of accuracy may lose, as a share: of rankings, of pairs and of changed
        copies. N-S scores are taken as shares of 4, wrong pairs of originals per original.
    max_slowdown : float
        What the times may be multiplied by. They are compared on one kind of machine only, and
        count as slower only where the quartiles do not overlap either and neither run was on a
        busy machine.

    Raises
    ------
    UsageError
        The runs cannot be compared: other data, another protocol, no method in common.
    """
    originals = now.resilience.images if now.resilience else None
    require_comparable(before, now, _methods(now), originals)
    notes = list(_not_run(before, now))
    timed = _same_machine(before, now)
    if not timed:
        notes.append(f"times not compared: the baseline is of {before.machine.processor}")
    elif any(m.timing.busy for run in (before, now) for m in run.methods):
        timed = False
        notes.append("times not compared: the machine was busy")
    old, new = _figures(before), _figures(now)
    run_now = {experiment for experiment, _ in new}
    drops: list[Drop] = []
    vanished = set()
    for key, figures in old.items():
        experiment, method = key
        if experiment not in run_now:
            continue
        if key not in new:
            vanished.add(method)
            continue
        values = {figure.name: figure.value for figure in new[key]}
        for figure in figures:
            value = values.get(figure.name)
            if value is None or figure.lost(value) > max_drop + _ROUNDING:
                drops.append(Drop(method, figure.name, figure.value, value, figure.unit))
    if timed:
        results = {m.method: m for m in now.methods}
        for m in before.methods:
            if m.method in results:
                drops += _slower(m, results[m.method], max_slowdown)
    notes += [f"{name} is not in the baseline" for name in sorted({m for _, m in new.keys() - old})]
    both = {method for _, method in old.keys() & new.keys()}
    return BaselineComparison(tuple(drops), tuple(sorted(vanished)), len(both), tuple(notes))


def _not_run(before: Bench, now: Bench) -> Iterator[str]:
    for experiment in ("methods", "resilience"):
        if getattr(before, experiment) and not getattr(now, experiment):
            yield f"the experiment {experiment} is in the baseline, and was not run now"


def require_comparable(
    before: Bench, now: Bench, methods: Mapping[str, Iterable[str]], originals: int | None
) -> None:
    """Check that a run is on the data of an earlier one, and by its rules.

    Before anything is measured: the results of `now` are not looked at.

    Parameters
    ----------
    before, now : Bench
    methods : mapping of str to iterable of str
        Those that are measured now, as results name them, by the experiment.
    originals : int or None
        Of the experiment resilience; None where it is not run.

    Raises
    ------
    UsageError
        It is not, or no method is in both.
    """
    for what, one, other in (
        ("data", _data_text(before), _data_text(now)),
        ("protocol", before.protocol, now.protocol),
        ("--decode", before.decode, now.decode),
        ("--seed", str(before.seed), str(now.seed)),
    ):
        if one != other:
            raise UsageError(
                f"the baseline was measured with other {what}: {one}, now {other}",
                "measure it again on what is there now",
            )
    if originals and before.resilience and originals != before.resilience.images:
        raise UsageError(
            f"the baseline was measured with changed copies of {before.resilience.images}"
            f" originals, now {originals}",
            f"give --changed-images {before.resilience.images}, or measure it again",
        )
    known = _methods(before)
    if not any(known[experiment] & set(names) for experiment, names in methods.items()):
        raise UsageError("no method is both in the baseline and in this run", _HINT)


def _methods(run: Bench) -> dict[str, set[str]]:
    """Methods by the experiment that measured them."""
    copies = run.resilience.methods if run.resilience else ()
    return {"methods": {m.method for m in run.methods}, "resilience": {m.method for m in copies}}


def _data_text(run: Bench) -> str:
    data = run.data
    return f"{data.images} images of {data.classes} classes (digest {data.digest[:16]})"


def _same_machine(before: Bench, now: Bench) -> bool:
    one, other = before.machine, now.machine
    return (one.processor, one.cores) == (other.processor, other.cores)


@dataclass(frozen=True, slots=True)
class _Figure:
    """A figure of accuracy.

    Attributes
    ----------
    name : str
    value : float
    unit : {"share", "points", "pairs"}
    scale : float
        A loss is told as a share of this; negative where less is better.
    """

    name: str
    value: float
    unit: Unit = "share"
    scale: float = 1.0

    def lost(self, now: float) -> float:
        """Return by how much it got worse, as a share."""
        return (self.value - now) / self.scale


def _figures(run: Bench) -> dict[tuple[str, str], list[_Figure]]:
    """Return every figure of accuracy by experiment and method; without those that it lacks."""
    figures = {("methods", m.method): list(_of_method(m)) for m in run.methods}
    if run.resilience:
        for r in run.resilience.methods:
            figures["resilience", r.method] = list(_of_copies(r, run.resilience.images))
    return figures


def _of_method(result: MethodResult) -> Iterator[_Figure]:
    """Yield all that `Retrieval` and `Detection` have, but for counts and thresholds."""
    parts: tuple[tuple[Any, dict[str, str]], ...] = (
        (result.retrieval, _OF_RANKINGS),
        (result.detection, _OF_PAIRS),
    )
    for part, names in parts:
        for field, name in names.items():
            value = getattr(part, field, None)
            if isinstance(value, Estimate):
                value = value.value
            if value is not None:
                points = field == "ns_score"
                yield _Figure(name, value, "points" if points else "share", 4.0 if points else 1.0)


def _of_copies(result: MethodResilience, originals: int) -> Iterator[_Figure]:
    yield _Figure("recognised copies", result.mean_recognised)
    if result.mean_first is not None:
        yield _Figure("originals found first", result.mean_first)
    for change in result.changes:
        yield _Figure(f"recognised copies, {change.change}", change.recognised)
        if change.first is not None:
            yield _Figure(f"originals found first, {change.change}", change.first)
    yield _Figure("wrong pairs of originals", result.wrong, "pairs", -originals)


def _slower(before: MethodResult, now: MethodResult, max_slowdown: float) -> Iterator[Drop]:
    for figure in ("seconds_features", "seconds_search"):
        old_time: Spread = getattr(before.timing, figure)
        new_time: Spread = getattr(now.timing, figure)
        apart = new_time.low > old_time.high
        if apart and new_time.median > max_slowdown * old_time.median:
            yield Drop(now.method, figure, old_time.median, new_time.median)
