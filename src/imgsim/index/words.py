"""Finds the keypoints of a segment that have a word in common with others.

For each of the words of a descriptor, see `propose.keypoints`, the keypoints stand in the order of
that word; a table says where each value of its upper bits begins. The words stand behind them, but
for upper bits that are equal wherever the table leads. The check sums of what an answer follows
from are looked at: of the entries of the table, of the keypoints that are found, and of the words
right before and behind them. As the order is one of the words, these tell that there are no others.

Looking up and comparing are done in C, where that could be compiled, and else by NumPy.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators.local import KEYPOINTS, LAYOUT, MIRRORED
from imgsim.index.pieces import FACTORS, Pieces
from imgsim.propose.alike import sort_words
from imgsim.propose.keypoints import WORD_STARTS, Keypoints
from imgsim.propose.nearest import MAX_BITS

try:
    if sys.byteorder != "little":  # as the numbers in the file are
        raise ImportError
    from imgsim.compiled import _words as _compiled
except ImportError:
    _compiled = None  # type: ignore[assignment]

WORDS = len(WORD_STARTS)
_BUCKET_BITS = 3  # some eight keypoints have the same upper bits
_LEAST_BITS, _MOST_BITS = 8, 20
_HALF = 16  # bits of the table, with which half a word is enough
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
) -> Iterator[tuple[NDArray[np.uint32], NDArray[np.uint32], NDArray[Any]]]:
    """Yield for each word where each value of its upper bits begins, the keypoints, and the values.

    Parameters
    ----------
    rows : ndarray of dtype `LAYOUT`, shape (n,)
    keypoints : ndarray of uint32, shape (k,)

    Yields
    ------
    starts : ndarray of uint32, shape (2**bits + 1,)
        As many bits for each word; the more, the more keypoints there are.
    order : ndarray of uint32, shape (k,)
    values : ndarray of uint16 or uint32, shape (k,)
        Of the keypoints in that order.
    """
    halves = rows.view("<u2")
    bits = len(keypoints).bit_length() - _BUCKET_BITS
    bits = max(_LEAST_BITS, min(_MOST_BITS, bits))
    for word in range(WORDS):
        values = np.empty(len(keypoints), np.uint32)
        for start in range(0, len(keypoints), _AT_ONCE):
            here = slice(start, start + _AT_ONCE)
            values[here] = _words_at(halves, keypoints[here] + np.uint32(word))
        order = sort_words(values)
        counts = np.bincount(values >> np.uint32(32 - bits), minlength=1 << bits)
        starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.uint32)
        yield starts, keypoints[order], values.astype(np.uint16) if bits >= _HALF else values


def _words_at(halves: NDArray[np.uint16], places: NDArray[Any]) -> NDArray[np.uint32]:
    """The words that begin at some places of rows, counted by two bytes."""
    low, high = halves[places], halves[places + 1]
    return np.asarray(low | high.astype(np.uint32) << np.uint32(16))


class Asked(NamedTuple):
    """Words that are looked up, and who asks for them.

    Attributes
    ----------
    word : ndarray of int64, shape (m,)
        Which of the words.
    value : ndarray of uint32, shape (m,)
    owners : ndarray of int64, shape (m + 1,)
        Where those that ask for each begin in `own`.
    own : ndarray of uint32, shape (a,)
        Places of keypoints.
    """

    word: NDArray[np.int64]
    value: NDArray[np.uint32]
    owners: NDArray[np.int64]
    own: NDArray[np.uint32]

    def only(self, places: NDArray[np.int64]) -> Asked:
        """Keep some of the words.

        Parameters
        ----------
        places : ndarray of int64, shape (k,)
        """
        count = np.diff(self.owners)[places]
        owners = np.concatenate([[0], np.cumsum(count)])
        own = np.repeat(self.owners[places] - owners[:-1], count) + np.arange(owners[-1])
        return Asked(self.word[places], self.value[places], owners, self.own[own])


class Pairs(NamedTuple):
    """Keypoints that are alike: one that asks, and one of a segment.

    Attributes
    ----------
    one : ndarray of uint32, shape (p,)
        Places of those that ask.
    other : ndarray of uint32, shape (p,)
        As `keypoints_of` has them, ascending.
    word : ndarray of uint8, shape (p,)
        The first of the words by which they are compared that they share.
    bits : ndarray of uint8, shape (p,)
        By which they differ.
    """

    one: NDArray[np.uint32]
    other: NDArray[np.uint32]
    word: NDArray[np.uint8]
    bits: NDArray[np.uint8]

    @classmethod
    def of(cls, *columns: NDArray[Any]) -> Pairs:
        """Take the columns, ndarray of integers of any size, shape (p,)."""
        one, other, word, bits = columns
        return cls(
            one.astype(np.uint32, copy=False),
            other.astype(np.uint32, copy=False),
            word.astype(np.uint8, copy=False),
            bits.astype(np.uint8, copy=False),
        )

    def at(self, which: NDArray[np.int64] | slice) -> Pairs:
        """Keep some of them, ndarray of int64, shape (k,), or a slice."""
        return Pairs.of(*(column[which] for column in self))


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
    order : ndarray of uint8, shape (m,)
        For each word the keypoints and their values, see `tables`.
    pieces : Pieces
        Of the file in which these lie.
    begins : Begins
        And where.
    """

    def __init__(
        self,
        rows: NDArray[Any],
        starts: NDArray[np.uint32],
        order: NDArray[np.uint8],
        pieces: Pieces,
        begins: Begins,
    ) -> None:
        buckets = starts.shape[1] - 1
        half = buckets >= 1 << _HALF
        of_each = 6 if half else 8
        if len(order) % (WORDS * of_each) or (
            starts.size and (buckets < 2 or buckets & (buckets - 1))
        ):
            raise IndexError
        self._pieces, self._begins = pieces, begins
        self._rows, self._halves = rows, rows.view("<u2")
        self._shift = np.uint32(32 - (max(1, starts.shape[1] - 1)).bit_length() + 1)
        n = len(order) // (WORDS * of_each)
        of_words = order.reshape(WORDS, of_each * n)
        self._starts, self._order = starts, of_words[:, : 4 * n].view("<u4")
        self._values = of_words[:, 4 * n :].view("<u2" if half else "<u4")

    def nothing_checked(self) -> NDArray[np.uint8]:
        """Return a bit for each piece, ndarray of uint8, shape (n,): they have not been checked."""
        return np.zeros(-(-len(self._pieces.sums) // 8), np.uint8)

    def find(
        self, asked: Asked, checked: NDArray[np.uint8]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Find where keypoints have some words.

        Parameters
        ----------
        asked : Asked
        checked : ndarray of uint8, shape (n,)
            From `nothing_checked`, for all that is asked together.

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
        word, value = asked.word, asked.value
        first, end = np.zeros(len(word), np.int64), np.zeros(len(word), np.int64)
        if not self._starts.size:  # no row has keypoints
            return first, end
        if _compiled is not None:
            self._raise(_compiled.find(self._segment(checked), word, value, first, end))
            return first, end
        upper = (value >> self._shift).astype(np.int64)
        entry = self._begins.starts + 4 * (word * self._starts.shape[1] + upper)
        self._pieces.check((entry, entry + 7))
        value = value.astype(self._values.dtype)
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
        inner = np.flatnonzero((before < first) & (first < behind))
        last = np.flatnonzero(end - first > 1)
        every = np.arange(len(word))
        item = self._values.itemsize
        values = self._entries(word, np.full(len(word), self._order.shape[1]))
        for which, place in (
            (every, before),
            (every, behind),
            (inner, first[inner]),
            (last, end[last] - 1),
        ):
            byte = values[which] + item * place
            self._pieces.check((byte, byte + item - 1))

    def _entries(self, word: NDArray[np.int64], place: NDArray[np.int64]) -> NDArray[np.int64]:
        """The bytes at which places in the orders lie."""
        of_word = self._order.shape[1] * (4 + self._values.itemsize)
        return np.asarray(self._begins.order + word * of_word + 4 * place, np.int64)

    def _search(
        self,
        word: NDArray[np.int64],
        value: NDArray[Any],
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

    def _value(self, word: NDArray[np.int64], place: NDArray[np.int64]) -> NDArray[Any]:
        return np.asarray(self._values[word, place])

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

    def near(
        self,
        asked: Asked,
        first: NDArray[np.int64],
        end: NDArray[np.int64],
        own: Keypoints,
        counted: NDArray[np.uint16],
        live: NDArray[np.int64],
        checked: NDArray[np.uint8],
    ) -> Pairs:
        """Find the keypoints at some places that are alike to those that ask for them.

        Parameters
        ----------
        asked : Asked
        first, end : ndarray of int64, shape (m,)
            As `find` gives them.
        own : Keypoints
            Those that ask.
        counted : ndarray of uint16, shape (q,)
            By which words each of them is compared, a bit each.
        live : ndarray of int64, shape (n,)
            Less than 0 for rows that are not compared.
        checked : ndarray of uint8, shape (n,)

        Raises
        ------
        UsageError
            What this follows from is not as it was written.
        IndexError
            Nor is it, in a part that leads to no keypoint.
        """
        if _compiled is None:
            return self._near(asked, first, end, own, counted, live)
        room = int(((end - first) * np.diff(asked.owners)).sum())
        halves, bytes_ = np.empty((2, room), np.uint32), np.empty((2, room), np.uint8)
        pairs = Pairs(*halves, *bytes_)
        n = _compiled.near(
            self._segment(checked),
            MAX_BITS,
            asked.word,
            first,
            end,
            asked.owners,
            asked.own,
            own.descriptor,
            own.mirrored,
            counted,
            live,
            *pairs,
        )
        self._raise(n)
        return pairs.at(slice(n))

    def _near(
        self,
        asked: Asked,
        first: NDArray[np.int64],
        end: NDArray[np.int64],
        own: Keypoints,
        counted: NDArray[np.uint16],
        live: NDArray[np.int64],
    ) -> Pairs:
        keypoints, which = self.keypoints(asked.word, first, end)
        row, number = rows_and_numbers(keypoints)
        if ((row < 0) | (row >= len(live)) | (number < 0) | (number >= KEYPOINTS + MIRRORED)).any():
            raise IndexError
        use = np.flatnonzero(live[row] >= 0)
        keypoints, which, number = keypoints[use], which[use], number[use]
        byte = self._begins.rows + 2 * keypoints.astype(np.int64)
        self._pieces.check((byte, byte + _DESCRIPTOR - 1))
        count = np.diff(asked.owners)[which]
        entry = np.repeat(np.arange(len(which)), count)
        begin = asked.owners[which] - (np.cumsum(count) - count)
        one = asked.own[np.arange(len(entry)) + begin[entry]]
        word = asked.word[which[entry]]
        halves = self._halves[keypoints[:, None].astype(np.int64) + np.arange(_DESCRIPTOR // 2)]
        differing = halves[entry] ^ own.descriptor.view("<u2")[one]
        bits = np.bitwise_count(differing).sum(axis=1, dtype=np.int64)
        equal = differing == 0
        shared = (equal[:, :WORDS] & equal[:, 1:]) @ (1 << np.arange(WORDS))
        found = (bits <= MAX_BITS) & ((shared & counted[one] & ((1 << word) - 1)) == 0)
        found &= ~(own.mirrored[one] & (number[entry] >= KEYPOINTS))
        found = np.flatnonzero(found)
        found = found[np.argsort(keypoints[entry[found]], kind="stable")]
        return Pairs.of(one[found], keypoints[entry[found]], word[found], bits[found])

    def _segment(self, checked: NDArray[np.uint8]) -> tuple[Any, ...]:
        """What the parts in C ask of a segment."""
        pieces, begins = self._pieces, self._begins
        return (
            pieces.whole,
            pieces.sums,
            FACTORS,
            checked,
            begins.rows,
            len(self._rows),
            LAYOUT.itemsize,
            _START,
            _START + _DESCRIPTOR * KEYPOINTS,
            _START + _DESCRIPTOR * (KEYPOINTS + MIRRORED),
            begins.starts,
            begins.order,
            self._starts.shape[1],
            self._order.shape[1],
            self._values.itemsize,
        )

    def _raise(self, result: int) -> None:
        if result == -1:
            raise self._pieces.wrong()
        if result < 0:
            raise IndexError

    def check_keypoints(
        self, row: NDArray[np.int64], number: NDArray[np.int64], checked: NDArray[np.uint8]
    ) -> None:
        """Raise UsageError if what rows have of some keypoints is not as it was written.

        Parameters
        ----------
        row, number : ndarray of int64, shape (k,)
            From `rows_and_numbers`.
        checked : ndarray of uint8, shape (n,)
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
        for byte, size in fields:
            if _compiled is not None:
                self._raise(_compiled.check(self._segment(checked), byte, byte + size - 1))
            else:
                self._pieces.check((byte, byte + size - 1))
