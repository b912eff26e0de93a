"""The images of a data set that a benchmark is run on: those that can be read, drawn by class."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from imgsim.benchmark.measure import shown
from imgsim.benchmark.results import LeftOut
from imgsim.dataset.labelled import LISTS, SPLITS, LabelledImages
from imgsim.read.collect import collect
from imgsim.read.discover import printable
from imgsim.read.options import RunOptions
from imgsim.read.table import Collection


@dataclass(frozen=True, slots=True)
class ReadableImages:
    """The images of a data set that can be read.

    Attributes
    ----------
    images : LabelledImages
    collection : Collection
        As they were read, without features.
    digests : dict of str to str
        Of the bytes of each file, by its path.
    left_out : tuple of LeftOut
        The other images.
    """

    images: LabelledImages
    collection: Collection
    digests: dict[str, str]
    left_out: tuple[LeftOut, ...]


def read_images(data: LabelledImages, options: RunOptions) -> ReadableImages:
    """Read a data set, and leave out the images that cannot be read, with a note.

    Raises
    ------
    UsageError
        Too little is left.
    """
    collection = collect(data.paths, [], options)
    digests = {p.file.path: p.digest for p in collection.pictures}
    for picture in collection.pictures:
        digests |= dict.fromkeys(picture.file.links, picture.digest)
    reasons = {s.path: s.reason for s in collection.skipped}
    left_out = tuple(
        LeftOut(shown(path, root_of(data)), reasons.get(path, "no image, or left out"))
        for path in data.paths
        if path not in digests
    )
    if left_out:
        options.progress.note(
            f"left out {len(left_out)} of {len(data.paths)} files that cannot be read, such as"
            f" {printable(left_out[0].path)}: {left_out[0].reason}"
        )
        data = data.keep([i for i, path in enumerate(data.paths) if path in digests])
    return ReadableImages(data, collection, digests, left_out)


def draw_classes(data: LabelledImages, most: int, seed: int) -> LabelledImages:
    """Draw whole classes until there are so many images; of a list of pairs, keep all."""
    if len(data.paths) <= most or data.pairs:
        return data
    classes = data.classes
    order = np.random.default_rng(seed).permutation(classes.max() + 1)
    kept: list[int] = []
    for number in order:
        members = np.flatnonzero(classes == number)[: most - len(kept)]
        kept.extend(members.tolist())
        if len(kept) >= most:
            break
    return data.keep(sorted(kept))


def contents_digest(data: LabelledImages, digests: Mapping[str, str]) -> str:
    """Compute a digest of the contents and of what is known of them, in order.

    Parameters
    ----------
    data : LabelledImages
    digests : mapping of str to str
        Of the bytes of each file, by its path.
    """
    text: list[str] = [data.layout]
    for i, path in enumerate(data.paths):
        label = data.labels[i] if data.labels else ""
        text.append(f"{digests[path]} {label}")
    text.extend(f"{p.left} {p.right} {p.same}" for p in data.pairs)
    return hashlib.sha256("\n".join(text).encode("utf-8", "surrogateescape")).hexdigest()


def root_of(data: LabelledImages) -> str:
    """Return the folder of a data set, or the one that its list of labels lies in."""
    return data.source if os.path.isdir(data.source) else os.path.dirname(data.source)


def data_name(source: str) -> str:
    """Return the last part of a path, with the one before it if it is the name of a split.

    That of the folder, where the labels stand in a list with the name that is looked for in one.
    """
    parts = os.path.abspath(source).split(os.sep)
    if parts[-1] in LISTS.values():
        parts = parts[:-1]
    return shown("/".join(parts[-2:] if parts[-1].lower() in SPLITS else parts[-1:]))
