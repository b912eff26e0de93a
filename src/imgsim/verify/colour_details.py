"""Tells whether two pictures that lie upon each other differ in a colour of something small, which
is as light in the one as in the other: red print on green, say.

As `local_differences`, by the noise of this very pair; in chroma, at half the size, since JPEG
holds no more of it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from imgsim.decode.detail import shrink
from imgsim.stage_times import staged
from imgsim.verify.blocks import Map
from imgsim.verify.channel_tones import in_one_tone_as_they_lie
from imgsim.verify.colours import YCbCr, chroma_factors
from imgsim.verify.gradients import gradients
from imgsim.verify.limits import LIMITS
from imgsim.verify.local_differences import Noise, block_means, fit_noise, top_of
from imgsim.verify.matrix import CORNERS, Band, Matrix, opencv_matrix, pixel_matrix, project
from imgsim.verify.median import median, quantile
from imgsim.verify.recording import record
from imgsim.verify.tracking import erode_mask, overlap_mask

CELL = 2
"""Half the side of a block, in pixels."""

_WINDOW = (LIMITS.colour_detail_window,) * 2

Mask = NDArray[np.uint8]


@staged("details")
def colour_distance(
    left: YCbCr, right: YCbCr, matrix: Matrix, excluded: Sequence[Band] = ()
) -> float:
    """Return how far two pictures are from copies by what is small and has another colour.

    Saturation and white balance of the whole picture do not count, nor tones of each channel.

    Parameters
    ----------
    left, right : ndarray of uint8, shape (h, w, 3)
        In YCbCr, in half the size in which details are compared.
    matrix : ndarray of float64, shape (3, 3)
        Unit coordinates of the right picture to those of the left one, exact.
    excluded : sequence of (float, float)
        Rows of the left image to leave out, from and to, as shares of its height.

    Returns
    -------
    float
        1 is the limit of the preset normal.
    """
    one, other, mask = _in_one_frame(left, right, matrix, excluded)
    distance = _distance(one, other, mask)
    if distance > 1:
        distance = min(distance, _distance(one, other, mask, cut_off=True))
    if distance > 1 and (toned := _in_one_tone(one, other, mask)) is not None:
        distance = min(distance, _distance(*toned, mask, cut_off=True))
    return distance if distance <= 1 else 1 + LIMITS.detail_excess * (distance - 1)


def half_size(image: YCbCr, shape: tuple[int, ...]) -> YCbCr:
    """Return an image in half the size of a shape, or as it is if it is smaller.

    Parameters
    ----------
    image : ndarray of uint8, shape (h, w, 3)
    shape : tuple of int
        Height and width.

    Returns
    -------
    ndarray of uint8, shape (h, w, 3)
    """
    import cv2

    height, width = (max(1, n // 2) for n in shape)
    if max(image.shape) <= max(height, width):
        return image
    # by half, it takes the mean of four pixels
    size = width, height
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR), np.uint8)


def _in_one_frame(
    left: YCbCr, right: YCbCr, matrix: Matrix, excluded: Sequence[Band]
) -> tuple[YCbCr, YCbCr, Mask]:
    """Both images at the scale of the smaller one, in its pixels, and where they overlap."""
    import cv2

    scale = float(np.sqrt(abs(np.linalg.det(pixel_matrix(matrix, left, right)[:2, :2]))))
    one = shrink(left, max(1, round(max(left.shape) / scale))) if scale > 1 else left
    other = shrink(right, max(1, round(max(right.shape) * scale))) if scale < 1 else right
    pixels = opencv_matrix(matrix, one, other)
    size = one.shape[1], one.shape[0]
    mask = overlap_mask(one[..., 0], other[..., 0], pixels, excluded)
    mask = erode_mask(mask, LIMITS.detail_margin // 2)
    if one.shape == other.shape and _is_in_place(pixels, size):
        return one, other, mask
    warped = cv2.warpPerspective(other, pixels, size, flags=cv2.INTER_LINEAR)
    return one, np.asarray(warped, np.uint8), mask


def _is_in_place(pixels: Matrix, size: tuple[int, int]) -> bool:
    """Whether a matrix leaves the pixels of an image where they are, but for a small part."""
    corners = CORNERS * np.array(size)[:, None]
    off = np.abs(project(pixels, corners) - corners).max()
    return bool(off <= LIMITS.colour_detail_in_place)


def _distance(one: YCbCr, other: YCbCr, mask: Mask, *, cut_off: bool = False) -> float:
    """The distance by the ratios of the errors of blocks to those that are expected.

    `cut_off` expects bright colours to end where red, green or blue do.
    """
    import cv2

    chroma = _in_one_saturation(one, other, mask, cut_off=cut_off)
    if chroma is None:
        return 0.0
    weight = mask.astype(np.float32)
    cover = np.maximum(cv2.blur(weight, _WINDOW), 1e-3)
    squares = [_squared_error(*planes, weight, cover) for planes in zip(*chroma, strict=True)]
    inside = block_means(weight, CELL) > LIMITS.min_block_cover
    error = np.sqrt(block_means(squares[0] + squares[1], CELL)) * inside
    if top_of(error) <= LIMITS.colour_detail_least_error:
        return 0.0  # as of most copies
    gradient = np.sqrt(np.maximum(*(_squared_gradients(planes) for planes in chroma)))
    noise = fit_noise(error[inside], gradient[inside])
    coloured = np.count_nonzero(gradient[inside] > LIMITS.colour_detail_edge)
    if coloured < LIMITS.colour_detail_min_coloured:
        noise = Noise(noise.constant, LIMITS.colour_detail_unknown_slope)
    noise = Noise(noise.constant, max(noise.slope, LIMITS.colour_detail_min_slope))
    ratio = error / noise.expected(gradient)
    # strong compression, palettes and bright colours that are cut off leave many large errors
    many = quantile(ratio[inside], LIMITS.colour_detail_many_quantile)
    ratio /= max(1.0, many / LIMITS.colour_detail_many)
    top = top_of(np.where(error > LIMITS.colour_detail_least_error, ratio, 0))
    record("max_colour_ratio", top)
    is_lost = noise.slope > LIMITS.colour_detail_lost_slope
    lone = top if not is_lost and _is_lone(ratio, top) else 0.0
    record("max_colour_ratio_lone", lone)
    return max(top / LIMITS.max_colour_ratio, lone / LIMITS.max_colour_ratio_lone)


def _in_one_saturation(
    one: YCbCr, other: YCbCr, mask: Mask, *, cut_off: bool
) -> tuple[Sequence[Map], Sequence[Map]] | None:
    """Two planes of chroma of both, the richer one in saturation and tint of the paler one."""
    import cv2

    step = max(1, max(mask.shape) // LIMITS.colour_detail_fitted)
    counted = mask[::step, ::step] > 0
    if np.count_nonzero(counted) < LIMITS.min_colour_pixels:
        return None
    middle = np.array([[0], [128], [128]], np.float32)
    window = (LIMITS.chroma_window,) * 2
    pixels = [
        np.ascontiguousarray(cv2.blur(image, window)[::step, ::step][counted].T) - middle
        for image in (one, other)
    ]
    if np.square(pixels[0][1:]).sum() < np.square(pixels[1][1:]).sum():
        pixels, one, other = pixels[::-1], other, one
    factor, tint = chroma_factors(pixels[0], pixels[1][1:])
    (luma, *rich), (pale_luma, *pale) = cv2.split(one), cv2.split(other)
    offset = 128 - 128 * factor
    expected = [
        np.asarray(cv2.addWeighted(plane, factor, luma, by_luma, offset, dtype=cv2.CV_32F))
        for plane, by_luma in zip(rich, tint.ravel().tolist(), strict=True)
    ]
    if cut_off:
        levels = [cv2.convertScaleAbs(plane) for plane in reversed(expected)]
        colours = cv2.cvtColor(cv2.merge([pale_luma, *levels]), cv2.COLOR_YCrCb2RGB)
        _, *levels = cv2.split(cv2.cvtColor(colours, cv2.COLOR_RGB2YCrCb))
        expected = [level.astype(np.float32) for level in reversed(levels)]
    return expected, [plane.astype(np.float32) for plane in pale]


def _squared_error(expected: Map, plane: Map, weight: Map, cover: Map) -> Map:
    """Squared difference of two planes, smoothed, less its mean around every pixel."""
    import cv2

    apart = cv2.multiply(_smooth(cv2.subtract(plane, expected)), weight)
    apart = cv2.subtract(apart, cv2.divide(cv2.blur(apart, _WINDOW), cover))
    return np.asarray(cv2.multiply(apart, apart))


def _squared_gradients(planes: Sequence[Map]) -> Map:
    """Mean squared gradients of the blocks of smoothed planes, in squared levels per pixel."""
    import cv2

    slopes = [slope for plane in planes for slope in gradients(_smooth(plane))]
    squares = cv2.multiply(slopes[0], slopes[0])
    for slope in slopes[1:]:
        squares = cv2.accumulateSquare(slope, squares)
    return block_means(np.asarray(squares), CELL)


def _smooth(plane: Map) -> Map:
    import cv2

    return np.asarray(cv2.GaussianBlur(plane, (0, 0), LIMITS.detail_blur))


def _is_lone(ratio: Map, top: float) -> bool:
    """Whether a small place differs by far more than any other."""
    import cv2

    differs = ratio > LIMITS.colour_lone_share * top
    near = cv2.dilate(differs.astype(np.uint8), np.ones((LIMITS.colour_lone_gap,) * 2, np.uint8))
    _, labels = cv2.connectedComponents(near)
    place = labels == labels[np.unravel_index(int(ratio.argmax()), ratio.shape)]
    place &= differs
    count = np.count_nonzero(place)
    record("colour_lone_max_blocks", count)
    if count > LIMITS.colour_lone_max_blocks:
        return False
    rows, columns = (np.flatnonzero(place.any(axis=axis)) for axis in (1, 0))
    density = count / (np.ptp(rows) + 1) / (np.ptp(columns) + 1)
    record("colour_lone_min_density", density)
    if density < LIMITS.colour_lone_min_density:
        return False
    margin = LIMITS.colour_lone_margin
    elsewhere = ratio.copy()
    elsewhere[
        max(0, rows[0] - margin) : rows[-1] + 1 + margin,
        max(0, columns[0] - margin) : columns[-1] + 1 + margin,
    ] = 0
    excess = top / max(top_of(elsewhere), 1e-3)
    record("colour_lone_min_excess", excess)
    return excess >= LIMITS.colour_lone_min_excess


def _in_one_tone(one: YCbCr, other: YCbCr, mask: Mask) -> tuple[YCbCr, YCbCr] | None:
    """Both images, the darker one in the tones of the lighter one in red, green and blue.

    None if the tones are the same: in a picture of few colours such curves turn any colours into
    any other ones.
    """
    import cv2

    left, right = (
        np.asarray(cv2.cvtColor(image[..., [0, 2, 1]], cv2.COLOR_YCrCb2RGB), np.uint8)
        for image in (one, other)
    )
    apart = np.asarray(cv2.absdiff(left, right))[mask > 0]
    changed = max(median(apart[:, i].astype(np.float32)) for i in range(3))
    record("colour_retoned", changed)
    if changed <= LIMITS.colour_retoned:
        return None
    first, second = (
        np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb)[..., [0, 2, 1]], np.uint8)
        for image in in_one_tone_as_they_lie(left, right, mask)
    )
    return first, second
