"""Finds the masks and label maps among pictures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from imgsim.decode.label_maps import VERSION, LabelMap, find_label_map, names_a_label_map
from imgsim.decode.spec import DecodeError, NeedsMemory
from imgsim.executors.base import Executor, Heartbeat, MoreMemory
from imgsim.read.content import Content, ContentBatch
from imgsim.read.table import Collection
from imgsim.stage_times import staged
from imgsim.types import Picture

if TYPE_CHECKING:  # the programs of workers need none of it
    from imgsim.read.options import RunOptions

_BATCH = 8
_MOST_BYTES = {"PNG": 0.12, "GIF": 0.12, "TIFF": 2.1, "BMP": 1.1, "PPM": 2.1}
"""Bytes per pixel, by format: regions compress well; what is not compressed has one channel."""

_HEADERS = 4096
_LABEL = f"label-map/{VERSION}"


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What a file is; `lasting` if its content says so."""

    found: LabelMap | None
    lasting: bool


@dataclass(frozen=True, slots=True)
class _LabelMapBatch(ContentBatch):
    """Files that may be label maps; picklable."""

    def failure(self, reason: str) -> _Outcome:
        """The outcome of a file whose worker died."""
        return _Outcome(None, lasting=False)

    @staged("checking")
    def run(self, heartbeat: Heartbeat) -> list[_Outcome | MoreMemory]:
        """Read and decode; `heartbeat` is called after each file."""
        outcomes: list[_Outcome | MoreMemory] = []
        most = self.limits.share or self.limits.max_memory
        for content in self.contents:
            try:
                data = content.read(self.limits, heartbeat.reading)
                outcomes.append(_Outcome(find_label_map(data, most), lasting=True))
            except NeedsMemory as error:
                outcomes.append(MoreMemory(error.size_bytes))
            except (DecodeError, OSError, ValueError, SyntaxError):  # it could be read before
                outcomes.append(_Outcome(None, lasting=False))
            heartbeat()
        return outcomes


def label_maps_among(
    pictures: Iterable[Picture], options: RunOptions, executor: Executor | None = None
) -> set[str]:
    """Find the masks and label maps among pictures.

    Those whose samples may as well be a chart or a logo (three channels, a palette of any colours,
    one level alone) count only where their name or a folder says that they are.

    Parameters
    ----------
    pictures : iterable of Picture
    options : RunOptions
    executor : Executor, optional
        Where files are decoded; it stays open.

    Returns
    -------
    set of str
        Their paths.
    """
    possible = [p for p in pictures if _may_be_label_map(p)]
    firsts = list({p.digest: p for p in possible}.values())
    if not firsts:
        return set()
    with closing(options.open_cache()) as cache:
        known = cache.sample_digests(_LABEL, [p.digest for p in firsts])
        new = _look([p for p in firsts if p.digest not in known], options, executor)
        lasting = {digest: _packed(one.found) for digest, one in new.items() if one.lasting}
        cache.keep_sample_digests(_LABEL, lasting)
    told = {digest: _unpacked(text) for digest, text in known.items()}
    told |= {digest: one.found for digest, one in new.items()}
    return {
        p.file.path
        for p in possible
        if (found := told.get(p.digest)) is not None
        and (found.certain or names_a_label_map(p.file.path))
    }


def _may_be_label_map(picture: Picture) -> bool:
    """Tell from the size of a file whether it may hold regions of few levels: most hold a photo."""
    facts = picture.facts
    if not facts.lossless or facts.frames > 1 or facts.raw:
        return False
    most = _MOST_BYTES.get(facts.format, 0.0)
    return picture.file.size_bytes <= most * facts.width * facts.height + _HEADERS


def _look(
    pictures: Sequence[Picture], options: RunOptions, executor: Executor | None
) -> dict[str, _Outcome]:
    if not pictures:
        return {}
    parts = [pictures[i : i + _BATCH] for i in range(0, len(pictures), _BATCH)]
    limits = options.make_decoder(options.jobs, again=True)
    batches = [_LabelMapBatch(tuple(map(Content.of, part)), limits) for part in parts]
    stage = options.run_parts("telling label maps", "image", parts, batches, executor)
    with closing(stage) as results:
        return {picture.digest: one for picture, one in results}


def _packed(found: LabelMap | None) -> str | None:
    """Return what the cache keeps of a content, in hexadecimal digits."""
    return None if found is None else f"{found.certain:02x}{found.levels:04x}"


def _unpacked(text: str | None) -> LabelMap | None:
    return None if text is None else LabelMap(int(text[2:], 16), text[:2] == "01")


def without_label_maps(collection: Collection, options: RunOptions) -> tuple[Collection, int]:
    """Leave masks and label maps out.

    Parameters
    ----------
    collection : Collection
    options : RunOptions

    Returns
    -------
    Collection
    int
        How many were left out.
    """
    paths = label_maps_among(collection.pictures, options, collection.executor)
    kept = tuple(p for p in collection.pictures if p.file.path not in paths)
    return replace(collection, pictures=kept), len(paths)
