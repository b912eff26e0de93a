"""Makes two images equally sharp."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imgsim.verify.blocks import Map
from imgsim.verify.limits import LIMITS
from imgsim.verify.matrix import Grey
from imgsim.verify.median import median


def equalise_sharpness(
    left: Grey | Map,
    right: Grey | Map,
    mask: NDArray[np.uint8] | SharpnessCells,
    smoothing: float,
    smoothed: tuple[Map | None, Map | None] = (None, None),
) -> tuple[Map, Map, float]:
    """Smooth both images, and blur the sharper one until they are equally sharp.

    Parameters
    ----------
    left, right : ndarray of uint8 or float32, shape (h, w)
    mask : ndarray of uint8, shape (h, w), or SharpnessCells
        1 where they are compared, else 0; or the cells of such a mask.
    smoothing : float
        Standard deviation of the smoothing of both, in pixels.
    smoothed : tuple of ndarray of float32, shape (h, w), or None
        Both, smoothed already, where they are.

    Returns
    -------
    left, right : ndarray of float32, shape (h, w)
    blur : float
        Standard deviation of the blur of the sharper one, in pixels; 0 if there was no need.
    """
    import cv2

    sources = [np.asarray(x, np.float32) for x in (left, right)]
    images = [
        cv2.GaussianBlur(source, (0, 0), smoothing) if image is None else image
        for source, image in zip(sources, smoothed, strict=True)
    ]
    cells = mask if isinstance(mask, SharpnessCells) else SharpnessCells(mask)
    gradients = [cells.measure(x) for x in images]
    ratio = cells.ratio(gradients[0], gradients[1])
    sharper = int(ratio < 1)
    source = sources[sharper]
    blur = 0.0
    for sigma in LIMITS.blur_steps:
        if max(ratio, 1 / ratio) < LIMITS.equal_sharpness or (ratio < 1) != sharper:
            break
        blur = sigma
        images[sharper] = cv2.GaussianBlur(source, (0, 0), float(np.hypot(sigma, smoothing)))
        gradients[sharper] = cells.measure(images[sharper])
        ratio = cells.ratio(gradients[0], gradients[1])
    return np.asarray(images[0]), np.asarray(images[1]), blur


class SharpnessCells:
    """Compares the gradients of two images, relative to their contrast, in square cells.

    The median of the cells counts: what covers a part of one image is sharp or not on its own
    account.

    Parameters
    ----------
    mask : ndarray of uint8, shape (h, w)
        1 where images are compared, else 0.
    """

    def __init__(self, mask: NDArray[np.uint8]) -> None:
        side, step = LIMITS.sharpness_cell, LIMITS.sharpness_row_step
        rows, columns = (max(1, (n - 1) // side) for n in mask.shape)
        self._size = columns, rows
        # whole cells, if there are any: their means are taken much faster
        bottom, end = (
            min(count * side, n - 1) for count, n in zip((rows, columns), mask.shape, strict=True)
        )
        self._pixels = slice(0, bottom, step), slice(0, end)
        self._beside = slice(0, bottom, step), slice(1, end + 1)
        self._below = slice(1, bottom + 1, step), slice(0, end)
        cover = self._mean(mask[self._pixels].astype(np.float32))
        self._inside = cover > LIMITS.min_sharpness_cover

    def _mean(self, values: Map) -> Map:
        import cv2

        return np.asarray(cv2.resize(values, self._size, interpolation=cv2.INTER_AREA))

    def measure(self, image: Map) -> tuple[Map, Map]:
        """Return the mean squared gradient, and the variance, of every cell.

        Parameters
        ----------
        image : ndarray of float32, shape (h, w)

        Returns
        -------
        two ndarrays of float32, shape (rows, columns)
        """
        pixels = np.ascontiguousarray(image[self._pixels])
        across, down = image[self._beside] - pixels, image[self._below] - pixels
        across *= across
        down *= down
        across += down
        mean = self._mean(pixels)
        pixels *= pixels
        return self._mean(across), self._mean(pixels) - mean * mean

    def ratio(self, left: tuple[Map, Map], right: tuple[Map, Map]) -> float:
        """Return how much sharper the left image is than the right one.

        Parameters
        ----------
        left, right : two ndarrays of float32, shape (rows, columns)
            Of `measure`.
        """
        textured = self._inside & (np.minimum(left[1], right[1]) > LIMITS.min_sharpness_variance)
        if not textured.any():
            return 1.0
        ratios = (
            left[0][textured] * right[1][textured] / (left[1][textured] * right[0][textured] + 1e-6)
        )
        return float(np.sqrt(max(1e-6, median(ratios))))
