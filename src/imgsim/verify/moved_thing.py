"""Whether what looks like an overlay is a thing of one tone that stands elsewhere in either image.

An overlay lies on one of two images. A ball that flies along the edge of an animation is in both:
it covers as much in the one where it was as in the other where it is now.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from imgsim.verify.alignment import Aligned
from imgsim.verify.limits import LIMITS
from imgsim.verify.matrix import Band
from imgsim.verify.tone import apply_tone_curve, joint_histogram, tone_curve


def has_moved_thing(aligned: Aligned, bands: Sequence[Band]) -> bool:
    """Return whether a thing of one tone has moved within the rows of an overlay.

    Parameters
    ----------
    aligned : Aligned
        Its images are ndarrays of uint8, shape (h, w).
    bands : sequence of (float, float)
        Rows of the overlay, from and to, as shares of the height of the left image.
    """
    height = aligned.left.shape[0]
    rows = [slice(round(first * height), round(last * height)) for first, last in bands]
    around = aligned.mask.copy()
    for part in rows:
        around[part] = 0
    if np.count_nonzero(around) < LIMITS.min_overlap_pixels:
        return False
    # by the rest of the pictures: the thing itself would bend the curve
    curve = tone_curve(joint_histogram(aligned.left, aligned.right, around))
    left = apply_tone_curve(aligned.left, curve)
    return any(_has_moved(left[part], aligned.right[part], aligned.mask[part] > 0) for part in rows)


def _has_moved(
    left: NDArray[np.uint8], right: NDArray[np.uint8], inside: NDArray[np.bool_]
) -> bool:
    """Whether there is a level that as many pixels have in the one alone as in the other alone.

    They have to lie together: of letters with an outline on a lively picture each pixel has some
    level that the other image has elsewhere too, but on lines.
    """
    import cv2

    one, other = left.astype(np.int16), right.astype(np.int16)
    differs = inside & (np.abs(one - other) > LIMITS.moved_min_difference)
    if np.count_nonzero(differs) < LIMITS.moved_min_pixels:
        return False
    kernel = np.ones((LIMITS.moved_opening, LIMITS.moved_opening), np.uint8)
    width = LIMITS.moved_level_width
    for level in range(0, 256, width // 2):
        have = [differs & (np.abs(image - level) <= width) for image in (one, other)]
        alone = [have[0] & ~have[1], have[1] & ~have[0]]
        if min(map(np.count_nonzero, alone)) < LIMITS.moved_min_pixels:
            continue
        few, many = sorted(
            float(cv2.morphologyEx(part.astype(np.uint8), cv2.MORPH_OPEN, kernel).sum())
            for part in alone
        )
        if (
            few >= LIMITS.moved_min_pixels
            and few >= LIMITS.moved_as_many * many
            and few >= LIMITS.moved_min_share * np.count_nonzero(differs)
        ):
            return True
    return False
