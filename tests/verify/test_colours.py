from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tests.verify.pictures import picture, verify


def test_a_thing_in_another_colour_is_another_picture() -> None:
    whole = picture()
    other = np.asarray(whole).copy()
    part = np.s_[80:250, 120:330]
    other[part] = other[part][..., [2, 0, 1]]
    grey_as_before = np.asarray(whole.convert("L"), float) / np.maximum(
        np.asarray(Image.fromarray(other).convert("L"), float), 1
    )
    other[part] = (other * grey_as_before[..., None]).clip(0, 255).astype(np.uint8)[part]
    assert verify(whole, Image.fromarray(other)).residual > 1


@pytest.mark.parametrize(
    "matrix",
    [
        (1.12, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0.85, 0),
        (0.39, 0.77, 0.19, 0, 0.35, 0.69, 0.17, 0, 0.27, 0.53, 0.13, 0),
        (0.65, 0.29, 0.06, 0, 0.15, 0.79, 0.06, 0, 0.15, 0.29, 0.56, 0),
        (1.4, 0, 0, 0, 0, 1.4, 0, 0, 0, 0, 1.4, 0),
    ],
    ids=["warm", "sepia", "pale", "light"],
)
def test_a_filter_changes_the_colours_of_the_whole_picture(matrix: tuple[float, ...]) -> None:
    assert verify(picture(), picture().convert("RGB", matrix)).residual <= 1
