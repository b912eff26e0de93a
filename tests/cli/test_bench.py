"""bench as a user runs it."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import jsonschema
import pytest
from PIL import Image

from imgsim.benchmark import resilience, runner
from imgsim.cli.main import main
from imgsim.comparators.efficientnet import EfficientNetCosine, EfficientNetEuclidean
from imgsim.pictures.generate import landscape
from imgsim.schemas import schema

FEW = ("-m", "phash", "-m", "cosine", "--executor", "threads")


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """6 places in 4 sizes, named as `place_number.jpg`."""
    folder = tmp_path_factory.mktemp("data") / "<places> & co"
    folder.mkdir()
    for number in range(6):
        image = Image.fromarray(landscape(number, 160, 120))
        for size in (160, 120, 100, 80):
            image.resize((size, size * 3 // 4)).save(folder / f"p{number}_{size}.jpg")
    return folder


def valid(text: str) -> dict:
    document = json.loads(text)
    jsonschema.validate(document, schema("imgsim.bench/1"))
    return document


def test_everything_is_written(imgsim, places: Path, tmp_path: Path) -> None:
    report = tmp_path / "report"
    first = imgsim("bench", places, *FEW, "-o", report, "--changed-images", "2")
    assert first.returncode == 0
    assert max(map(len, first.stdout.splitlines())) <= 80
    assert "phash" in first.stdout
    document = valid((report / "bench.json").read_text())
    assert document["data"]["images"] == 24
    assert document["command"] == (
        "imgsim bench '<places> & co' --method phash --method cosine --changed-images 2"
        " --output DIR --executor threads"
    )
    assert len(list((report / "results").iterdir())) == 4
    page = (report / "index.html").read_text()
    assert "<places>" not in page
    assert page.count("data:image/svg+xml") == 5
    assert "data:image/jpeg" in page
    assert re.findall(r'(?:src|href)="(?!data:)', page) == []  # nothing from elsewhere
    assert "| phash |" in (report / "bench.md").read_text()
    rows = list(csv.DictReader(io.StringIO((report / "methods.csv").read_text())))
    assert {row["accuracy"] for row in rows} == {"1.0"}
    changes = list(csv.DictReader(io.StringIO((report / "changes.csv").read_text())))
    assert {row["method"] for row in changes} == {"phash", "cosine"}
    assert len((report / "norms.csv").read_text().splitlines()) == 5

    again = imgsim("bench", places, *FEW, "-o", report, "--changed-images", "2", "-f", "json")
    assert "2 of 2 methods known from an earlier run" in again.stderr
    assert valid(again.stdout)["methods"] == document["methods"]
    timeless = imgsim(
        "bench", places, *FEW, "-o", report, "--experiment", "methods", "-f", "json", "--no-timing"
    )
    assert not re.search(r'"seconds', timeless.stdout)
    valid(timeless.stdout)


def test_a_gate(imgsim, places: Path, tmp_path: Path) -> None:
    only = ("--experiment", "methods", *FEW)
    known = tmp_path / "known.json"
    made = imgsim("bench", places, *only, "-f", "json", "-q")
    known.write_text(made.stdout)
    lax = ("--max-slowdown", "1e6")  # a test has no time limits
    passed = imgsim("bench", places, *only, "--baseline", known, *lax)
    assert (passed.returncode, "2 methods as good" in passed.stderr) == (0, True)
    document = json.loads(made.stdout)
    document["methods"][1]["detection"]["recall"]["value"] += 0.02
    known.write_text(json.dumps(document))
    failed = imgsim("bench", places, *only, "--baseline", known, *lax)
    assert failed.returncode == 1
    assert re.search(r"worse: cosine: recall [\d.]+ -> [\d.]+", failed.stderr)
    assert (
        imgsim("bench", places, *only, "--baseline", known, "--max-drop", "0.03", *lax).returncode
        == 0
    )
    one = ("--experiment", "methods", "-m", "phash")
    gone = imgsim("bench", places, *one, "--baseline", known, *lax)
    assert gone.returncode == 1
    assert "gone: cosine is in the baseline, and was not measured now" in gone.stderr
    document["data"]["digest"] = "0"
    known.write_text(json.dumps(document))
    other = imgsim("bench", places, *only, "--baseline", known)
    assert (other.returncode, "other data" in other.stderr) == (2, True)
    assert (other.stdout, "measured in" in other.stderr) == ("", False)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Name one DATASET"),
        (("nowhere",), "no such path: nowhere"),
        (("empty",), "no images in empty"),
        (("places", "--split", "valid"), "has no split 'valid'"),
        (("places", "--per-scene", "4"), "not named by a number"),
        (("places", "--baseline", "nowhere.json"), "cannot read baseline"),
        (("places", "--baseline", "places/p0_80.jpg"), "is no result of bench"),
        (("places", "-m", "phosh"), "unknown method"),
        (("places", "--protocol", "article", "--prefix", r"^p\d_\d(.)"), "article needs 4"),
    ],
)
def test_what_cannot_be_measured(
    imgsim, places: Path, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "places").symlink_to(places)
    done = imgsim("bench", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_stand_in(imgsim) -> None:
    done = imgsim(
        "bench", "--stand-in", "turntable", "-m", "phash", "--experiment", "methods", "-f", "csv"
    )
    (row,) = csv.DictReader(io.StringIO(done.stdout))
    assert row["queries"] == "96"
    assert float(row["accuracy"]) > 0.3


def test_it_opens_with_what_suits_these_pictures(imgsim, places: Path) -> None:
    done = imgsim("bench", places, *FEW, "-m", "auto", "--experiment", "methods", "-j", "1")
    assert done.returncode == 0
    assert max(map(len, done.stdout.splitlines())) <= 80
    title, opening, asked, *_ = re.split(r"\n\n(?!warning)", done.stdout)
    assert title.endswith("24 images of 6 classes, protocol imgsim, seed 0")
    text = " ".join(opening.split())
    assert text.startswith("These 24 pictures of 6 classes cannot tell 3 methods apart")
    assert "1,000 images take" in text or "x quicker than" in text
    assert "tells little of auto" in text
    assert asked.splitlines()[1].split() == "method accuracy 95% a pair 1,000 images".split()
    for column in ("accuracy", "a pair", "1,000 images"):
        assert f"\n  {column}: " in asked
    assert "1 of 3: " in done.stderr


def test_an_interrupted_run_has_a_report_of_what_is_measured(
    places: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    measure = runner.measure_method

    def interrupt(comparator, *arguments, **named):
        if comparator.name == "cosine":
            raise KeyboardInterrupt
        return measure(comparator, *arguments, **named)

    monkeypatch.setattr(runner, "measure_method", interrupt)
    assert main(["bench", str(places), *FEW, "-o", str(tmp_path / "report")]) == 130
    page = (tmp_path / "report" / "index.html").read_text()
    assert "<td>phash</td>" in page
    document = valid((tmp_path / "report" / "bench.json").read_text())
    assert [one["method"] for one in document["methods"]] == ["phash"]
    says = (
        "This run was interrupted, and its report is a part: it lacks rankings by cosine; changed"
        " copies by phash and cosine; distances by scipy and numpy."
    )
    assert document["advice"].startswith(says)
    assert says in page
    assert says in (tmp_path / "report" / "bench.md").read_text()
    assert document["unfinished"] == [
        {"experiment": "methods", "methods": ["cosine"]},
        {"experiment": "resilience", "methods": ["phash", "cosine"]},
        {"experiment": "norms", "methods": []},
    ]
    assert "index.html: what was measured before" in capsys.readouterr().err
    known = tmp_path / "report" / "bench.json"
    assert main(["bench", str(places), *FEW, "--baseline", str(known)]) == 2
    assert "of a run that was interrupted" in capsys.readouterr().err


def test_copies_name_the_methods_that_an_interrupted_run_did_not_try(
    places: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measure = resilience.measure_each

    def interrupt(*arguments):
        yield next(measure(*arguments))
        raise KeyboardInterrupt

    monkeypatch.setattr(resilience, "measure_each", interrupt)
    copies = ("--experiment", "methods", "--experiment", "resilience", "--changed-images", "2")
    assert main(["bench", str(places), *FEW, *copies, "-o", str(tmp_path)]) == 130
    document = valid((tmp_path / "bench.json").read_text())
    assert document["unfinished"] == [{"experiment": "resilience", "methods": ["cosine"]}]
    assert document["advice"].startswith("This run was interrupted, and its report is a part")
    left = "Not tried, as the run was interrupted: cosine."
    section = (tmp_path / "index.html").read_text().partition("<h2>Changed copies</h2>")[2]
    assert left in section
    assert left in (tmp_path / "bench.md").read_text()


def test_networks_without_their_package_are_listed_as_left_out(
    places: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(EfficientNetCosine, "missing", lambda: "needs torch")
    monkeypatch.setattr(EfficientNetEuclidean, "missing", lambda: "needs torch")
    fours = ("--prefix", r"^(p\d)_", "--protocol", "article", "--experiment", "norms")
    assert main(["bench", str(places), *fours, "-f", "json"]) == 0
    shown = capsys.readouterr()
    left_out = [
        {"method": f"efficientnet-{kind}", "reason": "needs torch"}
        for kind in ("euclidean", "cosine")
    ]
    assert valid(shown.out)["unmeasured"] == left_out
    assert "without efficientnet-cosine: needs torch\n" in shown.err
    assert main(["bench", str(places), "-m", "efficientnet-cosine"]) == 2  # it was asked for


def test_the_form_of_the_article(imgsim, places: Path) -> None:
    fours = ("--prefix", r"^(p\d)_", "--protocol", "article", "--executor", "threads", "-j", "1")
    done = imgsim("bench", places, *fours, "--experiment", "methods")
    assert done.returncode == 0, done.stderr
    _, _, table = done.stdout.partition("\nExperiment 1: turntable frames, resized to 100 x 100")
    rows = [line.rsplit(maxsplit=2) for line in table.splitlines()[1:8]]
    assert [row[0] for row in rows] == [
        *("method", "Euclidean", "SSIM", "hash (phash)", "cosine", "CNN Euclidean", "CNN cosine")
    ]
    assert rows[0][1:] == ["seconds", "accuracy"]
    assert all(float(row[1]) > 0 and 0 <= float(row[2]) <= 1 for row in rows[1:5])
    assert "(images - queries)" in table
    refused = imgsim("bench", "--protocol", "article", "-f", "json")
    assert (refused.returncode, "one document" in refused.stderr) == (2, True)
