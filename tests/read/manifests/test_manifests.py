"""Lists of pictures in the formats that people have, and in those that they break."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from imgsim.errors import UsageError
from imgsim.read.discover import DiscoverOptions, discover
from imgsim.read.manifests.manifest import values_of
from imgsim.read.manifests.reading import read_manifest
from imgsim.read.manifests.yolo import top_level_keys
from imgsim.tasks.leaks.splits import read_split_file, read_splits
from tests.archives import written, zip_bytes


@pytest.fixture
def place(tmp_path: Path) -> Path:
    for name in ("a.jpg", "train/b.jpg", "images/train2017/c.jpg", "images/val/d.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        written(tmp_path / name, name.encode())
    return tmp_path


def _below(place: Path, paths: tuple[str, ...]) -> list[str]:
    return [Path(path).resolve().relative_to(place.resolve()).as_posix() for path in paths]


TABLES = {
    "t.csv": "Path,Split,label,patient\na.jpg,train,x,7\ntrain/b.jpg,val,y,8\n",
    "semicolons.csv": "patient;filename;split;label\n7;a.jpg;train;x\n8;train/b.jpg;val;y\n",
    "excel.csv": "\ufefffile_name,split,label,patient\r\na.jpg,train,x,7\r\n\r\n"
    "train/b.jpg,val,y,8\r\n",
    "quoted.csv": '"image","split","label","patient"\n"a.jpg","train","x","7"\n'
    '"train/b.jpg","val","y","8"\n',
    "t.tsv": "split\tlabel\tpath\tpatient\ntrain\tx\ta.jpg\t7\nval\ty\ttrain/b.jpg\t8\n",
    "t.jsonl": '{"file": "a.jpg", "split": "train", "label": "x", "patient": 7}\n\n'
    '{"file": "./train/b.jpg", "split": "val", "label": "y", "patient": 8}\n',
}


@pytest.mark.parametrize("name", TABLES)
def test_tables_have_paths_splits_labels_and_other_columns(place, name) -> None:
    manifest = read_manifest(written(place / name, TABLES[name].encode()))
    assert _below(place, manifest.paths) == ["a.jpg", "train/b.jpg"]
    assert (manifest.splits, manifest.labels) == (("train", "val"), ("x", "y"))
    assert manifest.columns["patient"] == ("7", "8")
    assert manifest.groups == ()
    assert {k: _below(place, tuple(v)) for k, v in manifest.by_split().items()} == {
        "train": ["a.jpg"], "val": ["train/b.jpg"],
    }  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
def test_every_format_is_a_split_file_and_has_values_by_path(place, name, tmp_path) -> None:
    (place / "lists").mkdir()
    listed = written(place / "lists" / name, TABLES[name].encode())
    manifest = read_split_file(str(listed), str(place))
    assert _below(place, manifest.paths) == ["a.jpg", "train/b.jpg"]
    splits, base = read_splits([manifest])
    assert (list(splits), base) == (["train", "val"], str(place))
    values = manifest.values("PATIENT")
    assert [values.of(str(place / one)) for one in ("a.jpg", "train/b.jpg", "c")] == ["7", "8", ""]
    with pytest.raises(UsageError, match="has no column doctor"):
        manifest.values("doctor")


def test_values_of_several_lists_and_of_rows_that_differ(place, monkeypatch) -> None:
    monkeypatch.chdir(place)
    written(place / "a.csv", b"path,label\ntrain,x\n")
    written(place / "b.csv", b"path\ntrain/b.jpg\n")  # says nothing of labels
    lists = [read_manifest(name) for name in ("a.csv", "b.csv")]
    assert values_of(lists, "label").of("train/b.jpg") == "x"
    twice = read_manifest(written(place / "c.csv", b"path,label\na.jpg,x\n./a.jpg,y\n"))
    with pytest.raises(UsageError, match=r"c\.csv: .*a\.jpg has two values of label"):
        twice.values("label")


def test_blanks_and_line_ends_are_part_of_a_name_where_there_is_such_a_file(place) -> None:
    for name in (" a .jpg ", "a\nb.jpg"):
        written(place / name, b"x")
    text = 'path,label\n" a .jpg ", x \n" a.jpg ",y\n"a\nb.jpg",z\n'
    manifest = read_manifest(written(place / "t.csv", text.encode()))
    assert [Path(path).name for path in manifest.paths] == [" a .jpg ", "a.jpg", "a\nb.jpg"]
    assert manifest.labels == ("x", "y", "z")


def test_what_is_gone_is_named_where_its_folder_is(place, monkeypatch) -> None:
    monkeypatch.chdir(place)
    written(place / "train/list.txt", b"b.jpg\ntrain/gone.jpg\ngone.jpg\nno/gone.jpg\n")
    paths = read_manifest("train/list.txt").paths
    assert [Path(path).as_posix() for path in paths] == [
        "train/b.jpg", "train/gone.jpg", "train/gone.jpg", "train/no/gone.jpg",
    ]  # fmt: skip


def test_lines_of_json_may_lack_fields_and_have_others(place) -> None:
    lines = [{"path": "a.jpg", "group": None}, {"path": "b", "objects": {"n": [1]}, "group": "g"}]
    text = "\n".join(map(json.dumps, lines))
    manifest = read_manifest(written(place / "t.ndjson", text.encode()))
    assert manifest.groups == ("", "g")
    assert manifest.columns["objects"] == ("", '{"n": [1]}')


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("t.csv", b"", "no column of paths: nothing"),
        ("t.csv", b"a,b,same\nx,y,1\n", "no column of paths: a, b, same"),
        ("t.csv", b"path,label\na.jpg\n", "line 2: 1 of 2 fields"),
        ("t.csv", b"path,label\n,x\n", "line 2: no path"),
        ("t.csv", b"path,label\n", "lists no pictures"),
        ("t.csv", b"path,x,x\na,b,c\n", "two columns 'x'"),
        ("t.csv", b'path,x\n"a"b,c\n', "is no CSV"),
        ("t.csv", b'path,x\n"a,c\n', "is no CSV"),
        ("t.csv", b"\x89PNG\r\n\x1a\n\0\0\0", "is no text"),
        ("t.jsonl", b'{"path": "a.jpg"}\n{"path": \n', "line 2: no JSON"),
        ("t.jsonl", b"[1]\n", "line 1: no object"),
        ("t.jsonl", b'{"path": 3}\n{"path": null}\n', "line 2: no path"),
        ("t.jsonl", b"[" * 100_000, "line 1: no JSON"),
        ("t.json", b"[1]", "no list of pictures"),
        ("t.json", b'{"images": []}', "no list of pictures"),
        ("t.json", b'{"images": [{"id": 1}]}', "images[0] lacks id or file_name"),
        ("t.json", b'{"images": {"a": 1}}', "images is no list"),
        (
            "t.json",
            b'{"images": [{"id": 1, "file_name": "a"}, {"id": 1, "file_name": "b"}], '
            b'"annotations": [], "categories": []}',
            "two pictures have the id 1",
        ),
        ("t.json", b"{", "is no JSON"),
        ("t.json", b"[" * 100_000, "is no JSON"),
        ("t.txt", b"some notes\nfor me\n", "no such file: "),
        ("t.txt", b"\n", "lists no pictures"),
        ("t.yaml", b"names: [a, b]\n", "names no splits"),
        ("t.yaml", b"train: nowhere\n", "no such path for train: nowhere"),
        ("t.yaml", b"train: {a: b}\n", "line 1: cannot read this kind of value"),
        ("t.yaml", b"train: train\ntrain: images\n", "stands twice"),
        ("t.xlsx", b"PK", "is no manifest, by its name"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(place, name, data, said) -> None:
    with pytest.raises(UsageError) as error:
        read_manifest(written(place / name, data))
    assert said in error.value.message
    assert "\n" not in error.value.message + error.value.hint


def test_a_manifest_that_is_gone(tmp_path) -> None:
    for ending in (".csv", ".jsonl", ".json", ".txt", ".yaml"):
        with pytest.raises(UsageError, match="No such file"):
            read_manifest(tmp_path / f"t{ending}")


def test_yolo_lists_and_folders(place) -> None:
    written(place / "train.txt", b"./a.jpg\n\ntrain/b.jpg\n")
    assert _below(place, read_manifest(place / "train.txt").paths) == ["a.jpg", "train/b.jpg"]
    text = """# a data set
path: .   # here
train:
  - train.txt   # a list
  - images/train2017
val: 'images/val'
test:
nc: 2
names:
  0: person
  1: "train: x"
download: |
  https://example.org/a.zip
"""
    manifest = read_manifest(written(place / "data.yaml", text.encode()))
    assert _below(place, manifest.paths) == [
        "a.jpg", "train/b.jpg", "images/train2017", "images/val",
    ]  # fmt: skip
    assert manifest.splits == ("train", "train", "train", "val")
    # as Roboflow writes it, for folders that lie beside the file
    manifest = read_manifest(written(place / "data.yml", b"train: ../train\nval: ../images/val\n"))
    assert _below(place, manifest.paths) == ["train", "images/val"]


def test_as_much_of_yaml_as_is_read() -> None:
    text = 'a: "x # y"  # z\nb: [\'p\', q ]\nc:\n- r\n-  s\nother: {train: 1}\n"d": t#u\ne: ~\n'
    keys = ("a", "b", "c", "d", "e")
    assert top_level_keys(text, keys) == {
        "a": ["x # y"], "b": ["p", "q"], "c": ["r", "s"], "d": ["t#u"],
    }  # fmt: skip
    for wrong in ("a: &x y", "a: |\n  x", "a: [x,\n  y]", "a:\n  b: c", 'a: "\\x41"', "a: *x"):
        with pytest.raises(UsageError, match="cannot read"):
            top_level_keys(wrong, keys)


def test_coco_finds_the_folder_and_the_categories(place) -> None:
    document = {
        "images": [{"id": 5, "file_name": "c.jpg"}, {"id": 6, "file_name": "gone.jpg"}],
        "annotations": [
            {"image_id": 5, "category_id": 2}, {"image_id": 5, "category_id": 1},
            {"image_id": 5, "category_id": 2}, {"image_id": 77, "category_id": 9},
        ],
        "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "ant"}],
    }  # fmt: skip
    (place / "annotations").mkdir()
    for name in ("annotations/instances_train2017.json", "images/train2017/_annotations.coco.json"):
        manifest = read_manifest(written(place / name, json.dumps(document).encode()))
        assert _below(place, manifest.paths) == [
            "images/train2017/c.jpg", "images/train2017/gone.jpg",
        ]  # fmt: skip
        assert manifest.labels == ("ant, cat", "")


def test_what_a_manifest_lists_is_found_and_what_is_gone_skipped(place, monkeypatch) -> None:
    monkeypatch.chdir(place)
    written(place / "z.zip", zip_bytes({"in/e.jpg": b"e", "in/f.jpg": b"f"}))
    lines = ["path", "a.jpg", "a.jpg", "gone.jpg", "z.zip!/in/f.jpg", "z.zip!/in/g.jpg", "images"]
    written(place / "t.csv", "\n".join(lines).encode())
    found = discover(["train"], DiscoverOptions(manifests=["t.csv"]))
    assert [(f.path, f.root, f.named) for f in found.files] == [
        ("a.jpg", "t.csv", True),
        ("images/train2017/c.jpg", "images", False),
        ("images/val/d.jpg", "images", False),
        ("train/b.jpg", "train", False),
        ("z.zip!/in/f.jpg", "t.csv", True),
    ]
    assert [(s.path, s.reason) for s in found.skipped] == [
        ("gone.jpg", "no such path"),
        ("z.zip!/in/g.jpg", "no such path"),
    ]


def test_paths_may_count_from_another_folder(place, tmp_path_factory) -> None:
    lists = tmp_path_factory.mktemp("lists")
    coco = {"images": [{"id": 1, "file_name": "train/b.jpg"}]}
    for name, text in {
        "t.csv": "path\ntrain/b.jpg\n", "t.jsonl": '{"path": "train/b.jpg"}',
        "t.txt": "train/b.jpg", "t.json": json.dumps(coco), "t.yaml": "train: train/b.jpg",
    }.items():  # fmt: skip
        manifest = read_manifest(written(lists / name, text.encode()), place)
        assert _below(place, manifest.paths) == ["train/b.jpg"]
