"""Pictures, skipped files and feature rows, as they were read below some paths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators.extractor import Extractor
from imgsim.executors.base import Executor
from imgsim.read.scratch import scratch
from imgsim.read.spool import Slot, Spool
from imgsim.types import Features, Picture, Skipped


class FeatureTable:
    """Rows of one extractor by content, in memory or, when there are many, in a temporary file.

    Parameters
    ----------
    extractor : Extractor
    capacity : int
        Number of rows at most.
    """

    def __init__(self, extractor: Extractor, capacity: int) -> None:
        self.extractor = extractor
        self.places: dict[str, int] = {}
        self._rows = scratch((capacity, *extractor.shape), extractor.dtype)

    def add(self, digest: str, row: NDArray[Any]) -> None:
        """Store the row of a content; it has the extractor's shape and dtype."""
        place = self.places.setdefault(digest, len(self.places))
        self._rows[place] = row

    def lying(self, digests: Sequence[str]) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """All rows as they lie here, which are no copies, and the places of those of some contents.

        Parameters
        ----------
        digests : sequence of str

        Returns
        -------
        rows : ndarray of the extractor's dtype, shape (capacity, ...)
        places : ndarray of int64, shape (len(digests),)
        """
        return self._rows, np.array([self.places[digest] for digest in digests], np.int64)

    def sort(self) -> None:
        """Put the rows in order of their digests; they must not be in use."""
        digests = sorted(self.places)
        source = [self.places[digest] for digest in digests]
        for first in range(len(source)):
            if source[first] in (first, -1):
                continue
            spare, to = self._rows[first].copy(), first
            while (at := source[to]) != first:
                self._rows[to] = self._rows[at]
                source[to], to = -1, at
            self._rows[to], source[to] = spare, -1
        self.places = {digest: place for place, digest in enumerate(digests)}

    def rows(self, digests: Sequence[str]) -> NDArray[Any]:
        """Rows of some contents in their order, not to be changed: copies where they lie apart.

        Parameters
        ----------
        digests : sequence of str

        Returns
        -------
        ndarray of the extractor's dtype, shape (len(digests), ...)
        """
        rows, places = self.lying(digests)
        if len(places) and (np.diff(places) == 1).all():
            return rows[places[0] : places[-1] + 1]
        return self.select(digests).rows

    def select(self, digests: Sequence[str]) -> Features:
        """Rows of some contents, in the order of their digests asked for."""
        rows = scratch((len(digests), *self.extractor.shape), self.extractor.dtype)
        _, places = self.lying(digests)
        for i in range(0, len(digests), 4096):
            rows[i : i + 4096] = self._rows[places[i : i + 4096]]
        return Features(self.extractor.key, digests, rows)


@dataclass(frozen=True, slots=True)
class Collection:
    """All that was read below some paths.

    Attributes
    ----------
    pictures : tuple of Picture
        In order of their paths.
    skipped : tuple of Skipped
        In order of their paths.
    other_files : int
        Files that are no images and do not claim to be.
    too_small : int
        Images below `min_pixels`.
    decoded : int
        Files that were decoded in this run; the others were known.
    tables : dict
        Feature rows by extractor.
    seconds_decoding : float
        Summed over all workers.
    spool : Spool or None
        Keeps what `slots` name.
    slots : dict
        Where the pixels lie that verification needs again, by digest.
    executor : Executor or None
        Where they were decoded, with workers that wait to verify pairs.
    """

    pictures: tuple[Picture, ...]
    skipped: tuple[Skipped, ...]
    other_files: int
    too_small: int
    decoded: int
    tables: dict[Extractor, FeatureTable]
    seconds_decoding: float
    spool: Spool | None
    slots: Mapping[str, Slot]
    executor: Executor | None

    @property
    def damaged(self) -> tuple[Skipped, ...]:
        """The pictures that are damaged, and how, in order of their paths."""
        pictures = (p for p in self.pictures if p.facts.damage)
        return tuple(Skipped(p.file.path, p.facts.damage) for p in pictures)

    @property
    def unchecked(self) -> tuple[Skipped, ...]:
        """The pictures that could not be decoded once more, and why, in order of their paths."""
        return tuple(Skipped(p.file.path, p.unchecked) for p in self.pictures if p.unchecked)

    def features(self, extractor: Extractor, pictures: Sequence[Picture]) -> Features:
        """Rows of some of the pictures, in their order."""
        return self.tables[extractor].select([p.digest for p in pictures])
