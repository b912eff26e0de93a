"""Matches of the keypoints of two images, and the matrix that they imply."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators.local import MIRRORED, SCALE_STEP, place_unit
from imgsim.stage_times import staged
from imgsim.verify.limits import LIMITS
from imgsim.verify.matrix import Matrix, inverse, project, projected_corners, rescale
from imgsim.verify.recording import record

try:
    from imgsim.compiled import _matches
except ImportError:
    _matches = None  # type: ignore[assignment]


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


@dataclass(frozen=True, slots=True)
class Keypoints:
    """The keypoints of an image, as many pairs need them.

    Attributes
    ----------
    size : ndarray of uint16, shape (2,)
        Width and height.
    descriptor : ndarray of uint8, shape (n, 32)
    mirrored : ndarray of uint8, shape (m, 32)
        Descriptors of the first keypoints in the mirrored image.
    unit : ndarray of float32, shape (n, 2)
        x and y as shares of width and height.
    pixels : ndarray of float32, shape (n, 2)
    octave, angle : ndarray of float64, shape (n,)
        As in `comparators.local.LAYOUT`.
    """

    size: NDArray[np.uint16]
    descriptor: NDArray[np.uint8]
    mirrored: NDArray[np.uint8]
    unit: NDArray[np.floating]
    pixels: NDArray[np.floating]
    octave: NDArray[np.float64]
    angle: NDArray[np.float64]

    @classmethod
    def of(cls, row: Any) -> Keypoints:
        """Take them from a record of `comparators.local.LAYOUT`."""
        n = int(row["count"])
        unit = _unit_places(row, slice(n))
        return cls(
            row["size"],
            np.ascontiguousarray(_descriptors(row, mirrored=False)),
            np.ascontiguousarray(_descriptors(row, mirrored=True)),
            unit,
            unit * row["size"],
            row["octave"][:n].astype(np.float64),
            row["angle"][:n].astype(np.float64),
        )


def matrices_from_keypoints(
    left: Keypoints, right: Keypoints, *, mirrored: bool
) -> Iterator[Matrix]:
    """Estimate the matrix from the keypoints of two images, measured in either of them.

    How far off a match may be is a share of the picture in which it is measured, and which matches
    are drawn is chance; so of small parts one of the two estimates fails in a tenth of the pairs.
    The second is made when it is asked for.

    Parameters
    ----------
    left, right : Keypoints
    mirrored : bool
        The pictures are mirror images of each other.

    Yields
    ------
    ndarray of float64, shape (3, 3)
        Unit coordinates of the right picture to those of the left one; none if too few keypoints
        match, or too few matches agree.
    """
    nearest = _match(left, right, mirrored=mirrored)
    first = _estimate(left, right, nearest, mirrored=mirrored)
    if first is not None:
        yield first
    back = _estimate(right, left, nearest.transposed(), mirrored=mirrored)
    if back is None:
        return
    second = inverse(back)
    if first is None or not _are_alike(first, second):
        yield second


def _are_alike(one: Matrix, other: Matrix) -> bool:
    """Whether two matrices map the corners of a picture to nearly the same places.

    That is a share of the smaller picture, as it lies in the other one.
    """
    places = projected_corners(one), projected_corners(other)
    extent = min(1.0, *(float(np.ptp(place, axis=1).max()) for place in places))
    return bool(np.abs(places[0] - places[1]).max() <= LIMITS.alike_matrices * extent)


@staged("aligning")
def _match(left: Keypoints, right: Keypoints, *, mirrored: bool) -> _Nearest:
    other = right.mirrored if mirrored else right.descriptor
    if _matches is None:
        return _nearest(_hamming(left.descriptor, other))
    return _nearest_in_c(left.descriptor, other)


@staged("aligning")
def _estimate(
    left: Keypoints, right: Keypoints, nearest: _Nearest, *, mirrored: bool
) -> Matrix | None:
    """The matrix that the matches imply, by their places in the left picture."""
    least = LIMITS.min_mirrored_matches if mirrored else LIMITS.min_keypoint_matches
    one, other = _mutual_nearest(nearest)
    record("min_mirrored_matches" if mirrored else "min_keypoint_matches", len(one))
    if len(one) >= least:
        enough = max(least, LIMITS.min_match_share * len(one))
        matrix = _fit_affine(left, right, one, other, enough)
        if matrix is not None:
            return matrix
    if mirrored or len(one) > LIMITS.max_matches_for_parts:
        return None
    matrix = _matrix_from_poses(left, right, nearest)
    if matrix is None or len(one) <= LIMITS.max_matches_for_poses:
        return matrix
    area = abs(float(np.linalg.det(matrix[:2, :2])))
    return matrix if min(area, 1 / area) <= LIMITS.part_area else None


def _fit_affine(
    left: Keypoints,
    right: Keypoints,
    one: NDArray[np.int64],
    other: NDArray[np.int64],
    enough: float,
) -> Matrix | None:
    """Fit an affine matrix to matches; None if fewer than enough agree."""
    import cv2

    size = left.size.astype(np.float64)
    points, target = right.pixels[other], left.unit[one] * size
    tolerance = LIMITS.affine_tolerance * float(size.max())

    def fit(refinements: int) -> tuple[NDArray[Any] | None, NDArray[np.uint8]]:
        cv2.setRNGSeed(LIMITS.ransac_seed)
        return cv2.estimateAffine2D(  # type: ignore[return-value]
            points,
            target,
            ransacReprojThreshold=tolerance,
            maxIters=LIMITS.affine_iterations,
            refineIters=refinements,
        )

    # refining changes no inlier, takes a third of the time, and hardly any matches agree
    affine, inliers = fit(0)
    if affine is not None:
        record("min_match_share", np.count_nonzero(inliers) / len(one))
    if affine is None or np.count_nonzero(inliers) < enough:
        upright = _upright_by_pairs(points, target, tolerance)
        return None if upright is None else _in_units(upright, left, right)
    affine, inliers = fit(LIMITS.affine_refinements)
    if affine is None:
        return None
    agreeing = inliers.ravel() > 0
    upright = _upright(points[agreeing], target[agreeing], affine)
    return _in_units(affine if upright is None else upright, left, right)


def _upright(
    points: NDArray[Any], target: NDArray[Any], affine: NDArray[Any]
) -> NDArray[np.float64] | None:
    """The matrix, shape (2, 3), that enlarges and shifts alone, if it fits matches as well.

    Few matches that lie close to each other tell little of what an affine one does elsewhere.
    """
    enlarged = _fit_upright(points, target)
    errors = [
        np.square(points @ matrix[:, :2].T + matrix[:, 2] - target).sum()
        for matrix in (affine, enlarged)
    ]
    # by what is left of each coordinate where 6 or 3 numbers are fitted
    spare = max(1, 2 * len(points) - 6)
    worse = errors[1] / (spare + 3) / max(errors[0] / spare, 1e-9)
    record("upright_max_worse", worse)
    return enlarged if worse <= LIMITS.upright_max_worse else None


def _fit_upright(points: NDArray[Any], target: NDArray[Any]) -> NDArray[np.float64]:
    middle, other = points.mean(axis=0), target.mean(axis=0)
    apart = points - middle
    scale = float((apart * (target - other)).sum() / max(np.square(apart).sum(), 1e-9))
    return np.column_stack([scale * np.eye(2), other - scale * middle])


def _upright_by_pairs(
    points: NDArray[Any], target: NDArray[Any], tolerance: float
) -> NDArray[np.float64] | None:
    """The matrix, shape (2, 3), that enlarges and shifts alone, by which most matches agree.

    Two of them give one, so it is found among many wrong ones: those of letters.
    """
    agreeing = (_upright_agreeing if _matches is None else _upright_in_c)(points, target, tolerance)
    if agreeing is None:
        return None
    record("upright_min_share", agreeing.mean())
    few = agreeing.sum() < LIMITS.min_keypoint_matches
    if few or agreeing.mean() < LIMITS.upright_min_share:
        return None
    return _fit_upright(points[agreeing], target[agreeing])


def _upright_agreeing(
    points: NDArray[Any], target: NDArray[Any], tolerance: float
) -> NDArray[np.bool_] | None:
    """Which matches agree with the best matrix that two of them give, shape (n,)."""
    one, other = np.triu_indices(len(points), 1)
    apart, target_apart = points[one] - points[other], target[one] - target[other]
    length = np.square(apart).sum(axis=1)
    scale = (apart * target_apart).sum(axis=1) / np.maximum(length, 1e-9)
    off = np.abs(scale[:, None] * apart - target_apart).max(axis=1)
    sides = np.sqrt(length)
    kept = (off <= tolerance) & (sides > LIMITS.upright_min_apart * tolerance)
    kept &= (scale > LIMITS.min_scale) & (scale < LIMITS.max_scale)
    if not kept.any():
        return None
    scale, one = scale[kept], one[kept]
    shift = target[one] - scale[:, None] * points[one]
    errors = np.abs(scale[:, None, None] * points + shift[:, None] - target).max(axis=2)
    agreeing = errors <= tolerance
    return np.asarray(agreeing[agreeing.sum(axis=1).argmax()])


def _upright_in_c(
    points: NDArray[Any], target: NDArray[Any], tolerance: float
) -> NDArray[np.bool_] | None:
    agreeing = np.zeros(len(points), np.bool_)
    most = _matches.upright(
        np.ascontiguousarray(points, np.float32),
        np.ascontiguousarray(target, np.float64),
        tolerance,
        LIMITS.upright_min_apart * tolerance,
        LIMITS.min_scale,
        LIMITS.max_scale,
        agreeing.view(np.uint8),
    )
    return None if most < 0 else agreeing


def _in_units(affine: NDArray[Any], left: Keypoints, right: Keypoints) -> Matrix:
    """An affine matrix between pixels, shape (2, 3), in unit coordinates."""
    pixels = np.vstack([affine, [0, 0, 1]])
    (width, height), size = (one.size.astype(np.float64) for one in (right, left))
    return rescale(pixels, (1 / size[0], 1 / size[1]), (float(width), float(height)))


def _matrix_from_poses(left: Keypoints, right: Keypoints, nearest: _Nearest) -> Matrix | None:
    """Estimate the matrix from matches whose scale, angle and place tell of one transformation.

    There are as few in a small part of a picture; most of the other matches, which are by chance,
    tell of any other.
    """
    import cv2

    one, other, bits = _nearest_either_way(nearest)
    fewest = min(LIMITS.min_pose_places[1])
    if len(one) < fewest:
        return None
    weight = np.square(LIMITS.pose_no_weight_bits - bits.astype(np.float64))
    if weight.sum() < LIMITS.min_pose_weight:
        return None
    agreeing = _agreeing_poses(left, right, one, other, weight)
    one, other, weight = one[agreeing], other[agreeing], weight[agreeing]
    record("min_pose_weight", weight.sum())
    if len(one) < fewest or weight.sum() < LIMITS.min_pose_weight:
        return None
    size = left.size.astype(np.float64)
    target = left.unit[one] * size
    cv2.setRNGSeed(LIMITS.ransac_seed)
    similarity, inliers = cv2.estimateAffinePartial2D(
        right.pixels[other],
        target,
        ransacReprojThreshold=LIMITS.affine_tolerance * float(size.max()),
        maxIters=LIMITS.pose_iterations,
    )
    if similarity is None:
        return None
    chosen = inliers.ravel() > 0
    total = float(weight[chosen].sum())
    if total < LIMITS.min_pose_weight:
        return None
    places = np.rint(target[chosen] / LIMITS.pose_place)
    count = len(np.unique(places @ [4096.0, 1.0]))
    least = float(np.interp(total, *LIMITS.min_pose_places))
    record("min_pose_places", count / least)
    if count < least:
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
    record("pose_min_inside", max(inside))
    return bool(max(inside) >= LIMITS.pose_min_inside)


def _nearest_either_way(
    nearest: _Nearest,
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.int64]]:
    """Rows, columns and bits of pairs of which one is the other's nearest, and near enough."""
    m = nearest.shape[1]
    near_rows = np.flatnonzero(nearest.row_bits < LIMITS.pose_no_weight_bits)
    near_columns = np.flatnonzero(nearest.column_bits < LIMITS.pose_no_weight_bits)
    pairs = np.concatenate(
        [
            near_rows * m + nearest.columns[near_rows],
            nearest.rows[near_columns] * m + near_columns,
        ]
    )
    bits = np.concatenate([nearest.row_bits[near_rows], nearest.column_bits[near_columns]])
    order = pairs.argsort()
    pairs = pairs[order]
    once = np.ones(len(pairs), bool)
    np.not_equal(pairs[1:], pairs[:-1], out=once[1:])
    one, other = np.divmod(pairs[once], max(1, m))
    return one, other, bits[order[once]]


def _agreeing_poses(
    left: Keypoints,
    right: Keypoints,
    one: NDArray[np.intp],
    other: NDArray[np.intp],
    weight: NDArray[np.float64],
) -> NDArray[np.int64]:
    """Numbers of the matches of the transformation that has the largest weight, ascending."""
    place, place_right = left.pixels[one], right.pixels[other]
    turn = (right.angle[other] - left.angle[one]) % 256 * (360 / 256)
    octaves = right.octave[other] - left.octave[one]
    scale, radians = SCALE_STEP**octaves, np.deg2rad(turn)
    cosine, sine = np.cos(radians) * scale, np.sin(radians) * scale
    dx, dy = (left.size / 2 - place).T
    # where the middle of the left picture lies in the right one
    x = place_right[:, 0] + cosine * dx - sine * dy
    y = place_right[:, 1] + sine * dx + cosine * dy
    unit = LIMITS.pose_shift * float(right.size.max())
    turns = round(360 / LIMITS.pose_turn)
    x, y = x / unit, y / unit
    octaves, turn = octaves / LIMITS.pose_octaves, turn / LIMITS.pose_turn
    best, agreeing = 0.0, np.zeros(len(one), np.int64)
    for offset in (0.0, 0.5):
        cells = np.floor(x + offset) * 1024 + np.floor(y + offset)
        cells = cells * 64 + np.floor(octaves + offset)
        cells = cells * 64 + np.floor(turn + offset) % turns
        order = cells.argsort()  # weights are whole numbers: their order changes no sum
        ordered = cells[order]
        is_first = np.ones(len(ordered), np.bool_)
        np.not_equal(ordered[1:], ordered[:-1], out=is_first[1:])
        starts = np.flatnonzero(is_first)
        totals = np.add.reduceat(weight[order], starts)
        most = int(totals.argmax())
        if totals[most] > best:
            best = float(totals[most])
            stop = starts[most + 1] if most + 1 < len(starts) else None
            agreeing = np.sort(order[starts[most] : stop])
    return agreeing


def _descriptors(row: Any, *, mirrored: bool) -> NDArray[np.uint8]:
    """Descriptors of the keypoints, shape (n, 32), or of those described as in a mirror."""
    count = int(row["count"])
    described = row["mirrored"][: min(count, MIRRORED)] if mirrored else row["descriptor"][:count]
    return np.asarray(described)


def _unit_places(row: Any, which: slice | NDArray[np.intp]) -> NDArray[np.float64]:
    """Places of some keypoints, shape (n, 2), as shares of width and height."""
    return np.asarray((row["place"][which] / place_unit(row["size"]) + 0.5) / row["size"])


_WITHOUT_FAISS = 200
"""Pairs of images that a process compares without faiss: to load it takes as long."""
_compared = 0


def _hamming(left: NDArray[np.uint8], right: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Count the bits, shape (n, m), by which descriptors, (n, 32) and (m, 32), differ."""
    global _compared
    _compared += 1
    if _compared > _WITHOUT_FAISS or "faiss" in sys.modules:
        return _hamming_by_faiss(left, right)
    return _hamming_by_words(left, right)


def _hamming_by_faiss(left: NDArray[np.uint8], right: NDArray[np.uint8]) -> NDArray[np.int32]:
    import faiss

    bits = np.empty((len(left), len(right)), np.int32)
    one, other = np.ascontiguousarray(left), np.ascontiguousarray(right)
    swig, size = faiss.swig_ptr, one.shape[1]
    faiss.hammings(  # type: ignore[attr-defined]
        swig(one), swig(other), len(one), len(other), size, swig(bits)
    )
    return bits


def _hamming_by_words(left: NDArray[np.uint8], right: NDArray[np.uint8]) -> NDArray[np.int32]:
    one, other = (
        np.ascontiguousarray(np.ascontiguousarray(x).view(np.uint64).T) for x in (left, right)
    )
    bits = np.zeros((one.shape[1], other.shape[1]), np.uint16)
    for left_word, right_word in zip(one, other, strict=True):
        bits += np.bitwise_count(left_word[:, None] ^ right_word)
    return bits.astype(np.int32)


class _Nearest(NamedTuple):
    """Which of the distances of n descriptors from m others are the least.

    `columns`, shape (n,), holds the nearest of each row and `row_bits` its distance, `rows` and
    `column_bits`, shape (m,), those of each column; all are empty where one picture has no
    keypoints. `shape` is (n, m).
    """

    columns: NDArray[np.int64]
    row_bits: NDArray[np.int64]
    rows: NDArray[np.int64]
    column_bits: NDArray[np.int64]
    shape: tuple[int, ...]

    def transposed(self) -> _Nearest:
        """The same with rows and columns exchanged."""
        columns, row_bits, rows, column_bits, shape = self
        return _Nearest(rows, column_bits, columns, row_bits, shape[::-1])


def _nearest(bits: NDArray[np.integer]) -> _Nearest:
    """Find the nearest of each row and column, the first of several, shape (n, m)."""
    if bits.size == 0:
        none = np.empty(0, np.int64)
        return _Nearest(none, none, none, none, bits.shape)
    n, m = bits.shape
    most = max(n, m)
    # one minimum of both tells as much as the place of the least, and takes a fraction of the time
    coded = bits.astype(np.int32) * most
    by_row = (coded + np.arange(m, dtype=np.int32)).min(axis=1)
    by_column = (coded + np.arange(n, dtype=np.int32)[:, None]).min(axis=0)
    row_bits, columns = np.divmod(by_row.astype(np.int64), most)
    column_bits, rows = np.divmod(by_column.astype(np.int64), most)
    return _Nearest(columns, row_bits, rows, column_bits, bits.shape)


def _nearest_in_c(left: NDArray[np.uint8], right: NDArray[np.uint8]) -> _Nearest:
    """The same of descriptors, shape (n, 32) and (m, 32)."""
    n, m = len(left), len(right)
    if not (n and m):
        return _nearest(np.empty((n, m), np.int32))
    columns, row_bits, rows, column_bits = (np.empty(size, np.int64) for size in (n, n, m, m))
    one, other = np.ascontiguousarray(left), np.ascontiguousarray(right)
    _matches.nearest(one, other, columns, row_bits, rows, column_bits)
    return _Nearest(columns, row_bits, rows, column_bits, (n, m))


def _mutual_nearest(nearest: _Nearest) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns of pairs that are each other's nearest, and near enough to match."""
    rows, best = np.arange(len(nearest.columns)), nearest.columns
    mutual = (nearest.row_bits <= LIMITS.max_descriptor_bits) & (nearest.rows[best] == rows)
    return rows[mutual], best[mutual]
