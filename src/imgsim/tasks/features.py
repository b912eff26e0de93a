"""Feature rows of a folder, to be used elsewhere, and rankings by such rows."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators import registry
from imgsim.comparators.base import Comparator
from imgsim.comparators.recipes import Recipe
from imgsim.errors import UsageError, check_kind
from imgsim.read.collect import collect
from imgsim.read.options import Paths, RunOptions, as_list, as_options
from imgsim.results import Result
from imgsim.tasks.arguments import as_comparator, check_k
from imgsim.tasks.match_results import Matches
from imgsim.tasks.matches import ranked
from imgsim.tasks.matching import Seconds
from imgsim.types import ImageFacts, ImageFile, Picture, Skipped


@dataclass(frozen=True, slots=True)
class FeatureRow:
    """The features of one file.

    Attributes
    ----------
    path : str
    digest : str
        sha256 of the bytes.
    width, height : int
        Pixels, after orientation.
    features : ndarray
        Of the extractor's dtype and shape.
    """

    path: str
    digest: str
    width: int
    height: int
    features: NDArray[Any]


@dataclass(frozen=True, slots=True, repr=False)
class FeatureSet(Result[FeatureRow]):
    """Feature rows of files by one method.

    Attributes
    ----------
    comparator : Comparator
    decode : str
        How files were decoded: ``reduced`` or ``full``.
    paths, digests : tuple of str
    sizes : ndarray of int64, shape (n, 2)
        Width and height in pixels, after orientation.
    rows : ndarray of the extractor's dtype, shape (n, ...)
        Hashes are packed bits.
    skipped : tuple of Skipped
    decoded : int
        Files that were decoded now.
    """

    comparator: Comparator
    decode: str
    paths: tuple[str, ...]
    digests: tuple[str, ...]
    sizes: NDArray[np.int64]
    rows: NDArray[Any]
    skipped: tuple[Skipped, ...] = ()
    decoded: int = 0

    def _items(self) -> tuple[FeatureRow, ...]:
        return tuple(
            FeatureRow(path, digest, int(width), int(height), row)
            for path, digest, (width, height), row in zip(
                self.paths, self.digests, self.sizes, self.rows, strict=True
            )
        )


def features(
    paths: Paths,
    method: str | Comparator = registry.RANKING_METHOD,
    *,
    options: RunOptions | None = None,
) -> FeatureSet:
    """Compute the feature rows that a method compares, of every image below some paths.

    Parameters
    ----------
    paths : path or sequence of paths
    method : str or Comparator
        By default ``phash:size=16``.
    options : RunOptions, optional

    Returns
    -------
    FeatureSet
        In order of the paths.

    Raises
    ------
    UsageError
        A path does not exist, or an argument makes no sense.

    Examples
    --------
    >>> import imgsim
    >>> table = imgsim.features("photos", "cosine")
    >>> table.rows.shape, table.rows.dtype
    ((5, 3072), dtype('uint8'))
    """
    options = as_options(options)
    comparator = as_comparator(method)
    collection = collect(
        as_list(paths, max_pixels=options.max_pixels), [comparator.extractor], options
    )
    if collection.executor is not None:
        collection.executor.close()
    pictures = collection.pictures
    return FeatureSet(
        comparator,
        options.decode.value,
        tuple(p.file.path for p in pictures),
        tuple(p.digest for p in pictures),
        np.array([(p.facts.width, p.facts.height) for p in pictures], np.int64).reshape(-1, 2),
        collection.features(comparator.extractor, pictures).rows,
        collection.skipped,
        collection.decoded,
    )


def rank_features(
    feature_set: FeatureSet, *, k: int = 3, options: RunOptions | None = None
) -> Matches:
    """Rank the k nearest others of every file by its features alone; no file is read.

    Parameters
    ----------
    feature_set : FeatureSet
    k : int
        At least 1.
    options : RunOptions, optional
        Its jobs and progress.

    Raises
    ------
    UsageError
        The method looks at pairs of pictures itself, or `k` makes no sense.

    Examples
    --------
    >>> import imgsim
    >>> ranked = imgsim.rank_features(imgsim.features("photos"), k=1)
    >>> ranked.methods[0].queries[0].matches[0].path
    'photos/IMG_0001.jpg'
    """
    started = time.perf_counter()
    options = as_options(options)
    check_k(k)
    check_kind(feature_set, FeatureSet, "set of features", "imgsim.features or read_features")
    comparator = feature_set.comparator
    if isinstance(comparator, Recipe) or not comparator.ranks:
        raise UsageError(
            f"{comparator.name} needs the pictures, and not their features alone",
            "imgsim matches PATH reads them",
        )
    facts = ImageFacts(0, 0, "", False, False, 1, 0, None)
    gallery = [
        Picture(ImageFile(path, 0, 0, path), digest, replace(facts, width=width, height=height))
        for path, digest, (width, height) in zip(
            feature_set.paths, feature_set.digests, feature_set.sizes.tolist(), strict=True
        )
    ]
    by_method = ranked(
        comparator, feature_set.rows, gallery, range(len(gallery)), gallery, k, options
    )
    total = time.perf_counter() - started
    return Matches(k, (by_method,), len(gallery), (), 0, Seconds(total, 0.0, total, 0.0))
