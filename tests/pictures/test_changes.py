from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from imgsim.pictures.change import Change, combine
from imgsim.pictures.changes import CHANGES, COMBINATIONS, homography
from imgsim.pictures.generate import landscape

ALL = CHANGES + COMBINATIONS


@pytest.fixture(scope="module")
def picture() -> Image.Image:
    return Image.fromarray(landscape(3, 320, 240))


def named(name: str) -> Change:
    return next(change for change in ALL if change.name == name)


def upright(path: Path) -> np.ndarray:
    with Image.open(path) as opened:
        return np.asarray(ImageOps.exif_transpose(opened).convert("RGB"), dtype=np.float64)


def test_there_are_an_exact_copy_and_26_changes() -> None:
    assert len(CHANGES) == 27
    assert [change.name for change in CHANGES if change.exact] == ["exact copy"]
    assert len({change.name for change in ALL}) == len(ALL)


@pytest.mark.parametrize("change", ALL, ids=lambda change: change.name)
def test_a_seed_gives_the_same_file(change: Change, picture: Image.Image, tmp_path: Path) -> None:
    original = tmp_path / "original.JPG"
    picture.save(original, "JPEG")
    before = picture.tobytes()
    one, other = (
        change.write(picture, tmp_path / name, np.random.default_rng(5), original)
        for name in ("a.1", "b.1")
    )
    assert one.name.startswith("a.1.")
    assert one.read_bytes() == other.read_bytes()
    assert (one.read_bytes() == original.read_bytes()) is change.exact
    assert picture.tobytes() == before


def test_an_exact_copy_needs_its_original(picture: Image.Image, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="original"):
        named("exact copy").write(picture, tmp_path / "x", np.random.default_rng(0))


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("half size", (160, 120)),
        ("thumbnail 160", (160, 120)),
        ("crop 30 %", (224, 168)),
        ("rotation 90°", (240, 320)),
        ("rotation 180°", (320, 240)),
        ("crop 15 % + JPEG 30 + caption", (272, 204)),
    ],
)
def test_sizes(name: str, size: tuple[int, int], picture: Image.Image) -> None:
    assert named(name).apply(picture, np.random.default_rng(0)).size == size


@pytest.mark.parametrize("seed", range(4))
def test_exif_turns_the_picture_back(seed: int, picture: Image.Image, tmp_path: Path) -> None:
    path = named("turned by EXIF").write(picture, tmp_path / "x", np.random.default_rng(seed))
    with Image.open(path) as opened:
        assert opened.getexif()[0x0112] in {3, 6, 8}
    assert np.abs(upright(path) - np.asarray(picture)).mean() < 8


def test_crops_come_from_any_place(picture: Image.Image) -> None:
    """Coordinates as colours: the crop says itself where it was taken."""
    x, y = np.meshgrid(np.arange(320), np.arange(240))
    ramp = Image.fromarray(np.stack([x // 2, y, y * 0], axis=-1).astype(np.uint8))
    corners = {
        named("crop 30 %").apply(ramp, np.random.default_rng(seed)).getpixel((0, 0))[:2]
        for seed in range(40)
    }
    left, top = np.array(sorted(corners)).T
    assert left.min() <= 8
    assert left.max() >= 40
    assert top.min() <= 10
    assert top.max() >= 62


def test_a_tilted_white_picture_shows_no_corner_when_it_is_cut() -> None:
    white = Image.new("RGB", (400, 300), "white")
    tilted = [named("rotation 3°").apply(white, np.random.default_rng(n)) for n in range(20)]
    cut = [image for image in tilted if image.width < white.width]
    assert cut
    assert min(np.asarray(image).min() for image in cut) == 255
    assert min(np.asarray(image).min() for image in tilted) == 0


def test_screenshots_hold_the_picture(picture: Image.Image) -> None:
    """A red picture is found whole in its screenshot, at 0.6 to 1 of its size."""
    red = Image.new("RGB", (300, 200), (250, 0, 0))
    for seed in range(6):
        shot = np.asarray(named("screenshot").apply(red, np.random.default_rng(seed)))
        rows, columns = np.nonzero((shot == (250, 0, 0)).all(axis=-1))
        height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
        assert len(rows) == height * width
        assert 0.59 < width / 300 < 1.01
        assert abs(width / height - 1.5) < 0.03
        assert shot.shape[0] * shot.shape[1] < 4 * height * width


def test_perspective_takes_corners_where_they_belong() -> None:
    square = np.array([(0.0, 0), (10, 0), (10, 10), (0, 10)])
    shown = square + np.array([(1, 2), (-1, 1), (0, -2), (2, 0)])
    a, b, c, d, e, f, g, h = homography(square, shown)
    for (x, y), point in zip(square, shown, strict=True):
        w = g * x + h * y + 1
        np.testing.assert_allclose(((a * x + b * y + c) / w, (d * x + e * y + f) / w), point)


def test_combinations_are_compressed_on_the_way(picture: Image.Image) -> None:
    """JPEG 10 before a PNG leaves its blocks in the pixels."""
    blocky = combine(named("JPEG 10"), named("PNG")).apply(picture, np.random.default_rng(0))
    assert np.abs(np.asarray(blocky, dtype=float) - np.asarray(picture)).mean() > 4
