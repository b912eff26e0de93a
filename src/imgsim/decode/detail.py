"""Counts how much an image shows, and shrinks it."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgsim.types import MIN_DETAIL

_DETAIL_LEVEL = 8.0
"""A DCT coefficient with a larger absolute value is more than quantisation noise."""

PLAINLY_DETAILED = MIN_DETAIL + 10
"""Images with so many significant coefficients are far from flat, in whichever size they were
counted."""

NARROW_SHARE = 0.32
"""Of the longer side at which images are compared: the shorter side of a narrow one."""

NARROW_MOST = 5.0
"""The longer side of a narrow one, as a multiple of that."""

RICHLY_DETAILED = 45
"""Photos have at least so many significant coefficients, most of them all 63."""


def detail_of(image: Any) -> tuple[int, str]:
    """Compute two facts of a Pillow image in grey.

    Returns
    -------
    detail : int
        See `count_detail`.
    thumbnail : str
        Mean grey levels of 4 x 4 parts, a byte each, in hexadecimal.
    """
    from PIL import Image

    small = np.asarray(image.resize((32, 32), Image.Resampling.BOX))
    sums = small.reshape(4, 8, 4, 8).sum(axis=(1, 3), dtype=np.uint32)
    parts = np.rint(sums / 64).astype(np.uint8)
    return int(count_detail(small[None])[0]), parts.tobytes().hex()


def longer_side(shape: tuple[int, ...], at_most: int) -> int:
    """Return the longer side, in pixels, to which an image is shrunk, if it is larger.

    That of a narrow image is longer than `at_most`: of a strip of panels nothing would be seen in
    so many pixels.

    Parameters
    ----------
    shape : tuple of int
        Height and width first.
    at_most : int
        Pixels of the longer side, where the shorter one has at least `NARROW_SHARE` of that.
    """
    shorter, longer = sorted(shape[:2])
    wanted = at_most * min(NARROW_MOST, NARROW_SHARE * longer / max(1, shorter))
    return max(at_most, round(wanted))


def shrink(image: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Shrink an image to a longer side of at most `side` pixels, by area resampling.

    Parameters
    ----------
    image : ndarray of uint8, shape (h, w) or (h, w, c)
    side : int

    Returns
    -------
    ndarray of uint8, shape (h, w) or (h, w, c)
        The image itself if it is no larger.
    """
    import cv2

    height, width = image.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return image
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def count_detail(grey: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Count the low DCT coefficients that stand above quantisation noise.

    Parameters
    ----------
    grey : ndarray of uint8, shape (n, 32, 32)

    Returns
    -------
    ndarray of int64, shape (n,)
        0 (flat) to 63.
    """
    basis = _orthonormal_basis()
    low = basis @ grey.astype(np.float64) @ basis.T
    return np.asarray((np.abs(low).reshape(len(low), 64)[:, 1:] > _DETAIL_LEVEL).sum(axis=1))


@cache
def _orthonormal_basis() -> NDArray[np.float64]:
    """The first 8 rows of the orthonormal DCT-II of 32 points, shape (8, 32)."""
    basis = dct_basis(8, 32) / 8
    basis[0] /= np.sqrt(2)
    return basis


@cache
def dct_basis(rows: int, points: int) -> NDArray[np.float64]:
    """Return the first rows of the DCT-II of some points, scaled as scipy's.

    Returns
    -------
    ndarray of float64, shape (rows, points)
        Not to be modified.
    """
    k, n = np.arange(rows)[:, None], np.arange(points)[None, :]
    return np.asarray(2 * np.cos(np.pi * k * (2 * n + 1) / (2 * points)))
