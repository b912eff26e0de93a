"""Joins the stages: the library's three functions."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imgsim.collect import Collection, RunOptions, collect
from imgsim.comparators import registry
from imgsim.comparators.base import (
    Comparator,
    Extractor,
    PairComparator,
    Preset,
    VectorComparator,
)
from imgsim.decode import DecodeError, Decoder
from imgsim.errors import UnreadableImage, UsageError
from imgsim.group import Rules, Stars, comparable_pairs, equal_pixels, join, rank
from imgsim.search.build import collapse, vector_engine
from imgsim.search.engine import Engine
from imgsim.search.pairs import PairEngine, ProposedEngine
from imgsim.types import Group, ImageFacts, Match, Picture, Skipped


@dataclass(frozen=True, slots=True)
class Seconds:
    """Wall-clock time of the stages, and the time in decoders summed over all workers."""

    total: float
    read: float
    search: float
    decode: float


@dataclass(frozen=True, slots=True)
class Duplicates:
    """What `find_duplicates` found.

    Attributes
    ----------
    comparator : Comparator
    preset : str or None
        None when a threshold was given.
    max_distance : float
        Pairs up to this distance are duplicates.
    groups : tuple of Group
        In order of the kept file's path.
    images : int
        Readable images looked at.
    skipped : tuple of Skipped
    other_files, too_small, decoded : int
        See `collect.Collection`.
    pairs_compared : int
        Pairs of different contents that were looked at.
    expected_false_pairs : float or None
        How many unrelated pairs to expect among them; None where nothing is known.
    seconds : Seconds
    """

    comparator: Comparator
    preset: Preset | None
    max_distance: float
    groups: tuple[Group, ...]
    images: int
    skipped: tuple[Skipped, ...]
    other_files: int
    too_small: int
    decoded: int
    pairs_compared: int
    expected_false_pairs: float | None
    seconds: Seconds

    @property
    def reclaimable_bytes(self) -> int:
        return sum(group.reclaimable_bytes for group in self.groups)


@dataclass(frozen=True, slots=True)
class QueryMatches:
    """The nearest other images of one image, nearest first."""

    path: str
    matches: tuple[Match, ...]


@dataclass(frozen=True, slots=True)
class MethodMatches:
    """What one comparator thinks of a folder; `seconds_per_pair` without reading."""

    comparator: Comparator
    queries: tuple[QueryMatches, ...]
    seconds_per_pair: float


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


def find_duplicates(
    paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    method: str | Comparator = registry.DEFAULT_METHOD,
    *,
    preset: Preset = "normal",
    threshold: float | None = None,
    min_similarity: float | None = None,
    proposer: str | Comparator | None = None,
    keep: str = "best",
    isolate: bool = False,
    options: RunOptions | None = None,
) -> Duplicates:
    """Find groups of exact and near duplicates.

    Parameters
    ----------
    paths : path or sequence of paths
        Files and folders.
    method : str or Comparator
        ``NAME[:field=value,...]``.
    preset : {"strict", "normal", "loose"}
        The method's own thresholds.
    threshold : float, optional
        Instead: the worst score of a duplicate, in the method's own terms.
    min_similarity : float, optional
        Instead: the least similarity of a duplicate, in percent.
    proposer : str or Comparator, optional
        For methods that score pairs: compare only the pairs within this method's loose threshold.
    keep : str
        One of `group.KEEP_POLICIES`.
    isolate : bool
        Match only files below different `paths`.
    options : RunOptions, optional
        By default no cache is used; the command line uses one.

    Returns
    -------
    Duplicates

    Raises
    ------
    UsageError
        A path does not exist, or an argument makes no sense.
    """
    started = time.perf_counter()
    options = options or RunOptions()
    comparator = _comparator(method)
    proposing = _proposer(proposer, comparator)
    max_distance = _max_distance(comparator, preset, threshold, min_similarity)
    extractors = [comparator.extractor, *([proposing.extractor] if proposing else [])]
    collection = collect(_listed(paths), extractors, options)
    read = time.perf_counter()
    rules = Rules(isolate)
    ranked = rank(collection.pictures, keep)
    detailed = [p for p in ranked if not p.facts.flat]
    contents = _contents(detailed)
    groups = _stars(
        collection, comparator, proposing, detailed, contents, max_distance, rules, options
    ).groups(keep)
    flat = [p for p in ranked if p.facts.flat]
    equal = Stars(flat, equal_pixels(flat), rules).groups(keep)
    pairs = comparable_pairs([detailed[members[0]] for members in contents], rules)
    rate = comparator.false_pair_rate(max_distance)
    done = time.perf_counter()
    return Duplicates(
        comparator,
        preset if threshold is None and min_similarity is None else None,
        max_distance,
        tuple(join(groups, equal)),
        len(collection.pictures),
        collection.skipped,
        collection.other_files,
        collection.too_small,
        collection.decoded,
        pairs,
        None if rate is None else rate * pairs,
        Seconds(done - started, read - started, done - read, collection.seconds_decoding),
    )


def _stars(
    collection: Collection,
    comparator: Comparator,
    proposing: VectorComparator | None,
    pictures: Sequence[Picture],
    contents: Sequence[NDArray[np.int64]],
    max_distance: float,
    rules: Rules,
    options: RunOptions,
) -> Stars:
    """Search for pairs and group them as they come."""
    firsts = [pictures[members[0]] for members in contents]
    rows = collection.features(comparator.extractor, firsts).rows
    equal = collapse(rows)
    classes = [np.sort(np.concatenate([contents[i] for i in members])) for members in equal.members]
    stars = Stars(pictures, classes, rules)
    distinct = np.ascontiguousarray(rows[equal.first]) if len(rows) else rows
    engine = _engine(comparator, distinct, options)
    if proposing is not None and isinstance(engine, PairEngine):
        shown = [firsts[i] for i in equal.first]
        proposals = collection.features(proposing.extractor, shown).rows
        engine = ProposedEngine(
            vector_engine(proposing, proposals, options.jobs),
            proposing.preset_distance("loose"),
            engine,
        )
    n = len(distinct)
    if isinstance(engine, PairEngine) and n > 1:
        pairs, seconds = n * (n - 1) // 2, engine.seconds_for_all()
        if seconds >= 1:
            options.progress.note(f"comparing {pairs:,} pairs one by one: about {seconds:.0f} s")
        options.progress.start("comparing", pairs, "pair")
    try:
        for candidates in engine.within(max_distance, stars.closed):
            stars.add(candidates)
    finally:
        options.progress.finish()
    return stars


def _engine(comparator: Comparator, rows: NDArray[np.generic], options: RunOptions) -> Engine:
    if isinstance(comparator, VectorComparator):
        return vector_engine(comparator, rows, options.jobs)
    assert isinstance(comparator, PairComparator)
    return PairEngine(comparator, rows, options.jobs, options.progress.advance)


def matches(
    paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    methods: str | Comparator | Sequence[str | Comparator] = registry.DEFAULT_METHOD,
    *,
    k: int = 3,
    options: RunOptions | None = None,
) -> list[MethodMatches]:
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
    list of MethodMatches
        One per method, the queries in order of their paths. Ties go by path.

    Raises
    ------
    UsageError
        A path does not exist, or an argument makes no sense.
    """
    if k < 1:
        raise UsageError(f"k={k} is less than 1", "ask for at least one match")
    options = options or RunOptions()
    given = [methods] if isinstance(methods, str | Comparator) else methods
    comparators = [_comparator(method) for method in given]
    collection = collect(_listed(paths), [c.extractor for c in comparators], options)
    return [_matches(collection, comparator, k, options) for comparator in comparators]


def _matches(
    collection: Collection, comparator: Comparator, k: int, options: RunOptions
) -> MethodMatches:
    pictures = collection.pictures
    started = time.perf_counter()
    queries = []
    k = min(k, len(pictures) - 1)
    if k > 0:
        rows = collection.features(comparator.extractor, pictures).rows
        near = _engine(comparator, rows, options).nearest(np.arange(len(pictures)), k)
        for picture, found, distances in zip(pictures, near.rows, near.distance, strict=True):
            ranked = (
                Match(pictures[row].file.path, float(distance))
                for row, distance in zip(found, distances, strict=True)
            )
            queries.append(QueryMatches(picture.file.path, tuple(ranked)))
    else:
        queries = [QueryMatches(picture.file.path, ()) for picture in pictures]
    pairs = len(pictures) * (len(pictures) - 1)
    seconds = (time.perf_counter() - started) / max(1, pairs)
    return MethodMatches(comparator, tuple(queries), seconds)


def compare(
    left: str | os.PathLike[str],
    right: str | os.PathLike[str],
    methods: str | Comparator | Sequence[str | Comparator] | None = None,
    *,
    preset: Preset = "normal",
    options: RunOptions | None = None,
) -> list[Comparison]:
    """Score two images by each of some comparators.

    Parameters
    ----------
    left, right : path
    methods : str, Comparator or sequence of these, optional
        By default every method that is available.
    preset : {"strict", "normal", "loose"}
    options : RunOptions, optional

    Raises
    ------
    UnreadableImage
        One of the files is no image that can be read.
    """
    options = options or RunOptions()
    if methods is None:
        comparators = [r.comparator() for r in registry.registered() if r.comparator]
    else:
        given = [methods] if isinstance(methods, str | Comparator) else methods
        comparators = [_comparator(method) for method in given]
    extractors = list(dict.fromkeys(c.extractor for c in comparators))
    left_facts, left_rows = _read(os.fspath(left), extractors, options)
    right_facts, right_rows = _read(os.fspath(right), extractors, options)
    result = []
    for comparator in comparators:
        pair = np.stack([left_rows[comparator.extractor], right_rows[comparator.extractor]])
        near = _engine(comparator, pair, options).nearest(np.array([0]), 1)
        distance = float(near.distance[0, 0])
        limit = comparator.preset_distance(preset)
        scale = comparator.scale
        result.append(
            Comparison(
                comparator,
                distance,
                scale.score(distance),
                scale.similarity(distance),
                scale.score(limit),
                _verdict(left_facts, right_facts, distance <= limit),
            )
        )
    return result


def _verdict(left: ImageFacts, right: ImageFacts, near: bool) -> bool:
    if left.flat or right.flat:
        return left.pixel_digest is not None and left.pixel_digest == right.pixel_digest
    return near and (left.raw, left.frames) == (right.raw, right.frames)


def _read(
    path: str, extractors: Sequence[Extractor], options: RunOptions
) -> tuple[ImageFacts, dict[Extractor, NDArray[np.generic]]]:
    try:
        with open(path, "rb") as stream:
            data = stream.read()
        decoder = Decoder(options.decode, options.max_pixels)
        decoded = decoder(data, [e.wants for e in extractors], os.path.splitext(path)[1])
    except OSError as error:
        raise UnreadableImage(f"cannot read {path}: {error.strerror}", "check the path") from None
    except DecodeError as error:
        raise UnreadableImage(f"cannot read {path}: {error}", "give it an image") from None
    rows = {e: e.extract(decoded.images[e.wants][None])[0] for e in extractors}
    return decoded.facts, rows


def _comparator(method: str | Comparator) -> Comparator:
    return registry.parse(method) if isinstance(method, str) else method


def _proposer(proposer: str | Comparator | None, method: Comparator) -> VectorComparator | None:
    if proposer is None:
        return None
    if not isinstance(method, PairComparator):
        raise UsageError(
            f"{method.name} needs no proposer", "proposers are for methods that score pairs: ssim"
        )
    proposing = _comparator(proposer)
    if not isinstance(proposing, VectorComparator):
        raise UsageError(f"{proposing.name} cannot propose pairs", "try --proposer phash:size=16")
    return proposing


def _max_distance(
    comparator: Comparator, preset: Preset, threshold: float | None, min_similarity: float | None
) -> float:
    scale = comparator.scale
    if threshold is not None and min_similarity is not None:
        raise UsageError("both a threshold and a similarity are given", "give one of them")
    if threshold is not None:
        distance = scale.distance(threshold)
        if not 0 <= distance <= scale.worst:
            low, high = sorted((scale.score(0), scale.score(scale.worst)))
            raise UsageError(
                f"threshold {threshold:g} is out of range for {comparator.spec}",
                f"{scale.unit}: {low:g} to {high:g}, {scale.better} is closer",
            )
        return distance
    if min_similarity is not None:
        if not 0 <= min_similarity <= 100:
            raise UsageError(f"similarity {min_similarity:g} is out of range", "0 to 100 percent")
        return scale.distance_of_similarity(min_similarity)
    return comparator.preset_distance(preset)


def _listed(paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> list[str]:
    if isinstance(paths, str | os.PathLike):
        paths = [paths]
    return [os.fspath(path) for path in paths]


def _contents(pictures: Sequence[Picture]) -> list[NDArray[np.int64]]:
    """Pictures with the same bytes, the first of each in order."""
    contents: dict[str, list[int]] = {}
    for i, picture in enumerate(pictures):
        contents.setdefault(picture.digest, []).append(i)
    return [np.array(members, np.int64) for members in contents.values()]
