"""How clusters agree with labels that somebody gave."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from imgsim.errors import check_kind
from imgsim.read.manifests.path_values import PathValues
from imgsim.tasks.cluster.results import NO_CLUSTER, ClusterLabels, Clusters
from imgsim.tasks.folder_labels import FOLDER
from imgsim.tasks.labels import label_teller, no_labels


def with_cluster_labels(clusters: Clusters, labels: str | PathValues = FOLDER) -> Clusters:
    """Return clusters with the labels of their images, and how well the two agree.

    Parameters
    ----------
    clusters : Clusters
    labels : {"folder"} or PathValues
        The folders of a file below the path that was asked for; or the values of a column, see
        `Manifest.values`.

    Raises
    ------
    UsageError
        No image has a label, or it cannot be told which folders are the classes.

    Examples
    --------
    >>> import imgsim
    >>> found = imgsim.with_cluster_labels(imgsim.cluster_images("shop", n=2))
    >>> len(found.clusters), found.labelled.names[:2]
    (2, ('IMG_0001', 'IMG_0002'))
    """
    check_kind(clusters, Clusters, "result of cluster_images", "give what it returned")
    files = [picture.file for picture in clusters.pictures]
    of = label_teller(labels, {f.root for f in files}, {os.path.dirname(f.path) for f in files})
    told = [of(file.path, file.root) for file in files]
    if files and not any(told):
        raise no_labels()
    ordered = sorted(Counter(filter(None, told)).items(), key=lambda one: (-one[1], one[0]))
    names = tuple(name for name, _ in ordered)
    number = {"": 0} | {name: i for i, name in enumerate(names, 1)}
    numbers = np.array([number[name] for name in told], np.int64)
    both = (numbers > 0) & (clusters.labels != NO_CLUSTER)
    return replace(
        clusters,
        labelled=ClusterLabels(names, numbers, *_agreement(clusters.labels, numbers, both)),
    )


def _agreement(
    clusters: NDArray[np.int64], labels: NDArray[np.int64], both: NDArray[np.bool_]
) -> tuple[float | None, float | None]:
    """Purity and adjusted Rand index of those images that have a cluster and a label."""
    if not both.any():
        return None, None
    from sklearn.metrics import adjusted_rand_score

    pairs = Counter(zip(clusters[both].tolist(), labels[both].tolist(), strict=True))
    most: dict[int, int] = {}
    for (cluster, _), images in pairs.items():
        most[cluster] = max(images, most.get(cluster, 0))
    purity = sum(most.values()) / int(both.sum())
    return purity, float(adjusted_rand_score(labels[both], clusters[both]))
