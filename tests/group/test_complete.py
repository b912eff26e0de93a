"""Groups whose members match become one, under a picture that all of them match."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imgsim.group.complete import complete
from imgsim.group.rules import MayMatch, Rules
from imgsim.propose.proposals import Proposals
from imgsim.read.options import RunOptions
from imgsim.tasks.find_duplicates import Duplicates, find_duplicates
from imgsim.types import ImageFacts, ImageFile, Picture, Verdict
from tests.verify.pictures import picture

IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
SIZES = {"w": (400, 300), "c": (360, 270), "s": (400, 400), "o": (400, 300), "m": (400, 300)} | {
    "n": (500, 400),
    "p": (450, 360),
}
"""A whole picture, a part of it, a stretched copy, another one, a mirrored one; two of a shape that
no camera has."""


class Known:
    """Verdicts that are told; `composed` are those that only a third picture leads to."""

    def __init__(self, names: str, direct: Sequence[str], composed: Sequence[str] = ()) -> None:
        self.names = names
        self.pictures = [
            Picture(
                ImageFile(name, 1, 1, root=name),
                name,
                ImageFacts(*SIZES[name[0]], "JPEG", False, False, 1, 63, None),
            )
            for name in names
        ]
        self.direct = set(map(frozenset, direct))
        self.composed = set(map(frozenset, composed))
        self.asked: list[tuple[int, int, int]] = []
        self.verified: set[frozenset[int]] = set()

    def verify(self, pairs: Sequence[tuple[int, int]]) -> None:
        self.verified.update(frozenset(pair) for pair in pairs)

    def was_asked(self, pair: tuple[int, int]) -> bool:
        return frozenset(pair) in self.verified

    def verify_through(self, chains: Sequence[tuple[int, int, int]]) -> None:
        for one, third, other in chains:
            ends = {self.names[one], self.names[other]}
            for end in ends:
                assert {end, self.names[third]} in self.direct, "it has to be verified with both"
            if ends in self.composed:
                self.direct.add(frozenset(ends))
        self.asked.extend(chains)

    def __getitem__(self, pair: tuple[int, int]) -> Verdict:
        one, other = (self.names[i] for i in sorted(pair))
        residual = 0.5 if {one, other} in self.direct else 9.0
        more = {"c": 1, "w": -1}.get(one, 0) if {one, other} == {"w", "c"} else 0
        return Verdict(residual, IDENTITY, 1.0, 1.0, 1.0, more=more)


def united(
    known: Known,
    order: str,
    pairs: Sequence[str],
    proposed: Sequence[str] = (),
    *,
    by_content: bool = True,
    rules: Rules | None = None,
) -> tuple[str, set[str]]:
    number = {name: i for i, name in enumerate(known.names)}
    ends = [sorted((number[a], number[b])) for a, b in [*pairs, *proposed]]
    ends.sort()
    left, right = (np.array(side, np.int64) for side in zip(*ends, strict=True))
    places, accepted = complete(
        known,  # type: ignore[arg-type]
        Proposals(left, right, np.ones(len(left), np.int64), np.zeros(len(left), np.int64)),
        np.array([number[name] for name in order]),
        [(number[a], number[b]) for a, b in pairs],
        lambda verdict: verdict.residual <= 1,
        MayMatch(known.pictures, rules or Rules()),
        by_content=by_content,
    )
    return (
        "".join(known.names[i] for i in places),
        {"".join(sorted(known.names[i] for i in pair)) for pair in accepted},
    )


def test_a_lone_picture_matches_the_centre_through_a_member() -> None:
    known = Known("cmw", ["mw", "cw"], composed=["cm"])
    order, accepted = united(known, "mwc", ["mw"], proposed=["cw"])
    assert accepted == {"mw", "cm"}
    assert order == "mwc"
    assert known.asked == [(0, 2, 1)]


def test_what_does_not_match_any_centre_stays_apart() -> None:
    known = Known("cmw", ["mw", "cw"])
    # the whole matches both, and shows as much as the centre: it becomes the centre
    assert united(known, "mwc", ["mw"], proposed=["cw"]) == ("wmc", {"mw", "cw"})
    known = Known("cmw", ["mw", "cw"])
    assert united(known, "mwc", ["mw"], proposed=["cw"], by_content=False)[1] == {"mw"}


def test_copies_of_a_refused_picture_are_not_compared() -> None:
    known = Known("mow", ["mw"])
    known.verify([(1, 2)])
    assert united(known, "wmo", ["mw"], proposed=["mo", "ow"]) == ("wmo", {"mw"})
    assert known.verified == {frozenset((1, 2))}


def test_a_part_is_no_centre_of_its_whole() -> None:
    known = Known("cmw", ["cw", "cm"])
    order, accepted = united(known, "wcm", ["cw"], proposed=["cm"])
    assert (order, accepted) == ("wcm", {"cw"})


def test_two_groups_become_one_only_if_all_match() -> None:
    known = Known("cmow", ["mw", "co", "cw"], composed=["cm", "mo"])
    assert united(known, "mwoc", ["mw", "co"], ["cw"])[1] == {"mw", "co", "cm", "mo"}
    known = Known("cmow", ["mw", "co", "cw"], composed=["cm"])
    assert united(known, "mwoc", ["mw", "co"], ["cw"])[1] == {"mw", "co"}


def test_the_rules_hold_for_what_a_third_picture_leads_to() -> None:
    known = Known("cmw", ["mw", "cw"], composed=["cm"])
    roots = {"c": "same", "m": "same", "w": "other"}
    known.pictures = [
        replace(p, file=replace(p.file, root=roots[p.digest])) for p in known.pictures
    ]
    accepted = united(known, "mwc", ["mw"], proposed=["cw"], rules=Rules(isolate=True))[1]
    assert "cm" not in accepted


@pytest.mark.parametrize("by_content", [True, False])
def test_a_stretched_copy_is_not_kept_unless_the_policy_says_so(by_content: bool) -> None:
    order, accepted = united(Known("sw", ["sw"]), "sw", ["sw"], by_content=by_content)
    assert order == ("ws" if by_content else "sw")
    assert accepted == {"sw"}


def test_most_members_tell_which_one_is_stretched() -> None:
    known = Known("mosw", ["ms", "os", "sw", "mw", "ow"], composed=["mo"])
    order, _ = united(known, "smow", ["ms", "os", "sw"], ["mw", "ow"])
    assert order[0] != "s"


def test_shapes_are_compared_by_way_of_a_third_picture() -> None:
    order, _ = united(Known("nps", ["ns", "ps"], composed=["np"]), "snp", ["ns", "ps"])
    assert order[0] != "s"


def changed(whole: Image.Image) -> dict[str, Image.Image]:
    width, height = whole.size
    inner = width // 16, height // 16, width - width // 16, height - height // 16
    return {
        "whole": whole,
        "crop": whole.crop(inner),
        "square": whole.resize((700, 700)),
        "wide": whole.resize((900, 420)),
    }


def groups(duplicates: Duplicates) -> list[tuple[str, list[str]]]:
    names = [[Path(m.picture.file.path).stem for m in g.members] for g in duplicates.groups]
    return [(kept, sorted(others)) for kept, *others in names]


def test_stretched_copies_lose_no_crop(tmp_path: Path) -> None:
    for seed in (1, 3, 6):
        for name, image in changed(picture(seed)).items():
            image.save(tmp_path / f"{seed}-{name}.jpg", quality=92)
    options = RunOptions(cache=None, jobs=1, executor="threads")
    found = find_duplicates(tmp_path, options=options)
    wanted = [
        (f"{seed}-whole", [f"{seed}-{name}" for name in ("crop", "square", "wide")])
        for seed in (1, 3, 6)
    ]
    assert groups(found) == wanted
    paths = sorted(map(str, tmp_path.iterdir()))
    random.Random(0).shuffle(paths)
    cached = replace(options, cache=tmp_path / "cache.db", jobs=3)
    for _ in range(2):
        again = find_duplicates(paths, options=cached)
        assert groups(again) == wanted
    assert again.decoded == 0
