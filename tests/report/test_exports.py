"""Duplicates for FiftyOne and CleanLab, as these read them."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path

import pytest

from imgsim.pictures.generate import Demo


def test_fiftyone_reads_every_file_and_the_fields_of_groups(
    imgsim, demo: tuple[Path, Demo], tmp_path: Path
) -> None:
    folder, made = demo
    file = tmp_path / "samples.json"
    assert imgsim("find-dupes", ".", "-f", "fiftyone", "-o", file, cwd=folder).returncode == 0
    document = json.loads(file.read_text(encoding="utf-8"))
    # what Dataset.from_dict takes without asking whether it is there
    assert document["name"]
    assert document["media_type"] == "image"
    samples = {s["filepath"]: s for s in document["samples"]}
    assert len(samples) == len(document["samples"]) == made.files - 1
    assert all(os.path.isabs(path) and os.path.isfile(path) for path in samples)
    grouped = {path for path, sample in samples.items() if sample["tags"]}
    assert grouped == {str(folder / name) for group in made.groups for name in group}
    for sample in samples.values():
        assert all(isinstance(v, str | int | float | list | None) for v in sample.values())
        if sample["tags"]:
            assert sample["imgsim_kept"] in grouped
            is_kept = sample["tags"] == ["kept"]
            assert is_kept == (sample["imgsim_kept"] == sample["filepath"])
        else:
            assert "imgsim_group" not in sample
    exact = samples[str(folder / "phone" / "IMG_0001.jpg")]
    assert (exact["imgsim_role"], exact["imgsim_similarity"]) == ("exact", 100.0)


def test_fiftyone_itself_reads_it(imgsim, demo: tuple[Path, Demo], tmp_path: Path) -> None:
    fiftyone = pytest.importorskip("fiftyone", reason="needs fiftyone and its database")
    file = tmp_path / "samples.json"
    assert imgsim("find-dupes", demo[0], "-f", "fiftyone", "-o", file).returncode == 0
    dataset = fiftyone.Dataset.from_json(str(file))
    assert len(dataset) == demo[1].files - 1
    assert len(dataset.match_tags("duplicate")) == sum(len(g) - 1 for g in demo[1].groups)
    dataset.delete()


def test_cleanlab_has_a_row_per_image(imgsim, demo: tuple[Path, Demo]) -> None:
    folder, made = demo
    done = imgsim("find-dupes", ".", "-f", "cleanlab", cwd=folder)
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert len(rows) == made.files - 1
    paths = [os.path.normpath(row["path"]) for row in rows]
    in_group = {os.path.normpath(name): group for group in made.groups for name in group}
    for number, (path, row) in enumerate(zip(paths, rows, strict=True)):
        issue = path in in_group
        assert row["is_near_duplicate_issue"] == str(issue)
        others = {paths[i] for i in json.loads(row["near_duplicate_sets"])}
        expected = {os.path.normpath(n) for n in in_group.get(path, ())} - {path}
        assert others == expected, path
        assert number not in json.loads(row["near_duplicate_sets"])
        assert 0 <= float(row["near_duplicate_score"]) <= 1
        assert (float(row["near_duplicate_score"]) == 1) == (not issue)
        assert bool(row["distance_to_nearest_neighbor"]) == issue
    by_path = dict(zip(paths, rows, strict=True))
    exact = by_path[os.path.join("phone", "IMG_0001.jpg")]
    assert (exact["is_exact_duplicate_issue"], exact["near_duplicate_score"]) == ("True", "0.0")


@pytest.mark.parametrize("form", ["fiftyone", "cleanlab"])
def test_an_empty_folder(form: str, imgsim, tmp_path: Path) -> None:
    done = imgsim("find-dupes", tmp_path, "-f", form)
    assert done.returncode == 0
    if form == "fiftyone":
        assert json.loads(done.stdout)["samples"] == []
    else:
        assert len(done.stdout.splitlines()) == 1
