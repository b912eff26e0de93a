"""Icons in two sizes, under the commands that compare pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

import imgsim
from imgsim.read.options import RunOptions


def write_icon(path: Path, seed: int, scale: float = 1.0) -> None:
    """A polygon of its own for each seed, on black."""
    rng = np.random.default_rng(seed)
    corners = int(rng.integers(3, 8))
    angles = 2 * np.pi * (np.arange(corners) + rng.random()) / corners
    radii = rng.uniform(0.5, 1.0, corners) * 60
    image = Image.new("RGB", (960, 540))
    points = [
        (480 + r * np.cos(a), 270 + r * np.sin(a)) for r, a in zip(radii, angles, strict=True)
    ]
    ImageDraw.Draw(image).polygon(points, fill=(210, 160, 40))
    size = round(960 * scale), round(540 * scale)
    image.resize(size, Image.Resampling.LANCZOS).save(path, quality=90)


@pytest.fixture
def icons(tmp_path: Path) -> Path:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    for seed in range(4):
        write_icon(tmp_path / "a" / f"{seed}.png", seed)
    for seed in range(2):
        write_icon(tmp_path / "b" / f"{seed}.jpg", seed, 0.6)
    write_icon(tmp_path / "b" / "2.bmp", 2)  # equal pixels
    return tmp_path


def test_copies_of_icons_stand_in_groups(icons: Path, threads: RunOptions) -> None:
    for preset in ("strict", "normal", "loose"):
        found = imgsim.find_duplicates(icons, preset=preset, options=threads)
        groups = [sorted(Path(m.picture.file.path).name for m in g.members) for g in found.groups]
        assert sorted(groups) == [["0.jpg", "0.png"], ["1.jpg", "1.png"], ["2.bmp", "2.png"]]
        assert found.not_judged == ()
        assert {g.kept.file.path.rpartition(".")[2] for g in found.groups} <= {"png", "bmp"}


def test_other_methods_match_no_icon_but_by_equal_pixels(icons: Path, threads: RunOptions) -> None:
    found = imgsim.find_duplicates(icons, "local", options=threads)
    assert [len(group.members) for group in found.groups] == [2]


def test_copies_of_icons_are_leaks(icons: Path, threads: RunOptions) -> None:
    found = imgsim.find_leaks({"a": [icons / "a"], "b": [icons / "b"]}, options=threads)
    assert sorted(Path(leak.picture.file.path).name for leak in found.leaks) == [
        "0.jpg",
        "1.jpg",
        "2.bmp",
    ]


def test_compare_says_why_plain_pictures_are_or_are_no_duplicates(
    tmp_path: Path, threads: RunOptions
) -> None:
    white = Image.new("RGB", (400, 300), "white")
    white.save(tmp_path / "a.png")
    white.save(tmp_path / "b.jpg")
    Image.new("RGB", (400, 300), (250, 250, 250)).save(tmp_path / "c.png")

    def told(other: str) -> list[tuple[bool, float, str]]:
        files = tmp_path / "a.png", tmp_path / other
        found = imgsim.compare(*files, ["auto", "phash"], options=threads)
        return [(one.duplicate, one.score, one.remark) for one in found]

    plain = "too small or too plain to be compared by more than pixels, which "
    assert told("b.jpg") == [(True, 0.0, plain + "are equal")] * 2
    assert told("c.png") == [
        (False, np.inf, plain + "differ"),
        (False, 0.0, plain + "differ"),
    ]


def test_two_files_are_compared_as_in_a_folder(icons: Path, threads: RunOptions) -> None:
    def same(one: str, other: str, method: str = "auto") -> bool:
        (result,) = imgsim.compare(icons / one, icons / other, method, options=threads)
        return result.duplicate

    assert same("a/0.png", "b/0.jpg")
    assert same("a/2.png", "b/2.bmp")
    assert not same("a/0.png", "b/1.jpg")
    assert not same("a/0.png", "a/1.png")
    assert not same("a/0.png", "b/0.jpg", "local")
