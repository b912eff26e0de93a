"""Which images share keypoints: descriptors with an equal word vote for a pair of images.

Multi-index hashing (M. Norouzi, A. Punjani, D. Fleet, CVPR 2012, doi:10.1109/CVPR.2012.6248043)
finds descriptors that agree in one of fifteen 32-bit words, each of which shares half of its bits
with the next one. Votes of a pair count together when they tell of the same turn, scale and shift
(weak geometric consistency: H. Jegou, M. Douze, C. Schmid, ECCV 2008,
doi:10.1007/978-3-540-88682-2_24), and for more the nearer their descriptors are. What is common
says little: a keypoint that is like several of the other image votes once (letters, leaves and
tiles are), and one that is like those of many images for less, as rare words count for more in the
search for texts (inverse document frequency: K. Sparck Jones, 1972, doi:10.1108/eb026526).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators.local import KEYPOINTS, MIRRORED, SCALE_STEP, place_unit
from imgsim.read.scratch import needs_space, scratch
from imgsim.temporary import TemporaryFolder

MIN_VOTES = 3
"""Consistent votes that a proposed pair of images has, at least."""

MIN_WEIGHT = 4400
"""Their weights together, at least. Among 700 photos with crops and copies 3,156 pairs of images
have as much, 658 of which match: of those with 5,200 where every likeness counted in full there
were 20,295, and 659 matched. Of copies by the changes of `benchmarks/reach.py` 385 of 386 that
matched are left (16 photos that it was not chosen on, alone and among 8,000 others)."""

MIN_WEIGHT_MIRRORED = 9000
"""The same for one of them in a mirror: of a picture and its mirrored crop nearly all have as much,
of 100 different pictures proposed with less three in four have not."""

_NO_WEIGHT = 72
"""Bits: a vote weighs the square of what its descriptors differ less by. By chance most of those
that agree in a word differ by nearly `_MAX_BITS`."""


_COMMON = 48
"""A word that more keypoints share tells nothing (a grid, a font, a texture) and is left out."""


_ROWS = 1024
_IMAGES = 1000
_AT_ONCE = 1 << 18
"""Pairs of keypoints that are compared together; each takes some 200 bytes then."""
_MAX_BITS = 64
_HIGH, _LOW = np.uint64(32), np.uint64(2**32 - 1)
"""Of a pair of keypoints as one number: where the first begins, and the second."""
_WORD_STARTS = range(0, 29, 2)  # bytes of a descriptor
_ANGLE = 30.0
_SCALE = 0.8
_SHIFT = 100.0


_FEWEST_LIKENESSES = 8
_LIKENESSES = 32
_LIKENESSES_AMONG = 640


@dataclass(frozen=True, slots=True)
class Votes:
    """Pairs of rows that may show the same picture.

    Attributes
    ----------
    left, right : ndarray of int64, shape (n,)
        left < right, no pair twice for one value of `mirrored`.
    mirrored : ndarray of bool, shape (n,)
        One of them as in a mirror.
    """

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    mirrored: NDArray[np.bool_]


def votes_of(
    rows: NDArray[Any],
    min_votes: int = MIN_VOTES,
    min_weight: int = MIN_WEIGHT,
    min_weight_mirrored: int = MIN_WEIGHT_MIRRORED,
    among: NDArray[np.int64] | None = None,
) -> Votes:
    """Find pairs of images with consistent votes.

    Parameters
    ----------
    rows : ndarray of dtype `LAYOUT`, shape (n,)
    min_votes, min_weight, min_weight_mirrored : int
        Of the votes of one transformation.
    among : ndarray of int64, shape (m,), optional
        Some of the rows: the pairs are places in this, and no other rows are copied.

    Notes
    -----
    Memory grows with the images, and time, by `_COMMON`, at last no faster: what keypoints have
    in common waits in temporary files, a block of images at a time.
    """
    among = np.arange(len(rows)) if among is None else among
    keypoints, n = _Keypoints.of(rows, among), len(among)
    parts = [np.zeros(0, np.int64)]
    for query, other in keypoints.collisions():
        pair = _pair_codes(keypoints, query, other, n)
        weight = keypoints.weight(query, other)
        for cell in keypoints.cells(query, other):
            group, votes, code = _in_cells(pair, cell)
            least = np.where(code < n**2, min_weight, min_weight_mirrored)
            enough = np.bincount(group) >= min_votes
            enough &= np.bincount(group, weight[votes]) >= least
            open_ = enough[group]  # most are settled when all of their votes count
            group, votes = group[open_], votes[open_]
            for keypoint in (query, other):
                count, total = _of_different(group, keypoint[votes], weight[votes], len(code))
                enough &= (count >= min_votes) & (total >= least)
            parts.append(code[enough])
    chosen = np.unique(np.concatenate(parts))
    mirrored, rest = np.divmod(chosen, n**2)
    query_image, other_image = np.divmod(rest, n)
    left, right = np.minimum(query_image, other_image), np.maximum(query_image, other_image)
    # each of the two may have been seen in the other one's mirror
    once = np.unique((mirrored * n + left) * n + right, return_index=True)[1]
    return Votes(left[once], right[once], mirrored[once].astype(bool))


def usual_likenesses(images: int) -> int:
    """Return how many keypoints of other images one may be like and still vote with full weight.

    What a twentieth of the images have in common (the bars of an app, the print of a form, leaves)
    tells little of any two of them. Among many images as many keypoints are alike by chance, and
    say more: from 640 images on the number grows with their root.

    Parameters
    ----------
    images : int
    """
    share = images / _LIKENESSES_AMONG
    return max(_FEWEST_LIKENESSES, int(_LIKENESSES * min(share, share**0.5)))


def _pair_codes(
    keypoints: _Keypoints, query: NDArray[np.int64], other: NDArray[np.int64], n: int
) -> NDArray[np.int64]:
    """One number for two images and whether the second is mirrored."""
    a, b = keypoints.image[query].astype(np.int64), keypoints.image[other].astype(np.int64)
    return (keypoints.mirrored[other] * n + a) * n + b


def _in_cells(
    pair: NDArray[np.int64], cell: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Group votes by their pair and cell.

    Returns
    -------
    group, votes : ndarray of int64, shape (n,)
        The number of the group of each vote, ascending, and the vote.
    code : ndarray of int64, shape (groups,)
        The pair of each group.
    """
    votes = np.lexsort((cell, pair))
    pair, cell = pair[votes], cell[votes]
    is_first = np.r_[True, (pair[1:] != pair[:-1]) | (cell[1:] != cell[:-1])][: len(pair)]
    return np.cumsum(is_first) - 1, votes, pair[is_first]


def _of_different(
    group: NDArray[np.int64], keypoint: NDArray[np.int64], weight: NDArray[np.int64], groups: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """How many keypoints vote in each group, and the weight of the best vote of each together."""
    order = np.lexsort((weight, keypoint, group))
    group, keypoint, weight = group[order], keypoint[order], weight[order]
    best = np.r_[(group[1:] != group[:-1]) | (keypoint[1:] != keypoint[:-1]), True][: len(group)]
    group, weight = group[best], weight[best]
    count = np.bincount(group, minlength=groups).astype(np.int64)
    return count, np.bincount(group, weight, groups).astype(np.float64)


def _distinct(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Sort numbers and drop repeated ones, in their place: they may fill much of the memory."""
    numbers.sort()  # several times as fast as np.unique
    kept = 0
    for here in _parts(len(numbers), _AT_ONCE):
        part = numbers[here]
        new = part[np.r_[True, part[1:] != part[:-1]]]
        if kept and new[0] == numbers[kept - 1]:
            new = new[1:]
        numbers[kept : kept + len(new)] = new
        kept += len(new)
    return numbers[:kept]


def _parts(n: int, size: int) -> Iterator[slice]:
    return (slice(i, min(i + size, n)) for i in range(0, n, size))


@dataclass(slots=True)
class _Keypoints:
    """Keypoints of all images in a row, the mirrored ones behind the plain ones.

    `alike` holds how many keypoints of other images each is like, from the first part of
    `collisions` on.
    """

    plain: int
    image: NDArray[np.uint32]
    mirrored: NDArray[np.bool_]
    descriptor: NDArray[np.uint8]
    x: NDArray[np.float32]
    y: NDArray[np.float32]
    scale: NDArray[np.float32]
    angle: NDArray[np.float32]
    alike: NDArray[np.uint32]

    @classmethod
    def of(cls, rows: NDArray[Any], among: NDArray[np.int64]) -> _Keypoints:
        plain = int(rows["count"][among].sum(dtype=np.int64))
        seen = sum(
            int(rows["mirrored"][among[part]].any(axis=2).sum())
            for part in _parts(len(among), _ROWS)
        )
        n = plain + seen
        x, y, scale, angle = (scratch((n,), np.dtype(np.float32)) for _ in range(4))
        own = cls(
            plain,
            scratch((n,), np.dtype(np.uint32)),
            scratch((n,), np.dtype(np.bool_)),
            scratch((n, 32), np.dtype(np.uint8)),
            x,
            y,
            scale,
            angle,
            scratch((n,), np.dtype(np.uint32)),
        )
        start, start_mirrored = 0, plain
        for part in _parts(len(among), _ROWS):
            some = rows[among[part]]
            start = own._fill(start, some, part.start, mirrored=False)
            start_mirrored = own._fill(start_mirrored, some, part.start, mirrored=True)
        return own

    def _fill(self, start: int, rows: NDArray[Any], first: int, *, mirrored: bool) -> int:
        """Put the keypoints of some images in place, and say where they end."""
        there = np.arange(KEYPOINTS) < rows["count"][:, None]
        descriptors = rows["descriptor"]
        if mirrored:
            descriptors = rows["mirrored"]
            there = there[:, :MIRRORED] & descriptors.any(axis=2)
        image, number = np.nonzero(there)
        here = slice(start, start + len(image))
        place = rows["place"][image, number] / place_unit(rows["size"])[image, None]
        angle = rows["angle"][image, number] * np.float32(360 / 256)
        self.image[here] = image + first
        self.mirrored[here] = mirrored
        self.descriptor[here] = descriptors[there]
        self.x[here] = rows["size"][image, 0] - 1 - place[:, 0] if mirrored else place[:, 0]
        self.y[here] = place[:, 1]
        self.scale[here] = rows["octave"][image, number] * np.float32(np.log2(SCALE_STEP))
        self.angle[here] = (180 - angle) % 360 if mirrored else angle
        return here.stop

    def collisions(self) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Pairs of keypoints of different images with a word in common; query before other.

        In parts; all pairs of one query image are in the same part.
        """
        with TemporaryFolder("votes") as folder:
            names = self._write_collisions(folder)
            for name in names:
                both = _distinct(np.fromfile(name, np.uint64))
                both.tofile(name)
                for part in _parts(len(both), _AT_ONCE):
                    for end in (both[part] >> _HIGH, both[part] & _LOW):
                        np.add.at(self.alike, end, 1)
            for name in names:
                both = np.fromfile(name, np.uint64)
                os.remove(name)
                yield from self._by_image(both)

    def _write_collisions(self, folder: str) -> list[str]:
        """Write pairs of keypoints, some twice, into files by blocks of query images."""
        images = int(self.image.max(initial=0)) + 1
        waiting = [os.path.join(folder, str(i)) for i in range(-(-images // _IMAGES))]
        for start in _WORD_STARTS:
            word = np.ascontiguousarray(self.descriptor[:, start : start + 4]).view("<u4")
            for pairs in self._equal(word[:, 0]):
                block = self.image[pairs >> _HIGH] // _IMAGES
                order = np.argsort(block, kind="stable")
                numbers, starts = np.unique(block[order], return_index=True)
                parts = np.split(pairs[order], starts[1:])
                for number, part in zip(numbers, parts, strict=False):
                    with needs_space(part.nbytes), open(waiting[number], "ab") as stream:
                        stream.write(part.data)
        return [name for name in waiting if os.path.exists(name)]

    def _by_image(
        self, both: NDArray[np.uint64]
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Parts of some pairs in their order, cut between two query images."""
        start = 0
        while start < len(both):
            stop = start + _AT_ONCE
            if stop < len(both):
                last = self.image[both[stop - 1] >> _HIGH]
                # the plain keypoints stand in order of their images, and all queries are plain
                after = np.searchsorted(self.image[: self.plain], last, "right")
                stop = int(np.searchsorted(both, np.uint64(after) << _HIGH))
            part = both[start:stop]
            yield (part >> _HIGH).astype(np.int64), (part & _LOW).astype(np.int64)
            start = stop

    def _equal(self, word: NDArray[np.uint32]) -> Iterator[NDArray[np.uint64]]:
        order = np.argsort(word).astype(np.uint32)
        ordered = word[order]
        first = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
        length = np.diff(np.r_[first, len(ordered)])
        end = np.repeat(first + length, length)
        place = np.flatnonzero(np.repeat((length > 1) & (length <= _COMMON), length))
        for step in range(1, _COMMON):
            place = place[place + step < end[place]]
            if len(place) == 0:
                return
            for part in _parts(len(place), _AT_ONCE):
                yield self._near(order[place[part]], order[place[part] + step])

    def _near(self, a: NDArray[np.uint32], b: NDArray[np.uint32]) -> NDArray[np.uint64]:
        """Those pairs, as one number each, that are alike in all words; the lesser first."""
        a, b = np.minimum(a, b), np.maximum(a, b)
        use = (self.image[a] != self.image[b]) & ~(self.mirrored[a] & self.mirrored[b])
        a, b = a[use], b[use]
        near = self.distance(a, b) <= _MAX_BITS
        return np.asarray(a[near].astype(np.uint64) << _HIGH | b[near])

    def distance(self, a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.int64]:
        """Bits by which descriptors differ."""
        words = self.descriptor[a].view("<u8")
        words ^= self.descriptor[b].view("<u8")
        return np.asarray(np.bitwise_count(words).sum(axis=1, dtype=np.int64))

    def weight(self, query: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.int64]:
        """Weights of votes; less the more other keypoints each of the two is like."""
        usual = usual_likenesses(int(self.image.max(initial=0)) + 1)
        alike = np.maximum(self.alike[query], self.alike[other]).astype(np.int64)
        weight = np.square(_NO_WEIGHT - self.distance(query, other))
        return np.asarray(weight * usual // np.maximum(usual, alike))

    def cells(
        self, query: NDArray[np.int64], other: NDArray[np.int64]
    ) -> Iterator[NDArray[np.int64]]:
        """Cells of turn, scale and shift that each vote speaks for, in two overlapping grids."""
        # a mirrored keypoint is always `other`: it comes later in the row
        log_scale = self.scale[other] - self.scale[query]
        turn = (self.angle[other] - self.angle[query]) % 360
        scale = 2.0**log_scale
        radians = np.deg2rad(turn)
        cosine, sine = np.cos(radians) * scale, np.sin(radians) * scale
        # where the middle of the query image lies in the other
        dx, dy = 200 - self.x[query], 150 - self.y[query]
        x = self.x[other] + cosine * dx - sine * dy
        y = self.y[other] + sine * dx + cosine * dy
        for offset in (0.0, 0.5):
            t = np.floor(turn / _ANGLE + offset).astype(np.int64) % round(360 / _ANGLE)
            s = np.floor(log_scale / _SCALE + offset).astype(np.int64) + 16
            u = np.clip(np.floor(x / _SHIFT + offset).astype(np.int64) + 128, 0, 255)
            v = np.clip(np.floor(y / _SHIFT + offset).astype(np.int64) + 128, 0, 255)
            yield ((t * 32 + s) * 256 + u) * 256 + v
