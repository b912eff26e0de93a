"""Pictures that show one thing and are no copies: frames, shots of a bracket, other colours."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

from imgsim.verify.alignment import Aligned, align
from imgsim.verify.exposure import are_two_shots, exposure_difference, lies_beside
from imgsim.verify.matrix import inverse
from imgsim.verify.moved_thing import has_moved_thing
from imgsim.verify.two_levels import colours_differ, figures_differ, has_two_levels
from imgsim.verify.zoom import cut, small_part
from tests.verify.pictures import (
    MIRRORED,
    SMALL,
    UPRIGHT,
    captioned,
    grained,
    grey,
    multiscale,
    other_limits,
    picture,
    verify,
)


def aligned(left: Image.Image, right: Image.Image) -> Aligned:
    both = align(grey(left, 400), grey(right, 400), UPRIGHT, 400)
    assert both is not None
    return both


# Exposures ----------------------------------------------------------------------------------------


def shot(seed: int, stops: float, x: int, y: int) -> Image.Image:
    """A shot of a scene with so many stops more light, moved by some pixels, with grain."""
    scene = picture(seed, (500, 380)).filter(ImageFilter.GaussianBlur(0.7))
    light = (np.asarray(scene, np.float64) / 255) ** 2.2 * 2.0**stops
    image = Image.fromarray(np.rint(255 * light.clip(0, 1) ** (1 / 2.2)).astype(np.uint8))
    return grained(image.crop((x, y, x + 480, y + 360)), 1.5, seed=seed + x)


@pytest.mark.parametrize("seed", [31, 32])
@pytest.mark.parametrize("stops", [-2, -1, 1])
def test_an_exposure_out_of_the_hand_is_alike_at_loose_alone(seed: int, stops: float) -> None:
    one, other = shot(seed, 0, 4, 6), shot(seed, stops, 7, 4)
    for pair in ((one, other), (other, one)):
        assert 1 < verify(*pair).residual <= 4


@pytest.mark.parametrize("factor", [0.55, 0.75, 1.1])
def test_a_picture_that_was_made_brighter_or_darker_is_a_copy(factor: float) -> None:
    whole = picture(33)
    changed = ImageEnhance.Brightness(whole).enhance(factor)
    assert verify(whole, changed).residual <= 1
    assert not are_two_shots(aligned(whole, changed))
    with other_limits("exposure", shot_min_moved=0.0):
        # it is told by where it lies alone
        assert are_two_shots(aligned(whole, changed)) == (abs(np.log2(factor) * 2.2) > 0.7)


def test_an_enlarged_part_in_another_light_is_a_copy() -> None:
    whole = picture(34)
    part = whole.crop((8, 6, 472, 354)).resize(whole.size, Image.Resampling.BICUBIC)
    assert not are_two_shots(aligned(whole, ImageEnhance.Brightness(part).enhance(0.6)))


def test_light_is_told_in_stops_between_what_is_clipped() -> None:
    whole = picture(35)
    darker = ImageEnhance.Brightness(whole).enhance(0.6)
    assert exposure_difference(aligned(whole, darker)) == pytest.approx(2.2 * np.log2(0.6), abs=0.1)
    assert exposure_difference(aligned(darker, whole)) == pytest.approx(
        -2.2 * np.log2(0.6), abs=0.1
    )


def test_what_looks_like_an_overlay_beside_another_shot_has_moved() -> None:
    scene = picture(36, (500, 380))
    one = scene.crop((4, 6, 484, 366))
    other = captioned(scene.crop((9, 3, 489, 363)))
    assert lies_beside(aligned(one, other))
    for pair in ((one, other), (other, one)):
        assert 1 < verify(*pair).residual <= 4
    assert verify(one, captioned(one)).residual <= 1


# Things that move ---------------------------------------------------------------------------------


def ball(ground: Image.Image, x: float, y: float, radius: float) -> Image.Image:
    frame = ground.copy()
    box = (x - radius, y - radius, x + radius, y + radius)
    ImageDraw.Draw(frame).ellipse(box, fill=(236, 96, 36))
    return frame


@pytest.mark.parametrize("seed", [43, 44, 45])
def test_a_frame_of_a_fixed_camera_is_no_copy_of_another_one_mirrored(seed: int) -> None:
    ground, things = picture(seed), picture(seed + 10)
    one, other = ground.copy(), ground.copy()
    one.paste(things.crop((0, 0, 60, 50)), (40, 12))
    other.paste(things.crop((100, 100, 160, 150)), (300, 12))
    mirrored = other.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    for pair in ((one, mirrored), (mirrored, one)):
        assert verify(*pair, MIRRORED).residual > 1


@pytest.mark.parametrize("step", [5, 30])
def test_a_ball_in_a_small_frame_is_no_overlay(step: int) -> None:
    ground = picture(41).resize((100, 100))
    one, other = ball(ground, 30, 12, 9), ball(ground, 30 + step, 12, 9)
    assert verify(one, other).residual > 1
    with other_limits("residual", min_overlay_side=0):
        assert not verify(one, other).whole or verify(one, other).residual > 1


def test_a_ball_along_the_edge_is_no_overlay() -> None:
    ground = picture(42, SMALL)
    for distance in (30, 60, 120):
        one, other = ball(ground, 60, 30, 20), ball(ground, 60 + distance, 30, 20)
        assert has_moved_thing(aligned(one, other), [(0.0, 0.3)])
        assert verify(one, other).residual > 1


@pytest.mark.parametrize("seed", [43, 44])
def test_words_are_no_thing_that_moved(seed: int) -> None:
    whole = picture(seed, SMALL)
    for pair in ((whole, captioned(whole)), (captioned(whole), whole)):
        assert not has_moved_thing(aligned(*pair), [(0.8, 1.0)])
        assert verify(*pair).residual <= 1


def drawn(x: int, y: int) -> Image.Image:
    """A face on an even ground."""
    frame = Image.new("RGB", (400, 300), (226, 208, 204))
    draw = ImageDraw.Draw(frame)
    draw.ellipse((x, y, x + 120, y + 110), fill=(48, 96, 50), outline="black", width=3)
    rng = np.random.default_rng(7)
    for _ in range(40):
        u, v = x + 30 + rng.integers(50), y + 25 + rng.integers(50)
        draw.rectangle((u, v, u + rng.integers(3, 12), v + 6), tuple(rng.integers(0, 256, 3)))
    return frame


def test_a_thing_elsewhere_on_an_even_ground_is_another_frame() -> None:
    frame, moved = drawn(20, 30), drawn(150, 70)
    where = np.array([(1, 0, -130 / 400), (0, 1, -40 / 300), (0, 0, 1)])
    assert 1 < verify(frame, moved, where).residual <= 4
    # the part of the ground around the thing is a copy
    part = frame.crop((10, 20, 200, 180))
    lies = np.array([(190 / 400, 0, 10 / 400), (0, 160 / 300, 20 / 300), (0, 0, 1)])
    assert verify(frame, part, lies).residual <= 1


# Two levels ---------------------------------------------------------------------------------------


def two_coloured(dark: tuple[int, ...], light: tuple[int, ...], dithered: bool) -> Image.Image:
    if dithered:
        bits = np.asarray(picture(51, SMALL).convert("1"))
    else:
        image = Image.new("L", SMALL, 0)
        draw = ImageDraw.Draw(image)
        rng = np.random.default_rng(8)
        for i in range(60):
            x, y, size = rng.integers(0, 290), rng.integers(0, 210), rng.integers(12, 40)
            draw.ellipse((x, y, x + size, y + size), fill=255 * (i % 3 > 0), outline=0)
        bits = np.asarray(image) > 127
    return Image.fromarray(np.array([dark, light], np.uint8)[bits.astype(int)])


PAIRS = [((16, 44, 16), (188, 230, 196)), ((92, 60, 8), (188, 116, 206)), ((0, 0, 0), (255,) * 3)]


@pytest.mark.parametrize("dithered", [False, True])
@pytest.mark.parametrize(("one", "other"), [(0, 1), (0, 2), (1, 2)])
def test_two_other_colours_make_another_drawing(one: int, other: int, dithered: bool) -> None:
    left, right = (two_coloured(*PAIRS[i], dithered) for i in (one, other))
    assert verify(left, left).residual <= 1
    assert 1 < verify(left, right).residual <= 4


def icon(colour: tuple[int, int, int], x: int = 0, side: int = 256) -> Image.Image:
    image = Image.new("RGB", (256, 256), "white")
    corners = (70, 48), (190, 62), (214, 170), (120, 208), (52, 140)
    ImageDraw.Draw(image).polygon([(a + x, b) for a, b in corners], fill=colour)
    return image.resize((side, side), Image.Resampling.BICUBIC)


@pytest.mark.parametrize(
    "other",
    [
        icon((95, 45, 120)),  # another hue
        icon((85, 125, 145)),  # lighter
        icon((60, 100, 120), x=5),  # further on
    ],
)
@pytest.mark.parametrize("side", [256, 90])
def test_an_even_figure_of_another_shade_or_elsewhere_is_another_icon(
    other: Image.Image, side: int
) -> None:
    one, other = (
        image.resize((side, side), Image.Resampling.BICUBIC)
        for image in (icon((60, 100, 120)), other)
    )
    assert verify(one, icon((60, 100, 120), side=round(0.8 * side))).residual <= 1
    assert verify(one, other).residual > 1


def test_of_a_photo_another_tone_is_a_filter() -> None:
    photo = picture(52).convert("L").convert("RGB")
    sepia = Image.fromarray(
        (np.asarray(photo, np.float64) * (1.0, 0.86, 0.62)).round().astype(np.uint8)
    )
    assert colours_differ(multiscale(photo).colours, multiscale(sepia).colours, UPRIGHT)
    assert not has_two_levels(grey(photo, 480))
    assert verify(photo, sepia).residual <= 1


def levels(*counts: tuple[int, int]) -> NDArray[np.uint8]:
    return np.concatenate([np.full(n, level, np.uint8) for level, n in counts]).reshape(-1, 10)


def test_two_levels_are_nearly_all_of_a_picture() -> None:
    assert has_two_levels(levels((10, 300), (200, 700)))
    assert has_two_levels(levels((10, 290), (18, 10), (200, 690), (192, 10)))
    assert not has_two_levels(levels((10, 300), (100, 100), (200, 600)))
    assert not has_two_levels(levels((200, 1000)))


# Small parts --------------------------------------------------------------------------------------


def test_a_small_picture_on_a_page_is_compared_at_its_own_size() -> None:
    photo = picture(61, (420, 315))
    page = Image.new("RGB", (1440, 900), "white")
    page.paste(photo, (500, 300))
    lies = np.array([(420 / 1440, 0, 500 / 1440), (0, 315 / 900, 300 / 900), (0, 0, 1)], np.float64)
    rough = lies @ np.array([(0.99, 0, 0.01), (0, 0.99, 0.004), (0, 0, 1)])
    for pair, matrix in (((page, photo), rough), ((photo, page), inverse(rough))):
        verdict = verify(*pair, matrix)
        assert verdict.residual <= 1
        found = np.array(verdict.matrix).reshape(3, 3)
        np.testing.assert_allclose(
            found if pair[0] is page else inverse(found) / inverse(found)[2, 2], lies, atol=2e-3
        )
    page.paste(picture(62, (420, 315)), (500, 300))
    assert verify(page, photo, rough).residual > 1


def test_a_part_is_read_where_it_is_small_and_lies_inside() -> None:
    small = np.array([(0.3, 0, 0.5), (0, 0.4, 0.2), (0, 0, 1)])
    room = 0.06 * 0.4
    assert small_part(small) == pytest.approx((0.5 - room, 0.2 - room, 0.8 + room, 0.6 + room))
    assert small_part(inverse(small)) is None
    assert small_part(np.array([(0.6, 0, 0.2), (0, 0.6, 0.2), (0, 0, 1)])) is None
    assert small_part(np.array([(0.3, 0, 0.9), (0, 0.4, 0.2), (0, 0, 1)])) is None


def test_a_part_is_cut_at_whole_pixels() -> None:
    image = np.arange(200, dtype=np.uint8).reshape(10, 20)
    part, matrix = cut(image, (0.24, 0.31, 0.76, 0.8))
    np.testing.assert_array_equal(part, image[3:8, 5:15])
    np.testing.assert_allclose(matrix, [(0.5, 0, 0.25), (0, 0.5, 0.3), (0, 0, 1)])


# Holes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [71, 72])
def test_a_hole_is_alike_at_loose_where_there_is_little_else_to_see(seed: int) -> None:
    whole = Image.new("RGB", (400, 300), (186, 190, 196))
    whole.paste(picture(seed, (400, 130)), (0, 0))
    whole = grained(whole, 30, seed).filter(ImageFilter.GaussianBlur(1.5))  # nowhere even
    edited = whole.copy()
    edited.paste("black", (150, 20, 250, 115))
    for pair, more in (((whole, edited), -1), ((edited, whole), 1)):
        verdict = verify(*pair)
        assert 2.5 < verdict.residual < 4
        assert verdict.more == more  # what was cut out is not shown
    with other_limits("judge", edited_max_hole=0.0):
        assert verify(whole, edited).residual > 4


def test_a_figure_that_is_brighter_with_its_ground_is_the_same() -> None:
    def figure(ground: int, shade: int) -> NDArray[np.uint8]:
        image = np.full((96, 96, 3), 128, np.uint8)
        image[..., 0] = ground
        image[30:60, 30:60, 0] = shade
        return image

    one = figure(60, 120)
    assert not figures_differ(one, figure(78, 156), np.eye(3))
    assert not figures_differ(figure(78, 156), one, np.eye(3))
    assert figures_differ(one, figure(60, 156), np.eye(3))
    assert figures_differ(one, figure(78, 120 + 100), np.eye(3))
