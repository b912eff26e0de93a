"""Words over a picture, as the verdict tells of them."""

from __future__ import annotations

import pytest
from PIL import Image, ImageDraw, ImageFilter

from imgsim.pictures.lettering import font
from imgsim.verify.alignment import align
from imgsim.verify.residual import compare
from tests.verify.pictures import UPRIGHT, grey, picture, verify


def test_words_at_the_edge_are_an_overlay() -> None:
    whole = picture()
    labelled = whole.copy()
    ImageDraw.Draw(labelled).text(
        (30, 320), "Holiday by the sea", "white", font(26), stroke_width=3, stroke_fill="black"
    )
    verdict = verify(whole, labelled)
    assert verdict.residual <= 1
    assert verdict.overlay > 0
    assert not verdict.whole
    assert (verdict.more, verify(labelled, whole).more) == (-1, 1)  # the words hide a part of it


def test_sharp_words_do_not_make_a_soft_picture_sharp() -> None:
    whole = picture().filter(ImageFilter.GaussianBlur(1.2))
    labelled = whole.copy()
    draw = ImageDraw.Draw(labelled)
    draw.rectangle((0, 300, 480, 360), fill="black")
    for line in range(2):
        draw.text((10, 304 + 26 * line), "Words all over the edge of it, so", "white", font(22))
    aligned = align(grey(whole, 400), grey(labelled, 400), UPRIGHT, 400)
    assert aligned is not None
    residual = compare(aligned)
    assert residual is not None
    assert residual.blur == 0
    assert (residual.overlay_side, residual.overlay) == (-1, pytest.approx(60 / 360, abs=0.05))


def test_words_at_both_edges_are_an_overlay_of_one_picture() -> None:
    whole = picture(7)
    labelled = whole.copy()
    for y, words in ((6, "WHEN YOU SEE IT"), (310, "YOU WILL KNOW")):
        ImageDraw.Draw(labelled).text(
            (40, y), words, "white", font(38), stroke_width=3, stroke_fill="black"
        )
    verdict = verify(whole, labelled)
    assert verdict.residual <= 1
    assert verdict.more == -1
    other = labelled.copy()
    other.paste(picture(8, (90, 70)), (200, 140))
    assert verify(whole, other).residual > 1


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
    assert verify(one, other).residual > 1
    for labelled in (one, other):
        verdict = verify(picture(7), labelled)
        assert verdict.residual <= 1
        assert verdict.overlay > 0


def test_words_do_not_move_a_soft_picture() -> None:
    whole = picture(5).filter(ImageFilter.GaussianBlur(3))
    labelled = whole.copy()
    for line in range(2):
        words = "Words all over the edge of it"
        ImageDraw.Draw(labelled).text((10, 294 + 26 * line), words, "white", font(22))
    verdict = verify(whole, labelled)
    assert verdict.residual <= 1
    assert verdict.overlay > 0
