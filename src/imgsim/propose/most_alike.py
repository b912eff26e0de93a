"""Limits the pairs of pictures that resemble many others, such as frames of a fixed camera.

Their number would grow with the square of the pictures, and nearly all of them are no copies. Pairs
come in blocks, and those that neither of their pictures can want any more are dropped at once, so
memory grows with the pictures alone. What is left follows from all pairs, not from their order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FEW = 32
"""Pictures that one resembles, up to which it is compared with all of them."""

MOST_ALIKE = 4
"""Those by each measure that it is compared with, at most, where there are more: the nearest one,
and others that are nearer than the next one by far."""

FAR_NEARER = 0.5
"""What a correlation lacks of 1, as a share of what that of the next one does, at most."""

FEW_BY_KEYPOINTS = 48
"""Pictures that one shares keypoints with, up to which it is compared with all of them: a collage
does with the copies of all of its parts."""

MOST_BY_KEYPOINTS = 12
"""Those of them with most votes that it is compared with where there are more, if few resemble it
as a whole."""

_WAITING = 1 << 20
"""Pairs that are collected before those that nobody wants any more are dropped."""

PairClass = Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.uint8]]


@dataclass(frozen=True, slots=True)
class Found:
    """Pairs of two pictures, and how near they are.

    Attributes
    ----------
    own, other : ndarray of int64, shape (n,)
        Equal ones of `own` stand together.
    why : ndarray of int64, shape (n,)
        See `proposals.Proposals`.
    nearness : ndarray of float32, shape (measures, n)
        The larger the nearer.
    always : ndarray of bool, shape (n,)
        Pairs that are kept.
    """

    own: NDArray[np.int64]
    other: NDArray[np.int64]
    why: NDArray[np.int64]
    nearness: NDArray[np.float32]
    always: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.own)

    def only(self, chosen: NDArray[np.bool_]) -> Found:
        """Keep some of the pairs.

        Parameters
        ----------
        chosen : ndarray of bool, shape (n,)
        """
        return Found(
            self.own[chosen],
            self.other[chosen],
            self.why[chosen],
            self.nearness[:, chosen],
            self.always[chosen],
        )

    @classmethod
    def joined(cls, parts: list[Found], measures: int) -> Found:
        """All pairs of several."""
        nothing = np.zeros(0, np.int64)
        parts = parts or [
            cls(
                nothing,
                nothing,
                nothing,
                np.zeros((measures, 0), np.float32),
                np.zeros(0, np.bool_),
            )
        ]
        return cls(
            np.concatenate([p.own for p in parts]),
            np.concatenate([p.other for p in parts]),
            np.concatenate([p.why for p in parts]),
            np.concatenate([p.nearness for p in parts], axis=1),
            np.concatenate([p.always for p in parts]),
        )


class MostAlike:
    """Collects pairs, and keeps those that one of their two pictures wants.

    A picture wants all of its pairs if there are few, else some that are nearest by each
    measure; of equally near ones those with the lesser number. Where the measures are
    correlations, it wants the nearest one, and of the others those that are nearer than the first
    one that it can not want by far (`FAR_NEARER`).

    Parameters
    ----------
    n : int
        Number of pictures.
    measures : int
    asking : ndarray of bool, shape (n,)
        The others want nothing, such as those of an archive.
    few : int
        Pairs of a picture up to which it wants all.
    most : ndarray of int64, shape (n,), or None
        How many of the nearest each one wants otherwise; `MOST_ALIKE` at most of correlations by
        default.

    Attributes
    ----------
    total : int
        Pairs so far.
    count : ndarray of int64, shape (n,)
        Those of each picture.
    """

    def __init__(
        self,
        n: int,
        measures: int,
        asking: NDArray[np.bool_],
        few: int,
        most: NDArray[np.int64] | None = None,
    ) -> None:
        self.total = 0
        self.count = np.zeros(n, np.int64)
        self._asking = asking
        self._few = few
        self._by_far = most is None
        self._most = np.full(n, MOST_ALIKE + 1) if most is None else most
        # so near is the last of those that a picture wants, or nearer
        self._least = np.full((measures, n), -np.inf, np.float32)
        self._parts: list[Found] = []
        self._waiting = 0
        self._most_waiting = _WAITING

    def add(self, pairs: Found, counted: NDArray[np.bool_] | None = None) -> Found:
        """Take pairs, none of which was given before.

        Parameters
        ----------
        pairs : Found
        counted : ndarray of bool, shape (n,), optional
            Those that count; by default all.

        Returns
        -------
        Found
            Those that nobody wants.
        """
        if not len(pairs):
            return pairs
        counts = pairs if counted is None else pairs.only(counted)
        self.total += len(counts)
        for end in (counts.own, counts.other):
            self.count += np.bincount(end, minlength=len(self.count))
        self._raise_least(counts)
        useful = pairs.always.copy()
        for end in (pairs.own, pairs.other):
            near = (pairs.nearness >= self._least[:, end]).any(axis=0)
            useful |= self._asking[end] & ((self.count[end] <= self._few) | near)
        dropped = pairs.only(~useful)
        self._parts.append(pairs.only(useful))
        self._waiting += len(self._parts[-1])
        if self._waiting > self._most_waiting:
            dropped = Found.joined([dropped, self._compact()], len(self._least))
        return dropped

    def _raise_least(self, pairs: Found) -> None:
        """Learn from pairs how near others have to be."""
        starts = np.flatnonzero(np.diff(pairs.own, prepend=-1))
        stops = np.append(starts[1:], len(pairs.own))
        long = stops - starts > self._few
        for start, stop in zip(starts[long].tolist(), stops[long].tolist(), strict=True):
            one = pairs.own[start]
            part = pairs.nearness[:, start:stop]
            most = self._most[one]
            last = np.partition(part, -most, axis=1)[:, -most]
            self._least[:, one] = np.maximum(self._least[:, one], last)

    def _compact(self) -> Found:
        """Drop what nobody wants any more, and return it."""
        pairs = Found.joined(self._parts, len(self._least))
        wanted = self._are_wanted(pairs)
        self._parts = [pairs.only(wanted)]
        self._waiting = int(wanted.sum())
        # else, where more are wanted, each block would be the reason to look at all again
        self._most_waiting = max(_WAITING, self._waiting * 3 // 2)
        return pairs.only(~wanted)

    def _are_wanted(self, pairs: Found, *, by_far: bool = False) -> NDArray[np.bool_]:
        wanted = pairs.always.copy()
        ends = pairs.own, pairs.other
        for end in ends:
            wanted |= self._asking[end] & (self.count[end] <= self._few)
        crowded = self._asking & (self.count > self._few)
        for nearness, least in zip(pairs.nearness, self._least, strict=True):
            wanted |= _are_nearest(*ends, nearness, crowded, least, self._most, by_far=by_far)
        return wanted

    def wanted(self) -> tuple[Found, Found]:
        """Return the pairs that are wanted, and those that are not of what is left by now."""
        dropped = self._compact()
        pairs = self._parts[0]
        if self._by_far:
            wanted = self._are_wanted(pairs, by_far=True)
            dropped = Found.joined([dropped, pairs.only(~wanted)], len(self._least))
            pairs = pairs.only(wanted)
        return pairs, dropped


def _are_nearest(
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    nearness: NDArray[np.float32],
    asking: NDArray[np.bool_],
    least: NDArray[np.float32],
    most: NDArray[np.int64],
    *,
    by_far: bool = False,
) -> NDArray[np.bool_]:
    """Which pairs are among the nearest of one of their two pictures, if that one asks.

    How near the last of these is, is noted in `least`. Those that are nearest by far are the
    first, and others before the last that lack little of what that one does.
    """
    pair = np.concatenate([np.flatnonzero(asking[left]), np.flatnonzero(asking[right])])
    one, other = np.concatenate([left, right]), np.concatenate([right, left])
    use = np.concatenate([asking[left], asking[right]])
    one, other = one[use], other[use]
    near = nearness[pair] >= least[one]
    one, other, pair = one[near], other[near], pair[near]
    order = np.lexsort((other, -nearness[pair], one))
    one, pair = one[order], pair[order]
    starts = np.flatnonzero(np.diff(one, prepend=-1))
    place = np.arange(len(one)) - np.repeat(starts, np.diff(starts, append=len(one)))
    last = place == most[one] - 1
    least[one[last]] = np.maximum(least[one[last]], nearness[pair[last]])
    among = place < most[one]
    if by_far:
        among &= (place == 0) | (1 - nearness[pair] <= FAR_NEARER * (1 - least[one]))
    chosen = np.zeros(len(left), np.bool_)
    chosen[pair[among]] = True
    return chosen
