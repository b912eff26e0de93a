"""Tells whether two images differ at a small place alone, where both have something: a digit of a
time stamp that was burnt into a photo, say; and whether edges differ by more than those as strong.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imgsim.verify.blocks import Map
from imgsim.verify.captions import own_edges
from imgsim.verify.limits import LIMITS
from imgsim.verify.local_differences import BlockErrors, top_of
from imgsim.verify.median import quantile
from imgsim.verify.recording import record


def lone_ratio(errors: BlockErrors) -> float:
    """Return the error of the one place at which two images differ, as a multiple of the expected.

    Compression, another size or cut-off light leave the largest errors at many places, the next
    one hardly less than the largest. A token that was replaced differs by far more than all that
    is not in its line, in a few blocks, and both images have edges there that the other one lacks.
    What was added to one of them alone has none in the other one; it counts where the rest agrees
    far better.

    Parameters
    ----------
    errors : BlockErrors

    Returns
    -------
    float
        The third largest ratio; 0 if no place differs, or not one alone.
    """
    top = errors.top_ratio()
    small = max(errors.images[0].shape) < LIMITS.lone_min_side
    if small or top <= LIMITS.max_detail_ratio_lone:
        return 0.0
    differs = errors.ratio > LIMITS.lone_share * top
    place = _nearest_to_peak(differs, errors.ratio)
    rows = np.flatnonzero(place.any(axis=1))
    margin = LIMITS.lone_margin
    line = slice(max(0, int(rows[0]) - margin), int(rows[-1]) + 1 + margin)
    record("lone_max_blocks", np.count_nonzero(differs[line]))
    if np.count_nonzero(differs[line]) > LIMITS.lone_max_blocks:
        return 0.0
    if top_of(errors.ratio[line]) < top:
        return 0.0
    counts = errors.inside & (errors.error > LIMITS.lone_least_error)
    elsewhere = np.where(counts, errors.all_ratios(), 0)
    elsewhere[line] = 0
    beside = top_of(elsewhere)
    record("lone_min_excess", top / max(beside, 1e-3))
    if beside > top / LIMITS.lone_min_excess:
        return 0.0
    if top > LIMITS.lone_sure_ratio and beside <= top / LIMITS.lone_sure_excess:
        return top  # a sign, say, that one of them lacks
    return top if _have_both_edges(errors, differs, line) else 0.0


def clean_ratio(errors: BlockErrors) -> float:
    """Return the error of one small place, where two images are all but equal elsewhere.

    Two screens of one program, say, scaled and compressed alike: the same print gives the same
    pixels, so that a sign of few pixels counts which differs.

    Parameters
    ----------
    errors : BlockErrors

    Returns
    -------
    float
        The second largest error as a multiple of what is let pass; 0 if the images are not so near
        to each other, or differ at no place or several.
    """
    printed = errors.inside & (errors.gradient > LIMITS.print_min_gradient)
    if np.count_nonzero(printed) < LIMITS.clean_min_blocks:
        return 0.0
    usual = quantile(errors.error[printed], LIMITS.clean_quantile)
    record("clean_max_usual", usual)
    if usual > LIMITS.clean_max_usual:
        return 0.0
    error = errors.error * errors.inside
    least = max(LIMITS.clean_least_error, LIMITS.clean_per_usual * usual)
    differs = error > least
    if np.count_nonzero(differs) < 2 or (differs & ~_nearest_to_peak(differs, error)).any():
        return 0.0
    return float(np.partition(error, -2, axis=None)[-2]) / least


def peer_ratio(errors: BlockErrors) -> float:
    """Return the error of strong edges as a multiple of that of most edges as strong.

    In a dark picture what is expected follows from grain and faint edges, and is much for the
    letters over it. Letters that stayed tell what is expected of the others.

    Parameters
    ----------
    errors : BlockErrors

    Returns
    -------
    float
        The third largest ratio of blocks in which both images have edges that the other one lacks;
        0 if it is not sought, since not even other blocks have more than is let pass, or nothing
        stayed to hold them against.
    """
    strong = errors.inside & (errors.gradient > LIMITS.peer_min_edge)
    differs = strong & (errors.error > LIMITS.detail_least_error)
    different = np.count_nonzero(differs)
    if different < LIMITS.detail_rank:
        return 0.0
    edges = np.count_nonzero(strong)
    if (
        different > LIMITS.peer_max_share * edges
        and edges > LIMITS.peer_max_edges * np.count_nonzero(errors.inside)
    ):
        return 0.0  # noise or blur is all over it, and no letters stayed
    steps = np.log(errors.gradient[strong] / LIMITS.peer_min_edge) / np.log(LIMITS.peer_step)
    bins = steps.astype(np.int64)
    error = errors.error[strong]
    usual = np.full(len(error), np.inf)
    for number in np.unique(bins[differs[strong]]):
        peers = bins == number
        if np.count_nonzero(peers) >= LIMITS.peer_min_blocks:
            usual[peers] = max(LIMITS.detail_floor, quantile(error[peers], LIMITS.peer_quantile))
    ratio = np.zeros_like(errors.error)
    ratio[strong] = error / usual
    ratio[~differs] = 0
    if top_of(ratio) <= LIMITS.max_peer_ratio:
        return 0.0
    own = own_edges(errors.images)
    return top_of(np.where(np.minimum(*own) > LIMITS.peer_min_edge**2, ratio, 0))


def _nearest_to_peak(differs: NDArray[np.bool_], ratio: Map) -> NDArray[np.bool_]:
    """The blocks that hang together with that of the largest ratio, but for small gaps."""
    import cv2

    near = cv2.dilate(differs.astype(np.uint8), np.ones((LIMITS.lone_gap,) * 2, np.uint8))
    _, labels = cv2.connectedComponents(near)
    row, column = np.unravel_index(int(ratio.argmax()), ratio.shape)
    return np.asarray(differs & (labels == labels[row, column]))


def _have_both_edges(errors: BlockErrors, differs: NDArray[np.bool_], line: slice) -> bool:
    """Whether either image has edges in the line, where they differ, that the other one lacks."""
    own = own_edges(errors.images)
    few, many = sorted(top_of(edges[line][differs[line]]) for edges in own)
    record("lone_min_edge", few**0.5)
    record("lone_both_edges", (few / max(many, 1e-9)) ** 0.5)
    return few > max(LIMITS.lone_min_edge**2, LIMITS.lone_both_edges**2 * many)
