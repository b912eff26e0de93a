"""Which of several reviews and tabs decides."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgsim.review import writers
from imgsim.review.writers import Owner, Writers, owner_path


def test_one_review_of_several_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writers, "_LOOK_SECONDS", -1.0)
    path = owner_path(tmp_path / "decisions.jsonl", "folders", ["b", "./a"])
    assert path == owner_path(tmp_path / "decisions.jsonl", "folders", ["a", "b"])
    assert path != owner_path(tmp_path / "decisions.jsonl", "folders", ["a"])
    first, second = Owner(path), Owner(path)
    assert [first.is_mine(), second.is_mine()] == [True, False]
    second.take_over()
    assert [first.is_mine(), second.is_mine()] == [False, True]
    second.release()
    assert first.is_mine()  # the other one has ended
    third = Owner(path)
    assert not third.is_mine()
    first.release()
    assert third.is_mine()
    third.release()
    assert list(tmp_path.iterdir()) == []
    first, second = Owner(path), Owner(path)
    second.take_over()
    second.release()
    first.release()  # before it saw that the other one has ended
    assert list(tmp_path.iterdir()) == []
    assert Owner(None).is_mine()


def test_a_tab_that_is_gone_decides_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("imgsim.review.writers.time.monotonic", lambda: now[0])
    tabs = Writers()
    tabs.hear("")
    tabs.hear("one")
    tabs.hear("two")
    assert [tabs.may_write(tab) for tab in ("", "one", "two")] == [False, True, False]
    now[0] += 5
    tabs.hear("two")
    assert tabs.may_write("one")
    now[0] += 8
    tabs.hear("two")  # the first was silent for too long
    assert [tabs.may_write("one"), tabs.may_write("two")] == [False, True]
