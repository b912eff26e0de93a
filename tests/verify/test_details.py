"""What is small: a digit in a page, in clean and in noisy files."""

from __future__ import annotations

import io
from dataclasses import replace
from itertools import combinations
from unittest.mock import patch

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from imgsim.pictures.near_pairs import draw_near_pair
from imgsim.pictures.screens import app_screen
from imgsim.pictures.text_pages import draw_page
from imgsim.verify import in_place
from imgsim.verify.details import _max_ratio, compare_details
from imgsim.verify.fine_alignment import fine_correction
from imgsim.verify.flat_colours import is_drawing
from imgsim.verify.local_differences import block_errors
from imgsim.verify.lone_place import lone_ratio
from imgsim.verify.matrix import Grey
from imgsim.verify.tone import smooth_tone_curve
from tests.verify.pictures import picture

SAME = np.eye(3)


def page(total: str = "284.50", *, dark: bool = False, size: int = 20) -> Image.Image:
    """Twenty lines of print, and a sum below."""
    ink, ground = (230, 20) if dark else (20, 245)
    image = Image.new("L", (700, 900), ground)
    draw = ImageDraw.Draw(image)
    rng = np.random.default_rng(9)
    for line in range(20):
        words = " ".join(str(n) for n in rng.integers(100, 99999, 9))
        draw.text((40, 30 + 36 * line), words, ink, font_size=size)
    draw.text((500, 800), total, ink, font_size=size)
    return image


def grey(image: Image.Image, quality: int = 0, noise: float = 0) -> Grey:
    if quality:
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=quality)
        image = Image.open(buffer)
    pixels = np.asarray(image.convert("L"), np.float64)
    grain = np.random.default_rng(3).normal(0, noise, pixels.shape) if noise else 0
    return np.asarray((pixels + grain).clip(0, 255), np.uint8)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("quality", [0, 60])
def test_another_digit_is_another_picture(dark: bool, quality: int) -> None:
    one = grey(page(dark=dark))
    copy = compare_details(one, grey(page(dark=dark), quality or 90), SAME)
    other = compare_details(one, grey(page("284.60", dark=dark), quality), SAME)
    assert (copy.drawn, other.drawn) == (True, True)
    assert copy.distance <= 0.8
    assert other.distance > 4


def test_brightness_that_clips_is_no_difference() -> None:
    whole = picture(4).convert("L")
    brighter = whole.point(lambda level: min(255, round(level * 1.4)))
    assert compare_details(grey(whole), grey(brighter, 90), SAME).distance <= 0.8


def test_a_page_whose_digits_cannot_be_told_is_refused() -> None:
    soft = page(size=11).filter(ImageFilter.GaussianBlur(3))
    assert compare_details(grey(page(size=11)), grey(soft, 40, noise=30), SAME).distance > 1
    assert compare_details(grey(page()), grey(page(), 80, noise=4), SAME).distance <= 1


def test_a_shift_by_a_part_of_a_pixel_is_corrected() -> None:
    import cv2

    image = cv2.GaussianBlur(grey(page()).astype(np.float32), (0, 0), 1.5)
    moved = np.array([[1, 0, 0.4], [0, 1, -0.3]], np.float32)
    other = cv2.warpAffine(image, moved, image.shape[::-1], flags=cv2.INTER_CUBIC)
    mask = np.zeros(image.shape, np.uint8)
    mask[20:-20, 20:-20] = 1
    correction = fine_correction(image, other, mask)
    assert correction is not None
    np.testing.assert_allclose(correction[:2, 2], [0.4, -0.3], atol=0.06)


def test_a_tone_curve_is_straight_where_nothing_is_known() -> None:
    joint = np.zeros((256, 256), np.float32)
    joint[40, 60] = joint[240, 250] = 5000
    curve = smooth_tone_curve(joint)
    np.testing.assert_allclose(curve[[40, 140, 240]], [60, 155, 250], atol=0.5)
    joint = np.zeros((256, 256), np.float32)
    levels = np.arange(256)
    joint[levels, np.minimum(255, levels * 3 // 2)] = 400
    np.testing.assert_allclose(smooth_tone_curve(joint)[[60, 120, 200]], [90, 180, 255], atol=1.5)


def screen(seed: int, moved: tuple[int, int] = (0, 0), caption: bool = False) -> Grey:
    """A program's window: bars at either end, lines of text between."""
    image = Image.new("L", (185, 400), 230)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 185, 40), 80)
    draw.text((8, 10), "Messages", 255, font_size=16)
    draw.rounded_rectangle((6, 370, 140, 392), 8, 255)
    draw.text((14, 374), "Write here", 60, font_size=12)
    rng = np.random.default_rng(seed)
    for line in range(8):
        y = 60 + 38 * line
        wide = int(rng.integers(40, 150))
        draw.rounded_rectangle((8, y, 14 + wide, y + 26), 6, 255)
        draw.text((12, y + 6), "".join(rng.choice(list("abcdefgh"), wide // 7)), 0, font_size=12)
    if caption:
        draw.text((10, 300), "NEW CAPTION", 0, font_size=20)
    return np.asarray(np.roll(np.asarray(image), moved, (0, 1)), np.uint8)


def differ_in_place(one: Grey, other: Grey) -> bool:
    return in_place.differ_in_place(in_place.Screen(one), in_place.Screen(other))


def test_screens_of_one_program_with_other_text_are_rejected_at_once() -> None:
    assert differ_in_place(screen(1), screen(2))
    assert not differ_in_place(screen(1), screen(1))
    assert not differ_in_place(screen(1), screen(1, moved=(3, 2)))  # it may be a copy, cropped
    assert not differ_in_place(screen(1), screen(1, caption=True))
    covered = screen(1)
    covered[120:240, 30:120] = 0
    assert not differ_in_place(screen(1), covered)
    photo = grey(picture(2))
    assert not differ_in_place(photo, grey(picture(3)))


BANDS = ((0.0, 0.25),)


def captioned(words: str, ground: Image.Image | None = None) -> Grey:
    image = (ground or picture(5)).convert("RGB").resize((640, 480))
    if words:
        ImageDraw.Draw(image).text((30, 30), words, "white", font_size=44, stroke_width=3,
                                   stroke_fill="black")  # fmt: skip
    return grey(image, 92)


def test_words_over_a_photo_are_an_overlay_on_one_of_two_images_only() -> None:
    bare, short, long = (captioned(words) for words in ("", "SUMMER", "WINTER HOLIDAY"))
    assert compare_details(bare, long, SAME, BANDS).distance <= 1
    assert compare_details(short, bare, SAME, BANDS).distance <= 1
    assert compare_details(short, long, SAME, BANDS).distance > 2
    assert compare_details(long, short, SAME, BANDS).distance > 2


def test_a_few_letters_are_no_overlay() -> None:
    one, other = (captioned(f"SUMMER 12:{minute}") for minute in (41, 48))
    assert compare_details(one, other, SAME, BANDS).distance > 2


def test_what_is_moved_on_a_board_is_no_overlay() -> None:
    one, other = (np.asarray(image.convert("L")) for image in draw_near_pair("chess", 3))
    assert is_drawing(one)
    distances = [compare_details(one, other, SAME, bands).distance for bands in ((), ((0.0, 1.0),))]
    assert min(distances) > 4


def test_a_photo_is_no_drawing() -> None:
    assert not is_drawing(captioned(""))
    assert not is_drawing(grey(picture(4), 60))
    assert is_drawing(screen(1))
    assert is_drawing(grey(Image.fromarray(screen(2)), 80))


def app(number: int) -> Grey:
    image = app_screen(4, number).image.convert("L")
    return np.asarray(image.resize((185, 400), Image.Resampling.BOX))


def test_screens_full_of_text_are_rejected_by_the_few_signs_they_share() -> None:
    screens = [app(number) for number in range(6)]
    differ = [differ_in_place(one, other) for one, other in combinations(screens, 2)]
    assert all(differ)
    brighter = (screens[0] * 1.3).clip(0, 255).astype(np.uint8)
    assert not differ_in_place(screens[0], brighter)
    assert not differ_in_place(screens[0], np.roll(screens[0], (3, 2), (0, 1)))


def test_letters_that_hide_their_ground_in_half_the_size_are_a_page_all_the_same() -> None:
    page = draw_page("spreadsheet", 67002).image
    small = page.resize((page.width // 2, page.height // 2), Image.Resampling.LANCZOS)
    details = compare_details(grey(page, 90), grey(small, 90), SAME)
    assert details.drawn
    assert details.distance > 1  # letters of 5 pixels


# A place that alone differs ----------------------------------------------------------------------


def stamped(text: str, quality: int, *, ground: int = 60, side: int = 480) -> Grey:
    """A photo with letters burnt in, as a file; without grain in it, where none is said."""
    image = picture(6).convert("L").resize((side, side * 3 // 4))
    image = image.point(lambda level: ground + level // 3)
    ImageDraw.Draw(image).text((0.05 * side, 0.68 * side), text, ground + 140, font_size=14)
    return grey(image, quality)


def test_another_digit_of_a_faint_time_stamp_is_another_picture() -> None:
    one = stamped("12 Mar 2021 10:14:27", 85)
    copy = compare_details(one, stamped("12 Mar 2021 10:14:27", 70), SAME)
    other = compare_details(one, stamped("12 Mar 2021 10:14:22", 70), SAME)
    added = block_errors(one, stamped("", 70), SAME)
    assert copy.distance <= 0.8
    assert other.distance > 1
    assert added is not None
    assert lone_ratio(added) == 0  # what is on one of them alone is no other digit


def test_a_place_is_alone_if_nothing_elsewhere_differs_nearly_as_much() -> None:
    one, other = (stamped(f"10:14:2{digit}", 85) for digit in "72")
    errors = block_errors(one, other, SAME)
    assert errors is not None
    assert lone_ratio(errors) == errors.top_ratio() > 3
    for rows in (slice(0, 4), slice(60, 70)):
        ratio, error = errors.ratio.copy(), errors.error.copy()
        ratio[rows, 20:30] = errors.top_ratio() * 0.7
        error[rows, 20:30] = ratio[rows, 20:30] * errors.noise.expected(
            errors.gradient[rows, 20:30]
        )
        assert lone_ratio(replace(errors, ratio=ratio, error=error)) == 0


def test_in_small_pictures_no_place_is_alone() -> None:
    one, other = (stamped(f"10:14:2{digit}", 85, side=200) for digit in "72")
    errors = block_errors(one, other, SAME)
    assert errors is not None
    assert errors.top_ratio() > 3
    assert lone_ratio(errors) == 0


def test_where_no_letter_would_stand_out_that_there_is_none_says_nothing() -> None:
    one = grey(page())
    with patch("imgsim.verify.details.legibility", return_value=0.0):
        assert compare_details(one, one, SAME).distance > 1


@pytest.mark.parametrize(
    ("legible", "most"),
    [(6.5, 0.22 * 6.5), (7.9, 0.22 * 7.9), (8.0, 3.0), (15.0, 0.3 * 15), (30.0, 7.0)],
)
def test_the_fainter_the_print_the_less_may_differ(legible: float, most: float) -> None:
    """Below a legibility of 8, noise has to be far from what another letter makes."""
    assert _max_ratio(legible, drawn=True) == pytest.approx(most)
    assert _max_ratio(legible, drawn=False) == 13


def test_what_cannot_be_tracked_is_compared_where_it_lies() -> None:
    """Frames of a camera at night, with the time in them."""

    def frame(words: str, seed: int) -> Grey:
        image = Image.new("L", (400, 300), 14)
        ImageDraw.Draw(image).text((20, 260), words, 250, font_size=16)
        noise = np.random.default_rng(seed).normal(0, 1.5, (300, 400))
        return (np.asarray(image) + noise).clip(0, 255).astype(np.uint8)

    first = frame("22:43", 1)
    copy, later = (compare_details(first, frame(w, 2), SAME) for w in ("22:43", "22:53"))
    assert copy.known
    assert copy.distance <= 1 < later.distance
    turned = np.ascontiguousarray(np.rot90(frame("22:53", 2)))
    assert not compare_details(first, turned, SAME).known


def test_letters_are_held_against_letters_where_grain_makes_all_else_uncertain() -> None:
    """A frame at night, with the time in it, and a copy that has lost its grain."""

    def frame(words: str, softer: float) -> Grey:
        grain = np.random.default_rng(4).normal(30, 60, (300, 400)).clip(0, 255)
        image = Image.fromarray(grain.astype(np.uint8)).filter(ImageFilter.GaussianBlur(1 + softer))
        ImageDraw.Draw(image).text((20, 260), words, 170, font_size=18)
        return grey(image, 90)

    first, copy = (frame("Jul 2014 01:54:17", softer) for softer in (0, 1))
    later = frame("Jul 2014 02:54:17", 1)
    assert compare_details(first, copy, SAME).distance <= 1
    assert compare_details(first, later, SAME).distance > 4


def test_a_small_copy_of_a_drawing_is_a_drawing() -> None:
    """Of a crossword whose cells have 13 pixels hardly a place is even."""
    large = draw_page("crossword", 60003).image.convert("L")
    small = large.resize((large.width // 2, large.height // 2), Image.Resampling.LANCZOS)
    assert not is_drawing(grey(small, 90))
    assert compare_details(grey(small, 90), np.asarray(large), SAME).drawn


def test_a_sign_that_one_of_two_clean_files_lacks_is_another_picture() -> None:
    def balance(sign: str, quality: int) -> Grey:
        image = picture(6).convert("L").resize((480, 360)).point(lambda level: 60 + level // 3)
        for x, text in ((40, sign), (50, "219.90")):
            ImageDraw.Draw(image).text((x, 245), text, 130, font_size=14)
        return grey(image, quality)

    first = balance("", 90)
    assert compare_details(first, balance("", 70), SAME).distance <= 1
    assert compare_details(first, balance("+", 70), SAME).distance > 4


def code(line: str, quality: int) -> Grey:
    """A dark screen with some lines of code, at less than half of its size."""
    drawn = Image.new("L", (1280, 800), 30)
    font = ImageFont.load_default(18)
    for row in range(24):
        words = " ".join(f"{row * 37 + column * 11:x}" for column in range(9))
        text = line if row == 20 else words
        ImageDraw.Draw(drawn).text((60, 20 + 30 * row), text, 150, font)
    return grey(drawn.resize((576, 360), Image.Resampling.LANCZOS), quality)


def test_another_sign_counts_where_two_small_screens_are_all_but_equal_elsewhere() -> None:
    first = code("if x < 10: return", 85)
    assert compare_details(first, code("if x < 10: return", 90), SAME).distance <= 1
    with patch("imgsim.verify.details.clean_ratio", return_value=0.0):
        assert compare_details(first, code("if x > 10: return", 85), SAME).distance <= 1
    assert compare_details(first, code("if x > 10: return", 85), SAME).distance > 1
