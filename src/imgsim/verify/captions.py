"""Tells whether letters over a picture are on one of two images only, or other ones on each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from imgsim.verify.blocks import Map
from imgsim.verify.gradients import gradients
from imgsim.verify.limits import LIMITS
from imgsim.verify.local_differences import CELL, BlockErrors, block_means, mean_squares
from imgsim.verify.matrix import Band
from imgsim.verify.recording import record


def overlaid_on_one_side(errors: BlockErrors, bands: Sequence[Band]) -> bool:
    """Return whether the picture goes on under the letters in one of the two images.

    Where they differ, the image with fewer edges has none that are nearly as strong as those of the
    other one's letters, nor stronger ones than the picture has beside them. Two images with other
    words have such edges both.

    Parameters
    ----------
    errors : BlockErrors
        Of the whole images, ndarrays of float32, shape (h, w).
    bands : sequence of (float, float)
        Rows with letters, from and to, as shares of the height.

    Returns
    -------
    bool
        False also if too little differs to be letters.
    """
    there = errors.inside & _in_bands(errors, bands)
    differs = (
        there
        & (errors.error > LIMITS.caption_least_error)
        & (errors.ratio > LIMITS.caption_least_ratio)
    )
    record("caption_min_blocks", np.count_nonzero(differs))
    if np.count_nonzero(differs) < LIMITS.caption_min_blocks:
        return False
    edges, own = [mean_squares(image) for image in errors.images], own_edges(errors.images)
    less = int(own[0][differs].sum() > own[1][differs].sum())
    hidden, letters = np.sqrt(own[less][differs]), np.sqrt(own[1 - less][differs])
    rank = LIMITS.caption_rank
    strongest = float(np.partition(hidden, -rank)[-rank] / np.partition(letters, -rank)[-rank])
    record("caption_max_hidden", strongest)
    beside = np.sqrt(edges[less][_beside(errors, differs)])
    if len(beside) < LIMITS.caption_min_blocks:
        return strongest <= LIMITS.caption_max_hidden
    usual = max(
        LIMITS.caption_least_edge, float(np.quantile(beside, LIMITS.caption_beside_quantile))
    )
    among = float(np.quantile(hidden, LIMITS.caption_hidden_quantile)) / usual
    record("caption_faint", among)
    record("caption_max_among", among)
    return among <= LIMITS.caption_max_among and (
        strongest <= LIMITS.caption_max_hidden
        or among <= LIMITS.caption_faint
        or _on_a_bar(edges[1 - less][there], edges[less][there])
    )


def own_edges(images: tuple[Map, Map]) -> list[Map]:
    """Return the edges of each of two images that the other image lacks.

    Parameters
    ----------
    images : two ndarrays of float32, shape (h, w)
        Aligned, at one tone, equally sharp.

    Returns
    -------
    two ndarrays of float32, shape (rows, columns)
        Mean squared gradients of the blocks of either image, in squared grey levels per pixel.
    """
    slopes = [gradients(image) for image in images]
    apart = _sum_of_squares(*(one - other for one, other in zip(*slopes, strict=True)))
    squares = [_sum_of_squares(across, down) for across, down in slopes]
    return [block_means(square * (apart > LIMITS.caption_own_share * square)) for square in squares]


def _sum_of_squares(one: Map, other: Map) -> Map:
    """Of two arrays, which are changed."""
    one *= one
    other *= other
    one += other
    return one


def _on_a_bar(letters: Map, picture: Map) -> bool:
    """Whether the letters' ground is even where the other image is not: a bar hides its edges.

    Both are squared gradients of the blocks in which letters lie, shape (n,).
    """
    even, other_even = (np.sqrt(some) < LIMITS.caption_least_edge for some in (letters, picture))
    share = (even & ~other_even).mean()
    record("caption_bar_share", share)
    return bool(share > LIMITS.caption_bar_share)


def _in_bands(errors: BlockErrors, bands: Sequence[Band]) -> NDArray[np.bool_]:
    height = errors.images[0].shape[0] / CELL
    within = np.zeros(errors.inside.shape, np.bool_)
    for start, stop in bands:
        within[max(0, int(start * height) - 1) : int(np.ceil(stop * height))] = True
    return within


def _beside(errors: BlockErrors, differs: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Blocks near those that differ, but not next to them."""
    import cv2

    wide, narrow = (
        cv2.dilate(differs.astype(np.uint8), np.ones((side, side), np.uint8)) > 0
        for side in (LIMITS.caption_near, LIMITS.caption_next)
    )
    return np.asarray(wide & ~narrow & errors.inside)
