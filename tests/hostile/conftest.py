"""What benchmarks/faults.py does at length, done shortly."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest


@pytest.fixture(autouse=True)
def _harness(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    if not hasattr(os, "fork"):
        pytest.skip("damaged files are read in forked processes, which this system has not")
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "benchmarks")
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)  # threads do not go along into a forked process
    yield
    cv2.setNumThreads(threads)
