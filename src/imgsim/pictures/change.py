"""One change of a picture: its steps, its encoding and its name."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

Step = Callable[[Image.Image, np.random.Generator], Image.Image]
"""Changes the pixels (RGB in, RGB or L out)."""

EXIF_ORIENTATION = 0x0112
"""The tag."""

_USUAL = (84, 93)
_STORED = {  # EXIF orientation: how the pixels lie that a viewer will turn upright by it
    3: Image.Transpose.ROTATE_180,
    6: Image.Transpose.ROTATE_90,
    8: Image.Transpose.ROTATE_270,
}


@dataclass(frozen=True, slots=True)
class Change:
    """One way to make a near duplicate.

    Attributes
    ----------
    name : str
        As tables show it; unique. Combinations join the names of their parts with `` + ``.
    steps : tuple of Step
        Taken on the pixels, in order.
    suffixes : tuple of str
        The formats it is saved in, of which one is drawn.
    quality : tuple of int
        Lowest and highest quality of a lossy format.
    by_exif : bool
        The pixels are stored turned, and the EXIF orientation says so.
    exact : bool
        The bytes of the original are copied.
    """

    name: str
    steps: tuple[Step, ...] = ()
    suffixes: tuple[str, ...] = (".jpg",)
    quality: tuple[int, int] = _USUAL
    by_exif: bool = False
    exact: bool = False

    def apply(self, image: Image.Image, rng: np.random.Generator) -> Image.Image:
        """Change the pixels only, without what saving does to them.

        Parameters
        ----------
        image : Image
            RGB, upright. It is not changed.
        rng : Generator

        Returns
        -------
        Image
            RGB or L, upright.
        """
        for step in self.steps:
            image = step(image, rng)
        return image

    def write(
        self,
        image: Image.Image,
        stem: Path,
        rng: np.random.Generator,
        original: Path | None = None,
    ) -> Path:
        """Write a changed copy of an image.

        Parameters
        ----------
        image : Image
            RGB, upright.
        stem : Path
            Where to, without the ending.
        rng : Generator
        original : Path, optional
            The file of the image; an exact copy copies its bytes.

        Returns
        -------
        Path
            `stem` with the ending of the format.

        Raises
        ------
        ValueError
            An exact copy was asked for without `original`.
        """
        if self.exact:
            if original is None:
                raise ValueError("an exact copy needs the original file")
            return Path(shutil.copyfile(original, _ending(stem, original.suffix.lower())))
        changed = self.apply(image, rng)
        path = _ending(stem, str(rng.choice(self.suffixes)))
        settings: dict[str, Any] = {}
        if path.suffix != ".png":
            settings["quality"] = int(rng.integers(self.quality[0], self.quality[1] + 1))
        if self.by_exif:
            orientation = int(rng.choice(list(_STORED)))
            changed = changed.transpose(_STORED[orientation])
            exif = Image.Exif()
            exif[EXIF_ORIENTATION] = orientation
            settings["exif"] = exif
        changed.save(path, **settings)
        return path


def combine(*changes: Change) -> Change:
    """Combine changes to one after the other, as files that are changed again and again.

    A change with a quality of its own is saved as JPEG and read again before the next one.

    Parameters
    ----------
    *changes : Change
        None of them exact; only the last may turn by EXIF.
    """
    steps: list[Step] = []
    for change in changes[:-1]:
        steps.extend(change.steps)
        if change.quality != _USUAL:
            steps.append(_compressed(change.quality))
    steps.extend(changes[-1].steps)
    name = " + ".join(change.name for change in changes)
    return replace(changes[-1], name=name, steps=tuple(steps))


def _ending(stem: Path, suffix: str) -> Path:
    return stem.with_name(stem.name + suffix)


def _compressed(quality: tuple[int, int]) -> Step:
    def step(image: Image.Image, rng: np.random.Generator) -> Image.Image:
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=int(rng.integers(quality[0], quality[1] + 1)))
        return Image.open(buffer).convert("RGB")

    return step
