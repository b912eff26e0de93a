"""Joins the stages for rankings: the nearest images of each image, of a query, of a pair."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators import registry
from imgsim.comparators.base import Comparator, NarrowsByClass, PairComparator
from imgsim.comparators.extractor import Extractor
from imgsim.comparators.recipes import Recipe
from imgsim.errors import UsageError
from imgsim.neighbours.build import make_engine
from imgsim.neighbours.pairs import PairEngine
from imgsim.read.collect import collect
from imgsim.read.memory import PictureLike
from imgsim.read.options import Paths, RunOptions, as_list, as_options
from imgsim.read.table import Collection
from imgsim.tasks.archive import CollectedGallery
from imgsim.tasks.arguments import Methods, check_k, make_comparators
from imgsim.tasks.match_results import Matches, MethodMatches, QueryMatches
from imgsim.tasks.matching import exhaustive, seconds_since
from imgsim.tasks.query import Query, as_queries, read_query
from imgsim.tasks.verified import rank_gallery, rank_queries
from imgsim.types import Match, Picture


def matches(
    paths: Paths,
    methods: Methods = registry.RANKING_METHOD,
    *,
    k: int = 3,
    options: RunOptions | None = None,
) -> Matches:
    """Rank the k nearest others of every image, by each of some comparators.

    Parameters
    ----------
    paths : path, picture, or several
    methods : str, Comparator or sequence of these
        By default ``phash:size=16``.
    k : int
        At least 1.
    options : RunOptions, optional

    Returns
    -------
    Matches
        The queries in order of their paths. Ties go by path. Under a recipe (auto, local) the
        copies that it verified come first, then the nearest by their hashes, see `Match.verdict`.

    Raises
    ------
    UsageError
        A path does not exist, or an argument makes no sense.

    Examples
    --------
    >>> import imgsim
    >>> ranked = imgsim.matches("photos", ["phash:size=16", "cosine"], k=1)
    >>> query = ranked.methods[0].queries[0]
    >>> query.path, query.matches[0].path, query.matches[0].distance
    ('photos/IMG_0001 copy.jpg', 'photos/IMG_0001.jpg', 0.0)
    """
    started = time.perf_counter()
    options = as_options(options)
    comparators = _ranking(methods, options)
    check_k(k)
    collection = collect(
        as_list(paths, max_pixels=options.max_pixels), [c.extractor for c in comparators], options
    )
    read = time.perf_counter()
    gallery = collection.pictures
    by_method = []
    try:
        for comparator in comparators:
            if isinstance(comparator, Recipe):
                by_method.append(rank_gallery(comparator, collection, k, options))
                continue
            rows = collection.features(comparator.extractor, gallery).rows
            queries = range(len(gallery))
            by_method.append(ranked(comparator, rows, gallery, queries, gallery, k, options))
    finally:
        if collection.executor is not None:
            collection.executor.close()
    seconds = seconds_since(started, read, collection)
    return Matches(
        k, tuple(by_method), len(gallery), collection.skipped, collection.decoded, seconds
    )


def search(
    queries: Query | PictureLike | Sequence[Query | PictureLike] | Mapping[str, PictureLike],
    paths: Paths,
    methods: Methods = registry.RANKING_METHOD,
    *,
    k: int = 3,
    narrow: int | None = None,
    options: RunOptions | None = None,
) -> Matches:
    """Rank the k images of a folder that are nearest to images from elsewhere.

    Parameters
    ----------
    queries : path, picture or Query, or several
        Files, members of archives, or pictures in memory; of a URL `fetch.query_url` makes one.
    paths : path, picture, or several
        The gallery. A query that is one of its files is not among its own matches.
    methods, k, options
        As for `matches`.
    narrow : int, optional
        Only for comparators that tell classes: look only at the images that are of the query's
        class, by the comparator's own opinion, and compare at most so many of them.

    Raises
    ------
    UsageError
        A path does not exist, or an argument makes no sense.
    UnreadableImage
        A query is no image that can be read.

    Examples
    --------
    >>> import imgsim
    >>> ranked = imgsim.search("new/IMG_0002 small.jpg", "photos", k=2)
    >>> [match.path for match in ranked.methods[0].queries[0].matches]
    ['photos/IMG_0002 small.jpg', 'photos/IMG_0002.jpg']
    """
    started = time.perf_counter()
    options = as_options(options)
    comparators = _ranking(methods, options)
    check_k(k)
    asked = as_queries(queries, options.max_pixels)
    if not asked:
        raise UsageError("no query", "name at least one image")
    if narrow is not None:
        _check_narrow(comparators, narrow)
    extractors = list(dict.fromkeys(c.extractor for c in comparators))
    read_queries = [read_query(query, extractors, options) for query in asked]
    collection = collect(as_list(paths, max_pixels=options.max_pixels), extractors, options)
    read = time.perf_counter()
    by_method = []
    try:
        for comparator in comparators:
            if isinstance(comparator, Recipe):
                gallery = CollectedGallery(comparator, collection, options.jobs)
                by_method.append(
                    rank_queries(comparator, asked, read_queries, gallery, collection, k, options)
                )
                continue
            own = [rows for _, rows in read_queries]
            by_method.append(
                _ranked_queries(comparator, asked, own, collection, k, narrow, options)
            )
    finally:
        if collection.executor is not None:
            collection.executor.close()
    images = len(collection.pictures)
    seconds = seconds_since(started, read, collection)
    return Matches(k, tuple(by_method), images, collection.skipped, collection.decoded, seconds)


def _ranked_queries(
    comparator: Comparator,
    queries: Sequence[Query],
    own: Sequence[Mapping[Extractor, NDArray[np.generic]]],
    collection: Collection,
    k: int,
    narrow: int | None,
    options: RunOptions,
) -> MethodMatches:
    """Rank the gallery for queries by a method that scores any two images."""
    gallery = collection.pictures
    features = collection.features(comparator.extractor, gallery).rows
    asked = np.stack([rows[comparator.extractor] for rows in own])
    rows = np.concatenate([features, asked.astype(features.dtype)])
    if narrow is not None:
        return _narrowed(comparator, rows, gallery, queries, k, narrow, options)
    places = range(len(gallery), len(rows))
    return ranked(comparator, rows, gallery, places, queries, k, options)


def _check_narrow(comparators: Sequence[Comparator], narrow: int) -> None:
    for comparator in comparators:
        if not isinstance(comparator, NarrowsByClass):
            raise UsageError(
                f"{comparator.name} tells no classes", "narrow with --method siamese:weights=FILE"
            )
    if narrow < 1:
        raise UsageError(f"{narrow} images cannot be compared", "compare at least one")


def _narrowed(
    comparator: Comparator,
    rows: NDArray[np.generic],
    gallery: Sequence[Picture],
    queries: Sequence[Query],
    k: int,
    most: int,
    options: RunOptions,
) -> MethodMatches:
    """Rank those of the gallery, the first of the rows, that are of the class of each query."""
    assert isinstance(comparator, NarrowsByClass)
    started = time.perf_counter()
    engine = PairEngine(cast(PairComparator, comparator), rows, options.jobs)
    classes = np.array(comparator.class_of(rows), dtype=object)
    ranked, pairs = [], 0
    for place, query in enumerate(queries, len(gallery)):
        alike = np.flatnonzero(classes[: len(gallery)] == classes[place])
        others = np.array([i for i in alike if not _same_file(query, gallery[int(i)])], np.int64)
        if len(others):
            others = others[comparator.shortlist(rows[place], rows[others], most)]
        distances = engine.distances(np.full(len(others), place), others)
        order = np.lexsort((others, distances))[:k]
        matches = tuple(
            Match(gallery[int(others[i])].file.path, float(distances[i])) for i in order
        )
        ranked.append(QueryMatches(query.name, matches, str(classes[place]), len(others)))
        pairs += len(others)
    return MethodMatches(comparator, tuple(ranked), pairs, time.perf_counter() - started)


def ranked(
    comparator: Comparator,
    rows: NDArray[np.generic],
    gallery: Sequence[Picture],
    queries: range,
    names: Sequence[Picture | Query],
    k: int,
    options: RunOptions,
) -> MethodMatches:
    """Rank the gallery for each of its own images, or for queries.

    Parameters
    ----------
    rows : ndarray, shape (n, ...), of the extractor's shape and dtype
        Those of the gallery, then those of queries.
    queries : range
        Rows to rank for.
    names : sequence of Picture or Query
        Of these.
    """
    started = time.perf_counter()
    outside = len(rows) - len(gallery)
    ranked: list[QueryMatches] = []
    engine = make_engine(comparator, rows, options)
    pairs = len(queries) * (len(gallery) - (not outside))
    # one more than asked for, since a query's own file is left out, and all other queries
    limit = min(k + 1 + outside, len(rows) - 1)
    if limit > 0:
        # where all ask for all, each pair is compared once
        with exhaustive(engine, pairs if outside else pairs // 2, options):
            near = engine.nearest(np.array(queries), limit)
        for name, near_rows, distances in zip(names, near.rows, near.distance, strict=True):
            digest = name.digest
            others = [
                (float(distance), gallery[row].digest != digest, gallery[row])
                for row, distance in zip(near_rows, distances, strict=True)
                if 0 <= row < len(gallery) and not _same_file(name, gallery[row])
            ]
            others.sort(key=lambda one: one[:2])  # of equal ones the same bytes come first
            matches = (Match(picture.file.path, distance) for distance, _, picture in others[:k])
            ranked.append(QueryMatches(_name(name), tuple(matches)))
    else:
        ranked = [QueryMatches(_name(name), ()) for name in names]
    seconds = time.perf_counter() - started
    return MethodMatches(comparator, tuple(ranked), pairs, seconds)


def _name(query: Picture | Query) -> str:
    return query.name if isinstance(query, Query) else query.file.path


def _same_file(query: Picture | Query, picture: Picture) -> bool:
    if not isinstance(query, Query) or query.path is None:
        return False
    try:
        return os.path.samefile(query.path, picture.file.path)
    except OSError:  # one of them is gone meanwhile
        return os.path.abspath(query.path) == os.path.abspath(picture.file.path)


def _ranking(methods: Methods, options: RunOptions) -> list[Comparator]:
    """Make comparators that score any two images, or verify; ``all`` leaves the others out."""
    made = make_comparators(methods, options, ranking=True)
    for comparator in made:
        if not (comparator.ranks or isinstance(comparator, Recipe)):
            raise UsageError(
                f"{comparator.name} tells duplicates from others and ranks nothing",
                "use it with compare",
            )
    return made
