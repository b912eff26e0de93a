"""Rough SSIM of all pairs of two sets of images: matrix products in single precision.

Take the windows that lie at one place. Their sums of x * y over all pairs of n and m images are one
product of an n x 49 and a 49 x m matrix of pixels; the other terms of the formula are products of
matrices with 2 or 4 columns. That leaves five additions, multiplications and divisions
for a window of a pair, in blocks that stay in the processor's cache.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from imgsim.comparators.base import RoughDistances

_TILE = 64
"""Images of a set that are multiplied at a time: small enough that BLAS starts no threads."""

_BLOCK_BYTES = 128 << 10
"""Of each intermediate result."""

_CENTRE = 128
_UNIT_ROUNDOFF = 2.0**-24

_Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Tile:
    """Some images, one along the last axis each, and what is known of their windows.

    Attributes
    ----------
    pixels : ndarray of float32, shape (side, side, n)
        Around 0: their products, and sums of these over a window, are whole numbers below 2^24
        and so exact.
    covariance, luminance, below : ndarray of float32, shape (fit, fit, 2 or 4, n)
        Factors: the product with that of another tile is, for all pairs, the part of the
        covariance that is not the sum of products, the numerator of the luminance, and both
        denominators multiplied.
    """

    pixels: _Floats
    covariance: _Floats
    luminance: _Floats
    below: _Floats


class RoughSsim(RoughDistances):
    """1 - mean SSIM of some images and others.

    Parameters
    ----------
    images : ndarray of uint8, shape (n, side, side)
    win_size : int
    c1, c2 : float
        The constants of the paper.
    """

    def __init__(self, images: NDArray[np.uint8], win_size: int, c1: float, c2: float) -> None:
        self.win_size = win_size
        self.c1, self.c2 = c1, c2
        self.fit = images.shape[1] - win_size + 1
        self.tiles = [
            self._tile(images[i : i + _TILE], left=True) for i in range(0, len(images), _TILE)
        ]

    @property
    def error(self) -> float:
        """A bound of the sum of all rounding errors, twice as wide as it need be.

        The numerator of the structure is the difference of numbers up to `largest`, and its
        denominator at least `least`. All else is positive: each operation adds one roundoff, and
        so does each addition to a sum.
        """
        n = self.win_size**2
        largest, least = 2.0 * n * _CENTRE**2, self.c2 * (n - 1)
        additions = self.fit * -(-self.fit // _windows_at_once(_TILE, _TILE, self.fit))
        return float(2 * _UNIT_ROUNDOFF * (3 * (1 + largest / least) + 16 + additions))

    def to(self, rows: NDArray[Any], first: int) -> NDArray[np.float64]:
        side = self.fit + self.win_size - 1
        images = rows.reshape(len(rows), side, side)
        right = self._tile(images, left=False)
        lefts = self.tiles[: -(-first // _TILE)]
        return np.concatenate([self._distances(left, right) for left in lefts])[:first]

    def _tile(self, images: NDArray[np.uint8], *, left: bool) -> _Tile:
        win, n = self.win_size, self.win_size**2
        pixels = np.ascontiguousarray(images.transpose(1, 2, 0)).astype(np.float64) - _CENTRE
        sums = _window_sums(pixels, win)
        spread = _window_sums(pixels * pixels, win) - sums * sums / n + self.c2 * (n - 1) / 2
        mean = sums / n + _CENTRE
        power = mean * mean + self.c1 / 2
        one = np.ones_like(mean)
        if left:
            return _Tile(
                pixels.astype(np.float32) * 2,
                _stacked(sums * (-2 / n), one * (self.c2 * (n - 1))),
                _stacked(mean * 2, one * self.c1),
                _stacked(one, power, spread, power * spread),
            )
        return _Tile(
            pixels.astype(np.float32),
            _stacked(sums, one),
            _stacked(mean, one),
            _stacked(power * spread, spread, power, one),
        )

    def _distances(self, left: _Tile, right: _Tile) -> NDArray[np.float64]:
        n, m, fit, win = left.pixels.shape[2], right.pixels.shape[2], self.fit, self.win_size
        step = _windows_at_once(n, m, fit)
        total = np.zeros((step, n, m), np.float32)
        above, other = np.empty_like(total), np.empty_like(total)
        for y in range(fit):
            x_windows, y_windows = (_windows(t.pixels[y : y + win], fit) for t in (left, right))
            for x in range(0, fit, step):
                part = slice(x, x + step)
                size = min(step, fit - x)
                a, o = above[:size], other[:size]
                np.matmul(x_windows[part].mT, y_windows[part], out=a)
                np.matmul(left.covariance[y, part].mT, right.covariance[y, part], out=o)
                a += o
                np.matmul(left.luminance[y, part].mT, right.luminance[y, part], out=o)
                a *= o
                np.matmul(left.below[y, part].mT, right.below[y, part], out=o)
                a /= o
                total[:size] += a
        return np.asarray(1.0 - total.sum(axis=0, dtype=np.float64) / fit**2)


def _windows_at_once(n: int, m: int, fit: int) -> int:
    return max(1, min(fit, _BLOCK_BYTES // (4 * n * m)))


def _window_sums(images: NDArray[np.float64], win: int) -> NDArray[np.float64]:
    """Compute the sums over the windows of images along the last axis."""
    fit = images.shape[0] - win + 1
    down = images[:fit].copy()
    for i in range(1, win):
        down += images[i : i + fit]
    total = down[:, :fit].copy()
    for i in range(1, win):
        total += down[:, i : i + fit]
    return total


def _stacked(*parts: NDArray[np.float64]) -> _Floats:
    stacked = np.empty((*parts[0].shape[:2], len(parts), parts[0].shape[2]), np.float32)
    for i, part in enumerate(parts):
        stacked[:, :, i] = part
    return stacked


def _windows(rows: _Floats, fit: int) -> _Floats:
    """Return the windows along some rows of pixels, shape (fit, win * win, n): views of a copy."""
    win, _, n = rows.shape
    columns = np.ascontiguousarray(rows.transpose(1, 0, 2))
    stride = columns.itemsize * n
    return as_strided(columns, (fit, win * win, n), (win * stride, stride, columns.itemsize))
