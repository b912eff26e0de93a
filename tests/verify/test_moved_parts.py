"""Two frames of a fixed camera are told from a picture and a copy that something was added to."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont

from imgsim.pictures.generate import landscape
from imgsim.verify.in_place import Screen
from imgsim.verify.moved_parts import show_other_parts

SCENES = [Image.fromarray(landscape(seed, 400, 300)) for seed in (21, 23, 24, 26)]
OTHER = Image.fromarray(landscape(5, 400, 300))


def shot(image: Image.Image, quality: int = 85) -> Screen:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality)
    return Screen(np.asarray(Image.open(stream).convert("L")))


def with_thing(scene: Image.Image, x: int, y: int) -> Image.Image:
    """A light disc with a dark rim, as a passer-by."""
    made = scene.copy()
    ImageDraw.Draw(made).ellipse((x, y, x + 36, y + 50), (235, 225, 210), (20, 20, 30), 6)
    return made


def captioned(image: Image.Image) -> Image.Image:
    made = image.copy()
    font = ImageFont.load_default(26)
    for y in (8, 260):
        ImageDraw.Draw(made).text((30, y), "WORDS UPON A PICTURE", "white", font, stroke_width=2,
                                  stroke_fill="black")  # fmt: skip
    return made


def stamped(image: Image.Image) -> Image.Image:
    made = image.copy()
    ImageDraw.Draw(made).rectangle((300, 20, 380, 60), (200, 30, 40))
    ImageDraw.Draw(made).rectangle((20, 220, 120, 280), (20, 20, 20))
    return made


@pytest.mark.parametrize("scene", SCENES)
def test_a_thing_that_moved(scene: Image.Image) -> None:
    here, there = with_thing(scene, 60, 200), with_thing(scene, 280, 150)
    assert show_other_parts(shot(here), shot(there))
    assert show_other_parts(shot(there, 70), shot(ImageEnhance.Brightness(here).enhance(0.7)))


@pytest.mark.parametrize("scene", SCENES)
def test_copies(scene: Image.Image) -> None:
    seen = with_thing(scene, 150, 180)
    copies = [
        seen,
        captioned(seen),
        stamped(seen),
        ImageEnhance.Contrast(seen).enhance(1.7),
        seen.filter(ImageFilter.GaussianBlur(2)),
        seen.filter(ImageFilter.UnsharpMask(3, 200, 0)),
        scene,  # the thing was taken out: one of them alone shows something
    ]
    found = [show_other_parts(shot(seen), shot(copy, 60)) for copy in copies]
    assert not any(found), found


def test_pictures_that_do_not_lie_in_one_place() -> None:
    assert not show_other_parts(shot(SCENES[0]), shot(OTHER))
    assert not show_other_parts(shot(SCENES[0]), shot(SCENES[0].resize((300, 400))))
