"""Which of two pictures shows more, and how much they share."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageOps

from imgsim.pictures.lettering import font
from imgsim.types import Verdict
from imgsim.verify.overlap import _is_edge, _is_pasted, _sample, make_verdict, share_seen
from tests.verify.pictures import UPRIGHT, matrix_of_rows, picture, rows, verify


def test_a_crop_lies_where_it_was_cut() -> None:
    whole = picture()
    part = whole.crop((100, 60, 436, 312))
    left, right = rows(whole, part)
    matrix = matrix_of_rows(left, right, mirrored=False)
    assert matrix is not None
    verdict = verify(whole, part, matrix)
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
    matrix = matrix_of_rows(left, right, mirrored=True)
    assert matrix is not None
    assert np.linalg.det(matrix[:2, :2]) < 0
    verdict = verify(whole, framed, matrix)
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
    matrix = matrix_of_rows(left, right, mirrored=False)
    assert matrix is not None
    verdict = verify(whole, window, matrix)
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
    matrix = matrix_of_rows(left, right, mirrored=False)
    assert matrix is not None
    assert verify(whole, window, matrix).more == -1


# Areas --------------------------------------------------------------------------------------------

FLAT = np.full((64, 64), 90, np.uint8)


def placed(x: float, y: float, width: float, height: float) -> NDArray[np.float64]:
    """A matrix that lays the right picture into a box of the left one."""
    return np.array([[width, 0, x], [0, height, y], [0, 0, 1.0]])


def verdict_on(
    matrix: NDArray[np.float64], overlay_side: int = 0, left: NDArray[np.uint8] = FLAT
) -> Verdict:
    return make_verdict(left, FLAT, matrix, 0.25, 0.125, overlay_side)


def test_equal_areas_are_all_seen_and_nothing_shows_more() -> None:
    verdict = verdict_on(3 * UPRIGHT)
    assert verdict == Verdict(0.25, tuple(UPRIGHT.ravel()), 1.0, 1.0, 1.0, 0.125, 0)
    assert [verdict_on(UPRIGHT, side).more for side in (-1, 0, 1)] == [-1, 0, 1]


def test_areas_are_measured_in_24_places_either_way() -> None:
    """A place in the middle of each of 24 x 24 squares counts, up to the rim itself."""
    for columns in (23, 12, 1):
        assert verdict_on(placed(columns / 24, 0, 1, 1)).overlap == pytest.approx(1 - columns / 24)
        assert verdict_on(placed(0, -columns / 24, 1, 1)).overlap == pytest.approx(1 - columns / 24)
    assert verdict_on(placed(0.5, 0.25, 1, 1)).overlap == pytest.approx(0.5 * 0.75)
    assert verdict_on(placed(1 / 48, -1 / 48, 1, 1)).overlap == 1.0  # exactly through the places
    assert verdict_on(placed(-1 / 48, 1 / 48, 1, 1)).overlap == 1.0
    assert verdict_on(placed(1.2 / 48, 0, 1, 1)).overlap == pytest.approx(23 / 24)


C, S = 0.98 * np.cos(np.deg2rad(1.5)), 0.98 * np.sin(np.deg2rad(1.5))
TILTED = np.array([[C, -S, 0.5 - (C - S) / 2], [S, C, 0.5 - (C + S) / 2], [0, 0, 1]])
"""About the middle by 1.5 degrees, and a little smaller."""


def test_a_tilted_picture_lacks_corners() -> None:
    assert 0.97 < verdict_on(TILTED).overlap < 1


@pytest.mark.parametrize("side", [-1, 0, 1])
@pytest.mark.parametrize(
    ("matrix", "more"),
    [
        (placed(0, 0, 23 / 24, 1), -1),  # 0.958 of the left one: less than the whole
        (placed(0, 0, 1, 24 / 23), 1),
        (placed(0.25, 0.25, 0.5, 0.5), -1),
        (placed(-0.5, -0.5, 2, 2), 1),
        (placed(1 / 24, 0, 1, 1), None),  # each shows 0.958 of the other
        (placed(2 / 24, 0, 23 / 24, 1), -1),  # 22 columns of 24, and of 23
        (placed(3 / 24, 0, 23 / 24, 1), None),  # 21
        (placed(0.5, 0, 1, 1), None),
        (placed(0.25, 0, 2, 1), None),  # 0.75 of the left one, 0.375 of the right one
        (placed(-0.125, 0, 0.5, 1), None),
        (np.linalg.inv(placed(0, 0, 23 / 24, 1)), 1),
        (TILTED, None),  # all but corners of the left one
        (np.linalg.inv(TILTED), None),
    ],
)
def test_what_holds_the_other_one_shows_more_whatever_covers_it(
    matrix: NDArray[np.float64], more: int | None, side: int
) -> None:
    assert verdict_on(matrix, side).more == (side if more is None else more)


def test_a_picture_set_into_another_one_shows_more_than_that() -> None:
    canvas = np.full((80, 80), 200, np.uint8)
    canvas[20:60, 20:60] = 50
    cut = placed(0.25, 0.25, 0.5, 0.5)
    assert make_verdict(canvas, FLAT, cut, 0, 0, 0).more == 1
    assert make_verdict(FLAT, canvas, np.linalg.inv(cut), 0, 0, 0).more == -1


# Structure ----------------------------------------------------------------------------------------


def striped(height: int, width: int, squares: list[tuple[int, int]]) -> NDArray[np.uint8]:
    """An even image with structure in some squares of 8 x 8 pixels, by row and column."""
    image = np.full((height, width), 100, np.uint8)
    for row, column in squares:
        image[8 * row : 8 * row + 8, 8 * column : 8 * column + 4] = 150
    return image


def test_of_structure_only_what_the_other_picture_shows_is_seen() -> None:
    image = striped(64, 64, [(0, 0), (0, 5), (3, 7), (7, 7)])
    right_half = np.array([[2, 0, -1], [0, 1, 0], [0, 0, 1.0]])  # the other one is the right half
    assert share_seen(image, right_half) == 0.75
    lower_half = np.array([[1, 0, 0], [0, 2, -1], [0, 0, 1.0]])
    assert share_seen(image, lower_half) == 0.25
    assert share_seen(image, UPRIGHT) == 1.0
    left = make_verdict(image, FLAT, np.linalg.inv(right_half), 0, 0, 0)
    assert (left.left_seen, left.right_seen) == (0.75, 0.0)  # nothing is to be seen in the other
    right = make_verdict(FLAT, image, right_half, 0, 0, 0)
    assert (right.left_seen, right.right_seen) == (0.0, 0.75)


@pytest.mark.parametrize(("column", "seen"), [(0, 0.0), (1, 0.0), (2, 0.0), (3, 1.0), (4, 1.0)])
def test_a_square_is_seen_by_its_middle(column: int, seen: float) -> None:
    """Of 40 pixels, of which the other picture begins at the 25th: 20 of every second pixel."""
    image = striped(16, 40, [(1, column)])
    matrix = np.array([[2.5, 0, -1.5], [0, 1, 0], [0, 0, 1.0]])
    assert share_seen(image, matrix) == seen
    upright = np.ascontiguousarray(striped(16, 40, [(1, column)]).T)
    assert share_seen(upright, matrix[[1, 0, 2]][:, [1, 0, 2]]) == seen


def test_squares_at_the_edge_of_the_other_picture_do_not_count() -> None:
    """Such as those with the edge of what fills the corners of a turned picture."""
    image = striped(64, 64, [(1, 1), (3, 0), (3, 3), (5, 5), (7, 2)])  # the fourth is at the edge
    matrix = np.array([[1.45, 0, 0], [0, 1.45, 0], [0, 0, 1.0]])
    assert share_seen(image, matrix) == 3 / 4
    assert share_seen(image, matrix, at_edge=True) == 4 / 5


@pytest.mark.parametrize("shape", [(6, 64), (64, 6), (7, 7)])
def test_in_a_tiny_image_there_is_no_square(shape: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    if 7 in shape:  # every second of seven pixels makes four of them
        assert share_seen(image, UPRIGHT) == 1.0
    else:
        assert share_seen(image, UPRIGHT) == 0.0


@pytest.mark.parametrize(("contrast", "seen"), [(8, 0.0), (9, 1.0)])
def test_structure_begins_above_a_variance_of_16(contrast: int, seen: float) -> None:
    image = striped(32, 32, [])
    image[:, ::16] += np.uint8(contrast)
    image[:, 2::16] += np.uint8(contrast)  # half of the pixels that are read: a quarter squared
    assert share_seen(image, UPRIGHT) == seen


# Rims ---------------------------------------------------------------------------------------------


def test_levels_are_those_of_the_pixel_that_holds_a_point() -> None:
    image = np.arange(12, dtype=np.uint8).reshape(3, 4)
    points = np.array([(0, 3.99, 2.5, -0.01, 4.0, 1, 1), (0, 2.99, 1.0, 1, 1, -0.01, 3.0)])
    np.testing.assert_array_equal(_sample(image, points), [0, 11, 6, *[np.nan] * 4])


LEVELS = np.array([100.0, 100, 100, 100])


@pytest.mark.parametrize(
    ("inner", "outside", "edge"),
    [
        (LEVELS, LEVELS + 4, False),  # no more than 4 levels
        (LEVELS, LEVELS + 4.1, True),
        (LEVELS, LEVELS - 4.1, True),
        (LEVELS + 10, LEVELS + 24, False),  # 2 times 10, and 4
        (LEVELS + 10, LEVELS + 24.1, True),
        (LEVELS - 10, LEVELS - 24.1, True),
        (LEVELS + np.array([9, -9, 9, -9]), LEVELS + np.array([22, 0, -22, 0]), False),
        (LEVELS, LEVELS + np.array([20, 0, 0, 0]), True),
        (LEVELS, LEVELS + np.array([5, -5, 5, -5]), True),
    ],
)
def test_a_step_larger_than_inside_is_an_edge(
    inner: NDArray[np.float64], outside: NDArray[np.float64], edge: bool
) -> None:
    assert _is_edge(np.stack([inner, LEVELS, outside])) == edge


@pytest.mark.parametrize(
    ("deviation", "outside", "edge"),
    [(6, 0, False), (6.1, 0, True), (12, 2, False), (12.1, 2, True), (2, 12, False)],
)
def test_what_is_even_outside_alone_is_an_edge(
    deviation: float, outside: float, edge: bool
) -> None:
    signs = np.array([1.0, -1, 1, -1])
    inside = 100 + deviation * signs
    inner = inside + 50  # so that no step across is larger
    assert _is_edge(np.stack([inner, inside, 100 + outside * signs])) == edge
    assert not _is_edge(np.stack([inner, inside, 100 + 0 * signs, 100 + 12 * signs]))


def canvas_with(sides: str) -> NDArray[np.uint8]:
    """100 x 100 pixels, those from 30 to 70 set in: an edge at some sides, smooth at the others."""
    y, x = np.mgrid[:100, :100]
    image = np.full((100, 100), 100, np.uint8)
    for side, beyond in {"t": y < 30, "b": y >= 70, "l": x < 30, "r": x >= 70}.items():
        if side in sides:
            image[beyond & ((y >= 30) & (y < 70) | (side in "tb"))] = 200
    return image


@pytest.mark.parametrize(
    ("sides", "pasted"),
    [
        ("", False), ("t", False), ("r", False), ("tb", False), ("lr", False),
        ("tbl", True), ("tbr", True), ("tlr", True), ("blr", True), ("tblr", True),
    ],
)  # fmt: skip
def test_a_picture_is_set_in_if_most_of_its_sides_are_edges(sides: str, pasted: bool) -> None:
    into = np.linalg.inv(placed(0.3, 0.3, 0.4, 0.4))
    assert _is_pasted(canvas_with(sides), into) == pasted
    for k in (1, 2, 3):
        assert _is_pasted(np.rot90(canvas_with(sides), k), into) == pasted


@pytest.mark.parametrize(
    ("box", "sides", "pasted"),
    [
        ((0.3, 0, 0.4, 0.7), "blr", True),  # upper side on the canvas' own edge: 3 of 3
        ((0.3, 0, 0.4, 0.7), "lr", True),  # 2 of 3
        ((0.3, 0, 0.4, 0.7), "l", False),
        ((0, 0.3, 1, 0.4), "tb", True),
        ((0, 0.3, 1, 0.4), "t", False),  # 1 of 2
        ((0, 0, 1, 0.7), "b", True),  # 1 of 1
        ((0, 0, 1, 1), "", False),  # 0 of 0
    ],
)
def test_sides_on_the_edge_of_the_canvas_do_not_count(
    box: tuple[float, float, float, float], sides: str, pasted: bool
) -> None:
    assert _is_pasted(canvas_with(sides), np.linalg.inv(placed(*box))) == pasted


@pytest.mark.parametrize(("outside", "counts"), [(24, True), (25, False)])
def test_a_side_counts_if_half_of_it_lies_in_the_canvas(outside: int, counts: bool) -> None:
    """The right part of the upper side lies beyond the canvas; the rest is smooth, or is none."""
    image = np.full((100, 100), 100, np.uint8)
    image[:30] = 200
    width = 48 / (48 - outside)  # of the canvas
    box = np.linalg.inv(placed(0, 0.3, width, 0.7))  # left, right and lower sides lie at its edge
    assert _is_pasted(image, box) == counts


@pytest.mark.parametrize(
    ("light", "pasted"),
    [
        ((), False),
        ((27,), True),  # a step of 100 across
        ((33,), False),  # the same, and another one inside
        ((33, 37), True),
        ((37,), False),
        ((27, 33, 37), False),
        ((27, 33), False),
        ((27, 37), False),
    ],
)
def test_a_rim_is_read_7_and_3_pixels_inside_and_3_outside(
    light: tuple[int, ...], pasted: bool
) -> None:
    """Its upper side lies 30 pixels below the upper edge, the others at edges of the canvas."""
    image = np.full((100, 100), 100, np.uint8)
    for row in light:
        image[row - 1 : row + 1] = 200
    assert _is_pasted(image, np.linalg.inv(placed(0, 0.3, 1, 0.7))) == pasted


def stripes(image: NDArray[np.uint8], top: int, bottom: int, left: int, right: int) -> None:
    """Print, of which each second place along any side is dark."""
    y, x = np.mgrid[top:bottom, left:right]
    image[top:bottom, left:right][(y // 4 + x // 4) % 2 == 0] = 60


@pytest.mark.parametrize(("bottom", "pasted"), [(232, True), (280, False)])
def test_what_goes_on_at_one_side_was_cut_though_print_ends_at_the_others(
    bottom: int, *, pasted: bool
) -> None:
    page = np.full((300, 300), 255, np.uint8)
    stripes(page, 60, bottom, 60, 240)
    assert _is_pasted(page, np.linalg.inv(placed(0.2, 0.2, 0.6, 0.6))) == pasted


@pytest.mark.parametrize("around", [0.0, 0.01])
@pytest.mark.parametrize("shadow", [False, True])
def test_paper_with_specks_does_not_go_on_in_a_ground_without_any(
    around: float, *, shadow: bool
) -> None:
    """Nor does it end where the ground has specks too, or what is on it a shadow alone."""
    page = np.full((400, 300), 255, np.uint8)
    speck = np.random.default_rng(1).random(page.shape) < around
    inside = np.s_[60:340, 40:240]
    if shadow:
        down, across = (np.sin(np.linspace(0, np.pi, n)) for n in (280, 200))
        page[inside] -= np.rint(8 * np.outer(down, across)).astype(np.uint8)
    else:
        speck[inside] = np.random.default_rng(2).random((280, 200)) < 0.01
    page[speck] = 250
    stripes(page, 160, 240, 100, 180)
    page[57:343, 237:243] = page[57:63, 37:243] = page[337:343, 37:243] = page[57:343, 37:43] = 255
    into = np.linalg.inv(placed(40 / 300, 60 / 400, 200 / 300, 280 / 400))
    assert _is_pasted(page, into) == (not around and not shadow)


@pytest.mark.parametrize(("left", "pasted"), [(40, True), (41, True), (43, False)])
def test_a_blank_ground_as_wide_on_all_sides_is_a_border(left: int, *, pasted: bool) -> None:
    page = np.full((300, 300), 255, np.uint8)
    stripes(page, 100, 200, 100, 200)
    into = np.linalg.inv(placed(left / 300, 40 / 300, (260 - left) / 300, 220 / 300))
    assert _is_pasted(page, into) == pasted
    page[5:9, 5:9] = 0  # something is to be seen around it
    assert not _is_pasted(page, into)
