"""Whether two aligned images are shots of one scene, out of the hand.

Who makes a picture brighter leaves everything where it is; between two shots the hand moves. What
a tripod held still is not told from such an edit.
"""

from __future__ import annotations

import numpy as np

from imgsim.verify.alignment import Aligned
from imgsim.verify.limits import LIMITS
from imgsim.verify.matrix import project
from imgsim.verify.recording import record

_LIGHT = np.log2(np.maximum(np.arange(256), 1) / 255)


def are_two_shots(aligned: Aligned) -> bool:
    """Return whether one image has another exposure than the other, and lies a little beside it.

    Parameters
    ----------
    aligned : Aligned
        Its images are ndarrays of uint8, shape (h, w).
    """
    if not lies_beside(aligned):
        return False
    stops = abs(exposure_difference(aligned))
    record("shot_min_stops", stops)
    return stops >= LIMITS.shot_min_stops


def lies_beside(aligned: Aligned) -> bool:
    """Return whether one image lies a little beside the other, at one scale.

    Parameters
    ----------
    aligned : Aligned
        Its images are ndarrays of uint8, shape (h, w).

    Returns
    -------
    bool
        False for images of two shapes or scales: one is a part of the other.
    """
    n = LIMITS.shot_grid
    places = np.indices((n, n), np.float64).reshape(2, -1) / (n - 1)
    size = np.array(aligned.left.shape[::-1], np.float64)[:, None]
    moves = (project(aligned.matrix, places) - places) * size
    moved = float(np.median(np.hypot(*moves))) / float(size.max())
    area = abs(abs(float(np.linalg.det(aligned.matrix[:2, :2]))) - 1)
    record("shot_min_moved", moved)
    record("shot_max_moved", moved)
    record("shot_max_area", area)
    return LIMITS.shot_min_moved <= moved <= LIMITS.shot_max_moved and area <= LIMITS.shot_max_area


def exposure_difference(aligned: Aligned) -> float:
    """Return the stops of light by which the right image is brighter; 0 if too little is to see.

    Parameters
    ----------
    aligned : Aligned
    """
    step = LIMITS.tone_step
    left, right, mask = (
        image[::step, ::step] for image in (aligned.left, aligned.right, aligned.mask)
    )
    low, high = LIMITS.shot_open_levels
    is_open = (mask > 0) & (np.minimum(left, right) > low) & (np.maximum(left, right) < high)
    if np.count_nonzero(is_open) < LIMITS.min_overlap_pixels:
        return 0.0
    return LIMITS.shot_gamma * float(np.median(_LIGHT[right[is_open]] - _LIGHT[left[is_open]]))
