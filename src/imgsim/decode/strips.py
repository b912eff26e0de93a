"""Shrinks and converts decoded pictures strip by strip, so that no copy in full size is made."""

from __future__ import annotations

from collections.abc import Set
from typing import Any, Protocol

import numpy as np

from imgsim.decode.colours import DEEP_MODES, Colour, converted, plain
from imgsim.decode.levels import EightBits
from imgsim.decode.rows import ArrayRows

STRIP_PIXELS = 1 << 21
"""Pixels of a strip, or one row of what it is shrunk to if that has more."""

_MODES: dict[Colour, str] = {"grey": "L", "rgb": "RGB", "ycbcr": "YCbCr"}


class Rows(Protocol):
    """A decoded picture that is seen some rows at a time."""

    mode: str
    width: int
    height: int

    def rows(self, top: int, bottom: int) -> Any:
        """Return some rows as a Pillow image."""


class ImageRows:
    """The rows of a Pillow image that is decoded; those of more than 8 bits mapped to them."""

    def __init__(self, image: Any) -> None:
        self.width, self.height = image.size
        self.mode = image.mode
        self._image = image
        self._mapped: EightBits | None = None
        if image.mode in DEEP_MODES:
            self.mode = "L"
            self._mapped = EightBits(ArrayRows(np.asarray(image)))

    def rows(self, top: int, bottom: int) -> Any:
        from PIL import Image

        if self._mapped is not None:
            return Image.fromarray(self._mapped.rows(top, bottom))
        if top == 0 and bottom == self.height:
            return self._image
        return self._image.crop((0, top, self.width, bottom))


def in_colours(picture: Rows, colours: Set[Colour], reduce: int) -> dict[Colour, Any]:
    """Shrink a picture by a box filter, once it has no transparency and no palette, and convert it.

    The samples are those of the picture shrunk and converted as a whole.

    Parameters
    ----------
    picture : Rows
    colours : set of Colour
    reduce : int
        Divisor of both sides; 1 leaves the size.

    Returns
    -------
    dict of Colour to Pillow image
        Of mode L, RGB and YCbCr.
    """
    from PIL import Image

    height, width = picture.height, picture.width
    rows = rows_of_strip(width, reduce)
    if rows >= height:
        return _made(picture.rows(0, height), colours, reduce)
    size = -(-width // reduce), -(-height // reduce)
    made = {colour: Image.new(_MODES[colour], size) for colour in colours}
    for top in range(0, height, rows):
        strips = _made(picture.rows(top, min(top + rows, height)), colours, reduce)
        for colour, whole in made.items():
            whole.paste(strips[colour], (0, top // reduce))
    return made


def rows_of_strip(width: int, reduce: int) -> int:
    """Return the rows of a strip, a multiple of `reduce`."""
    return max(1, STRIP_PIXELS // width // reduce) * reduce


def _made(strip: Any, colours: Set[Colour], reduce: int) -> dict[Colour, Any]:
    image = plain(strip)
    if reduce > 1:
        image = image.reduce(reduce)  # first, as colours of fewer pixels are made sooner
    return {colour: converted(image, colour) for colour in colours}
