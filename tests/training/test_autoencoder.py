"""A tiny autoencoder, trained for real, and its comparator."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import click
import jsonschema
import numpy as np
import pytest
from PIL import Image

from imgsim import RunOptions, matches
from imgsim.cli.main import main
from imgsim.cli.train import command as train_command
from imgsim.comparators import registry
from imgsim.errors import UsageError
from imgsim.models import weights as files
from imgsim.pictures.generate import landscape
from imgsim.schemas import schema
from imgsim.testing import check_comparator

torch = pytest.importorskip("torch", reason="needs the extra deep: torch")
pytest.importorskip("safetensors", reason="needs the extra deep: safetensors")

from imgsim.models.autoencoder import Autoencoder, Shape  # noqa: E402
from imgsim.training.autoencoder import train_autoencoder  # noqa: E402
from imgsim.training.autoencoder_options import AutoencoderOptions  # noqa: E402
from imgsim.training.autoencoder_task import _augmented  # noqa: E402
from imgsim.training.loop import LoopOptions  # noqa: E402

SMALL = ("--size", "64", "--latent", "16", "--width", "8", "--executor", "threads")
OPTIONS = AutoencoderOptions(
    shape=Shape(64, 16, 8),
    loop=LoopOptions(epochs=25, patience=25, learning_rate=5e-3),
    batch_size=7,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty landscapes, and a smaller copy of each of the first three."""
    target = tmp_path_factory.mktemp("landscapes")
    for seed in range(30):
        picture = Image.fromarray(landscape(seed, 128, 96))
        picture.save(target / f"{seed:02}.png")
        if seed < 3:
            picture.resize((96, 72)).save(target / f"{seed:02} small.jpg", quality=85)
    return target


@pytest.fixture(scope="module")
def trained(folder: Path, tmp_path_factory: pytest.TempPathFactory):
    run = RunOptions(executor="threads")
    return train_autoencoder(folder, tmp_path_factory.mktemp("runs") / "run", OPTIONS, run=run)


def test_it_reconstructs_held_out_images_better_than_their_mean(trained) -> None:
    assert trained.loss < 0.8 * trained.loss_of_mean
    assert trained.epochs[-1].train < trained.epochs[0].train
    assert trained.compression == 3 * 64 * 64 / (16 * 2 * 2)
    assert (trained.images + trained.held_out, trained.families) == (33, 30)


def test_the_mean_image_is_that_of_the_training_images(trained, folder: Path) -> None:
    """Both losses, computed again from the files."""
    with (trained.weights.parent / "split.csv").open() as stream:
        rows = list(csv.DictReader(stream))

    def pixels(side: str) -> np.ndarray:
        paths = [row["path"] for row in rows if row["split"] == side]
        made = [
            Image.open(p).convert("RGB").resize((64, 64), Image.Resampling.LANCZOS) for p in paths
        ]
        return np.stack([np.asarray(image) for image in made]) / 255

    expected = ((pixels("valid") - pixels("train").mean(axis=0)) ** 2).mean()
    assert trained.loss_of_mean == pytest.approx(expected, rel=0.02)  # of decoding at a scale
    reconstructed = Autoencoder(str(trained.weights), "cpu").reconstruct(
        (pixels("valid") * 255).round().astype(np.uint8)
    )
    assert trained.loss == pytest.approx(
        ((reconstructed / 255 - pixels("valid")) ** 2).mean(), rel=0.05
    )


def test_what_lies_in_the_folder(trained) -> None:
    written = {path.name for path in trained.weights.parent.iterdir()}
    checkpoint = f"checkpoint-{len(trained.epochs)}.safetensors"
    assert written == {
        "model.safetensors", "checkpoint.pt", checkpoint, "history.csv", "loss.png",
        "reconstructions.png", "settings.json", "split.csv",
    }  # fmt: skip
    for name in ("loss.png", "reconstructions.png"):
        with Image.open(trained.weights.parent / name) as drawn:
            assert len(drawn.convert("RGB").getcolors(1 << 24)) > 20


def test_the_comparator_holds_the_contract(trained) -> None:
    check_comparator(registry.parse(f'autoencoder:weights="{trained.weights}"'), tolerance=1e-5)


def test_copies_are_nearer_than_anything_else(trained, folder: Path, threads: RunOptions) -> None:
    method = registry.parse(f'autoencoder:weights="{trained.weights}"')
    (ranking,) = matches(folder, method, k=1, options=threads).methods
    nearest = {Path(q.path).name: q.matches[0] for q in ranking.queries}
    for number in range(3):
        match = nearest[f"{number:02} small.jpg"]
        assert Path(match.path).name == f"{number:02}.png"
        assert match.distance <= method.preset_distance("loose")
    others = [q.matches[0].distance for q in ranking.queries if int(Path(q.path).name[:2]) > 2]
    # the presets are parts of the smallest distance between two different pictures
    assert min(others) == pytest.approx(method.preset_distance("loose"), rel=1e-3)


def test_the_same_seed_gives_the_same_network(folder: Path, tmp_path: Path) -> None:
    def weights(name: str, seed: int) -> bytes:
        options = replace(OPTIONS, loop=LoopOptions(epochs=2, seed=seed))
        run = RunOptions(executor="threads")
        made = train_autoencoder(folder, tmp_path / name, options, run=run)
        return made.weights.read_bytes()

    first = weights("first", 0)
    assert weights("again", 0) == first
    assert weights("other", 1) != first


def test_a_changed_network_is_another_cache_key(trained, tmp_path: Path) -> None:
    def key(path: Path) -> str:
        return registry.parse(f'autoencoder:weights="{path}"').extractor.key

    first = key(trained.weights)
    copy = tmp_path / "model.safetensors"
    copy.write_bytes(trained.weights.read_bytes())
    assert key(copy).split("sha256=")[1] == first.split("sha256=")[1]
    copy.write_bytes(copy.read_bytes()[:-4] + bytes(4))
    assert key(copy).split("sha256=")[1] != first.split("sha256=")[1]


def test_augmenting_keeps_what_is_shown() -> None:
    rng = np.random.default_rng(0)
    images = torch.zeros(64, 3, 32, 32)
    images[:, :, :, 20:] = 0.5
    made = _augmented(images, rng)
    assert made.shape == images.shape
    assert 0 <= float(made.min()) <= float(made.max()) <= 0.5 * 1.15 + 1e-6
    sides = made.mean(dim=(1, 2))
    mirrored = (sides[:, 0] > sides[:, -1]).float().mean()
    assert 0.3 < float(mirrored) < 0.7


@pytest.mark.parametrize(
    "shape", [(100, 16, 8), (2048, 16, 8), (64, 385, 8), (64, 0, 8), (64, 16, 0)]
)
def test_shapes_that_make_no_sense(shape: tuple[int, int, int]) -> None:
    with pytest.raises(UsageError):
        Shape(*shape)
    assert Shape(64, 384).compression == 8


def test_weights_of_another_kind_are_refused(tmp_path: Path, trained) -> None:
    with pytest.raises(files.WeightsUnusable, match="no siamese network"):
        files.metadata(trained.weights, "siamese")
    for content in (b"", b"hello", (10**12).to_bytes(8, "little") + b"{}"):
        (tmp_path / "x.safetensors").write_bytes(content)
        with pytest.raises(files.WeightsUnusable, match="no autoencoder network"):
            files.metadata(tmp_path / "x.safetensors", "autoencoder")


@pytest.fixture
def run_here(capsys: pytest.CaptureFixture[str]):
    """Run the program in this process, which has torch already."""

    def run(*arguments: object) -> tuple[int, str, str]:
        code = main([str(argument) for argument in arguments])
        return code, *capsys.readouterr()

    return run


def test_the_command(run_here, folder: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    command = ("train", "autoencoder", folder, "-o", run, *SMALL)
    code, out, err = run_here(*command, "--epochs", "1", "-f", "json")
    assert code == 0
    document = json.loads(out)
    jsonschema.validate(document, schema(document["schema"]))
    assert [e["epoch"] for e in document["epochs"]] == [1]
    assert "epoch 1 of 1" in err
    code, out, err = run_here(*command)
    assert (code, out, "is not empty" in err, "--resume" in err) == (2, "", True, True)
    code, _, err = run_here(*command, "--resume", "--latent", "8")
    assert (code, "begun with latent=16, not 8" in err) == (2, True)
    _, out, _ = run_here(*command, "--resume", "--epochs", "2", "-f", "json")
    assert [e["epoch"] for e in json.loads(out)["epochs"]] == [1, 2]
    (run / "notes.txt").write_text("mine")
    code, out, _ = run_here(*command, "--overwrite", "--epochs", "1")
    assert (code, (run / "notes.txt").read_text()) == (0, "mine")
    assert "a latent 192 times smaller" in out
    assert max(map(len, out.splitlines()[:3])) <= 80
    code, _, err = run_here(*command[:4], folder, *SMALL, "--overwrite")
    assert (code, "something else" in err) == (2, True)
    code, _, _ = run_here(*command[:2], tmp_path / "no", "-o", tmp_path / "m", *SMALL)
    assert (code, list((tmp_path / "m").iterdir())) == (2, [])


@pytest.mark.parametrize("kind", ["autoencoder", "siamese"])
def test_help_of_a_kind(kind: str, run_here) -> None:
    code, out, _ = run_here("train", kind, "--help")
    assert (code, max(map(len, out.splitlines())) <= 80) == (0, True)
    for parameter in train_command.commands[kind].params:
        assert isinstance(parameter, click.Argument) or parameter.help, parameter.name


def test_settings_of_a_kind_are_read_from_the_configuration(
    run_here, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("imgsim.toml").write_text("[train]\nepochs = 1\nlatent = 8\nfinetune = 2\n")
    code, out, err = run_here("train", "autoencoder", folder, "-o", "run", *SMALL, "-f", "json")
    assert code == 0, err
    assert len(json.loads(out)["epochs"]) == 1
    Path("imgsim.toml").write_text("[train]\nlatents = 8\n")
    assert run_here("train", "autoencoder", folder, "-o", "other")[0] == 2


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_ctrl_c_leaves_a_checkpoint_to_go_on_from(run_here, folder: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    command = ["train", "autoencoder", str(folder), "-o", str(run), *SMALL]
    with subprocess.Popen(
        [sys.executable, "-m", "imgsim", *command, "--epochs", "100000", "--patience", "100000"],
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "epoch 2 of" in line:
                process.send_signal(signal.SIGINT)
                break
        rest = process.stderr.read()
        assert process.wait() == 130, rest
    assert "--resume goes on" in rest
    finished = len((run / "history.csv").read_text().splitlines()) - 1
    assert finished >= 2
    _, out, err = run_here(*command, "--resume", "--epochs", finished + 1, "-f", "json")
    assert len(json.loads(out)["epochs"]) == finished + 1, err


def test_what_a_layer_sees(run_here, trained, folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "layer.png"
    command = ("explain", folder / "00.png", "-m", f"autoencoder:weights={trained.weights}")
    _, out, _ = run_here(*command, "--layer", "2", "-o", target, "-f", "json")
    document = json.loads(out)
    jsonschema.validate(document, schema(document["schema"]))
    assert document["shape"] == [16, 16, 16]
    with Image.open(target) as drawn:
        assert len(drawn.getcolors(1 << 24)) > 500
    _, out, _ = run_here(*command, "--layer", "latent", "-f", "json")
    assert json.loads(out)["shape"] == [16, 2, 2]
    assert "channels of 16 x 16" in run_here(*command, "--layer", "2")[1]
    code, _, err = run_here(*command, "--layer", "9")
    assert (code, "no layer '9'" in err) == (2, True)
    code, _, err = run_here("explain", folder / "00.png", "-m", "phash", "--layer", "1")
    assert (code, "has no layers" in err) == (2, True)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_training_on_cuda_is_that_on_the_cpu(folder: Path, tmp_path: Path) -> None:
    """3 %: rounding moved losses by 0.04 % at most on the CPU, TF32 by 1.5 % on an H100."""
    losses = {}
    for device in ("cpu", "cuda"):
        options = replace(OPTIONS, loop=LoopOptions(epochs=6), device=device)
        run = RunOptions(executor="threads")
        made = train_autoencoder(folder, tmp_path / device, options, run=run)
        losses[device] = [(epoch.train, epoch.held_out) for epoch in made.epochs]
    assert np.allclose(losses["cuda"], losses["cpu"], rtol=0.03, atol=0)
