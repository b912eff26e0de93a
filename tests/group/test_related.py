"""Files that match members of a group, and belong to none or to another one."""

from __future__ import annotations

from imgsim.group.related import with_links, with_related
from imgsim.group.shot_series import Link
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


def test_links_are_named_in_each_group_once_with_the_kept_file_if_it_is_linked() -> None:
    a, b, c, d, e, f = (picture(name) for name in "abcdef")
    groups = [group(b, a), group(d, c)]
    links = [
        Link(a, c, "burst"),
        Link(b, d, "burst"),
        Link(a, d, "burst"),
        Link(b, e, "raw"),
        Link(e, f, "moment"),
        Link(a, b, "bracket"),
    ]
    for order in (links, links[::-1]):
        (first, second), alone = with_links(groups, order)
        assert first.related == (
            Related("a", "b", "bracket"),
            Related("d", "b", "burst"),
            Related("e", "b", "raw"),
        )
        assert second.related == (Related("b", "d", "burst"),)
        assert alone == [Related("f", "e", "moment")]


def test_what_matches_is_named_as_another_shot_if_it_is_one() -> None:
    a, b, c, _, e = (picture(name) for name in "abcde")
    matching = Related("c", "a", "verified"), Related("e", "a", "verified")
    known = Group(group(a, b).members, "first by path", related=matching)
    links = [Link(b, c, "burst"), Link(a, e, "moment")]
    lone = Related("c", "a", "verified"), Related("d", "b", "verified")
    (told,), left = with_links([known], links, lone)
    assert told.related == (Related("e", "a", "verified"), Related("c", "b", "burst"))
    assert left == [Related("d", "b", "verified")]
