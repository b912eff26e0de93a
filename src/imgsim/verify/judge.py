"""Decides whether two images show the same picture, how one lies upon the other, and which shows
more."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

import numpy as np

from imgsim.comparators.local import LONG_SIDE, ORIENTATIONS, Orientation
from imgsim.types import Verdict
from imgsim.verify.alignment import Aligned, FewAgree, align
from imgsim.verify.bilinear import bent, fit_bend, may_be_bent
from imgsim.verify.channel_tones import in_one_tone
from imgsim.verify.colour_details import colour_distance
from imgsim.verify.colours import may_differ_in_place, recoloured_shares
from imgsim.verify.compression import (
    compare_compressed,
    compare_saved_again,
    compressed_page_distance,
)
from imgsim.verify.degraded import Degraded
from imgsim.verify.details import Details, compare_details
from imgsim.verify.exposure import are_two_shots, lies_beside
from imgsim.verify.in_place import Screen, differ_in_place
from imgsim.verify.limits import LIMITS
from imgsim.verify.matrix import (
    Band,
    Grey,
    Matrix,
    area_between,
    inverse,
    is_plausible,
    matrix_of,
    nearest_orientation,
    orientation_matrix,
    oriented,
    pixel_matrix,
    projected_corners,
)
from imgsim.verify.moved_parts import find_parts, show_other_colours
from imgsim.verify.moved_thing import has_moved_thing
from imgsim.verify.multiscale import MultiscaleImage
from imgsim.verify.needed import ALL, Needed
from imgsim.verify.noise_blur import compare_noisy_or_blurred
from imgsim.verify.overlap import make_verdict, share_seen
from imgsim.verify.page_filter import filtered_distance
from imgsim.verify.recording import record
from imgsim.verify.residual import Residual, compare
from imgsim.verify.rough_check import agree_roughly
from imgsim.verify.small import Pixels, are_correlated, pixel_distance, same_frame, thumbnail_frames
from imgsim.verify.two_levels import colours_differ, figures_differ, is_of_two_levels
from imgsim.verify.unchanged import lone_change
from imgsim.verify.zoom import cut, small_part

VERSION = 40
"""Raised whenever a pair can get another verdict: stored ones are void then."""

NOT_ALIGNED = Verdict(np.inf)
"""On images that do not lie upon each other, or show too little to tell."""

EQUAL = Verdict(0.0, tuple(np.eye(3).ravel().tolist()), 1.0, 1.0, 1.0)
"""On two files with the same content."""


@dataclass(frozen=True, slots=True)
class _Comparison:
    """Two aligned images, and their difference and shift in one number: 1 is the limit.

    The difference and the shift alone are shares of what is let pass, too; the former also where
    pictures were edited.
    """

    aligned: Aligned
    residual: Residual
    distance: float
    difference: float
    moved: float

    @property
    def undecided(self) -> bool:
        """Neither a duplicate nor far from one, and there is enough to see to compare again."""
        return (
            1 < self.distance <= LIMITS.undecided_distance
            and self.residual.blocks >= LIMITS.min_blocks_both_ways
        )


def judge(
    left: MultiscaleImage,
    right: MultiscaleImage,
    hypotheses: Iterable[Matrix],
    needed: Needed = ALL,
) -> Verdict:
    """Return the verdict on two images under the best hypothesis.

    A pair that is undecided under one is also compared in the other direction, the left image
    warped into the frame of the right one. What follows the first duplicate is not tried. Two small
    pictures are compared pixel by pixel first, see `verify.small`.

    Parameters
    ----------
    left, right : MultiscaleImage
    hypotheses : iterable of ndarray of float64, shape (3, 3)
        Unit coordinates of the right picture to those of the left one, roughly.
    needed : Needed
        What else than that the pair is refused has to be told of it.

    Returns
    -------
    Verdict
        `NOT_ALIGNED` if no hypothesis holds.

    Raises
    ------
    OSError, DecodeError
        An image cannot be read.
    """
    shapes = left.shape, right.shape
    if min(map(max, shapes)) > LIMITS.small_side:
        # most are rejected by their hypotheses, which takes less time
        ways = _possible(left, right, hypotheses, needed)
        first = next(ways, None)
        if first is None:
            return NOT_ALIGNED
        least = _least_in_place(left, right, nearest_orientation(first), needed)
        if least > needed.max_distance:
            return NOT_ALIGNED
        found = _align_best(left, right, chain([first], ways), needed)
        # where that refuses a pair, details need not be told, which take far longer
        if not needed.edited and _each_shows_more(left, right, found.verdict):
            return replace(found.verdict, residual=max(least, LIMITS.edited_difference))
        straight = verdict = _with_details(found, needed)
        if may_be_bent(verdict) and not found.differs_in_parts:
            verdict = _judge_bent(left, right, verdict, needed)
        if (needed.edited or verdict is not straight) and _each_shows_more(left, right, verdict):
            least = max(least, LIMITS.edited_difference)
        return verdict if verdict.residual >= least else replace(verdict, residual=least)
    hypotheses = list(hypotheses)
    if max(map(max, shapes)) > LIMITS.small_side:
        return _judge_thumbnail(left, right, hypotheses, needed)
    by_pixels = _judge_small(left, right, hypotheses, same_frame)
    # points of so small pictures do not tell the next view of a thing from a copy; pixels do
    decided = max(map(max, shapes)) <= LIMITS.small_decided_side and sorted(shapes[0]) == sorted(
        shapes[1]
    )
    if decided or by_pixels.residual <= 1:
        return by_pixels
    aligned = _judge_aligned(left, right, _possible(left, right, hypotheses, needed), needed)
    if aligned is NOT_ALIGNED or _differ_as_wholes(by_pixels, aligned):
        return by_pixels
    return aligned


def _differ_as_wholes(by_pixels: Verdict, aligned: Verdict) -> bool:
    """Whether pixels tell two small pictures apart beyond doubt that were laid upon each other."""
    if not np.isfinite(by_pixels.residual) or nearest_orientation(matrix_of(aligned)) is None:
        return False
    record("small_max_whole", by_pixels.residual)
    return by_pixels.residual > LIMITS.small_max_whole


def _least_in_place(
    left: MultiscaleImage, right: MultiscaleImage, turn: Orientation | None, needed: Needed
) -> float:
    """The residual that two images have at least that lie upon each other pixel by pixel.

    Infinite for two screens of one program; for two frames of a fixed camera so large that they
    are no copies, though the one may be told from the other by a small part alone. The right one
    is also laid upon the left one as it is turned or mirrored.
    """
    upright = ORIENTATIONS[0]
    images = [right] if turn in (None, upright) else [right, _turned(right, turn)]
    return max(
        _least_of_one_size(left, image, needed) if image.shape == left.shape else 0.0
        for image in images
    )


def _least_of_one_size(left: MultiscaleImage, right: MultiscaleImage, needed: Needed) -> float:
    one, other = (
        Screen(image.grey(LONG_SIDE)) if image.screen is None else image.screen()
        for image in (left, right)
    )
    if differ_in_place(one, other):
        return np.inf
    parts = find_parts(one, other)
    if parts is None:
        return 0.0
    if parts.on_both or (
        not needed.edited
        and parts.pixels >= LIMITS.parts_min_pixels
        and parts.same >= LIMITS.parts_min_same
        and _differ_by_far(one.image, other.image)
    ):
        return LIMITS.edited_difference
    return 0.0


def _differ_by_far(left: Grey, right: Grey) -> bool:
    """Whether two images differ, pixel upon pixel, by more than aligning them could make up for."""
    mask = np.ones(left.shape, np.uint8)
    residual = compare(Aligned(left, right, mask, np.eye(3), 0, 0, 0.0))
    if residual is None or residual.overlay or residual.text_page:
        return False
    difference = residual.difference / _max_difference(residual)
    record("parts_max_difference", difference)
    return difference > LIMITS.parts_max_difference


def _each_shows_more(left: MultiscaleImage, right: MultiscaleImage, verdict: Verdict) -> bool:
    """Whether two pictures in one place would be accepted, and each shows what the other lacks.

    That costs a decode of both, so it is looked for where words or a logo seem to be laid over one
    of them, or a few places have another colour.
    """
    turn = _turn_of_accepted(verdict)
    if turn is None:
        return False
    if turn != ORIENTATIONS[0]:
        right = _turned(right, turn)
    return (
        verdict.overlay > 0 or may_differ_in_place(left.colours, right.colours)
    ) and show_other_colours(left.rgb(), right.rgb())


def match_in_place(verdict: Verdict) -> bool:
    """Return whether two pictures would be accepted at the preset normal that lie in one place.

    Parameters
    ----------
    verdict : Verdict
    """
    return _turn_of_accepted(verdict) == ORIENTATIONS[0]


def _turn_of_accepted(verdict: Verdict) -> Orientation | None:
    """How the one of two pictures lies upon the whole other one, if normal would accept them."""
    if verdict.residual > 1 or verdict.overlap < LIMITS.whole_overlap:
        return None
    return nearest_orientation(matrix_of(verdict))


def judge_negative(left: MultiscaleImage, right: MultiscaleImage) -> Verdict:
    """Return the verdict on two images, one of which may be the negative of the other.

    Parameters
    ----------
    left, right : MultiscaleImage

    Returns
    -------
    Verdict
        Its residual is larger by `Limits.negative_distance` than if there were no exchange of
        light and dark; `NOT_ALIGNED` if they do not lie upon each other as wholes.

    Raises
    ------
    OSError, DecodeError
        An image cannot be read.
    """
    # pages of text are told by their light paper
    if left.grey(LONG_SIDE).mean() < right.grey(LONG_SIDE).mean():
        left = _exchange_light(left)
    else:
        right = _exchange_light(right)
    verdict = judge(left, right, [np.eye(3)])
    return replace(verdict, residual=verdict.residual + LIMITS.negative_distance)


def _exchange_light(image: MultiscaleImage) -> MultiscaleImage:
    colours_of = image.detail_colours
    return MultiscaleImage(
        lambda side: 255 - image.grey(side),
        image.shape,
        255 - image.colours,
        lambda: 255 - image.rgb(),
        detail_colours=None if colours_of is None else lambda: 255 - colours_of(),
    )


def _turned(image: MultiscaleImage, how: Orientation) -> MultiscaleImage:
    return MultiscaleImage(
        lambda side: oriented(image.grey(side), how),
        image.shape[::-1] if how.transpose else image.shape,
        oriented(image.colours, how),
        lambda: oriented(image.rgb(), how),
    )


@dataclass(frozen=True, slots=True)
class _Found:
    """The verdict on two images as they lie best upon each other, without what is small.

    Attributes
    ----------
    verdict : Verdict
    of_drawing : float
        Its residual, if nothing is explained by what degrades pictures.
    images : tuple of (MultiscaleImage, MultiscaleImage), or None
        The one in whose frame they were compared, and the other one; None if no hypothesis holds.
    matrix : ndarray of float64, shape (3, 3)
        Unit coordinates of that other one to those of the one.
    bands : sequence of (float, float)
        Rows with an overlay, from and to, as shares of the height.
    original : ndarray of uint8, shape (h, w), or None
        What one of them was made from, if that was degraded.
    least : float
        The residual of two that differ in a place where the rest is explained.
    differs_in_parts : bool
        See `_differs_in_parts`.
    """

    verdict: Verdict
    of_drawing: float
    images: tuple[MultiscaleImage, MultiscaleImage] | None = None
    matrix: Matrix = field(default_factory=lambda: np.eye(3))
    bands: Sequence[Band] = ()
    original: Grey | None = None
    least: float = 0.0
    differs_in_parts: bool = False


def _judge_aligned(
    left: MultiscaleImage, right: MultiscaleImage, hypotheses: Iterable[Matrix], needed: Needed
) -> Verdict:
    """Align two images under one hypothesis after the other, and compare them."""
    return _with_details(_align_best(left, right, hypotheses, needed), needed)


def _align_best(
    left: MultiscaleImage, right: MultiscaleImage, hypotheses: Iterable[Matrix], needed: Needed
) -> _Found:
    """Align two images under one hypothesis after the other, and compare them block by block."""
    best, compared = NOT_ALIGNED, None
    far: list[Matrix] = []
    upright = None
    for hypothesis in hypotheses:
        if upright is None and nearest_orientation(hypothesis) is not None:
            upright = hypothesis
        if any(_is_near(hypothesis, matrix) for matrix in far):
            continue  # it would be laid upon the same place
        edited = False
        for swapped in (False, True):
            one, other = (right, left) if swapped else (left, right)
            matrix = inverse(hypothesis) if swapped else hypothesis
            by_chance = False
            try:
                comparison = _compare_at_needed_size(one, other, matrix, needed)
            except FewAgree:
                comparison, by_chance = None, True
            if comparison is None and not swapped:
                zoomed = _compare_part(left, right, hypothesis, needed)
                if zoomed is not None:
                    swapped, comparison = zoomed
                    one, other = (right, left) if swapped else (left, right)
            if comparison is None and nearest_orientation(hypothesis) is not None:
                if by_chance:
                    break
                continue  # what is written over one of them draws off the points, not the other's
            if comparison is None:
                break
            comparison = _as_shots(_with_colours(comparison, one, other))
            if swapped and edited:  # it did not lie upon the other one before
                nearest = max(comparison.distance, LIMITS.edited_difference)
                comparison = replace(comparison, distance=nearest)
            edited = needed.edited and _may_be_edited(comparison)
            if comparison.distance < best.residual:
                best = _verdict(left, right, comparison, swapped=swapped)
                compared = one, other, comparison
            if not swapped and comparison.distance > needed.undecided_distance and not edited:
                far.append(comparison.aligned.matrix)
            if not comparison.undecided and not edited:
                break
        if best.residual <= 1:
            break
    degraded = None if compared is None else _compressed(best, *compared)
    if degraded is None and upright is not None and _may_be_degraded(best, compared):
        degraded = compare_noisy_or_blurred(left, right, upright)
    if degraded is None and best.residual > 1 and upright is not None:
        degraded = _saved_again(left, right, nearest_orientation(upright))
    if degraded is not None and degraded.distance <= 1:
        exactly = orientation_matrix(degraded.orientation)
        images = left.grey(LONG_SIDE), right.grey(LONG_SIDE)
        distance = min(degraded.distance, best.residual)
        verdict = make_verdict(*images, exactly, distance, 0.0, 0)
        return _Found(verdict, best.residual, (left, right), exactly, original=degraded.original)
    if compared is None:
        return _Found(best, best.residual)
    one, other, comparison = compared
    return _Found(
        best,
        best.residual,
        (one, other),
        comparison.aligned.matrix,
        comparison.residual.bands,
        least=0.0 if degraded is None else degraded.distance,
        differs_in_parts=_differs_in_parts(comparison),
    )


def _differs_in_parts(comparison: _Comparison) -> bool:
    """Whether points lie so exactly where a homography says that no bend explains the rest."""
    record("bend_max_difference", comparison.difference / max(comparison.moved, 1e-3))
    return comparison.difference > LIMITS.bend_max_difference * comparison.moved


def _may_be_degraded(
    verdict: Verdict, compared: tuple[MultiscaleImage, MultiscaleImage, _Comparison] | None
) -> bool:
    """Whether noise or blur can be what keeps two pictures apart, or hides what does."""
    if compared is None:
        return True
    residual = compared[2].residual
    return (
        verdict.residual > LIMITS.degraded_from
        or residual.blur >= LIMITS.degraded_min_blur
        or residual.noise >= LIMITS.degraded_min_noise
    )


def _compressed(
    verdict: Verdict, left: MultiscaleImage, right: MultiscaleImage, comparison: _Comparison
) -> Degraded | None:
    """What is told of strong compression, where it can be what keeps two pictures apart.

    They may be nearer then than by their pixels, or not as near: other digits are hidden by what
    compression does around them.
    """
    residual = comparison.residual
    record("compressed_min_noise", residual.noise)
    if not (
        verdict.residual <= LIMITS.max_loose_distance
        and verdict.whole
        and not residual.text_page
        and residual.noise >= LIMITS.compressed_min_noise
    ):
        return None
    return compare_compressed(left, right, matrix_of(verdict))


def _saved_again(
    left: MultiscaleImage, right: MultiscaleImage, orientation: Orientation | None
) -> Degraded | None:
    """What is told of two small pictures, where one may be the other, saved as a JPEG."""
    if max(*left.shape, *right.shape) > LIMITS.saved_again_side or orientation is None:
        return None
    one, other = left.grey(LONG_SIDE), oriented(right.grey(LONG_SIDE), orientation)
    if one.shape != other.shape:
        return None
    apart = float(np.abs(one.astype(np.float32) - other).mean())
    record("saved_again_mean", apart)
    if apart > LIMITS.saved_again_mean:
        return None
    return compare_saved_again(left, right, orientation)


def _is_near(hypothesis: Matrix, matrix: Matrix) -> bool:
    """Whether two matrices lay the corners of a picture upon about the same places."""
    apart = float(np.abs(projected_corners(hypothesis) - projected_corners(matrix)).max())
    record("tried_place", apart)
    return apart <= LIMITS.tried_place


def _judge_bent(
    left: MultiscaleImage, right: MultiscaleImage, verdict: Verdict, needed: Needed
) -> Verdict:
    """Compare two images once more where a bilinear map lays one upon the other.

    How much the two share, and which shows more, is nearly the same as by the homography; of the
    one that stays as it is, the other one then shows all.
    """
    bend = fit_bend(left, right, matrix_of(verdict))
    if bend is None:
        return verdict
    if bend.of_left:
        straight = _judge_aligned(bent(left, right, bend), right, [np.eye(3)], needed)
    else:
        straight = _judge_aligned(left, bent(right, left, bend), [np.eye(3)], needed)
    record("bend_distance", straight.residual)
    if straight.overlay or straight.residual > LIMITS.bend_distance:
        return verdict
    if bend.of_left:
        seen = verdict.left_seen, straight.right_seen
    else:
        seen = straight.left_seen, verdict.right_seen
    return replace(
        verdict,
        residual=straight.residual,
        detail=straight.detail,
        left_seen=seen[0],
        right_seen=seen[1],
        overlay=0.0,
    )


def _possible(
    left: MultiscaleImage, right: MultiscaleImage, hypotheses: Iterable[Matrix], needed: Needed
) -> Iterator[Matrix]:
    """The hypotheses under which it is worth it to align two images."""
    for hypothesis in hypotheses:
        if nearest_orientation(hypothesis) is not None:
            yield hypothesis
            continue
        images = left.grey(LONG_SIDE), right.grey(LONG_SIDE)
        if (
            is_plausible(hypothesis, *images)
            and needed.by_hypothesis(*images, hypothesis)
            and agree_roughly(*images, hypothesis)
        ):
            yield hypothesis


def _with_details(found: _Found, needed: Needed) -> Verdict:
    """The verdict on pictures that would be accepted, with the distance of what is small.

    At loose, pictures may differ in a part; texts may not. If the two are no photos, what is small
    is all that there is, and what degrades it may hide it.
    """
    verdict = found.verdict
    if found.images is not None and needed.in_detail(verdict):
        verdict = _details_of(found, *found.images)
    least = found.least
    return verdict if verdict.residual >= least else replace(verdict, residual=least)


def _details_of(found: _Found, left: MultiscaleImage, right: MultiscaleImage) -> Verdict:
    verdict, matrix, bands = found.verdict, found.matrix, found.bands
    side = LIMITS.detail_side
    if verdict.residual < LIMITS.two_levels_distance and _is_another_design(left, right, matrix):
        verdict = replace(verdict, residual=LIMITS.two_levels_distance)
    details = compare_details(
        left.grey(side), right.grey(side), matrix, bands, original=found.original
    )
    if verdict.residual <= 1 < details.distance and not details.drawn:
        details = _details_in_one_tone(left, right, matrix, bands) or details
    compressed = filtered = None
    # words over a photo are an overlay
    may_be_page = details.printed or (details.drawn and not bands)
    if may_be_page and _is_explanation_needed(details):
        compressed = compressed_page_distance(left, right, matrix)
        if compressed is None:
            filtered = filtered_distance(
                left.grey(side),
                right.grey(side),
                matrix,
                printed=details.printed,
                aligned=details.frame if found.original is None else None,
            )
    explained = filtered if compressed is None else compressed
    if explained is not None:
        details = replace(details, distance=explained)
    if details.distance <= 1 and (details.drawn or not bands):
        details = replace(
            details, distance=max(details.distance, _lone_change(left, right, matrix))
        )
    verdict = replace(verdict, detail=details.distance if details.known else np.inf)
    if details.drawn and (explained is None or explained > 1):
        verdict = replace(verdict, residual=max(verdict.residual, found.of_drawing))
    if verdict.residual > 1 and not details.drawn:
        return verdict
    distance = details.distance
    if max(verdict.residual, distance) <= 1 and compressed is None:
        distance = max(distance, _colour_distance(details, left, right, bands))
    if verdict.residual <= 1 < distance and (left.damaged() or right.damaged()):
        return verdict  # what differs is the damage
    return replace(verdict, residual=max(verdict.residual, distance))


def _lone_change(left: MultiscaleImage, right: MultiscaleImage, matrix: Matrix) -> float:
    """The distance of two pictures that are equal but for one place."""
    turn = nearest_orientation(matrix)
    if turn is None:
        return 0.0
    change = lone_change(
        left.grey(LIMITS.detail_side), oriented(right.grey(LIMITS.detail_side), turn)
    )
    record("unchanged_max_share", change)
    distance = change / LIMITS.unchanged_max_share
    return 1 + LIMITS.detail_excess * (distance - 1) if distance > 1 else 0.0


def _is_explanation_needed(details: Details) -> bool:
    """Whether it is asked what was done to one of two pages: not where letters are told anyway."""
    if not details.known:
        return False
    record("page_filter_legibility", details.legible)
    return details.distance > 1 or details.legible < LIMITS.page_filter_legibility


def _details_in_one_tone(
    left: MultiscaleImage, right: MultiscaleImage, matrix: Matrix, bands: Sequence[Band]
) -> Details | None:
    """Compare details again, once one photo has the tones of the other one in each channel."""
    if left.detail_rgb is None or right.detail_rgb is None:
        return None
    details = compare_details(
        *in_one_tone(left.detail_rgb(), right.detail_rgb(), matrix), matrix, bands
    )
    return details if details.known and not details.drawn else None


def _colour_distance(
    details: Details, left: MultiscaleImage, right: MultiscaleImage, bands: Sequence[Band]
) -> float:
    """The distance by what is small and has another colour, where both lie as in the details."""
    if details.frame is None or left.detail_colours is None or right.detail_colours is None:
        return 0.0
    colours = left.detail_colours(), right.detail_colours()
    return colour_distance(*colours, details.frame.matrix, () if details.drawn else bands)


def _is_another_design(left: MultiscaleImage, right: MultiscaleImage, matrix: Matrix) -> bool:
    """Whether two pictures of two levels each have other colours, or a figure elsewhere."""
    # hardly any picture has two levels, which takes less time to tell
    return all(is_of_two_levels(image) for image in (left, right)) and (
        colours_differ(left.colours, right.colours, matrix)
        or figures_differ(left.colours, right.colours, matrix)
    )


def _judge_thumbnail(
    left: MultiscaleImage,
    right: MultiscaleImage,
    hypotheses: Sequence[Matrix],
    needed: Needed,
) -> Verdict:
    """Compare a small picture with a far larger one, pixel by pixel if it can be all of it.

    Points of so small pictures do not tell the next view of a thing from a copy: where pixels do,
    they say what a duplicate is at the preset normal.
    """
    shapes = left.shape, right.shape
    by_pixels = NOT_ALIGNED
    if min(map(max, shapes)) <= LIMITS.thumbnail_side:
        one, other = _exactly_scaled(left, right), _exactly_scaled(right, left)
        by_pixels = _judge_small(one, other, hypotheses, thumbnail_frames)
    if by_pixels.residual <= 1:
        return by_pixels
    verdict = _judge_aligned(left, right, _possible(left, right, hypotheses, needed), needed)
    if by_pixels == NOT_ALIGNED or not verdict.whole or verdict.overlay:
        return verdict
    return replace(verdict, residual=max(verdict.residual, LIMITS.thumbnail_distance))


def _exactly_scaled(image: MultiscaleImage, other: MultiscaleImage) -> MultiscaleImage:
    """An image with its colours in a size from which it can be shrunk to that of a smaller one.

    A JPEG of an odd number of rows that was decoded at half its size ends with half a row of
    nothing, which moves what is shrunk from that by more than a copy may be off.
    """
    if max(image.shape) <= max(other.shape) or image.detail_rgb is None:
        return image
    return replace(image, rgb=image.detail_rgb)


def _judge_small(
    left: MultiscaleImage,
    right: MultiscaleImage,
    hypotheses: Iterable[Matrix],
    frames: Callable[[Pixels, Pixels], Iterable[tuple[Pixels, Pixels]]],
) -> Verdict:
    """Compare two small pictures as wholes, in the orientations that the hypotheses are near.

    `frames` brings two pictures to one size, in some ways.
    """
    images = left.grey(LONG_SIDE), right.grey(LONG_SIDE)
    best = NOT_ALIGNED
    known = (nearest_orientation(hypothesis) for hypothesis in hypotheses)
    orientations = dict.fromkeys(how for how in known if how is not None)
    for orientation in orientations:
        pairs = frames(images[0], oriented(images[1], orientation))
        if not any(are_correlated(*pair) for pair in pairs):
            continue
        for pair in frames(left.rgb(), oriented(right.rgb(), orientation)):
            distance = pixel_distance(*pair)
            if distance < best.residual:
                matrix = orientation_matrix(orientation)
                best = make_verdict(*images, matrix, distance, 0.0, 0)
    for orientation in orientations if best.residual > 1 else ():
        again = _saved_again(left, right, orientation)
        if again is not None:
            matrix = orientation_matrix(orientation)
            best = make_verdict(*images, matrix, again.distance, 0.0, 0)
            break
    if best.residual > 1:
        return best
    matrix = matrix_of(best)
    distance = recoloured_shares(left.colours, right.colours, matrix).distance
    if _is_another_design(left, right, matrix):
        distance = max(distance, LIMITS.two_levels_distance)
    return replace(best, residual=max(best.residual, distance))


def _verdict(
    left: MultiscaleImage, right: MultiscaleImage, comparison: _Comparison, *, swapped: bool
) -> Verdict:
    residual = comparison.residual
    _record_best(comparison)
    # letters over a picture hide a part of it, and so does what was cut out
    matrix, side = comparison.aligned.matrix, residual.overlay_side or residual.hole
    if swapped:
        matrix, side = inverse(matrix), -side
    images = left.grey(LONG_SIDE), right.grey(LONG_SIDE)
    verdict = make_verdict(*images, matrix, comparison.distance, residual.overlay, side)
    if not _stands_elsewhere(verdict, *images):
        return verdict
    return replace(verdict, residual=max(verdict.residual, LIMITS.shot_distance))


def _stands_elsewhere(verdict: Verdict, left: Grey, right: Grey) -> bool:
    """Return whether two frames of one size show a thing at two places of an even ground."""
    record("whole_overlap", verdict.overlap)
    if verdict.overlap >= LIMITS.whole_overlap:
        return False
    matrix = matrix_of(verdict)
    seen = min(verdict.left_seen, verdict.right_seen)
    if seen >= LIMITS.elsewhere_min_seen:  # no picture ends there then
        seen = min(
            share_seen(left, inverse(matrix), at_edge=True),
            share_seen(right, matrix, at_edge=True),
        )
    area = abs(area_between(projected_corners(matrix)) - 1)
    record("elsewhere_min_seen", seen)
    record("elsewhere_max_area", area)
    return seen >= LIMITS.elsewhere_min_seen and area <= LIMITS.elsewhere_max_area


def _with_colours(
    comparison: _Comparison, left: MultiscaleImage, right: MultiscaleImage
) -> _Comparison:
    """The comparison with the distance of the colours, if that is larger and can matter."""
    if comparison.distance > LIMITS.undecided_distance:
        return comparison
    shares = recoloured_shares(
        left.colours, right.colours, comparison.aligned.matrix, comparison.residual.bands
    )
    return replace(comparison, distance=max(comparison.distance, shares.distance))


def _as_shots(comparison: _Comparison) -> _Comparison:
    """The comparison with at least the distance of two shots, if they are such.

    What was written on a picture leaves it where it is; between two shots things move.
    """
    aligned, overlaid = comparison.aligned, comparison.residual.overlay > 0
    if comparison.distance > 1 or not (
        (overlaid and lies_beside(aligned)) or are_two_shots(aligned)
    ):
        return comparison
    return replace(comparison, distance=LIMITS.shot_distance)


def _compare_at_needed_size(
    left: MultiscaleImage, right: MultiscaleImage, hypothesis: Matrix, needed: Needed
) -> _Comparison | None:
    """Compare two images at the usual size, and pages of text again at a larger one."""
    usual = _compare_beside_overlay(
        left.grey(LONG_SIDE),
        right.grey(LONG_SIDE),
        hypothesis,
        LONG_SIDE,
        needed,
        supposed=not needed.edited,
    )
    if usual is None or not usual.residual.text_page or usual.distance > LIMITS.undecided_distance:
        return usual
    side = LIMITS.fine_side
    images = left.grey(side), right.grey(side)
    fine = _compare_beside_overlay(*images, usual.aligned.matrix, side, needed)
    if fine is not None:
        record("min_text_page_side", max(fine.aligned.left.shape))
    if fine is None or max(fine.aligned.left.shape) < LIMITS.min_text_page_side:
        return None  # too small to tell one text from another
    return fine


def _compare_part(
    left: MultiscaleImage, right: MultiscaleImage, hypothesis: Matrix, needed: Needed
) -> tuple[bool, _Comparison] | None:
    """Compare a picture with the small part of another one in which it lies, if it does.

    Returns whether that lies in the right one, and the comparison as of the whole pictures.
    """
    for swapped in (False, True):
        one, other = (right, left) if swapped else (left, right)
        matrix = inverse(hypothesis) if swapped else hypothesis
        part = small_part(matrix)
        if part is None:
            continue
        image, place = cut(one.grey(LIMITS.fine_side), part)
        try:
            comparison = _align_and_compare(
                image,
                other.grey(LONG_SIDE),
                inverse(place) @ matrix,
                LONG_SIDE,
                needed,
                supposed=not needed.edited,
            )
        except FewAgree:
            continue
        if comparison is None or comparison.residual.overlay or comparison.residual.text_page:
            continue
        aligned = replace(comparison.aligned, matrix=place @ comparison.aligned.matrix)
        return swapped, replace(comparison, aligned=aligned)
    return None


def _compare_beside_overlay(
    left: Grey,
    right: Grey,
    hypothesis: Matrix,
    side: int,
    needed: Needed,
    *,
    supposed: bool = False,
) -> _Comparison | None:
    """Compare two images; where an overlay was found, again without its rows."""
    first = _align_and_compare(left, right, hypothesis, side, needed, supposed=supposed)
    if first is None or not first.residual.overlay:
        return first
    bands = first.residual.bands
    if has_moved_thing(first.aligned, bands):
        residual = replace(first.residual, overlay=0.0, bands=(), overlay_side=0)
        nearest = max(first.distance, LIMITS.edited_difference)
        return replace(first, residual=residual, distance=nearest)
    # letters mislead tracking: the rest has to lie exactly where they are not
    rest = _align_and_compare(left, right, first.aligned.matrix, side, needed, bands)
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
    left: Grey,
    right: Grey,
    hypothesis: Matrix,
    side: int,
    needed: Needed,
    excluded: Sequence[Band] = (),
    *,
    supposed: bool = False,
) -> _Comparison | None:
    aligned = align(left, right, hypothesis, side, excluded, supposed=supposed)
    if aligned is None or not needed.when_aligned(left, right, aligned.matrix):
        return None
    if not _enough_points(aligned, overlaid=bool(excluded)):
        return None
    residual = compare(aligned)
    if residual is None or not _is_comparable(residual):
        return None
    moved = _relative_shift(aligned.shift, residual, overlaid=bool(excluded))
    difference = residual.difference / _max_difference(residual)
    low, high = LIMITS.soft_moved
    if residual.blur >= LIMITS.soft_blur and low <= moved <= high and difference <= 1:
        shift = _shift_of_soft(left, right, aligned, residual.blur, side, excluded)
        moved = _relative_shift(min(shift, aligned.shift), residual, overlaid=bool(excluded))
    cover = float(aligned.mask.mean())
    record("edited_min_cover", cover)
    counted = difference
    if (
        cover >= LIMITS.edited_min_cover
        and moved <= LIMITS.edited_max_moved
        and not residual.text_page
    ):
        counted = min(difference, _edited_difference(residual))
    distance = float(np.hypot(counted, moved))
    return _Comparison(aligned, residual, distance, difference, moved)


def _is_comparable(residual: Residual) -> bool:
    """Whether there is enough to tell by, in two images that can be made equally soft."""
    record("min_structured_blocks", residual.blocks)
    record("max_blur", residual.blur)
    return residual.blocks >= LIMITS.min_structured_blocks and residual.blur < LIMITS.max_blur


def _record_best(comparison: _Comparison) -> None:
    """Record what the comparison that decides on a pair, so far, is told by."""
    residual = comparison.residual
    record("max_difference", comparison.difference)
    record("max_shift", comparison.moved)
    record("undecided_distance", comparison.distance)
    record("min_noise", residual.noise)
    record("soft_blur", residual.blur)
    record("min_blocks_both_ways", residual.blocks)
    record("edited_max_moved", comparison.moved)


def _shift_of_soft(
    left: Grey, right: Grey, aligned: Aligned, blur: float, side: int, excluded: Sequence[Band]
) -> float:
    """The shift of two aligned images, the sharper of which is blurred first; infinite if none.

    A corner is tracked with far larger errors where it is soft in one of the images alone.
    """
    import cv2

    def sharpness(image: Grey) -> float:
        return float(np.abs(cv2.Laplacian(image, cv2.CV_16S))[aligned.mask > 0].sum())

    if sharpness(aligned.left) > sharpness(aligned.right):
        scale = max(left.shape) / max(aligned.left.shape)
        left = np.asarray(cv2.GaussianBlur(left, (0, 0), blur * scale), np.uint8)
    else:
        area = abs(float(np.linalg.det(pixel_matrix(aligned.matrix, aligned.left, right)[:2, :2])))
        sigma = blur / max(area, LIMITS.min_scale) ** 0.5
        right = np.asarray(cv2.GaussianBlur(right, (0, 0), sigma), np.uint8)
    soft = align(left, right, aligned.matrix, side, excluded)
    if soft is None or not _enough_points(soft, overlaid=bool(excluded)):
        return float("inf")
    return soft.shift


def _may_be_edited(comparison: _Comparison) -> bool:
    """Return whether two pictures lie upon each other as wholes and differ in a part, but moved.

    The corners of what was pasted over one of them draw off its points, not the other's.
    """
    residual = comparison.residual
    return (
        comparison.distance > LIMITS.undecided_distance
        and not residual.text_page
        and float(comparison.aligned.mask.mean()) >= LIMITS.edited_min_cover
        and np.isfinite(_edited_difference(residual))
    )


def _edited_difference(residual: Residual) -> float:
    """The difference of two pictures that differ much, but in a part alone: always above 1.

    The more of a picture there is to see, the larger the part may be.
    """
    most = float(np.interp(residual.structured, *LIMITS.edited_max_differing))
    if residual.hole:
        most = max(most, LIMITS.edited_max_hole)
    name = "edited_max_hole" if residual.hole else "edited_max_differing"
    record(name, residual.differing / max(most, 1e-3))
    if residual.differing > most:
        return np.inf
    return LIMITS.edited_difference + LIMITS.edited_per_differing * residual.differing


def _enough_points(aligned: Aligned, *, overlaid: bool) -> bool:
    """Whether enough points lie where the matrix says; of a page with little on it, nearly all.

    Beside an overlay that may be all that there is to see, so there no fewer will do.
    """
    share = aligned.inliers / aligned.tracked
    # a small picture has few points too, and the next view on a turntable moves them little
    large = max(aligned.left.shape) >= LIMITS.agreeing_min_side
    record("agreeing_share", share)
    if large and share >= LIMITS.agreeing_share and not overlaid:
        record("min_inliers_agreeing", aligned.inliers)
        return aligned.inliers >= LIMITS.min_inliers_agreeing
    record("min_inliers", aligned.inliers)
    record("min_inlier_share", share)
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
