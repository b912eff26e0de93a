"""Decides whether two pictures that lie upon each other also agree in what is small: a digit, a
sign, a tick; and whether such a thing could be seen at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from imgsim.stage_times import staged
from imgsim.verify.blocks import Blocks, Map
from imgsim.verify.captions import overlaid_on_one_side
from imgsim.verify.flat_colours import is_drawing
from imgsim.verify.gradients import gradients
from imgsim.verify.limits import LIMITS
from imgsim.verify.local_differences import (
    BlockErrors,
    Frame,
    block_error,
    block_errors,
    even_share_of,
    mean_products,
    mean_squares,
)
from imgsim.verify.lone_place import clean_ratio, lone_ratio, peer_ratio
from imgsim.verify.matrix import Band, Grey, Matrix, nearest_orientation
from imgsim.verify.median import quantile
from imgsim.verify.recording import record
from imgsim.verify.text_page import have_even_ground, have_light_ground

_LEAST_LEGIBLE = 1e-3
"""Where no letter would stand out at all; what is told by it is divided by it."""


@dataclass(frozen=True, slots=True)
class Details:
    """How two pictures agree in what is small.

    Attributes
    ----------
    distance : float
        1 is the limit of the preset normal.
    drawn : bool
        Both are pages of text, dark on light or light on dark, or most of them is even, as in a
        screenshot: no photo.
    frame : Frame or None
        Both as they were aligned at the finest size; None if they could not be.
    legible : float
        See `legibility`; infinite of photos, and where there is too little print.
    printed : bool
        Both are pages of text or other drawings, and not only even.
    """

    distance: float
    drawn: bool
    frame: Frame | None
    legible: float = float("inf")
    printed: bool = False

    @property
    def known(self) -> bool:
        """They could be aligned at the finest size."""
        return self.frame is not None


@staged("details")
def compare_details(
    left: Grey,
    right: Grey,
    matrix: Matrix,
    excluded: Sequence[Band] = (),
    *,
    original: Grey | None = None,
) -> Details:
    """Compare two aligned pictures at the finest size that both have.

    Parameters
    ----------
    left, right : ndarray of uint8, shape (h, w)
    matrix : ndarray of float64, shape (3, 3)
        Unit coordinates of the right picture to those of the left one.
    excluded : sequence of (float, float)
        Rows of the left image to leave out, from and to, as shares of its height, unless they
        are pages of text or nearly even.
    original : ndarray of uint8, shape (h, w), optional
        What one of the two is, degraded: by the matrix exactly, so that they are not aligned again.
        It alone tells whether they are drawings, since compression and blur make photos even.

    Returns
    -------
    Details
        With a distance of 0 if they cannot be aligned at that size.
    """
    errors = block_errors(left, right, matrix, exact=original is not None)
    if errors is None:
        return Details(0.0, drawn=False, frame=None)
    greys = errors.frame.greys
    # in a small copy of a drawing little is even, and letters of a page hide its ground, as in a
    # blurred one
    finer = [image for image in (left, right) if max(image.shape) > max(greys[0].shape)]
    page = (
        _are_pages(errors.images, errors.mask)
        or any(map(_is_one_page, finer))
        or (not excluded and _is_sharper_page(greys))
    )
    if original is None:
        drawing = not page and any(is_drawing(image) for image in (*greys, *finer))
        even_share = errors.even_share()
    else:
        drawing, even_share = not page and is_drawing(original), even_share_of(original)
    drawn = page or drawing or even_share > LIMITS.min_even_share_drawn
    on_both = False
    # words over a photo are an overlay; words in a page are its text
    if excluded and not (page or drawing or even_share > LIMITS.in_place_nearly_even):
        on_both = not overlaid_on_one_side(errors, excluded)
        beside = block_errors(left, right, matrix, excluded)
        if beside is not None:
            errors = beside
    legible = max(legibility(errors), _LEAST_LEGIBLE) if page or drawing else float("inf")
    record("min_even_share_drawn", even_share)
    top = errors.top_ratio()
    _record_ratio(top, legible, drawn=drawn)
    distance = top / _max_ratio(legible, drawn=drawn)
    if not page and not drawing:
        lone = lone_ratio(errors)
        record("max_detail_ratio_lone", lone)
        distance = max(distance, lone / LIMITS.max_detail_ratio_lone)
    if even_share > LIMITS.clean_min_even:
        distance = max(distance, clean_ratio(errors))
    if page or nearest_orientation(matrix, LIMITS.peer_max_corner) is not None:
        # what was cut or tilted may lie a little beside the other one, all the more at its ends
        peers = peer_ratio(errors)
        record("max_peer_ratio", peers)
        distance = max(distance, peers / LIMITS.max_peer_ratio)
    if distance > 1:
        distance = 1 + LIMITS.detail_excess * (distance - 1)
    if on_both:
        distance = max(distance, LIMITS.edited_difference)
    # where another digit would not be seen, that there is none says nothing
    distance = max(distance, (LIMITS.min_legibility / legible) ** 2)
    if drawn and not (page or drawing):
        legible = legibility(errors)  # small print may hide its ground
    return Details(float(distance), drawn, errors.frame, legible, page or drawing)


def _is_sharper_page(images: Sequence[Grey]) -> bool:
    """Whether one of two images is far sharper, and a page."""
    import cv2

    pages = [_is_one_page(image) for image in images]
    if not any(pages):
        return False  # as nearly all photos, which takes less time to tell
    smoothings, share = LIMITS.page_sharper_smoothings, LIMITS.page_sharper_quantile
    edges = []
    for image in images:
        levels = image.astype(np.float32)
        fine, coarse = (
            quantile(np.hypot(*(x[::2, ::2] for x in slopes)).ravel(), share)
            for slopes in (gradients(cv2.GaussianBlur(levels, (0, 0), s)) for s in smoothings)
        )
        edges.append(fine / max(coarse, 1.0))
    more = max(edges) / max(min(edges), _LEAST_LEGIBLE)
    record("page_sharper", more)
    return more >= LIMITS.page_sharper and pages[int(np.argmax(edges))]


def _max_ratio(legible: float, *, drawn: bool) -> float:
    """The ratio up to which two pictures are copies: less where a letter stands out less."""
    if not drawn:
        return LIMITS.max_detail_ratio
    if legible < LIMITS.faint_legibility:
        return LIMITS.max_detail_share_of_faint * legible
    share = LIMITS.max_detail_share_of_legibility * legible
    return float(np.clip(share, LIMITS.max_detail_ratio_faint_print, LIMITS.max_detail_ratio_drawn))


def _record_ratio(top: float, legible: float, *, drawn: bool) -> None:
    """Record the ratio that counts by the limit of those in `_max_ratio` which applies."""
    if not drawn:
        record("max_detail_ratio", top)
        return
    record("max_detail_ratio_drawn", top)
    if not np.isfinite(legible):
        return
    record("min_legibility", legible)
    record("faint_legibility", legible)
    share = top / legible
    if legible < LIMITS.faint_legibility:
        record("max_detail_share_of_faint", share)
    elif LIMITS.max_detail_share_of_legibility * legible < LIMITS.max_detail_ratio_faint_print:
        record("max_detail_ratio_faint_print", top)
    else:
        record("max_detail_share_of_legibility", share)


def _is_one_page(image: Grey) -> bool:
    """Whether an image is a page of text, dark on light or light on dark."""
    return _are_pages([image], np.ones_like(image))


def _are_pages(levels: Sequence[Map | Grey], mask: Grey) -> bool:
    """Whether all of some images are pages of text, dark on light or light on dark."""
    import cv2

    images = [np.asarray(cv2.convertScaleAbs(image), np.uint8) for image in levels]
    negatives = [255 - image for image in images]
    light, dark = have_light_ground(images), have_light_ground(negatives)
    if not (light or dark):
        return False  # as nearly all photos
    blocks = Blocks(mask, LIMITS.block_side)
    printed = blocks.inside
    for level in levels:
        image = level.astype(np.float32)
        mean = blocks.mean(image)
        variance = blocks.mean(image * image) - mean * mean
        printed = printed & (variance > LIMITS.min_print_structure**2)
    if not printed.any():
        return False
    if light and have_even_ground(images, blocks, printed):
        return True
    if not dark or min(float(image.std()) for image in images) < LIMITS.min_contrast:
        return False  # an underexposed photo
    return have_even_ground(negatives, blocks, printed)


def legibility(errors: BlockErrors, min_gradient: float = LIMITS.print_min_gradient) -> float:
    """Return by how much another letter would exceed the error that is expected.

    Letters are held against others of the same page, those beside them: the ratio that most blocks
    with print reach.

    Parameters
    ----------
    errors : BlockErrors
    min_gradient : float
        Grey levels per pixel of a block from which it may be print.

    Returns
    -------
    float
        Infinite if there is too little print.
    """
    return legibilities([errors], min_gradient)[0]


def legibilities(ways: Sequence[BlockErrors], min_gradient: float) -> list[float]:
    """Return the legibility of several images in one frame.

    Parameters
    ----------
    ways : sequence of BlockErrors
    min_gradient : float
        See `legibility`.
    """
    mask, inside = ways[0].mask, ways[0].inside
    printed = []
    for errors in ways:
        corners = _are_corners(*mean_products(errors.images[0]))
        printed.append(inside & (errors.gradient > min_gradient) & corners)
    shifts = LIMITS.print_shifts
    ratios = [np.full((len(shifts), *inside.shape), np.inf, np.float32) for _ in ways]
    for number, shift in enumerate(shifts):
        for errors, ratio in zip(ways, ratios, strict=True):
            image, width = errors.images[0], mask.shape[1]
            error = block_error(image, image, mask, shift)
            lesser = np.minimum(mean_squares(image, 0, width - shift), mean_squares(image, shift))
            ratio[number, :, : error.shape[1]] = error / errors.noise.expected(np.sqrt(lesser))
    return [_middle(ratio[:, places]) for ratio, places in zip(ratios, printed, strict=True)]


def _middle(ratios: Map) -> float:
    """What most of the medians of the ratios of each block reach; infinite of too few blocks."""
    middle = np.median(ratios, axis=0)
    middle = middle[np.isfinite(middle)]
    if len(middle) < LIMITS.print_min_blocks:
        return float("inf")
    return quantile(middle, LIMITS.print_quantile)


def _are_corners(xx: Map, yy: Map, xy: Map) -> Map:
    """Blocks that have gradients in more than one direction, as bool, shape (rows, columns)."""
    import cv2

    window = (LIMITS.print_window,) * 2
    xx, yy, xy = (cv2.blur(product, window) for product in (xx, yy, xy))
    mean, half = (xx + yy) / 2, np.sqrt(np.square((xx - yy) / 2) + xy * xy)
    return np.asarray(mean - half > LIMITS.print_min_evenness * (mean + half))
