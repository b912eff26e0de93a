"""Matches of the keypoints of two images, and the matrix that they imply."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators.local import MIRRORED, SCALE_STEP, place_unit
from imgsim.verify.limits import LIMITS
from imgsim.verify.matrix import Matrix, inverse, project, rescale


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
    left_places, right_places = _unit_places(left, slice(n)), _unit_places(right, slice(len(known)))
    size = left["size"].astype(np.float64)
    projected = project(matrix, right_places.T).T
    distance = np.linalg.norm((left_places[:, None] - projected[None]) * size, axis=2)
    bits = _hamming(left["descriptor"][:n], known)
    bits[distance > LIMITS.matched_distance * size.max()] = LIMITS.max_descriptor_bits + 1
    one, other = _mutual_nearest(_nearest(bits))
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
    n = int(left["count"])
    known = _descriptors(right, mirrored=mirrored)
    least = LIMITS.min_mirrored_matches if mirrored else LIMITS.min_keypoint_matches
    bits = _hamming(left["descriptor"][:n], known)
    nearest = _nearest(bits)
    one, other = _mutual_nearest(nearest)
    if len(one) >= least:
        enough = max(least, LIMITS.min_match_share * len(one))
        matrix = _fit_affine(left, right, one, other, enough)
        if matrix is not None:
            return matrix
    if mirrored or len(one) > LIMITS.max_matches_for_poses:
        return None
    return _matrix_from_poses(left, right, nearest)


def _fit_affine(
    left: Any, right: Any, one: NDArray[np.intp], other: NDArray[np.intp], enough: float
) -> Matrix | None:
    """Fit an affine matrix to matches; None if fewer than enough agree."""
    import cv2

    target, source = _unit_places(left, one), _unit_places(right, other)
    size = left["size"].astype(np.float64)
    cv2.setRNGSeed(LIMITS.ransac_seed)
    affine, inliers = cv2.estimateAffine2D(
        source * right["size"],
        target * size,
        ransacReprojThreshold=LIMITS.affine_tolerance * float(size.max()),
        maxIters=LIMITS.affine_iterations,
    )
    if affine is None or int(inliers.sum()) < enough:
        return None
    return _in_units(affine, left, right)


def _in_units(affine: NDArray[Any], left: Any, right: Any) -> Matrix:
    """An affine matrix between pixels, shape (2, 3), in unit coordinates."""
    pixels = np.vstack([affine, [0, 0, 1]])
    (width, height), size = (row["size"].astype(np.float64) for row in (right, left))
    return rescale(pixels, (1 / size[0], 1 / size[1]), (float(width), float(height)))


def _matrix_from_poses(left: Any, right: Any, nearest: _Nearest) -> Matrix | None:
    """Estimate the matrix from matches whose scale, angle and place tell of one transformation.

    There are as few in a small part of a picture; most of the other matches, which are by chance,
    tell of any other.
    """
    import cv2

    one, other = _nearest_either_way(nearest)
    if len(one) < LIMITS.min_pose_places:
        return None
    bits = nearest.bits[one, other].astype(np.float64)
    weight = np.square(LIMITS.pose_no_weight_bits - bits)
    agreeing = _agreeing_poses(left, right, one, other, weight)
    one, other, weight = one[agreeing], other[agreeing], weight[agreeing]
    size = left["size"].astype(np.float64)
    target, source = _unit_places(left, one) * size, _unit_places(right, other) * right["size"]
    if len(one) < LIMITS.min_pose_places or weight.sum() < LIMITS.min_pose_weight:
        return None
    cv2.setRNGSeed(LIMITS.ransac_seed)
    similarity, inliers = cv2.estimateAffinePartial2D(
        source,
        target,
        ransacReprojThreshold=LIMITS.affine_tolerance * float(size.max()),
        maxIters=LIMITS.pose_iterations,
    )
    if similarity is None:
        return None
    chosen = inliers.ravel() > 0
    places = np.unique(np.rint(target[chosen] / LIMITS.pose_place), axis=0)
    if len(places) < LIMITS.min_pose_places or weight[chosen].sum() < LIMITS.min_pose_weight:
        return None
    matrix = _in_units(similarity, left, right)
    return matrix if _holds_the_other(matrix) else None


def _holds_the_other(matrix: Matrix) -> bool:
    """Whether most of one picture lies in the other one.

    Views that overlap by a part are not told by few points, and there are many of them.
    """
    n = LIMITS.pose_grid
    grid = (np.indices((n, n), np.float64).reshape(2, -1) + 0.5) / n
    inside = [
        ((places >= 0) & (places <= 1)).all(axis=0).mean()
        for places in (project(matrix, grid), project(inverse(matrix), grid))
    ]
    return bool(max(inside) >= LIMITS.pose_min_inside)


def _nearest_either_way(nearest: _Nearest) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of pairs of which one is the other's nearest, and near enough to match."""
    rows, columns = np.arange(len(nearest.columns)), np.arange(len(nearest.rows))
    m = max(1, len(columns))
    pairs = np.concatenate([rows * m + nearest.columns, nearest.rows * m + columns])
    one, other = np.divmod(np.unique(pairs), m)
    near = nearest.bits[one, other] < LIMITS.pose_no_weight_bits
    return one[near], other[near]


def _agreeing_poses(
    left: Any,
    right: Any,
    one: NDArray[np.intp],
    other: NDArray[np.intp],
    weight: NDArray[np.float64],
) -> NDArray[np.bool_]:
    """The matches of the transformation that has the largest weight."""
    place = _unit_places(left, one) * left["size"]
    place_right = _unit_places(right, other) * right["size"]
    turn = (right["angle"][other].astype(float) - left["angle"][one]) % 256 * (360 / 256)
    octaves = right["octave"][other].astype(float) - left["octave"][one]
    scale, radians = SCALE_STEP**octaves, np.deg2rad(turn)
    cosine, sine = np.cos(radians) * scale, np.sin(radians) * scale
    dx, dy = (left["size"] / 2 - place).T
    # where the middle of the left picture lies in the right one
    x = place_right[:, 0] + cosine * dx - sine * dy
    y = place_right[:, 1] + sine * dx + cosine * dy
    unit = LIMITS.pose_shift * float(right["size"].max())
    turns = round(360 / LIMITS.pose_turn)
    best, agreeing = 0.0, np.zeros(len(one), bool)
    for offset in (0.0, 0.5):
        cells = np.floor(x / unit + offset) * 1024 + np.floor(y / unit + offset)
        cells = cells * 64 + np.floor(octaves / LIMITS.pose_octaves + offset)
        cells = cells * 64 + np.floor(turn / LIMITS.pose_turn + offset) % turns
        cell = np.unique(cells, return_inverse=True)[1]
        total = np.bincount(cell, weight)
        if total.max() > best:
            best, agreeing = float(total.max()), cell == total.argmax()
    return agreeing


def _descriptors(row: Any, *, mirrored: bool) -> NDArray[np.uint8]:
    """Descriptors of the keypoints, shape (n, 32), or of those described as in a mirror."""
    count = int(row["count"])
    described = row["mirrored"][: min(count, MIRRORED)] if mirrored else row["descriptor"][:count]
    return np.asarray(described)


def _unit_places(row: Any, which: slice | NDArray[np.intp]) -> NDArray[np.float64]:
    """Places of some keypoints, shape (n, 2), as shares of width and height."""
    return np.asarray((row["place"][which] / place_unit(row["size"]) + 0.5) / row["size"])


def _hamming(left: NDArray[np.uint8], right: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Count the bits, shape (n, m), by which descriptors, (n, 32) and (m, 32), differ.

    Counts that a byte may not hold are too low, but far above `LIMITS.max_descriptor_bits`.
    """
    one, other = (
        np.ascontiguousarray(np.ascontiguousarray(x).view(np.uint64).T) for x in (left, right)
    )
    bits = np.zeros((one.shape[1], other.shape[1]), np.uint8)
    room = np.iinfo(bits.dtype).max - 8 * one.itemsize
    for left_word, right_word in zip(one, other, strict=True):
        np.minimum(bits, room, out=bits)
        bits += np.bitwise_count(left_word[:, None] ^ right_word)
    return bits


class _Nearest(NamedTuple):
    """Distances of descriptors in `bits`, shape (n, m), and which are the least of them.

    `columns`, shape (n,), holds the nearest of each row, `rows`, shape (m,), that of each column;
    both are empty where one picture has no keypoints.
    """

    bits: NDArray[np.uint8]
    columns: NDArray[np.intp]
    rows: NDArray[np.intp]


def _nearest(bits: NDArray[np.uint8]) -> _Nearest:
    if bits.size == 0:
        none = np.empty(0, np.intp)
        return _Nearest(bits, none, none)
    return _Nearest(bits, bits.argmin(axis=1), bits.argmin(axis=0))


def _mutual_nearest(nearest: _Nearest) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of pairs that are each other's nearest, and near enough to match."""
    rows, best = np.arange(len(nearest.columns)), nearest.columns
    near = nearest.bits[rows, best] <= LIMITS.max_descriptor_bits
    mutual = near & (nearest.rows[best] == rows)
    return rows[mutual], best[mutual]
