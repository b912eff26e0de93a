"""Lays two pictures upon each other in the pixels of the one that has fewer of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators.local import ORIENTATIONS, Orientation
from imgsim.measure.spectra import WINDOW
from imgsim.verify.matrix import (
    Matrix,
    inverse,
    opencv_matrix,
    orientation_matrix,
    oriented,
    pixel_matrix,
    project,
    projected_corners,
)

_PER_SIDE = 6
_PLACED_PIXELS = 1.2
_PLACED_SHARE = 0.003
_PATCH = 512
_SAME_SCALE = 0.004
_AS_THEY_LIE = 0.9

YCrCb = NDArray[np.uint8]
Windows = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Frame:
    """Two pictures in one frame of pixels.

    Attributes
    ----------
    whole_left, whole_right : ndarray of uint8, shape (h, w, 3)
        In YCrCb.
    mask : ndarray of uint8, shape (h, w)
        1 where both have pixels.
    left, right : ndarray of float32, shape (n, WINDOW, WINDOW, 3)
        Windows of both.
    placed : bool
        All of the one lies upon all of the other, turned or mirrored by quarters.
    exact : bool
        Pixel lies upon pixel, or upon whole areas of them: nothing was interpolated in between.
    same_pixels : bool
        Both have the same pixels, and the frame has those.
    scale, turned, mirrored, angle, stretch
        See `differences.Differences`.
    frame_is_left : bool
        The frame is that of the left picture.
    how : Orientation or None
        How the other picture was turned into the frame, if it is `placed`.
    """

    whole_left: YCrCb
    whole_right: YCrCb
    mask: NDArray[np.uint8]
    left: Windows
    right: Windows
    placed: bool
    exact: bool
    same_pixels: bool
    scale: float
    turned: bool
    mirrored: bool
    angle: float
    stretch: float
    frame_is_left: bool
    how: Orientation | None

    def unturned(self, image: NDArray[np.float32], which: int) -> NDArray[np.float32]:
        """Bring an image of the frame back into the pixels of the left (0) or right (1) picture.

        Parameters
        ----------
        image : ndarray of float32, shape (h, w)
        which : {0, 1}

        Returns
        -------
        ndarray of float32, shape (h, w) or (w, h)
        """
        if self.how is None or self.frame_is_left == (which == 0):
            return image
        if self.how.flip:
            image = image[::-1]
        if self.how.mirror:
            image = image[:, ::-1]
        return image.T if self.how.transpose else image


def common_frame(left: NDArray[np.uint8], right: NDArray[np.uint8], matrix: Matrix) -> Frame:
    """Lay two pictures upon each other.

    Parameters
    ----------
    left, right : ndarray of uint8, shape (h, w, 3)
        RGB, upright.
    matrix : ndarray of float64, shape (3, 3)
        Unit coordinates of the right picture to those of the left one.

    Returns
    -------
    Frame
        Without windows if too little is in common.
    """
    scale, turned, mirrored, angle, stretch = _decomposed(matrix, left, right)
    frame_is_left = scale <= 1
    coarse, fine = (left, right) if frame_is_left else (right, left)
    onto = matrix if frame_is_left else inverse(matrix)
    ratio = max(scale, 1 / scale)
    how = placed_orientation(onto, coarse)
    if how is not None:
        laid, mask, exact = _placed(coarse, fine, how), np.ones(coarse.shape[:2], np.uint8), True
    else:
        laid, mask, exact = _warped(coarse, fine, onto, ratio)
    wholes = _ycrcb(coarse), _ycrcb(laid)
    if not frame_is_left:
        wholes = wholes[1], wholes[0]
    places = _window_places(mask, whole=how is not None)
    windows = _windows(wholes[0], places), _windows(wholes[1], places)
    same = how is not None and sorted(left.shape[:2]) == sorted(right.shape[:2])
    same = same and laid.shape == coarse.shape
    if same and stretch >= 1 + 1e-6 + 2 / min(left.shape[:2]):
        same = _lie_exactly(*windows)  # the transform may be off by a pixel at the corners
    return Frame(
        *wholes,
        mask,
        *windows,
        how is not None,
        exact,
        same,
        scale,
        turned,
        mirrored,
        angle,
        stretch,
        frame_is_left,
        how,
    )


def _decomposed(
    matrix: Matrix, left: NDArray[np.uint8], right: NDArray[np.uint8]
) -> tuple[float, bool, bool, float, float]:
    """Scale of a matrix, whether it turns by quarters or mirrors, the other angle, the stretch."""
    pixels = pixel_matrix(matrix, left, right)[:2, :2]
    turn, (most, least), axes = np.linalg.svd(pixels)
    rotation = turn @ axes
    mirrored = bool(np.linalg.det(rotation) < 0)
    degrees = float(np.degrees(np.arctan2(rotation[1, 0], rotation[0, 0])))
    angle = abs((degrees + 45) % 90 - 45)
    turned = mirrored or not -45 <= degrees < 45
    return float(np.sqrt(most * least)), turned, mirrored, angle, float(most / least)


def placed_orientation(matrix: Matrix, coarse: NDArray[np.uint8]) -> Orientation | None:
    """Return how all of a picture lies upon all of another one, if it does.

    Parameters
    ----------
    matrix : ndarray of float64, shape (3, 3)
        Unit coordinates to those of the picture with fewer pixels.
    coarse : ndarray of uint8, shape (h, w, 3)
    """
    size = np.array([[coarse.shape[1]], [coarse.shape[0]]])
    there = projected_corners(matrix)
    most = _PLACED_PIXELS + _PLACED_SHARE * max(coarse.shape[:2])
    for how in ORIENTATIONS:
        off = np.abs(there - projected_corners(orientation_matrix(how))) * size
        if off.max() < most:
            return how
    return None


def _placed(
    coarse: NDArray[np.uint8], fine: NDArray[np.uint8], how: Orientation
) -> NDArray[np.uint8]:
    import cv2

    turned = oriented(fine, how)
    if turned.shape == coarse.shape:
        return turned
    size = coarse.shape[1], coarse.shape[0]
    return np.asarray(cv2.resize(turned, size, interpolation=cv2.INTER_AREA), np.uint8)


def _warped(
    coarse: NDArray[np.uint8], fine: NDArray[np.uint8], onto: Matrix, ratio: float
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], bool]:
    """The fine picture in the frame of the coarse one, where it lies, and whether exactly."""
    import cv2

    if ratio > 1.02:
        less = max(1, round(fine.shape[1] / ratio)), max(1, round(fine.shape[0] / ratio))
        fine = np.asarray(cv2.resize(fine, less, interpolation=cv2.INTER_AREA), np.uint8)
    pixels = opencv_matrix(onto, coarse, fine)
    exact = False
    if abs(ratio - 1) < _SAME_SCALE:
        shift = _whole_shift(coarse, fine, pixels)
        if shift is not None:
            pixels, exact = shift, True
    size = coarse.shape[1], coarse.shape[0]
    laid = cv2.warpPerspective(
        fine, pixels, size, flags=cv2.INTER_NEAREST if exact else cv2.INTER_CUBIC
    )
    cover = cv2.warpPerspective(np.full(fine.shape[:2], 255, np.uint8), pixels, size)
    mask = cv2.erode((cover == 255).astype(np.uint8), np.ones((5, 5), np.uint8), borderValue=0)
    return np.asarray(laid, np.uint8), np.asarray(mask, np.uint8), exact


def _whole_shift(
    coarse: NDArray[np.uint8], fine: NDArray[np.uint8], pixels: Matrix
) -> Matrix | None:
    """A shift by whole pixels, if that is how a part was cut out or set into another picture."""
    import cv2

    linear = pixels[:2, :2] / pixels[2, 2]
    height, width = fine.shape[:2]
    if np.abs(linear - np.eye(2)).max() * max(height, width) > 3:
        return None
    middle = project(pixels, np.array([[width / 2], [height / 2]]))[:, 0]
    x, y = (round(float(v)) for v in middle - [width / 2, height / 2])
    # the largest part that both have, around its middle
    left, right = max(0, x), min(coarse.shape[1], x + width)
    top, bottom = max(0, y), min(coarse.shape[0], y + height)
    n = min(_PATCH, right - left, bottom - top) // 2 * 2
    if n < WINDOW:
        return None
    u, v = (left + right - n) // 2, (top + bottom - n) // 2
    one, other = (
        cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY).astype(np.float32)
        for image in (
            coarse[v : v + n, u : u + n],
            fine[v - y : v - y + n, u - x : u - x + n],
        )
    )
    window = cv2.createHanningWindow((n, n), cv2.CV_32F)
    (dx, dy), sure = cv2.phaseCorrelate(other, one, window)
    whole = round(dx), round(dy)
    if sure < 0.1 or max(abs(dx - whole[0]), abs(dy - whole[1])) > 0.12 or max(map(abs, whole)) > 4:
        return None
    return np.array([(1, 0, x + whole[0]), (0, 1, y + whole[1]), (0, 0, 1.0)])


def _lie_exactly(left: Windows, right: Windows) -> bool:
    """Whether nearly all windows agree better as they lie than shifted by a pixel."""
    one, other = left[..., 0], right[..., 0]
    inner = one[:, 1:-1, 1:-1]
    apart = [
        np.square(inner - other[:, 1 + y : WINDOW - 1 + y, 1 + x : WINDOW - 1 + x]).sum((1, 2))
        for y, x in ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0))
    ]
    return bool((apart[0] <= np.min(apart, axis=0)).mean() >= _AS_THEY_LIE)


def _ycrcb(image: NDArray[np.uint8]) -> YCrCb:
    import cv2

    return np.asarray(cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2YCrCb), np.uint8)


def _window_places(mask: NDArray[np.uint8], *, whole: bool) -> list[tuple[int, int]]:
    """Corners of windows that lie in the mask, spread over it; the mask may be the whole image."""
    if whole and min(mask.shape) >= WINDOW:
        return [(y, x) for y in _spread(0, mask.shape[0]) for x in _spread(0, mask.shape[1])]
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if len(rows) < WINDOW or len(columns) < WINDOW:
        return []
    return [
        (y, x)
        for y in _spread(int(rows[0]), int(rows[-1]) + 1)
        for x in _spread(int(columns[0]), int(columns[-1]) + 1)
        if mask[y : y + WINDOW, x : x + WINDOW].all()
    ]


def _spread(first: int, last: int) -> list[int]:
    """Beginnings of windows over a range, at most so far apart that they overlap by half."""
    count = max(1, min(_PER_SIDE, 2 * (last - first) // WINDOW - 1))
    return [int(x) for x in np.linspace(first, last - WINDOW, count)]


def _windows(image: YCrCb, places: list[tuple[int, int]]) -> Windows:
    some = [image[y : y + WINDOW, x : x + WINDOW] for y, x in places]
    return np.array(some, np.float32).reshape(len(some), WINDOW, WINDOW, 3)


def finer_windows(
    left: NDArray[np.uint8], right: NDArray[np.uint8], matrix: Matrix, frame: Frame
) -> tuple[Windows, list[Windows], float]:
    """Take windows of the picture with more pixels, and predict them from the other picture.

    Parameters
    ----------
    left, right : ndarray of uint8, shape (h, w, 3)
        RGB, upright.
    matrix : ndarray of float64, shape (3, 3)
        Unit coordinates of the right picture to those of the left one.
    frame : Frame
        Of the two.

    Returns
    -------
    fine : ndarray of float32, shape (n, WINDOW, WINDOW)
        Luma.
    predictions : list of ndarray of float32, shape (n, WINDOW, WINDOW)
        By several kinds of interpolation.
    cut : float
        Nyquist frequency of the other picture, as a share of this one's.
    """
    import cv2

    fine, coarse = (right, left) if frame.frame_is_left else (left, right)
    onto = inverse(matrix) if frame.frame_is_left else matrix  # of the coarse one to the fine one
    if frame.how is not None:
        onto = inverse(orientation_matrix(frame.how))
    pixels = opencv_matrix(onto, fine, coarse)
    cover = cv2.warpPerspective(
        np.ones(coarse.shape[:2], np.uint8), pixels, (fine.shape[1], fine.shape[0])
    )
    greys = [cv2.cvtColor(np.ascontiguousarray(x), cv2.COLOR_RGB2GRAY) for x in (fine, coarse)]
    places = [
        (y, x)
        for y in _spread(0, fine.shape[0])
        for x in _spread(0, fine.shape[1])
        if cover[y : y + WINDOW, x : x + WINDOW].all()
    ]
    smaller = greys[1].astype(np.float32)  # what is predicted is not rounded
    own = [greys[0][y : y + WINDOW, x : x + WINDOW] for y, x in places]
    predictions = []
    for how in (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4, cv2.INTER_NEAREST):
        some = [
            cv2.warpPerspective(
                smaller,
                np.array([(1, 0, -x), (0, 1, -y), (0, 0, 1.0)]) @ pixels,
                (WINDOW, WINDOW),
                flags=how,
                borderMode=cv2.BORDER_REPLICATE,
            )
            for y, x in places
        ]
        predictions.append(np.array(some, np.float32).reshape(-1, WINDOW, WINDOW))
    cut = min(frame.scale, 1 / frame.scale)
    return np.array(own, np.float32).reshape(-1, WINDOW, WINDOW), predictions, cut
