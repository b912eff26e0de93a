"""Images of which it is known which show the same thing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from imgsim.errors import UsageError
from imgsim.read.discover import printable

Layout = Literal["folder", "prefix", "per-scene", "truth", "pairs"]
LAYOUTS: tuple[Layout, ...] = ("folder", "prefix", "per-scene", "truth", "pairs")

DEFAULT_PREFIX = r"^(.+)_\d+"
"""Group 1 of it, at the beginning of a file's name, is the label."""


SPLITS = frozenset("train valid val validation test query gallery".split())
"""Folders of these names, where nothing else lies beside them, are splits and not classes."""


LISTS = {"truth": "truth.csv", "pairs": "pairs.csv"}
"""Files with labels that are looked for in a folder, by layout."""


SAME = {"1": True, "true": True, "yes": True, "same": True}
SAME |= {"0": False, "false": False, "no": False, "different": False}
"""Values of the column ``same`` in a list of pairs, and what they mean."""


LAYOUTS_HINT = (
    "a folder per class, names such as apple_1.jpg, numbers with --per-scene N,"
    " or a truth.csv (path,label)"
)


@dataclass(frozen=True, slots=True)
class LabelledPair:
    """Two images, as places in `LabelledImages.paths`, and whether they show the same."""

    left: int
    right: int
    same: bool
    split: str = ""


@dataclass(frozen=True, slots=True)
class LabelledImages:
    """Images with a label each, or with pairs of which it is known whether they match.

    Attributes
    ----------
    source : str
        The folder or file they come from.
    layout : {"folder", "prefix", "per-scene", "truth", "pairs"}
        Where the labels stand.
    paths : tuple of str
        Each image once.
    labels : tuple of str
        One per path: images of one label show the same thing. Empty for pairs.
    splits : tuple of str
        One per path, "" where there are none. Empty for pairs, which have their own.
    pairs : tuple of LabelledPair
        Empty unless the layout is pairs.
    """

    source: str
    layout: Layout
    paths: tuple[str, ...]
    labels: tuple[str, ...] = ()
    splits: tuple[str, ...] = ()
    pairs: tuple[LabelledPair, ...] = ()

    @property
    def split_names(self) -> tuple[str, ...]:
        """Names of the splits, in order; empty if there is only one."""
        names = {p.split for p in self.pairs} if self.pairs else set(self.splits)
        return tuple(sorted(names)) if len(names) > 1 else ()

    @property
    def classes(self) -> NDArray[np.int64]:
        """Labels as numbers in order of their text.

        Returns
        -------
        ndarray of int64, shape (n,)
            From 0 on; empty for pairs.
        """
        if not self.labels:
            return np.empty(0, np.int64)
        return np.unique(np.array(self.labels), return_inverse=True)[1].astype(np.int64)

    def pair_arrays(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
        """Return the listed pairs as arrays; there must be some.

        Returns
        -------
        left, right : ndarray of int64, shape (p,)
            Places in `paths`.
        same : ndarray of bool, shape (p,)
            Whether the two show the same.
        """
        left = np.array([p.left for p in self.pairs])
        right = np.array([p.right for p in self.pairs])
        return left, right, np.array([p.same for p in self.pairs])

    def only(self, split: str) -> LabelledImages:
        """Return the images, or the pairs, of one split.

        Raises
        ------
        UsageError
            There is no such split, or too little in it.
        """
        known = {p.split for p in self.pairs} if self.pairs else set(self.splits)
        if split not in known:
            names = ", ".join(sorted(name for name in known if name))
            raise UsageError(
                f"{self.source} has no split {split!r}",
                f"it has {names}" if names else "it has none",
            )
        if self.pairs:
            chosen = [p for p in self.pairs if p.split == split]
            return replace(self, pairs=tuple(chosen)).keep(range(len(self.paths)))
        return self.keep([i for i, name in enumerate(self.splits) if name == split])

    def keep(self, places: Sequence[int]) -> LabelledImages:
        """Return some of the images, such as those that can be read, and what is known of them.

        Raises
        ------
        UsageError
            Too little is left.
        """
        new = {place: i for i, place in enumerate(places)}
        pairs = tuple(
            replace(p, left=new[p.left], right=new[p.right])
            for p in self.pairs
            if p.left in new and p.right in new
        )
        if self.pairs:  # images without a pair are no use
            used = sorted({place for p in pairs for place in (p.left, p.right)})
            places = [places[i] for i in used]
            order = {place: i for i, place in enumerate(used)}
            pairs = tuple(replace(p, left=order[p.left], right=order[p.right]) for p in pairs)
        return checked(
            replace(
                self,
                paths=tuple(self.paths[i] for i in places),
                labels=tuple(self.labels[i] for i in places) if self.labels else (),
                splits=tuple(self.splits[i] for i in places) if self.splits else (),
                pairs=pairs,
            )
        )


def checked(data: LabelledImages) -> LabelledImages:
    """Return the data as they are, if something can be measured on them.

    Raises
    ------
    UsageError
        There are no images, no matching pairs, or no others.
    """
    source = printable(data.source)
    if not data.paths:
        raise UsageError(f"{source} lists no images", "a line for each, below the header")
    if data.layout == "pairs":
        if len({p.same for p in data.pairs}) < 2:
            raise UsageError(
                f"{source}: {len(data.pairs)} pairs, and not both kinds",
                "pairs that are the same and pairs that are not are needed",
            )
        return data
    sizes = Counter(data.labels)
    if len(sizes) < 2:
        raise UsageError(
            f"{source}: {len(data.paths)} images, all of one label",
            "at least two classes are needed, to be told apart",
        )
    if max(sizes.values()) < 2:
        raise UsageError(
            f"{source}: every image has a label of its own", "some must show the same thing"
        )
    return data
