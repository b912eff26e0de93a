"""Matched pictures of different splits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from imgsim.group.rules import MayMatch, Rules, classes_of, flat_keys
from imgsim.tasks.leaks.results import Leak, MatchedContent, path_order
from imgsim.types import SURENESS, Candidates, Member, NotCompared, Picture, Transform, kind_of

ACROSS_SPLITS = Rules(isolate=True)
"""The root of every picture is the name of its split here, so this isolates the splits."""


class Across:
    """Matched classes of pictures, as far as they stand in different splits.

    Parameters
    ----------
    pictures : sequence of Picture
        The smallest split first; `file.root` is the split.
    classes : sequence of ndarray of int64
        Pictures of one split that no match tells apart, see `Rules.key`; in order of their
        first picture, so that the left one of a pair is in the smaller split.
    number : mapping of str to int
        Splits by size.
    transform : callable, optional
        How a picture of a larger split lies upon one of a smaller one, where that is known.

    Attributes
    ----------
    pairs_left_out : int
        Pairs that were not compared, see `RecipeRun.left_out`.
    """

    def __init__(
        self,
        pictures: Sequence[Picture],
        classes: Sequence[NDArray[np.int64]],
        number: Mapping[str, int],
        transform: Callable[[Picture, Picture], Transform | None] = lambda picture, other: None,
    ) -> None:
        self.pairs_left_out = 0
        self.not_compared: tuple[NotCompared, ...] = ()
        self._transform = transform
        self.pictures = pictures
        self.classes = classes
        firsts = [pictures[members[0]] for members in classes]
        self._names = list(number)
        self._split = np.array([number[p.file.root] for p in firsts], np.int64)
        self._may_match = MayMatch(firsts, ACROSS_SPLITS)
        self._size = np.array([len(members) for members in classes], np.int64)
        # what comes after a picture of the largest split is in the same split
        self.closed = self._split == len(number) - 1
        self._blocks: list[Candidates] = []
        self._copies: dict[int, dict[str, list[int]]] = {}  # of a class, by content

    def add(self, candidates: Candidates) -> None:
        """Take a block of matched classes, and keep what lies across splits."""
        left, right = candidates.left, candidates.right
        across = self._may_match(left, right)
        if across.any():
            block = (left[across], right[across], candidates.distance[across])
            self._blocks.append(Candidates(*block))

    def leave_out(self, is_decided: Callable[[Picture, Picture], bool]) -> int:
        """Drop the matched classes of which every two files were decided on.

        Parameters
        ----------
        is_decided : callable
            Tells it of two pictures.

        Returns
        -------
        int
            Pairs of pictures that are left out.
        """
        left_out = 0
        blocks = []
        for block in self._blocks:
            ends = zip(block.left.tolist(), block.right.tolist(), strict=True)
            stays = np.array([not self._all_decided(*pair, is_decided) for pair in ends], bool)
            left_out += int((self._size[block.left] * self._size[block.right])[~stays].sum())
            kept = (block.left[stays], block.right[stays], block.distance[stays])
            blocks.append(Candidates(*kept))
        self._blocks = [block for block in blocks if len(block.left)]
        return left_out

    def _all_decided(
        self, left: int, right: int, is_decided: Callable[[Picture, Picture], bool]
    ) -> bool:
        return all(
            is_decided(self.pictures[one], self.pictures[other])
            for one in self.classes[left]
            for other in self.classes[right]
        )

    def leaks(self, k: int, label_of: Callable[[Picture], str] | None = None) -> list[Leak]:
        """Every picture that matches one of a larger split, with its k nearest matches.

        Parameters
        ----------
        k : int
        label_of : callable, optional
            The label of a picture, empty if it has none.
        """
        leaks = []
        labels = None if label_of is None else Labels(self.pictures, self.classes, label_of)
        contents = Contents(self.pictures, self.classes, labels)
        for block in self._blocks:
            order = np.lexsort((block.right, block.distance, block.left))
            left, right, distance = block.left[order], block.right[order], block.distance[order]
            starts = np.flatnonzero(np.diff(left, prepend=-1))
            for start, stop in zip(starts, [*starts[1:], len(left)], strict=True):
                matched = int(self._size[right[start:stop]].sum())
                # all at the distance of the k-th, so that ties go by path
                enough = start + np.searchsorted(np.cumsum(self._size[right[start:stop]]), k)
                limit = distance[min(enough, stop - 1)]
                near = range(start, start + np.searchsorted(distance[start:stop], limit, "right"))
                matched_contents = contents.of(right[start:stop]) if matched > k else ()
                for one in self.classes[left[start]]:
                    picture = self.pictures[one]
                    matches = [
                        self._member(picture, self.pictures[other], float(distance[place]))
                        for place in near
                        for other in self._firsts(right[place], picture.digest, k)
                    ]
                    matches.sort(
                        key=lambda m: (m.distance, SURENESS[m.kind], path_order(m.picture))
                    )
                    leak = Leak(picture, matched, tuple(matches[:k]))
                    if labels is not None:
                        leak = self._labelled(
                            leak, one, right[start:stop], distance[start:stop], labels
                        )
                    if matched > len(leak.matches):
                        leak = replace(leak, contents=matched_contents)
                    leaks.append(leak)
        return leaks

    def _labelled(
        self,
        leak: Leak,
        place: int,
        right: NDArray[np.int64],
        distance: NDArray[np.float64],
        labels: Labels,
    ) -> Leak:
        """Put the labels to a leak, and a match of another label where the nearest have none."""
        own = labels.of(place)
        matches = [replace(m, label=labels.label_of(m.picture)) for m in leak.matches]
        conflicts = sum(labels.others(number, own) for number in right)
        if conflicts and not any(m.label and m.label != own for m in matches):
            number, far = next(
                (n, d) for n, d in zip(right, distance, strict=True) if labels.others(n, own)
            )
            other = self.pictures[labels.first_other(number, own)]
            member = self._member(leak.picture, other, float(far))
            matches.append(replace(member, label=labels.label_of(other)))
        return replace(leak, label=own, matches=tuple(matches), conflicts=conflicts)

    def _firsts(self, number: int, digest: str, k: int) -> list[int]:
        """The k of a class that come first, copies of a content before all.

        Not all of it: a class may be 10,000 identical frames, and as many may ask for them.
        """
        members = self.classes[number]
        if number not in self._copies:
            self._copies[number] = {}
            for i in members:
                self._copies[number].setdefault(self.pictures[i].digest, []).append(int(i))
        same = self._copies[number].get(digest, [])[:k]
        return same + [int(i) for i in members[:k] if self.pictures[i].digest != digest]

    def _member(self, picture: Picture, other: Picture, distance: float) -> Member:
        return Member(other, kind_of(picture, other), distance, self._transform(picture, other))

    def dropped(self) -> list[Picture]:
        """Pictures that match one of a smaller split."""
        right = np.unique(np.concatenate([np.empty(0, np.int64), *(b.right for b in self._blocks)]))
        return [self.pictures[i] for number in right for i in self.classes[number]]

    def matched(self) -> list[Picture]:
        """Pictures that match one of another split."""
        sides = [side for b in self._blocks for side in (b.left, b.right)]
        matched = np.unique(np.concatenate([np.empty(0, np.int64), *sides]))
        return [self.pictures[i] for number in matched for i in self.classes[number]]

    def matched_pairs(self) -> Iterator[tuple[Picture, Picture]]:
        """Yield a picture of each two classes that match across splits."""
        for block in self._blocks:
            for left, right in zip(block.left.tolist(), block.right.tolist(), strict=True):
                ends = self.classes[left][0], self.classes[right][0]
                yield self.pictures[ends[0]], self.pictures[ends[1]]

    def leaked(self) -> Counter[str]:
        """Pictures of each split that match one of another."""
        sides = [side for b in self._blocks for side in (b.left, b.right)]
        return self._count(np.unique(np.concatenate([np.empty(0, np.int64), *sides])))

    def _count(self, classes: NDArray[np.int64]) -> Counter[str]:
        counts: Counter[str] = Counter()
        for number in classes:
            counts[self._names[self._split[number]]] += int(self._size[number])
        return counts

    def shared(self, smaller: str, larger: str) -> tuple[int, int]:
        """Pictures of the smaller split that match one of the larger, and pairs."""
        left_is, right_is = self._names.index(smaller), self._names.index(larger)
        leaked = pairs = 0
        for block in self._blocks:
            both = (self._split[block.left] == left_is) & (self._split[block.right] == right_is)
            left, right = block.left[both], block.right[both]
            leaked += int(self._size[np.unique(left)].sum())  # no class is left in two blocks
            pairs += int((self._size[left] * self._size[right]).sum())
        return leaked, pairs


class Labels:
    """The labels of classes of pictures: how many of one have another label than a picture.

    Parameters
    ----------
    pictures : sequence of Picture
    classes : sequence of ndarray of int64, shape (members,)
    label_of : callable
        The label of a picture, empty if it has none.
    """

    def __init__(
        self,
        pictures: Sequence[Picture],
        classes: Sequence[NDArray[np.int64]],
        label_of: Callable[[Picture], str],
    ) -> None:
        self.label_of = label_of
        self._labels = [label_of(picture) for picture in pictures]
        self._classes = classes
        self._counts: dict[int, Counter[str]] = {}

    def of(self, place: int) -> str:
        """Return the label of the picture at a place."""
        return self._labels[place]

    def others(self, number: int, own: str) -> int:
        """Count the pictures of a class that have another label; none for a picture without."""
        if not own:
            return 0
        if number not in self._counts:
            self._counts[number] = Counter(self._labels[i] for i in self._classes[number])
        counts = self._counts[number]
        return counts.total() - counts[own] - counts[""]

    def first_other(self, number: int, own: str) -> int:
        """Return the place of the first picture of a class with another label."""
        return next(int(i) for i in self._classes[number] if self._labels[i] not in ("", own))


class Contents:
    """The contents of classes of pictures, and how many files each has.

    Parameters
    ----------
    pictures : sequence of Picture
    classes : sequence of ndarray of int64, shape (members,)
    labels : Labels or None
    """

    def __init__(
        self,
        pictures: Sequence[Picture],
        classes: Sequence[NDArray[np.int64]],
        labels: Labels | None,
    ) -> None:
        self._pictures = pictures
        self._classes = classes
        self._labels = labels
        self._counts: dict[int, Counter[tuple[str, str, str]]] = {}

    def of(self, numbers: NDArray[np.int64]) -> tuple[MatchedContent, ...]:
        """Return those of some classes together, in order.

        Parameters
        ----------
        numbers : ndarray of int64, shape (m,)
            Of the classes.
        """
        total: Counter[tuple[str, str, str]] = Counter()
        for number in numbers.tolist():
            if number not in self._counts:
                self._counts[number] = Counter(map(self._key, self._classes[number].tolist()))
            total.update(self._counts[number])
        return tuple(MatchedContent(*key, files) for key, files in sorted(total.items()))

    def _key(self, place: int) -> tuple[str, str, str]:
        picture = self._pictures[place]
        label = self._labels.of(place) if self._labels is not None else ""
        return picture.file.root, picture.digest, label


def equal_across(pictures: Sequence[Picture], number: Mapping[str, int]) -> Across:
    """Flat pictures, which match what their pixels equal, or their bytes if of several frames."""
    identities = flat_keys(pictures)
    classes = classes_of(
        (identity, ACROSS_SPLITS.key(p)) for identity, p in zip(identities, pictures, strict=True)
    )
    across = Across(pictures, classes, number)
    for equal in classes_of(identities[members[0]] for members in classes):
        left, right = np.triu_indices(len(equal), 1)
        across.add(Candidates(equal[left], equal[right], np.zeros(len(left))))
    return across
