"""Results as a user of the library has them: counted, as dictionaries, tables and HTML."""

from __future__ import annotations

import importlib.util
import inspect
import json
import os
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from PIL import Image

import imgsim
from imgsim import RunOptions
from imgsim.errors import ImgsimError, UsageError
from imgsim.pictures.generate import landscape
from imgsim.report.results import KINDS, columns_of
from imgsim.results import Result
from imgsim.schemas import schema
from imgsim.training.autoencoder import TrainedAutoencoder
from imgsim.training.loop import Epoch


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six subjects, two pictures of each."""
    made = tmp_path_factory.mktemp("labelled")
    for seed in range(6):
        (made / str(seed)).mkdir()
        picture = Image.fromarray(landscape(seed, 320, 240))
        picture.save(made / str(seed) / "one.jpg")
        picture.resize((240, 180)).save(made / str(seed) / "two.jpg")
    return made


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two folders of pictures, some in both, which are labels and splits too."""
    made = tmp_path_factory.mktemp("data")
    for name in ("one", "two"):
        (made / name).mkdir()
    for seed in range(6):
        picture = Image.fromarray(landscape(seed, 320, 240))
        original = made / ("one" if seed < 3 else "two") / f"{seed}.jpg"
        picture.save(original, quality=92)
        with Image.open(original) as saved:
            picture = saved.copy()
        if seed in (0, 4):
            picture.resize((240, 180)).save(made / "two" / f"{seed} <small>.jpg", quality=88)
            picture.save(made / "one" / f"{seed} again.png")
    return made


def _plan(folder: Path, options: RunOptions) -> imgsim.Plan:
    return imgsim.plan(imgsim.find_duplicates(folder, options=options))


def _apply(folder: Path, options: RunOptions, *, yes: bool = False) -> imgsim.Applied:
    copy = Path(shutil.copytree(folder, folder.parent / f"applied-{yes}-{os.urandom(4).hex()}"))
    return imgsim.apply(_plan(copy, options), yes=yes)


def _manifest(folder: Path) -> imgsim.Manifest:
    lines = [f"{path.relative_to(folder)},{path.parent.name},a <small>" for path in
             sorted(folder.rglob("*.jpg"))]  # fmt: skip
    (folder / "list.csv").write_text("\n".join(["path,split,label", *lines]) + "\n")
    return imgsim.read_manifest(str(folder / "list.csv"))


def _autoencoder(folder: Path) -> TrainedAutoencoder:
    epochs = (Epoch(1, 0.5, 0.4, True, 0.5), Epoch(2, 0.4, 0.5, False, 0.4))
    return TrainedAutoencoder(folder / "w.pt", 8, 2, 10, 0, epochs, False, 1.5, 8.0, 0.4, 0.9)


def _find(name: str, folder: Path, labelled: Path, options: RunOptions) -> Result[Any]:
    one, two = folder / "one", folder / "two"
    made: dict[str, Callable[[], Result[Any]]] = {
        "duplicates": lambda: imgsim.find_duplicates(folder, options=options),
        "matches": lambda: imgsim.matches(folder, ["auto", "phash"], options=options),
        "search": lambda: imgsim.search([one / "1.jpg"], two, "phash", options=options),
        "known": lambda: imgsim.known(one, two, options=options),
        "leaks": lambda: imgsim.find_leaks([str(one), str(two)], options=options),
        "clusters": lambda: imgsim.cluster_images(folder, "cosine", n=2, options=options),
        "ordering": lambda: imgsim.sort_images(folder, "phash", options=options),
        "compare": lambda: imgsim.compare(one / "0.jpg", two / "0 <small>.jpg", ["phash", "auto"]),
        "explain": lambda: imgsim.explain(one / "0.jpg", one / "1.jpg", "ssim"),
        "bench": lambda: imgsim.bench(folder, ["phash", "auto"], options=options),
        "calibrate": lambda: imgsim.calibrate(
            labelled, "phash", target_precision=0.5, options=options
        ),
        "features": lambda: imgsim.features(folder, "phash", options=options),
        "manifest": lambda: _manifest(folder),
        "plan": lambda: _plan(folder, options),
        "dry run": lambda: _apply(folder, options),
        "applied": lambda: _apply(folder, options, yes=True),
        "undone": lambda: imgsim.undo(_apply(folder, options, yes=True).run),
        "autoencoder": lambda: _autoencoder(folder),
    }
    return made[name]()


NAMES = (
    "duplicates", "matches", "search", "known", "leaks", "clusters", "ordering", "compare",
    "explain", "bench", "calibrate", "features", "manifest", "plan", "dry run", "applied", "undone",
    "autoencoder",
)  # fmt: skip
_RESULTS: dict[str, Result[Any]] = {}


@pytest.fixture(params=NAMES)
def result(
    request: pytest.FixtureRequest, folder: Path, labelled: Path, threads: RunOptions
) -> Result[Any]:
    if request.param not in _RESULTS:
        _RESULTS[request.param] = _find(request.param, folder, labelled, threads)
    return _RESULTS[request.param]


def test_it_is_short_counted_and_gone_through(result: Result[Any]) -> None:
    assert len(list(result)) == len(result)
    text = repr(result)
    assert re.fullmatch(rf"<{type(result).__name__}: .+>", text)
    assert len(text) < 300
    assert "ImageFile(" not in text


def test_a_dictionary_is_the_json_of_the_command_line(result: Result[Any]) -> None:
    document = json.loads(json.dumps(result.to_dict()))
    jsonschema.validate(document, schema(document["schema"]))


class _Images(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.images: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag == "img":
            self.images.append(dict(attributes)["src"] or "")
        elif tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_html_is_whole_and_shows_pictures(result: Result[Any]) -> None:
    html = result._repr_html_()
    parser = _Images()
    parser.feed(html)
    assert parser.open == []
    assert "<small>" not in html
    if isinstance(
        result,
        imgsim.Bench | imgsim.Calibration | imgsim.Applied | imgsim.Undone | TrainedAutoencoder,
    ):
        assert "<table>" in html
        return
    assert parser.images
    assert all(src.startswith("data:image/jpeg;base64,") for src in parser.images)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_table_has_a_row_for_each(library: Any, folder: Path, result: Result[Any]) -> None:
    if importlib.util.find_spec(library) is None:
        pytest.skip(f"needs {library}")
    frame = result.to_dataframe(library)
    rows = frame.to_dict("records") if library == "pandas" else frame.to_dicts()
    document = result.to_dict()
    expected = {
        "imgsim.find-dupes/2": lambda d: sum(len(g["members"]) for g in d["groups"]),
        "imgsim.matches/1": lambda d: sum(
            len(q["matches"]) for m in d["methods"] for q in m["queries"]
        ),
        "imgsim.known/1": lambda d: sum(max(1, len(a["matches"])) for a in d["answers"]),
        "imgsim.leaks/1": lambda d: sum(len(one["matches"]) for one in d["leaks"]),
        "imgsim.cluster/1": lambda d: len(d["labels"]),
        "imgsim.sort/1": lambda d: len(d["order"]),
        "imgsim.explain/1": lambda d: 1,
        "imgsim.features/1": lambda d: len(d["files"]),
        "imgsim.manifest/1": lambda d: len(d["images"]),
        "imgsim.plan/1": lambda d: sum(len(g["remove"]) for g in d["groups"]),
        "imgsim.applied/1": lambda d: len(d["removed"]) + len(d["left"]),
        "imgsim.undone/1": lambda d: len(d["restored"]),
        "imgsim.train/1": lambda d: len(d["epochs"]),
    }.get(document["schema"], lambda d: len(d["methods"]))(document)
    assert len(rows) == expected > 0
    if document["schema"] == "imgsim.find-dupes/2":
        paths = [m["path"] for g in document["groups"] for m in g["members"]]
        assert [row["path"] for row in rows] == paths
    for row in rows:
        features = row.pop("features", None)  # the only one that is no single value
        if features is not None:
            assert np.asarray(features).shape == (8,)
        assert not any(isinstance(value, dict | list) for value in row.values())


def test_every_result_is_shown() -> None:
    """What calls of the package return, and nothing that they take."""
    kinds = {getattr(imgsim, name) for name in imgsim.__all__}
    results = {kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Result)}
    assert {kind for kind in KINDS if kind in kinds} == results
    for name in imgsim.__all__:
        call = getattr(imgsim, name)
        if not inspect.isfunction(call):
            continue
        returned = inspect.signature(call).return_annotation.strip("'")
        # read from files, texts, and what a person said
        plain = ("Profile", "PathTable", "Iterator[str]", "Decision")
        assert returned in plain or any(kind.__name__ == returned for kind in KINDS), name


def test_a_plan_is_counted_and_an_empty_one_told(folder: Path, threads: RunOptions) -> None:
    plan = _plan(folder / "two", threads)
    assert len(plan) == len(plan.groups) == 1
    empty = replace(plan, groups=())
    assert len(empty) == 0
    assert repr(empty) == "<Plan: 0 files to be removed (none), 0 B>"
    assert [removal.file.path for group in plan for removal in group.removals] == [
        removal.file.path for _, removal in plan.removals
    ]


def test_a_table_without_a_library_says_what_to_install(
    folder: Path, threads: RunOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = imgsim.matches(folder / "one", "phash", options=threads)
    from imgsim.report import results

    monkeypatch.setattr(results, "find_spec", lambda name: None)
    with pytest.raises(ImgsimError, match="needs pandas or polars") as error:
        found.to_dataframe()
    assert "pip install" in error.value.hint
    with pytest.raises(UsageError, match="no library 'excel'"):
        found.to_dataframe("excel")  # type: ignore[arg-type]


def test_columns_are_there_without_rows(result: Result[Any]) -> None:
    """A program that asks for a column need not ask first whether anything was found."""
    kind = next(kind for cls, kind in KINDS.items() if isinstance(result, cls))
    columns = columns_of(result)
    assert list(columns)[: len(kind.columns)] == list(kind.columns)
    if kind.own_rows is None:  # and they are names of what the rows have
        assert set(kind.columns) <= {name for row in kind.rows(result.to_dict()) for name in row}
    assert not any(isinstance(value, dict) for values in columns.values() for value in values)


def test_an_empty_result(tmp_path: Path, threads: RunOptions) -> None:
    for found in (
        imgsim.find_duplicates(tmp_path, options=threads),
        imgsim.matches(tmp_path, "phash", options=threads),
    ):
        assert repr(found)
        assert found._repr_html_()
        assert found.to_dict()["images"] == 0
        assert "path" in columns_of(found)


def test_calls_and_packages_do_not_share_names() -> None:
    """A package that is imported would stand in the place of the function."""
    import imgsim.report.bench
    import imgsim.tasks.compare

    for name in imgsim.__all__:
        assert f"imgsim.{name}" not in sys.modules, name
        assert importlib.util.find_spec(f"imgsim.{name}") is None, name
    assert callable(imgsim.bench)
    assert callable(imgsim.calibrate)


def test_help_names_every_call() -> None:
    calls = [name for name in imgsim.__all__ if name.islower() and not name.startswith("_")]
    assert len(calls) > 15
    for name in calls:
        assert f"`{name}`" in (imgsim.__doc__ or ""), name
        assert getattr(imgsim, name).__doc__, name


@pytest.mark.parametrize("name", ["bench", "calibrate"])
def test_a_data_set_that_is_none_is_an_error_in_words(name: str, tmp_path: Path) -> None:
    call = getattr(imgsim, name)
    target = {"target_precision": 0.9} if name == "calibrate" else {}
    for dataset in (tmp_path / "absent", tmp_path, __file__):
        with pytest.raises(UsageError):
            call(dataset, "phash", **target)
