"""What is left of the difference of two aligned images when brightness, contrast, sharpness and
noise are taken away.

It is looked at block by block. A block differs when *both* images have structure there that the
other does not explain: other print, another smile, another window of the same program.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imgsim.verify.alignment import Aligned
from imgsim.verify.blocks import Blocks
from imgsim.verify.limits import LIMITS
from imgsim.verify.matrix import Band
from imgsim.verify.overlay import are_paper, find_overlay, overlays_on_both, without_flukes
from imgsim.verify.sharpness import equally_sharp
from imgsim.verify.tone import joint_levels, tone
from imgsim.verify.tracking import shrink_mask


@dataclass(frozen=True, slots=True)
class Residual:
    """What two aligned images differ in.

    Grey levels are scaled so that the images have a standard deviation of 50.

    Attributes
    ----------
    difference : float
        Of the block that differs most, in scaled grey levels, flukes of single blocks left out
        and overlays taken away.
    noise : float
        Median over all blocks of what neither image explains of the other.
    blur : float
        Standard deviation, in pixels, of the blur that makes them equally sharp.
    blocks : int
        Blocks in which both have structure.
    overlay : float
        Share of the blocks that an overlay covers.
    bands : tuple of (float, float)
        Rows of the left image that it lies on, from and to, as shares of its height.
    covered : int
        -1 if the overlay lies on the right image, 1 if on the left one, 0 if there is none.
    paper : bool
        Most of it is of one level, as of a page of text.
    """

    difference: float
    noise: float
    blur: float
    blocks: int
    overlay: float
    bands: tuple[Band, ...]
    covered: int
    paper: bool


def compare(aligned: Aligned) -> Residual | None:
    """Compare what lies upon each other, or None if it is too little."""
    mask = shrink_mask(aligned.covered, LIMITS.residual_margin)
    small = max(mask.shape) < LIMITS.small_image_side
    blocks = Blocks(mask, LIMITS.block_side_small if small else LIMITS.block_side)
    if (
        np.count_nonzero(mask) < LIMITS.min_overlap_pixels
        or np.count_nonzero(blocks.whole) < LIMITS.min_blocks
    ):
        return None
    found = _compare(aligned, mask, blocks, LIMITS.smoothing)
    if found.noise > LIMITS.min_noise:
        # coarse compression, or grain: what is real is seen through a softer lens as well
        softest = (
            LIMITS.max_smoothing_text_page if found.paper else LIMITS.max_smoothing_noisy
        )  # digits are soon blurred away
        soften = float(
            np.clip(
                max(aligned.left.shape) * LIMITS.smoothing_noisy_share, LIMITS.smoothing, softest
            )
        )
        found = _compare(aligned, mask, blocks, soften, paper=found.paper)
    return found


def _compare(
    aligned: Aligned,
    mask: NDArray[np.uint8],
    blocks: Blocks,
    soften: float,
    *,
    paper: bool = False,
) -> Residual:
    import cv2

    left, right, blur = equally_sharp(aligned.left, aligned.right, mask, soften)
    rounded = [np.asarray(cv2.convertScaleAbs(x), np.uint8) for x in (left, right)]
    joint = joint_levels(rounded[0], rounded[1], mask)
    own, structure = [], []
    for one, other, way in ((left, rounded[1], joint.T), (right, rounded[0], joint)):
        expected = np.asarray(cv2.LUT(other, tone(way).astype(np.float32)))
        unexplained, variance, spread = blocks.unexplained(one, expected)
        scale = LIMITS.contrast / max(LIMITS.min_contrast, spread)
        own.append(np.sqrt(unexplained) * scale)
        structure.append(np.sqrt(variance) * scale)
    both = np.minimum(*own)
    share = np.minimum(*(o / np.maximum(s, 1e-3) for o, s in zip(own, structure, strict=True)))
    differs = np.where(share > LIMITS.min_unexplained, both, 0)
    # what is drawn where the other one is even is no less a difference
    least = np.minimum(*structure)
    added = np.where(
        least < LIMITS.even_structure, np.maximum(*own) - LIMITS.max_added_structure, 0
    )
    differs = np.where(blocks.whole, np.maximum(differs, added), 0).astype(np.float32)
    structured = blocks.whole & (least > LIMITS.min_structure)
    drawn = blocks.whole & (least > LIMITS.min_print_structure)
    paper = paper or are_paper(rounded, blocks, drawn)
    rows = [] if paper else find_overlay(differs, structured, blocks.whole)
    sides = {1 if own[0][part].sum() > own[1][part].sum() else -1 for part in rows}
    overlay, bands = 0.0, []
    # words were written on one of the two
    if len(sides) == 1 and not overlays_on_both(structure, differs, rows, blocks.whole):
        for part in rows:
            overlay += float(np.count_nonzero(blocks.whole[part]) / np.count_nonzero(blocks.whole))
            bands.append(blocks.share_of_height(part))
            differs[part] = 0
    return Residual(
        float(without_flukes(differs).max()),
        float(np.median(both[structured])) if structured.any() else 0.0,
        blur,
        int(np.count_nonzero(structured)),
        overlay,
        tuple(bands),
        sides.pop() if bands else 0,
        paper,
    )
