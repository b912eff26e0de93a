"""Changed copies: which originals are drawn, and which copies are recognised."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from pathlib import Path

import pytest

import imgsim
from imgsim import RunOptions
from imgsim.benchmark import resilience
from imgsim.benchmark.runner import Plan, bench
from imgsim.benchmark.store import Store
from imgsim.comparators import registry
from imgsim.dataset.layouts import load_labelled
from imgsim.errors import UsageError
from imgsim.pictures.changes import CHANGES
from tests.benchmark.conftest import METHODS


def test_methods_that_verify_pairs_are_measured_by_copies(
    places: Path, options: RunOptions
) -> None:
    plan = Plan(experiments=("resilience",), changed_images=2)
    result = bench(load_labelled(places), [registry.parse("auto")], plan, options=options)
    assert result.methods == ()
    assert result.resilience is not None
    (auto,) = result.resilience.methods
    recognised = {c.change: c.recognised for c in auto.changes}
    assert recognised["exact copy"] == recognised["mirror"] == recognised["grey"] == 1.0
    assert (auto.mean_first, auto.wrong) == (None, 0)
    only = Plan(experiments=("methods",), protocol="article")
    with pytest.raises(UsageError, match="nothing to measure"):
        bench(load_labelled(places), [registry.parse("auto")], only, options=options)


def test_an_interrupted_run_over_copies_keeps_what_was_measured(
    places: Path, tmp_path: Path, options: RunOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    real = resilience.measure_by_distance

    def counted(comparator, *arguments):
        calls.append(comparator.name)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(comparator, *arguments)

    monkeypatch.setattr(resilience, "measure_by_distance", counted)
    plan = Plan(experiments=("resilience",), changed_images=2)
    store = Store(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        bench(load_labelled(places), METHODS, plan, store=store, options=options)
    result = bench(load_labelled(places), METHODS, plan, store=store, options=options)
    assert calls == ["phash", "euclidean", "euclidean", "ssim"]
    assert result.resilience is not None
    assert [m.method for m in result.resilience.methods] == ["phash", "euclidean", "ssim"]


def test_originals_are_drawn_from_every_class_in_turn(places: Path) -> None:
    data = load_labelled(places)
    chosen = resilience.draw(data, 5, seed=0)
    assert sorted(data.labels[i] for i in chosen) == sorted(set(data.labels))
    assert len(set(resilience.draw(data, 8, seed=0))) == 8
    assert resilience.draw(data, 5, seed=0) != resilience.draw(data, 5, seed=1)
    assert len(resilience.draw(data, 99, seed=0)) == len(data.paths)


def test_copies_exactly_at_the_threshold_are_recognised(
    places: Path, tmp_path: Path, options: RunOptions
) -> None:
    """Thresholds are the bits by which pictures differ, as `compare` tells them pair by pair."""
    phash = registry.parse("phash")
    paths = [str(places / str(number) / "160.jpg") for number in range(3)]
    copies = resilience.make_copies(paths, [phash], tmp_path, options, seed=0)

    def bits(pairs: Iterable[tuple[str, str]]) -> list[float]:
        return [imgsim.compare(*pair, "phash")[0].score for pair in pairs]

    number = [change.name for change in CHANGES].index("crop 15 %")
    own = bits(
        (one, files[number]) for one, files in zip(copies.originals, copies.changed, strict=True)
    )
    apart = bits(itertools.combinations(copies.originals, 2))
    for threshold in (max(own), max(own) - 1, min(apart), min(apart) - 1):
        measured = resilience.measure_by_distance(phash, copies, threshold)
        recognised = sum(value <= threshold for value in own)
        assert measured.changes[number].recognised == pytest.approx(recognised / 3)
        assert measured.wrong == sum(value <= threshold for value in apart)
