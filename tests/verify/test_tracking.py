from __future__ import annotations

import numpy as np
import pytest

from imgsim.verify.matrix import project
from imgsim.verify.tracking import (
    Tracking,
    _detect_corners,
    _fit_homography,
    erode_mask,
    track,
    warp,
)
from tests.verify.pictures import grey, other_limits, picture

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


def test_the_mask_ends_half_a_pixel_before_the_centres_of_the_outermost_pixels() -> None:
    """Half of a pixel and of another one: what is between two pixels is interpolated."""
    ones = np.full((12, 20), 200, np.uint8)
    canvas = np.zeros((36, 60), np.uint8)
    inside = np.array([[1 / 3, 0, 1 / 3], [0, 1 / 3, 1 / 3], [0, 0, 1]])
    warped, mask = warp(canvas, ones, inside, ())
    assert warped[12:24, 20:40].min() == 200
    expected = np.zeros_like(canvas)
    expected[12:24, 20:40] = 1  # drawn with its rim, which passes through half pixels
    assert (mask <= expected).all()
    assert mask[13:23, 21:39].all()


def test_rows_are_left_out_by_their_rounded_share() -> None:
    mask = warp(IMAGE, IMAGE, np.eye(3), [(0.0, 0.0249), (0.9, 0.95)])[1][:, 5:-5].any(axis=1)
    assert np.flatnonzero(~mask[1:-1]).tolist() == [0, 1, 2, *range(161, 170)]


def shift_by_hand(tracking: Tracking) -> float:
    """The shift by loops."""
    n = len(tracking.inliers)
    full = np.quantile(tracking.strength, 0.75)
    weights = [min(1.0, float(s / full)) for s in tracking.strength]
    lengths = []
    for i in range(n):
        apart = [float(np.hypot(*(tracking.inliers[i] - tracking.inliers[j]))) for j in range(n)]
        near = sorted(range(n), key=lambda j: apart[j])[:6]
        total = sum(weights[j] for j in near)
        common = sum(weights[j] * tracking.errors[j].astype(float) for j in near) / total
        lengths.append(float(np.hypot(*common)))
    passed = 0.0
    for i in sorted(range(n), key=lambda i: lengths[i]):
        passed += weights[i]
        if passed >= 0.75 * sum(weights):
            return lengths[i]
    raise AssertionError


@pytest.mark.parametrize("n", [7, 12, 60])
def test_the_shift_is_that_of_neighbours_by_weight(n: int) -> None:
    rng = np.random.default_rng(n)
    tracking = Tracking(
        np.eye(3),
        0.0,
        np.zeros((n, 1, 2), np.float32),
        n,
        rng.uniform(0, 200, (n, 2)).astype(np.float32),
        rng.normal(0, 0.2, (n, 2)).astype(np.float32),
        rng.uniform(0.01, 0.2, n).astype(np.float32),
    )
    assert tracking.shift() == pytest.approx(shift_by_hand(tracking), rel=1e-4)


def test_what_is_displaced_alone_is_no_shift() -> None:
    """Neighbours that are displaced in opposite directions, and those that go together."""
    x, y = np.meshgrid(np.arange(10.0), np.arange(10.0))
    places = np.stack([x.ravel(), y.ravel()], axis=1).astype(np.float32) * 20
    ones = np.ones(100, np.float32)
    signs = ((x + y) % 2 * 2 - 1).ravel()[:, None].astype(np.float32)
    corners = places[:, None]
    alone = Tracking(np.eye(3), 0, corners, 100, places, signs * np.float32([3, 4]), ones)
    together = Tracking(np.eye(3), 0, corners, 100, places, 0 * signs + np.float32([3, 4]), ones)
    assert together.shift() == pytest.approx(5)
    assert alone.shift() < 4.9


# Homographies -------------------------------------------------------------------------------------

TRUE = np.array([[1.1, 0.05, 3], [-0.04, 0.95, 5], [1e-4, -2e-4, 1]])


def moved_points(n: int, outliers: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Points that the true homography gives, and those it takes, the first of them off."""
    rng = np.random.default_rng(4)
    moved = rng.uniform((5, 5), (230, 170), (n, 2))
    points = project(TRUE, moved.T).T
    moved[:outliers] += rng.uniform(20, 60, (outliers, 2))
    return points[:, None].astype(np.float32), moved[:, None].astype(np.float32)


def test_a_homography_takes_moved_points_back() -> None:
    fit = _fit_homography(*moved_points(40, 6))
    assert fit is not None
    homography, is_inlier = fit
    np.testing.assert_allclose(homography / homography[2, 2], TRUE, atol=2e-3)
    assert is_inlier.shape == (40,)
    assert is_inlier.tolist() == [False] * 6 + [True] * 34


@pytest.mark.parametrize(
    ("points", "outliers", "enough"), [(12, 0, True), (11, 0, False), (20, 8, True), (20, 9, False)]
)
def test_a_homography_needs_12_points_that_agree(points: int, outliers: int, enough: bool) -> None:
    assert (_fit_homography(*moved_points(points, outliers)) is not None) == enough


def test_a_homography_is_that_of_all_inliers() -> None:
    """Half of the points are off by a pixel: the fit lies in between."""
    points, moved = moved_points(40)
    points[::2, :, 0] += 1.0
    fit = _fit_homography(points, moved)
    assert fit is not None
    assert fit[1].all()
    errors = project(fit[0], moved[:, 0].T.astype(float)).T - points[:, 0]
    assert errors[::2, 0].mean() == pytest.approx(-0.5, abs=0.2)
    assert errors[1::2, 0].mean() == pytest.approx(0.5, abs=0.2)


# Corners ------------------------------------------------------------------------------------------


def squares(height: int, width: int, corner_places: list[tuple[int, int]]) -> np.ndarray:
    """Bright squares whose upper left pixels lie at places (x, y)."""
    image = np.full((height, width), 60, np.uint8)
    for x, y in corner_places:
        image[y : y + 60, x : x + 60] = 200
    return image


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_corners_lie_where_squares_have_them(scale: int) -> None:
    """Between the pixels of either side; images of four times the size are detected smaller."""
    n = 60 * scale
    image = np.full((200 * scale, 240 * scale), 60, np.uint8)
    image[40 * scale : 40 * scale + n, 80 * scale : 80 * scale + n] = 200
    corners = _detect_corners(image, np.ones_like(image))
    assert corners.shape == (4, 1, 2)
    assert corners.dtype == np.float32
    left, top = 80 * scale - 0.5, 40 * scale - 0.5
    expected = [(left, top), (left, top + n), (left + n, top), (left + n, top + n)]
    places = sorted(map(tuple, corners[:, 0].tolist()), key=lambda p: (round(p[0] / 9), p[1]))
    np.testing.assert_allclose(places, expected, atol=1.0 if scale == 1 else 0.3)


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_corners_lie_in_the_mask(scale: int) -> None:
    image = np.full((200 * scale, 241 * scale + scale // 2), 60, np.uint8)
    image[40 * scale : 100 * scale, 80 * scale : 140 * scale] = 200
    mask = np.zeros_like(image)
    mask[: 70 * scale, : 110 * scale] = 1
    ((place,),) = _detect_corners(image, mask)
    np.testing.assert_allclose(place, (80 * scale - 0.5, 40 * scale - 0.5), atol=1.0)
    assert _detect_corners(image, np.zeros_like(mask)).shape == (0, 1, 2)
    assert _detect_corners(np.full_like(image, 60), mask).shape == (0, 1, 2)


@pytest.mark.parametrize(("shape", "gap"), [((90, 240), 4), ((240, 240), 8), ((480, 500), 16)])
def test_corners_are_so_far_from_each_other(shape: tuple[int, int], gap: int) -> None:
    """A thirtieth of the shorter side, and 4 pixels at least; the step is 1, 1 and 2 pixels."""
    noise = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    with other_limits("tracking", max_points=100_000, subpixel_iterations=1, subpixel_epsilon=99.0):
        corners = _detect_corners(noise, np.ones_like(noise))[:, 0]
    apart = np.hypot(*(corners[:, None] - corners[None]).transpose(2, 0, 1))
    np.fill_diagonal(apart, np.inf)
    moved = 0 if max(shape) < 375 else 6  # to their exact places
    assert gap - moved <= apart.min() <= gap + 2 + moved
    assert len(_detect_corners(noise, np.ones_like(noise))) == 110


def test_tracking_needs_an_overlap_of_400_pixels() -> None:
    """After an erosion by four pixels at every side."""
    for side, enough in ((29, True), (28, False)):
        image = grey(picture(3, (240, 180)), 240)[40 : 40 + side, 60 : 60 + side]
        mask = erode_mask(warp(image, image, np.eye(3), ())[1], 9)
        assert (np.count_nonzero(mask) >= 400) == enough
        with other_limits("tracking", min_points=4):
            assert (track(image, image, np.eye(3), ()) is not None) == enough
