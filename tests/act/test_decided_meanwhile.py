"""A plan that is being carried out heeds what a person decides meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

import imgsim
from imgsim.act.apply import apply
from imgsim.act.decided import decided_since
from imgsim.pictures.generate import landscape
from imgsim.progress import Silent
from imgsim.tasks.decide import decide


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(3):
        image = Image.fromarray(landscape(number, 120, 90))
        for name in ("a", "b"):
            image.save(folder / f"{number}{name}.png")
    return folder


class Deciding(Silent):
    """Does something when the first file is gone."""

    def __init__(self, then) -> None:  # type: ignore[no-untyped-def]
        self.then = then

    def start(self, label: str, total: int, unit: str) -> None:
        self.moving = label == imgsim.ApplyOptions().action

    def advance(self, n: int = 1) -> None:
        if self.moving:
            then, self.then = self.then, lambda: None
            then()


def test_keep_all_said_while_files_are_moved(photos: Path, tmp_path: Path) -> None:
    decisions = imgsim.Decisions(tmp_path / "decisions.jsonl")
    plan = imgsim.plan(imgsim.find_duplicates(photos, "phash"))

    def keep_the_last() -> None:
        other = imgsim.Decisions(tmp_path / "decisions.jsonl")  # as another process
        decide("keep-all", [photos / "2a.png", photos / "2b.png"], other)

    done = apply(
        plan, yes=True, history=tmp_path / "runs", decisions=decisions,
        progress=Deciding(keep_the_last),
    )  # fmt: skip
    assert [one.path for one in done.removed] == [b"0b.png", b"1b.png"]
    assert [(one.path, one.reason) for one in done.left] == [(b"2b.png", "decided: keep-all")]
    assert (photos / "2b.png").exists()


def test_decisions_that_become_unreadable_stop_the_run(photos: Path, tmp_path: Path) -> None:
    path = tmp_path / "decisions.jsonl"
    decisions = imgsim.Decisions(path)
    decide("keep-all", [photos / "0a.png", photos / "1a.png"], decisions)
    plan = imgsim.plan(imgsim.find_duplicates(photos, "phash"))
    done = apply(
        plan, yes=True, history=tmp_path / "runs", decisions=decisions,
        progress=Deciding(lambda: path.write_text("{}\n")),
    )  # fmt: skip
    assert "decisions cannot be read" in done.stopped
    assert len(done.removed) == 1


def test_decisions_without_a_file_do_not_change(photos: Path) -> None:
    plan = imgsim.plan(imgsim.find_duplicates(photos, "phash"))
    assert not decided_since(plan, None, imgsim.ApplyOptions())()
    assert not decided_since(plan, imgsim.Decisions(), imgsim.ApplyOptions())()
