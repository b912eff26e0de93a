"""Tells a picture with something laid over it from another shot of the same place.

A frame of a fixed camera with an animal in it looks like the empty frame with a logo pasted over
it. But the copy differs elsewhere by no more than its compression does, while another shot has
other grain, or none of the light is quite the same. How much compression does is found out by
compressing each picture with the quantisation table of the other file.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imgsim.decode.decoder import Decoder
from imgsim.decode.jpeg_quality import in_rows, luma_table
from imgsim.decode.spec import InputSpec
from imgsim.verify.blocks import Map
from imgsim.verify.compression import compressed
from imgsim.verify.limits import LIMITS
from imgsim.verify.matrix import Grey
from imgsim.verify.median import median
from imgsim.verify.recording import record
from imgsim.verify.tone import apply_tone_curve, joint_histogram, tone_curve

_PNG = b"\x89PNG\r\n\x1a\n"
_WHOLE = InputSpec(0, 0, "grey", at_least=1 << 15)
_BLOCK = 8  # of a JPEG
_GRID = 16  # of one whose colours are halved


def is_another_shot(left: bytes, right: bytes, decoder: Decoder) -> bool:
    """Return whether two pictures that lie in one place differ by more than compression does.

    Parameters
    ----------
    left, right : bytes
        Of the files.
    decoder : Decoder

    Returns
    -------
    bool
        False where that cannot be told: of two sizes, of other files than JPEG and PNG, or of
        pictures with hardly an even place.

    Raises
    ------
    DecodeError
        A file cannot be decoded.
    NeedsMemory
        That takes more than the share of the decoder.
    """
    known = [luma_table(data) for data in (left, right)]
    if any(
        table is None and not data.startswith(_PNG)
        for table, data in zip(known, (left, right), strict=True)
    ):
        return False  # how such a file was compressed is not known
    images = []
    for data in (left, right):
        image = decoder(data, [_WHOLE]).images[_WHOLE][..., 0]
        images.append((image.shape, _middle(image).copy()))
    (shape, one), (other_shape, other) = images
    if shape != other_shape or min(one.shape) < _GRID:
        return False
    alike = _alike(one, other)  # what lies over one of them has its own tones
    toned = apply_tone_curve(one, tone_curve(joint_histogram(one, other, alike)))
    one = np.rint(toned).clip(0, 255).astype(np.uint8)
    even = _even_blocks(one, other) & (_means(alike.astype(np.float32)) == 1)
    count = int(np.count_nonzero(even))
    record("other_shot_min_blocks", count)
    if count < LIMITS.other_shot_min_blocks:
        return False
    tables = [None if table is None else in_rows(table) for table in known]
    expected = np.hypot(
        _error(one, _as_in_file(one, tables[1]), even),
        _error(other, _as_in_file(other, tables[0]), even),
    )
    error = _error(one, other, even)
    ratio = error / np.hypot(expected, LIMITS.other_shot_rounding)
    record("other_shot_max_ratio", ratio)
    return bool(
        ratio > LIMITS.other_shot_max_ratio and error > expected + LIMITS.other_shot_max_error
    )


def _middle(image: Grey) -> Grey:
    """The middle of an image, from where a block of its compression begins."""
    starts = [max(0, side - LIMITS.other_shot_side) // (2 * _GRID) * _GRID for side in image.shape]
    top, left = starts
    return image[top : top + LIMITS.other_shot_side, left : left + LIMITS.other_shot_side]


def _alike(one: Grey, other: Grey) -> NDArray[np.uint8]:
    """1 where two images are as far from each other in their level as nearly everywhere, else 0."""
    import cv2

    window = LIMITS.other_shot_window, LIMITS.other_shot_window
    difference = cv2.blur(one.astype(np.float32) - other, window)
    off = np.abs(difference - median(difference.ravel()))
    return np.asarray(off <= LIMITS.other_shot_tone, np.uint8)


def _even_blocks(one: Grey, other: Grey) -> NDArray[np.bool_]:
    """Blocks in which hardly anything but grain is to be seen in either image."""
    import cv2

    even = np.ones(tuple(n // _BLOCK for n in one.shape), np.bool_)
    for image in (one, other):
        levels = image.astype(np.float32)
        soft = np.asarray(cv2.GaussianBlur(levels, (0, 0), LIMITS.other_shot_blur))
        spread = np.sqrt(np.maximum(_means(soft * soft) - np.square(_means(soft)), 0))
        mean = _means(levels)
        low, high = LIMITS.other_shot_open_levels
        even &= (spread < LIMITS.other_shot_even) & (mean > low) & (mean < high)
    return even


def _means(image: Map) -> Map:
    """Means of the blocks of an image."""
    import cv2

    rows, columns = (n // _BLOCK for n in image.shape)
    whole = image[: rows * _BLOCK, : columns * _BLOCK]
    return np.asarray(cv2.resize(whole, (columns, rows), interpolation=cv2.INTER_AREA))


def _error(one: Grey, other: Grey, blocks: NDArray[np.bool_]) -> float:
    """Root mean square of the fine difference of two images in a block of the middle rank."""
    import cv2

    difference = one.astype(np.float32) - other
    difference -= cv2.GaussianBlur(difference, (0, 0), LIMITS.other_shot_blur)
    return float(np.sqrt(np.median(_means(difference * difference)[blocks])))


def _as_in_file(image: Grey, table: NDArray[np.int64] | None) -> Grey:
    """The image as the file of the other one would hold it: as it is, if that is a PNG."""
    return image if table is None else compressed(image, table)
