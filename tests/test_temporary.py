"""Temporary folders of processes that were killed, and those that are in use."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from PIL import Image

from imgsim.cli.main import main
from imgsim.pictures.generate import landscape
from imgsim.temporary import TemporaryFolder, remove_leftovers

HOLD = """
from imgsim.temporary import TemporaryFolder
folder = TemporaryFolder("test")
print(folder.path, flush=True)
input()
"""


@pytest.fixture(autouse=True)
def tmp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def test_what_a_killed_process_left_goes_and_what_is_in_use_stays(tmp: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        folder = Path(process.stdout.readline().strip())
        (folder / "0").write_bytes(b"pixels")
        with TemporaryFolder("own") as own:
            remove_leftovers()
            assert folder.is_dir()
            process.kill()
            process.wait()
            remove_leftovers()
            assert not folder.exists()
            assert os.path.isdir(own)
    assert list(tmp.iterdir()) == []


def test_only_folders_that_imgsim_made_are_removed(tmp: Path, tmp_path_factory) -> None:
    elsewhere = tmp_path_factory.mktemp("photos")
    (elsewhere / ".imgsim-lock").touch()
    (elsewhere / "precious.jpg").touch()
    (tmp / "imgsim-link").symlink_to(elsewhere, target_is_directory=True)
    (tmp / "imgsim-pictures").mkdir()  # somebody's own
    (tmp / "imgsim-pictures" / "precious.jpg").touch()
    os.utime(tmp / "imgsim-pictures", (0, 0))
    (tmp / "imgsim-file").touch()
    (tmp / "imgsim-new").mkdir()  # its lock will be made in a moment
    (tmp / "imgsim-old").mkdir()
    os.utime(tmp / "imgsim-old", (0, 0))
    remove_leftovers()
    assert (elsewhere / "precious.jpg").exists()
    assert {p.name for p in tmp.rglob("*")} == {
        "imgsim-link", "imgsim-pictures", "precious.jpg", "imgsim-file", "imgsim-new",
    }  # fmt: skip


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only root may give files away")
def test_the_folders_of_other_users_stay(tmp: Path) -> None:
    other = tmp / "imgsim-other"
    other.mkdir()
    (other / ".imgsim-lock").touch()
    os.chown(other, 54321, 54321)
    remove_leftovers()
    assert other.exists()


def test_temporary_files_are_put_where_one_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("pictures", "here"):
        (tmp_path / name).mkdir()
    for seed in range(2):
        Image.fromarray(landscape(seed, 320, 240)).save(tmp_path / "pictures" / f"{seed}.png")
    monkeypatch.setenv("TMPDIR", str(tmp_path / "nowhere"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    made = []
    make = tempfile.mkdtemp

    def mkdtemp(*arguments: str, **others: str) -> str:
        made.append(Path(make(*arguments, **others)))
        return str(made[-1])

    monkeypatch.setattr(tempfile, "mkdtemp", mkdtemp)
    command = ["find-dupes", str(tmp_path / "pictures"), "--tmp"]
    assert main([*command, str(tmp_path / "here")]) == 0
    assert {path.parent for path in made} == {tmp_path / "here"}
    assert list((tmp_path / "here").iterdir()) == []
    assert (os.environ["TMPDIR"], tempfile.tempdir) == (str(tmp_path / "nowhere"), None)
    assert main([*command, str(tmp_path / "nowhere")]) == 2
