"""Which pictures may match, against the rules told pair by pair."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgsim.group.rules import (
    MayMatch,
    Rules,
    are_duplicates,
    comparable_pairs,
    may_match_all,
)
from imgsim.types import Picture
from tests.group.test_stars import picture

PICTURES = st.lists(
    st.builds(
        lambda digest, raw, frames, reference, root: picture(
            f"{root}/{digest}",
            digest=digest,
            raw=raw,
            frames=frames,
            reference=reference,
            root=root,
        ),
        st.sampled_from("uvwxyz"),
        st.booleans(),
        st.sampled_from([1, 1, 2]),
        st.booleans(),
        st.sampled_from("abc"),
    ),
    max_size=12,
)


def may_match(one: Picture, other: Picture, *, isolate: bool) -> bool:
    if one.facts.raw != other.facts.raw or one.facts.frames != other.facts.frames:
        return False
    if one.file.reference and other.file.reference:
        return False
    return not (isolate and one.file.root == other.file.root)


@given(PICTURES, st.booleans())
@settings(deadline=None)
def test_pairs_that_may_match(pictures: list[Picture], isolate: bool) -> None:
    allowed = MayMatch(pictures, Rules(isolate))
    pairs = list(combinations(range(len(pictures)), 2))
    wanted = [may_match(pictures[i], pictures[j], isolate=isolate) for i, j in pairs]
    left, right = np.array(pairs, np.int64).reshape(-1, 2).T
    assert allowed(left, right).tolist() == wanted
    assert [bool(allowed(i, j)) for i, j in pairs] == wanted


@given(PICTURES, st.booleans())
@settings(deadline=None)
def test_the_number_of_pairs_that_may_match(pictures: list[Picture], isolate: bool) -> None:
    """Of different contents; equal files of one root count once."""
    distinct = {
        (p.digest, p.facts.raw, p.facts.frames, p.file.reference, p.file.root if isolate else ""): p
        for p in pictures
    }
    wanted = sum(
        one.digest != other.digest and may_match(one, other, isolate=isolate)
        for one, other in combinations(distinct.values(), 2)
    )
    assert comparable_pairs(pictures, Rules(isolate)) == wanted


@pytest.mark.parametrize("near", [True, False])
def test_two_files_are_duplicates_as_a_method_says(near: bool) -> None:
    photo = picture("a").facts
    assert are_duplicates(photo, photo, near=near) is near
    for other in (picture("b", raw=True), picture("c", frames=2)):
        assert not are_duplicates(photo, other.facts, near=near)


@pytest.mark.parametrize("near", [True, False])
def test_a_flat_file_is_a_duplicate_of_equal_pixels_only(near: bool) -> None:
    flat = picture("a", detail=0, pixel_digest="1").facts
    assert are_duplicates(flat, picture("b", detail=0, pixel_digest="1").facts, near=near)
    assert not are_duplicates(flat, picture("c", detail=0, pixel_digest="2").facts, near=near)
    assert not are_duplicates(flat, picture("d").facts, near=near)
    animated = picture("e", detail=0, pixel_digest="1", frames=2).facts
    assert not are_duplicates(animated, animated, near=near)


@settings(deadline=None)
@given(PICTURES, st.lists(st.booleans(), min_size=12, max_size=12), st.booleans())
def test_which_may_match_all_others(
    pictures: list[Picture], damaged: list[bool], isolate: bool
) -> None:
    pictures = [
        replace(one, facts=replace(one.facts, damage="cut short" if is_damaged else ""))
        for one, is_damaged in zip(pictures, damaged, strict=False)
    ]
    rules = MayMatch(pictures, Rules(isolate))
    expected = [
        all(
            bool(rules(i, j)) or one.identity == other.identity
            for j, other in enumerate(pictures)
            if i != j and not other.facts.damage
        )
        for i, one in enumerate(pictures)
    ]
    assert may_match_all(pictures, Rules(isolate)).tolist() == expected
