from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import ImageFilter

from imgsim.verify.sharpness import SharpnessCells, equalise_sharpness
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


# Cells --------------------------------------------------------------------------------------------

NOISE = np.random.default_rng(0).uniform(0, 255, (75, 100)).astype(np.float32)
WHOLE = np.ones(NOISE.shape, np.uint8)


def measure_by_hand(image: np.ndarray, row: int, column: int) -> tuple[float, float]:
    """Mean squared gradient and variance of a cell of 24 pixels, in every fourth row."""
    gradients, levels = [], []
    for y in range(24 * row, 24 * row + 24, 4):
        for x in range(24 * column, 24 * column + 24):
            across = float(image[y, x + 1]) - float(image[y, x])
            down = float(image[y + 1, x]) - float(image[y, x])
            gradients.append(across**2 + down**2)
            levels.append(float(image[y, x]))
    return float(np.mean(gradients)), float(np.var(levels))


def test_a_cell_is_measured_by_its_gradients_and_its_variance() -> None:
    gradient, variance = SharpnessCells(WHOLE).measure(NOISE)
    assert gradient.shape == variance.shape == (3, 4)
    for place in np.ndindex(3, 4):
        expected = measure_by_hand(NOISE, *place)
        assert (gradient[place], variance[place]) == pytest.approx(expected, rel=1e-3)


def test_an_image_smaller_than_a_cell_is_one() -> None:
    small = NOISE[:9, :20]
    gradient, variance = SharpnessCells(WHOLE[:9, :20]).measure(small)
    pixels = small[:8:4, :19]
    down, across = small[1:9:4, :19] - pixels, small[:8:4, 1:20] - pixels
    assert gradient.tolist() == [[pytest.approx(np.mean(down**2 + across**2), rel=1e-3)]]
    assert variance.tolist() == [[pytest.approx(pixels.var(), rel=1e-3)]]


@pytest.mark.parametrize(
    ("side", "shape"), [(24, (1, 1)), (25, (1, 1)), (48, (1, 1)), (49, (2, 2))]
)
def test_a_cell_needs_a_pixel_more_beside_it(side: int, shape: tuple[int, int]) -> None:
    image = np.tile(NOISE, (1, 1))[:side, :side]
    assert SharpnessCells(np.ones((side, side), np.uint8)).measure(image)[0].shape == shape


def maps(*values: float) -> np.ndarray:
    return np.array([values], np.float32)


def test_the_ratio_is_that_of_gradients_by_contrast() -> None:
    """Its median, as a ratio of lengths and not of squares."""
    cells = SharpnessCells(np.ones((25, 73), np.uint8))
    even = maps(100, 100, 100)
    assert cells.ratio((maps(4, 40, 90), even), (maps(1, 10, 10), even)) == pytest.approx(2)
    assert cells.ratio((maps(1, 10, 10), even), (maps(4, 40, 90), even)) == pytest.approx(0.5)
    pale = maps(25, 25, 25)
    assert cells.ratio((maps(8, 8, 8), even), (maps(2, 2, 2), pale)) == pytest.approx(1)
    assert cells.ratio((maps(2, 2, 2), pale), (maps(2, 2, 2), even)) == pytest.approx(2)
    assert cells.ratio((maps(0, 0, 0), even), (maps(1, 1, 1), even)) == pytest.approx(1e-3)


def test_cells_without_structure_and_beyond_the_overlap_do_not_count() -> None:
    even = maps(100, 100, 100)
    gradients = maps(4, 90, 90), maps(1, 10, 10)
    cells = SharpnessCells(np.ones((25, 73), np.uint8))
    for contrast, ratio in ((16.0, 2), (16.5, 3)):  # none at a variance of 16
        for left, right in (((100, contrast, contrast), even), (even, (100, contrast, contrast))):
            variances = [np.asarray(x, np.float32).reshape(1, 3) for x in (left, right)]
            scaled = gradients[0] * variances[0] / 100, gradients[1] * variances[1] / 100
            pairs = (scaled[0], variances[0]), (scaled[1], variances[1])
            assert cells.ratio(*pairs) == pytest.approx(ratio, rel=1e-3)
    mask = np.zeros((25, 73), np.uint8)
    mask[:, :24] = 1
    for covered, ratio in ((12, 2), (13, 3)):  # half of a cell is not enough
        mask[:, 24 : 24 + covered] = mask[:, 48 : 48 + covered] = 1
        pairs = (gradients[0], even), (gradients[1], even)
        assert SharpnessCells(mask).ratio(*pairs) == pytest.approx(ratio)
    assert SharpnessCells(0 * mask).ratio((maps(4, 4, 4), even), (maps(1, 1, 1), even)) == 1.0


# Steps --------------------------------------------------------------------------------------------


def let_ratios(monkeypatch: pytest.MonkeyPatch, *ratios: float) -> None:
    left = list(ratios)
    monkeypatch.setattr(SharpnessCells, "ratio", lambda *given: left.pop(0))


def blur_of(image: np.ndarray, deviation: float) -> np.ndarray:
    return cv2.GaussianBlur(image.astype(np.float32), (0, 0), deviation)


@pytest.mark.parametrize(
    ("ratios", "blur", "sharper"),
    [
        ([1.0], 0, 0),
        ([1.0499], 0, 0),
        ([1 / 1.0499], 0, 0),
        ([1.05, 1.0], 0.7, 0),
        ([1 / 1.0501, 1.0], 0.7, 1),
        ([2, 1.5, 1.2, 1.04], 1.5, 0),
        ([2, 1.5, 0.9], 1.0, 0),  # the other one is sharper now
        ([0.5, 0.7, 0.8, 0.9, 1.1], 2.0, 1),
        ([0.1] * 9, 5.0, 1),
        ([9.0] * 9, 5.0, 0),
    ],
)
def test_the_sharper_image_is_blurred_step_by_step(
    ratios: list[float], blur: float, sharper: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_ratios(monkeypatch, *ratios)
    images = SHARP, np.ascontiguousarray(SHARP[:, ::-1])
    *smoothed, told = equalise_sharpness(*images, MASK, 0.8)
    assert told == blur
    for place, image in enumerate(images):
        deviation = np.hypot(blur, 0.8) if place == sharper else 0.8
        np.testing.assert_allclose(smoothed[place], blur_of(image, deviation), atol=1e-3)
