"""Duplicates for FiftyOne and CleanLab, as these read them."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path

import numpy as np
import pytest

from imgsim.pictures.generate import Demo


def test_fiftyone_reads_every_file_and_the_fields_of_groups(
    imgsim, demo: tuple[Path, Demo], tmp_path: Path
) -> None:
    folder, made = demo
    file = tmp_path / "samples.json"
    assert imgsim("find-dupes", ".", "-f", "fiftyone", "-o", file, cwd=folder).returncode == 0
    document = json.loads(file.read_text(encoding="utf-8"))
    # what Dataset.from_dict takes without asking whether it is there, and it knows no other field
    assert document["name"]
    assert document["media_type"] == "image"
    samples = {s["filepath"]: s for s in document["samples"]}
    assert len(samples) == len(document["samples"]) == made.files - 1
    assert all(os.path.isabs(path) and os.path.isfile(path) for path in samples)
    grouped = {path for path, sample in samples.items() if sample["tags"]}
    assert grouped == {str(folder / name) for group in made.groups for name in group}
    known = {"filepath", "tags", "metadata", *document["sample_fields"]}
    for sample in samples.values():
        assert sample.keys() <= known
        assert all(isinstance(v, str | int | float | list | None) for v in sample.values())
        if sample["tags"]:
            assert sample["imgsim_kept"] in grouped
            is_kept = sample["tags"] == ["kept"]
            assert is_kept == (sample["imgsim_kept"] == sample["filepath"])
        else:
            assert "imgsim_group" not in sample
    exact = samples[str(folder / "phone" / "IMG_0001.jpg")]
    assert (exact["imgsim_role"], exact["imgsim_similarity"]) == ("exact", 100.0)


@pytest.mark.filterwarnings("ignore")  # those of fiftyone are its own
def test_fiftyone_itself_reads_it(
    imgsim, demo: tuple[Path, Demo], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIFTYONE_DATABASE_DIR", str(tmp_path / "database"))
    monkeypatch.setenv("FIFTYONE_DATABASE_VALIDATION", "false")
    fiftyone = pytest.importorskip("fiftyone", reason="needs fiftyone")
    file = tmp_path / "samples.json"
    assert imgsim("find-dupes", demo[0], "-f", "fiftyone", "-o", file).returncode == 0
    try:
        dataset = fiftyone.Dataset.from_json(str(file), progress=False)
    except fiftyone.core.config.FiftyOneConfigError as error:
        pytest.skip(f"needs fiftyone's database: {error}")
    assert len(dataset) == demo[1].files - 1
    assert len(dataset.match_tags("duplicate")) == sum(len(g) - 1 for g in demo[1].groups)
    groups = dataset.match(fiftyone.ViewField("imgsim_group") != None)  # noqa: E711
    assert len(groups.distinct("imgsim_group")) == len(demo[1].groups)
    assert len(dataset.exists("imgsim_group")) == sum(map(len, demo[1].groups))
    low, high = dataset.bounds("imgsim_similarity")
    assert 0 < low < high == 100
    kept = set(dataset.match_tags("kept").values("filepath"))
    assert set(dataset.exists("imgsim_kept").values("imgsim_kept")) == kept
    dataset.compute_metadata(progress=False)
    assert len(dataset.exists("metadata")) == len(dataset)  # it finds the files
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


@pytest.mark.filterwarnings("ignore")  # those of cleanlab are its own
def test_cleanlab_itself_has_the_same_columns_and_sets(imgsim, demo: tuple[Path, Demo]) -> None:
    """Of features that are alike within a group, and nowhere else."""
    pytest.importorskip("cleanlab", reason="needs cleanlab[datalab]")
    pytest.importorskip("datasets", reason="needs cleanlab[datalab]")
    from cleanlab import Datalab

    pandas = pytest.importorskip("pandas", reason="needs cleanlab[datalab]")
    done = imgsim("find-dupes", ".", "-f", "cleanlab", cwd=demo[0])
    own = pandas.read_csv(
        io.StringIO(done.stdout), converters={"near_duplicate_sets": json.loads}
    )  # as the documentation has it
    groups = {name: number for number, names in enumerate(demo[1].groups) for name in names}
    rng = np.random.default_rng(1)
    places = [groups.get(os.path.normpath(p), 100 + i) for i, p in enumerate(own["path"])]
    centres = rng.normal(size=(200, 16))
    features = centres[places] + rng.normal(scale=1e-4, size=(len(own), 16))
    lab = Datalab(data={"path": list(own["path"])}, verbosity=0)
    lab.find_issues(features=features, issue_types={"near_duplicate": {}})
    theirs = lab.get_issues("near_duplicate")
    columns = list(theirs.columns)
    assert list(own.columns[1 : 1 + len(columns)]) == columns
    for column in columns:
        assert own[column].dtype == theirs[column].dtype, column
    assert list(own["is_near_duplicate_issue"]) == list(theirs["is_near_duplicate_issue"])
    sets = zip(own["near_duplicate_sets"], theirs["near_duplicate_sets"], strict=True)
    assert all(sorted(one) == sorted(map(int, other)) for one, other in sets)
    for frame in (own, theirs):  # lower is worse
        issue = frame["is_near_duplicate_issue"]
        assert (frame["near_duplicate_score"][issue].max()
                < frame["near_duplicate_score"][~issue].min())  # fmt: skip


@pytest.mark.parametrize("form", ["fiftyone", "cleanlab"])
def test_an_empty_folder(form: str, imgsim, tmp_path: Path) -> None:
    done = imgsim("find-dupes", tmp_path, "-f", form)
    assert done.returncode == 0
    if form == "fiftyone":
        assert json.loads(done.stdout)["samples"] == []
    else:
        assert len(done.stdout.splitlines()) == 1
