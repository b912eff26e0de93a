"""Perceptual hashes, bit-equal to the package ImageHash where the pixels are the same.

Sources: N. Krawetz, "Looks like it" and "Kind of like that" (hackerfactor.com, 2011 and 2013) for
average, DCT and gradient hash; D. Petrov, "Wavelet image hash in Python" (2016) for whash.
ImageHash's output was the reference; the code works on batches and shares none of it.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators.base import Metric, Preset, Scale, VectorComparator
from imgsim.comparators.extractor import Extractor
from imgsim.decode.detail import dct_basis
from imgsim.decode.spec import InputSpec
from imgsim.errors import UsageError


class _Hash(VectorComparator, Extractor):
    """A comparator that is its own extractor: the vector is a row of bits, packed."""

    metric: ClassVar[Metric] = Metric.HAMMING
    version: ClassVar[int] = 1
    thresholds: ClassVar[dict[int, tuple[int, int, int]]]
    """The largest distance in bits at strict, normal and loose, by hash length."""
    fractions: ClassVar[tuple[float, float, float]]
    """The same for other lengths, as shares of the length."""

    @property
    @abstractmethod
    def bits(self) -> int:
        """Length of the hash."""

    @property
    def extractor(self) -> Extractor:
        return self

    @property
    def shape(self) -> tuple[int, ...]:
        return (-(-self.bits // 8),)

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.uint8)

    @property
    def scale(self) -> Scale:
        return Scale("bits", "lower", float(self.bits))

    def preset_distance(self, preset: Preset) -> float:
        index = ("strict", "normal", "loose").index(preset)
        if self.bits in self.thresholds:
            return float(self.thresholds[self.bits][index])
        return float(int(self.fractions[index] * self.bits))

    def extract(self, images: NDArray[np.uint8]) -> NDArray[Any]:
        return np.packbits(self.hash_bits(images).reshape(len(images), -1), axis=1)

    @abstractmethod
    def hash_bits(self, images: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Compute the hashes of a batch, before packing.

        Parameters
        ----------
        images : ndarray of uint8, shape (n, height, width, channels)

        Returns
        -------
        ndarray of bool, shape (n, ...)
            `bits` for an image.
        """


@dataclass(frozen=True)
class _SizedHash(_Hash):
    """A hash of `size` x `size` bits."""

    size: int = 8

    def __post_init__(self) -> None:
        if not 2 <= self.size <= 64:
            raise UsageError(f"{self.name}: size={self.size} is not in 2..64", "try size=8")

    @property
    def bits(self) -> int:
        return self.size * self.size

    @property
    def wants(self) -> InputSpec:
        return InputSpec(self.size, self.size, "grey")


@dataclass(frozen=True)
class AverageHash(_SizedHash):
    """Bits of a small grey image that are brighter than its mean."""

    name: ClassVar[str] = "ahash"
    summary: ClassVar[str] = "average hash: fast, easily fooled by similar layouts"
    thresholds: ClassVar = {64: (0, 0, 1)}
    fractions: ClassVar = (0.0, 0.01, 0.02)

    def hash_bits(self, images: NDArray[np.uint8]) -> NDArray[np.bool_]:
        grey = images[..., 0]
        return np.asarray(grey > grey.mean(axis=(1, 2), keepdims=True))


@dataclass(frozen=True)
class DctHash(_SizedHash):
    """Low DCT coefficients of a grey image that lie above their median.

    The image is four times as wide and high as the hash.
    """

    name: ClassVar[str] = "phash"
    summary: ClassVar[str] = "DCT hash: survives resizing, re-compression, colour changes"
    thresholds: ClassVar = {64: (2, 4, 8), 256: (12, 24, 40)}
    fractions: ClassVar = (0.03, 0.0625, 0.125)

    @property
    def wants(self) -> InputSpec:
        return InputSpec(4 * self.size, 4 * self.size, "grey")

    def hash_bits(self, images: NDArray[np.uint8]) -> NDArray[np.bool_]:
        pixels = images[..., 0].astype(np.float64)
        basis = dct_basis(self.size, 4 * self.size)
        bits, near = _above_median(basis @ pixels @ basis.T)
        if near.any():
            # As near to the median as rounding: only ImageHash's own transform decides as it does.
            from scipy.fft import dct

            exact = dct(dct(pixels[near], axis=1), axis=2)[:, : self.size, : self.size]
            bits[near] = _above_median(exact)[0]
        return bits


def _above_median(
    coefficients: NDArray[np.float64],
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the bits of each image, and whether rounding could have decided one of them."""
    flat = coefficients.reshape(len(coefficients), -1)
    above = flat - np.median(flat, axis=1)[:, None]
    tolerance = 1e-9 * np.abs(flat).max(axis=1)[:, None]
    return (above > 0).reshape(coefficients.shape), (np.abs(above) <= tolerance).any(axis=1)


@dataclass(frozen=True)
class GradientHash(_SizedHash):
    """Whether each pixel of a small grey image is brighter than its left neighbour."""

    name: ClassVar[str] = "dhash"
    summary: ClassVar[str] = "gradient hash: fast, good with captions and light crops"
    thresholds: ClassVar = {64: (0, 0, 5)}
    fractions: ClassVar = (0.01, 0.01, 0.08)

    @property
    def wants(self) -> InputSpec:
        return InputSpec(self.size + 1, self.size, "grey")

    def hash_bits(self, images: NDArray[np.uint8]) -> NDArray[np.bool_]:
        grey = images[..., 0]
        return grey[:, :, 1:] > grey[:, :, :-1]


@dataclass(frozen=True)
class WaveletHash(_SizedHash):
    """Haar approximation coefficients that lie above their median, without the overall mean.

    Attributes
    ----------
    size : int
        A power of two.
    image_scale : int
        Side of the image that is transformed; a power of two. ImageHash by default takes the
        largest that fits the picture, which makes two sizes of one picture differ.
    """

    image_scale: int = 64
    name: ClassVar[str] = "whash"
    summary: ClassVar[str] = "Haar wavelet hash: close to the average hash, steadier"
    thresholds: ClassVar = {64: (0, 0, 1)}
    fractions: ClassVar = (0.0, 0.01, 0.02)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("size", "image_scale"):
            if getattr(self, name).bit_count() != 1:
                raise UsageError(f"whash: {name} must be a power of two", f"try {name}=64")
        if not self.size <= self.image_scale <= 1024:
            raise UsageError("whash: image_scale must lie in size..1024", "try image_scale=64")

    @property
    def wants(self) -> InputSpec:
        return InputSpec(self.image_scale, self.image_scale, "grey")

    def hash_bits(self, images: NDArray[np.uint8]) -> NDArray[np.bool_]:
        import pywt

        pixels = images[..., 0] / 255.0
        whole = int(np.log2(self.image_scale))
        axes = (1, 2)
        # take the mean away: the single coefficient of the coarsest level
        levels = pywt.wavedec2(pixels, "haar", level=whole, axes=axes)
        levels[0] = np.zeros_like(levels[0])
        pixels = pywt.waverec2(levels, "haar", axes=axes)
        level = whole - int(np.log2(self.size))
        low = pywt.wavedec2(pixels, "haar", level=level, axes=axes)[0]
        median = np.median(low.reshape(len(images), -1), axis=1)
        return np.asarray(low > median[:, None, None])


@dataclass(frozen=True)
class ColorHash(_Hash):
    """Shares of black, grey and 2 x 6 hues among the pixels, a few bits each.

    Attributes
    ----------
    binbits : int
        Bits per share.
    """

    binbits: int = 3
    name: ClassVar[str] = "colorhash"
    summary: ClassVar[str] = "colour shares only: many unrelated pictures agree"
    thresholds: ClassVar = {42: (0, 0, 0)}
    fractions: ClassVar = (0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        if not 1 <= self.binbits <= 16:
            raise UsageError(f"colorhash: binbits={self.binbits} is not in 1..16", "try 3")

    @property
    def bits(self) -> int:
        return 14 * self.binbits

    @property
    def wants(self) -> InputSpec:
        return InputSpec(0, 0, "rgb")

    def hash_bits(self, images: NDArray[np.uint8]) -> NDArray[np.bool_]:
        return np.stack([self._one(image) for image in images])

    def _one(self, pixels: NDArray[np.uint8]) -> NDArray[np.bool_]:
        from PIL import Image

        image = Image.fromarray(pixels)
        grey = np.asarray(image.convert("L")).ravel()
        hue, saturation = np.asarray(image.convert("HSV")).reshape(-1, 3).T[:2]
        black = grey < 256 // 8
        pale = saturation < 256 // 3
        coloured = ~(black | pale)
        faint = coloured & (saturation < 256 * 2 // 3)
        bright = coloured & (saturation > 256 * 2 // 3)
        edges = np.linspace(0, 255, 7)
        n_coloured = max(1, int(coloured.sum()))
        top = 2**self.binbits
        values = [int(black.mean() * top), int((~black & pale).mean() * top)]
        for mask in (faint, bright):
            counts = np.histogram(hue[mask], bins=edges)[0] if mask.any() else np.zeros(6)
            values.extend(int(count * top / n_coloured) for count in counts)
        values = [min(top - 1, value) for value in values]
        # ImageHash's code for a share: not binary, but that is what it writes
        bits = [
            v // 2 ** (self.binbits - i - 1) % 2 ** (self.binbits - i) > 0
            for v in values
            for i in range(self.binbits)
        ]
        return np.array(bits)
