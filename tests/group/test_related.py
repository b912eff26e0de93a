"""Files that match members of a group, and belong to none or to another one."""

from __future__ import annotations

from imgsim.group.related import with_related
from imgsim.types import Group, ImageFacts, ImageFile, Member, Picture, Related

FACTS = ImageFacts(400, 300, "JPEG", False, False, 1, 63, None)


def picture(name: str) -> Picture:
    return Picture(ImageFile(name, 1, 1, root="."), name, FACTS)


def group(*pictures: Picture) -> Group:
    kept, *others = pictures
    members = Member(kept, "kept", None), *(Member(one, "near", 0.5) for one in others)
    return Group(members, "first by path")


def test_what_matches_from_elsewhere_is_named_once_for_each_group() -> None:
    a, b, c, d, e, f = (picture(name) for name in "abcdef")
    pairs = [(a, b, 0.1), (b, c, 0.9), (a, d, 0.8), (b, e, 0.7), (e, f, 0.2)]
    first, second = with_related([group(a, b), group(c, d)], pairs)
    assert first.related == (Related("d", "a", "verified"), Related("e", "b", "verified"))
    assert second.related == (Related("a", "d", "verified"),)


def test_what_a_group_names_already_stays_as_it_is() -> None:
    a, b, c = (picture(name) for name in "abc")
    whole = Related("c", "a", "whole")
    known = Group(group(a, b).members, "first by path", related=(whole,))
    assert with_related([known], [(b, c, 0.5)])[0].related == (whole,)
    assert with_related([known], []) == [known]
