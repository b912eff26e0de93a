"""Tells two frames of a fixed camera from a picture and its edited copy, before they are aligned.

In two frames a thing stands at one place in the one and at another in the other, or one thing was
there before and another is there now: each shows something that the other lacks. Whatever is
written or pasted over a copy lies on one of the two alone.

Where two pictures differ, the one that was added to has a border there, and the other one goes on
as it does around. So each place that differs, in surroundings that do not, belongs to the picture
that has the stronger gradients across the outline of the place.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imgsim.verify.blocks import Map
from imgsim.verify.gradients import gradients
from imgsim.verify.in_place import Screen, beyond, correlation, levels_near, means_of_cells
from imgsim.verify.limits import LIMITS
from imgsim.verify.matrix import Grey
from imgsim.verify.median import median, quantile
from imgsim.verify.recording import record
from imgsim.verify.small import Pixels


@dataclass(frozen=True, slots=True)
class Parts:
    """Where two pictures differ that lie upon each other pixel by pixel.

    Attributes
    ----------
    on_both : bool
        There are places that belong to the left picture and others that belong to the right one:
        each shows something that the other one lacks.
    pixels : int
        Of all places in which they differ.
    same : float
        Share of the cells with structure that show the same.
    """

    on_both: bool
    pixels: int
    same: float


def find_parts(left: Screen, right: Screen) -> Parts | None:
    """Find where two pictures differ, if most of both is the same, pixel by pixel in one place.

    Parameters
    ----------
    left, right : Screen
        As small as they are aligned first.

    Returns
    -------
    Parts or None
        None if they do not lie upon each other so, or that can not be told.
    """
    if left.image.shape != right.image.shape or min(left.image.shape) < LIMITS.in_place_cell:
        return None
    same = _same_cells(left, right)
    if same is None:
        return None
    toned = _in_tones_of(left, right, same.cells)
    if toned is None:
        return None
    differing = _differing_places(toned, right.smooth, same.cells)
    areas = _areas(differing, (toned, right.smooth))
    return Parts(_are_on_both(*areas), int(np.count_nonzero(differing.places)), same.share)


def show_other_colours(left: Pixels, right: Pixels) -> bool:
    """Return whether each of two pictures shows something that the other one lacks, in colour.

    A red thing on green may be as light as what is behind it. See `Parts.on_both`; the larger of
    the two pictures is brought to the size of the smaller one.

    Parameters
    ----------
    left, right : ndarray of uint8, shape (h, w, 3)
        As small as they are aligned first, in red, green and blue.
    """
    import cv2

    size = min(left.shape[:2], right.shape[:2])
    left, right = (_shrunk(image, size) for image in (left, right))
    if min(size) < LIMITS.in_place_cell:
        return False
    images = [cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb) for image in (left, right)]
    channels = [
        tuple(Screen(np.ascontiguousarray(image[..., i])) for image in images) for i in range(3)
    ]
    lights = _same_cells(*channels[0])
    if lights is None:
        return False
    same = lights.cells
    # what is clipped in one of them has another colour there, and is the same thing
    clipped = _clipped(left) | _clipped(right)
    areas = np.zeros((3, 2), np.int64)
    for number, (one, other) in enumerate(channels):
        toned = _in_tones_of(one, other, same)
        if toned is None:
            continue  # one of them is grey, or nearly
        places = _differing_places(
            toned, other.smooth, same, LIMITS.moved_parts_per_usual, clipped if number else None
        )
        areas[number] = _areas(places, (toned, other.smooth))
    return _are_on_both(*areas.max(axis=0).tolist())


def _shrunk(image: Pixels, size: tuple[int, ...]) -> Pixels:
    import cv2

    if image.shape[:2] == size:
        return image
    return np.asarray(cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA), np.uint8)


def _clipped(image: Pixels) -> NDArray[np.bool_]:
    """Where red, green or blue may be cut off, and next to it."""
    import cv2

    low, high = LIMITS.moved_parts_open_levels
    channels = image.shape[2]
    inside = cv2.inRange(image, (low + 1,) * channels, (high - 1,) * channels)
    return np.asarray(cv2.erode(inside, np.ones((3, 3), np.uint8)) == 0)


def _are_on_both(one: int, other: int) -> bool:
    """Whether so many pixels of either picture show what the other one lacks."""
    fewer, more = min(one, other), max(one, other)
    record("moved_parts_min_pixels", fewer)
    if fewer < LIMITS.moved_parts_min_pixels:
        return False
    record("moved_parts_min_share", fewer / more)
    return fewer >= LIMITS.moved_parts_min_share * more


@dataclass(frozen=True, slots=True)
class _Same:
    """Cells with the same structure in two pictures, and their share of those with structure."""

    cells: NDArray[np.bool_]
    share: float


def _same_cells(left: Screen, right: Screen) -> _Same | None:
    """Cells with the same structure; None if those are too few for two pictures in one place."""
    structured = np.minimum(left.structure, right.structure) > LIMITS.moved_parts_structure
    count = int(np.count_nonzero(structured))
    record("moved_parts_min_cells", count)
    if count < LIMITS.moved_parts_min_cells:
        return None
    same = structured & (correlation(left, right) > LIMITS.moved_parts_same)
    share = float(np.count_nonzero(same)) / count
    record("moved_parts_min_same", share)
    return _Same(same, share) if share >= LIMITS.moved_parts_min_same else None


def _in_tones_of(left: Screen, right: Screen, same: NDArray[np.bool_]) -> Grey | None:
    """The smooth left image, as light and as contrasty as the right one; None if far from it."""
    import cv2

    mine, others = left.mean[same], right.mean[same]
    spread = float(mine.std())
    gain = 1.0
    if spread > 1:
        gain = float(((mine - mine.mean()) * (others - others.mean())).mean()) / spread**2
    record("moved_parts_max_gain", max(gain, 1 / max(gain, 1e-3)))
    if not 1 / LIMITS.moved_parts_max_gain < gain < LIMITS.moved_parts_max_gain:
        return None
    offset = float(others.mean()) - gain * float(mine.mean())
    levels = np.arange(256, dtype=np.float64) * gain + offset
    return np.asarray(cv2.LUT(left.smooth, np.rint(levels).clip(0, 255).astype(np.uint8)), np.uint8)


@dataclass(frozen=True, slots=True)
class _Differing:
    """Where two images differ, as 1 and 0, by how much each pixel does, and what noise explains.

    Pieces of one thing are joined.
    """

    places: Grey
    difference: Grey
    unexplained: float


def _differing_places(
    toned: Grey,
    other: Grey,
    same: NDArray[np.bool_],
    per_usual: float = 0.0,
    hidden: NDArray[np.bool_] | None = None,
) -> _Differing:
    """Find places in which two smooth images differ.

    They differ there by so many times as much as nine in ten cells; what is hidden is left out.
    """
    import cv2

    plain = means_of_cells(np.asarray(cv2.absdiff(toned, other), np.float32))
    noise = median(plain[same])
    # an edge that lies a pixel or two off is no difference
    near = [levels_near(image, LIMITS.moved_parts_near) for image in (other, toned)]
    difference = np.asarray(cv2.max(beyond(toned, near[0]), beyond(other, near[1])), np.uint8)
    if hidden is not None:
        difference[hidden] = 0
    least = max(LIMITS.moved_parts_difference, LIMITS.moved_parts_per_noise * noise)
    if per_usual:
        usual = quantile(plain.ravel(), LIMITS.moved_parts_usual_quantile)
        least = max(least, per_usual * usual)
    differs = np.asarray(cv2.threshold(difference, least, 1, cv2.THRESH_BINARY)[1], np.uint8)
    opening, closing = (
        np.ones((side, side), np.uint8)
        for side in (LIMITS.moved_parts_opening, LIMITS.moved_parts_closing)
    )
    places = np.asarray(cv2.morphologyEx(differs, cv2.MORPH_OPEN, opening), np.uint8)
    if places.any():
        places = np.asarray(cv2.morphologyEx(places, cv2.MORPH_CLOSE, closing), np.uint8)
    unexplained = max(LIMITS.moved_parts_around, LIMITS.moved_parts_around_per_noise * noise)
    return _Differing(places, difference, unexplained)


def _areas(differing: _Differing, images: tuple[Grey, Grey]) -> tuple[int, int]:
    """Pixels of the places that belong to either image."""
    import cv2

    count, labels, boxes, _ = cv2.connectedComponentsWithStats(differing.places)
    height, width = labels.shape
    room = LIMITS.moved_parts_room
    areas = [0, 0]
    for label in range(1, count):
        x, y, wide, high, area = boxes[label].tolist()
        if area < LIMITS.moved_parts_min_area:
            continue
        here = (
            slice(max(0, y - room), min(height, y + high + room)),
            slice(max(0, x - room), min(width, x + wide + room)),
        )
        place = np.asarray(labels[here] == label, np.uint8)
        if not _stands_alone(place, differing.difference[here], differing.unexplained):
            continue
        for number, share in enumerate(_belongs(place, [image[here] for image in images])):
            areas[number] += round(share * area)
    return areas[0], areas[1]


def _stands_alone(place: Grey, difference: Grey, most: float) -> bool:
    """Whether there is hardly a difference around a place."""
    import cv2

    kernels = [np.ones((n, n), np.uint8) for n in LIMITS.moved_parts_surroundings]
    near = cv2.dilate(place, kernels[0])
    around = cv2.dilate(near, kernels[1]) > near
    if np.count_nonzero(around) < LIMITS.moved_parts_min_area:
        return False
    squares = np.square(difference[around].astype(np.float32))
    return float(np.sqrt(squares.mean())) < most


def _belongs(place: Grey, images: list[Grey]) -> tuple[float, float]:
    """Shares of a place that belong to either of two images, by the gradients across its outline.

    Two things that touch are one place, and parts of its outline are sharper in the one image and
    others in the other one.
    """
    import cv2

    kernel = np.ones((3, 3), np.uint8)
    outline = (cv2.dilate(place, kernel) - cv2.erode(place, kernel)) > 0
    soft = cv2.GaussianBlur(place.astype(np.float32), (0, 0), LIMITS.moved_parts_outline)
    across, down = gradients(np.asarray(soft))
    length = np.maximum(np.hypot(across, down), 1e-6)
    borders: list[Map] = []
    for image in images:
        own = gradients(image.astype(np.float32))
        borders.append(np.abs(own[0] * across + own[1] * down) / length * outline)
    stretch = (LIMITS.moved_parts_stretch,) * 2
    near = [cv2.boxFilter(border, -1, stretch)[outline] for border in borders]
    count = cv2.boxFilter(outline.astype(np.float32), -1, stretch)[outline]
    sharper = [
        (one > LIMITS.moved_parts_stretch_border * other)
        & (one > LIMITS.moved_parts_stretch_gradient * count)
        for one, other in (near, near[::-1])
    ]
    shares = float(sharper[0].mean()), float(sharper[1].mean())
    record("moved_parts_min_stretch", min(shares))
    if min(shares) >= LIMITS.moved_parts_min_stretch:
        return shares
    means = [float(border[outline].mean()) for border in borders]
    if max(means) <= LIMITS.moved_parts_border * min(means):
        return 0.0, 0.0
    return float(means[0] > means[1]), float(means[1] > means[0])
