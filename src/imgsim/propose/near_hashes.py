"""Pairs of images with near hashes, in all eight orientations and of negatives, in blocks.

Where many images are nearly the same, the first of them stands for all: each other one is paired
with it, so that frames which differ in noise alone become one group.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators.local import ORIENTATIONS
from imgsim.neighbours.hamming import HammingEngine
from imgsim.progress import Progress, Silent
from imgsim.propose.hashes import HASH_RADIUS, TurnedHashes, wanted_hashes
from imgsim.propose.likeness import Likeness, Squares
from imgsim.propose.most_alike import Found
from imgsim.propose.reasons import NEGATIVE, bit_back

NEARLY_SAME = 4.0
"""Levels of 256 that are left between two small squares of colours whose light and contrast were
made equal, up to which one picture stands for the other. Of 500 frames that differ in noise two had
0.9 at most, of 500 sizes and qualities of one picture 2.6, of 500 frames of one scene with other
things in them all but one pair in a hundred more than 4.6."""

_MOST_QUERIES = 512
_FEWEST_QUERIES = 16
_PAIRS = 1 << 21
"""Pairs of one block, about."""

_CELLS = 1 << 23  # queries by rows, of the first block
_SPARSE = 1 << 16


_BACK = {bit: bit_back(bit) for bit in [*(1 << i for i in range(len(ORIENTATIONS))), NEGATIVE]}


def hash_bits(
    hashes: NDArray[np.uint8], left: NDArray[np.int64], right: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Tell in which orientations the hashes of pairs are near.

    Parameters
    ----------
    hashes : ndarray of uint8, shape (n, 32)
    left, right : ndarray of int64, shape (p,)

    Returns
    -------
    ndarray of int64, shape (p,)
        Bits, see `reasons`.
    """
    bits = np.zeros(len(left), np.int64)
    for start in range(0, len(left), _SPARSE):
        part = slice(start, start + _SPARSE)
        own = np.ascontiguousarray(hashes[left[part]]).view("<u8")
        for bit, wanted in wanted_hashes(np.ascontiguousarray(hashes[right[part]])):
            apart = np.bitwise_count(np.ascontiguousarray(wanted).view("<u8") ^ own).sum(axis=1)
            bits[part] |= np.where(apart <= HASH_RADIUS, bit, 0)
    return bits


class NearHashes:
    """Pairs of images with near hashes.

    Parameters
    ----------
    hashes : ndarray of uint8, shape (n, 32)
    squares : Squares
    order : ndarray of int64, shape (n,)
        The images, those that may stand for others first.
    closed : ndarray of bool, shape (n,)
        Images that are not compared with each other.
    jobs : int
        Threads.
    progress : Progress, optional

    Attributes
    ----------
    stands_for : ndarray of int64, shape (n,)
        The image that stands for each, itself if none does; of images that came out in a block.
    order : ndarray of int64, shape (n,)
        Closed images first.
    """

    def __init__(
        self,
        hashes: NDArray[np.uint8],
        squares: Squares,
        order: NDArray[np.int64],
        closed: NDArray[np.bool_],
        jobs: int,
        progress: Progress | None = None,
    ) -> None:
        self._progress = progress or Silent()
        self.stands_for = np.arange(len(order))
        self._squares = squares
        self.order = np.concatenate([order[closed[order]], order[~closed[order]]])
        self._open_from = int(closed.sum())
        self._hashes = TurnedHashes(hashes[self.order], jobs)

    @property
    def engine(self) -> HammingEngine:
        """Of the hashes in `order`."""
        return self._hashes.engine

    def blocks(self) -> Iterator[tuple[Found, NDArray[np.float32]]]:
        """Yield the pairs in blocks.

        `Found.own` of each comes later in the order than `Found.other`; the two measures are
        `Likeness.details` and `Likeness.colours`. Nothing is always kept so far, see `represented`.

        Yields
        ------
        found : Found
        levels : ndarray of float32, shape (n,)
            How many are left between the two of each pair.
        """
        n = len(self.order)
        self._progress.start("comparing hashes", n - self._open_from, "image")
        start, size = self._open_from, min(_MOST_QUERIES, max(_FEWEST_QUERIES, _CELLS // max(1, n)))
        while start < n:
            stop = min(n, start + size)
            found, levels = self._block(start, stop)
            each = max(1, len(found) // (stop - start))
            size = min(_MOST_QUERIES, 2 * size, max(_FEWEST_QUERIES, _PAIRS // each))
            self._progress.advance(stop - start)
            start = stop
            if len(found):
                yield found, levels
        self._progress.finish()

    def _block(self, start: int, stop: int) -> tuple[Found, NDArray[np.float32]]:
        """The pairs of some images with those before them."""
        later, earlier, bits = self._hashes.before(start, stop)
        return self._measured(self.order[later], self.order[earlier], bits)

    def of_pairs(
        self, left: NDArray[np.int64], right: NDArray[np.int64], why: NDArray[np.int64]
    ) -> tuple[Found, NDArray[np.float32]]:
        """Return the same as `blocks`, at once, of pairs that are known to have near hashes.

        Parameters
        ----------
        left, right : ndarray of int64, shape (n,)
            left < right.
        why : ndarray of int64, shape (n,)
            In which orientations: see `Found`.
        """
        place = np.empty(len(self.order), np.int64)
        place[self.order] = np.arange(len(self.order))
        right_last = place[right] > place[left]
        own, other = np.where(right_last, right, left), np.where(right_last, left, right)
        order = np.lexsort((place[other], place[own]))
        bits = np.where(right_last, why, _backwards(why))[order]
        return self._measured(own[order], other[order], bits)

    def _measured(
        self, own: NDArray[np.int64], other: NDArray[np.int64], bits: NDArray[np.int64]
    ) -> tuple[Found, NDArray[np.float32]]:
        """Pairs with their nearness; the bits are those of the own one upon the other."""
        best = Likeness(*(np.full(len(own), worst, np.float32) for worst in (-1, -1, np.inf)))
        for bit, how in [*((1 << i, how) for i, how in enumerate(ORIENTATIONS)), (NEGATIVE, None)]:
            some = np.flatnonzero(bits & bit)
            if len(some):
                details, colours, levels = self._squares.of(own[some], other[some], how)
                best.details[some] = np.maximum(best.details[some], details)
                best.colours[some] = np.maximum(best.colours[some], colours)
                best.levels[some] = np.minimum(best.levels[some], levels)
        # the bit of the right one upon the left one
        why = np.where(own > other, bits, _backwards(bits))
        nothing = np.zeros(len(own), np.bool_)
        return Found(own, other, why, np.stack([best.details, best.colours]), nothing), best.levels

    def represented(
        self, pairs: Found, levels: NDArray[np.float32], allowed: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        """Tell which pairs of a block are one image and the one that stands for it.

        That is the first in the order that is nearly the same, and for which none stands itself.

        Parameters
        ----------
        pairs : Found
        levels : ndarray of float32, shape (n,)
        allowed : ndarray of bool, shape (n,)
            Pairs of images that may match.
        """
        chosen = np.zeros(len(pairs), np.bool_)
        close = np.flatnonzero((levels <= NEARLY_SAME) & allowed)
        own, other = pairs.own[close], pairs.other[close]
        bounds = np.append(np.flatnonzero(np.diff(own, prepend=-1)), len(own)).tolist()
        for start, stop in pairwise(bounds):
            earlier = other[start:stop]
            first = np.flatnonzero(self.stands_for[earlier] == earlier)
            if len(first):
                self.stands_for[own[start]] = earlier[first[0]]
                chosen[close[start + first[0]]] = True
        return chosen


def _backwards(bits: NDArray[np.int64]) -> NDArray[np.int64]:
    """The orientations that take those of some bits back."""
    result = np.zeros(len(bits), np.int64)
    for bit, back in _BACK.items():
        result |= np.where(bits & bit, back, 0)
    return result
