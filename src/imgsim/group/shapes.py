"""Which files of a group have the shape that the picture was taken in."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from imgsim.types import ImageFacts

CAMERA_SHAPES = (4 / 3, 3 / 2, 16 / 9)
"""Longer side by the shorter one."""

_STRETCHED = 0.012
"""Logarithm of a stretch from which on a file has another shape, see `Evidence.stretch`."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The shape of a file.

    Attributes
    ----------
    stretch : float
        Logarithm of the ratio by which it is stretched along the width of a third picture, which
        is the same one for all files of a group.
    facts : ImageFacts
    """

    stretch: float
    facts: ImageFacts


def are_stretched(shapes: Sequence[Shape]) -> list[bool]:
    """Tell which files of a group have another shape than the picture was taken in.

    That is the shape of most files. Square ones of several sizes count as one file: pictures are
    made square for networks and icons, at each size by the same program. Of equally many files the
    shape of a camera's picture is taken, and then one that is not square.

    Parameters
    ----------
    shapes : sequence of Shape

    Returns
    -------
    list of bool
        All false where that does not tell.
    """
    number = _classes([shape.stretch for shape in shapes])
    if len(set(number)) < 2:
        return [False] * len(shapes)

    def worth(which: int) -> tuple[int, bool, bool]:
        members = [s for s, n in zip(shapes, number, strict=True) if n == which]
        square = Counter(s.facts.width for s in members if s.facts.width == s.facts.height)
        count = len(members) - square.total() + max(square.values(), default=0)
        camera = any(_camera_shape(s.facts) for s in members)
        return count, camera, square.total() < len(members)

    worths = {which: worth(which) for which in set(number)}
    best = max(worths.values())
    natural = {which for which, one in worths.items() if one == best}
    return [len(natural) == 1 and n not in natural for n in number]


def _classes(stretches: Sequence[float]) -> list[int]:
    """Number those alike with one number: no two neighbours in order are far apart."""
    number = [0] * len(stretches)
    order = sorted(range(len(stretches)), key=lambda i: stretches[i])
    for before, one in itertools.pairwise(order):
        apart = stretches[one] - stretches[before] > _STRETCHED
        number[one] = number[before] + apart
    return number


def _camera_shape(facts: ImageFacts) -> bool:
    """Whether width and height have the ratio of a camera's, but for rounding to whole pixels."""
    longer, shorter = max(facts.width, facts.height), min(facts.width, facts.height)
    return any(abs(longer - shorter * shape) <= 1 for shape in CAMERA_SHAPES)
