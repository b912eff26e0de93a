"""A page that was blurred, shrunk or tilted is told from one with another letter."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from imgsim.pictures.text_pages import copy_page, draw_page, draw_variant
from imgsim.verify.compression import compressed_page_distance
from imgsim.verify.page_filter import filtered_distance
from tests.verify.pictures import UPRIGHT, multiscale, verify
from tests.verify.test_compression import jpeg

SIZE = 560, 760
LETTERS = 18


def receipt(total: str) -> Image.Image:
    """Draw a receipt on paper with some grain; what it sums up to is in its middle."""
    rng = np.random.default_rng(7)
    image = Image.new("L", SIZE, 244)
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(LETTERS)
    for row in range(24):
        amount = total if row == 12 else f"{rng.integers(100, 9999) / 100:.2f}"
        words = "".join(rng.choice(list("ABCDEHKLMNORSTU"), 12))
        draw.text((24, 20 + 30 * row), words, 30, font=font)
        draw.text((400, 20 + 30 * row), amount, 30, font=font)
    pixels = np.asarray(image) + rng.normal(0, 2, SIZE[::-1])
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).convert("RGB")


CHANGES = {
    "blurred": lambda image: image.filter(ImageFilter.GaussianBlur(1.3)),
    "shrunk": lambda image: image.resize((392, 532), Image.Resampling.LANCZOS),
    "stretched": lambda image: image.resize((448, 760), Image.Resampling.LANCZOS),
    "noisy": lambda image: Image.fromarray(
        (np.asarray(image) + np.random.default_rng(1).normal(0, 12, (*SIZE[::-1], 3)))
        .clip(0, 255)
        .astype(np.uint8)
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_was_done_to_a_page_explains_it_and_another_digit_does_not(change: str) -> None:
    page, other = receipt("38.60"), receipt("36.60")
    left = np.asarray(page.convert("L"))
    for image, is_copy in ((page, True), (other, False)):
        changed = jpeg(CHANGES[change](image), 90)
        distance = filtered_distance(left, np.asarray(changed.convert("L")), UPRIGHT)
        assert distance is not None
        assert (distance <= 1) is is_copy
        assert (verify(page, changed).residual <= 1) is is_copy


@pytest.mark.parametrize(("seed", "variant"), [(67312, 0), (67312, 1), (67313, 1)])
def test_one_other_letter_of_small_print_shows_at_its_place_alone(seed: int, variant: int) -> None:
    """Letters of 5 and 6 pixels, in half the size; of 67313 it lies at the very edge."""
    page = draw_page("spreadsheet", seed).image
    other = draw_variant("spreadsheet", seed, variant).image
    for image, is_copy in ((page, True), (other, False)):
        half, _ = copy_page(image, "half size", seed + 3)
        changed = np.asarray(Image.open(io.BytesIO(half)).convert("L"))
        distance = filtered_distance(np.asarray(page.convert("L")), changed, UPRIGHT)
        assert distance is not None
        assert (distance <= 1) is is_copy


def test_where_letters_are_gone_nothing_is_explained() -> None:
    page = receipt("38.60")
    gone = np.asarray(page.convert("L").filter(ImageFilter.GaussianBlur(9)))
    distance = filtered_distance(np.asarray(page.convert("L")), gone, UPRIGHT)
    assert distance is None or distance > 1


@pytest.mark.parametrize("quality", [10, 30])
def test_a_page_is_known_to_the_pixel_when_it_was_compressed_strongly(quality: int) -> None:
    page, other = receipt("38.60"), receipt("36.60")
    for image, is_copy in ((page, True), (other, False)):
        changed = jpeg(image, quality)
        distance = compressed_page_distance(multiscale(page), multiscale(changed), UPRIGHT)
        assert distance is not None
        assert (distance <= 1) is is_copy
        assert (verify(page, changed).residual <= 1) is is_copy
