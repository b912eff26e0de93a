"""Reads the metadata of pictures, each content once, and remembers it.

It is read of the members of groups only, unless a keep rule asks for more.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imgsim.decode.decoder import decoder_id
from imgsim.decode.metadata import VERSION, Metadata, read_metadata
from imgsim.decode.spec import DecodeError, DecodeMode, NeedsMemory
from imgsim.executors.base import Executor, Heartbeat, MoreMemory
from imgsim.read.content import Content, ContentBatch
from imgsim.stage_times import staged
from imgsim.types import Picture

if TYPE_CHECKING:  # the programs of workers need none of it
    from imgsim.read.options import RunOptions

_BATCH = 16


@dataclass(frozen=True, slots=True)
class MetadataBatch(ContentBatch):
    """Files whose metadata are to be read; picklable.

    Attributes
    ----------
    history : bool
        Tell whether JPEGs were compressed twice.
    """

    history: bool = False

    def failure(self, reason: str) -> Metadata | None:
        """The metadata of a file whose worker died."""
        return None

    @staged("metadata")
    def run(self, heartbeat: Heartbeat) -> list[Metadata | MoreMemory | None]:
        """Read each file; None where it cannot be read."""
        results: list[Metadata | MoreMemory | None] = []
        for content, needed in zip(self.contents, self.needs, strict=True):
            try:
                self.limits.check_memory(needed)
                data = content.read(self.limits, heartbeat.reading)
                results.append(read_metadata(data, self.limits.max_pixels, history=self.history))
            except NeedsMemory as error:
                results.append(MoreMemory(error.size_bytes))
            except (DecodeError, OSError, MemoryError):  # it could be read before
                results.append(None)
            heartbeat()
        return results


NOT_READ = Metadata()
"""Of a file whose worker was killed, say; it is told from one without metadata by ``is``."""


@staged("metadata")
def metadata_of(
    pictures: Iterable[Picture],
    options: RunOptions,
    executor: Executor | None = None,
    *,
    history: bool = False,
) -> dict[str, Metadata]:
    """Read the metadata of pictures, or take it from the cache.

    Parameters
    ----------
    pictures : iterable of Picture
    options : RunOptions
    executor : Executor or None
        Where the files are read; it stays open. By default workers for this alone.
    history : bool
        Also tell whether JPEGs were compressed twice. That takes a decode of each.

    Returns
    -------
    dict of str to Metadata
        By the digest of the content; `NOT_READ` for a file that could not be read once more.
    """
    wanted = {picture.digest: picture for picture in pictures}
    if not wanted:
        return {}
    reader = f"metadata/{VERSION}{'+history' if history else ''}"
    label = f"{reader} {decoder_id(DecodeMode.FULL)}"
    with closing(options.open_cache()) as cache:
        known = cache.metadata(label, wanted)
        unknown = [picture for digest, picture in wanted.items() if digest not in known]
        new = _read(unknown, options, executor, history)
        cache.keep_metadata(label, new)
    return {digest: known.get(digest) or new.get(digest) or NOT_READ for digest in wanted}


def _read(
    pictures: Sequence[Picture], options: RunOptions, executor: Executor | None, history: bool
) -> dict[str, Metadata]:
    """Metadata by digest, of those files that can be read."""
    if not pictures:
        return {}
    parts = options.divide(pictures, _BATCH)
    limits = options.make_decoder(options.jobs, again=True)
    batches = [
        MetadataBatch(
            tuple(map(Content.of, part)),
            limits,
            tuple(_needed_bytes(picture, history) for picture in part),
            history,
        )
        for part in parts
    ]
    stage = options.run_parts("reading metadata", "image", parts, batches, executor)
    with closing(stage) as results:
        return {picture.digest: one for picture, one in results if one is not None}


def _needed_bytes(picture: Picture, history: bool) -> int:
    facts = picture.facts
    decoded = history and facts.format in ("JPEG", "MPO")
    return facts.decode_bytes if decoded else picture.file.size_bytes
