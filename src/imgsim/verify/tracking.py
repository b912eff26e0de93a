"""Tracks points of one image in another one, and corrects a matrix by them.

Source: B. Lucas and T. Kanade, 1981, in pyramids (J.-Y. Bouguet, 2000), as OpenCV has it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgsim.decode.detail import longer_side
from imgsim.verify.limits import LIMITS
from imgsim.verify.matrix import Band, Grey, Matrix, opencv_matrix, project, unit_matrix
from imgsim.verify.median import median, quantile
from imgsim.verify.recording import record
from imgsim.verify.tone import apply_tone_curve, joint_histogram, tone_curve

Points = NDArray[np.float32]


def warp(
    left: Grey, right: Grey, matrix: Matrix, excluded: Sequence[Band]
) -> tuple[Grey, NDArray[np.uint8]]:
    """Warp the right image into the frame of the left one.

    Parameters
    ----------
    left : ndarray of uint8, shape (h, w)
        Its size alone is used.
    right : ndarray of uint8, shape (h2, w2)
    matrix : ndarray of float64, shape (3, 3)
        Unit coordinates of the right picture to those of the left one.
    excluded : sequence of (float, float)
        Rows of the left image to leave out, from and to, as shares of its height.

    Returns
    -------
    warped : ndarray of uint8, shape (h, w)
    mask : ndarray of uint8, shape (h, w)
        1 where the right image has pixels and no row is excluded, else 0.
    """
    import cv2

    height, width = left.shape
    pixels = opencv_matrix(matrix, left, right)
    warped = cv2.warpPerspective(right, pixels, (width, height), flags=cv2.INTER_LINEAR)
    return np.asarray(warped, dtype=np.uint8), overlap_mask(left, right, pixels, excluded)


def overlap_mask(
    left: Grey, right: Grey, pixels: Matrix, excluded: Sequence[Band]
) -> NDArray[np.uint8]:
    """Return where the right image lies in the frame of the left one.

    Parameters
    ----------
    left, right : ndarray of uint8, shape (h, w)
        Their sizes alone are used.
    pixels : ndarray of float64, shape (3, 3)
        Pixels of the right image to those of the left one, as OpenCV counts them.
    excluded : sequence of (float, float)
        Rows of the left image to leave out, from and to, as shares of its height.

    Returns
    -------
    ndarray of uint8, shape (h, w)
        1 where the right image has pixels and no row is excluded, else 0.
    """
    import cv2

    height, width = left.shape
    near = LIMITS.warp_inset
    bottom, end = right.shape[0] - 1 - near, right.shape[1] - 1 - near
    corners = project(pixels, np.array([(near, end, end, near), (near, near, bottom, bottom)]))
    mask = np.zeros((height, width), np.uint8)
    parts = 1 << LIMITS.mask_bits
    rounded = np.rint(corners.T * parts).astype(np.int32)
    cv2.fillConvexPoly(mask, rounded, 1, shift=LIMITS.mask_bits)
    for first, last in excluded:
        mask[round(first * height) : round(last * height)] = 0
    return mask


@dataclass(frozen=True, slots=True)
class Tracking:
    """A matrix corrected by tracked points, and how well it fits them.

    Attributes
    ----------
    matrix : ndarray of float64, shape (3, 3)
    correction : float
        Pixels by which half of the inliers were off before, at least.
    corners : ndarray of float32, shape (m, 1, 2)
        All points of the left image that were to be tracked.
    tracked : int
        Those that were.
    inliers : ndarray of float32, shape (n, 2)
        Those that lie where the matrix says.
    errors : ndarray of float32, shape (n, 2)
        Their displacement that the matrix leaves.
    strength : ndarray of float32, shape (n,)
        The lesser eigenvalue of the gradients around each; the variance of its place is inverse
        to it.
    """

    matrix: Matrix
    correction: float
    corners: Points
    tracked: int
    inliers: Points
    errors: Points
    strength: NDArray[np.float32]

    def shift(self) -> float:
        """Return the pixels by which most inliers are displaced with their neighbours, at most.

        Grain displaces each point on its own; what turned or moved takes its neighbours along. A
        point counts by how surely it can be tracked; the surest count alike.
        """
        x, y = self.inliers[:, 0], self.inliers[:, 1]
        distance = np.square(x[:, None] - x) + np.square(y[:, None] - y)
        near = np.argpartition(distance, LIMITS.neighbours, axis=1)[:, : LIMITS.neighbours]
        reliable = quantile(self.strength, LIMITS.reliable_strength)
        weights = np.minimum(1, self.strength / reliable)
        shares = weights[near] / weights[near].sum(axis=1, keepdims=True)
        common = (self.errors[near] * shares[..., None]).sum(axis=1)
        lengths = np.hypot(common[:, 0], common[:, 1])
        order = np.argsort(lengths)
        passed = np.cumsum(weights[order])
        return float(lengths[order[np.searchsorted(passed, LIMITS.shift_quantile * passed[-1])]])


def track(
    left: Grey,
    right: Grey,
    matrix: Matrix,
    excluded: Sequence[Band],
    corners: Points | None = None,
) -> Tracking | None:
    """Track corners of the left image in the right one, and correct the matrix by them.

    Parameters
    ----------
    left, right : ndarray of uint8, shape (h, w)
        At one scale.
    matrix : ndarray of float64, shape (3, 3)
        Unit coordinates of the right picture to those of the left one.
    excluded : sequence of (float, float)
        Rows of the left image to leave out, from and to, as shares of its height.
    corners : ndarray of float32, shape (n, 1, 2), optional
        Of an earlier round; detected if there are none.

    Returns
    -------
    Tracking or None
        None if the overlap is too small, or too few points can be tracked or agree.
    """
    warped, mask = warp(left, right, matrix, excluded)
    inner = erode_mask(mask, LIMITS.flow_margin)
    pixels = np.count_nonzero(inner)
    record("min_overlap_pixels", pixels)
    if pixels < LIMITS.min_overlap_pixels:
        return None
    toned = apply_tone_curve(left, tone_curve(joint_histogram(left, warped, inner)))
    if corners is None:
        corners = _detect_corners(toned, inner)
    if len(corners) < LIMITS.min_points:
        return None
    points, moved, strength = _optical_flow(toned, warped, corners)
    fit = _fit_homography(points, moved)
    if fit is None:
        return None
    homography, is_inlier = fit
    inliers, moved = points[is_inlier], moved[is_inlier]
    before = (moved - inliers).reshape(-1, 2)
    errors = _apply_homography(moved, homography) - inliers.reshape(-1, 2)
    return Tracking(
        unit_matrix(homography, left) @ matrix,
        median(np.hypot(before[:, 0], before[:, 1])),
        corners,
        len(points),
        inliers.reshape(-1, 2),
        errors,
        strength[is_inlier],
    )


def _optical_flow(
    left: Grey, right: Grey, corners: Points
) -> tuple[Points, Points, NDArray[np.float32]]:
    """Find points of one image in another one.

    Returns those found, shape (n, 1, 2), where they are, and their `Tracking.strength`.
    """
    import cv2

    nowhere: Any = None
    moved, status, strength = cv2.calcOpticalFlowPyrLK(
        left,
        right,
        corners,
        nowhere,
        winSize=(LIMITS.flow_window, LIMITS.flow_window),
        maxLevel=LIMITS.flow_levels,
        criteria=(
            cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS,
            LIMITS.flow_iterations,
            LIMITS.flow_epsilon,
        ),
        flags=cv2.OPTFLOW_LK_GET_MIN_EIGENVALS,
    )
    there = status.ravel() > 0
    strength = np.asarray(strength, np.float32).ravel()
    return corners[there], np.asarray(moved, np.float32)[there], strength[there]


def _fit_homography(points: Points, moved: Points) -> tuple[Matrix, NDArray[np.bool_]] | None:
    """Fit the homography that takes moved points back, and tell which points agree with it."""
    import cv2

    if len(points) < LIMITS.min_points:
        return None
    cv2.setRNGSeed(LIMITS.ransac_seed)
    robust, chosen = cv2.findHomography(
        moved,
        points,
        cv2.USAC_FAST,
        LIMITS.homography_tolerance,
        maxIters=LIMITS.homography_iterations,
    )
    if robust is not None:
        record("min_points", chosen.sum())
    if robust is None or int(chosen.sum()) < LIMITS.min_points:
        return None
    is_inlier = chosen.ravel() > 0
    # by all inliers, not by the best few
    homography, _ = cv2.findHomography(moved[is_inlier], points[is_inlier])
    return None if homography is None else (np.asarray(homography, np.float64), is_inlier)


def _apply_homography(points: Points, homography: Matrix) -> Points:
    import cv2

    return np.asarray(cv2.perspectiveTransform(points, homography), np.float32).reshape(-1, 2)


def _detect_corners(image: Grey, mask: NDArray[np.uint8]) -> Points:
    """Places of corners in the mask, shape (n, 1, 2); detected in a smaller image."""
    import cv2

    step = max(1, round(max(image.shape) / longer_side(image.shape, LIMITS.corner_side)))
    height, width = (n // step for n in image.shape)
    small = cv2.resize(
        image[: height * step, : width * step], (width, height), interpolation=cv2.INTER_AREA
    )
    inner = np.ascontiguousarray(mask[step // 2 : height * step : step, step // 2 :: step])
    gap = max(LIMITS.min_corner_gap, min(image.shape) // LIMITS.corners_per_side)
    detected: Any = cv2.goodFeaturesToTrack(
        small, LIMITS.max_points, LIMITS.corner_quality, gap / step, mask=inner[:, :width]
    )
    if detected is None:
        return np.empty((0, 1, 2), np.float32)
    corners: Points = np.asarray(detected * step + (step - 1) / 2, np.float32)
    if step > 1:  # a point beside a corner is tracked with far larger errors
        half = step + LIMITS.subpixel_margin
        stop = (
            cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS,
            LIMITS.subpixel_iterations,
            LIMITS.subpixel_epsilon,
        )
        cv2.cornerSubPix(image, corners, (half, half), (-1, -1), stop)  # in place
    return corners


def erode_mask(mask: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Erode a mask, also at the edges of the image.

    Parameters
    ----------
    mask : ndarray of uint8, shape (h, w)
    side : int
        Of the square, in pixels: what lies within side // 2 of an edge is left out.

    Returns
    -------
    ndarray of uint8, shape (h, w)
    """
    import cv2

    kernel = np.ones((side, side), np.uint8)
    eroded = cv2.erode(mask, kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return np.asarray(eroded, np.uint8)
