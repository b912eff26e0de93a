"""Divides images into those that a network is trained on and those that are held out.

Copies and near duplicates fall on the same side: images that the hash of find-dupes matches, at
its loose preset and over any number of steps, are one family, and families are never divided.
"""

from __future__ import annotations

import csv
import io
import os
import re
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators.hashes import DctHash
from imgsim.errors import UsageError
from imgsim.neighbours.build import make_engine
from imgsim.read.manifests.reading import read_manifest
from imgsim.read.options import RunOptions
from imgsim.read.table import Collection
from imgsim.training.loop import write_whole
from imgsim.types import Picture

FAMILY = DctHash(size=16)
"""The comparator that finds families."""

ClassSource = Literal["auto", "folder", "prefix"]
"""Where the class of an image stands: in its folder's name, or at the beginning of its own."""

_CLASS_SOURCES: tuple[Literal["folder", "prefix"], ...] = ("folder", "prefix")
_HELD_OUT_NAMES = ("valid", "val", "validation", "test")
_COLUMNS = ("path", "split", "family", "class")
_NUMBER = re.compile(r"[\s_.-]*\(?\d+\)?$")


@dataclass(frozen=True, slots=True)
class TrainingSplit:
    """Images of a folder, and which of them are held out.

    Attributes
    ----------
    pictures : tuple of Picture
        In order of their paths.
    classes : tuple of str
        Of each picture; empty texts where there are none.
    families : ndarray of int64, shape (n,)
        Pictures with the same number are copies or near duplicates of each other.
    held_out : ndarray of bool, shape (n,)
    """

    pictures: tuple[Picture, ...]
    classes: tuple[str, ...]
    families: NDArray[np.int64]
    held_out: NDArray[np.bool_]

    @property
    def train_rows(self) -> NDArray[np.int64]:
        """Indices of the pictures that are trained on, int64, shape (n,), ascending."""
        return np.flatnonzero(~self.held_out)

    @property
    def held_out_rows(self) -> NDArray[np.int64]:
        """Indices of the pictures that are held out, int64, shape (n,), ascending."""
        return np.flatnonzero(self.held_out)

    @property
    def class_names(self) -> tuple[str, ...]:
        """The different classes, sorted."""
        return tuple(sorted(set(self.classes)))

    @property
    def labels(self) -> NDArray[np.int64]:
        """Index of each picture's class in `class_names`, int64, shape (n,)."""
        return np.unique(self.classes, return_inverse=True)[1].astype(np.int64)


def find_families(collection: Collection, options: RunOptions) -> NDArray[np.int64]:
    """Number the families of near duplicates in a collection.

    Parameters
    ----------
    collection : Collection
        With rows of `FAMILY`.
    options : RunOptions

    Returns
    -------
    ndarray of int64, shape (n,)
        Families are numbered in order of their first picture.
    """
    pictures = collection.pictures
    parent = list(range(len(pictures)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    def join(left: int, right: int) -> None:
        one, other = sorted((root(left), root(right)))
        parent[other] = one

    firsts: dict[Hashable, int] = {}
    for i, picture in enumerate(pictures):
        join(firsts.setdefault(picture.digest, i), i)
    # a flat image has a hash that says nothing: it is near only to what its pixels equal
    detailed = [i for i, picture in enumerate(pictures) if not picture.facts.flat]
    for i, picture in enumerate(pictures):
        if picture.facts.flat and picture.facts.pixel_digest:
            join(firsts.setdefault(("pixels", picture.facts.pixel_digest), i), i)
    if detailed:
        rows = collection.features(FAMILY.extractor, [pictures[i] for i in detailed]).rows
        engine = make_engine(FAMILY, rows, options)
        for pairs in engine.within(FAMILY.preset_distance("loose")):
            for left, right in zip(pairs.left, pairs.right, strict=True):
                join(detailed[left], detailed[right])
    numbers: dict[int, int] = {}
    return np.array(
        [numbers.setdefault(root(i), len(numbers)) for i in range(len(pictures))], np.int64
    )


def hold_out(
    families: NDArray[np.int64], classes: Sequence[str], share: float, seed: int
) -> NDArray[np.bool_]:
    """Choose whole families until about a share of each class is held out.

    A family that is larger than what may be held out of its class stays in training.

    Parameters
    ----------
    families : ndarray of int64, shape (n,)
    classes : sequence of str
        Of each picture, length n.
    share : float
        Of each class, in 0..1; at least one image where the class has two families.
    seed : int

    Returns
    -------
    ndarray of bool, shape (n,)
        Whether each picture is held out.
    """
    members: dict[int, list[int]] = {}
    for i, family in enumerate(families):
        members.setdefault(int(family), []).append(i)
    room = {name: max(1, round(share * n)) for name, n in Counter(classes).items()}
    left = Counter(classes)
    chosen = np.zeros(len(families), bool)
    order = list(members)
    np.random.default_rng(seed).shuffle(order)
    for family in order:
        wanted = Counter(classes[i] for i in members[family])
        if all(n <= room[name] and n < left[name] for name, n in wanted.items()):
            chosen[members[family]] = True
            for name, n in wanted.items():
                room[name] -= n
                left[name] -= n
    return chosen


def class_of_path(path: str, source: Literal["folder", "prefix"]) -> str:
    """Return the class that stands in a path.

    ``folder``: the name of the folder that it lies in. ``prefix``: its name without the ending and
    the number before it, so that ``great_pyrenees_12.jpg`` is a great_pyrenees.
    """
    if source == "folder":
        return os.path.basename(os.path.dirname(os.path.abspath(path)))
    stem = os.path.splitext(os.path.basename(path))[0]
    return _NUMBER.sub("", stem) or stem


def classes_of_paths(paths: Sequence[str], source: ClassSource) -> tuple[str, ...]:
    """Return the class of each path; ``auto`` takes folders where there are several, else prefixes.

    Raises
    ------
    UsageError
        There are fewer than two classes, or as many as images.
    """
    classes: tuple[str, ...] = ()
    for one in _CLASS_SOURCES if source == "auto" else (source,):
        classes = tuple(class_of_path(path, one) for path in paths)
        if 2 <= len(set(classes)) < len(classes):
            return classes
    problem = "only one class" if len(set(classes)) < 2 else "a class of its own for every image"
    raise UsageError(
        f"no classes to learn from: {problem}",
        "sort the images into a folder for each class, or name them CLASS_1.jpg, CLASS_2.jpg ...",
    )


def write_split(split: TrainingSplit, path: Path) -> None:
    """Save a split as CSV: path, split (train or valid), family, class."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(_COLUMNS)
    for picture, family, held_out, name in zip(
        split.pictures, split.families, split.held_out, split.classes, strict=True
    ):
        table.writerow([picture.file.path, "valid" if held_out else "train", family, name])
    write_whole(path, text.getvalue().encode("utf-8", "surrogateescape"))


def read_split(path: Path, pictures: Sequence[Picture]) -> NDArray[np.bool_]:
    """Read from a manifest which pictures are held out.

    Parameters
    ----------
    path : Path
        Its column of splits says train; or valid, val, validation or test for what is held out.
    pictures : sequence of Picture
        All must be named in it, or a folder around them.

    Returns
    -------
    ndarray of bool, shape (n,)
        Whether each picture is held out.

    Raises
    ------
    UsageError
        It cannot be read, has another split, or does not name all of the pictures.
    """
    manifest = read_manifest(path)
    wrong = set(map(str.lower, manifest.by_split())) - {"train", *_HELD_OUT_NAMES}
    if wrong:
        raise UsageError(f"{path}: no split {sorted(wrong)[0]!r}", "write train or valid")
    splits = manifest.split_values()
    of_pictures = [splits.of(picture.file.path).lower() for picture in pictures]
    missing = [p for p, split in zip(pictures, of_pictures, strict=True) if not split]
    if missing:
        raise UsageError(
            f"{path} does not name {len(missing)} of {len(pictures)} images,"
            f" such as {missing[0].file.path}",
            "name every image in it, or leave it out",
        )
    return np.array([split in _HELD_OUT_NAMES for split in of_pictures], bool)


def divide(
    collection: Collection,
    classes: Sequence[str],
    share: float,
    seed: int,
    options: RunOptions,
    split_file: Path | None,
) -> TrainingSplit:
    """Divide the pictures of a collection, at random by family or as a CSV says.

    Parameters
    ----------
    collection : Collection
        With rows of `FAMILY`.
    classes : sequence of str
        Of each picture; empty texts where there are none.
    share : float
        To be held out of each class, in 0..1.
    seed : int
    options : RunOptions
    split_file : Path or None
        A manifest, see `read_split`; share and seed then do not matter.

    Raises
    ------
    UsageError
        Nothing would be left on one of the sides, or the CSV does not fit.
    """
    if not 0 < share < 1:
        raise UsageError(f"a share of {share:g} cannot be held out", "give one between 0 and 1")
    pictures = collection.pictures
    if len(pictures) < 2:
        raise UsageError(
            f"too few images to train on: {len(pictures)} readable", "name a larger folder"
        )
    families = find_families(collection, options)
    if split_file:
        held_out = read_split(split_file, pictures)
    else:
        held_out = hold_out(families, classes, share, seed)
    if held_out.all() or not held_out.any():
        raise UsageError(
            f"nothing {'to train on' if held_out.all() else 'can be held out'}:"
            f" {len(pictures)} images in {len(np.unique(families))} families of near duplicates",
            "name a folder with more different images, or a --split FILE",
        )
    return TrainingSplit(pictures, tuple(classes), families, held_out)


def count_leaks(split: TrainingSplit) -> int:
    """Count the held-out pictures of a family that is trained on (a split from a CSV may do so)."""
    trained = np.unique(split.families[~split.held_out])
    return int(np.isin(split.families[split.held_out], trained).sum())
