"""How one image lies upon the other, and how exactly.

Places are in unit coordinates: (0, 0) is the upper left corner of a picture and (1, 1) the lower
right one, whatever its size. A matrix maps the right picture onto the left one.

Sources: RANSAC, M. Fischler and R. Bolles, 1981, doi:10.1145/358669.358692; tracking, B. Lucas
and T. Kanade, 1981, in pyramids (J.-Y. Bouguet, 2000); both as OpenCV has them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators.local import MIRRORED, PLACE_UNIT, Orientation
from imgsim.decode import shrunk

Matrix = NDArray[np.float64]
Grey = NDArray[np.uint8]
Band = tuple[float, float]

COARSE_SIDE = 256
MIN_SIDE = 24
_MAX_BITS = 64
_MIN_MATCHES = 10
_MIN_MIRRORED = 7  # fewer keypoints are described in the mirror
_MIN_SHARE = 0.25
_MAX_POINTS = 110
_MIN_POINTS = 12
_SEED = 1
_NEIGHBOURS = 6
_TOLERANCE = 1.5
_MORE_ROUNDS = 2
_STILL = 0.3
_CORNERS_SIDE = 250
_FRACTION = 4  # bits of a place within a pixel
_INNER = 0.5


@dataclass(frozen=True, slots=True)
class Aligned:
    """Two images at one scale, the right one laid upon the left one.

    Attributes
    ----------
    left, right : ndarray of uint8, shape (h, w)
    covered : ndarray of uint8, shape (h, w)
        1 where the right image has pixels, else 0.
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
    covered: NDArray[np.uint8]
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
    least = _MIN_MATCHES
    if mirrored:
        m = min(m, MIRRORED)
        known = right["mirrored"][:m]
        least = _MIN_MIRRORED
    if min(n, m) < least:
        return None
    here, there = _alike(left["descriptor"][:n], known)
    if len(here) < least:
        return None
    target, source = _units(left)[here], _units(right)[there]
    longer = float(max(left["size"]))
    size = left["size"].astype(np.float64)
    cv2.setRNGSeed(_SEED)
    found, inliers = cv2.estimateAffine2D(
        source * right["size"], target * size, ransacReprojThreshold=0.01 * longer, maxIters=500
    )
    if found is None or int(inliers.sum()) < max(least, _MIN_SHARE * len(here)):
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
    each = (bits[own, best] <= _MAX_BITS) & (bits.argmin(axis=0)[best] == own)
    return own[each], best[each]


def _units(row: Any) -> NDArray[np.float64]:
    return np.asarray((row["place"] / PLACE_UNIT + 0.5) / row["size"])


def align(
    left: Grey, right: Grey, matrix: Matrix, side: int, without: Sequence[Band] = ()
) -> Aligned | None:
    """Refine a matrix and lay the right image upon the left one.

    Both are brought to the scale of the coarser one.

    Parameters
    ----------
    left, right : ndarray of uint8, shape (h, w)
    matrix : ndarray of float64, shape (3, 3)
    side : int
        Longer side, in pixels, of the left image, at most.
    without : sequence of (float, float)
        Rows of the left image not to look at, from and to, as shares of its height.

    Returns
    -------
    Aligned or None
        None if the matrix is none that a change of a picture makes, or too little is left.
    """
    scaled = _at_one_scale(left, right, matrix, side)
    if scaled is None:
        return None
    tracking = _track(*scaled, matrix, without)
    if tracking is None:
        coarse = _at_one_scale(left, right, matrix, COARSE_SIDE)
        found = coarse and _track(*coarse, matrix, without)
        if found:
            tracking = _track(*scaled, found.matrix, without)
    for _ in range(_MORE_ROUNDS):
        if tracking is None or tracking.moved < _STILL:
            break
        tracking = _track(*scaled, tracking.matrix, without, tracking.corners) or tracking
    if tracking is None or not _plausible(tracking.matrix, *scaled):
        return None
    laid, covered = _lay(*scaled, tracking.matrix, without)
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
    corners = []
    for x, y in ((0, 0), (1, 0), (1, 1), (0, 1)):
        u, v, w = (row[0] * x + row[1] * y + row[2] for row in matrix.tolist())
        if not (w > 1e-6 and math.isfinite(u + v + w)):
            return False
        corners.append((u / w * left.shape[1], v / w * left.shape[0]))
    edges = [
        (b[0] - a[0], b[1] - a[1]) for a, b in zip(corners, corners[1:] + corners[:1], strict=True)
    ]
    turns = [a[0] * b[1] - a[1] * b[0] for a, b in zip(edges, edges[1:] + edges[:1], strict=True)]
    if not (min(turns) > 0 or max(turns) < 0):
        return False
    height, width = right.shape
    lengths = [
        math.hypot(*edge) / side
        for edge, side in zip(edges, (width, height, width, height), strict=True)
    ]
    return bool(max(lengths) < 2 * min(lengths) and 0.03 < min(lengths) < 30)


def _lay(
    left: Grey, right: Grey, matrix: Matrix, without: Sequence[Band]
) -> tuple[Grey, NDArray[np.uint8]]:
    """The right image upon the left one, and a mask (0 or 1) of where it has pixels."""
    import cv2

    height, width = left.shape
    pixels = _centres(matrix, left, right)
    laid = cv2.warpPerspective(right, pixels, (width, height), flags=cv2.INTER_LINEAR)
    near, bottom, end = _INNER, right.shape[0] - 1 - _INNER, right.shape[1] - 1 - _INNER
    ends = [(near, end, end, near), (near, near, bottom, bottom), (1, 1, 1, 1.0)]
    corners = pixels @ np.array(ends)
    corners = corners[:2] / corners[2]
    covered = np.zeros((height, width), np.uint8)
    parts = 1 << _FRACTION
    cv2.fillConvexPoly(covered, np.rint(corners.T * parts).astype(np.int32), 1, shift=_FRACTION)
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
        near = np.argpartition(apart, _NEIGHBOURS, axis=1)[:, :_NEIGHBOURS]
        sure = np.minimum(1, self.strength / np.quantile(self.strength, 0.75))
        weights = sure[near] / sure[near].sum(axis=1, keepdims=True)
        common = (self.off[near] * weights[..., None]).sum(axis=1)
        far = np.hypot(common[:, 0], common[:, 1])
        order = np.argsort(far)
        passed = np.cumsum(sure[order])
        return float(far[order[np.searchsorted(passed, 0.75 * passed[-1])]])


def _track(
    left: Grey,
    right: Grey,
    matrix: Matrix,
    without: Sequence[Band],
    corners: NDArray[np.float32] | None = None,
) -> _Tracking | None:
    """Follow corners of the left image into the right one, and correct the matrix by them."""
    import cv2

    laid, covered = _lay(left, right, matrix, without)
    inner = shrink_mask(covered, 9)
    if np.count_nonzero(inner) < 400:
        return None
    joint = joint_levels(left, laid, inner)
    toned = apply_tone(left, tone(joint))
    if corners is None:
        corners = _corners(toned, inner)
    points = corners
    if len(points) < _MIN_POINTS:
        return None
    moved: Any = None
    strength: Any
    moved, status, strength = cv2.calcOpticalFlowPyrLK(
        toned,
        laid,
        points,
        moved,
        winSize=(15, 15),
        maxLevel=2,
        criteria=(3, 12, 0.02),
        flags=cv2.OPTFLOW_LK_GET_MIN_EIGENVALS,
    )
    there = status.ravel() > 0
    points, moved, strength = points[there], moved[there], strength.ravel()[there]
    if len(points) < _MIN_POINTS:
        return None
    cv2.setRNGSeed(_SEED)
    found, inliers = cv2.findHomography(moved, points, cv2.USAC_FAST, _TOLERANCE, maxIters=300)
    if found is None or int(inliers.sum()) < _MIN_POINTS:
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

    step = max(1, round(max(image.shape) / _CORNERS_SIDE))
    height, width = (n // step for n in image.shape)
    small = cv2.resize(
        image[: height * step, : width * step], (width, height), interpolation=cv2.INTER_AREA
    )
    inner = np.ascontiguousarray(mask[step // 2 : height * step : step, step // 2 :: step])
    gap = max(4, min(image.shape) // 30)
    found: Any = cv2.goodFeaturesToTrack(
        small, _MAX_POINTS, 0.01, gap / step, mask=inner[:, :width]
    )
    if found is None:
        return np.empty((0, 1, 2), np.float32)
    places: NDArray[np.float32] = np.asarray(found * step + (step - 1) / 2, np.float32)
    if step > 1:  # a place beside a corner is tracked with far larger errors
        window = step + 2, step + 2
        cv2.cornerSubPix(image, places, window, (-1, -1), (3, 10, 0.05))  # in place
    return places


def shrink_mask(mask: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """The mask without what lies within size // 2 pixels of its edge or the image's."""
    import cv2

    kernel = np.ones((size, size), np.uint8)
    eroded = cv2.erode(mask, kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return np.asarray(eroded, np.uint8)


def joint_levels(one: Grey, other: Grey, mask: NDArray[np.uint8]) -> NDArray[np.float32]:
    """How often a level of the one image lies on a level of the other; of every fourth pixel.

    Returns
    -------
    ndarray of float32, shape (256, 256)
    """
    import cv2

    parts = [np.ascontiguousarray(x[::2, ::2]) for x in (one, other, mask)]
    counts = cv2.calcHist(parts[:2], [0, 1], parts[2], [256, 256], [0, 256, 0, 256])
    return np.asarray(counts, np.float32)


def tone(joint: NDArray[np.float32]) -> NDArray[np.float64]:
    """The rising curve that brings the grey levels of the one image nearest to the other's.

    Found by isotonic regression: a stray pixel has no more than its own weight.

    Parameters
    ----------
    joint : ndarray of float32, shape (256, 256)
        Of `joint_levels`; transposed for the way back.

    Returns
    -------
    ndarray of float64, shape (256,)
    """
    count, total = (joint @ values for values in (_ONES, _LEVELS))
    pixels = float(count.sum())
    count, total = (np.convolve(x, _NEAR_LEVELS, "same") for x in (count, total))
    seen = np.flatnonzero(count > pixels / 256_000)
    rising = isotonic(total[seen] / count[seen], count[seen])
    return np.asarray(np.interp(np.arange(256), seen, rising))


def isotonic(values: NDArray[np.floating], weights: NDArray[np.floating]) -> NDArray[np.floating]:
    """The nearest values that never fall: neighbours that do are pooled.

    What `scipy.optimize.isotonic_regression` does; importing that takes every worker longer than
    looking at forty pairs.
    """
    members = np.ones(len(values), np.int64)
    while True:
        rises = values[1:] > values[:-1]
        if rises.all():
            return np.repeat(values, members)
        first = np.flatnonzero(np.concatenate(([True], rises)))
        pooled = np.add.reduceat(weights, first)
        values = np.add.reduceat(values * weights, first) / pooled
        members = np.add.reduceat(members, first)
        weights = pooled


_ONES = np.ones(256, np.float32)
_LEVELS = np.arange(256, dtype=np.float32)
_NEAR_LEVELS = np.exp(-0.5 * (np.arange(-12, 13) / 4.0) ** 2)


def apply_tone(image: Grey, curve: NDArray[np.float64]) -> Grey:
    """The image with its levels replaced."""
    import cv2

    return np.asarray(cv2.LUT(image, np.rint(curve).clip(0, 255).astype(np.uint8)), np.uint8)
