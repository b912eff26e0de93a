"""One of two pictures may be the other one, degraded: strongly compressed, with noise, blurred."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from imgsim.comparators.local import Orientation
from imgsim.verify.limits import LIMITS
from imgsim.verify.matrix import Grey, Matrix, inverse, nearest_orientation
from imgsim.verify.multiscale import MultiscaleImage


@dataclass(frozen=True, slots=True)
class Degraded:
    """How far two pictures are from one being the other, degraded.

    Attributes
    ----------
    distance : float
        At most 1, the limit of the preset normal, if one is; `Limits.edited_difference` if but for
        a place.
    original : ndarray of uint8, shape (h, w)
        The one that was degraded.
    orientation : Orientation
        How the right picture lies upon the left one, exactly.
    """

    distance: float
    original: Grey
    orientation: Orientation


def either_way(
    left: MultiscaleImage, right: MultiscaleImage, matrix: Matrix
) -> Iterator[tuple[MultiscaleImage, MultiscaleImage, Orientation, Matrix]]:
    """Yield each of two pictures as the one that may be the other, degraded.

    Parameters
    ----------
    left, right : MultiscaleImage
    matrix : ndarray of float64, shape (3, 3)
        Unit coordinates of the right picture to those of the left one.

    Yields
    ------
    image, other : MultiscaleImage
    how : Orientation
        How the other one lies upon it, about.
    back : ndarray of float64, shape (3, 3)
        Its unit coordinates to those of the other one.
    """
    back = inverse(matrix)
    for image, other, way, way_back in ((left, right, matrix, back), (right, left, back, matrix)):
        how = nearest_orientation(way)
        if how is not None:
            yield image, other, how, way_back


def at_size(image: Grey, shape: tuple[int, ...]) -> Iterator[Grey]:
    """Yield an image in the size of a smaller one, by the filters that programs shrink pictures by.

    Nothing if the shapes differ.

    Parameters
    ----------
    image : ndarray of uint8, shape (h, w)
    shape : tuple of int
        Height and width.
    """
    from PIL import Image

    if image.shape == shape:
        yield image
        return
    height, width = shape
    wanted = image.shape[1] * height / image.shape[0]
    if image.shape[0] < height or abs(wanted - width) > LIMITS.degraded_max_shape:
        return
    whole = Image.fromarray(np.ascontiguousarray(image))
    for how in (Image.Resampling.LANCZOS, Image.Resampling.BICUBIC, Image.Resampling.BOX):
        yield np.asarray(whole.resize((width, height), how))
