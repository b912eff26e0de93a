"""The input and the output of a decoder."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from imgsim.decode.colours import Colour
from imgsim.types import ImageFacts

DEFAULT_MAX_PIXELS = 250_000_000
"""Larger images are skipped: a file of a few kB can claim to be one and fill the memory."""


DEFAULT_MAX_MEMORY = 4_000_000_000
"""Bytes that decoding may take in all workers together."""

BASE_SIDE = 64
"""Inputs up to this side share one reduced decode."""


_OVERSAMPLING = 1.5
"""A reduced decode has so many times the pixels of a side that are asked for, at least."""


class DecodeMode(StrEnum):
    """How much of a file is decoded.

    REDUCED uses the scaled decoding of JPEG and box reduction elsewhere, down to 1.5 times the
    side a comparator asks for. FULL gives a comparator the same pixels as any other program.
    """

    REDUCED = "reduced"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class InputSpec:
    """The image an extractor wants.

    Attributes
    ----------
    width, height : int
        Pixels it is resized to, with Lanczos resampling; 0 x 0 leaves the size as decoded.
    colour : {"grey", "rgb", "ycbcr"}
    at_least : int
        The shorter side of a reduced decode has at least so many pixels, where the file has.
    at_most : int
        The longer side of an image of 0 x 0 is brought down to so many pixels, by area
        resampling, see `detail.longer_side`; 0 leaves it.
    """

    width: int
    height: int
    colour: Colour
    at_least: int = BASE_SIDE
    at_most: int = 0

    @property
    def decoded_side(self) -> int:
        """The shorter side of a reduced decode is at least this many pixels."""
        side = BASE_SIDE
        while side < max(self.width, self.height, self.at_least):
            side *= 2
        return int(side * _OVERSAMPLING)


@dataclass(frozen=True, slots=True)
class Decoded:
    """Facts of an image and its pixels, one ``uint8[h, w, c]`` array per `InputSpec` asked for."""

    facts: ImageFacts
    images: dict[InputSpec, NDArray[np.uint8]]


class DecodeError(Exception):
    """The file cannot be read as an image; the text says why.

    Attributes
    ----------
    lasting : bool
        The reason lies in the content and not in this run's limits.
    identified : bool
        The content is an image of some kind, by its first bytes.
    damaged : bool
        It could be decoded in part, but less than half of it.
    """

    def __init__(
        self, reason: str, *, lasting: bool = True, identified: bool = True, damaged: bool = False
    ) -> None:
        super().__init__(reason)
        self.lasting = lasting
        self.identified = identified
        self.damaged = damaged


class NeedsMemory(Exception):
    """The file cannot be decoded with the share of memory that it may take now.

    Attributes
    ----------
    size_bytes : int
        That it needs.
    """

    def __init__(self, size_bytes: int) -> None:
        super().__init__(size_bytes)
        self.size_bytes = size_bytes


def over_cap(pixels: int, max_pixels: int) -> str | None:
    """Say why an image of this size is skipped; None if it is not."""
    if pixels <= max_pixels:
        return None
    return f"{pixels} pixels are more than --max-pixels {max_pixels}"
