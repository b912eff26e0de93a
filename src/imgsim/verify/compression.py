"""Whether strong compression of one picture explains all by which another one differs from it.

A JPEG of low quality moves points, adds edges and takes colours away, so that it differs from the
picture it was made from as two shots of one thing do. But what it may differ by is known exactly:
its coefficients are those of the other picture, rounded to multiples of the steps of its table.
Those of another shot, of a thing that was moved or of another digit are not, since steps that leave
a thing to be seen are smaller than the coefficients that it has. The steps are told by the pixels
too, so they are known after the JPEG was saved once more in a better quality.

Source: J. Lukas and J. Fridrich, Estimation of primary quantization matrix in double compressed
JPEG images, DFRWS 2003.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators.local import COLOURS_SIDE, Orientation
from imgsim.decode.detail import dct_basis
from imgsim.decode.jpeg_quality import in_rows, scaled_table
from imgsim.verify.blocks import Map
from imgsim.verify.colours import YCbCr, recoloured_shares
from imgsim.verify.degraded import Degraded, at_size, either_way
from imgsim.verify.gradients import gradients
from imgsim.verify.limits import LIMITS
from imgsim.verify.matrix import (
    Grey,
    Matrix,
    nearest_orientation,
    orientation_matrix,
    oriented,
)
from imgsim.verify.multiscale import MultiscaleImage
from imgsim.verify.recording import record
from imgsim.verify.small import Pixels
from imgsim.verify.two_levels import is_of_two_levels

_BLOCK = 8  # of a JPEG


@dataclass(frozen=True, slots=True)
class _Steps:
    """How strongly a picture was compressed.

    Attributes
    ----------
    quality : int
        Of libjpeg, 1 to 100.
    away : float
        How far coefficients lie from multiples of its steps, in steps: 0.25 by chance.
    """

    quality: int
    away: float

    @property
    def table(self) -> NDArray[np.int64]:
        """Steps by frequency, int64[8, 8]."""
        return in_rows(scaled_table(self.quality))


def compare_compressed(
    left: MultiscaleImage, right: MultiscaleImage, matrix: Matrix
) -> Degraded | None:
    """Compare two pictures, one of which may be the other, strongly compressed.

    Parameters
    ----------
    left, right : MultiscaleImage
    matrix : ndarray of float64, shape (3, 3)
        Unit coordinates of the right picture to those of the left one.

    Returns
    -------
    Degraded or None
        None if that is not told: neither was strongly compressed, one is not all of the other,
        they differ all over, or the other one has two levels alone.

    Raises
    ------
    OSError, DecodeError
        An image cannot be read.
    """
    orientation, side = nearest_orientation(matrix), LIMITS.detail_side
    if orientation is None:
        return None
    for image, other, how, back in either_way(left, right, matrix):
        grey, steps = image.grey(side), _steps_of(image)
        if steps is None or other.detail_rgb is None:
            continue
        original = other.grey(side)
        if is_of_two_levels(other):
            continue
        ways = at_size(oriented(original, how), grey.shape)
        unexplained = [_unexplained(grey, brought, steps.table) for brought in ways]
        share, most = min(unexplained, default=(np.inf, np.inf))
        if most > LIMITS.compressed_other_levels and share <= LIMITS.compressed_other_share:
            # of two copies, both strongly compressed, neither is what the other one was made from
            if _steps_of(other):
                return None
            return Degraded(LIMITS.edited_difference, original, orientation)
        if share > LIMITS.compressed_max_share or most > LIMITS.compressed_max_levels:
            continue
        colours = _compressed_colours(other.detail_rgb(), steps.quality)
        distance = max(
            share / LIMITS.compressed_max_share,
            most / LIMITS.compressed_max_levels,
            recoloured_shares(colours, image.colours, back).distance,
        )
        return Degraded(float(distance), original, orientation) if distance <= 1 else None
    return None


def compare_saved_again(
    left: MultiscaleImage, right: MultiscaleImage, orientation: Orientation
) -> Degraded | None:
    """Compare two small pictures, one of which may be the other, saved as a JPEG.

    There are few points to align them by, but what libjpeg makes of a picture is known to the
    pixel.

    Parameters
    ----------
    left, right : MultiscaleImage
    orientation : Orientation
        How the right picture lies upon the left one.

    Returns
    -------
    Degraded or None
        None if neither is the other one, saved so.

    Raises
    ------
    OSError, DecodeError
        An image cannot be read.
    """
    side = LIMITS.detail_side
    for image, other, how, back in either_way(left, right, orientation_matrix(orientation)):
        if other.saved_rgb is None:
            continue
        jpeg, rgb = image.grey(side), other.saved_rgb()
        original = _stored(rgb, how)
        if original.shape != jpeg.shape:
            continue
        quality = _nearest_quality(jpeg, original)
        if quality is None:
            continue
        most = float(_apart(jpeg, original, in_rows(scaled_table(quality))).max())
        record("saved_again_levels", most)
        if most <= LIMITS.saved_again_levels:
            colours = _compressed_colours(rgb, quality)
            shares = recoloured_shares(colours, image.colours, back)
            distance = max(most / LIMITS.saved_again_levels, shares.distance)
            return Degraded(distance, other.grey(side), orientation) if distance <= 1 else None
    return None


def _nearest_quality(jpeg: Grey, original: Grey) -> int | None:
    """The quality at which another picture, saved, is nearest to a JPEG; None if at none."""
    stored, wanted = _coefficients(jpeg), _coefficients(original)

    def apart(quality: int) -> float:
        steps = in_rows(scaled_table(quality)).astype(np.float32)
        return float(np.abs(np.rint(wanted / steps) * steps - stored).mean())

    near, beside = min(LIMITS.saved_again_qualities, key=apart), LIMITS.saved_again_beside
    quality = min(range(near - beside, near + beside + 1), key=apart)
    before = float(np.abs(wanted - stored).mean())
    nearest = apart(quality) / max(LIMITS.saved_again_near, LIMITS.saved_again_share * before)
    record("saved_again_near", nearest)
    return quality if nearest <= 1 else None


def _stored(rgb: Pixels, how: Orientation) -> Grey:
    """The luma of a picture that is saved as it lies upon another one."""
    from PIL import Image

    return np.asarray(Image.fromarray(oriented(rgb, how)).convert("L"))


def _apart(jpeg: Grey, other: Grey, table: NDArray[np.int64]) -> Map:
    """Grey levels by which blocks of a JPEG differ from those of another picture, compressed."""
    return _block_means(np.abs(compressed(other, table).astype(np.float32) - jpeg))


def compressed_page_distance(
    left: MultiscaleImage, right: MultiscaleImage, matrix: Matrix
) -> float | None:
    """Return how far two pages are from one being the other, strongly compressed.

    That is known to the pixel, so that a place which is not as the other page, compressed, is
    another letter. It is not told where other letters would be compressed to the same pixels.

    Parameters
    ----------
    left, right : MultiscaleImage
    matrix : ndarray of float64, shape (3, 3)
        Unit coordinates of the right page to those of the left one.

    Returns
    -------
    float or None
        1 is the limit of the preset normal; None if that is not told: neither was strongly
        compressed, or they differ all over.

    Raises
    ------
    OSError, DecodeError
        An image cannot be read.
    """
    side = LIMITS.detail_side
    for image, other, how, back in either_way(left, right, matrix):
        jpeg = image.grey(side)
        if oriented(other.grey(side), how).shape != jpeg.shape:
            continue
        steps = _steps_of(image, LIMITS.compressed_page_qualities)
        if steps is None or other.saved_rgb is None:
            continue
        rgb = other.saved_rgb()
        original = _stored(rgb, how)
        if original.shape != jpeg.shape:
            continue
        low, high = LIMITS.compressed_page_near
        near = range(max(1, steps.quality + low), steps.quality + high + 1)
        tables = {quality: in_rows(scaled_table(quality)) for quality in near}
        differing = {
            quality: _differing(jpeg, original, table) for quality, table in tables.items()
        }
        quality = min(near, key=lambda quality: differing[quality])
        record("compressed_page_differing", differing[quality])
        if differing[quality] > LIMITS.compressed_page_differing:
            return None
        most, legible = _beyond_and_legible(jpeg, original, tables[quality])
        least = LIMITS.compressed_page_share * legible
        record("compressed_page_least", least)
        if least < LIMITS.compressed_page_least:
            return None
        limit = min(least, LIMITS.compressed_page_levels)
        record("compressed_page_levels", most)
        if most > limit:
            return 1 + LIMITS.detail_excess * (most / limit - 1)
        colours = _compressed_colours(rgb, quality)
        return max(most / limit, recoloured_shares(colours, image.colours, back).distance)
    return None


def _differing(jpeg: Grey, other: Grey, table: NDArray[np.int64]) -> float:
    """The share of blocks in which a JPEG is not another picture, compressed."""
    return float((_apart(jpeg, other, table) > LIMITS.compressed_page_same).mean())


def _beyond(coefficients: NDArray[np.float32], jpeg: Grey, other: Grey, steps: Map) -> Map:
    """By how many grey levels every block of a JPEG is not what another picture comes to.

    Root mean square, of what lies beyond half a step; 0 where both have the same pixels.
    `coefficients` are those of the JPEG, in steps.
    """
    away = np.abs(_coefficients(other) / steps - coefficients)
    excess = np.maximum(away - 0.5, 0) * steps
    levels = np.sqrt(np.square(excess).sum(axis=(2, 3))) / _BLOCK
    difference = compressed(other, steps.astype(np.int64)).astype(np.float32) - jpeg
    return np.asarray(np.minimum(levels, np.sqrt(_block_means(np.square(difference)))))


def _beyond_and_legible(jpeg: Grey, other: Grey, table: NDArray[np.int64]) -> tuple[float, float]:
    """By how many grey levels a JPEG is not another page, and would not be with another letter.

    As `details.legibility` tells it: letters are held against those beside them.
    """
    steps = table.astype(np.float32)
    coefficients = np.rint(_coefficients(jpeg) / steps)
    most = float(_beyond(coefficients, jpeg, other, steps).max())
    across, down = gradients(other.astype(np.float32))
    printed = np.sqrt(_block_means(across * across + down * down)) > LIMITS.print_min_gradient
    if np.count_nonzero(printed) < LIMITS.print_min_blocks:
        return most, 0.0
    beside = [
        _beyond(coefficients, jpeg, np.roll(other, shift, axis=1), steps)[printed]
        for shift in LIMITS.print_shifts
    ]
    return most, float(np.quantile(np.median(beside, axis=0), LIMITS.print_quantile))


def _steps_of(
    image: MultiscaleImage, qualities: Sequence[int] = LIMITS.compressed_qualities
) -> _Steps | None:
    """The steps of which the coefficients of a picture are multiples, if these are large."""
    best: _Steps | None = image.once(
        f"steps {qualities[-1]}", lambda: _best_steps(image.grey(LIMITS.detail_side), qualities)
    )
    if best is None:
        return None
    record("compressed_max_away", best.away)
    return best if best.away <= LIMITS.compressed_max_away else None


def _best_steps(grey: Grey, qualities: Sequence[int]) -> _Steps | None:
    """The steps of which the coefficients of a picture are nearest to multiples."""
    coefficients = _coefficients(grey)
    rows = coefficients.reshape(-1, _BLOCK, _BLOCK)
    rows = rows[:: max(1, len(rows) // LIMITS.compressed_blocks)].copy()
    rows[:, 0, 0] = 0  # means have multiples of everything
    best = None
    for quality in qualities:
        multiples = rows / in_rows(scaled_table(quality)).astype(np.float32)
        multiples = multiples[np.abs(multiples) > 0.5]
        if len(multiples) < LIMITS.compressed_min_count:
            continue
        away = float(np.abs(multiples - np.rint(multiples)).mean())
        if best is None or away < best.away:
            best = _Steps(quality, away)
    return best


def _unexplained(jpeg: Grey, other: Grey, table: NDArray[np.int64]) -> tuple[float, float]:
    """By how much what a picture shows lies beyond the steps of a JPEG.

    Returns the share of coefficients that do, and the most that this changes a block, in grey
    levels.

    Where the JPEG ends in white or black its coefficients were cut off; there the other picture,
    compressed as well, has the same pixels.
    """
    steps = table.astype(np.float32)
    found = np.rint(_coefficients(jpeg) / steps)
    wanted = _coefficients(other) / steps
    away = np.abs(wanted - found)
    known = (found != 0) | (np.abs(wanted) > 0.5)
    known[..., 0, 0] = True
    difference = compressed(other, table).astype(np.float32) - jpeg
    differs = np.sqrt(_block_means(np.square(difference)))
    elsewhere = (differs > LIMITS.compressed_same)[..., None, None]
    beyond = known & elsewhere & (away > 0.5 + LIMITS.compressed_beyond)
    share = float(np.count_nonzero(beyond)) / max(1, int(np.count_nonzero(known)))
    excess = np.maximum(away - 0.5, 0) * known * steps
    levels = np.sqrt(np.square(excess).sum(axis=(2, 3))) / _BLOCK
    most = float(np.minimum(levels, differs).max())
    record("compressed_max_share", share)
    record("compressed_max_levels", most)
    return share, most


def compressed(image: Grey, table: NDArray[np.int64]) -> Grey:
    """Return an image as a JPEG with a quantisation table leaves it.

    Parameters
    ----------
    image : ndarray of uint8, shape (h, w)
    table : ndarray of int64, shape (8, 8)
        Steps by frequency.

    Returns
    -------
    ndarray of uint8, shape (h, w)
    """
    from PIL import Image

    buffer = io.BytesIO()
    steps = np.clip(table, 1, 255).ravel().tolist()
    Image.fromarray(image).save(buffer, "JPEG", qtables={0: steps})
    return np.asarray(Image.open(buffer))


def _compressed_colours(image: Pixels, quality: int) -> YCbCr:
    """The small square image of colours of a picture that was compressed."""
    import cv2
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image)).save(buffer, "JPEG", quality=quality)
    with Image.open(buffer) as jpeg:
        jpeg.draft("YCbCr", jpeg.size)
        pixels = np.asarray(jpeg.convert("YCbCr"))
    size = COLOURS_SIDE, COLOURS_SIDE
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def _coefficients(grey: Grey) -> NDArray[np.float32]:
    """Of the whole blocks, as in JPEG: float32[rows, columns, 8, 8]."""
    rows, columns = grey.shape[0] // _BLOCK, grey.shape[1] // _BLOCK
    whole = grey[: rows * _BLOCK, : columns * _BLOCK].astype(np.float32) - 128
    blocks = whole.reshape(rows, _BLOCK, columns, _BLOCK).swapaxes(1, 2)
    basis = _basis()
    return np.asarray(basis @ blocks @ basis.T, np.float32)


def _block_means(image: Map) -> Map:
    rows, columns = image.shape[0] // _BLOCK, image.shape[1] // _BLOCK
    whole = image[: rows * _BLOCK, : columns * _BLOCK]
    return np.asarray(whole.reshape(rows, _BLOCK, columns, _BLOCK).mean(axis=(1, 3)))


@cache
def _basis() -> NDArray[np.float32]:
    """The orthonormal DCT-II of 8 points."""
    basis = dct_basis(_BLOCK, _BLOCK) / 4
    basis[0] /= np.sqrt(2)
    return basis.astype(np.float32)
