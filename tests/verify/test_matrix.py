from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from imgsim.comparators.local import ORIENTATIONS, Orientation
from imgsim.verify.matrix import (
    inverse,
    is_plausible,
    opencv_matrix,
    orientation_matrix,
    pixel_matrix,
    project,
    rescale,
    unit_matrix,
)
from imgsim.verify.tracking import warp

SKEWED = np.array([[0.8, 0.1, 0.05], [-0.1, 0.7, 0.2], [0.05, -0.1, 1]])


def turned(image: NDArray[np.uint8], how: Orientation) -> NDArray[np.uint8]:
    image = image.T if how.transpose else image
    image = image[:, ::-1] if how.mirror else image
    return np.ascontiguousarray(image[::-1] if how.flip else image)


@pytest.mark.parametrize("how", ORIENTATIONS, ids=str)
def test_the_matrix_of_an_orientation_turns_the_picture(how: Orientation) -> None:
    image = np.random.default_rng(0).integers(0, 256, (60, 80), np.uint8)
    expected = turned(image, how)
    warped, mask = warp(expected, image, orientation_matrix(how), ())
    inside = mask.astype(bool)
    assert inside[1:-1, 1:-1].all()
    np.testing.assert_allclose(warped[inside].astype(int), expected[inside], atol=1)


def test_a_matrix_and_its_inverse_undo_each_other() -> None:
    points = np.random.default_rng(0).random((2, 9))
    there = project(SKEWED, points)
    assert not np.allclose(there, points, atol=0.01)
    np.testing.assert_allclose(project(inverse(SKEWED), there), points)


def test_points_are_divided_by_their_third_coordinate() -> None:
    matrix = np.array([[1, 0, 0], [0, 1, 0], [1, 0, 1.0]])
    points = project(matrix, np.array([[0, 1.0], [1, 1.0]]))
    np.testing.assert_allclose(points, [[0, 0.5], [1, 0.5]])


def test_matrices_between_pixels_agree_with_the_one_between_units() -> None:
    left, right = np.zeros((30, 50), np.uint8), np.zeros((60, 40), np.uint8)
    units = np.random.default_rng(0).random((2, 9))
    sizes = np.array([[50.0], [30]]), np.array([[40.0], [60]])
    expected = project(SKEWED, units) * sizes[0]
    pixels = pixel_matrix(SKEWED, left, right)
    np.testing.assert_allclose(project(pixels, units * sizes[1]), expected)
    assert pixels[2] @ [20, 30, 1] == pytest.approx(1)
    opencv = opencv_matrix(SKEWED, left, right)
    np.testing.assert_allclose(project(opencv, units * sizes[1] - 0.5), expected - 0.5)


def test_a_matrix_within_an_image_comes_back_to_units() -> None:
    image = np.zeros((30, 50), np.uint8)
    units = unit_matrix(opencv_matrix(SKEWED, image, image), image)
    np.testing.assert_allclose(units / units[2, 2], SKEWED, atol=1e-12)


def test_scales_are_those_of_what_is_given_and_of_what_comes_out() -> None:
    matrix = rescale(SKEWED, (10, 20), (1 / 30, 1 / 40))
    there = project(matrix, np.array([[15.0], [10.0]]))
    np.testing.assert_allclose(there, project(SKEWED, np.array([[0.5], [0.25]])) * [[10], [20]])


@pytest.mark.parametrize(
    ("matrix", "plausible"),
    [
        (np.eye(3), True),
        (SKEWED, True),
        (np.diag([0.04, 0.04, 1]), True),
        (np.diag([0.02, 0.02, 1]), False),  # a picture that is resized so much shows nothing
        (np.diag([29, 29, 1.0]), True),
        (np.diag([31, 31, 1.0]), False),
        (np.diag([1, 0.55, 1]), True),
        (np.diag([1, 0.26, 1]), True),  # squeezed
        (np.diag([1, 0.24, 1]), False),
        (np.array([[1, 0, 0], [0.012, 0.4, 0], [0, 0, 1]]), True),
        (np.array([[1, 0, 0], [0.08, 0.4, 0], [0, 0, 1]]), False),  # and leaning
        (np.array([[1, 0, 0], [0, 0.4, 0], [0.04, 0, 1]]), True),
        (np.array([[1, 0, 0], [0, 0.4, 0], [0.1, 0, 1]]), False),  # and seen from one side
        (np.array([[1, 0, 0], [0, 1, 0], [-1.5, 0, 1]]), False),  # beyond the horizon
        (np.array([[1, 0, 0], [0, 1, 0], [0.9, 0, 1]]), True),
        (np.array([[1, 0, 0], [0, 1, 0], [1.5, 0, 1]]), False),  # one edge far longer
        (np.diag([1, 0.25, 1.0]), False),
        (np.diag([0.25, 1, 1.0]), False),
        (np.diag([0.03, 0.03, 1]), False),
        (np.diag([0.0301, 0.0301, 1]), True),
        (np.diag([0.0301, 0.029, 1]), False),
        (np.diag([29.9, 29.9, 1.0]), True),
        (np.diag([30, 30, 1.0]), False),
        (np.diag([31, 29, 1.0]), True),
        (np.diag([-1, 1, 1.0]), True),  # mirrored
        (np.diag([1, -1, 1.0]), True),
        (np.array([[0, 1, 0], [1, 0, 0], [0, 0, 1.0]]), True),  # turned: 4:3 by 3:4
        (np.diag([1e-6, 1e-6, 1e-6]), False),
        (np.diag([1.5e-6, 1.5e-6, 1.5e-6]), True),
        (-np.eye(3), False),
        (np.array([[1, 0, 0], [0, 1, 0], [0, 0, np.inf]]), False),
        (np.array([[1, 0, np.inf], [0, 1, 0], [0, 0, 1]]), False),
        (np.array([[1, 0, 0], [0, 1, 0], [-0.6, -0.6, 1]]), False),  # one corner beyond
        (np.array([[1, 1, 0], [1, 1, 0.5], [0, 0, 1.0]]), False),  # all on one line
        (np.array([[1, 0, 0], [0, 1, 0], [0, 0.9, 1]]), True),
        (np.array([[1, 0.5, 0], [0, 1, 0], [0, 0, 1]]), True),
        (np.array([[1, 0, 0], [0.5, 1, 0], [0, 0, 1]]), True),
        (np.full((3, 3), np.nan), False),
        (np.ones((3, 3)), False),
    ],
)  # fmt: skip
def test_a_matrix_is_plausible_if_editing_gives_it(matrix: NDArray, plausible: bool) -> None:
    image = np.zeros((30, 40), np.uint8)
    assert is_plausible(matrix, image, image) == plausible


def test_sides_are_measured_in_pixels_of_either_image() -> None:
    """The right image has 40 x 30 pixels, the left one others."""
    right = np.zeros((30, 40), np.uint8)
    for shape, plausible in (
        ((30, 159), True), ((30, 160), False), ((30, 11), True), ((30, 10), False),
        ((119, 40), True), ((120, 40), False), ((8, 40), True), ((7, 40), False),
        ((890, 1190), True), ((900, 1200), False),
    ):  # fmt: skip
        assert is_plausible(np.eye(3), np.zeros(shape, np.uint8), right) == plausible


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_picture_folded_over_itself_is_not_plausible(mirrored: bool) -> None:
    """Three corners stay and the fourth moves inside, beyond their diagonal, or not so far."""
    image = np.zeros((1, 1), np.uint8)
    corners = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], np.float32)
    for moved_by, plausible in ((0.3, True), (0.7, False), (0.55, False)):
        for place in range(4):
            moved = corners.copy()
            moved[place] = abs(corners[place] - moved_by)
            if mirrored:
                moved[:, 0] = 1 - moved[:, 0]
            matrix = cv2.getPerspectiveTransform(corners, moved)
            assert is_plausible(matrix, image, image) == plausible
