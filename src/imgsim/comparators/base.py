"""The contracts that a comparator, built in or from a third party, fulfils.

A comparator is a frozen dataclass; its fields are its whole configuration. Inside imgsim
everything is a distance: smaller is closer. `Scale` turns it into the score that users know.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import StrEnum
from importlib.util import find_spec
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators import false_pairs
from imgsim.comparators.extractor import Extractor, fields_text

Preset = Literal["strict", "normal", "loose"]
PRESETS: tuple[Preset, ...] = ("strict", "normal", "loose")


class Metric(StrEnum):
    """A distance of two vectors. One search engine each serves every comparator."""

    HAMMING = "hamming"
    EUCLIDEAN = "euclidean"
    COSINE = "cosine"


@dataclass(frozen=True, slots=True)
class Scale:
    """The conversion of distances to the scores and percentages that users see.

    Attributes
    ----------
    unit : str
        Of the score, such as ``bits``.
    better : {"lower", "higher"}
        ``lower``: the score is the distance. ``higher``: the score is 1 - distance.
    worst : float
        The distance that counts as a similarity of 0 percent.
    """

    unit: str
    better: Literal["lower", "higher"]
    worst: float

    def score(self, distance: float) -> float:
        """Return the score of a distance, in the method's own terms."""
        return distance if self.better == "lower" else 1.0 - distance

    def distance(self, score: float) -> float:
        """Return the distance of a score."""
        return score if self.better == "lower" else 1.0 - score

    def similarity(self, distance: float) -> float:
        """Return the similarity in percent, 100 for distance 0, never below 0."""
        return 100.0 * max(0.0, 1.0 - distance / self.worst)

    def distance_of_similarity(self, percent: float) -> float:
        """Return the largest distance with at least this similarity."""
        return (1.0 - percent / 100.0) * self.worst


class Comparator(ABC):
    """A method to compare images, as ``--method`` names it.

    Attributes
    ----------
    name : str
        The name it is registered under.
    summary : str
        One line for ``imgsim methods``.
    ranks : bool
        It scores any two images, and not only those that it takes for duplicates.
    verifies : bool
        It proposes pairs and verifies them: a `Recipe`. Rankings name its copies first, then the
        nearest by their hashes.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    ranks: ClassVar[bool] = True
    verifies: ClassVar[bool] = False

    @classmethod
    def missing(cls) -> str:
        """Name the packages that it needs and that are not installed, in a line; else empty."""
        return ""

    @property
    @abstractmethod
    def extractor(self) -> Extractor:
        """The extractor of the feature rows that it compares."""

    @property
    @abstractmethod
    def scale(self) -> Scale:
        """The scale that its distances are shown on."""

    @abstractmethod
    def preset_distance(self, preset: Preset) -> float:
        """Return the largest distance of a duplicate under a preset."""

    def remark(self, distance: float) -> str:
        """Return a remark to show beside a score, such as another measure that follows from it."""
        return ""

    def false_pair_rate(self, distance: float) -> float | None:
        """Return the rate of false pairs up to a distance, or None if it was not measured.

        That is the share, in 0..1, of the pairs of different pictures that are this near.
        """
        return false_pairs.rate(self.spec, distance)

    @property
    def spec(self) -> str:
        """Name and the fields that differ from their defaults, as ``--method`` takes them."""
        text = fields_text(self, only_changed=True)
        return f"{self.name}:{text}" if text else self.name


def needs_deep(*packages: str) -> str:
    """Return the line for `Comparator.missing` about absent packages of the extra ``deep``."""
    absent = [package for package in packages if find_spec(package) is None]
    return f"needs {' and '.join(absent)}: pip install 'imgsim[deep]'" if absent else ""


class VectorComparator(Comparator):
    """Compares one vector per image. It never searches: the engine of its `metric` does."""

    metric: ClassVar[Metric]

    def remark(self, distance: float) -> str:
        """Return the angle between two vectors whose cosine was taken."""
        if self.metric is not Metric.COSINE:
            return ""
        return f"angle {math.degrees(math.acos(min(1.0, max(-1.0, 1.0 - distance)))):.1f}°"


Prepared = tuple[NDArray[Any], ...]
"""Arrays with one entry per image along the first axis."""


class RoughDistances(ABC):
    """Some images, prepared to be compared with others in less time than `distance` takes.

    Pairs that are near enough by it are compared again by `distance`: no result depends on it.
    """

    @property
    @abstractmethod
    def error(self) -> float:
        """The bound of the difference between a rough distance and the true one."""

    @abstractmethod
    def to(self, rows: NDArray[Any], first: int) -> NDArray[np.float64]:
        """Compute rough distances; several threads may ask at once.

        Parameters
        ----------
        rows : ndarray of extractor.dtype, shape (n, \\*extractor.shape)
        first : int
            How many of the images matter, from the first on.

        Returns
        -------
        ndarray of float64, shape (first, n)
        """


class PairComparator(Comparator):
    """A comparator by a distance that no vector metric expresses, in batches of pairs."""

    @abstractmethod
    def prepare(self, rows: NDArray[Any]) -> Prepared:
        """Compute once per image the arrays that `distance` needs.

        Parameters
        ----------
        rows : ndarray of extractor.dtype, shape (n, \\*extractor.shape)

        Returns
        -------
        tuple of ndarray, each of shape (n, ...)
        """

    @abstractmethod
    def distance(self, left: Prepared, right: Prepared) -> NDArray[np.float64]:
        """Compute the distances of a batch of pairs.

        Parameters
        ----------
        left, right : tuple of ndarray
            From `prepare`; the first axes are equal, or 1 on one side (that image is then
            compared with each of the others).

        Returns
        -------
        ndarray of float64, shape (n,)
            Symmetric, and 0 for an image and itself.
        """

    def rough(self, rows: NDArray[Any]) -> RoughDistances | None:
        """Prepare images for rough distances to many others; None if there is no such way.

        Parameters
        ----------
        rows : ndarray of extractor.dtype, shape (n, \\*extractor.shape)
        """
        return None


class NarrowsByClass(ABC):
    """A comparator that also tells classes: a second base class beside the contract it is of."""

    @abstractmethod
    def class_of(self, rows: NDArray[Any]) -> tuple[str, ...]:
        """Tell the class of each image.

        Parameters
        ----------
        rows : ndarray of extractor.dtype, shape (n, \\*extractor.shape)
        """

    @abstractmethod
    def shortlist(self, query: NDArray[Any], rows: NDArray[Any], most: int) -> NDArray[np.int64]:
        """Choose some rows to compare with a query, without comparing pairs.

        Parameters
        ----------
        query : ndarray of extractor.dtype, shape extractor.shape
        rows : ndarray of extractor.dtype, shape (n, \\*extractor.shape)
        most : int
            How many of them at most.

        Returns
        -------
        ndarray of int64, shape (m,)
            Their places, ascending.
        """
