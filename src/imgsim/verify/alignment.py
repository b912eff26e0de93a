"""How one image lies upon the other, and how exactly.

Places are in unit coordinates: (0, 0) is the upper left corner of a picture and (1, 1) the lower
right one, whatever its size. A matrix maps the right picture onto the left one.

Sources: RANSAC, M. Fischler and R. Bolles, 1981, doi:10.1145/358669.358692; tracking, B. Lucas
and T. Kanade, 1981, in pyramids (J.-Y. Bouguet, 2000); both as OpenCV has them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators.local import MIRRORED, PLACE_UNIT, Orientation, shrunk

Matrix = NDArray[np.float64]
Grey = NDArray[np.uint8]

COARSE_SIDE = 256
MIN_SIDE = 24
_MAX_BITS = 64
_MIN_MATCHES = 6
_MAX_POINTS = 150
_MIN_POINTS = 12
_SEED = 1
_NEIGHBOURS = 6
_TOLERANCE = 1.5
_MORE_ROUNDS = 2
_STILL = 0.3


@dataclass(frozen=True, slots=True)
class Aligned:
    """Two images at one scale, the right one laid upon the left one.

    Attributes
    ----------
    left, right : ndarray of uint8, shape (h, w)
    covered : ndarray of bool, shape (h, w)
        Where the right image has pixels.
    matrix : ndarray of float64, shape (3, 3)
        Unit coordinates of the right picture to those of the left one.
    tracked : int
        Points of the left image that were looked for in the right one.
    held : int
        Those that lie where the matrix says.
    shift : float
        Pixels, at this scale, by which three quarters of the held points are off at most,
        together with their neighbours.
    """

    left: Grey
    right: Grey
    covered: NDArray[np.bool_]
    matrix: Matrix
    tracked: int
    held: int
    shift: float


def inverse(matrix: Matrix) -> Matrix:
    """The matrix of the way back."""
    return np.asarray(np.linalg.inv(matrix), dtype=np.float64)


def by_orientation(how: Orientation) -> Matrix:
    """The matrix of a turn or flip of the whole picture."""
    matrix = np.eye(3)
    if how.transpose:
        matrix = np.array([[0, 1, 0], [1, 0, 0], [0, 0, 1.0]]) @ matrix
    if how.mirror:
        matrix = np.array([[-1, 0, 1], [0, 1, 0], [0, 0, 1.0]]) @ matrix
    if how.flip:
        matrix = np.array([[1, 0, 0], [0, -1, 1], [0, 0, 1.0]]) @ matrix
    return matrix


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
    if mirrored:
        m = min(m, MIRRORED)
        known = right["mirrored"][:m]
    if min(n, m) < _MIN_MATCHES:
        return None
    matcher = cv2.BFMatcher.create(cv2.NORM_HAMMING, crossCheck=True)
    matches = [
        pair for pair in matcher.match(known, left["descriptor"][:n]) if pair.distance <= _MAX_BITS
    ]
    if len(matches) < _MIN_MATCHES:
        return None
    source = _units(right)[[pair.queryIdx for pair in matches]]
    target = _units(left)[[pair.trainIdx for pair in matches]]
    longer = float(max(left["size"]))
    size = left["size"].astype(np.float64)
    cv2.setRNGSeed(_SEED)
    found, inliers = cv2.estimateAffine2D(
        source * right["size"], target * size, ransacReprojThreshold=0.01 * longer, maxIters=500
    )
    if found is None or int(inliers.sum()) < _MIN_MATCHES:
        return None
    pixels = np.vstack([found, [0, 0, 1]])
    to_units = np.diag([1 / size[0], 1 / size[1], 1])
    return np.asarray(to_units @ pixels @ np.diag([*right["size"], 1.0]))


def _units(row: Any) -> NDArray[np.float64]:
    return np.asarray((row["place"] / PLACE_UNIT + 0.5) / row["size"])


def align(left: Grey, right: Grey, matrix: Matrix, side: int) -> Aligned | None:
    """Refine a matrix and lay the right image upon the left one.

    Both are brought to the scale of the coarser one.

    Parameters
    ----------
    left, right : ndarray of uint8, shape (h, w)
    matrix : ndarray of float64, shape (3, 3)
    side : int
        Longer side, in pixels, of the left image, at most.

    Returns
    -------
    Aligned or None
        None if the matrix is none that a change of a picture makes, or too little is left.
    """
    scaled = _at_one_scale(left, right, matrix, side)
    if scaled is None:
        return None
    tracking = _track(*scaled, matrix)
    if tracking is None:
        coarse = _at_one_scale(left, right, matrix, COARSE_SIDE)
        found = coarse and _track(*coarse, matrix)
        if found:
            tracking = _track(*scaled, found.matrix)
    for _ in range(_MORE_ROUNDS):
        if tracking is None or tracking.moved < _STILL:
            break
        tracking = _track(*scaled, tracking.matrix) or tracking
    if tracking is None or not _plausible(tracking.matrix, *scaled):
        return None
    laid, covered = _lay(*scaled, tracking.matrix)
    return Aligned(
        scaled[0],
        laid,
        covered,
        tracking.matrix,
        tracking.tracked,
        tracking.held,
        tracking.shift(),
    )


def _at_one_scale(left: Grey, right: Grey, matrix: Matrix, longer: int) -> tuple[Grey, Grey] | None:
    if not _plausible(matrix, left, right):
        return None
    area = abs(float(np.linalg.det(_pixels(matrix, left, right)[:2, :2])))
    scale = np.sqrt(area)  # pixels of the left image per pixel of the right one
    side = min(longer, max(left.shape) * min(1.0, 1 / scale))
    small = shrunk(left, max(1, round(side)))
    ratio = max(small.shape) / max(left.shape)
    other = shrunk(right, max(1, round(max(right.shape) * min(1.0, scale * ratio))))
    if min(*small.shape, *other.shape) < MIN_SIDE:
        return None
    return small, other


def _pixels(matrix: Matrix, left: Grey, right: Grey) -> Matrix:
    """The matrix in pixels (the corner of the first pixel is 0), scaled to 1 in the middle."""
    to_left = np.diag([left.shape[1], left.shape[0], 1.0])
    from_right = np.diag([1 / right.shape[1], 1 / right.shape[0], 1.0])
    pixels = to_left @ matrix @ from_right
    return np.asarray(pixels / (pixels[2] @ [right.shape[1] / 2, right.shape[0] / 2, 1]))


def _centres(matrix: Matrix, left: Grey, right: Grey) -> Matrix:
    """The matrix in pixels as OpenCV counts them (the middle of the first pixel is 0)."""
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
    return np.asarray(np.linalg.inv(half) @ _pixels(matrix, left, right) @ half)


def _plausible(matrix: Matrix, left: Grey, right: Grey) -> bool:
    """Whether it is a change that a picture goes through: convex, and not much distorted."""
    height, width = right.shape
    to_left = np.diag([left.shape[1], left.shape[0], 1.0])
    corners = np.array([(0, 0, 1), (1, 0, 1), (1, 1, 1), (0, 1, 1)]) @ (to_left @ matrix).T
    if not np.isfinite(corners).all() or (corners[:, 2] <= 1e-6).any():
        return False
    corners = corners[:, :2] / corners[:, 2:]
    edges = np.roll(corners, -1, axis=0) - corners
    after = np.roll(edges, -1, axis=0)
    turns = edges[:, 0] * after[:, 1] - edges[:, 1] * after[:, 0]
    if not ((turns > 0).all() or (turns < 0).all()):
        return False
    lengths = np.hypot(edges[:, 0], edges[:, 1]) / [width, height, width, height]
    return bool(lengths.max() < 2 * lengths.min() and 0.03 < lengths.min() < 30)


def _lay(left: Grey, right: Grey, matrix: Matrix) -> tuple[Grey, NDArray[np.bool_]]:
    import cv2

    size = left.shape[1], left.shape[0]
    pixels = _centres(matrix, left, right)
    laid = cv2.warpPerspective(right, pixels, size, flags=cv2.INTER_LINEAR)
    whole = np.full(right.shape, 255, np.uint8)
    covered = cv2.warpPerspective(whole, pixels, size, flags=cv2.INTER_LINEAR) == 255
    return np.asarray(laid, dtype=np.uint8), np.asarray(covered)


@dataclass(frozen=True, slots=True)
class _Tracking:
    """What following points told: a better matrix, and how well it fits.

    `moved`: pixels by which half of the points were off before. `places` and `off`, shape (n, 2):
    the points that held, and what the better matrix leaves of their displacement.
    """

    matrix: Matrix
    tracked: int
    held: int
    moved: float
    places: NDArray[np.float32]
    off: NDArray[np.float32]

    def shift(self) -> float:
        """Displacement that three quarters of the points share with their neighbours, at most.

        Grain moves each point on its own; what turned or moved takes its neighbours along.
        """
        x, y = self.places[:, 0], self.places[:, 1]
        apart = np.square(x[:, None] - x) + np.square(y[:, None] - y)
        near = np.argpartition(apart, _NEIGHBOURS, axis=1)[:, :_NEIGHBOURS]
        common = self.off[near].mean(axis=1)
        return float(np.quantile(np.hypot(common[:, 0], common[:, 1]), 0.75))


def _track(left: Grey, right: Grey, matrix: Matrix) -> _Tracking | None:
    """Follow corners of the left image into the right one, and correct the matrix by them."""
    import cv2

    laid, covered = _lay(left, right, matrix)
    inner = shrink_mask(covered, 9)
    if np.count_nonzero(inner) < 400:
        return None
    toned = apply_tone(left, tone(left, laid, inner))
    gap = max(4, min(left.shape) // 30)
    points: Any = cv2.goodFeaturesToTrack(
        toned, _MAX_POINTS, 0.01, gap, mask=inner.astype(np.uint8)
    )
    if points is None or len(points) < _MIN_POINTS:
        return None
    moved: Any = None
    moved, status, _ = cv2.calcOpticalFlowPyrLK(
        toned, laid, points, moved, winSize=(15, 15), maxLevel=2
    )
    there = status.ravel() > 0
    points, moved = points[there], moved[there]
    if len(points) < _MIN_POINTS:
        return None
    cv2.setRNGSeed(_SEED)
    found, inliers = cv2.findHomography(moved, points, cv2.RANSAC, _TOLERANCE, maxIters=300)
    if found is None or int(inliers.sum()) < _MIN_POINTS:
        return None
    held = inliers.ravel() > 0
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
        places,
        off,
    )


def shrink_mask(mask: NDArray[np.bool_], size: int) -> NDArray[np.bool_]:
    """The mask without what lies within size // 2 pixels of its edge or the image's."""
    import cv2

    kernel = np.ones((size, size), np.uint8)
    eroded = cv2.erode(mask.astype(np.uint8), kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return np.asarray(eroded, dtype=bool)


def tone(source: Grey, target: Grey, mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The rising curve that brings the grey levels of one image nearest to another's.

    Returns
    -------
    ndarray of float64, shape (256,)
    """
    some = mask[::2, ::2]
    levels, values = source[::2, ::2][some], target[::2, ::2][some]
    count = np.bincount(levels, minlength=256).astype(np.float64)
    total = np.bincount(levels, weights=values, minlength=256)
    kernel = np.exp(-0.5 * (np.arange(-12, 13) / 4.0) ** 2)
    count, total = np.convolve(count, kernel, "same"), np.convolve(total, kernel, "same")
    seen = np.flatnonzero(count > len(levels) / 256_000)
    curve = np.interp(np.arange(256), seen, total[seen] / count[seen])
    return np.asarray(np.maximum.accumulate(curve))


def apply_tone(image: Grey, curve: NDArray[np.float64]) -> Grey:
    """The image with its levels replaced."""
    return np.asarray(np.rint(curve).clip(0, 255).astype(np.uint8)[image])
