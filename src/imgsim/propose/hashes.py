"""Which images have hashes that are near in one of eight orientations, or of the negative.

The comparing is done in C, where that could be compiled, and else by a `HammingEngine` that is
asked for each orientation.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators.local import ORIENTATIONS, negative, turned
from imgsim.neighbours.hamming import HammingEngine
from imgsim.propose.reasons import KEYPOINTS, NEGATIVE

try:
    from imgsim.compiled import _hashes
except ImportError:
    _hashes = None  # type: ignore[assignment]

HASH_RADIUS = 48
"""Bits of 256. Of 250 unrelated photos no two come nearer than 90, receipts of one shop do."""

_SIDE = 16
_AT_ONCE = 1 << 16
_FEW = 1 << 20
"""Pairs of rows that are compared by one thread: to start others would take longer."""


class TurnedHashes:
    """Hashes that are compared in all orientations.

    Parameters
    ----------
    hashes : ndarray of uint8, shape (n, 32)
    jobs : int
        Threads.
    """

    def __init__(self, hashes: NDArray[np.uint8], jobs: int) -> None:
        self.rows = np.ascontiguousarray(hashes)
        self._jobs = jobs

    @cached_property
    def engine(self) -> HammingEngine:
        """Of the hashes as they are."""
        return HammingEngine(self.rows, self._jobs)

    @cached_property
    def _parts(self) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        return in_parts(self.rows, transpose=False), in_parts(self.rows, transpose=True)

    def before(
        self, start: int, stop: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Find the hashes near some of them that come before these.

        Parameters
        ----------
        start, stop : int
            Of the rows that ask.

        Returns
        -------
        later, earlier : ndarray of int64, shape (p,)
            Rows; no pair twice, ordered by both.
        how : ndarray of int64, shape (p,)
            Bits, see `reasons`: the orientations in which the later one's hash is like the earlier
            one's, and `NEGATIVE`.
        """
        if _hashes is None:
            return self._by_engine(start, stop)
        size = stop - start
        if size * stop > _FEW and self._jobs > 1:
            size = -(-size // self._jobs)
        limits = [(i, min(stop, i + size)) for i in range(start, stop, max(1, size))]
        if len(limits) < 2:
            near = [one for limit in limits for one in self._compiled(limit)]
        else:
            with ThreadPoolExecutor(self._jobs) as pool:
                near = [one for some in pool.map(self._compiled, limits) for one in some]
        pairs, how = (
            np.concatenate([np.zeros(0, dtype), *(one[i] for one in near)])
            for i, dtype in enumerate((np.uint64, np.uint16))
        )
        bits = (how >> len(ORIENTATIONS)).astype(np.int64) * NEGATIVE
        bits |= how.astype(np.int64) & (KEYPOINTS - 1)
        earlier = (pairs >> np.uint64(32)).astype(np.int64)
        return (pairs & np.uint64(0xFFFFFFFF)).astype(np.int64), earlier, bits

    def _compiled(
        self, limits: tuple[int, int]
    ) -> list[tuple[NDArray[np.uint64], NDArray[np.uint16]]]:
        start, stop = limits
        room = max(_AT_ONCE, stop)
        found, how = np.empty(room, np.uint64), np.empty(room, np.uint16)
        near = []
        while start < stop:
            start, count = _hashes.search(start, stop, HASH_RADIUS, *self._parts, found, how)
            near.append((found[:count].copy(), how[:count].copy()))
        return near

    def _by_engine(
        self, start: int, stop: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        codes, bits = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        for bit, asked in wanted_hashes(self.rows[start:stop]):
            number, row = self.engine.around(asked, HASH_RADIUS, before=stop)
            earlier = row < number + start
            codes.append((number[earlier] + start) * stop + row[earlier])
            bits.append(np.full(len(codes[-1]), bit))
        pairs, place = np.unique(np.concatenate(codes), return_inverse=True)
        how = np.zeros(len(pairs), np.int64)
        np.bitwise_or.at(how, place, np.concatenate(bits))
        return pairs // max(1, stop), pairs % max(1, stop), how


def in_parts(hashes: NDArray[np.uint8], *, transpose: bool) -> NDArray[np.uint64]:
    """Return each hash as four numbers: bits of even rows and columns, of even and odd ones, ...

    A mirror exchanges all bits of two of them, and so does a picture that is upside down.

    Parameters
    ----------
    hashes : ndarray of uint8, shape (n, 32)
    transpose : bool

    Returns
    -------
    ndarray of uint64, shape (n, 4)
    """
    parts = np.empty((len(hashes), 4), np.uint64)
    for start in range(0, len(hashes), _AT_ONCE):
        here = slice(start, start + _AT_ONCE)
        bits = np.unpackbits(hashes[here], axis=1).reshape(-1, _SIDE, _SIDE)
        if transpose:
            bits = bits.transpose(0, 2, 1)
        for number in range(4):
            part = bits[:, number // 2 :: 2, number % 2 :: 2].reshape(len(bits), -1)
            parts[here, number] = np.packbits(part, axis=1).view(np.uint64)[:, 0]
    return parts


def wanted_hashes(hashes: NDArray[np.uint8]) -> list[tuple[int, NDArray[np.uint8]]]:
    """Return the hashes that a picture like each one may have, and the bit of each reason.

    Parameters
    ----------
    hashes : ndarray of uint8, shape (n, 32)

    Returns
    -------
    list of (int, ndarray of uint8, shape (n, 32))
    """
    wanted = [(1 << i, turned(hashes, how)) for i, how in enumerate(ORIENTATIONS)]
    return [*wanted, (NEGATIVE, negative(hashes))]
