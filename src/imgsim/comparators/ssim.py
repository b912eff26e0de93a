"""Structural similarity (SSIM) of small grey images.

Source: Z. Wang, A. C. Bovik, H. R. Sheikh and E. P. Simoncelli, "Image quality assessment: from
error visibility to structural similarity", IEEE TIP 13(4), 2004, doi:10.1109/TIP.2003.819861,
with the uniform window and the unbiased covariance that scikit-image uses by default.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators.base import (
    PRESETS,
    Extractor,
    PairComparator,
    Prepared,
    Preset,
    Scale,
)
from imgsim.comparators.pixels import Pixels
from imgsim.errors import UsageError

_RANGE = 255
_C1 = (0.01 * _RANGE) ** 2
_C2 = (0.03 * _RANGE) ** 2


@dataclass(frozen=True)
class Ssim(PairComparator):
    """1 - mean SSIM, equal to `skimage.metrics.structural_similarity` to 1e-6.

    All window sums are integers, so they are exact: what differs from scikit-image is the
    rounding of single precision in the last step. An image and itself have distance 0.

    Attributes
    ----------
    side : int
        Width and height in pixels that images are resized to.
    win_size : int
        Side of the window; odd.
    """

    side: int = 64
    win_size: int = 7
    name: ClassVar[str] = "ssim"
    summary: ClassVar[str] = "structural similarity of all pairs: slow, sees local structure"

    def __post_init__(self) -> None:
        Pixels(self.side, "grey")
        if self.win_size % 2 == 0 or not 3 <= self.win_size <= min(self.side, 11):
            raise UsageError(
                f"ssim: win_size={self.win_size} is not odd and in 3..{min(self.side, 11)}",
                "try win_size=7",
            )

    @property
    def extractor(self) -> Extractor:
        return Pixels(self.side, "grey")

    @property
    def scale(self) -> Scale:
        return Scale("SSIM", "higher", 1.0)

    def preset_distance(self, preset: Preset) -> float:
        return (0.02, 0.05, 0.15)[PRESETS.index(preset)]

    def prepare(self, rows: NDArray[Any]) -> Prepared:
        """Pixels (int32), window sums S, S squared, and n * sum of squares - S squared."""
        pixels = rows.reshape(-1, self.side, self.side).astype(np.int32)
        sums = _window_sums(pixels, self.win_size)
        # Int32 is wide enough: n * sum(x^2) <= n^2 * 255^2, and n <= 121.
        spread = self.win_size**2 * _window_sums(pixels * pixels, self.win_size) - sums * sums
        return pixels, sums, spread

    def distance(self, left: Prepared, right: Prepared) -> NDArray[np.float64]:
        n = self.win_size**2
        x, sum_x, spread_x = left
        y, sum_y, spread_y = right
        both = sum_x * sum_y
        cross = n * _window_sums(x * y, self.win_size) - both
        squares = (sum_x * sum_x + sum_y * sum_y).astype(np.float32)
        # Numerators and denominators of the paper, times n^2 and n * (n - 1).
        c1, c2 = np.float32(_C1 * n * n), np.float32(_C2 * n * (n - 1))
        luminance = (2 * both.astype(np.float32) + c1) / (squares + c1)
        structure = (2 * cross.astype(np.float32) + c2) / (
            (spread_x + spread_y).astype(np.float32) + c2
        )
        index = np.multiply(luminance, structure, out=luminance)
        return np.asarray(1.0 - index.mean(axis=(1, 2), dtype=np.float64))


def _window_sums(images: NDArray[np.int32], win: int) -> NDArray[np.int32]:
    """Sums over all win x win windows inside each image; shape (n, h - win + 1, w - win + 1)."""
    return _running_sums(_running_sums(images, win, 1), win, 2)


def _running_sums(values: NDArray[np.int32], win: int, axis: int) -> NDArray[np.int32]:
    """Sums of `win` neighbours along an axis, by doubling: 4 additions for a window of 7."""
    length = values.shape[axis] - win + 1

    def part(array: NDArray[np.int32], start: int, count: int) -> NDArray[np.int32]:
        index = [slice(None)] * 3
        index[axis] = slice(start, start + count)
        return array[tuple(index)]

    total: NDArray[np.int32] | None = None
    block, size, offset = values, 1, 0
    while True:
        if win & size:
            piece = part(block, offset, length)
            total = piece if total is None else total + piece
            offset += size
        size *= 2
        if size > win:
            break
        span = block.shape[axis] - size // 2
        block = part(block, 0, span) + part(block, size // 2, span)
    assert total is not None
    return total
