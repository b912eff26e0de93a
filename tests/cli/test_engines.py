"""``--executor daft`` and ``ray`` as far as they can be refused, which needs no engine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from imgsim import RunOptions, UsageError
from imgsim.cli.main import main
from imgsim.executors import daft_engine


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daft_engine, "find_spec", lambda name: name)


def refusal(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    """What is said of a find-dupes that is refused."""
    assert main(["find-dupes", ".", *words]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    return told.err.splitlines()


@pytest.mark.parametrize("executor", ["daft", "ray"])
def test_an_engine_that_is_not_installed_is_named_with_its_extra(
    executor, monkeypatch, capsys
) -> None:
    monkeypatch.setattr(daft_engine, "find_spec", lambda name: None)
    assert refusal(capsys, "--executor", executor) == [
        f"imgsim: error: executor {executor} needs the package daft",
        "  hint: pip install 'imgsim[cluster]'",
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--executor daft --ray-address h:1", "an address of Ray goes with executor ray"),
        ("--ray-address h:1", "an address of Ray goes with executor ray"),
        ("--executor ray --ray-address=", "'' is no address of a Ray cluster"),
        ("--executor ray --ray-address auto", "'auto' is no address of a Ray cluster"),
        ("--executor ray --ray-address http://h:1", "'http://h:1' is no address of a Ray cluster"),
    ],
)
def test_an_address_is_one_of_a_ray_cluster(words, said, installed, capsys) -> None:
    first, hint = refusal(capsys, *words.split())
    assert said in first
    assert hint.startswith("  hint: ")


@pytest.mark.parametrize("named", [False, True])
def test_no_settings_file_names_a_cluster(named, tmp_path: Path, monkeypatch, capsys) -> None:
    """Neither one that imgsim finds nor one that is named."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "imgsim.toml").write_text('[find-dupes]\nray-address = "h:1"\n')
    words = ["--config", "imgsim.toml"] if named else []
    assert main([*words, "find-dupes", "."]) == 2
    assert "sets ray-address, which only the command line may" in capsys.readouterr().err


def test_what_an_engine_writes_gets_to_standard_error() -> None:
    """Ray tells of workers that died on standard output, from a thread."""
    program = """
import os, sys, threading
from imgsim.cli.terminal import Terminal
terminal = Terminal()
terminal.keep_output()
print("own")
engine = threading.Thread(target=print, args=["thread"])
engine.start()
engine.join()
os.write(1, b"library ")
sys.stdout.reconfigure(encoding="utf-8", newline="")
print("more")
terminal.restore()
print("after")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["own", "more", "after"]
    assert sorted(done.stderr.split()) == ["library", "thread"]


def test_python_names_the_same(installed) -> None:
    with pytest.raises(UsageError, match="goes with executor ray"):
        daft_engine.start("daft", "h:1")
    with pytest.raises(UsageError, match="goes with executor ray"):
        RunOptions(executor="daft", ray_address="h:1").open_executor(1)
