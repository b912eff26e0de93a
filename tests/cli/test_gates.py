"""Images that only their pixels can tell, under the gates of find-dupes and leaks."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from PIL import Image

from imgsim.cli.main import main
from imgsim.pictures.generate import landscape
from imgsim.schemas import schema


def write(path: Path, *, plain: bool, seed: int) -> None:
    """A landscape of 64 x 48 pixels, or one that is cut to 12 x 12."""
    pixels = landscape(seed, 64, 48)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.ascontiguousarray(pixels[20:32, :12] if plain else pixels)).save(path)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("IMGSIM_CACHE", "off")
    monkeypatch.chdir(tmp_path)
    for number in (1, 2):
        write(tmp_path / f"both/plain{number}.png", plain=True, seed=number)
        write(tmp_path / f"plain/{number}.png", plain=True, seed=number)
        write(tmp_path / f"both/{number}.png", plain=False, seed=number)
        write(tmp_path / f"other/{number}.png", plain=False, seed=10 + number)
    return tmp_path


def find_dupes(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(["find-dupes", *arguments, "--executor", "threads", "--jobs", "1"])
    return (code, *capsys.readouterr())


def leaks(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(["leaks", *arguments, "--executor", "threads", "--jobs", "1"])
    return (code, *capsys.readouterr())


@pytest.mark.parametrize("method", ["auto", "phash"])
def test_images_that_cannot_be_judged_are_counted(
    method: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = find_dupes(capsys, "both", "-m", method, "-f", "json", "--check")
    document = json.loads(out)
    jsonschema.validate(document, schema("imgsim.find-dupes/2"))
    assert (code, document["images"], document["not_judged"]) == (0, 4, 2)
    assert "2 images are too small or too plain to be compared by more than their pixels" in err
    code, out, err = find_dupes(capsys, "other", "-m", method, "-f", "json", "--check", "--strict")
    assert (code, json.loads(out)["not_judged"]) == (0, 0)
    assert "too plain" not in err
    assert "too plain" not in find_dupes(capsys, "both", "-m", method, "-q")[2]
    assert str(Path("both/plain1.png")) in find_dupes(capsys, "both", "-m", method, "-v")[2]


def test_strict_does_not_let_them_pass(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = find_dupes(capsys, "both", "--strict", "-q")
    assert code == 2
    assert "error: 2 images could be compared by pixels alone (--strict)" in err
    (folder / "both" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    code, _, err = find_dupes(capsys, "both", "--strict")
    assert code == 2
    assert "error: 1 file was skipped, 2 images could be compared by pixels alone" in err
    assert leaks(capsys, "plain", "other", "--strict", "--exit-zero")[0] == 2
    (folder / "both" / "broken.png").unlink()
    pixels = "--strict", "--check", "--check-kind", "pixels"
    assert find_dupes(capsys, "both", *pixels)[0] == 0  # by pixels all can be judged


def test_a_gate_that_could_judge_nothing_fails(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = find_dupes(capsys, "plain", "--check", "-q")
    assert code == 2
    assert "error: every image is too small or too plain to be judged" in err
    assert "hint: " in err
    assert find_dupes(capsys, "plain")[0] == 0  # no gate
    assert find_dupes(capsys, "plain", "--check", "--check-kind", "exact")[0] == 0
    write(folder / "plain/again.bmp", plain=True, seed=1)
    assert find_dupes(capsys, "plain", "--check")[0] == 1  # it found something


def test_leaks_that_could_judge_nothing_of_a_split_fails(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = leaks(capsys, "plain", "other", "-f", "json", "--exit-zero")
    document = json.loads(out)
    jsonschema.validate(document, schema("imgsim.leaks/1"))
    assert (code, document["not_judged"]) == (2, 2)
    assert {s["name"]: s["not_judged"] for s in document["splits"]} == {"plain": 2, "other": 0}
    assert "error: every image in plain is too small or too plain" in err
    code, _, err = leaks(capsys, "both", "other")
    assert code == 0  # some could be judged
    assert "2 images are too small or too plain" in err
    assert leaks(capsys, "plain", "both")[0] == 1  # equal pixels


def test_a_gate_over_damaged_files_alone_fails(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two damaged files are never duplicates of each other."""
    for number in (1, 2):
        picture = Image.fromarray(landscape(20, 320, 240))  # the same in both
        path = folder / f"damaged{number}/a.jpg"
        path.parent.mkdir()
        picture.save(path, quality=90)
        path.write_bytes(path.read_bytes()[: path.stat().st_size * 4 // 5])
        shutil.copy(path, path.with_name("b.jpg"))
    for kind in ("exact", "pixels", "near"):
        code, _, err = find_dupes(capsys, "damaged1", "--check", "--check-kind", kind)
        assert code == 2
        assert "error: every image is damaged, or too small" in err
    assert find_dupes(capsys, "damaged1")[0] == 0  # no gate
    code, _, err = leaks(capsys, "damaged1", "damaged2")
    assert code == 2
    assert "error: every image is damaged, or too small" in err
    assert leaks(capsys, "damaged1", "other")[0] == 0
    write(folder / "damaged1/whole.png", plain=False, seed=3)
    assert find_dupes(capsys, "damaged1", "--check")[0] == 0
    picture.save(folder / "damaged1/z.png")
    assert find_dupes(capsys, "damaged1", "--check")[0] == 1
