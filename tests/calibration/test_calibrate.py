"""Thresholds from one part of the labels, figures from the other."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import imgsim
from imgsim import RunOptions
from imgsim.calibration import calibrate as module
from imgsim.calibration import holdout
from imgsim.calibration.calibrate import Target, calibrate
from imgsim.calibration.holdout import PairDistances
from imgsim.comparators import registry
from imgsim.dataset.labelled import LabelledImages, LabelledPair
from imgsim.dataset.layouts import load_labelled
from imgsim.errors import UsageError
from imgsim.pictures.generate import landscape

Run = Callable[..., object]


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 pictures in 3 sizes each."""
    folder = tmp_path_factory.mktemp("places")
    for number in range(12):
        (folder / f"{number:02}").mkdir()
        image = Image.fromarray(landscape(number, 160, 120))
        for size in (160, 120, 80):
            small = image.resize((size, size * 3 // 4))
            small.save(folder / f"{number:02}" / f"{size}.jpg", quality=80)
    return folder


def distances(matching: list[float], others: list[float]) -> PairDistances:
    return PairDistances(
        np.array(matching), [np.array(others[:2]), np.array(others[2:])], len(matching)
    )


@pytest.mark.parametrize(("least", "expected"), [(1.0, 2.0), (0.75, 4.0), (0.6, 4.0), (0.5, 6.0)])
def test_the_loosest_threshold_of_a_precision(least: float, expected: float) -> None:
    """By hand: true up to 1, 2, 4, 6; false at 3, 5, 5, 5, 9."""
    tuning = distances([1, 2, 4, 6], [3, 5, 5, 5, 9])
    assert module._for_precision(tuning, least) == expected


@pytest.mark.parametrize(
    ("threshold", "expected"), [(0.5, (0, 0, 4)), (4.0, (3, 1, 1)), (5.0, (3, 4, 1))]
)
def test_pairs_exactly_at_a_threshold_are_within_it(
    threshold: float, expected: tuple[int, int, int]
) -> None:
    accuracy = distances([1, 2, 4, 6], [3, 5, 5, 5, 9]).accuracy_at(threshold)
    assert (accuracy.counts.true, accuracy.counts.false, accuracy.counts.missed) == expected
    assert accuracy.false_positive_rate == expected[1] / 5


def test_no_threshold_reaches_a_precision() -> None:
    assert module._for_precision(distances([5, 6], [1, 2, 3]), 0.5) is None


@pytest.mark.parametrize("bits", [True, False])
def test_a_rate_is_counted_where_there_are_pairs_enough(bits: bool) -> None:
    rng = np.random.default_rng(0)
    others = rng.binomial(64, 0.5, 100_000).astype(float)
    if not bits:
        others += rng.random(len(others))
    tuning = PairDistances(np.array([0.0]), np.array_split(others, 7), 1)
    limit, extrapolated = module._for_false_positives(tuning, 1e-3, bits=bits)
    assert limit is not None
    assert not extrapolated
    # at most 100 of the 100,000 within it, and more than 100 within the next that there is
    assert np.count_nonzero(others <= limit) <= 100
    beyond = others[others > limit].min()
    assert np.count_nonzero(others <= beyond) > 100


def test_a_rate_below_what_can_be_counted_comes_from_the_tail() -> None:
    """P(d) = d ** 7: one in a million lies up to 1e-6 ** (1 / 7), and 20,000 pairs do not show."""
    drawn = np.random.default_rng(0).random(20_000) ** (1 / 7)
    tuning = PairDistances(np.array([0.0]), [drawn], 1)
    limit, extrapolated = module._for_false_positives(tuning, 1e-6, bits=False)
    assert extrapolated
    assert limit == pytest.approx(1e-6 ** (1 / 7), rel=0.3)
    # a look-alike among them that the tail knows nothing of draws the threshold nearer
    nearer = PairDistances(np.array([0.0]), [np.append(drawn, 0.01)], 1)
    limit, _ = module._for_false_positives(nearer, 1e-6, bits=False)
    assert limit is not None
    assert 0.0099 < limit < 0.01


def test_few_pairs_have_no_tail() -> None:
    with pytest.raises(UsageError, match="too few to fit a tail"):
        module._for_false_positives(distances([1], [2, 3, 4]), 1e-6, bits=True)


def test_no_label_stands_in_both_parts(places: Path) -> None:
    data = load_labelled(places)
    for seed in range(5):
        one, other = holdout._divide_by_label(data, seed)
        assert len(set(one.labels)) == len(set(other.labels)) == 6
        assert not set(one.labels) & set(other.labels)
        assert set(one.paths) | set(other.paths) == set(data.paths)
    assert (
        holdout._divide_by_label(data, 0)[0].labels != holdout._divide_by_label(data, 1)[0].labels
    )


def test_a_named_split_is_the_part_that_thresholds_are_chosen_on(places: Path) -> None:
    data = load_labelled(places)
    splits = tuple("tuning" if label < "03" else "" for label in data.labels)
    one, other = holdout._divide_by_split(replace(data, splits=splits), "tuning")
    assert set(one.labels) == {"00", "01", "02"}
    assert len(set(other.labels)) == 9
    torn = tuple("tuning" if i < 10 else "" for i in range(len(data.paths)))
    with pytest.raises(UsageError, match="1 label stands in both splits, such as 03"):
        holdout._divide_by_split(replace(data, splits=torn), "tuning")
    with pytest.raises(UsageError, match="no split 'valid'"):
        holdout._divide_by_split(data, "valid")
    pairs = (
        LabelledPair(0, 1, True, "t"),
        LabelledPair(0, 4, False, "t"),
        LabelledPair(2, 3, True),
        LabelledPair(0, 3, False),
    )
    listed = LabelledImages("x", "pairs", tuple("abcde"), pairs=pairs)
    with pytest.raises(UsageError, match="a stands in both splits"):
        holdout._divide_by_split(listed, "t")


def pairs_of(data: LabelledImages, folder: Path, count: int) -> Path:
    """A list: chains of matching pairs, and some that do not match, also between the parts."""
    path = folder / "pairs.csv"
    with path.open("w", newline="", encoding="utf-8") as stream:
        rows = csv.writer(stream)
        rows.writerow(["a", "b", "same"])
        for i in range(count):
            name = Path(data.paths[i]).resolve()
            near = [j for j in range(i + 1, count) if data.labels[j] == data.labels[i]][:1]
            rows.writerows([name, Path(data.paths[j]).resolve(), 1] for j in near)
            far = [j for j in range(i + 1, count) if data.labels[j] != data.labels[i]][::5]
            rows.writerows([name, Path(data.paths[j]).resolve(), 0] for j in far)
    return path


def test_no_image_of_a_pair_stands_in_both_parts(places: Path, tmp_path: Path) -> None:
    data = load_labelled(pairs_of(load_labelled(places), tmp_path, 36))
    one, other = holdout._divide_by_label(data, 3)
    assert not set(one.paths) & set(other.paths)
    same = [sum(pair.same for pair in part.pairs) for part in (one, other)]
    assert sum(same) == sum(pair.same for pair in data.pairs) == 24
    assert holdout.matching_labels(one) == holdout.matching_labels(other) == 6


@pytest.mark.parametrize("target", [Target("precision", 0.9), Target("false-positives", 0.2)])
def test_figures_are_those_of_the_held_out_part(
    target: Target, places: Path, threads: RunOptions
) -> None:
    """Counted pair by pair from what the search engine finds, which calibrate does not use."""
    data = load_labelled(places)
    (one,) = calibrate(data, [registry.parse("euclidean")], target, seed=3, options=threads).methods
    assert one.max_distance is not None
    ranked = imgsim.matches(places, "euclidean", k=100, options=threads).methods[0]
    label = dict(zip(data.paths, data.labels, strict=True))
    for part, accuracy in zip(
        holdout._divide_by_label(data, 3), (one.chosen, one.measured), strict=True
    ):
        assert accuracy is not None
        true = false = missed = others = 0
        for query in ranked.queries:
            for match in query.matches:
                if query.path in part.paths and match.path in part.paths:
                    near = match.distance <= one.max_distance
                    same = label[query.path] == label[match.path]
                    true, missed = true + (same and near), missed + (same and not near)
                    false, others = false + (near and not same), others + (not same)
        counts = accuracy.counts
        assert (2 * counts.true, 2 * counts.false) == (true, false)
        assert (2 * counts.missed, 2 * accuracy.others) == (missed, others)
    assert one.measured is not None
    assert one.measured.recall_interval is not None
    assert one.measured.recall_interval.low < 0.65  # six labels prove little
    assert len(one.presets) == 3


def test_flat_images_and_equal_files_are_left_out(
    places: Path, tmp_path: Path, threads: RunOptions
) -> None:
    (tmp_path / "truth.csv").write_text(
        "path,label\n"
        + "".join(
            f"{path.resolve()},{path.parent.name}\n" for path in sorted(places.rglob("*.jpg"))
        )
        + "white.png,00\nagain.jpg,01\nbroken.jpg,02\n"
    )
    Image.new("RGB", (200, 200), "white").save(tmp_path / "white.png")
    (tmp_path / "again.jpg").write_bytes((places / "01/80.jpg").read_bytes())
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff no more")
    calibration = calibrate(
        load_labelled(tmp_path),
        [registry.parse("dhash")],
        Target("precision", 0.9),
        options=threads,
    )
    assert (calibration.flat, calibration.copies, len(calibration.skipped)) == (1, 1, 1)
    assert sum(calibration.images) == 36
    alone = calibrate(
        load_labelled(places), [registry.parse("dhash")], Target("precision", 0.9), options=threads
    )
    assert alone.fingerprint == calibration.fingerprint


def test_too_few_labels_are_said(places: Path, threads: RunOptions) -> None:
    data = load_labelled(places)
    three = data.keep(range(9))
    with pytest.raises(UsageError, match="too few"):
        calibrate(three, [registry.parse("dhash")], Target("precision", 0.9), options=threads)
    with pytest.raises(UsageError, match="out of range"):
        Target("precision", 1.5)


@pytest.mark.parametrize("spec", ["phash", "ssim"])
def test_a_profile_is_written_and_read(
    spec: str, places: Path, tmp_path: Path, imgsim: Run
) -> None:
    from jsonschema import validate

    from imgsim.schemas import schema

    profile = tmp_path / "mine.json"
    done = imgsim(
        "calibrate", places, "--target-precision", "0.95", "-m", spec, "-o", profile, "-f", "json"
    )
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document == json.loads(profile.read_text(encoding="utf-8"))
    validate(document, schema("imgsim.profile/1"))
    assert str(places) not in document["command"]
    used = imgsim("find-dupes", places, "-m", spec, "--profile", profile, "-f", "json")
    assert used.returncode == 0, used.stderr
    assert json.loads(used.stdout)["threshold"] == document["methods"][0]["threshold"]
    compared = imgsim(
        "compare", places / "01/80.jpg", places / "01/120.jpg", "--profile", profile, "-f", "json"
    )
    (said,) = json.loads(compared.stdout)["methods"]
    assert (said["name"], said["threshold"]) == (spec, document["methods"][0]["threshold"])


def test_the_table_fits_80_columns(places: Path, imgsim: Run) -> None:
    every = imgsim("calibrate", places, "--target-precision", "0.95", "-m", "phash:size=16",
                   "-m", "euclidean", "-m", "cosine", "-m", "colorhash")  # fmt: skip
    assert every.returncode == 0, every.stderr
    assert "phash:size=16" in every.stdout
    assert max(map(len, every.stdout.splitlines())) <= 80


def test_one_target_has_to_be_named(places: Path, imgsim: Run) -> None:
    for arguments in ((), ("--target-precision", "0.9", "--max-false-positives", "0.1")):
        done = imgsim("calibrate", places, *arguments)
        assert done.returncode == 2
        assert "one target" in done.stderr


def test_misses_of_a_target() -> None:
    comparator = registry.parse("phash")
    tuning = distances([0, 1, 2, 3], [9, 9, 9, 9, 9])
    for held_out, missed in (
        (distances([0, 1, 2, 3], [9, 9, 9, 9, 9]), False),
        (distances([0, 1, 2, 3], [1, 2, 9, 9, 9]), True),
        (distances([20, 20], [30, 30, 30]), None),  # nothing was found: no precision
    ):
        for least in (0.9, 1.0):
            target = Target("precision", least)
            one = module.choose(comparator, tuning, held_out, target)
            assert one.misses(target) is missed
    mixed = distances([5, 6, 7, 8], [1, 2, 3, 4, 5])
    never = module.choose(comparator, mixed, tuning, Target("precision", 0.9))
    assert never.max_distance is None
    assert never.misses(Target("precision", 0.9)) is True


def test_check_is_a_gate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one split different labels look different, in the other they do not."""
    from imgsim.cli.main import main

    monkeypatch.setenv("IMGSIM_CACHE", "off")
    monkeypatch.chdir(tmp_path)
    lines = ["path,label,split"]
    for number in range(12):
        easy = number < 6
        image = Image.fromarray(landscape(number if easy else number // 2 + 20, 160, 120))
        for size in (160, 120):
            name = f"{number}_{size}.png"
            image.resize((size - number, size * 3 // 4)).save(name)
            lines.append(f"{name},{number},{'easy' if easy else 'hard'}")
    Path("truth.csv").write_text("\n".join(lines) + "\n")
    words = ["calibrate", "truth.csv", "--target-precision", "0.9", "-m", "phash", "--split"]
    threads = ["--executor", "threads"]
    assert main([*words, "easy", *threads]) == 0
    capsys.readouterr()
    assert main([*words, "easy", *threads, "--check", "-o", "profile.json"]) == 1
    assert "target missed on the held-out half: phash" in capsys.readouterr().err
    assert json.loads(Path("profile.json").read_text())["methods"]
    # 0.3 of the pairs match there however loose the threshold is
    words[3] = "0.2"
    assert main([*words, "easy", *threads, "--check"]) == 0
