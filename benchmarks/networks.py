"""Accuracy of trained networks: Siamese against the plain cosine, autoencoders against the mean.

    python benchmarks/networks.py --weights FILE [--pictures DIR] [--siamese FOLDER...]
        [--autoencoder FOLDER...] [--only-siamese]

First on pictures that it makes: patterned balls in landscapes, a class per pattern. There it is
known where the maps of `imgsim explain` must lie. With --pictures the pictures of the
documentation are drawn. Then on labelled folders, one sub-folder per class. With --only-siamese,
what the result file has of autoencoders stays: they take ten times as long.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from itertools import combinations
from pathlib import Path

import numpy as np
from PIL import Image
from record import RESULTS, machine, write

from imgsim import RunOptions, explain
from imgsim.pictures.generate import landscape
from imgsim.report.explanation import draw_activations, draw_explanation
from imgsim.tasks.explain import activations
from imgsim.training.autoencoder import TrainedAutoencoder, train_autoencoder
from imgsim.training.autoencoder_options import AutoencoderOptions
from imgsim.training.loop import LoopOptions
from imgsim.training.siamese import TrainedSiamese, train_siamese
from imgsim.training.siamese_options import SiameseOptions

SIDE, KINDS, IMAGES = 224, 6, 24
COLOURS = np.array(
    [
        [(200, 30, 40), (250, 240, 220)],
        [(30, 70, 190), (250, 210, 40)],
        [(30, 130, 60), (240, 240, 240)],
        [(120, 40, 140), (240, 150, 40)],
        [(240, 120, 20), (40, 30, 30)],
        [(20, 150, 170), (230, 60, 120)],
    ],
    float,
)


class Notes:
    """A progress that prints its notes only."""

    def start(self, stage: str, total: int, unit: str) -> None: ...

    def advance(self, n: int) -> None: ...

    def finish(self) -> None: ...

    def note(self, text: str) -> None:
        print(text, flush=True)


def ball(kind: int, rng: np.random.Generator, n: int) -> np.ndarray:
    """Paint a ball with the pattern of a kind, turned at random; RGBA of (n, n, 4)."""
    y, x = (np.mgrid[:n, :n] + 0.5) / n * 2 - 1
    flat = np.hypot(x, y)
    z = np.sqrt(np.clip(1 - flat**2, 0, None))
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    a, b, c = turn @ np.stack([x, y, z]).reshape(3, -1)
    around = np.arctan2(b, a)
    pattern = [
        np.sin(14 * c),
        np.sin(6 * around),
        np.sin(9 * a) * np.sin(9 * b) * np.sin(9 * c) * 3,
        np.sin(8 * c + 3 * around),
        np.sin(10 * a) * np.sin(10 * c),
        np.cos(16 * np.arccos(c.clip(-1, 1)) ** 2 / 3),
    ][kind].reshape(n, n, 1)
    dark, bright = COLOURS[kind]
    colour = np.where(pattern > 0, bright, dark)
    light = np.clip(0.35 + 0.75 * (-0.4 * x - 0.6 * y + 0.7 * z), 0.15, 1.1)[..., None]
    edge = np.clip((1 - flat) * n / 3, 0, 1)[..., None] * 255
    return np.concatenate([(colour * light).clip(0, 255), edge], axis=2).astype(np.uint8)


def write_planted(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Write the classes; return the square of each ball (left, top, side) by path."""
    boxes = {}
    for kind in range(KINDS):
        (folder / f"ball {kind}").mkdir(parents=True)
        for number in range(IMAGES):
            rng = np.random.default_rng([kind, number])
            picture = Image.fromarray(landscape(1000 * kind + number, SIDE, SIDE))
            n = int(rng.integers(76, 110))
            left, top = (int(v) for v in rng.integers(0, SIDE - n, 2))
            drawn = Image.fromarray(ball(kind, rng, n), "RGBA")
            picture.paste(drawn, (left, top), drawn)
            path = folder / f"ball {kind}" / f"{number:02}.png"
            picture.save(path)
            boxes[str(path)] = (left, top, n)
    return boxes


def held_out(weights: Path) -> Iterator[tuple[str, str]]:
    """Yield pairs of held-out images of one class, some of each."""
    with (weights.parent / "split.csv").open() as stream:
        rows = [row for row in csv.DictReader(stream) if row["split"] == "valid"]
    for name in sorted({row["class"] for row in rows}):
        yield from combinations([row["path"] for row in rows if row["class"] == name][:4], 2)


def localisation(method: str, weights: Path, boxes: dict[str, tuple[int, int, int]]) -> dict:
    """Compute the share of the maps in the square of the ball, and the share of its area."""
    inside, area, peaks = [], [], []
    for pair in held_out(weights):
        evidence = explain(*pair, method).evidence
        for path, parts in zip(pair, (evidence.left, evidence.right), strict=True):
            left, top, n = boxes[path]
            cell = SIDE // len(parts)
            fine = np.kron(parts.clip(0), np.ones((cell, cell)))
            inside.append(fine[top : top + n, left : left + n].sum() / fine.sum())
            area.append(n * n / SIDE**2)
            row, column = (np.array(np.unravel_index(parts.argmax(), parts.shape)) + 0.5) * cell
            peaks.append(left <= column <= left + n and top <= row <= top + n)
    return {
        "maps": len(inside),
        "share_in_the_square": round(float(np.mean(inside)), 3),
        "share_of_the_area": round(float(np.mean(area)), 3),
        "peak_in_the_square": round(float(np.mean(peaks)), 3),
    }


def reduce_colours(path: Path) -> None:
    """Reduce a picture to 256 colours, among them the few bright ones of a map."""
    picture = Image.open(path).convert("RGB")
    palette = picture.quantize(256, method=Image.Quantize.MAXCOVERAGE)
    dither = Image.Dither.FLOYDSTEINBERG
    picture.quantize(palette=palette, dither=dither).save(path, optimize=True)


def siamese_row(made: TrainedSiamese) -> dict:
    return {
        "images": made.images,
        "held_out": made.held_out,
        "classes": len(made.classes),
        "families": made.families,
        "pairs": {"same": made.same, "different": made.different},
        "network": {k: round(v, 3) for k, v in asdict(made.network).items()},
        "cosine": {k: round(v, 3) for k, v in asdict(made.cosine).items()},
        "class_accuracy": round(made.class_accuracy, 3),
        "largest_class": round(made.largest_class, 3),
        "epochs": len(made.epochs),
        "seconds": round(made.seconds, 1),
    }


def autoencoder_row(made: TrainedAutoencoder) -> dict:
    return {
        "images": made.images,
        "held_out": made.held_out,
        "families": made.families,
        "latent_times_smaller": made.compression,
        "loss": round(made.loss, 5),
        "loss_of_mean": round(made.loss_of_mean, 5),
        "epochs": len(made.epochs),
        "seconds": round(made.seconds, 1),
    }


def known_autoencoders() -> dict:
    """Return what the result file has of autoencoders."""
    return json.loads((RESULTS / "networks.json").read_text())["autoencoder"]


def siamese(folder: Path, out: Path, weights: Path, **more: object) -> TrainedSiamese:
    options = SiameseOptions(weights=str(weights), held_out=0.3, **more)
    return train_siamese(folder, out, options, run=RunOptions(progress=Notes()))


def autoencoder(folder: Path, out: Path, epochs: int) -> TrainedAutoencoder:
    options = AutoencoderOptions(loop=LoopOptions(epochs=epochs, patience=10))
    return train_autoencoder(folder, out, options, run=RunOptions(progress=Notes()))


def draw_pictures(
    made: TrainedSiamese, painted: TrainedAutoencoder | None, methods: dict[str, str], folder: Path
) -> None:
    """Draw the pictures of the documentation; work files go to the current folder."""
    drawn = []
    pair = list(held_out(made.weights))[7]
    for name, method in methods.items():
        drawn.append(folder / f"explain-{name}.png")
        draw_explanation(explain(*pair, method), drawn[-1])
    copy = Image.open(pair[0]).convert("RGB")
    copy.paste(Image.open(pair[1]).convert("RGB").crop((60, 60, 110, 110)), (150, 20))
    copy.save("changed.png")
    drawn.append(folder / "explain-ssim.png")
    draw_explanation(explain(pair[0], "changed.png"), drawn[-1])
    whole = Image.fromarray(landscape(5, 480, 360))
    whole.save("whole.png")
    part = whole.crop((120, 90, 420, 315)).transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    part.save("part.jpg", quality=60)
    drawn.append(folder / "explain-local.png")
    draw_explanation(explain("whole.png", "part.jpg", "local"), drawn[-1])
    runs = [(made.weights.parent, "siamese", "pairs")]
    if painted:
        runs.append((painted.weights.parent, "autoencoder", "reconstructions"))
        method = f'autoencoder:weights="{painted.weights}"'
        drawn.append(folder / "autoencoder-layer.png")
        draw_activations(activations(pair[0], "3", method), drawn[-1])
    for run, kind, name in runs:
        drawn.append(folder / f"{kind}-{name}.png")
        shutil.copyfile(run / f"{name}.png", drawn[-1])
    for path in drawn:
        reduce_colours(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--siamese", nargs="*", type=Path, default=[])
    parser.add_argument("--autoencoder", nargs="*", type=Path, default=[])
    parser.add_argument("--only-siamese", action="store_true")
    given = parser.parse_args()
    given.weights = given.weights.resolve()
    folders = {
        name: [f.resolve() for f in getattr(given, name)] for name in ("siamese", "autoencoder")
    }
    pictures = given.pictures and given.pictures.resolve()
    os.chdir(tempfile.mkdtemp())  # short names in the pictures
    work, planted = Path(), Path("balls")
    boxes = write_planted(planted)
    made = siamese(planted, work / "run", given.weights)
    methods = {
        "siamese": f'siamese:weights="{made.weights}"',
        "efficientnet-cosine": f'efficientnet-cosine:weights="{given.weights}"',
    }
    table = {
        "balls": siamese_row(made)
        | {"maps": {n: localisation(m, made.weights, boxes) for n, m in methods.items()}}
    }
    print(table)
    painted = None if given.only_siamese else autoencoder(planted, work / "painted", 60)
    painters = {"balls": autoencoder_row(painted)} if painted else known_autoencoders()
    print(painters)
    if pictures:
        draw_pictures(made, painted, methods, pictures)
    for folder in folders["siamese"]:
        for label, more in (("", {}), (" --loss contrastive", {"loss": "contrastive"})):
            out = work / f"{folder.name}{label}"
            table[folder.name + label] = siamese_row(siamese(folder, out, given.weights, **more))
            print(folder.name, label, table[folder.name + label])
    for folder in folders["autoencoder"]:
        row = autoencoder_row(autoencoder(folder, work / f"ae {folder.name}", 40))
        painters[folder.name] = row
        print(folder.name, row)
    if not given.siamese:
        return
    document = {
        **machine(
            "python benchmarks/networks.py --weights FILE --siamese "
            f"{' '.join(f.name for f in given.siamese)} "
            + ("--only-siamese" if given.only_siamese else
               f"--autoencoder {' '.join(f.name for f in given.autoencoder)}"),
            "imgsim", "torch", "efficientnet_pytorch",
        ),
        "held_out": 0.3,
        "siamese": table,
        "autoencoder": painters,
    }  # fmt: skip
    print(write("networks", document))


if __name__ == "__main__":
    main()
