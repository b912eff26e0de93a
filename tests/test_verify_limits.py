"""The distributions over limits that `benchmarks/verify_limits.py` tells."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

from imgsim.verify.limits import Limits
from tests.verify.pictures import captioned, picture


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "benchmarks")
    import verify_limits

    return verify_limits


def test_every_field_of_limits_is_spoken_of_once(script: ModuleType) -> None:
    from verify_limits_fields import HELD, NO_LIMITS, NOT_COVERED, OF_PLACES, PARTS

    assert Counter([*HELD, *PARTS, *OF_PLACES, *NOT_COVERED, *NO_LIMITS]) == Counter(Limits._fields)
    assert set(PARTS.values()) <= set(HELD)
    assert set(script.SECTIONS) == set(Limits._fields)
    assert all(script.limit_of(name) > 0 for name in HELD)


def test_pictures_are_measured_and_plotted(script: ModuleType, tmp_path: Path) -> None:
    from verify_limits_pairs import Pair

    paths = []
    for seed in (41, 42):
        image = picture(seed, (320, 240))
        for name, copy in (("plain", image), ("smaller", image.resize((240, 180)))):
            paths.append(tmp_path / f"{seed} {name}.png")
            copy.save(paths[-1])
        paths.append(tmp_path / f"{seed} words.png")
        captioned(picture(41, (320, 240)), f"words {seed}").save(paths[-1])
    plain, smaller, words, other, _, other_words = paths
    measured = script.measure(
        [
            Pair("copies", True, plain, smaller),
            Pair("copies", True, plain, words),
            Pair("others", False, plain, other),
            Pair("others", False, words, other_words),
        ]
    )
    assert [one.accepted for one in measured] == [True, True, False, False]

    result = script.summary(measured)
    assert result["pairs"]["copies, true"]["accepted at normal"] == 2
    difference = result["fields"]["max_difference"]
    assert (difference["limit"], difference["module"]) == (1.0, "judge")
    assert difference["true"]["n"] == 2
    assert difference["true"]["beyond"] == 0
    refused = [one.beyond() for one in measured[2:]]
    counted = sum(
        field["refused"]["false"]["beyond"]
        for field in result["fields"].values()
        if "refused" in field
    )
    assert counted == sum(map(len, refused))
    assert not any(one.beyond() for one in measured[:2])

    pytest.importorskip("matplotlib")
    plots = script.write_plots(tmp_path / "plots", measured)
    assert {path.name for path in plots} >= {"judge.png", "details.png", "captions.png"}
    assert all(path.stat().st_size > 1000 for path in plots)


def test_one_of_several_values_counts_by_what_its_limit_asks(script: ModuleType) -> None:
    from verify_limits_fields import HELD

    def chosen(name: str) -> float:
        return float(script.chosen(HELD[name], [2.0, 1.0, 3.0, 2.5]))

    assert chosen("max_difference") == 1  # one hypothesis that fits is enough
    assert chosen("min_inliers") == 3
    assert chosen("max_frame_shift") == 3  # all frames have to
    assert chosen("figure_even_edge") == 1
    assert chosen("soft_blur") == 2.5  # the way that was chosen last


def test_separation_is_the_share_of_couples_in_order(script: ModuleType) -> None:
    values = {True: [1.0, 2.0, 3.0], False: [2.0, 5.0]}
    above = (0.5 + 1 + 3) / 6
    assert script.separation("max_difference", values) == pytest.approx(above)
    assert script.separation("min_inliers", values) == pytest.approx(1 - above)


def test_the_script_runs_on_folders_of_pictures(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr(script.record, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(script, "QUICK", dict.fromkeys(script.QUICK, 0) | {"look_alikes": 4})
    folder = tmp_path / "folder"
    folder.mkdir()
    for seed in range(51, 56):
        picture(seed, (160, 120)).save(folder / f"{seed}.jpg")
    script.main(["--quick", "--sources", "look-alikes", "series", "--look-alikes", str(folder)])
    assert "verify-limits.json" in capsys.readouterr().out
    text = (tmp_path / "results/verify-limits.json").read_text(encoding="utf-8")
    assert '"different photos, false"' in text
    assert str(tmp_path) not in text
