"""Reads the part of a picture in which another one lies, at the size that the other one has.

In a window or on a page a picture may take a tenth of the area. At the size at which whole
pictures are compared there is too little left of it to be aligned.
"""

from __future__ import annotations

import numpy as np

from imgsim.verify.limits import LIMITS
from imgsim.verify.matrix import Grey, Matrix, area_between, projected_corners
from imgsim.verify.overlap import share_inside
from imgsim.verify.recording import record

Part = tuple[float, float, float, float]
"""Left, top, right and bottom, in unit coordinates."""

_N = LIMITS.pose_grid
_GRID = (np.indices((_N, _N), np.float64).reshape(2, -1) + 0.5) / _N


def small_part(matrix: Matrix) -> Part | None:
    """Return the part of the left picture in which the right one lies, with some room around.

    Parameters
    ----------
    matrix : ndarray of float64, shape (3, 3)
        Unit coordinates of the right picture to those of the left one.

    Returns
    -------
    tuple of float, or None
        None if the right picture does not lie in the left one, or takes much of it.
    """
    if share_inside(matrix, _GRID) < LIMITS.pose_min_inside:
        return None
    x, y = corners = projected_corners(matrix)
    record("zoom_max_area", area_between(corners))
    if area_between(corners) > LIMITS.zoom_max_area:
        return None
    room = LIMITS.zoom_room * max(np.ptp(x), np.ptp(y))
    (left, right), (top, bottom) = (
        np.clip((side.min() - room, side.max() + room), 0, 1) for side in (x, y)
    )
    return float(left), float(top), float(right), float(bottom)


def cut(image: Grey, part: Part) -> tuple[Grey, Matrix]:
    """Cut a part out of an image.

    Parameters
    ----------
    image : ndarray of uint8, shape (h, w)
    part : tuple of float

    Returns
    -------
    image : ndarray of uint8, shape (h2, w2)
        Of whole pixels.
    matrix : ndarray of float64, shape (3, 3)
        Unit coordinates of the part to those of the image.
    """
    height, width = image.shape
    x, end = (round(side * width) for side in part[::2])
    y, bottom = (round(side * height) for side in part[1::2])
    matrix = np.array(
        [
            ((end - x) / width, 0, x / width),
            (0, (bottom - y) / height, y / height),
            (0, 0, 1.0),
        ]
    )
    return np.ascontiguousarray(image[y:bottom, x:end]), matrix
