"""An autoencoder as a training task: its batches, its loss, its file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgsim import __version__
from imgsim.models import autoencoder as networks
from imgsim.models.devices import require_torch
from imgsim.training.autoencoder_options import AutoencoderOptions
from imgsim.training.loop import BatchLoss, save_tensors
from imgsim.training.split import TrainingSplit

_CUDA_BATCH, _CPU_BATCH = 64, 16
_MAX_COMPARED = 2000
"""Images between which the nearest of two families are searched."""


class AutoencoderTask:
    """An autoencoder as `loop.TrainingTask`.

    Parameters
    ----------
    rows : ndarray of uint8, shape (n, size * size * 3)
        The pixels of each picture of the split.
    split : TrainingSplit
    options : AutoencoderOptions
    device : str
        See `devices.choose_device`.
    """

    def __init__(
        self,
        rows: NDArray[np.uint8],
        split: TrainingSplit,
        options: AutoencoderOptions,
        device: str,
    ) -> None:
        torch = require_torch()
        self.rows = rows
        self.split = split
        self.options = options
        self.device = device
        self.batch_size = options.batch_size or (_CPU_BATCH if device == "cpu" else _CUDA_BATCH)
        module = networks.make_autoencoder(options.shape)
        self.module = module.to(device, memory_format=torch.channels_last)
        self.batches_per_epoch = -(-len(split.train_rows) // self.batch_size)

    def parameter_groups(self) -> list[tuple[list[Any], float]]:
        return [(list(self.module.parameters()), 1.0)]

    def set_training(self, training: bool) -> None:
        self.module.train(training)

    def epoch_batches(self, number: int) -> Iterator[Any]:
        rng = np.random.default_rng([self.options.loop.seed, number])
        for images in self._batches(rng.permutation(self.split.train_rows)):
            yield _augmented(images, rng) if self.options.augment else images

    def loss(self, batch: Any) -> BatchLoss:
        reconstructed = self.module.decoder(self.module.encoder(batch))
        error = require_torch().nn.functional.mse_loss(reconstructed, batch)
        return BatchLoss(error, error)

    def held_out_loss(self) -> float:
        total = 0.0
        with require_torch().inference_mode():
            for images in self._batches(self.split.held_out_rows):
                total += float(self.loss(images).shown) * len(images)
        return total / len(self.split.held_out_rows)

    def loss_of_mean(self) -> float:
        """Compute the held-out loss of the mean training image in the place of each."""
        total = np.zeros(self.rows.shape[1])
        for row in self.split.train_rows:
            total += self.rows[row]
        mean = total / len(self.split.train_rows)
        losses = [np.mean((self.rows[row] - mean) ** 2) for row in self.split.held_out_rows]
        return float(np.mean(losses)) / 255**2

    def save(self, path: Path) -> None:
        torch = require_torch()
        rows = np.concatenate([self.split.held_out_rows, self.split.train_rows])[:_MAX_COMPARED]
        with torch.inference_mode():
            latents = torch.cat(
                [self.module.encoder(images).float().cpu() for images in self._batches(rows)]
            )
            mean = latents.mean(dim=0)
            self.module.centre.copy_(mean)
        vectors = (latents - mean).flatten(1).numpy().astype(np.float64)
        metadata = {
            "kind": networks.KIND,
            "version": __version__,
            **asdict(self.options.shape),
            "nearest_others": _nearest_others(vectors, self.split.families[rows]),
        }
        save_tensors(self.module.state_dict(), path, {"imgsim": json.dumps(metadata)})

    def _batches(self, rows: NDArray[np.int64]) -> Iterator[Any]:
        """Yield the images of some rows as float32 tensors of 0..1, shape (n, 3, side, side)."""
        torch = require_torch()
        side = self.options.shape.size
        for start in range(0, len(rows), self.batch_size):
            some = np.asarray(self.rows[rows[start : start + self.batch_size]])
            pixels = torch.from_numpy(some.reshape(-1, side, side, 3))
            yield pixels.to(self.device).permute(0, 3, 1, 2).float() / 255.0


def _nearest_others(vectors: NDArray[np.float64], families: NDArray[np.int64]) -> float:
    """Compute the smallest 1 - cosine between families; 1 if there is only one."""
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
    rng : numpy.random.Generator

    Returns
    -------
    tensor of float32, shape (n, 3, side, side)
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
