"""Best-first grouping, round by round: which pairs are verified, and who is kept.

Pictures stand in order of the keep policy unless a rank is given. All verdicts are known.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import chain, combinations

import numpy as np
import pytest

from imgsim.group import best_first as best_first_module
from imgsim.group.best_first import _by_first, _positions_back, best_first
from imgsim.propose.proposals import Proposals
from imgsim.propose.reasons import KEYPOINTS, MIRRORED
from imgsim.types import Verdict
from tests.group.test_stars import picture

Pairs = Iterable[tuple[int, int]]


class Known:
    """Verdicts whose answers are known beforehand.

    Parameters
    ----------
    alike : pairs of int
        Those that are accepted.
    more : dict of pair to int
        Which of the two shows more.
    pixels : sequence of int
        Of the pictures.
    """

    def __init__(
        self, alike: Pairs, more: dict[tuple[int, int], int] | None = None, pixels: list[int] = ()
    ) -> None:
        self.alike = set(alike)
        self.more = more or {}
        self.pictures = [picture(str(i), width=n, height=1) for i, n in enumerate(pixels)]
        self.asked: list[set[tuple[int, int]]] = []
        self.ahead: list[set[tuple[int, int]]] = []

    def verify_ahead(self, pairs: Pairs) -> None:
        self.ahead.append(set(pairs))

    def verify(self, pairs: Pairs) -> None:
        self.asked.append(set(pairs))

    def __getitem__(self, pair: tuple[int, int]) -> Verdict:
        pair = min(pair), max(pair)
        known = replace(Verdict(0.5 if pair in self.alike else 9.0), more=self.more.get(pair, 0))
        assert any(pair in asked or pair[::-1] in asked for asked in self.asked)
        return known


def proposals(pairs: Pairs, why: int | dict[tuple[int, int], int] = KEYPOINTS) -> Proposals:
    pairs = sorted(pairs)
    left, right = np.array(pairs, np.int64).reshape(-1, 2).T
    reasons = [why if isinstance(why, int) else why.get(pair, KEYPOINTS) for pair in pairs]
    return Proposals(left, right, np.array(reasons, np.int64), np.zeros(len(left), np.int64))


def run(
    n: int,
    proposed: Proposals | Pairs,
    alike: Pairs,
    *,
    more: dict[tuple[int, int], int] | None = None,
    pixels: list[int] | None = None,
    rank: list[int] | None = None,
    by_content: bool = True,
    open_ones: Iterable[int] = (),
) -> tuple[list[int], list[tuple[int, int]], list[set[tuple[int, int]]]]:
    """Order, accepted pairs, and what was verified in each step."""
    known = Known(alike, more, pixels or [100] * n)
    closing = np.ones(n, bool)
    closing[list(open_ones)] = False
    order, pairs = best_first(
        known,
        proposed if isinstance(proposed, Proposals) else proposals(proposed),
        np.array(range(n) if rank is None else rank, np.int64),
        lambda verdict: verdict.residual < 1,
        by_content=by_content,
        closing_allowed=closing,
    )
    return order.tolist(), pairs, [asked for asked in known.asked if asked]


TRIANGLE = [(0, 1), (0, 2), (1, 2)]

# In order of the policy --------------------------------------------------------------------------


@pytest.mark.parametrize("by_content", [True, False])
@pytest.mark.parametrize("n", [0, 1, 3])
def test_without_proposals_the_order_is_that_of_the_policy(n: int, by_content: bool) -> None:
    rank = list(reversed(range(n)))
    assert run(n, [], [], rank=rank, by_content=by_content) == (rank, [], [])


def test_who_belongs_to_a_group_is_compared_no_more() -> None:
    order, pairs, asked = run(3, TRIANGLE, TRIANGLE, by_content=False)
    assert (order, pairs) == ([0, 1, 2], [(0, 1), (0, 2)])
    assert asked == [{(0, 1), (0, 2)}]


def test_the_rank_says_who_is_first() -> None:
    order, pairs, asked = run(3, TRIANGLE, TRIANGLE, rank=[2, 0, 1], by_content=False)
    assert (order, sorted(pairs)) == ([1, 2, 0], [(1, 0), (1, 2)])
    assert asked == [{(1, 0), (1, 2)}]


def test_who_was_not_taken_is_compared_with_the_next() -> None:
    _, pairs, asked = run(3, TRIANGLE, [(1, 2)], by_content=False)
    assert pairs == [(1, 2)]
    assert asked == [{(0, 1), (0, 2)}, {(1, 2)}]


def test_who_may_be_in_several_groups_is_compared_with_all_of_them() -> None:
    _, pairs, asked = run(3, TRIANGLE, [(0, 2), (1, 2)], by_content=False)
    assert pairs == [(0, 2)]
    assert asked == [{(0, 1), (0, 2)}]
    _, pairs, asked = run(3, TRIANGLE, [(0, 2), (1, 2)], by_content=False, open_ones=[2])
    assert pairs == [(0, 2), (1, 2)]
    assert asked == [{(0, 1), (0, 2)}, {(1, 2)}]


def test_only_who_has_nothing_better_around_is_compared() -> None:
    row = [(0, 1), (1, 2), (2, 3), (3, 4)]
    assert run(5, row, row, by_content=False)[2] == [{(0, 1)}, {(2, 3)}]
    assert run(5, row, [(1, 2)], by_content=False)[2] == [{(0, 1)}, {(1, 2)}, {(3, 4)}]
    far = [(0, 3), (1, 4), (2, 4)]
    assert run(5, far, far, by_content=False)[2] == [set(far)]


# One that shows more -----------------------------------------------------------------------------


@pytest.mark.parametrize(("rank", "more", "first"), [
    ([0, 1, 2], 1, 1), ([0, 1, 2], 0, 0), ([0, 1, 2], -1, 0),
    ([1, 0, 2], -1, 0), ([1, 0, 2], 0, 1), ([1, 0, 2], 1, 1),
])  # fmt: skip
def test_one_that_shows_more_comes_first(rank: list[int], more: int, first: int) -> None:
    order, pairs, asked = run(3, TRIANGLE, TRIANGLE, more={(0, 1): more}, rank=rank)
    assert order == [first, 1 - first, 2]
    assert {tuple(sorted(pair)) for pair in pairs} >= {(0, 1), (first, 2)}
    assert len(asked) == (2 if rank[first] else 1)
    by_policy = run(3, TRIANGLE, TRIANGLE, more={(0, 1): more}, rank=rank, by_content=False)
    assert by_policy[0] == sorted(range(3), key=rank.__getitem__)


@pytest.mark.parametrize(("pixels", "first"), [(500, 1), (499, 0), (334, 0)])
def test_one_of_less_than_half_the_pixels_does_not(pixels: int, first: int) -> None:
    order, *_ = run(2, [(0, 1)], [(0, 1)], more={(0, 1): 1}, pixels=[1000, pixels])
    assert order[0] == first


def test_of_several_that_show_more_the_best_comes_first() -> None:
    more = {(0, 1): 0, (0, 2): 1, (0, 3): 1}
    star = [(0, 1), (0, 2), (0, 3)]
    assert run(4, star, star, more=more)[0] == [2, 0, 1, 3]
    order, *_ = run(4, star, star, more=more, rank=[0, 1, 3, 2])
    assert order == [3, 0, 1, 2]


def test_one_that_shows_more_comes_before_that_one_but_not_before_better_ones() -> None:
    assert run(4, [(1, 2), (1, 3)], [(1, 2), (1, 3)], more={(1, 3): 1})[0] == [0, 3, 1, 2]


def test_one_that_shows_more_but_is_not_accepted_stays() -> None:
    order, pairs, _ = run(3, TRIANGLE, [(0, 2)], more={(0, 1): 1})
    assert (order, pairs) == ([0, 1, 2], [(0, 2)])


def test_each_gives_way_once() -> None:
    """Each of the three shows more than another one."""
    order, *_ = run(3, TRIANGLE, TRIANGLE, more={(0, 1): 1, (1, 2): 1, (0, 2): -1})
    assert order == [0, 2, 1]


def test_who_gave_way_is_compared_again_by_the_one_that_came_first() -> None:
    order, pairs, asked = run(
        4, [(0, 1), (0, 2), (1, 3)], [(0, 1), (0, 2), (1, 3)], more={(0, 1): 1}
    )
    assert order == [1, 0, 2, 3]
    assert pairs == [(0, 1), (0, 2), (1, 0), (1, 3)]
    assert asked[0] == {(0, 1), (0, 2)}
    assert {(1, 0), (1, 3)} in asked


# Those that stand back ---------------------------------------------------------------------------


def back(n: int, by_hash: Pairs, others: Pairs = (), why: int = KEYPOINTS) -> list[int]:
    made = proposals([*by_hash, *others], dict.fromkeys(by_hash, 1) | dict.fromkeys(others, why))
    return _positions_back(made, n).tolist()


def test_those_with_less_than_half_the_hashes_around_stand_back() -> None:
    assert back(3, []) == [0, 0, 0]
    assert back(3, [(0, 1), (1, 2)]) == [0, 0, 0]  # 1, 2, 1: just half
    assert back(4, [(0, 3), (1, 3), (2, 3)]) == [4, 4, 4, 0]  # 1, 1, 1, 3
    assert back(5, [(0, 3), (1, 3), (2, 3), (0, 1)]) == [0, 0, 5, 0, 0]  # 2, 2, 1, 3
    assert back(4, [(0, 1), (0, 2), (0, 3)]) == [0, 4, 4, 4]


@pytest.mark.parametrize("why", [KEYPOINTS, MIRRORED, 0])
def test_who_shares_only_keypoints_with_those_stands_back_too(why: int) -> None:
    assert back(4, [(1, 2)], [(0, 1)], why) == [4, 0, 0, 0]
    assert back(4, [(0, 1)], [(1, 2)], why) == [0, 0, 4, 0]
    assert back(3, [], TRIANGLE, why) == [0, 0, 0]


def test_every_orientation_is_a_hash() -> None:
    for bit in range(8):
        made = proposals([(0, 1), (1, 2), (1, 3)], 1 << bit | KEYPOINTS)
        assert _positions_back(made, 4).tolist() == [4, 0, 4, 4]


def test_who_only_stood_back_comes_first_unless_the_other_shows_more() -> None:
    star = [(0, 3), (1, 3), (2, 3)]
    made = proposals(star, 1)
    order, pairs, asked = run(4, made, star)
    assert order == [0, 3, 1, 2]
    assert asked[0] == {(3, 0), (3, 1), (3, 2)}
    assert set(pairs) == {(3, 0), (3, 1), (3, 2), (0, 3)}
    assert run(4, made, star, more={(0, 3): 1})[0] == [1, 3, 0, 2]
    assert run(4, made, star, more=dict.fromkeys(star, 1))[0] == [3, 0, 1, 2]
    assert run(4, made, star, pixels=[49, 49, 49, 100])[0] == [3, 0, 1, 2]
    assert run(4, made, star, by_content=False)[2] == [set(star)]


# One that matches more ---------------------------------------------------------------------------

FIVE = [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3)]


def test_one_that_matches_more_comes_first() -> None:
    order, pairs, asked = run(4, FIVE, [(0, 1), (1, 2)])
    assert order == [1, 0, 2, 3]
    assert asked[:3] == [
        {(0, 1), (0, 2), (0, 3)},
        {(1, 2), (1, 3)},  # what the first one missed
        {(1, 0), (1, 2), (1, 3)},
    ]
    assert set(pairs) == {(0, 1), (1, 2), (1, 0)}


def test_one_that_matches_nothing_more_does_not() -> None:
    order, pairs, asked = run(4, FIVE, [(0, 1)])
    assert (order, pairs) == ([0, 1, 2, 3], [(0, 1)])
    assert asked == [{(0, 1), (0, 2), (0, 3)}, {(1, 2), (1, 3)}]


def test_one_that_matches_as_many_does_not() -> None:
    """The first one matches 1 and 2, the second one 0 and 3."""
    order, _, asked = run(4, FIVE, [(0, 1), (0, 2), (1, 3)])
    assert order == [0, 1, 2, 3]
    assert asked == [{(0, 1), (0, 2), (0, 3)}, {(1, 3)}, {(1, 0), (1, 2), (1, 3)}]
    order, *_ = run(4, FIVE, [(0, 1), (0, 2), (1, 3), (1, 2)])  # and now 2 too
    assert order == [1, 0, 2, 3]


def test_who_matched_all_around_is_not_asked_for_rivals() -> None:
    around = [(0, 1), (0, 2), (1, 2), (1, 3), (1, 4)]
    order, _, asked = run(5, around, around)
    assert order == [0, 1, 2, 3, 4]
    assert asked == [{(0, 1), (0, 2)}]


def test_by_the_policy_alone_there_are_no_rivals() -> None:
    order, _, asked = run(4, FIVE, [(0, 1), (1, 2)], by_content=False)
    assert order == [0, 1, 2, 3]
    assert asked == [{(0, 1), (0, 2), (0, 3)}]


@pytest.mark.parametrize("others", [1, 2])
def test_a_rival_has_more_around_it_than_the_first_one_matches(others: int) -> None:
    """The first one matches 1 and 2 and misses 3; around 1 there are 0 and one or two more."""
    more = [(1, 4), (1, 5)][:others]
    *_, asked = run(6, [(0, 1), (0, 2), (0, 3), *more], [(0, 1), (0, 2), *more])
    assert asked[0] == {(0, 1), (0, 2), (0, 3)}
    assert asked[1:2] == [set(more)] * (others == 2)


def test_three_rivals_are_tried_those_with_most_around_them_first() -> None:
    """The first one matches 1 to 5 and misses 6; the numbers around those differ."""
    beside = {1: 5, 2: 8, 3: 6, 4: 6, 5: 7}
    star = [(0, i) for i in range(1, 7)]
    around = {i: [(i, 7 + j) for j in range(n)] for i, n in beside.items()}
    *_, asked = run(15, [*star, *chain.from_iterable(around.values())], star[:-1])
    assert asked == [set(star), {*around[2], *around[5], *around[3]}]
    order = [0, 1, 2, 4, 3, 5, *range(6, 15)]  # 4 has a better place than 3
    *_, asked = run(15, [*star, *chain.from_iterable(around.values())], star[:-1], rank=order)
    assert asked == [set(star), {*around[2], *around[5], *around[4]}]


def test_of_the_rivals_that_with_most_matches_that_the_first_one_missed_is_tried() -> None:
    star = [(0, 1), (0, 2), (0, 3), (0, 4), (0, 5)]
    beside = [(a, b) for a in (1, 2) for b in (3, 4, 5)]
    alike = [(0, 1), (0, 2), (1, 3), (2, 3), (2, 4), (2, 5)]
    order, _, asked = run(6, [*star, *beside], alike)
    assert order == [2, 0, 1, 3, 4, 5]
    assert asked[:3] == [set(star), set(beside), {(2, 0), (2, 3), (2, 4), (2, 5)}]


@pytest.mark.parametrize(("pixels", "first"), [(500, 1), (499, 0), (400, 0)])
def test_a_rival_is_no_small_one(pixels: int, first: int) -> None:
    """The second one is smaller than the third, that it alone matches."""
    sizes = [pixels, pixels, 1000, 1000]
    order, *_ = run(4, FIVE, [(0, 1), (1, 2)], pixels=sizes)
    assert order[0] == first


def test_a_rival_that_is_small_beside_the_others_is_not_even_tried() -> None:
    star = [(0, 1), (0, 2), (0, 3)]
    beside = [(1, 3), (1, 4), (1, 5)]
    *_, asked = run(6, [*star, *beside], [(0, 1), (0, 2)], pixels=[100, 499, 1000, 100, 100, 100])
    assert asked == [set(star)]
    *_, asked = run(6, [*star, *beside], [(0, 1), (0, 2)], pixels=[100, 500, 1000, 100, 100, 100])
    assert asked == [set(star), set(beside)]


def test_who_came_first_for_its_matches_gives_way_no_more() -> None:
    """Even if another one shows more than it does."""
    order, *_ = run(4, FIVE, [(0, 1), (1, 2)], more={(1, 2): 1, (0, 1): -1})
    assert order == [1, 0, 2, 3]


def test_who_came_first_for_its_matches_has_no_rivals_again() -> None:
    """It misses 3, and 2 has more around it than it matches itself."""
    more = [(2, 4), (2, 5), (2, 6)]
    *_, asked = run(7, [*FIVE, *more], [(0, 1), (1, 2), *more])
    assert not any(set(more) & step for step in asked)


def test_two_first_ones_may_give_way_to_the_same() -> None:
    """Neither 0 nor 1 matches more than 2, which matches both and 3."""
    around = [(0, 2), (0, 4), (1, 2), (1, 5), (2, 3)]
    order, pairs, _ = run(6, around, [(0, 2), (1, 2), (2, 3)])
    assert order.index(2) < order.index(1)
    assert {(2, 0), (2, 1), (2, 3)} <= set(pairs)


def test_who_has_a_place_is_no_reason_to_try_a_rival() -> None:
    """Beside 3 there are 1 and 2, but 1 has its place when 2 asks for rivals."""
    pairs = [(0, 1), (0, 2), (1, 3), (2, 3), (2, 4)]
    *_, asked = run(5, pairs, [(0, 1), (2, 3)])
    assert asked == [{(0, 1), (0, 2)}, {(1, 3)}, {(2, 3), (2, 4)}]


# What is around whom -----------------------------------------------------------------------------


def test_numbers_by_their_first() -> None:
    first, second = np.array([3, 1, 3, 1, 7]), np.array([5, 9, 4, 2, 0])
    by_first = _by_first(first, second)
    assert list(by_first.items()) == [(1, [2, 9]), (3, [4, 5]), (7, [0])]
    assert _by_first(first[:0], second[:0]) == {}


# Look-alikes that are all different --------------------------------------------------------------


@pytest.mark.parametrize("alike", [[], [(2, 5)], [(60, 61)]])
def test_pairs_of_many_look_alikes_are_verified_ahead(
    alike: Pairs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing changes but when they are verified: what was verified ahead is asked for later."""
    n = 90
    every = list(combinations(range(n), 2))

    def groups() -> tuple[Known, list[int], list[tuple[int, int]]]:
        known = Known(alike, pixels=[100] * n)
        order, pairs = best_first(
            known, proposals(every), np.arange(n), lambda v: v.residual <= 1,
            by_content=True, closing_allowed=np.ones(n, bool),
        )  # fmt: skip
        return known, order.tolist(), pairs

    known, order, pairs = groups()
    monkeypatch.setattr(best_first_module, "_MANY", n)
    plain, *expected = groups()
    assert [order, pairs] == expected
    assert known.asked == plain.asked
    assert plain.ahead == []
    sizes = [len(ahead) for ahead in known.ahead]
    assert max(sizes) > 1000
    missed = set().union(*known.ahead) - set().union(*known.asked)
    assert len(missed) <= len(alike) * n
