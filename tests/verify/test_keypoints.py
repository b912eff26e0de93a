from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import ImageOps

from imgsim.comparators.local import LAYOUT, MIRRORED
from imgsim.verify import keypoints
from imgsim.verify.keypoints import (
    Keypoints,
    _hamming,
    _hamming_by_faiss,
    _hamming_by_words,
    _mutual_nearest,
    _nearest,
    _nearest_in_c,
    _upright_agreeing,
    _upright_in_c,
    consistent_matches,
    matrices_from_keypoints,
)
from imgsim.verify.matrix import inverse, project
from tests.verify.pictures import matrix_of_rows, other_limits, picture, rows

BOX = (100, 60, 436, 312)
CUT = np.array([[336 / 480, 0, 100 / 480], [0, 252 / 360, 60 / 360], [0, 0, 1]])
"""The crop of `BOX` onto the whole picture of 480 x 360 pixels."""


@pytest.fixture
def without_poses() -> Iterator[None]:
    """Few matches are too few, whatever their poses."""
    with other_limits("keypoints", max_matches_for_parts=-1):
        yield


def test_keypoints_tell_where_a_crop_was_cut() -> None:
    whole = picture()
    left, right = rows(whole, whole.crop(BOX))
    matrix = matrix_of_rows(left, right, mirrored=False)
    assert matrix is not None
    np.testing.assert_allclose(matrix, CUT, atol=0.005)
    assert matrix_of_rows(left, right, mirrored=True) is None


def test_keypoints_tell_a_mirror_image() -> None:
    whole = picture()
    left, right = rows(whole, ImageOps.mirror(whole))
    matrix = matrix_of_rows(left, right, mirrored=True)
    assert matrix is not None
    np.testing.assert_allclose(matrix, [[-1, 0, 1], [0, 1, 0], [0, 0, 1]], atol=0.01)


def test_other_pictures_have_no_matrix() -> None:
    left, right = rows(picture(3), picture(4))
    for mirrored in (False, True):
        assert matrix_of_rows(left, right, mirrored=mirrored) is None


@pytest.mark.usefixtures("without_poses")
@pytest.mark.parametrize(("mirrored", "least"), [(False, 10), (True, 7)])
def test_too_few_keypoints_give_no_matrix(mirrored: bool, least: int) -> None:
    whole = picture()
    left, right = rows(whole, ImageOps.mirror(whole) if mirrored else whole)
    for count, enough in ((least, True), (least - 1, False)):
        few = right.copy()
        few["count"] = count
        matrix = matrix_of_rows(left, few, mirrored=mirrored)
        assert matrix is None or enough
        if not mirrored:
            assert (matrix is not None) == enough


def test_consistent_matches_lie_upon_each_other_nearest_first() -> None:
    whole = picture()
    left, right = rows(whole, whole.crop(BOX))
    left_places, right_places, bits = consistent_matches(left, right, CUT)
    assert 30 < len(bits) < int(right["count"])
    assert (np.diff(bits) >= 0).all()
    assert bits.max() <= 64
    apart = (project(CUT, right_places.T).T - left_places) * left["size"]
    assert np.hypot(*apart.T).max() <= 0.02 * left["size"].max()
    assert len(np.unique(left_places, axis=0)) == len(bits)  # each is matched once


def test_a_matrix_that_lays_nothing_upon_each_other_leaves_no_match() -> None:
    left, right = rows(picture(), picture())
    beside = np.array([[1, 0, 1], [0, 1, 0], [0, 0, 1.0]])
    none = right.copy()
    none["count"] = 0
    for other, matrix in ((right, beside), (none, np.eye(3))):
        left_places, right_places, bits = consistent_matches(left, other, matrix)
        assert left_places.shape == right_places.shape == (0, 2)
        assert len(bits) == 0


def test_mirrored_descriptors_are_matched_under_a_mirroring_matrix() -> None:
    whole = picture()
    left, right = rows(whole, ImageOps.mirror(whole))
    mirror = np.array([[-1, 0, 1], [0, 1, 0], [0, 0, 1.0]])
    assert 10 < len(consistent_matches(left, right, mirror)[2]) <= MIRRORED


# Records made by hand -----------------------------------------------------------------------------

RNG = np.random.default_rng(0)
DESCRIPTORS = RNG.integers(0, 256, (60, 32), np.uint8)
PLACES = RNG.uniform((20, 20), (180, 80), (60, 2))


def record(
    places: NDArray[np.float64],
    descriptors: NDArray[np.uint8],
    size: tuple[int, int] = (200, 100),
    *,
    mirrored: bool = False,
) -> Any:
    """A record with keypoints at places in pixels, the centre of the first one being (0, 0)."""
    row = np.zeros(1, LAYOUT)[0]
    row["size"] = size
    row["count"] = n = len(places)
    row["place"][:n] = np.rint(places * 64)
    row["mirrored" if mirrored else "descriptor"][:n] = descriptors
    return row


def with_flipped_bits(descriptors: NDArray[np.uint8], bits: int) -> NDArray[np.uint8]:
    changed = np.unpackbits(descriptors, axis=1)
    changed[:, :bits] ^= 1
    return np.packbits(changed, axis=1)


@pytest.mark.parametrize("count", [_hamming, _hamming_by_faiss, _hamming_by_words])
def test_bits_that_differ_are_counted(
    count: Callable[[NDArray[np.uint8], NDArray[np.uint8]], NDArray[np.int32]],
) -> None:
    one, other = DESCRIPTORS[:5], DESCRIPTORS[5:12]
    bits = count(one, other)
    assert bits.shape == (5, 7)
    for i, j in np.ndindex(5, 7):
        assert bits[i, j] == sum(
            (int(a) ^ int(b)).bit_count() for a, b in zip(one[i], other[j], strict=True)
        )
    assert (count(one, with_flipped_bits(one, 256)).diagonal() == 256).all()
    assert count(one[:0], other).shape == (0, 7)


needs_c = pytest.mark.skipif(
    keypoints._matches is None, reason="the parts in C are not compiled: there was no C compiler"
)


@needs_c
def test_c_and_numpy_find_the_same_nearest() -> None:
    rng = np.random.default_rng(5)
    for n, m in ((1, 1), (7, 3), (96, 256), (0, 4), (4, 0)):
        one, other = (rng.integers(0, 4, (k, 32), np.uint8) for k in (n, m))  # many are equally far
        for expected, found in zip(
            _nearest(_hamming_by_words(one, other)), _nearest_in_c(one, other), strict=True
        ):
            np.testing.assert_array_equal(expected, found)


@needs_c
def test_c_and_numpy_find_the_same_upright_matches() -> None:
    rng = np.random.default_rng(6)
    for n in (1, 2, 40, 120):
        points = rng.uniform(0, 300, (n, 2)).astype(np.float32)
        target = 0.7 * points.astype(np.float64) + (3, 9)
        target[::3] = rng.uniform(0, 300, (len(target[::3]), 2))
        target[1::5] += rng.normal(0, 4, (len(target[1::5]), 2))
        both = [agreeing(points, target, 4.0) for agreeing in (_upright_agreeing, _upright_in_c)]
        if both[0] is None:
            assert both[1] is None
        else:
            np.testing.assert_array_equal(*both)


@needs_c
def test_c_checks_the_matches_it_is_given() -> None:
    numbers = [np.zeros(n, np.int64) for n in (2, 2, 3, 3)]
    one, other = np.zeros((2, 32), np.uint8), np.zeros((3, 32), np.uint8)
    with pytest.raises(ValueError, match="left: 32 items"):
        keypoints._matches.nearest(one.ravel()[:33], other, *numbers)
    with pytest.raises(ValueError, match="rows: 3 items"):
        keypoints._matches.nearest(one, other, numbers[0], *numbers[:3])
    with pytest.raises(TypeError, match="items of 4 bytes"):
        keypoints._matches.upright(numbers[0], np.zeros(4), 1, 1, 1, 1, one)
    with pytest.raises(ValueError, match="target: 4 items"):
        keypoints._matches.upright(
            np.zeros(4, np.float32), np.zeros(6), 1, 1, 1, 1, np.zeros(2, np.uint8)
        )


def test_matches_are_each_others_nearest_and_near() -> None:
    bits = np.array([[9, 3, 70], [2, 3, 70], [90, 80, 65], [90, 80, 64]], np.uint8)
    one, other = _mutual_nearest(_nearest(bits))
    assert list(zip(one.tolist(), other.tolist(), strict=True)) == [(0, 1), (1, 0), (3, 2)]
    for shape in ((0, 3), (3, 0), (0, 0)):
        assert [len(x) for x in _mutual_nearest(_nearest(np.zeros(shape, np.uint8)))] == [0, 0]


AFFINE = np.array([[1.25, 0.25, 10], [-0.125, 1.5, 20]])
"""Pixels of 200 x 100, as OpenCV counts them, to those of 300 x 240."""


def mapped(places: NDArray[np.float64]) -> NDArray[np.float64]:
    return places @ AFFINE[:, :2].T + AFFINE[:, 2]


@pytest.mark.parametrize("mirrored", [False, True])
def test_keypoints_give_the_affine_matrix_that_maps_them(mirrored: bool) -> None:
    left = record(mapped(PLACES), DESCRIPTORS, (300, 240))
    right = record(PLACES, with_flipped_bits(DESCRIPTORS, 64), mirrored=mirrored)
    matrix = matrix_of_rows(left, right, mirrored=mirrored)
    assert matrix is not None
    units = (PLACES + 0.5) / (200, 100)
    expected = (mapped(PLACES) + 0.5) / (300, 240)
    np.testing.assert_allclose(project(matrix, units.T).T, expected, atol=1e-3)
    far = record(PLACES, with_flipped_bits(DESCRIPTORS, 65), mirrored=mirrored)
    assert matrix_of_rows(left, far, mirrored=mirrored) is None


@pytest.mark.usefixtures("without_poses")
@pytest.mark.parametrize(("mirrored", "least"), [(False, 10), (True, 7)])
@pytest.mark.parametrize("short", ["left", "right", "matches"])
def test_a_matrix_needs_so_many_keypoints_and_matches(
    mirrored: bool, least: int, short: str
) -> None:
    for n in (least - 1, least):
        many = {"left": 30, "right": 30} | {short: n}
        left = record(PLACES[: many["left"]], DESCRIPTORS[: many["left"]])
        known = DESCRIPTORS[: many["right"]].copy()
        if short == "matches":
            known[n:] = RNG.integers(0, 256, (30 - n, 32), np.uint8)
        right = record(PLACES[: many["right"]], known, mirrored=mirrored)
        matrix = matrix_of_rows(left, right, mirrored=mirrored)
        assert (matrix is not None) == (n == least)
        if matrix is not None:
            np.testing.assert_allclose(matrix, np.eye(3), atol=1e-3)


@pytest.mark.usefixtures("without_poses")
@pytest.mark.parametrize(("inliers", "enough"), [(9, False), (10, True), (14, True), (16, True)])
def test_a_matrix_needs_so_many_inliers(inliers: int, enough: bool) -> None:
    """10 at least; the others lie where no affine matrix takes more than three of them."""
    n = inliers + 8
    places = PLACES[:n].copy()
    places[inliers:] = np.random.default_rng(5).uniform((0, 0), (199, 99), (8, 2))
    right = record(PLACES[:n], DESCRIPTORS[:n])
    matrix = matrix_of_rows(record(places, DESCRIPTORS[:n]), right, mirrored=False)
    assert (matrix is not None) == enough


@pytest.mark.parametrize(("inliers", "enough"), [(14, False), (15, True)])
def test_a_quarter_of_the_matches_have_to_be_inliers(inliers: int, enough: bool) -> None:
    places = PLACES.copy()
    places[inliers:] = np.random.default_rng(6).uniform((0, 0), (199, 99), (60 - inliers, 2))
    left = record(places, DESCRIPTORS)
    limits = {"affine_tolerance": 0.0005, "affine_iterations": 100_000, "max_matches_for_parts": -1}
    limits["upright_min_share"] = 2.0
    with other_limits("keypoints", **limits):
        matrix = matrix_of_rows(left, record(PLACES, DESCRIPTORS), mirrored=False)
    assert (matrix is not None) == enough


@pytest.mark.parametrize(
    ("off", "size", "found"), [(4.5, (200, 100), 0), (1.9, (200, 100), 1), (4.5, (800, 400), 1)]
)
@pytest.mark.parametrize("swapped", [False, True])
def test_an_inlier_is_off_by_a_hundredth_of_the_longer_side_of_either_at_most(
    off: float, size: tuple[int, int], found: int, swapped: bool
) -> None:
    """Of 200 x 100 pixels these are 2, of 800 x 400 they are 8."""
    places = PLACES[:30].copy()
    places[:15] += (0, off)  # half of them: no one matrix has both within 2 pixels
    both = record(places, DESCRIPTORS[:30]), record(PLACES[:30], DESCRIPTORS[:30], size)
    left, right = (Keypoints.of(one) for one in (both[::-1] if swapped else both))
    with other_limits(
        "keypoints", min_match_share=0.75, max_matches_for_parts=-1, upright_min_share=2.0
    ):
        assert len(list(matrices_from_keypoints(left, right, mirrored=False))) == found


@pytest.mark.parametrize(("apart", "found"), [(0.11, 1), (0.13, 2)])
def test_a_second_matrix_is_tried_if_it_is_another(
    apart: float, found: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = np.array([[1, 0, apart], [0, 1, 0], [0, 0, 1.0]])
    estimates = iter([np.eye(3), inverse(second)])
    monkeypatch.setattr(keypoints, "_estimate", lambda *_, mirrored: next(estimates))
    one = Keypoints.of(record(PLACES, DESCRIPTORS))
    matrices = [np.eye(3), second][:found]
    np.testing.assert_allclose(list(matrices_from_keypoints(one, one, mirrored=False)), matrices)


def test_consistent_matches_lie_within_a_fiftieth_of_the_longer_side() -> None:
    """4 of 200 pixels, in whichever direction."""
    right = record(PLACES, DESCRIPTORS)
    shifts = np.zeros((60, 2))
    shifts[0], shifts[1], shifts[2], shifts[3] = (3.9, 0), (4.1, 0), (0, -3.9), (0, 4.1)
    changed = DESCRIPTORS.copy()
    changed[2:3] = with_flipped_bits(DESCRIPTORS[2:3], 7)
    changed[5:6] = with_flipped_bits(DESCRIPTORS[5:6], 64)
    changed[6:7] = with_flipped_bits(DESCRIPTORS[6:7], 65)
    changed[9:10] = with_flipped_bits(DESCRIPTORS[9:10], 3)
    left = record(PLACES + shifts, changed)
    left_places, right_places, bits = consistent_matches(left, right, np.eye(3))
    kept = [i for i in range(60) if i not in {1, 2, 3, 5, 6, 9}] + [9, 2, 5]
    assert bits.tolist() == [0] * (len(kept) - 3) + [3, 7, 64]
    assert bits.dtype == np.int64
    np.testing.assert_allclose(right_places, (PLACES[kept] + 0.5) / (200, 100), atol=1e-4)
    np.testing.assert_allclose(left_places, ((PLACES + shifts)[kept] + 0.5) / (200, 100), atol=1e-4)


def test_of_two_like_keypoints_the_one_in_its_place_is_matched() -> None:
    places, descriptors = PLACES[:12].copy(), DESCRIPTORS[:12].copy()
    places[1] = places[0] + (30, 0)
    descriptors[1] = descriptors[0]
    row = record(places, descriptors)
    left_places, right_places, _ = consistent_matches(row, row, np.eye(3))
    assert len(left_places) == 12
    np.testing.assert_array_equal(left_places, right_places)
    mirror = np.array([[-1, 0, 1], [0, 1, 0], [0, 0, 1.0]])
    both = record(places, descriptors, mirrored=True)  # no upright descriptors: all alike
    mirrored = record((199, 0) + places * (-1, 1), descriptors)
    assert len(consistent_matches(mirrored, both, mirror)[0]) == 12


# Poses --------------------------------------------------------------------------------------------


def posed(n: int, bits: int = 0, turn: int = 0, size: tuple[int, int] = (200, 100)) -> Any:
    """Two images of n keypoints in common, the right one's turned by so many 256ths at the end."""
    left, right = record(PLACES[:n], DESCRIPTORS[:n]), record(PLACES[:n], DESCRIPTORS[:n])
    right["descriptor"][:n] = with_flipped_bits(DESCRIPTORS[:n], bits)
    right["angle"][: n // 2] = turn
    return left, right


@pytest.mark.parametrize(
    ("n", "bits", "turn", "enough"),
    [(3, 0, 0, True), (2, 0, 0, False), (8, 39, 0, True), (7, 39, 0, False), (4, 0, 64, False),
     (4, 25, 0, False), (5, 25, 0, True), (9, 0, 10, True)],
)  # fmt: skip
def test_few_matches_are_enough_if_their_poses_agree(
    n: int, bits: int, turn: int, enough: bool
) -> None:
    left, right = posed(n, bits, turn)
    matrix = matrix_of_rows(left, right, mirrored=False)
    assert (matrix is not None) == enough
    if matrix is not None:
        np.testing.assert_allclose(matrix, np.eye(3), atol=1e-3)


@pytest.mark.parametrize(
    ("matches", "scale", "found"),
    [(40, 1.0, True), (41, 1.0, False), (60, 0.7, True), (60, 0.72, False)],
)
def test_few_agree_among_many_matches_in_a_part_alone(
    matches: int, scale: float, found: bool
) -> None:
    """Nine lie where they should, too few for an affine matrix; half the area is 0.71 squared."""
    right = record(PLACES[:matches], DESCRIPTORS[:matches])
    places = np.random.default_rng(8).uniform((0, 0), (199, 99), (matches, 2))
    places[:9] = PLACES[:9] * scale
    left = record(places, DESCRIPTORS[:matches])
    left["angle"][9:matches] = RNG.integers(0, 256, matches - 9)
    assert (matrix_of_rows(left, right, mirrored=False) is not None) == found


@pytest.mark.usefixtures("without_poses")
def test_what_was_enlarged_and_shifted_alone_is_found_by_fewer_matches() -> None:
    """As a page in a window: most letters match other ones, and those that do not lie together."""
    rng = np.random.default_rng(7)
    n, right_ones = len(DESCRIPTORS), 14
    places = rng.uniform((0, 0), (199, 99), (n, 2))
    others = rng.uniform((0, 0), (399, 199), (n, 2))
    others[:right_ones] = 1.5 * places[:right_ones] + (60, 20)
    left = record(others, DESCRIPTORS, (400, 200))
    matrix = matrix_of_rows(left, record(places, DESCRIPTORS), mirrored=False)
    assert matrix is not None
    corners = project(matrix, np.array([[0, 1, 0.5], [0, 1, 0.5]]))
    expected = [[60.25 / 400, 360.25 / 400, 210.25 / 400], [20.25 / 200, 170.25 / 200, 95.25 / 200]]
    np.testing.assert_allclose(corners, expected, atol=4e-3)


def test_few_matches_close_to_each_other_tell_no_shear() -> None:
    """They are off by half a pixel; an affine matrix that fits them best is off by far more."""
    rng = np.random.default_rng(8)
    places = rng.uniform((60, 30), (110, 55), (16, 2))
    left = record(np.rint(1.5 * places + (60, 20)), DESCRIPTORS[:16], (400, 200))
    matrix = matrix_of_rows(left, record(np.rint(places), DESCRIPTORS[:16]), mirrored=False)
    assert matrix is not None
    corners = project(matrix, np.array([[0.0, 1], [0, 1]])) * [[400], [200]]
    np.testing.assert_allclose(corners, [[60.25, 360.25], [20.25, 170.25]], atol=3)
