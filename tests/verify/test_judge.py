"""Verdicts on pictures that are made here with known changes."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

from imgsim.comparators.recipes import Auto
from imgsim.pictures.lettering import font
from tests.verify.pictures import (
    picture,
    verify,
    waved,
)


def test_compression_brightness_and_blur_are_explained() -> None:
    whole = picture()
    buffer = io.BytesIO()
    whole.save(buffer, "JPEG", quality=30)
    for changed in (
        Image.open(buffer),
        ImageEnhance.Brightness(whole).enhance(0.6),
        whole.filter(ImageFilter.GaussianBlur(1.2)),
        whole.resize((240, 180)),
        whole.convert("L"),
    ):
        verdict = verify(whole, changed)
        assert verdict.residual <= 1
        assert verdict.whole


def test_another_thing_in_the_same_place_is_another_picture() -> None:
    one, other = picture(), picture()
    for image, seed in ((one, 1), (other, 2)):
        patch = picture(seed, (70, 60))
        image.paste(patch, (200, 150))
    assert verify(one, other).residual > 1


def test_faint_print_is_another_label() -> None:
    one, other = picture(4), picture(4)
    for image, word in ((one, "Long"), (other, "Holiday")):
        draw = ImageDraw.Draw(image)
        draw.rectangle((120, 90, 360, 270), (243, 223, 228))
        draw.text((150, 110), "LETTER", (60, 50, 80), font(34))
        draw.text((150, 190), word, (226, 206, 211), font(40))
    assert verify(one, other).residual > 1


def test_another_view_is_no_copy_because_its_edge_differs_too() -> None:
    one = picture(6)
    other = waved(one, 0.11)
    other.paste(picture(9, (480, 70)), (0, 0))
    assert verify(one, other).residual > 1


def frame(texture: Image.Image, angle: float) -> NDArray[np.uint8]:
    """A cylinder with a texture of 900 x 240 pixels on it, turned by an angle."""
    x = np.linspace(-1, 1, 240)[None, :]
    column = ((np.arcsin(x) + angle) / np.pi + 1) / 2.5 * 899
    return np.asarray(texture.convert("L"))[np.arange(240)[:, None], column.astype(int) % 900]


def test_a_turning_thing_is_told_from_a_copy() -> None:
    """Neighbouring frames differ less than a compressed copy, but their points move together."""
    rng = np.random.default_rng(5)
    texture = picture(11, (900, 240))

    def grained(angle: float) -> Image.Image:
        pixels = frame(texture, angle) + rng.normal(0, 0.5, (240, 240))
        return Image.fromarray(np.clip(pixels, 0, 255).astype("u1"))

    assert verify(grained(0.0), grained(0.0)).residual <= 1
    assert verify(grained(0.0), grained(0.05)).residual > 1


def test_neighbouring_frames_of_a_small_thing_are_alike_at_loose() -> None:
    texture = picture(11, (900, 240)).filter(ImageFilter.GaussianBlur(1.5))
    small = [
        Image.fromarray(frame(texture, a)).resize((100, 100), Image.Resampling.LANCZOS)
        for a in (0.0, 0.05)
    ]
    assert 1 < verify(*small).residual <= Auto().preset_distance("loose")
