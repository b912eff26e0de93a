"""A picture with noise, or blurred, is told from another shot where the two lie exactly."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageFilter

from imgsim.verify.judge import judge
from imgsim.verify.limits import LIMITS
from imgsim.verify.matrix import inverse
from imgsim.verify.needed import ALL, DUPLICATES
from imgsim.verify.noise_blur import blur_distance, compare_noisy_or_blurred
from tests.verify.pictures import MIRRORED, UPRIGHT, multiscale, picture, stamped, verify

Change = Callable[[Image.Image], Image.Image]


def noisy(image: Image.Image) -> Image.Image:
    pixels = np.asarray(image, float)
    pixels = pixels + np.random.default_rng(1).normal(0, 30, pixels.shape)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def blurred(image: Image.Image) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(3))


def distance(left: Image.Image, right: Image.Image) -> float | None:
    found = compare_noisy_or_blurred(multiscale(left), multiscale(right), UPRIGHT)
    return None if found is None else found.distance


@pytest.mark.parametrize("change", [noisy, blurred])
def test_noise_and_blur_are_explained_whichever_has_them(change: Change) -> None:
    image = picture(5)
    for pair in ((image, change(image)), (change(image), image)):
        found = distance(*pair)
        assert found is not None
        assert found <= 0.8
        assert verify(*pair).residual <= 0.8


@pytest.mark.parametrize("change", [noisy, blurred])
@pytest.mark.parametrize(
    "made",
    [
        lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        lambda image: image.resize((240, 180), Image.Resampling.LANCZOS),
    ],
    ids=["mirrored", "half the size"],
)
def test_of_a_mirrored_or_smaller_picture_too(change: Change, made: Change) -> None:
    image = picture(5)
    matrix = MIRRORED if made(image).size == image.size else UPRIGHT
    right = multiscale(change(made(image)))
    for pair, way in (
        ((multiscale(image), right), matrix),
        ((right, multiscale(image)), inverse(matrix)),
    ):
        found = compare_noisy_or_blurred(*pair, way)
        assert found is not None
        assert found.distance <= 1


@pytest.mark.parametrize("change", [noisy, blurred])
def test_of_another_shot_nothing_is_said(change: Change) -> None:
    image = picture(5)
    moved = Image.fromarray(np.roll(np.asarray(image), 1, axis=1))
    assert distance(image, change(moved)) is None
    assert distance(image, image) is None


@pytest.mark.parametrize("change", [noisy, blurred])
def test_another_digit_is_told_through_noise_and_blur(change: Change) -> None:
    one, other = (stamped(picture(5), time, 34) for time in ("12:41:03", "12:47:03"))
    assert distance(one, change(other)) == LIMITS.edited_difference
    pair = multiscale(one), multiscale(change(other))
    for needed in (ALL, DUPLICATES):
        assert judge(*pair, [UPRIGHT], needed).residual > 1
    assert verify(one, change(one)).residual <= 1


@pytest.mark.parametrize("change", [noisy, blurred])
def test_a_thing_in_another_colour_of_the_same_lightness_is_not_explained(change: Change) -> None:
    pixels = np.asarray(picture(5).convert("YCbCr")).astype(float)
    pixels[..., 0] = 50 + 0.6 * pixels[..., 0]
    pixels[..., 1:] = 128 + (pixels[..., 1:] - 128) / 3
    image = Image.fromarray(pixels.astype(np.uint8), "YCbCr").convert("RGB")
    pixels[100:260, 120:340, 2] += 40
    other = Image.fromarray(pixels.astype(np.uint8), "YCbCr").convert("RGB")
    assert distance(image, change(image)) is not None
    assert distance(image, change(other)) is None


@pytest.mark.parametrize("change", [noisy, blurred])
def test_where_light_and_shade_alone_are_seen_nothing_is_said(change: Change) -> None:
    """Another piece of fog has them as well."""
    shade = np.linspace(90, 170, 480)[None, :] + np.linspace(0, 40, 360)[:, None]
    fog = [
        Image.fromarray((shade + np.random.default_rng(n).normal(0, 3, shade.shape)).astype("u1"))
        for n in range(2)
    ]
    pair = [image.convert("RGB") for image in fog]
    assert distance(pair[0], change(pair[1])) is None


def test_an_image_of_a_few_pixels_is_not_blurred_away() -> None:
    grey = np.asarray(picture(5).convert("L"))
    assert blur_distance(grey[:40, :20], grey[40:80, :20]) is None
