from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tests.verify.pictures import page, verify


def test_one_line_of_print_makes_another_page() -> None:
    assert verify(page(28, 1), page(28, 1).convert("RGB")).residual < 0.3
    assert verify(page(28, 1), page(28, 2)).residual > 1


@pytest.mark.parametrize("shade", [0, 25])
def test_grain_and_uneven_light_do_not_make_two_pages_one(shade: int) -> None:
    pages = []
    for seed in (1, 2):
        small = page(17, seed).crop((0, 0, 500, 460)).resize((430, 396), Image.Resampling.LANCZOS)
        pixels = np.asarray(small, np.float64) - shade * seed * np.linspace(0, 1, 430)
        pixels += np.random.default_rng(seed).normal(0, 14, pixels.shape)
        pages.append(Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)))
    assert verify(*pages).residual > 1


def test_a_page_too_small_to_be_read_is_not_matched() -> None:
    small = page(28, 1).resize((105, 160), Image.Resampling.LANCZOS)
    assert verify(page(28, 1), small).residual == np.inf
