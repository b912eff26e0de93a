"""Keypoints of many images in a row, and the words of their descriptors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators.local import KEYPOINTS, MIRRORED, SCALE_STEP, place_unit
from imgsim.read.scratch import release, scratch

_ROWS = 1024
_AT_ONCE = 1 << 18
"""Keypoints that are looked at together."""

WORD_STARTS = range(0, 29, 2)
"""Where the words of a descriptor begin, in bytes; each has four."""

_COLUMNS = ("image", "mirrored", "descriptor", "x", "y", "scale", "angle")
_FEW = 4096  # keypoints, of which each half of a word is among few of 65,536
_SPREAD = np.uint32(2_654_435_761)  # 2^32 by the golden ratio
_TABLE_BITS = 22


@dataclass(slots=True)
class Keypoints:
    """Keypoints of all images in a row, the mirrored ones behind the plain ones.

    Attributes
    ----------
    plain : int
        How many are no mirrored ones.
    image : ndarray of uint32, shape (n,)
        Place of the image of each.
    mirrored : ndarray of bool, shape (n,)
        Described as a mirror would show it.
    descriptor : ndarray of uint8, shape (n, 32)
    x, y, scale, angle : ndarray of float32, shape (n,)
        Pixels, octaves of two, degrees.
    closed : ndarray of bool, shape (images,), or None
        Images that are not compared with each other.
    words : ndarray of uint16, shape (n,), or None
        Which words of each are compared, see `shared_words`; None for all.
    halves : ndarray of uint16, shape (16, n), or None
        In the place of descriptors: two bytes of each at a time. `shared_words` of few others takes
        less time so.
    """

    plain: int
    image: NDArray[np.uint32]
    mirrored: NDArray[np.bool_]
    descriptor: NDArray[np.uint8]
    x: NDArray[np.float32]
    y: NDArray[np.float32]
    scale: NDArray[np.float32]
    angle: NDArray[np.float32]
    closed: NDArray[np.bool_] | None = None
    words: NDArray[np.uint16] | None = None
    halves: NDArray[np.uint16] | None = None

    @classmethod
    def of(
        cls, rows: NDArray[Any], among: NDArray[np.int64], *, by_halves: bool = False
    ) -> Keypoints:
        """Take the keypoints of some rows.

        Parameters
        ----------
        rows : ndarray of dtype `LAYOUT`, shape (n,)
        among : ndarray of int64, shape (images,)
        by_halves : bool
            Keep `halves` in the place of descriptors.
        """
        plain = int(rows["count"][among].sum(dtype=np.int64))
        seen = 0
        for part in parts(len(among), _ROWS):
            seen += int(rows["mirrored"][among[part]].any(axis=2).sum())
            release(rows)
        n = plain + seen
        x, y, scale, angle = (scratch((n,), np.dtype(np.float32)) for _ in range(4))
        own = cls(
            plain,
            scratch((n,), np.dtype(np.uint32)),
            scratch((n,), np.dtype(np.bool_)),
            scratch((0 if by_halves else n, 32), np.dtype(np.uint8)),
            x,
            y,
            scale,
            angle,
            halves=scratch((16, n), np.dtype("<u2")) if by_halves else None,
        )
        start, start_mirrored = 0, plain
        for part in parts(len(among), _ROWS):
            some = rows[among[part]]
            start = own._fill(start, some, part.start, mirrored=False)
            start_mirrored = own._fill(start_mirrored, some, part.start, mirrored=True)
            release(rows)
        return own

    def _fill(self, start: int, rows: NDArray[Any], first: int, *, mirrored: bool) -> int:
        """Put the keypoints of some images in place, and say where they end."""
        there = np.arange(KEYPOINTS) < rows["count"][:, None]
        if mirrored:
            there = there[:, :MIRRORED] & rows["mirrored"].any(axis=2)
        image, number = np.nonzero(there)
        here = slice(start, start + len(image))
        columns = columns_of(rows, image, number, mirrored=mirrored)
        self.image[here] = image + first
        self.mirrored[here] = mirrored
        descriptors = columns.pop("descriptor")
        if self.halves is None:
            self.descriptor[here] = descriptors
        else:
            self.halves[:, here] = descriptors.view("<u2").T
        for name, values in columns.items():
            getattr(self, name)[here] = values
        return here.stop

    def of_open(self, closed: NDArray[np.bool_]) -> Keypoints:
        """Leave out keypoints that share no word with one of an image that is not closed.

        A word that is left has all of its keypoints, or is a word of closed images alone.

        Parameters
        ----------
        closed : ndarray of bool, shape (images,)
        """
        opened = self.only(np.flatnonzero(~closed[self.image]))
        return replace(self, closed=closed).with_words(self.shared_words(opened))

    def with_words(self, shared: NDArray[np.uint16]) -> Keypoints:
        """Keep keypoints with a word that is to be compared, and compare these words alone.

        Parameters
        ----------
        shared : ndarray of uint16, shape (n,)
            From `shared_words`.
        """
        places = np.flatnonzero(shared)
        return replace(self.only(places), words=shared[places])

    def only(self, places: NDArray[np.int64]) -> Keypoints:
        """Keep some of the keypoints, in the order given.

        Parameters
        ----------
        places : ndarray of int64, shape (m,)
        """
        kept = {name: getattr(self, name)[places] for name in _COLUMNS if name != "descriptor"}
        kept["descriptor"] = self._descriptors(places)
        kept["plain"] = int((~kept["mirrored"]).sum())
        words = None if self.words is None else self.words[places]
        return Keypoints(**kept, closed=self.closed, words=words)

    def with_images(
        self, own: Keypoints, before: NDArray[np.int64], closed: NDArray[np.bool_]
    ) -> tuple[Keypoints, NDArray[np.int64]]:
        """Insert the keypoints of more images, all of whose words are compared.

        Parameters
        ----------
        own : Keypoints
            Of those images alone.
        before : ndarray of int64, shape (m,)
            How many of the other images come before each of them; ascending.
        closed : ndarray of bool, shape (images + m,)

        Returns
        -------
        Keypoints
        places : ndarray of int64, shape (k,)
            Of these keypoints, and of those of `own` behind them.
        """
        every = {n: np.concatenate([getattr(self, n), getattr(own, n)]) for n in _COLUMNS}
        others, theirs = self.image, len(self.image)
        every["image"][:theirs] = others + np.searchsorted(before, others, "right")
        every["image"][theirs:] = before[own.image] + own.image
        ones = np.full(len(own.image), 0xFFFF, np.uint16)
        words = None if self.words is None else np.concatenate([self.words, ones])
        joined = Keypoints(len(every["image"]), **every, closed=closed, words=words)
        order = np.lexsort((every["image"], every["mirrored"]))
        places = np.empty_like(order)
        places[order] = np.arange(len(order))
        return joined.only(order), places

    def shared_words(self, others: Keypoints) -> NDArray[np.uint16]:
        """Tell which words of each keypoint others have in the same place; by chance, some more.

        Returns
        -------
        ndarray of uint16, shape (n,)
            A bit for each of the places.
        """
        shared = np.zeros(len(self.image), np.uint16)
        few = len(others.image) <= _FEW
        for number, start in enumerate(WORD_STARTS):
            words = others.descriptor[:, start : start + 4]
            if few:
                first, second = _few_words(words)
            else:
                uses = _many_words(words)
            for part in parts(len(shared), _AT_ONCE):
                if few:
                    used = first[self._half(number, part)] & second[self._half(number + 1, part)]
                else:
                    used = uses(self._descriptors(part)[:, start : start + 4])
                shared[part] |= used.astype(np.uint16) << np.uint16(number)
        return shared

    def _half(self, number: int, part: slice) -> NDArray[np.uint16]:
        """Two bytes of each descriptor as a number."""
        if self.halves is not None:
            return self.halves[number, part]
        return numbers_of(self.descriptor[part, 2 * number : 2 * number + 2], "<u2")

    def _descriptors(self, places: NDArray[np.int64] | slice) -> NDArray[np.uint8]:
        """The descriptors of some keypoints, shape (m, 32)."""
        if self.halves is None:
            return self.descriptor[places]
        return np.ascontiguousarray(self.halves[:, places].T).view(np.uint8)

    def distance(self, a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.int64]:
        """Count the bits by which descriptors differ.

        Parameters
        ----------
        a, b : ndarray of int64 or uint32, shape (p,)
            Places of keypoints.

        Returns
        -------
        ndarray of int64, shape (p,)
        """
        words = self.descriptor[a].view("<u8")
        words ^= self.descriptor[b].view("<u8")
        return np.asarray(np.bitwise_count(words).sum(axis=1, dtype=np.int64))


def columns_of(
    rows: NDArray[Any], row: NDArray[np.int64], number: NDArray[np.int64], *, mirrored: bool
) -> dict[str, NDArray[Any]]:
    """Return what `Keypoints` has of some keypoints, but for their images.

    Parameters
    ----------
    rows : ndarray of dtype `LAYOUT`, shape (n,)
    row, number : ndarray of int64, shape (m,)
        The row of each, and its number there.
    mirrored : bool
        As a mirror would show them.

    Returns
    -------
    dict of str to ndarray of uint8 or float32, shape (m, ...)
        ``descriptor``, ``x``, ``y``, ``scale`` and ``angle``.
    """
    place = rows["place"][row, number] / place_unit(rows["size"][row])[:, None]
    angle = rows["angle"][row, number] * np.float32(360 / 256)
    return {
        "descriptor": rows["mirrored" if mirrored else "descriptor"][row, number],
        "x": rows["size"][row, 0] - 1 - place[:, 0] if mirrored else place[:, 0],
        "y": place[:, 1],
        "scale": rows["octave"][row, number] * np.float32(np.log2(SCALE_STEP)),
        "angle": (180 - angle) % 360 if mirrored else angle,
    }


def in_a_row(some: Sequence[Keypoints]) -> Keypoints:
    """Keypoints of several arrays one behind the other, those of each in their order."""
    every = {name: np.concatenate([getattr(part, name) for part in some]) for name in _COLUMNS}
    words = [part.words for part in some if part.words is not None]
    plain = sum(part.plain for part in some)
    return Keypoints(plain, **every, words=np.concatenate(words) if words else None)


def parts(n: int, size: int) -> Iterator[slice]:
    """Cut a range of n into parts of a size, but for the last one."""
    return (slice(i, min(i + size, n)) for i in range(0, n, size))


def _few_words(words: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Tables of the halves of some few words, shape (2, 65536)."""
    tables = np.zeros((2, 1 << 16), np.bool_)
    for half, table in enumerate(tables):
        table[numbers_of(words[:, 2 * half : 2 * half + 2], "<u2")] = True
    return tables


def _many_words(words: NDArray[np.uint8]) -> Callable[[NDArray[np.uint8]], NDArray[np.bool_]]:
    """Return the same for many, by one table."""
    table = np.zeros(1 << _TABLE_BITS, np.bool_)
    shift = np.uint32(32 - _TABLE_BITS)
    table[(numbers_of(words, "<u4") * _SPREAD) >> shift] = True
    return lambda asked: np.asarray(table[(numbers_of(asked, "<u4") * _SPREAD) >> shift])


def numbers_of(part: NDArray[np.uint8], dtype: str) -> NDArray[Any]:
    """Return the bytes of each row as one number.

    Parameters
    ----------
    part : ndarray of uint8, shape (n, bytes)
    dtype : str

    Returns
    -------
    ndarray of that dtype, shape (n,)
    """
    return np.ascontiguousarray(part).view(dtype)[:, 0]
