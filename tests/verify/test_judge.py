"""What a second look at two pictures says, on pictures made here with known changes."""

from __future__ import annotations

from functools import partial

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps

from imgsim.comparators.local import (
    COLOURS_SIDE,
    ORIENTATIONS,
    LocalFeatures,
    Orientation,
    records,
    turned,
)
from imgsim.comparators.recipes import Auto
from imgsim.decode.detail import shrunk
from imgsim.pictures.generate import landscape
from imgsim.pictures.lettering import font
from imgsim.types import Verdict
from imgsim.verify.alignment import align
from imgsim.verify.judge import Views, judge
from imgsim.verify.keypoints import by_keypoints
from imgsim.verify.matrix import by_orientation
from imgsim.verify.residual import compare
from imgsim.verify.tone import isotonic

UPRIGHT = by_orientation(ORIENTATIONS[0])


def picture(seed: int = 3, size: tuple[int, int] = (480, 360)) -> Image.Image:
    """A landscape with grain and things in it, so that there is something to hold on to."""
    rng = np.random.default_rng(seed)
    image = Image.fromarray(landscape(seed, *size))
    draw = ImageDraw.Draw(image)
    for _ in range(90):
        x, y = rng.integers(0, size[0]), rng.integers(0, size[1])
        r = rng.integers(4, 22)
        colour = tuple(int(c) for c in rng.integers(0, 256, 3))
        (draw.ellipse if rng.random() < 0.5 else draw.rectangle)((x, y, x + r, y + r), colour)
    return image


def grey(image: Image.Image, side: int) -> NDArray[np.uint8]:
    return shrunk(np.asarray(image.convert("L")), side)


def look(left: Image.Image, right: Image.Image, *hypotheses: NDArray[np.float64]) -> Verdict:
    return judge(views(left), views(right), hypotheses or [UPRIGHT])


def views(image: Image.Image) -> Views:
    small = image.convert("YCbCr").resize((COLOURS_SIDE, COLOURS_SIDE))
    return Views(partial(grey, image), np.asarray(small))


def rows(*images: Image.Image) -> NDArray:
    return np.concatenate(
        [records(LocalFeatures().extract(np.asarray(i.convert("YCbCr"))[None])) for i in images]
    )


@pytest.mark.parametrize("how", ORIENTATIONS, ids=str)
def test_a_hash_is_turned_without_its_picture(how: Orientation) -> None:
    image = np.asarray(picture().convert("L"))
    changed = image.T if how.transpose else image
    changed = changed[:, ::-1] if how.mirror else changed
    changed = changed[::-1] if how.flip else changed
    plain, other = rows(Image.fromarray(image), Image.fromarray(np.ascontiguousarray(changed)))
    difference = np.bitwise_count(turned(plain["hash"][None], how)[0] ^ other["hash"]).sum()
    assert difference <= 8  # resampling is not quite symmetric


@pytest.mark.parametrize("how", ORIENTATIONS, ids=str)
def test_the_matrix_of_an_orientation_lays_the_turned_picture_right(how: Orientation) -> None:
    image = grey(picture(), 400)
    changed = image.T if how.transpose else image
    changed = changed[:, ::-1] if how.mirror else changed
    changed = np.ascontiguousarray(changed[::-1] if how.flip else changed)
    # the matrix takes the right picture, turned so, onto the left one
    aligned = align(changed, image, by_orientation(how), 400)
    assert aligned is not None
    assert aligned.shift < 0.1
    inner = aligned.covered
    assert np.abs(aligned.left[inner].astype(int) - aligned.right[inner]).mean() < 2


def test_a_crop_lies_where_it_was_cut() -> None:
    whole = picture()
    part = whole.crop((100, 60, 436, 312))
    left, right = rows(whole, part)
    matrix = by_keypoints(left, right, mirrored=False)
    assert matrix is not None
    verdict = look(whole, part, matrix)
    assert verdict.residual <= 1
    assert verdict.more == -1
    corners = np.array(verdict.matrix).reshape(3, 3) @ np.array([(0, 1), (0, 1), (1, 1)])
    corners = corners[:2] / corners[2] * [[480], [360]]
    assert np.allclose(corners, [(100, 436), (60, 312)], atol=1.0)
    assert verdict.overlap == pytest.approx(0.49, abs=0.03)


def test_a_mirrored_picture_with_a_border_shows_no_more() -> None:
    whole = picture()
    framed = ImageOps.expand(ImageOps.mirror(whole), 40, "white")
    left, right = rows(whole, framed)
    matrix = by_keypoints(left, right, mirrored=True)
    assert matrix is not None
    assert np.linalg.det(matrix[:2, :2]) < 0
    verdict = look(whole, framed, matrix)
    assert verdict.residual < 0.5
    assert verdict.more == -1


def test_a_picture_pasted_into_a_window_shows_more_than_the_window() -> None:
    whole = picture()
    window = Image.new("RGB", (900, 640), (235, 235, 238))
    draw = ImageDraw.Draw(window)
    for line in range(20):
        draw.text((12, 20 + 30 * line), f"entry {line * 37} of the list", "black", font(14))
    window.paste(whole, (330, 140))
    left, right = rows(whole, window)
    matrix = by_keypoints(left, right, mirrored=False)
    assert matrix is not None
    verdict = look(whole, window, matrix)
    assert verdict.residual < 0.5
    assert (verdict.more, verdict.contained, verdict.whole) == (-1, True, False)


def test_a_picture_set_into_an_even_ground_is_no_part_of_it() -> None:
    """Where the picture's own rim is as busy as its edge to the ground."""
    grass = np.random.default_rng(2).integers(0, 255, (180, 240), np.uint8)
    whole = Image.blend(picture().convert("L"), Image.fromarray(grass).resize((480, 360)), 0.6)
    window = Image.new("RGB", (640, 480), (38, 38, 40))
    for line in range(14):
        ImageDraw.Draw(window).text((8, 40 + 30 * line), f"entry {line * 37}", "white", font(13))
    window.paste(whole, (120, 70))
    left, right = rows(whole, window)
    matrix = by_keypoints(left, right, mirrored=False)
    assert matrix is not None
    assert look(whole, window, matrix).more == -1


def test_isotonic_regression_is_that_of_scipy() -> None:
    from scipy.optimize import isotonic_regression

    rng = np.random.default_rng(2)
    for n in (1, 2, 256):
        values, weights = np.arange(n) / 9 + rng.normal(0, 5, n), rng.uniform(0.1, 9, n)
        expected = isotonic_regression(values, weights=weights).x
        np.testing.assert_allclose(isotonic(values, weights), expected)


def test_compression_brightness_and_blur_are_explained() -> None:
    import io

    whole = picture()
    buffer = io.BytesIO()
    whole.save(buffer, "JPEG", quality=30)
    for changed in (
        Image.open(buffer),
        ImageEnhance.Brightness(whole).enhance(0.6),
        whole.filter(ImageFilter.GaussianBlur(1.2)),
        whole.resize((240, 180)),
        whole.convert("L"),
    ):
        verdict = look(whole, changed)
        assert verdict.residual <= 1
        assert verdict.whole


def test_a_thing_in_another_colour_is_another_picture() -> None:
    whole = picture()
    other = np.asarray(whole).copy()
    part = np.s_[80:250, 120:330]
    other[part] = other[part][..., [2, 0, 1]]
    grey_as_before = np.asarray(whole.convert("L"), float) / np.maximum(
        np.asarray(Image.fromarray(other).convert("L"), float), 1
    )
    other[part] = (other * grey_as_before[..., None]).clip(0, 255).astype(np.uint8)[part]
    assert look(whole, Image.fromarray(other)).residual > 1


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
    assert look(picture(), picture().convert("RGB", matrix)).residual <= 1


def test_another_thing_in_the_same_place_is_another_picture() -> None:
    one, other = picture(), picture()
    for image, seed in ((one, 1), (other, 2)):
        patch = picture(seed, (70, 60))
        image.paste(patch, (200, 150))
    assert look(one, other).residual > 1


def test_faint_print_is_another_label() -> None:
    one, other = picture(4), picture(4)
    for image, word in ((one, "Long"), (other, "Holiday")):
        draw = ImageDraw.Draw(image)
        draw.rectangle((120, 90, 360, 270), (243, 223, 228))
        draw.text((150, 110), "LETTER", (60, 50, 80), font(34))
        draw.text((150, 190), word, (226, 206, 211), font(40))
    assert look(one, other).residual > 1


def test_words_at_the_edge_are_an_overlay() -> None:
    whole = picture()
    labelled = whole.copy()
    ImageDraw.Draw(labelled).text(
        (30, 320), "Holiday by the sea", "white", font(26), stroke_width=3, stroke_fill="black"
    )
    verdict = look(whole, labelled)
    assert verdict.residual <= 1
    assert verdict.overlay > 0
    assert not verdict.whole
    assert (verdict.more, look(labelled, whole).more) == (-1, 1)  # the words hide a part of it


def test_sharp_words_do_not_make_a_soft_picture_sharp() -> None:
    whole = picture().filter(ImageFilter.GaussianBlur(1.2))
    labelled = whole.copy()
    draw = ImageDraw.Draw(labelled)
    draw.rectangle((0, 300, 480, 360), fill="black")
    for line in range(2):
        draw.text((10, 304 + 26 * line), "Words all over the edge of it, so", "white", font(22))
    aligned = align(grey(whole, 400), grey(labelled, 400), UPRIGHT, 400)
    assert aligned is not None
    found = compare(aligned)
    assert found is not None
    assert found.blur == 0
    assert (found.covered, found.overlay) == (-1, pytest.approx(60 / 360, abs=0.05))


def test_words_at_both_edges_are_an_overlay_of_one_picture() -> None:
    whole = picture(7)
    labelled = whole.copy()
    for y, words in ((6, "WHEN YOU SEE IT"), (310, "YOU WILL KNOW")):
        ImageDraw.Draw(labelled).text(
            (40, y), words, "white", font(38), stroke_width=3, stroke_fill="black"
        )
    verdict = look(whole, labelled)
    assert verdict.residual <= 1
    assert verdict.more == -1
    other = labelled.copy()
    other.paste(picture(8, (90, 70)), (200, 140))
    assert look(whole, other).residual > 1


@pytest.mark.parametrize("bar", [False, True])
def test_one_picture_under_other_words_is_another_one(bar: bool) -> None:
    def under(words: str) -> Image.Image:
        labelled = picture(7)
        draw = ImageDraw.Draw(labelled)
        if bar:
            draw.rectangle((0, 306, 480, 360), fill="black")
        draw.text((20, 310), words, "white", font(34), stroke_width=2, stroke_fill="black")
        return labelled

    one, other = under("Nobody knows why it is here"), under("when the coffee is cold again")
    assert look(one, other).residual > 1
    for labelled in (one, other):
        verdict = look(picture(7), labelled)
        assert verdict.residual <= 1
        assert verdict.overlay > 0


def test_words_do_not_move_a_soft_picture() -> None:
    whole = picture(5).filter(ImageFilter.GaussianBlur(3))
    labelled = whole.copy()
    for line in range(2):
        words = "Words all over the edge of it"
        ImageDraw.Draw(labelled).text((10, 294 + 26 * line), words, "white", font(22))
    verdict = look(whole, labelled)
    assert verdict.residual <= 1
    assert verdict.overlay > 0


def test_another_view_is_no_copy_because_its_edge_differs_too() -> None:
    one = picture(6)
    pixels = np.asarray(one)
    y, x = np.mgrid[: pixels.shape[0], : pixels.shape[1]].astype(np.float32)
    moved = x + 0.11 * np.sin(y / 40), y + 0.11 * np.cos(x / 50)
    view = cv2.remap(pixels, *(m.astype(np.float32) for m in moved), cv2.INTER_CUBIC)
    other = Image.fromarray(view)
    other.paste(picture(9, (480, 70)), (0, 0))
    assert look(one, other).residual > 1


def page(lines: int, seed: int) -> Image.Image:
    """A printed page; pages of two seeds differ in their last digits only."""
    rng = np.random.default_rng(seed)
    image = Image.new("L", (500, 760), 244)
    draw = ImageDraw.Draw(image)
    for line in range(lines):
        number = 100 + line if line != lines // 2 else int(rng.integers(100, 999))
        draw.text(
            (40, 30 + 24 * line), f"{line:02} article of the same kind {number}", 20, font(17)
        )
    return image


def test_one_line_of_print_makes_another_page() -> None:
    assert look(page(28, 1), page(28, 1).convert("RGB")).residual < 0.3
    assert look(page(28, 1), page(28, 2)).residual > 1


@pytest.mark.parametrize("shade", [0, 25])
def test_grain_and_uneven_light_do_not_make_two_pages_one(shade: int) -> None:
    pages = []
    for seed in (1, 2):
        small = page(17, seed).crop((0, 0, 500, 460)).resize((430, 396), Image.Resampling.LANCZOS)
        pixels = np.asarray(small, np.float64) - shade * seed * np.linspace(0, 1, 430)
        pixels += np.random.default_rng(seed).normal(0, 14, pixels.shape)
        pages.append(Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)))
    assert look(*pages).residual > 1


def test_a_page_too_small_to_be_read_is_not_matched() -> None:
    small = page(28, 1).resize((105, 160), Image.Resampling.LANCZOS)
    assert look(page(28, 1), small).residual == np.inf


def frame(texture: Image.Image, angle: float) -> NDArray[np.uint8]:
    """A cylinder with a texture of 900 x 240 pixels on it, turned by an angle."""
    x = np.linspace(-1, 1, 240)[None, :]
    column = ((np.arcsin(x) + angle) / np.pi + 1) / 2.5 * 899
    return np.asarray(texture.convert("L"))[np.arange(240)[:, None], column.astype(int) % 900]


def test_a_turning_thing_is_told_from_a_copy() -> None:
    """Neighbouring frames differ less than a compressed copy, but their points move together."""
    rng = np.random.default_rng(5)
    texture = picture(11, (900, 240))

    def grained(angle: float) -> Image.Image:
        pixels = frame(texture, angle) + rng.normal(0, 0.5, (240, 240))
        return Image.fromarray(np.clip(pixels, 0, 255).astype("u1"))

    assert look(grained(0.0), grained(0.0)).residual <= 1
    assert look(grained(0.0), grained(0.05)).residual > 1


def test_neighbouring_frames_of_a_small_thing_are_alike_at_loose() -> None:
    texture = picture(11, (900, 240)).filter(ImageFilter.GaussianBlur(1.5))
    small = [
        Image.fromarray(frame(texture, a)).resize((100, 100), Image.Resampling.LANCZOS)
        for a in (0.0, 0.05)
    ]
    assert 1 < look(*small).residual <= Auto().preset_distance("loose")
