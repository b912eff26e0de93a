"""A library reviewed as a new user would: by rules, in Chromium, with every click and key counted.

python benchmarks/review_by_rules.py photos -o results/review-by-rules.json

The steps are those of a person who trusts what the page says: all groups whose copies are free to
go are accepted by one rule, then those that have other files beside such copies, then all files
stay of what is left. The plan is written, tried and, in a folder that is a copy, applied. Some
groups are answered one by one before, for the time that this takes. Files of a library that
`benchmarks/library.py` made are told by their number: no file may go for one of another picture.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright
from review import FLAGS, PICTURE

ENABLED = "() => document.querySelector('.answers .accept')?.disabled === false"
FREE = ("same bytes", "same pixels", "compressed again", "smaller")


class Person:
    """Uses a page, and counts what is pressed.

    Parameters
    ----------
    page : Page
    """

    def __init__(self, page: Page) -> None:
        self.page = page
        self.pressed: Counter[str] = Counter()
        self.steps: list[dict[str, Any]] = []
        self.started = time.monotonic()

    def key(self, key: str) -> None:
        """Press a key."""
        self.pressed["keys"] += 1
        self.page.keyboard.press(key)

    def click(self, target: Any) -> None:
        """Click something."""
        self.pressed["clicks"] += 1
        target.click(timeout=600_000)

    def button(self, name: str | re.Pattern[str]) -> None:
        """Click a button."""
        self.click(self.page.get_by_role("button", name=name))

    def step(self, what: str) -> None:
        """Note how far it came."""
        text = self.page.inner_text(".progress")
        seconds = round(time.monotonic() - self.started, 1)
        self.steps.append({"step": what, "seconds": seconds, "said": text, **self.pressed})
        print(f"{seconds:8.1f} s  {dict(self.pressed)}  {what}: {text}", flush=True)

    def rule(self, kind: str, answer: str = "", ticks: tuple[str, ...] = ()) -> None:
        """Answer many groups by a rule, once its preview is there."""
        self.key("r")
        self.click(self.page.get_by_label(kind))
        for name in ticks:
            box = self.page.locator(".roles").get_by_role("checkbox", name=re.compile(f"^ *{name}"))
            if box.count():
                self.click(box)
        if answer:
            self.click(self.page.get_by_label(answer))
        self.page.wait_for_selector(".preview strong", timeout=600_000)
        print(" " * 11, self.page.inner_text(".preview p"), flush=True)
        button = self.page.locator(".dialog-end .strong")
        self.click(button if button.is_enabled() else self.page.get_by_text("Cancel"))
        self.page.wait_for_selector(".preview", state="detached", timeout=600_000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--one-by-one", type=int, default=20, help="groups answered so first")
    parser.add_argument("--apply", action="store_true", help="move the files, and undo that")
    parser.add_argument("-o", "--output", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as driver:
        place = Path(scratch)
        environment = os.environ | {
            "IMGSIM_DECISIONS": str(place / "decisions.jsonl"),
            "IMGSIM_RUNS": str(place / "runs"),
        }
        folder, plan = str(given.folder.resolve()), place / "plan.json"
        command = [sys.executable, "-m", "imgsim", "review", folder, "--no-browser"]
        with subprocess.Popen(
            [*command, "--plan", str(plan)],
            stderr=subprocess.PIPE, text=True, env=environment, cwd=place,
        ) as process:  # fmt: skip
            try:
                assert process.stderr is not None
                url = next(m[0] for line in process.stderr if (m := re.search(r"http://\S+", line)))
                program = shutil.which("chromium")
                browser = driver.chromium.launch(executable_path=program, args=FLAGS)
                page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
                page.goto(url)
                document = review(page, given.one_by_one, apply=given.apply)
            finally:
                process.terminate()
                process.wait(60)
        document |= checked(json.loads(plan.read_text("utf-8")))
    document["load_average"] = round(os.getloadavg()[0], 1)
    print(json.dumps({k: v for k, v in document.items() if k != "steps"}, indent=1))
    if given.output is not None:
        given.output.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def review(page: Page, first: int, *, apply: bool) -> dict[str, Any]:
    """Decide on all groups, and write the plan."""
    began = time.monotonic()
    ready = (
        "fetch('/api/state').then((answer) => answer.json()).then((state) => state.phase !=="
        " 'reading')"
    )
    while not page.evaluate(ready):
        time.sleep(1)
    page.wait_for_selector(".file img", timeout=120_000)
    read = round(time.monotonic() - began, 1)
    person = Person(page)
    person.step("all is read")
    taken = []
    for _ in range(first):
        page.wait_for_function(ENABLED)
        source = page.evaluate("document.querySelector('.file img').src")
        before = page.evaluate("performance.now()")
        person.key("Enter")
        taken.append(page.evaluate(PICTURE, source)[0] - before)
    person.step(f"{first} groups one by one")
    person.rule("Groups by what the others are", ticks=FREE)
    person.step("groups of copies that are free to go")
    person.rule("The groups that the list shows")
    person.step("groups in which some may go")
    person.rule("The groups that the list shows", answer="All files stay")
    person.step("all files stay of the rest")
    person.key("w")
    person.button("Write plan")
    page.wait_for_selector(".done", timeout=600_000)
    person.step("the plan is written")
    if apply:
        person.button("Dry run")
        page.wait_for_selector("text=would move", timeout=3600_000)
        whole = page.get_by_label("of folders that would lose most")
        if whole.count():
            person.click(whole)
        person.step("dry run")
        person.button("Apply…")
        person.button("Move the files")
        page.wait_for_selector("text=files moved", timeout=3600_000)
        person.step("applied")
        person.button("Undo")
        page.wait_for_selector("text=brought back", timeout=3600_000)
        person.step("undone")
    return {
        "seconds_reading": read,
        "answer_to_next_picture_ms": round(sorted(taken)[len(taken) // 2]),
        "steps": person.steps,
        "clicks": person.pressed["clicks"],
        "keys": person.pressed["keys"],
    }


def checked(plan: Any) -> dict[str, Any]:
    """How many files the plan removes, and how many for a file of another picture."""
    wrong, roles = [], Counter[str]()
    for group in plan["groups"]:
        for one in group["remove"]:
            roles[one["role"]] += 1
            if _number(one["path"]) != _number(group["keep"]["path"]):
                wrong.append([one["path"], group["keep"]["path"]])
    return {"groups_of_the_plan": len(plan["groups"]), "removals": dict(roles), "wrong": wrong}


def _number(path: str) -> str:
    found = re.search(r"(?:DSC|IMG)_\w?(\d{4})", path)
    return found[1] if found else path


if __name__ == "__main__":
    main()
