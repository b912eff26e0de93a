"""Which of two pictures shows more, and how much they share."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps

from imgsim.pictures.lettering import font
from imgsim.verify.keypoints import matrix_from_keypoints
from tests.verify.pictures import picture, rows, verify


def test_a_crop_lies_where_it_was_cut() -> None:
    whole = picture()
    part = whole.crop((100, 60, 436, 312))
    left, right = rows(whole, part)
    matrix = matrix_from_keypoints(left, right, mirrored=False)
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
    matrix = matrix_from_keypoints(left, right, mirrored=True)
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
    matrix = matrix_from_keypoints(left, right, mirrored=False)
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
    matrix = matrix_from_keypoints(left, right, mirrored=False)
    assert matrix is not None
    assert verify(whole, window, matrix).more == -1
