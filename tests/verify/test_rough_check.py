"""Matrices that are chance are rejected before anything is aligned."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter

from imgsim.comparators.local import LONG_SIDE
from imgsim.decode.detail import shrink
from imgsim.verify.matrix import Grey, Matrix, inverse
from imgsim.verify.rough_check import agree_roughly
from tests.verify.pictures import captioned, grained, other_limits, picture

BOX = (100, 60, 436, 312)
CUT = np.array([[336 / 480, 0, 100 / 480], [0, 252 / 360, 60 / 360], [0, 0, 1]])
"""The crop of `BOX` onto the whole picture of 480 x 360 pixels."""


def grey(image: Image.Image) -> Grey:
    return shrink(np.asarray(image.convert("L")), LONG_SIDE)


def off_by(share: float) -> Matrix:
    return np.array([[1, 0, share], [0, 1, -share], [0, 0, 1]])


@pytest.mark.parametrize("seed", range(20, 26))
def test_what_was_cut_out_agrees_though_its_place_is_rough(seed: int) -> None:
    whole = picture(seed)
    part = whole.crop(BOX)
    for copy in (
        part,
        captioned(part),
        grained(part, 20),
        ImageEnhance.Contrast(part).enhance(0.4),
        part.filter(ImageFilter.GaussianBlur(3)),
    ):
        assert agree_roughly(grey(whole), grey(copy), off_by(0.01) @ CUT)
        assert agree_roughly(grey(copy), grey(whole), inverse(off_by(0.01) @ CUT))


def test_what_lies_elsewhere_or_is_another_picture_does_not_agree() -> None:
    rejected = [
        not agree_roughly(grey(picture(seed)), grey(other.crop(BOX)), matrix)
        for seed in range(20, 32)
        for other, matrix in (
            (picture(seed + 20), CUT),
            (picture(seed), off_by(0.12) @ CUT),
        )
    ]
    assert np.mean(rejected) > 0.7
    negative = Image.fromarray(255 - np.asarray(picture(20)))
    assert not agree_roughly(grey(picture(20)), grey(negative), np.eye(3))


def test_where_there_is_too_little_to_tell_nothing_is_rejected() -> None:
    left, right = grey(picture(20)), grey(picture(40))
    beside = np.array([[1, 0, 0.99], [0, 1, 0], [0, 0, 1.0]])
    assert not agree_roughly(left, right, np.eye(3))
    assert agree_roughly(left, right, beside)
    assert agree_roughly(left, right // 100 + 100, np.eye(3))
    with other_limits("rough_check", rough_min_correlation=-1.0):
        assert agree_roughly(left, right, np.eye(3))


def test_what_lies_beside_a_page_in_a_window_is_not_of_the_page() -> None:
    """Pixels at its edges are mixed with a dark desktop, and there is little else on it."""
    page = Image.new("L", (600, 840), "white")
    for row in range(2):
        page.paste(170, (60, 180 + 140 * row, 200 + 60 * row, 186 + 140 * row))
    desktop = Image.new("L", (900, 1000), 25)
    desktop.paste(page.resize((451, 631), Image.Resampling.LANCZOS), (233, 177))
    matrix = np.array([[900 / 451, 0, -233 / 451], [0, 1000 / 631, -177 / 631], [0, 0, 1]])
    assert agree_roughly(grey(page), grey(desktop), matrix)
    assert agree_roughly(grey(desktop), grey(page), inverse(matrix))
    assert not agree_roughly(grey(page), grey(desktop), off_by(0.1) @ matrix)
