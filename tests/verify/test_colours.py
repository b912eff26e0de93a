from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from imgsim.comparators.local import LocalFeatures, records
from imgsim.pictures.products import recoloured as recoloured_product
from imgsim.verify.colours import (
    _clipped,
    _rgb,
    fit_chroma,
    overlapping_pixels,
    recoloured_shares,
)
from tests.verify.pictures import UPRIGHT, other_limits, picture, verify


def test_a_thing_in_another_colour_is_another_picture() -> None:
    whole = picture()
    other = np.asarray(whole).copy()
    part = np.s_[80:250, 120:330]
    other[part] = other[part][..., [2, 0, 1]]
    grey_as_before = np.asarray(whole.convert("L"), float) / np.maximum(
        np.asarray(Image.fromarray(other).convert("L"), float), 1
    )
    other[part] = (other * grey_as_before[..., None]).clip(0, 255).astype(np.uint8)[part]
    assert verify(whole, Image.fromarray(other)).residual > 1


@pytest.mark.parametrize(
    "matrix",
    [
        (1.12, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0.85, 0),
        (0.39, 0.77, 0.19, 0, 0.35, 0.69, 0.17, 0, 0.27, 0.53, 0.13, 0),
        (0.65, 0.29, 0.06, 0, 0.15, 0.79, 0.06, 0, 0.15, 0.29, 0.56, 0),
        (1.4, 0, 0, 0, 0, 1.4, 0, 0, 0, 0, 1.4, 0),
    ],
    ids=["warm", "sepia", "pale", "light"],
)
def test_a_filter_changes_the_colours_of_the_whole_picture(matrix: tuple[float, ...]) -> None:
    assert verify(picture(), picture().convert("RGB", matrix)).residual <= 1


def test_a_filter_bends_each_channel() -> None:
    """As those of photo apps, which one saturation and one tint do not explain."""
    whole = picture()
    levels = np.asarray(whole, float) / 255
    bent = np.array([0.12, 0.0, 0.1]) + np.array([0.85, 0.95, 0.75]) * levels ** [0.7, 1.3, 1.4]
    grey = bent.mean(axis=2, keepdims=True)
    filtered = (255 * (grey + 1.3 * (bent - grey))).clip(0, 255).astype(np.uint8)
    assert verify(whole, Image.fromarray(filtered)).residual <= 1


def bent_channels(image: Image.Image) -> Image.Image:
    levels = np.asarray(image, float) / 255
    bent = np.array([0.12, 0.0, 0.1]) + np.array([0.85, 0.95, 0.75]) * levels ** [0.7, 1.3, 1.4]
    return Image.fromarray((255 * bent).astype(np.uint8))


def small_colours(image: Image.Image) -> NDArray[np.uint8]:
    pixels = np.asarray(image.convert("YCbCr"))
    return np.asarray(records(LocalFeatures().extract(pixels[None]))[0]["colours"])


def test_a_filter_tells_each_of_few_colours_from_the_others() -> None:
    hues = [(200, 120, 90), (90, 140, 80), (110, 110, 190), (190, 190, 90), (160, 80, 150),
            (80, 150, 160), (170, 165, 160), (120, 90, 60)]  # fmt: skip
    image = Image.new("RGB", (320, 240))
    for place, hue in enumerate(hues):
        for step in range(5):
            box = (place % 4 * 80, place // 4 * 120 + step * 24)
            image.paste(tuple(c + 10 * step for c in hue), (*box, box[0] + 80, box[1] + 24))
    few = small_colours(image), small_colours(bent_channels(image))
    assert recoloured_shares(*few, UPRIGHT).distance <= 1
    with other_limits("colour_filter", filter_min_tints=99):
        assert recoloured_shares(*few, UPRIGHT).distance > 1

    one, other = recoloured_product(np.random.default_rng(263))
    product = small_colours(one), small_colours(bent_channels(other))
    assert recoloured_shares(*product, UPRIGHT).distance > 1
    with other_limits("colour_filter", filter_many_tints=0):
        assert recoloured_shares(*product, UPRIGHT).distance <= 1


# Functions ----------------------------------------------------------------------------------------

RNG = np.random.default_rng(0)


def test_colours_are_those_of_jpeg() -> None:
    """As Pillow converts them, within what it rounds to."""
    pixels = RNG.integers(90, 160, (6, 7, 3)).astype(np.uint8)
    expected = np.asarray(Image.fromarray(pixels, "YCbCr").convert("RGB"), float)
    colours = pixels.reshape(-1, 3).T.astype(np.float32) - np.array([[0], [128], [128]])
    np.testing.assert_allclose(_rgb(colours).T.reshape(6, 7, 3), expected, atol=1.5)


@pytest.mark.parametrize(
    ("one", "other", "clipped"),
    [
        ((225, 100, 100), (100, 90, 90), True),
        ((224, 100, 100), (100, 90, 90), False),
        ((100, 225, 100), (110, 100, 100), True),  # darker by 10, where the limit is
        ((100, 225, 100), (111, 100, 100), False),
        ((225, 225, 225), (230, 230, 230), True),
        ((225, 225, 225), (236, 100, 100), False),
        ((28, 100, 100), (60, 110, 110), True),
        ((29, 100, 100), (60, 110, 110), False),
        ((100, 100, 28), (90, 110, 60), True),
        ((100, 100, 28), (89, 110, 60), False),
        ((28, 225, 100), (60, 100, 150), False),  # neither lighter nor darker
        ((100, 100, 100), (100, 100, 100), False),
    ],
)
def test_a_colour_is_clipped_if_the_other_image_goes_on(
    one: tuple[int, ...], other: tuple[int, ...], clipped: bool
) -> None:
    columns = [np.array(x, np.float32)[:, None] for x in (one, other)]
    assert _clipped(*columns).tolist() == [clipped]


def colours_of(n: int) -> np.ndarray:
    luma, chroma = RNG.uniform(60, 190, n), RNG.uniform(-40, 40, (2, n))
    return np.vstack([luma, chroma]).astype(np.float32)


@pytest.mark.parametrize(
    ("saturation", "tint"), [(1.0, (0, 0)), (0.4, (0.1, -0.05)), (0.7, (-0.12, 0.16)), (0, (0, 0))]
)
def test_one_saturation_and_one_tint_are_fitted(
    saturation: float, tint: tuple[float, float]
) -> None:
    pixels = colours_of(200)
    target = saturation * pixels[1:] + np.array(tint)[:, None] * pixels[0]
    np.testing.assert_allclose(fit_chroma(pixels, target.astype(np.float32)), target, atol=0.05)


def test_a_tint_has_a_fifth_of_the_luma_at_most() -> None:
    """And it points where the colours do; nothing turns a colour into its opposite."""
    pixels = colours_of(400)
    pixels[1:] = 0
    target = np.array([[0.3], [0.4]], np.float32) * pixels[0]
    expected = np.array([[0.12], [0.16]]) * pixels[0]
    np.testing.assert_allclose(fit_chroma(pixels, target), expected, rtol=1e-3)
    chroma = RNG.choice([-30, 30], (2, 400))
    pixels[1:] = chroma
    np.testing.assert_allclose(fit_chroma(pixels, -pixels[1:]), 0, atol=2.5)


def test_a_fit_is_robust() -> None:
    """A fifth of the pixels have opposite colours; a plain fit would be off by them."""
    pixels = colours_of(500)
    target = 0.8 * pixels[1:]
    other = target.copy()
    other[:, :100] *= -1
    fitted = fit_chroma(pixels, other)
    slope = (fitted * target).sum() / (target * target).sum()
    assert 0.93 < slope < 1.01
    plain = (other * target).sum() / (target * target).sum()
    assert plain < 0.75


def test_a_fit_is_that_of_weighted_least_squares() -> None:
    """Four rounds, by numpy's `lstsq`, with weights that errors of 6 levels halve."""
    pixels = colours_of(80)
    target = (0.6 * pixels[1:] + 0.05 * pixels[0] + RNG.normal(0, 9, (2, 80))).astype(np.float32)
    luma, cb, cr = pixels.astype(float)
    zero = np.zeros(80)
    design = np.vstack([np.stack([cb, luma, zero], 1), np.stack([cr, zero, luma], 1)])
    weights = np.ones(80)
    for _ in range(4):
        root = np.sqrt(np.tile(weights, 2))
        solution = np.linalg.lstsq(design * root[:, None], target.ravel() * root)[0]
        expected = (design @ solution).reshape(2, 80)
        weights = 36 / (36 + np.square(target - expected).sum(axis=0))
    assert np.hypot(*solution[1:]) < 0.2
    np.testing.assert_allclose(fit_chroma(pixels, target), expected, atol=0.01)


def test_what_lies_upon_each_other_is_smoothed_luma_and_chroma() -> None:
    left, right = RNG.integers(0, 256, (2, 32, 32, 3), np.uint8)
    one, other = overlapping_pixels(left, right, UPRIGHT, [(0.3, 0.51)])
    assert one.dtype == other.dtype == np.float32
    rows = [*range(1, 9), *range(17, 31)]  # from 0.3 down and 0.51 up, in whole rows
    for image, pixels in ((left, one), (right, other)):
        expected = [
            [image[y - 1 : y + 2, x - 1 : x + 2, c].mean() - (0, 128, 128)[c] for c in range(3)]
            for y in rows
            for x in range(1, 31)
        ]
        np.testing.assert_allclose(pixels.T, expected, atol=0.01)


def test_the_overlap_is_that_of_the_right_picture_and_a_pixel_less() -> None:
    left, right = np.zeros((2, 32, 32, 3), np.uint8)
    right[...] = np.arange(32)[:, None]
    shifted = np.array([[1, 0, 8 / 32], [0, 1, 4 / 32], [0, 0, 1]])
    one, other = overlapping_pixels(left, right, shifted, ())
    assert one.shape == other.shape == (3, 22 * 26)  # of 24 x 28, without their rim
    # nothing but an eighth of a 255th is missing of a cover of 250
    half = np.array([[1, 0, 0.5 / 32], [0, 1, 0], [0, 0, 1]])
    assert overlapping_pixels(left, right, half, ())[0].shape[1] == 29 * 30


def recoloured(columns: int, before: int, after: int) -> float:
    """Of 32 x 32 pixels, half of them red in both images, some columns blue by so much."""
    left = np.full((32, 32, 3), 128, np.uint8)
    left[:, 16:, 2] += 50
    right = left.copy()
    for image, chroma in ((left, before), (right, after)):
        image[:, :columns, 1] = 128 + chroma
    shares = [recoloured_shares(*pair, UPRIGHT).clearly for pair in ((left, right), (right, left))]
    assert shares[0] == pytest.approx(shares[1], abs=1e-6)
    return shares[0]


def test_the_share_is_that_of_pixels_with_another_colour() -> None:
    """The rim of the image is left out, and the border of the colour is blurred by a pixel."""
    assert recoloured(0, 0, 0) == 0
    assert recoloured(6, 0, 40) == pytest.approx(6 / 30)  # columns 1 to 4, and 5 and 6 by parts
    assert recoloured(6, 0, 12) == pytest.approx(4 / 30)
    assert recoloured(6, 0, 9) == 0


@pytest.mark.parametrize(
    ("columns", "after", "noise", "far"),
    [
        (8, 9, 0.0, True),  # pale, but of clean images
        (8, 3, 0.0, False),
        (8, 9, 2.0, False),  # colours of coarse compression are off as much
        (2, 9, 0.0, False),  # too small a part
    ],
)
def test_a_pale_thing_in_another_pale_colour_is_another_picture(
    columns: int, after: int, noise: float, far: bool
) -> None:
    left = np.full((32, 32, 3), 128, np.uint8)
    left[:, 16:, 2] += 30
    right = left.copy()
    right[:, :columns, 1] += after
    grain = np.random.default_rng(1).normal(0, 3 * noise, (32, 32, 2))  # a mean of nine counts
    right[..., 1:] = np.rint(right[..., 1:] + grain).clip(0, 255)
    shares = recoloured_shares(left, right, UPRIGHT)
    assert (shares.distance > 1) == far
    assert shares.distance <= 2  # alike at loose


def test_a_vivid_colour_may_be_off_by_more() -> None:
    """By 0.6 of the more vivid one of the two."""
    assert recoloured(6, 40, 18) == 0
    assert recoloured(6, 40, 14) >= 4 / 30
    assert recoloured(6, 20, -20) >= 4 / 30
    assert recoloured(6, 100, 60) == 0


@pytest.mark.parametrize(("rows", "told"), [(2, True), (1, False)])
def test_in_too_small_an_overlap_no_colours_are_told_apart(rows: int, told: bool) -> None:
    """Of rows of 30 pixels, below the one at the rim: 60 pixels, or 30."""
    left = np.full((32, 32, 3), 128, np.uint8)
    left[:, 16:, 2] += 50
    right = left.copy()
    right[:, :6, 1] += 60
    excluded = [((rows + 1) / 32, 1.0)]
    assert (recoloured_shares(left, right, UPRIGHT, excluded).clearly > 0) == told


@pytest.mark.parametrize(("white", "share"), [(250, 0), (200, 0.2)])
def test_of_what_may_be_clipped_nothing_is_known(white: int, share: float) -> None:
    """White in the one image and a yellow that is darker in the other."""
    left = np.full((32, 32, 3), 128, np.uint8)
    left[:, 16:, 2] += 50
    right = left.copy()
    left[:, :7, 0], right[:, :7, 0] = white, white - 30
    right[:, :7, 1] -= 40
    for pair in ((left, right), (right, left)):
        assert recoloured_shares(*pair, UPRIGHT).clearly == pytest.approx(
            share, abs=0.07
        )  # but its border


def box(colour: tuple[int, int, int], side: int) -> Image.Image:
    """A box of one colour with a pale label, on a grey table."""
    image = Image.new("RGB", (side, side), (225, 224, 222))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0.7 * side, side, side), fill=(150, 148, 146))
    draw.rectangle((0.25 * side, 0.15 * side, 0.75 * side, 0.85 * side), fill=colour)
    draw.rectangle((0.3 * side, 0.35 * side, 0.7 * side, 0.5 * side), fill=(240, 240, 235))
    return image


def share_of(one: Image.Image, other: Image.Image) -> float:
    left, right = (np.asarray(image.resize((48, 48)).convert("YCbCr")) for image in (one, other))
    return recoloured_shares(left, right, UPRIGHT).clearly


@pytest.mark.parametrize("side", [90, 128, 256])
def test_a_hue_beside_it_is_another_colour(side: int) -> None:
    red = box((200, 40, 40), side)
    assert share_of(red, box((225, 105, 40), side)) == pytest.approx(0.08, abs=0.01)  # orange
    assert share_of(red, box((220, 60, 60), side)) < 0.02  # lighter
    assert share_of(red, box((170, 62, 62), side)) < 0.02  # paler
