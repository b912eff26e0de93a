"""Tells masks and label maps from pictures: images of numbers that are regions of few levels.

A segmentation mask or a label map has few levels, is stored without loss, and consists of regions
with hard edges that are wider than a line. A page of black and white has as few levels and more
and thinner parts; an edge that was smoothed has more levels.
"""

from __future__ import annotations

import io
import re
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgsim.decode.spec import NeedsMemory

VERSION = 1
"""Raised whenever the same content could be told otherwise."""

MOST_LEVELS = 256
"""Classes or instances; a map of 16 bits with more is not told from a picture."""

MOST_THIN = 0.02
"""Share of the pixels that lie in no square of 3 x 3 of one level: lines, letters, noise."""

MOST_REGIONS = 300
"""Regions of one level in an image of `_SIDE`. Pages of text have thousands of letters, and maps of
cells some hundreds."""

_SIDE = 512
_LEAST_SIDE = 48
_FORMATS = ("PNG", "BMP", "TIFF", "GIF", "PPM")
_GREY_MODES = ("1", "L", "I", "I;16", "I;16B", "I;16L")
_WORDS = re.compile(
    r"(?<![a-z])(masks?|labels?|label[ _-]?maps?|seg(mentation(s|class|object)?)?|annotations?"
    r"|ground[ _-]?truth|gt|trimaps?|mattes?|instances?|semantic|labelids|instanceids|trainids)"
    r"(?![a-z])"
)


@dataclass(frozen=True, slots=True)
class LabelMap:
    """An image of which the pixels look like numbers of regions.

    Attributes
    ----------
    levels : int
    certain : bool
        Its samples are numbers: one channel, or the palette of such maps. Else it may also be a
        logo or a chart, unless its name says what it is.
    """

    levels: int
    certain: bool


def names_a_label_map(path: str) -> bool:
    """Return whether a file's name or one of its folders says that it is a mask or a label map."""
    return bool(_WORDS.search(path.replace("\\", "/").lower()))


def find_label_map(data: bytes, most_bytes: int) -> LabelMap | None:
    """Tell whether an image looks like a mask or a label map; None if it does not.

    Parameters
    ----------
    data : bytes
        A whole file.
    most_bytes : int
        Of memory that decoding may take.

    Raises
    ------
    NeedsMemory
        Decoding takes more.
    OSError, ValueError, SyntaxError
        Pillow cannot decode it.
    """
    from PIL import Image

    with warnings.catch_warnings(), Image.open(io.BytesIO(data)) as image:
        warnings.simplefilter("ignore")
        if (
            image.format not in _FORMATS
            or getattr(image, "n_frames", 1) > 1
            or min(image.size) < _LEAST_SIDE
            or image.mode not in (*_GREY_MODES, "P", "RGB")
        ):
            return None
        needed = 8 * image.width * image.height
        if needed > most_bytes:
            raise NeedsMemory(needed)
        levels = _count_levels(image)
        if levels is None:
            return None
        numbers = _numbers(image)
        if _thin_share(numbers) > MOST_THIN or _count_regions(numbers) > MOST_REGIONS:
            return None
        certain = image.mode in _GREY_MODES or (image.mode == "P" and _is_map_palette(image))
    # a blank scan is no mask by itself
    return LabelMap(levels, certain and levels > 1)


def _count_levels(image: Any) -> int | None:
    """Count the levels or colours of an image; None of more than `MOST_LEVELS`."""
    if image.mode in ("1", "L", "P", "RGB"):
        colours = image.getcolors(MOST_LEVELS)  # of a photo it gives up early
        return None if colours is None else len(colours)
    levels = len(np.unique(np.asarray(image)))
    return levels if levels <= MOST_LEVELS else None


def _numbers(image: Any) -> NDArray[np.int64]:
    """Return a number per pixel, shape (h, w), of an image reduced to `_SIDE` by leaving out."""
    pixels = np.asarray(image)
    step = -(-max(pixels.shape[:2]) // _SIDE)
    numbers = pixels[::step, ::step].astype(np.int64)
    if numbers.ndim == 2:
        return numbers
    return np.asarray((numbers[..., 0] << 16) | (numbers[..., 1] << 8) | numbers[..., 2])


def _is_map_palette(image: Any) -> bool:
    """Tell whether a palette is that of PASCAL VOC, or grey as far as it is used."""
    palette = np.array(image.getpalette("RGB") or [], np.int64).reshape(-1, 3)
    if len(palette) < 2:
        return False
    used = palette[np.unique(np.asarray(image)).clip(max=len(palette) - 1)]
    classes = min(len(palette), 21)
    return bool((used == used[:, :1]).all() or (palette[:classes] == _voc_colours(classes)).all())


def _voc_colours(n: int) -> NDArray[np.int64]:
    """Compute the colours of classes in PASCAL VOC: the bits of a number, dealt to the channels.

    Returns
    -------
    ndarray of int64, shape (n, 3)

    Notes
    -----
    Source: the function VOClabelcolormap of the VOC development kit, 2012.
    """
    colours = np.zeros((n, 3), np.int64)
    number = np.arange(n)
    for shift in range(7, -1, -1):
        for channel in range(3):
            colours[:, channel] |= ((number >> channel) & 1) << shift
        number >>= 3
    return colours


def _thin_share(numbers: NDArray[np.int64]) -> float:
    """Compute the share of pixels that lie in no square of 3 x 3 pixels of one level."""
    across = (numbers[:, :-2] == numbers[:, 1:-1]) & (numbers[:, 1:-1] == numbers[:, 2:])
    down = numbers[:-1] == numbers[1:]
    rows = across[:-2] & across[1:-1] & across[2:]
    whole = rows & (down[:-1] & down[1:])[:, :-2]
    covered = np.zeros(numbers.shape, np.bool_)
    height, width = whole.shape
    for y in range(3):
        for x in range(3):
            covered[y : y + height, x : x + width] |= whole
    return float(1 - covered.mean())


def _count_regions(numbers: NDArray[np.int64]) -> int:
    """Count the connected regions of one level; two pixels are connected at their sides."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    place = np.arange(numbers.size).reshape(numbers.shape)
    right = numbers[:, :-1] == numbers[:, 1:]
    down = numbers[:-1] == numbers[1:]
    one = np.concatenate([place[:, :-1][right], place[:-1][down]])
    other = np.concatenate([place[:, 1:][right], place[1:][down]])
    edges = coo_array(
        (np.ones(len(one), np.bool_), (one, other)), shape=(numbers.size, numbers.size)
    )
    return int(connected_components(edges, directed=False)[0])
