"""The time of a search among 1,000 images, told from few."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from imgsim.benchmark import thousand
from imgsim.benchmark.thousand import search_of_thousand, thousand_rows
from imgsim.comparators.registry import parse
from imgsim.neighbours.dense import EuclideanEngine
from imgsim.neighbours.pairs import PairEngine
from imgsim.read.options import RunOptions

OPTIONS = RunOptions(cache=None)


def features(method: str, count: int) -> np.ndarray:
    extractor = parse(method).extractor
    wanted = extractor.wants
    shape = (count, wanted.height, wanted.width, 1 if wanted.colour == "grey" else 3)
    return extractor.extract(np.random.default_rng(0).integers(0, 256, shape, np.uint8))


def test_rows_are_mixtures_of_two_of_which_none_is_there_twice() -> None:
    rows = np.arange(40, dtype=np.uint8).reshape(4, 10)
    made = thousand_rows(rows, 20, 0)
    assert made.shape == (20, 10)
    assert made.dtype == np.uint8
    assert all(len({value // 10 for value in row}) == 2 for row in made.tolist())
    assert (made % 10 == np.arange(10)).all()
    drawn = thousand_rows(rows, 3, 0)
    assert len({tuple(row) for row in drawn.tolist()} & {tuple(r) for r in rows.tolist()}) == 3


def test_as_many_rows_are_searched_as_the_time_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten images, multiplied, would multiply what beginning takes."""
    searched = []
    nearest = EuclideanEngine.nearest

    def count(engine, queries, k):
        searched.append((len(queries), engine.n))
        return nearest(engine, queries, k)

    monkeypatch.setattr(EuclideanEngine, "nearest", count)
    search_of_thousand(parse("euclidean"), features("euclidean", 10), OPTIONS, 0)
    assert set(searched) == {(1000, 1000)}


def test_slow_pairs_are_timed_with_fewer_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PairEngine, "seconds_for", lambda engine, pairs: 400.0)
    searched = []
    monkeypatch.setattr(
        PairEngine, "nearest", lambda engine, queries, k: searched.append(len(queries))
    )
    search_of_thousand(parse("ssim"), features("ssim", 10), OPTIONS, 0)
    assert set(searched) == {100}


def test_rows_that_a_plug_in_refuses_are_repeated_instead(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made, asked = thousand._timed, []

    def picky(comparator, rows, options):
        asked.append(rows)
        if len(asked) == 1:
            raise ValueError("no row of mine")
        return made(comparator, rows, options)

    monkeypatch.setattr(thousand, "_timed", picky)
    own = features("phash", 3)
    search_of_thousand(parse("phash"), own, OPTIONS, 0)
    assert {row.tobytes() for row in asked[1]} == {row.tobytes() for row in own}
