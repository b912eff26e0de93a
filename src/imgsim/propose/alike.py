"""Which keypoints are alike: those that have a word of their descriptors in common, and most bits.

Multi-index hashing (M. Norouzi, A. Punjani, D. Fleet, CVPR 2012, doi:10.1109/CVPR.2012.6248043)
finds descriptors that agree in one of fifteen 32-bit words, each of which shares half of its bits
with the next one. Of those that a keypoint is like the nearest count: see `nearest`.

The comparing is done in C, where that could be compiled, and else by `alike_numpy`.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgsim.progress import Progress, Silent
from imgsim.propose import alike_numpy
from imgsim.propose.keypoints import WORD_STARTS, Keypoints, numbers_of, parts
from imgsim.propose.nearest import (
    STEPS,
    Nearest,
    among_nearest,
    codes_of,
    nearest_of,
    steps_of,
)
from imgsim.read.scratch import needs_space, scratch
from imgsim.temporary import TemporaryFolder

try:
    from imgsim.compiled import _alike
except ImportError:
    _alike = None  # type: ignore[assignment]

COMMON_WORD = 1024
"""A word that more keypoints share tells nothing (a grid, a font, a texture) and is left out."""

NO_WEIGHT = 72
"""Bits: a vote weighs the square of what its descriptors differ less by. By chance most of those
that agree in a word differ by nearly `MAX_BITS`."""

FEW_LIKENESSES = 8
"""Other keypoints that one is like, at most, for a single vote of it to be sure: in a large folder
every keypoint is very like some other one by chance."""

_IMAGES = 250
"""Query images whose pairs of keypoints are looked at together: up to 100,000 of each image in a
large folder, of 16 bytes then."""

_BLOCK = np.uint16
_AT_ONCE = 1 << 18
"""Pairs of keypoints that are compared together; each takes some 200 bytes then."""

_FILE_BYTES = 16_000
"""Bytes of pairs of keypoints that wait in files at once, an image, about."""

_PAIR_BYTES = 8

_IN_MEMORY = 1 << 20
"""Pairs of keypoints that wait in memory; more do in temporary files."""

_WRITTEN = 1 << 21
"""Pairs of keypoints that are sorted into files together."""

_SORTED_BITS = 22
"""About as many words are sorted at a time as a number of so many bits can be large; each takes
some 60 bytes then."""

_HIGH, _LOW = np.uint64(32), np.uint64(2**32 - 1)
"""Of a pair of keypoints as one number: where the first begins, and the second."""

_MIRRORED, _WORDS = np.uint64(16), np.uint64(0xFFFF)
"""Of what `_about` tells: a bit, and bits of words."""


class Collisions:
    """The pairs of keypoints of different images that are alike.

    Parameters
    ----------
    keypoints : Keypoints
    images : int
        How many there are.
    usual : int
        How many keypoints of other images one may be like and still vote with full weight.
    known : tuple of ndarray of uint64, shape (p,), and of uint16, shape (n, STEPS), optional
        The pairs, the lesser keypoint in the upper half, and how many others each keypoint is like,
        by steps of distance: of closed images and another one. Without them they are searched.
    progress : Progress, optional
    """

    def __init__(
        self,
        keypoints: Keypoints,
        images: int,
        usual: int,
        known: tuple[NDArray[np.uint64], NDArray[np.uint16]] | None = None,
        progress: Progress | None = None,
    ) -> None:
        self._progress = progress or Silent()
        self._keypoints = keypoints
        self._images = images
        self._usual = usual
        self._codes = np.zeros(images, np.uint32)
        self._about = _about(keypoints)
        self._known = None
        if known is not None:
            self._known, self._histogram = known
        else:
            self._histogram = scratch((len(keypoints.image), STEPS), np.dtype(np.uint16))

    def found(
        self, min_votes: int, min_weight: int, min_sure: int
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Yield pairs of images that have enough of them, query before other, in parts.

        All pairs of one query image are in the same part.

        Parameters
        ----------
        min_votes, min_weight : int
            Of two images, one of them as it is or in the mirror, with all that they have together.
        min_sure : int
            Weight of a single one that is enough, see `weigh`.

        Yields
        ------
        query, other : ndarray of int64, shape (p,)
            Places of keypoints.
        """
        for first, images, pairs in self._all_near():
            kept = self._promising(pairs, first, images, min_votes, min_weight, min_sure)
            del pairs
            kept.sort()
            yield from self._by_image(kept)

    def _all_near(self) -> Iterator[tuple[int, int, NDArray[np.uint64]]]:
        """All pairs that count of some query images: the first of these, how many, and the pairs.

        A pair of keypoints, the lesser first, is one number.
        """
        few, waiting = [np.zeros(0, np.uint64)], 0
        if self._known is not None:
            yield 0, self._images, self._that_count(self._known)
            return
        counting = self._pass(count=True, listed=True)
        for pairs in counting:
            few.append(pairs)
            waiting += len(pairs)
            if waiting > _IN_MEMORY:
                break
        else:  # those of one image, or of a small folder
            yield 0, self._images, self._that_count(np.concatenate(few))
            return
        few.clear()
        counting.close()
        self._histogram[:] = 0
        for _ in self._pass(count=True, listed=False):
            pass
        nearest = self._nearest()
        bounds = self._bounds(nearest)
        with TemporaryFolder("votes") as folder:
            for start, stop in pairwise(bounds):
                found = self._pass(count=False, listed=True, nearest=nearest, among=(start, stop))
                for block, name in self._write(folder, found):
                    first = block * _IMAGES
                    both = [np.fromfile(name, np.uint64)]
                    os.remove(name)
                    yield first, min(_IMAGES, self._images - first), both.pop()  # not held here

    def weigh(
        self, query: NDArray[np.int64], other: NDArray[np.int64], min_sure: int
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Weigh votes, and tell which are enough by themselves.

        One of a keypoint that is like more than the usual number of others weighs less. One that
        is enough weighs so much, its keypoints are like few others, and none of them is mirrored.

        Parameters
        ----------
        query, other : ndarray of int64, shape (p,)
            Places of keypoints, once `found` has begun.
        min_sure : int

        Returns
        -------
        weight : ndarray of int64, shape (p,)
        sure : ndarray of bool, shape (p,)
        """
        alike = np.maximum(self.likenesses(query), self.likenesses(other))
        weight = np.square(NO_WEIGHT - self._keypoints.distance(query, other))
        weight = np.asarray(weight * self._usual // np.maximum(self._usual, alike))
        sure = (alike <= FEW_LIKENESSES) & (weight >= min_sure)
        return weight, sure & ~self._keypoints.mirrored[other]

    def _promising(
        self,
        pairs: NDArray[np.uint64],
        first: int,
        images: int,
        min_votes: int,
        min_weight: int,
        min_sure: int,
    ) -> NDArray[np.uint64]:
        """The pairs of those images that have enough of them, all together, or a sure one."""
        if _alike is not None:
            kept = np.empty(len(pairs), np.uint64)
            own = self._keypoints.descriptor, self._about, self._histogram
            least = NO_WEIGHT, self._usual, min_votes, min_weight, min_sure, FEW_LIKENESSES
            n = _alike.promising(pairs, *own, first, images, self._images, *least, kept)
            return kept[:n].copy()
        query, other = (pairs >> _HIGH).astype(np.int64), (pairs & _LOW).astype(np.int64)
        code = (self._about[query] >> _HIGH) * np.uint64(2 * self._images)
        code += self._about[other] >> _HIGH << np.uint64(1)
        code |= self._about[other] >> _MIRRORED & np.uint64(1)
        order = np.argsort(code, kind="stable")
        start = np.flatnonzero(np.r_[True, np.diff(code[order]) != 0][: len(code)])
        votes = np.diff(start, append=len(order))
        weight, sure = self.weigh(query, other, min_sure)
        total = np.add.reduceat(weight[order], start) if len(order) else votes
        enough = (votes >= min_votes) & (total >= min_weight)
        enough |= np.logical_or.reduceat(sure[order], start) if len(order) else enough
        return pairs[order[np.repeat(enough, votes)]]

    def likenesses(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        """Tell how many keypoints of other images some are like, once `found` has begun.

        Parameters
        ----------
        places : ndarray of int64, shape (m,)

        Returns
        -------
        ndarray of int64, shape (m,)
        """
        # by columns: rows as short as these take twice the time
        return np.asarray(self._histogram[places].T.astype(np.int64, order="C").sum(axis=0))

    def _bounds(self, nearest: Nearest | None) -> list[int]:
        """Where query keypoints are divided, so that the pairs of some of them lie in files.

        All are compared once more for each of these parts, which takes far less time than what is
        compared.
        """
        own = self._keypoints
        if own.closed is not None:
            return [0, len(own.image)]
        total = 0
        for part in parts(len(self._histogram), _AT_ONCE):
            steps = self._histogram[part].astype(np.int64)
            if nearest is None:
                total += int(steps.sum())
                continue
            limit, share = nearest.limit[part].astype(np.int64), nearest.share[part]
            total += int(steps[np.arange(STEPS) < limit[:, None]].sum())
            further = np.flatnonzero(limit < STEPS)
            total += int((steps[further, limit[further]] * share[further] >> 16).sum())
        n = -(-total * _PAIR_BYTES // (_FILE_BYTES * self._images))
        # of two plain keypoints the lesser one asks, of a plain and a mirrored one the plain one
        places = 2 - np.sqrt(4 - 3 * np.arange(1, n) / n)
        blocks = np.unique((places * self._images / _IMAGES).astype(np.int64))
        images = blocks[blocks > 0] * _IMAGES
        starts = np.searchsorted(own.image[: own.plain], images)
        return [0, *starts.tolist(), len(own.image)]

    def _pass(
        self,
        *,
        count: bool,
        listed: bool,
        nearest: Nearest | None = None,
        among: tuple[int, int] | None = None,
    ) -> Generator[NDArray[np.uint64]]:
        """Compare all keypoints that share a word; yield those that are alike if they are listed.

        Each pair once, the lesser keypoint first, as one number; of some of those alone if asked.
        """
        own, search = self._keypoints, alike_numpy.search if _alike is None else _alike.search
        found = np.empty(max(_AT_ONCE, COMMON_WORD**2), np.uint64) if listed else None
        with closing(self._in_order()) as every:
            for number, words, order in every:
                start = 0
                while start < len(order):
                    start, n = search(
                        start,
                        number,
                        COMMON_WORD,
                        *(among or (0, len(own.image))),
                        order,
                        words,
                        own.descriptor,
                        self._about,
                        self._keypoints.closed,
                        self._codes,
                        self._histogram if count else None,
                        None if nearest is None else nearest.limit,
                        None if nearest is None else nearest.share,
                        found,
                    )
                    if found is not None and n:
                        yield found[:n].copy()

    def _in_order(self) -> Generator[tuple[int, NDArray[np.uint32], NDArray[np.uint32]]]:
        """Words that are compared: which, these, ascending, and their keypoints, some at a time."""
        own = self._keypoints
        total = len(WORD_STARTS) * len(own.image)
        if own.words is not None:
            total = int(np.bitwise_count(own.words & ((1 << len(WORD_STARTS)) - 1)).sum())
        self._progress.start("comparing keypoints", total, "keypoint")
        try:
            for number in range(len(WORD_STARTS)):
                for words, order in self._with_word(number):
                    yield number, words, order
                    self._progress.advance(len(order))
        finally:
            self._progress.finish()

    def _with_word(self, number: int) -> Iterator[tuple[NDArray[np.uint32], NDArray[np.uint32]]]:
        """One of the words of all keypoints, ascending, and these, some at a time."""
        own = self._keypoints
        compared = None
        if own.words is not None:
            compared = np.flatnonzero(own.words >> np.uint16(number) & np.uint16(1))
        n = len(own.image) if compared is None else len(compared)
        every = scratch((n,), np.dtype(np.uint32))
        bytes_ = slice(WORD_STARTS[number], WORD_STARTS[number] + 4)
        for part in parts(n, _AT_ONCE):
            some = part if compared is None else compared[part]
            every[part] = numbers_of(own.descriptor[some, bytes_], "<u4")
        for places in _by_first_bits(every):
            words = every[places]
            order = places[sort_words(words)]
            if compared is not None:
                order = compared[order]
            yield words, order.astype(np.uint32, copy=False)

    def _nearest(self) -> Nearest | None:
        """How far the nearest of each go; None where all of them count."""
        limit = scratch((len(self._histogram),), np.dtype(np.uint8))
        share = scratch((len(self._histogram),), np.dtype(np.uint16))
        for part in parts(len(limit), _AT_ONCE):
            limit[part], share[part] = nearest_of(self._histogram[part])
        if (limit == STEPS).all():
            return None
        if self._keypoints.closed is None:
            self._codes[:] = codes_of(self._keypoints, self._images)
        else:  # of closed ones not all that they are like are known: what is as near counts, too
            share[limit < STEPS] = 65535
        return Nearest(limit, share)

    def _that_count(self, both: NDArray[np.uint64]) -> NDArray[np.uint64]:
        """Those of all pairs that are among the nearest."""
        nearest = self._nearest()
        return both if nearest is None else both[self._among_nearest(both, nearest)]

    def _among_nearest(self, both: NDArray[np.uint64], nearest: Nearest) -> NDArray[np.bool_]:
        """Which pairs count."""
        a, b = (both >> _HIGH).astype(np.int64), (both & _LOW).astype(np.int64)
        own = self._keypoints
        step = steps_of(own.distance(a, b))
        ends = [(nearest.limit[end], nearest.share[end]) for end in (a, b)]
        codes = self._codes[own.image[a]], self._codes[own.image[b]]
        return among_nearest(ends, step, codes)

    def _write(self, folder: str, found: Iterable[NDArray[np.uint64]]) -> list[tuple[int, str]]:
        """Write pairs of keypoints into files by blocks of query images."""
        image = self._keypoints.image
        waiting = [os.path.join(folder, str(i)) for i in range(-(-self._images // _IMAGES))]
        for pairs in _many_at_a_time(found):
            block = (image[pairs >> _HIGH] // _IMAGES).astype(_BLOCK)
            order = np.argsort(block, kind="stable")  # of 16 bits: in a fourth of the time
            blocks, starts = np.unique(block[order], return_index=True)
            of_blocks = np.split(pairs[order], starts[1:])
            for place, part in zip(blocks, of_blocks, strict=False):
                with needs_space(part.nbytes), open(waiting[place], "ab") as stream:
                    stream.write(part.data)
        return [(block, name) for block, name in enumerate(waiting) if os.path.exists(name)]

    def _by_image(
        self, both: NDArray[np.uint64]
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Parts of some pairs in their order, cut between two query images."""
        own = self._keypoints
        start = 0
        while start < len(both):
            stop = start + _AT_ONCE
            if stop < len(both):
                last = own.image[both[stop - 1] >> _HIGH]
                # the plain keypoints stand in order of their images, and all queries are plain
                after = np.searchsorted(own.image[: own.plain], last, "right")
                stop = int(np.searchsorted(both, np.uint64(after) << _HIGH))
            part = both[start:stop]
            yield (part >> _HIGH).astype(np.int64), (part & _LOW).astype(np.int64)
            start = stop


def _many_at_a_time(found: Iterable[NDArray[np.uint64]]) -> Iterator[NDArray[np.uint64]]:
    """Put arrays of pairs together, so that fewer files are opened."""
    waiting: list[NDArray[np.uint64]] = []
    for pairs in found:
        waiting.append(pairs)
        if sum(map(len, waiting)) > _WRITTEN:
            yield np.concatenate(waiting)
            waiting.clear()
    if waiting:
        yield np.concatenate(waiting)


def _about(keypoints: Keypoints) -> NDArray[np.uint64]:
    """What is asked of each keypoint together: image, whether mirrored, and words that count."""
    about = scratch((len(keypoints.image),), np.dtype(np.uint64))
    for part in parts(len(about), _AT_ONCE):
        about[part] = keypoints.image[part].astype(np.uint64) << _HIGH
        about[part] |= keypoints.mirrored[part].astype(np.uint64) << _MIRRORED
        about[part] |= _WORDS if keypoints.words is None else keypoints.words[part]
    return about


def _by_first_bits(words: NDArray[np.uint32]) -> Iterator[NDArray[np.uint32]]:
    """Places of some words at a time, those with equal words together, in ascending order."""
    bits = max(0, (len(words) - 1).bit_length() - _SORTED_BITS)
    if bits == 0:
        yield np.arange(len(words), dtype=np.uint32)
        return
    shift = np.uint32(32 - bits)
    counts = np.zeros(1 << bits, np.int64)
    for part in parts(len(words), _AT_ONCE):
        counts += np.bincount(words[part] >> shift, minlength=1 << bits)
    starts = np.cumsum(counts) - counts
    places, ends = scratch((len(words),), np.dtype(np.uint32)), starts.copy()
    for part in parts(len(words), _AT_ONCE):
        first = (words[part] >> shift).astype(np.uint16)
        order = np.argsort(first, kind="stable")
        of_first = np.bincount(first, minlength=1 << bits)
        for number, some in enumerate(np.split(order, np.cumsum(of_first)[:-1])):
            places[ends[number] : ends[number] + len(some)] = some + part.start
        ends += of_first
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        yield places[start:end]


def sort_words(words: NDArray[np.uint32]) -> NDArray[Any]:
    """Sort words in their place, and tell where each of them was; equal ones keep their order.

    Parameters
    ----------
    words : ndarray of uint32, shape (n,)

    Returns
    -------
    ndarray of int64 or uint32, shape (n,)
    """
    if _alike is not None:
        where = np.empty(len(words), np.uint32)
        _alike.sort(words, where, np.empty(2 * len(words), np.uint64))
        return where
    # NumPy sorts numbers of 16 bits by their digits, which takes less than half the time
    low = np.argsort(words.astype(np.uint16), kind="stable")
    high = (words >> np.uint32(16)).astype(np.uint16)
    order = low[np.argsort(high[low], kind="stable")]
    words[:] = words[order]
    return order
