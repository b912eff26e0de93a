"""The comparator on a trained Siamese network; its head is in `imgsim.models.siamese`."""

from __future__ import annotations

from dataclasses import dataclass
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
from imgsim.comparators.networks import OwnNetwork, OwnNetworkExtractor
from imgsim.decode.spec import InputSpec
from imgsim.models import cam, padding
from imgsim.models import siamese as networks
from imgsim.models.backbone import SHIFT, Backbone, load_backbone
from imgsim.models.devices import choose_device
from imgsim.models.efficientnet import Architecture

_LINKS = 12
_REMARK = "of the vectors that the head compares; 1 gives the probability 1"


@dataclass(frozen=True)
class SiameseVector(OwnNetworkExtractor):
    """The unit vector of an image, and behind it a score for each class."""

    name: ClassVar[str] = "siamese"
    version: ClassVar[int] = 2

    @property
    def package(self) -> Architecture:
        """Package of the encoder."""
        package: Architecture = self.noted["package"]
        return package

    @property
    def wants(self) -> InputSpec:
        side = int(self.noted["size"])
        return InputSpec(side, side, "rgb")

    @property
    def shape(self) -> tuple[int, ...]:
        return (int(self.noted["dim"]) + len(self.noted["classes"]),)

    def get_ready(self, *, fetch: bool = True) -> None:
        self.encoder()
        networks.load_head(self.weights)

    def extract(self, images: NDArray[np.uint8]) -> NDArray[Any]:
        scaling = self.noted["scaling"]
        pooled = self.encoder()(images, "avg", scaling, self.batch_size)
        return networks.load_head(self.weights).rows(pooled)

    def maps(self, images: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Compute the encoder's feature maps.

        Parameters
        ----------
        images : ndarray of uint8, shape (n, size, size, 3)

        Returns
        -------
        ndarray of float64, shape (n, channels, height, width)
        """
        flat = self.encoder()(images, "none", self.noted["scaling"], self.batch_size)
        channels = len(networks.load_head(self.weights).mean)
        cells = int(np.sqrt(flat.shape[1] // channels))
        return flat.reshape(len(images), channels, cells, cells).astype(np.float64)

    def encoder(self) -> Backbone:
        """Load the encoder, once in a process."""
        return load_backbone(self.weights, self.package, choose_device(self.device), "fp32")


@dataclass(frozen=True)
class Siamese(OwnNetwork, PairComparator, NarrowsByClass, Explains):
    """1 - the probability that two images are of one class.

    Its attributes are those of `OwnNetwork`.
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
        neg_logs = networks.load_head(self.weights).neg_log_probability(left[0], right[0])
        return np.asarray(-np.expm1(-neg_logs))

    def class_of(self, rows: NDArray[Any]) -> tuple[str, ...]:
        head = networks.load_head(self.weights)
        return tuple(head.classes[i] for i in rows[:, head.dim :].argmax(axis=1))

    def shortlist(self, query: NDArray[Any], rows: NDArray[Any], most: int) -> NDArray[np.int64]:
        (one,), (others,) = self.prepare(query[None]), self.prepare(rows)
        squares = ((others - one) ** 2).sum(axis=1)  # the vectors nearest to the query's, by L2
        return np.sort(np.argsort(squares, kind="stable")[:most])

    def explain(self, left: NDArray[np.uint8], right: NDArray[np.uint8]) -> Evidence:
        head = networks.load_head(self.weights)
        maps = self.extractor.maps(np.stack([left, right]))
        one, other = (head.project_cells(m) for m in maps)
        package = self.extractor.package
        shift = SHIFT[package]
        misfit = padding.misfit(self.weights, package, "train it again, from the encoder's weights")
        cells = cam.weighted_cosine(one, other, head.weight)
        parts = cam.move_to_receptive_fields(cells, shift)
        return Evidence(
            "weighted cosine",
            "similarity",
            parts.total,
            parts.left,
            parts.right,
            cam.cell_links(one, other, cells, _LINKS, shift),
            "; ".join(filter(None, (_REMARK, misfit))),
            cam.edge_width(len(one[0])),
        )
