"""Structural similarity (SSIM) of small grey images.

Source: Z. Wang, A. C. Bovik, H. R. Sheikh and E. P. Simoncelli, "Image quality assessment: from
error visibility to structural similarity", IEEE TIP 13(4), 2004, doi:10.1109/TIP.2003.819861,
with the uniform window and the unbiased covariance that scikit-image uses by default.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators.base import PRESETS, PairComparator, Prepared, Preset, RoughDistances, Scale
from imgsim.comparators.evidence import Evidence, Explains
from imgsim.comparators.extractor import Extractor
from imgsim.comparators.pixels import Pixels
from imgsim.comparators.ssim_rough import RoughSsim
from imgsim.errors import UsageError

_RANGE = 255
_C1 = (0.01 * _RANGE) ** 2
_C2 = (0.03 * _RANGE) ** 2

_ROUGH_SIDE = 128
"""Larger images take too much memory when they are prepared for rough distances."""


@dataclass(frozen=True)
class Ssim(PairComparator, Explains):
    """1 - mean SSIM, equal to `skimage.metrics.structural_similarity` but for rounding.

    All window sums are integers, so they are exact; the rest is double precision. An image and
    itself have distance 0.

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
        """Compute pixels, window sums S, S squared, and n * sum of squares - S squared.

        Each is as large as the image, one row of numbers per image: a window belongs to its upper
        left pixel, and those that do not fit the image are left out at the end. Their sums run
        over into the next row, and do no harm; numpy is fast on long rows. The last two have half
        of the paper's constants in them, times n^2 and n * (n - 1).

        Parameters
        ----------
        rows : ndarray of uint8, shape (n, side * side)

        Returns
        -------
        tuple of ndarray of int32 (two) and of float64 (two), each of shape (n, side * side)
        """
        n = self.win_size**2
        pixels = rows.reshape(len(rows), self.side * self.side).astype(np.int32)
        # zeros behind the last image, so that no window of it holds what was there before
        padded = np.zeros((len(pixels) + 1, pixels.shape[1]), np.int32)
        padded[:-1] = pixels
        sums = self._window_sums(padded)[:-1].copy()
        # Int32 is wide enough: n * sum(x^2) <= n^2 * 255^2, and n <= 121.
        squares = sums * sums
        spread = n * self._window_sums(padded * padded)[:-1] - squares
        return pixels, sums, squares + _C1 * n * n / 2, spread + _C2 * n * (n - 1) / 2

    def distance(self, left: Prepared, right: Prepared) -> NDArray[np.float64]:
        return np.asarray(1.0 - self._index(left, right).mean(axis=2).mean(axis=1))

    def explain(self, left: NDArray[np.uint8], right: NDArray[np.uint8]) -> Evidence:
        one, other = (self.prepare(image.reshape(1, -1)) for image in (left, right))
        lost = 1.0 - self._index(one, other)[0]
        # a window belongs to the pixel in its middle, and there are none along the edges
        side = self.win_size
        parts = np.pad(lost / lost.size, side // 2)
        return Evidence(
            "1 - SSIM",
            "difference",
            float(parts.sum()),
            parts,
            parts,
            edge=side // 2 / self.side,
            edge_reason=f"where no window of {side} x {side} pixels has its middle",
        )

    def _index(self, left: Prepared, right: Prepared) -> NDArray[np.float64]:
        """Compute SSIM of every window, (n, fit, fit): a buffer, valid until the next call."""
        n = self.win_size**2
        x, sum_x, squares_x, spread_x = left
        y, sum_y, squares_y, spread_y = right
        shape = np.broadcast_shapes(x.shape, y.shape)
        index, other = (_buffer(name, shape, np.float64) for name in ("index", "other"))
        cross = self._window_sums(np.multiply(x, y, out=_buffer("product", shape, np.int32)))
        both = np.multiply(sum_x, sum_y, out=_buffer("both", shape, np.int32))
        cross *= n
        cross -= both
        np.multiply(both, 2.0, out=index)
        index += _C1 * n * n
        np.multiply(cross, 2.0, out=other)
        other += _C2 * n * (n - 1)
        index *= other
        index /= np.add(squares_x, squares_y, out=other)
        index /= np.add(spread_x, spread_y, out=other)
        fit = self.side - self.win_size + 1
        whole: NDArray[np.float64] = index.reshape(-1, self.side, self.side)[:, :fit, :fit]
        return whole

    def rough(self, rows: NDArray[Any]) -> RoughDistances | None:
        if self.side > _ROUGH_SIDE:
            return None
        images = rows.reshape(len(rows), self.side, self.side)
        return RoughSsim(images, self.win_size, _C1, _C2)

    def _window_sums(self, images: NDArray[np.int32]) -> NDArray[np.int32]:
        """Compute the sums over the windows; a buffer, valid until the next call."""
        down = _running_sums(images.ravel(), self.win_size, self.side)
        return _running_sums(down, self.win_size, 1).reshape(images.shape)


_buffers = threading.local()


def _buffer(name: str, shape: tuple[int, ...], dtype: type[np.generic]) -> NDArray[Any]:
    """Return memory for an intermediate result, the same at every call of a thread.

    To get fresh memory from the system for each of a dozen results costs more than the sums.
    """
    size = math.prod(shape)
    known: NDArray[Any] | None = getattr(_buffers, name, None)
    if known is None or known.size < size:
        known = np.empty(size, dtype)
        setattr(_buffers, name, known)
    return known[:size].reshape(shape)


def _running_sums(values: NDArray[np.int32], win: int, step: int) -> NDArray[np.int32]:
    """Compute sums of `win` numbers, `step` apart, by doubling: 4 additions for a window of 7.

    The last (win - 1) * step results are meaningless.
    """
    total = _buffer(f"total{step}", values.shape, np.int32)
    block, size, offset, begun = values, 1, 0, False
    while True:
        if win & size:
            end = len(values) - offset * step
            if begun:
                total[:end] += block[offset * step :]
            else:
                total[:] = block
            begun = True
            offset += size
        size *= 2
        if size > win:
            return total
        shift = size // 2 * step
        doubled = _buffer(f"sum{size} {step}", values.shape, np.int32)
        np.add(block[:-shift], block[shift:], out=doubled[:-shift])
        block = doubled
