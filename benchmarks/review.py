"""The review page over many groups: how soon it shows pictures, how it scrolls, what it takes.

python benchmarks/review.py --groups 10000

Writes a folder of pairs of equal files and a plan of them, starts `imgsim review` on the plan as
many times as asked, and opens the page in Chromium each time: its cache of pictures is cold. Of
the groups with the largest gain the pictures have 12 megapixels.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright
from record import machine, spread, write

from imgsim import write_plan
from imgsim.act.plan import Plan, PlanGroup, PlannedFile, Removal
from imgsim.pictures.generate import landscape

FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run"
    " --disable-background-networking --disable-component-update --disable-sync"
    " --enable-precise-memory-info"
).split()
LARGE = 40
"""Groups of pictures of 12 megapixels."""

OBSERVE = """
  window.longTasks = [];
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) window.longTasks.push([entry.startTime, entry.duration]);
  }).observe({ type: "longtask", buffered: true });
"""
PHASE = "fetch('/api/state').then((answer) => answer.json()).then((state) => state.phase)"
PICTURE = """(from) => new Promise((resolve) => {
  const look = () => {
    const image = document.querySelector('.file img');
    const there = image && image.complete && image.naturalWidth > 100 && image.src !== from;
    if (there) requestAnimationFrame(() => resolve([performance.now(), image.src]));
    else requestAnimationFrame(look);
  };
  look();
})"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--groups", type=int, default=10_000)
    parser.add_argument("--times", type=int, default=5, help="starts of the command")
    parser.add_argument("--folder", type=Path, help="where the pictures are written, and stay")
    given = parser.parse_args()
    folder = given.folder or Path(tempfile.mkdtemp(prefix="imgsim-review-"))
    plan = folder / "plan.json"
    if not plan.exists():
        make_library(folder, given.groups)
    try:
        with sync_playwright() as driver:
            program = shutil.which("chromium")
            browser = driver.chromium.launch(executable_path=program, args=FLAGS)
            runs = [measure(browser, folder, plan) for _ in range(given.times)]
            about = browser.version
    finally:
        if given.folder is None:
            shutil.rmtree(folder)
    document = {
        **machine(
            f"python benchmarks/review.py --groups {given.groups} --times {given.times}",
            "imgsim",
            "starlette",
            "uvicorn",
        ),
        "chromium": about,
        "load_average": round(os.getloadavg()[0], 1),
        "groups": given.groups,
        "results": {name: spread([run[name] for run in runs]) for name in runs[0]},
    }
    for name, values in document["results"].items():
        print(f"{name:44} {values['median']:12g}  ({values['min']:g} to {values['max']:g})")
    print(write("review", document))


def make_library(folder: Path, groups: int) -> None:
    """Write pairs of equal files, and a plan that removes one of each."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("kept", "copies"):
        (folder / name).mkdir()
    large = [_jpeg(seed, 4000, 3000) for seed in range(4)]
    small = [_jpeg(seed, 480, 360) for seed in range(50, 90)]
    planned = []
    for number in range(groups):
        some = large if number < LARGE else small
        data = _with_comment(some[number % len(some)], b"number %d" % number)
        files = []
        for part in ("kept", "copies"):
            path = folder / part / f"IMG_{number:05}.jpg"
            path.write_bytes(data)
            digest = hashlib.sha256(data).hexdigest()
            name = f"{part}/{path.name}".encode()
            files.append(PlannedFile(name, digest, len(data), path.stat().st_mtime_ns))
        planned.append(PlanGroup(files[0], (Removal(files[1], "exact"),), "original", ""))
    plan = Plan(
        str(folder.resolve()), "20260101-000000-abcdef", "0.1.0", time.time_ns(), "auto", "normal",
        1.0, tuple(planned), roots=(b".",),
    )  # fmt: skip
    (folder / "plan.json").write_text("".join(write_plan(plan)), encoding="utf-8")


def _jpeg(seed: int, width: int, height: int) -> bytes:
    stream = io.BytesIO()
    small = Image.fromarray(landscape(seed, min(width, 1000), min(height, 750)))
    small.resize((width, height)).save(stream, "JPEG", quality=92)
    return stream.getvalue()


def _with_comment(jpeg: bytes, text: bytes) -> bytes:
    """The same picture with another digest."""
    return jpeg[:2] + b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text + jpeg[2:]


def measure(browser: Browser, folder: Path, plan: Path) -> dict[str, float]:
    """Start the command, open its page, scroll and answer."""
    state = Path(tempfile.mkdtemp(prefix="imgsim-review-state-"))
    environment = os.environ | {
        "IMGSIM_CACHE": str(folder / "cache.sqlite"),
        "IMGSIM_DECISIONS": str(state / "decisions.jsonl"),
        "IMGSIM_RUNS": str(state / "runs"),
    }
    command = [sys.executable, "-m", "imgsim", "review", str(plan), "--no-browser"]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env=environment, cwd=state
    ) as process:
        try:
            assert process.stderr is not None
            url = next(m[0] for line in process.stderr if (m := re.search(r"http://\S+", line)))
            page = browser.new_context(viewport={"width": 1600, "height": 1000}).new_page()
            page.add_init_script(OBSERVE)
            page.goto(url)
            page.goto(url.split("/?")[0] + "/api/state")  # the page itself would ask for pictures
            while page.evaluate(PHASE) == "reading":
                time.sleep(0.2)
            result = _page(page)
            result["server_peak_mb"] = _peak_mb(process.pid)
            page.context.close()
            return result
        finally:
            process.terminate()
            process.wait(60)
            shutil.rmtree(state)


def _page(page: Page) -> dict[str, float]:
    page.goto(page.url.removesuffix("api/state"))  # all data is there, and no picture was made
    at, source = page.evaluate(PICTURE, "")
    result = {"first_picture_s": at / 1000}
    page.wait_for_timeout(1500)
    result["longest_task_while_opening_ms"] = _longest(page)

    box = page.locator(".rows").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 50, box["y"] + 200)
    most = 0
    for _ in range(60):
        page.mouse.wheel(0, 900)
        page.wait_for_timeout(50)
        most = max(most, _nodes(page))
    for share in range(20):
        height = "document.querySelector('.rows').scrollHeight"
        page.evaluate(f"document.querySelector('.rows').scrollTop = {share / 20} * {height}")
        page.wait_for_timeout(100)
        most = max(most, _nodes(page))
    page.wait_for_timeout(500)
    result["longest_task_while_scrolling_ms"] = _longest(page)
    result["nodes"] = most
    result["heap_mb"] = page.evaluate("performance.memory.usedJSHeapSize") / 1e6

    page.evaluate("document.querySelector('.rows').scrollTop = 0")
    taken = []
    for _ in range(10):
        before = page.evaluate("performance.now()")
        page.keyboard.press("Enter")
        at, source = page.evaluate(PICTURE, source)
        taken.append(at - before)
    result["answer_to_next_picture_ms"] = sorted(taken)[len(taken) // 2]
    result["longest_task_while_answering_ms"] = _longest(page)

    page.locator("#search").fill("img_09")
    page.wait_for_timeout(500)
    result["longest_task_while_searching_ms"] = _longest(page)
    return result


def _nodes(page: Page) -> int:
    return int(page.evaluate("document.getElementsByTagName('*').length"))


def _longest(page: Page) -> float:
    """Milliseconds of the longest task since this was asked before; 0 for none over 50."""
    tasks: list[Any] = page.evaluate("window.longTasks.splice(0)")
    return max((duration for _, duration in tasks), default=0.0)


def _peak_mb(pid: int) -> float:
    """Peaks of the server and its workers, added."""
    processes = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    peak = 0
    for process in processes:
        status = Path(f"/proc/{process.pid}/status").read_text()
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        peak += int(found[1]) if found else 0
    return peak / 1000


if __name__ == "__main__":
    main()
