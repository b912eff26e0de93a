"""What is written under pictures."""

from __future__ import annotations

from PIL import ImageFont

from imgsim.report.pictures import shorten_path


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
