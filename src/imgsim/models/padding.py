"""Tells by which package's padding weights of EfficientNet-b0 were trained.

The two packages have the same network but for the side on which strided convolutions are padded:
efficientnet_pytorch, like TensorFlow, pads behind the image, torchvision in front of it. Under the
padding that it was trained with, a network answers at opposite borders of pictures alike; under the
other one it is not prepared for what it sees at one of them, and answers there several times as
strongly: its features are worse, and maps of them have their most in a corner. Names of the tensors
do not tell: a package can be trained with the padding of the other one.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from imgsim.models import weights as files
from imgsim.models.devices import require_torch
from imgsim.models.efficientnet import Architecture, Package, feature_parts, load_model

Backbone = Literal["auto", "efficientnet_pytorch", "torchvision"]

SIDE = 192
_PICTURES = 2
_CLEAR = 0.7
"""How lopsided a network must be at least under the padding that does not fit. Real weights had 2.8
under that, 0.3 under their own; random ones at most 0.3 under both."""


def chosen_package(weights: str) -> Package:
    """Choose the package whose padding fits some weights.

    Parameters
    ----------
    weights : str
        See `weights.locate`. Published ones have the padding of efficientnet_pytorch. Where a file
        does not show it, its tensors' names decide.

    Returns
    -------
    {"efficientnet_pytorch", "torchvision"}

    Raises
    ------
    WeightsUnusable
        The weights cannot be had, or do not fit.
    MethodUnavailable
        torch or efficientnet_pytorch is missing.
    """
    if weights in files.PUBLISHED:
        return "efficientnet_pytorch"
    return fitting_package(weights) or _named_by(files.load_state_dict(files.locate(weights)))


@files.cached_until_changed(8)
def fitting_package(weights: str) -> Package | None:
    """Tell by the activations of made pictures which package's padding weights were trained with.

    Parameters
    ----------
    weights : str
        See `weights.locate`.

    Returns
    -------
    {"efficientnet_pytorch", "torchvision"} or None
        None where they do not show it.

    Raises
    ------
    WeightsUnusable, MethodUnavailable
        As for `chosen_package`.
    """
    path = files.locate(weights)
    packages: tuple[Package, Package] = ("efficientnet_pytorch", "torchvision")
    found = [lopsidedness(package, path) for package in packages]
    if max(found) < _CLEAR or max(found) < 2 * min(found):
        return None
    return packages[int(np.argmin(found))]


def misfit(weights: str, package: Architecture, hint: str) -> str:
    """Say that weights were trained with another padding than that of a network.

    Parameters
    ----------
    weights : str
        See `weights.locate`.
    package : {"efficientnet_pytorch", "torchvision", "resnet34"}
        That runs them.
    hint : str
        What to do, with {} for the package that fits.

    Returns
    -------
    str
        A sentence for a report; empty where nothing shows that.
    """
    if package == "resnet34" or weights in files.PUBLISHED:
        return ""
    fitting = fitting_package(weights)
    if fitting is None or fitting == package:
        return ""
    return (
        f"these weights were trained with the padding of {fitting}, not that of {package}, so much"
        f" of it lies at one edge: {hint.format(fitting)}"
    )


def lopsidedness(package: Package, path: Path) -> float:
    """Measure how differently a network answers at opposite borders of made pictures.

    Parameters
    ----------
    package : {"efficientnet_pytorch", "torchvision"}
    path : Path
        Of the weights.

    Returns
    -------
    float
        Of the last feature map's columns, the logarithm of how many times as strong the last is as
        the first, and the same of its rows; the sum of both sizes.
    """
    torch = require_torch()
    model = load_model(package, path).eval().requires_grad_(False)
    module = torch.nn.Sequential(*feature_parts(package, model))
    pictures = torch.from_numpy(_noise())
    with torch.inference_mode():
        # each is there upside down too, so that pictures prefer no side
        maps = [module(pictures.flip(axes)) for axes in ((), (2, 3))]
    strength = torch.cat(maps).clamp(min=0).pow(2).sum(dim=1).sqrt().mean(dim=0).numpy()
    columns, rows = strength.mean(axis=0), strength.mean(axis=1)
    tiny = np.finfo(np.float32).tiny
    logs = [np.log((line[-1] + tiny) / (line[0] + tiny)) for line in (columns, rows)]
    return float(np.abs(logs).sum())


def _noise() -> NDArray[np.float32]:
    """Make pictures of noise at all scales, as strong as pixels are when they are standardised."""
    rng = np.random.default_rng(0)
    pictures = np.zeros((_PICTURES, 3, SIDE, SIDE))
    for cell in (2, 4, 8, 16, 32, 64, 128):
        cells = -(-SIDE // cell)
        values = rng.normal(size=(_PICTURES, 3, cells, cells)) * np.sqrt(cell)
        pictures += np.kron(values, np.ones((cell, cell)))[..., :SIDE, :SIDE]
    return np.asarray(pictures / pictures.std(), np.float32)


def _named_by(state: Mapping[str, Any]) -> Package:
    """Tell which package's names tensors have."""
    return (
        "torchvision" if any("features.0.0" in name for name in state) else "efficientnet_pytorch"
    )
