"""matches, search and compare as a user runs them."""

from __future__ import annotations

import csv
import html
import io
import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from PIL import Image

from imgsim import matches
from imgsim.comparators import listing, registry
from imgsim.errors import UnreadableImage
from imgsim.fetch import query_url
from imgsim.schemas import schema

METHODS = ("-m", "phash", "-m", "ssim", "-m", "euclidean")


def valid(text: str) -> dict:
    document = json.loads(text)
    jsonschema.validate(document, schema(document["schema"]))
    return document


def test_matches_in_every_format(imgsim, demo, tmp_path: Path) -> None:
    folder, made = demo
    done = imgsim("matches", folder, *METHODS, "-f", "json", "--no-timing", "-k", "2")
    document = valid(done.stdout)
    assert (
        done.stdout
        == imgsim("matches", folder, *METHODS, "-f", "json", "--no-timing", "-k", "2").stdout
    )
    assert [m["name"] for m in document["methods"]] == ["phash", "ssim", "euclidean"]
    assert [len(m["queries"]) for m in document["methods"]] == [made.files - 1] * 3
    assert "seconds" not in done.stdout
    timed = valid(imgsim("matches", folder, *METHODS, "-f", "json", "-k", "2").stdout)
    assert timed["methods"][0]["seconds_per_pair"] > 0
    rows = list(
        csv.DictReader(io.StringIO(imgsim("matches", folder, *METHODS, "-f", "csv").stdout))
    )
    assert len(rows) == 3 * 3 * (made.files - 1)
    text = imgsim("matches", ".", "-m", "ssim", cwd=folder).stdout
    assert "SSIM " in text
    assert max(map(len, text.splitlines())) <= 80
    page = imgsim("matches", folder, "-m", "phash", "-f", "html").stdout
    for query in document["methods"][0]["queries"]:
        assert html.escape(query["path"]) in page
    assert page.count("background-image") == made.files - 1  # each picture once
    sheet = tmp_path / "sheet.png"
    assert imgsim("matches", folder, "--montage", tmp_path / "no" / "sheet.png").returncode == 2
    assert (
        imgsim("matches", folder, *METHODS, "--montage", sheet, "-q", "-k", "5000").returncode == 0
    )
    with Image.open(sheet) as drawn:
        assert len(drawn.getcolors(1 << 24)) > 1000


def _every_ranking_method() -> set[str]:
    """Names of what ``all`` stands for here, where images are ranked."""
    comparators = listing.parse_all("all", ranking=True)
    return {c.name for c in listing.only_ready(comparators, lambda text: None)}


def test_all_stands_for_every_method(imgsim, demo) -> None:
    folder = demo[0] / "phone"
    query = folder / "IMG_0005.png"
    expected = _every_ranking_method()
    assert {"phash", "ssim", "cosine"} <= expected
    assert {"auto", "local"} <= expected
    for arguments in (("matches", folder), ("search", query, "--in", folder)):
        done = imgsim(*arguments, "-m", "all", "-f", "json")
        assert done.returncode == 0, done.stderr
        assert {m["name"] for m in valid(done.stdout)["methods"]} == expected
        assert "without auto" not in done.stderr
        left_out = {n for n in registry.names() if f"without {n}: " in done.stderr}
        assert not left_out & expected
    with_one_more = imgsim("matches", folder, "-m", "all", "-m", "phash:size=16", "-f", "json")
    names = [m["name"] for m in valid(with_one_more.stdout)["methods"]]
    assert set(names) == {*expected, "phash:size=16"}
    assert names[-1] == "phash:size=16"


def test_all_on_a_page_and_in_a_montage(imgsim, demo, tmp_path: Path) -> None:
    folder = demo[0] / "phone"  # some of the pictures, as every method ranks them
    query = folder / "IMG_0005.png"
    for arguments in (("matches", folder), ("search", query, "--in", folder)):
        page, sheet = (tmp_path / f"{arguments[0]}.{ending}" for ending in ("html", "png"))
        done = imgsim(*arguments, "-m", "all", "-f", "html", "-o", page, "--montage", sheet)
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
        text = page.read_text(encoding="utf-8")
        assert all(name in text for name in _every_ranking_method())
        with Image.open(sheet) as drawn:
            assert len(drawn.getcolors(1 << 24)) > 1000


def test_all_of_the_library_stands_for_every_method_too(demo, threads) -> None:
    ranking = matches(demo[0] / "scans", ["all", "auto"], options=threads)
    assert {m.comparator.name for m in ranking.methods} == _every_ranking_method()
    assert len(ranking.methods) == len(_every_ranking_method())


def test_search_uses_what_is_known_of_the_folder(imgsim, demo, tmp_path: Path) -> None:
    folder, made = demo
    query = tmp_path / "query.png"
    with Image.open(folder / made.groups[3][0]) as image:
        image.resize((300, 225)).save(query)
    first = imgsim("search", query, "--in", folder, "-f", "json", "-m", "phash")
    second = imgsim("search", query, "--in", folder, "-f", "json", "-m", "phash")
    assert "(0 decoded)" in second.stderr
    (answer,) = valid(first.stdout)["methods"][0]["queries"]
    names = {Path(m["path"]).relative_to(folder).as_posix() for m in answer["matches"][:2]}
    assert names == set(made.groups[3])
    itself = folder / made.groups[3][0]
    inside = valid(imgsim("search", itself, "--in", folder, "-f", "json").stdout)
    (asked,) = inside["methods"][0]["queries"]
    assert str(itself) not in {m["path"] for m in asked["matches"]}
    assert len(asked["matches"]) == 3
    link = tmp_path / "link.jpg"
    link.symlink_to(itself)
    linked = valid(imgsim("search", link, "--in", folder, "-f", "json").stdout)
    assert linked["methods"][0]["queries"][0]["matches"] == asked["matches"]
    assert imgsim("search", folder / made.broken[0], "--in", folder).returncode == 2
    assert imgsim("search", query, "--in", tmp_path / "nowhere").returncode == 2


def test_compare_is_a_table_and_a_document(imgsim, demo) -> None:
    folder, made = demo
    left, right = (folder / name for name in made.groups[1])
    document = valid(imgsim("compare", left, right, *METHODS, "-f", "json").stdout)
    by_name = {m["name"]: m for m in document["methods"]}
    assert by_name["phash"]["duplicate"]
    assert by_name["euclidean"]["remark"].startswith("MSE ")
    assert by_name["phash"]["role"] is None
    (alike,) = valid(imgsim("compare", left, right, "-m", "auto", "-f", "json").stdout)["methods"]
    copies = imgsim("known", right, "--in", left, "-f", "json").stdout
    (match,) = valid(copies)["answers"][0]["matches"]
    for name in ("kind", "role", "changes", "why", "transform"):
        assert alike[name] == match[name]
    assert match["role"]
    told = imgsim("compare", left, right, "-m", "auto").stdout
    assert "\nthe second is to the first: copy" in told
    auto = imgsim("compare", folder / made.groups[2][0], right, "-m", "auto")
    assert "no match    0.0%  no " in auto.stdout
    assert "they show nothing alike that could be laid upon each other\n" in auto.stdout
    text = imgsim("compare", left.name, folder / right, *METHODS, cwd=left.parent).stdout
    assert "MSE" in text
    assert imgsim("compare", left, folder / made.broken[0]).returncode == 2


def test_the_classic_example(imgsim, tmp_path: Path, photo) -> None:
    """A brightened copy is farther than another picture by MSE, and nearer by SSIM."""
    grey, other = (np.asarray(photo(seed).convert("L")) // 2 for seed in (3, 5))
    for name, pixels in (("a", grey), ("brighter", grey + 100), ("other", other)):
        Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / f"{name}.png")

    def scores(name: str) -> dict[str, float]:
        done = imgsim("compare", tmp_path / "a.png", tmp_path / name, *METHODS, "-f", "json")
        methods = {m["name"]: m for m in valid(done.stdout)["methods"]}
        mse = float(methods["euclidean"]["remark"].removeprefix("MSE "))
        return {"mse": mse, "ssim": methods["ssim"]["score"]}

    brighter, different = scores("brighter.png"), scores("other.png")
    assert brighter["mse"] > different["mse"]
    assert brighter["ssim"] > different["ssim"]


@pytest.fixture(scope="module")
def server(demo) -> Iterator[str]:
    picture = (demo[0] / demo[1].groups[2][0]).read_bytes()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            port = self.server.server_address[1]
            moves = {
                "/moved.jpg": "/picture.jpg",
                "/private.jpg": "http://10.1.2.3/picture.jpg",
                "/other-port.jpg": f"http://127.0.0.1:{port + 1}/picture.jpg",
                "/file.jpg": "file:///etc/passwd",
                "/loop.jpg": "/loop.jpg",
            }
            if self.path in moves:
                self.send_response(302)
                self.send_header("Location", moves[self.path])
                self.end_headers()
                return
            if self.path == "/short.jpg":
                self.send_response(200)
                self.send_header("Content-Length", "1000")
                self.end_headers()
                self.wfile.write(b"only this")
                return
            body = {"/picture.jpg": picture, "/page.html": b"<html>hello</html>"}.get(self.path)
            self.send_response(200 if body else 404)
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *arguments: object) -> None: ...

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{running.server_address[1]}"
    running.shutdown()
    running.server_close()


def test_search_by_url(imgsim, demo, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, made = demo
    monkeypatch.setenv("no_proxy", "*")
    for name in ("picture.jpg", "moved.jpg"):
        done = imgsim("search", f"{server}/{name}", "--in", folder, "-f", "json")
        (query,) = valid(done.stdout)["methods"][0]["queries"]
        assert query["path"] == f"{server}/{name}"
        assert query["matches"][0]["path"] == str(folder / made.groups[2][0])
    page = imgsim("search", f"{server}/page.html", "--in", folder)
    assert page.returncode == 2
    assert "no image format" in page.stderr


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("missing.jpg", "404"),
        ("private.jpg", "private address 10.1.2.3"),
        ("other-port.jpg", "private address 127.0.0.1"),
        ("file.jpg", "file"),
        ("loop.jpg", "infinite loop|redirect"),
        ("short.jpg", "ended early"),
        ("a b.jpg", "404"),
        ("ü.jpg", "404"),
    ],
)
def test_urls_that_lead_nowhere_good(
    name: str, reason: str, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "*")
    with pytest.raises(UnreadableImage, match=reason):
        query_url(f"{server}/{name}")


def test_a_url_that_never_ends_has_a_limit_for_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    ended = threading.Event()

    def trickle(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        with connection:
            connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n")
            while not ended.wait(0.02):
                connection.sendall(b".")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=trickle, args=(listening,))
        thread.start()
        with pytest.raises(UnreadableImage, match="it took more than"):
            query_url(f"http://127.0.0.1:{listening.getsockname()[1]}/a.jpg", total_seconds=0.2)
        ended.set()
        thread.join()


def test_a_url_with_too_much_behind_it(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    with pytest.raises(UnreadableImage, match="more than 100 bytes"):
        query_url(f"{server}/picture.jpg", max_bytes=100)
