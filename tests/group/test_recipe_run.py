"""Runs of a recipe over pictures whose features are made by hand and whose verdicts are known."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest

from imgsim.comparators import registry
from imgsim.comparators.local import LAYOUT, LocalFeatures
from imgsim.comparators.recipes import Recipe
from imgsim.group import recipe_run
from imgsim.group.recipe_run import RecipeRun, _in_order
from imgsim.group.rules import Rules, numbered
from imgsim.propose.most_alike import FEW
from imgsim.read.options import RunOptions
from imgsim.read.table import Collection, FeatureTable
from imgsim.types import Candidates, Picture, Transform, Verdict
from imgsim.verify.needed import ALL, DUPLICATES, Needed
from tests.group.test_stars import picture

LAID = Transform("same", ((1.0, 0.0, 0.0),), 1.0, 0.0)


class Told:
    """Verdicts that are known by the digests; equal ones are alike."""

    residuals: dict[str, float]
    made: list[Told]

    def __init__(
        self, pictures, rows, proposals, slots, executor, options, contents, needed
    ) -> None:
        self.needed = needed
        assert contents.tolist() == numbered(p.identity for p in pictures)[0].tolist()
        self.pictures = pictures
        self.proposals = proposals
        self.verified: set[tuple[int, int]] = set()
        self.closed = False
        self.more: list[tuple[int, int]] = []
        Told.made.append(self)

    def propose(self, proposals) -> None:
        self.more = proposals.pairs()

    def was_asked(self, pair) -> bool:
        return (min(pair), max(pair)) in self.verified

    def asked(self):
        return [(pair, self[pair]) for pair in sorted(self.verified)]

    def verify(self, pairs) -> None:
        known = {*self.proposals.pairs(), *self.more}
        assert set(map(tuple, map(sorted, pairs))) <= known
        self.verified |= {(min(pair), max(pair)) for pair in pairs}

    def verify_through(self, chains) -> None:
        self.verified |= {(min(one, other), max(one, other)) for one, _, other in chains}

    def __getitem__(self, pair: tuple[int, int]) -> Verdict:
        pair = min(pair), max(pair)
        assert pair in self.verified
        one, other = (self.pictures[i].digest for i in pair)
        residual = 0.0 if one == other else self.residuals.get(one + other, 9.0)
        return Verdict(residual, left_seen=1.0, right_seen=1.0)

    def transform(self, kept: Picture, other: Picture) -> Transform:
        assert (kept, other) == (self.pictures[0], self.pictures[1])
        return LAID

    def close(self) -> None:
        self.closed = True


@pytest.fixture(autouse=True)
def told(monkeypatch: pytest.MonkeyPatch) -> type[Told]:
    monkeypatch.setattr(recipe_run, "Verdicts", Told)
    Told.made, Told.residuals = [], {}
    return Told


def run(
    pictures: list[Picture],
    rules: Rules | None = None,
    method: str = "auto",
    preset: str | None = "normal",
    max_distance: float = 1.0,
    kinds: dict[str, int] | None = None,
    prefer: Callable[[Picture], object] | None = None,
) -> RecipeRun:
    """Run over pictures; hashes are alike within a kind, and all are of one kind by default."""
    recipe = registry.parse(method)
    assert isinstance(recipe, Recipe)
    table = FeatureTable(LocalFeatures(), 60)
    hashes = np.random.default_rng(0).integers(0, 256, (9, 32), np.uint8)
    for one in pictures:
        row = np.zeros(1, LAYOUT)
        row["hash"] = hashes[(kinds or {}).get(one.digest, 0)]
        row["colours"][:, ::2] = 200
        table.add(one.digest, row.view(np.uint8).reshape(-1))
    tables = {LocalFeatures(): table}
    collection = Collection(tuple(pictures), (), 0, 0, 0, tables, 0.0, None, {}, None)
    options = RunOptions(jobs=1, executor="threads")
    given = recipe, collection, pictures, rules or Rules(), max_distance, preset, options
    return RecipeRun(*given, prefer=prefer)


@pytest.mark.parametrize(
    ("preset", "max_distance", "expected"),
    [("normal", 1.0, DUPLICATES), ("strict", 0.8, DUPLICATES), (None, 0.5, DUPLICATES),
     (None, 1.5, ALL), ("loose", 4.0, ALL), ("loose", 1.0, ALL)],
)  # fmt: skip
def test_of_pairs_that_are_refused_no_more_is_told(
    told: type[Told], preset: str | None, max_distance: float, expected: Needed
) -> None:
    with run([picture("a"), picture("b")], preset=preset, max_distance=max_distance):
        assert told.made[0].needed is expected


def listed(matches: Candidates) -> list[tuple[int, int, float]]:
    return list(
        zip(matches.left.tolist(), matches.right.tolist(), matches.distance.tolist(), strict=True)
    )


def test_all_matches_by_class_whatever_the_digests(told: type[Told]) -> None:
    pictures = [picture(n, digest=d) for n, d in (("p", "d"), ("q", "b"), ("r", "c"), ("s", "a"))]
    told.residuals = {"ab": 0.25, "cd": 1.0, "ad": 0.5, "bd": 1.01}
    with run(pictures) as done:
        assert [members.tolist() for members in done.classes] == [[0], [1], [2], [3]]
        assert list(done.verify_all()) == [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
        assert done.verify_all()[0, 1].residual == 1.01
        assert listed(done.all_matches()) == [(0, 2, 1.0), (0, 3, 0.5), (1, 3, 0.25)]
        assert not told.made[0].closed
    assert told.made[0].closed
    assert "".join(p.digest for p in told.made[0].pictures) == "abcd"


def test_no_pictures_and_one_picture() -> None:
    for n in (0, 1):
        with run([picture("a")][:n]) as done:
            assert done.verify_all() == {}
            assert listed(done.all_matches()) == []
            assert done.deciding_matches(by_content=True)[0] == list(range(n))


def test_equal_bytes_are_one_class(told: type[Told]) -> None:
    digests = "abab"
    pictures = [picture(str(i), digest=d) for i, d in enumerate(digests)]
    told.residuals = {"ab": 0.5}
    done = run(pictures)
    assert [members.tolist() for members in done.classes] == [[0, 2], [1, 3]]
    assert listed(done.all_matches()) == [(0, 1, 0.5)]


@pytest.mark.parametrize("method", ["auto", "local"])
def test_copies_match_where_nothing_proposes_them(method: str) -> None:
    """A reference and a copy of it, without keypoints; `local` does not ask the hashes."""
    pictures = [picture("a", digest="x"), picture("b", digest="x", reference=True), picture("c")]
    done = run(pictures, method=method, kinds={"x": 1, "c": 2})
    assert [members.tolist() for members in done.classes] == [[0], [1], [2]]
    assert listed(done.all_matches()) == [(0, 1, 0.0)]


def test_all_pairs_of_copies_in_three_roots() -> None:
    pictures = [picture(n, digest="x", root=n) for n in "abc"]
    pictures.append(picture("d", digest="x", root="a"))
    done = run(pictures, Rules(isolate=True), method="local")
    assert [members.tolist() for members in done.classes] == [[0, 3], [1], [2]]
    assert listed(done.all_matches()) == [(0, 1, 0.0), (0, 2, 0.0), (1, 2, 0.0)]
    order, matches = done.deciding_matches(by_content=False)
    assert order == [0, 1, 2]
    assert listed(matches) == [(0, 1, 0.0), (0, 2, 0.0), (1, 2, 0.0)]


def test_only_hashes_propose_without_keypoints(told: type[Told]) -> None:
    told.residuals = {"ab": 0.5, "bc": 0.5}
    pictures = [picture("a"), picture("b"), picture("c")]
    assert listed(run(pictures, kinds={"c": 1}).all_matches()) == [(0, 1, 0.5)]
    assert listed(run(pictures, method="local").all_matches()) == []


@pytest.mark.parametrize(
    ("one", "other", "isolate", "allowed"),
    [
        ({}, {}, False, True),
        ({}, {}, True, False),
        ({"root": "x"}, {"root": "y"}, True, True),
        ({"reference": True}, {}, False, True),
        ({"reference": True}, {"reference": True}, False, False),
        ({"frames": 2}, {}, False, False),
        ({"raw": True}, {}, False, False),
    ],
)
def test_pairs_that_may_not_match_are_not_verified(
    one: dict, other: dict, isolate: bool, allowed: bool, told: type[Told]
) -> None:
    told.residuals = {"ab": 0.5}
    done = run([picture("a", **one), picture("b", **other)], Rules(isolate))
    assert listed(done.all_matches()) == [(0, 1, 0.5)] * allowed
    assert told.made[0].verified == ({(0, 1)} if allowed else set())


@pytest.mark.parametrize(
    ("preset", "limit", "found"),
    [("normal", 0.5, True), ("normal", 0.49, False), ("strict", 1.0, False), (None, 0.5, True)],
)
def test_what_is_accepted_is_for_the_recipe_to_say(
    preset: str | None, limit: float, found: bool, told: type[Told]
) -> None:
    """Strict accepts whole pictures only; these verdicts have no overlap."""
    told.residuals = {"ab": 0.5}
    done = run([picture("a"), picture("b")], preset=preset, max_distance=limit)
    assert bool(listed(done.all_matches())) == found
    assert done.accepts(Verdict(0.5, left_seen=1.0)) == found


# The pairs that decide ---------------------------------------------------------------------------


def test_what_belongs_to_a_group_is_verified_no_more(told: type[Told]) -> None:
    """The first picture has the greatest digest; the numbers are places in the order."""
    told.residuals = {"ab": 0.5, "ac": 0.25, "bc": 0.75}
    pictures = [picture(n, digest=d) for n, d in (("p", "c"), ("q", "a"), ("r", "b"))]
    order, matches = run(pictures).deciding_matches(by_content=False)
    assert order == [0, 1, 2]
    assert listed(matches) == [(0, 1, 0.25), (0, 2, 0.75)]
    assert told.made[0].verified == {(0, 2), (1, 2)}


def test_a_file_that_is_preferred_is_the_centre(told: type[Told]) -> None:
    """So its copies are verified with no other one first; a class is as good as its best file."""
    told.residuals = {"ab": 0.5, "ac": 0.25, "bc": 0.75}
    pictures = [picture("p", digest="b"), picture("q", digest="a"), picture("r", digest="c")]
    pictures.append(picture("s", digest="a"))
    order, matches = run(pictures, prefer=lambda one: -ord(one.file.path)).deciding_matches()
    assert order == [1, 2, 0]
    assert listed(matches) == [(0, 1, 0.25), (0, 2, 0.5)]
    assert told.made[0].verified == {(0, 1), (0, 2)}


def test_of_many_that_are_nearly_the_same_each_is_verified_with_the_preferred_one(
    told: type[Told],
) -> None:
    names = [chr(65 + i) for i in range(FEW + 20)]
    told.residuals = {one + other: 0.5 for one, other in combinations(names, 2)}
    pictures = [picture(name, digest=name) for name in names]
    run(pictures, prefer=lambda one: one.file.path != "Q").deciding_matches()
    assert all("Q" in {names[i] for i in pair} for pair in told.made[0].verified)
    assert len(told.made[0].verified) == len(names) - 1


@pytest.mark.parametrize("by_content", [True, False])
def test_references_come_first_and_belong_to_no_group(by_content: bool, told: type[Told]) -> None:
    """Both pictures are verified against both references, and not only against the nearest."""
    told.residuals = {"ab": 0.5, "ac": 0.25, "bd": 0.75, "cd": 0.125, "ad": 0.625, "bc": 0.375}
    pictures = [
        picture("a"),
        picture("b", reference=True),
        picture("c"),
        picture("d", reference=True),
    ]
    order, matches = run(pictures).deciding_matches(by_content=by_content)
    assert order == [1, 3, 0, 2]
    # the first picture takes the other one, so this is verified against no reference
    assert listed(matches) == [(0, 2, 0.5), (1, 2, 0.625), (2, 3, 0.25)]


def test_the_better_picture_by_its_content_comes_first(
    told: type[Told],
) -> None:
    """The second picture matches the third one, that the first one misses."""
    told.residuals = {"ab": 0.5, "bc": 0.5}
    pictures = [picture("a"), picture("b"), picture("c")]
    order, matches = run(pictures).deciding_matches(by_content=True)
    assert order == [1, 0, 2]
    assert sorted(set(listed(matches))) == [(0, 1, 0.5), (0, 2, 0.5)]
    order, matches = run(pictures).deciding_matches(by_content=False)
    assert order == [0, 1, 2]
    assert listed(matches) == [(0, 1, 0.5)]


def test_how_two_pictures_lie_is_known_to_the_verdicts() -> None:
    pictures = [picture("a"), picture("b")]
    assert run(pictures).transform(*pictures) is LAID


def test_pairs_are_brought_in_order_with_their_distances() -> None:
    matches = _in_order([(2, 1), (0, 3), (0, 2)], [0.1, 0.2, 0.3])
    assert listed(matches) == [(0, 2, 0.3), (0, 3, 0.2), (1, 2, 0.1)]
    assert matches.left.dtype == np.int64
    assert listed(_in_order([], [])) == []
