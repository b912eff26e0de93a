"""Decides whether two animations, or two documents of several pages, show the same all through.

The frames that `decode.frames` samples are compared where the pictures lie upon each other by one
matrix: that of the frames that were compared first.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators.local import COLOURS_SIDE, LONG_SIDE
from imgsim.decode.decoder import Decoder
from imgsim.decode.detail import shrink
from imgsim.decode.frames import frames_at, middles_of_frames, sampled_frames, sampled_pages
from imgsim.decode.spec import InputSpec, NeedsMemory
from imgsim.types import Verdict
from imgsim.verify.colours import YCbCr
from imgsim.verify.judge import EQUAL, NOT_ALIGNED, judge
from imgsim.verify.limits import LIMITS
from imgsim.verify.matrix import Matrix, matrix_of, projected_corners
from imgsim.verify.multiscale import MultiscaleImage
from imgsim.verify.recording import record
from imgsim.verify.single_frame import Differences, single_frame_ratio, smoothed_difference
from imgsim.verify.small import Pixels
from imgsim.verify.tracking import erode_mask, warp

_FRAME = InputSpec(0, 0, "ycbcr", at_most=LIMITS.fine_side)


def with_frames(verdict: Verdict, left: bytes, right: bytes, decoder: Decoder) -> Verdict:
    """Return the verdict on two files of several frames, given that on their first ones.

    Parameters
    ----------
    verdict : Verdict
        On the frames that show enough first.
    left, right : bytes
        Of the whole files.
    decoder : Decoder

    Returns
    -------
    Verdict
        With the residual and the overlay of the frame that differs most; `NOT_ALIGNED` if the
        files have unlike numbers of pages, or take unlike times.

    Raises
    ------
    DecodeError
        A frame cannot be decoded.
    NeedsMemory
        Decoding both files at a time needs more than the share of the decoder.
    """
    half = replace(decoder, share=(decoder.share or decoder.max_memory) // 2)
    try:
        return _with_frames(verdict, left, right, half)
    except NeedsMemory as error:
        raise NeedsMemory(2 * error.size_bytes) from None


def _with_frames(verdict: Verdict, left: bytes, right: bytes, decoder: Decoder) -> Verdict:
    durations = decoder.durations(left), decoder.durations(right)
    numbers = _frames_to_compare(*durations)
    if numbers is None or not verdict.matrix:
        return NOT_ALIGNED
    animated = bool(durations[0][1])
    matrix = matrix_of(verdict)
    with (
        closing(_frames(decoder, left, numbers[0])) as lefts,
        closing(_frames(decoder, right, numbers[1])) as rights,
    ):
        residual = overlay = 0.0
        differences: list[Differences] = []
        for one, other in zip(lefts, rights, strict=True):
            frame = _judge_frame(one, other, matrix, animated=animated)
            if not np.isfinite(frame.residual):
                return NOT_ALIGNED
            residual = max(residual, frame.residual)
            overlay = max(overlay, frame.overlay)
            if animated and residual <= 1:
                side = min(LIMITS.single_frame_side, max(one.shape), max(other.shape))
                differences.append(smoothed_difference(*_difference(one, other, matrix, side)))
    if animated and residual <= 1:
        ratio = single_frame_ratio(np.stack(differences))
        residual = max(residual, ratio) if ratio > 1 else residual
    return replace(verdict, residual=residual, overlay=overlay)


_Durations = tuple[int, tuple[int, ...]]


def _frames_to_compare(
    left: _Durations, right: _Durations
) -> tuple[Sequence[int], Sequence[int]] | None:
    """Numbers of frames that are to show the same; None if they cannot.

    Of animations they are what both show when one of either's sampled frames is half through, so
    that a frame which only one of them has is compared whichever comes first.
    """
    (left_count, left_ms), (right_count, right_ms) = left, right
    if not (left_ms and right_ms):
        pages = sampled_pages(left_count)
        return None if left_count != right_count or left_ms or right_ms else (pages, pages)
    shorter, longer = sorted((sum(left_ms), sum(right_ms)))
    record("max_duration_ratio", longer / shorter)
    if longer > LIMITS.max_duration_ratio * shorter:
        return None
    middles = [middles_of_frames(sampled_frames(ms), ms) for ms in (left_ms, right_ms)]
    instants = np.unique(np.concatenate(middles))
    both = zip(frames_at(instants, left_ms), frames_at(instants, right_ms), strict=True)
    pairs = sorted(set(both))  # in the order of time: neither goes back
    return [one for one, _ in pairs], [other for _, other in pairs]


def _frames(decoder: Decoder, data: bytes, numbers: Sequence[int]) -> Generator[YCbCr]:
    """Decode frames, in ascending order; a number may stand there more than once in a row."""
    distinct = sorted(set(numbers))
    with closing(decoder.frames(data, distinct, [_FRAME])) as frames:
        for number, images in zip(distinct, frames, strict=True):
            for _ in range(list(numbers).count(number)):
                yield images[_FRAME]


def _judge_frame(left: YCbCr, right: YCbCr, matrix: Matrix, *, animated: bool) -> Verdict:
    """The verdict on two frames that lie upon each other by a matrix, or almost."""
    difference = _largest_difference(left, right, matrix)
    if difference <= 1:
        return replace(EQUAL, residual=difference)
    verdict = judge(_scaled(left), _scaled(right), [matrix])
    if not verdict.matrix:
        return verdict
    moved = _moved(verdict, matrix)
    record("max_frame_shift" if animated else "max_page_shift", moved)
    most = LIMITS.max_frame_shift if animated else LIMITS.max_page_shift
    return NOT_ALIGNED if moved > most else verdict


def _moved(verdict: Verdict, matrix: Matrix) -> float:
    """How far the corners of the right frame lie from where a matrix puts them, at most."""
    places = projected_corners(matrix_of(verdict))
    return float(np.hypot(*(places - projected_corners(matrix))).max())


def _scaled(frame: YCbCr) -> MultiscaleImage:
    import cv2

    size = COLOURS_SIDE, COLOURS_SIDE
    colours = np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)
    grey = np.ascontiguousarray(frame[..., 0])
    height, width = shrink(grey, LONG_SIDE).shape
    return MultiscaleImage(
        lambda side: shrink(grey, side), (height, width), colours, partial(_rgb, frame)
    )


def _rgb(frame: YCbCr) -> Pixels:
    from PIL import Image

    return np.asarray(Image.fromarray(frame, "YCbCr").convert("RGB"))


def _largest_difference(left: YCbCr, right: YCbCr, matrix: Matrix) -> float:
    """By how much two frames differ where they differ most, as a share of the limit.

    Means of squares are compared, as they lie; a common change of the brightness alone is taken
    away.
    """
    import cv2

    side = min(max(left.shape), max(right.shape))
    window = LIMITS.even_window_small if side < LIMITS.even_small_side else LIMITS.even_window
    difference, mask = _difference(left, right, matrix, side)
    mask = erode_mask(mask, window)
    if not mask.any():
        return float("inf")
    means = np.asarray(cv2.blur(difference, (window, window)))[mask > 0]
    brighter = float(np.median(means[:, 0]))
    record("max_even_brighter", abs(brighter))
    if abs(brighter) > LIMITS.max_even_brighter:
        return float("inf")
    luma, chroma = np.abs(means[:, 0] - brighter).max(), np.abs(means[:, 1:]).max()
    record("max_even_luma", luma)
    record("max_even_chroma", chroma)
    return float(max(luma / LIMITS.max_even_luma, chroma / LIMITS.max_even_chroma))


def _difference(
    left: YCbCr, right: YCbCr, matrix: Matrix, side: int
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """The right frame less the left one, at most so large, and where the right one has pixels."""
    left, right = shrink(left, side), shrink(right, side)
    channels = [warp(left[..., i], right[..., i], matrix, ()) for i in range(3)]
    warped = np.stack([channel for channel, _ in channels], axis=2).astype(np.float32)
    return warped - left, channels[0][1]
