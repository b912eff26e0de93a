"""The pictures that the program makes: all different, and of the geometry they claim."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imgsim.errors import UsageError
from imgsim.pictures import standins
from imgsim.pictures.documents import receipt
from imgsim.pictures.turntable import fruit
from imgsim.pictures.views import view


def grey(image: np.ndarray, size: tuple[int, int] | None = None) -> np.ndarray:
    opened = Image.fromarray(image).convert("L")
    return np.asarray(opened.resize(size) if size else opened, dtype=np.float64)


@pytest.mark.parametrize("kind", standins.LOOK_ALIKES)
def test_look_alikes_depend_on_the_seed_and_differ(kind: str) -> None:
    paint = standins.LOOK_ALIKES[kind]
    images = [paint(3, number) for number in range(4)]
    np.testing.assert_array_equal(images[1], paint(3, 1))
    assert all(image.dtype == np.uint8 and image.ndim == 3 for image in images)
    assert (paint(4, 0).shape != images[0].shape) or (paint(4, 0) != images[0]).any()
    for one, other in combinations(images, 2):
        # somewhere a spot of 8 x 8 differs plainly: not noise, nor a shade
        a, b = (grey(image, (512, 512)).reshape(64, 8, 64, 8).mean(axis=(1, 3)) for image in
                (one, other))  # fmt: skip
        assert np.abs(a - b).max() > 25


def test_the_second_receipt_of_two_is_nearly_the_first() -> None:
    """The lines of print lie where they lie on the first, and not where they lie on the third."""
    pages = [grey(receipt(0, number)) for number in range(3)]
    height = min(map(len, pages))
    first, second, third = ((page[:height] < 120).sum(axis=1) for page in pages)
    assert pages[0].shape == pages[1].shape
    assert np.corrcoef(first, second)[0, 1] > 0.7 > np.corrcoef(first, third)[0, 1]


def test_fruit_really_turns() -> None:
    """A full turn brings the first frame back, a step of it another; the outline stays white."""
    start = fruit(0, 7, 0).astype(float)
    np.testing.assert_array_equal(start, fruit(0, 7, 360).astype(float))
    steps = [np.abs(start - fruit(0, 7, angle)).mean() for angle in (2, 10, 40)]
    assert 0 < steps[0] < steps[1] < steps[2]
    assert start.shape == (100, 100, 3)
    assert (start[[0, 0, -1, -1], [0, -1, 0, -1]] == 255).all()


def test_light_stays_where_it_is_when_fruit_turns() -> None:
    """Over a whole turn the side towards the lamp is lighter than the one away from it."""
    frames = np.mean([fruit(0, 4, angle) for angle in range(0, 360, 45)], axis=0).mean(axis=-1)
    assert frames[40:60, 30:40].mean() > 1.2 * frames[40:60, 60:70].mean()


def test_views_of_a_place_have_parallax_and_sizes(tmp_path: Path) -> None:
    images = [view(0, 1, number) for number in range(4)]
    np.testing.assert_array_equal(images[0], view(0, 1, 0))
    assert len({image.shape for image in images}) > 1
    small = [grey(image, (64, 64)) for image in images]
    for one, other in combinations(small, 2):
        assert np.abs(one - other).mean() > 5


@pytest.mark.parametrize(
    ("write", "files"),
    [
        (lambda folder, seed: standins.write_turntable(folder, kinds=2, frames=3, seed=seed), 6),
        (lambda folder, seed: standins.write_scenes(folder, places=1, views=2, seed=seed), 2),
        (lambda folder, seed: standins.write_look_alikes(folder, each=1, seed=seed), 9),
        (
            lambda folder, seed: standins.write_changed(
                folder, photos=2, look_alikes=1, copies=1, seed=seed
            ),
            23,
        ),
    ],
    ids=["turntable", "scenes", "look-alikes", "copies"],
)
def test_folders_depend_on_the_seed_alone(
    write: Callable[[Path, int], object], files: int, tmp_path: Path
) -> None:
    contents = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write(tmp_path / name, seed)
        contents.append(
            {
                path.relative_to(tmp_path / name).as_posix(): path.read_bytes()
                for path in (tmp_path / name).rglob("*.*")
            }
        )
    assert contents[0] == contents[1]
    assert contents[0] != contents[2]
    assert len(contents[0]) == files
    with pytest.raises(UsageError, match="not empty"):
        write(tmp_path / "a", 1)


def test_bench_reads_what_is_written(tmp_path: Path) -> None:
    from imgsim.dataset.layouts import load_labelled

    standins.write_turntable(tmp_path / "fruit", kinds=2, frames=2)
    standins.write_scenes(tmp_path / "scenes", places=2, views=2)
    standins.write_changed(tmp_path / "copies", photos=1, look_alikes=1, copies=2)
    fruits = load_labelled(tmp_path / "fruit")
    assert (fruits.layout, list(fruits.classes)) == ("folder", [0, 0, 1, 1])
    scenes = load_labelled(tmp_path / "scenes", per_scene=2)
    assert list(scenes.classes) == [0, 0, 1, 1]
    copies = load_labelled(tmp_path / "copies")
    assert sorted(np.bincount(copies.classes)) == [3] * 10
