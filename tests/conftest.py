"""Pictures and folders that the tests share."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # there is a worker for every core: more would spin

import numpy as np
import pytest
from PIL import Image

from imgsim import RunOptions
from imgsim.pictures.generate import Demo, landscape, write_demo
from tests.program import Program

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # as a shell leaves it to what runs in the background; the programs under test inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """All tests run on all cores, some of them in this process, which starts sooner."""
    return None if config.args == config.getini("testpaths") else 0


SHARED = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the user's cache, decisions, runs, configuration or options."""
    for name in [name for name in os.environ if name.startswith("IMGSIM_")]:
        monkeypatch.delenv(name)
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("IMGSIM_CACHE", str(folder / "cache.sqlite"))
    monkeypatch.setenv("IMGSIM_DECISIONS", str(folder / "decisions.jsonl"))
    monkeypatch.setenv("IMGSIM_RUNS", str(folder / "runs"))


@pytest.fixture(scope="session")
def shared() -> Callable[[str], Path]:
    """A folder of real images, or a skip that says which is missing."""

    def find(name: str) -> Path:
        folder = SHARED / name
        if not folder.exists():
            pytest.skip(f"needs the real images in {folder}")
        return folder

    return find


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Demo]:
    """The folder that ``imgsim demo`` writes; not to be changed."""
    folder = tmp_path_factory.mktemp("demo") / "pictures"
    return folder, write_demo(folder)


@pytest.fixture
def threads() -> RunOptions:
    """No cache and no start-up of workers."""
    return RunOptions(executor="threads")


@pytest.fixture(scope="session")
def photo() -> Callable[[int], Image.Image]:
    """A small picture; another seed, another picture."""
    return lambda seed: Image.fromarray(landscape(seed, 160, 120))


def random_images(rng: np.random.Generator, n: int, height: int, width: int, channels: int):
    """Smooth random images, so that resizing and hashing find structure."""
    coarse = rng.integers(0, 256, (n, 6, 6, channels), np.uint8)
    images = [
        np.asarray(Image.fromarray(c.squeeze()).resize((width, height), Image.Resampling.BICUBIC))
        for c in coarse
    ]
    return np.stack(images).reshape(n, height, width, channels)


@pytest.fixture(scope="session")
def _program() -> Iterator[Program]:
    with closing(Program()) as program:
        yield program


@pytest.fixture
def imgsim(_program: Program) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the program as a user does."""

    def run(
        *arguments: str | Path, cwd: Path | None = None, stdin: bytes | None = None
    ) -> subprocess.CompletedProcess[str]:
        done = _program.run([*map(str, arguments)], cwd, stdin)
        return subprocess.CompletedProcess(
            done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
        )

    return run
