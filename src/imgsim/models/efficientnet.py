"""Builds EfficientNet-b0 and ResNet-34 by efficientnet_pytorch or torchvision."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from imgsim.models import weights as files
from imgsim.models.devices import require_torch, require_torchvision, required

Package = Literal["efficientnet_pytorch", "torchvision"]

Architecture = Literal["efficientnet_pytorch", "torchvision", "resnet34"]
"""A network: the two packages have the same EfficientNet-b0, ResNet-34 is torchvision's."""


def make_model(package: Architecture) -> Any:
    """Build a network with random weights on the CPU.

    Raises
    ------
    MethodUnavailable
        Its package, or torch, is not installed or does not work.
    """
    with require_torch().device("cpu"):
        return _MAKERS[package]()


def load_model(package: Architecture, path: Path) -> Any:
    """Build a network with the weights of a file on the CPU.

    Raises
    ------
    MethodUnavailable
        See `make_model`.
    WeightsUnusable
        They do not fit it.
    """
    twins: dict[Architecture, Architecture] = {
        "efficientnet_pytorch": "torchvision",
        "torchvision": "efficientnet_pytorch",
    }
    model = make_model(package)
    twin = twins.get(package)
    files.fit_state_dict(
        model,
        files.load_state_dict(path),
        path,
        None if twin is None else (lambda: make_model(twin)),
        "ResNet-34" if package == "resnet34" else "EfficientNet-b0",
    )
    return model


def feature_parts(package: Architecture, model: Any) -> list[Any]:
    """Return the parts of a network up to its last feature map, in order.

    The first is the stem, the last the convolution behind the blocks (nothing in ResNet-34); all
    between are blocks.

    Parameters
    ----------
    package : {"efficientnet_pytorch", "torchvision", "resnet34"}
    model : torch.nn.Module
        From `make_model` or `load_model`.

    Returns
    -------
    list of torch.nn.Module
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
    with required("efficientnet_pytorch"):
        from efficientnet_pytorch import EfficientNet
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


def streamline(model: Any) -> None:
    """Fold batch normalisations and padding of efficientnet_pytorch's network into convolutions.

    It then computes the same features in less time. Activations are computed in place.

    Parameters
    ----------
    model : torch.nn.Module
        In evaluation mode; it is modified.
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
