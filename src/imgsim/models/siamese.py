"""A Siamese head: the probability that two images, seen by one encoder, are of one class.

Both images go through the same encoder; their pooled features are projected to unit vectors u and
v. With the concatenation of u * v and abs(u - v), which does not depend on the order of the images,

    strength = softplus(two layers (u * v, abs(u - v)))
    hazard = strength * sum of weight * (u - v)^2,  weights >= 0
    probability = exp(-hazard)

So the probability of an image and itself is 1 and that of a pair is the same both ways, by the form
of the function and not by a correction afterwards; it is fitted with the cross-entropy like any
other. For the way back to the cells of the feature maps, the sum is split at
(u - v)^2 = u^2 + v^2 - 2 u v.

Source: G. Koch, R. Zemel and R. Salakhutdinov, "Siamese Neural Networks for One-shot Image
Recognition", ICML Deep Learning Workshop, 2015; the contrastive loss: R. Hadsell, S. Chopra and
Y. LeCun, "Dimensionality Reduction by Learning an Invariant Mapping", CVPR 2006,
doi:10.1109/CVPR.2006.100.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from imgsim.models import devices
from imgsim.models import weights as files

KIND = "siamese"

Loss = Literal["pairs", "contrastive"]

_MARGIN = 1.0
_DROPOUT = 0.2
_LEAST_HAZARD = 1e-6


def make_head(channels: int, classes: int, dim: int, hidden: int) -> Any:
    """A head with random weights, as a torch module.

    Parameters
    ----------
    channels : int
        Of the pooled features.
    classes : int
    dim : int
        Length of the vectors u and v.
    hidden : int
        Width of the layer that sees both images.
    """
    nn = devices.require_torch().nn
    head = nn.Module()
    head.register_buffer("mean", devices.require_torch().zeros(channels))
    head.register_buffer("spread", devices.require_torch().ones(channels))
    head.project = nn.Linear(channels, dim, bias=False)
    head.weight = nn.Parameter(devices.require_torch().zeros(dim))
    head.both = nn.Linear(2 * dim, hidden)
    head.strength = nn.Linear(hidden, 1)
    head.classes = nn.Linear(channels, classes)
    return head


def scaled(head: Any, features: Any) -> Any:
    """Pooled features as the head takes them, some left out while training."""
    functional = devices.require_torch().nn.functional
    return functional.dropout((features - head.mean) / head.spread, _DROPOUT, head.training)


def embed(head: Any, standard: Any) -> Any:
    """Unit vectors of `scaled` features."""
    return devices.require_torch().nn.functional.normalize(head.project(standard), dim=1)


def hazard(head: Any, left: Any, right: Any) -> Any:
    """Minus the logarithm of the probability that pairs of unit vectors are of one class."""
    torch = devices.require_torch()
    functional = torch.nn.functional
    apart = left - right
    both = torch.cat([left * right, apart.abs()], dim=1)
    strength = functional.softplus(head.strength(functional.relu(head.both(both)))[:, 0])
    return strength * (functional.softplus(head.weight) * apart * apart).sum(dim=1)


def pair_loss(hazards: Any, same: Any) -> Any:
    """Cross-entropy of the probabilities exp(-hazard); `same` is a tensor of bool."""
    torch = devices.require_torch()
    bounded = hazards.clamp(min=_LEAST_HAZARD)
    return torch.where(same, hazards, -torch.log(-torch.expm1(-bounded))).mean()


def contrastive_loss(left: Any, right: Any, same: Any) -> Any:
    """Draws the vectors of one class together, and others apart up to a distance of 1."""
    torch = devices.require_torch()
    squares = ((left - right) ** 2).sum(dim=1)
    distance = (squares + 1e-9).sqrt()
    return torch.where(same, squares, (_MARGIN - distance).clamp(min=0) ** 2).mean()


@dataclass(frozen=True, slots=True)
class Head:
    """A trained head, in numpy: pairs are scored without torch.

    Attributes
    ----------
    classes : tuple of str
    mean, spread : ndarray of float64, shape (channels,)
    project : ndarray of float64, shape (dim, channels)
    weight : ndarray of float64, shape (dim,)
        Not negative.
    both, both_bias : ndarray of float64, shapes (hidden, 2 * dim) and (hidden,)
    strength, strength_bias : ndarray of float64, shapes (hidden,) and ()
    classifier, classifier_bias : ndarray of float64, shapes (classes, channels) and (classes,)
    """

    classes: tuple[str, ...]
    mean: NDArray[np.float64]
    spread: NDArray[np.float64]
    project: NDArray[np.float64]
    weight: NDArray[np.float64]
    both: NDArray[np.float64]
    both_bias: NDArray[np.float64]
    strength: NDArray[np.float64]
    strength_bias: NDArray[np.float64]
    classifier: NDArray[np.float64]
    classifier_bias: NDArray[np.float64]

    @property
    def dim(self) -> int:
        """Length of an image's vector."""
        return len(self.weight)

    def rows(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """The vector of each image, and a score for each class behind it.

        Image by image: the results of a matrix product depend on how many rows it has.

        Parameters
        ----------
        features : ndarray of float32, shape (n, channels)

        Returns
        -------
        ndarray of float32, shape (n, dim + classes)
        """
        rows = np.empty((len(features), self.dim + len(self.classes)), np.float32)
        for row, feature in zip(rows, features, strict=True):
            standard = (feature - self.mean) / self.spread
            vector = self.project @ standard
            row[: self.dim] = vector / max(float(np.linalg.norm(vector)), 1e-12)
            row[self.dim :] = self.classifier @ standard + self.classifier_bias
        return rows

    def hazard(self, left: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
        """Minus the logarithm of the probability of pairs, each sum on its own, as in `rows`.

        Parameters
        ----------
        left, right : ndarray of float64, shape (n, dim)
            Or 1 on one side.
        """
        apart = left - right
        both = np.concatenate([left * right, np.abs(apart)], axis=1)
        strength = np.full(len(both), float(self.strength_bias))
        for weights, bias, out in zip(self.both, self.both_bias, self.strength, strict=True):
            strength += out * np.maximum((both * weights).sum(axis=1) + bias, 0.0)
        squares = (self.weight * apart * apart).sum(axis=1)
        return np.asarray(np.logaddexp(0.0, strength) * squares)

    def cells(self, maps: NDArray[np.float64]) -> NDArray[np.float64]:
        """A feature map (channels, h, w) as the head sees each cell, (dim, h, w)."""
        standard = (maps - self.mean[:, None, None]) / self.spread[:, None, None]
        return np.tensordot(self.project, standard, 1)


def load_head(weights: str) -> Head:
    """The head in a file that ``imgsim train siamese`` wrote; needs no torch.

    Raises
    ------
    WeightsUnusable
        It is none.
    """
    path = files.locate(weights)
    return _load_head(str(path), files.digest(path))


@lru_cache(maxsize=4)
def _load_head(path: str, digest: str) -> Head:
    from safetensors import SafetensorError, safe_open

    located = files.locate(path)
    names = tuple(files.metadata(located, KIND)["classes"])
    try:
        with safe_open(path, framework="numpy") as stream:

            def get(name: str) -> NDArray[np.float64]:
                return np.asarray(stream.get_tensor(f"head.{name}"), np.float64)

            return Head(
                names,
                get("mean"),
                get("spread"),
                get("project.weight"),
                np.logaddexp(0.0, get("weight")),
                get("both.weight"),
                get("both.bias"),
                get("strength.weight")[0],
                get("strength.bias")[0],
                get("classes.weight"),
                get("classes.bias"),
            )
    except SafetensorError as error:
        raise files.WeightsUnusable(f"{path} is damaged: {error}", "train it again") from None
