"""Puts the images of a folder in a chain, each beside what resembles it."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators.base import Comparator
from imgsim.comparators.recipes import Recipe
from imgsim.errors import UsageError
from imgsim.neighbours.build import make_engine
from imgsim.neighbours.engine import Engine
from imgsim.neighbours.matrix import MAX_ROWS, distance_matrix
from imgsim.neighbours.pairs import PairEngine
from imgsim.read.collect import collect
from imgsim.read.discover import printable
from imgsim.read.memory import as_text
from imgsim.read.options import Paths, RunOptions, as_list, as_options
from imgsim.read.table import Collection
from imgsim.results import Result
from imgsim.tasks.arguments import as_comparator
from imgsim.tasks.matching import Seconds, exhaustive, seconds_since
from imgsim.tasks.sort.tour import Chain, better_chain, greedy_chain, spanning_tree
from imgsim.types import Picture, Skipped

DEFAULT_METHOD = "ssim"


@dataclass(frozen=True, slots=True, repr=False)
class Ordering(Result[Picture]):
    """An order of the images of a folder, and the distances that it follows from.

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
        What the run took, in all and for each of its stages, by the clock.
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

    def _items(self) -> tuple[Picture, ...]:
        return tuple(self.pictures[i] for i in self.better.order.tolist())


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

    Examples
    --------
    >>> import imgsim
    >>> from pathlib import Path
    >>> ordering = imgsim.sort_images("photos")
    >>> [Path(ordering.pictures[i].file.path).stem for i in ordering.better.order]
    ['IMG_0002', 'IMG_0002 small', 'IMG_0001', 'IMG_0001 copy', 'IMG_0003']
    """
    started = time.perf_counter()
    options = as_options(options)
    comparator = as_comparator(method)
    if isinstance(comparator, Recipe):
        raise UsageError(
            f"{comparator.name} has no distance for pictures that it does not take for copies",
            "try ssim or phash",
        )
    collection = collect(
        as_list(paths, max_pixels=options.max_pixels), [comparator.extractor], options
    )
    pictures = collection.pictures
    first = None if start is None else _place(as_text(start), pictures)
    read = time.perf_counter()
    matrix, engine = _distances(comparator, collection, options)
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


def _distances(
    comparator: Comparator, collection: Collection, options: RunOptions
) -> tuple[NDArray[np.float32], Engine | None]:
    """All distances, and the engine that computed them."""
    n = len(collection.pictures)
    if n > MAX_ROWS:
        raise UsageError(f"{n:,} images are too many to sort", f"sort at most {MAX_ROWS:,} at once")
    if n == 0:
        return np.zeros((0, 0), np.float32), None
    rows = collection.features(comparator.extractor, collection.pictures).rows
    engine = make_engine(comparator, rows, options)
    with exhaustive(engine, n * (n - 1) // 2, options):
        return distance_matrix(comparator, rows, engine), engine


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
