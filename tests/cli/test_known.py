"""known as users and services run it."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import select
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import jsonschema
import pytest
from PIL import Image

import imgsim as library
from imgsim import RunOptions
from imgsim.cli.known import _Tally
from imgsim.cli.terminal import Terminal
from imgsim.errors import UsageError
from imgsim.pictures.generate import landscape
from imgsim.report.known import answer_document, answer_text
from imgsim.schemas import schema
from imgsim.tasks.known_results import KnownAnswer
from imgsim.types import Match


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """New files, and an archive that holds some of their pictures."""
    new, archive = tmp_path_factory.mktemp("new"), tmp_path_factory.mktemp("archive")
    for seed in range(61, 66):
        Image.fromarray(landscape(seed, 640, 480)).save(archive / f"{seed}.jpg", quality=92)
    with Image.open(archive / "61.jpg") as picture:
        picture.crop((64, 48, 600, 460)).save(new / "part.jpg", quality=88)
        picture.resize((320, 240)).save(new / "small.png")
    with Image.open(archive / "62.jpg") as picture:
        picture.rotate(90, expand=True).save(new / "turned.png")
    Image.fromarray(landscape(62, 1600, 1200)).save(new / "larger.jpg", quality=95)
    shutil.copy(archive / "63.jpg", new / "same.jpg")
    Image.fromarray(landscape(99, 640, 480)).save(new / "other.jpg")
    Image.new("RGB", (300, 200), "white").save(new / "blank.png")
    (new / "no picture.jpg").write_bytes(b"no picture")
    cut = (archive / "64.jpg").read_bytes()
    (new / "cut.jpg").write_bytes(cut[: int(len(cut) * 0.8)])
    return new, archive


def _by_name(answers: list[dict]) -> dict[str, dict]:
    return {Path(answer["path"]).name: answer for answer in answers}


def test_each_file_gets_an_answer(imgsim, folders: tuple[Path, Path]) -> None:
    new, archive = folders
    done = imgsim("known", new, "--in", archive, "-f", "json", "--no-timing")
    assert done.returncode == 1, done.stderr
    document = json.loads(done.stdout)
    jsonschema.validate(document, schema("imgsim.known/1"))
    assert (document["images"], document["method"], document["preset"]) == (5, "auto", "normal")
    answers = _by_name(document["answers"])
    told = {
        name: (answer["known"], [(Path(m["path"]).name, m["role"]) for m in answer["matches"]])
        for name, answer in answers.items()
    }
    assert told["part.jpg"] == (True, [("61.jpg", "cropped")])
    assert told["small.png"] == (True, [("61.jpg", "smaller")])
    assert told["turned.png"] == (True, [("62.jpg", "turned")])
    assert told["larger.jpg"] == (True, [("62.jpg", "fuller")])
    assert told["same.jpg"] == (True, [("63.jpg", "exact")])
    assert told["cut.jpg"] == (True, [("64.jpg", "damaged")])
    assert told["other.jpg"] == (False, [])
    assert told["no picture.jpg"] == (None, [])
    assert answers["cut.jpg"]["damage"]
    assert answers["no picture.jpg"]["reason"]
    assert (answers["blank.png"]["known"], answers["blank.png"]["judged"]) == (False, False)
    assert answers["other.jpg"]["judged"]
    again = imgsim("known", new, "--in", archive, "-f", "json", "--no-timing")
    assert again.stdout == done.stdout


def test_text_lines_and_tables(imgsim, folders: tuple[Path, Path]) -> None:
    new, archive = folders
    done = imgsim("known", "new", "--in", "archive", "--exit-zero", cwd=_side_by_side(folders))
    assert done.returncode == 0
    assert (
        "known      new/same.jpg\n     100%  archive/63.jpg\n           exact copy\n" in done.stdout
    )
    assert "not known  new/other.jpg" in done.stdout
    assert re.search(r"  damaged copy: \d+ % of its rows decode", done.stdout)
    assert "not read   new/no picture.jpg" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "7 of 9 files known" not in done.stdout
    assert "6 of 9 files known, 1 not read" in done.stderr
    lines = imgsim("known", new, "--in", archive, "-f", "jsonl").stdout.splitlines()
    assert len(lines) == 9
    jsonschema.validate(
        [json.loads(line) for line in lines],
        schema("imgsim.known/1")["properties"]["answers"],
    )
    rows = list(
        csv.DictReader(io.StringIO(imgsim("known", new, "--in", archive, "-f", "csv").stdout))
    )
    assert {Path(r["path"]).name: r["role"] for r in rows}["part.jpg"] == "cropped"
    assert {Path(r["path"]).name: r["known"] for r in rows}["other.jpg"] == "False"  # as in all CSV
    assert {Path(r["path"]).name: r["known"] for r in rows}["no picture.jpg"] == ""


def _side_by_side(folders: tuple[Path, Path]) -> Path:
    place = folders[0].parent / "side by side"
    if not place.exists():
        place.mkdir()
        for name, folder in zip(("new", "archive"), folders, strict=True):
            shutil.copytree(folder, place / name)
    return place


def test_it_says_what_find_dupes_says(folders: tuple[Path, Path], threads: RunOptions) -> None:
    new, archive = folders
    discover = library.DiscoverOptions(reference=(str(archive),))
    options = RunOptions(executor="threads", discover=discover)
    groups = library.find_duplicates(new, isolate=True, options=options).groups
    expected = {
        member.picture.file.path: (group.kept.file.path, member.kind, member.role)
        for group in groups
        for member in group.members[1:]
    }
    known = library.known(new, archive, options=threads)
    told = {
        answer.path: (m.path, m.member.kind, m.member.role)
        for answer in known.answers
        for m in answer.matches
        if m.member
    }
    assert told == expected
    assert len(told) == 6


def test_an_answer_depends_on_no_other_file(
    folders: tuple[Path, Path], threads: RunOptions
) -> None:
    new, archive = folders
    every = library.known(new, archive, options=threads).answers
    with library.KnownArchive(archive, options=threads) as opened:
        for answer in reversed(every):
            alone = opened.ask(answer.path)
            assert (alone.known, alone.judged, alone.reason) == (
                answer.known, answer.judged, answer.reason,
            )  # fmt: skip
            assert [(m.path, m.distance, m.member and m.member.role) for m in alone.matches] == [
                (m.path, m.distance, m.member and m.member.role) for m in answer.matches
            ]


def test_a_file_is_not_known_by_itself(
    folders: tuple[Path, Path], tmp_path: Path, threads: RunOptions
) -> None:
    _, archive = folders
    own = archive / "61.jpg"
    link = tmp_path / "link.jpg"
    link.symlink_to(own)
    with library.KnownArchive(archive, options=threads) as opened:
        for path in (own, link):
            answer = opened.ask(path)
            assert (answer.known, answer.in_archive) == (False, True)
        assert opened.ask(archive / "absent.jpg").reason == "no such path"
        assert opened.ask(archive).reason == "it is a folder"
        assert opened.ask("").reason == "no path"
        assert opened.ask("a\0b").reason


def test_pictures_in_memory_are_asked_about(
    folders: tuple[Path, Path], threads: RunOptions, tmp_path: Path
) -> None:
    new, archive = folders
    data, array = (new / "small.png").read_bytes(), landscape(99, 640, 480)
    done = library.known([array, data, new / "turned.png"], [archive, data], options=threads)
    told = {answer.path: len(answer.matches) for answer in done.answers}
    assert told == {"<new 0>": 0, "<new 1>": 2, str(new / "turned.png"): 1}
    with zipfile.ZipFile(tmp_path / "new.zip", "w") as packed:
        packed.writestr("d/small.png", data)
    (answer,) = library.known(f"{tmp_path}/new.zip!/d", archive, options=threads).answers
    assert answer.known
    with library.KnownArchive({"a": data, "b": archive}, options=threads) as opened:
        with Image.open(new / "small.png") as picture:
            assert len(opened.ask(picture).matches) == 2
        assert opened.ask(b"no picture").reason
        with pytest.raises(UsageError, match="two pictures are called a"):
            list(opened.ask_all({"a": data}))


def _answer(service: subprocess.Popen[bytes], line: bytes) -> dict:
    assert service.stdin is not None
    assert service.stdout is not None
    service.stdin.write(line)
    service.stdin.flush()
    ready, _, _ = select.select([service.stdout], [], [], 120)
    assert ready, "no answer"
    return json.loads(service.stdout.readline())


@pytest.mark.skipif(os.name == "nt", reason="select takes no pipes on Windows")
def test_a_service_answers_each_line_before_the_next_comes(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    new, archive = folders
    late = tmp_path / "late.jpg"
    with subprocess.Popen(
        [sys.executable, "-m", "imgsim", "known", "--stdin", "--in", str(archive), "-q"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as service:
        first = _answer(service, os.fsencode(new / "part.jpg") + b"\n")
        assert (first["known"], first["matches"][0]["role"]) == (True, "cropped")
        assert _answer(service, os.fsencode(new / "other.jpg") + b"\r\n")["known"] is False
        absent = _answer(service, os.fsencode(late) + b"\n")
        assert (absent["known"], absent["reason"]) == (None, "no such path")
        shutil.copy(new / "same.jpg", late)
        assert _answer(service, os.fsencode(late) + b"\n")["matches"][0]["role"] == "exact"
        for line, reason in (
            (b"\n", "no path"),
            (os.fsencode(new) + b"\n", "folder"),
            (os.fsencode(new / "no picture.jpg") + b"\n", "no image format"),
            (b"\xff\xfe.jpg\n", "no such path"),
        ):
            assert reason in _answer(service, line)["reason"]
        assert service.stdin is not None
        service.stdin.close()
        assert service.wait(60) == 1


def test_standard_input_in_one_go(imgsim, folders: tuple[Path, Path]) -> None:
    new, archive = folders
    other = os.fsencode(new / "other.jpg")
    asked = ("known", "--stdin", "--in", archive)
    done = imgsim(*asked, stdin=other)  # without a line feed at its end
    assert (done.returncode, json.loads(done.stdout)["known"]) == (0, False)
    done = imgsim(*asked, "-0", stdin=b"\0".join([other, os.fsencode(new / "same.jpg")]))
    assert done.returncode == 1
    assert len(done.stdout.splitlines()) == 2
    assert imgsim(*asked, "-f", "text", stdin=other).stdout.startswith("not known  ")
    assert imgsim(*asked, stdin=b"").returncode == 0
    assert imgsim(*asked, "-f", "json", stdin=other).returncode == 2
    assert imgsim(*asked, new, stdin=other).returncode == 2


def test_files_of_a_list_are_asked_about(imgsim, folders: tuple[Path, Path]) -> None:
    new, archive = folders
    names = [os.fsencode(new / name) for name in ("same.jpg", "other.jpg", "gone.jpg")]
    done = imgsim(
        "known", "--files-from", "-", "--in", archive, "-f", "jsonl", stdin=b"\n".join(names)
    )
    told = {Path(a["path"]).name: a["known"] for a in map(json.loads, done.stdout.splitlines())}
    assert (done.returncode, told) == (1, {"gone.jpg": None, "other.jpg": False, "same.jpg": True})
    assert "archive: 5 images" in done.stderr


def test_what_cannot_be_answered_is_an_error_of_two_lines(
    imgsim, folders: tuple[Path, Path], tmp_path: Path
) -> None:
    new, archive = folders
    (tmp_path / "empty").mkdir()
    for arguments, message in (
        ((tmp_path / "absent", "--in", archive), "no such path"),
        ((new, "--in", tmp_path / "absent"), "no such path"),
        ((new, "--in", tmp_path / "empty"), "no readable image in the archive"),
        ((tmp_path / "empty", "--in", archive), "no readable image to ask about"),
        ((new / "no picture.jpg", "--in", archive), "no readable image to ask about"),
        ((new / "blank.png", "--in", archive), "too small or too plain"),
        ((new, "--in", archive, "-m", "phash"), "phash verifies nothing"),
        (("--in", archive), "Missing argument 'NEW...'"),
    ):
        done = imgsim("known", *arguments, "-q")
        assert done.returncode == 2, arguments
        assert message in done.stderr
        assert len(done.stderr.splitlines()) <= 2
    with pytest.raises(UsageError, match="k=0"):
        library.KnownArchive(archive, k=0)


@pytest.mark.parametrize("how", ["gone", "changed"])
def test_what_could_not_be_compared_is_not_called_unknown(
    how: str, folders: tuple[Path, Path], tmp_path: Path, threads: RunOptions
) -> None:
    new, archive = folders
    own = tmp_path / "archive"
    shutil.copytree(archive, own)
    with library.KnownArchive(own, options=threads) as opened:
        assert opened.ask(new / "small.png").known
        if how == "gone":
            (own / "61.jpg").unlink()
            (own / "62.jpg").unlink()
        else:
            shutil.copy(new / "other.jpg", own / "61.jpg")
            shutil.copy(new / "other.jpg", own / "62.jpg")
        answer = opened.ask(new / "larger.jpg")
        assert (answer.known, answer.matches) == (False, ())
        assert answer.not_compared == str(own / "62.jpg")
        assert "62.jpg: one of the two is gone, or was changed meanwhile" in answer.reason
        document = answer_document(answer, opened.facts.comparator.scale)
        assert document["known"] is None
        assert answer_text(answer, opened.facts.comparator.scale).startswith("unverified ")
        assert opened.ask(new / "same.jpg").known  # what others hold is told as before
        other = opened.ask(new / "other.jpg")
        assert (other.known, other.reason) == (False, "")


def test_a_run_that_could_not_compare_a_file_fails() -> None:
    tally = _Tally({})
    tally.add(KnownAnswer("a", judged=True))
    tally.add(KnownAnswer("b", judged=True, not_compared="c", reason="cannot be compared with c"))
    assert tally.exit_code(Terminal(), exit_zero=True, empty_is_error=True) == 2
    tally.add(KnownAnswer("d", (Match("e", 0.0),), judged=True))
    assert tally.exit_code(Terminal(), exit_zero=False, empty_is_error=True) == 1
