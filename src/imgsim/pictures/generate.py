"""Pictures made by the program itself, photo-like and the same on every machine for a seed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgsim.folders import new_folder
from imgsim.pictures.change import EXIF_ORIENTATION
from imgsim.pictures.textures import fractal_noise


def landscape(seed: int, width: int = 640, height: int = 480) -> NDArray[np.uint8]:
    """Paint a landscape: sky with clouds, a sun, ranges of hills, ground with stones and plants.

    Parameters
    ----------
    seed : int
        Another seed gives another place and another light.
    width, height : int

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
    """
    rng = np.random.default_rng(seed)
    y = np.linspace(0, 1, height)[:, None, None]
    top, bottom = rng.uniform((20, 60, 110), (120, 150, 250)), rng.uniform(140, 255, 3)
    horizon = rng.uniform(0.35, 0.65)
    image = top + (bottom - top) * np.clip(y / horizon, 0, 1) + np.zeros((height, width, 3))
    clouds = fractal_noise(rng, height, width, 5)[..., None]
    image += np.clip(clouds - rng.uniform(0.3, 0.6), 0, 1) * rng.uniform(150, 400)
    image += _sun(rng, height, width, horizon)
    for step in range(rng.integers(2, 5)):
        ridge = (
            horizon
            + 0.12 * step
            + rng.uniform(0.05, 0.25) * (fractal_noise(rng, 1, width, 6) - 0.5)
        )
        colour = rng.uniform(20, 160, 3) * (1 - 0.12 * step)
        texture = 0.6 + 0.8 * fractal_noise(rng, height, width, 7)[..., None]
        image = np.where(y > ridge[0][None, :, None], colour * texture, image)
    for _ in range(rng.integers(8, 30)):
        _stone(rng, image, horizon)
    image += rng.normal(0, 3, (height, width, 1))
    return np.clip(image, 0, 255).astype(np.uint8)


def _sun(rng: np.random.Generator, height: int, width: int, horizon: float) -> NDArray[np.float64]:
    y, x = np.mgrid[:height, :width]
    centre_y, centre_x = rng.uniform(0.05, horizon) * height, rng.uniform(0, 1) * width
    radius = rng.uniform(0.03, 0.09) * height
    away = np.hypot(y - centre_y, x - centre_x) / radius
    glow = 200 / (1 + away**2) + 120 * (away < 1)
    return np.asarray(glow[..., None] * np.array([1.0, 0.9, 0.6]))


def _stone(rng: np.random.Generator, image: NDArray[np.float64], horizon: float) -> None:
    height, width = image.shape[:2]
    depth = rng.uniform(horizon, 1)
    radius = max(4.0, 0.12 * height * (depth - horizon + 0.1) * rng.uniform(0.5, 1.5))
    centre_y, centre_x = depth * height, rng.uniform(0, width)
    y, x = np.mgrid[:height, :width]
    flat = rng.uniform(0.5, 1.6)
    inside = ((y - centre_y) / flat) ** 2 + (x - centre_x) ** 2 < radius**2
    light = 1.2 - 0.8 * (y - centre_y + radius) / (2 * radius)
    colour = rng.uniform(30, 220, 3)
    image[inside] = (colour * light[..., None])[inside]


@dataclass(frozen=True, slots=True)
class Demo:
    """The files that `write_demo` wrote.

    Attributes
    ----------
    files : int
    groups : tuple of tuple of str
        File names (below the folder, with ``/``) that show one picture.
    broken : tuple of str
        Files that cannot be read.
    """

    files: int
    groups: tuple[tuple[str, ...], ...]
    broken: tuple[str, ...]


def write_demo(folder: Path, seed: int = 0) -> Demo:
    """Write a small folder of pictures with known duplicates.

    Parameters
    ----------
    folder : Path
        Made if it does not exist; it must be empty.
    seed : int

    Raises
    ------
    UsageError
        The folder is not empty or cannot be written.
    """
    with new_folder(folder):
        return _write_demo(folder, seed)


def _write_demo(folder: Path, seed: int) -> Demo:
    from PIL import Image

    for name in ("camera", "phone", "scans"):
        (folder / name).mkdir()
    groups: list[tuple[str, ...]] = []
    for number, (suffix, change) in enumerate(_CHANGES):
        original = f"camera/IMG_{number + 1:04}.jpg"
        image = Image.fromarray(landscape(1000 * seed + number))
        image.save(folder / original, quality=92)
        copy = f"phone/IMG_{number + 1:04}{suffix}"
        change(image, folder / copy)
        groups.append((original, copy))
    shutil.copyfile(folder / groups[0][0], folder / "phone" / "backup of IMG_0001.jpg")
    groups[0] = (*groups[0], "phone/backup of IMG_0001.jpg")
    for number in range(len(_CHANGES), len(_CHANGES) + 4):
        image = Image.fromarray(landscape(1000 * seed + number))
        image.save(folder / f"camera/IMG_{number + 1:04}.jpg", quality=92)
    # Blank pages look alike, but are not the same page.
    rng = np.random.default_rng(seed)
    for number in (1, 2):
        page = np.full((600, 420), 250 - number, np.uint8) - rng.integers(
            0, 2, (600, 420), np.uint8
        )
        Image.fromarray(page).save(folder / f"scans/blank page {number}.png")
    whole = (folder / groups[0][0]).read_bytes()
    (folder / "scans/broken.jpg").write_bytes(whole[: len(whole) // 4])
    files = sum(path.is_file() for path in folder.rglob("*"))
    return Demo(files, tuple(groups), ("scans/broken.jpg",))


def _saved_with(**settings: Any) -> Callable[[Any, Path], None]:
    return lambda image, path: image.save(path, **settings)


def _saved_at_scale(factor: float) -> Callable[[Any, Path], None]:
    def change(image: Any, path: Path) -> None:
        size = (round(image.width * factor), round(image.height * factor))
        image.resize(size).save(path, quality=85)

    return change


def _brighter(image: Any, path: Path) -> None:
    from PIL import ImageEnhance

    ImageEnhance.Brightness(image).enhance(1.15).save(path, quality=85)


def _turned_by_exif(image: Any, path: Path) -> None:
    from PIL import Image

    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = 6
    image.transpose(Image.Transpose.ROTATE_90).save(path, quality=85, exif=exif)


_CHANGES: tuple[tuple[str, Callable[[Any, Path], None]], ...] = (
    (".jpg", lambda image, path: image.save(path, quality=92)),
    (" small.jpg", _saved_at_scale(0.5)),
    (" thumbnail.jpg", _saved_at_scale(0.25)),
    (" compressed.jpg", _saved_with(quality=20)),
    (".png", _saved_with()),
    (".webp", _saved_with(quality=70)),
    (" grey.jpg", lambda image, path: image.convert("L").save(path, quality=85)),
    (" brighter.jpg", _brighter),
    (" turned.jpg", _turned_by_exif),
)
