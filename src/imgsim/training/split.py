"""Which images a network is trained on, and which are held out so that nothing leaks.

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
from imgsim.read.options import RunOptions
from imgsim.read.table import Collection
from imgsim.training.loop import write_whole
from imgsim.types import Picture

FAMILY = DctHash(size=16)
"""The comparator that finds families."""

Classes = Literal["auto", "folder", "prefix"]
"""Where the class of an image is told: by its folder, or by the beginning of its name."""

_WAYS: tuple[Literal["folder", "prefix"], ...] = ("folder", "prefix")
_COLUMNS = ("path", "split", "family", "class")
_NUMBER = re.compile(r"[\s_.-]*\(?\d+\)?$")


@dataclass(frozen=True, slots=True)
class Split:
    """Images of a folder, and the side on which each stands.

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
        """Places of the pictures that are trained on."""
        return np.flatnonzero(~self.held_out)

    @property
    def held_out_rows(self) -> NDArray[np.int64]:
        """Places of the pictures that are held out."""
        return np.flatnonzero(self.held_out)


def families(collection: Collection, options: RunOptions) -> NDArray[np.int64]:
    """Number the families of a collection that has rows of `FAMILY`.

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
        for found in engine.within(FAMILY.preset_distance("loose")):
            for left, right in zip(found.left, found.right, strict=True):
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
    share : float
        Of each class, in 0..1; at least one image where the class has two families.
    seed : int

    Returns
    -------
    ndarray of bool, shape (n,)
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


def class_of(path: str, how: Literal["folder", "prefix"]) -> str:
    """The class that a path tells.

    ``folder``: the name of the folder that it lies in. ``prefix``: its name without the ending and
    the number before it, so that ``great_pyrenees_12.jpg`` is a great_pyrenees.
    """
    if how == "folder":
        return os.path.basename(os.path.dirname(os.path.abspath(path)))
    stem = os.path.splitext(os.path.basename(path))[0]
    return _NUMBER.sub("", stem) or stem


def classes_of(paths: Sequence[str], how: Classes) -> tuple[str, ...]:
    """The class of each path; ``auto`` takes folders where there are several, else prefixes.

    Raises
    ------
    UsageError
        There are fewer than two classes, or as many as images.
    """
    found: tuple[str, ...] = ()
    for one in _WAYS if how == "auto" else (how,):
        found = tuple(class_of(path, one) for path in paths)
        if 2 <= len(set(found)) < len(found):
            return found
    what = "only one class" if len(set(found)) < 2 else "a class of its own for every image"
    raise UsageError(
        f"no classes to learn from: {what}",
        "sort the images into a folder for each class, or name them CLASS_1.jpg, CLASS_2.jpg ...",
    )


def write_split(split: Split, path: Path) -> None:
    """Save a split as CSV: path, split (train or valid), family, class."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(_COLUMNS)
    for picture, family, out, name in zip(
        split.pictures, split.families, split.held_out, split.classes, strict=True
    ):
        table.writerow([picture.file.path, "valid" if out else "train", family, name])
    write_whole(path, text.getvalue().encode("utf-8", "surrogateescape"))


def read_split(path: Path, pictures: Sequence[Picture]) -> NDArray[np.bool_]:
    """Which pictures a CSV with the columns path and split holds out (split: valid, val or test).

    Raises
    ------
    UsageError
        It cannot be read, or does not speak of these pictures.
    """
    try:
        text = path.read_bytes().decode("utf-8", "surrogateescape")
        rows = list(csv.DictReader(io.StringIO(text)))
        sides = {os.path.abspath(row["path"]): row["split"].strip().lower() for row in rows}
    except (OSError, KeyError, AttributeError, csv.Error) as error:
        raise UsageError(
            f"cannot read the split {path}: {error}", "a CSV with the columns path and split"
        ) from None
    wrong = {side for side in sides.values() if side not in {"train", *_HELD_OUT}}
    if wrong:
        raise UsageError(f"{path}: no split {sorted(wrong)[0]!r}", "write train or valid")
    missing = [p for p in pictures if os.path.abspath(p.file.path) not in sides]
    if missing:
        raise UsageError(
            f"{path} does not name {len(missing)} of {len(pictures)} images,"
            f" such as {missing[0].file.path}",
            "name every image in it, or leave it out",
        )
    return np.array([sides[os.path.abspath(p.file.path)] in _HELD_OUT for p in pictures], bool)


_HELD_OUT = ("valid", "val", "validation", "test")


def divide(
    collection: Collection,
    classes: Sequence[str],
    share: float,
    seed: int,
    options: RunOptions,
    given: Path | None,
) -> Split:
    """Divide the pictures of a collection, at random by family or as a CSV says.

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
    own = families(collection, options)
    out = read_split(given, pictures) if given else hold_out(own, classes, share, seed)
    if out.all() or not out.any():
        raise UsageError(
            f"nothing {'to train on' if out.all() else 'can be held out'}:"
            f" {len(pictures)} images in {len(np.unique(own))} families of near duplicates",
            "name a folder with more different images, or a --split FILE.csv",
        )
    return Split(pictures, tuple(classes), own, out)


def leaks(split: Split) -> int:
    """How many held-out pictures are of a family that is trained on (a given split may do so)."""
    trained = np.unique(split.families[~split.held_out])
    return int(np.isin(split.families[split.held_out], trained).sum())
