"""Builds EfficientNet-b0 by efficientnet_pytorch, with its padding or torchvision's, and ResNet-34.

torchvision itself takes as long to import as torch, so only ResNet-34 is taken from it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from imgsim.models import weights as files
from imgsim.models.devices import require_torch, require_torchvision, required

Package = Literal["efficientnet_pytorch", "torchvision"]

Architecture = Literal["efficientnet_pytorch", "torchvision", "resnet34"]
"""A network: EfficientNet-b0 with the padding and epsilon of either package, or ResNet-34."""


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
    model = make_model(package)
    resnet = package == "resnet34"
    files.fit_state_dict(
        model,
        files.load_state_dict(path),
        path,
        () if resnet else torchvision_names(model),
        "ResNet-34" if resnet else "EfficientNet-b0",
    )
    return model


def torchvision_names(model: Any) -> list[str]:
    """Return how torchvision calls the tensors of EfficientNet-b0.

    Parameters
    ----------
    model : torch.nn.Module
        From `make_model`: the network of efficientnet_pytorch.

    Returns
    -------
    list of str
        In the order of the tensors in the model's state dict.
    """
    layers = ["features.0.0", "features.0.1"]
    stage, number, channels = 0, 0, 0
    for block in model._blocks:
        arguments = block._block_args
        if arguments.output_filters != channels:  # repeats within a stage keep them
            stage, number, channels = stage + 1, 0, arguments.output_filters
        begin, part = f"features.{stage}.{number}.block", 0
        if arguments.expand_ratio != 1:
            layers += [f"{begin}.0.0", f"{begin}.0.1"]
            part = 1
        layers += [f"{begin}.{part}.0", f"{begin}.{part}.1"]
        layers += [f"{begin}.{part + 1}.fc1", f"{begin}.{part + 1}.fc2"]
        layers += [f"{begin}.{part + 2}.0", f"{begin}.{part + 2}.1"]
        number += 1
    layers += [f"features.{stage + 1}.0", f"features.{stage + 1}.1", "classifier.1"]
    own = dict.fromkeys(name.rpartition(".")[0] for name in model.state_dict())
    theirs = dict(zip(own, layers, strict=True))
    names = (name.rpartition(".") for name in model.state_dict())
    return [f"{theirs[layer]}.{kind}" for layer, _, kind in names]


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
    from torch import nn

    model = _efficientnet_pytorch()
    for part in model.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.eps = 1e-5
        elif hasattr(part, "static_padding"):
            part.padding = (part.kernel_size[0] // 2, part.kernel_size[1] // 2)
            part.static_padding = nn.Identity()
    return model


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
    from torch.nn.utils.fusion import fuse_conv_bn_weights

    for owner in (model, *model._blocks):
        owner._swish = nn.SiLU(inplace=True)
    pairs = [(model, "_conv_stem", "_bn0"), (model, "_conv_head", "_bn1")]
    for block in model._blocks:
        pairs.append((block, "_depthwise_conv", "_bn1"))
        pairs.append((block, "_project_conv", "_bn2"))
        if hasattr(block, "_expand_conv"):
            pairs.append((block, "_expand_conv", "_bn0"))
    for owner, convolution, normalisation in pairs:
        fused, bn = getattr(owner, convolution), getattr(owner, normalisation)
        statistics = bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias
        fused.weight, fused.bias = fuse_conv_bn_weights(fused.weight, fused.bias, *statistics)
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
