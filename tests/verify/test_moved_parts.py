"""Two frames of a fixed camera are told from a picture and a copy that something was added to."""

from __future__ import annotations

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont

from imgsim.pictures.generate import landscape
from imgsim.verify.in_place import Screen
from imgsim.verify.moved_parts import find_parts, show_other_colours

SCENES = [Image.fromarray(landscape(seed, 400, 300)) for seed in (21, 23, 24, 26)]
OTHER = Image.fromarray(landscape(5, 400, 300))


def show_other_parts(left: Screen, right: Screen) -> bool:
    parts = find_parts(left, right)
    return parts is not None and parts.on_both


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
def test_a_thing_beside_where_it_was_is_one_place_with_it(scene: Image.Image) -> None:
    thing = OTHER.crop((100, 100, 170, 160))
    here, there = scene.copy(), scene.copy()
    here.paste(thing, (90, 180))
    there.paste(thing, (150, 200))
    assert show_other_parts(shot(here), shot(there, 70))
    there.paste(thing, (90, 180))  # the other one lies over a copy of the whole
    assert not show_other_parts(shot(here), shot(there, 70))


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


def test_how_much_differs_and_how_much_is_the_same() -> None:
    scene = SCENES[0]
    parts = find_parts(shot(scene), shot(stamped(scene)))
    assert parts is not None
    assert 7000 < parts.pixels < 12000  # 9,200
    assert 0.8 < parts.same < 0.95
    parts = find_parts(shot(scene), shot(scene, 70))
    assert parts is not None
    assert parts.pixels == 0
    assert parts.same > 0.95


def test_pictures_that_do_not_lie_in_one_place() -> None:
    assert not show_other_parts(shot(SCENES[0]), shot(OTHER))
    assert not show_other_parts(shot(SCENES[0]), shot(SCENES[0].resize((300, 400))))


def coloured(image: Image.Image, quality: int = 85) -> NDArray[np.uint8]:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality)
    return np.asarray(Image.open(stream).convert("RGB"))


def with_ball(scene: Image.Image, x: int, y: int) -> Image.Image:
    """A grey ball, as light as what is behind it."""
    ball = Image.new("L", scene.size)
    ImageDraw.Draw(ball).ellipse((x, y, x + 40, y + 40), 255)
    return Image.composite(scene.convert("L").convert("RGB"), scene, ball)


@pytest.mark.parametrize("scene", SCENES[:3])  # the last one is grey there itself
def test_a_thing_that_is_as_light_as_its_ground(scene: Image.Image) -> None:
    here, there = with_ball(scene, 60, 200), with_ball(scene, 280, 150)
    assert show_other_colours(coloured(here), coloured(there, 70))
    smaller = there.resize((300, 225), Image.Resampling.LANCZOS)
    assert show_other_colours(coloured(here), coloured(smaller))


@pytest.mark.parametrize("scene", SCENES)
def test_copies_in_colour(scene: Image.Image) -> None:
    seen = with_ball(with_thing(scene, 150, 180), 60, 200)
    copies = [
        seen,
        captioned(seen),
        stamped(seen),
        ImageEnhance.Contrast(seen).enhance(1.7),
        ImageEnhance.Color(seen).enhance(1.6),
        ImageEnhance.Color(seen).enhance(0),
        seen.filter(ImageFilter.GaussianBlur(2)),
        seen.resize((300, 225), Image.Resampling.LANCZOS),
        with_thing(scene, 150, 180),  # one of them alone shows something
    ]
    found = [show_other_colours(coloured(seen), coloured(copy, 60)) for copy in copies]
    assert not any(found), found
