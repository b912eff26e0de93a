"""How a matrix is refined: which sizes, which rounds, and when there is none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from imgsim.decode.detail import shrink
from imgsim.verify import alignment
from imgsim.verify.alignment import FewAgree, align, at_one_scale
from imgsim.verify.tracking import Tracking
from tests.verify.pictures import UPRIGHT, other_limits

LEFT = np.random.default_rng(0).integers(0, 256, (300, 400), np.uint8)


def placed(x: float, y: float, width: float, height: float) -> NDArray[np.float64]:
    """A matrix that lays the right picture into a box of the left one."""
    return np.array([[width, 0, x], [0, height, y], [0, 0, 1.0]])


ACROSS = np.array([(0.0, 1.0, 0.0), (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)])


@pytest.mark.parametrize(
    ("left", "right", "matrix", "longer", "expected"),
    [
        ((300, 400), (300, 400), UPRIGHT, 400, ((300, 400), (300, 400))),
        ((300, 400), (300, 400), UPRIGHT, 200, ((150, 200), (150, 200))),
        ((300, 400), (150, 200), UPRIGHT, 400, ((150, 200), (150, 200))),  # the left one is finer
        ((150, 200), (300, 400), UPRIGHT, 400, ((150, 200), (150, 200))),
        ((150, 200), (300, 400), UPRIGHT, 100, ((75, 100), (75, 100))),
        ((300, 400), (300, 400), placed(0, 0, 0.5, 0.5), 400, ((300, 400), (150, 200))),
        ((300, 400), (300, 400), placed(-1, 0, 2, 2), 400, ((150, 200), (300, 400))),
        ((300, 400), (300, 400), placed(-1, 0, 2, 2), 100, ((75, 100), (150, 200))),
        ((400, 300), (100, 100), UPRIGHT, 400, ((115, 86), (100, 100))),
    ],
)  # fmt: skip
def test_both_images_are_brought_to_the_scale_of_the_coarser_one(
    left: tuple[int, int],
    right: tuple[int, int],
    matrix: NDArray[np.float64],
    longer: int,
    expected: tuple[tuple[int, int], tuple[int, int]],
) -> None:
    scaled = at_one_scale(np.zeros(left, np.uint8), np.zeros(right, np.uint8), matrix, longer)
    assert scaled is not None
    assert tuple(image.shape for image in scaled) == expected


@pytest.mark.parametrize(
    ("left", "right", "longer", "enough"),
    [
        ((24, 40), (24, 40), 400, True),
        ((23, 40), (24, 41), 400, False),
        ((40, 23), (41, 24), 400, False),
        ((48, 60), (48, 60), 30, True),
        ((48, 60), (48, 60), 29, False),
        ((60, 60), (60, 23), 400, False),
    ],
)
def test_a_shorter_side_has_24_pixels(
    left: tuple[int, int], right: tuple[int, int], longer: int, enough: bool
) -> None:
    images = np.zeros(left, np.uint8), np.zeros(right, np.uint8)
    assert (at_one_scale(*images, UPRIGHT, longer) is not None) == enough


def test_what_no_editing_gives_is_not_brought_to_one_scale() -> None:
    assert at_one_scale(LEFT, LEFT, placed(0, 0, 0.24, 1), 400) is None
    assert align(LEFT, LEFT, placed(0, 0, 0.24, 1), 400) is None
    leaning = placed(0, 0, 0.4, 1) + np.array([[0, 0.06, 0], [0, 0, 0], [0, 0, 0]])
    assert at_one_scale(LEFT, LEFT, leaning, 400) is None


@pytest.mark.parametrize(
    ("left", "right", "matrix", "expected"),
    [
        ((300, 400), (100, 400), UPRIGHT, ((100, 400), (100, 400))),
        ((100, 400), (300, 400), UPRIGHT, ((100, 400), (100, 400))),
        ((300, 400), (400, 100), ACROSS, ((100, 400), (400, 100))),
        ((300, 800), (300, 220), UPRIGHT, ((300, 220), (300, 220))),
        ((600, 1600), (600, 450), UPRIGHT, ((400, 300), (400, 300))),
    ],
)
def test_a_stretched_picture_is_shrunk_to_the_coarser_scale_of_each_side(
    left: tuple[int, int],
    right: tuple[int, int],
    matrix: NDArray[np.float64],
    expected: tuple[tuple[int, int], tuple[int, int]],
) -> None:
    scaled = at_one_scale(np.zeros(left, np.uint8), np.zeros(right, np.uint8), matrix, 400)
    assert scaled is not None
    assert tuple(image.shape for image in scaled) == expected


def tracking_of(correction: float, x: float = 0.0) -> Tracking:
    """One whose matrix tells which it is."""
    points = np.random.default_rng(0).uniform(0, 300, (20, 2)).astype(np.float32)
    errors = np.full((20, 2), (0.03, 0.04), np.float32)
    corners = np.full((30, 1, 2), x, np.float32)
    matrix = placed(x, 0, 1, 1)
    return Tracking(matrix, correction, corners, 25, points, errors, np.ones(20, np.float32))


def let_track(monkeypatch: pytest.MonkeyPatch, *answers: Tracking | None) -> list[tuple[Any, ...]]:
    asked: list[tuple[Any, ...]] = []
    left = list(answers)
    monkeypatch.setattr(alignment, "track", lambda *given: (asked.append(given), left.pop(0))[1])
    return asked


def test_a_settled_matrix_is_not_corrected_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = let_track(monkeypatch, tracking_of(0.29, 0.125))
    aligned = align(LEFT, LEFT, UPRIGHT, 200, [(0.0, 0.25)])
    assert aligned is not None
    assert aligned.matrix[0, 2] == 0.125
    assert (aligned.tracked, aligned.inliers) == (25, 20)
    assert aligned.shift == pytest.approx(0.05, rel=1e-3)
    assert aligned.left.shape == aligned.right.shape == aligned.mask.shape == (150, 200)
    np.testing.assert_array_equal(aligned.right[:, 25:], aligned.left[:, :-25])
    assert not aligned.mask[:38].any()
    assert not aligned.mask[:, :25].any()
    assert aligned.mask[38:-2, 28:].all()
    ((left, right, matrix, excluded),) = asked
    assert (left.shape, right.shape, matrix is UPRIGHT) == ((150, 200), (150, 200), True)
    assert excluded == [(0.0, 0.25)]


def test_a_matrix_is_corrected_twice_more_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    rounds = [tracking_of(0.3, 0.01), tracking_of(0.9, 0.02), tracking_of(0.9, 0.03)]
    asked = let_track(monkeypatch, *rounds)
    aligned = align(LEFT, LEFT, UPRIGHT, 400)
    assert aligned is not None
    assert aligned.matrix is rounds[2].matrix
    assert len(asked) == 3
    for given, before in zip(asked[1:], rounds, strict=False):
        assert given[2] is before.matrix
        assert given[4] is before.corners
        assert given[3] == ()


def test_a_round_that_fails_leaves_what_was_before(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = let_track(monkeypatch, tracking_of(0.5, 0.01), None, tracking_of(0.1, 0.03))
    aligned = align(LEFT, LEFT, UPRIGHT, 400)
    assert aligned is not None
    assert aligned.matrix[0, 2] == 0.03
    assert len(asked) == 3


def test_where_the_full_size_fails_a_coarse_one_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    coarse, fine = tracking_of(9.0, 0.05), tracking_of(0.1, 0.06)
    asked = let_track(monkeypatch, None, coarse, fine)
    right = np.ascontiguousarray(LEFT[::-1])
    aligned = align(LEFT, right, UPRIGHT, 400, [(0.0, 0.25)])
    assert aligned is not None
    assert aligned.matrix is fine.matrix
    for given, side in zip(asked, (400, 256, 400), strict=True):
        np.testing.assert_array_equal(given[0], shrink(LEFT, side))
        np.testing.assert_array_equal(given[1], shrink(right, side))
    assert asked[1][2] is UPRIGHT
    assert asked[2][2] is coarse.matrix
    assert all(given[3] == [(0.0, 0.25)] for given in asked)


def test_what_is_supposed_is_given_up_where_few_points_agree(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = let_track(monkeypatch, None)
    with pytest.raises(FewAgree):
        align(LEFT, LEFT, UPRIGHT, 400, supposed=True)
    assert len(asked) == 1  # no coarse one is tried
    few = replace(tracking_of(0.9), tracked=81)  # 20 of them agree
    asked = let_track(monkeypatch, few)
    with pytest.raises(FewAgree):
        align(LEFT, LEFT, UPRIGHT, 400, supposed=True)
    assert len(asked) == 1
    for enough in (replace(few, tracked=80), replace(few, correction=8.0)):
        let_track(monkeypatch, enough, tracking_of(0.1))
        assert align(LEFT, LEFT, UPRIGHT, 400, supposed=True) is not None
    small = LEFT[:20, :20]  # too little is left: nothing was tracked
    assert align(small, small, UPRIGHT, 400, supposed=True) is None


def test_where_both_fail_nothing_is_aligned(monkeypatch: pytest.MonkeyPatch) -> None:
    let_track(monkeypatch, None, None)
    assert align(LEFT, LEFT, UPRIGHT, 400) is None
    let_track(monkeypatch, None, tracking_of(0.1), None)
    assert align(LEFT, LEFT, UPRIGHT, 400) is None
    small = LEFT[:30, :30]
    let_track(monkeypatch, None)
    with other_limits("alignment", coarse_side=20):  # too little is left
        assert align(small, small, UPRIGHT, 400) is None


def test_a_matrix_that_became_implausible_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    squeezed = tracking_of(0.1)
    squeezed.matrix[0, 0] = 0.24
    let_track(monkeypatch, squeezed)
    assert align(LEFT, LEFT, UPRIGHT, 400) is None
