"""Lists of pictures, under the commands as a user runs them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from imgsim.addresses import printable
from imgsim.cli.main import main
from tests.archives import jpeg, written, zip_bytes


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]):
    def run(*arguments: str) -> tuple[int, str, str]:
        code = main([*arguments, "--executor", "threads", "--jobs", "1"])
        return (code, *capsys.readouterr())

    return run


@pytest.fixture
def place(tmp_path: Path, photo, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Six photos, the last two copies of the first two, and a zip of the last two."""
    monkeypatch.chdir(tmp_path)
    for i in range(6):
        written(tmp_path / f"{i}.jpg", jpeg(photo(i % 4)))
    members = {f"{i}.jpg": (tmp_path / f"{i}.jpg").read_bytes() for i in (4, 5)}
    written(tmp_path / "z.zip", zip_bytes(members))
    return tmp_path


def _leaks(out: str) -> dict[str, tuple[str, str]]:
    """Leaks and their splits, with what each matches first."""
    leaks = json.loads(out)["leaks"]
    return {leak["path"]: (leak["split"], leak["matches"][0]["path"]) for leak in leaks}


def test_find_dupes_reads_what_a_list_names_and_no_more(place, run) -> None:
    written(place / "t.csv", b"path,x\n0.jpg,1\n1.jpg,1\n2.jpg,1\ngone.jpg,1\nt.csv,1\n")
    code, out, _ = run("find-dupes", "--manifest", "t.csv", "-f", "json")
    document = json.loads(out)
    assert (code, document["images"], document["groups"]) == (0, 3, [])
    assert [s["path"] for s in document["skipped"]] == ["gone.jpg", "t.csv"]
    code, out, _ = run("find-dupes", "z.zip", "--manifest", "t.csv", "-f", "json", "--isolate")
    groups = [[m["path"] for m in g["members"]] for g in json.loads(out)["groups"]]
    assert (code, groups) == (0, [["0.jpg", "z.zip!/4.jpg"], ["1.jpg", "z.zip!/5.jpg"]])


@pytest.mark.parametrize("name", ["m.jsonl", "data.yaml", "m.csv"])
def test_a_list_in_the_place_of_a_picture_is_told_from_one(place, run, name) -> None:
    written(place / name, b"train: .")
    _, out, _ = run("find-dupes", name, "0.jpg", "-f", "json", "-m", "phash")
    assert "--manifest" in json.loads(out)["skipped"][0]["reason"]
    code, out, _ = run("known", name, "--in", "0.jpg", "-f", "json")
    assert code == 2
    assert "--manifest" in json.loads(out)["answers"][0]["reason"]


@pytest.mark.parametrize("command", ["find-dupes", "matches", "sort", "cluster"])
def test_commands_take_a_list_alone_and_refuse_a_bad_one(place, run, command) -> None:
    written(place / "t.txt", b"0.jpg\n1.jpg\n2.jpg\n3.jpg\n")
    method = () if command == "find-dupes" else ("-m", "phash")
    assert run(command, "--manifest", "t.txt", *method)[0] == 0
    written(place / "t.txt", b"some notes\n")
    code, out, err = run(command, "--manifest", "t.txt", *method)
    assert (code, out) == (2, "")
    assert "t.txt: no such file: some notes" in err
    assert len(err.splitlines()) == 2


def test_leaks_takes_splits_from_lists(place, run) -> None:
    for name, numbers in {"train": (0, 1, 2, 3), "val": (4, 5)}.items():
        written(place / f"{name}.txt", "".join(f"./{i}.jpg\n" for i in numbers).encode())
    written(place / "data.yaml", b"train: train.txt\nval: val.txt\n")
    rows = "".join(f"{i}.jpg,{'train' if i < 4 else 'val'}\n" for i in range(6))
    written(place / "t.csv", f"path,split\n{rows}".encode())
    expected = {"4.jpg": ("val", "0.jpg"), "5.jpg": ("val", "1.jpg")}
    for inputs in (["data.yaml"], ["train.txt", "val.txt"], ["t.csv"]):
        code, out, err = run("leaks", *inputs, "-f", "json")
        assert (code, _leaks(out)) == (1, expected)
    code, out, err = run("leaks", "train.txt", "z.zip", "-f", "json")
    assert _leaks(out) == {
        "z.zip!/4.jpg": ("z.zip", "0.jpg"), "z.zip!/5.jpg": ("z.zip", "1.jpg"),
    }  # fmt: skip
    code, out, err = run("leaks", "train.txt")
    assert code == 2
    assert "between two splits" in err


def test_leaks_says_what_is_gone_and_what_has_no_split(place, run) -> None:
    written(place / "t.csv", b"path,split\n0.jpg,train\n4.jpg,val\ngone.jpg,val\n")
    code, out, err = run("leaks", "t.csv", "-f", "json")
    document = json.loads(out)
    assert code == 1
    assert [(s["path"], s["reason"]) for s in document["skipped"]] == [("gone.jpg", "no such path")]
    written(place / "t.csv", b"path,split\n0.jpg,train\n4.jpg,\n")
    code, out, err = run("leaks", "t.csv")
    assert (code, out) == (2, "")
    assert "no split for 4.jpg" in err


@pytest.mark.parametrize(
    ("paths", "hint"),
    [
        (("d/a/0.jpg", "d/b/1.jpg"), "count from d: leave out d/ at their beginning"),
        (("a\\0.jpg", "b\\1.jpg"), "count from d, with / between folders"),
        (("a/0.jpeg", "b/1.jpeg"), "count from d"),
    ],
)
def test_a_split_file_of_which_no_file_is_there_says_what_paths_count_from(
    place, run, paths, hint
) -> None:
    for i, split in enumerate("ab"):
        (place / "d" / split).mkdir(parents=True)
        (place / f"{i}.jpg").rename(place / "d" / split / f"{i}.jpg")
    written(place / "s.csv", f"path,split\n{paths[0]},a\n{paths[1]},b\n".encode())
    code, out, err = run("leaks", "d", "--split-file", "s.csv", "-q")
    assert (code, out) == (2, "")
    assert f"s.csv: no file of it is there, such as {printable(paths[0])}" in err
    assert err.rstrip().endswith(hint)


def test_no_gate_passes_while_listed_files_are_not_there(place, run) -> None:
    written(place / "t.csv", b"path,split\n0.jpg,train\n2.jpg,train\n3.jpg,val\n4.jpeg,val\n")
    gates = [
        ("leaks", "t.csv"), ("leaks", ".", "--split-file", "t.csv"),
        ("find-dupes", "--manifest", "t.csv", "--check"),
    ]  # fmt: skip
    for gate in gates:
        code, _, err = run(*gate, "-q")
        assert (code, "1 listed file is not there, such as" in err) == (2, True)
        assert "4.jpeg" in err
        assert run(*gate, "-q", "--allow-missing")[0] == 0
        assert "-v names them" in run(*gate, "-q", "--strict")[2]  # -q has shown no list
    update = ("--baseline", "b.json", "--update-baseline")
    assert run(*gates[0], *update)[0] == run(*gates[2], *update)[0] == 2
    assert not (place / "b.json").exists()
    assert run("find-dupes", "--manifest", "t.csv")[0] == 0  # no gate


def test_a_path_that_two_splits_list_is_an_exact_leak(place, run) -> None:
    written(place / "train.txt", b"0.jpg\n1.jpg\n2.jpg\n")
    written(place / "val.txt", b"2.jpg\n3.jpg\n")
    lines = "path,split\n0.jpg,train\n1.jpg,train\n2.jpg,train\n2.jpg,val\n3.jpg,val\n"
    written(place / "t.csv", lines.encode())
    for inputs in (["train.txt", "val.txt"], ["t.csv"], [".", "--split-file", "t.csv"]):
        code, out, err = run("leaks", *inputs, "-f", "json", "--write-splits", "new.csv", "--force")
        document = json.loads(out)
        assert (code, [split["images"] for split in document["splits"]]) == (1, [2, 3])
        (leak,) = document["leaks"]
        (match,) = leak["matches"]
        assert Path(leak["path"]).name == Path(match["path"]).name == "2.jpg"
        assert (leak["split"], match["split"], match["kind"]) == ("val", "train", "exact")
        assert [Path(one["path"]).name for one in document["drop"]] == ["2.jpg"]
        rows = (place / "new.csv").read_text().splitlines()[1:]
        assert [Path(row.partition(",")[0]).name for row in rows] == [f"{i}.jpg" for i in range(4)]
        assert "1 file moved" in err
        code, out, err = run("leaks", ".", "--split-file", "new.csv", "-f", "json")
        assert (code, json.loads(out)["leaks"]) == (0, [])


def test_labels_are_a_column_of_the_manifest(place, run) -> None:
    lines = "File,Finding,site\n0.jpg,flu,a\n4.jpg,cold,a\n1.jpg,flu,b\n5.jpg,flu,b\n"
    written(place / "c.csv", lines.encode())
    for column in ("Finding", "finding", "FINDING"):
        code, out, err = run("find-dupes", "--manifest", "c.csv", "--labels", column, "-f", "json")
        told = sorted(tuple(group["labels"]) for group in json.loads(out)["groups"])
        assert (code, told) == (0, [("cold", "flu"), ("flu",)])
    code, out, err = run("find-dupes", "--manifest", "c.csv", "--labels", "none")
    assert (code, out) == (2, "")
    assert "c.csv has no column none" in err
    assert "Finding, site" in err


def test_leaks_take_and_keep_the_other_columns_of_lists(place, run) -> None:
    lines = "Image,Subset,Finding,site\n"
    lines += "0.jpg,train,flu,a\n1.jpg,train,flu,b\n2.jpg,train,flu,c\n4.jpg,val,cold,d\n"
    written(place / "c.csv", lines.encode())
    code, out, _ = run(
        "leaks", "c.csv", "--labels", "finding", "-f", "json", "--write-splits", "new.csv"
    )
    (leak,) = json.loads(out)["leaks"]
    assert (code, leak["label"], leak["conflicts"]) == (1, "cold", 1)
    header, *rows = [line.split(",") for line in (place / "new.csv").read_text().splitlines()]
    assert header == ["path", "split", "Finding", "site"]
    assert {row[0]: row[2:] for row in rows} == {
        "0.jpg": ["flu", "a"], "1.jpg": ["flu", "b"], "2.jpg": ["flu", "c"], "4.jpg": ["cold", "d"],
    }  # fmt: skip
    again = run("leaks", ".", "--split-file", "new.csv", "--labels", "SITE", "-f", "json")
    assert json.loads(again[1])["leaks"] == []
