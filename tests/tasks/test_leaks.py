"""Leaks across splits, against a plain loop over all pairs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from imgsim import RunOptions, UsageError, find_leaks
from imgsim.pictures.fixed_camera import write_camera_frames
from imgsim.pictures.generate import landscape
from imgsim.read.discover import DiscoverOptions
from imgsim.tasks.leaks.across import Across
from imgsim.tasks.leaks.results import Leaks
from imgsim.tasks.leaks.splits import read_split_file, split_folders
from imgsim.types import Candidates, ImageFacts, ImageFile, Picture


def pairs_of(found: Leaks) -> set[tuple[str, str]]:
    return {
        (leak.picture.file.path, match.picture.file.path)
        for leak in found.leaks
        for match in leak.matches
    }


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("process")
    return folder, write_camera_frames(folder, 3, runs=4, states=8, disturbances=4)


def test_the_same_state_is_a_leak_and_another_is_none(process, threads: RunOptions) -> None:
    folder, made = process
    splits = [str(folder / "train"), str(folder / "valid")]
    found = find_leaks(splits, "phash:size=16", k=1000, options=threads)
    true = {
        (str(folder / left), str(folder / right))
        for left in made.states
        for right in made.states
        if left.startswith("valid/") and right.startswith("train/")
        and made.states[left] == made.states[right]
    }  # fmt: skip
    assert true
    assert pairs_of(found) == true
    assert {leak.picture.file.path for leak in found.leaks} == {left for left, _ in true}
    assert set(found.drop) == {right for _, right in true}
    (crossing,) = found.crossings
    assert (crossing.smaller, crossing.larger) == ("valid", "train")
    assert (crossing.leaked, crossing.pairs) == (len(found.leaks), len(true))
    assert found.pairs_compared == found.splits[0].images * found.splits[1].images


def test_equal_bytes_in_many_splits_are_all_leaks(tmp_path: Path, threads: RunOptions) -> None:
    """Look-alikes are compared with some of so many; what is equal needs no comparison."""
    n = 36
    picture = Image.fromarray(landscape(3, 120, 90))
    for number in range(n):
        (tmp_path / f"{number}").mkdir()
        picture.save(tmp_path / f"{number}/x.png")
    found = find_leaks([str(tmp_path / f"{i}") for i in range(n)], k=n, options=threads)
    assert len(pairs_of(found)) == n * (n - 1) // 2
    assert found.pairs_left_out == 0


def test_without_the_dropped_files_no_leak_remains(process, threads, tmp_path: Path) -> None:
    folder, _ = process
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    splits = [str(tmp_path / "train"), str(tmp_path / "valid")]
    before = find_leaks(splits, "phash:size=16", group_by="run01", options=threads)
    assert before.leaks
    assert [group.name for group in before.groups] == ["run01"]
    for path in before.drop:
        os.remove(path)
    after = find_leaks(splits, "phash:size=16", group_by="run01", options=threads)
    assert after.clean
    assert after.drop == ()
    assert after.splits[0].images + after.splits[1].images == before.images - len(before.drop)
    assert {split.name: split.images for split in after.splits}["valid"] == before.splits[0].images


def test_three_splits_links_copies_and_blank_pages(tmp_path: Path, photo, threads) -> None:
    train, valid, test = (tmp_path / name for name in ("train", "valid", "test"))
    for folder in (train, valid, test):
        folder.mkdir()
    for seed in range(4):
        photo(seed).save(train / f"{seed}.png")
    photo(0).resize((120, 90)).save(valid / "small 0.png")
    photo(10).save(valid / "10.png")
    shutil.copy(valid / "10.png", test / "10 again.png")
    shutil.copy(train / "0.png", test / "0.png")
    os.link(train / "1.png", test / "linked.png")
    (test / "symlinked.png").symlink_to(train / "2.png")
    for number, folder in enumerate((train, valid)):
        Image.new("L", (64, 64), 250).save(folder / "blank.png")
        Image.new("L", (64, 64), 200 + number).save(folder / "other blank.png")
    follow = replace(threads, discover=DiscoverOptions(follow_symlinks=True))
    splits = split_folders([str(train), str(valid), str(test)])
    found = find_leaks(splits, options=follow)
    kinds = {
        (Path(leak.picture.file.path).name, Path(match.picture.file.path).parent.name): match.kind
        for leak in found.leaks
        for match in leak.matches
    }
    # valid and test have 4 images each: the one named first counts as larger
    assert [split.name for split in found.splits] == ["test", "valid", "train"]
    assert kinds == {
        ("10 again.png", "valid"): "exact",
        ("0.png", "valid"): "near",
        ("0.png", "train"): "exact",
        ("linked.png", "train"): "exact",
        ("symlinked.png", "train"): "exact",
        ("small 0.png", "train"): "near",
        ("blank.png", "train"): "exact",
    }
    gone = {Path(p).relative_to(tmp_path).as_posix() for p in found.drop}
    assert gone == {
        "train/0.png", "train/1.png", "train/2.png", "train/blank.png",
        "valid/small 0.png", "valid/10.png",
    }  # fmt: skip
    without = find_leaks(splits, options=threads)  # a symbolic link is not looked at
    assert "symlinked.png" not in {Path(leak.picture.file.path).name for leak in without.leaks}


@pytest.mark.parametrize(
    ("group_by", "names"),
    [
        ("prefix", {"a/cam1": {"train": 2, "valid": 1}}),
        ("folder", {"a": {"train": 3, "valid": 2}}),
        (r"cam(\d)", {"1": {"train": 3, "valid": 1}}),
    ],
)
def test_groups_that_are_divided(
    group_by: str, names: dict, tmp_path: Path, photo, threads
) -> None:
    files = "train/a/cam1_001.png train/a/cam1_2.png train/a/cam2_1.png train/b/cam1.png"
    files += " valid/a/cam1-7.png valid/a/cam3_1.png valid/000.png"
    for number, name in enumerate(files.split()):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        photo(number).save(tmp_path / name)
    splits = split_folders([str(tmp_path / "train"), str(tmp_path / "valid")])
    found = find_leaks(splits, group_by=group_by, options=threads)
    assert found.leaks == ()
    assert {group.name: dict(group.splits) for group in found.groups} == names
    assert found.clean == (not names)
    assert len(found.drop) == sum(parts["train"] for parts in names.values())
    with pytest.raises(UsageError, match="regular expression"):
        find_leaks(splits, group_by="(", options=threads)
    for nothing in (r"(?P<day>d\d).*_(\d)\.", "lesion_id"):
        with pytest.raises(UsageError, match="no image is in a group"):
            find_leaks(splits, group_by=nothing, options=threads)


def test_a_split_file(tmp_path: Path, photo, threads) -> None:
    for name in ("1.png", "2.png", "more/3.png", "more/4.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        photo(int(Path(name).stem) % 2).save(tmp_path / name)
    listing = tmp_path / "splits.csv"
    listing.write_text("\ufeffsplit,path\ntrain,1.png\ntest,2.png\ntrain,more\ntest,more/4.png\n")
    splits = read_split_file(str(listing), str(tmp_path))
    found = find_leaks(splits, options=threads)
    named = {(Path(a).name, Path(b).name) for a, b in pairs_of(found)}
    assert named == set()  # 1 and 3 are train, 2 and 4 test: a file counts more than its folder
    listing.write_text("path,split\n1.png,train\n3.png,train\nmore,test\n")
    splits = read_split_file(str(listing), str(tmp_path))
    found = find_leaks(splits, options=threads)
    assert {(Path(a).name, Path(b).name) for a, b in pairs_of(found)} == {("1.png", "3.png")}
    assert [Path(s.path).name for s in found.skipped] == ["3.png"]  # listed and not there


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a.png,train\n", "no column of paths: a.png, train"),
        ("", "no column of paths: nothing"),
        ("path,label\na.png,x\n", "no column of splits; beside the paths: label"),
        ("path,split\na.png,\n", "no split for .*a.png"),
        ("path,split\na.png,x,y\n", "line 2: 3 of 2 fields"),
        ("path,split\n.,train\n.,test\n", "is in train and in test"),
        ("path,split\na.png,train\n", "between two splits"),
    ],
)
def test_split_files_that_make_no_sense(text: str, reason: str, tmp_path: Path) -> None:
    listing = tmp_path / "splits.csv"
    listing.write_text(text)
    with pytest.raises(UsageError, match=reason):
        find_leaks(read_split_file(str(listing), str(tmp_path)))


def test_folders_that_overlap_or_share_a_name() -> None:
    with pytest.raises(UsageError, match="overlap"):
        split_folders(["data", "data/valid"])
    with pytest.raises(UsageError, match="overlap"):
        split_folders(["data", "./data/"])
    assert split_folders(["data", "data2"]) == {"data": ["data"], "data2": ["data2"]}
    assert list(split_folders(["a/images", "b/images"])) == ["a/images", "b/images"]


def picture(path: str, split: str, digest: str) -> Picture:
    facts = ImageFacts(100, 100, "PNG", True, False, 1, 60, None)
    return Picture(ImageFile(path, 1, 1, split), digest, facts)


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 2)), min_size=2, max_size=25),
    k=st.integers(1, 6),
)
def test_against_a_loop_over_all_pairs(values: list[tuple[int, int]], k: int) -> None:
    """Pictures are numbers, and match if they are at most 2 apart; equal ones are one class."""
    number = {"c": 0, "b": 1, "a": 2}
    pictures = [
        picture(f"{i:02}", "cba"[split], f"digest{value}")
        for i, (value, split) in enumerate(values)
    ]
    value_of = {p.file.path: value for p, (value, _) in zip(pictures, values, strict=True)}
    pictures.sort(key=lambda p: (number[p.file.root], p.file.path))
    classes: dict[tuple[int, str], list[int]] = {}
    for i, p in enumerate(pictures):
        classes.setdefault((value_of[p.file.path], p.file.root), []).append(i)
    members = [np.array(m) for m in classes.values()]
    across = Across(pictures, members, number)
    of = [value for value, _ in classes]
    for left in range(len(of)):
        if across.closed[left]:
            continue
        right = np.array([j for j in range(left + 1, len(of)) if abs(of[j] - of[left]) <= 2], int)
        if len(right):
            distance = np.array([abs(of[j] - of[left]) for j in right], float)
            across.add(Candidates(np.full(len(right), left), right, distance))

    def matches(one: Picture) -> list[tuple[float, str]]:
        return sorted(
            (abs(value_of[one.file.path] - value_of[p.file.path]), p.file.path)
            for p in pictures
            if number[p.file.root] > number[one.file.root]
            and abs(value_of[one.file.path] - value_of[p.file.path]) <= 2
        )

    expected = {p.file.path: matches(p) for p in pictures if matches(p)}
    leaks = across.leaks(k)
    assert {
        leak.picture.file.path: [(m.distance, m.picture.file.path) for m in leak.matches]
        for leak in leaks
    } == {path: found[:k] for path, found in expected.items()}
    assert all(leak.matched == len(expected[leak.picture.file.path]) for leak in leaks)
    dropped = {p.file.path for p in across.dropped()}
    assert dropped == {path for found in expected.values() for _, path in found}
    shared = [across.shared(a, b) for a, b in (("c", "b"), ("c", "a"), ("b", "a"))]
    assert sum(pairs for _, pairs in shared) == sum(map(len, expected.values()))


def test_neighbouring_frames_of_a_turntable(
    shared: Callable[[str], Path], threads: RunOptions
) -> None:
    folder = shared("fruits_cls")
    splits = split_folders([str(folder / "train"), str(folder / "valid")])

    def frames(found: Leaks) -> Iterable[tuple[str, int]]:
        for leak in found.leaks:
            path, other = (Path(p.file.path) for p in (leak.picture, leak.matches[0].picture))
            numbers = [int(p.stem.split("_")[1]) for p in (path, other)]
            same = path.parent.name == other.parent.name
            yield "same" if same else "other", abs(numbers[0] - numbers[1])

    found = list(frames(find_leaks(splits, "phash:size=16", preset="loose", options=threads)))
    assert len(found) >= 60  # of 120
    assert {kind for kind, _ in found} == {"same"}
    nearest = [apart for _, apart in found]
    assert nearest.count(1) >= 10  # frame 13 stands between 12 and 14, 136 after 135
