"""A Siamese head: the probability that two images are of one class, from features of one encoder.

Both images go through the same encoder; their pooled features are projected to unit vectors u and
v. With the concatenation of u * v and abs(u - v), which does not depend on the order of the images,

    strength = softplus(two layers (u * v, abs(u - v)))
    -log probability = strength * sum of weight * (u - v)^2,  weights >= 0

So the probability of an image and itself is 1 and that of a pair is the same both ways, by the form
of the function and not by a correction afterwards; it is fitted with the cross-entropy like any
other. To divide the sum over the cells of the feature maps, it is split at
(u - v)^2 = u^2 + v^2 - 2 u v.

Source: G. Koch, R. Zemel and R. Salakhutdinov, "Siamese Neural Networks for One-shot Image
Recognition", ICML Deep Learning Workshop, 2015; the contrastive loss: R. Hadsell, S. Chopra and
Y. LeCun, "Dimensionality Reduction by Learning an Invariant Mapping", CVPR 2006,
doi:10.1109/CVPR.2006.100.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from imgsim.models import devices
from imgsim.models import weights as files

KIND = "siamese"

Loss = Literal["pairs", "contrastive"]

_MARGIN = 1.0
_DROPOUT = 0.2
_MIN_NEG_LOG = 1e-6
"""Keeps the loss of pairs of two classes finite."""


def make_head(channels: int, classes: int, dim: int, hidden: int) -> Any:
    """Build a head with random weights, as a torch module.

    Parameters
    ----------
    channels : int
        Of the pooled features.
    classes : int
    dim : int
        Length of the vectors u and v.
    hidden : int
        Width of the layer over both vectors.

    Returns
    -------
    torch.nn.Module
    """
    torch = devices.require_torch()
    nn = torch.nn
    head = nn.Module()
    head.register_buffer("mean", torch.zeros(channels))
    head.register_buffer("spread", torch.ones(channels))
    head.project = nn.Linear(channels, dim, bias=False)
    head.weight = nn.Parameter(torch.zeros(dim))
    head.both = nn.Linear(2 * dim, hidden)
    head.strength = nn.Linear(hidden, 1)
    head.classes = nn.Linear(channels, classes)
    return head


def standardise(head: Any, features: Any) -> Any:
    """Standardise pooled features, shape (n, channels), with dropout while training."""
    functional = devices.require_torch().nn.functional
    return functional.dropout((features - head.mean) / head.spread, _DROPOUT, head.training)


def embed(head: Any, standard: Any) -> Any:
    """Project standardised features to unit vectors, shape (n, dim)."""
    return devices.require_torch().nn.functional.normalize(head.project(standard), dim=1)


def neg_log_probability(head: Any, left: Any, right: Any) -> Any:
    """Compute minus the log of the probability that pairs of unit vectors are of one class.

    Parameters
    ----------
    head : torch.nn.Module
        From `make_head`.
    left, right : tensor of float32, shape (n, dim)

    Returns
    -------
    tensor of float32, shape (n,)
    """
    torch = devices.require_torch()
    functional = torch.nn.functional
    difference = left - right
    both = torch.cat([left * right, difference.abs()], dim=1)
    strength = functional.softplus(head.strength(functional.relu(head.both(both)))[:, 0])
    return strength * (functional.softplus(head.weight) * difference * difference).sum(dim=1)


def pair_loss(neg_logs: Any, same: Any) -> Any:
    """Compute the cross-entropy of the probabilities of pairs.

    Parameters
    ----------
    neg_logs : tensor of float32, shape (n,)
        From `neg_log_probability`.
    same : tensor of bool, shape (n,)
        Whether a pair is of one class.

    Returns
    -------
    tensor of float32, shape ()
    """
    torch = devices.require_torch()
    bounded = neg_logs.clamp(min=_MIN_NEG_LOG)
    return torch.where(same, neg_logs, -torch.log(-torch.expm1(-bounded))).mean()


def contrastive_loss(left: Any, right: Any, same: Any) -> Any:
    """Compute the contrastive loss of pairs of unit vectors.

    It is least where those of one class are equal and the others at least 1 apart.

    Parameters
    ----------
    left, right : tensor of float32, shape (n, dim)
    same : tensor of bool, shape (n,)
        Whether a pair is of one class.

    Returns
    -------
    tensor of float32, shape ()
    """
    torch = devices.require_torch()
    squares = ((left - right) ** 2).sum(dim=1)
    distance = (squares + 1e-9).sqrt()
    return torch.where(same, squares, (_MARGIN - distance).clamp(min=0) ** 2).mean()


@dataclass(frozen=True, slots=True)
class Head:
    """A trained head in numpy: it scores pairs without torch.

    Attributes
    ----------
    classes : tuple of str
        Their names, sorted.
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
        """Compute the unit vector of each image, and behind it a score for each class.

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

    def neg_log_probability(
        self, left: NDArray[np.float64], right: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Compute minus the log of the probability that pairs are of one class.

        Each sum is taken on its own, as in `rows`.

        Parameters
        ----------
        left, right : ndarray of float64, shape (n, dim) or (1, dim)
            Unit vectors; a single one is paired with each of the others.

        Returns
        -------
        ndarray of float64, shape (n,)
        """
        difference = left - right
        both = np.concatenate([left * right, np.abs(difference)], axis=1)
        strength = np.full(len(both), float(self.strength_bias))
        for weights, bias, out in zip(self.both, self.both_bias, self.strength, strict=True):
            strength += out * np.maximum((both * weights).sum(axis=1) + bias, 0.0)
        squares = (self.weight * difference * difference).sum(axis=1)
        return np.asarray(np.logaddexp(0.0, strength) * squares)

    def project_cells(self, maps: NDArray[np.float64]) -> NDArray[np.float64]:
        """Project each cell of a feature map as the pooled features are projected.

        Parameters
        ----------
        maps : ndarray of float64, shape (channels, height, width)

        Returns
        -------
        ndarray of float64, shape (dim, height, width)
        """
        standard = (maps - self.mean[:, None, None]) / self.spread[:, None, None]
        return np.tensordot(self.project, standard, 1)


@files.cached_until_changed(4)
def load_head(weights: str) -> Head:
    """Load the head that ``imgsim train siamese`` wrote, once in a process; needs no torch.

    Raises
    ------
    WeightsUnusable
        The file is missing or damaged, or holds no head.
    """
    from safetensors import SafetensorError, safe_open

    path = files.locate(weights)
    names = tuple(files.metadata(path, KIND)["classes"])
    try:
        with safe_open(str(path), framework="numpy") as stream:

            def get(name: str) -> NDArray[np.float64]:
                value = np.asarray(stream.get_tensor(f"head.{name}"), np.float64)
                if not np.isfinite(value).all():
                    raise files.not_finite(path, f"head.{name}")
                return value

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
