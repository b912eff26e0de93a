"""Measures the difference of two aligned images without that of brightness, contrast, sharpness
and noise.

It is measured block by block. A block differs when *both* images have structure there that the
other does not explain: other print, another smile, another window of the same program.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imgsim.verify.alignment import Aligned
from imgsim.verify.blocks import Blocks, Map
from imgsim.verify.limits import LIMITS
from imgsim.verify.matrix import Band, Grey
from imgsim.verify.median import median
from imgsim.verify.overlay import NO_OVERLAY, find_overlay, without_single_blocks
from imgsim.verify.recording import record
from imgsim.verify.sharpness import equalise_sharpness
from imgsim.verify.text_page import are_text_pages
from imgsim.verify.tone import joint_histogram, tone_curve
from imgsim.verify.tracking import erode_mask

Curves = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Of tones, that bring the other image to those of the left and of the right one."""


@dataclass(frozen=True, slots=True)
class Residual:
    """How two aligned images differ.

    Grey levels are scaled so that the images have a standard deviation of `Limits.contrast`.

    Attributes
    ----------
    difference : float
        Of the block that differs most, in scaled grey levels, single blocks left out and overlays
        taken away.
    noise : float
        Median over all blocks of the standard deviation that neither image explains of the other.
    blur : float
        Standard deviation, in pixels, of the blur that makes them equally sharp.
    blocks : int
        Blocks in which both have structure.
    overlay : float
        Share of the blocks that an overlay covers.
    bands : tuple of (float, float)
        Rows of the left image that it lies on, from and to, as shares of its height.
    overlay_side : {-1, 0, 1}
        -1 if the overlay lies on the right image, 1 if on the left one, 0 if there is none.
    text_page : bool
        Most of both is an even, light background.
    structured : float
        Share of the blocks in which both have structure.
    differing : float
        Share of the blocks with structure in either image that differ by more than
        `Limits.max_difference`, single ones left out.
    hole : {-1, 0, 1}
        1 if those lie, nearly all, where the left image is even and the right one is not, -1 if
        where the right one is, else 0.
    """

    difference: float
    noise: float
    blur: float
    blocks: int
    overlay: float
    bands: tuple[Band, ...]
    overlay_side: int
    text_page: bool
    structured: float = 0.0
    differing: float = 0.0
    hole: int = 0


def compare(aligned: Aligned) -> Residual | None:
    """Compare two aligned images where they overlap, or give None if that is too little."""
    mask = erode_mask(aligned.mask, LIMITS.residual_margin)
    small = _extent(aligned.mask) < LIMITS.small_image_side
    blocks = Blocks(mask, LIMITS.block_side_small if small else LIMITS.block_side)
    inside = np.count_nonzero(blocks.inside)
    record("min_blocks", inside)
    if np.count_nonzero(mask) < LIMITS.min_overlap_pixels or inside < LIMITS.min_blocks:
        return None
    residual = _compare(aligned, mask, blocks, LIMITS.smoothing)
    if residual.noise <= LIMITS.min_noise:
        return residual
    # coarse compression, or grain: what is real is seen in smoother images as well
    most = LIMITS.max_smoothing_text_page if residual.text_page else LIMITS.max_smoothing_noisy
    in_proportion = max(aligned.left.shape) * LIMITS.smoothing_noisy_share
    smoothing = float(np.clip(in_proportion, LIMITS.smoothing, most))
    return _compare(aligned, mask, blocks, smoothing, text_page=residual.text_page)


def _side_with_holes(
    differing: NDArray[np.bool_], structure: Sequence[Map], inside: NDArray[np.bool_]
) -> int:
    """Which image alone is even where nearly all blocks differ, see `Residual.hole`."""
    import cv2

    count = np.count_nonzero(differing)
    if count == 0:
        return 0
    fits, reach = (np.ones((n, n), np.uint8) for n in (LIMITS.hole_side, LIMITS.hole_reach))
    for side, (one, other) in ((1, structure), (-1, structure[::-1])):
        gone = inside & (one < LIMITS.even_structure) & (other > LIMITS.min_structure)
        near = cv2.dilate(cv2.morphologyEx(gone.astype(np.uint8), cv2.MORPH_OPEN, fits), reach)
        in_hole = np.count_nonzero(differing & (near > 0))
        record("hole_min_share", in_hole / count)
        if in_hole >= LIMITS.hole_min_share * count:
            return side
    return 0


def _extent(mask: NDArray[np.uint8]) -> int:
    """The longer side of the overlap, in pixels."""
    return max(int(np.count_nonzero(mask.any(axis=axis))) for axis in (0, 1))


def _compare(
    aligned: Aligned,
    mask: NDArray[np.uint8],
    blocks: Blocks,
    smoothing: float,
    *,
    text_page: bool = False,
) -> Residual:
    import cv2

    left, right, blur = equalise_sharpness(aligned.left, aligned.right, mask, smoothing)
    rounded = [np.asarray(cv2.convertScaleAbs(x), np.uint8) for x in (left, right)]
    curves = _tone_curves(rounded, mask)
    unexplained, structure = _regress((left, right), rounded, curves, blocks)
    in_both = np.minimum(*structure)
    structured = blocks.inside & (in_both > LIMITS.min_structure)
    printed = blocks.inside & (in_both > LIMITS.min_print_structure)
    text_page = text_page or are_text_pages(rounded, blocks, printed)
    rest = unexplained
    if text_page:
        rest = _without_clipped(
            (left, right), rounded, curves, mask, blocks, unexplained, structure
        )
    difference = _block_differences(rest, structure, blocks)
    overlay = (
        NO_OVERLAY
        if text_page or _extent(mask) < LIMITS.min_overlay_side
        else find_overlay(difference, unexplained, structure, structured, blocks)
    )
    for rows in overlay.rows:
        difference[rows] = 0
    noise = np.minimum(*unexplained)[structured]
    inside = np.count_nonzero(blocks.inside)
    largest = without_single_blocks(difference)
    visible = blocks.inside & (np.maximum(*structure) > LIMITS.min_structure)
    differing = visible & (largest > LIMITS.max_difference)
    differing_count = int(np.count_nonzero(differing))
    return Residual(
        float(largest.max()),
        median(noise) if len(noise) else 0.0,
        blur,
        int(np.count_nonzero(structured)),
        sum((float(np.count_nonzero(blocks.inside[r]) / inside) for r in overlay.rows), 0.0),
        tuple(blocks.band(rows) for rows in overlay.rows),
        overlay.side,
        text_page,
        float(np.count_nonzero(structured) / inside),
        differing_count / max(1, int(np.count_nonzero(visible))),
        _side_with_holes(differing, structure, blocks.inside),
    )


def _tone_curves(rounded: Sequence[Grey], mask: NDArray[np.uint8]) -> Curves:
    joint = joint_histogram(rounded[0], rounded[1], mask)
    return tone_curve(joint.T), tone_curve(joint)


def _regress(
    images: tuple[Map, Map], rounded: Sequence[Grey], curves: Curves, blocks: Blocks
) -> tuple[list[Map], list[Map]]:
    """Standard deviations of every block of either image, in scaled grey levels.

    Returns what the other image, at this one's tones, leaves unexplained, and all of it.
    """
    import cv2

    unexplained, structure = [], []
    for image, other, curve in zip(images, reversed(rounded), curves, strict=True):
        expected = np.asarray(cv2.LUT(other, curve.astype(np.float32)))
        rest, variance, spread = blocks.regress(image, expected)
        scale = LIMITS.contrast / max(LIMITS.min_contrast, spread)
        unexplained.append(np.sqrt(rest) * scale)
        structure.append(np.sqrt(variance) * scale)
    return unexplained, structure


def _without_clipped(
    images: tuple[Map, Map],
    rounded: Sequence[Grey],
    curves: Curves,
    mask: NDArray[np.uint8],
    blocks: Blocks,
    unexplained: Sequence[Map],
    structure: Sequence[Map],
) -> list[Map]:
    """What is unexplained, less what a page that was made brighter has lost in white.

    Pale lines and the shade of paper are white there: the darker page, made as bright, is the same.
    """
    import cv2

    rest = list(unexplained)
    for brighter, curve in enumerate(curves):
        darker = 1 - brighter
        if not _brightens(curve):
            continue
        expected = np.asarray(cv2.LUT(rounded[darker], curve.astype(np.float32)))
        error = images[brighter] - expected
        mean = blocks.mean(error)
        deviation = np.sqrt(np.maximum(blocks.mean(error * error) - mean * mean, 0))
        levels = images[brighter][mask > 0]
        scale = LIMITS.contrast / max(LIMITS.min_contrast, float(levels.std()))
        even = structure[brighter] < LIMITS.even_structure
        clipped = np.minimum(unexplained[darker], deviation * scale)
        rest[darker] = np.where(even, clipped, unexplained[darker])
    return rest


def _brightens(curve: NDArray[np.float64]) -> bool:
    """Whether a tone curve makes middle levels lighter, so that light ones end in white."""
    low, high = LIMITS.brightened_levels
    gain = float((curve[low:high] / np.arange(low, high)).mean())
    record("brightened_min_gain", gain)
    record("brightened_white", curve[-1])
    return gain >= LIMITS.brightened_min_gain and float(curve[-1]) >= LIMITS.brightened_white


def _block_differences(unexplained: Sequence[Map], structure: Sequence[Map], blocks: Blocks) -> Map:
    """By how much every block differs, in scaled grey levels; 0 where it does not."""
    shares = [u / np.maximum(s, 1e-3) for u, s in zip(unexplained, structure, strict=True)]
    other = np.where(np.minimum(*shares) > LIMITS.min_unexplained, np.minimum(*unexplained), 0)
    # what is added where the other one is even is no less a difference
    added = np.where(
        np.minimum(*structure) < LIMITS.even_structure,
        np.maximum(*unexplained) - LIMITS.max_added_structure,
        0,
    )
    return np.where(blocks.inside, np.maximum(other, added), 0).astype(np.float32)
