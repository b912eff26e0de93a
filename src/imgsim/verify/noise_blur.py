"""Whether noise or blur explains all by which one picture differs from another one.

Both displace the points by which two pictures are aligned, and so does what a thing does that was
turned or moved. But what noise and blur may do is known where the pictures lie upon each other
exactly. Noise is another one in every pixel, so it nearly goes from the mean of a block, and the
more so the larger that is; of another view, or another digit, something is left. A blurred picture
is the other one, blurred as much.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from imgsim.comparators.local import LONG_SIDE, Orientation
from imgsim.decode.detail import shrink
from imgsim.verify.blocks import Map
from imgsim.verify.colours import recoloured_shares
from imgsim.verify.degraded import Degraded, at_size, either_way
from imgsim.verify.limits import LIMITS
from imgsim.verify.local_differences import (
    CELL,
    block_means,
    fit_noise,
    lesser_gradient,
    top_of,
)
from imgsim.verify.matrix import (
    Grey,
    Matrix,
    nearest_orientation,
    orientation_matrix,
    oriented,
)
from imgsim.verify.median import median
from imgsim.verify.multiscale import MultiscaleImage
from imgsim.verify.recording import record
from imgsim.verify.small import covariation
from imgsim.verify.tone import joint_histogram, smooth_tone_curve

_OF_NORMAL = 1.4826
"""Standard deviation of a normal distribution as a multiple of its median deviation."""


def compare_noisy_or_blurred(
    left: MultiscaleImage, right: MultiscaleImage, matrix: Matrix
) -> Degraded | None:
    """Compare two pictures, one of which may be the other one with noise, or blurred.

    Parameters
    ----------
    left, right : MultiscaleImage
    matrix : ndarray of float64, shape (3, 3)
        Unit coordinates of the right picture to those of the left one, roughly.

    Returns
    -------
    Degraded or None
        None if neither is: one is not all of the other, or they differ all over.

    Raises
    ------
    OSError, DecodeError
        An image cannot be read.
    """
    orientation = nearest_orientation(matrix)
    if orientation is None or not _may_be(left, right, orientation):
        return None
    side = LIMITS.detail_side
    for image, other, how, _ in either_way(left, right, matrix):
        grey, original = image.grey(side), other.grey(side)
        ways = at_size(oriented(original, how), grey.shape)
        # of a picture shrunk by another filter, what is left at edges passes for noise
        brought = min(ways, key=partial(_difference, grey), default=None)
        if brought is None:
            continue
        rougher = _roughness(grey) > _roughness(brought)
        distance = (noise_distance if rougher else blur_distance)(grey, brought)
        if distance is not None and distance <= 1:
            exactly = orientation_matrix(orientation)
            shares = recoloured_shares(left.colours, right.colours, exactly)
            distance = max(distance, shares.distance)
            if distance > 1:
                return None
        if distance is not None:
            return Degraded(distance, original, orientation)
    return None


def _may_be(left: MultiscaleImage, right: MultiscaleImage, how: Orientation) -> bool:
    """Whether two pictures are alike as thumbnails, and one is rougher at the usual size."""
    rough = [
        image.once("roughness", partial(_roughness, image.grey(LONG_SIDE)))
        for image in (left, right)
    ]
    more = max(rough) / max(min(rough), 1e-3)
    record("degraded_min_rougher", more)
    if more < LIMITS.degraded_min_rougher:
        return False
    one, other = (
        _thumbnail(image) for image in (left.colours[..., 0], oriented(right.colours[..., 0], how))
    )
    shared, most = covariation(one, other)
    likeness = shared / max(most, 1e-6)
    record("degraded_min_likeness", likeness)
    return likeness >= LIMITS.degraded_min_likeness


def _roughness(image: Grey) -> float:
    """Mean absolute difference of neighbouring pixels in a row."""
    import cv2

    return float(cv2.absdiff(image[:, 1:], image[:, :-1]).mean())


def _difference(one: Grey, other: Grey) -> float:
    """Mean absolute difference of two images."""
    import cv2

    return float(cv2.absdiff(one, other).mean())


def _thumbnail(image: Grey) -> Map:
    import cv2

    size = (LIMITS.degraded_thumbnail,) * 2
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.float32)


def noise_distance(image: Grey, original: Grey) -> float | None:
    """Return how far an image is from another one with noise.

    Parameters
    ----------
    image, original : ndarray of uint8, shape (h, w)

    Returns
    -------
    float or None
        At most 1 if it is; `Limits.edited_difference` if but for a place. None if there is too
        little noise to tell, or more differs.
    """
    import cv2

    curve = smooth_tone_curve(joint_histogram(original, image, np.ones_like(original)))
    expected = np.asarray(cv2.LUT(original, curve.astype(np.float32)))
    rest = image - expected
    noise = _OF_NORMAL * median(np.abs(rest - median(rest.ravel())).ravel())
    record("noise_min", noise)
    if noise < LIMITS.noise_min:
        return None
    seen = _structure(block_means(expected)) * 2 * CELL / noise
    record("noise_min_structure", seen)
    if seen < LIMITS.noise_min_structure:
        return None
    distance, highest = 0.0, 0.0
    for cell, most in LIMITS.noise_max_excess:
        means = block_means(rest, cell) * (2 * cell / noise)
        excess = (float(np.square(means).mean()) - 1) / most
        record("noise_max_excess", excess)
        if excess > 1:
            return None
        distance = max(distance, excess)
        highest = max(highest, float(np.abs(means).max()) / _highest_by_chance(means.size))
    record("noise_max_top", highest)
    if highest > LIMITS.noise_other_top:
        return LIMITS.edited_difference
    distance = max(distance, highest / LIMITS.noise_max_top)
    return distance if distance <= 1 else None


def _structure(image: Map) -> float:
    """Standard deviation of grey levels, less light and shade that pass over all of an image.

    Where there is no more to see than that, another picture is not told from a copy.
    """
    import cv2

    smooth = cv2.GaussianBlur(image, (0, 0), max(image.shape) * LIMITS.structure_smoothing)
    return float((image - smooth).std())


def _highest_by_chance(count: int) -> float:
    """What the largest of so many absolute values of a normal distribution hardly exceeds."""
    return float(np.sqrt(2 * np.log(2 * count)))


def blur_distance(image: Grey, original: Grey) -> float | None:
    """Return how far an image is from another one that was blurred.

    Parameters
    ----------
    image, original : ndarray of uint8, shape (h, w)

    Returns
    -------
    float or None
        At most 1 if it is; `Limits.edited_difference` if but for a place. None if the image is
        hardly less sharp, or more differs.
    """
    soft, sharp = (shrink(x, LIMITS.blur_side) for x in (image, original))
    sigma = _blur_between(soft, sharp)
    if sigma is None:
        return None
    best = _blurred(soft, sharp, sigma)
    record("blur_min", best.sigma)
    record("blur_max_apart", _apart(best))
    if best.sigma < LIMITS.blur_min or _apart(best) > LIMITS.blur_max_apart:
        return None
    seen = _structure(best.images[0]) / max(_apart(best), 1e-3)
    record("blur_min_structure", seen)
    if seen < LIMITS.blur_min_structure:
        return None
    errors, gradients = np.sqrt(block_means(np.square(best.rest))), lesser_gradient(*best.images)
    expected = fit_noise(errors.ravel(), gradients.ravel()).expected(gradients)
    ratio = top_of(errors / expected)
    record("blur_max_ratio", ratio)
    if ratio > LIMITS.blur_other_ratio:
        return LIMITS.edited_difference
    distance = max(_apart(best) / LIMITS.blur_max_apart, ratio / LIMITS.blur_max_ratio)
    return distance if distance <= 1 else None


@dataclass(frozen=True, slots=True)
class _Blurred:
    """An image beside another one, blurred by `sigma` pixels; `rest` is what is left of it."""

    sigma: float
    images: tuple[Map, Map]
    rest: Map


def _apart(one: _Blurred) -> float:
    return float(np.sqrt(np.square(one.rest).mean()))


def _blur_between(soft: Grey, sharp: Grey) -> float | None:
    """The blur, in pixels, by which one image comes nearest to another one; None if none does."""
    most = min(soft.shape) / LIMITS.blur_extent
    best, nearest = LIMITS.blur_sigmas[0], np.inf
    for sigma in LIMITS.blur_sigmas:
        apart = _apart(_blurred(soft, sharp, sigma, LIMITS.blur_step))
        if apart > nearest or sigma > most:
            break
        best, nearest = sigma, apart
    if max(LIMITS.blur_finer) * best < LIMITS.blur_min or nearest > LIMITS.blur_max_near:
        return None
    around = [best * factor for factor in LIMITS.blur_finer]
    return min(around, key=lambda s: _apart(_blurred(soft, sharp, s, LIMITS.blur_step)))


def _blurred(soft: Grey, sharp: Grey, sigma: float, step: int = 1) -> _Blurred:
    """Blur an image, and bring it to the contrast of a soft one, but for the rim.

    What programs take to lie beyond that differs. Every so many rows and columns are read.
    """
    import cv2

    rim = round(LIMITS.blur_rim * sigma)
    inner = (slice(rim, -rim or None, step),) * 2
    blurred = cv2.GaussianBlur(sharp, (0, 0), sigma)[inner].astype(np.float32)
    blurred -= blurred.mean()
    deviation = soft[inner].astype(np.float32)
    deviation -= deviation.mean()
    gain = float((blurred * deviation).mean()) / max(float(np.square(blurred).mean()), 1e-3)
    blurred *= gain
    return _Blurred(sigma, (blurred, deviation), deviation - blurred)
