"""``imgsim cluster``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from imgsim.cli.make import check_paths, make_method, make_run_options, read_labels
from imgsim.cli.method_options import device_options, method_option
from imgsim.cli.options import (
    all_of,
    check_picture_name,
    discover_options,
    format_option,
    number_option,
    output_option,
    picture_option,
    run_options,
    seed_option,
    timing_option,
    writing_options,
)
from imgsim.cli.output import write
from imgsim.cli.spreadsheet import table
from imgsim.cli.terminal import Terminal
from imgsim.errors import UsageError

if TYPE_CHECKING:
    from imgsim.tasks.cluster.results import Clusters


def _number_of_clusters(ctx: click.Context, param: click.Parameter, value: str) -> int | None:
    if value == "auto":
        return None
    if not value.isdecimal() or int(value) < 1:
        raise UsageError(f"-n {value} is no number of clusters", "a number, or auto")
    return int(value)


_clustering_options = all_of(
    [
        click.option(
            "-n",
            "n",
            default="auto",
            show_default=True,
            metavar="K|auto",
            callback=_number_of_clusters,
            help="How many clusters.",
        ),
        click.option(
            "--algorithm",
            type=click.Choice(["kmeans", "hdbscan"]),
            default="kmeans",
            show_default=True,
            help="hdbscan finds the number itself, and leaves out what belongs nowhere.",
        ),
        click.option(
            "--choose",
            type=click.Choice(["silhouette", "elbow"]),
            default="silhouette",
            show_default=True,
            help="How the number is chosen for kmeans.",
        ),
        number_option(
            "--max-clusters", 30, "The largest number that is tried.", least=2, metavar="K"
        ),
        number_option("--min-size", 5, "Images in the smallest cluster of hdbscan.", least=2),
        click.option(
            "--projection",
            type=click.Choice(["tsne", "pca"]),
            default="tsne",
            show_default=True,
            help="How the map is made.",
        ),
        seed_option("Another beginning of k-means and of the map."),
    ]
)

_query_options = all_of(
    [
        click.option(
            "--knn-label",
            "queries",
            multiple=True,
            metavar="QUERY",
            help="Name the cluster of this file or URL by its nearest images. Can be repeated.",
        ),
        number_option("--knn", 5, "How many nearest images decide."),
        number_option("--similar", 5, "How many similar images of a query are named."),
        picture_option("--knn-picture", "Draw the queries beside their similar images."),
    ]
)


@click.command("cluster")
@click.argument("paths", nargs=-1, metavar="PATH...", type=click.Path())
@method_option(
    "cosine", "Whose vectors are clustered. efficientnet-cosine sees what a picture shows."
)
@_clustering_options
@click.option(
    "--map",
    "map_file",
    type=click.Path(dir_okay=False, path_type=Path),
    callback=check_picture_name,
    metavar="FILE.png",
    help="Draw a map of the images.",
)
@picture_option(
    "--numbers",
    "Draw how the number of clusters was chosen: inertia and silhouette of all that were tried.",
)
@click.option(
    "--sheets",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Draw a sheet per cluster into DIR, which must be empty or not exist.",
)
@click.option(
    "--colour-by",
    metavar="folder|FILE",
    help="Colour the map by the folders of files, or by the labels that a list has, and say how"
    " well they agree with the clusters (purity, adjusted Rand index).",
)
@_query_options
@discover_options
@run_options
@device_options
@format_option(["text", "json", "csv", "html"], "html: a page with the map, to zoom and point at.")
@output_option
@timing_option
@writing_options
@click.pass_obj
def command(terminal: Terminal, /, paths: tuple[str, ...], **given: Any) -> int:
    """Find clusters of images, and draw a map of them.

    Any method with vectors does: pixels, hashes, networks. The same files and seed give the same
    clusters.

    \b
    imgsim cluster photos --map map.png --sheets clusters
    imgsim cluster photos -m efficientnet-cosine -f html -o map.html
    imgsim cluster classes --colour-by folder --map map.png
    imgsim cluster photos --choose elbow --numbers elbow.png
    imgsim cluster photos -n 8 --knn-label new.jpg --knn-picture similar.png
    """
    from imgsim.fetch import as_query
    from imgsim.folders import make_empty
    from imgsim.report.clusters import cluster_summary
    from imgsim.tasks.cluster.cluster_images import cluster_images
    from imgsim.tasks.cluster.colouring import with_cluster_labels
    from imgsim.tasks.folder_labels import FOLDER

    check_paths(paths, given["files_from"], given["manifests"])
    method = make_method(terminal, given)
    own = ["n", "algorithm", "choose", "max_clusters", "min_size", "projection", "seed"]
    wanted = {name: given.pop(name) for name in own}
    wanted |= {"voters": given.pop("knn"), "similar": given.pop("similar")}
    names = ["format", "output", "no_timing", "map_file", "numbers", "sheets", "knn_picture"]
    output = {name: given.pop(name) for name in names}
    asked, colour_by = given.pop("queries"), given.pop("colour_by")
    options = make_run_options(terminal, **given)
    labels = colour_by if colour_by in (None, FOLDER) else read_labels(colour_by, paths)
    queries = [as_query(query) for query in asked]
    if output["sheets"] is not None:
        make_empty(output["sheets"])
    clusters = cluster_images(paths, method, **wanted, queries=queries, options=options)
    if labels is not None:
        clusters = with_cluster_labels(clusters, labels)
    _write_clusters(clusters, **output)
    for line in cluster_summary(clusters, verbose=terminal.verbosity > 0):
        terminal.summary(line)
    return 0


def _write_clusters(
    clusters: Clusters,
    *,
    format: str,
    output: str | None,
    no_timing: bool,
    map_file: Path | None,
    numbers: Path | None,
    sheets: Path | None,
    knn_picture: Path | None,
) -> None:
    from imgsim.report import clusters as report
    from imgsim.report.cluster_drawings import draw_map, draw_queries, draw_sheets
    from imgsim.report.cluster_numbers import draw_numbers
    from imgsim.report.cluster_page import cluster_page

    # pictures first: nobody may read the text to its end
    if map_file is not None:
        draw_map(clusters, map_file)
    if numbers is not None:
        draw_numbers(clusters, numbers)
    if sheets is not None:
        draw_sheets(clusters, sheets)
    if knn_picture is not None:
        draw_queries(clusters, knn_picture)
    writers: dict[str, Callable[[], Iterable[str]]] = {
        "text": lambda: report.cluster_text(clusters),
        "json": lambda: report.cluster_json(clusters, timing=not no_timing),
        "csv": lambda: table(report.cluster_csv(clusters)),
        "html": lambda: cluster_page(clusters),
    }
    write(writers[format](), output, for_programs=format != "text")
