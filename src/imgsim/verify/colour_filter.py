"""Whether a colour filter explains how the colours of two pictures differ.

Those of photo apps bend each channel, and mix it with grey. That has more freedom than one
saturation and one tint, so a thing in another colour could pass for it: two pictures count as
filtered only if hardly any colour stayed as it was (of a product in another colour the ground
does), and if they show so many colours that no filter turns all of them into others by chance.
Where they show fewer, each has to be told from what the filter does to the others.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imgsim.verify.limits import LIMITS
from imgsim.verify.recording import record

Pixels = NDArray[np.float32]

_LUMA = np.array([0.299, 0.587, 0.114])
_CHROMA = np.array([1.772, 1.402])  # of blue and of red, after ITU-R BT.601


def may_be_filtered(one: Pixels, other: Pixels) -> bool:
    """Return whether hardly any colour of two pictures is the same, and there are many.

    Parameters
    ----------
    one, other : ndarray of float32, shape (3, n)
        Luma and chroma of pixels that lie upon each other.
    """
    same = np.hypot(*(one[1:] - other[1:])) <= LIMITS.filter_same_chroma
    record("filter_max_same", same.mean())
    if same.mean() > LIMITS.filter_max_same:
        return False
    tints = min(len(_tints(one)), len(_tints(other)))
    record("filter_min_tints", tints)
    return tints >= LIMITS.filter_min_tints


def _tints(pixels: Pixels) -> list[NDArray[np.bool_]]:
    """The pixels of each colour, whatever its lightness."""
    tint = pixels[1:] / np.maximum(pixels[0], LIMITS.filter_darkest)
    cells = np.floor(tint / LIMITS.filter_tint_step).astype(np.int64)
    _, cell, count = np.unique(cells, axis=1, return_inverse=True, return_counts=True)
    return [cell.ravel() == n for n in np.flatnonzero(count >= LIMITS.filter_tint_pixels)]


def filtered_chroma(
    source: Pixels, target: Pixels, known: NDArray[np.bool_], pixels: Pixels
) -> Pixels | None:
    """Return the chroma of one picture under the filter that brings it nearest to another one.

    Where there are few colours, that of each is told by the filter that is fitted to the others.

    Parameters
    ----------
    source, target : ndarray of float32, shape (3, n)
        Red, green and blue of pixels, in levels.
    known : ndarray of bool, shape (n,)
        Pixels to fit to.
    pixels : ndarray of float32, shape (3, n)
        Luma and chroma of the source.

    Returns
    -------
    ndarray of float64, shape (2, n) or None
        None if no filter bends a channel so much.
    """
    filtered = fit_filter(source, target, known)
    if filtered is None:
        return None
    chroma = chroma_of(filtered)
    tints = _tints(pixels)
    for tint in tints if len(tints) < LIMITS.filter_many_tints else ():
        by_others = fit_filter(source, target, known & ~tint)
        if by_others is None:
            return None
        chroma[:, tint] = chroma_of(by_others)[:, tint]
    return chroma


def fit_filter(source: Pixels, target: Pixels, known: NDArray[np.bool_]) -> Pixels | None:
    """Bring the colours of one picture nearest to those of another by a filter.

    Each channel is bent by a parabola, and mixed with grey: by least squares, again and again with
    weights that errors lessen (Cauchy's).

    Parameters
    ----------
    source, target : ndarray of float32, shape (3, n)
        Red, green and blue of pixels, in levels.
    known : ndarray of bool, shape (n,)
        Pixels to fit to.

    Returns
    -------
    ndarray of float64, shape (3, n) or None
        The source's colours then; None if no filter bends a channel so much.
    """
    levels, wanted = (np.clip(x / 255.0, 0, 1) for x in (source, target))
    grey = _LUMA @ levels
    low, high = LIMITS.filter_open_levels
    is_open = (wanted > low) & (wanted < high)
    terms = [np.stack([np.ones_like(grey), x, x * x, grey]) for x in levels]
    unchanged = np.array([0.0, 1.0, 0.0, 0.0])
    weights = known.astype(np.float64)
    filtered, factors = levels, [unchanged] * 3
    for _ in range(LIMITS.chroma_rounds):
        factors = [
            unchanged
            + np.linalg.solve(
                (x * weights * free) @ x.T + np.diag(LIMITS.filter_hold),
                (x * weights * free) @ (to - x[1]),
            )
            for x, to, free in zip(terms, wanted, is_open, strict=True)
        ]
        filtered = np.stack([f @ x for f, x in zip(factors, terms, strict=True)]).clip(0, 1)
        error = 255.0 * np.sqrt(np.square(filtered - wanted).sum(axis=0))
        weights = known / (1 + np.square(error / LIMITS.filter_scale))
    ends = np.quantile(levels, LIMITS.filter_ends, axis=1)
    slopes = [f[1] + 2 * f[2] * end for f, end in zip(factors, ends.T, strict=True)]
    least, most = LIMITS.filter_slopes
    return 255.0 * filtered if least <= np.min(slopes) and np.max(slopes) <= most else None


def chroma_of(colours: Pixels) -> Pixels:
    """Return the chroma (Cb, Cr) of red, green and blue, after ITU-R BT.601; of grey it is 0.

    Parameters
    ----------
    colours : ndarray, shape (3, n)

    Returns
    -------
    ndarray, shape (2, n)
    """
    return np.asarray((colours[[2, 0]] - _LUMA @ colours) / _CHROMA[:, None])
