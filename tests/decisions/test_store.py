"""The file of decisions: what is read, what is refused, and what is left when writing fails."""

from __future__ import annotations

import errno
import json
import os
import threading
from pathlib import Path

import jsonschema
import pytest

from imgsim.decisions.records import DecidedFile
from imgsim.decisions.store import Decisions, without_files, without_pairs
from imgsim.errors import DecisionsUnusable, UsageError
from imgsim.schemas import schema

A, B, C = (
    DecidedFile(letter * 64, letter.upper().lower() * 63 + "0", f"/photos/{letter}.jpg", 4, 3, "")
    for letter in "abc"
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "data" / "decisions.jsonl"


def test_what_is_added_is_read_again(file: Path) -> None:
    decisions = Decisions(file)
    odd = DecidedFile("d" * 64, None, os.fsdecode(b"/photos/\xff\n.jpg"))
    first = decisions.add("keep-all", [A, odd])
    second = decisions.add("keep", [B])
    assert list(Decisions(file)) == [first, second] == list(decisions)
    assert first.decided_at < second.decided_at
    for line in file.read_text("utf-8").splitlines():
        jsonschema.validate(json.loads(line), schema("imgsim.decisions/1"))


def test_a_line_that_was_not_written_whole_is_left_out_and_overwritten(file: Path) -> None:
    decisions = Decisions(file)
    first = decisions.add("keep", [A])
    with file.open("ab") as stream:
        stream.write(b'{"decision": "keep", "decid')
    again = Decisions(file)
    assert list(again) == [first]
    second = again.add("keep", [B])
    assert list(Decisions(file)) == [first, second]
    file.write_bytes(file.read_bytes().rstrip())  # as some editors do
    third = Decisions(file).add("keep", [C])
    assert list(Decisions(file)) == [first, second, third]


def test_a_full_disk_leaves_what_was_there(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decisions = Decisions(file)
    decisions.add("keep", [A])
    before = file.read_bytes()
    write = os.write

    def full(number: int, data: bytes) -> int:
        if len(data) > 20:
            return write(number, data[:20])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(DecisionsUnusable, match="No space left"):
            decisions.add("keep", [B])
        with pytest.raises(DecisionsUnusable, match="No space left"):
            decisions.replace(lambda one: ())
    assert file.read_bytes() == before
    assert [one.name for one in file.parent.iterdir() if one.name.startswith(".")] == []
    decisions.add("keep", [B])
    assert len(Decisions(file)) == len(decisions) == 2


def test_several_writers_lose_nothing(file: Path) -> None:
    def add() -> None:
        own = Decisions(file)
        for _ in range(10):
            own.forget(own.add("keep", [A]))
            own.add("keep-all", [A, B])

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one.answer for one in Decisions(file)] == ["keep-all"] * 40


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"schema": "imgsim.decisions/2"}\n', "a newer imgsim wrote"),
        ('{"schema": "imgsim.plan/1"}\n', "is no file of decisions"),
        ("holiday\n", "is no file of decisions"),
        ('{"schema": "imgsim.decisions/1"}\nholiday\n', "line 2 is no decision"),
        ('{"schema": "imgsim.decisions/1"}\n\0\0\0\0\n', "line 2 is no decision"),
        (
            '{"schema": "imgsim.decisions/1"}\n{"decision": "keep-all", "decided_at":'
            ' "2026-01-01T00:00:00.000000Z", "files": [{"digest": "sha256:' + "a" * 64 + '"}]}\n',
            "line 2 is no decision",
        ),
        (
            '{"schema": "imgsim.decisions/1"}\n{"decision": "keep", "decided_at":'
            ' "2026-01-01T00:00:00.000000Z", "files": ["a.jpg"]}\n',
            "line 2 is no decision",
        ),
    ],
)
def test_what_is_no_decision_is_refused(file: Path, text: str, said: str) -> None:
    """What a person said is never silently lost: a file that it protects might be removed."""
    file.parent.mkdir()
    file.write_text(text)
    with pytest.raises(DecisionsUnusable, match=said):
        Decisions(file)
    assert file.read_text() == text


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DecisionsUnusable, match="cannot read decisions"):
        Decisions(tmp_path / "file" / "decisions.jsonl")
    with pytest.raises(DecisionsUnusable, match="is not a file"):
        Decisions(tmp_path)


def test_answers_that_make_no_sense() -> None:
    decisions = Decisions()
    with pytest.raises(UsageError, match="needs two files"):
        decisions.add("keep-all", [A])
    other_bytes = DecidedFile("e" * 64, A.pixel_digest, "/photos/rated.jpg")
    with pytest.raises(UsageError, match="hold the same picture"):
        decisions.add("not-duplicates", [A, B, other_bytes])
    with pytest.raises(UsageError, match="named twice"):
        decisions.add("keep-all", [A, B, A])
    assert len(decisions) == 0


def test_taking_back_parts() -> None:
    decision = Decisions().add("keep-all", [A, B, C])
    assert [one.files for one in without_pairs(decision, [{0}, {1}])] == [(A, C), (B, C)]
    assert [one.files for one in without_files(decision, {0})] == [(B, C)]
    assert without_files(decision, {0, 1}) == ()
    assert [one.files for one in without_pairs(decision, [{0, 1}, {2}])] == [(A, B)]
    assert without_pairs(decision, [{0, 1}, set()]) == (decision,)
    kept = Decisions().add("keep", [A, B])
    assert without_pairs(kept, [{0}, {1}]) == ()
    assert [one.files for one in without_files(kept, {1})] == [(A,)]
