"""Whether two pictures of two levels each, drawings, print or dithered photos, have other colours.

Of a photo a change of all colours is a filter. A picture of two levels has nothing but its two
colours beside what it shows: with two others it is another design.
"""

from __future__ import annotations

import numpy as np

from imgsim.verify.colours import YCbCr, overlapping_pixels
from imgsim.verify.limits import LIMITS
from imgsim.verify.matrix import Grey, Matrix
from imgsim.verify.recording import record


def colours_differ(left: YCbCr, right: YCbCr, matrix: Matrix) -> bool:
    """Return whether most of the overlap has another hue, or none, in the other picture.

    Parameters
    ----------
    left, right : ndarray of uint8, shape (h, w, 3)
        The pictures in YCbCr, small and brought to any shape.
    matrix : ndarray of float64, shape (3, 3)
        Unit coordinates of the right picture to those of the left one.
    """
    one, other = (pixels[1:] for pixels in overlapping_pixels(left, right, matrix))
    if one.shape[1] < LIMITS.min_colour_pixels:
        return False
    vividness = np.maximum(np.hypot(*one), np.hypot(*other))
    least = np.maximum(LIMITS.two_levels_min_chroma, LIMITS.min_chroma_error_share * vividness)
    return bool((np.hypot(*(one - other)) > least).mean() > 0.5)


def has_two_levels(image: Grey) -> bool:
    """Return whether nearly all pixels have one of two grey levels, each of them some.

    Parameters
    ----------
    image : ndarray of uint8, shape (h, w)
        In its own size: shrinking makes other levels.
    """
    counts = np.bincount(image.ravel(), minlength=256)
    width = LIMITS.two_levels_width
    near = np.convolve(counts, np.ones(2 * width + 1, np.int64), "same")
    first = int(near.argmax())
    rest = near.copy()
    rest[max(0, first - 2 * width) : first + 2 * width + 1] = 0
    second = int(rest.max())
    record("two_levels_min_share", second / image.size)
    record("two_levels_share", (near[first] + second) / image.size)
    return (
        second >= LIMITS.two_levels_min_share * image.size
        and near[first] + second >= LIMITS.two_levels_share * image.size
    )
