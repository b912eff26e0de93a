from __future__ import annotations

import numpy as np
import pytest

from imgsim.verify.blocks import Blocks

SIDE = 12
RNG = np.random.default_rng(0)
IMAGE = RNG.uniform(0, 255, (66, 90)).astype(np.float32)
MASK = np.ones(IMAGE.shape, np.uint8)


def block(row: int, column: int) -> tuple[slice, slice]:
    """Its pixels: blocks begin at half a side from each other."""
    half = SIDE // 2
    return slice(row * half, row * half + SIDE), slice(column * half, column * half + SIDE)


def test_means_are_those_of_overlapping_blocks() -> None:
    means = Blocks(MASK, SIDE).mean(IMAGE)
    assert means.shape == (10, 14)
    for place in ((0, 0), (3, 7), (9, 13)):
        assert means[place] == pytest.approx(IMAGE[block(*place)].mean(), rel=1e-4)


def test_a_block_is_inside_where_all_of_it_lies_in_the_mask() -> None:
    mask = MASK.copy()
    mask[20, 31] = 0
    inside = Blocks(mask, SIDE).inside
    for row, column in np.ndindex(*inside.shape):
        assert inside[row, column] == mask[block(row, column)].all()


def test_what_a_line_leaves_unexplained_is_that_of_a_fit() -> None:
    expected = (0.5 * IMAGE + RNG.normal(0, 20, IMAGE.shape)).astype(np.float32)
    unexplained, variance, spread = Blocks(MASK, SIDE).regress(IMAGE, expected)
    for place in ((0, 0), (3, 7), (9, 13)):
        y, x = IMAGE[block(*place)].ravel(), expected[block(*place)].ravel()
        rest = y - np.polyval(np.polyfit(x, y, 1), x)
        assert variance[place] == pytest.approx(y.var(), rel=0.01)
        assert unexplained[place] == pytest.approx(rest.var(), rel=0.02)
    assert spread == pytest.approx(IMAGE.std(), rel=0.05)


def test_an_even_block_explains_nothing() -> None:
    even = np.full(IMAGE.shape, 80, np.float32)
    unexplained, variance, _ = Blocks(MASK, SIDE).regress(IMAGE, even)
    np.testing.assert_allclose(unexplained, variance)


def test_a_band_is_a_block_wider_than_its_rows() -> None:
    blocks = Blocks(MASK, SIDE)  # 11 cells high
    assert blocks.band(slice(4, 6)) == (2 / 11, 9 / 11)
    assert blocks.band(slice(0, 2)) == (0, 5 / 11)
    assert blocks.band(slice(8, 10)) == (6 / 11, 1)


def test_what_is_no_whole_cell_is_left_out() -> None:
    blocks = Blocks(np.ones((35, 29), np.uint8), 8)
    image = RNG.uniform(0, 9, (35, 29)).astype(np.float32)
    means = blocks.mean(image)
    assert means.shape == blocks.inside.shape == (7, 6)
    assert means[-1, -1] == pytest.approx(image[24:32, 20:28].mean(), rel=1e-4)


@pytest.mark.parametrize(("side", "inside"), [(32, True), (30, False)])
def test_a_block_may_lack_less_than_a_thousandth(side: int, inside: bool) -> None:
    """One pixel: of 1024, or of 900."""
    mask = np.ones((side, side), np.uint8)
    mask[1, 1] = 0
    assert Blocks(mask, side).inside.tolist() == [[inside]]


def regress(image: np.ndarray, expected: np.ndarray) -> tuple[float, float, float]:
    """Of one block of 4 x 4 pixels."""
    unexplained, variance, spread = Blocks(np.ones((4, 4), np.uint8), 4).regress(
        image.astype(np.float32), expected.astype(np.float32)
    )
    return float(unexplained[0, 0]), float(variance[0, 0]), spread


CHECKED = np.indices((4, 4)).sum(axis=0) % 2 * 2.0 - 1
STRIPED = np.indices((4, 4))[0] // 2 * 2.0 - 1


def test_a_block_is_explained_but_for_what_is_uncorrelated() -> None:
    image, expected = 50 + 3 * STRIPED + 4 * CHECKED, 20 - 7 * STRIPED
    assert regress(image, expected) == pytest.approx((16, 25, 5), rel=1e-4)
    assert regress(image, 20 + 0.5 * CHECKED) == pytest.approx((9, 25, 5), rel=1e-4)
    assert regress(image, image) == pytest.approx((0, 25, 5), abs=1e-2)


@pytest.mark.parametrize(("deviation", "unexplained"), [(0.09, 25), (0.11, 9)])
def test_what_varies_by_less_than_a_hundredth_explains_nothing(
    deviation: float, unexplained: float
) -> None:
    image = 3 * STRIPED + 4 * CHECKED
    assert regress(image, deviation * CHECKED)[0] == pytest.approx(unexplained, rel=1e-3)


def test_the_spread_is_that_of_blocks_in_the_mask() -> None:
    mask = np.ones((16, 32), np.uint8)
    mask[:, 16:] = 0
    image = np.full((16, 32), 200, np.float32)
    image[:, :16] = 30 + 6 * np.tile(CHECKED, (4, 4))
    image[:8, :16] += 20
    blocks = Blocks(mask, 4)
    assert np.count_nonzero(blocks.inside) == 7 * 7
    # of 7 rows of blocks 3 have 20 more, and one has half of it
    levels = np.array([50, 50, 50, 40, 30, 30, 30])
    power = np.array([2500, 2500, 2500, (2500 + 900) / 2, 900, 900, 900]) + 36
    expected = np.sqrt(power.mean() - levels.mean() ** 2)
    assert blocks.regress(image, image)[2] == pytest.approx(expected, rel=1e-3)
    even = np.full((16, 32), 81.3, np.float32)
    assert blocks.regress(even, even)[2] == pytest.approx(0, abs=0.1)


def test_a_band_ends_at_the_edges_of_the_image() -> None:
    blocks = Blocks(np.ones((120, 12), np.uint8), SIDE)  # 20 cells high
    assert blocks.band(slice(2, 3)) == (0, 6 / 20)
    assert blocks.band(slice(3, 16)) == (1 / 20, 19 / 20)
    assert blocks.band(slice(17, 18)) == (15 / 20, 1)
    assert blocks.band(slice(0, 19)) == (0, 1)
