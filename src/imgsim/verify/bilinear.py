"""Pictures that were drawn into a quadrilateral by bilinear interpolation, as editors do it.

Straight lines become curves, so no homography lays such a copy upon its original. A bilinear map
has as many parameters as a homography. One that fits the tracked points far better is taken off
the picture before the two are compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators.local import LONG_SIDE
from imgsim.types import Verdict
from imgsim.verify.alignment import at_one_scale
from imgsim.verify.limits import LIMITS
from imgsim.verify.matrix import CORNERS, Matrix, area_between, inverse, is_plausible, project
from imgsim.verify.median import median, quantile
from imgsim.verify.multiscale import MultiscaleImage
from imgsim.verify.recording import record
from imgsim.verify.tracking import track

Points = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Bend:
    """A bilinear map between two pictures.

    Attributes
    ----------
    terms : ndarray of float64, shape (2, 4)
        Of x and y: a constant, factors of x, y and x * y; in unit coordinates.
    of_left : bool
        It gives the places in the left picture of those in the right one; else the reverse.
    """

    terms: NDArray[np.float64]
    of_left: bool

    def __call__(self, points: Points) -> Points:
        """Map points, shape (2, n), in unit coordinates."""
        return np.asarray(self.terms @ _monomials(points))


def may_be_bent(verdict: Verdict) -> bool:
    """Return whether a verdict leaves open that one picture was drawn into a quadrilateral.

    They have to lie upon each other, but not as exactly as copies do.
    """
    if verdict.residual > 1:
        record("bend_max_distance", verdict.residual)
    return 1 < verdict.residual <= LIMITS.bend_max_distance and bool(verdict.matrix)


def fit_bend(left: MultiscaleImage, right: MultiscaleImage, matrix: Matrix) -> Bend | None:
    """Find the bilinear map by which two pictures lie upon each other, if one fits them best.

    Parameters
    ----------
    left, right : MultiscaleImage
    matrix : ndarray of float64, shape (3, 3)
        Unit coordinates of the right picture to those of the left one, roughly.

    Returns
    -------
    Bend or None
        None if no bilinear map fits far better than a homography, or it needs what the picture
        does not show.

    Raises
    ------
    OSError, DecodeError
        An image cannot be read.
    """
    places = _tracked(left, right, matrix)
    if places is None:
        return None
    one, other, error = places
    best, least = None, LIMITS.bend_max_error_share * error
    size = np.array(left.shape[::-1], np.float64)[:, None]
    for of_left in (True, False):
        source, target = (other, one) if of_left else (one, other)
        bend = Bend(_fit(source, target), of_left)
        shown = bend(source)
        if not of_left:  # what is off is counted in the left picture
            shown, target = project(matrix, shown), project(matrix, target)
        rest = _spread((shown - target) * size)
        record("bend_max_error_share", rest / max(error, 1e-9))
        if rest < least and _is_within(bend):
            best, least = bend, rest
    return best and _refined(left, right, best)


def _is_within(bend: Bend) -> bool:
    """Whether it is no linear map, and all that it takes from a picture is there."""
    corners, beyond = bend(CORNERS), LIMITS.bend_beyond
    record("bend_min", np.abs(bend.terms[:, 3]).max())
    record("bend_beyond", max(-corners.min(), corners.max() - 1))
    return bool(
        np.abs(bend.terms[:, 3]).max() >= LIMITS.bend_min
        and ((corners >= -beyond) & (corners <= 1 + beyond)).all()
    )


def _refined(left: MultiscaleImage, right: MultiscaleImage, bend: Bend) -> Bend:
    """The map fitted once more, by the points that are tracked where it is taken off."""
    if bend.of_left:
        places = _tracked(bent(left, right, bend), right, np.eye(3))
    else:
        places = _tracked(left, bent(right, left, bend), np.eye(3))
    if places is None:
        return bend
    source, target = places[1::-1] if bend.of_left else places[:2]
    return Bend(_fit(source, bend(target)), bend.of_left)


def bent(image: MultiscaleImage, other: MultiscaleImage, bend: Bend) -> MultiscaleImage:
    """Return a picture as it lies in the frame of the other one.

    Parameters
    ----------
    image : MultiscaleImage
        The left one if `Bend.of_left`, else the right one.
    other : MultiscaleImage
        The other of the two.
    bend : Bend
    """
    area = area_between(bend(CORNERS))
    ratio = other.shape[1] / other.shape[0]

    def size_of(shape: tuple[int, ...]) -> tuple[int, int]:
        pixels = area * shape[0] * shape[1]
        return max(1, round((pixels * ratio) ** 0.5)), max(1, round((pixels / ratio) ** 0.5))

    def drawn(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return _drawn(pixels, bend, size_of(pixels.shape))

    colours_of = image.detail_colours
    colours = _drawn(image.colours, bend, image.colours.shape[1::-1])
    return MultiscaleImage(
        lambda side: drawn(image.grey(side)),
        size_of(image.shape)[::-1],
        colours,
        lambda: drawn(image.rgb()),
        image.damaged,
        detail_colours=None if colours_of is None else lambda: drawn(colours_of()),
    )


def _drawn(pixels: NDArray[Any], bend: Bend, size: tuple[int, int]) -> NDArray[np.uint8]:
    import cv2

    width, height = size
    x, y = (np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height
    grid = np.stack([a.ravel() for a in np.meshgrid(x, y)])
    places = bend(grid) * np.array([[pixels.shape[1]], [pixels.shape[0]]]) - 0.5
    across, down = (np.asarray(p.reshape(height, width), np.float32) for p in places)
    drawn = cv2.remap(pixels, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(drawn, np.uint8)


def _tracked(
    left: MultiscaleImage, right: MultiscaleImage, matrix: Matrix
) -> tuple[Points, Points, float] | None:
    """Places of points in both pictures, shape (2, n), and how far off a homography leaves them."""
    images = left.grey(LONG_SIDE), right.grey(LONG_SIDE)
    if not is_plausible(matrix, *images):
        return None
    scaled = at_one_scale(*images, matrix, LONG_SIDE)
    tracking = scaled and track(*scaled, matrix, ())
    if scaled is None or tracking is None or len(tracking.inliers) < LIMITS.bend_min_points:
        return None
    size = np.array(scaled[0].shape[::-1], np.float64)[:, None]
    one = (tracking.inliers.T + 0.5) / size
    moved = ((tracking.inliers + tracking.errors).T + 0.5) / size
    off = np.asarray(tracking.errors.T, np.float64)
    scale = max(left.shape) / max(scaled[0].shape)
    return one, project(inverse(tracking.matrix), moved), _spread(off) * scale


def _monomials(points: Points) -> Points:
    x, y = points
    return np.stack([np.ones_like(x), x, y, x * y])


def _fit(source: Points, target: Points) -> NDArray[np.float64]:
    """Fit a bilinear map, points that are far off counting less."""
    terms = _monomials(source)
    weights = np.ones(source.shape[1])
    solution = np.zeros((2, 4))
    for _ in range(LIMITS.bend_rounds):
        weighted = terms * weights
        normal = np.einsum("in,jn->ij", weighted, terms)
        solution = np.linalg.solve(normal, np.einsum("in,kn->ik", weighted, target)).T
        off = np.hypot(*(solution @ terms - target))
        weights = 1 / (1 + np.square(off / max(1e-6, 2 * median(off))))
    return solution


def _spread(off: Points) -> float:
    """Pixels by which most points are off."""
    return quantile(np.hypot(*off), LIMITS.bend_quantile)
