"""Figures of retrieval and copy-detection papers, exactly, from distances and labels.

Ties never flatter a method: what is equally near comes in an average over all orders, or all at
once, and not in the order of paths (in which images of one class stand together).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MAX_THRESHOLDS = 100_000
"""A curve of more matching pairs is taken at so many of their quantiles."""


@dataclass(frozen=True, slots=True)
class Curve:
    """How many pairs are right and wrong up to each threshold. Exact.

    Attributes
    ----------
    thresholds : ndarray of float64, shape (t,)
        Distances, ascending: those at which matching pairs lie (recall changes nowhere else).
    true, false : ndarray of int64, shape (t,)
        Matching and other pairs up to each.
    matching, other : int
        All there are.
    """

    thresholds: NDArray[np.float64]
    true: NDArray[np.int64]
    false: NDArray[np.int64]
    matching: int
    other: int

    @property
    def precision(self) -> NDArray[np.float64]:
        """Share of the pairs up to each threshold that match, in 0..1.

        Returns
        -------
        ndarray of float64, shape (t,)
        """
        return self.true / (self.true + self.false)

    @property
    def recall(self) -> NDArray[np.float64]:
        """Share of the matching pairs that lie up to each threshold, in 0..1.

        Returns
        -------
        ndarray of float64, shape (t,)
        """
        return self.true / self.matching

    @property
    def average_precision(self) -> float:
        """Average precision over all pairs of all queries together, µAP in copy detection.

        Source: F. Perronnin, Y. Liu and J.-M. Renders, "A family of contextual measures of
        similarity between distributions with application to image retrieval", CVPR 2009,
        doi:10.1109/CVPR.2009.5206505.
        """
        gained = np.diff(self.true, prepend=0)
        return float(np.sum(self.precision * gained) / self.matching)

    def recall_at_precision(self, least: float) -> float:
        """Return the largest recall at this precision or a better one; 0 if it is never reached."""
        enough = self.precision >= least
        return float(self.recall[enough].max(initial=0.0))

    def threshold_at_precision(self, least: float) -> float | None:
        """Return the loosest threshold with this precision or a better one, or None."""
        enough = np.flatnonzero(self.precision >= least)
        return float(self.thresholds[enough[-1]]) if len(enough) else None

    @property
    def best_f1(self) -> tuple[float, float]:
        """The largest F1 of any threshold, and that threshold: chosen on the data it is for."""
        f1 = 2 * self.true / (self.true + self.false + self.matching)
        place = int(np.argmax(f1))
        return float(f1[place]), float(self.thresholds[place])


class CurveCounter:
    """Makes a `Curve` of blocks of pairs: what it holds grows with the matching pairs only.

    Parameters
    ----------
    matching : ndarray of float64, shape (m,)
        Distances of all matching pairs, at least one.
    """

    def __init__(self, matching: NDArray[np.float64]) -> None:
        self.thresholds = thresholds_of(matching, MAX_THRESHOLDS)
        self.true = np.searchsorted(np.sort(matching), self.thresholds, side="right")
        self.matching = len(matching)
        self.other = 0
        self._counts = np.zeros(len(self.thresholds) + 1, np.int64)

    def add(self, other: NDArray[np.float64]) -> None:
        """Count pairs that do not match.

        Parameters
        ----------
        other : ndarray of float64, any shape
            Their distances.
        """
        places = np.searchsorted(self.thresholds, other.ravel(), side="left")
        self._counts += np.bincount(places, minlength=len(self._counts))
        self.other += other.size

    def curve(self) -> Curve:
        """Return the curve of the pairs counted so far."""
        false = np.cumsum(self._counts)[:-1]
        return Curve(self.thresholds, self.true, false, self.matching, self.other)


def thresholds_of(matching: NDArray[np.float64], most: int) -> NDArray[np.float64]:
    """Return the distances at which matching pairs lie: at most so many, evenly spread by rank.

    Parameters
    ----------
    matching : ndarray of float64, shape (m,)
        Distances of matching pairs, at least one.
    most : int

    Returns
    -------
    ndarray of float64, shape (t,)
        Ascending, each once.
    """
    thresholds = np.unique(matching)
    if len(thresholds) > most:
        thresholds = thresholds[evenly_spread(len(thresholds), most)]
    return thresholds


def evenly_spread(n: int, most: int) -> NDArray[np.int64]:
    """Return places from the first to the last of n, evenly spread.

    Parameters
    ----------
    n, most : int

    Returns
    -------
    ndarray of int64, shape (min(n, most),)
        Ascending, each once.
    """
    return np.unique(np.linspace(0, n - 1, most).round().astype(np.int64))


def curve(matching: NDArray[np.float64], other: NDArray[np.float64]) -> Curve:
    """Compute the curve of all pairs at once.

    Parameters
    ----------
    matching, other : ndarray of float64, shape (m,) and (o,)
        Distances of the pairs that match, at least one, and of those that do not.
    """
    counter = CurveCounter(matching)
    counter.add(other)
    return counter.curve()


@dataclass(frozen=True, slots=True)
class PairCounts:
    """Matching pairs and others up to one threshold (true, false), and matching ones beyond it."""

    true: int
    false: int
    missed: int

    @property
    def precision(self) -> float | None:
        """Share of the pairs up to the threshold that match; None where there are no pairs."""
        within = self.true + self.false
        return self.true / within if within else None

    @property
    def recall(self) -> float:
        """Share of the matching pairs that lie up to the threshold."""
        return self.true / (self.true + self.missed)

    @property
    def f1(self) -> float:
        return 2 * self.true / (2 * self.true + self.false + self.missed)
