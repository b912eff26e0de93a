"""Check sums of small pieces of a file: what an answer depends on is checked when it is read."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import shake_128
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgsim.errors import UsageError
from imgsim.index.manifest import damaged

PIECE = 64
"""Bytes of a piece: few, since one lookup needs some bytes here and there."""

_NUMBERS = PIECE // 8
_AT_ONCE = 1 << 13


_DRAWN = np.frombuffer(shake_128(b"imgsim index pieces").digest(8 * (_NUMBERS + 1)), "<u8")

FACTORS = _DRAWN.astype(np.uint64) | np.uint64(1)
"""Odd numbers as if drawn by chance: of each place in a piece, and of the piece."""

_OF_PLACES, _OF_PIECE = FACTORS[:-1], FACTORS[-1]


def sums_of(pieces: NDArray[np.uint64], numbers: NDArray[np.integer[Any]]) -> NDArray[np.uint32]:
    """Return the check sums of some pieces.

    A multilinear hash: the upper half of a sum of products modulo 2**64, in which the piece's own
    number stands too, so that a piece in another one's place is told.

    Parameters
    ----------
    pieces : ndarray of uint64, shape (n, 32)
    numbers : ndarray of int64, shape (n,)

    Returns
    -------
    ndarray of uint32, shape (n,)
    """
    own = (numbers.astype(np.uint64) + np.uint64(1)) * _OF_PIECE
    sums = np.asarray(np.einsum("ij,j->i", pieces, _OF_PLACES) + own, np.uint64)
    return (sums >> np.uint64(32)).astype(np.uint32)


def all_sums(whole: NDArray[np.uint8]) -> Iterator[bytes]:
    """Yield the check sums of all pieces of the beginning of a file, as they are stored.

    Parameters
    ----------
    whole : ndarray of uint8, shape (n * PIECE,)
    """
    pieces = _as_pieces(whole)
    for start in range(0, len(pieces), _AT_ONCE):
        some = pieces[start : start + _AT_ONCE]
        yield sums_of(some, np.arange(start, start + len(some))).astype("<u4").tobytes()


def _as_pieces(whole: NDArray[np.uint8]) -> NDArray[np.uint64]:
    return whole.view("<u8").reshape(-1, _NUMBERS)


class Pieces:
    """The beginning of a file, in pieces that have check sums.

    Parameters
    ----------
    path : Path
        Of the file, for messages.
    whole : ndarray of uint8, shape (n * PIECE,)
    sums : ndarray of uint32, shape (n,)

    Attributes
    ----------
    whole, sums : ndarray
        Those.
    """

    def __init__(self, path: Path, whole: NDArray[np.uint8], sums: NDArray[np.uint32]) -> None:
        self._path = path
        self.whole = whole
        self._pieces = _as_pieces(whole)
        self.sums = sums

    def check(self, *parts: tuple[NDArray[np.int64], NDArray[np.int64]]) -> None:
        """Raise UsageError if a piece is not as it was written.

        Parameters
        ----------
        *parts : tuple of two ndarray of int64, shape (n,)
            Some bytes of the file, and for each another one behind it: those in pieces between are
            not looked at. Of pieces that follow upon each other in the list one is.
        """
        for first, last in parts:
            one, other = first // PIECE, last // PIECE
            self._check(one)
            self._check(other[other != one])

    def _check(self, every: NDArray[np.int64]) -> None:
        numbers = every[np.r_[True, every[1:] != every[:-1]]] if len(every) else every
        if len(numbers) and (numbers.min() < 0 or numbers.max() >= len(self._pieces)):
            raise self.wrong()
        for start in range(0, len(numbers), _AT_ONCE):
            some = numbers[start : start + _AT_ONCE]
            if (sums_of(self._pieces.take(some, axis=0), some) != self.sums[some]).any():
                raise self.wrong()

    def wrong(self) -> UsageError:
        """Return what is raised where one is not."""
        what = "a check sum of what was looked up is wrong"
        return damaged(self._path, what, files_known=True)
