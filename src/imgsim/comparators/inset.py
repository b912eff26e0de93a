"""Finds a picture on an even ground: in a window, on a page, in a frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_BIN = 4
"""Grey levels that are counted as one, for the level of the ground."""

_NEAR_GROUND = 10
"""Grey levels by which a pixel of the ground differs from its level, at most."""

_MIN_GROUND = 0.25
"""Share of the pixels that are ground, at least."""

_STEP = 2
"""Step, in pixels and either direction, of the pixels in which it is looked for; it saves time."""

_LINE = 3
"""Such pixels: what is less wide or less high than this is print and lines."""

_MIN_AREA = 0.03
_MAX_AREA = 0.9
"""Share of the image that the picture takes, at least and at most."""

_MIN_FILLED = 0.6
"""Share of its rectangle that is not like the ground, at least."""

_MIN_EDGE = 0.3
"""Share of a side of it that is not like the ground, at least."""

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

    counts = np.bincount(image[::_STEP, ::_STEP].ravel() // _BIN, minlength=256 // _BIN)
    near = np.convolve(counts, np.ones(3, np.int64), "same")
    if near.max() < _MIN_GROUND * counts.sum():
        return None
    level = int(near.argmax()) * _BIN + _BIN // 2
    ground = cv2.inRange(image, max(0, level - _NEAR_GROUND), min(255, level + _NEAR_GROUND))
    apart = np.asarray(ground == 0, np.uint8)
    small = image[::_STEP, ::_STEP]
    few = np.ascontiguousarray(apart[::_STEP, ::_STEP])
    solid = cv2.morphologyEx(few, cv2.MORPH_OPEN, np.ones((_LINE, _LINE), np.uint8))
    _, _, parts, _ = cv2.connectedComponentsWithStats(solid, connectivity=4)
    best = None
    for left, top, width, height, filled in parts[1:].tolist():
        share = width * height / few.size
        if (
            _MIN_AREA <= share <= _MAX_AREA
            and _STEP * min(width, height) >= _MIN_SIDE
            and filled >= _MIN_FILLED * width * height
            and (best is None or share > best[0])
            and small[top : top + height, left : left + width].std() >= _MIN_SPREAD
        ):
            best = share, (left, top, left + width, top + height)
    if best is None:
        return None
    return _refined(apart, tuple(_STEP * place for place in best[1]))


def _refined(apart: NDArray[np.uint8], place: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Move the sides of a rectangle to where its pixels begin to be apart from the ground."""
    left, top, right, bottom = place
    columns = apart[top:bottom].mean(axis=0)
    rows = apart[:, left:right].mean(axis=1)
    sides = []
    for share, first, last in ((columns, left, right), (rows, top, bottom)):
        beside = range(max(0, first - _STEP), first + _STEP + 1)
        sides.append(next((i for i in beside if share[i] >= _MIN_EDGE), first))
        beside = range(min(len(share), last + _STEP), last - _STEP - 1, -1)
        sides.append(next((i for i in beside if share[i - 1] >= _MIN_EDGE), min(len(share), last)))
    return sides[0], sides[2], sides[1], sides[3]
