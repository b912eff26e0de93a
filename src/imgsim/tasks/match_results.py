"""The results of rankings."""

from __future__ import annotations

from dataclasses import dataclass

from imgsim.comparators.base import Comparator
from imgsim.results import Items, Result
from imgsim.tasks.matching import Seconds
from imgsim.types import Match, NotCompared, Skipped


@dataclass(frozen=True, slots=True)
class QueryMatches(Items[Match]):
    """The nearest other images of one image, nearest first.

    Attributes
    ----------
    path : str
    matches : tuple of Match
    predicted : str or None
        The class to which the gallery was narrowed; None if it was not.
    compared : int or None
        How many images of that class were compared.
    """

    path: str
    matches: tuple[Match, ...]
    predicted: str | None = None
    compared: int | None = None

    def _items(self) -> tuple[Match, ...]:
        return self.matches


@dataclass(frozen=True, slots=True)
class MethodMatches(Items[QueryMatches]):
    """The ranking by one comparator.

    Attributes
    ----------
    comparator : Comparator
    queries : tuple of QueryMatches
    pairs : int
        Number of pairs of a query and another image.
    seconds : float
        Of the search alone, without reading.
    not_compared : tuple of NotCompared
        Pairs that the method would verify and could not, since a worker was killed, say.
    not_checked : tuple of Skipped
        Queries and copies of these that could not be read once more, to look for damage and equal
        pixels, and why.
    """

    comparator: Comparator
    queries: tuple[QueryMatches, ...]
    pairs: int
    seconds: float
    not_compared: tuple[NotCompared, ...] = ()
    not_checked: tuple[Skipped, ...] = ()

    def _items(self) -> tuple[QueryMatches, ...]:
        return self.queries

    @property
    def seconds_per_pair(self) -> float:
        """Mean time for one pair."""
        return self.seconds / max(1, self.pairs)


@dataclass(frozen=True, slots=True, repr=False)
class Matches(Result[MethodMatches]):
    """Rankings by each of some comparators.

    Attributes
    ----------
    k : int
    methods : tuple of MethodMatches
        In the order asked for.
    images : int
        Readable images that were ranked.
    skipped : tuple of Skipped
    decoded : int
        Images decoded in this run.
    seconds : Seconds
        What the run took, in all and for each of its stages, by the clock.
    """

    k: int
    methods: tuple[MethodMatches, ...]
    images: int
    skipped: tuple[Skipped, ...]
    decoded: int
    seconds: Seconds

    def _items(self) -> tuple[MethodMatches, ...]:
        return self.methods
