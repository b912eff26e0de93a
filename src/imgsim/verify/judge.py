"""Decides whether two images show the same picture, how one lies upon the other, and which shows
more."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from imgsim.comparators.local import LONG_SIDE
from imgsim.types import Verdict
from imgsim.verify.alignment import Aligned, align
from imgsim.verify.colours import YCbCr, recoloured_share
from imgsim.verify.details import compare_details
from imgsim.verify.in_place import differ_in_place
from imgsim.verify.limits import LIMITS
from imgsim.verify.matrix import (
    Band,
    Grey,
    Matrix,
    inverse,
    nearest_orientation,
    orientation_matrix,
    oriented,
)
from imgsim.verify.overlap import make_verdict
from imgsim.verify.residual import Residual, compare
from imgsim.verify.small import Pixels, are_correlated, pixel_distance, same_frame

VERSION = 12
"""Raised whenever a pair can get another verdict: stored ones are void then."""

NOT_ALIGNED = Verdict(np.inf)
"""On images that do not lie upon each other, or show too little to tell."""

EQUAL = Verdict(0.0, tuple(np.eye(3).ravel().tolist()), 1.0, 1.0, 1.0)
"""On two files with the same content."""


@dataclass(frozen=True, slots=True)
class MultiscaleImage:
    """An upright image in the sizes in which it is verified.

    Attributes
    ----------
    grey : callable
        Given a number of pixels, returns it as ndarray of uint8, shape (h, w), with a longer side
        of so many at most. May raise `OSError` or `DecodeError`.
    colours : ndarray of uint8, shape (n, n, 3)
        In YCbCr, small and brought to a square.
    rgb : callable
        Returns it as ndarray of uint8, shape (h, w, 3), for a small picture in its own size. May
        raise `OSError` or `DecodeError`.
    """

    grey: Callable[[int], Grey]
    colours: YCbCr
    rgb: Callable[[], Pixels]


@dataclass(frozen=True, slots=True)
class _Comparison:
    """Two aligned images, and their difference and shift in one number: 1 is the limit."""

    aligned: Aligned
    residual: Residual
    distance: float

    @property
    def undecided(self) -> bool:
        """Neither a duplicate nor far from one, and there is enough to see to compare again."""
        return (
            1 < self.distance <= LIMITS.undecided_distance
            and self.residual.blocks >= LIMITS.min_blocks_both_ways
        )


def judge(left: MultiscaleImage, right: MultiscaleImage, hypotheses: Iterable[Matrix]) -> Verdict:
    """Return the verdict on two images under the best hypothesis.

    A pair that is undecided under one is also compared in the other direction, the left image
    warped into the frame of the right one. What follows the first duplicate is not tried. Two small
    pictures are compared pixel by pixel first, see `verify.small`.

    Parameters
    ----------
    left, right : MultiscaleImage
    hypotheses : iterable of ndarray of float64, shape (3, 3)
        Unit coordinates of the right picture to those of the left one, roughly.

    Returns
    -------
    Verdict
        `NOT_ALIGNED` if no hypothesis holds.

    Raises
    ------
    OSError, DecodeError
        An image cannot be read.
    """
    images = left.grey(LONG_SIDE), right.grey(LONG_SIDE)
    shapes = [image.shape for image in images]
    if max(map(max, shapes)) > LIMITS.small_side:
        if differ_in_place(*images):
            return NOT_ALIGNED
        return _judge_aligned(left, right, hypotheses)
    hypotheses = list(hypotheses)
    by_pixels = _judge_small(left, right, hypotheses)
    # points of so small pictures do not tell the next view of a thing from a copy; pixels do
    decided = max(map(max, shapes)) <= LIMITS.small_decided_side and sorted(shapes[0]) == sorted(
        shapes[1]
    )
    if decided or by_pixels.residual <= 1:
        return by_pixels
    aligned = _judge_aligned(left, right, hypotheses)
    return by_pixels if aligned is NOT_ALIGNED else aligned


def _judge_aligned(
    left: MultiscaleImage, right: MultiscaleImage, hypotheses: Iterable[Matrix]
) -> Verdict:
    """Align two images under one hypothesis after the other, and compare them block by block."""
    best, details_of = NOT_ALIGNED, None
    for hypothesis in hypotheses:
        for swapped in (False, True):
            one, other = (right, left) if swapped else (left, right)
            matrix = inverse(hypothesis) if swapped else hypothesis
            comparison = _compare_at_needed_size(one, other, matrix)
            if comparison is None:
                break
            comparison = _with_colours(comparison, one, other)
            if comparison.distance < best.residual:
                best = _verdict(left, right, comparison, swapped=swapped)
                details_of = one, other, comparison
            if not comparison.undecided:
                break
        if best.residual <= 1:
            break
    return best if details_of is None else _with_details(best, *details_of)


def _with_details(
    verdict: Verdict, left: MultiscaleImage, right: MultiscaleImage, comparison: _Comparison
) -> Verdict:
    """The verdict on pictures that would be accepted, with the distance of what is small.

    At loose, pictures may differ in a part; texts may not.
    """
    if verdict.residual > LIMITS.max_loose_distance:
        return verdict
    side = LIMITS.detail_side
    matrix, bands = comparison.aligned.matrix, comparison.residual.bands
    details = compare_details(left.grey(side), right.grey(side), matrix, bands)
    if verdict.residual > 1 and not details.drawn:
        return verdict
    return replace(verdict, residual=max(verdict.residual, details.distance))


def _judge_small(
    left: MultiscaleImage, right: MultiscaleImage, hypotheses: Iterable[Matrix]
) -> Verdict:
    """Compare two small pictures as wholes, in the orientations that the hypotheses are near."""
    images = left.grey(LONG_SIDE), right.grey(LONG_SIDE)
    best = NOT_ALIGNED
    known = (nearest_orientation(hypothesis) for hypothesis in hypotheses)
    for orientation in dict.fromkeys(how for how in known if how is not None):
        pair = same_frame(images[0], oriented(images[1], orientation))
        if pair is None or not are_correlated(*pair):
            continue
        pair = same_frame(left.rgb(), oriented(right.rgb(), orientation))
        distance = np.inf if pair is None else pixel_distance(*pair)
        if distance < best.residual:
            best = make_verdict(*images, orientation_matrix(orientation), distance, 0.0, 0)
    return best


def _verdict(
    left: MultiscaleImage, right: MultiscaleImage, comparison: _Comparison, *, swapped: bool
) -> Verdict:
    matrix, side = comparison.aligned.matrix, comparison.residual.overlay_side
    if swapped:
        matrix, side = inverse(matrix), -side
    images = left.grey(LONG_SIDE), right.grey(LONG_SIDE)
    return make_verdict(*images, matrix, comparison.distance, comparison.residual.overlay, side)


def _with_colours(
    comparison: _Comparison, left: MultiscaleImage, right: MultiscaleImage
) -> _Comparison:
    """The comparison with the distance of the colours, if that is larger and can matter."""
    if comparison.distance > LIMITS.undecided_distance:
        return comparison
    share = recoloured_share(
        left.colours, right.colours, comparison.aligned.matrix, comparison.residual.bands
    )
    distance = max(comparison.distance, share / LIMITS.max_recoloured)
    return replace(comparison, distance=distance)


def _compare_at_needed_size(
    left: MultiscaleImage, right: MultiscaleImage, hypothesis: Matrix
) -> _Comparison | None:
    """Compare two images at the usual size, and pages of text again at a larger one."""
    usual = _compare_beside_overlay(
        left.grey(LONG_SIDE), right.grey(LONG_SIDE), hypothesis, LONG_SIDE
    )
    if usual is None or not usual.residual.text_page or usual.distance > LIMITS.undecided_distance:
        return usual
    side = LIMITS.fine_side
    fine = _compare_beside_overlay(left.grey(side), right.grey(side), usual.aligned.matrix, side)
    if fine is None or max(fine.aligned.left.shape) < LIMITS.min_text_page_side:
        return None  # too small to tell one text from another
    return fine


def _compare_beside_overlay(
    left: Grey, right: Grey, hypothesis: Matrix, side: int
) -> _Comparison | None:
    """Compare two images; where an overlay was found, again without its rows."""
    first = _align_and_compare(left, right, hypothesis, side)
    if first is None or not first.residual.overlay:
        return first
    # letters mislead tracking: the rest has to lie exactly where they are not
    bands = first.residual.bands
    rest = _align_and_compare(left, right, first.aligned.matrix, side, bands)
    if rest is None or rest.residual.overlay:
        return None
    residual = replace(
        rest.residual,
        overlay=first.residual.overlay,
        bands=bands,
        overlay_side=first.residual.overlay_side,
    )
    return replace(rest, residual=residual)


def _align_and_compare(
    left: Grey, right: Grey, hypothesis: Matrix, side: int, excluded: Sequence[Band] = ()
) -> _Comparison | None:
    aligned = align(left, right, hypothesis, side, excluded)
    if aligned is None:
        return None
    if not _enough_points(aligned, overlaid=bool(excluded)):
        return None
    residual = compare(aligned)
    if (
        residual is None
        or residual.blocks < LIMITS.min_structured_blocks
        or residual.blur >= LIMITS.max_blur
    ):
        return None
    difference = residual.difference / _max_difference(residual)
    moved = _relative_shift(aligned.shift, residual, overlaid=bool(excluded))
    return _Comparison(aligned, residual, float(np.hypot(difference, moved)))


def _enough_points(aligned: Aligned, *, overlaid: bool) -> bool:
    """Whether enough points lie where the matrix says; of a page with little on it, nearly all.

    Beside an overlay that may be all that there is to see, so there no fewer will do.
    """
    share = aligned.inliers / aligned.tracked
    if share >= LIMITS.agreeing_share and not overlaid:
        return aligned.inliers >= LIMITS.min_inliers_agreeing
    return aligned.inliers >= LIMITS.min_inliers and share >= LIMITS.min_inlier_share


def _max_difference(residual: Residual) -> float:
    """Scaled grey levels by which a block may differ, given the noise."""
    most = LIMITS.max_difference_without_noise + LIMITS.max_difference_per_noise * residual.noise
    return min(LIMITS.max_difference, most)


def _relative_shift(shift: float, residual: Residual, *, overlaid: bool) -> float:
    """The shift as a share of what is let pass, given the noise, the blur and what there is to see.

    Noise and blur make the places of points uncertain; a turned or moved thing moves them too, and
    leaves little noise.
    """
    by_blur = float(
        LIMITS.max_shift_per_blur
        * residual.blur
        * np.interp(residual.blocks, *LIMITS.blur_allowance)
    )
    most = LIMITS.max_shift + LIMITS.max_shift_per_noise * residual.noise + by_blur
    allowance = float(np.interp(residual.blocks, *LIMITS.shift_allowance))
    if overlaid:
        allowance = min(allowance, LIMITS.shift_allowance_overlaid)
    moved = shift / most
    if moved < allowance or allowance > 1:
        return moved / allowance
    # beyond a stricter limit no more than the excess counts: it is stricter for normal alone
    return 1 + moved - allowance
