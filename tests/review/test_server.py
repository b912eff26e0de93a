"""Who may ask the server, and what it shows of hostile files."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from tests.review.conftest import ORIGIN, PORT, Begin, Review, names


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory, made: Path) -> Path:
    """Copies with names that are markup, turn text round or are no text; and a damaged copy."""
    folder = tmp_path_factory.mktemp("odd") / "<b>pictures"
    folder.mkdir()
    data = (made / "camera/a1.jpg").read_bytes()
    for name in (b"<img src=x onerror=alert(1)>.jpg", "\u202egpj.exe.jpg".encode(), b"\xff\n.jpg"):
        (folder / name.decode("utf-8", "surrogateescape")).write_bytes(data)
    (folder / "broken.jpg").write_bytes(data[: len(data) * 3 // 4])
    return folder


def test_only_the_page_may_ask(review: Review) -> None:
    client, guard = review.client, review.guard
    headers = client.get("/").headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    cookie = dict(client.cookies)
    client.cookies.clear()
    for path in ("/", "/api/state", "/api/image/f1", "/static/index.html"):
        assert client.get(path).status_code == 403
    assert client.get("/?token=").status_code == 403
    assert client.get("/?token=guessed").status_code == 403
    fresh = guard.renew()
    reply = client.get(fresh.removeprefix(f"http://127.0.0.1:{PORT}"), follow_redirects=False)
    assert reply.status_code == 303
    assert "HttpOnly" in reply.headers["set-cookie"]
    assert "SameSite=strict" in reply.headers["set-cookie"]
    client.cookies.clear()
    assert client.get(fresh.removeprefix(f"http://127.0.0.1:{PORT}")).status_code == 403  # once
    client.cookies.update(cookie)
    assert client.get("/api/state").status_code == 200

    assert client.get("/api/state", headers={"host": "evil.example"}).status_code == 400
    assert client.get("/api/state", headers={"host": "localhost:1"}).status_code == 400
    assert client.get("/api/state", headers={"origin": "http://evil.example"}).status_code == 403
    cross = {"sec-fetch-site": "cross-site"}
    assert client.get("/api/image/f1", headers=cross).status_code == 403
    assert review.ask("/api/answer", origin="null").status_code == 403
    assert client.post("/api/end", json={}).status_code == 403  # says not where it is from
    plain = {"origin": ORIGIN, "content-type": "text/plain"}
    assert client.post("/api/end", content="{}", headers=plain).status_code == 415
    wrong = {"origin": ORIGIN, "content-type": "application/json", "x-imgsim-tab": "one"}
    for content in (b"[1]", b"\xff", b"[" * 100_000, b'{"groups": "x", "answer": "keep"}'):
        assert client.post("/api/answer", content=content, headers=wrong).status_code == 400
    assert not review.session.ended.is_set()


def test_only_pictures_of_the_review_are_shown(review: Review, photos: Path) -> None:
    file = review.group("a1.jpg")["files"][2]
    group = review.group("a1.jpg")["id"]
    reply = review.client.get(f"/api/image/{file['id']}?side=160")
    assert reply.headers["content-type"] == "image/jpeg"
    assert reply.content != (photos / "phone/small1.jpg").read_bytes()
    assert Image.open(io.BytesIO(reply.content)).size == (160, 120)
    crop = f"/api/crop/{file['id']}?x=0.5&y=0&width=0.25&height=0.5&zoom=1"
    assert Image.open(io.BytesIO(review.client.get(crop).content)).size == (50, 75)
    for kind in ("aligned", "difference"):
        made = review.client.get(f"/api/{kind}/{group}/{file['id']}?side=320").content
        assert Image.open(io.BytesIO(made)).size == (320, 240)
    for path in ("f999", "..%2f..%2fetc%2fpasswd", "camera/a1.jpg"):
        assert review.client.get(f"/api/image/{path}").status_code == 404
    assert review.client.get(f"/api/image/{file['id']}?side=99999").status_code == 400
    for path in (
        "../server.py",
        "%2e%2e/server.py",
        "..%2fserver.py",
        "nothing.js",
        "app.js%00",
        "",
    ):
        assert review.client.get(f"/static/{path}").status_code == 404
    assert review.client.get("/api/groups/9-9").status_code == 404
    (photos / "phone/small1.jpg").write_bytes(b"something else")
    reply = review.client.get(f"/api/image/{file['id']}?side=320")
    assert reply.headers["x-imgsim-placeholder"] == "1"


def test_names_are_text_and_damaged_files_are_shown(
    odd: Path, begin: Begin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    review = begin(odd)
    group = review.get(f"/api/groups/{review.groups()[0]['id']}")
    shown = [file["name"] for file in group["files"]]
    assert "<img src=x onerror=alert(1)>.jpg" in shown
    assert "\\u202egpj.exe.jpg" in shown
    assert "\\xff\\n.jpg" in shown
    assert all(name.isprintable() for name in shown)
    broken = next(file for file in group["files"] if file["name"] == "broken.jpg")
    assert broken["damage"]
    assert "broken.jpg" in names(group)  # not removable
    assert review.client.get(f"/api/image/{broken['id']}").status_code == 200
    refused = {"groups": [group["id"]], "answer": "keep", "keep": broken["id"]}
    assert review.ask("/api/answer", refused).status_code == 409
    review.post("/api/answer", {"groups": [group["id"]], "answer": "keep"})
    assert review.post("/api/plan")["removals"] == 2


def test_one_tab_decides_and_another_takes_over(review: Review) -> None:
    group = review.group("a1.jpg")["id"]
    document = {"groups": [group], "answer": "keep"}
    assert not review.get("/api/state", tab="two")["writer"]
    assert review.ask("/api/answer", document, tab="two").status_code == 409
    assert review.ask("/api/end", tab="two").status_code == 409
    assert review.post("/api/take-over", tab="two")["state"]["writer"]
    review.post("/api/answer", document, tab="two")
    assert review.ask("/api/answer", document).status_code == 409
    review.post("/api/leave", tab="two")
    assert review.get("/api/state")["writer"]  # the other one has closed
    review.post("/api/end")
    assert review.session.ended.is_set()
