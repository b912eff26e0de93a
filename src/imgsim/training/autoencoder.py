"""Trains an autoencoder on a folder."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators.pixels import Pixels
from imgsim.errors import UsageError, shown_value
from imgsim.models import autoencoder as networks
from imgsim.models.devices import choose_device
from imgsim.read.collect import collect
from imgsim.read.options import Paths, RunOptions, as_list
from imgsim.training import pictures
from imgsim.training.autoencoder_options import AutoencoderOptions
from imgsim.training.autoencoder_task import AutoencoderTask
from imgsim.training.folder import folder_path
from imgsim.training.loop import torch_seed
from imgsim.training.run import TrainedNetwork, TrainingRun, without_cache
from imgsim.training.split import FAMILY

RECONSTRUCTIONS = "reconstructions.png"

_DRAWN = 8
"""Held-out images whose reconstructions are drawn."""


@dataclass(frozen=True, slots=True, repr=False)
class TrainedAutoencoder(TrainedNetwork):
    """A trained autoencoder; further attributes are those of `TrainedNetwork`.

    Attributes
    ----------
    compression : float
        Numbers in an image over numbers in its latent.
    loss, loss_of_mean : float
        Mean squared error (pixels in 0..1) over the held-out images: of the reconstructions of
        the best epoch, and of the mean training image in the place of each.
    """

    compression: float
    loss: float
    loss_of_mean: float


def train_autoencoder(
    paths: Paths,
    folder: str | os.PathLike[str],
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
    folder : path
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

    Examples
    --------
    >>> import imgsim
    >>> trained = imgsim.train_autoencoder("photos", "network")  # doctest: +SKIP
    >>> method = 'autoencoder:weights="network/model.safetensors"'
    >>> ranked = imgsim.matches("photos", method)  # doctest: +SKIP
    """
    options = options or AutoencoderOptions()
    if not isinstance(options, AutoencoderOptions):
        raise UsageError(f"{shown_value(options)} are no options", "give AutoencoderOptions(...)")
    folder = folder_path(folder)
    training = TrainingRun(
        networks.KIND,
        as_list(paths, max_pixels=(run or RunOptions()).max_pixels),
        folder,
        options,
        run or RunOptions(),
        resume,
    )
    device = choose_device(options.device)
    training.check_folder(overwrite=overwrite)
    pixels = Pixels(options.shape.size, "rgb")
    collection = collect(training.paths, [FAMILY.extractor, pixels], without_cache(training.read))
    split = training.divide(collection, [""] * len(collection.pictures))
    training.start(split, [RECONSTRUCTIONS])
    images = np.asarray(collection.features(pixels, split.pictures).rows)
    with torch_seed(options.loop.seed):
        task = AutoencoderTask(images, split, options, device)
    history = training.train(task, "mean squared error")
    network = networks.Autoencoder(str(training.weights), device)
    _draw_reconstructions(network, images[_spread(split.held_out_rows)], folder / RECONSTRUCTIONS)
    return TrainedAutoencoder.of_run(
        training,
        split,
        len(collection.skipped),
        history,
        compression=options.shape.compression,
        loss=min(epoch.held_out for epoch in history),
        loss_of_mean=task.loss_of_mean(),
    )


def _spread(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Choose rows evenly from all: neighbours may be frames of one video."""
    chosen = np.linspace(0, len(rows) - 1, _DRAWN).round().astype(int)
    return np.asarray(rows[np.unique(chosen)])


def _draw_reconstructions(
    network: networks.Autoencoder, rows: NDArray[np.uint8], target: Path
) -> None:
    side = network.shape.size
    originals = rows.reshape(-1, side, side, 3)
    pictures.draw_reconstructions(originals, network.reconstruct(originals), target)
