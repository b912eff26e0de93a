"""The examples in the docstrings of public functions run, and give what they print."""

from __future__ import annotations

import doctest
import inspect
import shutil
from pathlib import Path

import pytest

import imgsim
from imgsim.cli.main import main

FUNCTIONS = [name for name in imgsim.__all__ if inspect.isfunction(getattr(imgsim, name))]
CLASSES = ["Index"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the examples name."""
    base = tmp_path_factory.mktemp("examples")
    assert main(["demo", str(base / "pictures"), "-q"]) == 0
    camera, phone = base / "pictures" / "camera", base / "pictures" / "phone"
    photos, new = base / "photos", base / "new"
    photos.mkdir()
    new.mkdir()
    for i in (1, 2, 3):
        shutil.copy(camera / f"IMG_000{i}.jpg", photos)
    shutil.copy(camera / "IMG_0001.jpg", photos / "IMG_0001 copy.jpg")
    shutil.copy(phone / "IMG_0002 small.jpg", photos)
    shutil.copy(phone / "IMG_0002 small.jpg", new)
    shutil.copy(camera / "IMG_0005.jpg", new)
    for copy in sorted(phone.glob("IMG_*")):
        subject = base / "shop" / copy.name[: len("IMG_0001")]
        subject.mkdir(parents=True)
        shutil.copy(copy, subject / f"copy{copy.suffix}")
        shutil.copy(camera / f"{subject.name}.jpg", subject / "original.jpg")
    (base / "table.csv").write_text(
        "path,split\nphotos/IMG_0001.jpg,train\nnew/IMG_0005.jpg,valid\n"
    )
    return base


def test_the_examples_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("IMGSIM_RUNS", str(folder / "runs"))
    assert main("features photos -o photos.npz -q".split()) == 0
    assert main("find-dupes photos --plan plan.json -o groups.txt -q".split()) == 0
    assert main("calibrate shop -m phash --target-precision 0.9 -o mine.json -q".split()) == 0
    (folder / "groups.txt").unlink()
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    without = []
    for name in [*FUNCTIONS, *CLASSES]:
        text = inspect.getdoc(getattr(imgsim, name)) or ""
        test = doctest.DocTestParser().get_doctest(text, {}, name, None, None)
        if not test.examples:
            without.append(name)
        runner.run(test)
    assert without == []
    assert runner.summarize(verbose=False).failed == 0
