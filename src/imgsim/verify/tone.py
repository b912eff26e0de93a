"""The change of brightness and contrast between two images."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imgsim.verify.limits import LIMITS
from imgsim.verify.matrix import Grey

_ONES = np.ones(256, np.float32)
_LEVELS = np.arange(256, dtype=np.float32)
_OFFSETS = np.arange(-LIMITS.tone_smoothing_radius, LIMITS.tone_smoothing_radius + 1)
_KERNEL = np.exp(-0.5 * (_OFFSETS / LIMITS.tone_smoothing) ** 2)


def joint_histogram(one: Grey, other: Grey, mask: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Count how often a level of one image lies on a level of the other one.

    Some of the pixels are counted, see `Limits.tone_step`.

    Parameters
    ----------
    one, other : ndarray of uint8, shape (h, w)
    mask : ndarray of uint8, shape (h, w)
        0 where pixels do not count.

    Returns
    -------
    ndarray of float32, shape (256, 256)
        Pixels, by the level of `one` and that of `other`.
    """
    import cv2

    step = LIMITS.tone_step
    parts = [np.ascontiguousarray(x[::step, ::step]) for x in (one, other, mask)]
    counts = cv2.calcHist(parts[:2], [0, 1], parts[2], [256, 256], [0, 256, 0, 256])
    return np.asarray(counts, np.float32)


def tone_curve(joint: NDArray[np.float32]) -> NDArray[np.float64]:
    """Fit the rising curve that brings the grey levels of one image nearest to the other's.

    By isotonic regression: a stray pixel has no more than its own weight.

    Parameters
    ----------
    joint : ndarray of float32, shape (256, 256)
        Of `joint_histogram`; transposed for the other direction.

    Returns
    -------
    ndarray of float64, shape (256,)
        The level of the other image for every level of the one.
    """
    count, total = (joint @ values for values in (_ONES, _LEVELS))
    pixels = float(count.sum())
    count, total = (np.convolve(x, _KERNEL, "same") for x in (count, total))
    seen = np.flatnonzero(count > pixels / LIMITS.tone_rarest)
    rising = isotonic_regression(total[seen] / count[seen], count[seen])
    return np.asarray(np.interp(np.arange(256), seen, rising))


def isotonic_regression(
    values: NDArray[np.floating], weights: NDArray[np.floating]
) -> NDArray[np.floating]:
    """Return the nearest values that never fall: neighbours that do are pooled.

    As `scipy.optimize.isotonic_regression`, whose import takes every worker longer than verifying
    forty pairs.

    Parameters
    ----------
    values, weights : ndarray of float64, shape (n,)
        The weights are above 0.

    Returns
    -------
    ndarray of float64, shape (n,)
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


def apply_tone_curve(image: Grey, curve: NDArray[np.float64]) -> Grey:
    """Replace the grey levels of an image.

    Parameters
    ----------
    image : ndarray of uint8, shape (h, w)
    curve : ndarray of float64, shape (256,)
        Of `tone_curve`; rounded.

    Returns
    -------
    ndarray of uint8, shape (h, w)
    """
    import cv2

    return np.asarray(cv2.LUT(image, np.rint(curve).clip(0, 255).astype(np.uint8)), np.uint8)
