"""How long a run will take, told at its start, by a clock that only what is slow moves on."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from imgsim import RunOptions
from imgsim.benchmark import duration, timing
from imgsim.benchmark.runner import Plan, bench
from imgsim.benchmark.store import Store
from imgsim.comparators.base import Prepared
from imgsim.comparators.ssim import Ssim
from imgsim.dataset.layouts import load_labelled
from imgsim.progress import Silent
from tests.benchmark.conftest import METHODS


class Clock:
    """Stands still but for what is added."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


CLOCK = Clock()


@dataclass(frozen=True)
class Slow(Ssim):
    """SSIM that takes so many seconds for a pair, by the clock."""

    seconds: float = 0.0
    name: ClassVar[str] = "slow"

    def distance(self, left: Prepared, right: Prepared) -> NDArray[np.float64]:
        result = super().distance(left, right)
        CLOCK.now += self.seconds * len(result)
        return result


@dataclass
class Notes(Silent):
    said: list[tuple[float, str]] = field(default_factory=list)

    def note(self, text: str) -> None:
        self.said.append((CLOCK.now, text))


def lines(
    places: Path, options: RunOptions, monkeypatch: pytest.MonkeyPatch, seconds: float, **more: Any
) -> list[tuple[float, str]]:
    monkeypatch.setattr(CLOCK, "now", 0.0)
    monkeypatch.setattr(duration, "perf_counter", CLOCK)
    notes = Notes()
    bench(
        load_labelled(places),
        [METHODS[0], Slow(seconds=seconds)],
        Plan(experiments=("methods",)),
        options=replace(options, progress=notes),
        **more,
    )
    return [(now, text) for now, text in notes.said if "of them)" in text]


def test_a_long_run_tells_how_long_from_a_few_pairs(
    places: Path, options: RunOptions, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    store = Store(tmp_path)
    ((spent, line),) = lines(places, options, monkeypatch, 0.5, store=store)
    # 190 pairs searched once, since that takes long, and scored; 10 pairs alone, 10 with features
    assert line == (
        "about 3 minutes for 2 methods on 20 images (slow:seconds=0.5 takes 3 minutes of them);"
        " -m chooses, Ctrl-C keeps what was measured"
    )
    assert spent <= 0.02 * 200
    assert lines(places, options, monkeypatch, 0.5, store=store) == []  # all of it is known
    ((_, longer),) = lines(places, options, monkeypatch, 5.0)
    assert "about 33 minutes" in longer  # of the single pairs, 4 and 4; of 1,000 images 6
    assert "with -o DIR Ctrl-C keeps" in longer
    assert lines(places, options, monkeypatch, 0.05) == []  # some 30 seconds


@pytest.mark.parametrize("seconds", [0.01, 0.3, 0.9, 1.9, 3.0, 5.0])
def test_repetitions_are_counted_as_they_are_made(
    monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    clock = Clock()
    monkeypatch.setattr(timing, "time", SimpleNamespace(perf_counter=clock, process_time=clock))

    def action() -> None:
        clock.now += seconds

    timing.repeated(action)
    assert timing.seconds_of_repeated(seconds) == pytest.approx(clock.now)
    clock.now = 0.0
    timing.each([action] * 200, enough=timing.ENOUGH_SECONDS)
    assert timing.seconds_of_each(seconds, 200) == pytest.approx(clock.now)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ({"a": 59.0}, None),
        ({"a": 64.0, "": 5.0}, "about 70 seconds for 1 method on 1,000 images; "),
        ({"a": 60, "b": 300, "": 9}, "about 6 minutes for 2 methods on 1,000 images (b takes 5 "),
        (dict.fromkeys("abcde", 2000.0), "about 2.8 hours for 5 methods on 1,000 images; "),
    ],
)
def test_the_line(seconds: dict[str, float], expected: str | None) -> None:
    line = duration.duration_line(seconds, 1000, kept=True)
    assert line is None if expected is None else line is not None and line.startswith(expected)
