"""What is known of pairs of files of one group: verdicts, measured differences, and their signs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from imgsim.group.evidence import Signs, derivation, signs_of
from imgsim.measure.differences import Differences
from imgsim.measure.measuring import MeasuredPair
from imgsim.types import Picture, Transform, Verdict


class Matching(Protocol):
    """What is known of pairs of pictures of one group, however they were matched."""

    def match(self, pairs: Sequence[tuple[Picture, Picture, Picture]]) -> list[float | None]:
        """Compare pictures with the one that is to be kept.

        Parameters
        ----------
        pairs : sequence of (Picture, Picture, Picture)
            The kept one, the other, and a third that both were matched with.

        Returns
        -------
        list of float or None
            The distances of those that match.
        """

    def verdict(self, left: Picture, right: Picture) -> Verdict | None:
        """The verdict on two pictures, with the first as the left one, if they were verified."""

    def transform(self, kept: Picture, other: Picture) -> Transform | None:
        """How a picture lies upon the kept one, if that is known."""


Measure = Callable[[Sequence[MeasuredPair]], dict[tuple[str, str], Differences]]


class Comparisons:
    """Verdicts on pairs and what was measured of them, each once.

    Parameters
    ----------
    matching : Matching
    measure : callable
        Measures the differences of pairs.
    """

    def __init__(self, matching: Matching, measure: Measure) -> None:
        self.match = matching.match
        self.verdict = matching.verdict
        self.transform = matching.transform
        self._measure = measure
        self._measured: dict[tuple[str, str], Differences | None] = {}

    def measure(self, pairs: Iterable[tuple[Picture, Picture]]) -> None:
        """Measure pairs that were not measured before, and can be."""
        wanted: dict[tuple[str, str], MeasuredPair] = {}
        for one, other in pairs:
            left, right = sorted((one, other), key=lambda p: p.digest)
            key = left.digest, right.digest
            if one.identity == other.identity or key in self._measured or key in wanted:
                continue
            verdict = self.verdict(left, right)
            if verdict is not None and verdict.matrix and _measurable(one) and _measurable(other):
                wanted[key] = MeasuredPair(left, right, verdict.matrix)
        measured = self._measure(list(wanted.values()))
        self._measured |= {key: measured.get(key) for key in wanted}

    def differences(self, left: Picture, right: Picture) -> Differences | None:
        """What was measured, with the first picture as the left one."""
        if left.digest <= right.digest:
            return self._measured.get((left.digest, right.digest))
        measured = self._measured.get((right.digest, left.digest))
        return None if measured is None else measured.swapped()

    def signs(self, left: Picture, right: Picture) -> Signs:
        """What the differences of two pictures are evidence of, with the first as the base."""
        return signs_of(left, right, self.verdict(left, right), self.differences(left, right))

    def derivation(self, left: Picture, right: Picture) -> tuple[int, str]:
        """Which of two pictures was made from the other, see `evidence.derivation`."""
        if left.identity == right.identity:
            return 0, ""
        verdict, measured = self.verdict(left, right), self.differences(left, right)
        return derivation(left, right, verdict, measured)


def _measurable(picture: Picture) -> bool:
    """Whether what is decoded is all of the picture, and the picture itself."""
    facts = picture.facts
    return not (facts.raw or facts.damage or facts.frames > 1)
