"""Means and variances of square blocks of an image."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgsim.verify.limits import LIMITS
from imgsim.verify.matrix import Band

Map = NDArray[Any]


class Blocks:
    """Square blocks at half their side from each other, those that lie in the mask as a whole."""

    def __init__(self, mask: NDArray[np.uint8], side: int) -> None:
        self.half = side // 2
        self.shape = mask.shape[0] // self.half, mask.shape[1] // self.half  # in cells
        self.whole = self.mean(mask.astype(np.float32)) > LIMITS.min_block_cover

    def share_of_height(self, rows: slice) -> Band:
        """Where some rows of blocks begin and end, and a block more."""
        height = self.shape[0]
        first = rows.start - LIMITS.band_margin_cells
        last = rows.stop + 1 + LIMITS.band_margin_cells
        return max(0, first) / height, min(height, last) / height

    def mean(self, image: Map) -> Map:
        cells = np.empty((1, *self.shape), np.float32)
        self._cells(self._inner(image), cells[0])
        return np.asarray(self._joined(cells)[0])

    def _inner(self, image: Map) -> Map:
        """Without what is no whole cell."""
        return image[: self.shape[0] * self.half, : self.shape[1] * self.half]

    def _cells(self, image: Map, means: Map) -> None:
        """Write the means of the cells, of a half block's side, of an inner image."""
        import cv2

        cv2.resize(image, self.shape[::-1], means, interpolation=cv2.INTER_AREA)

    def _joined(self, cells: Map) -> Map:
        """Means of blocks, four cells each."""
        pairs = cells[:, :, 1:] + cells[:, :, :-1]
        return np.asarray((pairs[:, 1:] + pairs[:, :-1]) * np.float32(0.25))

    def unexplained(self, image: Map, expected: Map) -> tuple[Map, Map, float]:
        """Variance that no line through the expected values explains, all variance of a block,
        and the standard deviation over all blocks."""
        import cv2

        image, expected = self._inner(image), self._inner(expected)
        cells = np.empty((5, *self.shape), np.float32)
        self._cells(image, cells[0])
        self._cells(expected, cells[1])
        product = np.empty(image.shape, np.float32)  # new memory costs more than the product
        self._cells(cv2.multiply(image, image, product), cells[2])
        self._cells(cv2.multiply(expected, expected, product), cells[3])
        self._cells(cv2.multiply(image, expected, product), cells[4])
        mean, other, power, other_power, both = self._joined(cells)
        variance = np.maximum(power - mean * mean, 0)
        spread = np.maximum(other_power - other * other, 0)
        least = LIMITS.min_expected_variance
        joint = both - mean * other
        explained = np.where(spread > least, joint * joint / np.maximum(spread, least), 0)
        overall = power[self.whole].mean() - float(mean[self.whole].mean()) ** 2
        return np.maximum(variance - explained, 0), variance, float(np.sqrt(max(0.0, overall)))
