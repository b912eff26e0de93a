"""The pictures of the review page in docs/: of the demo folder, in Chromium.

python benchmarks/review_screenshots.py
"""

from __future__ import annotations

import argparse
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Page, sync_playwright
from review import FLAGS

from imgsim.pictures.generate import write_demo

DOCS = Path(__file__).parents[1] / "docs"
SIZES = {390: 844, 1280: 800, 2560: 1440}
SHOWN = {
    (390, "light"): "list",
    (390, "dark"): "group",
    (1280, "light"): "group",
    (1280, "dark"): "overlay",
    (2560, "light"): "group",
    (2560, "dark"): "zoom",
}
"""What each picture shows."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--folder", type=Path, default=DOCS, help="where the pictures go")
    folder = parser.parse_args().folder
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as driver:
        place = Path(scratch)
        write_demo(place / "pictures")
        environment = os.environ | {
            "IMGSIM_CACHE": str(place / "cache.sqlite"),
            "IMGSIM_DECISIONS": str(place / "decisions.jsonl"),
            "IMGSIM_RUNS": str(place / "runs"),
        }
        command = [sys.executable, "-m", "imgsim", "review", "pictures", "--no-browser"]
        with subprocess.Popen(
            command, stderr=subprocess.PIPE, text=True, env=environment, cwd=place
        ) as process:
            try:
                assert process.stderr is not None
                url = next(m[0] for line in process.stderr if (m := re.search(r"http://\S+", line)))
                program = shutil.which("chromium")
                browser = driver.chromium.launch(executable_path=program, args=FLAGS)
                page = browser.new_context().new_page()
                page.goto(url)
                page.wait_for_function("() => document.querySelector('.top progress')?.max > 5")
                for (width, scheme), what in SHOWN.items():
                    draw(page, width, scheme, what, folder / f"review-{width}-{scheme}.png")
                draw(page, 1280, "light", "rules", folder / "review-rules.png")
                page.goto(leaks_page(place, environment).as_uri())
                draw(page, 1280, "light", "group", folder / "leaks.png")
            finally:
                process.terminate()


def leaks_page(place: Path, environment: dict[str, str]) -> Path:
    """Write the page of leaks of the demo data set."""
    for arguments in (
        "demo press --kind process",
        "leaks press/train press/valid --exit-zero -f html -o leaks.html",
    ):
        command = [sys.executable, "-m", "imgsim", *arguments.split()]
        subprocess.run(command, env=environment, cwd=place, check=True)
    return place / "leaks.html"


def draw(page: Page, width: int, scheme: Any, what: str, target: Path) -> None:
    """Bring the page to a state, and write a picture of it."""
    page.set_viewport_size({"width": width, "height": SIZES[width]})
    page.emulate_media(color_scheme=scheme)
    page.reload()
    page.wait_for_selector(".row img")
    if what != "list":
        row = 4 if width == 390 else 0 if what == "group" and width != 1280 else 1
        page.locator(".row").nth(row).click()  # the fifth has an edited file
        page.wait_for_selector(".file img")
        page.locator("h1").click()  # the focus is on nothing
    if what in ("overlay", "zoom"):
        page.keyboard.press(what[0])
        page.wait_for_selector(".compare img")
    if what == "rules":
        page.keyboard.press("r")
        page.get_by_label("Groups by what the others are").check()
        page.get_by_role("checkbox", name="same bytes").check()
        page.get_by_role("checkbox", name="smaller").check()
        page.wait_for_selector(".preview img")
    page.wait_for_timeout(1500)
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    colours = picture.quantize(255)
    picture.quantize(palette=colours, dither=Image.Dither.FLOYDSTEINBERG).save(
        target, optimize=True
    )
    print(target, target.stat().st_size)


if __name__ == "__main__":
    main()
