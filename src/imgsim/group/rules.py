"""Which pictures may match at all, and which are equal by their pixels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass

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
        keys = [rules.key(picture) for picture in pictures]
        self._kind = _numbers(kind for kind, _, _, _ in keys)
        self._reference = np.array([reference for _, reference, _, _ in keys], bool)
        self._damaged = np.array([damaged for _, _, damaged, _ in keys], bool)
        self._root = _numbers(root for _, _, _, root in keys) if rules.isolate else None

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


def _numbers(values: Iterable[Hashable]) -> NDArray[np.int64]:
    """Equal numbers for equal values."""
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(v, len(numbers)) for v in values], np.int64)


def classes_of(keys: Iterable[Hashable]) -> list[NDArray[np.int64]]:
    """Group places by equal keys.

    Returns
    -------
    list of ndarray of int64, shape (members,)
        Ascending places; the classes in order of their first.
    """
    classes: dict[Hashable, list[int]] = {}
    for i, key in enumerate(keys):
        classes.setdefault(key, []).append(i)
    return [np.array(members, np.int64) for members in classes.values()]


def split_flat(pictures: Sequence[Picture]) -> tuple[list[Picture], list[Picture]]:
    """Divide pictures into those with detail and flat ones; equal files stay together."""
    flat = {p.identity for p in pictures if p.facts.flat}
    detailed = [p for p in pictures if p.identity not in flat]
    return detailed, [p for p in pictures if p.identity in flat]


def flat_keys(pictures: Sequence[Picture]) -> list[str]:
    """Keys that are equal for flat pictures with equal pixels, in their order."""
    digests = {p.identity: flat_identity(p.facts) for p in pictures if flat_identity(p.facts)}
    return [digests.get(p.identity) or p.identity for p in pictures]


def equal_pixels(pictures: Sequence[Picture]) -> list[NDArray[np.int64]]:
    """Group flat pictures with the same pixels, or, of several frames, the same samples.

    Returns
    -------
    list of ndarray of int64, shape (members,)
        See `classes_of`.
    """
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


_Content = tuple[str, Hashable, bool, bool, str]


def comparable_pairs(pictures: Sequence[Picture], rules: Rules) -> int:
    """Count the pairs of different contents that may match; equal samples are one content.

    A content that stands in several roots, or as a reference and not, counts once for each.
    """
    contents = {(p.identity, *rules.key(p)) for p in pictures}
    references = [c for c in contents if c[2]]
    damaged = [c for c in contents if c[3]]
    both = [c for c in references if c[3]]

    def allowed(part: Callable[[_Content], Hashable]) -> int:
        """Pairs within one part that are neither of two references nor of two damaged files."""
        pairs = _pairs(map(part, contents)) - _pairs(map(part, references))
        return pairs - _pairs(map(part, damaged)) + _pairs(map(part, both))

    def across(part: Callable[[_Content], Hashable]) -> int:
        """Those of them that the roots allow."""
        return allowed(part) - (allowed(lambda c: (part(c), c[4])) if rules.isolate else 0)

    return across(lambda c: c[1]) - across(lambda c: (c[0], c[1]))


def _pairs(keys: Iterable[Hashable]) -> int:
    """Pairs of equal keys."""
    return sum(n * (n - 1) // 2 for n in Counter(keys).values())
