"""Pictures in Parquet and Arrow, as Hugging Face and others write them."""

from __future__ import annotations

import json
import os
import pickle
import sys
from pathlib import Path

import pytest

import imgsim
from imgsim.cli.main import main
from imgsim.errors import UsageError
from imgsim.read.archives.kinds import BadArchive
from imgsim.read.content import read_bytes
from imgsim.read.discover import DiscoverOptions, discover
from imgsim.read.manifests.reading import read_manifest
from imgsim.read.tables import rows as table_rows
from imgsim.read.tables.listing import list_table
from tests.archives import jpeg, written

pa = pytest.importorskip("pyarrow", reason="needs pyarrow (imgsim[data])")
pq = pytest.importorskip("pyarrow.parquet")

HUGGING_FACE = {
    "info": {"features": {
        "image": {"_type": "Image"}, "label": {"names": ["cat", "dog"], "_type": "ClassLabel"},
    }}
}  # fmt: skip


@pytest.fixture
def data(photo) -> list[bytes | None]:
    return [*(jpeg(photo(i % 5)) for i in range(7)), None, b"no picture"]


def _table(data: list[bytes | None], kind: str = "struct") -> pa.Table:
    if kind == "struct":
        images = pa.array(
            [None if d is None else {"bytes": d, "path": f"{i}.jpg"} for i, d in enumerate(data)],
            pa.struct([("bytes", pa.binary()), ("path", pa.string())]),
        )
    else:
        images = pa.array(data, pa.large_binary() if kind == "large" else pa.binary())
    table = pa.table(
        {
            "image": images,
            "label": pa.array([i % 2 for i in range(len(data))]),
            "split": ["train" if i < 5 else "valid" for i in range(len(data))],
            "score": [i / 2 for i in range(len(data))],
        }
    )
    return table.replace_schema_metadata({"huggingface": json.dumps(HUGGING_FACE)})


def _write(table: pa.Table, path: Path) -> Path:
    if path.suffix == ".parquet":
        pq.write_table(table, path, row_group_size=4)
        return path
    new = pa.ipc.new_file if path.suffix == ".feather" else pa.ipc.new_stream
    with new(str(path), table.schema) as writer:
        writer.write_table(table, max_chunksize=3)
    return path


@pytest.mark.parametrize("kind", ["struct", "plain", "large"])
@pytest.mark.parametrize("name", ["t.parquet", "t.arrow", "t.feather"])
def test_rows_are_read_in_any_order_and_from_a_pickle(tmp_path, data, name, kind) -> None:
    path = _write(_table(data, kind), tmp_path / name)
    listing = list_table(str(path))
    assert [s.path for s in listing.skipped] == [f"{path}!/7"]
    assert [str(row) for row in listing.rows] == [f"{path}!/{i}" for i in (*range(7), 8)]
    for row in [*reversed(listing.rows), *listing.rows[::3]]:
        again = pickle.loads(pickle.dumps(row))
        assert (again, again.stamp) == (row, row.stamp)
        content, stamp = read_bytes(again)
        assert content == data[row.row]
        assert stamp == row.stamp
        assert row.container == str(path)
    table_rows.let_go()


def test_several_columns_of_pictures_are_told_apart(tmp_path, data) -> None:
    table = pa.table({"image": data[:2], "png": data[2:4], "other": [b"a", b"b"], "n": [1, 2]})
    path = str(_write(table, tmp_path / "t.parquet"))
    listing = list_table(path)
    assert [str(row) for row in listing.rows] == [
        f"{path}!/0/image", f"{path}!/1/image", f"{path}!/0/png", f"{path}!/1/png",
    ]  # fmt: skip
    assert read_bytes(pickle.loads(pickle.dumps(listing.rows[3])))[0] == data[3]


def test_a_table_that_was_changed_is_noticed(tmp_path, data) -> None:
    path = _write(_table(data), tmp_path / "t.parquet")
    rows = list_table(str(path)).rows
    _write(_table(data[:3][::-1]), path)
    os.utime(path, ns=(1, 1))
    content, stamp = read_bytes(rows[0])
    assert content == data[2]
    assert stamp != rows[0].stamp
    with pytest.raises(BadArchive):
        read_bytes(rows[6])
    table_rows.let_go()


@pytest.mark.parametrize("name", ["t.parquet", "t.arrow", "t.feather"])
def test_what_is_no_table_or_has_no_pictures_says_so(tmp_path, data, name) -> None:
    for wrong in (b"", b"no table at all" * 20, b"PAR1" * 40, b"ARROW1" + b"\0" * 40):
        with pytest.raises(BadArchive) as error:
            list_table(str(written(tmp_path / name, wrong)))
        assert "\n" not in error.value.strerror
    path = _write(_table(data), tmp_path / name)
    path.write_bytes(path.read_bytes()[:-400])
    with pytest.raises(BadArchive):
        list_table(str(path))
    _write(pa.table({"a": [1], "embedding": [b"bytes"]}), path)
    with pytest.raises(BadArchive, match="no column of pictures among a, embedding"):
        list_table(str(path))


def test_row_groups_of_too_many_bytes_are_refused(tmp_path, data, monkeypatch) -> None:
    path = _write(_table(data), tmp_path / "t.parquet")
    monkeypatch.setattr(table_rows, "MAX_GROUP_BYTES", 1000)
    with pytest.raises(BadArchive, match="more than 1,000 bytes"):
        list_table(str(path))


@pytest.mark.parametrize("name", ["t.parquet", "t.arrow"])
def test_as_a_manifest_it_has_rows_labels_and_splits(tmp_path, data, name) -> None:
    path = _write(_table(data), tmp_path / name)
    manifest = read_manifest(path)
    # the row without bytes and without a path names itself, to be told of
    rows = [place for number, place in enumerate(manifest.paths) if number != 7]
    assert manifest.paths[7] == f"{path}!/7"
    assert [read_bytes(row)[0] for row in rows] == [*data[:7], data[8]]
    assert manifest.labels == ("cat", "dog") * 4 + ("cat",)
    assert manifest.splits == ("train",) * 5 + ("valid",) * 4
    assert manifest.columns["score"][1] == "0.5"
    table_rows.let_go()


def test_parquet_with_paths_is_a_manifest(tmp_path, data) -> None:
    written(tmp_path / "a.jpg", data[0] or b"")
    table = pa.table({"file_name": ["a.jpg", "gone.jpg"], "label": [1, None]})
    path = _write(table, tmp_path / "t.parquet")
    manifest = read_manifest(path)
    assert manifest.paths == (str(tmp_path / "a.jpg"), str(tmp_path / "gone.jpg"))
    assert manifest.labels == ("1", "")
    with pytest.raises(UsageError, match="no column of pictures") as error:
        discover([str(path)])
    assert "--manifest" in error.value.hint
    found = discover([], DiscoverOptions(manifests=[str(path)]))
    assert [f.path for f in found.files] == [str(tmp_path / "a.jpg")]
    with pytest.raises(UsageError, match="no column of paths"):
        read_manifest(_write(pa.table({"x": [1]}), tmp_path / "u.parquet"))


def _save_to_disk(folder: Path, tables: list[pa.Table]) -> None:
    """As `datasets.Dataset.save_to_disk` lays it out."""
    folder.mkdir(parents=True)
    names = [f"data-{i:05}-of-{len(tables):05}.arrow" for i in range(len(tables))]
    for name, table in zip(names, tables, strict=True):
        _write(table, folder / name)
    state = {"_data_files": [{"filename": name} for name in names], "_split": None}
    written(folder / "state.json", json.dumps(state).encode())
    written(folder / "dataset_info.json", json.dumps({"features": {}}).encode())


def test_data_sets_of_hugging_face_on_disk(tmp_path, data, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    _save_to_disk(Path("ds/train"), [_table(data[:3]), _table(data[3:5])])
    _save_to_disk(Path("ds/test"), [_table(data[5:])])
    written(Path("ds/dataset_dict.json"), b'{"splits": ["train", "test"]}')
    found = discover(["ds"])
    assert len(found.files) == 8
    assert found.files[0].path == "ds/test/data-00000-of-00001.arrow!/0"
    common = ["-f", "json", "--executor", "threads", "-j", "1", "-m", "phash"]
    assert main(["leaks", "ds", *common]) == 1
    document = json.loads(capsys.readouterr().out)
    assert {leak["path"]: leak["matches"][0]["path"] for leak in document["leaks"]} == {
        "ds/test/data-00000-of-00001.arrow!/0": "ds/train/data-00000-of-00002.arrow!/0",
        "ds/test/data-00000-of-00001.arrow!/1": "ds/train/data-00000-of-00002.arrow!/1",
    }
    assert {split["name"] for split in document["splits"]} == {"train", "test"}
    assert main(["find-dupes", "ds/train", *common]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["images"], document["groups"]) == (5, [])
    written(Path("ds/train/state.json"), b"{}")
    assert main(["find-dupes", "ds/train", *common]) == 2
    said = capsys.readouterr().err
    assert "its state.json names no files" in said
    assert "hint: write it with save_to_disk" in said


def test_commands_take_tables(tmp_path, data, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    _write(_table(data), Path("t.parquet"))
    written(Path("5.jpg"), data[1] or b"")
    common = ["--executor", "threads", "-j", "1"]
    arguments = ["find-dupes", "t.parquet", "5.jpg", "-f", "json", "--no-timing", *common]
    assert main(arguments) == 0
    first = capsys.readouterr()
    document = json.loads(first.out)
    groups = [[m["path"] for m in g["members"]] for g in document["groups"]]
    assert groups == [["5.jpg", "t.parquet!/1", "t.parquet!/6"], ["t.parquet!/0", "t.parquet!/5"]]
    assert document["groups"][0]["members"][1]["bytes"] == len(data[1] or b"")
    reasons = {s["path"]: s["reason"] for s in document["skipped"]}
    assert reasons.keys() == {"t.parquet!/7", "t.parquet!/8"}
    assert reasons["t.parquet!/7"] == "the row has no bytes"
    assert main(arguments) == 0
    second = capsys.readouterr()
    assert second.out == first.out
    assert "(0 decoded)" in second.err
    assert main(["leaks", "t.parquet", "-m", "phash", "-f", "json", *common]) == 1
    assert len(json.loads(capsys.readouterr().out)["leaks"]) == 2
    assert main(["compare", "t.parquet!/6", "5.jpg", "-m", "auto"]) == 0
    assert " yes " in capsys.readouterr().out
    assert main(["find-dupes", "t.parquet!/6", "5.jpg", "-m", "phash", "-f", "json", *common]) == 0
    assert len(json.loads(capsys.readouterr().out)["groups"]) == 1
    assert main(["find-dupes", ".", "--archives", "-m", "phash", "-f", "json", *common]) == 0
    assert json.loads(capsys.readouterr().out)["images"] == 8
    _write(pa.table({"a": [1]}), Path("u.parquet"))
    assert main(["find-dupes", ".", "--archives", "-m", "phash", "-f", "json", *common]) == 0
    assert "u.parquet" not in capsys.readouterr().out


def test_worker_processes_read_rows(tmp_path, data) -> None:
    path = _write(_table(data * 3), tmp_path / "t.parquet")
    found = imgsim.find_duplicates(str(path), "phash", options=imgsim.RunOptions(jobs=2))
    assert found.images == 21
    assert len(found.groups) == 5


def test_without_pyarrow_it_is_said_what_to_install(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    written(tmp_path / "t.parquet", b"PAR1")
    assert main(["find-dupes", str(tmp_path / "t.parquet")]) == 2
    assert "imgsim[data]" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["t.parquet", "t.arrow"])
def test_a_manifest_reads_paths_in_the_place_of_bytes_and_names_empty_rows(
    tmp_path, photo, name
) -> None:
    (tmp_path / "p").mkdir()
    written(tmp_path / "p" / "0.jpg", jpeg(photo(0)))
    rows = [
        {"bytes": None, "path": "p/0.jpg"}, {"bytes": jpeg(photo(1)), "path": "1.jpg"}, None,
        {"bytes": None, "path": "gone.jpg"}, {"bytes": None, "path": None},
    ]  # fmt: skip
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    table = pa.table({"image": pa.array(rows, kind), "label": list("abcde")})
    path = str(_write(table, tmp_path / name))
    manifest = read_manifest(path)
    file, gone = str(tmp_path / "p/0.jpg"), str(tmp_path / "gone.jpg")
    assert manifest.paths == (file, f"{path}!/1", f"{path}!/2", gone, f"{path}!/4")
    assert manifest.labels == tuple("abcde")
    walked = discover([], DiscoverOptions(manifests=[path]))
    assert [one.path for one in walked.files] == [file, f"{path}!/1"]
    assert {s.path: s.reason for s in walked.skipped} == {
        f"{path}!/2": "the row has no bytes", f"{path}!/4": "the row has no bytes",
        gone: "no such path",
    }  # fmt: skip


def test_labels_of_data_sets_on_disk(tmp_path, data, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    for split in ("train", "test"):
        _save_to_disk(Path("ds", split), [_table(data[:4]), _table(data[4:7])])
    written(Path("ds/dataset_dict.json"), b'{"splits": ["train", "test"]}')
    same = ("--executor", "threads", "--jobs", "1", "-m", "phash", "-f", "json")
    for paths in (["ds"], ["ds/train", "ds/test"]):
        assert main(["leaks", *paths, "--labels", "label", *same]) == 1
        document = json.loads(capsys.readouterr().out)
        assert {leak["label"] for leak in document["leaks"]} == {"cat", "dog"}
        assert document["conflicts"]
        assert main(["leaks", *paths, "--labels", "breed", *same]) == 2
        assert "has no column breed" in capsys.readouterr().err
    for paths in (["ds"], ["--manifest", "ds"]):
        assert main(["find-dupes", *paths, "--labels", "label", *same]) == 0
        groups = json.loads(capsys.readouterr().out)["groups"]
        assert ["cat", "dog"] in [group["labels"] for group in groups]
    manifest = imgsim.read_manifest("ds")
    assert (len(manifest), set(manifest.splits)) == (14, {"train", "test"})


@pytest.mark.parametrize("ending", ["parquet", "feather", "jsonl"])
def test_nan_is_no_value(tmp_path, photo, capsys, ending) -> None:
    for i in range(4):
        written(tmp_path / f"{i}.jpg", jpeg(photo(i)))
    columns = {
        "path": [f"{i}.jpg" for i in range(4)],
        "split": ["train", "train", "valid", "valid"],
        "patient": [1.0, float("nan"), float("nan"), 2.0],
    }
    path = tmp_path / f"t.{ending}"
    if ending == "jsonl":
        rows = zip(*columns.values(), strict=True)
        lines = (json.dumps(dict(zip(columns, row, strict=True))) for row in rows)
        written(path, "\n".join(lines).encode())
    else:
        _write(pa.table(columns), path)
    assert read_manifest(path).columns["patient"] == ("1.0", "", "", "2.0")
    same = ("--executor", "threads", "--jobs", "1", "-m", "phash", "-f", "json")
    assert main(["leaks", str(path), "--group-by", "patient", *same]) == 0
    assert json.loads(capsys.readouterr().out)["groups"] == []


def test_labels_of_rows_are_a_column_of_the_table(tmp_path, data, capsys) -> None:
    path = _write(_table(data), tmp_path / "t.parquet")
    same = ("--executor", "threads", "--jobs", "1", "-f", "json")
    assert main(["find-dupes", "--manifest", str(path), "--labels", "Label", *same]) == 0
    (group, *_) = json.loads(capsys.readouterr().out)["groups"]
    assert group["labels"] == ["cat", "dog"]
    assert main(["leaks", str(path), "--labels", "label", *same]) == 1
    leaks = json.loads(capsys.readouterr().out)["leaks"]
    assert {leak["label"] for leak in leaks} == {"cat", "dog"}


@pytest.mark.skipif(sys.platform == "win32", reason="pipes with a name are POSIX's")
@pytest.mark.parametrize("name", ["labels.parquet", "labels.arrow"])
def test_a_pipe_with_the_name_of_a_table_is_not_waited_for(name: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(UsageError, match="not a regular file"):
        read_manifest(str(tmp_path / name))
