"""``imgsim matches``."""

from __future__ import annotations

from typing import Any

import click

from imgsim.cli.make import check_paths, make_methods, make_run_options
from imgsim.cli.method_options import device_options, ranking_methods_option
from imgsim.cli.options import discover_options, run_options, writing_options
from imgsim.cli.ranked import ranking_options, show_matches
from imgsim.cli.terminal import Terminal


@click.command("matches")
@click.argument("paths", nargs=-1, metavar="PATH...", type=click.Path())
@ranking_methods_option
@ranking_options
@discover_options
@run_options
@device_options
@writing_options
@click.pass_obj
def command(terminal: Terminal, /, paths: tuple[str, ...], **given: Any) -> int:
    """Rank the nearest other images of every image, by each method.

    \b
    imgsim matches photos --method phash --method ssim
    imgsim matches photos --method all --montage matches.png
    """
    from imgsim.tasks.matches import matches

    check_paths(paths, given["files_from"], given["manifests"])
    output = {n: given.pop(n) for n in ("k", "format", "output", "montage", "no_timing")}
    methods = make_methods(terminal, given, ranking=True)
    options = make_run_options(terminal, **given)
    show_matches(terminal, matches(paths, methods, k=output["k"], options=options), **output)
    return 0
