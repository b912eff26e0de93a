"""Matches of the keypoints of two images, and the matrix that they imply."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators.local import MIRRORED, place_unit
from imgsim.verify.limits import LIMITS
from imgsim.verify.matrix import Matrix, project, rescale


def consistent_matches(
    left: Any, right: Any, matrix: Matrix
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Match keypoints by their descriptors, among those that a matrix maps onto each other.

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
        Hamming distances of the descriptors; ascending.
    """
    known = _descriptors(right, mirrored=bool(np.linalg.det(matrix[:2, :2]) < 0))
    n = int(left["count"])
    left_places, right_places = _unit_places(left)[:n], _unit_places(right)[: len(known)]
    size = left["size"].astype(np.float64)
    projected = project(matrix, right_places.T).T
    distance = np.linalg.norm((left_places[:, None] - projected[None]) * size, axis=2)
    bits = _hamming(left["descriptor"][:n], known)
    bits[distance > LIMITS.matched_distance * size.max()] = LIMITS.max_descriptor_bits + 1
    one, other = _mutual_nearest(bits)
    order = np.argsort(bits[one, other], kind="stable")
    one, other = one[order], other[order]
    return left_places[one], right_places[other], bits[one, other].astype(np.int64)


def matrix_from_keypoints(left: Any, right: Any, *, mirrored: bool) -> Matrix | None:
    """Estimate the matrix from the keypoints of two images.

    Parameters
    ----------
    left, right : record of `comparators.local.LAYOUT`
    mirrored : bool
        The pictures are mirror images of each other.

    Returns
    -------
    ndarray of float64, shape (3, 3), or None
        Unit coordinates of the right picture to those of the left one; None if too few keypoints
        match, or too few matches agree.
    """
    import cv2

    n = int(left["count"])
    known = _descriptors(right, mirrored=mirrored)
    least = LIMITS.min_mirrored_matches if mirrored else LIMITS.min_keypoint_matches
    if min(n, len(known)) < least:
        return None
    one, other = _mutual_nearest(_hamming(left["descriptor"][:n], known))
    if len(one) < least:
        return None
    target, source = _unit_places(left)[one], _unit_places(right)[other]
    size = left["size"].astype(np.float64)
    cv2.setRNGSeed(LIMITS.ransac_seed)
    affine, inliers = cv2.estimateAffine2D(
        source * right["size"],
        target * size,
        ransacReprojThreshold=LIMITS.affine_tolerance * float(size.max()),
        maxIters=LIMITS.affine_iterations,
    )
    if affine is None or int(inliers.sum()) < max(least, LIMITS.min_match_share * len(one)):
        return None
    pixels = np.vstack([affine, [0, 0, 1]])
    width, height = (float(side) for side in right["size"])
    return rescale(pixels, (1 / size[0], 1 / size[1]), (width, height))


def _descriptors(row: Any, *, mirrored: bool) -> NDArray[np.uint8]:
    """Descriptors of the keypoints, shape (n, 32), or of those described as in a mirror."""
    count = int(row["count"])
    described = row["mirrored"][: min(count, MIRRORED)] if mirrored else row["descriptor"][:count]
    return np.asarray(described)


def _unit_places(row: Any) -> NDArray[np.float64]:
    """Places of all keypoints, shape (n, 2), as shares of width and height."""
    return np.asarray((row["place"] / place_unit(row["size"]) + 0.5) / row["size"])


def _hamming(left: NDArray[np.uint8], right: NDArray[np.uint8]) -> NDArray[np.uint16]:
    """Count the bits, shape (n, m), by which descriptors, (n, 32) and (m, 32), differ."""
    words = [np.ascontiguousarray(x).view(np.uint64).T for x in (left, right)]
    bits = np.zeros((len(left), len(right)), np.uint16)
    for one, other in zip(*words, strict=True):
        bits += np.bitwise_count(one[:, None] ^ other)
    return bits


def _mutual_nearest(bits: NDArray[np.uint16]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of pairs that are each other's nearest, and near enough to match."""
    rows = np.arange(len(bits))
    if bits.size == 0:
        return rows[:0], rows[:0]
    best = bits.argmin(axis=1)
    near = bits[rows, best] <= LIMITS.max_descriptor_bits
    mutual = near & (bits.argmin(axis=0)[best] == rows)
    return rows[mutual], best[mutual]
