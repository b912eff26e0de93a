"""A whole benchmark on small folders: the same again, resumed, on a list of pairs."""

from __future__ import annotations

import csv
import itertools
import json
import shutil
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import average_precision_score, precision_recall_fscore_support

import imgsim
from imgsim import RunOptions
from imgsim.benchmark import gate
from imgsim.benchmark.data import data_name
from imgsim.benchmark.results import Bench, Spread
from imgsim.benchmark.runner import Plan, bench
from imgsim.benchmark.store import Store, from_document, to_document
from imgsim.comparators import registry
from imgsim.comparators.local import ORIENTATIONS, LocalFeatures, records, turned
from imgsim.dataset.labelled import LabelledImages
from imgsim.dataset.layouts import load_labelled
from imgsim.errors import ImgsimError
from imgsim.pictures.changes import CHANGES
from imgsim.pictures.generate import landscape
from imgsim.report.bench import bench_json, methods_csv
from imgsim.report.bench_tables import frontier, in_order
from imgsim.schemas import schema
from imgsim.tasks.query import query_file, read_query
from imgsim.verify.batch import VerifyBatch
from tests.benchmark.conftest import METHODS


def test_what_is_easy_is_measured_as_easy(measured: Bench) -> None:
    assert [m.method for m in measured.methods] == ["phash", "euclidean", "ssim"]
    assert measured.data.images == 20
    assert [(one.path, one.reason != "") for one in measured.data.left_out] == [
        ("0/br\ufffdken.jpg", True)
    ]
    for one in measured.methods:
        assert one.retrieval is not None
        assert one.retrieval.accuracy.value == 1.0
        assert one.retrieval.ns_score == 4.0
        average = one.detection.micro_average_precision
        assert average is not None
        assert average.value == 1.0
        assert one.engine_deviation is not None
        assert one.engine_deviation < 1e-9
        assert one.timing.seconds_search.median > 0
    assert measured.resilience is not None
    for method in measured.resilience.methods:
        recognised = {c.change: c.recognised for c in method.changes}
        assert list(recognised) == [change.name for change in CHANGES]
        assert recognised["exact copy"] == recognised["PNG"] == recognised["turned by EXIF"] == 1.0
        assert recognised["rotation 180°"] == 0.0
        assert method.wrong == 0


def test_verdicts_and_rankings_of_methods_that_verify_are_scored_by_the_labels(
    tmp_path: Path, options: RunOptions
) -> None:
    """Against `compare`, pair by pair; files with equal bytes and flat images among them."""
    for number in range(3):
        (tmp_path / f"{number}").mkdir()
        image = Image.fromarray(landscape(number, 320, 240))
        for size in (320, 240):
            image.resize((size, size * 3 // 4)).save(tmp_path / f"{number}" / f"{size}.jpg")
        Image.new("RGB", (64, 64), (9, 9, 9)).save(tmp_path / f"{number}" / f"flat{number % 2}.png")
    shutil.copy(tmp_path / "0/320.jpg", tmp_path / "1/copy.jpg")
    data = load_labelled(tmp_path)
    plan = Plan(experiments=("methods",))
    both = bench(data, [registry.parse("auto"), METHODS[0]], plan, options=options)
    auto = both.methods[0]
    pairs = list(itertools.combinations(range(len(data.paths)), 2))
    same = [data.labels[i] == data.labels[j] for i, j in pairs]
    said = [imgsim.compare(data.paths[i], data.paths[j], "auto")[0].duplicate for i, j in pairs]
    assert auto.detection.precision is not None
    measured = [auto.detection.precision, auto.detection.recall, auto.detection.f1]
    expected = precision_recall_fscore_support(same, said, average="binary")[:3]
    assert [one.value for one in measured] == pytest.approx(expected)
    # the copy in another folder with both pictures there, the three flat images with each other
    assert (auto.detection.found, auto.detection.wrong) == (3, 5)
    assert {Path(one.left).name for one in auto.wrong} & {"320.jpg", "copy.jpg", "240.jpg"}
    assert (auto.histogram, auto.ranks) == (None, False)
    assert auto.retrieval is not None
    expected_map = np.mean(_average_precisions(data, pairs, said))
    assert auto.retrieval.mean_average_precision.value == pytest.approx(expected_map)
    assert auto.detection.micro_average_precision is None
    assert auto.timing.seconds_search.median > 0
    jsonschema.validate(json.loads("".join(bench_json(both))), schema("imgsim.bench/1"))
    assert gate.compare_with_baseline(both, both, max_drop=0, max_slowdown=1.5).drops == ()
    rows = list(csv.DictReader(methods_csv(both)))
    by_name = {row["method"]: row for row in rows}
    assert float(by_name["phash"]["accuracy_high"]) >= float(by_name["phash"]["accuracy"])
    assert float(by_name["auto"]["accuracy"]) == auto.retrieval.accuracy.value
    assert by_name["auto"]["micro_average_precision"] == ""
    assert float(by_name["auto"]["recall"]) == auto.detection.recall.value


def _average_precisions(
    data: LabelledImages, pairs: list[tuple[int, int]], said: list[bool]
) -> list[float]:
    """Copies first, in order of their residuals, then the others by the bits of their hashes."""
    extractor = LocalFeatures()
    read = [read_query(query_file(p), [extractor], RunOptions())[1][extractor] for p in data.paths]
    hashes = np.ascontiguousarray(records(np.stack(read))["hash"])
    n = len(data.paths)
    score = np.zeros((n, n))
    for (i, j), copies in zip(pairs, said, strict=True):
        if copies:
            residual = imgsim.compare(data.paths[i], data.paths[j], "auto")[0].distance
            score[i, j] = score[j, i] = 1000 - (residual if np.isfinite(residual) else 0)
            continue
        own = np.unpackbits(hashes[i])
        turns = [np.unpackbits(turned(hashes[j : j + 1], how)) for how in ORIENTATIONS]
        score[i, j] = score[j, i] = -min(int((own != turn).sum()) for turn in turns)
    labels = np.array(data.labels)
    rest = [np.arange(n) != i for i in range(n)]
    return [
        average_precision_score(labels[rest[i]] == labels[i], score[i, rest[i]]) for i in range(n)
    ]


def test_the_result_is_the_same_again(places: Path, measured: Bench) -> None:
    from imgsim.report.bench import bench_document

    plan = Plan(experiments=("methods", "resilience"), changed_images=3)
    again = bench(
        load_labelled(places), METHODS, plan, options=RunOptions(executor="threads", jobs=2)
    )
    assert bench_document(again, timing=False) == bench_document(measured, timing=False)
    assert "timing" not in bench_document(again, timing=False)["methods"][0]


def test_a_result_survives_its_json(measured: Bench) -> None:
    document = json.loads(json.dumps(to_document(measured), ensure_ascii=False).encode("utf-8"))
    assert from_document(Bench, document) == measured
    del document["methods"][0]["detection"]["recall"]
    with pytest.raises(ValueError, match="without recall"):
        from_document(Bench, document)
    with pytest.raises(ValueError, match="is no float"):
        from_document(Spread, {"median": "1", "low": 1, "high": 1, "n": 1, "cpu": 1})


def test_an_interrupted_run_goes_on(
    places: Path, tmp_path: Path, options: RunOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    import imgsim.benchmark.runner as runner

    calls: list[str] = []
    real = runner.measure_method

    def counted(comparator, *arguments, **more):
        calls.append(comparator.name)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(comparator, *arguments, **more)

    monkeypatch.setattr(runner, "measure_method", counted)
    plan = Plan(experiments=("methods",))
    store = Store(tmp_path / "results")
    with pytest.raises(KeyboardInterrupt):
        bench(load_labelled(places), METHODS, plan, store=store, options=options)
    first = bench(load_labelled(places), METHODS, plan, store=store, options=options)
    assert calls == ["phash", "euclidean", "euclidean", "ssim"]
    assert bench(load_labelled(places), METHODS, plan, store=store, options=options) == first
    assert len(calls) == 4
    other = replace(plan, seed=1)
    bench(load_labelled(places), METHODS[:1], other, store=store, options=options)
    bench(
        load_labelled(places),
        METHODS[:1],
        plan,
        store=Store(store.folder, fresh=True),
        options=options,
    )
    assert calls[4:] == ["phash", "phash"]
    for path in (tmp_path / "results").iterdir():
        path.write_text("{}")  # damaged: measured again
    bench(load_labelled(places), METHODS[:1], plan, store=store, options=options)
    assert calls[6:] == ["phash"]


def test_a_data_set_is_named_by_its_folder() -> None:
    for source in ("/a/photos", "/a/photos/", "/a/photos/truth.csv", "/a/photos/pairs.csv"):
        assert data_name(source) == "photos"
    assert data_name("/a/photos/valid") == "photos/valid"
    assert data_name("/a/photos/mine.csv") == "mine.csv"


def test_equally_good_methods_are_all_marked_as_unbeaten(measured: Bench) -> None:
    """But for one that a quicker one is better than."""
    assert {m.method for m in frontier(measured)} == {m.method for m in measured.methods}
    first, second, third = in_order(measured)
    assert first.retrieval is not None
    worse = replace(first.retrieval.accuracy, value=0.9)
    second = replace(second, retrieval=replace(first.retrieval, accuracy=worse))
    assert frontier(replace(measured, methods=(first, second, third))) == [first, third]


def test_larger_sets_are_drawn_by_class(places: Path, options: RunOptions) -> None:
    plan = Plan(experiments=("methods",), max_images=8)
    result = bench(load_labelled(places), METHODS[:1], plan, options=options)
    assert (result.data.images, result.data.classes, result.data.of_images) == (8, 2, 20)


def test_pairs(places: Path, tmp_path: Path, options: RunOptions) -> None:
    pairs = tmp_path / "pairs.csv"
    lines = [f"{places}/{i}/160.jpg,{places}/{i}/80.jpg,1" for i in range(5)]
    lines += [f"{places}/{i}/160.jpg,{places}/{(i + 1) % 5}/160.jpg,0" for i in range(5)]
    pairs.write_text("a,b,same\n" + "\n".join(lines))
    (phash,) = bench(
        load_labelled(pairs), METHODS[:1], Plan(experiments=("methods",)), options=options
    ).methods
    assert phash.retrieval is None
    assert phash.detection.pairs == 10
    assert phash.detection.micro_average_precision is not None
    assert phash.detection.micro_average_precision.value == 1.0


def test_a_pair_that_could_not_be_compared_is_none_that_does_not_match(
    places: Path, options: RunOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        VerifyBatch, "run", lambda self, heartbeat: [self.failure("it is gone")] * len(self)
    )
    plan = Plan(experiments=("methods",))
    with pytest.raises(ImgsimError, match="could not be compared: it is gone"):
        bench(load_labelled(places), [registry.parse("auto")], plan, options=options)
