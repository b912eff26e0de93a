"""Splits that are written without leaks."""

from __future__ import annotations

import csv
import os
import shutil
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgsim import RunOptions, find_leaks
from imgsim.cli.main import main
from imgsim.pictures.fixed_camera import write_camera_frames
from imgsim.read.manifests.reading import read_manifest
from imgsim.tasks.leaks.corrected import Families, correct
from imgsim.types import ImageFacts, ImageFile, Picture

FACTS = ImageFacts(100, 100, "PNG", True, False, 1, 60, None)


def rows_of(table: str) -> list[dict[str, str]]:
    with Path(table).open(newline="") as stream:
        return list(csv.DictReader(stream))


def picture(number: int, split: str) -> Picture:
    return Picture(ImageFile(f"{number:03}", 1, 1, split), f"digest {number}", FACTS)


@settings(max_examples=150, deadline=None)
@given(
    splits=st.lists(st.sampled_from("abc"), min_size=4, max_size=40),
    ties=st.lists(st.tuples(st.integers(0, 39), st.integers(0, 39)), max_size=25),
)
def test_families_stay_whole_and_sizes_as_far_as_can_be(
    splits: list[str], ties: list[tuple[int, int]]
) -> None:
    sizes = Counter(splits)
    pictures = sorted(
        (picture(i, s) for i, s in enumerate(splits)),
        key=lambda p: (sizes[p.file.root], p.file.root),
    )
    families = Families(len(pictures))
    for one, other in ties:
        if max(one, other) < len(pictures):
            families.tie((one, other))
    members = families.members()
    assert sorted(i for family in members for i in family) == list(range(len(pictures)))
    corrected = correct(pictures, members)
    split_of = dict(corrected.splits)
    for family in members:
        assert len({split_of[pictures[i].file.path] for i in family}) == 1
    assert corrected.before == sizes
    assert {s: n for s, n in corrected.after.items() if n} == Counter(split_of.values())
    moved = sum(split_of[p.file.path] != p.file.root for p in pictures)
    assert corrected.moved == moved
    if all(len({pictures[i].file.root for i in family}) == 1 for family in members):
        assert moved == 0  # nothing to correct
    # no single file that is tied to nothing could still make sizes better
    alone = [pictures[family[0]] for family in members if len(family) == 1]
    short = {s: sizes[s] - corrected.after[s] for s in sizes}
    for one in alone:
        home = split_of[one.file.path]
        if home == one.file.root and short[home] < 0:
            assert not any(missing > 0 for missing in short.values())


def test_sizes_are_kept_where_pairs_are_divided_evenly() -> None:
    """20 of 30 pictures of validation stand in training too, once each."""
    pictures = [picture(i, "valid") for i in range(30)] + [
        picture(i, "train") for i in range(30, 130)
    ]
    families = Families(130)
    for i in range(20):
        families.tie((i, 30 + i))
    corrected = correct(pictures, families.members())
    assert corrected.after == corrected.before == {"valid": 30, "train": 100}
    assert corrected.moved == 20  # one of each pair, half to this side and half to that


def test_families_are_exchanged_where_that_keeps_sizes() -> None:
    """Five pairs across both splits, and one picture: 6 and 5 can be kept, if that one moves."""
    pictures = [picture(i, "valid" if i < 5 else "train") for i in range(11)]
    families = [[i, i + 5] for i in range(5)] + [[10]]
    corrected = correct(pictures, families)
    assert corrected.after == corrected.before == {"valid": 5, "train": 6}
    assert {split for path, split in corrected.splits if path == "010"} == {"valid"}


def test_a_split_that_would_be_empty() -> None:
    pictures = [picture(0, "valid"), *(picture(i, "train") for i in range(1, 5))]
    families = Families(5)
    families.tie((0, 1, 2))
    families.tie((3, 4))
    assert correct(pictures, families.members()).empty == ("valid",)


def test_a_split_that_would_be_empty_is_not_written(
    tmp_path: Path, photo, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IMGSIM_CACHE", "off")
    monkeypatch.chdir(tmp_path)
    for folder, seeds in (("train", (1, 2, 3)), ("valid", (1,))):
        Path(folder).mkdir()
        for seed in seeds:
            photo(seed).save(f"{folder}/{seed}.png")
    words = ["leaks", "train", "valid", "--group-by", "(png)", "-m", "phash"]
    photo(1).resize((140, 105)).save("train/1 again.png")
    assert main([*words, "--executor", "threads", "--write-splits", "fixed.csv"]) == 2
    printed = capsys.readouterr()
    assert "no splits without leaks: all of valid hangs together with others" in printed.err
    assert "valid/1.png (valid)" in printed.out  # the leaks are told all the same
    assert not Path("fixed.csv").exists()


def test_no_leak_is_left_in_the_splits_that_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IMGSIM_CACHE", "off")
    monkeypatch.chdir(tmp_path)
    write_camera_frames(tmp_path, 5, runs=4, states=8, disturbances=12)
    (tmp_path / "valid" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0nothing")
    fast = ["-m", "phash:size=16", "--executor", "threads"]
    assert main(["leaks", "train", "valid", *fast, "--write-splits", "fixed.csv"]) == 1
    said = capsys.readouterr().err
    assert "corrected splits: " in said
    rows = rows_of("fixed.csv")
    files = {f"{split}/{name}" for split in ("train", "valid") for name in os.listdir(split)}
    assert {row["path"] for row in rows} == files
    assert {r["path"]: r["split"] for r in rows}["valid/broken.jpg"] == "valid"
    assert main(["leaks", ".", "--split-file", "fixed.csv", *fast]) == 0
    # what stood in one split only is moved for its size at most
    now = Counter(row["split"] for row in rows)
    was = Counter(path.split("/")[0] for path in files)
    assert abs(now["valid"] - was["valid"]) <= 3


def test_pictures_of_one_split_are_tied_to_what_moves(
    tmp_path: Path, photo, threads: RunOptions
) -> None:
    """A near copy beside a leak must not be left behind; no match across splits names it."""
    for folder in ("train", "valid"):
        (tmp_path / folder).mkdir()
    for seed in range(6):
        photo(seed).save(tmp_path / f"train/{seed}.png")
    for seed in range(10, 13):
        photo(seed).save(tmp_path / f"valid/{seed}.png")
    shutil.copy(tmp_path / "train/1.png", tmp_path / "valid/1.png")
    for seed in (2, 3):  # pairs within training, one of whose pictures may be moved for its size
        photo(seed).resize((150, 112)).save(tmp_path / f"train/{seed} small.png")
    splits = {name: str(tmp_path / name) for name in ("train", "valid")}
    found = find_leaks(splits, "phash", correct_splits=True, options=threads)
    assert found.corrected is not None
    by_name = {Path(path).name: split for path, split in found.corrected.splits}
    for seed in (2, 3):
        assert by_name[f"{seed}.png"] == by_name[f"{seed} small.png"]
    assert found.corrected.after == found.corrected.before
    assert find_leaks(splits, "phash", options=threads).corrected is None


def test_columns_of_the_split_file_are_kept(
    tmp_path: Path, photo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMGSIM_CACHE", "off")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data" / "more").mkdir(parents=True)
    for seed in range(6):
        photo(seed).save(f"data/{seed}.png")
    shutil.copy("data/1.png", "data/more/1 again.png")
    photo(9).save("data/more/9.png")
    Path("splits.csv").write_text(
        "split,path,patient,finding\n"
        "train,0.png,p0,x\ntrain,1.png,p1,y\ntrain,2.png,p2,x\ntrain,3.png,p3,x\n"
        "valid,4.png,p0,x\nvalid,5.png,p5,y\nvalid,more,p6,z\n"
    )
    words = ["leaks", "data", "--group-by", "patient", "-m", "phash", "--executor", "threads"]
    assert main([*words, "--split-file", "splits.csv", "--write-splits", "fixed.csv"]) == 1
    assert Path("fixed.csv").read_text().startswith("path,split,patient,finding\n0.png,")
    rows = {row["path"]: row for row in rows_of("fixed.csv")}
    assert len(rows) == 8
    assert rows["more/9.png"]["finding"] == "z"  # of its folder
    assert rows["0.png"]["split"] == rows["4.png"]["split"]
    assert main([*words, "--split-file", "fixed.csv"]) == 0
    table = read_manifest("fixed.csv", "data")
    assert find_leaks(
        table, "phash", group_by="patient", options=RunOptions(executor="threads")
    ).clean
    before = Path("splits.csv").read_bytes()
    assert main([*words, "--split-file", "splits.csv", "--write-splits", "splits.csv"]) == 2
    assert Path("splits.csv").read_bytes() == before


def test_pictures_that_a_recipe_matches(tmp_path: Path, photo, threads: RunOptions) -> None:
    for folder in ("train", "valid"):
        (tmp_path / folder).mkdir()
    for seed in range(4):
        photo(seed).save(tmp_path / f"train/{seed}.png")
        photo(seed + 10).save(tmp_path / f"valid/{seed}.png")
    for seed in (0, 1):
        photo(seed).transpose(0).resize((130, 98)).save(tmp_path / f"valid/{seed} mirrored.png")
    splits = [str(tmp_path / name) for name in ("train", "valid")]
    found = find_leaks(splits, correct_splits=True, options=threads)
    assert len(found.leaks) == 2
    assert found.corrected is not None
    named: dict[str, list[str]] = {}
    for path, split in found.corrected.splits:
        named.setdefault(split, []).append(path)
    assert find_leaks(named, options=threads).clean
