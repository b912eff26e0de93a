"""Finds a picture on an even ground: in a window, on a page, in a frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_BIN = 4
"""Grey levels that are counted as one, for the level of the ground."""

_NEAR_GROUND = 10
"""Grey levels by which a pixel of the ground differs from its level, at most."""

_MIN_GROUND = 0.2
"""Share of the pixels that are ground, at least."""

_LINE = 7
"""Pixels: what is less wide or less high than this is print and lines."""

_MIN_AREA = 0.03
_MAX_AREA = 0.9
"""Share of the image that the picture takes, at least and at most."""

_MIN_FILLED = 0.6
"""Share of its rectangle that is not like the ground, at least."""

_MIN_SPREAD = 12.0
"""Standard deviation of its grey levels, at least: a bar or a panel is even."""

_MIN_SIDE = 24
"""Pixels of its shorter side, at least."""


def find_inset(image: NDArray[np.uint8]) -> tuple[int, int, int, int] | None:
    """Find the largest picture that lies on an even ground.

    Parameters
    ----------
    image : ndarray of uint8, shape (h, w)
        Grey.

    Returns
    -------
    tuple of int, or None
        Left, top, right and bottom in pixels; None if there is none.
    """
    import cv2

    counts = np.bincount(image[::2, ::2].ravel() // _BIN, minlength=256 // _BIN)
    near = np.convolve(counts, np.ones(3, np.int64), "same")
    if near.max() < _MIN_GROUND * counts.sum():
        return None
    level = int(near.argmax()) * _BIN + _BIN // 2
    ground = cv2.inRange(image, max(0, level - _NEAR_GROUND), min(255, level + _NEAR_GROUND))
    apart = np.asarray(ground == 0, np.uint8)
    solid = cv2.morphologyEx(apart, cv2.MORPH_OPEN, np.ones((_LINE, _LINE), np.uint8))
    _, _, parts, _ = cv2.connectedComponentsWithStats(solid, connectivity=4)
    best = None
    for left, top, width, height, filled in parts[1:].tolist():
        share = width * height / image.size
        if (
            _MIN_AREA <= share <= _MAX_AREA
            and min(width, height) >= _MIN_SIDE
            and filled >= _MIN_FILLED * width * height
            and image[top : top + height, left : left + width].std() >= _MIN_SPREAD
            and (best is None or share > best[0])
        ):
            best = share, (left, top, left + width, top + height)
    return None if best is None else best[1]
