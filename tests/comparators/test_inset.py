"""Where a picture on an even ground is found."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from imgsim.comparators.inset import find_inset
from imgsim.pictures.generate import landscape


def photo(width: int, height: int) -> NDArray[np.uint8]:
    return landscape(5, width, height).mean(axis=2).astype(np.uint8)


def page(level: int, left: int, top: int, width: int, height: int) -> NDArray[np.uint8]:
    """A photo on a page of 400 x 250 pixels, with lines of print and a bar."""
    image = np.full((250, 400), level, np.uint8)
    image[:20] = abs(level - 60)
    image[30:240:8, 4:60] = image[31:240:8, 4:60] = 128
    image[top : top + height, left : left + width] = photo(width, height)
    return image


@pytest.mark.parametrize("level", [0, 40, 255])
@pytest.mark.parametrize("place", [(100, 60, 140, 105), (221, 33, 87, 131), (75, 101, 72, 54)])
def test_a_picture_on_a_page_is_found_to_the_pixel(
    level: int, place: tuple[int, int, int, int]
) -> None:
    left, top, width, height = place
    found = find_inset(page(level, *place))
    assert found is not None
    assert np.abs(np.subtract(found, (left, top, left + width, top + height))).max() <= 1


def test_a_picture_with_parts_like_the_page_is_found_whole() -> None:
    """As dark leaves on a dark page: it has the level of the ground here and there."""
    left, top, width, height = 140, 60, 150, 105
    image = page(40, left, top, width, height)
    image[30:240:8, 298:390] = 128  # print on its other side too
    seen = image[top : top + height, left : left + width]
    seen[:24][np.random.default_rng(2).random((24, width)) < 0.5] = 40
    found = find_inset(image)
    assert found is not None
    assert np.abs(np.subtract(found, (left, top, left + width, top + height))).max() <= 1


def test_photos_and_pages_without_a_picture_hold_none() -> None:
    assert find_inset(photo(400, 300)) is None
    image = page(255, 100, 60, 40, 30)  # as small as an icon
    assert find_inset(image) is None
    image[60:165, 100:240] = 90  # an even panel
    assert find_inset(image) is None
