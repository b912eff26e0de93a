from __future__ import annotations

from unittest.mock import patch

import numpy as np
import pytest
from PIL import Image

from imgsim.verify.blocks import Blocks
from imgsim.verify.text_page import _background_levels, _is_background_even, are_text_pages
from tests.verify.pictures import other_limits, page, verify


def test_one_line_of_print_makes_another_page() -> None:
    assert verify(page(28, 1), page(28, 1).convert("RGB")).residual < 0.3
    assert verify(page(28, 1), page(28, 2)).residual > 1


@pytest.mark.parametrize("shade", [0, 25])
def test_grain_and_uneven_light_do_not_make_two_pages_one(shade: int) -> None:
    pages = []
    for seed in (1, 2):
        small = page(17, seed).crop((0, 0, 500, 460)).resize((430, 396), Image.Resampling.LANCZOS)
        pixels = np.asarray(small, np.float64) - shade * seed * np.linspace(0, 1, 430)
        pixels += np.random.default_rng(seed).normal(0, 14, pixels.shape)
        pages.append(Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)))
    assert verify(*pages).residual > 1


def test_a_page_too_small_to_be_read_is_not_matched() -> None:
    small = page(28, 1).resize((105, 160), Image.Resampling.LANCZOS)
    assert verify(page(28, 1), small).residual == np.inf


# Backgrounds --------------------------------------------------------------------------------------


def test_a_background_is_the_level_that_a_third_of_a_region_exceeds() -> None:
    """Of every fourth pixel of 8 x 8 regions; of n pixels in order the one at 2 n // 3."""
    image = np.random.default_rng(0).integers(0, 256, (100, 137), np.uint8)
    levels = _background_levels(image)
    assert levels.shape == (8, 8)
    for row, column in np.ndindex(8, 8):  # regions of 12 x 17 pixels
        pixels = [
            image[12 * row + y, 17 * column + x] for y in range(0, 12, 4) for x in range(0, 17, 4)
        ]
        assert levels[row, column] == sorted(pixels)[len(pixels) * 2 // 3]


SHAPE = 120, 180
BLOCKS = Blocks(np.ones(SHAPE, np.uint8), 12)
PRINTED = np.zeros(BLOCKS.inside.shape, bool)
PRINTED[4:8] = True
"""Rows of blocks that take the pixels from 24 to 54."""


def paper(level: int = 240, ink: float = 0.3) -> np.ndarray:
    """A page with a share of dark pixels in the rows with print."""
    image = np.full(SHAPE, level, np.uint8)
    dark = np.random.default_rng(1).random(SHAPE) < ink
    dark[:24] = dark[54:] = False
    image[dark] = 40
    return image


def are_pages(left: np.ndarray, right: np.ndarray, printed: np.ndarray = PRINTED) -> bool:
    return are_text_pages([left, right], BLOCKS, printed)


def test_pages_have_print_on_a_light_background() -> None:
    assert are_pages(paper(), paper())
    assert not are_pages(paper(), paper(), PRINTED & False)
    assert are_pages(paper(191), paper(191))
    assert not are_pages(paper(190), paper(190))


def test_one_of_two_pages_may_be_dark() -> None:
    """As a page that was photographed in poor light; the other one tells that it is light."""
    for pair in ((paper(240), paper(120)), (paper(120), paper(240))):
        assert are_pages(*pair)


def test_both_have_to_have_an_even_background() -> None:
    busy = np.random.default_rng(2).integers(0, 256, SHAPE, np.uint8)
    assert not are_pages(paper(), busy)
    assert not are_pages(busy, paper())


@pytest.mark.parametrize(("columns", "light"), [(26, False), (30, True)])
def test_light_pixels_are_a_seventh_of_one_of_them(columns: int, light: bool) -> None:
    """Of a page with a light part at the left: 7 or 8 of 45 columns that are read."""
    monotone = np.full(SHAPE, 100, np.uint8)
    monotone[:, :columns] = 240
    with (
        patch("imgsim.verify.text_page._background_levels", lambda image: np.uint8([[240]])),
        patch("imgsim.verify.text_page._is_background_even", lambda *given: True),
        other_limits("text_page", min_light_pixels=7.5 / 45),
    ):
        assert are_pages(monotone, monotone // 3) == light
        assert are_pages(monotone // 3, monotone) == light


def test_a_background_is_light_in_most_regions_of_one_of_them() -> None:
    def levels(image: np.ndarray) -> np.ndarray:
        return np.uint8([240 if i < image[0, 0] - 200 else 90 for i in range(64)]).reshape(8, 8)

    light = [np.full(SHAPE, 200 + n, np.uint8) for n in (31, 33)]
    with (
        patch("imgsim.verify.text_page._background_levels", levels),
        patch("imgsim.verify.text_page._is_background_even", lambda *given: True),
    ):
        assert not are_pages(light[0], light[0])
        assert are_pages(light[0], light[1])
        assert are_pages(light[1], light[0])


LEVELS = np.full((8, 8), 200, np.uint8)


@pytest.mark.parametrize(
    ("difference", "even"), [(15, True), (16, False), (-15, True), (-16, False)]
)
def test_a_pixel_of_the_background_is_near_its_level(difference: int, even: bool) -> None:
    image = np.full(SHAPE, 200 + difference, np.uint8)
    assert _is_background_even(image, LEVELS, BLOCKS, PRINTED) == even


@pytest.mark.parametrize(("columns", "even"), [(6, True), (7, False)])
def test_in_print_nearly_half_is_background(columns: int, even: bool) -> None:
    """Of 12 columns 6 are: 0.5; or 5: 0.42."""
    image = np.full(SHAPE, 200, np.uint8)
    for first in range(0, SHAPE[1], 12):
        image[:, first : first + columns] = 20
    assert _is_background_even(image, LEVELS, BLOCKS, PRINTED) == even


@pytest.mark.parametrize(("dark", "even"), [(36, True), (42, False), (48, False)])
def test_a_fifth_of_the_blocks_may_be_a_pictures(dark: int, even: bool) -> None:
    """Of 29 columns of blocks 5 or 6 lie in the dark as a whole."""
    image = np.full(SHAPE, 200, np.uint8)
    image[:, :dark] = 20
    printed = PRINTED.copy()
    printed[:, :10] = False
    assert _is_background_even(image, LEVELS, BLOCKS, printed) == even


def test_blocks_beyond_the_overlap_are_nobodys_picture() -> None:
    mask = np.ones(SHAPE, np.uint8)
    mask[:, :60] = 0
    image = np.full(SHAPE, 200, np.uint8)
    image[:, :60] = 20
    printed = PRINTED.copy()
    printed[:, :10] = False
    assert _is_background_even(image, LEVELS, Blocks(mask, 12), printed)
    assert not _is_background_even(image, LEVELS, BLOCKS, printed)


def test_the_level_of_the_background_goes_smoothly_from_region_to_region() -> None:
    levels = np.tile(np.linspace(80, 240, 8), (8, 1)).astype(np.uint8)
    shaded = np.clip(80 + (np.arange(180) - 11) / 157.5 * 160, 80, 240)
    image = np.tile(shaded, (120, 1)).astype(np.uint8)
    assert _is_background_even(image, levels, BLOCKS, PRINTED)
    assert not _is_background_even(image, levels[:, ::-1].copy(), BLOCKS, PRINTED)
    assert not _is_background_even(image, levels.T.copy(), BLOCKS, PRINTED)
