"""The encoder of a Siamese network, and the rows that its frozen part computes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators.networks import NetworkExtractor
from imgsim.comparators.pixels import Pixels
from imgsim.decode.spec import InputSpec
from imgsim.models import backbone as backbones
from imgsim.models import efficientnet as architectures
from imgsim.models import weights as files
from imgsim.models.backbone import scaling_of
from imgsim.models.devices import require_torch
from imgsim.models.efficientnet import Architecture
from imgsim.read.collect import collect
from imgsim.read.options import RunOptions
from imgsim.training.loop import save_tensors, torch_seed
from imgsim.training.run import without_cache
from imgsim.training.siamese_options import Encoder, SiameseOptions
from imgsim.training.split import TrainingSplit

ENCODER_FILE = "encoder.safetensors"

RANDOM = "random"
"""As weights: a network that was not trained."""

ARCHITECTURES: dict[Encoder, Architecture] = {
    "efficientnet": "efficientnet_pytorch",
    "resnet34": "resnet34",
}

_PUBLISHED: dict[Encoder, str] = {"efficientnet": "imagenet", "resnet34": "resnet34"}
_CALIBRATION_IMAGES = 32
"""Of which a random encoder's batch normalisations take the statistics."""


@dataclass(frozen=True)
class EncoderRows(NetworkExtractor):
    """Features or feature maps that the frozen part of an encoder computes.

    Attributes
    ----------
    package : {"efficientnet_pytorch", "torchvision", "resnet34"}
    weights : str
    size : int
    left_out : int
        Last blocks, which are trained: 0 gives the pooled features, else the feature map before
        them.
    device : str
    batch_size : int
    """

    package: Architecture
    weights: str
    size: int
    left_out: int
    device: str = field(metadata={"where": True})
    batch_size: int = field(metadata={"where": True})
    name: ClassVar[str] = "encoder"
    version: ClassVar[int] = 2

    @property
    def wants(self) -> InputSpec:
        return InputSpec(self.size, self.size, "rgb")

    @property
    def shape(self) -> tuple[int, ...]:
        if self.left_out == 0:
            return (backbones.CHANNELS[self.package],)
        return (int(np.prod(self.map_shape)),)

    @property
    def map_shape(self) -> tuple[int, ...]:
        """Channels, height and width of the feature map before the blocks left out."""
        return self._network().map_shape(self.size)

    def get_ready(self, *, fetch: bool = True) -> None:
        files.locate(self.weights, download=fetch)

    def extract(self, images: NDArray[np.uint8]) -> NDArray[Any]:
        pool: backbones.Pool = "none" if self.left_out else "avg"
        return self._network()(images, pool, scaling_of(self.weights), self.batch_size)

    def _network(self) -> backbones.Backbone:
        return backbones.load_backbone(
            self.weights, self.package, self.device, "fp32", self.left_out
        )


def weights_for_encoder(
    options: SiameseOptions, split: TrainingSplit, folder: Path, run: RunOptions
) -> str:
    """Find the weights that the encoder begins with.

    Parameters
    ----------
    options : SiameseOptions
    split : TrainingSplit
        Some of its images calibrate a random encoder.
    folder : Path
        Where random weights are written, unless they are there.
    run : RunOptions

    Returns
    -------
    str
        A file, or a published name that is in the cache.

    Raises
    ------
    WeightsUnusable
        The options name weights that cannot be had.
    """
    weights = options.weights or _PUBLISHED[options.encoder]
    if weights != RANDOM:
        try:
            files.locate(weights, download=True)
            return weights
        except files.WeightsUnusable as error:
            if options.weights:
                raise
            run.progress.note(f"{error.message}; {error.hint}")
            run.progress.note(
                "goes on with a random encoder, which knows nothing of pictures: expect less"
            )
    target = folder / ENCODER_FILE
    if not target.exists():
        _random_encoder(options, split, target, run)
    return str(target)


def _random_encoder(
    options: SiameseOptions, split: TrainingSplit, target: Path, run: RunOptions
) -> None:
    """Write random weights, their batch normalisations calibrated on some training images."""
    torch = require_torch()
    package = ARCHITECTURES[options.encoder]
    pixels = Pixels(options.size, "rgb")
    paths = [split.pictures[i].file.path for i in split.train_rows[:_CALIBRATION_IMAGES]]
    collection = collect(paths, [pixels], without_cache(run))
    rows = np.asarray(collection.features(pixels, collection.pictures).rows)
    images = rows.reshape(-1, options.size, options.size, 3)
    with torch_seed(options.loop.seed), torch.inference_mode():
        model = architectures.make_model(package).train()
        features = torch.nn.Sequential(*architectures.feature_parts(package, model))
        scaled = backbones.network_input(images, len(images), "cpu", "imagenet")
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.momentum = None  # the mean over all that it sees
                module.reset_running_stats()
        features(scaled)
    save_tensors(model.state_dict(), target, {})
