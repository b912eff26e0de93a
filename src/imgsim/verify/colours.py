"""Whether two aligned images differ in the colours of a part of them.

A filter, another white balance or a lost profile changes the colours of the whole picture in one
way; a product in another colour is another picture, though its light and shade are the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imgsim.verify.colour_filter import chroma_of, filtered_chroma, may_be_filtered
from imgsim.verify.limits import LIMITS
from imgsim.verify.matrix import Band, Matrix, inverse, opencv_matrix
from imgsim.verify.median import quantile
from imgsim.verify.recording import record

YCbCr = NDArray[np.uint8]
Pixels = NDArray[np.float32]
"""Three channels, or two of chroma, of n pixels: shape (3, n) or (2, n)."""


@dataclass(frozen=True, slots=True)
class RecolouredShares:
    """Shares of the overlap of two images whose colours no change of the whole picture explains.

    Attributes
    ----------
    clearly : float
        By so much that no filter does it.
    slightly : float
        By many times what the colours of the rest are off: a pale thing in another pale colour.
    """

    clearly: float
    slightly: float

    @property
    def distance(self) -> float:
        """How far the two are from a copy: 1 is the limit of the preset normal.

        What is off slightly never keeps two pictures apart at loose.
        """
        most = LIMITS.max_turned_share / LIMITS.max_recoloured
        return max(
            self.clearly / LIMITS.max_recoloured, min(self.slightly / LIMITS.max_repainted, most)
        )


def recoloured_shares(
    left: YCbCr, right: YCbCr, matrix: Matrix, excluded: Sequence[Band] = ()
) -> RecolouredShares:
    """Return the shares of the overlap whose colours no change of the whole picture explains.

    That is one of saturation and one of tint, found by a robust fit of the chroma (Cb, Cr) of the
    paler image to that of the other one; or a filter, see `colour_filter`. Where light or dark ends
    in white, black or a pure colour in one of them, nothing is known.

    Parameters
    ----------
    left, right : ndarray of uint8, shape (h, w, 3)
        The pictures in YCbCr, small and brought to any shape.
    matrix : ndarray of float64, shape (3, 3)
        Unit coordinates of the right picture to those of the left one.
    excluded : sequence of (float, float)
        Rows of the left image to leave out, from and to, as shares of its height.

    Returns
    -------
    RecolouredShares
        Both 0 if the overlap is too small to tell.
    """
    overlap = overlapping_pixels(left, right, matrix, excluded)
    if overlap[0].shape[1] < LIMITS.min_colour_pixels:
        return RecolouredShares(0.0, 0.0)
    colours, known = _known_colours(*overlap)
    richer, paler = _by_saturation(*overlap)
    shares = _off(paler[1:], fit_chroma(richer, paler[1:]), known, also=richer[1:])
    if shares.distance > 1 and may_be_filtered(*overlap):
        for (source, target), pixels in zip((colours, colours[::-1]), overlap, strict=True):
            filtered = filtered_chroma(source, target, known, pixels)
            if filtered is not None:
                by_filter = _off(chroma_of(target), filtered, known)
                shares = min(shares, by_filter, key=lambda s: s.distance)
    record("max_recoloured", shares.clearly)
    record("max_repainted", shares.slightly)
    return shares


def may_differ_in_place(left: YCbCr, right: YCbCr) -> bool:
    """Return whether a few pixels are off by far more than the rest, as by a thing of other colour.

    Parameters
    ----------
    left, right : ndarray of uint8, shape (h, w, 3)
        Pictures in YCbCr that lie upon each other as they are, small and brought to any shape.
    """
    overlap = overlapping_pixels(left, right, np.eye(3))
    richer, paler = _by_saturation(*overlap)
    _, known = _known_colours(*overlap)
    error = np.hypot(*(paler[1:] - fit_chroma(richer, paler[1:])))[known]
    if len(error) < LIMITS.min_colour_pixels:
        return True  # hardly anything is known
    usual = max(quantile(error, LIMITS.in_place_usual_quantile), LIMITS.in_place_min_usual)
    highest = float(np.partition(error, -LIMITS.in_place_rank)[-LIMITS.in_place_rank])
    record("in_place_max_chroma", highest / usual)
    return highest > LIMITS.in_place_max_chroma * usual


def _by_saturation(one: Pixels, other: Pixels) -> tuple[Pixels, Pixels]:
    """The one with more colour first."""
    power = (float(np.square(pixels[1:]).sum()) for pixels in (one, other))
    return (one, other) if next(power) >= next(power) else (other, one)


def _known_colours(one: Pixels, other: Pixels) -> tuple[tuple[Pixels, Pixels], NDArray[np.bool_]]:
    """Red, green and blue of both, and where neither of them is clipped."""
    colours = _rgb(one), _rgb(other)
    return colours, ~(_clipped(*colours) | _clipped(*reversed(colours)))


def _off(
    chroma: Pixels, expected: Pixels, known: NDArray[np.bool_], also: Pixels | None = None
) -> RecolouredShares:
    """The shares of pixels whose chroma is off; slightly, from what is nearer if there are two."""
    error = np.hypot(*(chroma - expected))
    vividness = np.maximum(np.hypot(*chroma), np.hypot(*expected))
    wrong = known & (error > LIMITS.min_chroma_error)
    other = wrong & (error > LIMITS.min_chroma_error_share * vividness)
    turned = wrong & ~other & _turned(chroma, expected)
    # strong filters turn hues as well, but not so far that loose has to refuse them
    clearly = float(other.mean()) + min(float(turned.mean()), LIMITS.max_turned_share)
    record("max_turned_share", turned.mean())
    nearer = (expected,) if also is None else (also, expected)
    return RecolouredShares(clearly, _slightly_off(chroma, nearer, known))


def _slightly_off(chroma: Pixels, expected: Sequence[Pixels], known: NDArray[np.bool_]) -> float:
    """The share of pixels that are off by many times the chroma by which those that agree are off.

    By the one of the expected chromas that is nearer where the two images agree.
    """
    if not known.any():
        return 0.0
    errors = [np.hypot(*(chroma - other)) for other in expected]
    noises = [quantile(e[known], LIMITS.chroma_noise_quantile) for e in errors]
    nearer = int(np.argmin(noises))
    low, high = LIMITS.repainted_min_error, LIMITS.min_chroma_error
    least = min(high, max(low, LIMITS.repainted_error_per_noise * noises[nearer]))
    share = np.interp(
        least, (low, high), (LIMITS.repainted_min_error_share, LIMITS.min_chroma_error_share)
    )
    vividness = np.maximum(np.hypot(*chroma), np.hypot(*expected[nearer]))
    error = errors[nearer]
    return float((known & (error > least) & (error > share * vividness)).mean())


def _turned(one: Pixels, other: Pixels) -> NDArray[np.bool_]:
    """Where two vivid colours have another hue, whatever their saturation."""
    vivid = np.hypot(*one), np.hypot(*other)
    across = np.abs(one[0] * other[1] - one[1] * other[0])
    enough = np.minimum(*vivid) > LIMITS.min_vivid
    return np.asarray(enough & (across > LIMITS.min_hue_turn * vivid[0] * vivid[1]))


def overlapping_pixels(
    left: YCbCr, right: YCbCr, matrix: Matrix, excluded: Sequence[Band] = ()
) -> tuple[Pixels, Pixels]:
    """Return luma and chroma of smoothed pixels that lie upon each other.

    Parameters
    ----------
    left, right : ndarray of uint8, shape (h, w, 3)
        The pictures in YCbCr, small and brought to any shape.
    matrix : ndarray of float64, shape (3, 3)
        Unit coordinates of the right picture to those of the left one.
    excluded : sequence of (float, float)
        Rows of the left image to leave out, from and to, as shares of its height.

    Returns
    -------
    left, right : ndarray of float32, shape (3, n)
        Grey has a chroma of 0.
    """
    import cv2

    height, width = left.shape[:2]
    pixels = opencv_matrix(matrix, left, right)
    left = _averaged(left, pixels)
    right = _averaged(right, inverse(pixels))
    warped, cover = (
        cv2.warpPerspective(x, pixels, (width, height), flags=cv2.INTER_LINEAR)
        for x in (right, np.full(right.shape[:2], 255, np.uint8))
    )
    window = LIMITS.chroma_window, LIMITS.chroma_window
    least = cv2.erode(cover, np.ones(window, np.uint8), borderValue=0)
    inside = least > LIMITS.min_colour_cover
    for first, last in excluded:
        inside[int(first * height) : int(np.ceil(last * height))] = False
    middle = np.array([0, 128, 128], np.float32)
    one, other = (
        np.ascontiguousarray((cv2.blur(np.asarray(x, np.float32), window)[inside] - middle).T)
        for x in (left, warped)
    )
    return one, other


def _averaged(image: YCbCr, matrix: Matrix) -> YCbCr:
    """Average the pixels of an image over what one pixel of the other one covers.

    `matrix` maps pixels of the other one to those of this one.
    """
    import cv2

    across, down = np.hypot(*matrix[:2, :2].T / matrix[2, 2])
    window = max(1, round(across)), max(1, round(down))
    return image if window == (1, 1) else np.asarray(cv2.blur(image, window), np.uint8)


def _clipped(one: Pixels, other: Pixels) -> NDArray[np.bool_]:
    """Where a colour ends in light or dark in the one, and is less light or dark in the other."""
    more = one - other
    light = (one.max(axis=0) >= LIMITS.bright) & (more.min(axis=0) >= -LIMITS.clipped_tolerance)
    dark = (one.min(axis=0) <= LIMITS.dark) & (more.max(axis=0) <= LIMITS.clipped_tolerance)
    return np.asarray(light | dark)


def _rgb(pixels: Pixels) -> Pixels:
    """Red, green and blue from luma and chroma, after ITU-R BT.601 as JPEG has it."""
    y, cb, cr = pixels
    return np.stack([y + 1.402 * cr, y - 0.344 * cb - 0.714 * cr, y + 1.772 * cb])


def fit_chroma(pixels: Pixels, target: Pixels) -> Pixels:
    """Bring the chroma of pixels nearest to a target's, see `chroma_factors`.

    Parameters
    ----------
    pixels : ndarray of float32, shape (3, n)
        Luma, and two of chroma.
    target : ndarray of float32, shape (2, n)

    Returns
    -------
    ndarray of float32, shape (2, n)
    """
    saturation, tint = chroma_factors(pixels, target)
    return np.asarray(saturation * pixels[1:] + tint * pixels[0])


def chroma_factors(pixels: Pixels, target: Pixels) -> tuple[float, Pixels]:
    """Return the saturation and the tint that bring the chroma of pixels nearest to a target's.

    By least squares, again and again with weights that errors lessen (Cauchy's).

    Parameters
    ----------
    pixels : ndarray of float32, shape (3, n)
        Luma, and two of chroma.
    target : ndarray of float32, shape (2, n)

    Returns
    -------
    saturation : float
        What chroma is multiplied by.
    tint : ndarray of float32, shape (2, 1)
        Levels of chroma that are added per level of luma.
    """
    luma, chroma = pixels[0], pixels[1:]
    weights = np.ones(len(luma), np.float32)
    saturation, tint = 1.0, np.zeros((2, 1), np.float32)
    for _ in range(LIMITS.chroma_rounds):
        cross = (weights * luma * chroma).sum(axis=1)
        normal = np.diag([(weights * chroma * chroma).sum(), *2 * [(weights * luma**2).sum()]])
        normal[0, 1:] = normal[1:, 0] = cross
        normal.flat[::4] += 1e-3  # images without colours have a solution too
        product = [(weights * chroma * target).sum(), *(weights * luma * target).sum(axis=1)]
        factor, *tints = np.linalg.solve(normal, product)
        strength = max(float(np.hypot(*tints)), 1e-9)
        tint = np.array(tints)[:, None].astype(np.float32) * min(1.0, LIMITS.max_tint / strength)
        saturation = max(0.0, float(factor))
        squares = np.square(target - saturation * chroma - tint * luma).sum(axis=0)
        weights = 1 / (1 + squares / LIMITS.chroma_scale**2)
    return saturation, tint
