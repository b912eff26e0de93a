"""Comparators on the pixels of the resized image: Euclidean distance and cosine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators.base import PRESETS, Metric, Preset, Scale, VectorComparator
from imgsim.comparators.extractor import Extractor
from imgsim.decode.colours import Colour
from imgsim.decode.spec import InputSpec
from imgsim.errors import UsageError


class PixelRows(Extractor):
    """An extractor whose rows are the pixels of the image that it is given."""

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.uint8)

    def extract(self, images: NDArray[np.uint8]) -> NDArray[Any]:
        return images.reshape(len(images), -1)


@dataclass(frozen=True)
class Pixels(PixelRows):
    """The resized image itself, as one row."""

    side: int
    colour: Colour
    name: ClassVar[str] = "pixels"
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if not 2 <= self.side <= 1024:
            raise UsageError(f"side={self.side} is not in 2..1024", "try side=32")

    @property
    def wants(self) -> InputSpec:
        return InputSpec(self.side, self.side, self.colour)

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.side * self.side * (1 if self.colour == "grey" else 3),)


@dataclass(frozen=True)
class _PixelComparator(VectorComparator):
    side: int = 32

    def __post_init__(self) -> None:
        Pixels(self.side, "rgb")

    @property
    def extractor(self) -> Extractor:
        return Pixels(self.side, "rgb")


@dataclass(frozen=True)
class Euclidean(_PixelComparator):
    """L2 distance of the pixels (0..255), and so a multiple of the root of the MSE."""

    name: ClassVar[str] = "euclidean"
    summary: ClassVar[str] = "pixel by pixel: re-encodings of the same picture only"
    metric: ClassVar[Metric] = Metric.EUCLIDEAN

    @property
    def scale(self) -> Scale:
        return Scale("L2", "lower", 255.0 * float(np.sqrt(self.extractor.shape[0])))

    def preset_distance(self, preset: Preset) -> float:
        # a root-mean-square difference in grey levels
        rms = (2.0, 3.0, 7.0)[PRESETS.index(preset)]
        return rms * float(np.sqrt(self.extractor.shape[0]))

    def remark(self, distance: float) -> str:
        return f"MSE {self.mean_squared_error(distance):.4g}"

    def mean_squared_error(self, distance: float) -> float:
        """Return the MSE over all pixels and channels (levels squared) of a distance."""
        return distance * distance / self.extractor.shape[0]


@dataclass(frozen=True)
class Cosine(_PixelComparator):
    """1 - cosine of the angle between the pixels taken as vectors; blind to brightness."""

    name: ClassVar[str] = "cosine"
    summary: ClassVar[str] = "angle between pixel vectors: blind to overall brightness"
    metric: ClassVar[Metric] = Metric.COSINE

    @property
    def scale(self) -> Scale:
        return Scale("cosine", "higher", 1.0)

    def preset_distance(self, preset: Preset) -> float:
        return (0.00005, 0.0001, 0.0003)[PRESETS.index(preset)]
