"""Rejects screens of one program with other text before anything is aligned.

Thousands of screenshots share the frame of a program: its bars and fields lie pixel by pixel in
one place, so nothing else can be how the two lie upon each other. Then the text is compared where
it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from imgsim.verify.blocks import Map
from imgsim.verify.limits import LIMITS
from imgsim.verify.matrix import Grey
from imgsim.verify.recording import record


@dataclass(frozen=True, eq=False)
class Screen:
    """An image in square cells, with what many pairs need of it, each computed once.

    Attributes
    ----------
    image : ndarray of uint8, shape (h, w)
    """

    image: Grey

    @property
    def nbytes(self) -> int:
        """Bytes that it takes at most, all computed."""
        return 5 * self.image.nbytes

    @cached_property
    def mean(self) -> Map:
        """Mean grey levels of the cells, float32, shape (rows, columns)."""
        return means_of_cells(self.image.astype(np.float32))

    @cached_property
    def structure(self) -> Map:
        """Standard deviations of the cells in grey levels, float32, shape (rows, columns)."""
        levels = self.image.astype(np.float32)
        squares = means_of_cells(levels * levels)
        return np.asarray(np.sqrt(np.maximum(squares - self.mean * self.mean, 0)))

    @cached_property
    def near(self) -> tuple[Grey, Grey]:
        """The darkest and the lightest pixel near each, both uint8 of shape (h, w)."""
        return levels_near(self.image, LIMITS.in_place_near)

    @cached_property
    def smooth(self) -> Grey:
        """Each pixel as the mean of those next to it, uint8 of shape (h, w)."""
        import cv2

        return np.asarray(cv2.blur(self.image, (LIMITS.moved_parts_blur,) * 2), np.uint8)

    @cached_property
    def corners(self) -> NDArray[np.bool_]:
        """Cells that a shift changes, along and across, bool, shape (rows, columns).

        No frame or line fixes one of these.
        """
        import cv2

        image, step = self.image, LIMITS.in_place_corner_step
        across, down = np.zeros_like(image), np.zeros_like(image)
        across[:, :-step] = cv2.absdiff(image[:, :-step], image[:, step:])
        down[:-step] = cv2.absdiff(image[:-step], image[step:])
        return np.asarray(
            cv2.min(means_of_cells(across), means_of_cells(down)) > LIMITS.in_place_corner
        )


def differ_in_place(left: Screen, right: Screen) -> bool:
    """Return whether two screens agree in their frame and differ in their text.

    That is so where most of both is even, cells with structure are the same to within compression,
    and others differ by far, also from all that is near: in the middle too, where no caption lies,
    and scattered, as no part that was covered is.

    Parameters
    ----------
    left, right : Screen
        As small as they are aligned first.
    """
    if left.image.shape != right.image.shape or min(left.image.shape) < LIMITS.in_place_cell:
        return False
    import cv2

    structure = left.structure, right.structure
    even = float((np.maximum(*structure) < LIMITS.in_place_even).mean())
    record("in_place_min_even", even)
    if even < LIMITS.in_place_min_even:
        return False
    difference = means_of_cells(cv2.absdiff(left.image, right.image))
    in_both = np.minimum(*structure) > LIMITS.in_place_structure
    unmoved = in_both & (difference < LIMITS.in_place_same)
    in_one = np.maximum(*structure) > LIMITS.in_place_structure
    same = int(np.count_nonzero(unmoved))
    by_place = int(np.count_nonzero(in_one & (difference > LIMITS.in_place_other)))
    record("in_place_min_cells", min(same, by_place))
    if by_place < LIMITS.in_place_min_cells:
        return False
    excess = np.maximum(
        means_of_cells(beyond(left.image, right.near)),
        means_of_cells(beyond(right.image, left.near)),
    )
    others = in_one & (excess > LIMITS.in_place_other)
    differing = int(np.count_nonzero(others))
    # light and contrast change what is in a cell, and leave it what it is
    others &= ~(in_both & (correlation(left, right) > LIMITS.in_place_alike))
    rows, columns = np.nonzero(others)
    if len(rows) < LIMITS.in_place_min_cells or same < LIMITS.in_place_min_cells:
        return False
    height = len(others)
    middle = np.count_nonzero(np.abs((rows + 0.5) / height - 0.5) < 0.5 - LIMITS.overlay_edge)
    corners = int(np.count_nonzero(unmoved & left.corners))
    anchored = corners >= LIMITS.in_place_min_corners
    record("in_place_min_corners", corners)
    nearly_even, max_density = LIMITS.in_place_nearly_even, LIMITS.in_place_max_density
    if anchored:
        ground = difference[np.maximum(*structure) < LIMITS.in_place_even]
        same_ground = float((ground < LIMITS.in_place_same).mean())
        record("in_place_min_ground", same_ground)
        anchored = same_ground > LIMITS.in_place_min_ground
    if anchored:
        nearly_even = LIMITS.in_place_nearly_even_anchored
        max_density = LIMITS.in_place_max_density_anchored
    suffix = "_anchored" if anchored else ""
    record(f"in_place_nearly_even{suffix}", even)
    enough = 0 if even > nearly_even else LIMITS.in_place_min_middle
    # what was covered differs all over, whether there is structure or not
    box = difference[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    covered = np.count_nonzero(box > LIMITS.in_place_other)
    record(f"in_place_max_density{suffix}", covered / box.size)
    record("in_place_min_middle", middle)
    if differing:
        record("in_place_min_same", same / differing)
    return bool(
        (anchored or same >= LIMITS.in_place_min_same * differing)
        and middle >= enough
        and covered < max_density * box.size
    )


def levels_near(image: Grey, side: int) -> tuple[Grey, Grey]:
    """Return the darkest and the lightest level near each pixel of an image.

    Parameters
    ----------
    image : ndarray of uint8, shape (h, w)
    side : int
        Of the square around a pixel, in pixels.

    Returns
    -------
    darkest, lightest : ndarray of uint8, shape (h, w)
    """
    import cv2

    near = np.ones((side, side), np.uint8)
    darkest, lightest = cv2.erode(image, near), cv2.dilate(image, near)
    return np.asarray(darkest, np.uint8), np.asarray(lightest, np.uint8)


def beyond(image: Grey, near: tuple[Grey, Grey]) -> Grey:
    """Return the grey levels by which pixels lie beyond all those near them in another image.

    So what is turned by a degree, or lies a few pixels off, is no difference.

    Parameters
    ----------
    image : ndarray of uint8, shape (h, w)
    near : (ndarray of uint8, ndarray of uint8), shape (h, w) each
        Of the other image, see `levels_near`.

    Returns
    -------
    ndarray of uint8, shape (h, w)
    """
    import cv2

    darkest, lightest = near
    excess = cv2.max(cv2.subtract(image, lightest), cv2.subtract(darkest, image))
    return np.asarray(excess, np.uint8)


def means_of_cells(image: Map | Grey) -> Map:
    """Return the means of the square cells of an image.

    Parameters
    ----------
    image : ndarray of float32 or uint8, shape (h, w)

    Returns
    -------
    ndarray of the same type, shape (rows, columns)
    """
    import cv2

    side = LIMITS.in_place_cell
    rows, columns = (n // side for n in image.shape)
    whole = image[: rows * side, : columns * side]
    return np.asarray(cv2.resize(whole, (columns, rows), interpolation=cv2.INTER_AREA))


def correlation(left: Screen, right: Screen) -> Map:
    """Return the correlation of the grey levels of two images in every cell.

    Parameters
    ----------
    left, right : Screen
        Of one size.

    Returns
    -------
    ndarray of float32, shape (rows, columns)
    """
    import cv2

    products = cv2.multiply(left.image, right.image, dtype=cv2.CV_32F)
    covariance = means_of_cells(np.asarray(products, np.float32)) - left.mean * right.mean
    return np.asarray(covariance / np.maximum(left.structure * right.structure, 1.0))
