"""Clusters of the images of a folder, by the vectors of a comparator."""

from __future__ import annotations

import math
import time
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from imgsim.collect import RunOptions, collect
from imgsim.comparators.base import Comparator, Metric, VectorComparator
from imgsim.errors import UsageError
from imgsim.pipeline import Paths, Seconds, as_comparator, as_list, seconds_since
from imgsim.ranking import Query, ranked, read_query
from imgsim.search.build import collapse
from imgsim.types import Match, Picture, Skipped

DEFAULT_METHOD = "cosine"

Algorithm = Literal["kmeans", "hdbscan"]
Choice = Literal["silhouette", "elbow"]
Projection = Literal["tsne", "pca"]

NO_CLUSTER = 0
"""The label of images that HDBSCAN takes for noise."""

_DIMENSIONS = 50
_SAMPLE = 2000
_PERPLEXITY = 30.0
_STARTS = 10


@dataclass(frozen=True, slots=True)
class Cluster:
    """Images that belong together.

    Attributes
    ----------
    number : int
        From 1 on, the largest cluster first.
    members : ndarray of int64
        Places in `Clusters.pictures`, ascending.
    typical : int
        The member nearest to the middle.
    """

    number: int
    members: NDArray[np.int64]
    typical: int


@dataclass(frozen=True, slots=True)
class Quality:
    """How well k-means fits with so many clusters.

    Attributes
    ----------
    k : int
    silhouette : float or None
        Mean silhouette coefficient, -1 to 1, more is better (P. J. Rousseeuw, 1987,
        doi:10.1016/0377-0427(87)90125-7); of at most 2,000 images.
    inertia : float
        Sum of squared distances to the middle of the cluster.
    """

    k: int
    silhouette: float | None
    inertia: float


@dataclass(frozen=True, slots=True)
class Labelled:
    """The cluster of a query.

    Attributes
    ----------
    query : Query
    cluster : int
        That most of its nearest images are in; of several, that of the nearest.
    votes : tuple of (int, int)
        Clusters, and how many of the nearest are in each; most first.
    matches : tuple of (Match, int)
        The most similar images and their clusters, nearest first.
    """

    query: Query
    cluster: int
    votes: tuple[tuple[int, int], ...]
    matches: tuple[tuple[Match, int], ...]


@dataclass(frozen=True, slots=True)
class Clusters:
    """What `cluster_images` found.

    Attributes
    ----------
    comparator : VectorComparator
    algorithm : {"kmeans", "hdbscan"}
    pictures : tuple of Picture
        In order of their paths.
    labels : ndarray of int64, shape (n,)
        Numbers of clusters; `NO_CLUSTER` for noise.
    clusters : tuple of Cluster
    chosen_by : {"silhouette", "elbow"} or None
        None where the number was given or HDBSCAN found it.
    qualities : tuple of Quality
        Of the numbers of clusters that were tried.
    silhouette : float or None
        Of the result, without noise; None for fewer than two clusters.
    projection : {"tsne", "pca"}
    positions : ndarray of float64, shape (n, 2)
        A map of the images.
    queries : tuple of Labelled
    seed : int
    skipped : tuple of Skipped
    decoded : int
    seconds : Seconds
    """

    comparator: VectorComparator
    algorithm: Algorithm
    pictures: tuple[Picture, ...]
    labels: NDArray[np.int64]
    clusters: tuple[Cluster, ...]
    chosen_by: Choice | None
    qualities: tuple[Quality, ...]
    silhouette: float | None
    projection: Projection
    positions: NDArray[np.float64]
    queries: tuple[Labelled, ...]
    seed: int
    skipped: tuple[Skipped, ...]
    decoded: int
    seconds: Seconds


def cluster_images(
    paths: Paths,
    method: str | Comparator = DEFAULT_METHOD,
    *,
    n: int | None = None,
    algorithm: Algorithm = "kmeans",
    choose: Choice = "silhouette",
    max_clusters: int = 30,
    min_size: int = 5,
    projection: Projection = "tsne",
    seed: int = 0,
    queries: Sequence[Query] = (),
    voters: int = 5,
    similar: int = 5,
    options: RunOptions | None = None,
) -> Clusters:
    """Find clusters of images, and a map of them.

    Vectors are made fit for Euclidean distance (see `points`) and reduced to their 50 principal
    components. The same files and seed give the same result, on any number of cores. Memory: 4
    bytes for each number of the vectors, such as 50 MB for 10,000 images by EfficientNet.

    Parameters
    ----------
    paths : path or sequence of paths
    method : str or VectorComparator
    n : int, optional
        Number of clusters of k-means; by default it is chosen.
    algorithm : {"kmeans", "hdbscan"}
    choose : {"silhouette", "elbow"}
        How the number is chosen: the largest silhouette coefficient, or where the curve of the
        inertia bends most.
    max_clusters : int
        The largest number that is tried.
    min_size : int
        Of a cluster of HDBSCAN.
    projection : {"tsne", "pca"}
        How the map is made.
    seed : int
    queries : sequence of Query
        Images from elsewhere, to be put in a cluster by their nearest neighbours.
    voters, similar : int
        How many neighbours of a query decide, and how many are named.
    options : RunOptions, optional

    Returns
    -------
    Clusters

    Raises
    ------
    UsageError
        A path does not exist, an argument makes no sense, or the method has no vectors.
    UnreadableImage
        A query cannot be read.
    """
    started = time.perf_counter()
    options = options or RunOptions()
    comparator = as_comparator(method)
    if not isinstance(comparator, VectorComparator):
        raise UsageError(
            f"{comparator.name} has no vectors to cluster", "try cosine or efficientnet-cosine"
        )
    for value, kind in ((algorithm, Algorithm), (choose, Choice), (projection, Projection)):
        if value not in get_args(kind):
            raise UsageError(f"no {value!r} here", f"one of {', '.join(get_args(kind))}")
    if max_clusters < 2 or min_size < 2 or voters < 1 or similar < 1 or seed < 0:
        raise UsageError("a number is too small", "at least 2 clusters of 2 images, 1 voter")
    asked = [read_query(query, [comparator.extractor], options)[1] for query in queries]
    collection = collect(as_list(paths), [comparator.extractor], options)
    read = time.perf_counter()
    pictures = collection.pictures
    rows = collection.features(comparator.extractor, pictures).rows
    with _alike_on_any_machine():
        values = _reduced(points(comparator, rows), seed)
        qualities: list[Quality] = []
        if algorithm == "hdbscan":
            labels = _by_density(values, min_size)
        else:
            labels, qualities = _by_means(values, n, choose, max_clusters, seed, options)
        positions = _map(values, projection, seed)
        silhouette = _silhouette(values[labels >= 0], labels[labels >= 0], seed)
    labels, clusters = _numbered(values, labels)
    labelled = _labelled(
        comparator, rows, queries, asked, pictures, labels, voters, similar, options
    )
    return Clusters(
        comparator,
        algorithm,
        pictures,
        labels,
        clusters,
        choose if len(qualities) > 1 else None,
        tuple(qualities),
        silhouette,
        projection,
        positions,
        tuple(labelled),
        seed,
        collection.skipped,
        collection.decoded,
        seconds_since(started, read, collection),
    )


@contextmanager
def _alike_on_any_machine() -> Iterator[None]:
    """One thread: sums in another order would come out a little differently."""
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


def _reduced(vectors: NDArray[np.float32], seed: int) -> NDArray[np.float32]:
    from sklearn.decomposition import PCA

    if min(vectors.shape) <= _DIMENSIONS:
        return vectors
    return np.asarray(PCA(_DIMENSIONS, random_state=seed).fit_transform(vectors), np.float32)


def _by_density(values: NDArray[np.float32], min_size: int) -> NDArray[np.int64]:
    """HDBSCAN (R. Campello, D. Moulavi, J. Sander, 2013, doi:10.1007/978-3-642-37456-2_14)."""
    from sklearn.cluster import HDBSCAN

    if len(values) < min_size:
        return np.full(len(values), -1, np.int64)
    found = HDBSCAN(min_cluster_size=min_size, copy=True).fit_predict(values)
    return np.asarray(found, np.int64)


def _by_means(
    values: NDArray[np.float32],
    n: int | None,
    choose: Choice,
    max_clusters: int,
    seed: int,
    options: RunOptions,
) -> tuple[NDArray[np.int64], list[Quality]]:
    """k-means, with the best of the numbers of clusters if none is given."""
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
    found, qualities = [], []
    options.progress.start("clustering", len(numbers), "number of cluster")
    try:
        for k in numbers:
            labels, inertia = _means(values, k, seed)
            found.append(labels)
            qualities.append(Quality(k, _silhouette(values, labels, seed), inertia))
            options.progress.advance(1)
    finally:
        options.progress.finish()
    return found[_best(qualities, choose)], qualities


def _means(values: NDArray[np.float32], k: int, seed: int) -> tuple[NDArray[np.int64], float]:
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # images that hardly differ
        means = KMeans(k, n_init=_STARTS, random_state=seed).fit(values)
    return np.asarray(means.labels_, np.int64), float(means.inertia_)


def _best(qualities: Sequence[Quality], choose: Choice) -> int:
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


def _silhouette(values: NDArray[np.float32], labels: NDArray[np.int64], seed: int) -> float | None:
    from sklearn.metrics import silhouette_score

    if len(values) > _SAMPLE:
        rng = np.random.default_rng(seed)
        sample = np.sort(rng.choice(len(values), _SAMPLE, replace=False))
        values, labels = values[sample], labels[sample]
    if not 2 <= len(np.unique(labels)) < len(values):
        return None
    return float(silhouette_score(values, labels))


def _map(values: NDArray[np.float32], projection: Projection, seed: int) -> NDArray[np.float64]:
    """t-SNE (L. van der Maaten and G. Hinton, 2008), or the two principal components."""
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


def _numbered(
    values: NDArray[np.float32], labels: NDArray[np.int64]
) -> tuple[NDArray[np.int64], tuple[Cluster, ...]]:
    """Number clusters by their size, then by their first image."""
    groups = [np.flatnonzero(labels == label) for label in np.unique(labels[labels >= 0])]
    groups.sort(key=lambda members: (-len(members), members[0]))
    numbered = np.full(len(labels), NO_CLUSTER, np.int64)
    clusters = []
    for number, members in enumerate(groups, 1):
        numbered[members] = number
        away = np.linalg.norm(values[members] - values[members].mean(axis=0), axis=1)
        clusters.append(Cluster(number, members, int(members[away.argmin()])))
    return numbered, tuple(clusters)


def _labelled(
    comparator: VectorComparator,
    rows: NDArray[np.generic],
    queries: Sequence[Query],
    asked: Sequence[dict[Any, NDArray[np.generic]]],
    pictures: Sequence[Picture],
    labels: NDArray[np.int64],
    voters: int,
    similar: int,
    options: RunOptions,
) -> Iterator[Labelled]:
    if not queries:
        return
    own = np.stack([row[comparator.extractor] for row in asked])
    rows = np.concatenate([rows, own.astype(rows.dtype)])
    places = range(len(pictures), len(rows))
    near = ranked(comparator, rows, pictures, places, queries, max(voters, similar), options)
    cluster = {p.file.path: int(label) for p, label in zip(pictures, labels, strict=True)}
    for query, found in zip(queries, near.queries, strict=True):
        matches = [(match, cluster[match.path]) for match in found.matches]
        votes = Counter(label for _, label in matches[:voters])  # in order of the nearest
        first = votes.most_common()
        winner = first[0][0] if first else NO_CLUSTER
        yield Labelled(query, winner, tuple(first), tuple(matches[:similar]))
