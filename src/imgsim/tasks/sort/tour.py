"""Chains of points, each beside what is near it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MAX_LEAVES = 500
"""Up to so many images, optimal leaf ordering is tried too: its time grows with their cube."""


_LEAST_GAIN = 1e-6

_LONGEST = 3
"""Images that are moved together."""


@dataclass(frozen=True, slots=True)
class Chain:
    """An order of images.

    Attributes
    ----------
    order : ndarray of int64, shape (n,)
        Places in `Ordering.pictures`.
    steps : ndarray of float64, shape (n - 1,)
        Distances of neighbours.
    found_by : str
        How.
    """

    order: NDArray[np.int64]
    steps: NDArray[np.float64]
    found_by: str

    @property
    def total(self) -> float:
        """Sum of the distances of neighbours."""
        return float(self.steps.sum())


def _chain(matrix: NDArray[np.float32], order: NDArray[np.int64], found_by: str) -> Chain:
    return Chain(order, matrix[order[:-1], order[1:]].astype(np.float64), found_by)


def greedy_chain(matrix: NDArray[np.float32], start: int) -> Chain:
    """Chain images: from the start on, always the nearest not yet taken; of equal ones the first.

    Parameters
    ----------
    matrix : ndarray of float32, shape (n, n)
        Distances, symmetric.
    start : int
        The first of the chain.
    """
    n = len(matrix)
    order = np.empty(n, np.int64)
    taken = np.zeros(n, bool)
    here = start
    for place in range(n):
        order[place] = here
        taken[here] = True
        here = int(np.where(taken, np.inf, matrix[here]).argmin())
    return _chain(matrix, order, "greedy")


def better_chain(matrix: NDArray[np.float32], greedy: Chain, *, fixed: bool) -> Chain:
    """Shorten the greedy chain, and optimal leaf ordering of the average-linkage tree.

    Sources: Z. Bar-Joseph, D. K. Gifford and T. S. Jaakkola, "Fast optimal leaf ordering for
    hierarchical clustering", Bioinformatics 17, 2001, doi:10.1093/bioinformatics/17.suppl_1.S22;
    G. A. Croes, "A method for solving traveling-salesman problems", Operations Research 6, 1958
    (2-opt); I. Or's moves of short pieces.

    Parameters
    ----------
    matrix : ndarray of float32, shape (n, n)
    greedy : Chain
    fixed : bool
        The first of the greedy chain is to stay the first.

    Returns
    -------
    Chain
        Never longer than the greedy one.
    """
    n = len(matrix)
    if n < 3:
        return greedy
    begun = [("greedy", greedy.order)]
    if n <= MAX_LEAVES:
        leaves = _leaf_order(matrix)
        begun.append(("leaf order", _begin_with(int(greedy.order[0]), leaves) if fixed else leaves))
    best = greedy
    for name, order in begun:
        order = shortened(matrix, order, fixed=fixed)
        chain = _chain(matrix, order, f"{name}, then 2-opt and Or-opt")
        if chain.total < best.total:
            best = chain
    if not fixed and best.order[0] > best.order[-1]:  # both ways are as long
        best = _chain(matrix, best.order[::-1].copy(), best.found_by)
    return best


def _leaf_order(matrix: NDArray[np.float32]) -> NDArray[np.int64]:
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    condensed = squareform(matrix.astype(np.float64), checks=False)
    tree = linkage(condensed, "average", optimal_ordering=True)
    return np.asarray(leaves_list(tree), np.int64)


def _begin_with(first: int, order: NDArray[np.int64]) -> NDArray[np.int64]:
    """Cut a chain before its would-be first, and put what came earlier behind the rest."""
    place = int(np.flatnonzero(order == first)[0])
    return np.concatenate([order[place:], order[:place][::-1]])


def shortened(
    matrix: NDArray[np.float32], order: NDArray[np.int64], *, fixed: bool
) -> NDArray[np.int64]:
    """Turn pieces round (2-opt) and move short ones (Or-opt) until neither helps.

    Each image is tried again only after something beside it changed. One trial compares with all
    others at once, and takes the best move.

    Parameters
    ----------
    matrix : ndarray of float32, shape (n, n)
        Distances, symmetric.
    order : ndarray of int64, shape (n,)
    fixed : bool
        The first is to stay the first.

    Returns
    -------
    ndarray of int64, shape (n,)
    """
    path = _Path(matrix, order, int(fixed))
    waiting = list(order[::-1])
    queued = np.ones(len(order), bool)
    while waiting:
        image = waiting.pop()
        queued[image] = False
        for touched in path.improve(image):
            if not queued[touched]:
                queued[touched] = True
                waiting.append(touched)
    return path.order


@dataclass(frozen=True, slots=True)
class _Move:
    """A new order of the images at places `first`, `first` + 1, ..., and what it saves."""

    gain: float
    first: int
    images: NDArray[np.int64]


class _Path:
    """A chain in the making; the images before place `low` stay where they are."""

    def __init__(self, matrix: NDArray[np.float32], order: NDArray[np.int64], low: int) -> None:
        self.matrix = matrix
        self.order = order.copy()
        self.low = low
        self.n = len(order)
        self.place = np.empty(self.n, np.int64)
        # steps[i] leads from place i - 1 to place i; none leads to the first or from the last
        self.steps = np.zeros(self.n + 1)
        self._renew(0, self.n)

    def _renew(self, first: int, end: int) -> None:
        self.place[self.order[first:end]] = np.arange(first, end)
        begin, stop = max(first, 1), min(end + 1, self.n)
        self.steps[begin:stop] = self.matrix[
            self.order[begin - 1 : stop - 1], self.order[begin:stop]
        ]

    def improve(self, image: int) -> list[int]:
        """Make the best move of an image; the images whose neighbours changed."""
        here = int(self.place[image])
        if here < self.low:
            return []
        best = max((self._turn_from(here), self._turn_to(here), self._move(here)), key=_gain)
        if best.gain <= _LEAST_GAIN:
            return []
        first, end = best.first, best.first + len(best.images)
        # where the chain is joined anew, before and after; a moved piece is at one of the ends
        ends = (self.order[max(first - 1, 0) : first + 1], self.order[end - 1 : end + 1])
        moved = (best.images[:_LONGEST], best.images[-_LONGEST:])
        self.order[first:end] = best.images
        self._renew(first, end)
        return [int(i) for i in np.unique(np.concatenate([*ends, *moved]))]

    def _from(self, place: int, begin: int, end: int) -> NDArray[np.float64]:
        """Distances from the image at a place to those at others; 0 where there is no image."""
        distances = np.zeros(end - begin)
        if 0 <= place < self.n:
            inside = slice(max(begin, 0), min(end, self.n))
            row = self.matrix[self.order[place]]
            distances[inside.start - begin : inside.stop - begin] = row[self.order[inside]]
        return distances

    def _turn_from(self, i: int) -> _Move:
        """Turn round the piece from here to any later place."""
        if i + 1 >= self.n:
            return _NOTHING
        gains = (
            self.steps[i]
            + self.steps[i + 2 :]
            - self._from(i - 1, i + 1, self.n)
            - self._from(i, i + 2, self.n + 1)
        )
        j = i + 1 + int(gains.argmax())
        return _Move(float(gains.max()), i, self.order[i : j + 1][::-1].copy())

    def _turn_to(self, j: int) -> _Move:
        """Turn round the piece from any earlier place to here."""
        if j <= self.low:
            return _NOTHING
        gains = (
            self.steps[self.low : j]
            + self.steps[j + 1]
            - self._from(j, self.low - 1, j - 1)
            - self._from(j + 1, self.low, j)
        )
        i = self.low + int(gains.argmax())
        return _Move(float(gains.max()), i, self.order[i : j + 1][::-1].copy())

    def _move(self, here: int) -> _Move:
        """Put a short piece that begins or ends here between two other images, either way round."""
        pieces = {(here, here + k) for k in range(_LONGEST)}
        pieces |= {(here - k, here) for k in range(_LONGEST)}
        moves = [self._moved(i, j) for i, j in sorted(pieces) if i >= self.low and j < self.n]
        return max(moves, key=_gain, default=_NOTHING)

    def _moved(self, i: int, j: int) -> _Move:
        """Put the piece from place i to j where it saves most."""
        closing = self._from(i - 1, j + 1, j + 2)[0] if i > 0 else 0.0
        saved = self.steps[i] + self.steps[j + 1] - closing
        if saved <= _LEAST_GAIN:
            return _NOTHING
        # before the image at each place, and behind the last
        begin, end = self._from(i, -1, self.n + 1), self._from(j, -1, self.n + 1)
        forward, turned = begin[:-1] + end[1:], end[:-1] + begin[1:]
        cost = np.minimum(forward, turned) - self.steps
        cost[: self.low] = np.inf
        cost[i : j + 2] = np.inf
        k = int(cost.argmin())
        piece = self.order[i : j + 1]
        if turned[k] < forward[k]:
            piece = piece[::-1]
        if k < i:
            images = np.concatenate([piece, self.order[k:i]])
        else:
            images = np.concatenate([self.order[j + 1 : k], piece])
        return _Move(float(saved - cost[k]), min(k, i), images)


_NOTHING = _Move(0.0, 0, np.empty(0, np.int64))


def _gain(move: _Move) -> float:
    return move.gain


def spanning_tree(matrix: NDArray[np.float32]) -> float:
    """Weight of the minimum spanning tree (R. C. Prim, 1957): every chain is a spanning tree.

    Parameters
    ----------
    matrix : ndarray of float32, shape (n, n)
        Distances, symmetric.
    """
    n = len(matrix)
    if n == 0:
        return 0.0
    near = matrix[0].astype(np.float64)
    inside = np.zeros(n, bool)
    inside[0] = True
    total = 0.0
    for _ in range(n - 1):
        outside = np.where(inside, np.inf, near)
        nearest = int(outside.argmin())
        total += outside[nearest]
        inside[nearest] = True
        np.minimum(near, matrix[nearest], out=near)
    return float(total)
