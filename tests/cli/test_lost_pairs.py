"""Pairs that could not be compared, since their worker was killed, are told and pass no gate."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

import imgsim
from imgsim.cli.main import main
from imgsim.executors import processes
from imgsim.pictures.generate import landscape
from imgsim.read.options import RunOptions

KILLED = """
import sys, json; sys.path[:] = json.loads(sys.argv[1])
import os, signal
from imgsim.verify.batch import VerifyBatch
VerifyBatch.run = lambda self, heartbeat: os.kill(os.getpid(), signal.SIGKILL)
from imgsim.executors.worker import main; main(int(sys.argv[2]), sys.argv[3])
"""
"""A worker that is killed when it compares two files."""


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


def test_rankings_tell_which_pairs_could_not_be_compared(one_pair: tuple[str, str]) -> None:
    (method,) = imgsim.matches(list(one_pair), "auto", options=RunOptions(jobs=1)).methods
    assert [Path(one.left).name for one in method.not_compared] == ["one.jpg"]
