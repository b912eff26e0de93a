"""The server of the review page over many groups: seconds until there is a picture, and memory.

    python benchmarks/review_server.py FOLDER [--groups 10000] [--runs 5]

FOLDER must not exist: names of twenty pictures are made there, two or three to a group. Reading and
searching apart: the groups are known beforehand. Each run is a process of its own, asked over HTTP
as the page asks. Result file review-server.json.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from record import machine, write

PICTURES = 20


def main() -> None:
    """Make the files, and measure each run in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--groups", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(run(given.folder, given.groups)))
        return
    make_files(given.folder, given.groups)
    command = [sys.executable, __file__, str(given.folder), "--groups", str(given.groups), "--one"]
    runs: list[dict[str, float]] = []
    try:
        for _ in range(given.runs):
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            runs.append(json.loads(done.stdout))
            print(runs[-1], flush=True)
    finally:
        shutil.rmtree(given.folder)
    medians = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
    named = f"python benchmarks/review_server.py FOLDER --groups {given.groups}"
    figures = {"groups": given.groups, "medians": medians, "runs": runs}
    print(write("review-server", {**machine(named), **figures}))


def make_files(folder: Path, groups: int) -> None:
    """Make pictures, and names of them for each group."""
    from PIL import Image

    from imgsim.pictures.generate import landscape

    for name in ("made", "camera", "phone"):
        (folder / name).mkdir(parents=True)
    for number in range(PICTURES):
        picture = Image.fromarray(landscape(number, 1600, 1200))
        picture.save(folder / f"made/{number}.jpg", quality=90)
    for number in range(groups):
        for path in paths_of(folder, number):
            os.link(folder / f"made/{number % PICTURES}.jpg", path)


def paths_of(folder: Path, group: int) -> list[Path]:
    """The files of a group."""
    names = [f"IMG_{group:05d}_{place}.jpg" for place in range(2 + group % 2)]
    return [folder / ("phone" if place else "camera") / name for place, name in enumerate(names)]


class Known:
    """A source of groups that are known."""

    kind, title, paths = "folders", "made", ("made",)

    def __init__(self, folder: Path, groups: int) -> None:
        self._folder, self._groups = folder, groups

    def find(self, progress: Any) -> Iterator[Any]:
        """Yield all groups at once."""
        from imgsim.decode.metadata import Metadata
        from imgsim.review.model import Found
        from imgsim.types import Group, ImageFacts, ImageFile, Member, Picture

        facts = ImageFacts(1600, 1200, "JPEG", False, False, 1, 63, None)
        metadata = {}
        groups = []
        for number in range(self._groups):
            members = []
            for place, path in enumerate(paths_of(self._folder, number)):
                status = os.stat(path)
                digest = hashlib.sha256(f"{number} {place}".encode()).hexdigest()
                file = ImageFile(
                    str(path), status.st_size, status.st_mtime_ns, str(self._folder),
                    ctime_ns=status.st_ctime_ns, inode=status.st_ino,
                )  # fmt: skip
                picture = Picture(file, digest, facts, settled=True)
                metadata[digest] = Metadata("2020-01-02T03:04:05", "Canon", "EOS 80D")
                role = (
                    ("near", 0.2, None, "smaller", (), "fewer pixels") if place else ("kept", None)
                )
                members.append(Member(picture, *role))  # type: ignore[arg-type]
            groups.append(Group(tuple(members), "oldest", "original"))
        yield Found(tuple(groups), metadata, 2 * self._groups, 0)


def run(folder: Path, groups: int) -> dict[str, float]:
    """Serve the groups, and ask as the page does."""
    from imgsim import Decisions, RunOptions
    from imgsim.review.acting import Acting
    from imgsim.review.answers import Answers
    from imgsim.review.image_service import ImageService
    from imgsim.review.serve import open_socket, serve
    from imgsim.review.session import Session
    from imgsim.review.writers import Writers

    options = RunOptions()
    session = Session(Known(folder, groups), Answers(Decisions()), options, Writers())  # type: ignore[arg-type]
    images = ImageService(options)
    listening = open_socket(0)
    port = listening.getsockname()[1]
    said: list[str] = []
    serving = threading.Thread(
        target=lambda: serve(
            session, Acting(session), images, listening, browser=False, say=said.append
        )
    )
    serving.start()
    while session.phase != "ready" or not said:
        time.sleep(0.01)
    connection = http.client.HTTPConnection("127.0.0.1", port)
    headers = {"X-Imgsim-Tab": "one", "Origin": f"http://127.0.0.1:{port}"}

    def ask(path: str, document: Any = None) -> Any:
        data = None if document is None else json.dumps(document)
        kind = {"Content-Type": "application/json"}
        connection.request("GET" if data is None else "POST", path, data, headers | kind)
        reply = connection.getresponse()
        body = reply.read()
        if cookie := reply.getheader("set-cookie"):
            headers["Cookie"] = cookie.split(";")[0]
        assert reply.status < 400, body
        return body if not body.startswith(b"{") else json.loads(body)

    figures: dict[str, float] = {}

    def measured(name: str, path: str, document: Any = None) -> Any:
        started = time.perf_counter()
        answer = ask(path, document)
        figures[name] = round(time.perf_counter() - started, 4)
        return answer

    started = time.perf_counter()
    ask(said[0].split(str(port))[1])
    page = measured("list_seconds", "/api/groups")
    first = page["groups"][0]["id"]
    details = measured("group_seconds", f"/api/groups/{first}")
    ask(f"/api/image/{details['files'][0]['id']}?side=640")
    figures["first_picture_seconds"] = round(time.perf_counter() - started, 3)
    ids = [entry["kept"] for entry in page["groups"][1:201]]
    started = time.perf_counter()
    for one in ids:
        ask(f"/api/image/{one}?side=320")
    figures["next_picture_seconds"] = round((time.perf_counter() - started) / len(ids), 4)
    answer = {"groups": [first], "answer": "keep", "revision": details["revision"]}
    measured("answer_seconds", "/api/answer", answer)
    rule = {"rule": {"by": "role", "roles": ["smaller"]}, "answer": "keep"}
    preview = measured("preview_seconds", "/api/rules/preview", rule)["preview"]
    rule["basis"] = preview["basis"]
    measured("rule_seconds", "/api/rules/apply", rule)
    measured("take_back_seconds", "/api/take-back", {})
    figures["server_mib"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    session.end()
    serving.join()
    workers = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    figures["largest_worker_mib"] = round(workers)
    return figures


if __name__ == "__main__":
    main()
