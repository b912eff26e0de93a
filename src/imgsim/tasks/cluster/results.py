"""The clusters of a folder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from imgsim.comparators.base import VectorComparator
from imgsim.results import Result
from imgsim.tasks.matching import Seconds
from imgsim.tasks.query import Query
from imgsim.types import Match, Picture, Skipped

Algorithm = Literal["kmeans", "hdbscan"]
Choice = Literal["silhouette", "elbow"]
Projection = Literal["tsne", "pca"]

NO_CLUSTER = 0
"""The label of images that HDBSCAN takes for noise."""


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
class ClusterQuality:
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
class LabelledQuery:
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
class ClusterLabels:
    """Labels of images that somebody gave, beside their clusters.

    Attributes
    ----------
    names : tuple of str
        The most frequent first.
    numbers : ndarray of int64, shape (n,)
        Of each image: its label is ``names[number - 1]``; 0 without one.
    purity : float or None
        Share of images with a label that have the most frequent label of their cluster, from 0 to
        1; of images in a cluster. Many small clusters are pure. None without such images.
    adjusted_rand : float or None
        Adjusted Rand index of the same images: 1 where clusters and labels are the same, about 0
        where they have nothing to do with each other (L. Hubert and P. Arabie, 1985,
        doi:10.1007/BF01908075).
    """

    names: tuple[str, ...]
    numbers: NDArray[np.int64]
    purity: float | None
    adjusted_rand: float | None


@dataclass(frozen=True, slots=True, repr=False)
class Clusters(Result[Cluster]):
    """The clusters of a folder, with a map, and the figures of the run that found them.

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
    qualities : tuple of ClusterQuality
        Of the numbers of clusters that were tried.
    silhouette : float or None
        Of the result, without noise; None for fewer than two clusters.
    projection : {"tsne", "pca"}
    positions : ndarray of float64, shape (n, 2)
        A map of the images.
    queries : tuple of LabelledQuery
    seed : int
    skipped : tuple of Skipped
    decoded : int
    seconds : Seconds
        What the run took, in all and for each of its stages, by the clock.
    labelled : ClusterLabels or None
        What `with_cluster_labels` added.
    """

    comparator: VectorComparator
    algorithm: Algorithm
    pictures: tuple[Picture, ...]
    labels: NDArray[np.int64]
    clusters: tuple[Cluster, ...]
    chosen_by: Choice | None
    qualities: tuple[ClusterQuality, ...]
    silhouette: float | None
    projection: Projection
    positions: NDArray[np.float64]
    queries: tuple[LabelledQuery, ...]
    seed: int
    skipped: tuple[Skipped, ...]
    decoded: int
    seconds: Seconds
    labelled: ClusterLabels | None = None

    def _items(self) -> tuple[Cluster, ...]:
        return self.clusters
