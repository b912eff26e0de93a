"""Whether one of two pictures has tones that the other one cut off at white or black.

A picture that was made lighter, or richer in contrast or colour, ends at white or black where its
source has gradations still. What was cut off cannot come back: the picture that has it came first.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Planes = Sequence[NDArray[np.float32]]

_CELL = 8
_END = 4.0
_INNER, _NEAR_END = 10.0, 30.0
_LEAST_CELLS = 32
_ERROR = 4.0
_BEYOND, _BEYOND_ERRORS = 5.0, 2.5
_RANGE = 8.0
_SHORT, _SHORT_SHARE = 12.0, 0.1
_BENT = 1.0
_TOLD_WHITE, _TOLD_BLACK = 0.9, 0.7
"""Set on 104 photos, each edited in 29 ways and saved as JPEG or WebP: of those made lighter or
richer in contrast by a sixth or more 4 of 10 were told, and no source was taken for the copy."""


def cut_off(left: Planes, right: Planes) -> tuple[float, float]:
    """Measure how much of each of two pictures is cut off where the other one has gradations.

    Parameters
    ----------
    left, right : sequence of three ndarrays of float32, shape (n, h, w)
        Y, Cr and Cb of windows of both, smoothed; h and w are multiples of 8.

    Returns
    -------
    (float, float)
        Share of the area of each.
    """
    cells = _cells(left), _cells(right)
    return _share(cells[1], cells[0]), _share(cells[0], cells[1])


def _cells(planes: Planes) -> NDArray[np.float64]:
    """Mean red, green and blue of parts of 8 x 8 pixels, shape (cells, 3)."""
    n, height, width = planes[0].shape
    shape = n, height // _CELL, _CELL, width // _CELL, _CELL
    luma, red, blue = (
        plane.reshape(shape).mean(axis=(2, 4), dtype=np.float64).ravel() for plane in planes
    )
    red, blue = red - 128, blue - 128
    channels = luma + 1.403 * red, luma - 0.714 * red - 0.344 * blue, luma + 1.773 * blue
    return np.stack(channels, axis=1)


def _share(source: NDArray[np.float64], made: NDArray[np.float64]) -> float:
    """Share of the cells that the one picture cuts off, if it was made from the source."""
    known = ((made > _INNER) & (made < 255 - _INNER)).all(axis=1)
    if np.count_nonzero(known) < 2 * _LEAST_CELLS:
        return 0.0
    terms = np.column_stack((source, np.ones(len(source))))
    expected = terms @ np.linalg.lstsq(terms[known], made[known], rcond=None)[0]
    error = np.sqrt(np.square(expected - made)[known].mean(axis=0))
    cut = np.zeros(len(made), np.bool_)
    for channel in np.flatnonzero(error <= _ERROR):
        own, its = made[:, channel], expected[:, channel]
        least = max(_BEYOND, _BEYOND_ERRORS * float(error[channel]))
        cut |= _kept_at_end(255 - own, its - 255, least, _TOLD_WHITE)
        cut |= _kept_at_end(own, -its, least, _TOLD_BLACK)
    return float(cut.mean())


def _kept_at_end(
    to_end: NDArray[np.float64], over: NDArray[np.float64], least: float, told: float
) -> NDArray[np.bool_]:
    """Cells that would lie beyond an end of the levels by `least` if there were none.

    None if they do not differ there, or if something else than the end keeps them: some fall far
    short of it, those before it do so already, or they are in order there still.
    """
    at_end = to_end <= _END
    beyond = at_end & (over > least)
    before = (to_end > _INNER) & (to_end <= _NEAR_END)
    few = min(np.count_nonzero(beyond), np.count_nonzero(before)) < _LEAST_CELLS
    if few or np.count_nonzero(over[at_end] < -_SHORT) > _SHORT_SHARE * np.count_nonzero(at_end):
        return np.zeros_like(beyond)
    differ = np.ptp(np.quantile(over[at_end], (0.1, 0.9))) >= _RANGE
    straight = np.quantile((over + to_end)[before], 0.1) <= _BENT
    in_order = abs(np.corrcoef(to_end[at_end], over[at_end])[0, 1]) > told
    return beyond if differ and straight and not in_order else np.zeros_like(beyond)
