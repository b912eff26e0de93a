"""Divides the score of two images exactly over the cells of their feature maps.

Class activation maps: B. Zhou, A. Khosla, A. Lapedriza, A. Oliva and A. Torralba, "Learning Deep
Features for Discriminative Localization", CVPR 2016, arXiv:1512.04150; for the similarity of two
images: A. Stylianou, R. Souvenir and R. Pless, "Visualizing Deep Similarity Networks", WACV 2019,
arXiv:1901.00536. Pooling is linear in the cells of a feature map, and so is the inner product with
the other image's vector: the parts of the cells add up to the score.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Maps = NDArray[np.float64]
"""A feature map, shape (channels, height, width)."""

GEM_POWER = 3.0
GEM_FLOOR = 1e-6
"""Of the generalised mean: its power, and the least value that a cell counts with."""
_TINY = 1e-12


@dataclass(frozen=True, slots=True)
class Parts:
    """A score divided over the cells of both images.

    Attributes
    ----------
    left, right : ndarray of float64, shape (height, width)
        Each adds up to `total`.
    total : float
    """

    left: NDArray[np.float64]
    right: NDArray[np.float64]
    total: float


def weighted_cosine(left: Maps, right: Maps, weights: NDArray[np.float64] | None = None) -> Parts:
    """Divide the cosine of two mean-pooled feature maps over their cells.

    Parameters
    ----------
    left, right : ndarray of float64, shape (channels, height, width)
    weights : ndarray of float64, shape (channels,), optional
        Not negative: of the channels in all inner products; by default 1.

    Returns
    -------
    Parts
    """
    one, other = (m.mean(axis=(1, 2)) for m in (left, right))
    scale = np.ones(len(one)) if weights is None else weights
    length = np.sqrt((scale * one * one).sum() * (scale * other * other).sum())
    length = max(float(length), _TINY)
    cells = left.shape[1] * left.shape[2], right.shape[1] * right.shape[2]
    return Parts(
        np.tensordot(scale * other, left, 1) / (cells[0] * length),
        np.tensordot(scale * one, right, 1) / (cells[1] * length),
        float((scale * one * other).sum() / length),
    )


def pooled_cosine(left: Maps, right: Maps, pool: Literal["avg", "gem", "none"]) -> Parts:
    """Divide the cosine of two pooled feature maps over their cells.

    Parameters
    ----------
    left, right : ndarray of float64, shape (channels, height, width)
    pool : {"avg", "gem", "none"}
        How the vectors were made, see `imgsim.models.backbone`. With gem, a cell has the share of
        a channel that its power has of the sum of powers; with none, a cell of the one image is
        compared with the same cell of the other.

    Returns
    -------
    Parts
    """
    if pool == "avg":
        return weighted_cosine(left, right)
    if pool == "gem":
        return weighted_cosine(_gem_parts(left), _gem_parts(right))
    length = max(float(np.linalg.norm(left) * np.linalg.norm(right)), _TINY)
    parts = (left * right).sum(axis=0) / length
    return Parts(parts, parts, float(parts.sum()))


def _gem_parts(maps: Maps) -> Maps:
    """Return maps whose mean over the cells is the generalised mean of these."""
    powers = np.maximum(maps, GEM_FLOOR) ** GEM_POWER
    mean = powers.mean(axis=(1, 2), keepdims=True)
    return np.asarray(powers * mean ** (1 / GEM_POWER - 1))


Shift = Literal[-1, 0, 1]
"""Halves of a cell by which its receptive field is centred too far right and down.

Strided convolutions over an even number of pixels cannot be padded evenly. With the odd pixel of
padding behind the image (``SAME``) the field of a cell lies half a cell too far right and down
after five of them, with it in front half a cell too far left and up.
"""


def move_to_receptive_fields(parts: Parts, shift: Shift) -> Parts:
    """Move the parts of cells to where their receptive fields are centred.

    Returns
    -------
    Parts
        Unless the shift is 0, of cells of half the size; the sums stay the same.
    """
    if shift == 0:
        return parts
    return Parts(_moved(parts.left, shift), _moved(parts.right, shift), parts.total)


def _moved(values: NDArray[np.float64], shift: int) -> NDArray[np.float64]:
    """Halve the cells, shape (2 * height, 2 * width), and move them right and down by `shift`."""
    fine = np.kron(values, np.full((2, 2), 0.25))
    moved = np.zeros_like(fine)
    for row in range(len(fine)):
        for column in range(fine.shape[1]):
            # cells that would lie outside the image stay at its edge
            target = [
                min(max(i + shift, 0), n - 1)
                for i, n in zip((row, column), fine.shape, strict=True)
            ]
            moved[target[0], target[1]] += fine[row, column]
    return moved


def edge_width(cells: int) -> float:
    """Return how wide the frame of cells is that see as much padding as picture.

    These are the cells whose receptive fields are centred on the edge, after
    `move_to_receptive_fields`.

    Parameters
    ----------
    cells : int
        Across the feature map.

    Returns
    -------
    float
        As a share of the side: half a cell; 0 where nothing would be left.
    """
    return 0.5 / cells if cells > 2 else 0.0


@dataclass(frozen=True, slots=True)
class Link:
    """A point of the one image and the point of the other that it corresponds to.

    Attributes
    ----------
    left, right : tuple of float
        x and y in 0..1, from the upper left corner.
    weight : float
        In 0..1, relative to the link with the most weight.
    """

    left: tuple[float, float]
    right: tuple[float, float]
    weight: float


def cell_links(
    left: Maps, right: Maps, parts: Parts, most: int, shift: Shift = 0
) -> tuple[Link, ...]:
    """Find the pairs of cells, each the other's most similar, that add most to the score.

    Their similarity is the cosine of the two cells' channels, less the mean of all cells of both
    images: what every cell has in common says nothing about which correspond.

    Parameters
    ----------
    left, right : ndarray of float64, shape (channels, height, width)
    parts : Parts
        Of these cells, not moved to their receptive fields.
    most : int
        How many pairs at most.
    shift : {-1, 0, 1}
        Of the receptive fields.

    Returns
    -------
    tuple of Link
        Those with the most weight first. Cells centred on the edge have none: they see padding,
        which is alike in all images.
    """
    one, other = (m.reshape(len(m), -1).T for m in (left, right))
    mean = np.concatenate([one, other]).mean(axis=0)
    one, other = (_unit(cells - mean) for cells in (one, other))
    similarity = one @ other.T
    best_right, best_left = similarity.argmax(axis=1), similarity.argmax(axis=0)
    mutual = np.flatnonzero(best_left[best_right] == np.arange(len(one)))
    weight = similarity[mutual, best_right[mutual]] * np.sqrt(
        np.clip(parts.left.ravel()[mutual], 0, None)
        * np.clip(parts.right.ravel()[best_right[mutual]], 0, None)
    )
    inside = [
        all(0 < x < 1 for cell, maps in pair for x in _centre(int(cell), maps.shape, shift))
        for pair in (((i, left), (best_right[i], right)) for i in mutual)
    ]
    weight = np.where(np.array(inside, bool), weight, 0.0)
    order = np.argsort(-weight, kind="stable")[:most]
    top = max(float(weight.max(initial=0.0)), _TINY)
    return tuple(
        Link(
            _centre(int(mutual[i]), left.shape, shift),
            _centre(int(best_right[mutual[i]]), right.shape, shift),
            float(weight[i] / top),
        )
        for i in order
        if weight[i] > 0
    )


def _unit(cells: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scale rows to length 1."""
    length = np.linalg.norm(cells, axis=1, keepdims=True)
    return np.asarray(cells / np.maximum(length, _TINY))


def _centre(cell: int, shape: tuple[int, ...], shift: int) -> tuple[float, float]:
    """Return x and y in 0..1 of the centre of a cell's receptive field."""
    row, column = divmod(cell, shape[2])
    x, y = ((i + 0.5 + shift / 2) / n for i, n in ((column, shape[2]), (row, shape[1])))
    return (min(max(x, 0.0), 1.0), min(max(y, 0.0), 1.0))
