"""Where in two images their score comes from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators.autoencoder import AutoencoderCosine
from imgsim.comparators.base import Comparator
from imgsim.comparators.evidence import Evidence, Explains
from imgsim.comparators.listing import listed
from imgsim.comparators.local import records
from imgsim.comparators.recipes import Recipe
from imgsim.errors import UsageError
from imgsim.models.cam import Link
from imgsim.neighbours.build import make_engine
from imgsim.read.extract import checked_rows
from imgsim.read.memory import PictureLike
from imgsim.read.options import RunOptions, as_options
from imgsim.results import Result
from imgsim.tasks.arguments import as_comparator
from imgsim.tasks.query import Query, decode_query, query_file
from imgsim.types import ImageFacts, Verdict
from imgsim.verify.judge import EQUAL
from imgsim.verify.keypoints import consistent_matches
from imgsim.verify.matrix import matrix_of
from imgsim.verify.verdicts import verify_pair

DEFAULT_METHOD = "ssim"
_CELLS = 16


@dataclass(frozen=True, slots=True, repr=False)
class Explanation(Result[Link]):
    """The score of two images, divided over their parts.

    Attributes
    ----------
    comparator : Comparator
    left, right : Query
    left_facts, right_facts : ImageFacts
    distance : float
    evidence : Evidence
    """

    comparator: Comparator
    left: Query
    right: Query
    left_facts: ImageFacts
    right_facts: ImageFacts
    distance: float
    evidence: Evidence

    def __bool__(self) -> bool:
        return True  # there is one, also where no parts of the images are linked

    def _items(self) -> tuple[Link, ...]:
        return self.evidence.links


@dataclass(frozen=True, slots=True)
class Activations:
    """The activations of a layer of a network on an image.

    Attributes
    ----------
    comparator : Comparator
    query : Query
    layer : str
    image : ndarray of uint8, shape (side, side, 3)
        As the network takes it.
    maps : ndarray of float32, shape (channels, height, width)
    """

    comparator: Comparator
    query: Query
    layer: str
    image: NDArray[np.uint8]
    maps: NDArray[np.float32]


def explain(
    left: PictureLike,
    right: PictureLike,
    method: str | Comparator = DEFAULT_METHOD,
    *,
    options: RunOptions | None = None,
) -> Explanation:
    """Divide a comparator's score of two images over their parts.

    Parameters
    ----------
    left, right : path or picture
    method : str or Comparator
        One that `explains` names, such as ``ssim`` or ``efficientnet-cosine``.
    options : RunOptions, optional

    Raises
    ------
    UsageError
        The method cannot say where its score comes from.
    UnreadableImage
        One of the files is no image that can be read.

    Examples
    --------
    >>> import imgsim
    >>> found = imgsim.explain("photos/IMG_0001.jpg", "photos/IMG_0003.jpg", "ssim")
    >>> found.evidence.shows, found.evidence.left.shape
    ('difference', (64, 64))
    """
    options = as_options(options)
    comparator = as_comparator(method)
    if not isinstance(comparator, Explains | Recipe):
        raise UsageError(
            f"{comparator.name} cannot say where its score comes from",
            f"choose one of {', '.join(explains())}",
        )
    wants = comparator.extractor.wants
    queries = (
        query_file(left, "<left>", options.max_pixels),
        query_file(right, "<right>", options.max_pixels),
    )
    paths = queries[0].path or queries[0].name, queries[1].path or queries[1].name
    comparator.extractor.get_ready()
    one, other = (decode_query(query, [wants], options) for query in queries)
    images = one.images[wants], other.images[wants]
    rows = np.concatenate([checked_rows(comparator.extractor, image[None]) for image in images])
    if isinstance(comparator, Recipe):
        digests = queries[0].digest, queries[1].digest
        several = one.facts.frames > 1 and other.facts.frames > 1
        verdict = EQUAL
        if digests[0] != digests[1]:
            flat = one.facts.flat, other.facts.flat
            verdict = verify_pair(
                comparator, paths, rows, options, frames=several, flat=flat, digests=digests
            )
        distance, evidence = verdict.residual, _matched_keypoints(rows, verdict)
    else:
        near = make_engine(comparator, rows, options).nearest(np.array([0]), 1)
        distance, evidence = float(near.distance[0, 0]), comparator.explain(*images)
    return Explanation(comparator, *queries, one.facts, other.facts, distance, evidence)


def _matched_keypoints(rows: NDArray[np.generic], verdict: Verdict) -> Evidence:
    """The keypoints that the verdict lays upon each other, counted by cells."""
    one, other = records(rows)
    cells = np.zeros((2, _CELLS, _CELLS))
    links: tuple[Link, ...] = ()
    if verdict.matrix:
        matrix = matrix_of(verdict)
        left, right, bits = consistent_matches(one, other, matrix)
        for grid, places in zip(cells, (left, right), strict=True):
            column, row = (places * _CELLS).astype(int).clip(0, _CELLS - 1).T
            np.add.at(grid, (row, column), 1)
        links = tuple(
            Link((float(a), float(b)), (float(c), float(d)), 1 - float(n) / 256)
            for (a, b), (c, d), n in zip(left, right, bits, strict=True)
        )
    remark = "" if np.isfinite(verdict.residual) else "they could not be laid upon each other"
    total = float(len(links))
    return Evidence("matched keypoints", "similarity", total, cells[0], cells[1], links, remark)


def explains() -> list[str]:
    """Names of the comparators that are available and can say where their score comes from."""
    return [one.name for one in listed() if one.available and one.explains]


def activations(
    image: PictureLike,
    layer: str,
    method: str | Comparator,
    *,
    options: RunOptions | None = None,
) -> Activations:
    """Compute the activations of a layer of a trained autoencoder on an image.

    Parameters
    ----------
    image : path or picture
    layer : str
        One of `models.autoencoder.LAYERS`: 1 to 5, or latent.
    method : str or Comparator
        ``autoencoder:weights=FILE``.
    options : RunOptions, optional

    Raises
    ------
    UsageError
        There is no such layer, or the method is no autoencoder.
    UnreadableImage
        The file is no image that can be read.
    """
    comparator = as_comparator(method)
    if not isinstance(comparator, AutoencoderCosine):
        raise UsageError(
            f"{comparator.name} has no layers to show", "--method autoencoder:weights=FILE"
        )
    options = as_options(options)
    query = query_file(image, max_pixels=options.max_pixels)
    wants = comparator.extractor.wants
    pixels = decode_query(query, [wants], options).images[wants]
    maps = comparator.extractor.network().activations(pixels, layer)
    return Activations(comparator, query, layer, pixels, maps)


def over_grid(parts: NDArray[np.float64], rows: int = 3, columns: int = 3) -> NDArray[np.float64]:
    """Add the parts of a map up over a coarser or finer grid; the sum stays the same.

    Parameters
    ----------
    parts : ndarray of float64, shape (height, width)
    rows, columns : int

    Returns
    -------
    ndarray of float64, shape (rows, columns)
    """
    return np.asarray(_overlap(rows, parts.shape[0]) @ parts @ _overlap(columns, parts.shape[1]).T)


def _overlap(coarse: int, fine: int) -> NDArray[np.float64]:
    """How much of each of `fine` equal pieces lies in each of `coarse` ones."""
    edges, ends = np.arange(fine) / fine, np.arange(1, fine + 1) / fine
    low = np.arange(coarse)[:, None] / coarse
    inside = np.minimum(ends, low + 1 / coarse) - np.maximum(edges, low)
    return np.asarray(np.clip(inside, 0, None) * fine)
