"""Follows points of one image into another, and corrects a matrix by them.

Source: B. Lucas and T. Kanade, 1981, in pyramids (J.-Y. Bouguet, 2000), as OpenCV has it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgsim.verify.limits import LIMITS
from imgsim.verify.matrix import Band, Grey, Matrix, in_opencv_pixels
from imgsim.verify.tone import apply_tone, joint_levels, tone


def lay(
    left: Grey, right: Grey, matrix: Matrix, without: Sequence[Band]
) -> tuple[Grey, NDArray[np.uint8]]:
    """The right image upon the left one, and a mask (0 or 1) of where it has pixels."""
    import cv2

    height, width = left.shape
    pixels = in_opencv_pixels(matrix, left, right)
    laid = cv2.warpPerspective(right, pixels, (width, height), flags=cv2.INTER_LINEAR)
    near = LIMITS.warp_inset
    bottom, end = right.shape[0] - 1 - near, right.shape[1] - 1 - near
    ends = [(near, end, end, near), (near, near, bottom, bottom), (1, 1, 1, 1.0)]
    corners = pixels @ np.array(ends)
    corners = corners[:2] / corners[2]
    covered = np.zeros((height, width), np.uint8)
    parts = 1 << LIMITS.mask_bits
    cv2.fillConvexPoly(
        covered, np.rint(corners.T * parts).astype(np.int32), 1, shift=LIMITS.mask_bits
    )
    for first, last in without:
        covered[round(first * height) : round(last * height)] = 0
    return np.asarray(laid, dtype=np.uint8), covered


@dataclass(frozen=True, slots=True)
class _Tracking:
    """What following points told: a better matrix, and how well it fits.

    `moved`: pixels by which half of the points were off before. `corners`: all points of the left
    image that were followed. `places` and `off`, shape (n, 2): the points that held, and what the
    better matrix leaves of their displacement. `strength`, shape (n,): the lesser eigenvalue of
    the gradients around each, to which the variance of its place is inverse.
    """

    matrix: Matrix
    tracked: int
    held: int
    moved: float
    corners: NDArray[np.float32]
    places: NDArray[np.float32]
    off: NDArray[np.float32]
    strength: NDArray[np.float32]

    def shift(self) -> float:
        """Displacement that three quarters of the points share with their neighbours, at most.

        Grain moves each point on its own; what turned or moved takes its neighbours along. A
        point counts by how surely it can be followed; a quarter of them are sure enough.
        """
        x, y = self.places[:, 0], self.places[:, 1]
        apart = np.square(x[:, None] - x) + np.square(y[:, None] - y)
        near = np.argpartition(apart, LIMITS.neighbours, axis=1)[:, : LIMITS.neighbours]
        sure = np.minimum(1, self.strength / np.quantile(self.strength, LIMITS.reliable_strength))
        weights = sure[near] / sure[near].sum(axis=1, keepdims=True)
        common = (self.off[near] * weights[..., None]).sum(axis=1)
        far = np.hypot(common[:, 0], common[:, 1])
        order = np.argsort(far)
        passed = np.cumsum(sure[order])
        return float(far[order[np.searchsorted(passed, LIMITS.shift_quantile * passed[-1])]])


def track(
    left: Grey,
    right: Grey,
    matrix: Matrix,
    without: Sequence[Band],
    corners: NDArray[np.float32] | None = None,
) -> _Tracking | None:
    """Follow corners of the left image into the right one, and correct the matrix by them."""
    import cv2

    laid, covered = lay(left, right, matrix, without)
    inner = shrink_mask(covered, LIMITS.flow_margin)
    if np.count_nonzero(inner) < LIMITS.min_overlap_pixels:
        return None
    joint = joint_levels(left, laid, inner)
    toned = apply_tone(left, tone(joint))
    if corners is None:
        corners = _corners(toned, inner)
    points = corners
    if len(points) < LIMITS.min_points:
        return None
    stop = cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS
    moved: Any = None
    strength: Any
    moved, status, strength = cv2.calcOpticalFlowPyrLK(
        toned,
        laid,
        points,
        moved,
        winSize=(LIMITS.flow_window, LIMITS.flow_window),
        maxLevel=LIMITS.flow_levels,
        criteria=(stop, LIMITS.flow_iterations, LIMITS.flow_epsilon),
        flags=cv2.OPTFLOW_LK_GET_MIN_EIGENVALS,
    )
    there = status.ravel() > 0
    points, moved, strength = points[there], moved[there], strength.ravel()[there]
    if len(points) < LIMITS.min_points:
        return None
    cv2.setRNGSeed(LIMITS.ransac_seed)
    found, inliers = cv2.findHomography(
        moved,
        points,
        cv2.USAC_FAST,
        LIMITS.homography_tolerance,
        maxIters=LIMITS.homography_iterations,
    )
    if found is None or int(inliers.sum()) < LIMITS.min_points:
        return None
    held = inliers.ravel() > 0
    found, _ = cv2.findHomography(moved[held], points[held])  # by all that hold, not the best few
    if found is None:
        return None
    places = points[held].reshape(-1, 2)
    off = cv2.perspectiveTransform(moved[held], found).reshape(-1, 2) - places
    before = (moved[held] - points[held]).reshape(-1, 2)
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
    size = np.diag([left.shape[1], left.shape[0], 1.0])
    units = np.linalg.inv(size) @ half @ found @ np.linalg.inv(half) @ size
    return _Tracking(
        units @ matrix,
        len(points),
        len(places),
        float(np.median(np.hypot(before[:, 0], before[:, 1]))),
        corners,
        places,
        off,
        strength[held],
    )


def _corners(image: Grey, mask: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Places, shape (n, 1, 2), in the mask that can be followed; sought in a smaller image."""
    import cv2

    step = max(1, round(max(image.shape) / LIMITS.corner_side))
    height, width = (n // step for n in image.shape)
    small = cv2.resize(
        image[: height * step, : width * step], (width, height), interpolation=cv2.INTER_AREA
    )
    inner = np.ascontiguousarray(mask[step // 2 : height * step : step, step // 2 :: step])
    gap = max(LIMITS.min_corner_gap, min(image.shape) // LIMITS.corners_per_side)
    found: Any = cv2.goodFeaturesToTrack(
        small, LIMITS.max_points, LIMITS.corner_quality, gap / step, mask=inner[:, :width]
    )
    if found is None:
        return np.empty((0, 1, 2), np.float32)
    places: NDArray[np.float32] = np.asarray(found * step + (step - 1) / 2, np.float32)
    if step > 1:  # a place beside a corner is tracked with far larger errors
        half = step + LIMITS.subpixel_margin
        stop = (
            cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS,
            LIMITS.subpixel_iterations,
            LIMITS.subpixel_epsilon,
        )
        cv2.cornerSubPix(image, places, (half, half), (-1, -1), stop)  # in place
    return places


def shrink_mask(mask: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """The mask without what lies within size // 2 pixels of its edge or the image's."""
    import cv2

    kernel = np.ones((size, size), np.uint8)
    eroded = cv2.erode(mask, kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return np.asarray(eroded, np.uint8)
