"""Tells whether the pixels of a JPEG had been compressed as a JPEG before, with other tables.

A second compression leaves gaps and peaks in the histograms of the DCT coefficients. These are
computed again from the decoded luma and compared with two models: the histogram that one
compression gives, and those that two give, for every step of a first table. What the coefficients
were like before any compression is told by the same picture, cut so that its blocks lie elsewhere.

Sources: J. Lukas and J. Fridrich, Estimation of primary quantization matrix in double compressed
JPEG images, DFRWS 2003; T. Pevny and J. Fridrich, Detection of double-compression in JPEG images
for applications in steganography, IEEE TIFS 3(2), 2008, doi:10.1109/TIFS.2008.922456.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgsim.decode.jpeg_quality import in_rows, luma_table

LEAST_GAIN = 0.04
"""By how much the model of two compressions must fit better: natural logarithms per coefficient,
mean over the frequencies, weighted by their coefficients that are not 0; and half of the
frequencies have to show half of it."""

_GAIN_PER_STEP = 0.012
"""The same for each unit of the mean step of the table, where that is more: of a picture that was
compressed much, the model of one compression fits worse."""

_UNSURE = 1 / 3
"""From this share of the least gain on it cannot be told."""

_FREQUENCIES = (
    (0, 1), (1, 0), (2, 0), (1, 1), (0, 2), (0, 3), (1, 2), (2, 1), (3, 0), (4, 0), (3, 1), (2, 2),
    (1, 3), (0, 4), (0, 5), (1, 4), (2, 3), (3, 2), (4, 1), (5, 0),
)  # fmt: skip
_LARGEST = 160
"""Larger coefficients do not count."""
_STEPS = np.arange(1, 61)
"""Steps of a first table that are tried; 1 stands for one compression."""
_LEAST_LEVELS = 4
"""A frequency whose histogram has fewer of them tells nothing."""
_MOST_BLOCKS = 2048
_AT_ONCE = 32
_LEAST_BLOCKS = 200
_LEAST_SIDE = 16
_LEAST_NOT_ZERO = 0.05
_LEAST_FREQUENCIES = 10
_ROUNDING = 0.45
"""Standard deviation of what rounding to pixels and to colours between the two adds."""
_FLOOR = 2e-3
"""Share of the coefficients that may lie anywhere."""


def compressed_twice(data: bytes, max_pixels: int) -> bool | None:
    """Tell whether the pixels of a JPEG had been a JPEG with other tables before.

    Only a first compression whose blocks lay where those of the second lie is seen: the picture
    was not cut, turned or resized between the two.

    Parameters
    ----------
    data : bytes
        Of the file.
    max_pixels : int
        Larger pictures are not decoded.

    Returns
    -------
    bool or None
        False says that nothing of an earlier one is to be seen: after a second compression that
        is coarser than the first there often is nothing. None where it cannot be told: no luma,
        too plain, or compressed too much.
    """
    gain = recompression_gain(data, max_pixels)
    if gain is None or _UNSURE <= gain < 1:
        return None
    return gain >= 1


def recompression_gain(data: bytes, max_pixels: int) -> float | None:
    """Compute by how much two compressions explain a JPEG better than one.

    Parameters
    ----------
    data : bytes
        Of the file.
    max_pixels : int

    Returns
    -------
    float or None
        At least 0; 1 is the least gain from which two are believed. None where it cannot be told.
    """
    table = luma_table(data)
    if table is None or min(table) < 1:
        return None
    steps = in_rows(table)
    luma = _luma(data, max_pixels)
    if luma is None:
        return None
    stored, moved = _coefficients(luma), _coefficients(luma[4:, 4:])
    if min(stored.shape[1], moved.shape[1]) < _LEAST_BLOCKS:
        return None
    gains, weights, used = [], [], []
    for number, place in enumerate(_FREQUENCIES):
        step = int(steps[place])
        result = _gain(stored[number], moved[number], step)
        if result is not None:
            gains.append(result[0])
            weights.append(result[1])
            used.append(step)
    if len(gains) < _LEAST_FREQUENCIES:
        return None
    least = np.maximum(LEAST_GAIN, _GAIN_PER_STEP * np.array(used))
    mean = float(np.average(gains, weights=weights)) / float(np.average(least))
    # drawings on a grid have a few frequencies that fit much better, and most that do not
    return min(mean, 2 * float(np.median(gains / least)))


def _luma(data: bytes, max_pixels: int) -> NDArray[np.uint8] | None:
    """Decode the luma of a JPEG, uint8[h, w]; None where it has none or is broken."""
    import simplejpeg

    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(data, strict=False)
        if colours not in ("Gray", "YCbCr") or height * width > max_pixels:
            return None
        if min(height, width) < _LEAST_SIDE:
            return None
        luma: Any = simplejpeg.decode_jpeg(data, "GRAY", strict=False)
    except (ValueError, KeyError):  # broken, or colours that it has no name for
        return None
    result: NDArray[np.uint8] = luma[..., 0]
    return result


def _coefficients(luma: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Compute the coefficients of blocks spread over a picture, float32[frequencies, n].

    Blocks that are plain, or that reach black or white, where decoders cut off, are left out.
    """
    rows, columns = luma.shape[0] // 8, luma.shape[1] // 8
    grid = luma[: rows * 8, : columns * 8].reshape(rows, 8, columns, 8).swapaxes(1, 2)
    count = rows * columns
    chosen = np.arange(count)
    if count > _MOST_BLOCKS:
        chosen = np.linspace(0, count - 1, _MOST_BLOCKS).astype(np.int64)
    blocks = grid[chosen // max(columns, 1), chosen % max(columns, 1)].reshape(-1, 64)
    low, high = blocks.min(1), blocks.max(1)
    blocks = blocks[(low > 0) & (high < 255) & (high - low > 3)]
    # a product of large matrices would start threads in every worker; what is left over is dropped
    parts = blocks[: len(blocks) // _AT_ONCE * _AT_ONCE].reshape(-1, _AT_ONCE, 64)
    transformed = (parts.astype(np.float32) - 128) @ _kernel()
    coefficients: NDArray[np.float32] = transformed.reshape(-1, len(_FREQUENCIES)).T
    return coefficients


@cache
def _kernel() -> NDArray[np.float32]:
    """The DCT of a block at the frequencies that count, float32[64, frequencies]."""
    numbers = np.arange(8)
    basis = np.cos((2 * numbers[None] + 1) * numbers[:, None] * np.pi / 16) / 2
    basis[0] /= math.sqrt(2)
    columns = [np.outer(basis[row], basis[column]).ravel() for row, column in _FREQUENCIES]
    return np.array(columns, np.float32).T


def _gain(
    stored: NDArray[np.float32], moved: NDArray[np.float32], step: int
) -> tuple[float, float] | None:
    """Compute the gain of one frequency, and how many of its coefficients are not 0."""
    most = _LARGEST // step
    if most < _LEAST_LEVELS:
        return None
    levels = np.rint(np.abs(stored) / step).astype(np.int64)
    counts = np.bincount(np.minimum(levels, most + 1), minlength=most + 2)[:-1].astype(np.float64)
    total = counts.sum()
    not_zero = total - counts[0]
    if total < _LEAST_BLOCKS / 2 or not_zero < _LEAST_NOT_ZERO * total:
        return None
    values = np.minimum(np.rint(np.abs(moved)), _LARGEST + 1).astype(np.int64)
    before = np.bincount(values, minlength=_LARGEST + 2)[:-1].astype(np.float64)
    models = _histograms(before, step)
    models /= np.maximum(models.sum(1, keepdims=True), 1)
    models += _FLOOR / models.shape[1]
    logs = np.log(models)
    # no product of matrices: large ones start threads in every worker
    likelihoods = ((logs - logs[0]) * counts).sum(axis=1) / total
    return float(likelihoods.max()), float(not_zero)


def _histograms(before: NDArray[np.float64], step: int) -> NDArray[np.float64]:
    """Compute the histograms of levels that two compressions give, float64[steps, levels].

    Parameters
    ----------
    before : ndarray of float64, shape (values,)
        Histogram of the values before any compression.
    step : int
        Of the second table.
    """
    rows, values, starts, ends = _multiples()
    sums = np.concatenate([[0.0], np.cumsum(before)])
    weights = sums[ends] - sums[starts]
    levels, chances = _near_levels(step)
    width = _LARGEST // step + 1
    places = rows[:, None] * width + levels[values]
    counts: Any = np.bincount(
        places.ravel(),
        weights=(weights[:, None] * chances[values]).ravel(),
        minlength=len(_STEPS) * width,
    )
    result: NDArray[np.float64] = counts.reshape(len(_STEPS), width)
    return result


@cache
def _multiples() -> tuple[NDArray[np.int64], ...]:
    """The values that a first compression leaves: row of the step, value, first and end of those
    that become it; each int64[n]."""
    entries = []
    for row, step in enumerate(_STEPS.tolist()):
        for value in range(0, _LARGEST + 1, step):
            start = max(0, value - step // 2)
            end = min(_LARGEST + 1, value + (step + 1) // 2)
            entries.append((row, value, start, end))
    columns = np.array(entries, np.int64).T
    return tuple(columns)


@cache
def _near_levels(step: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The five levels nearest to each value and their chances, int64 and float64[values, 5]."""
    chances = _quantised(step)
    most = chances.shape[1] - 1
    near = np.arange(_LARGEST + 1)[:, None] // step + np.arange(-2, 3)[None]
    levels = np.clip(near, 0, most)
    weights = np.take_along_axis(chances, levels, axis=1) * (near == levels)
    return levels, weights


@cache
def _quantised(step: int) -> NDArray[np.float64]:
    """Compute the chance that a value becomes a level, float64[values, levels], without signs."""
    values = np.arange(_LARGEST + 1)[:, None]
    levels = np.arange(_LARGEST // step + 1)[None]

    def chance(sign: int) -> NDArray[np.float64]:
        upper = 2 * step * sign * levels + step - 2 * values  # in halves
        return _below(upper) - _below(upper - 2 * step)

    chances = chance(1)
    chances[:, 1:] += chance(-1)[:, 1:]
    return chances


def _below(halves: NDArray[np.int64]) -> NDArray[np.float64]:
    """Compute the chance that what rounding adds is less than so many halves."""
    most = 12
    table = [(1 + math.erf(n / 2 / _ROUNDING / math.sqrt(2))) / 2 for n in range(-most, most + 1)]
    chances: NDArray[np.float64] = np.array(table)[np.clip(halves, -most, most) + most]
    return chances
