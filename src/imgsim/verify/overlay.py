"""Letters or a logo laid over one of two images, at an edge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imgsim.verify.blocks import Blocks, Map
from imgsim.verify.limits import LIMITS
from imgsim.verify.recording import record


@dataclass(frozen=True, slots=True)
class Overlay:
    """Where an overlay lies.

    Attributes
    ----------
    rows : tuple of slice
        Rows of blocks, at the upper edge, at the lower one, or at both.
    side : {-1, 0, 1}
        -1 if it lies on the right image, 1 if on the left one, 0 if there is none.
    """

    rows: tuple[slice, ...]
    side: int


NO_OVERLAY = Overlay((), 0)


def find_overlay(
    difference: Map,
    unexplained: Sequence[Map],
    structure: Sequence[Map],
    structured: NDArray[np.bool_],
    blocks: Blocks,
) -> Overlay:
    """Find an overlay on one of two images; elsewhere the picture has to go on as it was.

    Parameters
    ----------
    difference : ndarray of float32, shape (rows, columns)
        By which every block differs, in scaled grey levels; 0 where it does not.
    unexplained, structure : two ndarrays of float32, shape (rows, columns)
        Of the left image and the right one: standard deviation of every block, in scaled grey
        levels, that the other image does not explain, and all of it.
    structured : ndarray of bool, shape (rows, columns)
        Blocks with structure in both images.
    blocks : Blocks

    Returns
    -------
    Overlay
        `NO_OVERLAY` if there is none, or one on each image.
    """
    rows = _differing_rows(difference, structured, blocks.inside)
    sides = {1 if unexplained[0][r].sum() > unexplained[1][r].sum() else -1 for r in rows}
    if len(sides) != 1 or _both_overlaid(structure, difference, rows, blocks.inside):
        return NO_OVERLAY
    return Overlay(tuple(rows), sides.pop())


def _differing_rows(
    difference: Map, structured: NDArray[np.bool_], inside: NDArray[np.bool_]
) -> list[slice]:
    """Rows of blocks that differ, at one edge or both; none if others differ too, or all little."""
    differs = without_single_blocks(difference) > LIMITS.overlay_difference
    record("min_structured_around", np.count_nonzero(structured))
    if not differs.any() or np.count_nonzero(structured) < LIMITS.min_structured_around:
        return []
    covered = np.flatnonzero(inside.any(axis=1))
    top, height = int(covered[0]), int(covered[-1] - covered[0] + 1)
    rows = np.flatnonzero(differs.any(axis=1))
    upper = rows < top + height / 2
    bands = [slice(r[0], r[-1] + 1) for r in (rows[upper], rows[~upper]) if len(r)]
    near, far = top + LIMITS.overlay_edge * height, top + (1 - LIMITS.overlay_edge) * height
    at_edge = all(band.stop <= near or band.start >= far for band in bands)
    peaks = [difference[band].max() for band in bands]
    record("overlay_peak_difference", min(peaks))
    record("overlay_edge", _reach(bands, top, height))
    return bands if at_edge and min(peaks) >= LIMITS.overlay_peak_difference else []


def _reach(bands: Sequence[slice], top: int, height: int) -> float:
    """Share of the height that bands reach from the edge which is nearer to each, at most."""
    return max(float(min(b.stop - top, top + height - b.start)) / height for b in bands)


def _both_overlaid(
    structure: Sequence[Map], difference: Map, rows: Sequence[slice], inside: NDArray[np.bool_]
) -> bool:
    """Return whether there are letters on both images, and other ones.

    Then there is as much structure where they differ on the one as on the other, and more than
    elsewhere. A bar hides what was there, so nothing follows from it.
    """
    within = np.zeros_like(inside)
    for part in rows:
        within[part] = inside[part]
    letters = within & (difference > LIMITS.overlay_difference)
    around = inside & ~within
    count = np.count_nonzero(within)
    if count:
        record("bar_share", np.count_nonzero(letters) / count)
    if np.count_nonzero(letters) > LIMITS.bar_share * count or not around.any():
        return False
    of_letters = [float(np.quantile(one[letters], LIMITS.overlay_quantile)) for one in structure]
    of_picture = [
        max(LIMITS.even_structure, float(np.quantile(one[around], LIMITS.around_quantile)))
        for one in structure
    ]
    record("overlays_alike", min(of_letters) / max(*of_letters, 1e-9))
    record("overlay_over_around", min(a / b for a, b in zip(of_letters, of_picture, strict=True)))
    return min(of_letters) > LIMITS.overlays_alike * max(of_letters) and all(
        a > LIMITS.overlay_over_around * b for a, b in zip(of_letters, of_picture, strict=True)
    )


def without_single_blocks(difference: Map) -> Map:
    """Return the values that neighbouring, overlapping blocks all reach, by a grey opening.

    Parameters
    ----------
    difference : ndarray of float32, shape (rows, columns)

    Returns
    -------
    ndarray of float32, shape (rows, columns)
    """
    import cv2

    kernel = np.ones((LIMITS.opening_blocks, LIMITS.opening_blocks), np.uint8)
    return np.asarray(cv2.morphologyEx(difference, cv2.MORPH_OPEN, kernel))
