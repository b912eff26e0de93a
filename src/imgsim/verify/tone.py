"""The change of brightness and contrast between two images."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imgsim.verify.limits import LIMITS
from imgsim.verify.matrix import Grey


def joint_levels(one: Grey, other: Grey, mask: NDArray[np.uint8]) -> NDArray[np.float32]:
    """How often a level of the one image lies on a level of the other; of some of the pixels.

    Returns
    -------
    ndarray of float32, shape (256, 256)
    """
    import cv2

    step = LIMITS.tone_step
    parts = [np.ascontiguousarray(x[::step, ::step]) for x in (one, other, mask)]
    counts = cv2.calcHist(parts[:2], [0, 1], parts[2], [256, 256], [0, 256, 0, 256])
    return np.asarray(counts, np.float32)


def tone(joint: NDArray[np.float32]) -> NDArray[np.float64]:
    """The rising curve that brings the grey levels of the one image nearest to the other's.

    Found by isotonic regression: a stray pixel has no more than its own weight.

    Parameters
    ----------
    joint : ndarray of float32, shape (256, 256)
        Of `joint_levels`; transposed for the way back.

    Returns
    -------
    ndarray of float64, shape (256,)
    """
    count, total = (joint @ values for values in (_ONES, _LEVELS))
    pixels = float(count.sum())
    count, total = (np.convolve(x, _NEAR_LEVELS, "same") for x in (count, total))
    seen = np.flatnonzero(count > pixels / LIMITS.tone_rarest)
    rising = isotonic(total[seen] / count[seen], count[seen])
    return np.asarray(np.interp(np.arange(256), seen, rising))


def isotonic(values: NDArray[np.floating], weights: NDArray[np.floating]) -> NDArray[np.floating]:
    """The nearest values that never fall: neighbours that do are pooled.

    What `scipy.optimize.isotonic_regression` does; importing that takes every worker longer than
    looking at forty pairs.
    """
    members = np.ones(len(values), np.int64)
    while True:
        rises = values[1:] > values[:-1]
        if rises.all():
            return np.repeat(values, members)
        first = np.flatnonzero(np.concatenate(([True], rises)))
        pooled = np.add.reduceat(weights, first)
        values = np.add.reduceat(values * weights, first) / pooled
        members = np.add.reduceat(members, first)
        weights = pooled


_ONES = np.ones(256, np.float32)
_LEVELS = np.arange(256, dtype=np.float32)
_APART = np.arange(-LIMITS.tone_smoothing_radius, LIMITS.tone_smoothing_radius + 1)
_NEAR_LEVELS = np.exp(-0.5 * (_APART / LIMITS.tone_smoothing) ** 2)


def apply_tone(image: Grey, curve: NDArray[np.float64]) -> Grey:
    """The image with its levels replaced."""
    import cv2

    return np.asarray(cv2.LUT(image, np.rint(curve).clip(0, 255).astype(np.uint8)), np.uint8)
