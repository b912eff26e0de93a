"""EfficientNet-b0 and ResNet-34 as feature extractors.

Source: M. Tan and Q. V. Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural
Networks", ICML 2019, arXiv:1905.11946; K. He, X. Zhang, S. Ren and J. Sun, "Deep Residual Learning
for Image Recognition", CVPR 2016, arXiv:1512.03385; GeM pooling: F. Radenović, G. Tolias and
O. Chum, "Fine-tuning CNN Image Retrieval with No Human Annotation", IEEE TPAMI 41(7), 2019,
doi:10.1109/TPAMI.2018.2846566.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from imgsim.models import weights as files
from imgsim.models.cam import GEM_FLOOR, GEM_POWER, Shift
from imgsim.models.devices import choose_device, padded_tensor, require_torch, run_in_batches
from imgsim.models.efficientnet import Architecture, feature_parts, load_model, streamline

Pool = Literal["avg", "gem", "none"]
Scaling = Literal["auto", "imagenet", "advprop", "unit", "none"]
Precision = Literal["fp32", "bf16", "fp16"]
CHANNELS: dict[Architecture, int] = {
    "efficientnet_pytorch": 1280,
    "torchvision": 1280,
    "resnet34": 512,
}
"""Of the last feature map."""

STRIDE = 32
"""Pixels from one cell of the last feature map to the next, across and down."""

SHIFT: dict[Architecture, Shift] = {"efficientnet_pytorch": 1, "torchvision": -1, "resnet34": -1}
"""Of the receptive fields of the cells in the last feature map."""

EXACT_PARTS: dict[Precision, int] = {"fp32": 0, "bf16": 7, "fp16": 0}
"""Parts of a network, from the stem on, that stay in float32 where the rest computes in bf16. They
have few weights, but with these rounded the features of some photos had a cosine of 0.996 with
those in float32; so they have 0.9994."""

_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
_STD = np.array([0.229, 0.224, 0.225], np.float32)


def map_side(package: Architecture, side: int) -> int:
    """Return how many cells the last feature map of an image has across, and down.

    Each of five steps halves them; the padding of `efficientnet_pytorch` is that for 224 pixels
    at any size, so it leaves an odd pixel out where the others keep it.
    """
    return side // STRIDE if package == "efficientnet_pytorch" else -(-side // STRIDE)


def scaling_of(weights: str) -> Scaling:
    """Return how images are scaled for weights: as they were trained."""
    return "advprop" if weights == "advprop" else "imagenet"


def network_input(images: NDArray[np.uint8], size: int, device: str, scaling: Scaling) -> Any:
    """Fill up a batch of images, put it on a device, and scale it for the weights of a network.

    Parameters
    ----------
    images : ndarray of uint8, shape (n, side, side, 3)
    size : int
        Of the batch, at least n.
    device : str
    scaling : {"imagenet", "advprop", "unit", "none"}
        See `scale_pixels`.

    Returns
    -------
    tensor of float32, shape (size, 3, side, side)
    """
    return scale_pixels(padded_tensor(images, size, device), scaling)


class Backbone:
    """A loaded network on a device.

    Parameters
    ----------
    package : {"efficientnet_pytorch", "torchvision", "resnet34"}
        Of the network. Those with an EfficientNet differ in padding and in the epsilon of the
        batch normalisation.
    weights : str
        See `weights.locate`.
    device : str
        See `choose_device`.
    precision : {"fp32", "bf16", "fp16"}
        Of the arithmetic, see `EXACT_PARTS`; the features are float32 in any case.
    left_out : int
        Stop before so many of the last blocks (and the convolution behind them); 0: run it all.

    Raises
    ------
    UsageError
        There is no such device.
    WeightsUnusable
        The weights cannot be had, or do not fit.
    MethodUnavailable
        A package is missing.
    """

    def __init__(
        self,
        package: Architecture,
        weights: str,
        device: str,
        precision: Precision,
        left_out: int = 0,
    ) -> None:
        torch = require_torch()
        self.device = choose_device(device)
        self.precision = precision
        self._shapes: dict[int, tuple[int, ...]] = {}
        model = load_model(package, files.locate(weights))
        model.eval().requires_grad_(False)
        if package != "resnet34":
            streamline(model)
        parts = feature_parts(package, model)
        if left_out:
            parts = parts[: len(parts) - 1 - left_out]
        exact = EXACT_PARTS[precision]
        stages = [torch.nn.Sequential(*part) for part in (parts[:exact], parts[exact:]) if part]
        if package == "resnet34":
            from torch.fx.experimental.optimization import fuse

            stages = [fuse(stage) for stage in stages]
        module = stages[0] if len(stages) == 1 else torch.nn.Sequential(*stages)
        self.module = module.to(self.device, memory_format=torch.channels_last)
        self._features = self.module
        self._stages = stages

    def __call__(
        self, images: NDArray[np.uint8], pool: Pool, scaling: Scaling, batch_size: int
    ) -> NDArray[np.float32]:
        """Compute features.

        Every batch has the same size, the last one filled up, so that an image's features do not
        depend on how many others there are.

        Parameters
        ----------
        images : ndarray of uint8, shape (n, side, side, 3)
        pool : {"avg", "gem", "none"}
            Over the cells of the last feature map; none keeps it whole.
        scaling : {"imagenet", "advprop", "unit", "none"}
            See `scale_pixels`.
        batch_size : int
            0 for what suits the device. Halved when memory runs out.

        Returns
        -------
        ndarray of float32, shape (n, 1280) or (n, 1280 * cells)
        """

        def run(some: NDArray[np.uint8], size: int) -> NDArray[np.float32]:
            return self._batch(some, pool, scaling, size)

        return run_in_batches(images, self.device, batch_size, run)

    def end_to_end(self, pool: Pool, scaling: Scaling) -> Any:
        """Build a torch module from uint8 pixels, shape (n, side, side, 3), to float32 features."""
        from torch import nn

        features = self._features

        class EndToEnd(nn.Module):
            def __init__(self, module: Any) -> None:
                super().__init__()
                self.module = module

            def forward(self, images: Any) -> Any:
                pixels = images.permute(0, 3, 1, 2).float()
                return _pooled(features(scale_pixels(pixels, scaling)).float(), pool)

        return EndToEnd(self.module).eval()

    def map_shape(self, side: int) -> tuple[int, ...]:
        """Return channels, height and width of the feature map of an image of `side` pixels."""
        torch = require_torch()
        if side not in self._shapes:
            with torch.inference_mode():
                maps = self._features(torch.zeros(1, 3, side, side, device=self.device))
            self._shapes[side] = tuple(maps.shape[1:])
        return self._shapes[side]

    def _batch(
        self, images: NDArray[np.uint8], pool: Pool, scaling: Scaling, size: int
    ) -> NDArray[np.float32]:
        torch = require_torch()
        with torch.inference_mode():
            pixels = network_input(images, size, self.device, scaling)
            scaled = pixels.contiguous(memory_format=torch.channels_last)
            if self.precision == "fp32":
                maps = self._features(scaled)
            else:
                dtype = torch.bfloat16 if self.precision == "bf16" else torch.float16
                *exact, last = self._stages
                for stage in exact:
                    scaled = stage(scaled)
                with torch.autocast(self.device.split(":")[0], dtype):
                    maps = last(scaled)
            features = _pooled(maps.float(), pool)
            return np.asarray(features[: len(images)].cpu().numpy())


def scale_pixels(pixels: Any, scaling: Scaling) -> Any:
    """Scale pixels as the weights of a network need them.

    Parameters
    ----------
    pixels : tensor of float32, shape (n, 3, height, width)
        In 0..255.
    scaling : {"imagenet", "advprop", "unit", "none"}
        imagenet: less the mean of ImageNet, over its standard deviation, by channel; advprop: to
        -1..1; unit: to 0..1; none: left as they are.

    Returns
    -------
    tensor of float32, shape (n, 3, height, width)
    """
    torch = require_torch()
    if scaling == "none":
        return pixels
    if scaling == "advprop":
        return pixels / 127.5 - 1.0
    if scaling == "unit":
        return pixels / 255.0
    mean = torch.from_numpy(_MEAN * 255).to(pixels.device)[:, None, None]
    std = torch.from_numpy(_STD * 255).to(pixels.device)[:, None, None]
    return (pixels - mean) / std


def _pooled(maps: Any, pool: Pool) -> Any:
    """Pool feature maps, shape (n, channels, height, width), to rows of features."""
    if pool == "avg":
        return maps.mean(dim=(2, 3))
    if pool == "gem":
        return maps.clamp(min=GEM_FLOOR).pow(GEM_POWER).mean(dim=(2, 3)).pow(1 / GEM_POWER)
    return maps.flatten(1)


@files.cached_until_changed(2)
def load_backbone(
    weights: str, package: Architecture, device: str, precision: Precision, left_out: int = 0
) -> Backbone:
    """Load a backbone, see `Backbone`; once in a process."""
    return Backbone(package, weights, device, precision, left_out)
