"""Which pairs of images keypoints propose; the keypoints are made by hand.

A vote says where the middle (200, 150) of one image lies in the other, how it is turned and how
large it is. Four votes propose a pair if they fall into one cell: 30 degrees, a factor of 2 ** 0.8
and 100 pixels wide, in either of two grids that are half a cell apart.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from imgsim.comparators.local import LAYOUT, MIRRORED
from imgsim.propose import alike, keypoints
from imgsim.propose.keypoint_votes import MIN_VOTES, usual_likenesses, votes_of

WIDTH = 400


@pytest.fixture(autouse=True, params=["C", "NumPy"])
def compiled(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "NumPy":
        monkeypatch.setattr(alike, "_alike", None)
    elif alike._alike is None:
        pytest.skip("the parts in C are not compiled: no C compiler was found at installation")


@dataclass(frozen=True)
class Point:
    """A keypoint; `angle` in 1/256 turns."""

    x: float
    y: float
    descriptor: np.ndarray
    octave: int = 0
    angle: int = 0


def images(n: int) -> np.ndarray:
    rows = np.zeros(n, LAYOUT)
    rows["size"] = WIDTH, 300
    return rows


def put(row: np.void, points: Sequence[Point], mirrored: Sequence[np.ndarray] = ()) -> None:
    """Append keypoints, and how a mirror shows them."""
    for i, point in enumerate(points, start=int(row["count"])):
        row["place"][i] = round(point.x * 64), round(point.y * 64)
        row["octave"][i], row["angle"][i] = point.octave, point.angle
        row["descriptor"][i] = point.descriptor
        if mirrored:
            row["mirrored"][i] = mirrored[i - int(row["count"])]
    row["count"] += len(points)


def descriptors(n: int, seed: int = 0) -> np.ndarray:
    """Without a word in common."""
    return np.random.default_rng(seed).integers(1, 256, (n, 32), np.uint8)


def moved(
    point: Point,
    descriptor: np.ndarray,
    *,
    middle: tuple[float, float] = (220.0, 170.0),
    turn: int = 0,
    octaves: int = 0,
) -> Point:
    """The keypoint in another image, where the middle of the first lies at `middle`."""
    angle = 2 * np.pi * turn / 256
    x, y = point.x - 200, point.y - 150
    factor = 1.2**octaves
    return Point(
        middle[0] + factor * (np.cos(angle) * x - np.sin(angle) * y),
        middle[1] + factor * (np.sin(angle) * x + np.cos(angle) * y),
        descriptor,
        point.octave + octaves,
        (point.angle + turn) % 256,
    )


def points(n: int, seed: int = 0, octave: int = 3) -> list[Point]:
    """Keypoints around the middle."""
    rng = np.random.default_rng(seed + 100)
    return [
        Point(160 + 80 * rng.random(), 110 + 80 * rng.random(), d, octave, int(rng.integers(256)))
        for d in descriptors(n, seed)
    ]


def listed(rows: np.ndarray, *least: int) -> list[tuple[int, int, bool]]:
    """Those with four votes of any weight, or as few as told, and as little; one is too few."""
    votes = votes_of(rows, *(least or (4, 0, 0)), min_weight_single=10_000)
    return list(
        zip(votes.left.tolist(), votes.right.tolist(), votes.mirrored.tolist(), strict=True)
    )


def proposed(*changes: dict) -> bool:
    """Whether two pairs of votes, each with its own change, propose a pair of images."""
    rows = images(2)
    own = points(2 * len(changes))
    put(rows[0], own)
    for i, point in enumerate(own):
        put(rows[1], [moved(point, point.descriptor, **changes[i // 2])])
    return bool(listed(rows))


# How many votes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "found"), [(0, 0), (1, 0), (2, 1), (3, 1), (4, 1)])
def test_two_votes_propose_a_pair(n: int, found: int) -> None:
    rows = images(2)
    for row in rows:
        put(row, points(n))
    assert listed(rows, MIN_VOTES) == [(0, 1, False)] * found


@pytest.mark.parametrize(("n", "bits", "found"), [(3, 38, 0), (3, 37, 1), (5, 46, 0), (6, 46, 1)])
def test_votes_weigh_less_the_more_their_descriptors_differ(n: int, bits: int, found: int) -> None:
    rows = images(2)
    own = points(n)
    put(rows[0], own)
    for point in own:
        changed = np.unpackbits(point.descriptor)
        changed[32 : 32 + bits] ^= 1  # the first word stays
        put(rows[1], [replace(point, descriptor=np.packbits(changed))])
    assert listed(rows, MIN_VOTES) == [(0, 1, False)] * found


@pytest.mark.parametrize(("bits", "found"), [(0, True), (17, True), (18, False)])
def test_one_sure_vote_will_do(bits: int, found: bool) -> None:
    """Of a small part of a picture hardly any other keypoint is left."""
    rows = images(2)
    point = points(1)[0]
    put(rows[0], [point])
    changed = np.unpackbits(point.descriptor)
    changed[32 : 32 + bits] ^= 1  # the first word stays
    put(rows[1], [replace(point, descriptor=np.packbits(changed))])
    assert (len(votes_of(rows).left) == 1) == found


@pytest.mark.parametrize("first_bit", [0, 16, 100, 224])
def test_a_word_may_begin_at_every_second_byte(first_bit: int) -> None:
    rows = images(2)
    own = points(4)
    put(rows[0], own)
    for point in own:
        changed = np.unpackbits(point.descriptor)
        word = np.arange(256) // 16 - first_bit // 16
        changed[::16] ^= (word[::16] < 0) | (word[::16] > 1)  # a bit of every other 16
        put(rows[1], [replace(point, descriptor=np.packbits(changed))])
    assert listed(rows) == [(0, 1, False)]


def test_fewer_votes_are_enough_if_told() -> None:
    rows = images(2)
    for row in rows:
        put(row, points(2))
    assert listed(rows, 2) == [(0, 1, False)]
    assert listed(rows, 3) == []


def test_no_images_and_one_image() -> None:
    assert listed(images(0)) == []
    rows = images(1)
    put(rows[0], points(4) + points(4))  # alike, but in the same image
    assert listed(rows) == []


def test_keypoints_behind_the_count_do_not_vote() -> None:
    rows = images(2)
    for row in rows:
        put(row, points(4))
    rows["count"][1] = 3
    assert listed(rows) == []


def test_each_pair_counts_its_own_votes() -> None:
    """Image 1 is like 4, 0 like 3, and 2 has two votes for 0 and two for 1."""
    rows = images(5)
    first, second = points(4, 1), points(4, 2)
    for i, own in ((0, first), (3, first), (1, second), (4, second), (2, first[:2] + second[2:])):
        put(rows[i], own)
    assert listed(rows) == [(0, 3, False), (1, 4, False)]
    assert listed(rows, 2) == [
        (0, 2, False), (0, 3, False), (1, 2, False), (1, 4, False), (2, 3, False), (2, 4, False),
    ]  # fmt: skip


@pytest.mark.parametrize(("n", "found"), [(11, 55), (12, 66), (13, 0)])
def test_a_word_that_too_many_keypoints_share_tells_nothing(
    n: int, found: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alike, "COMMON_WORD", 12)
    rows = images(n)
    for row in rows:
        put(row, points(4))
    assert len(listed(rows)) == found


def test_a_word_in_common_counts_though_an_earlier_one_is_too_common(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(alike, "COMMON_WORD", 4)
    rows = images(5)
    for row, rest in zip(rows, (1, 1, 2, 3, 4), strict=True):
        own = points(4)
        for point, other in zip(own, descriptors(4, 10 + rest), strict=True):
            point.descriptor[4:] = other[4:]  # the first word is that of all
        put(row, own)
    assert listed(rows) == [(0, 1, False)]


@pytest.mark.parametrize("in_first", [True, False])
def test_a_keypoint_like_several_of_the_other_image_votes_once(in_first: bool) -> None:
    """Of a row of equal letters in one image, and one such letter in the other."""
    own = points(2)
    letters = [replace(own[0], x=own[0].x + shift) for shift in (-3.0, 0.0, 3.0)]
    rows = images(2)
    put(rows[0 if in_first else 1], own)
    put(rows[1 if in_first else 0], [*letters, own[1]])
    assert listed(rows, 2, 0, 0) == [(0, 1, False)]
    assert listed(rows, 3, 0, 0) == []


@pytest.mark.parametrize(("n", "common", "found"), [(36, 3, True), (37, 3, False), (40, 6, True)])
def test_what_many_images_share_weighs_less(n: int, common: int, found: bool) -> None:
    """Each of n images shows the same keypoints, as of the bars of an app; two show more."""
    rows = images(n)
    for row in rows:
        put(row, points(common))
    assert (len(listed(rows, MIN_VOTES)) == n * (n - 1) // 2) == found
    for row in rows[:2]:
        put(row, points(3, 7))
    assert (0, 1, False) in listed(rows, MIN_VOTES)


@pytest.mark.parametrize("blank_first", [True, False])
def test_images_without_keypoints_count_wherever_they_stand(blank_first: bool) -> None:
    """Forty-five of 300 images share three keypoints: that is little among so many."""
    rows = images(300)
    for row in rows[-45:] if blank_first else rows[:45]:
        put(row, points(3))
    assert len(listed(rows, MIN_VOTES)) == 45 * 44 // 2


def test_how_many_may_be_alike_grows_with_the_images_at_last_with_their_root() -> None:
    numbers = [usual_likenesses(n) for n in (2, 160, 320, 640, 2560, 64_000)]
    assert numbers == [8, 8, 16, 32, 64, 320]


# Which keypoints are alike -----------------------------------------------------------------------


def unlike(descriptor: np.ndarray, bits: Sequence[int]) -> np.ndarray:
    """Flip so many bits of each of the eight words."""
    flipped = np.unpackbits(descriptor).reshape(8, 32)
    for word, n in zip(flipped, bits, strict=True):
        word[:n] ^= 1
    return np.packbits(flipped.reshape(-1))


@pytest.mark.parametrize("word", range(8))
def test_one_word_in_common_is_enough(word: int) -> None:
    bits = [9] * 8
    bits[word] = 0
    rows = images(2)
    put(rows[0], points(4))
    put(rows[1], [moved(p, unlike(p.descriptor, bits)) for p in points(4)])
    assert listed(rows) == [(0, 1, False)]


@pytest.mark.parametrize(
    ("bits", "found"),
    [
        ([0, 32, 32, 0, 0, 0, 0, 0], True),  # 64
        ([0, 32, 32, 1, 0, 0, 0, 0], False),  # 65
        ([1] * 8, False),  # no word in common
    ],
)
def test_alike_are_descriptors_up_to_64_bits_apart(bits: list[int], found: bool) -> None:
    rows = images(2)
    put(rows[0], points(4))
    put(rows[1], [moved(p, unlike(p.descriptor, bits)) for p in points(4)])
    assert bool(listed(rows)) == found


# In which cell -----------------------------------------------------------------------------------


@pytest.mark.parametrize("turn", [0, 20, 100, 250])
@pytest.mark.parametrize("octaves", [-3, 0, 4])
def test_all_votes_of_one_transformation_agree(turn: int, octaves: int) -> None:
    change = {"turn": turn, "octaves": octaves}
    assert proposed(change, change)
    # on either side of a cell the votes do not agree, so there are no two pixels to spare
    for x in (200.25, 150.25):
        assert proposed({"middle": (x, 170), **change}, {"middle": (x + 99.5, 170), **change})
        assert not proposed({"middle": (x, 170), **change}, {"middle": (x + 100, 170), **change})
        assert proposed({"middle": (230, x), **change}, {"middle": (230, x + 99.5), **change})
        assert not proposed({"middle": (230, x), **change}, {"middle": (230, x + 100), **change})


@pytest.mark.parametrize(
    ("one", "other", "found"),
    [
        (0, 21, True),  # 0 and 29.5 degrees
        (0, 22, False),  # 0 and 30.9
        (11, 31, True),  # 15.5 and 43.6
        (10, 31, False),  # 14.1 and 43.6
        (11, 32, False),  # 15.5 and 45
        (250, 5, True),  # 351.6 and 7
        (246, 10, True),  # 345.9 and 14.1
        (245, 10, False),  # 344.5 and 14.1
        (64, 192, False),  # 90 and 270
        (128, 0, False),
    ],
)
def test_votes_agree_on_a_turn(one: int, other: int, found: bool) -> None:
    assert proposed({"turn": one}, {"turn": other}) == found


@pytest.mark.parametrize(
    ("one", "other", "found"),
    [
        (0, 3, True),  # 0 and 0.79 octaves of the scale, log2 of 1.2 each
        (0, 4, False),  # 0 and 1.05
        (-1, 1, True),  # -0.26 and 0.26
        (-2, 1, False),
        (2, 4, True),  # 0.53 and 1.05
        (2, 5, False),  # 0.53 and 1.32
        (1, 4, False),
        (-3, 0, False),
        (-3, -1, True),
    ],
)
def test_votes_agree_on_a_scale(one: int, other: int, found: bool) -> None:
    assert proposed({"octaves": one}, {"octaves": other}) == found


# Mirrored ----------------------------------------------------------------------------------------


def mirror(point: Point) -> Point:
    """The keypoint in the mirrored image; its descriptor is another one."""
    return Point(
        WIDTH - 1 - point.x,
        point.y,
        255 - point.descriptor,
        point.octave,
        (128 - point.angle) % 256,
    )


@pytest.mark.parametrize("number", [0, 1])
def test_a_mirrored_image_is_proposed_whichever_of_the_two_was_seen_so(number: int) -> None:
    rows = images(4)
    own = points(4)
    put(rows[1 + number], own)
    put(rows[2 - number], [mirror(p) for p in own], [p.descriptor for p in own])
    assert listed(rows) == [(1, 2, True)]


def test_a_pair_that_was_seen_mirrored_twice_is_listed_once() -> None:
    rows = images(3)
    own = points(4)
    put(rows[0], own, [255 - p.descriptor for p in own])
    put(rows[2], [mirror(p) for p in own], [p.descriptor for p in own])
    assert listed(rows) == [(0, 2, True)]


def test_a_pair_may_be_alike_plain_and_mirrored() -> None:
    rows = images(3)
    own, more = points(4, 1), points(4, 2)
    put(rows[1], own + more)
    put(rows[2], own)
    put(rows[2], [mirror(p) for p in more], [p.descriptor for p in more])
    assert listed(rows) == [(1, 2, False), (1, 2, True)]


def test_one_may_be_alike_plain_and_the_one_before_it_mirrored() -> None:
    rows = images(4)
    own, more = points(4, 1), points(4, 2)
    put(rows[1], own + more)
    put(rows[2], [mirror(p) for p in more], [p.descriptor for p in more])
    put(rows[3], own)
    assert listed(rows) == [(1, 3, False), (1, 2, True)]


def test_three_votes_plain_and_three_mirrored_are_not_six() -> None:
    rows = images(2)
    own, more = points(3, 1), points(3, 2)
    put(rows[0], own + more)
    put(rows[1], own)
    put(rows[1], [mirror(p) for p in more], [p.descriptor for p in more])
    assert listed(rows) == []


def test_two_images_alike_in_their_mirrors_only_say_nothing() -> None:
    rows = images(2)
    for seed, row in enumerate(rows, 1):
        put(row, points(4, seed), list(descriptors(4, 9)))
    assert listed(rows) == []


def test_what_a_mirror_does_not_show_does_not_vote() -> None:
    """Zeros stand for it; the second image has keypoints whose descriptor is zero."""
    rows = images(2)
    put(rows[0], points(4))
    zero = np.zeros(32, np.uint8)
    put(rows[1], [mirror(Point(p.x, p.y, ~zero, p.octave, p.angle)) for p in points(4)])
    assert listed(rows) == []


@pytest.mark.parametrize(("before", "found"), [(0, True), (MIRRORED - 4, True), (250, False)])
def test_the_first_96_keypoints_have_mirrored_ones(before: int, found: bool) -> None:
    rows = images(2)
    own = points(4)
    put(rows[0], own)
    put(rows[1], [Point(1, 1, d) for d in descriptors(before, 5)])
    put(rows[1], [mirror(p) for p in own], [p.descriptor for p in own] if found else ())
    assert listed(rows) == [(0, 1, True)] * found


@pytest.mark.parametrize(("x", "width", "found"), [(100.25, 99.5, True), (99.75, 99.5, False)])
def test_mirrored_votes_agree_on_a_place(x: float, width: float, found: bool) -> None:
    """Of images that are not as wide as others: the middle lies at `x` and `x + width`."""
    rows = images(2)
    rows["size"][:] = 340, 400
    own = points(4)
    put(rows[0], own)
    for i, p in enumerate(own):
        shown = moved(p, p.descriptor, middle=(x + width * (i // 2), 170))
        seen = Point(339 - shown.x, shown.y, ~p.descriptor, p.octave, (128 - p.angle) % 256)
        put(rows[1], [seen], [p.descriptor])
    assert bool(listed(rows)) == found


# In parts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", ["_ROWS", "_IMAGES", "_AT_ONCE", "_SORTED_BITS"])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
def test_the_size_of_the_parts_changes_nothing(
    limit: str, size: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rows = images(7)
    of = [points(4, seed) for seed in range(4)]
    for i, own in ((0, of[0] + of[1]), (2, of[0]), (3, of[1] + of[2]), (5, of[2]), (6, of[0])):
        put(rows[i], own)
    for i in (1, 4):
        put(
            rows[i], [mirror(p) for p in of[3 * (i == 1)]], [p.descriptor for p in of[3 * (i == 1)]]
        )
    put(rows[5], of[3])
    wanted = [(0, 2), (0, 3), (0, 4), (0, 6), (1, 5), (2, 4), (2, 6), (3, 5), (4, 6)]
    plain = [(left, right, 4 not in (left, right) and left != 1) for left, right in wanted]
    plain = sorted((left, right, not is_plain) for left, right, is_plain in plain)
    for module in (alike, keypoints):
        monkeypatch.setattr(module, limit, size, raising=False)
    monkeypatch.setattr(alike, "_IN_MEMORY", 0 if limit == "_IMAGES" else 1 << 20)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert sorted(listed(rows)) == plain
    assert list(tmp_path.iterdir()) == []


def _collisions(rows: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    n = len(rows)
    of = keypoints.Keypoints.of(rows, np.arange(n))
    return alike.Collisions(of, n, usual_likenesses(n)).found(1, 0, 0)


@pytest.mark.parametrize(
    ("at_once", "parts"), [(20, [20, 28, 12]), (56, [56, 4]), (57, [60]), (60, [60])]
)
def test_a_part_ends_where_a_query_image_does(
    at_once: int, parts: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Six images with four keypoints in common: 20, 16, 12, 8 and 4 pairs of keypoints."""
    rows = images(6)
    for row in rows:
        put(row, points(4))
    monkeypatch.setattr(alike, "_AT_ONCE", at_once)
    collisions = list(_collisions(rows))
    assert [len(query) for query, _ in collisions] == parts
    pairs = [
        (int(q), int(o)) for query, other in collisions for q, o in zip(query, other, strict=True)
    ]
    assert pairs == [(i, j) for i in range(24) for j in range(i + 1, 24) if (j - i) % 4 == 0]


def test_what_was_read_takes_no_more_room_on_the_disk(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rows = images(4)
    for row in rows:
        put(row, points(4))
    monkeypatch.setattr(alike, "_IMAGES", 1)
    monkeypatch.setattr(alike, "_IN_MEMORY", 0)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert [len(list(tmp_path.glob("*/[0-9]*"))) for _ in _collisions(rows)] == [2, 1, 0]


def test_among_some_rows_pairs_are_places_in_them(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = images(5)
    for row in rows:
        put(row, points(8))
    monkeypatch.setattr(keypoints, "_ROWS", 2)
    votes = votes_of(rows, 4, 0, 0, among=np.array([1, 3, 4]))
    assert list(zip(votes.left.tolist(), votes.right.tolist(), strict=True)) == [
        (0, 1), (0, 2), (1, 2),
    ]  # fmt: skip
    assert len(votes_of(rows, 4, 0, 0, among=np.zeros(0, np.int64)).left) == 0
