"""How alike the colours of pictures are as small squares, whatever the light.

All sums are of whole numbers that floats hold exactly, so that no order of adding changes them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators.local import COLOURS_SIDE, ORIENTATIONS, Orientation

_CELLS = COLOURS_SIDE**2
_MIDDLE = 128
"""Taken off levels of 0 to 255: the products of two squares add up to 2 ** 24 at most then."""

_CHANNELS = 4  # light, two of colour, details
_AROUND = 5  # cells to a side
_ROWS = 1024
_PAIRS = 2048
_DENSE = 16
"""Products of all pairs of so many squares take as long as one of two that are picked out."""


class Likeness(NamedTuple):
    """Of pairs.

    Attributes
    ----------
    details, colours : ndarray of float32, shape (n,)
        Correlations: of the light of each cell less that of those around it, which tells pictures
        in another light (or with a vignette) apart; and of light and colours.
    levels : ndarray of float32, shape (n,)
        What is left between the two where light and contrast are made equal: root mean square, in
        levels of 256.
    """

    details: NDArray[np.float32]
    colours: NDArray[np.float32]
    levels: NDArray[np.float32]


class Squares:
    """The colours of pictures.

    Parameters
    ----------
    colours : ndarray of uint8, shape (n, side, side, 3)
        In YCbCr, as in `comparators.local.LAYOUT`; it may be mapped from a file.
    among : ndarray of int64, shape (m,)
        Those of the pictures that are compared, by places in this.
    """

    def __init__(self, colours: NDArray[np.uint8], among: NDArray[np.int64]) -> None:
        self._colours = colours
        self._among = among
        n = len(among)
        self._sum = np.zeros((n, _CHANNELS), np.int64)
        self._spread = np.zeros((n, _CHANNELS), np.int64)
        for start in range(0, n, _ROWS):
            levels = self._levels(np.arange(start, min(start + _ROWS, n)), None)
            total = levels.sum(axis=2).astype(np.int64)
            squares = np.einsum("ijk,ijk->ij", levels, levels).astype(np.int64)
            self._sum[start : start + _ROWS] = total
            self._spread[start : start + _ROWS] = _CELLS * squares - total**2

    def _levels(self, places: NDArray[np.int64], how: Orientation | None) -> NDArray[np.float32]:
        """Levels less 128, shape (n, 4, cells)."""
        colours = self._colours[self._among[places]]
        if how is not None:
            colours = _turned(colours, how)
        levels = np.empty((len(places), _CHANNELS, _CELLS), np.float32)
        levels[:, :3] = colours.reshape(len(places), _CELLS, 3).transpose(0, 2, 1)
        levels[:, :3] -= _MIDDLE
        levels[:, 3] = _details(colours[..., 0]).reshape(len(places), _CELLS)
        return levels

    def of(
        self, own: NDArray[np.int64], other: NDArray[np.int64], how: Orientation | None
    ) -> Likeness:
        """Compare pairs.

        Parameters
        ----------
        own, other : ndarray of int64, shape (n,)
            Few different ones of `own`.
        how : Orientation or None
            How the own one is turned; None if light and dark are exchanged.
        """
        result = Likeness(*(np.empty(len(own), np.float32) for _ in Likeness._fields))
        turn = None if how == ORIENTATIONS[0] else how
        for part, products in self._products(own, other, turn):
            some = self._likeness(own[part], other[part], products, -1 if how is None else 1)
            for column, values in zip(result, some, strict=True):
                column[part] = values
        return result

    def _likeness(
        self,
        own: NDArray[np.int64],
        other: NDArray[np.int64],
        products: NDArray[np.int64],
        sign: int,
    ) -> Likeness:
        shared = _CELLS * products - self._sum[own] * self._sum[other]
        spread = self._spread[own], self._spread[other]
        details = sign * _correlation(shared[:, 3], spread[0][:, 3], spread[1][:, 3])
        total = spread[0][:, :3].sum(axis=1), spread[1][:, :3].sum(axis=1)
        colours = sign * _correlation(shared[:, :3].sum(axis=1), *total)
        left = np.minimum(*total) / _CELLS**2 * np.clip(1 - np.square(colours), 0, None)
        levels = np.where(colours > 0, np.sqrt(left), np.inf)
        return Likeness(*(v.astype(np.float32) for v in (details, colours, levels)))

    def _products(
        self, own: NDArray[np.int64], other: NDArray[np.int64], how: Orientation | None
    ) -> Iterator[tuple[NDArray[np.int64] | slice, NDArray[np.int64]]]:
        """Some of the pairs at a time, and the sums of products of their channels, shape (p, 4)."""
        owns, row = np.unique(own, return_inverse=True)
        others, column = np.unique(other, return_inverse=True)
        if len(owns) * len(others) > _DENSE * len(own):
            for start in range(0, len(own), _PAIRS):
                part = slice(start, start + _PAIRS)
                one, two = self._levels(own[part], how), self._levels(other[part], None)
                yield part, np.einsum("ijk,ijk->ij", one, two).astype(np.int64)
            return
        one = self._levels(owns, how)
        order = np.argsort(column, kind="stable")
        bounds = np.append(np.arange(0, len(others), _ROWS), len(others))
        places = np.searchsorted(column[order], bounds).tolist()
        for start, first, stop in zip(bounds.tolist(), places[:-1], places[1:], strict=False):
            two = self._levels(others[start : start + _ROWS], None)
            here = order[first:stop]
            found = np.empty((len(here), _CHANNELS), np.int64)
            for channel in range(_CHANNELS):
                dense = one[:, channel] @ two[:, channel].T
                found[:, channel] = dense[row[here], column[here] - start]
            yield here, found


def _details(light: NDArray[np.uint8]) -> NDArray[np.int16]:
    """Levels of each cell less the mean of those around it, cut off at 127, shape (n, side, side).

    Parameters
    ----------
    light : ndarray of uint8, shape (n, side, side)
    """
    pad = _AROUND // 2
    padded = np.pad(light, ((0, 0), (pad, pad), (pad, pad)), "edge").astype(np.int16)
    side = light.shape[1]
    rows = np.zeros((len(light), side, padded.shape[2]), np.int16)
    for i in range(_AROUND):
        rows += padded[:, i : i + side]
    around = np.zeros(light.shape, np.int16)
    for i in range(_AROUND):
        around += rows[:, :, i : i + side]
    details = light - around // _AROUND**2
    return np.asarray(np.clip(details, -127, 127))


def _correlation(
    shared: NDArray[np.int64], own: NDArray[np.int64], other: NDArray[np.int64]
) -> NDArray[np.float64]:
    length = np.sqrt(own.astype(np.float64)) * np.sqrt(other.astype(np.float64))
    return np.asarray(shared / np.maximum(length, 1.0))


def _turned(colours: NDArray[Any], how: Orientation) -> NDArray[Any]:
    if how.transpose:
        colours = colours.transpose(0, 2, 1, 3)
    if how.mirror:
        colours = colours[:, :, ::-1]
    return colours[:, ::-1] if how.flip else colours
