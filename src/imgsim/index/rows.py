"""The rows of the contents of an index, over all of its segments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators.local import KEYPOINTS, LAYOUT, MIRRORED
from imgsim.index.manifest import damaged
from imgsim.index.segment import CONTENT, Segment
from imgsim.index.words import Asked, Pairs, Words, rows_and_numbers
from imgsim.propose.alike import COMMON_WORD
from imgsim.propose.index import ArchiveRows
from imgsim.propose.keypoint_votes import Alike, Votes, votes_of_alike
from imgsim.propose.keypoints import WORD_STARTS, Keypoints, columns_of, in_a_row, numbers_of

_AT_ONCE = 1 << 20
"""Words that are looked up together, and pairs of keypoints that are compared."""


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
        found = [Keypoints.of(np.zeros(0, LAYOUT), np.arange(0)).with_words(np.zeros(0, np.uint16))]
        for near in self._near(own):
            words = np.left_shift(1, near.pairs.word, dtype=np.uint16)
            shared = np.bitwise_or.reduceat(words, near.firsts) if len(near.firsts) else words
            found.append(replace(self._keypoints(near, slice(None)), words=shared))
        every = in_a_row(found)
        return every.only(np.lexsort((every.image, every.mirrored)))

    def votes_with(self, own: Keypoints, before: int) -> Votes:
        found = self._near(own)
        ends = np.cumsum([len(near.firsts) for near in found])
        images, mirrored, keypoint = [], [], []
        for near, end in zip(found, ends.tolist(), strict=True):
            row, number = rows_and_numbers(near.pairs.other[near.firsts])
            count = np.diff(near.firsts, append=len(near.pairs.other))
            images.append(np.repeat(self._live(near.segment)[row], count))
            mirrored.append(np.repeat(number >= KEYPOINTS, count))
            keypoint.append(np.repeat(np.arange(end - len(count), end), count))

        def take(chosen: NDArray[np.int64]) -> Keypoints:
            cuts = np.searchsorted(chosen, ends)
            parts = zip(found, np.split(chosen, cuts[:-1]), [0, *ends[:-1]], strict=True)
            return in_a_row([self._keypoints(near, part - start) for near, part, start in parts])

        alike = Alike(
            np.concatenate([near.pairs.one for near in found]),
            np.concatenate(images),
            np.concatenate(mirrored),
            np.concatenate(keypoint),
            np.concatenate([near.pairs.bits for near in found]),
        )
        return votes_of_alike(own, before, alike, int((~self.flat).sum()) + 1, take)

    def _near(self, own: Keypoints) -> list[_Near]:
        """The keypoints of each segment that are alike to those that ask."""
        checked = []
        for segment in self._segments:
            with _words_of(segment) as words:
                checked.append(words.nothing_checked())
        counted = np.zeros(len(own.image), np.uint16)
        found: list[list[Pairs]] = [[] for _ in self._segments]
        for asked in _distinct_words(own):
            places = []
            for segment, seen in zip(self._segments, checked, strict=True):
                with _words_of(segment) as words:
                    places.append(words.find(asked, seen))
            useful = np.flatnonzero(self._sharing(asked, places) <= COMMON_WORD)
            asked = asked.only(useful)
            bits = np.left_shift(1, asked.word).astype(np.uint16)
            np.bitwise_or.at(counted, asked.own, np.repeat(bits, np.diff(asked.owners)))
            for i, (first, end) in enumerate(places):
                room = np.cumsum((end - first)[useful] * np.diff(asked.owners))
                for part in _of_size(room):
                    some = asked.only(part), first[useful[part]], end[useful[part]]
                    with _words_of(self._segments[i]) as words:
                        pairs = words.near(*some, own, counted, self._live(i), checked[i])
                    found[i].append(pairs)
        return [_Near(i, checked[i], *_joined(some)) for i, some in enumerate(found)]

    def _live(self, segment: int) -> NDArray[np.int64]:
        """By the rows of a segment their places among images with detail, or -1."""
        return self._detailed[self._starts[segment] : self._starts[segment + 1]]

    def _sharing(
        self, asked: Asked, places: Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]]
    ) -> NDArray[np.int64]:
        """How many keypoints have some words, those that ask among them."""
        own = np.diff(asked.owners)
        sharing = own + sum(end - first for first, end in places)
        # of keypoints of contents that were removed it is not known yet which words they have
        doubtful = np.flatnonzero(
            (sharing > COMMON_WORD) & (sharing <= COMMON_WORD + self._removed_keypoints)
        )
        sharing[doubtful] = own[doubtful]
        for i, (first, end) in enumerate(places):
            given = asked.word[doubtful], first[doubtful], end[doubtful]
            with _words_of(self._segments[i]) as words:
                keypoints, which = words.keypoints(*given)
                live = self._live(i)[rows_and_numbers(keypoints)[0]] >= 0
            sharing += np.bincount(doubtful[which[live]], minlength=len(sharing))
        return sharing

    @cached_property
    def _removed_keypoints(self) -> int:
        """How many keypoints the removed contents have, at most."""
        flat = np.concatenate(
            [np.zeros(0, np.bool_), *(s.contents["flat"] for s in self._segments)]
        )
        return (KEYPOINTS + MIRRORED) * int(((self._detailed < 0) & ~flat).sum())

    def _keypoints(self, near: _Near, which: NDArray[np.int64] | slice) -> Keypoints:
        """Some of the keypoints that were found."""
        segment = self._segments[near.segment]
        row, number = rows_and_numbers(near.pairs.other[near.firsts[which]])
        with _words_of(segment) as words:
            words.check_keypoints(row, number, near.checked)
        image = self._live(near.segment)[row].astype(np.uint32)
        mirrored = number >= KEYPOINTS
        halves = np.flatnonzero(~mirrored), np.flatnonzero(mirrored)
        columns = [
            columns_of(segment.rows, row[half], number[half] - first, mirrored=first > 0)
            for half, first in zip(halves, (0, KEYPOINTS), strict=True)
        ]
        places = np.argsort(np.concatenate(halves))
        every = {n: np.concatenate([half[n] for half in columns])[places] for n in columns[0]}
        return Keypoints(len(halves[0]), image, mirrored, **every)


class _Near(NamedTuple):
    """Keypoints of a segment that are alike to others.

    Attributes
    ----------
    segment : int
    checked : ndarray of uint8, shape (n,)
        See `Words`.
    pairs : Pairs
        In the order of the keypoints.
    firsts : ndarray of int64, shape (k,)
        Where each keypoint comes first in them.
    """

    segment: int
    checked: NDArray[np.uint8]
    pairs: Pairs
    firsts: NDArray[np.int64]


def _joined(parts: Sequence[Pairs]) -> tuple[Pairs, NDArray[np.int64]]:
    pairs = Pairs.of(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
    if len(parts) > 1:
        pairs = pairs.at(np.argsort(pairs.other, kind="stable"))
    return pairs, np.flatnonzero(np.diff(pairs.other.astype(np.int64), prepend=-1))


def _of_size(room: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Parts of a range, which take so much each; `room` says how much all of them until then do."""
    part = np.maximum(room - 1, 0) // _AT_ONCE
    yield from np.split(np.arange(len(room)), np.flatnonzero(np.diff(part)) + 1)


@contextmanager
def _words_of(segment: Segment) -> Iterator[Words]:
    try:
        yield segment.words
    except IndexError:
        raise damaged(segment.path, "its words lead to no row", files_known=True) from None


def _distinct_words(own: Keypoints) -> Iterator[Asked]:
    """The words of keypoints, some at a time."""
    codes = np.concatenate(
        [
            number << 32 | numbers_of(own.descriptor[:, start : start + 4], "<u4").astype(np.int64)
            for number, start in enumerate(WORD_STARTS)
        ]
    )
    order = np.argsort(codes)
    codes, keypoint = codes[order], (order % max(1, len(own.image))).astype(np.uint32)
    first = np.append(np.flatnonzero(np.diff(codes, prepend=-1)), len(codes))
    for start in range(0, max(1, len(first) - 1), _AT_ONCE):
        here = first[start : start + _AT_ONCE + 1]
        code = codes[here[:-1]]
        yield Asked(
            code >> 32,
            (code & 0xFFFFFFFF).astype(np.uint32),
            here - here[0],
            keypoint[here[0] : here[-1]],
        )
