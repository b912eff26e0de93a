"""Words or a logo laid over one of two images, and pages of text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from imgsim.verify.blocks import Blocks, Map
from imgsim.verify.matrix import Grey

EVEN = 3.0
_LIGHT = 190
_MIN_LIGHT = 0.15  # of the pixels: a third of half of the regions
_REGIONS = 8
_NEAR_GROUND = 15
_WEAK = 4.0
_BOLD = 8.0
_EDGE = 0.3
_MIN_AROUND = 60
_BAR = 0.95


_MOST, _NEARLY_ALL = 0.8, 0.9


_AS_MUCH = 0.85
_MORE_OR_LESS = 0.95


def find_overlay(
    differs: Map, structured: NDArray[np.bool_], whole: NDArray[np.bool_]
) -> list[slice]:
    """Rows of blocks of words or a logo at the upper edge, at the lower one, or at both.

    Elsewhere the picture has to go on as it was; a band is no overlay where it differs little.
    """
    strong = without_flukes(differs) > _WEAK
    if not strong.any() or np.count_nonzero(structured) < _MIN_AROUND:
        return []
    covered = np.flatnonzero(whole.any(axis=1))
    top, height = int(covered[0]), int(covered[-1] - covered[0] + 1)
    rows = np.flatnonzero(strong.any(axis=1))
    upper = rows < top + height / 2
    bands = [slice(r[0], r[-1] + 1) for r in (rows[upper], rows[~upper]) if len(r)]
    near, far = top + _EDGE * height, top + (1 - _EDGE) * height
    if all((b.stop <= near or b.start >= far) and differs[b].max() >= _BOLD for b in bands):
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
    strong = within & (differs > _WEAK)
    around = whole & ~within
    if np.count_nonzero(strong) > _BAR * np.count_nonzero(within) or not around.any():
        return False
    drawn = [float(np.quantile(one[strong], _MOST)) for one in structure]
    usual = [max(EVEN, float(np.quantile(one[around], _NEARLY_ALL))) for one in structure]
    alike = min(drawn) > _AS_MUCH * max(drawn)
    return alike and all(d > _MORE_OR_LESS * u for d, u in zip(drawn, usual, strict=True))


def without_flukes(differs: Map) -> Map:
    """Values that four neighbouring, overlapping blocks all reach."""
    import cv2

    return np.asarray(cv2.morphologyEx(differs, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8)))


def are_paper(images: list[Grey], blocks: Blocks, drawn: NDArray[np.bool_]) -> bool:
    """Whether both are of one level, one of them light, also where they are drawn upon."""
    import cv2

    if not drawn.any() or max((x[::4, ::4] > _LIGHT).mean() for x in images) < _MIN_LIGHT:
        return False
    grounds = [_ground(image) for image in images]
    if max(float(np.median(ground)) for ground in grounds) <= _LIGHT:
        return False
    for image, ground in zip(images, grounds, strict=True):
        level = cv2.resize(ground, image.shape[::-1], interpolation=cv2.INTER_LINEAR)
        near = blocks.mean((cv2.absdiff(image, level) <= _NEAR_GROUND).astype(np.float32))
        if near[drawn].mean() < 0.45 or (near[blocks.whole] < 0.1).mean() > 0.2:
            return False
    return True


def _ground(image: Grey) -> Grey:
    """Level of most of the light pixels of every region, shape (8, 8).

    A page lit from one side has another one in every region.
    """
    height, width = (n // _REGIONS for n in image.shape)
    regions = image[: height * _REGIONS, : width * _REGIONS]
    regions = regions.reshape(_REGIONS, height, _REGIONS, width)[:, ::4, :, ::4]
    pixels = regions.transpose(0, 2, 1, 3).reshape(_REGIONS, _REGIONS, -1)
    place = pixels.shape[2] * 2 // 3
    return np.ascontiguousarray(np.partition(pixels, place, axis=2)[:, :, place])
