"""Which pictures may match at all, and which are equal by their pixels."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imgsim.types import ImageFacts, Picture


@dataclass(frozen=True, slots=True)
class Rules:
    """Which pictures may be matched at all.

    Two reference files never are; a camera raw file is only with another, and a file of several
    frames only with one of as many, since just the first frame was looked at.

    Attributes
    ----------
    isolate : bool
        Match only what was found below different arguments.
    """

    isolate: bool = False


def kinds(pictures: Sequence[Picture], rules: Rules) -> list[Hashable]:
    """What the rules ask of each picture: those of one kind are matched with the same others."""
    return [
        (p.facts.raw, p.facts.frames, p.file.reference, p.file.root if rules.isolate else "")
        for p in pictures
    ]


def classes_of(keys: Iterable[Hashable]) -> list[NDArray[np.int64]]:
    """Places of equal keys; the classes in order of their first."""
    classes: dict[Hashable, list[int]] = {}
    for i, key in enumerate(keys):
        classes.setdefault(key, []).append(i)
    return [np.array(members, np.int64) for members in classes.values()]


def equal_pixels(pictures: Sequence[Picture]) -> list[NDArray[np.int64]]:
    """Classes of flat pictures with the same pixels, or, of several frames, the same bytes."""
    return classes_of(flat_identity(p.facts) or p.digest for p in pictures)


def flat_identity(facts: ImageFacts) -> str | None:
    """What two flat images must share to be equal; None if only their bytes can tell."""
    return facts.pixel_digest if facts.frames == 1 else None


def comparable_pairs(pictures: Sequence[Picture], rules: Rules) -> int:
    """Number of pairs of contents that may be matched (one picture stands for each content)."""

    def pairs(n: int) -> int:
        return n * (n - 1) // 2

    if rules.isolate:
        roots = np.unique(codes([p.file.root for p in pictures]), return_counts=True)[1]
        return pairs(len(pictures)) - sum(pairs(int(n)) for n in roots)
    return pairs(len(pictures)) - pairs(sum(p.file.reference for p in pictures))


def codes(values: Sequence[object]) -> NDArray[np.int64]:
    """Equal numbers for equal values."""
    numbers: dict[object, int] = {}
    return np.array([numbers.setdefault(v, len(numbers)) for v in values], np.int64)


def of_one_kind(one: Picture, other: Picture) -> bool:
    """Whether both are raw files or neither is, with as many frames."""
    return (one.facts.raw, one.facts.frames) == (other.facts.raw, other.facts.frames)
