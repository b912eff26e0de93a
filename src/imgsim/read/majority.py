"""Finds kept files that differ from the majority of their group in a few blocks.

Damage that no decoder can notice (a changed sample of a BMP, a bit of compressed data that stays
valid) leaves most of a picture as it was, to the last bit. Where more files of the same size agree
on other samples, the one that differs from them is suspect.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from imgsim.decode.decoder import Decoder, decoder_id
from imgsim.decode.memory import result_bytes
from imgsim.decode.spec import DecodeError, DecodeMode, InputSpec, NeedsMemory
from imgsim.executors.base import Heartbeat, MoreMemory
from imgsim.read.content import Content
from imgsim.read.table import Collection
from imgsim.stage_times import staged
from imgsim.types import Group, Picture, Verdict

if TYPE_CHECKING:  # the programs of workers need none of it
    from imgsim.read.options import RunOptions

MAX_CHANGED = 0.05
"""Of two pictures that differ by damage at most this share of the blocks differ at all. (Another
encoding, or another picture, differs nearly everywhere.)"""

_SIDE = 16
_SAMPLES = InputSpec(0, 0, "rgb")


@dataclass(frozen=True, slots=True)
class ComparisonBatch:
    """Pairs of files of one size whose samples are to be compared; picklable.

    Attributes
    ----------
    pairs : tuple of (Content, Content)
    needs : tuple of int
        Bytes that comparing each pair takes.
    limits : Decoder
    """

    pairs: tuple[tuple[Content, Content], ...]
    needs: tuple[int, ...]
    limits: Decoder

    def __len__(self) -> int:
        return len(self.pairs)

    def part(self, start: int, stop: int) -> ComparisonBatch:
        """A batch of some of the pairs."""
        some = slice(start, stop)
        return replace(self, pairs=self.pairs[some], needs=self.needs[some])

    def failure(self, reason: str) -> float | None:
        """The outcome of a pair whose worker died."""
        return None

    def with_memory(self, size_bytes: int) -> ComparisonBatch:
        """The same pairs, each of which may take so many bytes."""
        return replace(self, limits=replace(self.limits, share=size_bytes))

    @staged("checking")
    def run(self, heartbeat: Heartbeat) -> list[float | MoreMemory | None]:
        """Return the share of blocks that differ of each pair, None if one cannot be read."""
        shares: list[float | MoreMemory | None] = []
        for pair, needed in zip(self.pairs, self.needs, strict=True):
            try:
                self.limits.check_memory(needed)
                samples = []
                for content in pair:
                    data = content.read(self.limits, heartbeat.reading)
                    samples.append(self.limits(data, [_SAMPLES]).images[_SAMPLES])
                shares.append(changed_blocks(*samples))
            except NeedsMemory as error:
                shares.append(MoreMemory(error.size_bytes))
            except (OSError, DecodeError):  # it could be read before
                shares.append(None)
            heartbeat()
        return shares


def changed_blocks(left: NDArray[np.uint8], right: NDArray[np.uint8]) -> float:
    """Return the share of blocks of 16 x 16 in which two pictures differ at all.

    Parameters
    ----------
    left, right : ndarray of uint8, shape (h, w, c)

    Returns
    -------
    float
        1 if the shapes differ.
    """
    if left.shape != right.shape:
        return 1.0
    differs = (left != right).any(axis=2)
    rows = np.add.reduceat(differs, np.arange(0, differs.shape[0], _SIDE), axis=0)
    blocks = np.add.reduceat(rows, np.arange(0, differs.shape[1], _SIDE), axis=1)
    return float((blocks > 0).mean())


class Suspects(NamedTuple):
    """What `find_suspects` returns."""

    suspects: set[str]
    lost: set[str]


def find_suspects(groups: Sequence[Group], collection: Collection, options: RunOptions) -> Suspects:
    """Find the kept files that differ in a few blocks from what more of their group agree on.

    Parameters
    ----------
    groups : sequence of Group
    collection : Collection
        Whose executor decodes.
    options : RunOptions

    Returns
    -------
    suspects : set of str
        Identities (see `Picture.identity`) of pictures to be kept only if no other can be.
    lost : set of str
        Digests of kept files that could not be compared, since one cannot be read, or a worker
        died.
    """
    pairs = [pair for group in groups if (pair := _kept_and_majority(group)) is not None]
    if not pairs:
        return Suspects(set(), set())
    label = f"changed blocks/1 {decoder_id(DecodeMode.FULL)}"
    with closing(options.open_cache()) as cache:
        known = cache.verdicts(label, [kept.digest for kept, _ in pairs])
        shares = {contents: verdict.residual for contents, verdict in known.items()}
        new = [pair for pair in pairs if _contents(pair) not in shares]
        fresh = _compare(new, collection, options)
        cache.keep_verdicts(label, {contents: Verdict(share) for contents, share in fresh.items()})
    shares |= fresh
    known_pairs = [(pair[0], shares.get(_contents(pair))) for pair in pairs]
    return Suspects(
        {kept.identity for kept, share in known_pairs if share and share <= MAX_CHANGED},
        {kept.digest for kept, share in known_pairs if share is None},
    )


def _contents(pair: tuple[Picture, Picture]) -> tuple[str, str]:
    return pair[0].digest, pair[1].digest


def _kept_and_majority(group: Group) -> tuple[Picture, Picture] | None:
    """Return the kept picture and one on which more files agree, if such a one has its size."""
    kept = group.kept
    if kept.facts.damage or kept.file.reference:
        return None
    agreeing: dict[str, list[Picture]] = {}
    for member in group.members:
        one = member.picture
        size = one.facts.width, one.facts.height
        if size == (kept.facts.width, kept.facts.height) and not one.facts.damage:
            agreeing.setdefault(one.identity, []).append(one)
    most = max(agreeing.values(), key=lambda pictures: (len(pictures), pictures[0].digest))
    if len(most) <= len(agreeing[kept.identity]):
        return None
    return kept, min(most, key=lambda p: os.fsencode(p.file.path))


def _compare(
    pairs: Sequence[tuple[Picture, Picture]], collection: Collection, options: RunOptions
) -> dict[tuple[str, str], float]:
    """Shares of blocks that differ, by contents, of those pairs that could be read."""
    if not pairs:
        return {}
    limits = replace(options.make_decoder(options.jobs, again=True), mode=DecodeMode.FULL)
    batches = [
        ComparisonBatch(((Content.of(kept), Content.of(other)),), (_needed(kept, other),), limits)
        for kept, other in pairs
    ]
    shares: dict[tuple[str, str], float] = {}
    with closing(options.run_items(batches, collection.executor)) as results:
        for number, some in results:
            for share in some.values():
                if share is not None:
                    shares[_contents(pairs[number])] = share
    return shares


def _needed(kept: Picture, other: Picture) -> int:
    """Bytes that decoding one of two pictures and holding the samples of both take."""
    decoding = max(kept.facts.decode_bytes, other.facts.decode_bytes)
    results = result_bytes(kept.facts.width, kept.facts.height, DecodeMode.FULL, (_SAMPLES,))
    return decoding + results + 8 * kept.pixels
