"""Whether two aligned images differ in the colours of a part of them.

A filter, another white balance or a lost profile changes the colours of the whole picture in one
way; a product in another colour is another picture, though its light and shade are the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgsim.verify.limits import LIMITS
from imgsim.verify.matrix import Band, Matrix

YCbCr = NDArray[np.uint8]


def recoloured(left: YCbCr, right: YCbCr, matrix: Matrix, without: Sequence[Band] = ()) -> float:
    """Share of the overlap whose colours are not explained by a change of the whole picture.

    That is one of saturation and one of tint, found by a robust fit of the chroma (Cb, Cr) of the
    paler image to that of the other one. Where light or dark ends in white, black or a pure
    colour in one of them, nothing is known.

    Parameters
    ----------
    left, right : ndarray of uint8, shape (h, w, 3)
        The pictures in YCbCr, small and brought to any shape.
    matrix : ndarray of float64, shape (3, 3)
        Unit coordinates of the right picture to those of the left one.
    without : sequence of (float, float)
        Rows of the left image not to look at, from and to, as shares of its height.
    """
    overlap = _overlap(left, right, matrix, without)
    if overlap[0].shape[1] < LIMITS.min_colour_pixels:
        return 0.0
    colours = [_rgb(pixels) for pixels in overlap]
    unknown = _clipped(*colours) | _clipped(*reversed(colours))
    richer, paler = sorted(overlap, key=lambda pixels: -float(np.square(pixels[1:]).sum()))
    expected = _fitted(richer, paler[1:])
    off = np.hypot(*(paler[1:] - expected))
    vivid = np.maximum(np.hypot(*paler[1:]), np.hypot(*expected))
    other = (off > LIMITS.min_chroma_error) & (off > LIMITS.min_chroma_error_share * vivid)
    return float((other & ~unknown).mean())


def _overlap(
    left: YCbCr, right: YCbCr, matrix: Matrix, without: Sequence[Band]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Luma and chroma, shape (3, n) each, of softened pixels that lie upon each other."""
    import cv2

    height, width = left.shape[:2]
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
    to_left = np.diag([width, height, 1.0])
    from_right = np.diag([1 / right.shape[1], 1 / right.shape[0], 1.0])
    pixels = np.linalg.inv(half) @ to_left @ matrix @ from_right @ half
    laid, covered = (
        cv2.warpPerspective(x, pixels, (width, height), flags=cv2.INTER_LINEAR)
        for x in (right, np.full(right.shape[:2], 255, np.uint8))
    )
    window = LIMITS.chroma_window, LIMITS.chroma_window
    inside = cv2.erode(covered, np.ones(window, np.uint8), borderValue=0) > LIMITS.min_colour_cover
    for first, last in without:
        inside[int(first * height) : int(np.ceil(last * height))] = False
    middle = np.array([0, 128, 128], np.float32)
    one, other = (
        np.ascontiguousarray((cv2.blur(np.asarray(x, np.float32), window)[inside] - middle).T)
        for x in (left, laid)
    )
    return one, other


def _clipped(one: NDArray[Any], other: NDArray[Any]) -> NDArray[np.bool_]:
    """Where a colour ends in light or dark in the one, and is less light or dark in the other."""
    more = one - other
    light = (one.max(axis=0) >= LIMITS.bright) & (more.min(axis=0) >= -LIMITS.clipped_tolerance)
    dark = (one.min(axis=0) <= LIMITS.dark) & (more.max(axis=0) <= LIMITS.clipped_tolerance)
    return np.asarray(light | dark)


def _rgb(pixels: NDArray[Any]) -> NDArray[Any]:
    """Red, green and blue, shape (3, n), after ITU-R BT.601 as JPEG has it."""
    y, cb, cr = pixels
    return np.stack([y + 1.402 * cr, y - 0.344 * cb - 0.714 * cr, y + 1.772 * cb])


def _fitted(pixels: NDArray[Any], wanted: NDArray[Any]) -> NDArray[Any]:
    """The chroma, shape (2, n), nearest to what is wanted by one saturation and one tint."""
    luma, chroma = pixels[0], pixels[1:]
    weights = np.ones(len(luma), np.float32)
    expected = chroma
    for _ in range(LIMITS.chroma_rounds):
        cross = (weights * luma * chroma).sum(axis=1)
        normal = np.diag([(weights * chroma * chroma).sum(), *2 * [(weights * luma**2).sum()]])
        normal[0, 1:] = normal[1:, 0] = cross
        normal.flat[::4] += 1e-3
        target = [(weights * chroma * wanted).sum(), *(weights * luma * wanted).sum(axis=1)]
        found = np.linalg.solve(normal, target)
        tint = found[1:, None].astype(np.float32) * min(
            1.0, LIMITS.max_tint / max(float(np.hypot(*found[1:])), 1e-9)
        )
        expected = max(0.0, float(found[0])) * chroma + tint * luma
        weights = 1 / (1 + np.square(wanted - expected).sum(axis=0) / LIMITS.chroma_scale**2)
    return np.asarray(expected)
