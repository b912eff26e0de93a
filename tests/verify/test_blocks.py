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
