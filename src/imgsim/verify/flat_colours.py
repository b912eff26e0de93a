"""Tells drawings from photos: a drawing is even for the most part, in a few colours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imgsim.verify.limits import LIMITS
from imgsim.verify.matrix import Grey
from imgsim.verify.recording import record


@dataclass(frozen=True, slots=True)
class FlatColours:
    """How much of an image is even, and in a few grey levels.

    Attributes
    ----------
    of_image : float
        Share of the pixels that are even and of one of the levels that most even pixels have.
    of_even : float
        The same as a share of the even pixels.
    far : float
        Share of the pixels that are far from all of those.
    """

    of_image: float
    of_even: float
    far: float


def _even(image: Grey) -> NDArray[np.bool_]:
    """Which pixels have hardly another level near them."""
    import cv2

    near = np.ones((LIMITS.flat_window,) * 2, np.uint8)
    span = cv2.subtract(cv2.dilate(image, near), cv2.erode(image, near))
    return np.asarray(span <= LIMITS.flat_range)


def _flat_colours(image: Grey, even: NDArray[np.bool_]) -> FlatColours:
    """Measure how much of an image is even, and in a few grey levels."""
    import cv2

    counts = np.bincount(image[even], minlength=256).astype(np.float64)
    total = counts.sum()
    common = np.zeros(256, np.bool_)
    width = LIMITS.flat_level_width
    for _ in range(LIMITS.flat_levels):
        sums = np.convolve(counts, np.ones(2 * width + 1), "same")
        level = int(sums.argmax())
        levels = slice(max(0, level - width), level + width + 1)
        common[levels] = True
        counts[levels] = 0
    flat = np.asarray(even & common[image], np.uint8)
    wide = cv2.dilate(flat, np.ones((LIMITS.flat_near,) * 2, np.uint8))
    share = float(flat.mean())
    return FlatColours(share, share * image.size / max(1.0, float(total)), 1 - float(wide.mean()))


def is_drawing(image: Grey) -> bool:
    """Return whether an image is a drawing: a diagram, a map, a board, a page without grain.

    Parameters
    ----------
    image : ndarray of uint8, shape (h, w)
    """
    even = _even(image)
    if np.count_nonzero(even) <= even.size * LIMITS.min_flat_drawing:
        return False  # as nearly all photos; no more than that can be in a few levels
    rest = (1 - LIMITS.flat_span_share) / 2
    darkest, brightest = np.quantile(image, (rest, 1 - rest))
    record("min_flat_span", brightest - darkest)
    if brightest - darkest < LIMITS.min_flat_span:
        return False  # in an underexposed photo all levels are near each other
    flat = _flat_colours(image, even)
    record("min_flat_drawing", flat.of_image)
    record("min_flat_of_even", flat.of_even)
    record("max_far_from_flat", flat.far)
    return (
        flat.of_image > LIMITS.min_flat_drawing
        and flat.of_even > LIMITS.min_flat_of_even
        and flat.far < LIMITS.max_far_from_flat
    )
