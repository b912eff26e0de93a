"""Makes two images equally sharp."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imgsim.verify.blocks import Map
from imgsim.verify.limits import LIMITS
from imgsim.verify.matrix import Grey


def equally_sharp(
    left: Grey, right: Grey, mask: NDArray[np.uint8], soften: float
) -> tuple[Map, Map, float]:
    """Soften both, and blur the sharper one until they are equally sharp."""
    import cv2

    images = [cv2.GaussianBlur(x.astype(np.float32), (0, 0), soften) for x in (left, right)]
    seen = _Sharpness(mask)
    sharpness = [seen.of(x) for x in images]
    ratio = seen.ratio(sharpness[0], sharpness[1])
    sharper = int(ratio < 1)
    source = (left, right)[sharper].astype(np.float32)
    blur = 0.0
    for sigma in LIMITS.blur_steps:
        if max(ratio, 1 / ratio) < LIMITS.equal_sharpness or (ratio < 1) != sharper:
            break
        blur = sigma
        images[sharper] = cv2.GaussianBlur(source, (0, 0), float(np.hypot(sigma, soften)))
        sharpness[sharper] = seen.of(images[sharper])
        ratio = seen.ratio(sharpness[0], sharpness[1])
    return np.asarray(images[0]), np.asarray(images[1]), blur


class _Sharpness:
    """Compares the gradients of two images, relative to their contrast, place by place.

    What covers a part of one image is sharp or not on its own account: half of the places are of
    one mind. Some of the rows are enough.
    """

    def __init__(self, mask: NDArray[np.uint8]) -> None:
        side, step = LIMITS.sharpness_cell, LIMITS.sharpness_row_step
        rows, columns = (max(1, (n - 1) // side) for n in mask.shape)
        self.size = columns, rows
        # whole places, if there are any: their means are taken much faster
        bottom, end = (
            min(count * side, n - 1) for count, n in zip((rows, columns), mask.shape, strict=True)
        )
        self.rows = slice(0, bottom, step), slice(0, end)
        self.beside = slice(0, bottom, step), slice(1, end + 1)
        self.below = slice(1, bottom + 1, step), slice(0, end)
        self.whole = self._mean(mask[self.rows].astype(np.float32)) > LIMITS.min_sharpness_cover

    def _mean(self, values: Map) -> Map:
        import cv2

        return np.asarray(cv2.resize(values, self.size, interpolation=cv2.INTER_AREA))

    def of(self, image: Map) -> tuple[Map, Map]:
        """Mean squared gradient, and variance, of every place."""
        rows = np.ascontiguousarray(image[self.rows])
        across, down = image[self.beside] - rows, image[self.below] - rows
        across *= across
        down *= down
        across += down
        mean = self._mean(rows)
        rows *= rows
        return self._mean(across), self._mean(rows) - mean * mean

    def ratio(self, left: tuple[Map, Map], right: tuple[Map, Map]) -> float:
        """How much sharper the left image is than the right one."""
        lively = self.whole & (np.minimum(left[1], right[1]) > LIMITS.min_sharpness_variance)
        if not lively.any():
            return 1.0
        ratios = left[0][lively] * right[1][lively] / (left[1][lively] * right[0][lively] + 1e-6)
        return float(np.sqrt(max(1e-6, np.median(ratios))))
