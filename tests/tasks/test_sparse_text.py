"""A screen with a few short lines of text is flat, but for its letters."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image, ImageDraw

import imgsim
from imgsim.pictures.lettering import font
from imgsim.read.options import RunOptions


def write_screen(path: Path, value: int) -> None:
    image = Image.new("RGB", (1000, 700), (30, 30, 30))
    draw = ImageDraw.Draw(image)
    for line in range(24):
        text = f"x = data[{value if line == 9 else 7 * line}]"
        draw.text((30 + 16 * (line % 4), 20 + 27 * line), text, (220, 160, 120), font(18))
    image.save(path, quality=90)


@pytest.fixture
def screens(tmp_path: Path) -> Path:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    write_screen(tmp_path / "a" / "one.png", 35)
    write_screen(tmp_path / "b" / "copy.jpg", 35)
    write_screen(tmp_path / "b" / "other.png", 38)
    return tmp_path


def test_a_copy_of_it_is_found_and_one_with_another_digit_is_none(
    screens: Path, threads: RunOptions
) -> None:
    found = imgsim.find_duplicates(screens, options=threads)
    (group,) = found.groups
    assert all(m.picture.facts.flat for m in group.members)
    assert {Path(m.picture.file.path).name for m in group.members} == {"one.png", "copy.jpg"}
    one, copy, other = (screens / name for name in ("a/one.png", "b/copy.jpg", "b/other.png"))
    assert imgsim.compare(one, copy, "auto", options=threads)[0].duplicate
    assert not imgsim.compare(one, other, "auto", options=threads)[0].duplicate


def test_it_is_known_and_found_in_an_index(screens: Path, threads: RunOptions) -> None:
    copy, other = screens / "b" / "copy.jpg", screens / "b" / "other.png"
    answers = imgsim.known([copy, other], screens / "a", options=threads).answers
    assert [one.known for one in answers] == [True, False]
    with imgsim.Index.build(screens / "F.index", screens / "a", options=threads) as index:
        answers = index.known([copy, other]).answers
        assert [one.known for one in answers] == [True, False]
