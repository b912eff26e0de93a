"""Pages of text: drawn by seeds, with others that differ from them in one token."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageChops

from imgsim.pictures.text_pages import COPIES, KINDS, copy_page, draw_page, draw_variant
from imgsim.pictures.tokens import change_word


@pytest.mark.parametrize("kind", KINDS)
def test_a_variant_differs_in_one_place(kind: str) -> None:
    page, variant = draw_page(kind, 21), draw_variant(kind, 21, 0)
    assert draw_page(kind, 21).image.tobytes() == page.image.tobytes()
    assert variant.change
    box = ImageChops.difference(page.image, variant.image).getbbox()
    assert box is not None
    assert box[3] - box[1] <= 4 * page.letters  # one line; a note may move by four gaps


@pytest.mark.parametrize("how", COPIES)
def test_a_copy_is_made_by_its_seed(how: str) -> None:
    page = draw_page("ticket", 5).image
    data, suffix = copy_page(page, how, 1)
    assert copy_page(page, how, 1) == (data, suffix)
    with Image.open(io.BytesIO(data)) as image:
        assert np.asarray(image.convert("L")).std() > 5


@pytest.mark.parametrize("word", ["1,250", "Monday", "Yes", "harbour", "-3.50"])
def test_a_changed_word_is_another_one(word: str) -> None:
    changed = {change_word(word, seed) for seed in range(40)}
    kinds = {kind for kind, _ in changed}
    assert all(other != word for kind, other in changed if kind)
    assert len(kinds - {""}) == {"1,250": 3, "-3.50": 3, "harbour": 2}.get(word, 1)
