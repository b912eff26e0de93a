"""Finds the keypoints of a segment that have a word in common with others.

For each of the words of a descriptor, see `propose.keypoints`, the keypoints stand in the order of
that word; a table says where each value of its upper bits begins. The words themselves are not
stored: they are read from the descriptors. The check sums of what an answer follows from are looked
at: of the entries of the table, of the keypoints that are found, and of those right before and
behind them. As the order is one of the words, these tell that there are no others.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators.local import KEYPOINTS, LAYOUT, MIRRORED
from imgsim.index.pieces import Pieces
from imgsim.propose.alike import sort_words
from imgsim.propose.keypoints import WORD_STARTS

WORDS = len(WORD_STARTS)
_BUCKET_BITS = 3  # some eight keypoints have the same upper bits
_LEAST_BITS, _MOST_BITS = 8, 20
_DESCRIPTOR = 32  # bytes
_ROWS = 1024
_AT_ONCE = 1 << 20


def _byte_of(name: str) -> int:
    """Where a field of a row begins."""
    assert LAYOUT.fields is not None
    return int(LAYOUT.fields[name][1])


def _descriptors_at() -> int:
    """Where the descriptors of a row begin; the mirrored ones lie right behind the plain ones."""
    start, mirrored = _byte_of("descriptor"), _byte_of("mirrored")
    assert mirrored == start + _DESCRIPTOR * KEYPOINTS
    assert start % 2 == LAYOUT.itemsize % 2 == 0
    return start


_START = _descriptors_at()


def keypoints_of(rows: NDArray[Any], detailed: NDArray[np.int64]) -> NDArray[np.uint32]:
    """Find the keypoints of some rows, by where their descriptors begin.

    Parameters
    ----------
    rows : ndarray of dtype `LAYOUT`, shape (n,)
    detailed : ndarray of int64, shape (m,)

    Returns
    -------
    ndarray of uint32, shape (k,)
        Half as many as the bytes before.
    """
    parts = [np.zeros(0, np.uint32)]
    for start in range(0, len(detailed), _ROWS):
        here = detailed[start : start + _ROWS]
        some = rows[here]
        there = np.zeros((len(here), KEYPOINTS + MIRRORED), np.bool_)
        there[:, :KEYPOINTS] = np.arange(KEYPOINTS) < some["count"][:, None]
        there[:, KEYPOINTS:] = there[:, :MIRRORED] & some["mirrored"].any(axis=2)
        row, number = np.nonzero(there)
        byte = here[row] * LAYOUT.itemsize + _START + number * _DESCRIPTOR
        parts.append((byte // 2).astype(np.uint32))
    return np.concatenate(parts)


def rows_and_numbers(
    keypoints: NDArray[np.integer[Any]],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Tell of which rows keypoints are, and their numbers there, the mirrored ones last.

    Parameters
    ----------
    keypoints : ndarray of uint32 or int64, shape (k,)
        From `keypoints_of`.

    Returns
    -------
    rows, numbers : ndarray of int64, shape (k,)
    """
    row, byte = np.divmod(2 * keypoints.astype(np.int64) - _START, LAYOUT.itemsize)
    return row, byte // _DESCRIPTOR


def tables(
    rows: NDArray[Any], keypoints: NDArray[np.uint32]
) -> Iterator[tuple[NDArray[np.uint32], NDArray[np.uint32]]]:
    """Yield for each word where each value of its upper bits begins, and the keypoints in order.

    Parameters
    ----------
    rows : ndarray of dtype `LAYOUT`, shape (n,)
    keypoints : ndarray of uint32, shape (k,)

    Yields
    ------
    starts : ndarray of uint32, shape (2**bits + 1,)
        As many bits for each word; the more, the more keypoints there are.
    order : ndarray of uint32, shape (k,)
    """
    halves = rows.view("<u2")
    bits = len(keypoints).bit_length() - _BUCKET_BITS
    bits = max(_LEAST_BITS, min(_MOST_BITS, bits))
    for word in range(WORDS):
        values = np.empty(len(keypoints), np.uint32)
        for start in range(0, len(keypoints), _AT_ONCE):
            here = slice(start, start + _AT_ONCE)
            values[here] = _words(halves, keypoints[here] + np.uint32(word))
        order = sort_words(values)
        counts = np.bincount(values >> np.uint32(32 - bits), minlength=1 << bits)
        starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.uint32)
        yield starts, keypoints[order]


def _words(halves: NDArray[np.uint16], places: NDArray[Any]) -> NDArray[np.uint32]:
    """The words that begin at some places of rows, counted by two bytes."""
    low, high = halves[places], halves[places + 1]
    return np.asarray(low | high.astype(np.uint32) << np.uint32(16))


class Begins(NamedTuple):
    """Where sections begin in the file of a segment, in bytes."""

    rows: int
    starts: int
    order: int


class Words:
    """The words of the keypoints of a segment.

    Parameters
    ----------
    rows : ndarray of dtype `LAYOUT`, shape (n,)
    starts : ndarray of uint32, shape (WORDS, 2**bits + 1)
        Or empty, where there are no keypoints.
    order : ndarray of uint32, shape (WORDS, k)
    pieces : Pieces
        Of the file in which these lie.
    begins : Begins
        And where.
    """

    def __init__(
        self,
        rows: NDArray[Any],
        starts: NDArray[np.uint32],
        order: NDArray[np.uint32],
        pieces: Pieces,
        begins: Begins,
    ) -> None:
        self._pieces, self._begins = pieces, begins
        self._halves = rows.view("<u2")
        self._shift = np.uint32(32 - (max(1, starts.shape[1] - 1)).bit_length() + 1)
        self._starts, self._order = starts, order

    def find(
        self, word: NDArray[np.int64], value: NDArray[np.uint32]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Find where keypoints have some values of their words.

        Parameters
        ----------
        word : ndarray of int64, shape (m,)
            Which of the words.
        value : ndarray of uint32, shape (m,)

        Returns
        -------
        first, end : ndarray of int64, shape (m,)
            Places in the order of that word; equal where there is none.

        Raises
        ------
        UsageError
            What this follows from is not as it was written.
        IndexError
            Nor is it, in a part that leads to no place.
        """
        if not self._starts.size:  # no row has keypoints
            return np.zeros(len(word), np.int64), np.zeros(len(word), np.int64)
        upper = (value >> self._shift).astype(np.int64)
        entry = self._begins.starts + 4 * (word * self._starts.shape[1] + upper)
        self._pieces.check((entry, entry + 7))
        left = self._starts[word, upper].astype(np.int64)
        right = self._starts[word, upper + 1].astype(np.int64)
        first = self._search(word, value, left, right, after=False)
        end = first.copy()
        there = np.flatnonzero(first < right)
        there = there[self._value(word[there], first[there]) == value[there]]
        end[there] = self._search(word[there], value[there], first[there], right[there], after=True)
        self._check_around(word, first, end, left, right)
        return first, end

    def _check_around(
        self,
        word: NDArray[np.int64],
        first: NDArray[np.int64],
        end: NDArray[np.int64],
        left: NDArray[np.int64],
        right: NDArray[np.int64],
    ) -> None:
        """Raise UsageError if what decided where words were found is not as it was written."""
        there = np.flatnonzero(left < right)
        word, first, end, left, right = (x[there] for x in (word, first, end, left, right))
        before, behind = np.maximum(first - 1, left), np.minimum(end, right - 1)
        self._pieces.check((self._entries(word, before), self._entries(word, behind) + 3))
        inner = np.flatnonzero((before < first) & (first < behind))
        last = np.flatnonzero(end - first > 1)
        for which, place in ((inner, first), (last, end - 1)):
            entry = self._entries(word[which], place[which])
            self._pieces.check((entry, entry + 3))
        every = np.arange(len(word))
        for which, place in ((every, before), (every, behind), (inner, first), (last, end - 1)):
            own = word[which]
            byte = self._begins.rows + 2 * (self._order[own, place[which]].astype(np.int64) + own)
            self._pieces.check((byte, byte + 3))

    def _entries(self, word: NDArray[np.int64], place: NDArray[np.int64]) -> NDArray[np.int64]:
        """The bytes at which places in the orders lie."""
        return np.asarray(self._begins.order + 4 * (word * self._order.shape[1] + place), np.int64)

    def _search(
        self,
        word: NDArray[np.int64],
        value: NDArray[np.uint32],
        left: NDArray[np.int64],
        right: NDArray[np.int64],
        *,
        after: bool,
    ) -> NDArray[np.int64]:
        """The first place from left on whose word is not less, or is greater."""
        left, right = left.copy(), right.copy()
        open_ = np.flatnonzero(left < right)
        while len(open_):
            middle = (left[open_] + right[open_]) // 2
            there = self._value(word[open_], middle)
            before = there <= value[open_] if after else there < value[open_]
            left[open_[before]] = middle[before] + 1
            right[open_[~before]] = middle[~before]
            open_ = open_[left[open_] < right[open_]]
        return left

    def _value(self, word: NDArray[np.int64], place: NDArray[np.int64]) -> NDArray[np.uint32]:
        return _words(self._halves, self._order[word, place] + word)

    def keypoints(
        self, word: NDArray[np.int64], first: NDArray[np.int64], end: NDArray[np.int64]
    ) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
        """Return the keypoints at some places, and for each which of these.

        Parameters
        ----------
        word, first, end : ndarray of int64, shape (m,)
            As `find` gives them.

        Returns
        -------
        keypoints : ndarray of uint32, shape (p,)
            As `keypoints_of` has them.
        which : ndarray of int64, shape (p,)

        Raises
        ------
        UsageError
            They are not as they were written.
        """
        count = end - first
        which = np.repeat(np.arange(len(count)), count)
        starts = np.cumsum(count) - count
        place = np.arange(len(which)) - starts[which] + first[which]
        entry = self._entries(word[which], place)
        self._pieces.check((entry, entry + 3))
        return self._order[word[which], place], which

    def check_keypoints(self, row: NDArray[np.int64], number: NDArray[np.int64]) -> None:
        """Raise UsageError if what rows have of some keypoints is not as it was written.

        Parameters
        ----------
        row, number : ndarray of int64, shape (k,)
            From `rows_and_numbers`.
        """
        start = self._begins.rows + row * LAYOUT.itemsize
        plain = np.where(number < KEYPOINTS, number, number - KEYPOINTS)
        fields = (
            (start + _byte_of("size"), 4),
            (start + _byte_of("place") + 4 * plain, 4),
            (start + _byte_of("octave") + plain, 1),
            (start + _byte_of("angle") + plain, 1),
            (start + _START + _DESCRIPTOR * number, _DESCRIPTOR),
        )
        self._pieces.check(*((byte, byte + size - 1) for byte, size in fields))
