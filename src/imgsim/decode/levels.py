"""Maps samples of any depth to 8 bits, for what compares pictures as they are seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from imgsim.decode.rows import ArrayRows, SampleRows, grid

SMALL_RANGE = 1 / 4
"""A picture that uses less of its scale is mapped by percentiles. 14 bits in 16 do; what is left
as it is keeps at least 64 of the 256 levels."""

SMALL_BESIDE_BACKGROUND = 1 / 16
"""The same for a picture whose constant background lies far outside of its own levels (12 bits
in 16): less is asked of a plain picture, since its background is lost."""

PERCENTILES = (0.5, 99.5)
"""Become black and white. Hot pixels and specular points are fewer than one in two hundred."""

_FEWEST_STEPS = 32
"""Integers of a smaller range are class indices or the noise of a blank frame: not mapped, so
that noise does not become a picture."""

_BACKGROUND_SHARE = 0.05
_BACKGROUND_MARGIN = 9
"""Side in pixels of the square around background that is not counted: there, a resized copy has
levels between the two."""

_COUNTED_SIDE = 1024
"""Percentiles are taken from a regular grid of at most about so many pixels a side."""


class Levels(NamedTuple):
    """The samples that become 0 and 255, and that of a background that lies far from both."""

    low: float
    high: float
    background: float | None = None


_STRIP_ROWS = 256
_EDGE_ROWS = 8
"""Rows around a strip that decide how the edge of a background within it is mapped, or more."""


class EightBits:
    """Samples of any depth, mapped to 8 bits some rows at a time, see `to_8_bit`.

    Parameters
    ----------
    samples : SampleRows
    bands : sequence of int or int, optional
        Those that are mapped; of a single number the rows have no axis of bands.
    alpha : int, optional
        The band of alpha: pixels that are fully transparent do not count for the percentiles.
    """

    def __init__(
        self,
        samples: SampleRows,
        bands: Sequence[int] | int | None = None,
        alpha: int | None = None,
    ) -> None:
        self._samples = samples
        self._bands = bands if bands is None or isinstance(bands, int) else list(bands)
        self._levels = Levels(0.0, 255.0)
        self._table: NDArray[np.uint8] | None = None
        self._high_byte = False
        if samples.dtype == np.uint8:
            return
        step = max(1, -(-max(samples.shape[:2]) // _COUNTED_SIDE))
        counted = grid(samples, step)
        visible = None if alpha is None else np.asarray(counted[..., alpha] > 0)
        self._levels = _levels(self._picked(counted), visible, self._are_of_8_bits)
        if samples.dtype.kind == "u" and samples.dtype.itemsize == 2:
            low, high, _ = self._levels
            every = np.arange(65536, dtype=np.uint16)
            as_high_byte = len(samples.shape) == 3 and not isinstance(self._bands, int)
            self._high_byte = as_high_byte and self._levels == (0, 65535, None)
            self._table = _map(every, low, high)

    def rows(self, top: int, bottom: int) -> NDArray[np.uint8]:
        """Map some rows.

        Returns
        -------
        ndarray of uint8, shape (bottom - top, w) or (bottom - top, w, bands)
        """
        background = self._levels.background
        if background is None:
            return self._mapped(self._picked(self._samples.rows(top, bottom)))
        first = max(0, top - _EDGE_ROWS)
        last = min(bottom + _EDGE_ROWS, self._samples.shape[0])
        samples = self._picked(self._samples.rows(first, last))
        mapped = self._mapped(samples)
        _blend_edge(samples, mapped, self._levels, background)
        return mapped[top - first : bottom - first]

    def _picked(self, samples: NDArray[Any]) -> NDArray[Any]:
        return samples if self._bands is None else np.asarray(samples[..., self._bands])

    def _mapped(self, samples: NDArray[Any]) -> NDArray[np.uint8]:
        if samples.dtype == np.uint8:
            return samples
        if self._high_byte:
            return (samples >> 8).astype(np.uint8)
        if self._table is not None:
            return np.asarray(self._table[samples])
        return _map(samples, self._levels.low, self._levels.high)

    def _are_of_8_bits(self) -> bool:
        """Whether 16-bit samples are all multiples of 257."""
        height = self._samples.shape[0]
        return not any(
            (self._picked(self._samples.rows(top, min(top + 64, height))) % 257).any()
            for top in range(0, height, 64)
        )


def to_8_bit(samples: NDArray[Any]) -> NDArray[np.uint8]:
    """Map samples to 8 bits by one straight line for all bands.

    The scale of a picture is the smallest of 0 to 1 (floating point only), 0 to 255 and 0 to
    65,535 that holds its samples; those outside the 0.5 and 99.5 percentiles do not count. A
    picture that uses at least a quarter of its scale is mapped by the scale: 65,535 by / 257, of
    arrays with bands to the high byte, as programs that read 8 bits see them. So is one whose
    16-bit samples are all multiples of 257. One that uses less, or fits no scale (negative or
    larger samples), is mapped by its percentiles: 0.5 becomes 0 and 99.5 becomes 255. Integers
    that use fewer than 32 steps are not stretched.

    A constant background (a sample that at least 5 % of the pixels have) is left out of the
    percentiles if it lies further from all others than these from each other and they use at
    most a 16th of the scale: the 0 around a CT with an offset of 32,768.

    Parameters
    ----------
    samples : ndarray of any real dtype, shape (h, w) or (h, w, bands)

    Returns
    -------
    ndarray of uint8, shape as `samples`
        NaN and infinity become 0.
    """
    source = EightBits(ArrayRows(samples))
    mapped = np.empty(samples.shape, np.uint8)
    for top in range(0, len(samples), _STRIP_ROWS):
        mapped[top : top + _STRIP_ROWS] = source.rows(top, min(top + _STRIP_ROWS, len(samples)))
    return mapped


def _map(samples: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    # float32 for the scales, float64 where an offset could be large
    exact = np.float64 if low or high > 65535 else np.float32
    values: NDArray[Any] = samples.astype(exact)
    with np.errstate(invalid="ignore", over="ignore"):
        if (low, high) == (0, 65535):
            values = values / np.float32(257)
        else:
            values = (values - low) * (255.0 / (high - low))
        values[~np.isfinite(values)] = 0
        return np.asarray(np.clip(np.rint(values), 0, 255), dtype=np.uint8)


def _levels(
    grid: NDArray[Any], visible: NDArray[np.bool_] | None, are_of_8_bits: Callable[[], bool]
) -> Levels:
    """Choose the levels by the samples of a grid; `are_of_8_bits` asks all of them."""
    counted = np.isfinite(grid) if grid.dtype.kind == "f" else np.ones(grid.shape, bool)
    if visible is not None:
        counted &= visible.reshape(*visible.shape, *[1] * (grid.ndim - 2))
    values = grid[counted].astype(np.float64)
    if not len(values):
        return Levels(0.0, 255.0)
    low, high = _percentiles(values)
    scale = _scale(grid.dtype, low, high)
    apart = _beside_background(grid, counted, values)
    if apart is not None:
        used = apart.high - apart.low
        if used > 0 and (scale is None or used <= scale * SMALL_BESIDE_BACKGROUND):
            return apart
    return _choose(grid.dtype, low, high, scale, are_of_8_bits)


def _choose(
    dtype: np.dtype[Any],
    low: float,
    high: float,
    scale: float | None,
    are_of_8_bits: Callable[[], bool],
) -> Levels:
    used = high - low
    if scale is not None and used >= scale * SMALL_RANGE:
        return Levels(0.0, scale)
    whole = dtype.kind in "ui"
    too_small = used < _FEWEST_STEPS if whole else used <= 1e-6 * max(abs(low), abs(high))
    if too_small:
        return Levels(0.0, scale) if scale is not None else Levels(low, low + 255.0)
    if whole and dtype.itemsize == 2 and scale == 65535 and are_of_8_bits():
        return Levels(0.0, scale)
    return Levels(low, high)


def _percentiles(values: NDArray[np.float64]) -> tuple[float, float]:
    low, high = np.percentile(values, PERCENTILES)
    return float(low), float(high)


def _scale(dtype: np.dtype[Any], low: float, high: float) -> float | None:
    for top in (1.0, 255.0, 65535.0):
        if top == 1.0 and dtype.kind != "f":
            continue
        slack = top / 64  # resampling with Lanczos overshoots
        if low >= -slack and high <= top + slack:
            return top
    return None


def _beside_background(
    grid: NDArray[Any], counted: NDArray[np.bool_], values: NDArray[np.float64]
) -> Levels | None:
    """Return the percentiles of what is no constant background; None if there is none far off."""
    kinds, counts = np.unique(values, return_counts=True)
    background = float(kinds[counts.argmax()])
    if len(kinds) == 1 or counts.max() < _BACKGROUND_SHARE * len(values):
        return None
    near = _near(np.asarray(grid == background))
    rest = grid[counted & ~near.reshape(*near.shape, *[1] * (grid.ndim - 2))].astype(np.float64)
    if len(rest) < len(values) / 10:
        return None
    low, high = _percentiles(rest)
    gap = max(low - background, background - high)
    return Levels(low, high, background) if gap > high - low else None


def _near(background: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Mark the pixels around those where any band is background."""
    import cv2

    square = np.ones((_BACKGROUND_MARGIN, _BACKGROUND_MARGIN), np.uint8)
    mask = background.reshape(*background.shape[:2], -1).any(axis=2)
    marked: NDArray[Any] = np.asarray(mask, dtype=np.uint8)
    return np.asarray(cv2.dilate(marked, square) > 0)


def _blend_edge(
    samples: NDArray[Any], mapped: NDArray[np.uint8], levels: Levels, background: float
) -> None:
    """Map mixtures of background and picture, as resampling makes them, to mixtures of both.

    Without it the soft edge of a resized copy would be all background.
    """
    import cv2

    below = background < levels.low
    beyond = (levels.high - levels.low) / 2  # what is nearer may be the picture's own
    edge = samples < levels.low - beyond if below else samples > levels.high + beyond
    near = _near(np.asarray(samples == background))
    edge &= near.reshape(*near.shape, *[1] * (samples.ndim - 2)) & (samples != background)
    square = np.ones((5, 5), np.uint8)
    beside = cv2.dilate(mapped, square) if below else 255 - cv2.erode(mapped, square)
    beside = beside.reshape(mapped.shape)
    nearest = levels.low if below else levels.high
    share = (samples[edge].astype(np.float64) - background) / (nearest - background)
    blended = np.rint(beside[edge] * share).astype(np.uint8)
    mapped[edge] = blended if below else 255 - blended
