"""Words over a picture, as the verdict tells of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from imgsim.pictures.lettering import font
from imgsim.verify import overlay
from imgsim.verify.alignment import align
from imgsim.verify.blocks import Blocks
from imgsim.verify.overlay import (
    NO_OVERLAY,
    Overlay,
    _both_overlaid,
    _differing_rows,
    find_overlay,
    without_single_blocks,
)
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


# Maps of blocks made by hand ----------------------------------------------------------------------

SHAPE = 20, 16
INSIDE = np.ones(SHAPE, bool)


@pytest.fixture
def opened_by_scipy(monkeypatch: pytest.MonkeyPatch) -> None:
    """An opening that leaves values where they were, whatever the place OpenCV gives them."""
    from scipy.ndimage import grey_opening

    monkeypatch.setattr(
        overlay,
        "without_single_blocks",
        lambda difference: grey_opening(difference, (2, 2), mode="constant"),
    )


def differing(*bands: tuple[int, int, float], columns: tuple[int, int] = (3, 12)) -> NDArray:
    """A map of differences: rows from and to, and by how much."""
    difference = np.zeros(SHAPE, np.float32)
    for first, last, value in bands:
        difference[first:last, slice(*columns)] = value
    return difference


@pytest.mark.usefixtures("opened_by_scipy")
@pytest.mark.parametrize(
    ("bands", "rows"),
    [
        ([(16, 19, 9)], [(16, 19)]),
        ([(0, 3, 9)], [(0, 3)]),
        ([(0, 3, 9), (17, 20, 8)], [(0, 3), (17, 20)]),
        ([(0, 2, 9), (4, 6, 9)], [(0, 6)]),  # two lines are one overlay
        ([(2, 6, 9)], [(2, 6)]),  # 0.3 of 20 rows
        ([(2, 7, 9)], []),
        ([(14, 16, 9)], [(14, 16)]),
        ([(13, 16, 9)], []),
        ([(0, 3, 9), (13, 16, 9)], []),
        ([(2, 4, 9), (9, 11, 9)], []),
        ([(16, 19, 8)], [(16, 19)]),
        ([(16, 19, 7.9)], []),  # a band that differs little is none
        ([(0, 3, 9), (16, 19, 7.9)], []),
        ([(16, 18, 9), (18, 20, 4.1)], [(16, 20)]),
        ([(16, 18, 9), (18, 20, 4)], [(16, 18)]),
        ([(16, 17, 9)], []),  # one row of blocks is chance
        ([], []),
    ],
)
def test_rows_that_differ_lie_at_an_edge(
    bands: list[tuple[int, int, float]], rows: list[tuple[int, int]]
) -> None:
    result = _differing_rows(differing(*bands), INSIDE, INSIDE)
    assert [(band.start, band.stop) for band in result] == rows


@pytest.mark.usefixtures("opened_by_scipy")
@pytest.mark.parametrize(
    ("bands", "rows"),
    [
        ([(4, 7, 9)], [(4, 7)]),  # of 10 rows from the fourth on
        ([(4, 8, 9)], []),
        ([(11, 14, 9)], [(11, 14)]),
        ([(10, 14, 9)], []),
        ([(4, 6, 9), (12, 14, 9)], [(4, 6), (12, 14)]),
    ],
)
def test_an_edge_is_that_of_the_overlap(
    bands: list[tuple[int, int, float]], rows: list[tuple[int, int]]
) -> None:
    inside = np.zeros(SHAPE, bool)
    inside[4:14, 2:] = True
    result = _differing_rows(differing(*bands), INSIDE, inside)
    assert [(band.start, band.stop) for band in result] == rows


@pytest.mark.usefixtures("opened_by_scipy")
@pytest.mark.parametrize(("blocks", "enough"), [(60, True), (59, False)])
def test_beside_an_overlay_there_is_a_picture(blocks: int, enough: bool) -> None:
    structured = np.zeros(SHAPE, bool)
    structured.flat[:blocks] = True
    assert bool(_differing_rows(differing((16, 19, 9)), structured, INSIDE)) == enough


def letters_on(left: float, right: float, around: tuple[float, float]) -> list[NDArray]:
    """Structure of letters, and around them, on either image."""
    maps = [np.full(SHAPE, level, np.float32) for level in around]
    for one, level in zip(maps, (left, right), strict=True):
        one[16:19] = level
    return maps


@pytest.mark.parametrize(
    ("structure", "both"),
    [
        (letters_on(40, 40, (20, 20)), True),
        (letters_on(40, 34.1, (20, 20)), True),  # 0.85
        (letters_on(40, 33.9, (20, 20)), False),
        (letters_on(33.9, 40, (20, 20)), False),
        (letters_on(40, 40, (42, 42)), True),  # 0.95 of the picture around
        (letters_on(40, 40, (42.2, 20)), False),
        (letters_on(40, 40, (20, 42.2)), False),
        (letters_on(2.9, 2.9, (0, 0)), True),  # 3 at least stand for an even picture
        (letters_on(2.8, 2.8, (0, 0)), False),
    ],
)
def test_letters_on_both_images_have_like_structure(structure: list[NDArray], both: bool) -> None:
    rows = [slice(16, 19)]
    assert _both_overlaid(structure, differing((16, 19, 9)), rows, INSIDE) == both


def test_structure_is_that_of_most_letters_and_most_of_the_picture() -> None:
    """A fifth of the letters have more of it, and a tenth of the picture."""
    structure = letters_on(40, 40, (20, 20))
    structure[0][16:19, 3:5] = 400  # of nine columns two: the quantile lies on the edge
    structure[0][16, 3] = 40
    structure[1][:2, :13] = 400  # 26 of 272 blocks
    difference, rows = differing((16, 19, 9)), [slice(16, 19)]
    assert _both_overlaid(structure, difference, rows, INSIDE)
    structure[1][2, :6] = 400  # 32 of them
    assert not _both_overlaid(structure, difference, rows, INSIDE)
    structure = letters_on(40, 40, (20, 20))
    structure[0][16:19, 3:6] = 400  # three of nine columns
    assert not _both_overlaid(structure, difference, rows, INSIDE)


@pytest.mark.parametrize(("columns", "both"), [((0, 15), True), ((0, 16), False)])
def test_under_a_bar_nothing_is_known(columns: tuple[int, int], both: bool) -> None:
    """15 of 16 columns differ, 0.94, or all of them."""
    difference = differing((16, 19, 9), columns=columns)
    structure = letters_on(40, 40, (20, 20))
    assert _both_overlaid(structure, difference, [slice(16, 19)], INSIDE) == both


def test_blocks_beyond_the_overlap_and_alike_ones_do_not_count() -> None:
    inside = INSIDE.copy()
    inside[:, 14:] = False
    structure = letters_on(40, 40, (20, 20))
    structure[0][:, 14:] = 900
    difference = differing((16, 19, 9), columns=(3, 16))
    difference[18] = 4.0  # no more than blocks may
    structure[1][18] = 900
    assert _both_overlaid(structure, difference, [slice(16, 19)], inside)
    only = np.zeros(SHAPE, bool)
    only[16:19] = True
    assert not _both_overlaid(structure, difference, [slice(16, 19)], only)  # nothing around


def find(unexplained: Sequence[NDArray], difference: NDArray, letters: float = 0.0) -> Overlay:
    blocks = Blocks(np.ones((SHAPE[0] * 6 + 6, SHAPE[1] * 6 + 6), np.uint8), 12)
    assert blocks.inside.shape == SHAPE
    structure = letters_on(40, letters, (20, 20))
    return find_overlay(difference, unexplained, structure, INSIDE, blocks)


@pytest.mark.usefixtures("opened_by_scipy")
def test_an_overlay_lies_on_the_image_with_more_that_is_not_explained() -> None:
    difference = differing((16, 19, 9))
    more, less = differing((16, 19, 9)), differing((16, 19, 8))
    assert find((more, less), difference) == Overlay((slice(16, 19),), 1)
    assert find((less, more), difference) == Overlay((slice(16, 19),), -1)
    assert find((more, less), difference, letters=40) == NO_OVERLAY == Overlay((), 0)
    assert find((more, less), 0 * difference) == NO_OVERLAY


@pytest.mark.usefixtures("opened_by_scipy")
def test_overlays_on_both_images_are_none() -> None:
    difference = differing((0, 3, 9), (16, 19, 9))
    left, right = differing((0, 3, 9), (16, 19, 7)), differing((0, 3, 8), (16, 19, 8))
    assert find((left, right), difference) == NO_OVERLAY
    both = Overlay((slice(0, 3), slice(16, 19)), 1)
    assert find((left, 0 * right), difference) == both
    assert find((0 * left, right), difference) == replace(both, side=-1)


def test_single_blocks_are_left_out() -> None:
    """Of a square of blocks the value that all four reach is left."""
    difference = np.zeros((7, 8), np.float32)
    difference[1, 1] = difference[3, 2:6] = 9
    difference[2:4, 4:6] = [[5, 6], [7, 8]]
    opened = without_single_blocks(difference)
    assert sorted(opened[opened > 0]) == [5] * 4
    rows, columns = np.nonzero(opened)
    assert (np.ptp(rows), np.ptp(columns)) == (1, 1)
    assert opened[3, 5] == 5
