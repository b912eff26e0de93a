"""Tells whether two images of one size are equal to the level but for one place.

Two screens of one program that were saved alike: what is saved again, scaled or brightened changes
all over, so that a place which alone differs shows something else, however small or faint it is.
"""

from __future__ import annotations

import numpy as np

from imgsim.verify.in_place import levels_near
from imgsim.verify.limits import LIMITS
from imgsim.verify.matrix import Grey
from imgsim.verify.recording import record


def lone_change(left: Grey, right: Grey) -> float:
    """Return by how much two images differ at one place, where all else that they show is equal.

    Photos and pictures without much even ground are left to others: of these a part may have been
    edited.

    Parameters
    ----------
    left, right : ndarray of uint8, shape (h, w)
        In their own size.

    Returns
    -------
    float
        The second largest difference of a pixel as a share of the contrast around it; 0 if they are
        of different sizes, or differ elsewhere too, or nowhere.
    """
    import cv2

    if left.shape != right.shape:
        return 0.0
    difference = cv2.absdiff(left, right)
    if not difference.any():
        return 0.0
    width = 2 * LIMITS.unchanged_even + 1
    counts = cv2.calcHist([left], [0], None, [256], [0, 256]).ravel()
    even = float(np.convolve(counts, np.ones(width), "same").max()) / left.size
    record("unchanged_min_even", even)
    if even < LIMITS.unchanged_min_even:  # most photos end here, at little cost
        return 0.0
    contrast = np.max(
        [cv2.subtract(*levels_near(x, LIMITS.unchanged_near)[::-1]) for x in (left, right)], axis=0
    )
    printed = contrast > LIMITS.unchanged_min_contrast
    share = difference / np.maximum(contrast, np.float32(LIMITS.unchanged_min_contrast))
    share[~printed] = 0
    changed = share > LIMITS.unchanged_least_share
    reach = np.ones((2 * LIMITS.unchanged_reach + 1,) * 2, np.uint8)
    places, labels = cv2.connectedComponents(cv2.dilate(changed.astype(np.uint8), reach))
    rest = printed & (labels == 0)
    if places != 2 or rest.sum() <= LIMITS.unchanged_min_rest * printed.sum():
        return 0.0
    equal = float((difference[rest] <= 1).mean())
    record("unchanged_min_equal", equal)
    if equal < LIMITS.unchanged_min_equal:
        return 0.0
    return float(np.partition(share, -2, axis=None)[-2])
