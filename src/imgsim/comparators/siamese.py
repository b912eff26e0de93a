"""The comparator with a trained Siamese head; the networks are in `imgsim.models.siamese`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators.base import (
    PRESETS,
    NarrowsByClass,
    PairComparator,
    Prepared,
    Preset,
    Scale,
)
from imgsim.comparators.evidence import Evidence, Explains
from imgsim.comparators.networks import NetworkExtractor, OwnNetwork
from imgsim.decode.spec import InputSpec
from imgsim.models import cam
from imgsim.models import siamese as networks
from imgsim.models import weights as files
from imgsim.models.backbone import SHIFT, Backbone, backbone
from imgsim.models.devices import choose_device
from imgsim.models.efficientnet import Architecture

_LINKS = 12


@dataclass(frozen=True)
class SiameseVector(NetworkExtractor):
    """What the two sides of a Siamese network make of an image: its vector and class scores."""

    weights: str
    device: str = field(default="auto", metadata={"where": True})
    batch_size: int = field(default=0, metadata={"where": True})
    name: ClassVar[str] = "siamese"
    version: ClassVar[int] = 1

    @property
    def _metadata(self) -> dict[str, Any]:
        return files.metadata(files.locate(self.weights), networks.KIND)

    @property
    def package(self) -> Architecture:
        """Whose encoder it is."""
        package: Architecture = self._metadata["package"]
        return package

    @property
    def wants(self) -> InputSpec:
        side = int(self._metadata["size"])
        return InputSpec(side, side, "rgb")

    @property
    def shape(self) -> tuple[int, ...]:
        return (int(self._metadata["dim"]) + len(self._metadata["classes"]),)

    def get_ready(self, *, fetch: bool = True) -> None:
        self.encoder()

    def extract(self, images: NDArray[np.uint8]) -> NDArray[Any]:
        scaling = self._metadata["scaling"]
        pooled = self.encoder()(images, "avg", scaling, self.batch_size)
        return networks.load_head(self.weights).rows(pooled)

    def maps(self, images: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Feature maps of some images, shape (n, channels, height, width)."""
        found = self.encoder()(images, "none", self._metadata["scaling"], self.batch_size)
        channels = len(networks.load_head(self.weights).mean)
        cells = int(np.sqrt(found.shape[1] // channels))
        return found.reshape(len(images), channels, cells, cells).astype(np.float64)

    def encoder(self) -> Backbone:
        """The encoder, loaded once in a process."""
        return backbone(self.package, self.weights, choose_device(self.device), "fp32")


@dataclass(frozen=True)
class Siamese(OwnNetwork, PairComparator, NarrowsByClass, Explains):
    """1 - the probability that two images are of one class.

    Attributes
    ----------
    weights : str
        A file that ``imgsim train siamese`` wrote.
    device : str
        cpu, cuda, cuda:1 or auto. No part of what the vectors are.
    batch_size : int
        0 for what suits the device.
    """

    name: ClassVar[str] = "siamese"
    summary: ClassVar[str] = "probability of one class, learnt from labelled folders of yours"

    @property
    def extractor(self) -> SiameseVector:
        return SiameseVector(self.weights, self.device, self.batch_size)

    @property
    def scale(self) -> Scale:
        return Scale("probability", "higher", 1.0)

    def preset_distance(self, preset: Preset) -> float:
        return (0.01, 0.1, 0.5)[PRESETS.index(preset)]

    def prepare(self, rows: NDArray[Any]) -> Prepared:
        return (rows[:, : networks.load_head(self.weights).dim].astype(np.float64),)

    def distance(self, left: Prepared, right: Prepared) -> NDArray[np.float64]:
        hazard = networks.load_head(self.weights).hazard(left[0], right[0])
        return np.asarray(-np.expm1(-hazard))

    def class_of(self, rows: NDArray[Any]) -> tuple[str, ...]:
        head = networks.load_head(self.weights)
        return tuple(head.classes[i] for i in rows[:, head.dim :].argmax(axis=1))

    def shortlist(self, query: NDArray[Any], rows: NDArray[Any], most: int) -> NDArray[np.int64]:
        """Those with the vectors nearest to the query's, by L2."""
        (one,), (others,) = self.prepare(query[None]), self.prepare(rows)
        apart = ((others - one) ** 2).sum(axis=1)
        return np.sort(np.argsort(apart, kind="stable")[:most])

    def explain(self, left: NDArray[np.uint8], right: NDArray[np.uint8]) -> Evidence:
        head = networks.load_head(self.weights)
        maps = self.extractor.maps(np.stack([left, right]))
        one, other = (head.cells(m) for m in maps)
        shift = SHIFT[self.extractor.package]
        cells = cam.weighted_cosine(one, other, head.weight)
        parts = cam.placed(cells, shift)
        return Evidence(
            "weighted cosine",
            "similarity",
            parts.total,
            parts.left,
            parts.right,
            cam.cell_links(one, other, cells, _LINKS, shift),
            "of the vectors that the head compares; 1 gives the probability 1",
        )
