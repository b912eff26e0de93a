"""Accuracy of rankings: hits among the nearest, average precision, recall at 1, 5 and 10."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RECALL_AT = (1, 5, 10)
"""Ranks k of recall@k."""


@dataclass(frozen=True, slots=True)
class QueryScore:
    """The accuracy of the ranking of the other images for one query.

    Attributes
    ----------
    hits : float
        Images of the query's class among its 3 nearest.
    accuracy : float
        Hits / min(3, others of its class).
    recall_at : tuple of float
        For each k of `RECALL_AT`, 1 if one of its class is among the k nearest, else 0 (where
        distances tie, the probability of it). Metric learning calls this recall@k.
    average_precision : float
        As `sklearn.metrics.average_precision_score`: ties enter at once.
    ndcg : float
        Of the whole ranking, with gain 1 for the class. Source: K. Järvelin and J. Kekäläinen,
        "Cumulated gain-based evaluation of IR techniques", ACM TOIS 20(4), 2002,
        doi:10.1145/582415.582418; ties are averaged as in F. McSherry and M. Najork, "Computing
        Information Retrieval Performance Measures Efficiently in the Presence of Tied Scores",
        ECIR 2008, doi:10.1007/978-3-540-78646-7_38.
    """

    hits: float
    accuracy: float
    recall_at: tuple[float, ...]
    average_precision: float
    ndcg: float


def score_query(distance: NDArray[np.float64], relevant: NDArray[np.bool_]) -> QueryScore:
    """Score one query.

    Parameters
    ----------
    distance : ndarray of float64, shape (n,)
        To every other image; the query itself is none of them.
    relevant : ndarray of bool, shape (n,)
        Which are of its class; at least one.
    """
    order = np.argsort(distance, kind="stable")
    ranked = relevant[order]
    total = int(ranked.sum())
    starts = _tie_starts(distance[order])
    ends = np.append(starts[1:], len(order))
    upto = np.append(0, np.cumsum(ranked))  # relevant among so many nearest
    in_tie = upto[ends] - upto[starts]

    hits = _expected_hits(3, starts, ends, upto)
    recall = tuple(_chance_of_a_hit(k, starts, ends, upto) for k in RECALL_AT)
    precision = float(np.sum(upto[ends] / ends * in_tie)) / total
    discount = np.append(0.0, np.cumsum(1 / np.log2(np.arange(2, len(order) + 2))))
    gain = np.sum(in_tie / (ends - starts) * (discount[ends] - discount[starts]))
    return QueryScore(hits, hits / min(3, total), recall, precision, float(gain / discount[total]))


def _tie_starts(ascending: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return where each run of equal distances begins."""
    return np.flatnonzero(np.append(True, ascending[1:] != ascending[:-1]))


def _expected_hits(
    k: int, starts: NDArray[np.int64], ends: NDArray[np.int64], upto: NDArray[np.int64]
) -> float:
    """Count the relevant ones among the k nearest, averaged over the orders of a tie."""
    if k >= ends[-1]:
        return float(upto[-1])
    tie = int(np.searchsorted(ends, k, side="right"))  # the one that reaches over rank k
    start, end = starts[tie], ends[tie]
    return float(upto[start] + (k - start) * (upto[end] - upto[start]) / (end - start))


def _chance_of_a_hit(
    k: int, starts: NDArray[np.int64], ends: NDArray[np.int64], upto: NDArray[np.int64]
) -> float:
    """Compute the probability, over the orders of a tie, of a relevant one among the k nearest."""
    if k >= ends[-1]:
        return float(upto[-1] > 0)
    tie = int(np.searchsorted(ends, k, side="right"))
    start, end = int(starts[tie]), int(ends[tie])
    if upto[start] > 0:
        return 1.0
    others = end - start - int(upto[end] - upto[start])
    return 1.0 - math.comb(others, k - start) / math.comb(end - start, k - start)
