"""``imgsim search``."""

from __future__ import annotations

from typing import Any

import click
from click.core import ParameterSource

from imgsim.cli.index_options import check_one_gallery, index_option, open_snapshot
from imgsim.cli.make import make_methods, make_run_options
from imgsim.cli.method_options import device_options, ranking_methods_option
from imgsim.cli.options import discover_options, number_option, run_options, writing_options
from imgsim.cli.ranked import ranking_options, show_matches
from imgsim.cli.terminal import Terminal
from imgsim.comparators.registry import DEFAULT_METHOD
from imgsim.errors import UsageError


@click.command("search")
@click.argument("queries", nargs=-1, required=True, metavar="QUERY...")
@click.option(
    "--in", "paths", multiple=True, type=click.Path(), metavar="PATH",
    help="Where to search. Can be repeated.",
)  # fmt: skip
@index_option("Instead of --in: an index that imgsim index build made; by auto, if not by local.")
@ranking_methods_option
@click.option(
    "--narrow-by-class",
    is_flag=True,
    help="With a method that tells classes (siamese): look only at images of the query's class.",
)
@number_option(
    "--compare-n",
    15,
    "With --narrow-by-class: compare at most so many of them, those nearest by features.",
)
@ranking_options
@discover_options
@run_options
@device_options
@writing_options
@click.pass_context
def command(
    ctx: click.Context,
    /,
    queries: tuple[str, ...],
    paths: tuple[str, ...],
    index: str | None,
    narrow_by_class: bool,
    compare_n: int,
    **given: Any,
) -> int:
    """Rank the images of a folder that are nearest to each QUERY.

    A QUERY is a file or an http(s) URL. What is known of the folder from earlier runs is not read
    again.

    \b
    imgsim search holiday.jpg --in photos
    imgsim search https://example.org/a.jpg --in photos --method all
    imgsim search pear.jpg --in shop -m siamese:weights=FILE --narrow-by-class
    imgsim search holiday.jpg --index photos.index
    """
    from imgsim.fetch import as_query
    from imgsim.tasks.index import Index
    from imgsim.tasks.matches import search

    terminal = ctx.ensure_object(Terminal)
    check_one_gallery(paths, index)
    if index is not None and ctx.get_parameter_source("method") is not ParameterSource.COMMANDLINE:
        given["method"] = [DEFAULT_METHOD]
    if index is not None and narrow_by_class:
        raise UsageError("--narrow-by-class does not go with --index", "name the folder: --in")
    output = {n: given.pop(n) for n in ("k", "format", "output", "montage", "no_timing")}
    methods = make_methods(terminal, given, ranking=True)
    options = make_run_options(terminal, **given)
    narrow = compare_n if narrow_by_class else None
    asked = [as_query(query) for query in queries]
    if index is None:
        matches = search(asked, paths, methods, k=output["k"], narrow=narrow, options=options)
    else:
        with Index(open_snapshot(index), options) as opened:
            matches = opened.search(asked, methods, k=output["k"])
    show_matches(terminal, matches, **output, images={query.name: query.data for query in asked})
    return 0
