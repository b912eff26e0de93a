"""Which files have the shape that a picture was taken in."""

from __future__ import annotations

import math

import pytest

from imgsim.group.shapes import Shape, are_stretched
from tests.group.test_stars import picture

SQUEEZED = math.log(1 / 1.5)
"""A picture of 3:2 that was made square."""


def shape(width: int, height: int, stretch: float = 0.0) -> Shape:
    return Shape(stretch, picture("a.jpg", width=width, height=height).facts)


@pytest.mark.parametrize(
    ("shapes", "stretched"),
    [
        ([shape(600, 400)], "n"),
        ([shape(600, 400), shape(300, 200, 0.01)], "nn"),  # what aligning leaves
        ([shape(600, 400), shape(618, 400, math.log(1.03))], "ny"),
        # a centre that is stretched itself, of the shape of no camera
        ([shape(618, 400), shape(600, 400, -math.log(1.03))], "yn"),
        # most files have the odd shape
        ([shape(600, 400), *[shape(570, 400, -0.05)] * 2], "ynn"),
        # a few squares, each of another size, say nothing against the camera's shape
        ([shape(600, 400), *[shape(n, n, SQUEEZED) for n in (480, 256, 224)]], "nyyy"),
        ([shape(590, 410), shape(480, 480, SQUEEZED)], "ny"),
        # a picture that was taken square
        ([*[shape(480, 480)] * 2, shape(600, 400, -SQUEEZED)], "nny"),
        # nothing tells
        ([shape(590, 410), shape(570, 410, -0.035)], "nn"),
    ],
)
def test_shapes(shapes: list[Shape], stretched: str) -> None:
    assert are_stretched(shapes) == [letter == "y" for letter in stretched]
    assert are_stretched(shapes[::-1]) == [letter == "y" for letter in stretched][::-1]
