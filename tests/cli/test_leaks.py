"""leaks as a user and a CI job run it."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import sys
from pathlib import Path
from urllib.parse import unquote, unquote_to_bytes

import jsonschema
import pytest
from PIL import Image, ImageOps

from imgsim.cli.main import main
from imgsim.pictures.fixed_camera import write_camera_frames
from imgsim.pictures.generate import landscape
from imgsim.schemas import schema

TEXT = {"type": "string", "minLength": 1}
INDEX = {"type": "integer", "minimum": 0}


def _object(*required: str, **properties: object) -> dict[str, object]:
    """An object of the standard, of which no other property is used."""
    return {
        "type": "object",
        "required": list(required),
        "properties": properties,
        "additionalProperties": False,
    }


def _list(of: object) -> dict[str, object]:
    return {"type": "array", "items": of, "uniqueItems": True}


MESSAGE = _object("text", text=TEXT)
PLACE = _object(
    artifactLocation=_object(
        uri={"type": "string", "pattern": r"^(file:///)?([\w.~/-]|%[\dA-F]{2})+$"}
    ),
    region=_object(startLine={"type": "integer", "minimum": 1}),
)
LOCATION = _object(physicalLocation=PLACE, message=MESSAGE)
LEVEL = {"enum": ["none", "note", "warning", "error"]}
RULE = _object("id", id=TEXT, shortDescription=MESSAGE)
SARIF = _object(
    "version",
    "runs",
    version={"const": "2.1.0"},
    runs=_list(
        _object(
            "tool",
            tool=_object(
                "driver", driver=_object("name", name=TEXT, version=TEXT, rules=_list(RULE))
            ),
            invocations=_list(
                _object(
                    "executionSuccessful",
                    executionSuccessful={"type": "boolean"},
                    toolExecutionNotifications={
                        "type": "array",
                        "items": _object("message", level=LEVEL, message=MESSAGE),
                    },
                )
            ),
            results={
                "type": "array",
                "items": _object(
                    "message",
                    ruleId=TEXT,
                    ruleIndex=INDEX,
                    level=LEVEL,
                    message=MESSAGE,
                    locations={"type": "array", "items": LOCATION},
                    relatedLocations=_list(LOCATION),
                    baselineState={"enum": ["new", "unchanged", "updated", "absent"]},
                    partialFingerprints={"type": "object", "additionalProperties": TEXT},
                ),
            },
        )
    ),
    **{"$schema": TEXT},
)
"""What SARIF 2.1.0 says of the objects that are written here (OASIS, 2020, chapter 3)."""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Splits with leaks, with odd names, and a broken file."""
    folder = tmp_path_factory.mktemp("data")
    write_camera_frames(folder, 1, runs=3, states=6, disturbances=2)
    first = min((folder / "valid").iterdir())
    first.rename(first.with_name("100%, a:b\nü.jpg"))
    (folder / "valid" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0nothing")
    return folder


def test_every_format_tells_the_same(imgsim, data: Path) -> None:
    def run(form: str) -> str:
        done = imgsim("leaks", "train", "valid", "-f", form, "--no-timing", cwd=data)
        assert done.returncode == 1, done.stderr
        return done.stdout

    text = run("json")
    again = ("valid", "train", "--no-timing", "-f", "json", "-j", "1", "--cache", "off")
    assert imgsim("leaks", *again, cwd=data).stdout == text
    document = json.loads(text)
    jsonschema.validate(document, schema("imgsim.leaks/1"))
    leaks = [leak["path"] for leak in document["leaks"]]
    pairs = [(leak["path"], m["path"]) for leak in document["leaks"] for m in leak["matches"]]
    assert "valid/100%, a:b\nü.jpg" in leaks
    rows = list(csv.DictReader(io.StringIO(run("csv"))))
    assert [(row["path"], row["match_path"]) for row in rows] == pairs
    text = run("text")
    assert text.count(" (valid)\n") == len(leaks)
    assert max(map(len, text.splitlines())) <= 80
    found = re.search(r'id="imgsim-data">(.*?)</script>', run("html"), re.DOTALL)
    assert found is not None
    held = json.loads(found[1])
    assert len(held["groups"]) == len(leaks)
    assert len(held["pictures"]) == len({p for pair in pairs for p in pair})
    document = json.loads(run("sarif"))
    jsonschema.validate(document, SARIF)
    run_of_sarif = document["runs"][0]
    places = [
        unquote(result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"])
        for result in run_of_sarif["results"]
    ]
    assert places == leaks
    prints = {r["partialFingerprints"]["imgsim/v1"] for r in run_of_sarif["results"]}
    assert len(prints) == len(leaks)
    for result in run_of_sarif["results"]:
        rule = run_of_sarif["tool"]["driver"]["rules"][result["ruleIndex"]]
        assert rule["id"] == result["ruleId"] == "leak-near"
    lines = run("github").splitlines()
    assert len(lines) == len(leaks)
    assert sum("file=valid/100%25%2C a%3Ab\\nü.jpg,title=data leak::" in one for one in lines) == 1
    assert all(line.startswith("::warning file=valid/") for line in lines)


def test_a_flip_is_told_from_a_crop(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    for split in ("train", "valid"):
        Path(split).mkdir()
    for seed in range(4):
        picture = Image.fromarray(landscape(seed, 320, 240))
        picture.save(f"train/{seed}.png")
        if seed == 0:
            ImageOps.mirror(picture).save("valid/0.jpg")
        elif seed == 1:
            picture.crop((40, 30, 290, 220)).save("valid/1.jpg")
        elif seed == 2:
            picture.save("valid/2.bmp")
    words = ["leaks", "train", "valid", "--executor", "threads"]
    assert main([*words, "-f", "json"]) == 1
    document = json.loads(capsys.readouterr().out)
    jsonschema.validate(document, schema("imgsim.leaks/1"))
    matches = [leak["matches"][0] for leak in document["leaks"]]
    assert [(one["role"], one["changes"], one["why"]) for one in matches] == [
        ("near", ["mirrored"], "mirrored"),
        ("near", ["cropped"], "a part of that file"),
        ("pixels", [], None),
    ]
    assert main(words) == 1
    assert capsys.readouterr().out.count(f"\n{'':28}a part of that file\n") == 1


@pytest.mark.skipif(sys.platform != "linux", reason="names of any bytes")
def test_addresses_in_sarif_lead_to_the_files(data: Path, tmp_path: Path, monkeypatch) -> None:
    train = tmp_path / "train"
    train.mkdir()
    for number, name in enumerate(("colon: a.jpg", "bytes \udcff.jpg", "per%41cent?#.jpg")):
        shutil.copy(sorted((data / "train").iterdir())[number], train / name)
    out = tmp_path / "out.sarif"
    for here in (train, tmp_path):
        monkeypatch.chdir(here)
        splits = [str(data / "train"), os.path.relpath(train)]
        assert main(["leaks", *splits, "-f", "sarif", "-o", str(out)]) == 1
        document = json.loads(out.read_text())
        jsonschema.validate(document, SARIF)
        (run,) = document["runs"]
        assert len(run["results"]) == 3
        for result in run["results"]:
            for location in result["locations"] + result["relatedLocations"]:
                uri = location["physicalLocation"]["artifactLocation"]["uri"]
                assert Path(os.fsdecode(unquote_to_bytes(uri.removeprefix("file://")))).is_file()
                assert ".." not in uri


def test_exit_codes(imgsim, data: Path, tmp_path: Path, capsys) -> None:
    train, valid, empty = data / "train", data / "valid", tmp_path / "empty"
    empty.mkdir()
    drop = tmp_path / "drop.txt"
    leaking = imgsim("leaks", train, valid, "--drop-list", drop)
    assert leaking.returncode == 1
    assert "also stand in train" in leaking.stderr
    assert "cut pictures as leaks, and other shots of a place; --preset" in leaking.stderr
    assert "skipped 1 file" in leaking.stderr
    dropped = drop.read_text().splitlines()
    assert dropped
    assert all(Path(path).parent == train for path in dropped)
    assert main(["leaks", str(train), str(valid), "--exit-zero"]) == 0
    assert main(["leaks", str(train), str(valid), "--exit-zero", "--strict"]) == 2
    clean = imgsim("leaks", train, valid, "--threshold", "0")
    assert (clean.returncode, clean.stdout) == (0, "")
    assert "no leaks" in clean.stderr
    divided = imgsim("leaks", train, valid, "--threshold", "0", "--group-by", "run(01)")
    assert divided.returncode == 1
    assert divided.stdout.startswith("group 01: ")
    none = imgsim("leaks", train, empty)
    assert none.returncode == 2
    assert "no readable image in empty" in none.stderr
    assert "no leaks" not in none.stderr
    for wrong in (
        [train], [train, tmp_path / "nowhere"], [train, train], [data, valid],
        [train, valid, "--split-file", drop], [data, "--split-file", drop],
        [train, valid, "-m", "all"], [train, valid, "--group-by", "["],
    ):  # fmt: skip
        capsys.readouterr()
        assert main(["leaks", *map(str, wrong)]) == 2, wrong
        assert capsys.readouterr().err.count("\n") <= 2
    assert main(["leaks", "nowhere.yaml"]) == 2
    assert "no such path: nowhere.yaml" in capsys.readouterr().err


def test_a_split_file_and_the_demo(imgsim, tmp_path: Path) -> None:
    assert imgsim("demo", "press", "--kind", "process", cwd=tmp_path).returncode == 0
    method = ("-m", "phash:size=16")
    assert imgsim("leaks", "press/train", "press/valid", *method, cwd=tmp_path).returncode == 1
    with (tmp_path / "splits.csv").open("w") as stream:
        stream.write("path,split\ntrain,a\nvalid,b\n")
    done = imgsim(
        "leaks", "press", "--split-file", "splits.csv", *method, "-f", "json", cwd=tmp_path
    )
    assert {leak["split"] for leak in json.loads(done.stdout)["leaks"]} == {"b"}
