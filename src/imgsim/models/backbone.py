"""EfficientNet-b0 and ResNet-34 as feature extractors.

Source: M. Tan and Q. V. Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural
Networks", ICML 2019, arXiv:1905.11946; K. He, X. Zhang, S. Ren and J. Sun, "Deep Residual Learning
for Image Recognition", CVPR 2016, arXiv:1512.03385; GeM pooling: F. Radenović, G. Tolias and
O. Chum, "Fine-tuning CNN Image Retrieval with No Human Annotation", IEEE TPAMI 41(7), 2019,
doi:10.1109/TPAMI.2018.2846566.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from imgsim.models import weights as files
from imgsim.models.cam import Shift
from imgsim.models.devices import choose_device, filled, in_batches, require_torch
from imgsim.models.efficientnet import Architecture, load_model, split, streamline

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
"""Pixels of the image that one cell of the last feature map stands for, across and down."""


def map_side(package: Architecture, side: int) -> int:
    """Cells across, and down, in the last feature map of an image of so many pixels.

    Each of five steps halves them; the padding of `efficientnet_pytorch` is that for 224 pixels
    at any size, so it leaves an odd pixel out where the others keep it.
    """
    return side // STRIDE if package == "efficientnet_pytorch" else -(-side // STRIDE)


SHIFT: dict[Architecture, Shift] = {"efficientnet_pytorch": 1, "torchvision": -1, "resnet34": -1}
"""Where the cells of the last feature map look."""


_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
_STD = np.array([0.229, 0.224, 0.225], np.float32)
_GEM_POWER = 3.0


def network_input(images: NDArray[np.uint8], size: int, device: str, scaling: Scaling) -> Any:
    """As `filled`, scaled as the weights of a network were trained with."""
    return _scaled(filled(images, size, device), scaling)


class Backbone:
    """A loaded network on a device.

    Parameters
    ----------
    package : {"efficientnet_pytorch", "torchvision", "resnet34"}
        Whose network. The two packages differ in padding and in the epsilon of the batch
        normalisation.
    weights : str
        See `weights.locate`.
    device : str
        See `choose_device`.
    precision : {"fp32", "bf16", "fp16"}
        Of the arithmetic; the features are float32 in any case.
    left_out : int
        Stop before so many of the last blocks (and the convolution behind them); 0: run it all.
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
        if package == "efficientnet_pytorch":
            streamline(model)
        parts = split(package, model)
        features = torch.nn.Sequential(*parts[: len(parts) - 1 - left_out] if left_out else parts)
        if package != "efficientnet_pytorch":
            from torch.fx.experimental.optimization import fuse

            features = fuse(features)
        self.module = features.to(self.device, memory_format=torch.channels_last)
        self._features = self.module

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
            unit: to 0..1 only; none: left at 0..255.
        batch_size : int
            0 for what suits the device. Halved when memory runs out.

        Returns
        -------
        ndarray of float32, shape (n, 1280) or (n, 1280 * cells)
        """

        def run(part: NDArray[np.uint8], size: int) -> NDArray[np.float32]:
            return self._batch(part, pool, scaling, size)

        return in_batches(images, self.device, batch_size, run)

    def whole(self, pool: Pool, scaling: Scaling) -> Any:
        """A torch module from uint8 pixels, shape (n, side, side, 3), to features."""
        from torch import nn

        features = self._features

        class Whole(nn.Module):
            def __init__(self, module: Any) -> None:
                super().__init__()
                self.module = module

            def forward(self, images: Any) -> Any:
                pixels = images.permute(0, 3, 1, 2).float()
                return _pooled(features(_scaled(pixels, scaling)).float(), pool)

        return Whole(self.module).eval()

    def map_shape(self, side: int) -> tuple[int, ...]:
        """Channels, height and width of the feature map of an image."""
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
                kind = torch.bfloat16 if self.precision == "bf16" else torch.float16
                with torch.autocast(self.device.split(":")[0], kind):
                    maps = self._features(scaled)
            features = _pooled(maps.float(), pool)
            return np.asarray(features[: len(images)].cpu().numpy())


def _scaled(pixels: Any, scaling: Scaling) -> Any:
    """Pixels of 0..255, shape (n, 3, h, w), as the weights were trained with."""
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
    if pool == "avg":
        return maps.mean(dim=(2, 3))
    if pool == "gem":
        return maps.clamp(min=1e-6).pow(_GEM_POWER).mean(dim=(2, 3)).pow(1 / _GEM_POWER)
    return maps.flatten(1)


def backbone(
    package: Architecture, weights: str, device: str, precision: Precision, left_out: int = 0
) -> Backbone:
    """A backbone, loaded once in a process and again when its file changed."""
    digest = files.digest(files.locate(weights))
    return _backbone(package, weights, device, precision, left_out, digest)


@lru_cache(maxsize=2)
def _backbone(
    package: Architecture,
    weights: str,
    device: str,
    precision: Precision,
    left_out: int,
    digest: str,
) -> Backbone:
    return Backbone(package, weights, device, precision, left_out)
