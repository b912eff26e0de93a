"""Two small pictures, compared pixel by pixel."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps

from imgsim.comparators.local import ORIENTATIONS
from imgsim.pictures.generate import landscape
from imgsim.pictures.lettering import font
from imgsim.verify.judge import judge
from imgsim.verify.matrix import inverse, nearest_orientation, orientation_matrix, oriented
from imgsim.verify.small import pixel_distance, same_frame, thumbnail_frames
from tests.verify.pictures import grained, multiscale, other_limits, picture, verify

SIDES = 28, 32, 48, 64


def small(seed: int, side: int) -> Image.Image:
    image = Image.fromarray(landscape(seed, 360, 360))
    draw = ImageDraw.Draw(image)
    rng = np.random.default_rng(seed)
    for x, y, r in rng.integers((0, 0, 20), (340, 340, 90), (16, 3)).tolist():
        draw.ellipse((x, y, x + r, y + r), tuple(rng.integers(40, 200, 3).tolist()))
    muted = image.point([25 + round(0.8 * level) for level in range(256)] * 3)
    return muted.resize((side, side), Image.Resampling.LANCZOS)


def digit(number: int, side: int, x: float = 0.5) -> Image.Image:
    """A light digit with soft edges on black."""
    image = Image.new("L", (8 * side, 8 * side))
    ImageDraw.Draw(image).text(
        (8 * side * x, 4 * side), str(number), 255, font(6 * side), anchor="mm"
    )
    return image.filter(ImageFilter.GaussianBlur(3)).resize((side, side), Image.Resampling.BOX)


def jpeg(image: Image.Image, quality: int = 90) -> Image.Image:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality)
    return Image.open(stream)


def distance(one: Image.Image, other: Image.Image) -> float:
    return pixel_distance(np.asarray(one), np.asarray(other))


@pytest.mark.parametrize("side", SIDES)
def test_copies_of_small_pictures_are_told(side: int) -> None:
    for image in (small(5, side), digit(5, side)):
        assert distance(image, image) == pytest.approx(0, abs=0.02)
        for changed in (
            jpeg(image, 92),
            grained(image, 2),
            ImageEnhance.Brightness(image).enhance(1.3),
            jpeg(ImageEnhance.Brightness(image).enhance(0.7)),
            ImageEnhance.Brightness(image).enhance(0.7),
            ImageEnhance.Contrast(image).enhance(1.25),
            image.point(
                [round(255 * (i / 255) ** 0.8) for i in range(256)] * len(image.getbands())
            ),
        ):
            assert distance(image, changed) <= 1
            assert distance(changed, image) == distance(image, changed)


@pytest.mark.parametrize("side", SIDES)
def test_a_grey_copy_is_a_copy(side: int) -> None:
    assert distance(small(5, side), small(5, side).convert("L")) <= 1
    assert distance(small(5, side), small(5, side).convert("L").convert("RGB")) <= 1


@pytest.mark.parametrize("side", SIDES)
def test_other_small_pictures_are_none_also_at_loose(side: int) -> None:
    image = small(5, side)
    moved = Image.fromarray(np.roll(np.asarray(image), 1, axis=1))
    assert distance(image, moved) > 4
    assert distance(image, small(4, side)) > 4
    assert distance(digit(3, side), digit(8, side)) > 4
    assert distance(digit(3, side), digit(3, side, 0.5 + 0.25 / side)) > 4  # a quarter of a pixel
    assert distance(image, ImageOps.invert(image)) == np.inf


@pytest.mark.parametrize("side", SIDES)
def test_one_other_pixel_makes_another_picture(side: int) -> None:
    image = small(5, side)
    pixels = np.array(image)
    pixels[side // 3, side // 2] ^= 128
    assert distance(image, Image.fromarray(pixels)) > 1


@pytest.mark.parametrize("side", SIDES)
def test_the_same_shape_in_another_colour_is_another_picture(side: int) -> None:
    def icon(blue: int) -> Image.Image:
        """Two things, one of them in a colour of the same luma."""
        image = Image.new("RGB", (side, side), (240, 240, 240))
        draw = ImageDraw.Draw(image)
        draw.ellipse((2, 2, side * 0.6, side * 0.7), (40, 90, 60))
        red = 60 + round((140 - blue) * 0.114 / 0.299)
        draw.rectangle((side * 0.5, side * 0.6, side * 0.8, side * 0.85), (red, 80, blue))
        return image

    assert distance(icon(140), jpeg(icon(140), 95)) <= 1
    assert distance(icon(140), icon(30)) > 1


def turned_by(shift: float, side: int) -> Image.Image:
    """A thing with soft spots on a white ground, its spots moved and its outline where it was."""
    y, x = np.mgrid[:400, :400] / 400
    spots = 120 + 50 * np.sin(23 * (x + shift) + 9 * y) * np.sin(31 * y - 5 * (x + shift))
    inside = np.hypot(x - 0.5, y - 0.5) < 0.42
    pixels = np.where(inside, spots, 255).astype(np.uint8)
    return Image.fromarray(pixels).resize((side, side), Image.Resampling.LANCZOS)


@pytest.mark.parametrize("side", SIDES)
def test_the_next_view_of_a_turning_thing_is_another_picture(side: int) -> None:
    one, other = (grained(turned_by(s, side), 1, seed) for seed, s in enumerate((0.0, 0.004)))
    assert distance(one, grained(turned_by(0.0, side), 1, 5)) <= 1
    error = np.asarray(one, float) - np.asarray(other, float)
    assert error.std() < 4  # as much as compression makes
    assert distance(one, other) > 1
    with other_limits("small", small_max_moved_share=9.0):
        assert distance(one, other) < 2


def test_pictures_that_show_too_little_are_not_told_apart() -> None:
    ramp = np.tile(np.linspace(40, 200, 32, dtype=np.uint8), (32, 1))
    assert pixel_distance(ramp, ramp) <= 1
    assert pixel_distance(ramp // 40 + 100, ramp // 40 + 100) == np.inf  # hardly any contrast
    slow = np.tile(np.linspace(60, 130, 64, dtype=np.uint8), (64, 1))
    assert pixel_distance(slow, slow) == np.inf  # hardly any edge


def test_images_of_other_sizes_cannot_be_compared() -> None:
    one, other = np.zeros((30, 30), np.uint8), np.zeros((30, 31), np.uint8)
    with pytest.raises(ValueError, match="30"):
        pixel_distance(one, other)


@pytest.mark.parametrize(
    ("one", "other", "size"),
    [
        ((32, 48), (32, 48), (32, 48)),
        ((32, 48), (64, 96), (32, 48)),
        ((32, 48), (43, 64), (32, 48)),
        ((32, 48), (66, 99), None),
        ((32, 48), (48, 32), None),
        ((32, 48), (40, 48), None),
    ],
)
def test_pictures_of_one_shape_come_into_one_frame(
    one: tuple[int, int], other: tuple[int, int], size: tuple[int, int] | None
) -> None:
    shapes: list[tuple[int, ...]] = [one, (*other, 3)]
    for left, right in (shapes, shapes[::-1]):
        pair = next(same_frame(np.zeros(left, np.uint8), np.zeros(right, np.uint8)), None)
        assert (pair and (pair[0].shape, pair[1].shape)) == (
            size and ((*size, *left[2:]), (*size, *right[2:]))
        )


def test_a_larger_picture_is_shrunk_as_thumbnails_are() -> None:
    large = as_pixels(picture(3, (320, 240)))
    small = as_pixels(picture(3, (320, 240)).resize((48, 36), Image.Resampling.LANCZOS))
    pairs = list(thumbnail_frames(large, small))
    assert [(one.shape, other.shape) for one, other in pairs] == [((36, 48, 3), (36, 48, 3))] * 2
    np.testing.assert_array_equal(pairs[1][0], pairs[1][1])
    swapped = list(thumbnail_frames(small, large))
    np.testing.assert_array_equal(swapped[0][1], pairs[0][0])
    assert list(thumbnail_frames(large, small[:, :40])) == []


# In judge -----------------------------------------------------------------------------------------


def as_pixels(image: Image.Image) -> NDArray[np.uint8]:
    return np.asarray(image, np.uint8)


@pytest.mark.parametrize("how", ORIENTATIONS, ids=str)
def test_small_pictures_are_found_in_every_orientation(how: Any) -> None:
    image = small(3, 32).crop((0, 0, 32, 29))
    turned = Image.fromarray(oriented(as_pixels(image), how))
    back = inverse(orientation_matrix(how))
    verdict = judge(multiscale(image), multiscale(jpeg(turned)), [back])
    assert verdict.residual <= 1
    assert verdict.whole
    np.testing.assert_allclose(np.array(verdict.matrix).reshape(3, 3), back)
    assert nearest_orientation(back + 0.02) is not None
    assert nearest_orientation(back + np.diag([0.3, 0, 0])) is None


def test_larger_pictures_are_never_compared_pixel_by_pixel() -> None:
    for side, found in ((96, True), (97, False)):
        image = digit(4, side)
        with other_limits("judge", min_inliers=10**6):  # nothing can be aligned
            verdict = verify(image, jpeg(image))
        assert (verdict.residual <= 1) == found
    with other_limits("judge", min_inliers=10**6):
        assert verify(digit(4, 64), digit(4, 128)).residual == np.inf


def test_pixels_decide_on_small_pictures_that_can_be_aligned() -> None:
    image = small(5, 64)
    moved = Image.fromarray(np.roll(np.asarray(image), 1, axis=1))
    blurred = image.filter(ImageFilter.GaussianBlur(0.6))
    for other in (moved, blurred):
        with other_limits("judge", small_decided_side=63, small_max_whole=1e9):
            aligned = verify(image, other)
        assert aligned.residual != verify(image, other).residual > 1
    assert aligned.residual <= 1
    part = image.crop((0, 0, 64, 58))
    assert verify(image, part, np.diag([1, 58 / 64, 1])).residual != np.inf  # not a whole picture


def code(rng: np.random.Generator, modules: NDArray[np.bool_], side: int) -> Image.Image:
    """A square code of 21 x 21 modules, some of them others, as an icon of so many pixels."""
    changed = modules ^ (rng.random(modules.shape) < 0.02)
    wide = np.pad(np.kron(changed, np.ones((8, 8))) > 0, 24)
    levels = np.where(wide[..., None], (40, 60, 120), (250, 250, 250)).astype(np.uint8)
    return Image.fromarray(levels).resize((side, side), Image.Resampling.LANCZOS)


def test_a_code_with_other_modules_in_another_size_is_another_picture() -> None:
    joined = kept = 0
    for seed in range(40, 52):
        rng = np.random.default_rng(seed)
        modules = rng.random((21, 21)) < 0.5
        one, other = code(rng, modules, 48), code(rng, modules, 64)
        joined += verify(one, other).residual <= 1
        kept += verify(one, one.resize((64, 64), Image.Resampling.BICUBIC)).residual <= 1
    assert joined == 0
    assert kept == 12
