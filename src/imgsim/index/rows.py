"""The rows of the contents of an index, over all of its segments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators.local import KEYPOINTS, LAYOUT, MIRRORED
from imgsim.index.manifest import damaged
from imgsim.index.segment import CONTENT, Segment
from imgsim.index.words import rows_and_numbers
from imgsim.propose.alike import COMMON_WORD
from imgsim.propose.index import ArchiveRows
from imgsim.propose.keypoints import WORD_STARTS, Keypoints, columns_of, numbers_of

_AT_ONCE = 1 << 20


class SegmentRows(ArchiveRows):
    """The rows of the live contents of some segments.

    Parameters
    ----------
    segments : sequence of Segment
    where : ndarray of int64, shape (n,)
        By the place of each live content its number among those of all segments.
    """

    def __init__(self, segments: Sequence[Segment], where: NDArray[np.int64]) -> None:
        self._segments = segments
        self._where = where
        self._starts = np.cumsum([0, *(len(s.contents) for s in segments)])
        self.flat = self._field("flat", np.arange(len(where)))
        self._detailed = np.full(self._starts[-1], -1, np.int64)
        detailed = np.flatnonzero(~self.flat)
        self._detailed[where[detailed]] = np.arange(len(detailed))

    def _parts(
        self, places: NDArray[np.int64]
    ) -> Iterator[tuple[Segment, NDArray[np.int64], NDArray[np.int64]]]:
        """Each segment with some of the places: which of them, and where they lie in it."""
        numbers = self._where[places]
        owner = np.searchsorted(self._starts, numbers, "right") - 1
        for i, segment in enumerate(self._segments):
            which = np.flatnonzero(owner == i)
            if len(which):
                yield segment, which, numbers[which] - self._starts[i]

    def _field(self, name: str, places: NDArray[np.int64]) -> NDArray[Any]:
        """What `CONTENT` has of some contents."""
        field = CONTENT[name]
        found = np.empty((len(places), *field.shape), field.base)
        for segment, which, own in self._parts(places):
            found[which] = segment.contents[name][own]
        return found

    def take(self, places: NDArray[np.int64]) -> NDArray[Any]:
        rows = np.empty(len(places), LAYOUT)
        for segment, which, own in self._parts(places):
            rows[which] = segment.take(own)  # raises where a check sum is wrong
        return rows

    def column(self, name: str, places: NDArray[np.int64]) -> NDArray[Any]:
        return self._field(name, places) if name != "colours" else self.take(places)[name]

    def holding(self) -> NDArray[np.bool_]:
        return self._field("holding", np.arange(len(self._where)))

    def figures(self) -> NDArray[np.bool_]:
        return self._field("figure", np.arange(len(self._where)))

    def keypoints_like(self, own: Keypoints) -> Keypoints:
        by_segment: dict[int, list[NDArray[np.int64]]] = {}
        for some in _distinct_words(own):
            for i, found in self._with_words(*some):
                by_segment.setdefault(i, []).append(found)
        return _joined(
            [self._keypoints(i, *np.concatenate(found, axis=1)) for i, found in by_segment.items()]
        )

    def _with_words(
        self, word: NDArray[np.int64], value: NDArray[np.uint32], count: NDArray[np.int64]
    ) -> Iterator[tuple[int, NDArray[np.int64]]]:
        """Keypoints of each segment with some words, which `count` others have, and the words."""
        found = [_found(segment, word, value) for segment in self._segments]
        there = [end - first for first, end in found]
        # of keypoints of contents that were removed it is not known yet which words they have
        most = COMMON_WORD + self._removed_keypoints
        rare = np.flatnonzero(sum(there, count) <= most)
        parts: list[tuple[int, NDArray[np.int64], NDArray[np.int64]]] = []
        sharing = count.copy()
        for i, (first, end) in enumerate(found):
            segment = self._segments[i]
            keypoints, which = segment.words.keypoints(word[rare], first[rare], end[rare])
            row, _ = rows_and_numbers(keypoints)
            if len(row) and (row.min() < 0 or row.max() >= len(segment.contents)):
                raise damaged(segment.path, "a keypoint is of no row", files_known=True)
            live = self._detailed[self._starts[i] + row] >= 0
            which = rare[which[live]]
            sharing += np.bincount(which, minlength=len(word))
            parts.append((i, keypoints[live].astype(np.int64), which))
        for i, live_ones, which in parts:
            useful = sharing[which] <= COMMON_WORD
            yield i, np.stack([live_ones[useful], word[which[useful]]])

    @cached_property
    def _removed_keypoints(self) -> int:
        """How many keypoints the removed contents have, at most."""
        flat = np.concatenate(
            [np.zeros(0, np.bool_), *(s.contents["flat"] for s in self._segments)]
        )
        return (KEYPOINTS + MIRRORED) * int(((self._detailed < 0) & ~flat).sum())

    def _keypoints(
        self, i: int, keypoints: NDArray[np.int64], word: NDArray[np.int64]
    ) -> Keypoints:
        """Some keypoints of a segment, and which of their words are shared."""
        order = np.argsort(keypoints, kind="stable")
        keypoints, bit = keypoints[order], (1 << word[order]).astype(np.uint16)
        first = np.flatnonzero(np.diff(keypoints, prepend=-1))
        words = np.bitwise_or.reduceat(bit, first) if len(first) else bit
        row, number = rows_and_numbers(keypoints[first])
        self._segments[i].words.check_keypoints(row, number)
        mirrored = number >= KEYPOINTS
        order = np.argsort(mirrored, kind="stable")
        row, number, mirrored, words = row[order], number[order], mirrored[order], words[order]
        plain = int((~mirrored).sum())
        rows = self._segments[i].rows
        halves = [
            columns_of(rows, row[:plain], number[:plain], mirrored=False),
            columns_of(rows, row[plain:], number[plain:] - KEYPOINTS, mirrored=True),
        ]
        columns = {name: np.concatenate([half[name] for half in halves]) for name in halves[0]}
        image = self._detailed[self._starts[i] + row].astype(np.uint32)
        return Keypoints(plain, image, mirrored, words=words, **columns)


def _found(
    segment: Segment, word: NDArray[np.int64], value: NDArray[np.uint32]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    try:
        return segment.words.find(word, value)
    except IndexError:
        raise damaged(segment.path, "its words lead to no row", files_known=True) from None


def _distinct_words(
    own: Keypoints,
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.uint32], NDArray[np.int64]]]:
    """Some words of keypoints at a time: which of the words, its value, and how many have it."""
    codes = [
        number << 32 | numbers_of(own.descriptor[:, start : start + 4], "<u4").astype(np.int64)
        for number, start in enumerate(WORD_STARTS)
    ]
    code, count = np.unique(np.concatenate(codes), return_counts=True)
    for start in range(0, len(code), _AT_ONCE):
        some = code[start : start + _AT_ONCE]
        value = (some & 0xFFFFFFFF).astype(np.uint32)
        yield some >> 32, value, count[start : start + _AT_ONCE]


def _joined(parts: Sequence[Keypoints]) -> Keypoints:
    """Keypoints of several segments in the order that those of one array have."""
    names = ("image", "mirrored", "descriptor", "x", "y", "scale", "angle", "words")
    if not parts:
        empty = np.zeros(0, np.float32)
        number = np.zeros(0, np.uint32)
        return Keypoints(
            0, number, np.zeros(0, np.bool_), np.zeros((0, 32), np.uint8),
            empty, empty, empty, empty, words=np.zeros(0, np.uint16),
        )  # fmt: skip
    every = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    order = np.lexsort((every["image"], every["mirrored"]))
    every = {name: values[order] for name, values in every.items()}
    return Keypoints(int((~every["mirrored"]).sum()), **every)
