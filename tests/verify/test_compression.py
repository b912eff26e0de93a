"""A JPEG of low quality is told from another shot by the steps of its table."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from imgsim.comparators.local import ORIENTATIONS
from imgsim.verify.compression import compare_compressed, compare_saved_again, compressed
from imgsim.verify.judge import judge
from imgsim.verify.limits import LIMITS
from imgsim.verify.matrix import inverse
from imgsim.verify.multiscale import MultiscaleImage
from imgsim.verify.needed import ALL, DUPLICATES
from tests.verify.pictures import MIRRORED, UPRIGHT, grained, multiscale, picture, stamped, verify


def jpeg(image: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def coarse(image: Image.Image) -> Image.Image:
    """Compressed strongly, and saved in a better quality afterwards."""
    return jpeg(jpeg(image, 5), 90)


def distance(left: Image.Image, right: Image.Image) -> float | None:
    found = compare_compressed(multiscale(left), multiscale(right), UPRIGHT)
    return None if found is None else found.distance


def test_a_strongly_compressed_copy_is_explained_whichever_it_is() -> None:
    image = grained(picture(5), 3)
    for pair in ((image, coarse(image)), (coarse(image), jpeg(image, 93))):
        by_compression = distance(*pair)
        assert by_compression is not None
        assert by_compression <= 1
        assert verify(*pair).residual <= by_compression


@pytest.mark.parametrize(
    "change",
    [
        lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        lambda image: image.resize((240, 180), Image.Resampling.LANCZOS),
    ],
    ids=["mirrored", "half the size"],
)
def test_of_a_mirrored_or_smaller_picture_too(change: Callable[[Image.Image], Image.Image]) -> None:
    image = picture(5)
    changed = change(image)
    matrix = MIRRORED if changed.size == image.size else UPRIGHT
    right = multiscale(coarse(changed))
    for pair, way in (
        ((multiscale(image), right), matrix),
        ((right, multiscale(image)), inverse(matrix)),
    ):
        found = compare_compressed(*pair, way)
        assert found is not None
        assert found.distance <= 1


def saved(image: Image.Image, quality: int) -> MultiscaleImage:
    """A JPEG with the luma that is stored, as it is decoded for verification."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    stored = Image.open(buffer)
    stored.draft("L", stored.size)
    luma = np.asarray(stored)
    return replace(multiscale(jpeg(image, quality)), grey=lambda side: luma)


@pytest.mark.parametrize("side", [64, 90, 128])
def test_a_small_picture_that_was_saved_again_is_told_to_the_pixel(side: int) -> None:
    """There are too few points to align it by, and compression moves those."""
    image = picture(7).crop((0, 0, 240, 240)).resize((side, side), Image.Resampling.LANCZOS)
    pair = multiscale(image), saved(image, 33)
    for one, other in (pair, pair[::-1]):
        found = compare_saved_again(one, other, ORIENTATIONS[0])
        assert found is not None
        assert found.distance <= 1
        assert judge(one, other, [UPRIGHT]).residual <= 1
    dotted = image.copy()
    dotted.paste((255, 0, 0), (20, 20, 24, 24))
    turned = image.rotate(1, Image.Resampling.BICUBIC, fillcolor=(128, 128, 128))
    for changed in (dotted, turned):
        assert compare_saved_again(pair[0], saved(changed, 33), ORIENTATIONS[0]) is None


def test_of_another_shot_nothing_is_said() -> None:
    image = picture(5)
    moved = Image.fromarray(np.roll(np.asarray(image), 1, axis=1))
    assert distance(image, coarse(moved)) is None
    assert distance(image, jpeg(image, 60)) is None
    assert distance(image, grained(image, 20)) is None


def test_another_digit_is_told_through_strong_compression() -> None:
    one, other = (stamped(picture(5), time, 24) for time in ("12:41:03", "12:46:03"))
    assert distance(one, coarse(other)) == LIMITS.edited_difference
    pair = multiscale(one), multiscale(coarse(other))
    for needed in (ALL, DUPLICATES):
        assert judge(*pair, [UPRIGHT], needed).residual > 1
    assert verify(one, coarse(one)).residual <= 1


def test_strong_compression_makes_no_drawing_of_a_photo() -> None:
    """Of a thing before grain it leaves an even ground."""
    thing = np.asarray(picture(5), float)
    pixels = 60 + np.random.default_rng(5).normal(0, 7, (*thing.shape[:2], 1)) + 0 * thing
    pixels[60:300, 100:330] = thing[60:300, 100:330]
    photo = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    assert verify(photo, coarse(photo)).residual <= 0.8


def test_a_thing_in_another_colour_of_the_same_lightness_is_not_explained() -> None:
    pixels = np.asarray(picture(5).convert("YCbCr")).copy()
    pixels[..., 0] = 70 + pixels[..., 0] // 3  # so light and dark that any colour is possible
    pixels[..., 1:] = 128
    image = Image.fromarray(pixels, "YCbCr").convert("RGB")
    pixels[100:260, 120:340, 2] = 170
    other = Image.fromarray(pixels, "YCbCr").convert("RGB")
    assert distance(image, coarse(image)) is not None
    assert distance(image, coarse(other)) is None


def test_compressed_is_what_pillow_makes_of_it() -> None:
    grey = np.asarray(picture(5).convert("L"))
    table = np.full((8, 8), 40)
    pixels = compressed(grey, table)
    assert pixels.shape == grey.shape
    blocks = pixels[:360, :480].astype(float).reshape(45, 8, 60, 8).mean(axis=(1, 3))
    steps = (blocks - 128) * 8 / 40
    assert np.abs(steps - np.rint(steps)).mean() < 0.05
