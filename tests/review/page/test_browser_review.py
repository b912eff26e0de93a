"""`imgsim review` as a person uses it, in Chromium."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from imgsim import Decisions, read_plan
from tests.review.page.conftest import FAKE, Answered, OpenTab, Served, Tab, state_document

Serve = Callable[[Path], Served]


@pytest.fixture
def tab(photos: Path, serve_folder: Serve, open_tab: OpenTab) -> Tab:
    tab = open_tab(serve_folder(photos).url)
    tab.until("() => document.querySelector('.top progress')?.max === 2")
    return tab.ready()


def test_a_person_decides_writes_a_plan_applies_it_and_takes_it_back(
    tab: Tab, photos: Path, tmp_path: Path
) -> None:
    """By keys alone."""
    page = tab.page
    assert tab.title == "a1.jpg"  # the largest gain first
    tab.answer("Enter")
    tab.until_text(".progress", "1 of 2 groups decided")
    assert tab.title == "a2.jpg"
    tab.answer("n")
    tab.until_text(".progress", "2 of 2 groups decided")
    tab.answer("u")
    tab.until_text(".progress", "1 of 2 groups decided")
    assert tab.title == "a2.jpg"
    tab.answer("s")  # the smaller one stays instead, so none is free to go
    tab.until_text(".progress", "2 of 2 groups decided")
    tab.answer("u")
    tab.until_text(".progress", "1 of 2 groups decided")
    tab.answer("Enter")
    tab.until_text(".said", "1 file may go")
    answers = [one.answer for one in Decisions(tmp_path / "decisions.jsonl")]
    assert sorted(answers) == ["keep", "keep"]  # on disk at once

    tab.press("w")
    tab.button("Write plan").press("Enter")
    tab.until_text(".done", "3 files to go")
    plan = read_plan((tmp_path / "plan.json").read_bytes())
    names = sorted(Path(one.file.path.decode()).name for _, one in plan.removals)
    assert names == ["copy1.jpg", "small1.jpg", "small2.jpg"]

    tab.button("Dry run").press("Enter")
    tab.until_text(".done", "would move")
    tab.until("() => document.activeElement.textContent === 'Dry run'")  # though it went off
    assert (photos / "phone/copy1.jpg").exists()
    whole = page.get_by_label("of folders that would lose most")  # all of phone/ goes
    if whole.count():
        whole.press("Space")
    tab.button("Apply…").press("Enter")
    asked = "() => document.activeElement.textContent.includes('move to .imgsim-trash')"
    tab.until(asked)  # the question has the focus, and is read out
    tab.button("Cancel").press("Enter")
    tab.until("() => document.activeElement.textContent.startsWith('Apply')")
    tab.press("Enter")
    tab.until(asked)
    tab.press("Tab", "Enter")
    tab.until_text(".done", "3 files moved")
    tab.until("() => document.activeElement.closest('dialog')")
    assert sorted(p.name for p in (photos / "phone").iterdir()) == []
    assert (photos / "camera/a1.jpg").exists()
    tab.button("Undo").press("Enter")
    tab.until_text(".done", "3 files brought back")
    assert len(list((photos / "phone").iterdir())) == 3


def test_one_file_goes_by_a_key_whatever_it_is(
    photos: Path, serve_folder: Serve, open_tab: OpenTab, tmp_path: Path
) -> None:
    with Image.open(photos / "camera/a2.jpg") as saved:
        saved.convert("L").save(photos / "camera/grey.jpg", quality=94)
    (photos / "phone/small2.jpg").unlink()
    tab = open_tab(serve_folder(photos).url)
    tab.until("() => document.querySelector('.top progress')?.max === 2")
    tab.ready()
    tab.answer("x")  # the first group: what is shown there goes by accepting
    tab.until_text(".said.is-error", "may go already")
    tab.press("/")
    tab.page.keyboard.type("grey")
    tab.press("Escape")
    tab.until_text(".group h2", "a2.jpg")
    tab.button("Remove grey.jpg").wait_for()
    assert "none may go" in tab.page.inner_text(".accept")
    assert tab.violations() == []
    tab.until("() => document.querySelector('.answers .accept')?.disabled === false")
    tab.press("x")
    tab.until_text(".said", "grey.jpg goes")
    tab.until_text(".file .state", "Goes, you decided")
    assert tab.violations() == []
    (decision,) = Decisions(tmp_path / "decisions.jsonl")
    assert [Path(file.path).name for file in decision.files] == ["a2.jpg", "grey.jpg"]
    tab.answer("u")
    tab.button("Remove grey.jpg").wait_for()


def test_a_rule_over_two_folders_shows_what_it_does_and_is_taken_back(
    tab: Tab, photos: Path
) -> None:
    page = tab.page
    tab.press("r")
    heading = "() => getComputedStyle(document.querySelector('#dialog-title'))"
    assert page.evaluate(f"{heading}.outlineStyle") == "none"
    page.get_by_label("One folder", exact=True).fill(str(photos / "camera"))
    page.get_by_label("The other folder").fill(str(photos / "phone"))
    tab.until_text(".preview", "2 groups would be answered, 3 files may go")
    tab.button("Answer 2 groups").click()
    tab.until_text(".progress", "2 of 2 groups decided")
    tab.answer("u")
    tab.until_text(".progress", "0 of 2 groups decided")


def test_search_filters_and_ways_to_compare(tab: Tab) -> None:
    page = tab.page
    tab.press("/")
    page.keyboard.type("small2")
    tab.until("() => document.querySelectorAll('.row').length === 1")
    assert tab.title == "a2.jpg"
    tab.press("Escape")
    for key, what in (
        ("b", "in turn"),
        ("d", "Difference of"),
        ("o", "laid upon"),
    ):
        tab.press(key)
        tab.until_text(f'.frame[aria-label*="{what}"]', "")
        tab.until("() => [...document.querySelectorAll('.frame img')].every((i) => i.complete)")
        wide = "() => [...document.querySelectorAll('.frame img')].every((i) => i.naturalWidth > 9)"
        assert page.evaluate(wide)
    assert tab.violations() == []
    tab.press("z")
    tab.until("() => document.querySelectorAll('img.sharp').length === 2")
    page.evaluate(
        "() => (document.querySelectorAll('.zoom-pane bdi')[1].textContent += ' long'.repeat(60))"
    )
    rooms = "[...document.querySelectorAll('.zoom-room')].map((r) => r.getBoundingClientRect())"
    left, right = page.evaluate(f"() => {rooms}")
    assert (left["top"], left["height"]) == (right["top"], right["height"])
    places = "() => [...document.querySelectorAll('.zoom-room > img')].map((i) => i.style.left)"
    before = page.evaluate(places)
    page.locator(".zoom-room").first.press("ArrowRight")
    after = page.evaluate(places)
    assert all(was != now for was, now in zip(before[::2], after[::2], strict=True))  # in step
    assert tab.violations() == []
    tab.press("Escape")
    tab.until_text(".pictures", "a2.jpg")


def test_files_of_one_name_are_told_apart_by_their_folders(
    photos: Path, serve_folder: Serve, open_tab: OpenTab
) -> None:
    (photos / "phone/small2.jpg").rename(photos / "phone/a2.jpg")
    tab = open_tab(serve_folder(photos).url)
    tab.ready()
    tab.press("/")
    tab.page.keyboard.type("a2.jpg")
    tab.press("Escape")
    tab.until_text(".group h2", "a2.jpg")
    for key, frame in (("b", "in turn"), ("d", "Difference of")):
        tab.press(key)
        tab.until_text(f'.frame[aria-label*="{frame}"]', "")
        kept, other = tab.page.locator(".compare-caption bdi").all_inner_texts()
        assert kept.endswith("camera/a2.jpg")
        assert other.endswith("phone/a2.jpg")
    assert tab.violations() == []


def test_a_second_tab_reads_until_it_takes_over(tab: Tab, open_tab: OpenTab) -> None:
    second = open_tab(tab.page.url, beside=tab).ready()
    second.until_text(".banner", "Another tab or person answers here")
    assert second.button("Keep all A").is_disabled()
    tab.answer("a")
    second.until_text(".progress", "1 of 2 groups decided")
    assert second.violations() == []
    second.button("Take over").click()
    second.until("() => !document.querySelector('.answers .accept').disabled")
    tab.until_text(".banner", "Another tab")


def test_a_file_that_changed_is_said_and_not_decided_on(tab: Tab, photos: Path) -> None:
    (photos / "phone/copy1.jpg").write_bytes(b"something else")
    tab.answer("Enter")
    tab.until_text(".said.is-error", "copy1.jpg changed since it was shown")
    assert tab.page.inner_text(".progress").startswith("0 of 2")


def test_the_end_and_a_connection_that_is_lost(
    tab: Tab, photos: Path, serve_folder: Serve, open_tab: OpenTab
) -> None:
    tab.press("?")
    tab.button("End imgsim review").click()
    tab.until_text("h2", "imgsim has ended")
    assert tab.violations() == []

    cut = Answered(state_document(), picture=b"")
    lost = open_tab(
        f"{FAKE}/",
        prepare=lambda page: (
            cut.serve(page),
            page.route(f"{FAKE}/api/state", lambda route: route.abort()),
        ),
    )
    lost.until_text(".banner", "No connection to imgsim")
    assert lost.violations() == []


STATES: list[tuple[str, dict[str, Any], str]] = [
    ("empty", {}, "No duplicates"),
    (
        "reading",
        {
            "phase": "reading", "generation": 0,
            "progress": {"stage": "reading", "done": 120, "total": 500, "seconds_left": 200},
        },
        "120 of 500, about 3 minutes left",
    ),
    (
        "failed",
        {"phase": "failed", "error": {"text": "the plan is no JSON", "hint": "make it again"}},
        "the plan is no JSON",
    ),
]  # fmt: skip


def test_what_is_shown_without_groups(open_tab: OpenTab) -> None:
    for _, given, text in STATES:
        answered = Answered(state_document(**given))
        tab = open_tab(f"{FAKE}/", prepare=answered.serve)
        tab.until_text(".card", text)
        assert tab.violations() == []
