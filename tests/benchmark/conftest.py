"""The pictures that tests of benchmarks share, and a run on them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image

from imgsim import RunOptions
from imgsim.benchmark.results import Bench
from imgsim.benchmark.runner import Plan, bench
from imgsim.comparators import registry
from imgsim.dataset.layouts import load_labelled
from imgsim.pictures.generate import landscape

METHODS = [registry.parse(spec) for spec in ("phash", "euclidean", "ssim")]


@pytest.fixture(scope="package")
def places(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """5 places, 4 sizes each; and a file that is no image."""
    folder = tmp_path_factory.mktemp("places")
    for number in range(5):
        (folder / f"{number}").mkdir()
        image = Image.fromarray(landscape(number, 160, 120))
        for size in (160, 120, 100, 80):
            image.resize((size, size * 3 // 4)).save(folder / f"{number}" / f"{size}.jpg")
    (folder / "0" / os.fsdecode(b"br\xffken.jpg")).write_bytes(b"\xff\xd8\xff no image")
    return folder


@pytest.fixture
def options() -> RunOptions:
    return RunOptions(executor="threads", jobs=1)


@pytest.fixture(scope="package")
def measured(places: Path) -> Bench:
    options = RunOptions(executor="threads", jobs=1)
    plan = Plan(experiments=("methods", "resilience"), changed_images=3)
    return bench(load_labelled(places), METHODS, plan, options=options)
