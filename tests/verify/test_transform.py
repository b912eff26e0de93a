from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from imgsim.types import ImageFacts, ImageFile, Picture, Verdict
from imgsim.verify.matrix import inverse
from imgsim.verify.transform import transform_between


def picture_of(width: int, height: int) -> Picture:
    facts = ImageFacts(width, height, "PNG", True, False, 1, 60, None)
    return Picture(ImageFile("a.png", 1, 1, "."), "0", facts)


def verdict_on(matrix: NDArray[np.float64], overlap: float) -> Verdict:
    return Verdict(0.2, tuple(matrix.ravel().tolist()), 1.0, 1.0, overlap, 0.1)


CROP = np.array([[0.5, 0, 0.25], [0, 0.5, 0.125], [0, 0, 1]])
ANGLE = np.deg2rad(5)
SHIFTED = np.array([[1, 0, 0.1], [0, 1, 0], [0, 0, 1.0]])


@pytest.mark.parametrize(
    ("matrix", "overlap", "kind"),
    [
        (np.eye(3), 1.0, "same"),
        (np.array([[1, 0, 0.01], [0, 1, 0], [0, 0, 1]]), 0.98, "same"),
        (CROP, 0.25, "crop"),
        (inverse(CROP), 0.25, "inset"),
        (np.array([[-1, 0, 1], [0, 1, 0], [0, 0, 1.0]]), 1.0, "mirrored"),
        (np.array([[0, 1, 0], [1, 0, 0], [0, 0, 1.0]]), 1.0, "mirrored"),
        (np.array([[-1, 0, 1], [0, -1, 1], [0, 0, 1.0]]), 1.0, "turned"),
        (np.array([[0, -1, 1], [1, 0, 0], [0, 0, 1.0]]), 1.0, "turned"),
        (
            np.array([[np.cos(ANGLE), -np.sin(ANGLE), 0.1], [np.sin(ANGLE), np.cos(ANGLE), 0]])
            / [[1.1], [1.1]],
            0.8,
            "warped",
        ),
        (np.array([[0.5, 0, 0.2], [0, 0.5, 0.2], [0.02, 0.02, 1]]), 0.25, "warped"),
        (np.array([[0.5, 0.01, 0.2], [0, 0.5, 0.2], [0.01, 0.01, 1]]), 0.25, "crop"),
        (SHIFTED, 0.971, "same"),
        (SHIFTED, 0.97, "inset"),  # as large as the kept one, and beside it
        (SHIFTED * [[0.999], [1], [1]], 0.9, "crop"),
        (np.array([[0.5, 0, 0.2], [0, 0.5, 0.2], [0.016, -0.016, 1]]), 0.25, "warped"),
        (np.array([[0.5, 0, 0.2], [0, 0.5, 0.2], [-0.016, 0.016, 1]]), 0.25, "warped"),
        (np.array([[0.5, 0, 0.2], [0, 0.5, 0.2], [0.03, 0, 1]]), 0.25, "crop"),  # at the limit
        (np.array([[0.5, 0, 0.2], [0, 0.5, 0.2], [0, -0.031, 1]]), 0.25, "warped"),
        (np.array([[0.5, 0.029, 0.2], [0, 0.5, 0.2], [0, 0, 1]]), 0.25, "crop"),
        (np.array([[0.5, 0.031, 0.2], [0, 0.5, 0.2], [0, 0, 1]]), 0.25, "warped"),
        (np.array([[0.5, 0, 0.2], [-0.031, 0.5, 0.2], [0, 0, 1]]), 0.25, "warped"),
        (np.array([[0.5, 0.016, 0.2], [-0.016, 0.5, 0.2], [0, 0, 1]]), 0.25, "warped"),
        (np.array([[0.5, 0.016, 0.2], [0.016, 0.5, 0.2], [0, 0, 1]]), 0.25, "warped"),
        (np.array([[0.5, -0.5, 0.5], [0.5, 0.5, 0], [0, 0, 1]]), 0.25, "warped"),  # by 45 degrees
        (np.array([[0.5, -0.51, 0.5], [0.51, 0.5, 0], [0, 0, 1]]), 0.25, "turned"),
        (np.array([[0.5, 0.51, 0], [-0.51, 0.5, 0.5], [0, 0, 1]]), 0.25, "turned"),
        (np.array([[0.9, -0.1, 0.1], [0.3, 0.5, 0.1], [0, 0, 1]]), 0.25, "warped"),
        (np.array([[-0.5, 0.1, 0.9], [-0.1, -0.5, 0.9], [0, 0, 1]]), 0.25, "turned"),
        (np.array([[0.5, 0, 0.2], [0, -0.5, 0.8], [0, 0, 1]]), 0.25, "mirrored"),
        (np.array([[2, 0, -0.5], [0, 0.49, 0.2], [0, 0, 1]]), 0.25, "crop"),
        (np.array([[2, 0, -0.5], [0, 0.51, 0.2], [0, 0, 1]]), 0.25, "inset"),
    ],
)
def test_a_transform_has_the_name_of_its_matrix(
    matrix: NDArray[np.float64], overlap: float, kind: str
) -> None:
    matrix = np.vstack([matrix, [0, 0, 1]])[:3]
    transform = transform_between(
        picture_of(40, 30), picture_of(80, 50), verdict_on(matrix, overlap), kept_left=True
    )
    assert transform.kind == kind
    assert (transform.overlap, transform.overlay) == (overlap, 0.1)


@pytest.mark.parametrize("kept_left", [True, False])
def test_a_transform_takes_pixels_of_the_member_to_those_of_the_kept_one(kept_left: bool) -> None:
    kept, other = picture_of(200, 160), picture_of(100, 80)
    matrix = CROP if kept_left else inverse(CROP)
    transform = transform_between(kept, other, verdict_on(matrix, 0.25), kept_left=kept_left)
    assert transform.kind == "crop"
    np.testing.assert_allclose(transform.matrix, [[1, 0, 50], [0, 1, 20], [0, 0, 1]], atol=1e-9)


@pytest.mark.parametrize(("overlap", "kind"), [(0.97, "same"), (0.9699, "inset")])
def test_what_is_whole_without_an_overlay_is_the_same_picture(overlap: float, kind: str) -> None:
    verdict = Verdict(0.2, tuple(SHIFTED.ravel().tolist()), 1.0, 1.0, overlap)
    size = picture_of(40, 30)
    assert transform_between(size, size, verdict, kept_left=True).kind == kind


@pytest.mark.parametrize("kept_left", [True, False])
def test_the_matrix_of_a_transform_is_scaled_to_a_last_element_of_one(kept_left: bool) -> None:
    kept, other = picture_of(200, 160), picture_of(100, 50)
    units = np.array([[0.5, 0.1, 0.2], [0, 0.6, 0.1], [0.2, 0.1, 0.8]])
    verdict = verdict_on(units if kept_left else inverse(units), 0.25)
    matrix = np.array(transform_between(kept, other, verdict, kept_left=kept_left).matrix)
    assert matrix[2, 2] == pytest.approx(1)
    x, y, w = matrix @ [50, 10, 1]  # (0.5, 0.2) in units: 0.47 / 0.92 and 0.22 / 0.92
    assert (x / w, y / w) == pytest.approx((200 * 0.47 / 0.92, 160 * 0.22 / 0.92))
