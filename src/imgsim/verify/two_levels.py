"""Whether two pictures of two levels each, drawings, print or dithered photos, have other colours.

Of a photo a change of all colours is a filter. A picture of two levels has nothing but its two
colours beside what it shows: with two others it is another design.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from imgsim.verify.colours import Pixels, YCbCr, overlapping_pixels
from imgsim.verify.limits import LIMITS
from imgsim.verify.matrix import Grey, Matrix, projected_corners
from imgsim.verify.multiscale import MultiscaleImage
from imgsim.verify.recording import record


def colours_differ(left: YCbCr, right: YCbCr, matrix: Matrix) -> bool:
    """Return whether most of the overlap has another hue, or none, in the other picture.

    Parameters
    ----------
    left, right : ndarray of uint8, shape (h, w, 3)
        The pictures in YCbCr, small and brought to any shape.
    matrix : ndarray of float64, shape (3, 3)
        Unit coordinates of the right picture to those of the left one.
    """
    one, other = (pixels[1:] for pixels in overlapping_pixels(left, right, matrix))
    if one.shape[1] < LIMITS.min_colour_pixels:
        return False
    vividness = np.maximum(np.hypot(*one), np.hypot(*other))
    least = np.maximum(LIMITS.two_levels_min_chroma, LIMITS.min_chroma_error_share * vividness)
    return bool((np.hypot(*(one - other)) > least).mean() > 0.5)


def figures_differ(left: YCbCr, right: YCbCr, matrix: Matrix) -> bool:
    """Return whether an even figure on the ground of two pictures has another shade or place.

    A figure that is not even is print or fine lines: blur and compression make those paler, and a
    page may lie elsewhere in a second scan. One that is brighter together with its ground, each by
    as many times, is the same in a picture that was made brighter.

    Parameters
    ----------
    left, right : ndarray of uint8, shape (h, w, 3)
        The pictures in YCbCr, small and brought to any shape.
    matrix : ndarray of float64, shape (3, 3)
        Unit coordinates of the right picture to those of the left one.
    """
    pictures = overlapping_pixels(left, right, matrix)
    if pictures[0].shape[1] < LIMITS.min_colour_pixels:
        return False
    apart = np.minimum(*(_apart_from_ground(pixels) for pixels in pictures))
    figure = apart > LIMITS.two_levels_even_figure * apart.max()
    inner, with_edges = int(figure.sum()), int((apart > apart.max() / 2).sum())
    even = inner / max(1, with_edges)
    record("two_levels_min_even", even)
    if inner < LIMITS.two_levels_min_figure or even < LIMITS.two_levels_min_even:
        return False
    shades = [np.median(pixels[:, figure], axis=1) for pixels in pictures]
    moved = _moved(matrix)
    record("two_levels_max_moved", moved)
    if moved > LIMITS.two_levels_max_moved:
        return True
    grounds = [np.median(pixels, axis=1) for pixels in pictures]
    ways = shades, _equally_bright(grounds, shades)
    luma, *chroma = min((np.abs(one - other) for one, other in ways), key=np.max)
    record("two_levels_max_shade", luma)
    record("two_levels_max_hue", max(chroma))
    return bool(luma > LIMITS.two_levels_max_shade or max(chroma) > LIMITS.two_levels_max_hue)


def _equally_bright(grounds: Sequence[Pixels], shades: Sequence[Pixels]) -> Sequence[Pixels]:
    """The shades of two figures, the darker one as much brighter as its ground has to be.

    As they are where the grounds hardly differ: then the picture was not made brighter.
    """
    dark, light = sorted((0, 1), key=lambda number: float(grounds[number][0]))
    brighter = grounds[light][0] - grounds[dark][0]
    record("two_levels_min_brighter", brighter)
    if brighter < LIMITS.two_levels_min_brighter or grounds[dark][0] <= 0:
        return shades
    return shades[dark] * (grounds[light][0] / grounds[dark][0]), shades[light]


def _moved(matrix: Matrix) -> float:
    """How far one frame lies beside the other, in shares of a side, beyond what cropping does."""
    corners = projected_corners(matrix)
    low, high = corners.min(axis=0), corners.max(axis=0)
    return float((np.abs((low + high) / 2 - 0.5) - np.abs(high - low - 1) / 2).max())


def _apart_from_ground(pixels: Pixels) -> NDArray[np.float32]:
    """The largest difference of each pixel, of any channel, from the commonest of them."""
    ground = np.median(pixels, axis=1, keepdims=True)
    return np.asarray(np.abs(pixels - ground).max(axis=0), np.float32)


def is_of_two_levels(image: MultiscaleImage) -> bool:
    """Return whether a picture has two levels, see `has_two_levels`; worked out once for it.

    Parameters
    ----------
    image : MultiscaleImage

    Raises
    ------
    OSError, DecodeError
        It cannot be read.
    """
    return image.once("two levels", lambda: has_two_levels(image.grey(LIMITS.detail_side)))


def has_two_levels(image: Grey) -> bool:
    """Return whether nearly all pixels have one of two grey levels, each of them some.

    Parameters
    ----------
    image : ndarray of uint8, shape (h, w)
        In its own size: shrinking makes other levels.
    """
    import cv2

    counts = cv2.calcHist([image], [0], None, [256], [0, 256]).ravel().astype(np.int64)
    width = LIMITS.two_levels_width
    near = np.convolve(counts, np.ones(2 * width + 1, np.int64), "same")
    first = int(near.argmax())
    rest = near.copy()
    rest[max(0, first - 2 * width) : first + 2 * width + 1] = 0
    second = int(rest.max())
    record("two_levels_min_share", second / image.size)
    record("two_levels_share", (near[first] + second) / image.size)
    return (
        second >= LIMITS.two_levels_min_share * image.size
        and near[first] + second >= LIMITS.two_levels_share * image.size
    )
