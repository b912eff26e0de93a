"""The page in a real browser: Chromium, driven by Playwright; skipped, loudly, without them."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from imgsim import Decisions, RunOptions
from imgsim.review.acting import Acting
from imgsim.review.answers import Answers
from imgsim.review.bundle import static_folder
from imgsim.review.image_service import ImageService
from imgsim.review.serve import open_socket, serve
from imgsim.review.session import Session
from imgsim.review.sources import FolderSource, Search
from imgsim.review.writers import Writers

FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run"
    " --disable-background-networking --disable-component-update --disable-sync"
    " --enable-precise-memory-info"
).split()
WCAG = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}
FAKE = "http://review.test"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A browser; each module has its own, since Playwright's loop runs as long as it does."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("NO BROWSER: the review page is not tested; apt-get install chromium")
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="NO PLAYWRIGHT: the review page is not tested"
    )
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


@dataclass
class Tab:
    """A page of the browser, and what went wrong in it."""

    page: Any
    wrong: list[str] = field(default_factory=list)

    def open(self, url: str) -> Tab:
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("dialog", lambda dialog: self.wrong.append(f"dialog {dialog.message}"))
        self.page.on("console", self._note)
        self.page.goto(url)
        return self

    def _note(self, message: Any) -> None:
        refused = "Failed to load resource" in message.text  # by the server, which says so
        if message.type in ("error", "warning") and not refused:
            self.wrong.append(message.text)

    def ready(self) -> Tab:
        self.page.wait_for_selector(".row")
        self.page.wait_for_selector(".file")
        return self

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def answer(self, key: str) -> None:
        """Press a key once the group that is shown can be answered."""
        self.until("() => document.querySelector('.answers .accept')?.disabled === false")
        self.page.keyboard.press(key)

    def button(self, name: str, exact: bool = True) -> Any:
        return self.page.get_by_role("button", name=name, exact=exact)

    def until(self, script: str) -> None:
        """Wait until some JavaScript is true."""
        self.page.wait_for_function(script)

    def until_text(self, selector: str, text: str) -> None:
        self.page.locator(selector, has_text=text).first.wait_for()

    @property
    def title(self) -> str:
        return str(self.page.inner_text(".group h2 bdi"))

    def violations(self) -> list[str]:
        """What axe-core finds against WCAG 2.1 A and AA, and of colours also when it is dark."""
        light = self._violations(WCAG)
        self.page.emulate_media(color_scheme="dark")
        dark = self._violations({"runOnly": {"type": "rule", "values": ["color-contrast"]}})
        self.page.emulate_media(color_scheme="light")
        return light + dark

    def _violations(self, options: dict[str, Any]) -> list[str]:
        axe = pytest.importorskip("axe_playwright_python.sync_playwright")
        found = axe.Axe().run(self.page, options=options).response
        assert found["passes"]
        return [
            f"{one['id']}: {one['help']}: {node['html'][:200]}"
            for one in found["violations"]
            for node in one["nodes"]
        ]

    def smallest_text(self) -> float:
        """Pixels of the smallest text that the page shows."""
        return float(
            self.page.evaluate(
                """() => {
                  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
                  let least = 99;
                  while (walk.nextNode()) {
                    const box = walk.currentNode.parentElement;
                    if (!walk.currentNode.data.trim() || !box.checkVisibility()) continue;
                    least = Math.min(least, parseFloat(getComputedStyle(box).fontSize));
                  }
                  return least;
                }"""
            )
        )

    def overflow(self) -> int:
        """Pixels by which the page is wider than the window."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))


OpenTab = Callable[..., Tab]


@pytest.fixture
def open_tab(chromium: Any) -> Iterator[OpenTab]:
    """Opens pages; in the end nothing may have gone wrong in any of them."""
    tabs: list[Tab] = []
    contexts: list[Any] = []

    def make(
        url: str,
        *,
        size: tuple[int, int] = (1280, 800),
        beside: Tab | None = None,
        prepare: Callable[[Any], None] = lambda page: None,
    ) -> Tab:
        if beside is None:
            width, height = size
            contexts.append(chromium.new_context(viewport={"width": width, "height": height}))
        context = contexts[-1] if beside is None else beside.page.context
        page = context.new_page()
        page.set_default_timeout(20_000)
        prepare(page)
        tabs.append(Tab(page).open(url))
        return tabs[-1]

    yield make
    for context in contexts:
        context.close()
    assert [tab.wrong for tab in tabs if tab.wrong] == []


# With a server ---------------------------------------------------------------------------


@dataclass
class Served:
    """A review that runs, and the address that opens it."""

    url: str
    session: Session
    thread: threading.Thread


@pytest.fixture
def serve_folder(tmp_path: Path) -> Iterator[Callable[[Path], Served]]:
    """Serves reviews of folders, as the command does."""
    begun: list[Served] = []

    def start(folder: Path) -> Served:
        options = RunOptions(executor="threads", jobs=1, cache=tmp_path / "cache.sqlite")
        source = FolderSource([str(folder)], Search("auto", {"keep": "original"}), options)
        decisions = Decisions(tmp_path / "decisions.jsonl")
        session = Session(source, Answers(decisions), options, Writers())
        acting, images = Acting(session, tmp_path / "plan.json"), ImageService(options)
        said: list[str] = []
        listening = open_socket(0)

        def run() -> None:
            serve(session, acting, images, listening, browser=False, say=said.append)

        thread = threading.Thread(target=run)
        thread.start()
        until = time.monotonic() + 30
        while not any("http://" in line for line in said) and time.monotonic() < until:
            time.sleep(0.01)
        url = next(line[line.index("http://") :] for line in said if "http://" in line)
        begun.append(Served(url, session, thread))
        return begun[-1]

    yield start
    for served in begun:
        served.session.end()
        served.thread.join(20)


# Without one -----------------------------------------------------------------------------


@dataclass
class Answered:
    """What the page is told by a server that is none."""

    state: dict[str, Any]
    groups: list[dict[str, Any]] = field(default_factory=list)
    details: Callable[[str], dict[str, Any]] = dict
    folders: tuple[str, ...] = ("photos",)
    picture: bytes = b""

    def serve(self, page: Any) -> None:
        """Answer what a page asks; its events never come."""
        page.add_init_script("window.EventSource = class { addEventListener() {} close() {} };")
        page.route(f"{FAKE}/**", self._answer)

    def _answer(self, route: Any) -> None:
        path = route.request.url.removeprefix(FAKE).split("?")[0]
        if path.startswith("/api/groups/"):
            route.fulfill(json=self.details(path.removeprefix("/api/groups/")))
        elif path == "/api/state":
            route.fulfill(json=self.state)
        elif path == "/api/groups":
            head = {"generation": 1, "revision": 1, "folders": list(self.folders)}
            body = json.dumps({**head, "groups": self.groups})
            route.fulfill(body=body, content_type="application/json")
        elif path.startswith("/api/"):
            route.fulfill(body=self.picture, content_type="image/jpeg")
        else:
            name = path.removeprefix("/static/") if path != "/" else "index.html"
            kinds = {".html": "text/html", ".css": "text/css", ".svg": "image/svg+xml"}
            kind = kinds.get(Path(name).suffix, "text/javascript")
            file = Path(str(static_folder())) / name
            route.fulfill(body=file.read_bytes(), content_type=kind)


def state_document(**given: Any) -> dict[str, Any]:
    """A state as the server gives it."""
    return {
        "phase": "ready", "progress": None, "error": None, "generation": 1, "revision": 1,
        "source": {"kind": "folders", "title": "photos", "paths": ["photos"]},
        "groups": 0, "decided": 0, "removable_bytes": "0", "decided_bytes": "0", "images": 12,
        "skipped": 0, "settling": 0, "can_take_back": False, "writer": True, "warnings": [],
        "plan": {"path": None, "written": False, "stale": False}, "run": None, "job": None,
        **given,
    }  # fmt: skip
