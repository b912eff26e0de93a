"""What is written under pictures."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw, ImageFont

from imgsim.report.html import matches_page
from imgsim.report.pictures import draw_montage, shorten_path
from imgsim.tasks.matches import matches


def test_a_name_is_as_wide_as_its_picture_at_most() -> None:
    font = ImageFont.load_default(12)
    for name in ("shop/train/Lemon/Lemon_018.jpg", "W" * 40, "i" * 400, "a\\b" * 20):
        for width in (30, 120, 160):
            text = shorten_path(name, font, width)
            rest = text.removeprefix("…")
            assert text != rest
            assert name.replace("\\", "/").endswith(rest)
            assert font.getlength(text) <= width
            assert font.getlength("…" + name.replace("\\", "/")[-len(rest) - 1 :]) > width
    assert shorten_path("a.jpg", font, 120) == "a.jpg"


def test_rows_of_a_montage_name_the_fields_of_their_method(
    tmp_path: Path, photo, threads, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in (1, 2):
        photo(seed).save(tmp_path / f"{seed}.png")
    written: list[str] = []
    draw = ImageDraw.ImageDraw.text

    def kept(self: ImageDraw.ImageDraw, place: Any, text: str, *more: Any, **options: Any) -> Any:
        written.append(text)
        return draw(self, place, text, *more, **options)

    monkeypatch.setattr(ImageDraw.ImageDraw, "text", kept)
    methods = ["phash", "phash:size=16"]
    shown = matches(str(tmp_path), methods, options=threads)
    draw_montage(shown, tmp_path / "sheet.png", {}, range(2))
    assert [text for text in written if text.startswith("phash")] == methods * 2
    assert written.count("query") == 2


def test_a_montage_of_several_methods_is_no_strip(tmp_path: Path, photo, threads) -> None:
    for seed in range(6):
        photo(seed).save(tmp_path / f"{seed}.png")
    shown = matches(str(tmp_path), ["phash", "dhash", "ahash"], options=threads)
    draw_montage(shown, tmp_path / "sheet.png", {}, range(6))
    with Image.open(tmp_path / "sheet.png") as drawn:
        assert 0.7 < drawn.height / drawn.width < 1.8
        assert drawn.width == 3 * (3 * 168 + 8)  # no column in which the query alone stands


def test_rows_of_a_page_name_the_fields_of_their_method(tmp_path: Path, photo, threads) -> None:
    for seed in (1, 2):
        photo(seed).save(tmp_path / f"{seed}.png")
    methods = ["phash", "phash:size=16"]
    page = "".join(matches_page(matches(str(tmp_path), methods, options=threads), {}))
    names = re.findall(r'<div class="name">(.*?)</div>', page)
    assert names == methods * 2
