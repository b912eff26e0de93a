"""Compares two aligned images at the finest size that both have, by the noise of this very pair.

What a codec, grain, resampling and a misplacement by a part of a pixel do to an image is all over
it, and grows with the gradient. So the error that is to be expected of a block is a line in its
gradient, fitted to the medians over all blocks. A block with many times that error shows something
else: another digit, another word, a thing that was moved.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from imgsim.decode.detail import shrink
from imgsim.verify.alignment import refine_matrix
from imgsim.verify.blocks import Map
from imgsim.verify.fine_alignment import fine_correction
from imgsim.verify.gradients import gradients
from imgsim.verify.limits import LIMITS
from imgsim.verify.matrix import (
    Band,
    Grey,
    Matrix,
    inverse,
    nearest_orientation,
    opencv_matrix,
    orientation_matrix,
    oriented,
    pixel_matrix,
    unit_matrix,
)
from imgsim.verify.median import median
from imgsim.verify.sharpness import SharpnessCells, equalise_sharpness
from imgsim.verify.tone import joint_histogram, smooth_tone_curve
from imgsim.verify.tracking import erode_mask, overlap_mask

try:
    from imgsim.compiled import _blocks
except ImportError:
    _blocks = None  # type: ignore[assignment]

CELL = 4
"""Half the side of a block, in pixels."""


@dataclass(frozen=True, slots=True)
class Noise:
    """The error that is to be expected of a block: `constant` + `slope` times its gradient.

    In grey levels; the gradient in grey levels per pixel. The constant counts as `floor` at least.
    """

    constant: float
    slope: float
    floor: float = LIMITS.detail_floor

    def expected(self, gradient: Map) -> Map:
        """Return the errors that are to be expected.

        Parameters
        ----------
        gradient : ndarray of float32, shape (rows, columns)

        Returns
        -------
        ndarray of float32, shape (rows, columns)
        """
        return np.asarray(max(self.constant, self.floor) + self.slope * gradient)


@dataclass(frozen=True, slots=True)
class BlockErrors:
    """Errors of all blocks of 8 pixels of two images, each half a side from the next.

    Attributes
    ----------
    images : two ndarrays of float32, shape (h, w)
        What was compared: aligned, at one tone, equally sharp.
    frame : Frame
        The same, aligned alone.
    ratio : ndarray of float32, shape (rows, columns)
        Error as a multiple of what is expected; 0 where it is too small to count.
    error, gradient : ndarray of float32, shape (rows, columns)
        Root mean square, in grey levels, and the lesser gradient of the two.
    noise : Noise
    """

    images: tuple[Map, Map]
    frame: Frame
    ratio: Map
    error: Map
    gradient: Map
    noise: Noise

    @property
    def mask(self) -> NDArray[np.uint8]:
        """1 where they overlap, else 0, as ndarray of uint8, shape (h, w)."""
        return self.frame.mask

    @property
    def inside(self) -> NDArray[np.bool_]:
        """Blocks in the overlap, as ndarray of bool, shape (rows, columns)."""
        return self.frame.inside

    def even_share(self) -> float:
        """Return the share of blocks in which at least one image has no structure.

        In dark and pale images structure is as much less as their contrast.
        """
        if not self.inside.any():
            return 0.0
        spread = min(_spread(image, self.mask) for image in self.images)
        return _even_share(self.gradient[self.inside], spread)

    def all_ratios(self) -> Map:
        """Return the error of every block as a multiple of what is expected, however small it is.

        Returns
        -------
        ndarray of float32, shape (rows, columns)
            Also of blocks that are not `inside`.
        """
        return self.error / self.noise.expected(self.gradient)

    def top_ratio(self) -> float:
        """Return the ratio that counts, see `Limits.detail_rank`."""
        return top_of(self.ratio)


def even_share_of(image: Grey) -> float:
    """Return the share of the blocks of an image that have no structure.

    Parameters
    ----------
    image : ndarray of uint8, shape (h, w)
    """
    levels = image.astype(np.float32)
    return _even_share(lesser_gradient(levels, levels), float(levels.std()))


def _even_share(gradient: Map, spread: float) -> float:
    contrast = min(1.0, spread / LIMITS.contrast)
    return float((gradient < LIMITS.detail_even_gradient * contrast).mean())


def _spread(image: Map, mask: NDArray[np.uint8]) -> float:
    """Standard deviation of the pixels of a mask."""
    import cv2

    return float(cv2.meanStdDev(image, mask=mask)[1].item())


def top_of(values: Map) -> float:
    """Return the value that counts of several, see `Limits.detail_rank`; 0 if there are fewer.

    Parameters
    ----------
    values : ndarray of float32, any shape
    """
    rank = LIMITS.detail_rank
    return 0.0 if values.size < rank else float(np.partition(values, -rank, axis=None)[-rank])


def block_errors(
    left: Grey,
    right: Grey,
    matrix: Matrix,
    excluded: Sequence[Band] = (),
    *,
    exact: bool = False,
) -> BlockErrors | None:
    """Compare two images block by block.

    Parameters
    ----------
    left, right : ndarray of uint8, shape (h, w)
        In the finest size that is to be compared.
    matrix : ndarray of float64, shape (3, 3)
        Unit coordinates of the right picture to those of the left one.
    excluded : sequence of (float, float)
        Rows of the left image to leave out, from and to, as shares of its height.
    exact : bool
        They lie by the matrix exactly, and are not aligned again.

    Returns
    -------
    BlockErrors or None
        None if they cannot be aligned at this size.
    """
    frame = in_one_frame(left, right, matrix, excluded, exact=exact)
    if frame is None:
        return None
    one, other, inside = frame.one, frame.other, frame.inside
    # what one of them has clipped can be told from the other, not the other way
    toned = frame.toned()
    cells = SharpnessCells(frame.mask)
    directions = (
        _equally_sharp((toned[0], other.levels), (None, other.smooth), cells, frame.mask),
        _equally_sharp((one.levels, toned[1]), (one.smooth, None), cells, frame.mask),
    )
    images, error = min(
        directions, key=lambda direction: direction[1][inside].mean() if inside.any() else 0.0
    )
    return with_noise(frame, images, error)


@dataclass(frozen=True, slots=True)
class Smoothed:
    """An image, its levels as float32, these smoothed, and how steep these are.

    Attributes
    ----------
    grey : ndarray of uint8, shape (h, w)
    levels, smooth : ndarray of float32, shape (h, w)
    flat : ndarray of bool
        Of those pixels alone that `joint_histogram` counts.
    squares : ndarray of float32, shape (rows, columns)
        Mean squared gradient of every block, smoothed.
    """

    grey: Grey
    levels: Map
    smooth: Map
    flat: NDArray[np.bool_]
    squares: Map


@dataclass(frozen=True, slots=True)
class Frame:
    """Two images in the pixels of the left one, or of half of it and so on.

    Attributes
    ----------
    one, other : Smoothed
    mask : ndarray of uint8, shape (h, w)
        1 where they overlap, well inside, else 0.
    inside : ndarray of bool, shape (rows, columns)
        Blocks in the overlap.
    matrix : ndarray of float64, shape (3, 3)
        Unit coordinates of the right picture to those of the left one, as they were aligned.
    refined : ndarray of float64, shape (3, 3)
        The same, before all pixels corrected it.
    """

    one: Smoothed
    other: Smoothed
    mask: NDArray[np.uint8]
    inside: NDArray[np.bool_]
    matrix: Matrix
    refined: Matrix

    @property
    def greys(self) -> tuple[Grey, Grey]:
        """Both images, as ndarray of uint8, shape (h, w)."""
        return self.one.grey, self.other.grey

    def toned(self) -> tuple[Map, Map]:
        """Return each image in the tones of the other one, as float32, shape (h, w)."""
        joint = _flat_histogram(self.one, self.other, self.mask)
        return (
            _toned(self.one.grey, smooth_tone_curve(joint)),
            _toned(self.other.grey, smooth_tone_curve(joint.T)),
        )


def in_one_frame(
    left: Grey,
    right: Grey,
    matrix: Matrix,
    excluded: Sequence[Band] = (),
    *,
    exact: bool = False,
    same_scale: float = LIMITS.detail_same_scale,
) -> Frame | None:
    """Lay one image upon the other, for the arguments see `block_errors`.

    Parameters
    ----------
    left, right : ndarray of uint8, shape (h, w)
    matrix : ndarray of float64, shape (3, 3)
    excluded : sequence of (float, float)
    exact : bool
    same_scale : float
        Share by which their scales may differ where neither is shrunk.

    Returns
    -------
    Frame or None
        None if they cannot be aligned at this size.
    """
    refined = matrix if exact else _refined(left, right, matrix, excluded)
    if refined is None:
        return None
    return _framed(left, right, refined, excluded, exact=exact, same_scale=same_scale)


def at_same_scale(frame: Frame, left: Grey, right: Grey, same_scale: float) -> Frame:
    """Return the frame of `in_one_frame` where more scales count as the same.

    Parameters
    ----------
    frame : Frame
        Of these images, aligned, with nothing excluded.
    left, right : ndarray of uint8, shape (h, w)
    same_scale : float
    """
    scales = (
        _scale(left, right, frame.refined, same) for same in (same_scale, LIMITS.detail_same_scale)
    )
    if next(scales) == next(scales):
        return frame
    return _framed(left, right, frame.refined, (), exact=False, same_scale=same_scale)


def _framed(
    left: Grey,
    right: Grey,
    refined: Matrix,
    excluded: Sequence[Band],
    *,
    exact: bool,
    same_scale: float,
) -> Frame:
    images = _at_finest_scale(left, right, refined, same_scale)
    one, other, mask, aligned = _aligned(images, refined, excluded, correct=not exact)
    inside = block_means(mask.astype(np.float32)) > LIMITS.min_block_cover
    return Frame(one, other, mask, inside, aligned, refined)


def _smoothed(grey: Grey) -> Smoothed:
    levels = grey.astype(np.float32)
    smooth = _blurred(levels, LIMITS.detail_blur)
    (squared, squares), step = _squares(smooth), LIMITS.tone_step
    flat = squared[::step, ::step] < LIMITS.detail_flat_gradient**2
    return Smoothed(grey, levels, smooth, flat, squares)


def _refined(left: Grey, right: Grey, matrix: Matrix, excluded: Sequence[Band]) -> Matrix | None:
    """The matrix by which the two lie at the finest size; None if that cannot be told."""
    refined = refine_matrix(left, right, matrix, LIMITS.detail_side, excluded)
    if refined is None:
        orientation = nearest_orientation(matrix)
        if orientation is None or left.shape != oriented(right, orientation).shape:
            return None
        if min(left.shape) < 2 * LIMITS.block_side:
            return None
        return orientation_matrix(orientation)  # too dark or soft to be tracked: in place
    return refined


def _aligned(
    finest: tuple[Grey, Grey], matrix: Matrix, excluded: Sequence[Band], *, correct: bool
) -> tuple[Smoothed, Smoothed, NDArray[np.uint8], Matrix]:
    """Both images in one frame, where they overlap, well inside, and by which matrix."""
    pixels = opencv_matrix(matrix, *finest)
    mask = erode_mask(overlap_mask(*finest, pixels, excluded), LIMITS.detail_margin)
    one, size = _smoothed(finest[0]), finest[0].shape
    warped = _smoothed(_warp(finest[1], pixels, size))
    if not correct:
        return one, warped, mask, matrix
    joint = _flat_histogram(one, warped, mask)
    toned = _blurred(_toned(one.grey, smooth_tone_curve(joint)), LIMITS.detail_blur)
    correction = fine_correction(toned, warped.smooth, mask)
    if correction is not None:
        back = inverse(correction)
        warped = _smoothed(_warp(finest[1], back @ pixels, size))
        matrix = unit_matrix(back, finest[0]) @ matrix
    return one, warped, mask, matrix


def _at_finest_scale(
    left: Grey, right: Grey, matrix: Matrix, same_scale: float
) -> tuple[Grey, Grey]:
    """Shrink the image with more pixels to the scale of the other one, and both if need be.

    By next to nothing they are not shrunk: what was cut out of an image has its very pixels.
    """
    scale = _scale(left, right, matrix, same_scale)
    most = min(1.0, LIMITS.detail_side / max(left.shape))
    ratio = min(most, 1 / scale) if scale > 1 else most
    one = left if ratio == 1 else shrink(left, max(1, round(max(left.shape) * ratio)))
    ratio *= scale
    return one, right if ratio >= 1 else shrink(right, max(1, round(max(right.shape) * ratio)))


def _scale(left: Grey, right: Grey, matrix: Matrix, same_scale: float) -> float:
    """Pixels of the left image per pixel of the right one."""
    scale = float(np.sqrt(abs(np.linalg.det(pixel_matrix(matrix, left, right)[:2, :2]))))
    return 1.0 if abs(scale - 1) < same_scale else scale


def _warp(image: Grey, pixels: Matrix, shape: tuple[int, ...]) -> Grey:
    import cv2

    # linear interpolation softens what lies between pixels
    size = shape[1], shape[0]
    return np.asarray(cv2.warpPerspective(image, pixels, size, flags=cv2.INTER_CUBIC), np.uint8)


def _flat_histogram(one: Smoothed, other: Smoothed, mask: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Count levels that lie on each other; near edges, which may be misplaced, they count less."""
    step = LIMITS.tone_step
    inner = np.zeros_like(mask)
    inner[::step, ::step] = mask[::step, ::step] * (one.flat & other.flat)
    flat = joint_histogram(one.grey, other.grey, inner)
    return np.asarray(
        flat + LIMITS.detail_edge_weight * joint_histogram(one.grey, other.grey, mask)
    )


def _toned(image: Grey, curve: NDArray[np.float64]) -> Map:
    import cv2

    return np.asarray(cv2.LUT(image, curve.astype(np.float32)))


def _blurred(image: Map, deviation: float) -> Map:
    import cv2

    return np.asarray(cv2.GaussianBlur(image, (0, 0), deviation))


def _squared_gradient(image: Map) -> Map:
    across, down = gradients(image)
    across *= across
    down *= down
    across += down
    return across


def _equally_sharp(
    images: tuple[Map, Map],
    smoothed: tuple[Map | None, Map | None],
    cells: SharpnessCells,
    mask: NDArray[np.uint8],
) -> tuple[tuple[Map, Map], Map]:
    """Both images, equally sharp, and the error of each block."""
    one, other, _ = equalise_sharpness(*images, cells, LIMITS.detail_blur, smoothed)
    return (one, other), block_error(one, other, mask)


def with_noise(
    frame: Frame,
    images: tuple[Map, Map],
    error: Map,
    *,
    floor: float = LIMITS.detail_floor,
    least_error: float = LIMITS.detail_least_error,
) -> BlockErrors:
    """Return the errors of all blocks as multiples of what is to be expected.

    Parameters
    ----------
    frame : Frame
    images : two ndarrays of float32, shape (h, w)
        What was compared.
    error : ndarray of float32, shape (rows, columns)
        Of `block_error`.
    floor : float
        Grey levels that are expected of any block, at least.
    least_error : float
        Grey levels of error, below which a block does not differ.

    Returns
    -------
    BlockErrors
    """
    inside = frame.inside
    known = {id(one.smooth): one.squares for one in (frame.one, frame.other)}
    squares = [known[id(image)] if id(image) in known else mean_squares(image) for image in images]
    gradient = np.sqrt(np.minimum(*squares))
    noise = replace(fit_noise(error[inside], gradient[inside]), floor=floor)
    ratio = np.where(inside & (error > least_error), error / noise.expected(gradient), 0)
    return BlockErrors(images, frame, ratio, error, gradient, noise)


def block_error(one: Map, other: Map, mask: NDArray[np.uint8], shift: int = 0) -> Map:
    """Return the root mean square of the difference in every block, less its mean around.

    Parameters
    ----------
    one, other : ndarray of float32, shape (h, w)
    mask : ndarray of uint8, shape (h, w)
        1 where they are compared, else 0.
    shift : int
        Columns of the other one, and of the mask, are those so many further right as well.

    Returns
    -------
    ndarray of float32, shape (rows, columns)
    """
    import cv2

    height, width = mask.shape[0], mask.shape[1] - shift
    window = LIMITS.detail_even_window
    if _blocks is not None and min(height, width) >= window:
        cells = np.empty((height // CELL, width // CELL), np.float32)
        images = np.ascontiguousarray(one), np.ascontiguousarray(other)
        _blocks.errors(*images, np.ascontiguousarray(mask), mask.shape[1], shift, cells)
        return np.asarray(np.sqrt(_blocks_of(cells)))
    weight = (mask[:, :width] & mask[:, shift:]).astype(np.float32)
    cover = np.maximum(cv2.blur(weight, (window, window)), 1e-3)
    error = one[:, :width] - other[:, shift:]
    error -= cv2.blur(error * weight, (window, window)) / cover
    error *= weight
    return np.asarray(np.sqrt(block_means(error * error)))


def lesser_gradient(one: Map, other: Map) -> Map:
    """Return the root mean square gradient of every block of the image where it is less.

    Parameters
    ----------
    one, other : ndarray of float32, shape (h, w)

    Returns
    -------
    ndarray of float32, shape (rows, columns)
        In grey levels per pixel.
    """
    return np.asarray(np.sqrt(np.minimum(mean_squares(one), mean_squares(other))))


def mean_squares(image: Map, start: int = 0, stop: int | None = None) -> Map:
    """Return the mean squared gradient of every block.

    Parameters
    ----------
    image : ndarray of float32, shape (h, w)
    start, stop : int
        Columns between which it is looked at, as if there were no others.

    Returns
    -------
    ndarray of float32, shape (rows, columns)
    """
    stop = image.shape[1] if stop is None else stop
    if _blocks is None or min(image.shape[0], stop - start) < CELL:
        return block_means(_squared_gradient(image[:, start:stop]))
    return _squares_in_c(image, start, stop)


def mean_products(image: Map) -> tuple[Map, Map, Map]:
    """Return means over every block of products of gradients.

    Parameters
    ----------
    image : ndarray of float32, shape (h, w)

    Returns
    -------
    three ndarrays of float32, shape (rows, columns)
        Of that across by itself, that down by itself, and both.
    """
    if _blocks is None or min(image.shape) < CELL:
        across, down = gradients(image)
        return block_means(across * across), block_means(down * down), block_means(across * down)
    products = np.empty((3, image.shape[0] // CELL, image.shape[1] // CELL), np.float32)
    _squares_in_c(image, 0, image.shape[1], products=products)
    return _blocks_of(products[0]), _blocks_of(products[1]), _blocks_of(products[2])


def _squares(image: Map) -> tuple[Map, Map]:
    """The squared gradient of every pixel, and its mean over every block."""
    if _blocks is None or min(image.shape) < CELL:
        squared = _squared_gradient(image)
        return squared, block_means(squared)
    squared = np.empty(image.shape, np.float32)
    return squared, _squares_in_c(image, 0, image.shape[1], pixels=squared)


def _squares_in_c(
    image: Map, start: int, stop: int, pixels: Map | None = None, products: Map | None = None
) -> Map:
    """The mean squared gradient of every block; what else is asked is written as well."""
    cells = np.empty((image.shape[0] // CELL, (stop - start) // CELL), np.float32)
    whole = np.ascontiguousarray(image)
    _blocks.gradients(whole, image.shape[1], start, stop, cells, pixels, products)
    return _blocks_of(cells)


def block_means(image: Map, cell: int = CELL) -> Map:
    """Return the means of blocks of twice `cell` pixels, each half a side from the next.

    Parameters
    ----------
    image : ndarray of float32, shape (h, w)
    cell : int
        Half the side of a block, in pixels.

    Returns
    -------
    ndarray of float32, shape (rows, columns)
    """
    import cv2

    rows, columns = (n // cell for n in image.shape)
    cells = cv2.resize(
        image[: rows * cell, : columns * cell], (columns, rows), interpolation=cv2.INTER_AREA
    )
    return _blocks_of(cells)


def _blocks_of(cells: Map) -> Map:
    """Means of blocks of four cells, each one cell from the next."""
    pairs = cells[:, 1:] + cells[:, :-1]
    return np.asarray((pairs[1:] + pairs[:-1]) * np.float32(0.25))


def _middle(ascending: Map) -> float:
    """The median of values in ascending order."""
    return float((ascending[(len(ascending) - 1) // 2] + ascending[len(ascending) // 2]) / 2)


def fit_noise(errors: Map, gradients: Map) -> Noise:
    """Fit the errors by a line in the gradient, from medians over bins of the gradient.

    Parameters
    ----------
    errors, gradients : ndarray of float32, shape (n,)
        One value for every block.

    Returns
    -------
    Noise
    """
    order = np.argsort(gradients)
    gradients, errors = gradients[order], errors[order]
    starts = np.searchsorted(gradients, LIMITS.detail_gradients).tolist()
    medians = np.array(
        [
            (_middle(gradients[start:stop]), median(errors[start:stop]), stop - start)
            for start, stop in zip(starts, [*starts[1:], len(gradients)], strict=True)
            if stop - start >= LIMITS.detail_min_bin
        ]
    ).reshape(-1, 3)
    if len(medians) == 0:
        return Noise(0.0, 0.0)
    gradient, error, count = medians.T
    # errors vary as they are large
    weight = np.sqrt(np.minimum(count, LIMITS.detail_full_bin)) / (
        LIMITS.detail_error_floor + error
    )
    lines = np.stack([np.ones_like(gradient), gradient], axis=1)
    constant, slope = np.linalg.lstsq(lines * weight[:, None], error * weight, rcond=None)[0]
    return Noise(max(0.0, float(constant)), min(max(0.0, float(slope)), LIMITS.detail_max_slope))
