"""Means and variances of square blocks of an image."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgsim.verify.limits import LIMITS
from imgsim.verify.matrix import Band

Map = NDArray[Any]
"""A number for every block, or for every pixel."""


class Blocks:
    """Square blocks, each half a side from the next one, of images of one size.

    Parameters
    ----------
    mask : ndarray of uint8, shape (h, w)
        1 or 0.
    side : int
        Of a block, in pixels; even. A block is made of four cells of half its side.

    Attributes
    ----------
    inside : ndarray of bool, shape (rows, columns)
        Blocks that lie in the mask as a whole.
    """

    def __init__(self, mask: NDArray[np.uint8], side: int) -> None:
        self._half = side // 2
        self._cells = mask.shape[0] // self._half, mask.shape[1] // self._half
        self.inside = self.mean(mask.astype(np.float32)) > LIMITS.min_block_cover

    def band(self, rows: slice) -> Band:
        """Return the rows of the image that rows of blocks cover, and a margin around them.

        Parameters
        ----------
        rows : slice
            Of an array of any dtype, shape (rows, columns), with a number for every block.

        Returns
        -------
        tuple of float
            From and to, as shares of the height.
        """
        height = self._cells[0]
        first = rows.start - LIMITS.band_margin_cells
        last = rows.stop + 1 + LIMITS.band_margin_cells
        return max(0, first) / height, min(height, last) / height

    def mean(self, image: Map) -> Map:
        """Return the mean of every block.

        Parameters
        ----------
        image : ndarray of float32, shape (h, w)

        Returns
        -------
        ndarray of float32, shape (rows, columns)
        """
        cells = np.empty((1, *self._cells), np.float32)
        self._average(self._whole_cells(image), cells[0])
        return np.asarray(self._join(cells)[0])

    def regress(self, image: Map, expected: Map) -> tuple[Map, Map, float]:
        """Fit each block of an image by a line through the expected values.

        Parameters
        ----------
        image, expected : ndarray of float32, shape (h, w)

        Returns
        -------
        unexplained : ndarray of float32, shape (rows, columns)
            Variance of every block that no line through the expected values explains.
        variance : ndarray of float32, shape (rows, columns)
            All of its variance.
        spread : float
            Standard deviation over all blocks that lie in the mask.
        """
        import cv2

        image, expected = self._whole_cells(image), self._whole_cells(expected)
        cells = np.empty((5, *self._cells), np.float32)
        self._average(image, cells[0])
        self._average(expected, cells[1])
        product = np.empty(image.shape, np.float32)  # new memory costs more than the product
        self._average(cv2.multiply(image, image, product), cells[2])
        self._average(cv2.multiply(expected, expected, product), cells[3])
        self._average(cv2.multiply(image, expected, product), cells[4])
        mean, other_mean, power, other_power, both = self._join(cells)
        variance = np.maximum(power - mean * mean, 0)
        other_variance = np.maximum(other_power - other_mean * other_mean, 0)
        joint = both - mean * other_mean
        least = LIMITS.min_expected_variance
        explained = np.where(
            other_variance > least, joint * joint / np.maximum(other_variance, least), 0
        )
        overall = power[self.inside].mean() - float(mean[self.inside].mean()) ** 2
        return np.maximum(variance - explained, 0), variance, float(np.sqrt(max(0.0, overall)))

    def _whole_cells(self, image: Map) -> Map:
        """Cut off what is no whole cell."""
        return image[: self._cells[0] * self._half, : self._cells[1] * self._half]

    def _average(self, image: Map, means: Map) -> None:
        """Write the means of the cells of an image of whole cells."""
        import cv2

        cv2.resize(image, self._cells[::-1], means, interpolation=cv2.INTER_AREA)

    def _join(self, cells: Map) -> Map:
        """Means of blocks, shape (n, rows, columns), from those of cells, one more each way."""
        pairs = cells[:, :, 1:] + cells[:, :, :-1]
        return np.asarray((pairs[:, 1:] + pairs[:, :-1]) * np.float32(0.25))
