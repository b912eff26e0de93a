"""A review of a small folder, asked as the page asks it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from starlette.testclient import TestClient

from imgsim import Decisions, RunOptions
from imgsim.cli.plans import read_plan_file
from imgsim.pictures.generate import landscape
from imgsim.review.acting import Acting
from imgsim.review.answers import Answers
from imgsim.review.image_service import ImageService
from imgsim.review.server import Guard, make_app
from imgsim.review.session import Session
from imgsim.review.sources import FolderSource, PlanSource, Search, Source
from imgsim.review.writers import Writers

PORT = 8123
ORIGIN = f"http://127.0.0.1:{PORT}"


@dataclass
class Review:
    """A review, and a browser that has opened it."""

    session: Session
    acting: Acting
    images: ImageService
    guard: Guard
    client: TestClient
    tab: str = "one"
    pictures: dict[str, str] = field(default_factory=dict)

    def open(self) -> None:
        assert self.client.get(f"/?token={self.guard.token}").status_code == 200

    def get(self, path: str, tab: str = "") -> Any:
        reply = self.client.get(path, headers={"x-imgsim-tab": tab or self.tab})
        assert reply.status_code == 200, reply.text
        return reply.json()

    def ask(self, path: str, document: Any = None, tab: str = "", **headers: str) -> Any:
        own = {"x-imgsim-tab": tab or self.tab, "origin": ORIGIN}
        if path == "/api/answer":  # of what is shown now
            document = {"revision": self.session.revision} | (document or {})
        return self.client.post(path, json=document or {}, headers=own | headers)

    def post(self, path: str, document: Any = None, tab: str = "") -> Any:
        reply = self.ask(path, document, tab)
        assert reply.status_code == 200, reply.text
        return reply.json()

    def wait(self, *, settled: bool = True) -> dict[str, Any]:
        """The state once all is read, and compared with what is kept."""
        until = time.monotonic() + 60
        while time.monotonic() < until:
            state = self.get("/api/state")
            assert state["phase"] != "failed", state
            if state["phase"] == "ready" and not (settled and state["settling"]):
                return dict(state)
            time.sleep(0.02)
        raise AssertionError("it does not get ready")

    def groups(self) -> list[dict[str, Any]]:
        return list(self.get("/api/groups")["groups"])

    def group(self, name: str) -> dict[str, Any]:
        """The details of the group with a file of this name."""
        for entry in self.groups():
            details = self.get(f"/api/groups/{entry['id']}")
            if any(file["name"] == name for file in details["files"]):
                return dict(details)
        raise AssertionError(name)

    def answer(self, name: str, answer: str | None, keep: str | None = None) -> Any:
        group = self.group(name)
        ids = {file["name"]: file["id"] for file in group["files"]}
        document = {"groups": [group["id"]], "answer": answer, "keep": keep and ids[keep]}
        return self.post("/api/answer", document)

    def rule(self, document: Any) -> Any:
        """Answer the groups of a rule, as its preview says."""
        basis = self.post("/api/rules/preview", document)["preview"]["basis"]
        return self.post("/api/rules/apply", document | {"basis": basis})


def names(group: dict[str, Any]) -> list[str]:
    """The files of a group, the kept one first; those that may go in capitals."""
    return [f["name"].upper() if f["removable"] else f["name"] for f in group["files"]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pictures, each with a smaller one, and the first twice."""
    folder = tmp_path_factory.mktemp("made") / "photos"
    for name in ("camera", "phone"):
        (folder / name).mkdir(parents=True)
    for number in (1, 2):
        picture = Image.fromarray(landscape(62 + number, 400, 300))
        picture.save(folder / f"camera/a{number}.jpg", quality=94)
        with Image.open(folder / f"camera/a{number}.jpg") as saved:
            small = saved.resize((200, 150), Image.Resampling.BICUBIC)
        small.save(folder / f"phone/small{number}.jpg", quality=85)
    shutil.copy(folder / "camera/a1.jpg", folder / "phone/copy1.jpg")
    Image.fromarray(landscape(70, 400, 300)).save(folder / "camera/alone.jpg", quality=90)
    return folder


@pytest.fixture
def photos(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "photos"
    shutil.copytree(made, folder)
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.fixture
def decisions(tmp_path: Path) -> Decisions:
    return Decisions(tmp_path / "decisions.jsonl")


Begin = Callable[..., Review]


@pytest.fixture
def begin(decisions: Decisions, tmp_path: Path) -> Iterator[Begin]:
    """Starts reviews, and ends them."""
    begun: list[Review] = []
    options = RunOptions(executor="threads", jobs=1, cache=tmp_path / "cache.sqlite")

    def start(
        path: Path,
        *,
        wait: bool = True,
        plan: Path | None = None,
        more: Sequence[Path] = (),
        decisions: Decisions = decisions,
        **search: Any,
    ) -> Review:
        how = Search("auto", {"keep": "original", **search})
        source: Source
        if path.suffix == ".json":
            source = PlanSource(str(path), read_plan_file(str(path)), options, how)
        else:
            source = FolderSource([str(path), *map(str, more)], how, options)
        session = Session(source, Answers(decisions), options, Writers())
        acting, images = Acting(session, plan), ImageService(options)
        guard = Guard(PORT)
        client = TestClient(make_app(session, acting, images, guard), base_url=ORIGIN)
        review = Review(session, acting, images, guard, client)
        begun.append(review)
        review.open()
        if wait:
            session.start()
            review.wait()
        return review

    yield start
    for review in begun:
        review.session.end()
        review.acting.join()
        review.images.close()
        review.session.join(10)
        review.client.close()


@pytest.fixture
def review(photos: Path, begin: Begin) -> Review:
    return begin(photos)
