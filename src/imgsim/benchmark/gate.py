"""Compares a benchmark with an earlier one: which figures got worse, or slower, than allowed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from imgsim.benchmark.results import Bench, MethodResult, Spread
from imgsim.benchmark.store import from_document
from imgsim.errors import UsageError

_HINT = "make one: imgsim bench DATASET --format json > FILE"


@dataclass(frozen=True, slots=True)
class Drop:
    """A figure of a method that is worse than before by more than is allowed."""

    method: str
    figure: str
    before: float
    now: float


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
        It cannot be read, or is no such result.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(document, dict) or document.get("schema") != "imgsim.bench/1":
            raise ValueError("its schema is not imgsim.bench/1")
        return from_document(Bench, document)
    except OSError as error:
        raise UsageError(f"cannot read baseline {path}: {error.strerror}", _HINT) from None
    except (ValueError, TypeError) as error:
        raise UsageError(f"{path} is no result of bench: {error}", _HINT) from None


def compare_with_baseline(
    before: Bench, now: Bench, *, max_drop: float, max_slowdown: float
) -> BaselineComparison:
    """Compare a run with an earlier one, on the same data and by the same rules.

    Parameters
    ----------
    before, now : Bench
    max_drop : float
        What accuracy, MAP, µAP, precision, recall and the share of recognised copies may lose.
    max_slowdown : float
        What the times may be multiplied by. They are compared on one kind of machine only, and
        count as slower only where the quartiles do not overlap either and neither run was on a
        busy machine.

    Raises
    ------
    UsageError
        The runs cannot be compared: other data, another protocol, no method in common.
    """
    _require_same_rules(before, now)
    notes = []
    timed = _same_machine(before, now)
    if not timed:
        notes.append(f"times not compared: the baseline is of {before.machine.processor}")
    elif any(m.timing.busy for run in (before, now) for m in run.methods):
        timed = False
        notes.append("times not compared: the machine was busy")
    old = {m.method: m for m in before.methods}
    new = {m.method: m for m in now.methods}
    both = [name for name in new if name in old]
    drops = [
        drop
        for name in both
        for drop in _drops(old[name], new[name], max_drop, max_slowdown if timed else None)
    ]
    vanished = old.keys() - new.keys()
    if before.resilience and now.resilience:
        seen = {m.method: m.mean_recognised for m in before.resilience.methods}
        drops += [
            Drop(m.method, "recognised copies", seen[m.method], m.mean_recognised)
            for m in now.resilience.methods
            if m.method in seen and m.mean_recognised < seen[m.method] - max_drop
        ]
        vanished |= seen.keys() - {m.method for m in now.resilience.methods}
    elif before.resilience:
        notes.append("the experiment resilience is in the baseline, and was not run now")
    for name in sorted(new.keys() - old.keys()):
        notes.append(f"{name} is not in the baseline")
    if not both:
        raise UsageError("no method is both in the baseline and in this run", _HINT)
    return BaselineComparison(tuple(drops), tuple(sorted(vanished)), len(both), tuple(notes))


def _require_same_rules(before: Bench, now: Bench) -> None:
    """Raise a UsageError if the runs were on other data, or by other rules."""
    for what, one, other in (
        ("data", before.data.digest, now.data.digest),
        ("protocol", before.protocol, now.protocol),
        ("--decode", before.decode, now.decode),
        ("seed", str(before.seed), str(now.seed)),
    ):
        if one != other:
            raise UsageError(
                f"the baseline was measured with other {what}: {one[:16]}, now {other[:16]}",
                "measure it again on what is there now",
            )


def _same_machine(before: Bench, now: Bench) -> bool:
    one, other = before.machine, now.machine
    return (one.processor, one.cores) == (other.processor, other.cores)


def _accuracy_figures(result: MethodResult) -> Iterator[tuple[str, float | None]]:
    """Yield the names and values that may not drop; None where there is none."""
    if result.retrieval:
        yield "accuracy", result.retrieval.accuracy.value
        yield "MAP", result.retrieval.mean_average_precision.value
    detection = result.detection
    if detection.micro_average_precision:
        yield "µAP", detection.micro_average_precision.value
    yield "precision", detection.precision.value if detection.precision else None
    yield "recall", detection.recall.value


def _drops(
    before: MethodResult, now: MethodResult, max_drop: float, max_slowdown: float | None
) -> Iterator[Drop]:
    for (figure, old), (_, new) in zip(
        _accuracy_figures(before), _accuracy_figures(now), strict=False
    ):
        if old is not None and new is not None and new < old - max_drop - 1e-12:
            yield Drop(now.method, figure, old, new)
    if max_slowdown is None:
        return
    for figure in ("seconds_features", "seconds_search"):
        old_time: Spread = getattr(before.timing, figure)
        new_time: Spread = getattr(now.timing, figure)
        apart = new_time.low > old_time.high
        if apart and new_time.median > max_slowdown * old_time.median:
            yield Drop(now.method, figure, old_time.median, new_time.median)
