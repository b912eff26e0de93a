"""A photo whose bright colours ended in white when it was made brighter."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance

from imgsim.verify.channel_tones import in_one_tone
from imgsim.verify.details import compare_details
from tests.verify.pictures import multiscale, picture, verify

SAME = np.eye(3)


def with_lamps() -> NDArray[np.uint8]:
    """A scene in which some lamps, with fine structure, are nearly as bright as can be."""
    rng = np.random.default_rng(4)
    image = np.asarray(picture(71, (640, 480)), np.float64) * 0.5 + rng.normal(0, 3, (480, 640, 1))
    fine = rng.uniform(0.3, 1, (20, 20, 1)).repeat(4, 0).repeat(4, 1)
    for x, colour in ((60, (250, 110, 20)), (280, (20, 150, 250)), (500, (110, 250, 20))):
        image[200:280, x : x + 80] = fine * colour
    return image.clip(0, 255).astype(np.uint8)


def brighter(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(ImageEnhance.Brightness(Image.fromarray(image)).enhance(1.7))


def distance(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    return compare_details(*in_one_tone(one, other, SAME), SAME).distance


def test_a_brighter_copy_is_compared_channel_by_channel() -> None:
    dark = with_lamps()
    light = brighter(dark)
    greys = (np.asarray(Image.fromarray(image).convert("L")) for image in (dark, light))
    assert compare_details(*greys, SAME).distance > 1
    assert distance(dark, light) < 0.5
    assert distance(light, dark) < 0.5


def test_a_small_thing_that_differs_still_does() -> None:
    dark = with_lamps()
    other = dark.copy()
    other[200:212, 300:312] = other[200:212, 300:312] // 3
    assert distance(dark, brighter(other)) > 1


def test_a_brighter_copy_is_a_copy() -> None:
    dark = with_lamps()
    one, other = (Image.fromarray(image) for image in (dark, brighter(dark)))
    assert multiscale(one).detail_rgb is not None
    assert verify(one, other).residual <= 1
