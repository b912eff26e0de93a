"""Clusters of the images of a folder, by the vectors of a comparator."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from numbers import Integral
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators.base import Comparator, VectorComparator
from imgsim.errors import UsageError, check_kind
from imgsim.read.collect import collect
from imgsim.read.memory import PictureLike
from imgsim.read.options import Paths, RunOptions, as_list, as_options
from imgsim.tasks.arguments import as_comparator
from imgsim.tasks.cluster.methods import (
    cluster_by_density,
    cluster_by_means,
    mean_silhouette,
    on_one_thread,
    points,
    project,
    reduce_dimensions,
)
from imgsim.tasks.cluster.results import (
    NO_CLUSTER,
    Algorithm,
    Choice,
    Cluster,
    ClusterQuality,
    Clusters,
    LabelledQuery,
    Projection,
)
from imgsim.tasks.matches import ranked
from imgsim.tasks.matching import seconds_since
from imgsim.tasks.query import Query, as_queries, read_query
from imgsim.types import Picture

DEFAULT_METHOD = "cosine"


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
    queries: Query | PictureLike | Sequence[Query | PictureLike] = (),
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
    queries : path, picture or Query, or several
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

    Examples
    --------
    >>> import imgsim
    >>> found = imgsim.cluster_images("photos", n=3)
    >>> [len(cluster.members) for cluster in found.clusters]
    [2, 2, 1]
    """
    started = time.perf_counter()
    options = as_options(options)
    comparator = _with_vectors(method)
    _check_choices(algorithm, choose, projection)
    numbers = {
        "n": 1 if n is None else n, "max_clusters": max_clusters, "min_size": min_size,
        "seed": seed, "voters": voters, "similar": similar,
    }  # fmt: skip
    for name, value in numbers.items():
        check_kind(value, Integral, f"whole number of {name}", f"leave {name} out")
    if max_clusters < 2 or min_size < 2 or voters < 1 or similar < 1 or seed < 0:
        raise UsageError("a number is too small", "at least 2 clusters of 2 images, 1 voter")
    given = as_queries(queries, options.max_pixels)
    asked = [read_query(query, [comparator.extractor], options)[1] for query in given]
    collection = collect(
        as_list(paths, max_pixels=options.max_pixels), [comparator.extractor], options
    )
    read = time.perf_counter()
    pictures = collection.pictures
    rows = collection.features(comparator.extractor, pictures).rows
    with on_one_thread():
        values = reduce_dimensions(points(comparator, rows), seed)
        qualities: list[ClusterQuality] = []
        if algorithm == "hdbscan":
            labels = cluster_by_density(values, min_size)
        else:
            labels, qualities = cluster_by_means(values, n, choose, max_clusters, seed, options)
        positions = project(values, projection, seed)
        silhouette = mean_silhouette(values[labels >= 0], labels[labels >= 0], seed)
    labels, clusters = _numbered(values, labels)
    labelled = _labelled(comparator, rows, given, asked, pictures, labels, voters, similar, options)
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


def _with_vectors(method: str | Comparator) -> VectorComparator:
    comparator = as_comparator(method)
    if not isinstance(comparator, VectorComparator):
        raise UsageError(
            f"{comparator.name} has no vectors to cluster", "try cosine or efficientnet-cosine"
        )
    return comparator


def _check_choices(algorithm: str, choose: str, projection: str) -> None:
    for value, kind in ((algorithm, Algorithm), (choose, Choice), (projection, Projection)):
        if value not in get_args(kind):
            raise UsageError(f"no {value!r} here", f"one of {', '.join(get_args(kind))}")


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
) -> Iterator[LabelledQuery]:
    if not queries:
        return
    own = np.stack([row[comparator.extractor] for row in asked])
    rows = np.concatenate([rows, own.astype(rows.dtype)])
    places = range(len(pictures), len(rows))
    near = ranked(comparator, rows, pictures, places, queries, max(voters, similar), options)
    cluster = {p.file.path: int(label) for p, label in zip(pictures, labels, strict=True)}
    for query, nearest in zip(queries, near.queries, strict=True):
        matches = [(match, cluster[match.path]) for match in nearest.matches]
        votes = Counter(label for _, label in matches[:voters])  # in order of the nearest
        first = votes.most_common()
        winner = first[0][0] if first else NO_CLUSTER
        yield LabelledQuery(query, winner, tuple(first), tuple(matches[:similar]))
