from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from imgsim.verify import residual as module
from imgsim.verify.alignment import Aligned, align
from imgsim.verify.blocks import Blocks
from imgsim.verify.limits import LIMITS
from imgsim.verify.overlay import NO_OVERLAY, Overlay
from imgsim.verify.residual import (
    Residual,
    _block_differences,
    _compare,
    _regress,
    _tone_curves,
    compare,
)
from tests.verify.pictures import SMALL, UPRIGHT, grained, grey, other_limits, picture, verify


def residual_of(left: Image.Image, right: Image.Image) -> Residual:
    aligned = align(grey(left, 400), grey(right, 400), UPRIGHT, 400)
    assert aligned is not None
    residual = compare(aligned)
    assert residual is not None
    return residual


def test_what_is_drawn_on_an_even_ground_is_a_difference() -> None:
    """What stands out by little, a shadow or a stain, is none."""
    whole = picture(3, SMALL)
    ImageDraw.Draw(whole).rectangle((100, 80, 220, 160), (120, 120, 120))

    def drawn(contrast: int) -> Image.Image:
        image = whole.copy()
        ImageDraw.Draw(image).ellipse((140, 100, 170, 130), (120 + contrast,) * 3)
        return image

    with other_limits("details", max_detail_ratio=1e6):
        assert verify(whole, drawn(25)).residual < 0.5
        for pair in ((whole, drawn(45)), (drawn(45), whole)):
            assert verify(*pair).residual > 1
            with other_limits("residual", max_added_structure=20.0):
                assert verify(*pair).residual < 0.5


def test_equal_images_leave_nothing() -> None:
    residual = residual_of(picture(3, SMALL), picture(3, SMALL))
    assert (residual.difference, residual.blur, residual.overlay) == (0, 0, 0)
    assert residual.noise < 1
    assert residual.blocks > 1000
    assert not residual.text_page


def test_noise_and_blur_are_measured() -> None:
    whole = picture(3, SMALL)
    noise = [residual_of(grained(whole, n, 1), grained(whole, n, 2)).noise for n in (5, 15)]
    assert 0.5 < noise[0] < noise[1] < 3
    soft = whole.filter(ImageFilter.GaussianBlur(2))
    assert residual_of(whole, soft).blur == pytest.approx(2, abs=0.5)


def test_pale_images_differ_as_much_as_others() -> None:
    one, other = picture(3, SMALL), picture(3, SMALL)
    other.paste(picture(5, (60, 60)), (120, 90))
    pale = [image.point([n // 2 + 60 for n in range(256)] * 3) for image in (one, other)]
    assert residual_of(*pale).difference == pytest.approx(
        residual_of(one, other).difference, rel=0.1
    )


def test_too_small_an_overlap_is_not_compared() -> None:
    aligned = align(grey(picture(3, SMALL), 400), grey(picture(3, SMALL), 400), UPRIGHT, 400)
    assert aligned is not None
    aligned.mask[:, 20:] = 0
    aligned.mask[24:] = 0
    assert compare(aligned) is None


@pytest.mark.parametrize(("width", "side"), [(239, 8), (240, 12)])
def test_images_are_small_if_what_they_share_is(
    width: int, side: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = let_compare(monkeypatch, RESIDUAL)
    mask = np.zeros((300, 400), np.uint8)
    mask[20:120, 50 : 50 + width] = 1
    compare(aligned_of(mask.shape, mask))
    assert asked[0][1].inside.shape == (300 // (side // 2) - 1, 400 // (side // 2) - 1)


def test_of_an_overlay_the_place_the_size_and_the_side_are_told() -> None:
    whole = picture(3, SMALL)
    labelled = whole.copy()
    ImageDraw.Draw(labelled).rectangle((0, 200, 320, 240), "black")
    for x in range(8, 312, 12):
        ImageDraw.Draw(labelled).rectangle((x, 210, x + 5, 230), "white")
    for pair, side in (((whole, labelled), -1), ((labelled, whole), 1)):
        residual = residual_of(*pair)
        assert residual.overlay_side == side
        assert residual.overlay == pytest.approx(40 / 240, abs=0.05)
        assert residual.difference < 1
        ((first, last),) = residual.bands
        assert first == pytest.approx(200 / 240, abs=0.06)
        assert last == pytest.approx(1, abs=0.06)
        assert first <= 200 / 240
    nothing = residual_of(whole, grained(whole, 3))
    assert (nothing.overlay_side, nothing.bands, nothing.overlay) == (0, (), 0)


def test_noise_of_a_whole_image_is_no_difference_of_a_block() -> None:
    pair = grained(picture(3, SMALL), 30, 1), grained(picture(3, SMALL), 30, 2)
    residual = residual_of(*pair)
    assert residual.difference < residual.noise * 2
    assert np.isfinite(residual.difference)


# Blocks -------------------------------------------------------------------------------------------

ONE_BLOCK = Blocks(np.ones((12, 12), np.uint8), 12)


@pytest.mark.parametrize(
    ("unexplained", "structure", "difference"),
    [
        ((20, 30), (30, 50), 20),  # 0.6 of the structure of either: the lesser one counts
        ((30, 20), (50, 30), 20),
        ((16, 30), (30, 50), 0),  # 0.53
        ((30, 16), (50, 30), 0),
        ((16.6, 30), (30, 30), 16.6),
        ((11, 2), (11, 2.9), 2),  # 0.69 of an even block, and 11 - 10
        ((13, 2), (13, 2.9), 3),  # the other is even: what is more than 10 counts
        ((2, 13), (2.9, 13), 3),
        ((13, 0), (13, 2.9), 3),
        ((13, 1), (13, 3), 0),  # no more even
        ((9, 0), (9, 0), 0),
        ((0, 0), (0, 0), 0),
    ],
)
def test_a_block_differs_by_what_neither_explains(
    unexplained: tuple[float, float], structure: tuple[float, float], difference: float
) -> None:
    maps = [[np.float32([[x]]) for x in pair] for pair in (unexplained, structure)]
    result = _block_differences(maps[0], maps[1], ONE_BLOCK)
    assert result.dtype == np.float32
    assert result[0, 0] == pytest.approx(difference)
    outside = Blocks(np.zeros((12, 12), np.uint8), 12)
    assert _block_differences(maps[0], maps[1], outside)[0, 0] == 0


def test_blocks_are_explained_by_the_other_image_at_their_own_tones() -> None:
    """An image and one of less contrast explain each other; both are scaled alike."""
    rng = np.random.default_rng(0)
    left = cv2.GaussianBlur(rng.uniform(-400, 650, (96, 120)).astype(np.float32), (0, 0), 2)
    left = left.clip(0, 255)
    right = 20 + 0.8 * left
    mask = np.ones(left.shape, np.uint8)
    rounded = [np.rint(x).astype(np.uint8) for x in (left, right)]
    blocks = Blocks(mask, 12)
    unexplained, structure = _regress((left, right), rounded, _tone_curves(rounded, mask), blocks)
    y, x = 5, 7
    part = left[6 * y : 6 * y + 12, 6 * x : 6 * x + 12]
    scale = 50 / np.sqrt(np.mean(blocks.mean(left**2)) - blocks.mean(left).mean() ** 2)
    assert structure[0][y, x] == pytest.approx(part.std() * scale, rel=0.01)
    np.testing.assert_allclose(structure[1], structure[0], rtol=0.02)
    for rest in unexplained:
        assert rest.max() < 4
        assert np.median(rest) < 1.5


def test_pale_images_are_scaled_as_if_they_had_a_deviation_of_25() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 1, (60, 60)).astype(np.float32)
    mask = np.ones(noise.shape, np.uint8)
    blocks = Blocks(mask, 12)
    for deviation, expected in ((5, 10), (20, 40), (40, 50)):
        image = 128 + deviation * noise
        rounded = np.rint(image).astype(np.uint8)
        curves = _tone_curves((rounded, rounded), mask)
        _, structure = _regress((image, image), (rounded, rounded), curves, blocks)
        assert structure[0].mean() == pytest.approx(expected, rel=0.05)


# Two images ---------------------------------------------------------------------------------------


def aligned_of(shape: tuple[int, int], mask: np.ndarray | None = None) -> Aligned:
    image = np.zeros(shape, np.uint8)
    whole = np.ones(shape, np.uint8) if mask is None else mask
    return Aligned(image, image, whole, UPRIGHT, 0, 0, 0.0)


RESIDUAL = Residual(1.0, 3.0, 0.0, 100, 0.0, (), 0, False)


def let_compare(monkeypatch: pytest.MonkeyPatch, first: Residual) -> list[tuple[Any, ...]]:
    """Let the comparison give a residual, and then another one."""
    asked: list[tuple[Any, ...]] = []

    def compare_once(*given: Any, text_page: bool = False) -> Residual:
        asked.append((*given[1:], text_page))
        return first if len(asked) == 1 else replace(first, difference=0.5)

    monkeypatch.setattr(module, "_compare", compare_once)
    return asked


@pytest.mark.parametrize(
    ("side", "noise", "text_page", "smoothing"),
    [
        (400, 3.0, False, None),
        (400, 3.01, False, 2.0),  # 0.005 of 400 pixels
        (300, 3.01, False, 1.5),
        (100, 3.01, False, 0.8),
        (1000, 3.01, False, 2.0),
        (400, 3.01, True, 1.3),
        (240, 3.01, True, 1.2),
    ],
)
def test_noisy_images_are_compared_again_smoother(
    side: int,
    noise: float,
    text_page: bool,
    smoothing: float | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = replace(RESIDUAL, noise=noise, text_page=text_page)
    asked = let_compare(monkeypatch, first)
    for shape in ((side, 80), (80, side)):
        asked.clear()
        residual = compare(aligned_of(shape))
        assert residual == (first if smoothing is None else replace(first, difference=0.5))
        assert [given[2:] for given in asked] == [
            (0.8, False), *([] if smoothing is None else [(pytest.approx(smoothing), text_page)]),
        ]  # fmt: skip


@pytest.mark.parametrize(("shape", "side"), [((100, 239), 8), ((239, 100), 8), ((100, 240), 12)])
def test_small_images_have_smaller_blocks(
    shape: tuple[int, int], side: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = let_compare(monkeypatch, RESIDUAL)
    compare(aligned_of(shape))
    ((mask, blocks, _, _),) = asked
    cells = shape[0] // (side // 2) - 1, shape[1] // (side // 2) - 1
    assert blocks.inside.shape == cells
    expected = np.zeros(shape, np.uint8)
    expected[2:-2, 2:-2] = 1  # eroded by a square of 5
    np.testing.assert_array_equal(mask, expected)


@pytest.mark.parametrize(
    ("height", "width", "enough"),
    [
        (20, 20, True),
        (16, 25, True),  # 400 pixels, and 3 x 5 blocks of 8
        (16, 24, False),  # 384
        (12, 40, True),  # 2 x 9
        (8, 56, True),  # 1 x 13
        (8, 52, True),  # 416 pixels, and 12 blocks
        (9, 48, False),  # 11
    ],
)
def test_an_overlap_has_400_pixels_and_12_blocks(
    height: int, width: int, enough: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = let_compare(monkeypatch, RESIDUAL)
    mask = np.zeros((100, 200), np.uint8)
    mask[38 : 42 + height, 38 : 42 + width] = 1  # two more at every side are eroded
    assert (compare(aligned_of(mask.shape, mask)) is not None) == enough
    if asked:
        assert np.count_nonzero(asked[0][0]) == height * width


def test_a_residual_is_put_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of maps of 9 x 9 blocks, of which three rows and a column are none of the overlap."""
    mask = np.ones((60, 60), np.uint8)
    mask[:, 55:] = 0
    blocks = Blocks(mask, 12)
    assert blocks.inside.shape == (9, 9)
    left, right = (np.full((60, 60), level, np.float32) for level in (90.4, 200))
    unexplained = [np.full((9, 9), 2, np.float32), np.full((9, 9), 3, np.float32)]
    structure = [np.full((9, 9), 20, np.float32), np.full((9, 9), 16, np.float32)]
    structure[1][:2] = 4  # neither structured nor printed
    structure[0][2] = 15  # not printed
    unexplained[0][3:] = 1
    difference = np.zeros((9, 9), np.float32)
    difference[6:9, 2:6] = 30
    difference[3:5, 2:4] = 7
    asked: dict[str, Any] = {}

    def note(name: str, answer: Any) -> None:
        monkeypatch.setattr(module, name, lambda *given: (asked.update({name: given}), answer)[1])

    note("equalise_sharpness", (left, right, 1.5))
    note("_regress", (unexplained, structure))
    note("are_text_pages", False)
    note("_block_differences", difference)
    note("find_overlay", Overlay((slice(6, 9),), -1))
    monkeypatch.setattr(module, "LIMITS", LIMITS._replace(min_overlay_side=60))
    aligned = aligned_of((60, 60), mask)
    residual = _compare(aligned, mask, blocks, 0.8)
    # 7 rows of 8 columns are structured: of 3 to 8 at 1, and of the third at 2
    band = 4 / 10, 1.0
    assert residual == Residual(7.0, 1.0, 1.5, 56, 3 / 9, (band,), -1, False, 7 / 9, 4 / 72)
    assert asked["equalise_sharpness"][3] == 0.8
    assert [int(x[0, 0]) for x in asked["_regress"][1]] == [90, 200]
    printed = asked["are_text_pages"][2]
    assert np.argwhere(printed).tolist() == [[y, x] for y in range(3, 9) for x in range(8)]
    structured = asked["find_overlay"][3]
    assert np.argwhere(structured).tolist() == [[y, x] for y in range(2, 9) for x in range(8)]
    difference[6:9, 2:6] = 30
    page = _compare(aligned, mask, blocks, 0.8, text_page=True)
    # a page has no overlay; four blocks of 7 differ, and of twelve of 30 the opening leaves eight
    assert page == Residual(30.0, 1.0, 1.5, 56, 0.0, (), 0, True, 7 / 9, 12 / 72)
    monkeypatch.setattr(module, "LIMITS", LIMITS._replace(min_overlay_side=61))
    assert _compare(aligned, mask, blocks, 0.8) == replace(page, text_page=False)  # too small
    note("find_overlay", NO_OVERLAY)
    for one in structure:
        one[:] = 4
    plain = _compare(aligned, mask, blocks, 0.8)
    assert plain == Residual(30.0, 0.0, 1.5, 0, 0.0, (), 0, False)
    note("are_text_pages", True)
    assert _compare(aligned, mask, blocks, 0.8).text_page


# Pages that were made brighter --------------------------------------------------------------------


def lined_page(line: int, gain: float = 1.0) -> Image.Image:
    """A page of print with a bold line of this level below."""
    image = Image.new("L", (400, 400), 235)
    draw = ImageDraw.Draw(image)
    rng = np.random.default_rng(5)
    for row in range(12):
        draw.text((20, 15 + 24 * row), " ".join(map(str, rng.integers(100, 9999, 9))), 90)
    draw.text((20, 330), "PAID IN CASH", line, font_size=36)
    return image.point(lambda level: min(255, round(level * gain)))


def test_what_a_page_made_brighter_has_lost_in_white_is_no_difference() -> None:
    darker, brighter = lined_page(200), lined_page(200, 1.4)
    for pair in ((darker, brighter), (brighter, darker)):
        residual = residual_of(*pair)
        assert residual.text_page
        assert residual.difference < 2
        with other_limits("residual", brightened_min_gain=2.0):
            assert residual_of(*pair).difference > 4


@pytest.mark.parametrize(("level", "gain"), [(200, 1.0), (130, 1.3)])
def test_what_would_not_be_white_is_a_difference(level: int, gain: float) -> None:
    with_line, without = lined_page(level), lined_page(235, gain)
    for pair in ((with_line, without), (without, with_line)):
        assert residual_of(*pair).difference > 4
