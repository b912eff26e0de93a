"""Pairs of labelled images, and accuracy and AUC of scores on them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MAX_LABELLED_PAIRS = 200_000
"""Of more pairs, so many are drawn at random."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of labelled images, by their rows.

    Attributes
    ----------
    left, right : ndarray of int64, shape (n,)
    same : ndarray of bool, shape (n,)
        Whether both are of one class.
    """

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    same: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class PairFigures:
    """Accuracy and AUC of scores that are to separate pairs of one class from pairs of two.

    Attributes
    ----------
    threshold : float
        Scores that are at least this mean one class.
    accuracy : float
        Mean of the shares that are right among the pairs of one class and among those of two, so
        that 0.5 is chance however many there are of each.
    auc : float
        The chance that a pair of one class has a higher score than one of two.
    """

    threshold: float
    accuracy: float
    auc: float


def all_pairs(rows: NDArray[np.int64], labels: NDArray[np.int64], seed: int = 0) -> Pairs:
    """Pair all of some rows, or draw `MAX_LABELLED_PAIRS` pairs of them.

    Parameters
    ----------
    rows : ndarray of int64, shape (n,)
    labels : ndarray of int64, shape (m,)
        The class of each row from 0 to m - 1, those in `rows` among them.
    seed : int

    Returns
    -------
    Pairs
    """
    left, right = np.triu_indices(len(rows), 1)
    if len(left) > MAX_LABELLED_PAIRS:
        chosen = np.random.default_rng(seed).choice(len(left), MAX_LABELLED_PAIRS, replace=False)
        left, right = left[chosen], right[chosen]
    one, other = rows[left], rows[right]
    return Pairs(one, other, labels[one] == labels[other])


def measure_pairs(
    scores: NDArray[np.float64], same: NDArray[np.bool_], threshold: float
) -> PairFigures:
    """Compute the accuracy at a threshold, and the area under the ROC curve.

    Parameters
    ----------
    scores : ndarray of float64, shape (n,)
        Higher for pairs of one class.
    same : ndarray of bool, shape (n,)
        Whether a pair is of one class; there must be pairs of both kinds.
    threshold : float

    Returns
    -------
    PairFigures
    """
    of_one, of_two = scores[same], scores[~same]
    accuracy = ((of_one >= threshold).mean() + (of_two < threshold).mean()) / 2
    ordered = np.sort(of_two)
    below = np.searchsorted(ordered, of_one, "left")
    equal = np.searchsorted(ordered, of_one, "right") - below
    auc = (below + equal / 2).mean() / len(of_two)
    return PairFigures(float(threshold), float(accuracy), float(auc))


def best_threshold(scores: NDArray[np.float64], same: NDArray[np.bool_]) -> float:
    """Return the threshold with the highest accuracy; of equal ones the highest.

    Parameters
    ----------
    scores : ndarray of float64, shape (n,)
        Higher for pairs of one class; n is at least 1.
    same : ndarray of bool, shape (n,)
        Whether a pair is of one class.

    Returns
    -------
    float
        One of the scores.
    """
    order = np.argsort(-scores, kind="stable")
    ranked, hits = scores[order], same[order]
    # with the threshold at a score, everything up to its last place in the ranking is taken
    last = np.flatnonzero(np.append(np.diff(ranked) != 0, True))
    true_rate = np.cumsum(hits)[last] / max(1, hits.sum())
    false_rate = np.cumsum(~hits)[last] / max(1, (~hits).sum())
    return float(ranked[last[int(np.argmax(true_rate - false_rate))]])
