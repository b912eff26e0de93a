"""Pairs that could not be compared, since their worker was killed, are told and pass no gate."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image

import imgsim
from imgsim.cli.main import main
from imgsim.decode.strict_jpeg import jpeg_damage
from imgsim.executors import processes
from imgsim.measure.measuring import DifferencesBatch
from imgsim.pictures.generate import landscape
from imgsim.read.majority import ComparisonBatch
from imgsim.read.options import RunOptions

KILLED = """
import sys, json; sys.path[:] = json.loads(sys.argv[1])
import os, signal
from imgsim.verify.batch import VerifyBatch
VerifyBatch.run = lambda self, heartbeat: os.kill(os.getpid(), signal.SIGKILL)
from imgsim.executors.worker import main; main(int(sys.argv[2]), sys.argv[3])
"""
"""A worker that is killed when it compares two files."""

BROKEN = KILLED.replace("os.kill(os.getpid(), signal.SIGKILL)", "run(self, heartbeat)").replace(
    "VerifyBatch.run =",
    "import imgsim.verify.batch as batch\n"
    "batch.judge = lambda *all: 1 / 0\nrun = VerifyBatch.run\nVerifyBatch.run =",
)
"""A worker in which the comparison of two files has a bug."""

NOT_CHECKED = KILLED.replace("imgsim.verify.batch", "imgsim.read.hidden_damage").replace(
    "VerifyBatch", "DamageBatch"
)
NO_METADATA = KILLED.replace("imgsim.verify.batch", "imgsim.read.metadata").replace(
    "VerifyBatch", "MetadataBatch"
)
NO_SAMPLES = KILLED.replace("imgsim.verify.batch", "imgsim.read.equal_samples").replace(
    "VerifyBatch", "SampleBatch"
)


@pytest.fixture
def one_pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """Two folders, a picture and its smaller copy."""
    picture = Image.fromarray(landscape(1))
    for name, scale in (("one", 1), ("two", 2)):
        (tmp_path / name).mkdir()
        picture.resize((640 // scale, 480 // scale)).save(tmp_path / name / f"{name}.jpg")
    monkeypatch.setattr(processes, "_PROGRAM", KILLED)
    return str(tmp_path / "one"), str(tmp_path / "two")


@pytest.mark.parametrize(
    "command", [["find-dupes", "--check"], ["find-dupes", "--strict"], ["leaks"], ["known", "--in"]]
)
def test_a_gate_does_not_pass_where_a_pair_could_not_be_compared(
    command: list[str], one_pair: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, *one_pair, "--jobs", "1", "--cache", "off", "-f", "json"]) == 2
    captured = capsys.readouterr()
    document = json.loads(captured.out)
    if command[0] == "known":
        assert document["answers"][0]["known"] is None
    else:
        (lost,) = document["not_compared"]
        assert [Path(one["path"]).name for one in lost["files"]] == ["one.jpg", "two.jpg"]
        assert "1 pair of files could not be compared" in captured.err
    assert "the worker that compared them was killed (SIGKILL)" in captured.out


def test_a_bug_in_the_comparison_of_a_pair_costs_no_other_and_passes_no_gate(
    one_pair: tuple[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(processes, "_PROGRAM", BROKEN)
    shutil.copy(Path(one_pair[0], "one.jpg"), Path(one_pair[0], "same.jpg"))
    command = ["find-dupes", *one_pair, "--jobs", "1", "--cache", "off", "-f", "json"]
    assert main(command) == 0
    document = json.loads(capsys.readouterr().out)
    assert len(document["groups"]) == 1
    (lost,) = document["not_compared"]
    assert lost["reason"].startswith("internal error, to be reported: ZeroDivisionError")
    assert main([*command[:3], "--jobs", "1", "--cache", "off", "--strict"]) == 2


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_a_hook_does_not_pass_where_a_pair_could_not_be_compared(
    one_pair: tuple[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(Path(one_pair[0]).parent)
    for arguments in (["init", "-q"], ["add", "."]):
        subprocess.run(["git", *arguments], check=True)
    assert main(["staged", "--jobs", "1", "--cache", "off"]) == 2
    assert "1 pair of files could not be compared" in capsys.readouterr().err


def test_rankings_tell_which_pairs_could_not_be_compared(one_pair: tuple[str, str]) -> None:
    (method,) = imgsim.matches(list(one_pair), "auto", options=RunOptions(jobs=1)).methods
    assert [Path(one.left).name for one in method.not_compared] == ["one.jpg"]


@pytest.mark.parametrize(
    ("program", "gate"),
    [
        (NOT_CHECKED, ["--strict"]),
        (NO_METADATA, ["--strict"]),
        (NO_SAMPLES, ["--check", "--check-kind", "pixels"]),
    ],
)
def test_files_that_could_not_be_checked_are_named_and_nothing_is_removable(
    program: str,
    gate: list[str],
    one_pair: tuple[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(processes, "_PROGRAM", program)
    if program is NO_SAMPLES:  # they may be equal
        with Image.open(Path(one_pair[0], "one.jpg")) as picture:
            picture.save(Path(one_pair[1], "two.jpg"), "PNG")
    arguments = ["find-dupes", *one_pair, *gate, "--cache", "off", "--jobs", "1", "-f", "json"]
    assert main(arguments) == 2
    captured = capsys.readouterr()
    document = json.loads(captured.out)
    assert [Path(one["path"]).name for one in document["not_checked"]] == ["one.jpg", "two.jpg"]
    assert "could not be read once more" in captured.err
    (group,) = document["groups"]
    (member,) = (m for m in group["members"] if m["kind"] != "kept")
    assert member["role"] == "near"
    assert "could not be read once more" in member["why"]


def test_what_could_not_be_measured_is_not_removable(
    one_pair: tuple[str, str], threads: RunOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        DifferencesBatch, "run", lambda self, heartbeat: [self.failure("killed")] * len(self)
    )
    (group,) = imgsim.find_duplicates(one_pair, options=threads).groups
    (other,) = (m for m in group.members if m.kind != "kept")
    assert (other.role, other.why) == ("near", "not sure: not measured")


def test_little_memory_is_no_damage_of_a_jpeg(monkeypatch: pytest.MonkeyPatch) -> None:
    def decode_jpeg(*args: object, **settings: object) -> None:
        raise ValueError("Insufficient memory (case 4)")

    monkeypatch.setattr("simplejpeg.decode_jpeg", decode_jpeg)
    with pytest.raises(MemoryError):
        jpeg_damage(b"\xff\xd8\xff\xd9")


@pytest.mark.parametrize(
    "command", [["known", "--strict", "--in"], ["search", "-m", "auto", "--in"]]
)
def test_answers_name_files_that_could_not_be_checked(
    command: list[str],
    one_pair: tuple[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(processes, "_PROGRAM", NOT_CHECKED)
    asked = [str(Path(one_pair[0], "one.jpg")), *command[1:], one_pair[1]]
    code = main([command[0], *asked, "-f", "json", "--cache", "off", "--jobs", "1"])
    assert code == (2 if command[0] == "known" else 0)
    captured = capsys.readouterr()
    document = json.loads(captured.out)
    answer = document["methods"][0] if command[0] == "search" else document["answers"][0]
    named = {Path(one["path"]).name: one["reason"] for one in answer["not_checked"]}
    assert sorted(named) == ["one.jpg", "two.jpg"]
    assert "SIGKILL" in named["two.jpg"]
    assert ("(--strict)" if command[0] == "known" else "read once more") in captured.err


def test_a_kept_file_that_could_not_be_compared_with_most_of_its_group_is_named(
    photo, tmp_path: Path, threads: RunOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        ComparisonBatch, "run", lambda self, heartbeat: [self.failure("killed")] * len(self)
    )
    picture = photo(6).resize((320, 240))
    picture.save(tmp_path / "b.png")
    picture.save(tmp_path / "c.bmp")
    picture.putpixel((100, 100), (255, 0, 0))
    picture.save(tmp_path / "a.png")
    found = imgsim.find_duplicates(tmp_path, keep="first", options=threads)
    (lost,) = found.not_checked
    assert (Path(lost.path).name, "could not be compared" in lost.reason) == ("a.png", True)
    (group,) = found.groups
    assert Path(group.kept.file.path).name != "a.png"
    (other,) = (m for m in group.members if m.picture.file.path == lost.path)
    assert not other.removable
