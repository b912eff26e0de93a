"""Labelled data sets in archives, tables and lists."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from imgsim.cli.main import main
from imgsim.dataset.layouts import load_labelled
from imgsim.errors import UsageError
from tests.archives import jpeg, tar_bytes, written, zip_bytes

CLASSES = {f"{c}/{i}.jpg": f"{c}{i}".encode() for c in ("cat", "dog") for i in range(2)}


@pytest.mark.parametrize("name", ["d.zip", "d.tar.gz"])
def test_class_folders_in_an_archive(tmp_path, name) -> None:
    make = zip_bytes if name == "d.zip" else lambda members: tar_bytes(members, "gz")
    path = str(written(tmp_path / name, make(CLASSES)))
    data = load_labelled(path)
    assert data.labels == ("cat", "cat", "dog", "dog")
    assert data.paths[0] == f"{path}!/cat/0.jpg"
    splits = {f"{split}/{n}": c for split in ("train", "val") for n, c in CLASSES.items()}
    deep = {f"data/{n}": c for n, c in splits.items()}
    path = str(written(tmp_path / f"s{name}", make(deep)))
    data = load_labelled(f"{path}!/data")
    assert data.labels == ("cat", "cat", "dog", "dog") * 2
    assert data.split_names == ("train", "val")
    prefixes = {"apple_1.jpg": b"a", "apple_2.jpg": b"b", "pear_1.jpg": b"c"}
    path = str(written(tmp_path / f"p{name}", make(prefixes)))
    assert load_labelled(path).labels == ("apple", "apple", "pear")


def test_lists_with_labels(tmp_path) -> None:
    for name, content in CLASSES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        written(tmp_path / name, content)
    rows = [{"file_name": n, "category": n[:3], "split": "train"} for n in CLASSES]
    lines = "\n".join(map(json.dumps, [*rows, rows[0]]))
    data = load_labelled(written(tmp_path / "metadata.jsonl", lines.encode()))
    assert [Path(path).relative_to(tmp_path).as_posix() for path in data.paths] == list(CLASSES)
    assert (data.labels, set(data.splits)) == (("cat", "cat", "dog", "dog"), {"train"})
    coco = {
        "images": [{"id": i, "file_name": n} for i, n in enumerate(CLASSES)],
        "annotations": [{"image_id": i, "category_id": i // 2} for i in range(4)],
        "categories": [{"id": 0, "name": "cat"}, {"id": 1, "name": "dog"}],
    }
    data = load_labelled(written(tmp_path / "coco.json", json.dumps(coco).encode()))
    assert data.labels == ("cat", "cat", "dog", "dog")


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{"path": "a.jpg"}], "has no labels"),
        ([{"path": "a.jpg", "label": ""}], "no label for"),
        ([{"path": "gone.jpg", "label": "x"}], "no such file"),
        ([{"path": "a.jpg", "label": "x"}, {"path": "a.jpg", "label": "y"}], "two labels"),
    ],
)
def test_what_is_wrong_with_labels_is_said(tmp_path, rows, said) -> None:
    written(tmp_path / "a.jpg", b"a")
    text = "\n".join(map(json.dumps, rows))
    with pytest.raises(UsageError, match=said):
        load_labelled(written(tmp_path / "t.jsonl", text.encode()))


def test_labels_of_hugging_face(tmp_path) -> None:
    pa = pytest.importorskip("pyarrow", reason="needs pyarrow (imgsim[data])")
    for split, labels in {"train": ["cat", "cat"], "test": ["dog", "dog"]}.items():
        folder = tmp_path / "ds" / split
        folder.mkdir(parents=True)
        table = pa.table({"image": [split.encode(), b"x"], "label": labels})
        with pa.ipc.new_stream(str(folder / "data-00000-of-00001.arrow"), table.schema) as writer:
            writer.write_table(table)
        state = {"_data_files": [{"filename": "data-00000-of-00001.arrow"}]}
        written(folder / "state.json", json.dumps(state).encode())
        written(folder / "dataset_info.json", b"{}")
    written(tmp_path / "ds/dataset_dict.json", b'{"splits": ["train", "test"]}')
    data = load_labelled(tmp_path / "ds")
    assert (data.labels, data.splits) == (
        ("cat", "cat", "dog", "dog"), ("train", "train", "test", "test"),
    )  # fmt: skip


def test_bench_measures_on_an_archive(tmp_path, photo, capsys) -> None:
    members = {f"{i}/{q}.jpg": jpeg(photo(i), q) for i in range(4) for q in (60, 90)}
    path = str(written(tmp_path / "d.zip", zip_bytes(members)))
    code = main(["bench", path, "-m", "phash", "-f", "json", "--cache", "off", "-j", "1"])
    assert code == 0
    assert json.loads(capsys.readouterr().out)["data"]["images"] == 8
