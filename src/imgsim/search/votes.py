"""Which images share keypoints: descriptors with an equal word vote for a pair of images.

Multi-index hashing (M. Norouzi, A. Punjani, D. Fleet, CVPR 2012, doi:10.1109/CVPR.2012.6248043)
finds descriptors that agree in one of their eight 32-bit words. Votes of a pair count together
when they tell of the same turn, scale and shift (weak geometric consistency: H. Jegou, M. Douze,
C. Schmid, ECCV 2008, doi:10.1007/978-3-540-88682-2_24).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators.local import KEYPOINTS, MIRRORED, PLACE_UNIT, SCALE_STEP

MIN_VOTES = 4
"""Consistent votes that propose a pair of images."""

_COMMON = 48
"""A word that more keypoints share tells nothing (a grid, a font, a texture) and is left out."""

_MAX_BITS = 64
_ANGLE = 30.0
_SCALE = 0.8
_SHIFT = 100.0


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


def votes_of(rows: NDArray[Any], min_votes: int = MIN_VOTES) -> Votes:
    """Find pairs of images with consistent votes.

    Parameters
    ----------
    rows : ndarray of `LAYOUT`, shape (n,)
    min_votes : int
    """
    keypoints = _Keypoints.of(rows)
    query, other = keypoints.collisions()
    pair = _pair_codes(keypoints, query, other, len(rows))
    chosen = np.zeros(0, np.int64)
    for cell in keypoints.cells(query, other):
        code, count = _in_cells(pair, cell)
        chosen = np.union1d(chosen, code[count >= min_votes])
    mirrored, rest = np.divmod(chosen, len(rows) ** 2)
    left, right = np.divmod(rest, len(rows))
    return Votes(left, right, mirrored.astype(bool))


def _pair_codes(
    keypoints: _Keypoints, query: NDArray[np.int64], other: NDArray[np.int64], n: int
) -> NDArray[np.int64]:
    """One number for two images and whether one is mirrored."""
    a, b = keypoints.image[query].astype(np.int64), keypoints.image[other].astype(np.int64)
    left, right = np.minimum(a, b), np.maximum(a, b)
    mirrored = (keypoints.mirrored[query] | keypoints.mirrored[other]).astype(np.int64)
    return (mirrored * n + left) * n + right


def _in_cells(
    pair: NDArray[np.int64], cell: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each pair and cell, how many votes fall into it."""
    order = np.lexsort((cell, pair))
    pair, cell = pair[order], cell[order]
    first = np.flatnonzero(
        np.r_[True, (pair[1:] != pair[:-1]) | (cell[1:] != cell[:-1])][: len(pair)]
    )
    return pair[first], np.diff(np.r_[first, len(pair)])


@dataclass(slots=True)
class _Keypoints:
    """Keypoints of all images in a row, the mirrored ones behind the plain ones."""

    image: NDArray[np.uint32]
    mirrored: NDArray[np.bool_]
    descriptor: NDArray[np.uint8]
    x: NDArray[np.float32]
    y: NDArray[np.float32]
    scale: NDArray[np.float32]
    angle: NDArray[np.float32]

    @classmethod
    def of(cls, rows: NDArray[Any]) -> _Keypoints:
        there = np.arange(KEYPOINTS) < rows["count"][:, None]
        seen = there[:, :MIRRORED] & rows["mirrored"].any(axis=2)
        plain, other = np.nonzero(there), np.nonzero(seen)
        image = np.concatenate([plain[0], other[0]]).astype(np.uint32)
        number = np.concatenate([plain[1], other[1]])
        mirrored = np.arange(len(image)) >= len(plain[0])
        place = rows["place"][image, number] / np.float32(PLACE_UNIT)
        angle = rows["angle"][image, number] * np.float32(360 / 256)
        width = rows["size"][image, 0]
        x = np.where(mirrored, width - 1 - place[:, 0], place[:, 0])
        return cls(
            image,
            mirrored,
            np.concatenate([rows["descriptor"][there], rows["mirrored"][seen]]),
            x.astype(np.float32),
            place[:, 1],
            rows["octave"][image, number] * np.float32(np.log2(SCALE_STEP)),
            np.where(mirrored, (180 - angle) % 360, angle).astype(np.float32),
        )

    def collisions(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Pairs of keypoints of different images with a word in common; query before other."""
        words = self.descriptor.view("<u4")
        found: list[NDArray[np.uint64]] = []
        for i in range(words.shape[1]):
            found.extend(self._equal(words[:, i]))
        both = np.unique(np.concatenate(found)) if found else np.zeros(0, np.uint64)
        return (both >> np.uint64(32)).astype(np.int64), (both & np.uint64(2**32 - 1)).astype(
            np.int64
        )

    def _equal(self, word: NDArray[np.uint32]) -> Iterator[NDArray[np.uint64]]:
        order = np.argsort(word, kind="stable").astype(np.uint32)
        ordered = word[order]
        first = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
        length = np.diff(np.r_[first, len(ordered)])
        end = np.repeat(first + length, length)
        place = np.flatnonzero(np.repeat((length > 1) & (length <= _COMMON), length))
        for step in range(1, _COMMON):
            place = place[place + step < end[place]]
            if len(place) == 0:
                return
            a, b = order[place], order[place + step]  # stable: a < b
            use = (self.image[a] != self.image[b]) & ~(self.mirrored[a] & self.mirrored[b])
            a, b = a[use], b[use]
            bits = np.bitwise_count(
                self.descriptor[a].view("<u8") ^ self.descriptor[b].view("<u8")
            ).sum(axis=1)
            near = bits <= _MAX_BITS
            yield a[near].astype(np.uint64) << np.uint64(32) | b[near]

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
