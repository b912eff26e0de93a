"""Searches the pairs within the threshold of a method that compares rows; times tasks."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators.base import Comparator
from imgsim.comparators.recipes import Recipe
from imgsim.group.rules import Classes, Rules, classes_of, flat_identity, numbered
from imgsim.neighbours.build import collapse, make_engine, vector_engine
from imgsim.neighbours.engine import Engine
from imgsim.neighbours.pairs import PairEngine, ProposedEngine
from imgsim.read.options import RunOptions
from imgsim.read.table import Collection
from imgsim.tasks.arguments import Criterion
from imgsim.types import Candidates, NotCompared, Picture, Transform, Verdict, in_path_order

if TYPE_CHECKING:
    from imgsim.verify.frame_pairs import FramePairs


@dataclass(frozen=True, slots=True)
class Seconds:
    """Wall-clock time of the stages, and the time in decoders summed over all workers."""

    total: float
    read: float
    search: float
    decode: float


class MatchSink(Protocol):
    """Takes matched classes of pictures as they come, such as `stars.Stars`.

    Attributes
    ----------
    pictures : sequence of Picture
    classes : sequence of ndarray of int64
        See `stars.Stars`.
    closed : ndarray of bool
        Classes whose later matches are not needed.
    """

    pictures: Sequence[Picture]
    classes: Sequence[NDArray[np.int64]]
    closed: NDArray[np.bool_]

    def add(self, candidates: Candidates) -> None:
        """Take a block of matched classes; blocks come in order of the left class."""


def alike(
    collection: Collection, comparator: Comparator, pictures: Sequence[Picture], rules: Rules
) -> Classes:
    """Group the places of pictures that the comparator cannot tell apart and the rules treat alike.

    Returns
    -------
    Classes
    """
    contents = classes_of(p.identity for p in pictures)
    features = collection.features(
        comparator.extractor, [pictures[i] for i in contents.firsts.tolist()]
    )
    row = collapse(features.rows)[contents.number]
    key, keys = numbered(map(rules.key, pictures))
    # of files of several frames the rows tell only one
    frames, _ = numbered(p.identity if p.facts.frames > 1 else "" for p in pictures)
    return classes_of(((frames * max(1, len(keys)) + key) * (len(contents) + 1) + row).tolist())


def match_into(
    sink: MatchSink, collection: Collection, criterion: Criterion, options: RunOptions
) -> tuple[NotCompared, ...]:
    """Search for the pairs of classes that match, and return those that cannot be compared.

    Of files with several frames these have to be decoded once more; such pairs do not match.
    """
    comparator, proposing = criterion.comparator, criterion.proposer
    firsts = [sink.pictures[members[0]] for members in sink.classes]
    engine = make_engine(
        comparator, collection.features(comparator.extractor, firsts).rows, options
    )
    if proposing is not None and isinstance(engine, PairEngine):
        proposals = collection.features(proposing.extractor, firsts).rows
        engine = ProposedEngine(
            vector_engine(proposing, proposals, options.jobs),
            proposing.preset_distance("loose"),
            engine,
        )
    frames: FramePairs | None = None
    if any(picture.facts.frames > 1 for picture in firsts):
        from imgsim.verify.frame_pairs import FramePairs  # few folders need what verifies

        frames = FramePairs(firsts, collection.executor, options)
    later = np.arange(engine.n)[::-1]  # rows after each
    with exhaustive(engine, int(later[~sink.closed].sum()), options):
        for candidates in engine.within(criterion.max_distance, sink.closed):
            sink.add(frames.only(candidates) if frames else candidates)
    return in_path_order(frames.not_compared) if frames else ()


class DistanceMatching:
    """Pictures of groups that were matched by the distance of their rows, or by equal pixels.

    Parameters
    ----------
    collection : Collection
    criterion : Criterion
    options : RunOptions
    """

    def __init__(self, collection: Collection, criterion: Criterion, options: RunOptions) -> None:
        self._collection = collection
        self._criterion = criterion
        self._options = options
        self._known: dict[tuple[str, str, str], float | None] = {}

    def match(self, pairs: Sequence[tuple[Picture, Picture, Picture]]) -> list[float | None]:
        """Compare pictures with the one that is to be kept, see `settle.Matching.match`."""
        keys = [(kept.file.path, c.file.path, other.file.path) for kept, other, c in pairs]
        by_kept: dict[tuple[str, str], list[int]] = {}
        for i, (kept, centre, other) in enumerate(keys):
            if (kept, centre, other) not in self._known:
                by_kept.setdefault((kept, centre), []).append(i)
        for places in by_kept.values():
            kept_picture, _, centre_picture = pairs[places[0]]
            others = [pairs[i][1] for i in places]
            distances = self._distances(kept_picture, others, centre_picture)
            self._known.update(zip([keys[i] for i in places], distances, strict=True))
        return [self._known[key] for key in keys]

    def _distances(
        self, kept: Picture, others: Sequence[Picture], centre: Picture
    ) -> list[float | None]:
        comparator, most = self._criterion.comparator, self._criterion.max_distance
        other_pixels = [p for p in others if not _equal(kept, p)]
        if not other_pixels or isinstance(comparator, Recipe):
            return [0.0 if _equal(kept, p) else None for p in others]
        pictures = [kept, *other_pixels]
        rows = self._collection.features(comparator.extractor, pictures).rows
        near = make_engine(comparator, rows, self._options).after(np.array([0]), most)
        distance = {
            pictures[row].file.path: distance
            for row, distance in zip(near.right.tolist(), near.distance.tolist(), strict=True)
            if _frames_compared(kept, pictures[row], centre)
        }
        return [0.0 if _equal(kept, p) else distance.get(p.file.path) for p in others]

    def verdict(self, left: Picture, right: Picture) -> Verdict | None:
        """Return None: how they lie upon each other is not known."""
        return None

    def transform(self, kept: Picture, other: Picture) -> Transform | None:
        """Return None: how they lie upon each other is not known."""
        return None


def _frames_compared(kept: Picture, other: Picture, centre: Picture) -> bool:
    """Whether all frames of two pictures are known to match; further ones met the centre's only."""
    return max(kept.facts.frames, other.facts.frames) <= 1 or centre.identity in (
        kept.identity,
        other.identity,
    )


def _equal(one: Picture, other: Picture) -> bool:
    """Whether two pictures of a group are equal by their bytes or pixels."""
    flat = one.facts.flat and other.facts.flat
    return one.identity == other.identity or (
        flat and flat_identity(one.facts) == flat_identity(other.facts) is not None
    )


@contextmanager
def exhaustive(engine: Engine, pairs: int, options: RunOptions) -> Iterator[None]:
    """Show how long a search by pairs will take and how far it is; other engines need neither."""
    if isinstance(engine, PairEngine) and pairs > 0:
        seconds = engine.seconds_for(pairs)
        if seconds >= 1:
            options.progress.note(f"comparing {pairs:,} pairs one by one: about {seconds:.0f} s")
        options.progress.start("comparing", pairs, "pair")
    try:
        yield
    finally:
        options.progress.finish()


def seconds_since(started: float, read: float, collection: Collection) -> Seconds:
    """The times of a run that ends now; `read` is when all was read."""
    done = time.perf_counter()
    return Seconds(done - started, read - started, done - read, collection.seconds_decoding)


def paths_of(pictures: Sequence[Picture]) -> tuple[str, ...]:
    """The paths of pictures, in order."""
    return tuple(sorted((p.file.path for p in pictures), key=os.fsencode))
