"""Made pictures with something to learn in them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from imgsim.pictures.generate import landscape

COLOURS = ("blue", "green", "red")


def tinted(kind: int, seed: int, side: int = 64) -> Image.Image:
    """A landscape in shades of one colour."""
    grey = landscape(100 * kind + seed, side, side).mean(axis=2, keepdims=True) / 255
    colour = np.eye(3)[2 - kind] * 0.9 + 0.1
    return Image.fromarray((255 * colour * (0.3 + 0.7 * grey)).astype(np.uint8))


def write_classes(folder: Path, images: int) -> Path:
    """A folder for each colour, with so many images."""
    for kind, name in enumerate(COLOURS):
        (folder / name).mkdir(parents=True)
        for seed in range(images):
            tinted(kind, seed).save(folder / name / f"{name}_{seed:02}.png")
    return folder
