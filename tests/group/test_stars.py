from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgsim.group.keep import rank
from imgsim.group.rules import Rules, equal_pixels
from imgsim.group.stars import Stars
from imgsim.types import Candidates, Group, ImageFacts, ImageFile, Picture


def picture(name: str, **changes: object) -> Picture:
    file = ImageFile(name, 1000, 10**18, ".")
    facts = ImageFacts(100, 100, "JPEG", False, False, 1, 60, None)
    digest = str(changes.pop("digest", name))
    for key, value in changes.items():
        if hasattr(file, key):
            file = replace(file, **{key: value})
        else:
            facts = replace(facts, **{key: value})
    return Picture(file, digest, facts)


def groups(
    pictures: list[Picture], pairs: dict[tuple[str, str], float], rules: Rules | None = None
) -> list[Group]:
    """Group with one class per picture; a block of candidates per left picture."""
    ranked = rank(pictures)
    place = {p.file.path: i for i, p in enumerate(ranked)}
    stars = Stars(ranked, [np.array([i]) for i in range(len(ranked))], rules or Rules())
    edges = sorted(
        (min(place[a], place[b]), max(place[a], place[b]), d) for (a, b), d in pairs.items()
    )
    for left in sorted({edge[0] for edge in edges}):
        of_left = [edge for edge in edges if edge[0] == left]
        stars.add(
            Candidates(
                np.array([left] * len(of_left)),
                np.array([edge[1] for edge in of_left]),
                np.array([edge[2] for edge in of_left]),
            )
        )
    return stars.groups()


def names(found: list[Group]) -> list[list[str]]:
    return [[m.picture.file.path for m in group.members] for group in found]


def test_groups_do_not_chain() -> None:
    found = groups([picture("a"), picture("b"), picture("c")], {("a", "b"): 1, ("b", "c"): 1})
    assert names(found) == [["a", "b"]]


def test_a_picture_belongs_to_the_nearest_centre() -> None:
    pictures = [picture("a"), picture("b"), picture("x")]
    assert names(groups(pictures, {("a", "x"): 3, ("b", "x"): 2})) == [["b", "x"]]
    assert names(groups(pictures, {("a", "x"): 2, ("b", "x"): 2})) == [["a", "x"]]


@given(
    st.permutations(range(9)),
    st.dictionaries(
        st.tuples(st.integers(0, 8), st.integers(0, 8)).filter(lambda p: p[0] < p[1]),
        st.integers(0, 5),
    ),
    st.lists(st.integers(0, 2), min_size=9, max_size=9),
)
@settings(max_examples=150, deadline=None)
def test_stars_hold_in_any_order_of_input(order, edges, sizes) -> None:
    pictures = [picture(str(i), size_bytes=sizes[i]) for i in range(9)]
    pairs = {(str(a), str(b)): float(d) for (a, b), d in edges.items()}
    found = groups(pictures, pairs)
    assert found == groups([pictures[i] for i in order], pairs)
    members = [path for group in names(found) for path in group]
    assert len(members) == len(set(members))
    ranked = [p.file.path for p in rank(pictures)]
    kept = {g.kept.file.path for g in found}
    for group in found:
        centre = group.kept.file.path
        for member in group.members[1:]:
            path = member.picture.file.path
            assert ranked.index(centre) < ranked.index(path)
            distance = pairs.get((centre, path), pairs.get((path, centre)))
            assert distance == member.distance
            for other in kept - {centre}:  # no other kept file is nearer
                there = pairs.get((other, path), pairs.get((path, other), np.inf))
                assert there >= distance or ranked.index(other) > ranked.index(path)
    for path in set(ranked) - set(members):  # who is left over matches nothing that was kept
        for other in set(ranked) - set(members):
            assert (path, other) not in pairs


@given(
    st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(1, 2)), min_size=8, max_size=8),
    st.dictionaries(
        st.tuples(st.integers(0, 7), st.integers(0, 7)).filter(lambda p: p[0] < p[1]),
        st.integers(0, 3),
    ),
    st.booleans(),
)
@settings(max_examples=200, deadline=None)
def test_stars_equal_the_plain_loop_under_all_rules(kinds, edges, isolate: bool) -> None:
    """Pictures in order: one that nobody took takes what is allowed, and is nearer to it."""
    pictures = [
        picture(str(i), root="ab"[root], reference=reference, frames=frames)
        for i, (root, reference, frames) in enumerate(kinds)
    ]
    pairs = {(str(a), str(b)): float(d) for (a, b), d in edges.items()}
    rules = Rules(isolate)
    ranked = rank(pictures)
    centre: dict[int, int] = {}
    nearest: dict[int, float] = {}
    for i, left in enumerate(ranked):
        if i in centre:
            continue
        for j in range(i + 1, 8):
            right = ranked[j]
            names_of = left.file.path, right.file.path
            distance = pairs.get(names_of, pairs.get(names_of[::-1]))
            allowed = (
                left.facts.frames == right.facts.frames
                and not (left.file.reference and right.file.reference)
                and not (isolate and left.file.root == right.file.root)
            )
            if distance is not None and allowed and distance < nearest.get(j, np.inf):
                centre[j], nearest[j] = i, distance
    expected = {(ranked[i].file.path, ranked[j].file.path) for j, i in centre.items()}
    found = {
        (group.kept.file.path, member.picture.file.path)
        for group in groups(pictures, pairs, rules)
        for member in group.members[1:]
    }
    assert found == expected


def test_equal_bytes_are_exact_and_come_first() -> None:
    pictures = [picture("a", digest="1"), picture("b", digest="2"), picture("z", digest="1")]
    stars = Stars(rank(pictures), [np.array([0, 1, 2])], Rules())
    (group,) = stars.groups()
    assert [(m.picture.file.path, m.kind) for m in group.members] == [
        ("a", "kept"),
        ("z", "exact"),
        ("b", "near"),
    ]


@pytest.mark.parametrize(
    ("change", "other"),
    [({"raw": True}, {}), ({"frames": 7}, {}), ({"reference": True}, {"reference": True})],
)
def test_pairs_that_are_never_matched(change: dict, other: dict) -> None:
    assert groups([picture("a", **change), picture("b", **other)], {("a", "b"): 0}) == []
    assert groups([picture("a", **change), picture("b", **change)], {("a", "b"): 0}) or (
        "reference" in change
    )


def test_reference_files_come_first() -> None:
    pictures = [picture("a", width=900), picture("b", reference=True)]
    assert rank(pictures)[0].file.path == "b"
    (group,) = groups(pictures, {("a", "b"): 1})
    assert group.kept.file.path == "b"


@pytest.mark.parametrize(
    ("digests", "samples", "kind"),
    [
        ("xx", ("s", "s"), "exact"),
        ("xy", ("s", "s"), "pixels"),
        ("xy", ("s", "t"), "near"),
        ("xy", (None, None), "near"),
        ("xy", ("s", None), "near"),
    ],
)
def test_how_sure_a_member_is(
    digests: str, samples: tuple[str | None, str | None], kind: str
) -> None:
    pictures = [
        replace(picture(name, digest=digest), sample_digest=sample)
        for name, digest, sample in zip("ab", digests, samples, strict=True)
    ]
    (group,) = groups(pictures, {("a", "b"): 0.5})
    assert [m.kind for m in group.members] == ["kept", kind]
    sure = ["exact", "pixels", "near"]
    assert [len(group.parts(one)) for one in sure] == [
        int(sure.index(kind) <= place) for place in range(3)
    ]


def test_isolate_matches_only_across_arguments() -> None:
    pictures = [
        picture("a/1", root="a", digest="x"),
        picture("a/2", root="a", digest="x"),
        picture("b/1", root="b", digest="x"),
    ]
    stars = Stars(rank(pictures), [np.arange(3)], Rules(isolate=True))
    assert names(stars.groups()) == [["a/1", "b/1"]]


def test_a_centre_takes_no_picture_that_comes_before_it() -> None:
    """Of two equal files the first was taken; the second, which may not be, keeps its place."""
    pictures = [
        picture("a/0", root="a"),
        picture("b/1", root="b", digest="x"),
        picture("a/2", root="a", digest="x"),
    ]
    stars = Stars(pictures, [np.array([0]), np.array([1, 2])], Rules(isolate=True))
    stars.add(Candidates(np.array([0]), np.array([1]), np.array([3.0])))
    assert names(stars.groups()) == [["a/0", "b/1"]]


def test_flat_pictures_match_by_their_pixels_alone() -> None:
    flat = [picture(n, detail=0, pixel_digest=d) for n, d in (("a", "1"), ("b", "2"), ("c", "1"))]
    found = Stars(flat, equal_pixels(flat), Rules()).groups()
    assert names(found) == [["a", "c"]]


def test_ten_thousand_equal_frames_are_one_star() -> None:
    pictures = [picture(f"{i:05}", digest="same") for i in range(10_000)]
    (group,) = Stars(rank(pictures), [np.arange(10_000)], Rules()).groups()
    assert len(group.members) == 10_000
    assert group.kept.file.path == "00000"
