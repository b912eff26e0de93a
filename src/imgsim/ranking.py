"""Joins the stages for rankings: the nearest images of each image, of a query, of a pair."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from imgsim.collect import RunOptions, collect
from imgsim.comparators import registry
from imgsim.comparators.base import PRESETS, Comparator, Extractor, Preset
from imgsim.comparators.recipes import Recipe
from imgsim.decode import DecodeError, Decoder
from imgsim.discover import printable
from imgsim.errors import UnreadableImage, UsageError
from imgsim.group import flat_identity
from imgsim.pipeline import (
    Paths,
    Seconds,
    as_comparator,
    as_list,
    exhaustive,
    make_engine,
    seconds_since,
)
from imgsim.profile import Profile
from imgsim.types import ImageFacts, Match, Picture, Skipped
from imgsim.verified import look_at
from imgsim.verify.verdict import EQUAL

Methods = str | Comparator | Sequence[str | Comparator]


@dataclass(frozen=True, slots=True)
class QueryMatches:
    """The nearest other images of one image, nearest first."""

    path: str
    matches: tuple[Match, ...]


@dataclass(frozen=True, slots=True)
class MethodMatches:
    """What one comparator thinks.

    Attributes
    ----------
    comparator : Comparator
    queries : tuple of QueryMatches
    pairs : int
        Number of pairs of a query and another image.
    seconds : float
        Of the search alone, without reading.
    """

    comparator: Comparator
    queries: tuple[QueryMatches, ...]
    pairs: int
    seconds: float

    @property
    def seconds_per_pair(self) -> float:
        """Mean time for one pair."""
        return self.seconds / max(1, self.pairs)


@dataclass(frozen=True, slots=True)
class Matches:
    """What `matches` and `search` found.

    Attributes
    ----------
    k : int
    methods : tuple of MethodMatches
        In the order asked for.
    images : int
        Readable images that were ranked.
    skipped : tuple of Skipped
    decoded : int
        Images decoded in this run.
    seconds : Seconds
    """

    k: int
    methods: tuple[MethodMatches, ...]
    images: int
    skipped: tuple[Skipped, ...]
    decoded: int
    seconds: Seconds


@dataclass(frozen=True, slots=True)
class Comparison:
    """One comparator's opinion of two images.

    Attributes
    ----------
    comparator : Comparator
    distance, score, similarity : float
        The score is in the method's own terms, the similarity in percent.
    threshold : float
        Score up to (or from) which a pair is a duplicate under the preset.
    duplicate : bool
        The verdict. A flat image is a duplicate only of what its pixels equal.
    """

    comparator: Comparator
    distance: float
    score: float
    similarity: float
    threshold: float
    duplicate: bool


@dataclass(frozen=True, slots=True)
class Query:
    """An image by its bytes.

    Attributes
    ----------
    name : str
        As it is shown: a path or a URL.
    data : bytes
    path : str or None
        Where it lies, if it is a file.
    """

    name: str
    data: bytes
    path: str | None = None


def query_file(path: str | os.PathLike[str]) -> Query:
    """Read a file to be a query.

    Raises
    ------
    UnreadableImage
        It cannot be read.
    """
    name = os.fspath(path)
    try:
        with open(name, "rb") as stream:
            return Query(name, stream.read(), name)
    except OSError as error:
        raise UnreadableImage(
            f"cannot read {printable(name)}: {error.strerror}", "check the path"
        ) from None


def _read(
    query: Query, extractors: Sequence[Extractor], options: RunOptions
) -> tuple[ImageFacts, dict[Extractor, NDArray[np.generic]]]:
    decoder = Decoder(options.decode, options.max_pixels)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Pillow, on harmless oddities of the file
            decoded = decoder(query.data, [e.wants for e in extractors])
    except DecodeError as error:
        raise UnreadableImage(
            f"cannot read {printable(query.name)}: {error}", "give it an image"
        ) from None
    rows = {e: e.extract(decoded.images[e.wants][None])[0] for e in extractors}
    return decoded.facts, rows


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
    paths : path or sequence of paths
    methods : str, Comparator or sequence of these
    k : int
        At least 1.
    options : RunOptions, optional

    Returns
    -------
    Matches
        The queries in order of their paths. Ties go by path.

    Raises
    ------
    UsageError
        A path does not exist, or an argument makes no sense.
    """
    started = time.perf_counter()
    options = options or RunOptions()
    comparators = _ranking(methods, options)
    _check_k(k)
    collection = collect(as_list(paths), [c.extractor for c in comparators], options)
    read = time.perf_counter()
    gallery = collection.pictures
    found = []
    for comparator in comparators:
        rows = collection.features(comparator.extractor, gallery).rows
        queries = range(len(gallery))
        found.append(_ranked(comparator, rows, gallery, queries, gallery, k, options))
    seconds = seconds_since(started, read, collection)
    return Matches(k, tuple(found), len(gallery), collection.skipped, collection.decoded, seconds)


def search(
    queries: Sequence[Query],
    paths: Paths,
    methods: Methods = registry.RANKING_METHOD,
    *,
    k: int = 3,
    options: RunOptions | None = None,
) -> Matches:
    """Rank the k images of a folder that are nearest to images from elsewhere.

    Parameters
    ----------
    queries : sequence of Query
        Images by their bytes, see `query_file` and `fetch.query_url`.
    paths : path or sequence of paths
        The gallery. A query that is one of its files is not among its own matches.
    methods, k, options
        As for `matches`.

    Raises
    ------
    UsageError
        A path does not exist, or an argument makes no sense.
    UnreadableImage
        A query is no image that can be read.
    """
    started = time.perf_counter()
    options = options or RunOptions()
    comparators = _ranking(methods, options)
    _check_k(k)
    if not queries:
        raise UsageError("no query", "name at least one image")
    extractors = list(dict.fromkeys(c.extractor for c in comparators))
    asked = [_read(query, extractors, options)[1] for query in queries]
    collection = collect(as_list(paths), extractors, options)
    read = time.perf_counter()
    gallery = collection.pictures
    found = []
    for comparator in comparators:
        features = collection.features(comparator.extractor, gallery).rows
        own = np.stack([rows[comparator.extractor] for rows in asked])
        rows = np.concatenate([features, own.astype(features.dtype)])
        places = range(len(gallery), len(rows))
        found.append(_ranked(comparator, rows, gallery, places, queries, k, options))
    seconds = seconds_since(started, read, collection)
    return Matches(k, tuple(found), len(gallery), collection.skipped, collection.decoded, seconds)


def _check_k(k: int) -> None:
    if k < 1:
        raise UsageError(f"k={k} is less than 1", "ask for at least one match")


def _ranked(
    comparator: Comparator,
    rows: NDArray[np.generic],
    gallery: Sequence[Picture],
    queries: range,
    names: Sequence[Picture | Query],
    k: int,
    options: RunOptions,
) -> MethodMatches:
    """Rank the gallery, the first of the rows, for some of the rows."""
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
        for name, found, distances in zip(names, near.rows, near.distance, strict=True):
            others = (
                Match(gallery[row].file.path, float(distance))
                for row, distance in zip(found, distances, strict=True)
                if 0 <= row < len(gallery) and not _same_file(name, gallery[row])
            )
            ranked.append(QueryMatches(_name(name), tuple(islice(others, k))))
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


def compare(
    left: str | os.PathLike[str],
    right: str | os.PathLike[str],
    methods: Methods | None = None,
    *,
    preset: Preset = "normal",
    profile: Profile | None = None,
    options: RunOptions | None = None,
) -> list[Comparison]:
    """Score two images by each of some comparators.

    Parameters
    ----------
    left, right : path
    methods : str, Comparator or sequence of these, optional
        By default every method that is available.
    preset : {"strict", "normal", "loose"}
    profile : Profile, optional
        Instead: the thresholds that ``imgsim calibrate`` chose.
    options : RunOptions, optional

    Raises
    ------
    UsageError
        The profile has no threshold for a method.
    UnreadableImage
        One of the files is no image that can be read.
    """
    if preset not in PRESETS:
        raise UsageError(f"no preset {preset!r}", f"one of {', '.join(PRESETS)}")
    options = options or RunOptions()
    comparators = _comparators(methods if methods is not None else registry.ALL, options)
    limits = [
        profile.distance(c, options.decode) if profile else c.preset_distance(preset)
        for c in comparators
    ]
    extractors = list(dict.fromkeys(c.extractor for c in comparators))
    left_query, right_query = query_file(left), query_file(right)
    same = left_query.data == right_query.data
    left_facts, left_rows = _read(left_query, extractors, options)
    right_facts, right_rows = _read(right_query, extractors, options)
    result = []
    for comparator, limit in zip(comparators, limits, strict=True):
        pair = np.stack([left_rows[comparator.extractor], right_rows[comparator.extractor]])
        scale = comparator.scale
        if isinstance(comparator, Recipe):
            verdict = EQUAL if same else look_at(comparator, (left, right), pair, options)
            distance = verdict.residual
            near = comparator.accepts(verdict, limit, preset)
        else:
            found = make_engine(comparator, pair, options).nearest(np.array([0]), 1)
            distance = float(found.distance[0, 0])
            near = distance <= limit
        result.append(
            Comparison(
                comparator,
                distance,
                scale.score(distance),
                scale.similarity(distance),
                scale.score(limit),
                same or _verdict(left_facts, right_facts, near),
            )
        )
    return result


def _verdict(left: ImageFacts, right: ImageFacts, near: bool) -> bool:
    """Of two files with different bytes."""
    if left.flat or right.flat:
        one, other = flat_identity(left), flat_identity(right)
        return one is not None and one == other
    return near and (left.raw, left.frames) == (right.raw, right.frames)


def _ranking(methods: Methods, options: RunOptions) -> list[Comparator]:
    """Make comparators that score any two images; ``all`` leaves the others out."""
    made = _comparators(methods, options)
    given = [methods] if isinstance(methods, str | Comparator) else methods
    asked = [as_comparator(method) for method in given if method != registry.ALL]
    for comparator in asked:
        if not comparator.ranks:
            raise UsageError(
                f"{comparator.name} tells duplicates from others and ranks nothing",
                "use it with find-dupes or compare",
            )
    return [comparator for comparator in made if comparator.ranks]


def _comparators(methods: Methods, options: RunOptions) -> list[Comparator]:
    """Make comparators; ``all`` stands for every one that can run, with its defaults."""
    given = [methods] if isinstance(methods, str | Comparator) else methods
    made: list[Comparator] = []
    for method in given:
        if method == registry.ALL:
            made.extend(registry.only_ready(registry.parse_all(method), options.progress.note))
        else:
            made.append(as_comparator(method))
    if not made:
        raise UsageError("no method", "imgsim methods lists them")
    return list(dict.fromkeys(made))
