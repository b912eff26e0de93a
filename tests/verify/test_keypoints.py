from __future__ import annotations

import numpy as np
import pytest
from PIL import ImageOps

from imgsim.comparators.local import MIRRORED
from imgsim.verify.keypoints import consistent_matches, matrix_from_keypoints
from imgsim.verify.matrix import project
from tests.verify.pictures import picture, rows

BOX = (100, 60, 436, 312)
CUT = np.array([[336 / 480, 0, 100 / 480], [0, 252 / 360, 60 / 360], [0, 0, 1]])
"""The crop of `BOX` onto the whole picture of 480 x 360 pixels."""


def test_keypoints_tell_where_a_crop_was_cut() -> None:
    whole = picture()
    left, right = rows(whole, whole.crop(BOX))
    matrix = matrix_from_keypoints(left, right, mirrored=False)
    assert matrix is not None
    np.testing.assert_allclose(matrix, CUT, atol=0.005)
    assert matrix_from_keypoints(left, right, mirrored=True) is None


def test_keypoints_tell_a_mirror_image() -> None:
    whole = picture()
    left, right = rows(whole, ImageOps.mirror(whole))
    matrix = matrix_from_keypoints(left, right, mirrored=True)
    assert matrix is not None
    np.testing.assert_allclose(matrix, [[-1, 0, 1], [0, 1, 0], [0, 0, 1]], atol=0.01)


def test_other_pictures_have_no_matrix() -> None:
    left, right = rows(picture(3), picture(4))
    for mirrored in (False, True):
        assert matrix_from_keypoints(left, right, mirrored=mirrored) is None


@pytest.mark.parametrize(("mirrored", "least"), [(False, 10), (True, 7)])
def test_too_few_keypoints_give_no_matrix(mirrored: bool, least: int) -> None:
    whole = picture()
    left, right = rows(whole, ImageOps.mirror(whole) if mirrored else whole)
    for count, enough in ((least, True), (least - 1, False)):
        few = right.copy()
        few["count"] = count
        matrix = matrix_from_keypoints(left, few, mirrored=mirrored)
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
