"""imgsim decisions, and the commands that heed them."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest
from PIL import Image

from imgsim.cli.main import main
from imgsim.pictures.generate import landscape
from imgsim.schemas import schema

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("IMGSIM_JOBS", "1")

    def call(*arguments: object) -> tuple[int, str, str]:
        code = main([str(one) for one in arguments])
        return code, *capfd.readouterr()

    return call


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture, a copy, and one of half its size."""
    folder = tmp_path_factory.mktemp("made")
    picture = Image.fromarray(landscape(61, 640, 480))
    picture.save(folder / "a.jpg", quality=92)
    (folder / "copy.jpg").write_bytes((folder / "a.jpg").read_bytes())
    picture.resize((320, 240), Image.Resampling.LANCZOS).save(folder / "small.jpg", quality=90)
    return folder


@pytest.fixture
def photos(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same in a folder of one's own; the current one."""
    folder = tmp_path / "photos"
    shutil.copytree(made, folder)
    monkeypatch.chdir(folder)
    return folder


THREADS = "--executor", "threads"
FIND = "find-dupes", ".", *THREADS


def test_decisions_from_the_command_line(run: Run, photos: Path) -> None:
    assert run("decisions", "add", "keep-all", "a.jpg", "copy.jpg", *THREADS)[0] == 0
    code, out, err = run(*FIND, "-f", "json", "--no-timing", "--plan", "plan.json")
    document = json.loads(out)
    jsonschema.validate(document, schema("imgsim.find-dupes/2"))
    assert (code, document["decided_pairs"]) == (0, 1)
    assert "1 pair left out by decisions; --all shows them" in err
    assert "copy.jpg" not in (photos / "plan.json").read_text()
    _, shown, _ = run(*FIND, "--all")
    assert "decided: keep all" in shown
    # what a plan names is left alone when it was decided on since, of equal files the one named
    assert run("decisions", "forget", "copy.jpg", *THREADS)[0] == 0
    assert run(*FIND, "--plan", "plan.json")[0] == 0
    plan = (photos / "plan.json").read_text()
    assert "small.jpg" in plan
    assert "copy.jpg" in plan
    for name in ("small.jpg", "copy.jpg"):
        assert run("decisions", "add", "keep", name, *THREADS)[0] == 0
    code, out, err = run("apply", "plan.json", "--yes", "--yes-folders", *THREADS)
    assert code == 3
    assert "decided: keep" in out + err
    assert sorted(path.name for path in photos.glob("*.jpg")) == ["a.jpg", "copy.jpg", "small.jpg"]


def test_gates_count_only_a_file_that_is_named(run: Run, photos: Path) -> None:
    assert run("decisions", "add", "keep-all", "a.jpg", "copy.jpg", "small.jpg", *THREADS)[0] == 0
    code, _, err = run(*FIND, "--check")
    assert (code, "your own decisions do not count with --check" in err) == (1, True)
    assert run("decisions", "export", "--below", ".", "-o", "decisions.jsonl")[0] == 0
    assert str(photos) not in (photos / "decisions.jsonl").read_text()
    code, _, err = run(*FIND, "--check", "--decisions", "decisions.jsonl")
    assert (code, "3 pairs left out by decisions, 1 whole group of them" in err) == (0, True)
    known = "known", "a.jpg", "--in", "copy.jpg", "small.jpg", *THREADS
    assert run(*known)[0] == 1
    assert run(*known, "--decisions", "decisions.jsonl")[0] == 0
    assert run("cache", "clear")[0] == 0
    assert run(*FIND)[1] == ""
    assert "Group 1" in run(*FIND, "--decisions", "off")[1]


def test_list_forget_import_merge(run: Run, photos: Path) -> None:
    run("decisions", "add", "keep-all", "a.jpg", "copy.jpg", "small.jpg", *THREADS)
    run("decisions", "add", "keep", "a.jpg", *THREADS)
    run("decisions", "export", "-o", "mine.jsonl")
    assert run("decisions", "merge", "mine.jsonl", "mine.jsonl", "-o", "both.jsonl")[0] == 0
    for line in (photos / "both.jsonl").read_text().splitlines():
        jsonschema.validate(json.loads(line), schema("imgsim.decisions/1"))
    assert run("decisions", "forget", "a.jpg", "small.jpg", *THREADS)[0] == 0
    _, out, _ = run("decisions", "list")
    names = [line.split("/")[-1] for line in out.splitlines() if "sha256" in line]
    assert names == ["a.jpg", "copy.jpg", "a.jpg"]  # the pair of equal files is another one
    assert run("decisions", "forget", "a.jpg", "copy.jpg", *THREADS)[0] == 0
    assert "copy.jpg" not in run("decisions", "list")[1]
    (photos / "small.jpg").unlink()
    assert run("decisions", "import", "both.jsonl")[0] == 0
    assert run("decisions", "forget", "small.jpg")[0] == 0  # by its old path
    _, out, _ = run("decisions", "list")
    assert "small.jpg" not in out
    assert "do not count" in run(*FIND, "--check")[2]
    assert run("decisions", "forget", "--all")[0] == 0
    assert run("decisions", "list")[1] == ""
    assert "do not count" not in run(*FIND, "--check")[2]


def test_what_is_no_duplicate_is_no_copy_among_folders(run: Run, photos: Path) -> None:
    (photos / "other").mkdir()
    (photos / "small.jpg").rename(photos / "other" / "small.jpg")
    copies = "1 of 1 file of ./other is a copy of a file in ."
    assert copies in run(*FIND)[2]
    for name in ("a.jpg", "copy.jpg"):
        files = name, "other/small.jpg"
        assert run("decisions", "add", "not-duplicates", *files, *THREADS)[0] == 0
    assert "of ./other" not in run(*FIND, "--all")[2]


def test_decisions_on_other_files_are_not_spoken_of(run: Run, photos: Path) -> None:
    assert run("decisions", "add", "keep-all", "a.jpg", "copy.jpg", *THREADS)[0] == 0
    code, out, err = run("find-dupes", "small.jpg", *THREADS, "-f", "json")
    assert (code, json.loads(out)["decided_pairs"], "decisions" in err) == (0, 0, False)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("decisions", "add", "keep-all", "a.jpg", *THREADS), "keep-all needs two files or more"),
        (
            ("decisions", "add", "not-duplicates", "a.jpg", "copy.jpg", *THREADS),
            "hold the same picture",
        ),
        (("decisions", "add", "keep", "nothing.jpg"), "no such path"),
        (("decisions", "add", "keep", "."), "is a folder"),
        (("decisions", "add", "keep", "notes.txt", *THREADS), "notes.txt"),
        (("decisions", "forget", "a.jpg", *THREADS), "error: nothing was decided of a.jpg"),
        (("decisions", "forget", "gone.jpg"), "no file gone.jpg, nor a decision on one"),
        (("decisions", "forget", "sha256:1"), "too short"),
        (("decisions", "import", "notes.txt"), "is no file of decisions"),
        ((*FIND, "--decisions", "nothing.jsonl"), "no such file"),
        ((*FIND, "--check", "--all"), "--check does not count"),
    ],
)
def test_bad_input_is_one_line(
    run: Run, photos: Path, arguments: tuple[str, ...], said: str
) -> None:
    (photos / "notes.txt").write_text("no picture\n")
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert said in err
    assert len(err.splitlines()) <= 2


def test_a_damaged_file_of_decisions_ends_the_run(run: Run, photos: Path) -> None:
    """A file that it protects might be removed."""
    file = Path(os.environ["IMGSIM_DECISIONS"])
    run("decisions", "add", "keep", "a.jpg", *THREADS)
    file.write_bytes(file.read_bytes()[:-9] + b"\0" * 9 + b"\n")
    code, out, err = run(*FIND)
    assert (code, out) == (2, "")
    assert "is damaged: line 2" in err
    assert run(*FIND, "--decisions", "off")[0] == 0
