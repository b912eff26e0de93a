"""Texts of matches and compare fit a terminal of 80 columns."""

from __future__ import annotations

import pytest

from imgsim.comparators import registry
from imgsim.comparators.base import PRESETS, Comparator
from imgsim.report.rankings import compare_text, matches_text, score_text
from imgsim.report.units import percent
from imgsim.tasks.compare import Comparison
from imgsim.tasks.matches import Matches, MethodMatches, QueryMatches
from imgsim.tasks.matching import Seconds
from imgsim.types import Match

NETWORKS = ("autoencoder", "efficientnet", "siamese")
METHODS = [name for name in registry.names() if not name.startswith(NETWORKS)] + ["phash:size=16"]
PATH = "photos/phone/backup of IMG_0001.jpg"


def _distances(comparator: Comparator) -> list[float]:
    worst = comparator.scale.worst
    return [0.0, worst, worst / 7, *(comparator.preset_distance(p) for p in PRESETS)]


@pytest.mark.parametrize("name", METHODS)
def test_compare_fits_80_columns_with_every_threshold_and_remark(name: str) -> None:
    comparator = registry.parse(name)
    scale = comparator.scale
    rows = [
        Comparison(
            comparator,
            distance,
            scale.score(distance),
            scale.similarity(distance),
            scale.score(comparator.preset_distance(preset)),
            distance <= comparator.preset_distance(preset),
        )
        for distance in _distances(comparator)
        for preset in PRESETS
    ]
    lines = "".join(compare_text("a.jpg", "b.jpg", rows)).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[-3] == ""  # then what a similarity is not
    for row, line in zip(rows, lines[4:-3], strict=True):
        assert line.startswith(f"{name} ")
        verdict = "yes" if row.duplicate else "no"
        sign = "<=" if scale.better == "lower" else ">="
        assert f" {verdict} " in line
        assert f"{sign} {row.threshold:.6g}" in line
        assert score_text(comparator, row.distance) in line
        assert percent(row.similarity) in line
        assert line.endswith(comparator.remark(row.distance))


def test_a_distance_of_one_is_a_bit() -> None:
    assert [score_text(registry.parse("phash"), bits) for bits in (0, 1, 2)] == [
        "0 bits", "1 bit", "2 bits",
    ]  # fmt: skip


@pytest.mark.parametrize("name", METHODS)
def test_matches_leave_half_the_line_for_paths(name: str) -> None:
    comparator = registry.parse(name)
    nearest = tuple(Match(PATH, distance) for distance in _distances(comparator))
    method = MethodMatches(comparator, (QueryMatches("photos/a.jpg", nearest),), 1, 1.0)
    ranking = Matches(6, (method,), 2, (), 0, Seconds(0.0, 0.0, 0.0, 0.0))
    query, *lines = "".join(matches_text(ranking)).rstrip("\n").split("\n")
    assert query == "photos/a.jpg"
    assert max(map(len, lines)) <= 80
    assert {line.index(PATH) for line in lines} == {39}
    assert lines[0].split()[0] == name
    for line, match in zip(lines, nearest, strict=True):
        assert score_text(comparator, match.distance) in line
        assert percent(comparator.scale.similarity(match.distance)) in line


@pytest.mark.parametrize(
    ("name", "alone"), [("phash:size=32", False), ("euclidean:side=100", True)]
)
def test_a_longer_name_has_a_line_of_its_own(name: str, alone: bool) -> None:
    query = QueryMatches("a.jpg", (Match(PATH, 1.0),))
    method = MethodMatches(registry.parse(name), (query,), 1, 1.0)
    ranking = Matches(1, (method,), 2, (), 0, Seconds(0.0, 0.0, 0.0, 0.0))
    lines = "".join(matches_text(ranking)).rstrip("\n").split("\n")
    assert (lines[1].strip() == name) is alone
    assert lines[-1].index(PATH) == 39
