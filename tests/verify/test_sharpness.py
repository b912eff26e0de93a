from __future__ import annotations

import numpy as np
import pytest
from PIL import ImageFilter

from imgsim.verify.sharpness import equalise_sharpness
from tests.verify.pictures import grey, picture

SHARP = grey(picture(3, (200, 150)), 200)
MASK = np.ones_like(SHARP)


def blurred(deviation: float) -> np.ndarray:
    return grey(picture(3, (200, 150)).filter(ImageFilter.GaussianBlur(deviation)), 200)


@pytest.mark.parametrize("deviation", [1.0, 2.0, 3.0])
def test_the_sharper_image_is_blurred_like_the_other_one(deviation: float) -> None:
    soft = blurred(deviation)
    for images in ((SHARP, soft), (soft, SHARP)):
        left, right, blur = equalise_sharpness(*images, MASK, 0.8)
        assert blur == pytest.approx(deviation, abs=0.5)
        assert np.abs(left - right)[8:-8, 8:-8].mean() < 3


def test_equally_sharp_images_are_smoothed_alone() -> None:
    left, right, blur = equalise_sharpness(SHARP, SHARP, MASK, 0.8)
    assert blur == 0
    np.testing.assert_array_equal(left, right)
    assert 0 < np.abs(left - SHARP).mean() < 20


def test_contrast_is_not_taken_for_sharpness() -> None:
    pale = (SHARP // 2 + 60).astype(np.uint8)
    assert equalise_sharpness(SHARP, pale, MASK, 0.8)[2] == 0


def test_images_without_structure_are_equally_sharp() -> None:
    even = np.full_like(SHARP, 90)
    assert equalise_sharpness(SHARP, even, MASK, 0.8)[2] == 0
