"""Which pictures may match at all, and which are equal by their pixels."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from imgsim.types import ImageFacts, Picture


def comparison_kind(facts: ImageFacts) -> Hashable:
    """Files match only within their kind: camera raw or not, a still, an animation, or pages.

    As many pages, that is; the frames of an animation are a matter of its encoder, which may show
    one for longer instead of showing it twice. Of a raw file the preview inside is compared.
    """
    return facts.raw, "animation" if facts.duration_ms else facts.frames


@dataclass(frozen=True, slots=True)
class Rules:
    """Which pictures may match at all: those of one `comparison_kind`, but not two references.

    Nor two damaged files: without a whole one, nothing tells what they should show.

    Attributes
    ----------
    isolate : bool
        Match only what was found below different arguments.
    """

    isolate: bool = False

    def key(self, picture: Picture) -> tuple[Hashable, bool, bool, str]:
        """Pictures with equal keys may match the same others: kind, reference, damaged, root."""
        root = picture.file.root if self.isolate else ""
        facts = picture.facts
        return comparison_kind(facts), picture.file.reference, bool(facts.damage), root


class MayMatch:
    """The rules for some pictures, by their places.

    Parameters
    ----------
    pictures : sequence of Picture
    rules : Rules
    """

    def __init__(self, pictures: Sequence[Picture], rules: Rules) -> None:
        place, keys = numbered(map(rules.key, pictures))
        self._kind = numbered(kind for kind, _, _, _ in keys)[0][place]
        self._reference = np.array([reference for _, reference, _, _ in keys], bool)[place]
        self._damaged = np.array([damaged for _, _, damaged, _ in keys], bool)[place]
        self._root = numbered(key[3] for key in keys)[0][place] if rules.isolate else None

    def numbers(self) -> NDArray[np.int64]:
        """All that the rules know of the pictures.

        Returns
        -------
        ndarray of int64, shape (k, n)
        """
        root = [] if self._root is None else [self._root]
        return np.array([self._kind, self._reference, self._damaged, *root], np.int64)

    def __call__(
        self, left: NDArray[np.int64] | int, right: NDArray[np.int64] | int
    ) -> NDArray[np.bool_]:
        """Tell which pairs of pictures may match.

        Parameters
        ----------
        left, right : int or ndarray of int64, shape (n,)
            Places of the pictures.

        Returns
        -------
        ndarray of bool, shape (n,)
        """
        allowed = self._kind[left] == self._kind[right]
        allowed = allowed & ~(self._reference[left] & self._reference[right])
        allowed = allowed & ~(self._damaged[left] & self._damaged[right])
        if self._root is not None:
            allowed = allowed & (self._root[left] != self._root[right])
        return np.asarray(allowed, bool)


def may_match_all(pictures: Sequence[Picture], rules: Rules) -> NDArray[np.bool_]:
    """Tell which pictures may match all others, or are the same; damaged ones do not count.

    Of thousands few kinds differ to the rules.

    Parameters
    ----------
    pictures : sequence of Picture
    rules : Rules

    Returns
    -------
    ndarray of bool, shape (n,)
    """
    may_match = MayMatch(pictures, rules)
    kind, kinds = numbered(map(tuple, may_match.numbers().T.tolist()))
    whole: list[set[str]] = [set() for _ in kinds]
    for i, picture in zip(kind.tolist(), pictures, strict=True):
        if not picture.facts.damage:
            whole[i].add(picture.identity)
    first = np.unique(kind, return_index=True)[1]
    refused = [np.flatnonzero(~may_match(one, first)).tolist() for one in first.tolist()]
    return np.array(
        [
            all(whole[other] <= {picture.identity} for other in refused[i])
            for i, picture in zip(kind.tolist(), pictures, strict=True)
        ],
        np.bool_,
    )


_Key = TypeVar("_Key", bound=Hashable)


def numbered(values: Iterable[_Key]) -> tuple[NDArray[np.int64], list[_Key]]:
    """Number distinct values in order of their first.

    Returns
    -------
    numbers : ndarray of int64, shape (n,)
        Of each value; equal values have equal numbers.
    distinct : list
        The values by their numbers.
    """
    known: dict[_Key, int] = {}
    numbers = np.fromiter((known.setdefault(v, len(known)) for v in values), np.int64)
    return numbers, list(known)


class Classes(Sequence[NDArray[np.int64]]):
    """Places divided into classes, in two arrays: of many files nearly all are alone in theirs.

    An item is an ndarray of int64, shape (members,): the places of a class, ascending.

    Parameters
    ----------
    number : ndarray of int64, shape (n,)
        The class of each place: each number from 0 to the largest is there.
    """

    def __init__(self, number: NDArray[np.int64]) -> None:
        self.number = number
        self._places = np.argsort(number, kind="stable")
        self._ends = np.concatenate([[0], np.cumsum(np.bincount(number))])

    @property
    def firsts(self) -> NDArray[np.int64]:
        """The first place of each class, ndarray of int64, shape (classes,)."""
        firsts: NDArray[np.int64] = self._places[self._ends[:-1]]
        return firsts

    def __len__(self) -> int:
        return len(self._ends) - 1

    @overload
    def __getitem__(self, index: int) -> NDArray[np.int64]: ...

    @overload
    def __getitem__(self, index: slice) -> list[NDArray[np.int64]]: ...

    def __getitem__(self, index: int | slice) -> NDArray[np.int64] | list[NDArray[np.int64]]:
        if isinstance(index, slice):
            return [self[i] for i in range(len(self))[index]]
        i = range(len(self))[index]
        members: NDArray[np.int64] = self._places[self._ends[i] : self._ends[i + 1]]
        return members


def classes_of(keys: Iterable[Hashable]) -> Classes:
    """Group places by equal keys; the classes stand in order of their first place."""
    return Classes(numbered(keys)[0])


def split_flat(pictures: Sequence[Picture]) -> tuple[list[Picture], list[Picture]]:
    """Divide pictures into those with detail and flat ones; equal files stay together."""
    flat = {p.identity for p in pictures if p.facts.flat}
    detailed = [p for p in pictures if p.identity not in flat]
    return detailed, [p for p in pictures if p.identity in flat]


def flat_keys(pictures: Sequence[Picture]) -> list[str]:
    """Keys that are equal for flat pictures with equal pixels, in their order."""
    digests = {p.identity: flat_identity(p.facts) for p in pictures if flat_identity(p.facts)}
    return [digests.get(p.identity) or p.identity for p in pictures]


def equal_pixels(pictures: Sequence[Picture]) -> Classes:
    """Group flat pictures with the same pixels, or, of several frames, the same samples."""
    return classes_of(flat_keys(pictures))


def flat_identity(facts: ImageFacts) -> str | None:
    """The digest that two flat images must share to be equal; None if only their bytes can tell."""
    return facts.pixel_digest if facts.frames == 1 else None


def are_duplicates(
    left: ImageFacts, right: ImageFacts, *, near: bool, as_figures: bool = False
) -> bool:
    """Whether two files with different bytes are duplicates.

    Parameters
    ----------
    left, right : ImageFacts
    near : bool
        A method says so. It does not count where one of them is flat: those are duplicates only
        of what their pixels equal.
    as_figures : bool
        The method compared flat pictures as figures, so it counts.
    """
    if left.damage and right.damage:
        return False
    if left.flat or right.flat:
        identity = flat_identity(left)
        if identity is not None and identity == flat_identity(right):
            return True
        if not as_figures:
            return False
    return near and comparison_kind(left) == comparison_kind(right)


def comparable_pairs(pictures: Sequence[Picture], rules: Rules) -> int:
    """Count the pairs of different contents that may match; equal samples are one content.

    A content that stands in several roots, or as a reference and not, counts once for each.
    """
    identity, _ = numbered(picture.identity for picture in pictures)
    place, keys = numbered(map(rules.key, pictures))
    contents = np.sort(identity * max(1, len(keys)) + place)
    contents = contents[np.diff(contents, prepend=-1) > 0]
    identity, place = np.divmod(contents, max(1, len(keys)))
    kinds, distinct_kinds = numbered(kind for kind, _, _, _ in keys)
    roots, distinct_roots = numbered(root for _, _, _, root in keys)
    kind, root = kinds[place], roots[place]
    reference = np.array([key[1] for key in keys], bool)[place]
    damaged = np.array([key[2] for key in keys], bool)[place]

    def allowed(part: NDArray[np.int64]) -> int:
        """Pairs within one part that are neither of two references nor of two damaged files."""
        pairs = _pairs(part) - _pairs(part[reference]) - _pairs(part[damaged])
        return pairs + _pairs(part[reference & damaged])

    def across(part: NDArray[np.int64]) -> int:
        """Those of them that the roots allow."""
        below_one_root = allowed(part * len(distinct_roots) + root) if rules.isolate else 0
        return allowed(part) - below_one_root

    return across(kind) - across(identity * len(distinct_kinds) + kind)


def _pairs(keys: NDArray[np.int64]) -> int:
    """Pairs of equal keys."""
    counts = np.unique(keys, return_counts=True)[1]
    return int((counts * (counts - 1) // 2).sum())
