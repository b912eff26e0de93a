"""Which images have hashes that are near in one of eight orientations, or of the negative.

The comparing is done in C, where that could be compiled, and else by a `HammingEngine` that is
asked for each orientation.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

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
_QUERIES = 512
_ROWS = 1 << 16
_PAIRS_AT_ONCE = 1 << 26


def near_hashes(
    hashes: NDArray[np.uint8], jobs: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Find pairs of hashes that are near in some orientation.

    Parameters
    ----------
    hashes : ndarray of uint8, shape (n, 32)
    jobs : int
        Threads.

    Returns
    -------
    left, right : ndarray of int64, shape (p,)
        left < right; in no order, and a pair may come several times with different reasons.
    how : ndarray of int64, shape (p,)
        Bits, see `reasons`: of orientations, and `NEGATIVE`.
    """
    empty = np.zeros(0, np.int64)
    found = _compiled(hashes, jobs) if _hashes is not None else _by_engine(hashes, jobs)
    parts = [(empty, empty, empty), *found]
    left, right, how = (np.concatenate(column) for column in zip(*parts, strict=True))
    return left, right, how


def _compiled(
    hashes: NDArray[np.uint8], jobs: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]:
    n = len(hashes)
    plain, transposed = (_in_parts(hashes, transpose=t) for t in (False, True))

    def search(limits: tuple[int, int]) -> list[tuple[NDArray[np.uint64], NDArray[np.uint16]]]:
        start, stop = limits
        found, how = np.empty(max(_ROWS, stop), np.uint64), np.empty(max(_ROWS, stop), np.uint16)
        near = []
        while start < stop:
            start, count = _hashes.search(start, stop, HASH_RADIUS, plain, transposed, found, how)
            near.append((found[:count].copy(), how[:count].copy()))
        return near

    with ThreadPoolExecutor(jobs) as pool:
        for near in pool.map(search, _limits(n)):
            for pairs, how in near:
                left = (pairs >> np.uint64(32)).astype(np.int64)
                right = (pairs & np.uint64(0xFFFFFFFF)).astype(np.int64)
                negative_too = (how >> len(ORIENTATIONS)).astype(np.int64) * NEGATIVE
                yield left, right, negative_too | (how.astype(np.int64) & (KEYPOINTS - 1))


def _limits(n: int) -> Iterator[tuple[int, int]]:
    """From which row to which, so that there is about as much to compare each time."""
    start = 0
    while start < n:
        stop = min(n, start + max(1, _PAIRS_AT_ONCE // (start + 1)), max(2 * start, _QUERIES))
        yield start, stop
        start = stop


def _in_parts(hashes: NDArray[np.uint8], *, transpose: bool) -> NDArray[np.uint64]:
    """Each hash as four numbers: the bits of even rows and columns, of even and odd ones, ...

    Returns ndarray of uint64, shape (n, 4).
    """
    parts = np.empty((len(hashes), 4), np.uint64)
    for start in range(0, len(hashes), _ROWS):
        here = slice(start, start + _ROWS)
        bits = np.unpackbits(hashes[here], axis=1).reshape(-1, _SIDE, _SIDE)
        if transpose:
            bits = bits.transpose(0, 2, 1)
        for number in range(4):
            part = bits[:, number // 2 :: 2, number % 2 :: 2].reshape(len(bits), -1)
            parts[here, number] = np.packbits(part, axis=1).view(np.uint64)[:, 0]
    return parts


def _by_engine(
    hashes: NDArray[np.uint8], jobs: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]:
    engine = HammingEngine(np.ascontiguousarray(hashes), jobs)
    for bit, asked in wanted_hashes(engine.rows):
        for start in range(0, len(hashes), _QUERIES):
            stop = start + _QUERIES
            query, row = engine.around(asked[start:stop], HASH_RADIUS, before=stop)
            right = query + start
            earlier = row < right
            left = row[earlier]
            yield left, right[earlier], np.full(len(left), bit, np.int64)


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
