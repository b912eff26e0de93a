"""The score of a finder on a folder: the share of copies that it found, and its wrong pairs.

One rule for all: files that stand in one reported group are a reported pair. A changed copy is
found if it and its original are such a pair; two files made from different originals are a wrong
one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from imgsim.pictures.copies import Copy

ORIGINAL = "original"


@dataclass(frozen=True, slots=True)
class FinderScore:
    """The copies that a finder found, and the wrong pairs that it reported.

    Attributes
    ----------
    found, copies : dict of str to int
        By change: the copies that were found, and all copies.
    wrong : tuple of pairs of Copy
        Pairs of different pictures, in the order of their names.
    """

    found: dict[str, int]
    copies: dict[str, int]
    wrong: tuple[tuple[Copy, Copy], ...]

    @property
    def recall(self) -> float | None:
        """Of all copies; None where there are none."""
        return sum(self.found.values()) / sum(self.copies.values()) if self.copies else None

    def recall_of(self, change: str) -> float:
        return self.found[change] / self.copies[change]


def score(groups: Iterable[Iterable[str]], copies: Sequence[Copy]) -> FinderScore:
    """Score groups of files, given by their paths or names.

    Raises
    ------
    KeyError
        A file is none of `copies`.
    """
    by_name = {copy.path: copy for copy in copies}
    originals = {copy.label: copy for copy in copies if copy.change == ORIGINAL}
    pairs = {
        pair
        for group in groups
        for pair in combinations(sorted({Path(path).name for path in group}), 2)
    }
    wrong = []
    with_original: set[str] = set()
    for left, right in sorted(pairs):
        a, b = by_name[left], by_name[right]
        if a.label != b.label:
            wrong.append((a, b))
        elif originals[a.label] in (a, b):
            with_original |= {left, right}
    changed = [copy for copy in copies if copy.change != ORIGINAL]
    there = Counter(copy.change for copy in changed)
    hits = Counter(copy.change for copy in changed if copy.path in with_original)
    return FinderScore({change: hits[change] for change in there}, dict(there), tuple(wrong))


def pairs_between(copies: Sequence[Copy]) -> int:
    """Count the pairs of different pictures: as many as could be reported wrongly."""
    n = len(copies)
    alike = Counter(copy.label for copy in copies).values()
    return n * (n - 1) // 2 - sum(k * (k - 1) // 2 for k in alike)
