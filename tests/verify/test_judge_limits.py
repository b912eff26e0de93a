"""What `judge` makes of the numbers that it is given, at and beside their limits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from imgsim.types import Verdict
from imgsim.verify import judge as module
from imgsim.verify.alignment import Aligned, FewAgree
from imgsim.verify.colours import RecolouredShares
from imgsim.verify.judge import (
    EQUAL,
    NOT_ALIGNED,
    _align_and_compare,
    _compare_at_needed_size,
    _compare_beside_overlay,
    _Comparison,
    _judge_aligned,
    _max_difference,
    _relative_shift,
    _with_colours,
    judge,
)
from imgsim.verify.multiscale import MultiscaleImage
from imgsim.verify.needed import ALL, DUPLICATES, Needed
from imgsim.verify.residual import Residual
from tests.verify.pictures import UPRIGHT, other_limits

GREY = np.zeros((30, 40), np.uint8)
COLOURS = np.zeros((4, 4, 3), np.uint8)
ALIGNED = Aligned(GREY, GREY, GREY, UPRIGHT, 100, 80, 0.0)
RESIDUAL = Residual(0.0, 0.0, 0.0, 700, 0.0, (), 0, False)
SHIFTED = np.array([[1, 0, 0.25], [0, 1, 0], [0, 0, 1.0]])


@pytest.fixture(autouse=True)
def _no_small_pictures() -> Iterator[None]:
    """Images of a few pixels stand for larger ones here."""
    with other_limits("judge", small_side=0):
        yield


def test_the_constants_of_verdicts() -> None:
    assert Verdict(np.inf) == NOT_ALIGNED
    assert Verdict(0.0, (1, 0, 0, 0, 1, 0, 0, 0, 1), 1.0, 1.0, 1.0) == EQUAL
    assert EQUAL.whole


@pytest.mark.parametrize(("noise", "most"), [(0, 2.5), (1, 4.0), (2, 5.5), (2.5, 6.0), (9, 6.0)])
def test_noise_lets_blocks_differ_up_to_a_limit(noise: float, most: float) -> None:
    assert _max_difference(replace(RESIDUAL, noise=noise)) == pytest.approx(most)


@pytest.mark.parametrize(
    ("shift", "noise", "blur", "blocks", "overlaid", "expected"),
    [
        (0.06, 0, 0, 700, False, 1),
        (0.12, 0, 0, 700, False, 2),
        (0.10, 2, 0, 700, False, 1),  # 0.06 and 2 times 0.02
        (0.22, 0, 2, 700, False, 1),  # 0.06 and 2 times 0.08
        (0.26, 2, 2, 350 + 350, False, 1),
        (0.06 + 0.064, 0, 2, 350, False, 1),  # of the blur no more than 0.4
        (0.06 + 0.112, 0, 2, 525, False, 1),
        (0.06 + 0.064 / 2, 0, 1, 350, False, 1),
        (0.03, 0, 0, 240, False, 0.5 / 0.6),
        (0.036, 0, 0, 240, False, 1),
        (0.06, 0, 0, 240, False, 1.4),  # beyond it the excess counts
        (0.048, 0, 0, 295, False, 1),
        (0.06, 0, 0, 100, False, 1.4),
        (0.06, 0, 0, 1050, False, 1 / 1.5),
        (0.18, 0, 0, 1050, False, 2),
        (0.06, 0, 0, 875, False, 0.8),
        (0.03, 0, 0, 700, True, 0.5 / 0.7),
        (0.042, 0, 0, 700, True, 1),
        (0.06, 0, 0, 700, True, 1.3),
        (0.06, 0, 0, 1050, True, 1.3),
        (0.06, 0, 0, 240, True, 1.4),
    ],
)
def test_a_shift_is_measured_by_what_is_let_pass(
    shift: float, noise: float, blur: float, blocks: int, overlaid: bool, expected: float
) -> None:
    residual = replace(RESIDUAL, noise=noise, blur=blur, blocks=blocks)
    assert _relative_shift(shift, residual, overlaid=overlaid) == pytest.approx(expected)


# One comparison -----------------------------------------------------------------------------------


def let_align(
    monkeypatch: pytest.MonkeyPatch, aligned: Aligned | None, residual: Residual | None
) -> list[tuple[Any, ...]]:
    asked: list[tuple[Any, ...]] = []
    monkeypatch.setattr(module, "align", lambda *given, **_: (asked.append(given), aligned)[1])
    monkeypatch.setattr(module, "compare", lambda given: residual if given is aligned else 1 / 0)
    return asked


def test_difference_and_shift_are_added_as_a_distance(monkeypatch: pytest.MonkeyPatch) -> None:
    residual = replace(RESIDUAL, difference=10, noise=1)  # 2.5 times as much as is let pass
    aligned = replace(ALIGNED, shift=0.08 * 6)  # 6 times
    asked = let_align(monkeypatch, aligned, residual)
    compared = _align_and_compare(GREY, GREY, SHIFTED, 77, ALL)
    assert compared == _Comparison(aligned, residual, 6.5, 2.5, pytest.approx(6))  # type: ignore[arg-type]
    ((left, right, matrix, side, excluded),) = asked
    assert (left is GREY, right is GREY, matrix is SHIFTED, side, excluded) == (True,) * 3 + (
        77,
        (),
    )
    beside = _align_and_compare(GREY, GREY, SHIFTED, 77, ALL, [(0.0, 0.1)])
    assert beside is not None
    assert beside.distance == pytest.approx(np.hypot(2.5, 1 + 6 - 0.7))
    assert asked[1][4] == [(0.0, 0.1)]


@pytest.mark.parametrize(
    ("tracked", "inliers", "enough"),
    [
        (30, 24, True), (30, 23, False), (80, 24, True), (81, 24, False), (100, 30, True),
        (100, 29, False),
    ],
)  # fmt: skip
def test_so_many_points_have_to_agree(
    tracked: int, inliers: int, enough: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_align(monkeypatch, replace(ALIGNED, tracked=tracked, inliers=inliers), RESIDUAL)
    assert (_align_and_compare(GREY, GREY, UPRIGHT, 400, ALL) is not None) == enough


@pytest.mark.parametrize(
    ("changes", "enough"),
    [
        ({"blocks": 24}, True), ({"blocks": 23}, False), ({"blur": 4.0}, True),
        ({"blur": 5.0}, False), (None, False),
    ],
)  # fmt: skip
def test_so_much_has_to_be_seen(
    changes: dict[str, Any] | None, enough: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    residual = None if changes is None else replace(RESIDUAL, **changes)
    let_align(monkeypatch, ALIGNED, residual)
    assert (_align_and_compare(GREY, GREY, UPRIGHT, 400, ALL) is not None) == enough
    let_align(monkeypatch, None, None)
    assert _align_and_compare(GREY, GREY, UPRIGHT, 400, ALL) is None


# Overlays -----------------------------------------------------------------------------------------


def let_compare(
    monkeypatch: pytest.MonkeyPatch, name: str, answers: Sequence[_Comparison | None]
) -> list[tuple[Any, ...]]:
    """Let a function of the module give these answers, one after another."""
    asked: list[tuple[Any, ...]] = []
    left = list(answers)
    monkeypatch.setattr(module, name, lambda *given, **_: (asked.append(given), left.pop(0))[1])
    return asked


def comparison(distance: float = 0.5, matrix: NDArray[np.float64] = UPRIGHT, **changes: Any) -> Any:
    return _Comparison(
        replace(ALIGNED, matrix=matrix), replace(RESIDUAL, **changes), distance, 0.0, 0.0
    )


def test_beside_an_overlay_the_rest_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    first = comparison(3.0, SHIFTED, overlay=0.2, bands=((0.0, 0.3),), overlay_side=1)
    rest = comparison(0.7, blocks=300)
    asked = let_compare(monkeypatch, "_align_and_compare", [first, rest])
    assert _compare_beside_overlay(GREY, GREY, UPRIGHT, 55, ALL) == replace(
        rest,
        residual=replace(rest.residual, overlay=0.2, bands=((0.0, 0.3),), overlay_side=1),
    )
    assert asked[0][2:] == (UPRIGHT, 55, ALL)
    assert asked[1][2:] == (SHIFTED, 55, ALL, ((0.0, 0.3),))


def test_without_an_overlay_one_comparison_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    for only in (comparison(), None):
        let_compare(monkeypatch, "_align_and_compare", [only])
        assert _compare_beside_overlay(GREY, GREY, UPRIGHT, 55, ALL) is only


def test_an_overlay_beside_an_overlay_is_another_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    overlaid = comparison(overlay=0.2, bands=((0.0, 0.3),))
    for rest in (None, comparison(overlay=0.1)):
        let_compare(monkeypatch, "_align_and_compare", [overlaid, rest])
        assert _compare_beside_overlay(GREY, GREY, UPRIGHT, 55, ALL) is None


@pytest.mark.parametrize(("needed", "tries"), [(DUPLICATES, 1), (ALL, 2)])
def test_where_few_points_agree_the_other_direction_is_tried_for_edited_pictures_alone(
    needed: Needed, tries: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def align(*given: Any, supposed: bool) -> None:
        asked.append(given)
        if supposed:
            raise FewAgree

    monkeypatch.setattr(module, "align", align)
    assert _judge_aligned(image_of(1), image_of(2), [UPRIGHT], needed) is NOT_ALIGNED
    assert len(asked) == tries


# Pages --------------------------------------------------------------------------------------------


def image_of(level: int) -> MultiscaleImage:
    """An image whose pixels are the side that was asked for and a level."""
    return MultiscaleImage(
        lambda side: np.array([[side % 251, level]], np.uint8),
        (300, 400),
        COLOURS + level,
        lambda: COLOURS,
    )


LEFT, RIGHT = image_of(1), image_of(2)


def sized(side: int, distance: float = 0.5) -> Any:
    aligned = replace(ALIGNED, left=np.zeros((side // 2, side), np.uint8))
    return _Comparison(aligned, RESIDUAL, distance, distance, 0.0)


def test_pages_of_text_are_compared_again_at_a_larger_size(monkeypatch: pytest.MonkeyPatch) -> None:
    usual, fine = comparison(2.5, SHIFTED, text_page=True), sized(400, 0.9)
    asked = let_compare(monkeypatch, "_compare_beside_overlay", [usual, fine])
    assert _compare_at_needed_size(LEFT, RIGHT, UPRIGHT, ALL) is fine
    for given, side, matrix in zip(asked, (400, 1280), (UPRIGHT, SHIFTED), strict=True):
        np.testing.assert_array_equal(given[0], [[side % 251, 1]])
        np.testing.assert_array_equal(given[1], [[side % 251, 2]])
        assert given[2] is matrix
        assert given[3] == side


@pytest.mark.parametrize("fine", [None, sized(399)])
def test_a_page_that_stays_small_is_not_aligned(
    fine: _Comparison | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_compare(monkeypatch, "_compare_beside_overlay", [comparison(text_page=True), fine])
    assert _compare_at_needed_size(LEFT, RIGHT, UPRIGHT, ALL) is None


@pytest.mark.parametrize("usual", [None, comparison(), comparison(2.51, text_page=True)])
def test_others_are_compared_at_the_usual_size_alone(
    usual: _Comparison | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_compare(monkeypatch, "_compare_beside_overlay", [usual])
    assert _compare_at_needed_size(LEFT, RIGHT, UPRIGHT, ALL) is usual


# Colours ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("distance", "share", "expected"),
    [(0.5, 0.01, 0.5), (0.5, 0.04, 1.0), (2.5, 0.12, 3.0), (2.51, 0.12, 2.51)],
)
def test_colours_count_where_nothing_else_tells_the_pictures_apart(
    distance: float, share: float, expected: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[Any, ...]] = []
    shares = RecolouredShares(share, 0.0)
    monkeypatch.setattr(
        module, "recoloured_shares", lambda *given: (asked.append(given), shares)[1]
    )
    given = comparison(distance, SHIFTED, bands=((0.5, 1.0),))
    assert _with_colours(given, LEFT, RIGHT).distance == pytest.approx(expected)
    for left, right, matrix, bands in asked:
        assert (left is LEFT.colours, right is RIGHT.colours, matrix is SHIFTED) == (True,) * 3
        assert bands == ((0.5, 1.0),)
    assert len(asked) == (distance <= 2.5)


# Both directions and all hypotheses ---------------------------------------------------------------

Judge = Callable[[Sequence[_Comparison | None], int], tuple[Verdict, list[bool]]]


@pytest.fixture
def judge_by(monkeypatch: pytest.MonkeyPatch) -> Judge:
    """Judge by the answers of one comparison after another; also tells which were swapped."""

    def by(answers: Sequence[_Comparison | None], hypotheses: int) -> tuple[Verdict, list[bool]]:
        asked = let_compare(monkeypatch, "_compare_at_needed_size", answers)
        monkeypatch.setattr(module, "recoloured_shares", lambda *given: RecolouredShares(0.0, 0.0))
        verdict = judge(LEFT, RIGHT, [SHIFTED] * hypotheses)
        swapped = [given[0] is RIGHT for given in asked]
        for given, other_way in zip(asked, swapped, strict=True):
            assert given[1] is (LEFT if other_way else RIGHT)
            expected = np.linalg.inv(SHIFTED) if other_way else SHIFTED
            np.testing.assert_allclose(given[2], expected)
        return verdict, swapped

    return by


@pytest.mark.parametrize(
    ("distance", "blocks", "both"),
    [
        (1.0, 400, False), (1.01, 400, True), (2.5, 400, True), (2.51, 400, False),
        (2.0, 399, False),
    ],
)  # fmt: skip
def test_what_is_undecided_is_compared_both_ways(
    distance: float, blocks: int, both: bool, judge_by: Judge
) -> None:
    one = comparison(distance, SHIFTED, blocks=blocks)
    other = comparison(0.75, np.linalg.inv(SHIFTED), overlay=0.125, overlay_side=1)
    verdict, swapped = judge_by([one, other], 1)
    assert swapped == ([False, True] if both else [False])
    assert verdict.residual == (0.75 if both else distance)
    np.testing.assert_allclose(verdict.matrix, SHIFTED.ravel())
    assert (verdict.overlay, verdict.more) == ((0.125, -1) if both else (0.0, 0))


def test_the_nearest_comparison_gives_the_verdict(judge_by: Judge) -> None:
    twice = [comparison(2.0), comparison(2.2), comparison(5.0), comparison(1.5), None]
    verdict, swapped = judge_by(twice, 3)
    assert verdict.residual == 1.5
    assert swapped == [False, True, False, False, True]


def test_of_equal_comparisons_the_first_one_counts(judge_by: Judge) -> None:
    verdict, _ = judge_by([comparison(5.0, SHIFTED), comparison(5.0)], 2)
    np.testing.assert_allclose(verdict.matrix, SHIFTED.ravel())


def test_a_duplicate_ends_the_search(judge_by: Judge) -> None:
    verdict, swapped = judge_by([None, comparison(1.0)], 5)
    assert verdict.residual == 1.0
    assert swapped == [False, False]


def test_without_a_hypothesis_nothing_is_aligned(judge_by: Judge) -> None:
    assert judge_by([], 0) == (NOT_ALIGNED, [])
    assert judge_by([None, None], 2) == (NOT_ALIGNED, [False, False])


def test_a_verdict_is_made_of_the_images_in_their_usual_size(
    monkeypatch: pytest.MonkeyPatch, judge_by: Judge
) -> None:
    made: list[tuple[Any, ...]] = []
    monkeypatch.setattr(module, "make_verdict", lambda *given: (made.append(given), EQUAL)[1])
    judge_by([comparison(0.5, SHIFTED, overlay=0.25, overlay_side=-1)], 1)
    ((left, right, matrix, distance, overlay, side),) = made
    np.testing.assert_array_equal([left, right], [[[400 % 251, 1]], [[400 % 251, 2]]])
    assert (matrix is SHIFTED, distance, overlay, side) == (True, 0.5, 0.25, -1)
