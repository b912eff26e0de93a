"""Trains an autoencoder on a folder."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgsim import __version__
from imgsim.comparators.pixels import Pixels
from imgsim.models import autoencoder as networks
from imgsim.models.autoencoder import Shape
from imgsim.models.devices import choose_device, require_torch
from imgsim.read.collect import collect
from imgsim.read.options import Paths, RunOptions, as_list
from imgsim.training import folder as folders
from imgsim.training import loop, pictures
from imgsim.training.split import FAMILY, Split, divide, write_split

RECONSTRUCTIONS = "reconstructions.png"

_CUDA_BATCH, _CPU_BATCH = 64, 16
_SHOWN = 8
_COMPARED = 2000


@dataclass(frozen=True, slots=True)
class AutoencoderOptions:
    """How an autoencoder is trained.

    Attributes
    ----------
    shape : Shape
    loop : loop.LoopOptions
    held_out : float
        Share of the images that is not trained on.
    split : Path or None
        A CSV that says instead which images are held out.
    augment : bool
        Mirror, crop and tint the images while training.
    device : str
    batch_size : int
        0 for what suits the device.
    """

    shape: Shape = field(default_factory=Shape)
    loop: loop.LoopOptions = field(default_factory=lambda: loop.LoopOptions(epochs=30))
    held_out: float = 0.15
    split: Path | None = None
    augment: bool = True
    device: str = "auto"
    batch_size: int = 0


@dataclass(frozen=True, slots=True)
class TrainedAutoencoder:
    """What came of it.

    Attributes
    ----------
    weights : Path
        For ``--method autoencoder:weights=FILE``.
    images, held_out, families : int
        Pictures trained on, pictures held out, families of near duplicates among all of them.
    skipped : int
        Files that could not be read.
    epochs : tuple of loop.Epoch
    stopped_early : bool
    smaller : float
        How many times fewer numbers the latent has than the image.
    loss, loss_of_mean : float
        Mean squared error (pixels in 0..1) over the held-out images: of the reconstructions of
        the best epoch, and if the mean of the training images were painted for each.
    seconds : float
    """

    weights: Path
    images: int
    held_out: int
    families: int
    skipped: int
    epochs: tuple[loop.Epoch, ...]
    stopped_early: bool
    smaller: float
    loss: float
    loss_of_mean: float
    seconds: float


def train_autoencoder(
    paths: Paths,
    folder: Path,
    options: AutoencoderOptions | None = None,
    *,
    run: RunOptions | None = None,
    resume: bool = False,
    overwrite: bool = False,
) -> TrainedAutoencoder:
    """Train an autoencoder on the images below some paths.

    Parameters
    ----------
    paths : path or sequence of paths
    folder : Path
        Where everything is written: the best weights, a checkpoint, the split, the losses and
        pictures of them. Empty, or not there yet.
    options : AutoencoderOptions, optional
    run : RunOptions, optional
        How files are found and read. Its cache is not used: the images themselves are read.
    resume, overwrite : bool
        Go on from the checkpoint in the folder, or replace an earlier run.

    Raises
    ------
    UsageError
        A path does not exist, an argument makes no sense, or the images cannot be divided.
    MethodUnavailable
        There is no torch.
    KeyboardInterrupt
        The user stopped it; the folder holds the checkpoint of the last finished epoch.
    """
    started = time.perf_counter()
    options = options or AutoencoderOptions()
    run = run or RunOptions()
    torch = require_torch()
    device = choose_device(options.device)
    names = as_list(paths)
    settings = folders.settings_of(networks.KIND, names, options)
    folders.check(folder, settings, resume=resume, overwrite=overwrite)
    pixels = Pixels(options.shape.size, "rgb")
    collection = collect(names, [FAMILY.extractor, pixels], folders.without_cache(run))
    classes = [""] * len(collection.pictures)
    given = folder / folders.SPLIT if resume else options.split
    split = divide(collection, classes, options.held_out, options.loop.seed, run, given)
    if not resume:
        folders.begin(folder, settings, [RECONSTRUCTIONS])
    write_split(split, folder / folders.SPLIT)
    folders.tell(split, run.progress)
    rows = collection.features(pixels, split.pictures).rows
    with torch.random.fork_rng():
        torch.manual_seed(options.loop.seed)
        task = _Task(np.asarray(rows), split, options, device)
    history = loop.train(task, folder, options.loop, run.progress, resume=resume)
    weights = folder / loop.MODEL
    # from all over them: neighbours may be frames of one turn
    spread = np.linspace(0, len(split.held_out_rows) - 1, _SHOWN).round().astype(int)
    shown = split.held_out_rows[np.unique(spread)]
    side = options.shape.size
    originals = np.asarray(rows[shown], np.uint8).reshape(-1, side, side, 3)
    best = networks.Autoencoder(str(weights), device)
    pictures.reconstructions(originals, best.reconstruct(originals), folder / RECONSTRUCTIONS)
    pictures.loss_curve(history, "mean squared error", folder / folders.LOSS)
    trained = TrainedAutoencoder(
        weights,
        len(split.train_rows),
        len(split.held_out_rows),
        len(np.unique(split.families)),
        len(collection.skipped),
        tuple(history),
        loop.stopped_early(history, options.loop),
        options.shape.compression,
        min(epoch.held_out for epoch in history),
        task.loss_of_mean(),
        time.perf_counter() - started,
    )
    return trained


class _Task:
    """An autoencoder as `loop.Task`."""

    def __init__(
        self, rows: NDArray[np.uint8], split: Split, options: AutoencoderOptions, device: str
    ) -> None:
        torch = require_torch()
        self.rows = rows
        self.split = split
        self.options = options
        self.device = device
        self.size = options.batch_size or (_CPU_BATCH if device == "cpu" else _CUDA_BATCH)
        self.module = networks.make_autoencoder(options.shape).to(
            device, memory_format=torch.channels_last
        )
        self.batches = -(-len(split.train_rows) // self.size)

    def groups(self) -> list[tuple[list[Any], float]]:
        return [(list(self.module.parameters()), 1.0)]

    def mode(self, training: bool) -> None:
        self.module.train(training)

    def epoch(self, number: int) -> Iterator[Any]:
        rng = np.random.default_rng([self.options.loop.seed, number])
        order = rng.permutation(self.split.train_rows)
        for start in range(0, len(order), self.size):
            images = self._images(order[start : start + self.size])
            yield _augmented(images, rng) if self.options.augment else images

    def loss(self, batch: Any) -> Any:
        painted = self.module.decoder(self.module.encoder(batch))
        return require_torch().nn.functional.mse_loss(painted, batch)

    def held_out(self) -> float:
        torch = require_torch()
        total = 0.0
        rows = self.split.held_out_rows
        with torch.inference_mode():
            for start in range(0, len(rows), self.size):
                images = self._images(rows[start : start + self.size])
                total += float(self.loss(images)) * len(images)
        return total / len(rows)

    def loss_of_mean(self) -> float:
        """The loss on what is held out if the mean training image were painted for each."""
        total = np.zeros(self.rows.shape[1])
        for row in self.split.train_rows:
            total += self.rows[row]
        mean = total / len(self.split.train_rows)
        losses = [np.mean((self.rows[row] - mean) ** 2) for row in self.split.held_out_rows]
        return float(np.mean(losses)) / 255**2

    def save(self, path: Path) -> None:
        torch = require_torch()
        rows = np.concatenate([self.split.held_out_rows, self.split.train_rows])[:_COMPARED]
        latents = []
        with torch.inference_mode():
            for start in range(0, len(rows), self.size):
                images = self._images(rows[start : start + self.size])
                latents.append(self.module.encoder(images).float().cpu())
            found = torch.cat(latents)
            centre = found.mean(dim=0)
            self.module.centre.copy_(centre)
        vectors = (found - centre).flatten(1).numpy().astype(np.float64)
        metadata = {
            "kind": networks.KIND,
            "version": __version__,
            **asdict(self.options.shape),
            "nearest_others": _nearest_others(vectors, self.split.families[rows]),
        }
        loop.save_tensors(self.module.state_dict(), path, {"imgsim": json.dumps(metadata)})

    def _images(self, rows: NDArray[np.int64]) -> Any:
        torch = require_torch()
        side = self.options.shape.size
        pixels = torch.from_numpy(np.asarray(self.rows[rows]).reshape(-1, side, side, 3))
        return pixels.to(self.device).permute(0, 3, 1, 2).float() / 255.0


def _nearest_others(vectors: NDArray[np.float64], families: NDArray[np.int64]) -> float:
    """The smallest 1 - cosine between pictures of different families; 1 if there are none."""
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    distance = 1.0 - unit @ unit.T
    distance[families[:, None] == families[None, :]] = 1.0
    return float(np.clip(distance.min(), 0.0, 1.0))


def _augmented(images: Any, rng: np.random.Generator) -> Any:
    """Mirror half of the images, crop up to a fifth of each side, tint and darken a little.

    Parameters
    ----------
    images : tensor of float32, shape (n, 3, side, side)
        In 0..1.
    """
    torch = require_torch()
    n = len(images)
    zoom = rng.uniform(0.8, 1.0, (n, 2))
    shift = rng.uniform(-1, 1, (n, 2)) * (1 - zoom)
    mirror = rng.choice([-1.0, 1.0], n)
    change = np.zeros((n, 2, 3), np.float32)
    change[:, 0, 0] = zoom[:, 0] * mirror
    change[:, 1, 1] = zoom[:, 1]
    change[:, :, 2] = shift
    functional = torch.nn.functional
    grid = functional.affine_grid(
        torch.from_numpy(change).to(images.device), list(images.shape), align_corners=False
    )
    moved = functional.grid_sample(
        images, grid, mode="bilinear", padding_mode="reflection", align_corners=False
    )
    gain = torch.from_numpy(rng.uniform(0.85, 1.15, (n, 3, 1, 1)).astype(np.float32))
    return (moved * gain.to(images.device)).clamp(0, 1)
