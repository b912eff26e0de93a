"""The documentation is built as a site without a warning, and loads nothing from elsewhere.

Needs the extra ``docs``; `.ci/run` installs it and runs this file.
"""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

pytest.importorskip("material", reason="needs imgsim[docs]: the site was not built")

ROOT = Path(__file__).parents[1]


class _Page(HTMLParser):
    """Where a page links to, what it loads, and the places in it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.places: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        self.places.add(given.get("id", ""))
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        self.loaded += [given[name] for name in ("src", "srcset", "data") if name in given]
        if tag == "link" and given.get("rel") not in ("canonical", "prev", "next"):
            self.loaded.append(given["href"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site").resolve()
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", folder]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def test_links_lead_to_pages_and_places(site: Path) -> None:
    pages = {path: _Page(path) for path in site.rglob("*.html") if path.name != "404.html"}
    assert len(pages) > 15
    for path, page in pages.items():
        for link in page.links:
            target = urlsplit(link)
            if target.scheme or target.netloc:
                continue
            file = (path.parent / unquote(target.path)).resolve() if target.path else path
            assert file.exists(), f"{path}: {link}"
            if target.fragment and file in pages:
                assert unquote(target.fragment) in pages[file].places, f"{path}: {link}"


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    for path in site.rglob("*.html"):
        away = [one for one in _Page(path).loaded if urlsplit(one).netloc]
        assert away == [], path.name
    for path in site.rglob("*.css"):
        styles = path.read_text(encoding="utf-8")
        away = re.findall(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//[^)\"']*", styles)
        assert away == [], path.name


def test_every_command_and_function_has_its_place(site: Path) -> None:
    from imgsim.cli.commands import COMMANDS

    assert set(COMMANDS) <= _Page(site / "command-line.html").places
    places = _Page(site / "api.html").places
    assert {"imgsim.find_duplicates", "imgsim.plugin.VectorComparator"} <= places


def test_options_in_code_are_kept_whole(site: Path) -> None:
    page = (site / "command-line.html").read_text(encoding="utf-8")
    assert '<span class="whole">--max-images</span>' in page
    code = " ".join(re.findall(r"<code>(.*?)</code>", page, re.DOTALL))
    assert re.findall(r"(?<![\w>.-])--[a-z][\w-]*", code) == []
