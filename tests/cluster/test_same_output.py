"""What find-dupes prints does not depend on the executor, files that end their workers included."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from imgsim.pictures.generate import landscape, write_demo
from tests.cluster import needs_engines, python

pytestmark = [
    needs_engines,
    pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's"),
]

EXECUTORS = "processes", "daft", "ray"


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with copies; of which one ends who reads it, and one who compares it."""
    folder = tmp_path_factory.mktemp("cluster")
    write_demo(folder / "pictures")
    for seed in range(30):
        photo = Image.fromarray(landscape(900 + seed, 320, 240))
        photo.save(folder / "pictures" / f"{seed:02}.png")
        photo.resize((240, 180)).save(folder / "pictures" / f"{seed:02}-small.jpg", quality=85)
    for name, seed in (("ends-reader", 950), ("ends-judge", 951)):
        photo = Image.fromarray(landscape(seed, 320, 240))
        photo.save(folder / "pictures" / f"{name}.jpg")
        photo.resize((240, 180)).save(folder / "pictures" / f"like-{name}.jpg")
    shutil.copy(
        Path(__file__).with_name("sitecustomize_of_workers.py"), folder / "sitecustomize.py"
    )
    return folder


def find_dupes(folder: Path, executor: str, *more: str) -> subprocess.CompletedProcess[str]:
    """Run it on the pictures of a folder, with what ends workers in place."""
    words = ["find-dupes", str(folder / "pictures"), "--executor", executor, "-j", "2"]
    return python(
        "-c",
        f"import sys; sys.path.append({str(folder)!r}); import os;"
        f"os.environ['PYTHONPATH'] = {str(folder)!r} + os.pathsep + os.environ['PYTHONPATH'];"
        f"sys.argv = ['imgsim', *{[*words, *more]!r}]; from imgsim.__main__ import run; run()",
        RAY_ADDRESS="192.0.2.1:6379",  # which is not heeded
    )


def test_the_output_is_the_same_bytes_in_every_executor(pictures: Path) -> None:
    told = {}
    for executor in EXECUTORS:
        output = pictures / f"{executor}.json"
        done = find_dupes(
            pictures, executor, "--cache", "off", "--format", "json", "--no-timing",
            "-o", str(output),
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert done.stdout == ""
        told[executor] = output.read_bytes()
    assert told["daft"] == told["processes"]
    assert told["ray"] == told["processes"]
    document = json.loads(told["processes"])
    skipped = {Path(one["path"]).name: one["reason"] for one in document["skipped"]}
    assert skipped["ends-reader.jpg"] == "its decoder crashed (exit code 7)"
    (lost,) = [one for one in document["not_compared"] if "ends-judge.jpg" in str(one)]
    assert lost["reason"] == "the worker that compared them was killed (SIGKILL)"
    found = {frozenset(Path(m["path"]).name for m in g["members"]) for g in document["groups"]}
    assert {frozenset({f"{i:02}.png", f"{i:02}-small.jpg"}) for i in range(30)} <= found


def test_what_an_engine_does_at_its_end_changes_no_exit_code(pictures: Path) -> None:
    done = python(
        "-c",
        "import atexit, os, sys; atexit.register(os.abort);"
        f"sys.argv = ['imgsim', 'find-dupes', {str(pictures / 'pictures')!r},"
        " '--executor', 'daft', '--check', '--format', 'json'];"
        "from imgsim.__main__ import run; run()",
    )
    assert done.returncode == 1, done.stderr
    assert json.loads(done.stdout)["groups"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_can_be_ended(tmp_path: Path, number: signal.Signals) -> None:
    """While a file hangs, whose worker ends too."""
    Image.fromarray(landscape(1, 64, 64)).save(tmp_path / "a.png")
    program = (
        "import sys; import imgsim.executors.processes as p;"
        "p._PROGRAM = 'import time; time.sleep(600)';"
        f"sys.argv = ['imgsim', 'find-dupes', {str(tmp_path)!r}, '--executor', 'daft'];"
        "from imgsim.__main__ import run; run()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
    ) as process:
        time.sleep(4)
        assert process.poll() is None
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert b"Traceback" not in said
