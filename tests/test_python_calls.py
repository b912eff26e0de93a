"""What the library says of arguments that make no sense: one clear error of its own, each."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import imgsim
from imgsim.schemas import names, schema


@pytest.fixture
def folder(tmp_path: Path, photo, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "x").mkdir()
    for seed in (1, 2):
        photo(seed).save(tmp_path / "x" / f"{seed}.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


class InBytes:
    """A path in bytes, which os.scandir gives for a folder in bytes."""

    def __fspath__(self) -> bytes:
        return b"x"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: imgsim.find_leaks("x"), "between two splits"),  # not x, of one letter
        (lambda: imgsim.find_leaks(Path("x")), "between two splits"),  # type: ignore[arg-type]
        (lambda: imgsim.find_leaks(3), "3 is no path"),  # type: ignore[arg-type]
        (lambda: imgsim.find_leaks(None), "None is no path"),  # type: ignore[arg-type]
        (lambda: imgsim.find_leaks({"a": 3, "b": "x"}), "3 is no path"),  # type: ignore[dict-item]
        (lambda: imgsim.search(None, "x", "phash"), "None is no path"),  # type: ignore[arg-type]
        (lambda: imgsim.search("x/1.png", None, "phash"), "None is no path"),  # type: ignore[arg-type]
        (lambda: imgsim.bench(None, "phash"), "None is no path"),  # type: ignore[arg-type]
        (lambda: imgsim.bench(3, "phash"), "3 is no path"),  # type: ignore[arg-type]
        (lambda: imgsim.known(None, "x"), "None is no path"),  # type: ignore[arg-type]
        (lambda: imgsim.known("x", "x", k="x"), "k='x' is no whole number"),  # type: ignore[arg-type]
        (lambda: imgsim.matches("x", "phash", k="x"), "k='x' is no whole number"),  # type: ignore[arg-type]
        (lambda: imgsim.search("x/1.png", "x", k=1.5), "k=1.5 is no whole number"),  # type: ignore[arg-type]
        (lambda: imgsim.calibrate("x", target_precision="a"), "'a' is no target"),  # type: ignore[arg-type]
        (lambda: imgsim.find_duplicates("x", options=3), "3 are no options"),  # type: ignore[arg-type]
        (lambda: imgsim.find_leaks(["x", "y"], options=3), "3 are no options"),  # type: ignore[arg-type]
        (lambda: imgsim.compare("x/1.png", "x/2.png", options=3), "3 are no options"),  # type: ignore[arg-type]
        (lambda: imgsim.Index.open(3), "3 is no path"),  # type: ignore[arg-type]
        (lambda: imgsim.Index.build(b"F", "x"), "is no path"),  # type: ignore[arg-type]
        (lambda: imgsim.find_duplicates("x", index="F"), "'F' is no index"),  # type: ignore[arg-type]
        (lambda: imgsim.known("x", "x", options=3), "3 are no options"),  # type: ignore[arg-type]
        (lambda: imgsim.find_leaks(["x", "y"], k="1"), "k='1'"),  # type: ignore[arg-type]
        (lambda: imgsim.find_duplicates(None), "None is no path"),  # type: ignore[arg-type]
        (lambda: imgsim.find_duplicates([InBytes()]), "path in bytes"),  # type: ignore[list-item]
        (lambda: imgsim.find_duplicates("x", 3), "3 is no method"),  # type: ignore[arg-type]
        (lambda: imgsim.find_duplicates("x", imgsim.Group), "is no method"),  # type: ignore[arg-type]
        (lambda: imgsim.find_duplicates("x", "phash", threshold="4"), "'4' is no threshold"),  # type: ignore[arg-type]
        (lambda: imgsim.find_duplicates("x", "phash", profile="p"), "'p' is no profile"),  # type: ignore[arg-type]
        (lambda: imgsim.find_duplicates("x", "phash", keep=3), "3 are no rules"),  # type: ignore[arg-type]
        (lambda: imgsim.find_duplicates("x", "ssim", proposer=3), "3 is no method"),  # type: ignore[arg-type]
        (lambda: imgsim.matches("x", 3), "3 is no method"),  # type: ignore[arg-type]
        (lambda: imgsim.matches("x", ["phash", 3]), "3 is no method"),  # type: ignore[list-item]
        (lambda: imgsim.sort_images("x", 3), "3 is no method"),  # type: ignore[arg-type]
        (lambda: imgsim.cluster_images("x", 3), "3 is no method"),  # type: ignore[arg-type]
        (lambda: imgsim.explain("x/1.png", "x/2.png", 3), "3 is no method"),  # type: ignore[arg-type]
        (lambda: imgsim.compare("x/1.png", "x/2.png", 3), "3 is no method"),  # type: ignore[arg-type]
        (lambda: imgsim.read_plan("plan.json"), "not from 'plan.json'"),  # type: ignore[arg-type]
        (lambda: imgsim.train_autoencoder("x", 3), "no folder to write to"),  # type: ignore[arg-type]
        (lambda: imgsim.plan("x"), "'x' is no result of find_duplicates"),  # type: ignore[arg-type]
        (lambda: imgsim.apply("plan.json"), "'plan.json' is no plan"),  # type: ignore[arg-type]
        (lambda: imgsim.rank_features("x"), "'x' is no set of features"),  # type: ignore[arg-type]
        (lambda: imgsim.with_labels("x", "folder"), "'x' is no result"),  # type: ignore[arg-type]
        (lambda: imgsim.search("x\0y", "x", "phash"), "not a path"),
        (lambda: imgsim.compare("x/1.png", "x\0y", "phash"), "not a path"),
        (lambda: imgsim.read_manifest(3), "3 is no path"),  # type: ignore[arg-type]
        (lambda: imgsim.read_manifest("x\0y.csv"), "not a path"),
        (lambda: imgsim.read_features(3), "3 is no path"),  # type: ignore[arg-type]
        (lambda: imgsim.read_profile(3), "3 is no path"),  # type: ignore[arg-type]
        (lambda: imgsim.find_leaks(["x", "y"], labels=3), "3 is no column of labels"),  # type: ignore[arg-type]
        (lambda: imgsim.find_leaks(iter(["x/1.png", "x/1.png"])), "overlap"),  # type: ignore[arg-type]
        (lambda: imgsim.cluster_images("x", n="x"), "'x' is no whole number of n"),  # type: ignore[arg-type]
        (lambda: imgsim.RunOptions(jobs="x"), "'x' is no whole number of jobs"),  # type: ignore[arg-type]
        (lambda: imgsim.RunOptions(discover=3), "3 is no DiscoverOptions"),  # type: ignore[arg-type]
        (lambda: imgsim.Query("x", "y"), "'y' is no image by its bytes"),  # type: ignore[arg-type]
        (lambda: schema("imgsim.nothing/1"), "no schema 'imgsim.nothing/1'"),
        (lambda: schema("../matches/1"), "no schema"),
    ],
)  # fmt: skip
def test_one_clear_error(call: Callable[[], object], message: str, folder: Path) -> None:
    with pytest.raises(imgsim.UsageError, match=message) as caught:
        call()
    assert "\n" not in caught.value.message
    assert caught.value.hint


def test_one_list_is_to_be_put_in_a_list(folder: Path) -> None:
    Path("splits.csv").write_text("path,split\nx,train\n")
    with pytest.raises(imgsim.UsageError) as caught:
        imgsim.find_leaks("splits.csv")
    assert "['splits.csv']" in caught.value.hint


def test_an_explanation_without_links_is_one(folder: Path) -> None:
    explained = imgsim.explain("x/1.png", "x/2.png", "ssim")
    assert (len(explained), bool(explained)) == (0, True)


@pytest.mark.parametrize("train", ["train_autoencoder", "train_siamese"])
def test_options_of_a_training_run_are_options(train: str, folder: Path) -> None:
    pytest.importorskip("torch")
    with pytest.raises(imgsim.UsageError, match="3 are no options"):
        getattr(imgsim, train)("x", "out", options=3)


@pytest.mark.parametrize("train", ["train_autoencoder", "train_siamese"])
def test_the_folder_of_a_training_run_may_be_text(train: str, folder: Path) -> None:
    pytest.importorskip("torch")
    (folder / "out").mkdir()
    (folder / "out" / "mine.txt").write_text("not a training run")
    with pytest.raises(imgsim.UsageError, match="out is not empty"):
        getattr(imgsim, train)("x", "out")


def test_every_schema_is_found_under_its_name() -> None:
    assert {"imgsim.find-dupes/2", "imgsim.leaks/1", "imgsim.plan/1"} <= set(names())
    for name in names():
        assert schema(name)


@pytest.mark.parametrize("name", ["schemas.schema", "testing.check_comparator"])
def test_modules_that_the_docs_name_need_no_import_of_their_own(name: str) -> None:
    module = name.split(".")[0]
    program = f"import imgsim; print(callable(imgsim.{name}), {module!r} in dir(imgsim))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("True True\n", "")
