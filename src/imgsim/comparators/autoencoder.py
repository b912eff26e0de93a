"""The comparator on latents of an autoencoder; the network is in `imgsim.models.autoencoder`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators.base import (
    PRESETS,
    Metric,
    Preset,
    Scale,
    VectorComparator,
)
from imgsim.comparators.evidence import Evidence, Explains
from imgsim.comparators.networks import NetworkExtractor, OwnNetwork
from imgsim.decode.spec import InputSpec
from imgsim.models import autoencoder as networks
from imgsim.models import cam
from imgsim.models import weights as files
from imgsim.models.devices import choose_device


@dataclass(frozen=True)
class AutoencoderLatent(NetworkExtractor):
    """The latent of a trained autoencoder, less the mean of its training images."""

    weights: str
    device: str = field(default="auto", metadata={"where": True})
    batch_size: int = field(default=0, metadata={"where": True})
    name: ClassVar[str] = "autoencoder"
    version: ClassVar[int] = 1

    @property
    def _shape(self) -> networks.Shape:
        return networks.shape_of(files.metadata(files.locate(self.weights), networks.KIND))

    @property
    def wants(self) -> InputSpec:
        return InputSpec(self._shape.size, self._shape.size, "rgb")

    @property
    def shape(self) -> tuple[int, ...]:
        return (self._shape.values,)

    def get_ready(self, *, fetch: bool = True) -> None:
        self.network()

    def extract(self, images: NDArray[np.uint8]) -> NDArray[Any]:
        return self.network().latents(images, self.batch_size).reshape(len(images), -1)

    def network(self) -> networks.Autoencoder:
        """The network, loaded once in a process."""
        return networks.autoencoder(self.weights, choose_device(self.device))


@dataclass(frozen=True)
class AutoencoderCosine(OwnNetwork, VectorComparator, Explains):
    """1 - cosine of latents, measured from the mean latent of the training images.

    Attributes
    ----------
    weights : str
        A file that ``imgsim train autoencoder`` wrote.
    device : str
        cpu, cuda, cuda:1 or auto. No part of what the latents are.
    batch_size : int
        0 for what suits the device.
    """

    name: ClassVar[str] = "autoencoder"
    summary: ClassVar[str] = "latents of an autoencoder trained on a folder of yours"
    metric: ClassVar[Metric] = Metric.COSINE

    @property
    def extractor(self) -> AutoencoderLatent:
        return AutoencoderLatent(self.weights, self.device, self.batch_size)

    @property
    def scale(self) -> Scale:
        return Scale("cosine", "higher", 1.0)

    def preset_distance(self, preset: Preset) -> float:
        """Parts of the smallest distance between two different pictures of the training folder."""
        metadata = files.metadata(files.locate(self.weights), networks.KIND)
        nearest = min(1.0, max(0.0, float(metadata["nearest_others"])))
        return (0.25, 0.5, 1.0)[PRESETS.index(preset)] * nearest

    def explain(self, left: NDArray[np.uint8], right: NDArray[np.uint8]) -> Evidence:
        network = self.extractor.network()
        one, other = network.latents(np.stack([left, right]), self.batch_size).astype(np.float64)
        parts = cam.placed(cam.pooled_cosine(one, other, "none"), networks.SHIFT)
        return Evidence(
            "cosine",
            "similarity",
            parts.total,
            parts.left,
            parts.right,
            remark="a cell is compared with the cell at the same place",
        )
