from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from imgsim.errors import UsageError
from imgsim.pictures.changes import CHANGES
from imgsim.pictures.copies import write_copies
from imgsim.pictures.generate import landscape


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("photos")
    for number in range(9):
        Image.fromarray(landscape(number, 96, 64)).save(folder / f"{number}.JPG", quality=90)
    return sorted(folder.iterdir())


def test_folders_depend_on_the_seed_alone(sources: list[Path], tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write_copies(sources, tmp_path / name, seed=seed, copies_per_image=3)
    contents = [
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in "abc"
    ]
    assert contents[0] == contents[1]
    assert contents[0] != contents[2]


def test_the_truth_is_what_was_written(sources: list[Path], tmp_path: Path) -> None:
    copies = write_copies(sources, tmp_path / "x", seed=4, copies_per_image=6)
    with (tmp_path / "x" / "truth.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["path"] for row in rows] == [copy.path for copy in copies]
    on_disk = {path.name for path in (tmp_path / "x").iterdir()} - {"truth.csv"}
    assert on_disk == {row["path"] for row in rows}
    assert len(rows) == 9 * 7
    for row in rows:
        source = sources[int(row["label"])]
        assert row["source"] == f"{source.parent.name}/{source.name}"
        same = (tmp_path / "x" / row["path"]).read_bytes() == source.read_bytes()
        assert same is (row["change"] in {"original", "exact copy"})
    assert len({(row["label"], row["change"]) for row in rows}) == len(rows)
    # 9 x 6 copies by 27 changes: each change twice
    often = Counter(row["change"] for row in rows)
    assert {often.pop("original"), *often.values()} == {9, 2}


def test_names_tell_nothing(sources: list[Path], tmp_path: Path) -> None:
    copies = write_copies(sources, tmp_path / "x", seed=0, copies_per_image=2)
    labels = [copy.label for copy in copies]
    assert labels != sorted(labels)
    assert [copy.path[:6] for copy in copies] == [f"{number:06}" for number in range(27)]


def test_wrong_use_is_said(sources: list[Path], tmp_path: Path) -> None:
    (tmp_path / "there.txt").touch()
    with pytest.raises(UsageError, match="not empty"):
        write_copies(sources, tmp_path)
    with pytest.raises(UsageError, match="3 copies"):
        write_copies(sources, tmp_path / "x", copies_per_image=3, changes=CHANGES[:2])
