"""Tells whether two animations differ at one place in one frame or two alone: a digit or a spot
that one of them shows for a moment.

Another palette, dithering or compression differs as much as a small word does, but in every frame,
and all over it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imgsim.verify.limits import LIMITS
from imgsim.verify.recording import record

Differences = NDArray[np.float16]


def smoothed_difference(difference: NDArray[np.float32], mask: NDArray[np.uint8]) -> Differences:
    """Smooth the difference of two frames, so that dithering averages out, at half the size.

    A common change of brightness and colour is taken away.

    Parameters
    ----------
    difference : ndarray of float32, shape (h, w, 3)
        Levels of Y, Cb and Cr.
    mask : ndarray of uint8, shape (h, w)
        0 where it does not count.

    Returns
    -------
    ndarray of float16, shape (ceil(h / 2), ceil(w / 2), 3)
        Levels; none where it does not count.
    """
    import cv2

    inside = mask > 0
    level = np.median(difference[inside], axis=0) if inside.any() else 0
    counted = np.where(inside[..., None], difference - level, 0).astype(np.float32)
    blurred = cv2.GaussianBlur(counted, (0, 0), LIMITS.single_frame_blur)
    return np.asarray(blurred[::2, ::2], np.float16)


def single_frame_ratio(differences: Differences) -> float:
    """Return how far the frame that differs most stands out, as a share of the limit.

    Of each place it is measured by how much the difference in a frame departs from the median over
    time, in proportion to what it does there in the other frames. Then the largest of a frame is
    compared with the largest of other frames, and with what that frame has elsewhere: a frame that
    is unlike the others, or brought to a worse palette, differs at many places.

    Parameters
    ----------
    differences : ndarray of float16, shape (n, h, w, 3)
        Of `smoothed_difference`, in the order of time.

    Returns
    -------
    float
        0 where there are too few frames to tell.
    """
    if len(differences) < LIMITS.single_frame_min_frames:
        return 0.0
    luma, chroma = _lead(differences[..., :1]), _lead(differences[..., 1:])
    ratio = max(luma, LIMITS.single_frame_chroma * chroma)
    record("max_single_frame", ratio)
    return ratio / LIMITS.max_single_frame


def _lead(differences: Differences) -> float:
    """By how much the largest ratio of all is larger than those of other frames and places."""
    ratios = _ratios(differences.astype(np.float32))
    tops = ratios.max(axis=(1, 2))
    rank = LIMITS.single_frame_rank
    number = int(tops.argmax())
    others = float(np.partition(tops, -rank)[-rank])
    return float(tops[number]) / max(1.0, others, _elsewhere(ratios[number]))


def _ratios(differences: NDArray[np.float32]) -> NDArray[np.float32]:
    """Departures from the median over time, as multiples of the usual ones near that place."""
    import cv2

    count, *shape = differences.shape
    departures = np.abs(differences - np.median(differences, axis=0))
    place = min(int(LIMITS.single_frame_quantile * count), count - LIMITS.single_frame_rank)
    usual = np.partition(departures, place, axis=0)[place]
    near = np.ones((LIMITS.single_frame_window,) * 2, np.uint8)
    usual = cv2.dilate(usual, near).reshape(shape)
    return np.asarray((departures / (usual + 1)).max(axis=-1))


def _elsewhere(ratios: NDArray[np.float32]) -> float:
    """The largest ratio of a frame outside a square around its very largest one."""
    row, column = np.unravel_index(int(ratios.argmax()), ratios.shape)
    reach = int(LIMITS.single_frame_reach * max(ratios.shape))
    others = ratios.copy()
    others[max(0, row - reach) : row + reach + 1, max(0, column - reach) : column + reach + 1] = 0
    return float(others.max())
