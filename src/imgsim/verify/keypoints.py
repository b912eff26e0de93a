"""Which keypoints of two images say that they show the same thing."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators.local import MIRRORED, PLACE_UNIT
from imgsim.verify.limits import LIMITS
from imgsim.verify.matrix import Matrix


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
    bits[(apart > LIMITS.matched_distance * size.max()) | (bits > LIMITS.max_descriptor_bits)] = (
        LIMITS.max_descriptor_bits + 1
    )
    if min(n, m) == 0:
        return np.empty((0, 2)), np.empty((0, 2)), np.empty(0, np.int64)
    best = bits.argmin(axis=1)
    # each is the other's most alike
    own = np.flatnonzero(
        (bits.min(axis=1) <= LIMITS.max_descriptor_bits)
        & (bits.argmin(axis=0)[best] == np.arange(n))
    )
    own = own[np.argsort(bits[own, best[own]], kind="stable")]
    return one[own], other[best[own]], bits[own, best[own]]


def _units(row: Any) -> NDArray[np.float64]:
    """Places of all keypoints, as shares of width and height."""
    return np.asarray((row["place"] / PLACE_UNIT + 0.5) / row["size"])


def by_keypoints(left: Any, right: Any, *, mirrored: bool) -> Matrix | None:
    """Estimate the matrix from the keypoints of two rows, or None if too few agree.

    Parameters
    ----------
    left, right : record of `LAYOUT`
    mirrored : bool
        The pictures are mirror images of each other.
    """
    import cv2

    n = int(left["count"])
    m = int(right["count"])
    known = right["descriptor"][:m]
    least = LIMITS.min_keypoint_matches
    if mirrored:
        m = min(m, MIRRORED)
        known = right["mirrored"][:m]
        least = LIMITS.min_mirrored_matches
    if min(n, m) < least:
        return None
    here, there = _alike(left["descriptor"][:n], known)
    if len(here) < least:
        return None
    target, source = _units(left)[here], _units(right)[there]
    longer = float(max(left["size"]))
    size = left["size"].astype(np.float64)
    cv2.setRNGSeed(LIMITS.ransac_seed)
    found, inliers = cv2.estimateAffine2D(
        source * right["size"],
        target * size,
        ransacReprojThreshold=LIMITS.affine_tolerance * longer,
        maxIters=LIMITS.affine_iterations,
    )
    if found is None or int(inliers.sum()) < max(least, LIMITS.min_match_share * len(here)):
        return None
    pixels = np.vstack([found, [0, 0, 1]])
    to_units = np.diag([1 / size[0], 1 / size[1], 1])
    return np.asarray(to_units @ pixels @ np.diag([*right["size"], 1.0]))


def _alike(
    left: NDArray[np.uint8], right: NDArray[np.uint8]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Places of descriptors, shapes (n, 32) and (m, 32), that are each other's most alike."""
    words = [np.ascontiguousarray(x).view(np.uint64).T for x in (left, right)]
    bits = np.zeros((len(left), len(right)), np.uint16)
    for one, other in zip(*words, strict=True):
        bits += np.bitwise_count(one[:, None] ^ other)
    best = bits.argmin(axis=1)
    own = np.arange(len(left))
    each = (bits[own, best] <= LIMITS.max_descriptor_bits) & (bits.argmin(axis=0)[best] == own)
    return own[each], best[each]
