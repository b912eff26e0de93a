"""Clusters points, and lays them out on a map."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators.base import Metric, VectorComparator
from imgsim.errors import UsageError
from imgsim.neighbours.build import collapse
from imgsim.read.options import RunOptions
from imgsim.tasks.cluster.results import Choice, ClusterQuality, Projection

_DIMENSIONS = 50
_SAMPLE = 2000
_PERPLEXITY = 30.0
_STARTS = 10


@contextmanager
def on_one_thread() -> Iterator[None]:
    """Compute on one thread: sums in another order would come out a little differently."""
    import sklearn.cluster
    import sklearn.manifold  # noqa: F401 - the limit holds for libraries that are loaded
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        yield


def points(comparator: VectorComparator, rows: NDArray[np.generic]) -> NDArray[np.float32]:
    """Vectors whose Euclidean distance is, or grows with, the comparator's distance.

    Packed bits become numbers 0 and 1, whose squared distance is the number of different bits.
    Vectors that are compared by angle get length 1: then the squared distance is 2 (1 - cosine).

    Parameters
    ----------
    comparator : VectorComparator
    rows : ndarray, shape (n, bytes) or (n, d)

    Returns
    -------
    ndarray of float32, shape (n, d)
    """
    if comparator.metric is Metric.HAMMING:
        return np.unpackbits(np.asarray(rows, np.uint8), axis=1).astype(np.float32)
    vectors = rows.astype(np.float32)
    if comparator.metric is Metric.COSINE:
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        vectors /= np.where(norms > 0, norms, 1)
    return vectors


def reduce_dimensions(vectors: NDArray[np.float32], seed: int) -> NDArray[np.float32]:
    """Project vectors onto their first principal components.

    Parameters
    ----------
    vectors : ndarray of float32, shape (n, d)

    Returns
    -------
    ndarray of float32, shape (n, min(d, 50)); the vectors themselves if n is not above 50
    """
    from sklearn.decomposition import PCA

    if min(vectors.shape) <= _DIMENSIONS:
        return vectors
    return np.asarray(PCA(_DIMENSIONS, random_state=seed).fit_transform(vectors), np.float32)


def cluster_by_density(values: NDArray[np.float32], min_size: int) -> NDArray[np.int64]:
    """Cluster points by HDBSCAN.

    Source: R. Campello, D. Moulavi, J. Sander, 2013, doi:10.1007/978-3-642-37456-2_14.

    Parameters
    ----------
    values : ndarray of float32, shape (n, d)

    Returns
    -------
    ndarray of int64, shape (n,)
        Number of the cluster of each point, -1 for none.
    """
    from sklearn.cluster import HDBSCAN

    if len(values) < min_size:
        return np.full(len(values), -1, np.int64)
    labels = HDBSCAN(min_cluster_size=min_size, copy=True).fit_predict(values)
    return np.asarray(labels, np.int64)


def cluster_by_means(
    values: NDArray[np.float32],
    n: int | None,
    choose: Choice,
    max_clusters: int,
    seed: int,
    options: RunOptions,
) -> tuple[NDArray[np.int64], list[ClusterQuality]]:
    """Cluster points by k-means, with the best of the numbers of clusters if none is given.

    Parameters
    ----------
    values : ndarray of float32, shape (points, d)

    Returns
    -------
    labels : ndarray of int64, shape (points,)
    qualities : list of ClusterQuality
        Of each number of clusters that was tried.

    Raises
    ------
    UsageError
        There are fewer different points than clusters asked for.
    """
    distinct = len(np.unique(collapse(values)))
    if n is not None and not 1 <= n <= max(1, distinct):
        raise UsageError(
            f"{n} clusters of {distinct} different images", f"ask for 1 to {max(1, distinct)}"
        )
    if distinct < 3:
        numbers = [min(distinct, n or distinct)]
    else:
        numbers = [n] if n else list(range(2, min(max_clusters, distinct - 1) + 1))
    if numbers == [0]:
        return np.empty(0, np.int64), []
    clusterings, qualities = [], []
    options.progress.start("clustering", len(numbers), "number of cluster")
    try:
        for k in numbers:
            labels, inertia = _means(values, k, seed)
            clusterings.append(labels)
            qualities.append(ClusterQuality(k, mean_silhouette(values, labels, seed), inertia))
            options.progress.advance(1)
    finally:
        options.progress.finish()
    return clusterings[_best(qualities, choose)], qualities


def _means(values: NDArray[np.float32], k: int, seed: int) -> tuple[NDArray[np.int64], float]:
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    # BLAS may work on what lies behind its arrays, and report what it found there as invalid
    with warnings.catch_warnings(), np.errstate(invalid="ignore"):
        warnings.simplefilter("ignore", ConvergenceWarning)  # images that hardly differ
        means = KMeans(k, n_init=_STARTS, random_state=seed).fit(values)
    return np.asarray(means.labels_, np.int64), float(means.inertia_)


def _best(qualities: Sequence[ClusterQuality], choose: Choice) -> int:
    """The place of the number of clusters to take; of equally good ones the smallest."""
    if choose == "silhouette" or len(qualities) < 3:
        return int(np.argmax([-2 if q.silhouette is None else q.silhouette for q in qualities]))
    return elbow([q.inertia for q in qualities])


def elbow(values: Sequence[float]) -> int:
    """Where a falling curve bends most: farthest below the line between its ends.

    Source: V. Satopaa, J. Albrecht, D. Irwin and B. Raghavan, "Finding a 'kneedle' in a
    haystack", ICDCS Workshops 2011, doi:10.1109/ICDCSW.2011.20.
    """
    line = np.linspace(values[0], values[-1], len(values))
    return int(np.argmax(line - values))


def mean_silhouette(
    values: NDArray[np.float32], labels: NDArray[np.int64], seed: int
) -> float | None:
    """Compute the mean silhouette coefficient, or None if it is not defined.

    Parameters
    ----------
    values : ndarray of float32, shape (n, d)
    labels : ndarray of int64, shape (n,)
    """
    from sklearn.metrics import silhouette_score

    if len(values) > _SAMPLE:
        rng = np.random.default_rng(seed)
        sample = np.sort(rng.choice(len(values), _SAMPLE, replace=False))
        values, labels = values[sample], labels[sample]
    if not 2 <= len(np.unique(labels)) < len(values):
        return None
    return float(silhouette_score(values, labels))


def project(values: NDArray[np.float32], projection: Projection, seed: int) -> NDArray[np.float64]:
    """Lay points out on a map: by t-SNE, or by their two first principal components.

    Source: L. van der Maaten and G. Hinton, "Visualizing data using t-SNE", JMLR 9, 2008.

    Parameters
    ----------
    values : ndarray of float32, shape (n, d)

    Returns
    -------
    ndarray of float64, shape (n, 2)
    """
    n = len(values)
    if projection == "tsne" and n >= 5:
        from sklearn.manifold import TSNE

        perplexity = min(_PERPLEXITY, max(5.0, math.sqrt(n)), (n - 1) / 3)
        made: Any = TSNE(perplexity=perplexity, init="pca", random_state=seed, n_jobs=1)
    else:
        from sklearn.decomposition import PCA

        made = PCA(min(2, *values.shape) if n else 0, random_state=seed)
    if n < 2:
        return np.zeros((n, 2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # 0 / 0 where all images are the same
        flat = np.nan_to_num(np.asarray(made.fit_transform(values), np.float64))
    return np.pad(flat, ((0, 0), (0, 2 - flat.shape[1])))
