"""Which pairs of figures on an even ground are proposed."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from imgsim.comparators.local import LAYOUT
from imgsim.propose import figures
from imgsim.propose.figures import are_figures, near_figures
from imgsim.propose.proposals import propose
from imgsim.propose.reasons import FIGURE
from tests.verify.pictures import picture, rows

Box = tuple[float, float, float, float]


def box(place: Box, size: tuple[int, int] = (400, 300), ground: int = 20) -> Image.Image:
    """A square at a place given in shares of width and height."""
    image = Image.new("RGB", size, (ground, ground, ground))
    x, y, end, bottom = place
    corners = x * size[0], y * size[1], end * size[0], bottom * size[1]
    ImageDraw.Draw(image).rectangle(corners, fill=(200, 60, 60))
    return image


PLACE = (0.4, 0.4, 0.6, 0.65)
OTHER = (0.2, 0.4, 0.4, 0.65)


def test_a_figure_reaches_no_edge_and_is_seen() -> None:
    made = rows(box(PLACE), box((0.0, 0.4, 0.3, 0.6)), box((0, 0, 0, 0)), picture(1))
    assert are_figures(made, np.ones(4, np.bool_)).tolist() == [True, False, False, False]
    assert are_figures(made[:0], np.zeros(0, np.bool_)).tolist() == []


def shaded(place: Box) -> Image.Image:
    """A square that is darker from left to right, as a thing in light is."""
    image = box(place)
    light = np.linspace(1, 0.1, image.width)[None, :, None]
    return Image.fromarray((np.asarray(image) * np.where(image, light, 1)).astype(np.uint8))


def test_a_picture_with_detail_is_a_figure_if_that_is_small_or_even() -> None:
    small, large = (0.4, 0.4, 0.5, 0.5), (0.2, 0.2, 0.8, 0.8)
    made = rows(box(small), box(large), shaded(large))
    assert are_figures(made, np.zeros(3, np.bool_)).tolist() == [True, True, False]
    assert are_figures(made, np.ones(3, np.bool_)).tolist() == [True, True, False]


def test_equal_places_colours_and_shapes_are_near() -> None:
    made = rows(
        box(PLACE),
        box(OTHER),
        box(PLACE, (200, 150)),
        box(PLACE, (400, 260)),
        box(PLACE, ground=60),
    )
    left, right = near_figures(made)
    assert list(zip(left.tolist(), right.tolist(), strict=True)) == [(0, 2)]
    assert [len(side) for side in near_figures(made[:1])] == [0, 0]


def test_flat_pictures_are_proposed_as_figures_alone() -> None:
    made = rows(box(PLACE), picture(1), box(PLACE, (200, 150)), picture(1), box(OTHER))
    flat = np.array([True, False, True, False, True])
    found = propose(made, hashes=True, jobs=1, flat=flat)
    why = dict(zip(found.pairs(), found.why.tolist(), strict=True))
    assert why.keys() == {(0, 2), (1, 3)}
    assert why[0, 2] == FIGURE
    assert not why[1, 3] & FIGURE
    assert propose(made, hashes=False, jobs=1, flat=flat).pairs() == [(1, 3)]


def test_equal_rows_without_colours_are_no_figures() -> None:
    made = np.zeros(4, LAYOUT)
    assert propose(made, hashes=True, jobs=1, flat=np.ones(4, np.bool_)).pairs() == []


@pytest.mark.parametrize("size", [1, 2, 3])
def test_the_size_of_the_parts_changes_nothing(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    made = np.zeros(7, LAYOUT)
    made["colours"] = rng.integers(0, 255, made["colours"].shape)
    made["colours"][[1, 4]] = 128
    made["colours"][[1, 4], 12:16, 12:16] = 255
    flat = np.array([False, True, False, True, False, False, True])
    monkeypatch.setattr(figures, "_ROWS", size)
    assert are_figures(made, flat).tolist() == [i in (1, 4) for i in range(7)]
