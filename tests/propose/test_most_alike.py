"""Pictures that resemble many others are compared with those most alike."""

from __future__ import annotations

import numpy as np
import pytest

from imgsim.comparators.local import LAYOUT
from imgsim.propose import most_alike as module
from imgsim.propose import near_hashes
from imgsim.propose.keypoint_votes import Votes
from imgsim.propose.most_alike import FEW, Found, MostAlike
from imgsim.propose.proposals import PairRules, Proposals, limited, propose

MEASURES = 3  # details, colours, votes
NO_VOTES = Votes(*(np.zeros(0, np.int64) for _ in range(2)), np.zeros(0, bool), np.zeros(0, int))


def frames(n: int) -> np.ndarray:
    """Colours of one scene, in each a thing elsewhere."""
    rng = np.random.default_rng(3)
    colours = np.repeat(rng.integers(60, 180, (1, 32, 32, 3)), n, axis=0)
    for one in colours:
        x, y = rng.integers(0, 25, 2)
        one[y : y + 6, x : x + 6] = rng.integers(0, 256, 3)
    return colours.astype(np.uint8)


def with_noise(n: int) -> np.ndarray:
    """Colours of one frame, with noise."""
    rng = np.random.default_rng(4)
    shown = rng.integers(40, 200, (32, 32, 3))
    return (shown + rng.integers(-1, 2, (n, 32, 32, 3))).astype(np.uint8)


def rows_of(colours: np.ndarray, flipped_bits: int = 0) -> np.ndarray:
    """Rows of pictures with hashes that are nearly equal."""
    rows = np.zeros(len(colours), LAYOUT)
    rows["colours"] = colours
    rng = np.random.default_rng(5)
    rows["hash"] = rng.integers(0, 256, 32)
    for row in rows:
        for bit in rng.integers(0, 256, flipped_bits):
            row["hash"][bit // 8] ^= 1 << (bit % 8)
    return rows


def proposed(rows: np.ndarray, **more: object) -> Proposals:
    return propose(rows, hashes=True, jobs=1, votes=NO_VOTES, **more)  # type: ignore[arg-type]


def rules_of(
    n: int, order: np.ndarray | None = None, content: np.ndarray | None = None
) -> PairRules:
    every = np.arange(n)
    return PairRules(
        every if order is None else order,
        every if content is None else content,
        lambda left, right: np.ones(len(left), np.uint8),
    )


def test_few_are_all_compared() -> None:
    found = proposed(rows_of(frames(FEW + 1)))
    assert len(found.left) == FEW * (FEW + 1) // 2
    assert found.left_out == 0
    assert len(found.crowded) == 0


def test_of_many_each_is_compared_with_few_and_the_others_are_counted() -> None:
    n = 150
    found = proposed(rows_of(frames(n)))
    assert len(found.left) <= 2 * n + n // 10  # of one frame two are nearer than any other by far
    assert len(found.left) + found.left_out == n * (n - 1) // 2
    assert found.crowded.tolist() == list(range(n))


def test_of_many_all_that_are_nearer_by_far_are_compared() -> None:
    colours = frames(90)
    copies = np.repeat(colours[40:41], 3, axis=0).astype(float)
    for copy, factor in zip(copies, (0.9, 0.8, 0.7), strict=True):
        copy[..., 0] *= factor
    found = proposed(rows_of(np.concatenate([colours, copies.astype(np.uint8)])))
    of_them = {pair for pair in found.pairs() if set(pair) <= {40, 90, 91, 92}}
    assert of_them == {(40, 90), (40, 91), (40, 92), (90, 91), (90, 92), (91, 92)}
    assert len(found.left) <= 2 * 93 + 9


def test_the_first_stands_for_those_that_differ_in_noise() -> None:
    n = 120
    order = np.random.default_rng(1).permutation(n)
    found = proposed(rows_of(with_noise(n)), rules=rules_of(n, order))
    first = int(order[0])
    pairs = set(found.pairs())
    assert all((min(i, first), max(i, first)) in pairs for i in range(n) if i != first)


def test_each_of_two_states_has_one_that_stands_for_it() -> None:
    colours = np.concatenate([with_noise(50), with_noise(50)])
    colours[50:, 8:14, 8:14] = (250, 128, 128)  # a thing in 3.5 % of the area
    pairs = set(proposed(rows_of(colours)).pairs())
    assert all((0, i) in pairs for i in range(1, 50))
    assert all((50, i) in pairs for i in range(51, 100))


@pytest.mark.parametrize("light", ["darker", "vignette", "grey"])
def test_a_copy_in_another_light_is_among_the_most_alike(light: str) -> None:
    colours = frames(90)
    copies = colours[30:50].astype(float)
    if light == "grey":
        copies[..., 1:] = 128
    else:
        y, x = np.mgrid[-1:1:32j, -1:1:32j]
        copies[..., 0] *= 0.6 if light == "darker" else 1 - 0.25 * (x**2 + y**2)
    found = proposed(rows_of(np.concatenate([colours, copies.astype(np.uint8)])))
    assert {(30 + i, 90 + i) for i in range(20)} <= set(found.pairs())


def test_neither_the_order_of_files_nor_blocks_change_what_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    n = 140
    rows = rows_of(np.concatenate([frames(n // 2), with_noise(n // 2)]), flipped_bits=24)
    order = np.random.default_rng(2).permutation(n)
    expected = proposed(rows, rules=rules_of(n, order))
    monkeypatch.setattr(module, "_WAITING", 50)
    monkeypatch.setattr(near_hashes, "_MOST_QUERIES", 3)
    monkeypatch.setattr(near_hashes, "_SPARSE", 100)
    found = proposed(rows, rules=rules_of(n, order))
    for name in ("left", "right", "why", "weight", "left_out", "crowded"):
        assert np.array_equal(getattr(found, name), getattr(expected, name)), name
    # and what an archive is known to propose comes to the same
    near = [(i, j) for i in range(n) for j in range(i + 1, n)]
    left, right = np.array(near).T
    bits = near_hashes.hash_bits(rows["hash"], left, right)
    every = Proposals(left, right, bits, np.zeros(len(left), np.int64)).only(bits > 0)
    again = limited(every, rows, np.zeros(n, bool), rules_of(n, order))
    assert again.pairs() == expected.pairs()
    assert again.left_out == expected.left_out


def test_a_mirrored_copy_is_compared_as_its_hash_tells() -> None:
    from imgsim.comparators.local import ORIENTATIONS, turned

    colours = frames(91)
    colours[90] = colours[40, :, ::-1]
    rows = rows_of(colours)
    rows["hash"][90] = turned(rows["hash"][40:41], ORIENTATIONS[2])[0]
    assert (40, 90) in proposed(rows).pairs()


def test_votes_tell_where_hashes_do_not() -> None:
    """A part of a frame looks like none of them."""
    n = 90
    rows = rows_of(frames(n))
    rows["hash"][n - 1] = ~rows["hash"][n - 1] & 0x5A
    weight = np.full(n - 1, 5000)
    weight[57] = 9000
    votes = Votes(np.arange(n - 1), np.full(n - 1, n - 1), np.zeros(n - 1, bool), weight)
    found = propose(rows, hashes=True, jobs=1, votes=votes)
    of_part = [pair for pair in found.pairs() if pair[1] == n - 1]
    assert (57, n - 1) in of_part
    assert len(found.left) + found.left_out == n * (n - 1) // 2


def test_an_archive_of_look_alikes_asks_for_nothing_itself() -> None:
    n = 200
    closed = np.arange(n) < n - 1
    found = proposed(rows_of(frames(n)), closed=closed)
    assert 0 < len(found.left) <= MEASURES + 1
    assert found.left_out == n - 1 - len(found.left)


def test_pairs_of_one_content_are_kept_and_do_not_count() -> None:
    """Such as the same file below 60 paths that are to be kept apart."""
    n = 60
    content = np.where(np.arange(n + 2) < n, 0, np.arange(n + 2))
    found = proposed(rows_of(frames(n + 2)), rules=rules_of(n + 2, content=content))
    assert len(found.left) >= n * (n - 1) // 2 + 2 * n  # each of these resembles two others
    assert found.crowded.tolist() == [n, n + 1]


def test_pairs_that_may_not_match_are_not_counted_nor_kept() -> None:
    n = 120
    side = np.arange(n) % 2
    rules = PairRules(
        np.arange(n), np.arange(n), lambda a, b: np.where(side[a] != side[b], 1, 2).astype(np.uint8)
    )
    found = proposed(rows_of(frames(n)), rules=rules)
    across = side[found.left] != side[found.right]
    assert across.sum() + found.left_out == (n // 2) ** 2
    assert (~across).any()  # for the sake of the others


def test_what_is_dropped_early_would_not_have_been_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Against all pairs at once."""
    rng = np.random.default_rng(8)
    n = 70
    left, right = np.triu_indices(n, 1)
    nearness = rng.integers(0, 9, (2, len(left))).astype(np.float32) / 9  # with many equal ones
    nothing = np.zeros(len(left), bool)
    every = Found(left, right, np.ones(len(left), np.int64), nearness, nothing)
    expected = MostAlike(n, 2, np.ones(n, bool), FEW)
    expected.add(every)
    monkeypatch.setattr(module, "_WAITING", 40)
    parts = MostAlike(n, 2, np.ones(n, bool), FEW)
    dropped = 0
    for one in rng.permutation(n):
        dropped += len(parts.add(every.only(left == one)))
    kept, last = parts.wanted()
    pairs = {(a, b) for a, b in zip(kept.own, kept.other, strict=True)}
    wanted = expected.wanted()[0]
    assert pairs == {(a, b) for a, b in zip(wanted.own, wanted.other, strict=True)}
    assert len(pairs) + dropped + len(last) == len(left)


def test_what_is_wanted_is_not_looked_at_again_for_each_block(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_WAITING", 10)
    compacted = []
    compact = MostAlike._compact
    monkeypatch.setattr(MostAlike, "_compact", lambda own: compacted.append(0) or compact(own))
    n = 1000
    alike = MostAlike(n, 1, np.ones(n, bool), FEW)
    for start in range(0, n, 10):
        own, one = np.arange(start, start + 10), np.ones(10)
        alike.add(Found(own, own, own, one[None].astype(np.float32), one > 0))
    assert len(compacted) < 15
    assert alike.wanted()[0].own.tolist() == list(range(n))
