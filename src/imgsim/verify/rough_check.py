"""Rejects a matrix by which two images do not look alike even from afar, before points are tracked.

Most matrices that few keypoints imply are chance, and to find that out by tracking takes many times
as long.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imgsim.decode.detail import shrink
from imgsim.verify.blocks import Map
from imgsim.verify.limits import LIMITS
from imgsim.verify.matrix import Grey, Matrix, opencv_matrix, pixel_matrix
from imgsim.verify.recording import record


def agree_roughly(left: Grey, right: Grey, matrix: Matrix) -> bool:
    """Return whether two images may agree under a matrix.

    Their light and dark parts have to, in small images less their means around: the correlation is
    that of the structure, and no change of the tones of the whole matters.

    Parameters
    ----------
    left, right : ndarray of uint8, shape (h, w)
    matrix : ndarray of float64, shape (3, 3)
        Unit coordinates of the right picture to those of the left one, roughly; plausible.

    Returns
    -------
    bool
        True also where there is too little to tell.
    """
    import cv2

    small = shrink(left, LIMITS.rough_side)
    across, down = np.hypot(*pixel_matrix(matrix, small, right)[:2, :2]).tolist()
    size = [
        max(1, round(side * min(1.0, scale)))
        for side, scale in zip(right.shape[::-1], (across, down), strict=True)
    ]
    other = cv2.resize(right, size, interpolation=cv2.INTER_AREA)
    pixels = opencv_matrix(matrix, small, np.asarray(other, np.uint8))
    warped, cover = (
        cv2.warpPerspective(image, pixels, small.shape[::-1], flags=cv2.INTER_LINEAR)
        for image in (other, np.full(other.shape, 255, np.uint8))
    )
    inside = cover > LIMITS.rough_min_cover
    # around a picture in a window, the other image has what is beside it in these pixels
    inside[[0, -1]] = inside[:, [0, -1]] = False
    if np.count_nonzero(inside) < LIMITS.rough_min_pixels:
        return True
    mask = inside.astype(np.float32)
    weight = np.maximum(_around(mask), 1e-3)
    one, two = (
        (image - _around(image * mask) / weight)[inside]
        for image in (small.astype(np.float32), warped.astype(np.float32))
    )
    spread = float(one @ one), float(two @ two)
    if min(spread) < len(one) * LIMITS.rough_min_spread**2:
        return True
    product, most = float(one @ two), float(np.sqrt(spread[0] * spread[1]))
    record("rough_min_correlation", product / most)
    return product >= LIMITS.rough_min_correlation * most


def _around(image: Map) -> NDArray[np.float32]:
    """Means of the squares around pixels, but for a factor."""
    import cv2

    return np.asarray(cv2.blur(image, (LIMITS.rough_window,) * 2, borderType=cv2.BORDER_CONSTANT))
