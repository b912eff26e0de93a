from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import imgsim
from imgsim.comparators import registry
from imgsim.decode.spec import DecodeMode
from imgsim.errors import UsageError
from imgsim.profile import identity, read_profile


def entry(spec: str, max_distance: float | None) -> dict[str, Any]:
    method, extractor = identity(registry.parse(spec))
    return {"method": method, "extractor": extractor, "max_distance": max_distance}


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "p.json"
    document = {
        "schema": "imgsim.profile/1",
        "target": {"text": "precision 0.99"},
        "decode": "reduced",
        "methods": [entry("phash", 6), entry("ssim", 0.125), entry("colorhash", None)],
    }
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def test_thresholds_are_those_of_the_file(written: Path) -> None:
    profile = read_profile(written)
    assert profile.methods == ("phash", "ssim")
    assert profile.distance(registry.parse("phash"), DecodeMode.REDUCED) == 6
    assert profile.distance(registry.parse("ssim"), DecodeMode.REDUCED) == 0.125


@pytest.mark.parametrize(
    ("spec", "decode", "message"),
    [
        ("dhash", DecodeMode.REDUCED, "no threshold for dhash"),
        ("phash:size=16", DecodeMode.REDUCED, "no threshold for phash:size=16"),
        ("colorhash", DecodeMode.REDUCED, "no threshold of colorhash reached the target"),
        ("phash", DecodeMode.FULL, "--decode reduced"),
    ],
)
def test_what_it_is_not_for_is_refused(
    spec: str, decode: DecodeMode, message: str, written: Path
) -> None:
    with pytest.raises(UsageError, match=message):
        read_profile(written).distance(registry.parse(spec), decode)


def test_another_version_of_the_extractor_is_refused(
    written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    comparator = registry.parse("phash")
    monkeypatch.setattr(type(comparator), "version", 99)
    with pytest.raises(UsageError, match=r"is for phash/1.*this is phash/99") as caught:
        read_profile(written).distance(comparator, DecodeMode.REDUCED)
    assert "calibrate" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no json", "is no profile"),
        ("[]", "names no schema"),
        ('{"schema": "imgsim.profile/2"}', "imgsim.profile/2"),
        ('{"schema": "imgsim.profile/1"}', "no whole profile"),
        (
            '{"schema": "imgsim.profile/1", "target": {"text": ""}, "decode": "reduced",'
            ' "methods": [{"method": "phash", "extractor": "x", "max_distance": "6"}]}',
            "no whole profile",
        ),
    ],
)
def test_other_files_are_refused(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=message):
        read_profile(path)
    with pytest.raises(UsageError, match="cannot read"):
        read_profile(tmp_path / "nothing")


def test_find_duplicates_and_compare_use_it(
    written: Path, demo: tuple[Path, Any], threads: imgsim.RunOptions
) -> None:
    profile = imgsim.read_profile(written)
    folder, _ = demo
    by_profile = imgsim.find_duplicates(folder, "phash", profile=profile, options=threads)
    by_threshold = imgsim.find_duplicates(folder, "phash", threshold=6, options=threads)
    assert (by_profile.max_distance, by_profile.preset) == (6, None)
    assert [g.members for g in by_profile.groups] == [g.members for g in by_threshold.groups]
    one, other = folder / "camera/IMG_0001.jpg", folder / "camera/IMG_0002.jpg"
    (said,) = imgsim.compare(one, other, "ssim", profile=profile)
    assert said.threshold == 0.875
    with pytest.raises(UsageError, match="both a profile and a threshold"):
        imgsim.find_duplicates(folder, "phash", profile=profile, threshold=3, options=threads)


def test_a_file_of_weights_counts_by_its_content_and_not_by_its_place() -> None:
    class Extractor:
        key = "net/1:weights=/home/me/w.pth (x),sha256=1"

    class Comparator:
        weights = "/home/me/w.pth"
        spec = "net:weights=/home/me/w.pth"
        extractor = Extractor()

    said = identity(Comparator())  # type: ignore[arg-type]
    assert said == ("net:weights=w.pth", "net/1:weights=w.pth (x),sha256=1")
