"""Draws rows of `auto` as those of real pictures are, for folders larger than any at hand.

Keypoints of real pictures come in families: most have others within 64 bits in other pictures, at
all distances from 24 bits on. So a drawn descriptor is one of a real picture with a piece of one
of its nearest of other pictures, and some bits turned: as many that keypoints are like as many of
other pictures as in real ones (`likenesses`), and no nearer. Hash, colours, places and size
are those of one real picture; of the hash so many bits are turned that no two are near. What they
lack are things that several pictures show in one place (a form, a shelf), so that fewer of their
pairs are proposed by chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from imgsim import RunOptions
from imgsim.comparators.local import LocalFeatures, records
from imgsim.propose.alike import Collisions
from imgsim.propose.keypoints import WORD_STARTS, Keypoints, numbers_of
from imgsim.propose.nearest import MAX_BITS
from imgsim.read.collect import collect

TURNED = (0.02, 0.025, 0.03, 0.035, 0.04, 0.05)
"""Shares of turned bits that are tried."""

_NEAREST = 4
_SEARCHED = 16
_TURNED_OF_LONE = 0.1
_TURNED_OF_HASH = 0.25


def real_rows(folders: Sequence[Path]) -> np.ndarray:
    """Rows of real pictures that show different things."""
    read = collect([str(folder) for folder in folders], [LocalFeatures()], RunOptions())
    digests = sorted({p.digest for p in read.pictures if not p.facts.flat})
    rows = records(read.tables[LocalFeatures()].select(digests).rows)
    return rows[rows["count"] > 0]


def turned_bits(rng: np.random.Generator, shape: tuple[int, ...], share: float) -> np.ndarray:
    """Bytes of which such a share of the bits is set."""
    bits = np.zeros(shape, np.uint8)
    threshold = round(share * 256)
    for bit in range(8):
        bits |= (rng.integers(0, 256, shape, np.uint8) < threshold).astype(np.uint8) << bit
    return bits


@dataclass(frozen=True, slots=True)
class _Pool:
    """Descriptors of real pictures, the nearest of other pictures of each, and how many it has."""

    descriptors: np.ndarray
    nearest: np.ndarray
    count: np.ndarray

    @classmethod
    def of(cls, descriptors: np.ndarray, there: np.ndarray) -> _Pool:
        image = np.nonzero(there)[0]
        own = np.ascontiguousarray(descriptors[there])
        searched = faiss.IndexBinaryFlat(8 * own.shape[1])
        searched.add(own)
        bits, places = searched.search(own, _SEARCHED)
        usable = (image[places] != image[:, None]) & (bits <= MAX_BITS)
        nearest, count = np.full((len(own), _NEAREST), -1), np.zeros(len(own), np.int64)
        for use, place in zip(usable.T, places.T, strict=True):
            use &= count < _NEAREST
            nearest[use, count[use]] = place[use]
            count[use] += 1
        return cls(own, nearest, count)

    def draw(self, rng: np.random.Generator, shape: tuple[int, int], turned: float) -> np.ndarray:
        one = rng.integers(0, len(self.descriptors), shape)
        other = self.nearest[one, rng.integers(0, np.maximum(1, self.count[one]))]
        lone = (other < 0)[..., None]
        length = self.descriptors.shape[1]
        start, stop = np.sort(rng.integers(0, length + 1, (2, *shape)), axis=0)[..., None]
        byte = np.arange(length)
        piece = (byte >= start) & (byte < stop) & ~lone
        drawn = np.where(piece, self.descriptors[other], self.descriptors[one])
        drawn ^= turned_bits(rng, drawn.shape, turned)
        return drawn ^ turned_bits(rng, drawn.shape, _TURNED_OF_LONE) * lone.astype(np.uint8)


class DrawnRows:
    """Draws rows.

    Parameters
    ----------
    real : ndarray of dtype `LAYOUT`, shape (n,)
        Of pictures that show different things.
    turned : float
        Share of the bits of a descriptor that are turned.
    """

    def __init__(self, real: np.ndarray, turned: float) -> None:
        self.real = real
        self.turned = turned
        there = np.arange(real["descriptor"].shape[1]) < real["count"][:, None]
        self._pools = {
            "descriptor": _Pool.of(real["descriptor"], there),
            "mirrored": _Pool.of(real["mirrored"], real["mirrored"].any(axis=2)),
        }

    def draw(self, start: int, n: int) -> np.ndarray:
        """Rows number `start` and those after it: ndarray of dtype `LAYOUT`, shape (n,)."""
        rng = np.random.default_rng([7, start])
        rows = self.real[rng.integers(0, len(self.real), n)]
        for name, pool in self._pools.items():
            there = rows[name].any(axis=2)
            rows[name] = pool.draw(rng, there.shape, self.turned) * there[..., None]
        rows["hash"] ^= turned_bits(rng, rows["hash"].shape, _TURNED_OF_HASH)
        rows["hash"][:, 0] &= 127
        return rows


def likenesses(rows: np.ndarray) -> dict[str, float]:
    """With how many keypoints of other rows one shares words, all words counted, and is alike."""
    keypoints = Keypoints.of(rows, np.arange(len(rows)))
    shared = 0
    for start in WORD_STARTS:
        words = numbers_of(keypoints.descriptor[:, start : start + 4], "<u4")
        count = np.unique(words, return_counts=True)[1].astype(np.int64)
        shared += int((count * (count - 1)).sum())
    n = len(keypoints.image)
    collisions = Collisions(keypoints, len(rows), usual=1)
    for _ in collisions.found(1, 0, 0):
        pass
    alike = int(collisions.likenesses(np.arange(n)).sum())
    return {"shared words": round(shared / n, 2), "alike": round(alike / n, 3)}


def like_real(real: np.ndarray) -> tuple[DrawnRows, dict[str, Any]]:
    """Choose the largest share of turned bits by which rows are no less alike than real ones.

    Returns
    -------
    DrawnRows
    dict
        What was measured of the real rows, and of as many drawn by each share.
    """
    rows = DrawnRows(real, TURNED[0])
    measured: dict[str, Any] = {"pictures": len(real), "real": likenesses(real)}
    chosen = TURNED[0]
    for share in TURNED:
        rows.turned = share
        found = measured[str(share)] = likenesses(rows.draw(0, len(real)))
        if all(found[name] >= least for name, least in measured["real"].items()):
            chosen = share
    rows.turned = measured["turned"] = chosen
    return rows, measured
