"""Groups and labels from a table or from folders, and pictures that stand under two labels."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest
from PIL import Image, ImageDraw

from imgsim.cli.main import main
from imgsim.schemas import schema
from tests.cli.test_leaks import SARIF

FAST = ("--executor", "threads", "--jobs", "1", "-m", "phash")

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("IMGSIM_CACHE", "off")

    def command(*arguments: str) -> tuple[int, str, str]:
        code = main([*arguments, *FAST])
        return (code, *capsys.readouterr())

    return command


TABLE = """path,split,patient,finding
a.png,train,p1,benign
b.png,train,p1,benign
c.png,train,p2,malignant
d.png,train,p3,benign
a copy.png,valid,p1,benign
c copy.png,valid,,malignant
d copy.png,valid,p9,malignant
e.png,valid,p3,
"""


@pytest.fixture
def clinic(tmp_path: Path, photo, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A patient in both splits, and a picture with another finding in the other split."""
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    for seed, name in enumerate("abcde"):
        photo(seed).save(f"data/{name}.png")
    for name in "acd":
        shutil.copy(f"data/{name}.png", f"data/{name} copy.png")
    Path("splits.csv").write_text(TABLE)
    return tmp_path


def test_columns_of_a_split_file_are_groups_and_labels(clinic: Path, run: Run) -> None:
    words = ("leaks", "data", "--split-file", "splits.csv")
    code, out, err = run(*words, "--group-by", "patient", "--labels", "finding", "-f", "json")
    document = json.loads(out)
    jsonschema.validate(document, schema("imgsim.leaks/1"))
    assert code == 1
    divided = {g["name"]: {s["name"]: s["images"] for s in g["splits"]} for g in document["groups"]}
    assert divided == {"p1": {"train": 2, "valid": 1}, "p3": {"train": 1, "valid": 1}}
    assert "1 image is in no group" in err
    assert {leak["path"]: (leak["label"], leak["conflicts"]) for leak in document["leaks"]} == {
        "data/a copy.png": ("benign", 0),
        "data/c copy.png": ("malignant", 0),
        "data/d copy.png": ("malignant", 1),
    }
    (conflict,) = document["conflicts"]
    assert conflict == {
        "path": "data/d copy.png", "split": "valid", "label": "malignant", "conflicts": 1,
        "with": "data/d.png", "with_split": "train", "with_label": "benign",
        "kind": "exact", "similarity": 100.0,
    }  # fmt: skip
    assert "1 leak has another label there" in err


def test_conflicts_stand_apart_from_copies_in_every_format(clinic: Path, run: Run) -> None:
    words = ("leaks", "data", "--split-file", "splits.csv", "--labels", "finding")
    text = run(*words)[1]
    parts = text.split("Under one label:")
    assert len(parts) == 2
    assert parts[0].startswith("Under two labels:\n\ndata/d copy.png (valid), label malignant\n")
    assert "label benign" in parts[0]
    assert "data/a copy.png" in parts[1]
    assert "label" not in parts[1]
    rows = {row["path"]: row for row in csv.DictReader(io.StringIO(run(*words, "-f", "csv")[1]))}
    assert (rows["data/d copy.png"]["label"], rows["data/d copy.png"]["match_label"]) == (
        "malignant", "benign",
    )  # fmt: skip
    document = json.loads(run(*words, "-f", "sarif")[1])
    jsonschema.validate(document, SARIF)
    rules = [result["ruleId"] for result in document["runs"][0]["results"]]
    assert sorted(rules) == ["label-conflict", "leak-exact", "leak-exact"]
    warnings = run(*words, "-f", "github")[1].splitlines()
    (warning,) = [line for line in warnings if "title=label conflict" in line]
    assert warning.endswith("under the label benign there and malignant here")
    assert "d copy.png" in run(*words, "-f", "html")[1]


def test_a_conflict_far_down_among_the_matches_is_shown(clinic: Path, run: Run) -> None:
    """The nearest match agrees, the tenth does not."""
    lines = ["path,split,finding", "a.png,valid,benign", "z.png,train,malignant"]
    for number in range(9):
        shutil.copy("data/a.png", f"data/again {number}.png")
        lines.append(f"again {number}.png,train,benign")
    shutil.copy("data/a.png", "data/z.png")
    Path("splits.csv").write_text("\n".join(lines) + "\n")
    words = ("leaks", "data", "--split-file", "splits.csv", "--labels", "finding", "-k", "2")
    document = json.loads(run(*words, "-f", "json")[1])
    (leak,) = document["leaks"]
    assert (leak["matched"], leak["conflicts"]) == (10, 1)
    assert [match["label"] for match in leak["matches"]] == ["benign", "benign", "malignant"]
    assert document["conflicts"][0]["with"] == "data/z.png"
    unlabelled = json.loads(run(*words[:4], "-f", "json")[1])
    assert unlabelled["leaks"][0]["label"] is None
    assert (unlabelled["conflicts"], len(unlabelled["leaks"][0]["matches"])) == ([], 3)


def test_folders_are_labels_of_leaks(tmp_path: Path, photo, run: Run, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, seed in {
        "train/cat/1": 1,
        "train/dog/2": 2,
        "valid/dog/1": 1,
        "valid/dog/2": 2,
    }.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        photo(seed).save(f"{name}.png")
    out = run("leaks", "train", "valid", "--labels", "folder", "-f", "json")[1]
    assert [(c["label"], c["with_label"]) for c in json.loads(out)["conflicts"]] == [("dog", "cat")]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--labels", "diagnosis"), "splits.csv has no column diagnosis"),
        (("--group-by", "lesion_id"), "--group-by lesion_id: no image is in a group"),
        (("--labels", "folder"), "labels by folder: no image has one"),
    ],
)
def test_a_column_that_is_not_there(
    arguments: tuple[str, str], message: str, clinic: Path, run: Run
) -> None:
    code, out, err = run("leaks", "data", "--split-file", "splits.csv", *arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert "finding" in err or "folder" in err  # the columns that are there


def test_images_in_no_split_are_counted(clinic: Path, run: Run) -> None:
    Path("splits.csv").write_text("path,split\na.png,train\nmore,train\ne.png,valid\n")
    Path("data/more").mkdir()
    shutil.copy("data/b.png", "data/more")  # of a folder that is named
    Path("data/notes.txt").write_text("no image")
    code, out, err = run("leaks", "data", "--split-file", "splits.csv", "-f", "json")
    document = json.loads(out)
    jsonschema.validate(document, schema("imgsim.leaks/1"))
    assert (code, document["images"], document["in_no_split"]) == (0, 3, 6)
    assert "6 images of the folder are in no split, and left out: such as data/a copy.png" in err
    shutil.copytree("data/more", "train")
    shutil.copytree("data/more", "valid")
    assert json.loads(run("leaks", "train", "valid", "-f", "json")[1])["in_no_split"] is None


def test_labels_without_a_table(clinic: Path, run: Run) -> None:
    for name in ("train", "valid"):
        Path(name).mkdir()
        shutil.copy("data/a.png", name)
    code, _, err = run("leaks", "train", "valid", "--labels", "finding")
    assert code == 2
    assert "a column of --split-file" in err


@pytest.fixture
def classes(tmp_path: Path, photo, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One picture is a cat and a dog, one stands twice among the cats."""
    monkeypatch.chdir(tmp_path)
    for name, seed in (
        ("cat/1", 1), ("cat/1 again", 1), ("cat/2", 2), ("dog/2", 2), ("dog/3", 3),
    ):  # fmt: skip
        Path("data", name).parent.mkdir(parents=True, exist_ok=True)
        photo(seed).save(f"data/{name}.png")
    return tmp_path


def test_one_picture_in_two_class_folders_is_a_conflict(classes: Path, run: Run) -> None:
    code, out, err = run("find-dupes", "data", "--labels", "folder")
    assert code == 0
    conflicts, copies = out.split("Under one label:")
    assert conflicts.startswith("Under two labels:\n\nGroup 2: 1 + 1 copy")
    assert ("data/cat/2.png" in conflicts, "data/cat/1.png" in conflicts) == (True, False)
    assert [line.strip() for line in conflicts.splitlines() if "label " in line] == [
        "label cat", "label dog",
    ]  # fmt: skip
    assert "label" not in copies
    assert "1 group stands under two labels" in err
    assert "1 copy not needed" in err  # of the cats: which label is right nobody knows
    document = json.loads(run("find-dupes", "data", "--labels", "folder", "-f", "json")[1])
    jsonschema.validate(document, schema("imgsim.find-dupes/2"))
    told = [(group["conflict"], group["labels"]) for group in document["groups"]]
    assert told == [(False, ["cat"]), (True, ["cat", "dog"])]
    rows = list(
        csv.DictReader(io.StringIO(run("find-dupes", "data", "--labels", "folder", "-f", "csv")[1]))
    )
    assert [(row["label"], row["conflict"]) for row in rows] == [
        ("cat", "False"), ("cat", "False"), ("cat", "True"), ("dog", "True"),
    ]  # fmt: skip
    without = json.loads(run("find-dupes", "data", "-f", "json")[1])["groups"]
    assert [(g["conflict"], g["labels"], g["members"][0]["label"]) for g in without] == [
        (None, None, None)
    ] * 2


def test_conflicts_are_not_planned_for_removal(classes: Path, run: Run) -> None:
    for labels, planned in (((), 2), (("--labels", "folder"), 1)):
        words = ("find-dupes", "data", *labels, "--plan", "plan.json", "-f", "json")
        assert run(*words)[0] == 0
        assert len(json.loads(Path("plan.json").read_text())["groups"]) == planned
    words = (*words[:4], "--include", "near,edited", *words[4:])
    assert run(*words)[0] == 0
    assert len(json.loads(Path("plan.json").read_text())["groups"]) == 1


def test_a_gate_on_conflicts_alone(classes: Path, run: Run) -> None:
    gate = ("find-dupes", "data", "--check", "--check-kind", "label", "--labels", "folder")
    assert run(*gate)[0] == 1
    document = json.loads(run(*gate, "-f", "sarif")[1])
    jsonschema.validate(document, SARIF)
    results = document["runs"][0]["results"]
    assert [r["ruleId"] for r in results] == ["duplicate-exact", "label-conflict"]
    assert (
        "title=label conflict::the same file as data/cat/2.png, under the label cat there and"
        in (run(*gate, "-f", "github")[1])
    )
    Path("data/dog/2.png").unlink()
    assert run(*gate)[0] == 0
    assert run("find-dupes", "data", "--check")[0] == 1
    assert run("find-dupes", "data", "--check", "--check-kind", "label")[0] == 2


def test_labels_of_a_table(classes: Path, run: Run) -> None:
    Path("labels.csv").write_text(
        "path,label,other\ncat,cat,x\ndog,dog,x\ndog/2.png,cat,y\ncat/1 again.png,tiger,\n"
    )
    words = ("find-dupes", "data", "--label-file", "labels.csv", "-f", "json")
    told = {tuple(g["labels"]) for g in json.loads(run(*words)[1])["groups"]}
    assert told == {("cat", "tiger"), ("cat",)}  # a file counts more than its folder
    words = (*words, "--labels", "other")
    assert [g["conflict"] for g in json.loads(run(*words)[1])["groups"]] == [False, True]
    code, _, err = run("find-dupes", "data", "--label-file", "labels.csv", "--labels", "no")
    assert (code, "has no column no" in err, "its columns: label, other" in err) == (2, True, True)
    code, _, err = run("find-dupes", "data", "--labels", "no")
    assert (code, "needs a table" in err) == (2, True)


@pytest.mark.parametrize(
    ("paths", "labels"),
    [
        (("data",), ["cat", "dog"]),
        (("data/cat", "data/dog"), ["cat", "dog"]),  # as data/* gives them
        (("./data/cat/", "data/dog"), ["cat", "dog"]),
        (("data/cat/2.png", "data/dog/2.png"), ["cat", "dog"]),
        (("splits",), ["cat", "dog"]),  # below train and valid
        (("splits/train", "splits/valid"), ["cat", "dog"]),
    ],
)
def test_where_the_class_folders_are(
    paths: tuple[str, ...], labels: list[str], classes: Path, run: Run
) -> None:
    for split in ("train", "valid"):
        shutil.copytree("data", f"splits/{split}")
    Path("splits/train/cat/2.png").unlink()
    Path("splits/valid/dog/2.png").unlink()
    out = run("find-dupes", *paths, "--labels", "folder", "-f", "json")[1]
    groups = json.loads(out)["groups"]
    assert [g["labels"] for g in groups if g["conflict"]] == [labels]


def test_class_folders_without_duplicates_count_too(classes: Path, photo, run: Run) -> None:
    gate = ("--labels", "folder", "--check", "--check-kind", "label", "-f", "json")
    Path("data/emu").mkdir()
    photo(4).save("data/emu/4.png")
    paths = [f"data/{name}" for name in ("cat", "dog", "emu")]

    def check(*paths: str) -> tuple[int, list[list[str]]]:
        code, out, _ = run("find-dupes", *paths, *gate)
        return code, [g["labels"] for g in json.loads(out)["groups"] if g["conflict"]]

    assert check(*paths) == check("data") == (1, [["cat", "dog"]])
    Path("data/emu/raw").mkdir()
    shutil.copy("data/emu/4.png", "data/emu/raw")
    assert check(*paths) == check("data") == (1, [["cat", "dog"], ["emu", "emu/raw"]])
    Path("data/emu/4.png").unlink()
    code, _, err = run("find-dupes", *paths, *gate)
    assert (code, "which of these are the classes?" in err) == (2, True)
    shutil.rmtree("data/emu")
    Path("data/dog/2.png").unlink()
    assert check(*paths[:2]) == (0, [])  # two copies of one cat


def test_no_class_folders(classes: Path, run: Run) -> None:
    code, _, err = run("find-dupes", "data/cat", "--labels", "folder")
    assert (code, "no image has a label" in err) == (2, True)


def test_masks_are_told_and_left_out_on_request(
    tmp_path: Path, photo, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for split in ("train", "valid"):
        Path(split, "masks").mkdir(parents=True)
        photo(1).save(f"{split}/a.png")
        photo(2 if split == "train" else 3).save(f"{split}/b.png")
        mask = Image.new("L", (160, 120))
        ImageDraw.Draw(mask).ellipse((30, 20, 90, 100), fill=1)
        mask.save(f"{split}/m.png")
        Image.new("L", (160, 120)).save(f"{split}/masks/empty.png")
    code, out, err = run("leaks", "train", "valid", "-f", "json")
    document = json.loads(out)
    jsonschema.validate(document, schema("imgsim.leaks/1"))
    assert (code, document["masks"], document["masks_left_out"]) == (1, 4, False)
    assert len(document["leaks"]) == 3
    assert "4 masks and label maps (few levels, flat) among these; --skip-masks" in err
    code, out, err = run("leaks", "train", "valid", "-f", "json", "--skip-masks")
    document = json.loads(out)
    assert (code, document["masks"], document["masks_left_out"]) == (1, 4, True)
    assert [leak["path"] for leak in document["leaks"]] == ["valid/a.png"]
    assert document["images"] == 4
    assert "4 masks and label maps left out by --skip-masks" in err
    code, out, err = run("find-dupes", ".", "-f", "json")
    document = json.loads(out)
    jsonschema.validate(document, schema("imgsim.find-dupes/2"))
    assert (document["masks"], len(document["groups"])) == (4, 3)
    assert "--skip-masks leaves them out" in err
    document = json.loads(run("find-dupes", ".", "-f", "json", "--skip-masks")[1])
    assert (document["masks"], len(document["groups"]), document["images"]) == (4, 1, 4)


def test_what_is_known_of_masks_is_not_decoded_again(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from imgsim.read import label_maps

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IMGSIM_CACHE", str(tmp_path / "cache.sqlite"))
    Path("data").mkdir()
    for name, size in (("a", 30), ("b", 30), ("c", 40)):
        mask = Image.new("L", (160, 120))
        ImageDraw.Draw(mask).ellipse((30, 20, 30 + size, 100), fill=1)
        mask.save(f"data/{name}.png")
    words = ("find-dupes", "data", "-f", "json", "--no-timing")
    first = run(*words)[1]
    assert json.loads(first)["masks"] == 2

    def forbidden(*given: object) -> None:
        raise AssertionError("decoded again")

    monkeypatch.setattr(label_maps, "find_label_map", forbidden)
    assert run(*words)[1] == first


def test_a_class_may_be_called_as_a_split_is(
    tmp_path: Path, photo, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trains and buses: the folders are classes, for not all of them have names of splits."""
    monkeypatch.chdir(tmp_path)
    for name, seed in {"train/1": 1, "bus/1": 1, "train/2": 2, "train/2 again": 2}.items():
        Path("data", name).parent.mkdir(parents=True, exist_ok=True)
        photo(seed).save(f"data/{name}.png")
    out = run("find-dupes", "data", "--labels", "folder", "-f", "json")[1]
    labels = [group["labels"] for group in json.loads(out)["groups"]]
    assert labels == [["bus", "train"], ["train"]]
    for split in ("train", "valid"):
        shutil.copytree("data", f"splits/{split}")
    Path("splits/valid/train/1.png").unlink()
    Path("splits/train/bus/1.png").unlink()
    out = run("leaks", "splits/train", "splits/valid", "--labels", "folder", "-f", "json")[1]
    assert {(c["label"], c["with_label"]) for c in json.loads(out)["conflicts"]} == {
        ("bus", "train")
    }
    Path("splits.csv").write_text("path,split\ntrain,train\nvalid,valid\n")
    words = ("leaks", "splits", "--split-file", "splits.csv", "--labels", "folder", "-f", "json")
    assert {(c["label"], c["with_label"]) for c in json.loads(run(*words)[1])["conflicts"]} == {
        ("bus", "train")
    }


def test_splits_without_classes_are_no_labels(
    tmp_path: Path, photo, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for split in ("train", "val"):
        Path("data", split).mkdir(parents=True)
        photo(1).save(f"data/{split}/1.png")
    code, _, err = run("find-dupes", "data", "--labels", "folder")
    assert (code, "no image has a label" in err) == (2, True)
