"""What is left out of the verdicts on pairs that a preset refuses."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from imgsim.verify.judge import NOT_ALIGNED, _align_and_compare, judge
from imgsim.verify.matrix import Matrix
from imgsim.verify.multiscale import MultiscaleImage
from imgsim.verify.needed import ALL, DUPLICATES, Needed, needed_for
from tests.verify.pictures import UPRIGHT, multiscale, other_limits, picture, verify

WIDE = 480, 360


def shifted(share: float) -> NDArray[np.float64]:
    """The matrix of a picture that begins at a share of the width of the other one."""
    return np.array([(1, 0, share), (0, 1, 0), (0, 0, 1.0)])


def views(seed: int, share: float) -> tuple[Image.Image, Image.Image]:
    """Two parts of one picture, side by side by a share of their width."""
    whole = picture(seed).resize((2 * WIDE[0], WIDE[1]))
    x = round(share * WIDE[0])
    return whole.crop((0, 0, *WIDE)), whole.crop((x, 0, x + WIDE[0], WIDE[1]))


@pytest.mark.parametrize("seed", range(3))
def test_views_that_overlap_are_refused_without_being_aligned(seed: int) -> None:
    pair = views(seed, 0.3)
    left, right = map(multiscale, pair)
    whole = judge(left, right, [shifted(0.3)])
    assert whole.residual <= 1  # they do overlap
    assert not whole.contained
    with patch("imgsim.verify.judge.align", side_effect=AssertionError("it was aligned")):
        assert judge(left, right, [shifted(0.3)], DUPLICATES) is NOT_ALIGNED


@pytest.mark.parametrize("seed", range(3))
def test_views_that_a_hypothesis_lays_too_near_are_refused_when_aligned(seed: int) -> None:
    left, right = map(multiscale, views(seed, 0.16))
    rough = shifted(0.13)
    assert not judge(left, right, [rough]).contained
    with patch("imgsim.verify.judge.compare", side_effect=AssertionError("it was compared")):
        assert judge(left, right, [rough], DUPLICATES) is NOT_ALIGNED


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("box", [(0, 0, 480, 360), (60, 40, 400, 330), (20, 0, 470, 350)])
def test_copies_and_parts_have_the_same_verdict(seed: int, box: tuple[int, ...]) -> None:
    whole = picture(seed).resize(WIDE)
    x, y, end, bottom = box
    part = whole.crop(box)  # type: ignore[arg-type]
    matrix = np.diag([(end - x) / WIDE[0], (bottom - y) / WIDE[1], 1.0])
    matrix[:2, 2] = x / WIDE[0], y / WIDE[1]
    for one, other, how in ((whole, part, matrix), (part, whole, np.linalg.inv(matrix))):
        left, right = multiscale(one), multiscale(other)
        verdict = judge(left, right, [how])
        assert verdict.residual <= 1
        assert verdict.contained
        assert judge(left, right, [how], DUPLICATES) == verdict


def with_another_part() -> tuple[Image.Image, Image.Image]:
    """A picture, and the same with a part of another one over it."""
    image = picture(5).resize(WIDE)
    other = np.asarray(image).copy()
    other[100:190, 150:270] = np.asarray(picture(6).resize(WIDE))[100:190, 150:270]
    return image, Image.fromarray(other)


def test_what_is_small_is_not_compared_where_that_decides_nothing() -> None:
    pair = with_another_part()
    left, right = map(multiscale, pair)
    verdict = verify(*pair)
    assert 1 < verdict.residual <= 4  # loose accepts it
    with patch("imgsim.verify.judge.compare_details", side_effect=AssertionError("compared")):
        refused = judge(left, right, [UPRIGHT], DUPLICATES)
    assert refused.residual > 1


def test_what_differs_in_a_part_is_compared_once_more_only_where_that_is_accepted() -> None:
    left, right = map(multiscale, with_another_part())
    assert comparisons(left, right, [UPRIGHT], ALL) == 2
    assert comparisons(left, right, [UPRIGHT], DUPLICATES) == 0  # they differ by far
    with other_limits("judge", parts_max_difference=99.0):
        assert comparisons(left, right, [UPRIGHT], DUPLICATES) == 1


@pytest.mark.parametrize(("share", "times"), [(0.01, 1), (0.04, 1), (0.07, 2)])
def test_what_was_far_is_not_laid_upon_the_same_place_again(share: float, times: int) -> None:
    left, right = map(multiscale, with_another_part())
    with other_limits("judge", parts_max_difference=99.0):
        assert comparisons(left, right, [UPRIGHT, shifted(share)], DUPLICATES) == times


def comparisons(
    left: MultiscaleImage, right: MultiscaleImage, hypotheses: list[Matrix], needed: Needed
) -> int:
    """How many times two pictures are aligned and compared, none of which makes them copies."""
    with patch("imgsim.verify.judge._align_and_compare", wraps=_align_and_compare) as compared:
        assert judge(left, right, hypotheses, needed).residual > 1
    return compared.call_count


@pytest.mark.parametrize(
    ("max_distance", "contained", "expected"),
    [(1.0, True, DUPLICATES), (0.8, True, DUPLICATES), (1.01, True, ALL), (4.0, False, ALL),
     (1.0, False, ALL)],
)  # fmt: skip
def test_what_is_needed_follows_from_what_is_accepted(
    max_distance: float, contained: bool, expected: Needed
) -> None:
    assert needed_for(max_distance, contained=contained) is expected


def test_verdicts_of_one_kind_are_no_others() -> None:
    assert ALL.label == ""
    assert DUPLICATES.label
