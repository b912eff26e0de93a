"""Tells pages of text from other pictures: one text is told from another by small differences."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from imgsim.verify.blocks import Blocks
from imgsim.verify.limits import LIMITS
from imgsim.verify.matrix import Grey
from imgsim.verify.recording import record


def are_text_pages(images: Sequence[Grey], blocks: Blocks, printed: NDArray[np.bool_]) -> bool:
    """Return whether both images have an even, light background, also where there is print.

    Parameters
    ----------
    images : two ndarrays of uint8, shape (h, w)
    blocks : Blocks
        Of the images.
    printed : ndarray of bool, shape (rows, columns)
        Blocks with much structure in both.
    """
    return (
        bool(printed.any())
        and have_light_ground(images)
        and have_even_ground(images, blocks, printed)
    )


def have_even_ground(images: Sequence[Grey], blocks: Blocks, printed: NDArray[np.bool_]) -> bool:
    """Return whether all of some images have an even background, also where there is print.

    Parameters
    ----------
    images : sequence of ndarray of uint8, shape (h, w)
    blocks : Blocks
        Of the images.
    printed : ndarray of bool, shape (rows, columns)
        Blocks with much structure in all of them, one at least.
    """
    return all(
        _is_background_even(image, _background_levels(image), blocks, printed) for image in images
    )


def have_light_ground(images: Sequence[Grey]) -> bool:
    """Return whether one of some images has a background light enough for a page of text.

    Parameters
    ----------
    images : sequence of ndarray of uint8, shape (h, w)
    """
    if not _is_mostly_light(images):
        return False
    lightest = max(float(np.median(_background_levels(image))) for image in images)
    record("text_page_light", lightest)
    return lightest > LIMITS.text_page_light


def _is_mostly_light(images: Sequence[Grey]) -> bool:
    """Whether enough pixels of one of some images are light for a page of text."""
    step = LIMITS.text_page_step
    light = [float((x[::step, ::step] > LIMITS.text_page_light).mean()) for x in images]
    record("min_light_pixels", max(light))
    return max(light) >= LIMITS.min_light_pixels


def _is_background_even(
    image: Grey, levels: Grey, blocks: Blocks, printed: NDArray[np.bool_]
) -> bool:
    """Return whether enough pixels have the level of the background, in print and elsewhere."""
    import cv2

    background = cv2.resize(levels, image.shape[::-1], interpolation=cv2.INTER_LINEAR)
    near = cv2.absdiff(image, background) <= LIMITS.background_tolerance
    share = blocks.mean(near.astype(np.float32))
    of_picture = share[blocks.inside] < LIMITS.min_background_in_block
    in_print, in_pictures = share[printed].mean(), of_picture.mean()
    record("min_background_in_print", in_print)
    record("max_blocks_of_picture", in_pictures)
    return bool(
        in_print >= LIMITS.min_background_in_print and in_pictures <= LIMITS.max_blocks_of_picture
    )


def _background_levels(image: Grey) -> Grey:
    """Level of most of the light pixels of every region, shape (regions, regions)."""
    side, step = LIMITS.text_page_regions, LIMITS.text_page_step
    height, width = (n // side for n in image.shape)
    regions = image[: height * side, : width * side]
    regions = regions.reshape(side, height, side, width)[:, ::step, :, ::step]
    pixels = regions.transpose(0, 2, 1, 3).reshape(side, side, -1)
    part, of = LIMITS.text_page_background_rank
    rank = pixels.shape[2] * part // of
    return np.ascontiguousarray(np.partition(pixels, rank, axis=2)[:, :, rank])
