"""A whole benchmark on small folders: resumed, gated, by the protocol article, of pairs."""

from __future__ import annotations

import csv
import itertools
import json
import os
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from PIL import Image
from skimage.metrics import structural_similarity
from sklearn.metrics import precision_recall_fscore_support

import imgsim
from imgsim import RunOptions
from imgsim.bench import article, gate, norms, resilience, timing
from imgsim.bench.data import data_name
from imgsim.bench.results import Bench, Estimate, MethodResult, Spread
from imgsim.bench.runner import Plan, bench
from imgsim.bench.store import Store, from_document, to_document
from imgsim.comparators import registry
from imgsim.comparators.efficientnet import EfficientNetCosine
from imgsim.dataset.layouts import load_labelled
from imgsim.errors import UsageError
from imgsim.pictures.changes import CHANGES
from imgsim.pictures.generate import landscape
from imgsim.report.bench import bench_json, methods_csv
from imgsim.report.bench_tables import short_names
from imgsim.schemas import schema

METHODS = [registry.parse(spec) for spec in ("phash", "euclidean", "ssim")]


@pytest.fixture(scope="module")
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


@pytest.fixture(scope="module")
def measured(places: Path) -> Bench:
    options = RunOptions(executor="threads", jobs=1)
    plan = Plan(experiments=("methods", "resilience"), changed_images=3)
    return bench(load_labelled(places), METHODS, plan, options=options)


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


def test_methods_that_verify_pairs_are_measured_by_copies(
    places: Path, options: RunOptions
) -> None:
    plan = Plan(experiments=("resilience",), changed_images=2)
    result = bench(load_labelled(places), [registry.parse("auto")], plan, options=options)
    assert result.methods == ()
    assert result.resilience is not None
    (auto,) = result.resilience.methods
    recognised = {c.change: c.recognised for c in auto.changes}
    assert recognised["exact copy"] == recognised["mirror"] == recognised["grey"] == 1.0
    assert (auto.mean_first, auto.wrong) == (None, 0)
    only = Plan(experiments=("methods",), protocol="article")
    with pytest.raises(UsageError, match="nothing to measure"):
        bench(load_labelled(places), [registry.parse("auto")], only, options=options)


def test_verdicts_of_methods_that_rank_nothing_are_counted_from_the_labels(
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
    assert (auto.retrieval, auto.histogram, auto.ranks) == (None, None, False)
    assert auto.detection.micro_average_precision is None
    assert auto.timing.seconds_search.median > 0
    jsonschema.validate(json.loads("".join(bench_json(both))), schema("imgsim.bench/1"))
    assert gate.compare_with_baseline(both, both, max_drop=0, max_slowdown=1.5).drops == ()
    rows = list(csv.DictReader(methods_csv(both)))
    assert [row["method"] for row in rows] == ["phash", "auto"]
    assert float(rows[0]["accuracy_high"]) >= float(rows[0]["accuracy"])
    assert (rows[1]["accuracy"], rows[1]["micro_average_precision"]) == ("", "")
    assert float(rows[1]["recall"]) == auto.detection.recall.value


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
    import imgsim.bench.runner as runner

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


def test_an_interrupted_run_over_copies_keeps_what_was_measured(
    places: Path, tmp_path: Path, options: RunOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    real = resilience.measure_by_distance

    def counted(comparator, *arguments):
        calls.append(comparator.name)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(comparator, *arguments)

    monkeypatch.setattr(resilience, "measure_by_distance", counted)
    plan = Plan(experiments=("resilience",), changed_images=2)
    store = Store(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        bench(load_labelled(places), METHODS, plan, store=store, options=options)
    result = bench(load_labelled(places), METHODS, plan, store=store, options=options)
    assert calls == ["phash", "euclidean", "euclidean", "ssim"]
    assert result.resilience is not None
    assert [m.method for m in result.resilience.methods] == ["phash", "euclidean", "ssim"]


def test_a_data_set_is_named_by_its_folder() -> None:
    for source in ("/a/photos", "/a/photos/", "/a/photos/truth.csv", "/a/photos/pairs.csv"):
        assert data_name(source) == "photos"
    assert data_name("/a/photos/valid") == "photos/valid"
    assert data_name("/a/photos/mine.csv") == "mine.csv"


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


def test_the_protocol_article(places: Path, options: RunOptions) -> None:
    plan = Plan(experiments=("methods",), protocol="article")
    methods = [registry.parse(m) for m in ("cosine", "ssim", "dhash")]
    result = bench(load_labelled(places), methods, plan, options=options)
    assert [m.method for m in result.methods] == [
        "cosine:width=100,height=100", "ssim:width=100,height=100", "dhash"
    ]  # fmt: skip
    assert list(short_names(result).values()) == ["cosine", "ssim", "dhash"]
    other = replace(result.methods[0], method="cosine:weights=a.pth,engine=b,width=100,height=100")
    both = replace(result, methods=(result.methods[0], other))
    assert list(short_names(both).values()) == ["cosine", "cosine:engine=b"]
    for one in result.methods:
        assert one.retrieval is not None
        assert one.retrieval.queries == 5
        assert one.retrieval.article_accuracy == 1.0
    with pytest.raises(UsageError, match="class 0 has 3 images"):
        bench(load_labelled(places).keep(range(1, 20)), methods, plan, options=options)


def test_the_articles_ssim_is_that_of_scikit_image() -> None:
    one = article.FrameSsim(width=40, height=25)
    images = np.random.default_rng(0).integers(0, 256, (2, 25, 40, 3)).astype(np.uint8)
    images[1] = images[0] // 2 + images[1] // 2
    rows = one.extractor.extract(images)
    expected = structural_similarity(images[0], images[1], channel_axis=2)
    left, right = (one.prepare(rows[i : i + 1]) for i in (0, 1))
    assert 1 - one.distance(left, right)[0] == pytest.approx(expected, abs=1e-12)
    np.testing.assert_allclose(one.distance(left, one.prepare(rows)), [0, 1 - expected], atol=1e-12)


def test_the_articles_networks_see_the_same_images() -> None:
    one = EfficientNetCosine(weights="file.pth", size=64, batch_size=3)
    framed = article.follow(one, 40, 30)
    assert framed.spec == (
        "efficientnet-cosine:weights=file.pth,size=64,pool=none,scaling=unit,width=40,height=30"
    )
    extractor = framed.extractor
    assert isinstance(extractor, article.FrameFeatures)
    assert (extractor.wants.width, extractor.wants.height, extractor.batch_size) == (40, 30, 3)
    assert (extractor.pool, extractor.scaling) == ("none", "unit")
    plain = registry.parse("phash:size=16")
    assert article.follow(plain, 40, 30) == plain


def test_the_size_of_the_articles_images() -> None:
    assert article.frame_size(100, 100) == (100, 100)
    assert article.frame_size(3072, 2048) == (439, 293)


def test_originals_are_drawn_from_every_class_in_turn(places: Path) -> None:
    data = load_labelled(places)
    chosen = resilience.draw(data, 5, seed=0)
    assert sorted(data.labels[i] for i in chosen) == sorted(set(data.labels))
    assert len(set(resilience.draw(data, 8, seed=0))) == 8
    assert resilience.draw(data, 5, seed=0) != resilience.draw(data, 5, seed=1)
    assert len(resilience.draw(data, 99, seed=0)) == len(data.paths)


def test_copies_exactly_at_the_threshold_are_recognised(
    places: Path, tmp_path: Path, options: RunOptions
) -> None:
    """Thresholds are the bits by which pictures differ, as `compare` tells them pair by pair."""
    phash = registry.parse("phash")
    paths = [str(places / str(number) / "160.jpg") for number in range(3)]
    copies = resilience.make_copies(paths, [phash], tmp_path, options, seed=0)

    def bits(pairs: Iterable[tuple[str, str]]) -> list[float]:
        return [imgsim.compare(*pair, "phash")[0].score for pair in pairs]

    number = [change.name for change in CHANGES].index("crop 15 %")
    own = bits(
        (one, files[number]) for one, files in zip(copies.originals, copies.changed, strict=True)
    )
    apart = bits(itertools.combinations(copies.originals, 2))
    for threshold in (max(own), max(own) - 1, min(apart), min(apart) - 1):
        measured = resilience.measure_by_distance(phash, copies, threshold)
        recognised = sum(value <= threshold for value in own)
        assert measured.changes[number].recognised == pytest.approx(recognised / 3)
        assert measured.wrong == sum(value <= threshold for value in apart)


def test_norms_are_timed_side_by_side() -> None:
    timings = norms.norms(repetitions=3)
    assert [one.length for one in timings] == [64, 1280, 30_000, 62_720]
    assert all(one.seconds_scipy.n == one.seconds_numpy.n == 3 for one in timings)


def test_times_are_those_of_the_clock_and_of_the_processors() -> None:
    resting = timing.repeated(lambda: time.sleep(0.02), of=2, times=3)
    assert resting.low <= resting.median <= resting.high
    assert resting.median >= 0.01
    assert resting.cpu < 0.005
    working = timing.each([lambda: sum(range(300_000))] * 5)
    assert working.n == 5
    assert working.cpu > 0.0005


def worse(run: Bench, change: Callable[[MethodResult], MethodResult]) -> Bench:
    return replace(run, methods=(change(run.methods[0]), *run.methods[1:]))


def accuracy(value: float) -> Callable[[MethodResult], MethodResult]:
    def change(m: MethodResult) -> MethodResult:
        assert m.retrieval is not None
        return replace(m, retrieval=replace(m.retrieval, accuracy=Estimate(value)))

    return change


def slower(factor: float) -> Callable[[MethodResult], MethodResult]:
    def change(m: MethodResult) -> MethodResult:
        old = m.timing.seconds_features
        new = Spread(factor * old.median, factor * old.low, factor * old.high, old.n, old.cpu)
        return replace(m, timing=replace(m.timing, seconds_features=new))

    return change


def quiet(run: Bench) -> Bench:
    """As if nobody else had used the machine."""
    methods = (replace(m, timing=replace(m.timing, load=0.5)) for m in run.methods)
    return replace(run, methods=tuple(methods))


@pytest.mark.parametrize(
    ("change", "figures"),
    [
        (accuracy(0.98), []),
        (accuracy(0.96), ["accuracy"]),
        (slower(1.4), []),
        (slower(100.0), ["seconds_features"]),
        (slower(0.01), []),
    ],
)
def test_the_gate(
    measured: Bench, change: Callable[[MethodResult], MethodResult], figures: list[str]
) -> None:
    before, now = quiet(measured), quiet(worse(measured, change))
    compared = gate.compare_with_baseline(before, now, max_drop=0.03, max_slowdown=1.5)
    assert [drop.figure for drop in compared.drops] == figures
    assert compared.compared == 3


def test_times_of_another_machine_do_not_count(measured: Bench) -> None:
    before, now = quiet(measured), quiet(worse(measured, slower(100.0)))
    now = replace(now, machine=replace(now.machine, processor="another"))
    compared = gate.compare_with_baseline(before, now, max_drop=0.01, max_slowdown=1.5)
    assert compared.drops == ()
    assert "times not compared: the baseline is of" in compared.notes[0]


def test_times_of_a_busy_machine_do_not_count(measured: Bench) -> None:
    before, now = quiet(measured), quiet(worse(measured, slower(100.0)))
    first = now.methods[0]
    busy = replace(first, timing=replace(first.timing, load=3.0))
    now = replace(now, methods=(busy, *now.methods[1:]))
    compared = gate.compare_with_baseline(before, now, max_drop=0.01, max_slowdown=1.5)
    assert compared.drops == ()
    assert compared.notes == ("times not compared: the machine was busy",)


def test_what_cannot_be_compared(measured: Bench) -> None:
    for other in (
        replace(measured, data=replace(measured.data, digest="0" * 64)),
        replace(measured, protocol="article"),
        replace(measured, methods=()),
    ):
        with pytest.raises(UsageError):
            gate.compare_with_baseline(measured, other, max_drop=0.01, max_slowdown=2)
    fewer = replace(measured, methods=measured.methods[1:])
    compared = gate.compare_with_baseline(
        quiet(measured), quiet(fewer), max_drop=0.01, max_slowdown=2
    )
    assert compared.notes == ("phash is in the baseline, and was not measured now",)
