"""What is around a picture: a border, or more of the picture."""

from __future__ import annotations

import numpy as np
import pytest

from imgsim.measure.extent import narrow_border, share_of_one_colour


def picture(background: int | None = None) -> np.ndarray:
    rng = np.random.default_rng(4)
    pixels = rng.integers(0, 256, (400, 600, 3), np.uint8)
    if background is not None:
        pixels[:60], pixels[-60:], pixels[:, :60], pixels[:, -60:] = [background] * 4
    return pixels


def inside(border: int, width: int = 600, height: int = 400) -> np.ndarray:
    """Unit coordinates of a picture to those of one with a border around it."""
    wide, high = width + 2 * border, height + 2 * border
    return np.array(
        [(width / wide, 0, border / wide), (0, height / high, border / high), (0, 0, 1.0)]
    )


@pytest.mark.parametrize("border", [5, 40])
def test_a_border_has_one_colour(border: int) -> None:
    framed = np.pad(picture(), ((border, border), (border, border), (0, 0)), constant_values=250)
    assert share_of_one_colour(framed, picture(), inside(border)) == (1.0, 0.0)


@pytest.mark.parametrize("background", [None, 255])
def test_a_crop_leaves_no_border(background: int | None) -> None:
    """Where a picture has a background of one colour that goes on inside, too."""
    whole = picture(background)
    assert share_of_one_colour(whole, whole[20:-20, 20:-20], inside(20, 560, 360))[0] < 0.5


def paper(*, specks: bool) -> np.ndarray:
    """A scan with print in its middle; its ground has noise all over, or else a few specks."""
    rng = np.random.default_rng(7)
    page = np.full((400, 600), 240.0)
    page += rng.normal(0, 5, page.shape) if not specks else -9.0 * (rng.random(page.shape) < 0.02)
    page[150:250, 200:400] -= 150 * (rng.random((100, 200)) < 0.5)
    return np.repeat(page.astype(np.uint8)[..., None], 3, axis=2)


def test_paper_is_no_border() -> None:
    """However noisy it is: it is so inside, too."""
    page = paper(specks=False)
    assert share_of_one_colour(page, page[40:-40, 40:-40], inside(40, 520, 320)) == (0.0, 0.0)


def test_specks_do_not_fill_corners() -> None:
    """What was turned and cut lies in paper; filled corners are of one colour exactly."""
    part = np.zeros((400, 400, 3), np.uint8)
    reaching = 1 / (np.cos(np.radians(3)) + np.sin(np.radians(3)))
    page = paper(specks=True)[:, 100:500]
    assert share_of_one_colour(page, part, turned(reaching, 3))[0] == 0
    page[page > 200] = 240
    assert share_of_one_colour(page, part, turned(reaching, 3))[0] == 1


def turned(size: float, degrees: float = 5) -> np.ndarray:
    """Unit coordinates of a picture of `size` of the sides of one in whose middle it lies."""
    angle = np.radians(degrees)
    turn = size * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.block([[turn, 0.5 - turn.sum(axis=1, keepdims=True) / 2], [np.array([[0, 0, 1.0]])]])


def test_the_ground_of_a_picture_is_not_what_fills_corners() -> None:
    """A turned crop ends within the ground; what is turned and filled reaches all sides."""
    ground = np.zeros((600, 600, 3), np.uint8)
    ground[150:450, 150:450] = picture()[:300, :300]
    part = np.zeros((400, 400, 3), np.uint8)
    assert share_of_one_colour(ground, part, turned(0.7))[0] == 0
    reaching = 1 / (np.cos(np.radians(5)) + np.sin(np.radians(5)))
    assert share_of_one_colour(ground, part, turned(reaching))[0] == 1


def test_a_border_of_a_pixel_is_seen_and_a_cut_by_a_pixel_is_none() -> None:
    whole = picture()
    framed = np.pad(whole, ((1, 1), (1, 1), (0, 0)), constant_values=250)
    assert (narrow_border(whole, framed), narrow_border(framed, whole)) == (1, -1)
    assert narrow_border(whole, whole[1:-1, 1:-1]) == 0
    on_white = picture(255)
    assert narrow_border(on_white, on_white[1:-1, 1:-1]) == 0
    assert narrow_border(whole, np.ascontiguousarray(whole[::-1])) == 0
