"""Pairs of pictures that differ in one thing."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageChops

from imgsim.pictures.captions import STYLES, write_caption
from imgsim.pictures.generate import landscape
from imgsim.pictures.near_pairs import NEAR_KINDS, draw_near_pair


@pytest.mark.parametrize("kind", NEAR_KINDS)
def test_the_pictures_of_a_pair_differ_in_a_part(kind: str) -> None:
    one, other = draw_near_pair(kind, 5)
    assert [image.tobytes() for image in draw_near_pair(kind, 5)] == [
        one.tobytes(), other.tobytes(),
    ]  # fmt: skip
    assert one.size == other.size
    difference = ImageChops.difference(one, other).convert("L")
    differing = sum(difference.histogram()[24:])
    assert 6 <= differing <= 0.5 * one.width * one.height


@pytest.mark.parametrize("style", STYLES)
def test_a_caption_leaves_the_middle_of_a_photo(style: str) -> None:
    photo = Image.fromarray(landscape(3, 640, 480))
    written = write_caption(photo, style, np.random.default_rng(4))
    assert written.tobytes() != photo.tobytes()
    box = (0, 180, 640, 300)
    if written.size == photo.size:
        assert written.crop(box).tobytes() == photo.crop(box).tobytes()
