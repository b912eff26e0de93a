"""Photos of a few fruits on a table, a folder for each: a small data set with classes.

A stand-in for the photos that somebody sorts into folders: each fruit is turned, near or far, at
another place of the table and in another light.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imgsim.folders import new_folder
from imgsim.pictures.textures import fractal_noise
from imgsim.pictures.turntable import fruit

SIDE = 128
NAMES = ("apple", "pear", "orange", "lemon", "plum", "kiwi", "melon", "peach")
"""Of the classes; the kinds of `turntable.fruit`, in order."""

PHOTOS = 12
"""Of each."""


def photo(seed: int, kind: int, number: int) -> NDArray[np.uint8]:
    """Paint a photo of a fruit on a table.

    Parameters
    ----------
    seed : int
        Of all fruits.
    kind : int
        Which fruit, in 0..7.
    number : int
        Which photo of it.

    Returns
    -------
    ndarray of uint8, shape (128, 128, 3)
    """
    rng = np.random.default_rng((seed, 97, kind, number))
    image = _table(rng)
    size = int(rng.integers(80, 108))
    left, top = (int(v) for v in rng.integers(2, SIDE - size - 2, 2))
    y, x = np.mgrid[:SIDE, :SIDE]
    away = np.hypot(
        (x - left - 0.55 * size) / (0.5 * size), (y - top - 0.86 * size) / (0.16 * size)
    )
    image *= 1 - 0.45 * np.clip(1.6 - away, 0, 1)[..., None]
    place = (slice(top, top + size), slice(left, left + size))
    degrees = float(rng.uniform(0, 360))
    image[place] = fruit(seed, kind, degrees, size, np.clip(image[place], 0, 255))
    light = rng.uniform(0.85, 1.1) * (1 + rng.uniform(-0.02, 0.02, 3))
    image = image * light + rng.normal(0, 2.5, image.shape)
    return np.clip(image, 0, 255).astype(np.uint8)


def _table(rng: np.random.Generator) -> NDArray[np.float64]:
    """Paint boards, in another direction in every photo."""
    grain = fractal_noise(rng, SIDE, SIDE, 5)
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    angle = rng.uniform(0, np.pi)
    along = x * np.cos(angle) + y * np.sin(angle)
    boards = 0.04 * np.sin(2 * np.pi * (6 * along + 0.4 * grain + rng.uniform()))
    wood = np.array((168.0, 150.0, 128.0))
    return np.asarray(wood * (0.92 + 0.16 * grain + boards)[..., None])


def write_stall(folder: Path, seed: int = 0) -> list[Path]:
    """Write 96 photos, a folder for each of 8 fruits, and a further one of each.

    The former are called ``known/apple/apple_01.jpg``, the latter ``new/photo_1.jpg``: what they
    show has no order.

    Parameters
    ----------
    folder : Path
        Made if it does not exist; it must be empty.
    seed : int

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    UsageError
        The folder is not empty or cannot be written.
    """
    from PIL import Image

    where: dict[str, tuple[int, int]] = {
        f"known/{name}/{name}_{number:02}.jpg": (kind, number)
        for kind, name in enumerate(NAMES)
        for number in range(1, PHOTOS + 1)
    }
    drawn = np.random.default_rng((seed, 98)).permutation(len(NAMES))
    where |= {f"new/photo_{i}.jpg": (int(kind), 0) for i, kind in enumerate(drawn, 1)}
    with new_folder(folder):
        for name, shown in where.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(photo(seed, *shown)).save(folder / name, quality=92)
    return [folder / name for name in where]
