"""What is small and has another colour, as light as what is behind it."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance

from imgsim.pictures.equal_lightness import colour_as_light, flat_ground
from imgsim.pictures.fonts import BUILT_IN, load_face
from imgsim.verify.colour_details import colour_distance
from tests.verify.pictures import UPRIGHT, picture, verify

ORANGE, RED, GREEN = 0.09, 0.0, 0.33


def photo() -> Image.Image:
    return picture(4, (500, 376))


def jpeg(image: Image.Image, quality: int, scale: float = 1.0) -> Image.Image:
    size = round(image.width * scale), round(image.height * scale)
    buffer = io.BytesIO()
    image.resize(size, Image.Resampling.LANCZOS).save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def luma(image: Image.Image, box: tuple[int, int, int, int]) -> float:
    return float(np.asarray(image.crop(box).convert("L")).mean())


def stamped(text: str) -> Image.Image:
    """A photo with orange print as light as what is behind it."""
    image, place = photo(), (450, 330)
    ink = colour_as_light(ORANGE, luma(image, (*place, 470, 362)))
    ImageDraw.Draw(image).text(place, text, ink, load_face(BUILT_IN, 32))
    return image


def with_disc(ground: Image.Image, hue: float) -> Image.Image:
    """A disc of 40 pixels as light as what is behind it."""
    image, box = ground.copy(), (200, 150, 240, 190)
    ImageDraw.Draw(image).ellipse(box, colour_as_light(hue, luma(ground, box)))
    return image


def test_another_digit_in_an_ink_as_light_as_its_ground() -> None:
    one = jpeg(stamped("3"), 95)
    assert verify(one, jpeg(stamped("3"), 88, 0.75)).residual <= 0.8
    assert verify(one, jpeg(stamped("8"), 88, 0.75)).residual > 1


@pytest.mark.parametrize("ground", [photo(), flat_ground(np.random.default_rng(3))])
def test_a_disc_in_another_colour_as_light(ground: Image.Image) -> None:
    red, green = with_disc(ground, RED), with_disc(ground, GREEN)
    assert verify(jpeg(red, 95), jpeg(red, 85)).residual <= 0.8
    assert verify(jpeg(red, 95), jpeg(green, 85)).residual > 4


def test_another_white_balance_and_saturation_leave_a_copy() -> None:
    for ground in (photo(), with_disc(photo(), RED), stamped("3")):
        pixels = np.asarray(ground, np.float64) * [1.1, 1.0, 0.85]
        warmer = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
        for saturation in (0.0, 0.5, 1.4):
            retoned = ImageEnhance.Color(warmer).enhance(saturation)
            assert verify(ground, jpeg(retoned, 85)).residual <= 1


def test_colours_are_not_compared_in_rows_that_are_left_out() -> None:
    one, other = (np.asarray(with_disc(photo(), hue).convert("YCbCr")) for hue in (RED, GREEN))
    assert colour_distance(one, other, UPRIGHT) > 4
    assert colour_distance(one, other, UPRIGHT, [(0.35, 0.55)]) <= 0.5


def test_one_colour_of_two_images_that_hardly_overlap_is_no_difference() -> None:
    tiny = np.full((4, 5, 3), 128, np.uint8)
    assert colour_distance(tiny, tiny, UPRIGHT) == 0


def test_a_copy_of_a_black_and_white_photo_with_coloured_print() -> None:
    """Nothing else in it tells what compression does to colours."""
    grey = photo().convert("L").convert("RGB")
    ImageDraw.Draw(grey).text((300, 60), "1984", (200, 90, 20), load_face(BUILT_IN, 18))
    for copy in (grey, jpeg(grey, 85, 0.6), jpeg(grey, 60)):
        assert verify(jpeg(grey, 93), copy).residual <= 1
