"""Finds a picture on an even ground: in a window, on a page, in a frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Place = tuple[int, int, int, int]
"""Left, top, right and bottom, in pixels."""

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

_EVEN = 3
"""Pixels of a side of the squares that are ground only as wholes: a picture may have its level here
and there. Wider ones do not fit between a picture and the print beside it."""

_MIN_BUSY = 0.5
"""Share of a row or column that is not in such squares, at least, for it to be the picture's."""

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


def find_inset(image: NDArray[np.uint8]) -> Place | None:
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

    ground = _ground(image)
    if ground is None:
        return None
    apart = np.asarray(ground == 0, np.uint8)
    even = cv2.morphologyEx(ground, cv2.MORPH_OPEN, np.ones((_EVEN, _EVEN), np.uint8))
    busy = np.asarray(even == 0, np.uint8)
    small = image[::_STEP, ::_STEP]
    place = _largest(apart, apart, small) or _largest(busy, apart, small)
    return None if place is None else _refined(apart, _grown(busy, place))


def _ground(image: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """The pixels of the level that most have, not 0; None if few have it."""
    import cv2

    counts = np.bincount(image[::_STEP, ::_STEP].ravel() // _BIN, minlength=256 // _BIN)
    near = np.convolve(counts, np.ones(3, np.int64), "same")
    if near.max() < _MIN_GROUND * counts.sum():
        return None
    level = int(near.argmax()) * _BIN + _BIN // 2
    ground = cv2.inRange(image, max(0, level - _NEAR_GROUND), min(255, level + _NEAR_GROUND))
    return np.asarray(ground, np.uint8)


def _largest(
    mask: NDArray[np.uint8], apart: NDArray[np.uint8], small: NDArray[np.uint8]
) -> Place | None:
    """The rectangle around the largest part of a mask that can be a picture.

    `small` is the image in steps of `_STEP` pixels.
    """
    import cv2

    few = np.ascontiguousarray(mask[::_STEP, ::_STEP])
    solid = cv2.morphologyEx(few, cv2.MORPH_OPEN, np.ones((_LINE, _LINE), np.uint8))
    _, _, parts, _ = cv2.connectedComponentsWithStats(solid, connectivity=4)
    best = None
    for left, top, width, height, filled in parts[1:].tolist():
        share = width * height / few.size
        right, bottom = left + width, top + height
        if (
            _MIN_AREA <= share <= _MAX_AREA
            and _STEP * min(width, height) >= _MIN_SIDE
            and filled >= _MIN_FILLED * width * height
            and (best is None or share > best[0])
            and small[top:bottom, left:right].std() >= _MIN_SPREAD
        ):
            place = _STEP * left, _STEP * top, _STEP * right, _STEP * bottom
            if apart[place[1] : place[3], place[0] : place[2]].mean() >= _MIN_FILLED:
                best = share, place
    return None if best is None else best[1]


def _grown(busy: NDArray[np.uint8], place: Place) -> Place:
    """Take in the rows and columns beside a rectangle in which the picture goes on.

    Nothing if that is more than half of it: print begins there.
    """
    left, top, right, bottom = place
    top, bottom = _extended(busy[:, left:right].mean(axis=1), top, bottom)
    left, right = _extended(busy[top:bottom].mean(axis=0), left, right)
    return left, top, right, bottom


def _extended(share: NDArray[np.float64], first: int, last: int) -> tuple[int, int]:
    last = min(last, len(share))
    most = (last - first) // 2
    ends = np.flatnonzero(share < _MIN_BUSY)
    before, behind = ends[ends < first], ends[ends >= last]
    start = int(before[-1]) + 1 if len(before) else 0
    stop = int(behind[0]) if len(behind) else len(share)
    return (start if first - start < most else first), (stop if stop - last < most else last)


def _refined(apart: NDArray[np.uint8], place: Place) -> Place:
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
