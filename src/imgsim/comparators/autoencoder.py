"""The comparator on latents of an autoencoder; the network is in `imgsim.models.autoencoder`."""

from __future__ import annotations

from dataclasses import dataclass
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
from imgsim.comparators.networks import OwnNetwork, OwnNetworkExtractor
from imgsim.decode.spec import InputSpec
from imgsim.models import autoencoder as networks
from imgsim.models import cam
from imgsim.models.devices import choose_device


@dataclass(frozen=True)
class AutoencoderLatent(OwnNetworkExtractor):
    """The latent of a trained autoencoder, less the mean of its training images."""

    name: ClassVar[str] = "autoencoder"
    version: ClassVar[int] = 2

    @property
    def _shape(self) -> networks.Shape:
        return networks.shape_of(self.noted)

    @property
    def wants(self) -> InputSpec:
        return InputSpec(self._shape.size, self._shape.size, "rgb")

    @property
    def shape(self) -> tuple[int, ...]:
        return (self._shape.values,)

    def get_ready(self, *, fetch: bool = True) -> None:
        assert self.noted  # before torch is loaded
        self.network()

    def extract(self, images: NDArray[np.uint8]) -> NDArray[Any]:
        return self.network().latents(images, self.batch_size).reshape(len(images), -1)

    def network(self) -> networks.Autoencoder:
        """Load the network, once in a process."""
        return networks.load_autoencoder(self.weights, choose_device(self.device))


@dataclass(frozen=True)
class AutoencoderCosine(OwnNetwork, VectorComparator, Explains):
    """1 - cosine of latents, measured from the mean latent of the training images.

    Its attributes are those of `OwnNetwork`.
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
        """Return a part of the smallest distance of two families of the training folder."""
        nearest = min(1.0, max(0.0, float(self.extractor.noted["nearest_others"])))
        return (0.25, 0.5, 1.0)[PRESETS.index(preset)] * nearest

    def explain(self, left: NDArray[np.uint8], right: NDArray[np.uint8]) -> Evidence:
        network = self.extractor.network()
        one, other = network.latents(np.stack([left, right]), self.batch_size).astype(np.float64)
        parts = cam.move_to_receptive_fields(cam.pooled_cosine(one, other, "none"), networks.SHIFT)
        return Evidence(
            "cosine",
            "similarity",
            parts.total,
            parts.left,
            parts.right,
            remark="a cell is compared with the cell at the same place",
            edge=cam.edge_width(len(one[0])),
        )
