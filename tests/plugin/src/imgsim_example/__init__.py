"""A comparator for imgsim: the mean brightness of each block of the image.

A comparator is a frozen dataclass. Its fields are what users can set
(``--method blockmean:blocks=8``); it says which image it wants, what it makes of a batch of them,
and what its distances mean. Searching, caching and grouping are imgsim's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from imgsim.plugin import Extractor, InputSpec, Metric, Preset, Scale, VectorComparator


@dataclass(frozen=True)
class BlockMean(VectorComparator, Extractor):
    """L2 distance of the mean grey levels of blocks x blocks parts of the image."""

    blocks: int = 4
    name: ClassVar[str] = "blockmean"
    summary: ClassVar[str] = "mean brightness of parts of the image: an example"
    version: ClassVar[int] = 1
    metric: ClassVar[Metric] = Metric.EUCLIDEAN

    # What is made of an image

    @property
    def extractor(self) -> Extractor:
        return self

    @property
    def wants(self) -> InputSpec:
        return InputSpec(8 * self.blocks, 8 * self.blocks, "grey")

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.blocks * self.blocks,)

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.float32)

    def extract(self, images: NDArray[np.uint8]) -> NDArray[Any]:
        parts = images.reshape(len(images), self.blocks, 8, self.blocks, 8)
        return parts.mean(axis=(2, 4)).reshape(len(images), -1).astype(np.float32)

    # What a distance means

    @property
    def scale(self) -> Scale:
        return Scale("levels", "lower", 255.0 * self.blocks)

    def preset_distance(self, preset: Preset) -> float:
        return {"strict": 2.0, "normal": 4.0, "loose": 8.0}[preset]
