from __future__ import annotations

import numpy as np
import pytest

from imgsim.verify.matrix import project
from imgsim.verify.tracking import erode_mask, track, warp
from tests.verify.pictures import grey, picture

IMAGE = grey(picture(3, (240, 180)), 240)


def shifted(x: float, y: float) -> np.ndarray:
    """A matrix in units of an image of 240 x 180 pixels that shifts it."""
    return np.array([[1, 0, x / 240], [0, 1, y / 180], [0, 0, 1.0]])


def test_an_image_is_warped_by_whole_pixels() -> None:
    warped, mask = warp(IMAGE, IMAGE, shifted(5, -3), ())
    np.testing.assert_array_equal(warped[:-3, 5:], IMAGE[3:, :-5])
    assert mask[1:-5, 7:-2].all()
    assert not mask[:, :5].any()
    assert not mask[-3:].any()


def test_excluded_rows_are_not_in_the_mask() -> None:
    mask = warp(IMAGE, IMAGE, np.eye(3), [(0, 0.1), (0.5, 0.75)])[1]
    rows = mask[:, 5:-5].any(axis=1)
    assert not rows[:18].any()
    assert rows[18:90].all()
    assert not rows[90:135].any()
    assert rows[135:178].all()


def test_tracking_corrects_a_matrix() -> None:
    right = np.roll(IMAGE, (3, -4), (0, 1))
    tracking = track(IMAGE, right, shifted(3, -2), ())
    assert tracking is not None
    corner = project(tracking.matrix, np.array([[0.0, 1], [0, 1]])) * [[240], [180]]
    np.testing.assert_allclose(corner, [[4, 244], [-3, 177]], atol=0.2)
    assert tracking.correction == pytest.approx(np.hypot(1, 1), abs=0.2)
    assert tracking.shift() < 0.05
    assert 0.8 * tracking.tracked < len(tracking.inliers) <= tracking.tracked <= 110
    assert tracking.errors.shape == tracking.inliers.shape
    assert tracking.strength.shape == tracking.inliers.shape[:1]


def test_corners_of_an_earlier_round_are_tracked_again() -> None:
    first = track(IMAGE, IMAGE, np.eye(3), ())
    assert first is not None
    again = track(IMAGE, IMAGE, np.eye(3), (), first.corners[:40])
    assert again is not None
    assert again.tracked <= 40
    assert track(IMAGE, IMAGE, np.eye(3), (), first.corners[:11]) is None


def test_what_can_not_be_tracked_has_no_matrix() -> None:
    even = np.full_like(IMAGE, 90)
    assert track(even, even, np.eye(3), ()) is None
    assert track(IMAGE, IMAGE, shifted(230, 0), ()) is None  # hardly any overlap
    assert track(IMAGE, grey(picture(4, (240, 180)), 240), np.eye(3), ()) is None


def test_a_mask_is_eroded_at_the_edges_of_the_image_too() -> None:
    mask = np.ones((9, 12), np.uint8)
    mask[4, 6] = 0
    expected = np.zeros_like(mask)
    expected[1:-1, 1:-1] = 1
    expected[3:6, 5:8] = 0
    np.testing.assert_array_equal(erode_mask(mask, 3), expected)
