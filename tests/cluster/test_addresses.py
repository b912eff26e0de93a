"""A cluster that does not answer costs a limited time, and two lines."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from imgsim.pictures.generate import write_demo
from tests.cluster import needs_engines, python

pytestmark = needs_engines


def refusal(folder: Path, address: str) -> list[str]:
    """What is said where no cluster is."""
    done = python(
        "-c",
        "import sys; import imgsim.executors.daft_engine as engine; engine.CONNECT_SECONDS = 4.0;"
        f"sys.argv = ['imgsim', 'find-dupes', {str(folder)!r}, '--executor', 'ray',"
        f" '--ray-address', {address!r}]; from imgsim.__main__ import run; run()",
    )
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    return [line for line in done.stderr.splitlines() if line.startswith(("imgsim", "  hint"))]


@pytest.mark.parametrize("scheme", ["", "ray://"])
def test_a_cluster_that_does_not_answer_ends_the_run(scheme: str, tmp_path: Path) -> None:
    write_demo(tmp_path / "pictures")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"{scheme}127.0.0.1:{silent.getsockname()[1]}"
        first, hint = refusal(tmp_path / "pictures", address)
        assert first.startswith(f"imgsim: error: no Ray cluster at {address}: ")
        assert "--ray-address" in hint
    first, hint = refusal(tmp_path / "pictures", address)  # nobody listens there any more
    assert first == f"imgsim: error: no Ray cluster at {address}: Connection refused"
