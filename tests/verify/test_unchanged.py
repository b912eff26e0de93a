"""Screens that were saved alike and are equal to the level but for one token."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from imgsim import RunOptions, find_duplicates
from imgsim.pictures.lettering import font
from imgsim.verify.limits import LIMITS
from imgsim.verify.unchanged import lone_change

DARK, LIGHT = (40, 44, 52), (235, 240, 250)


def screen(token: str, ground: tuple[int, int, int] = DARK, lines: int = 8) -> Image.Image:
    rng = np.random.default_rng(lines)
    image = Image.new("RGB", (576, 360), ground)
    draw = ImageDraw.Draw(image)
    ink = (106, 153, 85) if ground == DARK else (60, 90, 50)
    for line in range(lines):
        text = "".join(rng.choice(list("abcdefghij =()._0123456789"), 40))
        if line == 1:
            text = f"if x < {token}: return"
        draw.text((30, 12 + line * 18), text, ink, font(11))
    return image


def saved(image: Image.Image, kind: str = "JPEG", **settings: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **settings)
    return buffer.getvalue()


def grey(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("L"))


@pytest.mark.parametrize("ground", [DARK, LIGHT])
@pytest.mark.parametrize("lines", [3, 15])
@pytest.mark.parametrize("quality", [55, 85])
def test_another_token_counts_where_all_else_is_equal(
    ground: tuple[int, int, int], lines: int, quality: int
) -> None:
    one, other = (grey(saved(screen(t, ground, lines), quality=quality)) for t in ("10", "19"))
    assert lone_change(one, other) > LIMITS.unchanged_max_share
    assert lone_change(one, one) == 0


@pytest.mark.parametrize("how", ["again", "better", "colours", "brighter", "smaller", "two places"])
def test_what_was_made_of_all_of_a_screen_is_no_other_one(how: str) -> None:
    image = Image.open(io.BytesIO(saved(screen("10"), quality=55))).convert("RGB")
    copy = {
        "again": lambda: saved(image, quality=55),
        "better": lambda: saved(image, quality=90),
        "colours": lambda: saved(image.quantize(64), "PNG"),
        "brighter": lambda: saved(image.point(lambda level: level + 6), "PNG"),
        "smaller": lambda: saved(image.resize((480, 300)), "PNG"),
        "two places": lambda: saved(screen("19", lines=9), quality=55),
    }[how]()
    assert lone_change(grey(saved(image, "PNG")), grey(copy)) <= LIMITS.unchanged_max_share


def test_photos_and_what_covers_most_of_the_print_are_left_to_others() -> None:
    grain = np.random.default_rng(0).integers(0, 256, (200, 300), np.uint8)
    edited = grain.copy()
    edited[50:60, 50:60] = 0
    assert lone_change(grain, edited) == 0
    one, other = (grey(saved(screen(t, lines=2), "PNG")) for t in ("10", "19"))
    (top, left), *_, (_, right) = np.argwhere(one != other)
    token = np.s_[top - 4 : top + 14, left - 4 : right + 8]
    assert lone_change(one[token], other[token]) == 0


@pytest.mark.parametrize(
    ("size", "lines", "quality", "other"),
    [(14, 20, 55, "x > 10"), (14, 8, 55, "y < 10"), (16, 8, 75, "x < 19")],
)
def test_two_small_screens_of_code_are_not_joined(
    tmp_path: Path, size: int, lines: int, quality: int, other: str
) -> None:
    for token in ("x < 10", other):
        rng = np.random.default_rng(0)
        image = Image.new("RGB", (1280, 800), DARK)
        draw = ImageDraw.Draw(image)
        for line in range(lines):
            text = "".join(rng.choice(list("abcdefghij =()._0123456789"), 40))
            text = f"if {token}: return" if line == lines // 2 else text
            draw.text((60, 20 + line * 25), text, (106, 153, 85), font(size))
        small = image.resize((576, 360), Image.Resampling.LANCZOS)
        (tmp_path / f"{token == other}.jpg").write_bytes(saved(small, quality=quality))
    assert not find_duplicates([tmp_path], options=RunOptions(cache=None, jobs=1)).groups
