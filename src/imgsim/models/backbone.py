"""EfficientNet-b0 and ResNet-34 as feature extractors.

Source: M. Tan and Q. V. Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural
Networks", ICML 2019, arXiv:1905.11946; K. He, X. Zhang, S. Ren and J. Sun, "Deep Residual Learning
for Image Recognition", CVPR 2016, arXiv:1512.03385; GeM pooling: F. Radenović, G. Tolias and
O. Chum, "Fine-tuning CNN Image Retrieval with No Human Annotation", IEEE TPAMI 41(7), 2019,
doi:10.1109/TPAMI.2018.2846566.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from imgsim.errors import MethodUnavailable, UsageError
from imgsim.models import weights as files
from imgsim.models.cam import Shift

Package = Literal["efficientnet_pytorch", "torchvision"]
Architecture = Literal["efficientnet_pytorch", "torchvision", "resnet34"]
"""A network: the two packages have the same EfficientNet-b0, ResNet-34 is torchvision's."""
Pool = Literal["avg", "gem", "none"]
Scaling = Literal["auto", "imagenet", "advprop", "unit", "none"]
Precision = Literal["fp32", "bf16", "fp16"]

CPU_BATCH = 8
CUDA_BATCH = 256

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


def require_torch() -> Any:
    """Import torch, or say what is wrong with it.

    Raises
    ------
    MethodUnavailable
        It is not installed, or does not work.
    """
    try:
        import torch
    except ImportError as error:
        raise MethodUnavailable(
            f"torch does not import: {error}", "pip install 'imgsim[deep]'"
        ) from None
    return torch


def require_torchvision() -> Any:
    """Import torchvision, or say what is wrong with it."""
    torch = require_torch()
    try:
        import torchvision
    except ImportError as error:
        raise MethodUnavailable(
            f"torchvision does not import: {error}", "pip install 'imgsim[deep]'"
        ) from None
    except RuntimeError as error:  # its operators were built for another torch
        text = " ".join(str(error).split())[:120]
        raise MethodUnavailable(
            f"torchvision does not fit torch {torch.__version__}: {text}",
            "install versions made for each other: pip install --upgrade torch torchvision",
        ) from None
    return torchvision


def choose_device(name: str) -> str:
    """The device for a name: ``auto`` is CUDA where there is one, else the CPU.

    Raises
    ------
    UsageError
        There is no such device here.
    """
    torch = require_torch()
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    kind, _, number = name.partition(":")
    if kind == "cpu" and not number:
        return "cpu"
    if kind == "cuda" and (not number or number.isdigit()):
        if not torch.cuda.is_available():
            raise UsageError("no CUDA device here", "use --device cpu or auto")
        if int(number or 0) >= torch.cuda.device_count():
            raise UsageError(f"no device {name} here", f"{torch.cuda.device_count()} are here")
        return name
    raise UsageError(f"no such device: {name}", "cpu, cuda, cuda:1 or auto")


def in_batches(
    images: NDArray[np.uint8],
    device: str,
    batch_size: int,
    run: Callable[[NDArray[np.uint8], int], NDArray[np.float32]],
) -> NDArray[np.float32]:
    """Run a network over images, a batch at a time.

    Parameters
    ----------
    images : ndarray of uint8, shape (n, side, side, 3)
    device : str
    batch_size : int
        0 for what suits the device. Halved when memory runs out.
    run : callable
        Takes some of the images and the size of a batch, which it fills up, so that an image's
        features do not depend on how many others there are.
    """
    torch = require_torch()
    size = batch_size or (CPU_BATCH if device == "cpu" else CUDA_BATCH)
    done: list[NDArray[np.float32]] = []
    start = 0
    while start < len(images):
        try:
            done.append(run(images[start : start + size], size))
        except torch.OutOfMemoryError:
            if size == 1:
                raise
            size //= 2
            torch.cuda.empty_cache()
            continue
        start += size
    return np.concatenate(done)


def filled(images: NDArray[np.uint8], size: int, device: str) -> Any:
    """Images and black ones up to the size of a batch, as float32 (size, 3, h, w) of 0..255."""
    torch = require_torch()
    full = np.zeros((size, *images.shape[1:]), np.uint8)
    full[: len(images)] = images
    return torch.from_numpy(full).to(device).permute(0, 3, 1, 2).float()


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
            _streamline(model)
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


def make_model(package: Architecture) -> Any:
    """A network with random weights, on the CPU."""
    with require_torch().device("cpu"):
        return _MAKERS[package]()


def load_model(package: Architecture, path: Path) -> Any:
    """A network with the weights of a file, on the CPU.

    Raises
    ------
    WeightsUnusable
        They do not fit it.
    """
    twins: dict[Architecture, Architecture] = {
        "efficientnet_pytorch": "torchvision",
        "torchvision": "efficientnet_pytorch",
    }
    model = make_model(package)
    twin = twins.get(package)
    files.fit(
        model,
        files.load(path),
        path,
        None if twin is None else (lambda: make_model(twin)),
        "ResNet-34" if package == "resnet34" else "EfficientNet-b0",
    )
    return model


def split(package: Architecture, model: Any) -> list[Any]:
    """The parts of a network that give its last feature map, one after the other.

    The first is the stem, the last the convolution behind the blocks (nothing in ResNet-34); all
    between are blocks.
    """
    from torch import nn

    if package == "resnet34":
        stem = nn.Sequential(model.conv1, model.bn1, model.relu, model.maxpool)
        stages = (model.layer1, model.layer2, model.layer3, model.layer4)
        return [stem, *(block for stage in stages for block in stage), nn.Identity()]
    if package == "torchvision":
        first, *stages, last = model.features
        return [first, *(block for stage in stages for block in stage), last]
    stem = nn.Sequential(model._conv_stem, model._bn0, model._swish)
    return [
        stem,
        *model._blocks,
        nn.Sequential(model._conv_head, model._bn1, model._swish),
    ]


def _efficientnet_pytorch() -> Any:
    try:
        from efficientnet_pytorch import EfficientNet
    except ImportError as error:
        raise MethodUnavailable(
            f"efficientnet_pytorch does not import: {error}", "pip install 'imgsim[deep]'"
        ) from None
    return EfficientNet.from_name("efficientnet-b0")


def _torchvision() -> Any:
    return require_torchvision().models.efficientnet_b0()


def _resnet34() -> Any:
    return require_torchvision().models.resnet34()


_MAKERS: dict[Architecture, Callable[[], Any]] = {
    "efficientnet_pytorch": _efficientnet_pytorch,
    "torchvision": _torchvision,
    "resnet34": _resnet34,
}


def _streamline(model: Any) -> None:
    """Make the same features with less work: what does not change is folded into the weights.

    Batch normalisations go into the convolutions before them, padding into the convolutions after
    it, and activations are computed in place.
    """
    from torch import nn
    from torch.nn.functional import pad
    from torch.nn.utils.fusion import fuse_conv_bn_eval

    for owner in (model, *model._blocks):
        owner._swish = nn.SiLU(inplace=True)
    pairs = [(model, "_conv_stem", "_bn0"), (model, "_conv_head", "_bn1")]
    for block in model._blocks:
        pairs.append((block, "_depthwise_conv", "_bn1"))
        pairs.append((block, "_project_conv", "_bn2"))
        if hasattr(block, "_expand_conv"):
            pairs.append((block, "_expand_conv", "_bn0"))
    for owner, convolution, normalisation in pairs:
        fused = fuse_conv_bn_eval(getattr(owner, convolution), getattr(owner, normalisation))
        setattr(owner, convolution, fused)
        setattr(owner, normalisation, nn.Identity())
        padding = getattr(fused.static_padding, "padding", None)
        if padding is None:
            continue
        # (left, right, top, bottom): one more on the right is none more for a kernel that is one
        # wider, with a zero on its left
        before, after = padding[0], padding[1]
        wider = pad(fused.weight, (after - before, 0, after - before, 0))
        fused.weight = nn.Parameter(wider, requires_grad=False)
        fused.padding = (after, after)
        fused.static_padding = nn.Identity()


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
