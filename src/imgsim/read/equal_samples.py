"""Finds the files whose decoded samples may be equal, and takes their digests.

A digest costs a decode in full, so it is taken only of files that have another one of their size
which may be equal: one with an equal row where both were decoded in one way, else one whose
thumbnail differs by a few levels at most.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators.extractor import Extractor
from imgsim.decode.decoder import decoder_id
from imgsim.decode.samples import VERSION, SampleOutcome, take_sample_digest
from imgsim.decode.spec import DecodeError, DecodeMode, NeedsMemory
from imgsim.executors.base import Executor, Heartbeat, MoreMemory
from imgsim.read.content import Content, ContentBatch, why_not_again
from imgsim.read.table import Collection
from imgsim.stage_times import staged
from imgsim.types import Picture

if TYPE_CHECKING:  # the programs of workers need none of it
    from imgsim.read.options import RunOptions

MAX_DIFFERENCE = 8
"""Grey levels by which thumbnails of equal samples differ, at most: a JPEG is decoded at a reduced
scale and its PNG is not."""

_BATCH = 8
_FEW = 1024
_ROWS = 1024


@dataclass(frozen=True, slots=True)
class SampleBatch(ContentBatch):
    """Files whose samples are to be hashed; picklable."""

    def failure(self, reason: str) -> SampleOutcome:
        """The outcome of a file whose worker died."""
        return SampleOutcome(None, reason)

    @staged("checking")
    def run(self, heartbeat: Heartbeat) -> list[SampleOutcome | MoreMemory]:
        """Read, decode and hash; `heartbeat` is called after each file."""
        outcomes: list[SampleOutcome | MoreMemory] = []
        for content in self.contents:
            try:
                data = content.read(self.limits, heartbeat.reading)
                outcomes.append(take_sample_digest(data, self.limits))
            except NeedsMemory as error:
                outcomes.append(MoreMemory(error.size_bytes))
            except (DecodeError, OSError) as error:
                outcomes.append(SampleOutcome(None, why_not_again(error)))
            heartbeat()
        return outcomes


def with_sample_digests(
    collection: Collection, extractor: Extractor, options: RunOptions
) -> Collection:
    """Take the digests of samples of those pictures that another one may equal.

    Parameters
    ----------
    collection : Collection
    extractor : Extractor
        One whose rows were read.
    options : RunOptions

    Returns
    -------
    Collection
        The same, its pictures with `Picture.sample_digest`, or with why it could not be taken.
    """
    whole = (p for p in collection.pictures if not p.facts.raw and not p.facts.damage)
    firsts = list({p.digest: p for p in whole}.values())
    sizes = Counter(map(_size, firsts))
    firsts = [p for p in firsts if sizes[_size(p)] > 1]
    chosen = _that_may_be_equal(firsts, _row_keys(firsts, collection, extractor), options.decode)
    if not chosen:
        return collection
    found = _sample_digests(chosen, options, collection.executor)
    pictures = tuple(
        replace(p, sample_digest=found[p.digest].digest, unchecked=found[p.digest].reason)
        if p.digest in found
        else p
        for p in collection.pictures
    )
    return replace(collection, pictures=pictures)


def sample_digests_of(
    pictures: Sequence[Picture], options: RunOptions, executor: Executor | None = None
) -> dict[str, str | None]:
    """Digests of the samples of pictures, from the cache where it has them; else each is decoded.

    Parameters
    ----------
    pictures : sequence of Picture
        Of different contents.
    options : RunOptions
    executor : Executor or None
        Where they are decoded; it stays open.

    Returns
    -------
    dict of str to (str or None)
        By the digests of the bytes; see `decode.samples.SampleOutcome`.
    """
    found = _sample_digests(pictures, options, executor)
    return {content: one.digest for content, one in found.items()}


def _sample_digests(
    pictures: Sequence[Picture], options: RunOptions, executor: Executor | None
) -> dict[str, SampleOutcome]:
    label = f"samples/{VERSION} {decoder_id(DecodeMode.FULL)}"
    with closing(options.open_cache()) as cache:
        digests = cache.sample_digests(label, [p.digest for p in pictures])
        new = _take([p for p in pictures if p.digest not in digests], executor, options)
        lasting = {content: one.digest for content, one in new.items() if one.lasting}
        cache.keep_sample_digests(label, lasting)
    return {content: SampleOutcome(digest) for content, digest in digests.items()} | new


def _row_keys(
    pictures: Sequence[Picture], collection: Collection, extractor: Extractor
) -> list[bytes] | None:
    """Equal keys for equal rows; None if rows that a network gave may differ by rounding."""
    if extractor.heavy:
        return None
    keys: list[bytes] = []
    for start in range(0, len(pictures), _ROWS):  # not all at once: they may fill the memory
        rows = collection.features(extractor, pictures[start : start + _ROWS]).rows
        keys.extend(blake2b(row.tobytes(), digest_size=16).digest() for row in rows)
    return keys


def _take(
    pictures: Sequence[Picture], executor: Executor | None, options: RunOptions
) -> dict[str, SampleOutcome]:
    if not pictures:
        return {}
    parts = [pictures[i : i + _BATCH] for i in range(0, len(pictures), _BATCH)]
    limits = options.make_decoder(options.jobs)
    batches = [SampleBatch(tuple(map(Content.of, part)), limits) for part in parts]
    stage = options.run_parts("comparing pixels", "image", parts, batches, executor)
    with closing(stage) as results:
        return {picture.digest: one for picture, one in results}


def _that_may_be_equal(
    pictures: Sequence[Picture], keys: Sequence[bytes] | None, mode: DecodeMode
) -> list[Picture]:
    """Those pictures that another one of their size may equal; none is alone in its size."""
    by_size: dict[tuple[int, int, int], list[int]] = {}
    for i, p in enumerate(pictures):
        by_size.setdefault(_size(p), []).append(i)
    chosen: set[int] = set()
    for members in by_size.values():
        chosen |= _alike(pictures, keys, mode, members)
    return [pictures[i] for i in sorted(chosen)]


def _size(picture: Picture) -> tuple[int, int, int]:
    return picture.facts.width, picture.facts.height, picture.facts.frames


def _alike(
    pictures: Sequence[Picture],
    keys: Sequence[bytes] | None,
    mode: DecodeMode,
    members: Sequence[int],
) -> set[int]:
    """Those of one size that another one may equal."""
    thumbnails = np.array(
        [np.frombuffer(bytes.fromhex(pictures[i].facts.thumbnail), np.uint8) for i in members],
        np.int16,
    )
    if keys is None:
        return {members[i] for i in _near(thumbnails, thumbnails, same=True)}
    reduced = [
        mode is DecodeMode.REDUCED and pictures[i].facts.format in ("JPEG", "MPO") for i in members
    ]
    chosen: set[int] = set()
    by_row: dict[tuple[bool, bytes], list[int]] = {}
    for i, jpeg in zip(members, reduced, strict=True):
        by_row.setdefault((jpeg, keys[i]), []).append(i)
    chosen.update(i for equal in by_row.values() if len(equal) > 1 for i in equal)
    jpegs, others = np.flatnonzero(reduced), np.flatnonzero(np.logical_not(reduced))
    for some, against in ((jpegs, others), (others, jpegs)):
        near = _near(thumbnails[some], thumbnails[against], same=False)
        chosen.update(members[some[i]] for i in near)
    return chosen


def _near(some: NDArray[np.int16], others: NDArray[np.int16], *, same: bool) -> NDArray[np.int64]:
    """Places of thumbnails, shape (n, 16), that one of the others is near; not themselves."""
    if len(some) == 0 or len(others) == 0:
        return np.empty(0, np.int64)
    if len(some) * len(others) <= _FEW * _FEW:
        apart = np.abs(some[:, None] - others[None]).max(axis=2)
        if same:
            np.fill_diagonal(apart, MAX_DIFFERENCE + 1)
        return np.flatnonzero(apart.min(axis=1) <= MAX_DIFFERENCE)
    from scipy.spatial import cKDTree

    distance, _ = cKDTree(others).query(
        some, k=[2 if same else 1], p=np.inf, distance_upper_bound=MAX_DIFFERENCE + 0.5
    )
    return np.flatnonzero(np.isfinite(np.ravel(distance)))
