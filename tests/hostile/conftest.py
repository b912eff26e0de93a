"""What benchmarks/faults.py does at length, done shortly."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

_OWN = "HOSTILE_TESTS_IN_A_FRESH_PROCESS"


@pytest.fixture(autouse=True)
def _harness(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "benchmarks")


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a test marked `forks` in a process of its own.

    Threads do not go along into a forked process, and what they hold stays locked in it; one that
    runs tests has threads of networks and other libraries.
    """
    if pyfuncitem.get_closest_marker("forks") is None or _OWN in os.environ:
        return None
    if not hasattr(os, "fork"):
        pytest.skip("damaged files are read in forked processes, which this system has not")
    program = "import cv2, pytest, sys; cv2.setNumThreads(1); sys.exit(pytest.main(sys.argv[1:]))"
    options = ["-q", "-n", "0", "-p", "no:cacheprovider", pyfuncitem.nodeid]
    done = subprocess.run(
        [sys.executable, "-c", program, *options],
        cwd=pyfuncitem.config.rootpath,
        env=os.environ | {_OWN: "1", "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return True
