"""Verdicts on pictures that are made here with known changes."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps

from imgsim.comparators.recipes import Auto
from imgsim.pictures.lettering import font
from imgsim.verify.alignment import align
from imgsim.verify.judge import judge, judge_negative
from imgsim.verify.matrix import inverse
from imgsim.verify.needed import ALL, DUPLICATES
from tests.verify.pictures import (
    SMALL,
    UPRIGHT,
    captioned,
    grained,
    grey,
    multiscale,
    other_limits,
    picture,
    verify,
    waved,
)


def test_compression_brightness_and_blur_are_explained() -> None:
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
        verdict = verify(whole, changed)
        assert verdict.residual <= 1
        assert verdict.whole


def test_another_thing_in_the_same_place_is_another_picture() -> None:
    one, other = picture(), picture()
    for image, seed in ((one, 1), (other, 2)):
        patch = picture(seed, (70, 60))
        image.paste(patch, (200, 150))
    assert verify(one, other).residual > 1


def test_faint_print_is_another_label() -> None:
    one, other = picture(4), picture(4)
    for image, word in ((one, "Long"), (other, "Holiday")):
        draw = ImageDraw.Draw(image)
        draw.rectangle((120, 90, 360, 270), (243, 223, 228))
        draw.text((150, 110), "LETTER", (60, 50, 80), font(34))
        draw.text((150, 190), word, (226, 206, 211), font(40))
    assert verify(one, other).residual > 1


def test_another_view_is_no_copy_because_its_edge_differs_too() -> None:
    one = picture(6)
    other = waved(one, 0.11)
    other.paste(picture(9, (480, 70)), (0, 0))
    assert verify(one, other).residual > 1


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

    assert verify(grained(0.0), grained(0.0)).residual <= 1
    assert verify(grained(0.0), grained(0.05)).residual > 1


def test_neighbouring_frames_of_a_small_thing_are_alike_at_loose() -> None:
    texture = picture(11, (900, 240)).filter(ImageFilter.GaussianBlur(1.5))
    small = [
        Image.fromarray(frame(texture, a)).resize((100, 100), Image.Resampling.LANCZOS)
        for a in (0.0, 0.05)
    ]
    assert 1 < verify(*small).residual <= Auto().preset_distance("loose")


# Directions and hypotheses -----------------------------------------------------------------------


def underexposed(image: Image.Image, factor: float = 0.3) -> Image.Image:
    """A copy with black shadows, so that the other picture's tones cannot be told from it.

    Its points are not found so exactly in the other picture as the other's points in it.
    """
    pixels = np.asarray(image) * factor - 30
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


SHIFTED = np.array([[320 / 311, 0, -6 / 311], [0, 240 / 233, -4 / 233], [0, 0, 1]])
"""A picture of 320 x 240 pixels onto a part of it: of one size they were two exposures."""


@pytest.fixture(scope="module")
def undecided() -> tuple[Image.Image, Image.Image]:
    """A dark, captioned part of a picture, and the bright whole."""
    whole = picture(21, SMALL)
    left = captioned(underexposed(whole.crop((6, 4, 317, 237))))
    return left, whole


def test_an_undecided_pair_is_compared_in_the_other_direction_too(
    undecided: tuple[Image.Image, Image.Image],
) -> None:
    verdict = verify(*undecided)
    assert verdict.residual <= 1
    np.testing.assert_allclose(np.array(verdict.matrix).reshape(3, 3), SHIFTED, atol=0.003)
    assert verdict.more == 1  # the words hide a part of the left one
    with other_limits("judge", min_blocks_both_ways=10**6):
        assert 1 < verify(*undecided).residual < 2.5  # it is not so from left to right


def test_both_directions_tell_the_same_of_a_pair(
    undecided: tuple[Image.Image, Image.Image],
) -> None:
    one, other = verify(*undecided), verify(*reversed(undecided))
    assert one.residual == pytest.approx(other.residual)
    back = inverse(np.array(other.matrix).reshape(3, 3))
    np.testing.assert_allclose(np.array(one.matrix).reshape(3, 3), back / back[2, 2], atol=1e-9)
    assert (one.more, one.overlay) == (-other.more, pytest.approx(other.overlay))


def test_a_turn_is_undone_in_the_other_direction() -> None:
    whole = picture(23, SMALL)
    left = underexposed(whole.crop((6, 4, 320, 240)), 0.25)
    right = whole.crop((0, 0, 314, 236)).transpose(Image.Transpose.ROTATE_90)
    turn = np.array([[0, -1, 1], [1, 0, 0], [0, 0, 1.0]])
    shifted = np.array([[1, 0, -6 / 314], [0, 1, -4 / 236], [0, 0, 1]])
    verdict = verify(left, right, turn)
    assert verdict.residual <= 1
    np.testing.assert_allclose(np.array(verdict.matrix).reshape(3, 3), shifted @ turn, atol=0.003)
    with other_limits("judge", min_blocks_both_ways=10**6):
        assert 1 < verify(left, right, turn).residual < 2.5


def test_the_hypothesis_that_holds_is_found_and_ends_the_search() -> None:
    image = picture(3, SMALL)
    mirrored = np.array([[-1, 0, 1], [0, 1, 0], [0, 0, 1.0]])
    tried = []

    def hypotheses() -> Iterator[NDArray[np.float64]]:
        for matrix in (mirrored, UPRIGHT, mirrored):
            tried.append(matrix)
            yield matrix

    verdict = judge(multiscale(image), multiscale(grained(image, 4)), hypotheses())
    assert verdict.residual <= 1
    assert len(tried) == 2
    assert np.isinf(verify(image, image, mirrored).residual)


# Limits: a pair on either side of each -----------------------------------------------------------


def test_a_block_may_differ_so_much_at_most_even_in_noise() -> None:
    """Noise hides faint differences, and no others."""
    pair = []
    for seed, x, y in ((1, 130, 100), (2, 140, 108)):
        image = picture(3, SMALL)
        ImageDraw.Draw(image).rectangle((110, 80, 190, 150), (120, 120, 120))
        ImageDraw.Draw(image).rectangle((x, y, x + 20, y + 20), (145, 145, 145))
        pair.append(grained(image, 40, seed))
    assert verify(*pair).residual > 1
    with other_limits("judge", max_difference=9.0):
        assert verify(*pair).residual < 1


def test_a_picture_that_is_blurred_too_much_is_not_compared() -> None:
    whole = picture(3, SMALL)
    soft, softer = (whole.filter(ImageFilter.GaussianBlur(n)) for n in (4, 5))
    assert verify(whole, softer).residual <= 1  # where it lies exactly
    soft, softer = (image.crop((7, 5, *SMALL)) for image in (soft, softer))
    assert verify(whole, soft).residual <= 1
    assert verify(whole, softer).residual == np.inf
    with other_limits("judge", max_blur=99.0):
        assert verify(whole, softer).residual <= 1


def test_a_picture_of_which_few_points_agree_is_not_compared() -> None:
    one, other = picture(8, (400, 300)), picture(28, (400, 300))
    other.paste(one.crop((0, 0, 110, 300)), (0, 0))
    shares = []
    for pair in ((one, other), (other, one)):
        aligned = align(grey(pair[0], 400), grey(pair[1], 400), UPRIGHT, 400)
        assert aligned is not None
        assert aligned.inliers > 24
        shares.append(aligned.inliers / aligned.tracked)
    assert 0.1 < shares[0] < 0.3 < shares[1] < 0.5
    with other_limits("judge", min_inlier_share=0.5):
        assert verify(one, other).residual == np.inf
    assert 1 < verify(one, other).residual < np.inf  # in the other direction


def test_so_much_of_a_picture_may_have_another_colour() -> None:
    whole = np.asarray(picture(3, SMALL).convert("YCbCr"))

    def with_thing(side: int, *chroma: int) -> Image.Image:
        pixels = whole.copy()
        thing = pixels[80 : 80 + side, 100 : 100 + side]
        thing[..., 0] = thing[..., 0] // 3 + 80
        thing[..., 1:] = chroma
        return Image.fromarray(pixels, "YCbCr").convert("RGB")

    def verify_recoloured(side: int) -> float:
        return verify(with_thing(side, 90, 190), with_thing(side, 190, 90)).residual

    # what is small is another matter
    with other_limits("colour_details", max_colour_ratio=1e9, max_colour_ratio_lone=1e9):
        assert verify_recoloured(30) <= 1
        assert verify_recoloured(50) > 1
        with other_limits("colours", max_recoloured=0.08):
            assert verify_recoloured(50) <= 1
    assert verify_recoloured(30) > 1


def test_a_negative_is_alike_at_loose_alone() -> None:
    whole = picture(3, SMALL)
    images = [multiscale(one) for one in (whole, ImageOps.invert(whole), picture(4, SMALL))]
    for pair in ((0, 1), (1, 0)):
        verdict = judge_negative(images[pair[0]], images[pair[1]])
        assert 2 <= verdict.residual < 2.5
        assert verdict.whole
    assert judge_negative(images[0], images[2]).residual == np.inf


def test_a_picture_with_a_hole_or_a_sign_is_alike_at_loose_alone() -> None:
    whole = picture(3)
    for box, colour in (((180, 90, 300, 210), "black"), ((20, 240, 120, 330), "red")):
        edited = whole.copy()
        edited.paste(colour, box)
        for pair in ((whole, edited), (edited, whole)):
            assert 2.5 < verify(*pair).residual < 4
    edited.paste("red", (0, 0, 480, 250))  # two thirds of it
    assert verify(whole, edited).residual > 4


def test_pictures_that_differ_by_far_in_one_place_are_not_aligned_for_normal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole, other = picture(3), picture(4)
    pasted = whole.copy()
    pasted.paste(other.crop((100, 90, 220, 190)), (180, 90))
    copy = pasted.filter(ImageFilter.GaussianBlur(1))
    pairs = [[multiscale(one) for one in pair] for pair in ((whole, pasted), (pasted, copy))]
    assert judge(*pairs[0], [UPRIGHT], ALL).residual > 1
    assert judge(*pairs[1], [UPRIGHT], DUPLICATES).residual <= 1
    monkeypatch.delattr("imgsim.verify.judge.align")
    assert judge(*pairs[0], [UPRIGHT], DUPLICATES).residual > 1
    with pytest.raises(NameError):
        judge(*pairs[1], [UPRIGHT], DUPLICATES)
