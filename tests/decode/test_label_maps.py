"""Masks and label maps are told from pictures."""

from __future__ import annotations

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from imgsim.decode.label_maps import _count_regions, _voc_colours, find_label_map, names_a_label_map
from imgsim.decode.spec import NeedsMemory
from imgsim.pictures import documents, drawings
from imgsim.pictures.generate import landscape

PLENTY = 1 << 30


def encoded(image: Image.Image, form: str = "PNG") -> bytes:
    stream = io.BytesIO()
    image.save(stream, form)
    return stream.getvalue()


def shapes(seed: int, number: int, levels: int, size: tuple[int, int] = (320, 240)) -> Image.Image:
    """Round shapes with hard edges, each of a level from 1 on."""
    rng = np.random.default_rng(seed)
    image = Image.new("L", size)
    draw = ImageDraw.Draw(image)
    for _ in range(number):
        x, y = rng.integers(0, size[0]), rng.integers(0, size[1])
        radius = rng.integers(6, 60)
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), int(rng.integers(1, levels)))
    return image


@pytest.mark.parametrize("form", ["PNG", "BMP", "TIFF", "GIF"])
@pytest.mark.parametrize(("number", "levels"), [(1, 2), (4, 2), (12, 9), (60, 40)])
def test_maps_of_one_channel(number: int, levels: int, form: str) -> None:
    image = shapes(number, number, levels)
    told = find_label_map(encoded(image, form), PLENTY)
    assert told is not None
    assert told.certain
    assert told.levels == len(np.unique(np.asarray(image)))


def test_black_and_white_and_16_bits() -> None:
    mask = shapes(1, 3, 2).point(lambda level: 255 * (level > 0)).convert("1")
    assert find_label_map(encoded(mask), PLENTY) is not None
    instances = np.asarray(shapes(2, 100, 200)).astype(np.uint16) * 300
    assert find_label_map(encoded(Image.fromarray(instances)), PLENTY) is not None


def test_the_palette_of_pascal_voc_is_certain_and_another_is_not() -> None:
    # the first classes, as published
    assert _voc_colours(6).tolist() == [
        [0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0], [0, 0, 128], [128, 0, 128],
    ]  # fmt: skip
    image = shapes(3, 5, 6).convert("P")
    image.putpalette(_voc_colours(256).astype(np.uint8).tobytes())
    told = find_label_map(encoded(image), PLENTY)
    assert told is not None
    assert told.certain
    image.putpalette(bytes(np.random.default_rng(0).integers(0, 256, 768, np.uint8)))
    told = find_label_map(encoded(image), PLENTY)
    assert told is not None
    assert not told.certain
    told = find_label_map(encoded(image.convert("RGB")), PLENTY)
    assert told is not None
    assert not told.certain  # as a logo is


def test_one_level_is_certain_by_no_means() -> None:
    told = find_label_map(encoded(Image.new("L", (100, 100), 250)), PLENTY)
    assert told is not None
    assert not told.certain


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "draw",
    [
        lambda seed: landscape(seed, 320, 240),
        lambda seed: documents.page(seed, 0),
        lambda seed: documents.receipt(seed, 0),
        lambda seed: drawings.chart(seed, 0),
        lambda seed: drawings.product(seed, 0),
        lambda seed: drawings.icon(seed, 0),
    ],
)
def test_pictures_are_none(draw, seed: int) -> None:
    pixels: NDArray[np.uint8] = draw(seed)
    picture = Image.fromarray(pixels).convert("RGB")
    grey = picture.convert("L")
    for image in (
        picture,
        grey,
        grey.convert("1"),  # dithered
        picture.quantize(16),
        grey.point(lambda level: level // 16 * 16),
    ):
        told = find_label_map(encoded(image), PLENTY)
        assert told is None or not told.certain


def test_a_page_of_black_and_white_is_none() -> None:
    page = Image.fromarray(documents.page(1, 0)).convert("L")
    assert (
        find_label_map(encoded(page.point(lambda v: 255 * (v > 128)).convert("1")), PLENTY) is None
    )


def test_what_is_not_looked_at() -> None:
    mask = shapes(4, 3, 2)
    assert find_label_map(encoded(mask, "JPEG"), PLENTY) is None  # its levels are lost
    assert find_label_map(encoded(mask.resize((24, 24))), PLENTY) is None
    assert find_label_map(encoded(mask.convert("RGBA")), PLENTY) is None
    with pytest.raises(NeedsMemory):
        find_label_map(encoded(mask), 1000)


def test_regions_are_counted_by_their_sides() -> None:
    numbers = np.array([[1, 1, 0], [0, 1, 2], [2, 0, 2]])
    assert _count_regions(numbers) == 6


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("data/masks/1.png", True), ("data/SegmentationClass/1.png", True), ("a_mask.png", True),
        ("gtFine/city_gtFine_labelIds.png", True), ("x/label_map/1.png", True),
        ("x\\Ground Truth\\1.png", True), ("x/unmasked/1.png", False), ("x/labelled/1.png", False),
        ("seg/1.png", True), ("photos/1.png", False),
    ],
)  # fmt: skip
def test_names(path: str, named: bool) -> None:
    assert names_a_label_map(path) is named
