"""Comparators on EfficientNet-b0 features; the network is in `imgsim.models.backbone`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators.base import PRESETS, Metric, Preset, Scale, VectorComparator, needs_deep
from imgsim.comparators.evidence import Evidence, Explains
from imgsim.comparators.extractor import Extractor
from imgsim.comparators.networks import NetworkExtractor, check_batch_size
from imgsim.decode.spec import InputSpec
from imgsim.errors import UsageError
from imgsim.models import backbone as networks
from imgsim.models import cam, devices, openvino, padding
from imgsim.models import weights as files
from imgsim.models.backbone import Pool, Precision, Scaling
from imgsim.models.efficientnet import Package

Runtime = Literal["torch", "openvino"]

_LINKS = 12


@dataclass(frozen=True)
class EfficientNetFeatures(NetworkExtractor):
    """The last feature map of EfficientNet-b0, pooled or whole."""

    backbone: padding.Backbone
    weights: str
    size: int
    pool: Pool
    scaling: Scaling
    precision: Precision
    engine: Runtime
    device: str = field(metadata={"where": True})
    batch_size: int = field(metadata={"where": True})
    name: ClassVar[str] = "efficientnet-b0"
    version: ClassVar[int] = 2

    @property
    def wants(self) -> InputSpec:
        return InputSpec(self.size, self.size, "rgb")

    @property
    def shape(self) -> tuple[int, ...]:
        if self.backbone == "auto":  # both have as many cells at sizes that `auto` is allowed for
            cells = (self.size // networks.STRIDE) ** 2
        else:
            cells = networks.map_side(self.backbone, self.size) ** 2
        return (networks.CHANNELS["torchvision"] * (cells if self.pool == "none" else 1),)

    @property
    def package(self) -> Package:
        """Package of the network; where it is chosen by the weights, they are read."""
        return padding.chosen_package(self.weights) if self.backbone == "auto" else self.backbone

    def get_ready(self, *, fetch: bool = True) -> None:
        devices.require_torch()
        if self.engine == "openvino":
            openvino.require_openvino()
            openvino.check_device(self.device)
        else:
            devices.choose_device(self.device)
        files.locate(self.weights, download=fetch)

    def extract(self, images: NDArray[np.uint8]) -> NDArray[Any]:
        return self._run(images, self.pool)

    def maps(self, images: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Compute feature maps before they are pooled.

        Parameters
        ----------
        images : ndarray of uint8, shape (n, size, size, 3)

        Returns
        -------
        ndarray of float64, shape (n, channels, height, width)
        """
        cells = networks.map_side(self.package, self.size)
        maps = self._run(images, "none").reshape(len(images), -1, cells, cells)
        return maps.astype(np.float64)

    def _run(self, images: NDArray[np.uint8], pool: Pool) -> NDArray[np.float32]:
        network: networks.Backbone | openvino.OpenVinoBackbone
        if self.engine == "openvino":
            openvino.check_device(self.device)
            network = openvino.load_openvino_backbone(self.weights, self.package, self.precision)
        else:
            network = networks.load_backbone(
                self.weights, self.package, self.device, self.precision
            )
        return network(images, pool, self._scaling, self.batch_size)

    @property
    def _scaling(self) -> Scaling:
        return networks.scaling_of(self.weights) if self.scaling == "auto" else self.scaling


@dataclass(frozen=True)
class _EfficientNet(VectorComparator):
    """EfficientNet-b0 features.

    Attributes
    ----------
    backbone : {"auto", "efficientnet_pytorch", "torchvision"}
        The package of the network. They differ in padding; auto: what the weights were trained
        with, see `imgsim.models.padding`.
    weights : str
        ``imagenet``, ``advprop``, or a file.
    size : int
        Width and height in pixels that images are resized to.
    pool : {"avg", "gem", "none"}
        How the cells of the feature map are joined.
    scaling : {"auto", "imagenet", "advprop", "unit", "none"}
        Of the pixels; auto: as the weights were trained; unit: 0..1.
    precision : {"fp32", "bf16", "fp16"}
    engine : {"torch", "openvino"}
        Runs the network; openvino only on the CPU.
    device : str
        cpu, cuda, cuda:1 or auto. No part of what the features are.
    batch_size : int
        0 for what suits the device.
    """

    backbone: padding.Backbone = "auto"
    weights: str = "imagenet"
    size: int = 224
    pool: Pool = "avg"
    scaling: Scaling = "auto"
    precision: Precision = "fp32"
    engine: Runtime = "torch"
    device: str = field(default="auto", metadata={"where": True})
    batch_size: int = field(default=0, metadata={"where": True})

    def __post_init__(self) -> None:
        if not 32 <= self.size <= 1024:
            raise UsageError(f"{self.name}: size={self.size} is not in 32..1024", "try size=224")
        if self.backbone == "auto" and self.pool == "none" and self.size % networks.STRIDE:
            raise UsageError(
                f"{self.name}: with size={self.size}, the number of cells depends on the backbone",
                "name it: backbone=efficientnet_pytorch or backbone=torchvision",
            )
        check_batch_size(self.name, self.batch_size)

    @classmethod
    def missing(cls) -> str:
        return needs_deep("torch", "efficientnet_pytorch")

    @property
    def extractor(self) -> Extractor:
        return self._features()

    def _features(self) -> EfficientNetFeatures:
        return EfficientNetFeatures(
            self.backbone,
            self.weights,
            self.size,
            self.pool,
            self.scaling,
            self.precision,
            self.engine,
            self.device,
            self.batch_size,
        )


@dataclass(frozen=True)
class EfficientNetEuclidean(_EfficientNet):
    """L2 distance of EfficientNet-b0 features."""

    name: ClassVar[str] = "efficientnet-euclidean"
    summary: ClassVar[str] = "EfficientNet-b0 features by L2: what is shown, not how"
    metric: ClassVar[Metric] = Metric.EUCLIDEAN

    @property
    def scale(self) -> Scale:
        return Scale("L2", "lower", float(np.sqrt(self.extractor.shape[0])))

    def preset_distance(self, preset: Preset) -> float:
        return (2.0, 3.0, 4.5)[PRESETS.index(preset)]


@dataclass(frozen=True)
class EfficientNetCosine(_EfficientNet, Explains):
    """1 - cosine of EfficientNet-b0 features."""

    name: ClassVar[str] = "efficientnet-cosine"
    summary: ClassVar[str] = "EfficientNet-b0 features by angle: what is shown, not how"
    metric: ClassVar[Metric] = Metric.COSINE

    @property
    def scale(self) -> Scale:
        return Scale("cosine", "higher", 1.0)

    def preset_distance(self, preset: Preset) -> float:
        return (0.02, 0.03, 0.1)[PRESETS.index(preset)]

    def explain(self, left: NDArray[np.uint8], right: NDArray[np.uint8]) -> Evidence:
        features = self._features()
        one, other = features.maps(np.stack([left, right]))
        shift = networks.SHIFT[features.package]
        cells = cam.pooled_cosine(one, other, self.pool)
        links = cam.cell_links(one, other, cells, _LINKS, shift)
        parts = cam.move_to_receptive_fields(cells, shift)
        return Evidence(
            "cosine",
            "similarity",
            parts.total,
            parts.left,
            parts.right,
            links,
            padding.misfit(self.weights, features.package, "name backbone={}, or leave it out"),
            cam.edge_width(len(one[0])),
        )
