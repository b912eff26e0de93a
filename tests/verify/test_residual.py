from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from imgsim.verify.alignment import align
from imgsim.verify.residual import Residual, compare
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
    aligned.mask[40:] = 0
    assert compare(aligned) is None


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
