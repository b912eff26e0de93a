"""Converts and shrinks decoded pictures strip by strip, so that no copy in full size is made."""

from __future__ import annotations

from collections.abc import Set
from typing import Any, Protocol

import numpy as np

from imgsim.decode.colours import DEEP_MODES, Colour, convert
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
    """Convert a picture, then shrink it by a box filter.

    The samples are those of the picture converted and shrunk as a whole.

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
        return {c: _converted(picture.rows(0, height), c, reduce) for c in colours}
    size = -(-width // reduce), -(-height // reduce)
    made = {colour: Image.new(_MODES[colour], size) for colour in colours}
    for top in range(0, height, rows):
        strip = picture.rows(top, min(top + rows, height))
        for colour, whole in made.items():
            whole.paste(_converted(strip, colour, reduce), (0, top // reduce))
    return made


def rows_of_strip(width: int, reduce: int) -> int:
    """Return the rows of a strip, a multiple of `reduce`."""
    return max(1, STRIP_PIXELS // width // reduce) * reduce


def _converted(image: Any, colour: Colour, reduce: int) -> Any:
    if image.mode == "YCbCr" and colour == "grey":
        converted = image.getchannel("Y")
    elif image.mode == "YCbCr" and colour == "ycbcr":
        converted = image
    else:
        converted = convert(image, colour)
    return converted.reduce(reduce) if reduce > 1 else converted
