"""Matches to groups, in one pass and without chains.

Pictures stand in order of `keep.rank`. One that no earlier picture has taken becomes the
centre of a star and takes every later picture that it was itself matched with; a picture that
several centres match belongs to the nearest, then to the first of them. So the kept file of each
group is matched with every member, and two pictures that both resemble a third need not resemble
each other to be told apart.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from imgsim.group.rules import MayMatch, Rules
from imgsim.types import SURENESS, Candidates, Group, Member, Picture, Transform, kind_of


class Stars:
    """Groups in the making.

    Parameters
    ----------
    pictures : sequence of Picture
        In order of `rank`.
    classes : sequence of ndarray of int64
        Pictures that are at distance 0 of each other and alike in everything the rules ask
        (see `Rules.key`), ascending; the classes in order of their first picture. Candidates name
        classes, and the pictures of a class stay together.
    rules : Rules
    transform : callable, optional
        How a picture lies upon the kept one, where that is known.
    """

    def __init__(
        self,
        pictures: Sequence[Picture],
        classes: Sequence[NDArray[np.int64]],
        rules: Rules,
        transform: Callable[[Picture, Picture], Transform | None] = lambda kept, other: None,
    ) -> None:
        n = len(pictures)
        self._transform = transform
        self.pictures = pictures
        self.classes = classes
        self.closed = np.zeros(len(classes), bool)
        self._centre = np.full(n, -1, np.int64)
        self._distance = np.full(n, np.inf)
        self._is_centre = np.zeros(n, bool)
        self._several = [number for number, own in enumerate(classes) if len(own) > 1]
        self._next = 0
        self._may_match = MayMatch(pictures, rules)

    def add(self, candidates: Candidates) -> None:
        """Take a block of matched classes; blocks come in order of the left class."""
        if len(candidates.left) == 0:
            return
        starts = np.flatnonzero(np.diff(candidates.left, prepend=-1))
        for start, stop in zip(starts, [*starts[1:], len(candidates.left)], strict=True):
            number = int(candidates.left[start])
            self._up_to(number)
            self._take(number, candidates.right[start:stop], candidates.distance[start:stop])
            self._next = number + 1

    def _up_to(self, number: int) -> None:
        """Handle the classes that matched no other."""
        start, stop = (bisect_left(self._several, end) for end in (self._next, number))
        for lone in self._several[start:stop]:
            self._take(lone, np.empty(0, np.int64), np.empty(0))

    def _take(self, number: int, others: NDArray[np.int64], distances: NDArray[np.float64]) -> None:
        own = self.classes[number]
        if (self._centre[own] >= 0).all():
            return
        parts = [own, *(self.classes[other] for other in others)]
        right = np.concatenate(parts)
        distance = np.repeat(np.concatenate([[0.0], distances]), [len(p) for p in parts])
        for left in own:
            if self._centre[left] >= 0:
                continue
            self._is_centre[left] = True
            taken = (
                (right > left)
                & ~self._is_centre[right]
                & (distance < self._distance[right])
                & self._may_match(left, right)
            )
            self._centre[right[taken]] = left
            self._distance[right[taken]] = distance[taken]
        for touched in (number, *others.tolist()):
            self.closed[touched] = (self._centre[self.classes[touched]] >= 0).all()

    def groups(self) -> list[Group]:
        """Finish; the centre of each group comes first, and the groups in order of its path."""
        self._up_to(len(self.classes))
        self._next = len(self.classes)
        stars: dict[int, list[int]] = {}
        for picture in np.flatnonzero(self._centre >= 0):
            stars.setdefault(int(self._centre[picture]), []).append(int(picture))
        groups = [self._group(centre, members) for centre, members in stars.items()]
        return sorted(groups, key=_group_order)

    def _group(self, centre: int, members: list[int]) -> Group:
        kept = self.pictures[centre]
        others = []
        for i in members:
            picture = self.pictures[i]
            distance = float(self._distance[i])
            others.append(
                Member(picture, kind_of(kept, picture), distance, self._transform(kept, picture))
            )
        others.sort(key=lambda m: (SURENESS[m.kind], m.distance, os.fsencode(m.picture.file.path)))
        return Group((Member(kept, "kept", None), *others), "")


def _group_order(group: Group) -> bytes:
    return os.fsencode(group.kept.file.path)


def join(groups: Sequence[Group], more: Sequence[Group]) -> list[Group]:
    """Two lists of groups in the order of one."""
    return sorted([*groups, *more], key=_group_order)
