"""The protocol ``article``: the comparison of methods as it is often done, to the letter.

Files are named by numbers (or there are four of every class). Every fourth is a query and the
three after it are its duplicates. All are read, converted to RGB and resized to one size, small
images to a fixed size and photos to a seventh of each side, and handed to every method as they
are: vectors are not normalised, nor are pixels by the mean and deviation of a training set (the
network gets 0..1, as a conversion to a tensor gives it), SSIM is that of the three channels in
double precision, the features of EfficientNet-b0 are its whole last map. The 3 nearest of every
query are searched among all other images; accuracy is the hits / (images - queries).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import partial
from typing import Any, ClassVar, cast

import numpy as np
from numpy.typing import NDArray

from imgsim.benchmark.measure import SAMPLE, Inputs, sample, seconds_of_features
from imgsim.benchmark.results import Spread
from imgsim.benchmark.timing import each
from imgsim.comparators.base import Comparator, Prepared
from imgsim.comparators.efficientnet import (
    EfficientNetCosine,
    EfficientNetEuclidean,
    EfficientNetFeatures,
)
from imgsim.comparators.extractor import Extractor
from imgsim.comparators.pixels import Cosine, Euclidean, PixelRows
from imgsim.comparators.ssim import Ssim
from imgsim.dataset.labelled import LabelledImages
from imgsim.decode.colours import convert
from imgsim.decode.decoder import Decoder
from imgsim.decode.spec import DecodeMode, InputSpec
from imgsim.errors import UsageError
from imgsim.read.files import read_file

PER_SCENE = 4
FIXED_SIDE = 100
"""Of Fruits-360."""

_CHANNELS, _STRIDE = 1280, 32

PHOTO_PIXELS = 500_000
"""From here on an image is a photo, and resized to a seventh of each side."""


@dataclass(frozen=True)
class FramePixels(PixelRows):
    """The pixels of a resized RGB image, as one row."""

    width: int
    height: int
    name: ClassVar[str] = "frame"
    version: ClassVar[int] = 1

    @property
    def wants(self) -> InputSpec:
        return InputSpec(self.width, self.height, "rgb")

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.width * self.height * 3,)


@dataclass(frozen=True)
class _Sized:
    """A method on images of one size; its fields come after the method's own."""

    width: int = 0
    height: int = 0


@dataclass(frozen=True)
class _ByPixels(_Sized):
    """Compares all pixels of the resized image."""

    @property
    def extractor(self) -> Extractor:
        return FramePixels(self.width, self.height)


@dataclass(frozen=True)
class FrameEuclidean(_ByPixels, Euclidean):
    """L2 distance of all pixels of the resized image."""


@dataclass(frozen=True)
class FrameCosine(_ByPixels, Cosine):
    """1 - cosine of all pixels of the resized image."""


@dataclass(frozen=True)
class FrameSsim(_ByPixels, Ssim):
    """1 - SSIM of the resized RGB image, as scikit-image computes it with ``channel_axis``."""

    def rough(self, rows: NDArray[Any]) -> None:
        return None  # the rough distances of Ssim are those of grey images

    def prepare(self, rows: NDArray[Any]) -> Prepared:
        images = rows.reshape(len(rows), self.height, self.width, 3).astype(np.float64)
        mean = self._windows(images)
        return images, mean, self._windows(images * images) - mean * mean

    def distance(self, left: Prepared, right: Prepared) -> NDArray[np.float64]:
        pairs = max(len(left[0]), len(right[0]))
        one, other = (
            tuple(np.broadcast_to(a, (pairs, *a.shape[1:])) for a in side) for side in (left, right)
        )
        result = np.empty(pairs)
        n = self.win_size**2
        c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
        edge = (self.win_size - 1) // 2
        for i in range(pairs):  # few at a time: double precision of large images
            (x, ux, vx), (y, uy, vy) = (tuple(a[i] for a in side) for side in (one, other))
            unbiased = n / (n - 1)
            vxy = unbiased * (self._windows((x * y)[None])[0] - ux * uy)
            above = (2 * ux * uy + c1) * (2 * vxy + c2)
            below = (ux**2 + uy**2 + c1) * (unbiased * (vx + vy) + c2)
            result[i] = 1.0 - (above / below)[edge:-edge, edge:-edge].mean()
        return result

    def _windows(self, images: NDArray[np.float64]) -> NDArray[np.float64]:
        """Compute the means over the windows around each pixel."""
        from scipy.ndimage import uniform_filter

        return np.asarray(uniform_filter(images, (0, self.win_size, self.win_size, 0)))


@dataclass(frozen=True)
class FrameFeatures(_Sized, EfficientNetFeatures):
    """The whole last feature map of EfficientNet-b0 on a resized RGB image, its pixels 0..255."""

    @property
    def wants(self) -> InputSpec:
        return InputSpec(self.width, self.height, "rgb")

    @property
    def shape(self) -> tuple[int, ...]:
        # about: padding for another size may leave a cell less; only percentages depend on it
        return (_CHANNELS * -(-self.width // _STRIDE) * -(-self.height // _STRIDE),)


@dataclass(frozen=True)
class FrameFeaturesEuclidean(_Sized, EfficientNetEuclidean):
    """L2 distance of whole feature maps."""

    @property
    def extractor(self) -> Extractor:
        return _framed(super().extractor, self.width, self.height)


@dataclass(frozen=True)
class FrameFeaturesCosine(_Sized, EfficientNetCosine):
    """1 - cosine of whole feature maps."""

    @property
    def extractor(self) -> Extractor:
        return _framed(super().extractor, self.width, self.height)


def _framed(extractor: Extractor, width: int, height: int) -> FrameFeatures:
    """Return an extractor with the same settings for frames of a size."""
    given = {f.name: getattr(extractor, f.name) for f in fields(EfficientNetFeatures)}
    return FrameFeatures(**given, width=width, height=height)


_FRAME_METHODS: dict[type[Comparator], type[Comparator]] = {
    Euclidean: FrameEuclidean,
    Cosine: FrameCosine,
    Ssim: FrameSsim,
    EfficientNetEuclidean: FrameFeaturesEuclidean,
    EfficientNetCosine: FrameFeaturesCosine,
}


def follow(comparator: Comparator, width: int, height: int) -> Comparator:
    """Return the comparator as the protocol has it; hashes are those of the resized image."""
    kind = _FRAME_METHODS.get(type(comparator))
    if kind is None:
        return comparator
    given = {f.name: getattr(comparator, f.name) for f in fields(cast(Any, comparator))}
    settings = given | {"width": width, "height": height}
    if isinstance(comparator, EfficientNetEuclidean | EfficientNetCosine):
        settings |= {"pool": "none", "scaling": "unit"}
    made: Comparator = cast(Any, kind)(**settings)
    return made


def in_fours(data: LabelledImages) -> LabelledImages:
    """Order images so that every fourth is a query and the next three are its duplicates.

    Raises
    ------
    UsageError
        Not every class has four.
    """
    sizes = Counter(data.labels)
    odd = sorted(label for label, size in sizes.items() if size != PER_SCENE)
    if data.pairs or odd:
        what = f"class {odd[0]} has {sizes[odd[0]]} images" if odd else "it is a list of pairs"
        raise UsageError(
            f"the protocol article needs {PER_SCENE} images of each scene: {what}",
            "numbers as names with --per-scene 4, or folders of four",
        )
    order = sorted(range(len(data.paths)), key=lambda i: data.labels[i])  # stable
    return data.keep(order)


def frame_size(width: int, height: int) -> tuple[int, int]:
    """Return the width and height that an image is resized to."""
    if width * height >= PHOTO_PIXELS:
        return max(7, round(width / 7)), max(7, round(height / 7))
    return FIXED_SIDE, FIXED_SIDE


@dataclass(frozen=True, slots=True)
class Frames:
    """All images of a data set, read and resized.

    Attributes
    ----------
    images : ndarray of uint8, shape (n, height, width, 3)
    seconds_read : Spread
        For one.
    """

    images: NDArray[np.uint8]
    seconds_read: Spread

    def rows(self, extractor: Extractor) -> tuple[NDArray[Any], Inputs]:
        """Compute the features of all images; also return some of what the extractor was given.

        Parameters
        ----------
        extractor : Extractor

        Returns
        -------
        rows : ndarray of the extractor's dtype, shape (n, ...)
        inputs : Inputs
        """
        fitted = [as_wanted(image, extractor.wants) for image in self.images]
        rows = np.concatenate(
            [extractor.extract(np.stack(fitted[i : i + 64])) for i in range(0, len(fitted), 64)]
        )
        timed = tuple(fitted[i] for i in sample(len(fitted), SAMPLE, 0))
        return rows, Inputs(timed, self.seconds_read, seconds_of_features(extractor, timed))


def read_frames(paths: Sequence[str], size: tuple[int, int], max_pixels: int) -> Frames:
    """Read all images in full, as RGB, resized.

    Parameters
    ----------
    paths : sequence of str
        Files that can be read.
    size : tuple of int
        Width and height.
    max_pixels : int
        Of an image that is read.
    """
    want = InputSpec(*size, "rgb")
    decoder = Decoder(DecodeMode.FULL, max_pixels)
    images = np.empty((len(paths), size[1], size[0], 3), np.uint8)

    def read(i: int) -> None:
        images[i] = decoder(read_file(paths[i]), [want]).images[want]

    seconds = each([partial(read, i) for i in range(len(paths))])
    return Frames(images, seconds)


def as_wanted(image: NDArray[np.uint8], want: InputSpec) -> NDArray[np.uint8]:
    """Convert a resized RGB image, uint8 of shape (h, w, 3), to what an extractor wants."""
    from PIL import Image

    height, width = image.shape[:2]
    if want.colour == "rgb" and (want.width, want.height) in ((width, height), (0, 0)):
        return image
    picture = convert(Image.fromarray(image), want.colour)
    if want.width:
        picture = picture.resize((want.width, want.height), Image.Resampling.LANCZOS)
    pixels = np.asarray(picture, dtype=np.uint8)
    return pixels.reshape(*pixels.shape[:2], -1)
