"""imgsim review as it is run: what it says, how it ends, and a second one beside it."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

Start = Callable[..., "Running"]


class Running:
    """A review in a process of its own."""

    def __init__(self, *arguments: object) -> None:
        command = [sys.executable, "-m", "imgsim", "review", *map(str, arguments)]
        options = ["--no-browser", "--executor", "threads", "-j", "1"]
        self.process = subprocess.Popen(
            [*command, *options], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        self.said: list[str] = []

    def line(self, pattern: str) -> re.Match[str]:
        assert self.process.stderr
        late = threading.Timer(120, self.process.kill)
        late.start()
        try:
            for line in self.process.stderr:
                self.said.append(line)
                if found := re.search(pattern, line):
                    return found
        finally:
            late.cancel()
        raise AssertionError("".join(self.said))

    def open(self) -> None:
        found = self.line(r"http://127\.0\.0\.1:(\d+)(/\?token=\S+)")
        self.port = int(found[1])
        with self.connected("GET", found[2]) as reply:
            self.cookie = reply.getheader("set-cookie", "").split(";")[0]

    @contextmanager
    def connected(
        self, method: str, path: str, document: Any = None
    ) -> Iterator[http.client.HTTPResponse]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        origin = f"http://127.0.0.1:{self.port}"
        headers = {"Cookie": getattr(self, "cookie", ""), "X-Imgsim-Tab": "one", "Origin": origin}
        data = None if method == "GET" else json.dumps(document or {})
        try:
            connection.request(method, path, data, headers | {"Content-Type": "application/json"})
            with connection.getresponse() as reply:
                yield reply
        finally:
            connection.close()

    def json(self, method: str, path: str, document: Any = None, status: int = 200) -> Any:
        with self.connected(method, path, document) as reply:
            assert reply.status == status
            return json.loads(reply.read())

    def ends_with(self) -> int:
        assert self.process.stderr
        code = self.process.wait(30)
        self.said += self.process.stderr.readlines()
        return code


@pytest.fixture
def start() -> Iterator[Start]:
    running: list[Running] = []

    def begin(*arguments: object) -> Running:
        running.append(Running(*arguments))
        return running[-1]

    yield begin
    for one in running:
        one.process.kill()
        one.process.wait()
        assert one.process.stderr
        one.process.stderr.close()


def test_a_review_runs_beside_another_one_and_ends(photos: Path, start: Start) -> None:
    first = start(photos)
    first.open()
    with first.connected("GET", "/api/events?tab=one") as events:
        assert events.readline() == b"event: state\n"
        assert json.loads(events.readline().removeprefix(b"data: "))["writer"]
        first.line("6 images, 2 groups of duplicates")
        second = start(photos)
        second.open()
        state = second.json("GET", "/api/state")
        assert (state["writer"], "another review" in state["warnings"][0]) == (False, True)
        second.line("groups of duplicates")
        there = second.json("GET", "/api/groups")
        group, revision = there["groups"][0]["id"], there["revision"]
        document = {"groups": [group], "answer": "keep", "revision": revision}
        second.json("POST", "/api/answer", document, 409)
        assert second.json("POST", "/api/take-over")["state"]["writer"]
        second.json("POST", "/api/answer", document)
        taken = start(photos, "--port", second.port)
        assert taken.ends_with() == 2
        assert "cannot listen on port" in taken.said[0]
        second.json("POST", "/api/end")
        assert second.ends_with() == 0
        assert "1 of 2 groups decided" in second.said[-1]
        first.process.send_signal(signal.SIGINT)
        assert events.read().endswith(b"event: ended\ndata: {}\n\n")
    assert first.ends_with() == 130
    stored = Path(os.environ["IMGSIM_DECISIONS"])
    assert [path.name for path in stored.parent.glob(f"{stored.name}-review*")] == []
    assert not any("Traceback" in line for line in first.said + second.said)


def test_what_cannot_be_reviewed_is_said(tmp_path: Path, start: Start) -> None:
    (tmp_path / "plan.json").write_text('{"schema": "imgsim.plan/9"}')
    wrong = start(tmp_path / "plan.json")
    assert wrong.ends_with() == 2
    assert "no plan of the schema" in wrong.said[0]
    assert len(wrong.said) == 2
    (tmp_path / "empty").mkdir()
    empty = start(tmp_path / "empty")
    empty.open()
    empty.line("0 images, 0 groups")
    assert empty.json("GET", "/api/state")["phase"] == "ready"
    assert os.kill(empty.process.pid, signal.SIGTERM) is None
    assert empty.ends_with() == 143
