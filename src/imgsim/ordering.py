"""Puts the images of a folder in a chain, each beside what resembles it."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from imgsim.collect import RunOptions, collect
from imgsim.comparators.base import Comparator
from imgsim.comparators.recipes import Recipe
from imgsim.discover import printable
from imgsim.errors import UsageError
from imgsim.pipeline import (
    Paths,
    Seconds,
    as_comparator,
    as_list,
    exhaustive,
    make_engine,
    seconds_since,
)
from imgsim.search.engine import Engine
from imgsim.search.matrix import MAX_ROWS, distance_matrix
from imgsim.search.pairs import PairEngine
from imgsim.types import Picture, Skipped

DEFAULT_METHOD = "ssim"

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


@dataclass(frozen=True, slots=True)
class Ordering:
    """What `sort_images` found.

    Attributes
    ----------
    comparator : Comparator
    pictures : tuple of Picture
        In order of their paths.
    matrix : ndarray of float32, shape (n, n)
        Distances; rough ones (SSIM: by less than 3e-4) where the comparator has them.
    greedy : Chain
        From the start, always the nearest image not yet taken.
    better : Chain
        The shortest that was found.
    at_least : float
        No chain is shorter: the weight of the minimum spanning tree.
    skipped : tuple of Skipped
    decoded : int
    seconds : Seconds
    """

    comparator: Comparator
    pictures: tuple[Picture, ...]
    matrix: NDArray[np.float32]
    greedy: Chain
    better: Chain
    at_least: float
    skipped: tuple[Skipped, ...]
    decoded: int
    seconds: Seconds


def sort_images(
    paths: Paths,
    method: str | Comparator = DEFAULT_METHOD,
    *,
    start: str | os.PathLike[str] | None = None,
    options: RunOptions | None = None,
) -> Ordering:
    """Order images so that neighbours are alike.

    All distances are computed once and held in single precision: 4 n^2 bytes, 100 MB for 5,000
    images; above 256 MiB in a temporary file.

    Parameters
    ----------
    paths : path or sequence of paths
    method : str or Comparator
    start : path, optional
        The first image of the chains. By default the greedy chain begins with the first by path,
        and the better one where it likes.
    options : RunOptions, optional

    Returns
    -------
    Ordering

    Raises
    ------
    UsageError
        A path does not exist, the start is not among the images, there are more than
        `MAX_ROWS` images, or the method has no distance for every pair.
    """
    started = time.perf_counter()
    options = options or RunOptions()
    comparator = as_comparator(method)
    if isinstance(comparator, Recipe):
        raise UsageError(
            f"{comparator.name} has no distance for pictures that it does not take for copies",
            "try ssim or phash",
        )
    collection = collect(as_list(paths), [comparator.extractor], options)
    pictures = collection.pictures
    first = None if start is None else _place(os.fspath(start), pictures)
    read = time.perf_counter()
    if len(pictures) > MAX_ROWS:
        raise UsageError(
            f"{len(pictures):,} images are too many to sort", f"sort at most {MAX_ROWS:,} at once"
        )
    n = len(pictures)
    matrix = np.zeros((0, 0), np.float32)
    engine: Engine | None = None
    if n:
        rows = collection.features(comparator.extractor, pictures).rows
        engine = make_engine(comparator, rows, options)
        with exhaustive(engine, n * (n - 1) // 2, options):
            matrix = distance_matrix(comparator, rows, engine)
    greedy = greedy_chain(matrix, first or 0)
    better = better_chain(matrix, greedy, fixed=start is not None)
    if isinstance(engine, PairEngine):
        greedy, better = _measured(engine, greedy), _measured(engine, better)
    return Ordering(
        comparator,
        pictures,
        matrix,
        greedy,
        better,
        spanning_tree(matrix),
        collection.skipped,
        collection.decoded,
        seconds_since(started, read, collection),
    )


def _measured(engine: PairEngine, chain: Chain) -> Chain:
    """The true steps of a chain that was found by rough distances."""
    return replace(chain, steps=engine.distances(chain.order[:-1], chain.order[1:]))


def _place(start: str, pictures: Sequence[Picture]) -> int:
    wanted = os.path.normcase(os.path.abspath(start))
    for place, picture in enumerate(pictures):
        for path in (picture.file.path, *picture.file.links):
            if os.path.normcase(os.path.abspath(path)) == wanted:
                return place
    raise UsageError(
        f"{printable(start)} is not among the images to sort", "name one of them to start with"
    )


def _chain(matrix: NDArray[np.float32], order: NDArray[np.int64], found_by: str) -> Chain:
    return Chain(order, matrix[order[:-1], order[1:]].astype(np.float64), found_by)


def greedy_chain(matrix: NDArray[np.float32], start: int) -> Chain:
    """From the start on, always the nearest not yet taken; of equally near the first."""
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
        found = _chain(matrix, order, f"{name}, then 2-opt and Or-opt")
        if found.total < best.total:
            best = found
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

    Each image is looked at again only after something beside it changed. One look compares with
    all others at once, and takes the best move.
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
    """Weight of the minimum spanning tree (R. C. Prim, 1957): every chain is a spanning tree."""
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
