"""The page in one file: what find-dupes and leaks write with ``-f html``."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from imgsim import (
    ApplyOptions,
    Duplicates,
    RunOptions,
    apply,
    find_duplicates,
    find_leaks,
    read_plan,
    undo,
)
from imgsim.review import export
from imgsim.review.bundle import bundle
from tests.review.page.conftest import OpenTab, Tab

HOSTILE = (
    b"<img src=x onerror=alert(1)>.jpg",
    "a\u202egpj.jpg".encode(),
    b'new\nline & "quotes" \'.jpg',
    b"<!--<script>alert(2).jpg",
    b"not \xff utf-8.jpg",
)


def _write(pages: Iterator[str], path: Path) -> str:
    path.write_text("".join(pages), encoding="utf-8")
    return path.as_uri()


@pytest.fixture
def hostile(tmp_path: Path, photo: Callable[[int], Image.Image]) -> Duplicates:
    """Pairs of a plain file and an equal one with a name that is markup or no text."""
    folder = os.fsencode(tmp_path / "photos")
    other = folder + b"/z<"  # a path in it may be "z</script>"
    os.makedirs(other)
    for number, name in enumerate(HOSTILE):
        plain = os.path.join(folder, b"a%d.jpg" % number)
        photo(number).save(os.fsdecode(plain), quality=95)
        shutil.copy(plain, os.path.join(other, b"script>" + name))
    return find_duplicates(tmp_path / "photos", options=RunOptions(executor="threads"))


@pytest.fixture
def undone() -> Iterator[list[str]]:
    runs: list[str] = []
    yield runs
    for run in runs:
        assert undo(run).complete


def _download(tab: Tab) -> bytes:
    tab.press("w")
    with tab.page.expect_download() as waiting:
        tab.button("Save plan").click()
    return bytes(Path(waiting.value.path()).read_bytes())


def test_names_are_text_and_the_saved_plan_is_applied(
    hostile: Duplicates, tmp_path: Path, open_tab: OpenTab, undone: list[str]
) -> None:
    tab = open_tab(_write(export.duplicates_page(hostile), tmp_path / "page.html")).ready()
    page = tab.page
    assert page.locator("[src=x]").count() == 0
    text = page.inner_text(".list")
    assert "alert" not in text  # the plain names are kept
    for key in ("a", "Enter", "Enter", "n", "Enter"):
        tab.answer(key)
    tab.until_text(".progress", "5 of 5 groups decided")
    shown = []
    for row in range(5):
        page.locator(".row").nth(row).click()
        shown.append(page.inner_text(".file:nth-child(2) .name"))
    assert "script>a\\u202egpj.jpg" in shown
    assert "script><img src=x onerror=alert(1)>.jpg" in shown
    assert "script>not \\xff utf-8.jpg" in shown
    assert not re.search("[\n\u202e]", "".join(shown))

    plan = read_plan(_download(tab))
    removed = [os.path.basename(one.file.path) for _, one in plan.removals]
    assert len(removed) == 3
    there = set(os.listdir(os.fsencode(tmp_path / "photos" / "z<")))
    applied = apply(plan, ApplyOptions(yes_folders=True), yes=True)
    undone.append(applied.run)
    assert applied.complete
    left = set(os.listdir(os.fsencode(tmp_path / "photos" / "z<")))
    assert there - left == set(removed)


def test_another_kept_file_lets_only_equal_ones_go(
    demo: tuple[Path, Any], tmp_path: Path, open_tab: OpenTab
) -> None:
    folder = tmp_path / "photos"
    shutil.copytree(demo[0], folder)
    found = find_duplicates(folder, options=RunOptions(executor="threads"))
    tab = open_tab(_write(export.duplicates_page(found), tmp_path / "page.html")).ready()
    assert tab.title == "IMG_0001.jpg"
    tab.press("r")
    tab.page.get_by_label("Groups by what the others are").check()
    tab.page.get_by_role("checkbox", name="smaller").check()
    tab.until_text(".preview", "2 groups would be answered, 2 files may go")
    tab.button("Answer 2 groups").click()
    tab.until_text(".progress", "2 of 9 groups decided")
    tab.answer("u")
    tab.until_text(".progress", "0 of 9 groups decided")
    tab.page.locator(".row").first.click()
    tab.press("ArrowRight")
    tab.answer("s")  # one of three files of equal bytes
    tab.until_text(".said", "2 files may go")
    assert tab.title == "IMG_0005.png"
    tab.answer("s")  # a compressed copy in the place of its source
    tab.until_text(".said", "no file may go")
    plan = read_plan(_download(tab))
    kept = [os.path.basename(group.keep.path) for group in plan.groups]
    assert kept == [b"backup of IMG_0001.jpg"]
    assert [one.role for _, one in plan.removals] == ["exact", "exact"]
    applied = apply(plan)
    assert applied.removed or applied.left


def test_files_of_larger_splits_go_once(
    tmp_path: Path, photo: Callable[[int], Image.Image], open_tab: OpenTab
) -> None:
    for split, numbers in {"train": (1, 2, 3, 4), "valid": (1, 2, 5), "test": (1, 6)}.items():
        (tmp_path / split).mkdir()
        for number in numbers:
            photo(number).save(tmp_path / split / f"{split}{number}.jpg", quality=95)
    leaks = find_leaks(
        [tmp_path / name for name in ("train", "valid", "test")],
        options=RunOptions(executor="threads"),
    )
    tab = open_tab(_write(export.leaks_page(leaks), tmp_path / "page.html")).ready()
    assert tab.page.locator(".row").count() == len(leaks.leaks) == 3
    for _ in leaks.leaks:
        tab.answer("Enter")
    tab.until_text(".progress", "3 of 3 groups decided")
    plan = read_plan(_download(tab))
    removed = sorted(one.file.path.decode() for _, one in plan.removals)
    assert removed == ["train/train1.jpg", "train/train2.jpg", "valid/valid1.jpg"]


def test_the_page_says_what_it_leaves_out(
    hostile: Duplicates, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, open_tab: OpenTab
) -> None:
    monkeypatch.setattr(export, "MAX_GROUPS", 2)
    tab = open_tab(_write(export.duplicates_page(hostile), tmp_path / "page.html")).ready()
    tab.until_text(".banner", "This page holds the first 2 of 5 groups")


@pytest.mark.parametrize("size", [(390, 844), (2560, 1440)])
def test_wcag_the_size_of_text_and_the_width(
    demo_page: str, open_tab: OpenTab, size: tuple[int, int]
) -> None:
    tab = open_tab(demo_page, size=size)
    tab.page.wait_for_selector(".row")

    def check(what: str) -> None:
        assert tab.violations() == [], what
        assert tab.smallest_text() >= 12, what
        assert tab.overflow() <= 0, what

    check("list")
    tab.page.locator(".row").first.click()
    tab.page.wait_for_selector(".file img")
    check("group")
    for key in ("o", "z"):
        tab.press(key)
        tab.page.wait_for_selector(".compare img")
        check(key)
    for key in ("?", "r", "w"):
        tab.press(key)
        tab.page.wait_for_selector("dialog[open]")
        check(key)
        tab.press("Escape")
        tab.page.wait_for_selector("dialog", state="detached")


@pytest.fixture(scope="module")
def demo_page(demo: tuple[Path, Any], tmp_path_factory: pytest.TempPathFactory) -> str:
    found = find_duplicates(demo[0], options=RunOptions(executor="threads"))
    path = tmp_path_factory.mktemp("page") / "page.html"
    return _write(export.duplicates_page(found), path)


def test_nothing_is_loaded_and_only_its_own_script_runs(demo_page: str, open_tab: OpenTab) -> None:
    asked: list[str] = []
    tab = open_tab(
        demo_page, prepare=lambda page: page.on("request", lambda r: asked.append(r.url))
    ).ready()
    assert {url.split(":")[0] for url in asked} <= {"file", "data"}
    tab.page.evaluate(
        """() => {
          const script = document.createElement("script");
          script.textContent = "window.ran = true";
          document.body.append(script);
        }"""
    )
    assert tab.page.evaluate("window.ran") is None
    assert any("Content Security Policy" in line for line in tab.wrong)
    tab.wrong.clear()


def test_the_script_of_the_page_holds_all_modules() -> None:
    script = bundle()
    assert not re.search(r"^\s*(import|export)\b", script, re.MULTILINE)
    assert "</script" not in script.lower()
