"""What find-dupes and the gates make of what a person decided."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pytest
from PIL import Image

from imgsim import Decisions, Duplicates, RunOptions, decide, find_duplicates, find_leaks, known
from imgsim.act.planning import make_plan
from imgsim.decisions.lookup import Decided, SeenFile
from imgsim.decisions.store import without_pairs
from imgsim.pictures.generate import landscape
from imgsim.read.discover import DiscoverOptions

Photo = Callable[[int], Image.Image]
VARIANTS = ("a.jpg", "b.jpg", "c.jpg", "d.jpg")


@pytest.fixture
def options(tmp_path: Path) -> RunOptions:
    return RunOptions(executor="threads", jobs=1, cache=tmp_path / "cache.sqlite")


@pytest.fixture
def folder(tmp_path: Path, photo: Photo) -> Path:
    """One picture four times: by quality and, the last, half as large."""
    folder = tmp_path / "photos"
    folder.mkdir()
    picture = photo(1).resize((480, 360), Image.Resampling.BICUBIC)
    for name, quality in zip(VARIANTS, (95, 85, 75), strict=False):
        picture.save(folder / name, quality=quality)
    picture.resize((240, 180), Image.Resampling.LANCZOS).save(folder / "d.jpg", quality=80)
    return folder


def _find(
    folder: Path, decisions: Decisions | None, options: RunOptions, **more: object
) -> Duplicates:
    return find_duplicates(folder, "phash", decisions=decisions, options=options, **more)


def _names(found: Duplicates) -> list[list[str]]:
    """The members of each group, the kept one first; those that may go in capitals."""
    return [
        [
            Path(m.picture.file.path).name.upper()
            if m in group.removable
            else Path(m.picture.file.path).name
            for m in group.members
        ]
        for group in found.groups
    ]


def _planned(found: Duplicates) -> set[str]:
    plan = make_plan(found, {"edited", "near", "reencoded"}, history=Path("/nowhere"))
    return {one.file.path.decode() for group in plan.groups for one in group.removals}


def test_a_decided_pair_is_left_out_and_never_planned(folder: Path, options: RunOptions) -> None:
    for name in ("c.jpg", "d.jpg"):
        (folder / name).unlink()
    decisions = Decisions()
    assert _find(folder, decisions, options).decided_pairs is None
    decide("keep-all", [folder / "a.jpg", folder / "b.jpg"], decisions, options=options)
    found = _find(folder, decisions, options)
    assert (found.groups, found.decided_pairs, len(found.decided_groups)) == ((), 1, 1)
    everything = found.with_decided()
    assert _names(everything) == [["a.jpg", "b.jpg"]]
    assert everything.groups[0].all_decided
    assert everything.to_dict()["groups"][0]["members"][1]["decision"] == "keep-all"
    assert _planned(everything) == set()
    decisions.replace(lambda one: ())
    assert len(_find(folder, decisions, options).groups) == 1


def test_renaming_moving_and_metadata_keep_a_decision(folder: Path, options: RunOptions) -> None:
    for name in ("c.jpg", "d.jpg"):
        (folder / name).unlink()
    decisions = Decisions()
    decide("not-duplicates", [folder / "a.jpg", folder / "b.jpg"], decisions, options=options)
    (folder / "elsewhere").mkdir()
    data = (folder / "b.jpg").read_bytes()
    (folder / "b.jpg").unlink()
    rated = data[:2] + b"\xff\xfe\x00\x08rated!" + data[2:]
    (folder / "elsewhere" / "renamed.jpg").write_bytes(rated)
    found = _find(folder, decisions, options)
    assert (found.groups, found.decided_pairs) == ((), 1)


def test_a_new_file_asks_for_itself_alone(folder: Path, options: RunOptions) -> None:
    decisions = Decisions()
    decide("keep-all", [folder / "b.jpg", folder / "c.jpg"], decisions, options=options)
    (folder / "a.jpg").unlink()
    found = _find(folder, decisions, options)
    group = found.groups[0]
    assert [len(g.members) for g in found.groups] == [2]
    assert Path(group.members[1].picture.file.path).name == "d.jpg"
    assert [Path(m.picture.file.path).name for m in group.decided] == ["c.jpg"]
    assert found.decided_pairs == 1
    assert _planned(found) <= {"d.jpg"}
    # that it stays beside one of them answers for the other one too
    decide("keep-all", [group.kept, group.members[1].picture], decisions, options=options)
    found = _find(folder, decisions, options)
    assert (found.groups, found.decided_pairs) == ((), 3)
    assert _planned(found.with_decided()) == set()
    # not so where the pair of them was forgotten
    whole = Decisions()
    decide("keep-all", [folder / f"{name}.jpg" for name in "bcd"], whole, options=options)
    assert _find(folder, whole, options).groups == ()
    whole.replace(lambda one: without_pairs(one, [{0}, {1}]))
    found = _find(folder, whole, options)
    assert {name.lower() for name in _names(found)[0]} == {"b.jpg", "c.jpg"}


def test_what_is_not_decided_among_others_is_still_asked(folder: Path, options: RunOptions) -> None:
    """Both pairs with the kept file are decided, and the one of the other two is not."""
    (folder / "d.jpg").unlink()
    decisions = Decisions()
    for other in ("b.jpg", "c.jpg"):
        decide("not-duplicates", [folder / "a.jpg", folder / other], decisions, options=options)
    found = _find(folder, decisions, options)
    assert [[name.lower() for name in some] for some in _names(found)] == [["b.jpg", "c.jpg"]]
    assert not any(one.path.endswith("a.jpg") for g in found.groups for one in g.related)


def test_of_equal_files_as_many_stay_as_were_decided(folder: Path, options: RunOptions) -> None:
    for name in VARIANTS[1:]:
        (folder / name).unlink()
    data = (folder / "a.jpg").read_bytes()
    (folder / "z.jpg").write_bytes(data)
    decisions = Decisions()
    decide("keep-all", [folder / "a.jpg", folder / "z.jpg"], decisions, options=options)
    assert _find(folder, decisions, options).groups == ()
    (folder / "new.jpg").write_bytes(data)
    for rules in ("original", "newest", "largest"):
        found = _find(folder, decisions, options, keep=rules)
        assert [names[1:] for names in _names(found)] == [["NEW.JPG"]]
        assert len(found.groups[0].decided) == 1


def test_a_file_that_was_named_stays_and_its_copy_goes(folder: Path, options: RunOptions) -> None:
    """Wherever the copy lies, and whatever the rules say."""
    for name in ("c.jpg", "d.jpg"):
        (folder / name).unlink()
    decisions = Decisions()
    decide("keep-all", [folder / "a.jpg", folder / "b.jpg"], decisions, options=options)
    for name in ("0.jpg", "z.jpg"):
        (folder / name).write_bytes((folder / "b.jpg").read_bytes())
    for rules in ("original", "not-folder:photos", "newest"):
        found = _find(folder, decisions, options, keep=rules)
        assert _planned(found) == {"0.jpg", "z.jpg"}


def test_keep_yields_to_no_rule_and_to_no_reference(folder: Path, options: RunOptions) -> None:
    decisions = Decisions()
    decide("keep", [folder / "c.jpg"], decisions, options=options)
    for rules in ("original", "largest", "not-folder:photos"):
        group = _find(folder, decisions, options, keep=rules).groups[0]
        assert group.kept.file.path.endswith("c.jpg")
        assert (group.members[0].decision, group.keep_rule) == ("keep", "decision")
    discover = DiscoverOptions(reference=(str(folder / "a.jpg"),))
    with_reference = replace(options, discover=discover)
    (group,) = _find(folder, decisions, with_reference).groups
    assert group.kept.file.path.endswith("c.jpg")
    assert not any(m.removable for m in group.members if m.picture.file.reference)
    # another one in its place, and then it is gone
    decide("keep", [folder / "b.jpg", folder / "c.jpg"], decisions, options=options)
    (group,) = _find(folder, decisions, options).groups
    assert group.kept.file.path.endswith("b.jpg")
    assert all(m.decision is None for m in group.members[1:])
    (folder / "b.jpg").unlink()
    (group,) = _find(folder, decisions, options, keep="largest").groups
    assert group.kept.file.path.endswith("a.jpg")
    assert group.members[0].decision is None


def test_no_third_file_stands_for_two_that_are_not_duplicates(
    folder: Path, options: RunOptions
) -> None:
    decisions = Decisions()
    decide("not-duplicates", [folder / "b.jpg", folder / "c.jpg"], decisions, options=options)
    (folder / "d.jpg").unlink()
    (group,) = _find(folder, decisions, options).groups
    assert group.kept.file.path.endswith("a.jpg")
    assert [m.decision for m in group.members[1:]] == ["not-duplicates"] * 2
    assert group.removable == ()


@pytest.mark.parametrize("other", ["0.jpg", "z.jpg"])
def test_a_file_that_may_go_is_not_kept_before_an_equal_one(
    folder: Path, options: RunOptions, other: str
) -> None:
    """Else the equal one goes in a run without the file that stays, and itself in the next one."""
    decisions = Decisions()
    decide("remove", [folder / "a.jpg", folder / "b.jpg"], decisions, options=options)
    (folder / other).write_bytes((folder / "b.jpg").read_bytes())
    for name in ("a.jpg", "c.jpg", "d.jpg"):
        (folder / name).unlink()
    found = _find(folder, decisions, options)
    assert _names(found) == [[other, "B.JPG"]]
    assert found.groups[0].keep_reason == "decided: the other one may go"
    assert _names(_find(folder, decisions, options, keep="oldest")) == [[other, "B.JPG"]]


def test_random_decisions_are_never_acted_against(folder: Path, options: RunOptions) -> None:
    (folder / "e.jpg").write_bytes((folder / "a.jpg").read_bytes())
    paths = sorted(folder.iterdir())
    rng = random.Random(5)
    removable = 0
    for _ in range(12):
        decisions = Decisions()
        for _ in range(rng.randint(1, 3)):
            answer = rng.choice(["keep-all", "keep", "not-duplicates", "remove"])
            some = rng.sample(paths[:4] if answer == "not-duplicates" else paths, 2)
            decide(answer, some, decisions, options=options)
        found = _find(folder, decisions, options, keep=rng.choice(["original", "smallest"]))
        files = [SeenFile(m.digest, m.path) for m in _seen(paths, options)]
        decided = Decided(decisions, files)
        by_path = {file.path: file for file in files}
        for group in found.groups:
            kept = by_path[group.kept.file.path]
            going = [by_path[m.picture.file.path] for m in group.removable]
            removable += len(going)
            for one in going:
                assert decided.between_files(kept, one) is None
                assert decided.file_stays(one, kept) is None
            for pair in combinations(going, 2):
                assert decided.between_files(*pair) != "not-duplicates"
        again = _find(folder, decisions, options)
        assert again.decided_pairs == found.decided_pairs
    assert removable > 0


def _seen(paths: list[Path], options: RunOptions) -> list[SeenFile]:
    from hashlib import sha256

    return [SeenFile(sha256(path.read_bytes()).hexdigest(), str(path)) for path in paths]


def test_gates_leave_out_what_was_decided(folder: Path, options: RunOptions) -> None:
    """Leaks and known: only the undecided match of a file counts."""
    train, valid = folder / "train", folder / "valid"
    for one in (train, valid):
        one.mkdir()
    (folder / "a.jpg").rename(train / "a.jpg")
    (folder / "b.jpg").rename(train / "b.jpg")
    (folder / "c.jpg").rename(valid / "c.jpg")
    decisions = Decisions()
    decide("not-duplicates", [train / "a.jpg", valid / "c.jpg"], decisions, options=options)
    splits = [str(train), str(valid)]
    leaks = find_leaks(splits, decisions=decisions, options=options)
    assert [m.picture.file.path for m in leaks.leaks[0].matches] == [str(train / "b.jpg")]
    answer = known(valid, train, k=1, decisions=decisions, options=options).answers[0]
    assert [match.path for match in answer.matches] == [str(train / "b.jpg")]
    decide("keep-all", [train / "b.jpg", valid / "c.jpg"], decisions, options=options)
    leaks = find_leaks(splits, decisions=decisions, options=options)
    assert (leaks.clean, leaks.drop, leaks.decided_pairs) == (True, (), 2)
    answers = known(valid, train, decisions=decisions, options=options)
    assert (answers.answers[0].known, answers.decided_pairs) == (False, 2)


def test_equal_samples_of_other_formats_are_one_content(
    tmp_path: Path, photo: Photo, options: RunOptions
) -> None:
    """A decision on a PNG is one on the BMP of the same samples."""
    photo(2).save(tmp_path / "one.png")
    photo(2).resize((80, 60)).save(tmp_path / "small.png")
    decisions = Decisions()
    decide("keep-all", [tmp_path / "one.png", tmp_path / "small.png"], decisions, options=options)
    data = io.BytesIO()
    photo(2).save(data, "BMP")
    (tmp_path / "one.png").unlink()
    (tmp_path / "one.bmp").write_bytes(data.getvalue())
    assert _find(tmp_path, decisions, options).groups == ()


def test_what_stays_is_in_no_plan_whatever_is_kept(folder: Path, options: RunOptions) -> None:
    decisions = Decisions()
    decide("keep", [folder / "a.jpg"], decisions, options=options)
    decide("keep-all", [folder / "b.jpg", folder / "d.jpg"], decisions, options=options)
    found = _find(folder, decisions, options)
    assert {Path(m.picture.file.path).name: m.decision for m in found.groups[0].members} == {
        "a.jpg": "keep",
        "b.jpg": "keep-all",
        "c.jpg": None,
        "d.jpg": "keep-all",
    }
    assert _planned(found) <= {"c.jpg"}


def test_a_decided_file_is_not_named_as_related(tmp_path: Path, options: RunOptions) -> None:
    """By a method that verifies pairs, and so knows of others than the kept file's."""
    picture = Image.fromarray(landscape(61, 480, 360))
    for name, quality in (("a.jpg", 95), ("b.jpg", 80), ("c.jpg", 70)):
        picture.save(tmp_path / name, quality=quality)
    before = find_duplicates(tmp_path, options=options)
    kept, *others = [m.picture for m in before.groups[0].members]
    assert len(others) == 2
    decisions = Decisions()
    decide("not-duplicates", [kept, others[0]], decisions, options=options)
    found = find_duplicates(tmp_path, decisions=decisions, options=options)
    pairs = [(r.path, r.beside) for r in (*found.groups[0].related, *found.related)]
    assert not any({kept.file.path, others[0].file.path} == set(pair) for pair in pairs)
    assert [m.picture for m in found.groups[0].members] == [kept, others[1]]
