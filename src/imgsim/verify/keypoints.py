"""Which keypoints of two images say that they show the same thing."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators.local import MIRRORED, PLACE_UNIT
from imgsim.verify.alignment import Matrix

_MAX_BITS = 64
_NEAR = 0.02


def agreeing(
    left: Any, right: Any, matrix: Matrix
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Keypoints with like descriptors that a matrix lays upon each other.

    Parameters
    ----------
    left, right : record of `comparators.local.LAYOUT`
    matrix : ndarray of float64, shape (3, 3)
        Unit coordinates of the right picture to those of the left one.

    Returns
    -------
    left_places, right_places : ndarray of float64, shape (n, 2)
        x and y in unit coordinates.
    bits : ndarray of int64, shape (n,)
        By which the descriptors differ; ascending.
    """
    n, m = int(left["count"]), int(right["count"])
    known = right["descriptor"][:m]
    if np.linalg.det(matrix[:2, :2]) < 0:  # a mirror image
        m = min(m, MIRRORED)
        known = right["mirrored"][:m]
    one, other = _units(left)[:n], _units(right)[:m]
    size = left["size"].astype(np.float64)
    laid = np.column_stack([other, np.ones(m)]) @ matrix.T
    laid = laid[:, :2] / laid[:, 2:]
    apart = np.linalg.norm((one[:, None] - laid[None]) * size, axis=2)
    bits = np.bitwise_count(left["descriptor"][:n, None] ^ known[None]).sum(axis=2, dtype=np.int64)
    bits[(apart > _NEAR * size.max()) | (bits > _MAX_BITS)] = _MAX_BITS + 1
    if min(n, m) == 0:
        return np.empty((0, 2)), np.empty((0, 2)), np.empty(0, np.int64)
    best = bits.argmin(axis=1)
    # each is the other's most alike
    own = np.flatnonzero(
        (bits.min(axis=1) <= _MAX_BITS) & (bits.argmin(axis=0)[best] == np.arange(n))
    )
    own = own[np.argsort(bits[own, best[own]], kind="stable")]
    return one[own], other[best[own]], bits[own, best[own]]


def _units(row: Any) -> NDArray[np.float64]:
    """Places of all keypoints, as shares of width and height."""
    return np.asarray((row["place"] / PLACE_UNIT + 0.5) / row["size"])
