"""cluster as text, JSON and CSV; see `cluster_page` and `cluster_drawings` for its pictures."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap
from typing import Any

import numpy as np

from imgsim.comparators.label import label
from imgsim.read.discover import printable
from imgsim.report.cluster_drawings import agreement_text, cluster_name
from imgsim.report.document import (
    heading,
    json_text,
    path_document,
    score_document,
    seconds_document,
    skipped_document,
)
from imgsim.report.formats import csv_row
from imgsim.report.rankings import score_text
from imgsim.report.text import skipped_lines
from imgsim.report.units import count
from imgsim.tasks.cluster.results import NO_CLUSTER, ClusterLabels, Clusters, LabelledQuery

_LITTLE = 0.25
"""L. Kaufman and P. J. Rousseeuw, "Finding Groups in Data", 1990: no substantial structure."""


def cluster_text(clusters: Clusters) -> Iterator[str]:
    """Yield every cluster with its files, then the queries with their nearest images."""
    for cluster in clusters.clusters:
        yield f"Cluster {cluster.number}: {count(len(cluster.members), 'image')}, typical:"
        yield f" {printable(clusters.pictures[cluster.typical].file.path)}\n"
        for image in cluster.members:
            yield f"  {printable(clusters.pictures[image].file.path)}\n"
        yield "\n"
    alone = np.flatnonzero(clusters.labels == NO_CLUSTER)
    if len(alone):
        yield f"In no cluster: {count(len(alone), 'image')}\n"
        yield from (f"  {printable(clusters.pictures[image].file.path)}\n" for image in alone)
        yield "\n"
    for query in clusters.queries:
        votes = ", ".join(f"{n} of {cluster_name(number)}" for number, n in query.votes)
        yield f"{printable(query.query.name)}: {cluster_name(query.cluster)} (nearest: {votes})\n"
        for match, number in query.matches:
            score = score_text(clusters.comparator, match.distance)
            yield f"  {cluster_name(number):12} {score:>15}  {printable(match.path)}\n"
        yield "\n"


def cluster_document(clusters: Clusters, *, timing: bool = True) -> dict[str, Any]:
    """Return the document of everything that `cluster_images` returned.

    Parameters
    ----------
    clusters : Clusters
    timing : bool
        With the keys that differ from run to run.
    """
    scale = clusters.comparator.scale
    paths = [p.file.path for p in clusters.pictures]
    labelled = clusters.labelled
    document = {
        **heading("imgsim.cluster/1"),
        "method": clusters.comparator.spec,
        "score_unit": scale.unit,
        "score_better": scale.better,
        "algorithm": clusters.algorithm,
        "chosen_by": clusters.chosen_by,
        "seed": clusters.seed,
        "projection": clusters.projection,
        "images": len(clusters.pictures),
        "skipped": skipped_document(clusters.skipped),
        "silhouette": clusters.silhouette,
        "qualities": [
            {"k": q.k, "silhouette": q.silhouette, "inertia": q.inertia} for q in clusters.qualities
        ],
        "clusters": [
            {"id": c.number, "images": len(c.members), "typical": path_document(paths[c.typical])}
            for c in clusters.clusters
        ],
        "labels": [
            {
                **path_document(path),
                "cluster": int(number) or None,
                **({} if labelled is None else {"label": _label(labelled, image)}),
                "x": float(x),
                "y": float(y),
            }
            for image, (path, number, (x, y)) in enumerate(
                zip(paths, clusters.labels, clusters.positions, strict=True)
            )
        ],
        "queries": [_labelled_query_document(query, clusters) for query in clusters.queries],
    }
    if labelled is not None:
        document["purity"] = labelled.purity
        document["adjusted_rand"] = labelled.adjusted_rand
    if timing:
        document["seconds"] = seconds_document(clusters.seconds)
    return document


def _label(labelled: ClusterLabels, image: int) -> str | None:
    number = int(labelled.numbers[image])
    return labelled.names[number - 1] if number else None


def _labelled_query_document(query: LabelledQuery, clusters: Clusters) -> dict[str, Any]:
    scale = clusters.comparator.scale
    return {
        **path_document(query.query.name),
        "cluster": query.cluster or None,
        "votes": [{"cluster": number or None, "votes": n} for number, n in query.votes],
        "matches": [
            {
                **path_document(match.path),
                "cluster": number or None,
                **score_document(match.distance, scale),
            }
            for match, number in query.matches
        ],
    }


def cluster_json(clusters: Clusters, *, timing: bool = True) -> Iterator[str]:
    """Yield `cluster_document` as JSON."""
    yield json_text(cluster_document(clusters, timing=timing))


def cluster_csv(clusters: Clusters) -> Iterator[str]:
    """Yield a row of CSV per image: its cluster (none: empty), and where it is on the map.

    Labels have a column of their own at the end.
    """
    columns = ["path", "cluster", "x", "y", "path_bytes"]
    columns += [] if clusters.labelled is None else ["label"]
    yield csv_row(columns)
    for image in cluster_document(clusters, timing=False)["labels"]:
        yield csv_row([image.get(name) for name in columns])


def cluster_summary(clusters: Clusters, *, verbose: bool = False) -> Iterator[str]:
    """Yield lines on the whole run, with the quality of every number of clusters tried."""
    if not clusters.pictures:
        yield "0 images found"
        yield from skipped_lines(clusters.skipped, verbose)
        return
    yield (
        f"{count(len(clusters.pictures), 'image')} in {clusters.seconds.total:.1f} s"
        f" ({clusters.decoded} decoded), method {label(clusters.comparator)}"
    )
    alone = int((clusters.labels == NO_CLUSTER).sum())
    outside = f", {alone} images in none" if alone else ""
    fit = "" if clusters.silhouette is None else f", silhouette {clusters.silhouette:.3f}"
    yield f"{count(len(clusters.clusters), 'cluster')} by {clusters.algorithm}{outside}{fit}"
    if agreement := agreement_text(clusters):
        yield f"clusters and labels: {agreement}"
    if clusters.silhouette is not None and clusters.silhouette < _LITTLE:
        yield f"warning: the clusters run into one another (silhouette below {_LITTLE})"
    if clusters.chosen_by is not None:
        best = len(clusters.clusters)
        values = [
            (q.k, f"{q.silhouette:.3f}" if q.silhouette is not None else "-")
            if clusters.chosen_by == "silhouette"
            else (q.k, f"{q.inertia:.4g}")
            for q in clusters.qualities
        ]
        what = {"silhouette": "silhouette", "elbow": "inertia"}[clusters.chosen_by]
        text = "  ".join(f"{k}:{v}{'*' if k == best else ''}" for k, v in values)
        yield f"chosen by {clusters.chosen_by}; {what} for each number of clusters:"
        yield from (f"  {line}" for line in wrap(text, 78))
    yield from skipped_lines(clusters.skipped, verbose)
