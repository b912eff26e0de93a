"""Whether two images show the same picture, how one lies upon the other, and which shows more."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from imgsim.comparators.local import LONG_SIDE
from imgsim.types import Verdict
from imgsim.verify.alignment import Aligned, align
from imgsim.verify.colours import YCbCr, recoloured
from imgsim.verify.limits import LIMITS
from imgsim.verify.matrix import Band, Grey, Matrix, inverse
from imgsim.verify.overlap import make_verdict
from imgsim.verify.residual import Residual, compare

VERSION = 10
"""Raised whenever a pair can get another verdict: stored ones are void then."""


NOTHING = Verdict(np.inf)
EQUAL = Verdict(0.0, tuple(np.eye(3).ravel().tolist()), 1.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Views:
    """Gives the pixels of an image, upright.

    Attributes
    ----------
    grey : callable
        Gives it as ndarray of uint8, shape (h, w), with a longer side of at most so many pixels.
    colours : ndarray of uint8, shape (n, n, 3)
        It in YCbCr, small and brought to a square.
    """

    grey: Callable[[int], Grey]
    colours: YCbCr


def judge(left: Views, right: Views, hypotheses: Iterable[Matrix]) -> Verdict:
    """Look at two images.

    Parameters
    ----------
    left, right : Views
    hypotheses : iterable of ndarray, shape (3, 3)
        How the right one may lie upon the left one, in unit coordinates.
    """
    best = NOTHING
    for hypothesis in hypotheses:
        for one, other, matrix in (
            (left, right, hypothesis),
            (right, left, inverse(hypothesis)),
        ):
            found = _look_twice(one.grey, other.grey, matrix)
            if found is None:
                break
            aligned, residual, excess = found
            if excess <= LIMITS.undecided_distance:
                part = recoloured(one.colours, other.colours, aligned.matrix, residual.bands)
                excess = max(excess, part / LIMITS.max_recoloured)
            if excess < best.residual:
                lying = aligned.matrix if one is left else inverse(aligned.matrix)
                covered = residual.covered if one is left else -residual.covered
                images = left.grey(LONG_SIDE), right.grey(LONG_SIDE)
                best = make_verdict(*images, lying, excess, residual.overlay, covered)
            if (
                excess <= 1
                or excess > LIMITS.undecided_distance
                or residual.blocks < LIMITS.min_blocks_both_ways
            ):
                break  # only what is undecided is looked at from the other side too
        if best.residual <= 1:
            break
    return best


def _look_twice(
    left: Callable[[int], Grey], right: Callable[[int], Grey], hypothesis: Matrix
) -> tuple[Aligned, Residual, float] | None:
    """Look at a pair; at pages of text more closely."""
    found = _look(left(LONG_SIDE), right(LONG_SIDE), hypothesis, LONG_SIDE)
    if found is None or not found[1].paper or found[2] > LIMITS.undecided_distance:
        return found
    fine = _look(left(LIMITS.fine_side), right(LIMITS.fine_side), found[0].matrix, LIMITS.fine_side)
    if fine is None or max(fine[0].left.shape) < LIMITS.min_text_page_side:
        return None  # too small to tell one text from another
    return fine


def _look(
    left: Grey, right: Grey, hypothesis: Matrix, side: int
) -> tuple[Aligned, Residual, float] | None:
    found = _measure(left, right, hypothesis, side)
    if found is None or not found[1].overlay:
        return found
    # words lead points astray: the rest has to lie surely where they are not
    aligned, residual, _ = found
    found = _measure(left, right, aligned.matrix, side, residual.bands)
    if found is None or found[1].overlay:
        return None
    aligned, rest, excess = found
    overlaid = replace(
        rest, overlay=residual.overlay, bands=residual.bands, covered=residual.covered
    )
    return aligned, overlaid, excess


def _measure(
    left: Grey, right: Grey, hypothesis: Matrix, side: int, without: Sequence[Band] = ()
) -> tuple[Aligned, Residual, float] | None:
    aligned = align(left, right, hypothesis, side, without)
    if aligned is None or aligned.held < max(
        LIMITS.min_inliers, LIMITS.min_inlier_share * aligned.tracked
    ):
        return None
    residual = compare(aligned)
    if (
        residual is None
        or residual.blocks < LIMITS.min_structured_blocks
        or residual.blur >= LIMITS.max_blur
    ):
        return None
    # Grain and blur make the places of points uncertain; a turned or moved thing moves them too,
    # and leaves little grain. The less there is to see, the surer it has to be.
    by_blur = (
        LIMITS.max_shift_per_blur
        * residual.blur
        * np.interp(residual.blocks, *LIMITS.blur_allowance)
    )
    by_file = LIMITS.max_shift + LIMITS.max_shift_per_noise * residual.noise + by_blur
    surer = float(np.interp(residual.blocks, *LIMITS.shift_allowance))
    surer = min(surer, LIMITS.shift_allowance_overlaid) if without else surer
    moved = aligned.shift / float(by_file)
    # where it is no copy anyway, it has to be no surer than others
    moved = moved / surer if moved < surer or surer > 1 else 1 + moved - surer
    # faint print is as much of a difference as black where there is no grain to hide it
    most = LIMITS.max_difference_without_noise + LIMITS.max_difference_per_noise * residual.noise
    most = min(LIMITS.max_difference, most)
    excess = float(np.hypot(residual.difference / most, moved))
    return aligned, residual, excess
