"""Words or a logo laid over one of two images, and pages of text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from imgsim.verify.blocks import Blocks, Map
from imgsim.verify.limits import LIMITS
from imgsim.verify.matrix import Grey


def find_overlay(
    differs: Map, structured: NDArray[np.bool_], whole: NDArray[np.bool_]
) -> list[slice]:
    """Rows of blocks of words or a logo at the upper edge, at the lower one, or at both.

    Elsewhere the picture has to go on as it was; a band is no overlay where it differs little.
    """
    strong = without_flukes(differs) > LIMITS.overlay_difference
    if not strong.any() or np.count_nonzero(structured) < LIMITS.min_structured_around:
        return []
    covered = np.flatnonzero(whole.any(axis=1))
    top, height = int(covered[0]), int(covered[-1] - covered[0] + 1)
    rows = np.flatnonzero(strong.any(axis=1))
    upper = rows < top + height / 2
    bands = [slice(r[0], r[-1] + 1) for r in (rows[upper], rows[~upper]) if len(r)]
    near, far = top + LIMITS.overlay_edge * height, top + (1 - LIMITS.overlay_edge) * height
    if all(
        (b.stop <= near or b.start >= far) and differs[b].max() >= LIMITS.overlay_peak_difference
        for b in bands
    ):
        return bands
    return []


def overlays_on_both(
    structure: Sequence[Map], differs: Map, rows: Sequence[slice], whole: NDArray[np.bool_]
) -> bool:
    """Whether there are words on both images, and other ones: as much is drawn where they differ
    on the one as on the other, and more than elsewhere. Not if a bar hides what was there."""
    within = np.zeros_like(whole)
    for part in rows:
        within[part] = whole[part]
    strong = within & (differs > LIMITS.overlay_difference)
    around = whole & ~within
    if np.count_nonzero(strong) > LIMITS.bar_share * np.count_nonzero(within) or not around.any():
        return False
    drawn = [float(np.quantile(one[strong], LIMITS.overlay_quantile)) for one in structure]
    usual = [
        max(LIMITS.even_structure, float(np.quantile(one[around], LIMITS.around_quantile)))
        for one in structure
    ]
    alike = min(drawn) > LIMITS.overlays_alike * max(drawn)
    return alike and all(
        d > LIMITS.overlay_over_around * u for d, u in zip(drawn, usual, strict=True)
    )


def without_flukes(differs: Map) -> Map:
    """Values that four neighbouring, overlapping blocks all reach."""
    import cv2

    side = LIMITS.opening_blocks

    return np.asarray(cv2.morphologyEx(differs, cv2.MORPH_OPEN, np.ones((side, side), np.uint8)))


def are_paper(images: list[Grey], blocks: Blocks, drawn: NDArray[np.bool_]) -> bool:
    """Whether both are of one level, one of them light, also where they are drawn upon."""
    import cv2

    step = LIMITS.text_page_step
    if (
        not drawn.any()
        or max((x[::step, ::step] > LIMITS.text_page_light).mean() for x in images)
        < LIMITS.min_light_pixels
    ):
        return False
    grounds = [_ground(image) for image in images]
    if max(float(np.median(ground)) for ground in grounds) <= LIMITS.text_page_light:
        return False
    for image, ground in zip(images, grounds, strict=True):
        level = cv2.resize(ground, image.shape[::-1], interpolation=cv2.INTER_LINEAR)
        near = blocks.mean(
            (cv2.absdiff(image, level) <= LIMITS.background_tolerance).astype(np.float32)
        )
        of_picture = float((near[blocks.whole] < LIMITS.min_background_in_block).mean())
        if (
            near[drawn].mean() < LIMITS.min_background_in_print
            or of_picture > LIMITS.max_blocks_of_picture
        ):
            return False
    return True


def _ground(image: Grey) -> Grey:
    """Level of most of the light pixels of every region, shape (8, 8).

    A page lit from one side has another one in every region.
    """
    side, step = LIMITS.text_page_regions, LIMITS.text_page_step
    height, width = (n // side for n in image.shape)
    regions = image[: height * side, : width * side]
    regions = regions.reshape(side, height, side, width)[:, ::step, :, ::step]
    pixels = regions.transpose(0, 2, 1, 3).reshape(side, side, -1)
    rank, of = LIMITS.text_page_background_rank
    place = pixels.shape[2] * rank // of
    return np.ascontiguousarray(np.partition(pixels, place, axis=2)[:, :, place])
