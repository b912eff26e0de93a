"""Further shots beside the originals of a library: bursts, brackets, and raw files.

They are no copies. A finder may put them beside an original, but must call none of them one.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from imgsim.pictures.dng import colour_filter, write_dng

EXPOSED = 1 / 250
"""Seconds of the shots at their usual exposure."""

BRACKET_STOPS = (-1.0, 1.0)
_NOISE = 2.0


@dataclass(frozen=True)
class FurtherShot:
    """A file that belongs to an original and is no copy of it.

    Attributes
    ----------
    relation : str
        As imgsim names it.
    name : str
        Of the file, beside the original.
    data : bytes
    """

    relation: str
    name: str
    data: bytes


def further_shots(
    path: Path, image: Image.Image, exif: bytes, random: np.random.Generator
) -> Iterator[FurtherShot]:
    """Yield a burst of two, a bracket of two or a raw file of an original.

    Parameters
    ----------
    path : Path
        Of the original.
    image : PIL.Image.Image
        What it shows.
    exif : bytes
    random : numpy.random.Generator
    """
    relation = ("burst", "bracket", "raw")[random.integers(3)]
    stem, suffix = os.path.splitext(path.name)
    kept = Image.Exif()
    kept.load(exif)
    own = kept.get_ifd(0x8769)
    taken = own[0x9003]
    if relation == "raw":
        plane = colour_filter(np.asarray(image))
        data = write_dng(plane, make=kept[0x010F], model=kept[0x0110], taken=taken)
        yield FurtherShot("raw", f"{stem}.DNG", data)
        return
    still = random.random() < 0.5  # on a tripod
    for number in (1, 2):
        stops = BRACKET_STOPS[number - 1] if relation == "bracket" else 0.0
        frame = _frame(image, stops, random, still=still)
        own[0x9003] = f"{taken[:-2]}{int(taken[-2:]) + number:02}"
        own[0x829A], own[0x9204] = EXPOSED * 2.0**stops, stops
        stream = io.BytesIO()
        form = "HEIF" if suffix == ".HEIC" else "JPEG"
        frame.save(stream, form, quality=int(random.integers(85, 97)), exif=kept.tobytes())
        yield FurtherShot(relation, f"{stem[:-4]}{5000 + 2 * int(stem[-4:]) + number}{suffix}",
                          stream.getvalue())  # fmt: skip


def _frame(
    image: Image.Image, stops: float, random: np.random.Generator, *, still: bool
) -> Image.Image:
    """The scene a second later: another exposure, other noise, and a hand that moved."""
    if not still:
        angle = float(random.uniform(-0.4, 0.4))
        x, y = random.integers(-8, 9, 2).tolist()
        turned = image.rotate(angle, Image.Resampling.BICUBIC, translate=(x, y))
        edge = 24
        image = turned.crop((edge, edge, image.width - edge, image.height - edge)).resize(
            image.size, Image.Resampling.BICUBIC
        )
    light = (np.asarray(image, np.float64) / 255) ** 2.2 * 2.0**stops
    levels = 255 * np.clip(light, 0, 1) ** (1 / 2.2) + random.normal(0, _NOISE, light.shape)
    return Image.fromarray(np.clip(levels, 0, 255).astype(np.uint8))
