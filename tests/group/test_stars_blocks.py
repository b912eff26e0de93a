"""Stars block by block, and why a file is kept, where the answers are written down."""

from __future__ import annotations

import numpy as np
import pytest

from imgsim.group.rules import (
    MayMatch,
    Rules,
    are_duplicates,
    classes_of,
    comparable_pairs,
    comparison_kind,
    equal_pixels,
    flat_identity,
)
from imgsim.group.stars import Stars, join
from imgsim.types import Candidates, Picture, Transform
from tests.group.test_stars import names, picture

LAID = Transform("same", ((1.0,),), 1.0, 0.0)


def block(*pairs: tuple[int, int, float]) -> Candidates:
    left, right, distance = np.array(pairs, np.float64).reshape(-1, 3).T
    return Candidates(left.astype(np.int64), right.astype(np.int64), distance)


def stars(*classes: list[int], pictures: list[Picture] | None = None, **rules: bool) -> Stars:
    n = sum(map(len, classes))
    own = pictures or [picture("abcdefgh"[i]) for i in range(n)]
    return Stars(own, [np.array(members) for members in classes], Rules(**rules))


# Blocks ------------------------------------------------------------------------------------------


def test_a_block_without_pairs_changes_nothing() -> None:
    made = stars([0], [1])
    made.add(block())
    made.add(block((0, 1, 2.0)))
    made.add(block())
    assert names(made.groups()) == [["a", "b"]]


def test_a_block_of_several_left_ones() -> None:
    made = stars([0], [1], [2], [3], [4])
    made.add(block((0, 3, 2.0), (1, 3, 1.0), (1, 4, 1.0), (3, 4, 0.5)))
    assert names(made.groups()) == [["b", "d", "e"]]


def test_classes_that_match_no_others_are_groups_wherever_they_stand() -> None:
    made = stars([0, 1], [2], [3, 4], [5], [6, 7])
    made.add(block((1, 3, 1.0)))
    assert names(made.groups()) == [["a", "b"], ["c", "f"], ["d", "e"], ["g", "h"]]
    assert names(stars([0, 1], [2, 3]).groups()) == [["a", "b"], ["c", "d"]]
    assert stars([0], [1]).groups() == []
    assert stars().groups() == []


def test_a_lone_class_stands_before_the_next_left_one() -> None:
    """Else d, the first of its class, would take what belongs to the class."""
    made = stars([0], [1, 2], [3])
    made.add(block((0, 1, 3.0)))
    (group,) = made.groups()
    assert [(m.picture.file.path, m.distance) for m in group.members] == [
        ("a", None), ("b", 3.0), ("c", 3.0),
    ]  # fmt: skip


def test_a_class_is_closed_when_all_of_it_was_taken() -> None:
    made = stars([0], [1], [2], [3])
    assert made.closed.tolist() == [False] * 4
    made.add(block((0, 2, 1.0)))
    assert made.closed.tolist() == [False, False, True, False]
    made.add(block((1, 2, 2.0), (1, 3, 2.0)))
    assert made.closed.tolist() == [False, False, True, True]


def test_a_class_of_which_one_is_left_is_open() -> None:
    """Two references do not match, so the first one takes the others only."""
    kinds = [True, True, False]
    pictures = [picture("abc"[i], reference=kind, digest="x") for i, kind in enumerate(kinds)]
    made = stars([0, 1, 2], [3], pictures=[*pictures, picture("d")])
    made.add(block((0, 1, 1.0)))
    assert made.closed.tolist() == [False, True]
    assert names(made.groups()) == [["a", "c", "d"]]


def test_the_nearest_centre_counts_and_of_equal_ones_the_first() -> None:
    made = stars([0], [1], [2], [3], [4], [5])
    made.add(block((0, 3, 2.0), (0, 4, 2.0), (0, 5, 2.0), (1, 3, 2.0), (1, 4, 1.0)))
    made.add(block((2, 5, 3.0)))
    assert names(made.groups()) == [["a", "d", "f"], ["b", "e"]]


def test_a_centre_is_taken_by_no_later_one() -> None:
    made = stars([0], [1], [2])
    made.add(block((0, 2, 1.0)))
    made.add(block((1, 2, 0.5)))
    assert names(made.groups()) == [["b", "c"]]


# Groups ------------------------------------------------------------------------------------------


def test_members_stand_by_kind_distance_and_path() -> None:
    pictures = [
        picture("k", digest="x"),
        picture("z", digest="x"),
        picture("n"),
        picture("b"),
        picture("a"),
        picture("c"),
    ]
    asked = []

    def transform(kept: Picture, other: Picture) -> Transform | None:
        asked.append((kept.file.path, other.file.path))
        return LAID if other.file.path == "b" else None

    classes = [np.array(members) for members in ([0, 1], [2], [3], [4], [5])]
    made = Stars(pictures, classes, Rules(), transform)
    made.add(block((0, 1, 0.0), (0, 2, 2.0), (0, 3, 2.0), (0, 4, 1.0)))
    (group,) = made.groups()
    assert [(m.picture.file.path, m.kind, m.distance) for m in group.members] == [
        ("k", "kept", None),
        ("z", "exact", 0.0),
        ("n", "near", 0.0),
        ("c", "near", 1.0),
        ("a", "near", 2.0),
        ("b", "near", 2.0),
    ]
    assert [m.transform for m in group.members] == [None] * 5 + [LAID]
    assert asked == [("k", path) for path in "znbac"]


def test_groups_are_in_order_of_the_bytes_of_their_paths() -> None:
    pictures = [picture(n) for n in ("é", "z", "a", "\udc80", "\U0001f600", "b")]
    made = stars([0], [1, 3], [2, 4], [5], pictures=pictures)
    made.add(block((0, 3, 1.0)))
    assert names(made.groups()) == [["a", "\U0001f600"], ["z", "\udc80"], ["é", "b"]]
    one, other = (Stars([picture(n), picture(n + "2")], [np.arange(2)], Rules()) for n in "zé")
    more = stars([0, 1])
    joined = join([*other.groups(), *one.groups()], more.groups())
    assert names(joined) == [["a", "b"], ["z", "z2"], ["é", "é2"]]


# Rules -------------------------------------------------------------------------------------------


def test_the_key_of_a_picture() -> None:
    one = picture("a", raw=True, frames=3, reference=True, root="x")
    assert comparison_kind(one.facts) == (True, 3)
    assert Rules().key(one) == ((True, 3), True, False, "")
    assert Rules(isolate=True).key(one) == ((True, 3), True, False, "x")


def test_pictures_of_one_root_may_match_unless_isolated() -> None:
    pictures = [picture("a", root="x"), picture("b", root="x"), picture("c", root="y")]
    ends = np.array([0, 0, 1]), np.array([1, 2, 2])
    assert MayMatch(pictures, Rules())(*ends).tolist() == [True, True, True]
    assert MayMatch(pictures, Rules(isolate=True))(*ends).tolist() == [False, True, True]
    assert MayMatch([], Rules())(np.zeros(0, np.int64), np.zeros(0, np.int64)).tolist() == []


def test_classes_of_keys() -> None:
    assert [c.tolist() for c in classes_of("abcab")] == [[0, 3], [1, 4], [2]]
    assert list(classes_of("")) == []
    assert len(classes_of("")) == 0
    classes = classes_of(["z", "a", "z", "b"])
    assert classes.number.tolist() == [0, 1, 0, 2]
    assert classes.firsts.tolist() == [0, 1, 3]
    assert classes[-1].tolist() == [3]
    assert [c.tolist() for c in classes[:2]] == [[0, 2], [1]]
    with pytest.raises(IndexError):
        classes[3]


def test_flat_pictures_are_equal_by_pixels_and_those_of_several_frames_by_bytes() -> None:
    pictures = [
        picture("a", pixel_digest="1"),
        picture("b", pixel_digest="2"),
        picture("c", pixel_digest="1"),
        picture("d", pixel_digest="1", frames=2, digest="x"),
        picture("e", pixel_digest="1", frames=2, digest="y"),
        picture("f", pixel_digest="1", frames=2, digest="x"),
    ]
    assert [c.tolist() for c in equal_pixels(pictures)] == [[0, 2], [1], [3, 5], [4]]
    assert [flat_identity(p.facts) for p in pictures] == ["1", "2", "1", None, None, None]


@pytest.mark.parametrize("near", [True, False])
@pytest.mark.parametrize(("left", "right"), [(0, 60), (60, 0), (0, 0)])
def test_one_flat_file_is_enough_to_ask_for_equal_pixels(near: bool, left: int, right: int) -> None:
    for pixels, equal in (("1", True), ("2", False)):
        one = picture("a", detail=left, pixel_digest="1").facts
        other = picture("b", detail=right, pixel_digest=pixels).facts
        assert are_duplicates(one, other, near=near) is equal


def test_pairs_of_different_contents_are_counted_and_not_copies() -> None:
    copies = [picture("a", digest="x"), picture("b", digest="x", reference=True)]
    assert comparable_pairs([], Rules()) == comparable_pairs(copies, Rules()) == 0
    more = [*copies, picture("c"), picture("d", reference=True), picture("e", frames=2)]
    assert comparable_pairs(more, Rules()) == 4  # a c, a d, b c and c d
    roots = [picture(n, digest=d, root=r) for n, d, r in ("axp", "bxq", "cyp", "dzq")]
    assert comparable_pairs(roots, Rules(isolate=True)) == 3  # a d, b c and c d
    assert comparable_pairs(roots, Rules()) == 3  # x y, x z and y z
