"""Looks for damage that a decoder hides, in those files for which it matters.

It costs another decode, so it is looked for in the members of groups only: no other file is kept or
removed. What the cache knows of other files is not used, so a result does not depend on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from imgsim.decode.damage import hidden_fault
from imgsim.decode.decoder import decoder_id
from imgsim.decode.spec import DecodeError, DecodeMode, NeedsMemory
from imgsim.executors.base import Heartbeat, MoreMemory
from imgsim.read.content import Content, ContentBatch, why_not_again
from imgsim.read.table import Collection
from imgsim.stage_times import staged
from imgsim.types import Picture

if TYPE_CHECKING:  # the programs of workers need none of it
    from imgsim.read.options import RunOptions

HIDING_FORMATS = frozenset({"JPEG", "MPO", "GIF", "PNG", "TIFF"})
"""Formats whose decoders hide damage that can be found."""

_BATCH = 16
_VERSION = 3
"""Raise it when more damage is found: what the cache knows is void then."""


class DamageOutcome(NamedTuple):
    """What is wrong with a file.

    Attributes
    ----------
    fault : str
        Empty if nothing is wrong, or is not known.
    reason : str
        Why it could not be checked; empty if it was.
    """

    fault: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class DamageBatch(ContentBatch):
    """Files that are to be decoded strictly; picklable."""

    def failure(self, reason: str) -> DamageOutcome:
        """The outcome of a file whose worker died."""
        return DamageOutcome("", reason)

    @staged("checking")
    def run(self, heartbeat: Heartbeat) -> list[DamageOutcome | MoreMemory]:
        """Decode each file strictly, and say what is wrong with it."""
        faults: list[DamageOutcome | MoreMemory] = []
        for content, needed in zip(self.contents, self.needs, strict=True):
            try:
                self.limits.check_memory(needed)
                data = content.read(self.limits, heartbeat.reading)
                faults.append(DamageOutcome(hidden_fault(data, self.limits.max_pixels)))
            except NeedsMemory as error:
                faults.append(MoreMemory(error.size_bytes))
            except (DecodeError, OSError, MemoryError) as error:
                faults.append(DamageOutcome("", why_not_again(error)))
            heartbeat()
        return faults


class HiddenDamage:
    """Looks for hidden damage in files of a collection, in each content once.

    Parameters
    ----------
    collection : Collection
    options : RunOptions

    Attributes
    ----------
    collection : Collection
        With the damage that was found in the facts of its pictures, and with
        `Picture.unchecked` where it could not be looked for.
    """

    def __init__(self, collection: Collection, options: RunOptions) -> None:
        self.collection = collection
        self._options = options
        self._checked: set[str] = set()
        self._label = f"damage {_VERSION} {decoder_id(DecodeMode.FULL)}"

    def look_in(self, pictures: Sequence[Picture]) -> bool:
        """Check those pictures that were not checked before.

        Returns
        -------
        bool
            One of them is damaged, or could not be checked.
        """
        unchecked = {p.digest: p for p in pictures if _may_hide_damage(p)}
        unchecked = {d: p for d, p in unchecked.items() if d not in self._checked}
        if not unchecked:
            return False
        self._checked |= unchecked.keys()
        # texts are kept as digests of samples are, in hexadecimal
        with closing(self._options.open_cache()) as cache:
            texts = cache.sample_digests(self._label, list(unchecked))
            new = self._check([p for d, p in unchecked.items() if d not in texts])
            told = {d: one.fault for d, one in new.items() if not one.reason}
            cache.keep_sample_digests(
                self._label, {d: fault.encode().hex() or None for d, fault in told.items()}
            )
        faults = {d: bytes.fromhex(text).decode() for d, text in texts.items() if text} | told
        faults = {digest: fault for digest, fault in faults.items() if fault}
        reasons = {digest: one.reason for digest, one in new.items() if one.reason}
        self.collection = replace(
            self.collection,
            pictures=tuple(
                replace(p, facts=replace(p.facts, damage=faults[p.digest]))
                if p.digest in faults
                else replace(p, unchecked=reasons.get(p.digest) or p.unchecked)
                for p in self.collection.pictures
            ),
        )
        return bool(faults or reasons)

    def mark_unchecked(self, digests: set[str], reason: str) -> bool:
        """Say of pictures why they could not be read once more, and tell whether one is new."""
        new = False
        pictures = []
        for p in self.collection.pictures:
            if p.digest in digests and not p.unchecked:
                p, new = replace(p, unchecked=reason), True
            pictures.append(p)
        self.collection = replace(self.collection, pictures=tuple(pictures))
        return new

    def mark_suspects(self, identities: set[str]) -> bool:
        """Mark pictures as suspect, and tell whether one was not."""
        new = False
        pictures = []
        for p in self.collection.pictures:
            if p.identity in identities and not p.suspect:
                p, new = replace(p, suspect=True), True
            pictures.append(p)
        self.collection = replace(self.collection, pictures=tuple(pictures))
        return new

    def _check(self, pictures: Sequence[Picture]) -> dict[str, DamageOutcome]:
        """What is wrong with some pictures, by digest."""
        if not pictures:
            return {}
        options = self._options
        parts = options.divide(pictures, _BATCH)
        limits = options.make_decoder(options.jobs, again=True)
        batches = [
            DamageBatch(
                tuple(map(Content.of, part)), limits, tuple(p.facts.decode_bytes for p in part)
            )
            for part in parts
        ]
        executor = self.collection.executor
        stage = options.run_parts("checking for damage", "image", parts, batches, executor)
        with closing(stage) as results:
            return {picture.digest: one for picture, one in results}


def _may_hide_damage(picture: Picture) -> bool:
    facts = picture.facts
    # of several pictures in a file the first one was decoded
    strictly = facts.decoded_strictly and facts.format != "MPO"
    hides = facts.format in HIDING_FORMATS and not strictly
    return hides and not facts.raw and not facts.damage
