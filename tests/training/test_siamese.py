"""A tiny Siamese network, trained for real: its comparator, narrowing, and explanations."""

from __future__ import annotations

import csv
import json
import sys
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from PIL import Image

from imgsim import RunOptions, matches
from imgsim.cli.main import main
from imgsim.comparators import registry
from imgsim.errors import UsageError
from imgsim.models import weights as files
from imgsim.schemas import schema
from imgsim.tasks.explain import explain
from imgsim.tasks.matches import search
from imgsim.tasks.query import query_file
from imgsim.testing import check_comparator, sample_images
from tests.training.pictures import COLOURS, tinted, write_classes

torch = pytest.importorskip("torch", reason="needs the extra deep: torch")
pytest.importorskip("efficientnet_pytorch", reason="needs the extra deep")

from imgsim.models import siamese as networks  # noqa: E402
from imgsim.models.efficientnet import load_model  # noqa: E402
from imgsim.training.loop import LoopOptions  # noqa: E402
from imgsim.training.siamese import train_siamese  # noqa: E402
from imgsim.training.siamese_options import SiameseOptions  # noqa: E402

OPTIONS = SiameseOptions(
    weights="random",
    size=64,
    dim=16,
    hidden=8,
    pairs=1024,
    loop=LoopOptions(epochs=8, patience=8),
    held_out=0.3,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_classes(tmp_path_factory.mktemp("classes") / "colours", 40)


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_classes(tmp_path_factory.mktemp("classes") / "few", 8)


@pytest.fixture(scope="module")
def trained(folder: Path, tmp_path_factory: pytest.TempPathFactory):
    run = RunOptions(executor="threads")
    return train_siamese(folder, tmp_path_factory.mktemp("runs") / "run", OPTIONS, run=run)


@pytest.fixture(scope="module")
def method(trained):
    return registry.parse(f'siamese:weights="{trained.weights}"')


@pytest.fixture
def run_here(capsys: pytest.CaptureFixture[str]):
    def run(*arguments: object) -> tuple[int, str, str]:
        code = main([str(argument) for argument in arguments])
        return code, *capsys.readouterr()

    return run


def test_it_tells_held_out_images_apart_better_than_the_plain_encoder(trained) -> None:
    assert trained.network.auc > trained.cosine.auc
    assert trained.network.accuracy > 0.6
    assert trained.class_accuracy > 1.5 * trained.largest_class
    assert trained.classes == COLOURS
    assert (trained.same, trained.different) == (3 * 66, 3 * 144)  # twelve of each class


def test_both_losses_are_those_of_pairs_and_the_classifiers_is_beside_them(trained) -> None:
    first = trained.epochs[0]
    assert abs(first.train - first.held_out) < 0.3
    assert first.minimised > first.train + 0.5
    assert first.train < 0.9  # to guess costs log 2


def test_the_figures_are_those_of_the_comparator(trained, method, threads: RunOptions) -> None:
    """Accuracy once more, from the files alone: the split, and distances of the engine."""
    with (trained.weights.parent / "split.csv").open() as stream:
        rows = [row for row in csv.DictReader(stream) if row["split"] == "valid"]
    classes = {row["path"]: row["class"] for row in rows}
    (ranking,) = matches(list(classes), method, k=len(classes), options=threads).methods
    right: dict[bool, list[bool]] = {True: [], False: []}
    for query in ranking.queries:
        for match in query.matches:
            same = classes[query.path] == classes[match.path]
            right[same].append((match.distance <= 0.5) == same)
    assert len(right[True]) + len(right[False]) == len(classes) * (len(classes) - 1)
    accuracy = (np.mean(right[True]) + np.mean(right[False])) / 2
    assert trained.network.accuracy == pytest.approx(accuracy)


def test_the_comparator_holds_the_contract(method) -> None:
    check_comparator(method, tolerance=1e-3)


def test_the_head_in_numpy_is_that_in_torch(trained, method) -> None:
    head = networks.load_head(str(trained.weights))
    module = networks.make_head(1280, 3, 16, 8).eval()
    state = files.load_state_dict(trained.weights)
    own = {k.removeprefix("head."): v for k, v in state.items() if k.startswith("head.")}
    module.load_state_dict(own)
    features = np.random.default_rng(0).normal(0, 1, (6, 1280)).astype(np.float32)
    rows = head.rows(features)
    with torch.inference_mode():
        standard = networks.standardise(module, torch.from_numpy(features))
        vectors = networks.embed(module, standard)
        hazards = networks.neg_log_probability(module, vectors[:3], vectors[3:]).numpy()
        classes = module.classes(standard).numpy()
    assert np.allclose(rows[:, :16], vectors.numpy(), atol=1e-5)
    assert np.allclose(rows[:, 16:], classes, atol=1e-4)
    own = head.neg_log_probability(rows[:3, :16].astype(float), rows[3:, :16].astype(float))
    assert np.allclose(own, hazards, rtol=1e-4)
    assert np.array_equal(
        head.neg_log_probability(rows[3:, :16].astype(float), rows[:3, :16].astype(float)), own
    )


def test_probabilities_are_a_fit_and_not_only_an_order() -> None:
    """The loss is that of binary cross-entropy, which is least where the probabilities are true."""
    hazards = torch.tensor([0.1, 0.7, 2.0])
    same = torch.tensor([True, False, True])
    p = torch.exp(-hazards)
    expected = torch.nn.functional.binary_cross_entropy(p, same.float())
    assert float(networks.pair_loss(hazards, same)) == pytest.approx(float(expected), rel=1e-5)
    zero = networks.pair_loss(torch.zeros(2), torch.tensor([True, False]))
    assert torch.isfinite(zero)


def test_only_the_blocks_asked_for_are_trained(few: Path, tmp_path: Path) -> None:
    options = replace(OPTIONS, finetune=1, pairs=64, loop=LoopOptions(epochs=1))
    trained = train_siamese(few, tmp_path, options, run=RunOptions(executor="threads"))
    begun = files.load_state_dict(trained.weights.parent / "encoder.safetensors")
    ended = files.load_state_dict(trained.weights)
    changed = {
        key for key, v in begun.items() if not torch.equal(v, ended.get(f"encoder.{key}", v))
    }
    assert changed
    last = ("_blocks.15.", "_conv_head.", "_bn1.")
    assert all(key.startswith(last) and "running" not in key for key in changed)
    load_model("efficientnet_pytorch", trained.weights)  # and it is an encoder like any other


@pytest.mark.parametrize(
    "change",
    [{"loss": "contrastive"}, {"encoder": "resnet34"}],
    ids=["contrastive", "resnet34"],
)
def test_other_ways_to_train(change, few: Path, tmp_path: Path) -> None:
    if "encoder" in change:
        try:
            import torchvision  # noqa: F401
        except (ImportError, RuntimeError) as error:
            pytest.skip(f"needs a torchvision that fits torch: {error}")
    options = replace(OPTIONS, **change, loop=LoopOptions(epochs=3))
    made = train_siamese(few, tmp_path, options, run=RunOptions(executor="threads"))
    assert made.epochs[-1].train < made.epochs[0].train
    comparator = registry.parse(f'siamese:weights="{made.weights}"')
    rows = comparator.extractor.extract(sample_images(comparator, 2))
    assert rows.shape == (2, 16 + 3)


def test_a_search_narrowed_to_the_class(
    method, folder: Path, threads: RunOptions, tmp_path
) -> None:
    """The classes of query and gallery decide what is compared; the rest is a plain search."""
    query = tmp_path / "query.png"
    tinted(2, 77).save(query)
    asked = [query_file(query), query_file(next(folder.glob("green/*")))]
    narrowed = search(asked, folder, method, k=200, narrow=1000, options=threads).methods[0]
    plain = search(asked, folder, method, k=200, options=threads).methods[0]
    paths = [*(str(path) for path in folder.rglob("*.png")), str(query)]
    images = np.stack([np.asarray(Image.open(path)) for path in paths])
    told = dict(zip(paths, method.class_of(method.extractor.extract(images)), strict=True))
    for few, all_of_them in zip(narrowed.queries, plain.queries, strict=True):
        assert few.predicted == told[few.path]
        expected = [m for m in all_of_them.matches if told[m.path] == few.predicted]
        assert list(few.matches) == expected
        assert few.compared == len(expected) < len(all_of_them.matches)
        assert few.path not in {m.path for m in few.matches}
    five = search(asked, folder, method, narrow=5, options=threads).methods[0]
    assert [q.compared for q in five.queries] == [5, 5]
    assert five.pairs == 10
    with pytest.raises(UsageError, match="phash tells no classes"):
        search(asked, folder, "phash", narrow=5, options=threads)


def test_the_commands(
    run_here, few: Path, folder: Path, trained, tmp_path: Path, monkeypatch
) -> None:
    flat = tmp_path / "flat"
    flat.mkdir()
    for path in few.rglob("*.png"):
        (flat / path.name).write_bytes(path.read_bytes())
    monkeypatch.setenv("IMGSIM_WEIGHTS", str(trained.weights.parent / "encoder.safetensors"))
    command = (
        "train",
        "siamese",
        flat,
        "-o",
        tmp_path / "run",
        "--size",
        "64",
        "--held-out",
        "0.3",
    )
    code, out, err = run_here(
        *command, "--pairs", "64", "--epochs", "1", "--executor", "threads", "-f", "json"
    )
    assert code == 0, err
    document = json.loads(out)
    jsonschema.validate(document, schema(document["schema"]))
    assert document["classes"] == list(COLOURS)  # by the beginnings of the names
    assert document["encoder_weights"].endswith("encoder.safetensors")
    method = f"siamese:weights={trained.weights}"
    query = folder / "red" / "red_00.png"
    narrow = ("search", query, "--in", folder, "-m", method, "--narrow-by-class")
    _, out, _ = run_here(*narrow, "--compare-n", "4", "-f", "json")
    document = json.loads(out)
    jsonschema.validate(document, schema(document["schema"]))
    (query_result,) = document["methods"][0]["queries"]
    assert (
        query_result["class"] in COLOURS,
        query_result["compared"],
        len(query_result["matches"]),
    ) == (True, 4, 3)
    _, out, _ = run_here(*narrow)
    assert f"class {query_result['class']}, compared with" in out
    code, _, err = run_here("search", query, "--in", folder, "--narrow-by-class")
    assert (code, "tells no classes" in err) == (2, True)
    code, _, err = run_here(*command[:3], "-o", tmp_path / "x", "--held-out", "0.05")
    assert (code, "--held-out 0.3" in err) == (2, True)


def test_without_weights_it_says_so_and_begins_with_random_ones(
    run_here, few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for name in ("http_proxy", "https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # no network
    command = ("train", "siamese", few, "--size", "64", "--held-out", "0.3", "--pairs", "32")
    few = ("--epochs", "1", "--executor", "threads", "-f", "json")
    code, out, err = run_here(*command, *few, "-o", tmp_path / "run")
    assert code == 0
    assert "no imagenet weights of EfficientNet-b0 here" in err
    assert "goes on with a random encoder" in err
    assert json.loads(out)["encoder_weights"] == "random"
    code, _, err = run_here(*command, *few, "-o", tmp_path / "other", "--weights", "no.pth")
    assert (code, "no weights at no.pth" in err) == (2, True)


def test_a_torchvision_that_does_not_fit_is_named_before_any_work(
    run_here, few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "torchvision.py").write_text(
        "raise RuntimeError('operator torchvision::nms does not exist')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "torchvision", raising=False)
    command = ("train", "siamese", few, "-o", tmp_path / "run", "--encoder", "resnet34")
    code, _, err = run_here(*command)
    assert (code, "torchvision does not fit torch" in err) == (2, True)
    assert "made for each other" in err
    assert not (tmp_path / "run").exists()


def test_labels_that_cannot_be_learned(run_here, folder: Path, tmp_path: Path) -> None:
    code, _, err = run_here("train", "siamese", folder / "red", "-o", tmp_path / "run")
    assert (code, "only one class" in err) == (2, True)
    assert list((tmp_path / "run").iterdir()) == []


def test_the_parts_of_an_explanation_add_up(method, folder: Path) -> None:
    pair = [folder / "red" / "red_00.png", folder / "red" / "red_01.png"]
    explanation = explain(*pair, method)
    evidence = explanation.evidence
    assert evidence.left.sum() == pytest.approx(evidence.total, abs=1e-6)
    assert evidence.right.sum() == pytest.approx(evidence.total, abs=1e-6)
    head = networks.load_head(method.weights)
    images = np.stack([np.asarray(Image.open(path)) for path in pair])
    one, other = method.prepare(method.extractor.extract(images))[0]
    lengths = np.sqrt((head.weight * one**2).sum() * (head.weight * other**2).sum())
    assert evidence.total == pytest.approx((head.weight * one * other).sum() / lengths, abs=1e-5)
    itself = explain(pair[0], pair[0], method)
    assert itself.distance == 0
    assert itself.evidence.total == pytest.approx(1.0)


def test_the_maps_of_real_weights_lie_on_a_planted_object(shared, tmp_path: Path) -> None:
    """One fruit laid into pairs of different photos, covering less than a fifth of them."""
    weights = shared("weights") / "efficientnet-b0.pth"
    photos = sorted(shared("photos").iterdir())[:8]
    fruits = sorted(shared("fruits96").iterdir())[::12]
    side, n = 224, 96
    rng = np.random.default_rng(0)
    inside = []
    for number, kind in enumerate(fruits):
        fruit = Image.open(sorted(kind.iterdir())[0]).convert("RGB").resize((n, n))
        mask = Image.fromarray(((np.asarray(fruit).min(axis=2) < 235) * 255).astype(np.uint8))
        boxes = []
        for which in range(2):
            picture = (
                Image.open(photos[2 * (number % 4) + which]).convert("RGB").resize((side, side))
            )
            x, y = (int(v) for v in rng.integers(0, side - n, 2))
            picture.paste(fruit, (x, y), mask)
            picture.save(tmp_path / f"{which}.png")
            boxes.append((x, y))
        explanation = explain(
            tmp_path / "0.png", tmp_path / "1.png", f"efficientnet-cosine:weights={weights}"
        )
        for (x, y), parts in zip(
            boxes, (explanation.evidence.left, explanation.evidence.right), strict=True
        ):
            cell = side // parts.shape[0]
            fine = np.kron(parts.clip(0), np.ones((cell, cell)))
            inside.append(fine[y : y + n, x : x + n].sum() / fine.sum())
    assert np.mean(inside) > 2 * n * n / side**2


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("blocks", [0, 1])
def test_training_on_cuda_is_that_on_the_cpu(
    blocks: int, few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within 3 %; without dropout, which every device draws by itself."""
    monkeypatch.setattr(networks, "_DROPOUT", 0.0)
    losses = {}
    for device in ("cpu", "cuda"):
        options = replace(
            OPTIONS, finetune=blocks, pairs=128, loop=LoopOptions(epochs=3), device=device
        )
        run = RunOptions(executor="threads")
        made = train_siamese(few, tmp_path / device, options, run=run)
        losses[device] = [(epoch.train, epoch.held_out) for epoch in made.epochs]
    assert np.allclose(losses["cuda"], losses["cpu"], rtol=0.03, atol=0)
