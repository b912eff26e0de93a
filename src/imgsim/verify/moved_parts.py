"""Tells two frames of a fixed camera from a picture and its edited copy, before they are aligned.

In two frames a thing stands at one place in the one and at another in the other, or one thing was
there before and another is there now: each shows something that the other lacks. Whatever is
written or pasted over a copy lies on one of the two alone.

Where two pictures differ, the one that was added to has a border there, and the other one goes on
as it does around. So each place that differs, in surroundings that do not, belongs to the picture
that has the stronger gradients across the outline of the place.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imgsim.verify.blocks import Map
from imgsim.verify.gradients import gradients
from imgsim.verify.in_place import Screen, beyond, correlation, levels_near, means_of_cells
from imgsim.verify.limits import LIMITS
from imgsim.verify.matrix import Grey
from imgsim.verify.median import median
from imgsim.verify.recording import record


def show_other_parts(left: Screen, right: Screen) -> bool:
    """Return whether each of two pictures shows something that the other one lacks.

    That is so where most of both is the same, pixel by pixel in one place, and there are places
    that belong to the left picture and others that belong to the right one.

    Parameters
    ----------
    left, right : Screen
        As small as they are aligned first.
    """
    if left.image.shape != right.image.shape or min(left.image.shape) < LIMITS.in_place_cell:
        return False
    same = _same_cells(left, right)
    if same is None:
        return False
    toned = _in_tones_of(left, right, same)
    if toned is None:
        return False
    places, difference, most = _differing_places(toned, right, same)
    if places is None:
        return False
    areas = _areas(places, difference, most, (toned, right.smooth))
    fewer, more = min(areas), max(areas)
    record("moved_parts_min_pixels", fewer)
    if fewer < LIMITS.moved_parts_min_pixels:
        return False
    record("moved_parts_min_share", fewer / more)
    return fewer >= LIMITS.moved_parts_min_share * more


def _same_cells(left: Screen, right: Screen) -> NDArray[np.bool_] | None:
    """Cells with the same structure; None if those are too few for two pictures in one place."""
    structured = np.minimum(left.structure, right.structure) > LIMITS.moved_parts_structure
    count = int(np.count_nonzero(structured))
    record("moved_parts_min_cells", count)
    if count < LIMITS.moved_parts_min_cells:
        return None
    same = structured & (correlation(left, right) > LIMITS.moved_parts_same)
    share = float(np.count_nonzero(same)) / count
    record("moved_parts_min_same", share)
    return same if share >= LIMITS.moved_parts_min_same else None


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


def _differing_places(
    toned: Grey, right: Screen, same: NDArray[np.bool_]
) -> tuple[Grey | None, Grey, float]:
    """Where two images differ, as 1 and 0, by how much each pixel does, and what noise explains.

    Pieces of one thing are joined; None if there are no places.
    """
    import cv2

    plain = np.asarray(cv2.absdiff(toned, right.smooth), np.float32)
    noise = median(means_of_cells(plain)[same])
    # an edge that lies a pixel or two off is no difference
    near = [levels_near(image, LIMITS.moved_parts_near) for image in (right.smooth, toned)]
    difference = np.asarray(
        cv2.max(beyond(toned, near[0]), beyond(right.smooth, near[1])), np.uint8
    )
    least = max(LIMITS.moved_parts_difference, LIMITS.moved_parts_per_noise * noise)
    differs = np.asarray(cv2.threshold(difference, least, 1, cv2.THRESH_BINARY)[1], np.uint8)
    opening, closing = (
        np.ones((side, side), np.uint8)
        for side in (LIMITS.moved_parts_opening, LIMITS.moved_parts_closing)
    )
    differs = np.asarray(cv2.morphologyEx(differs, cv2.MORPH_OPEN, opening), np.uint8)
    unexplained = max(LIMITS.moved_parts_around, LIMITS.moved_parts_around_per_noise * noise)
    if not differs.any():
        return None, difference, unexplained
    joined = np.asarray(cv2.morphologyEx(differs, cv2.MORPH_CLOSE, closing), np.uint8)
    return joined, difference, unexplained


def _areas(
    places: Grey, difference: Grey, most: float, images: tuple[Grey, Grey]
) -> tuple[int, int]:
    """Pixels of the places that belong to either image."""
    import cv2

    count, labels, boxes, _ = cv2.connectedComponentsWithStats(places)
    height, width = places.shape
    room = LIMITS.moved_parts_room
    areas = [0, 0]
    for number in range(1, count):
        x, y, wide, high, area = boxes[number].tolist()
        if area < LIMITS.moved_parts_min_area:
            continue
        here = (
            slice(max(0, y - room), min(height, y + high + room)),
            slice(max(0, x - room), min(width, x + wide + room)),
        )
        place = np.asarray(labels[here] == number, np.uint8)
        if not _stands_alone(place, difference[here], most):
            continue
        borders = _borders(place, [image[here] for image in images])
        if max(borders) > LIMITS.moved_parts_border * min(borders):
            areas[int(borders[1] > borders[0])] += area
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


def _borders(place: Grey, images: list[Grey]) -> list[float]:
    """Mean gradients of images across the outline of a place."""
    import cv2

    kernel = np.ones((3, 3), np.uint8)
    outline = (cv2.dilate(place, kernel) - cv2.erode(place, kernel)) > 0
    soft = cv2.GaussianBlur(place.astype(np.float32), (0, 0), LIMITS.moved_parts_outline)
    across, down = (part[outline] for part in gradients(np.asarray(soft)))
    length = np.maximum(np.hypot(across, down), 1e-6)
    found = []
    for image in images:
        own: list[Map] = [part[outline] for part in gradients(image.astype(np.float32))]
        found.append(float((np.abs(own[0] * across + own[1] * down) / length).mean()))
    return found
