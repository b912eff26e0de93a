"""``imgsim matches``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from imgsim.cli.make import check_paths, make_methods, make_run_options
from imgsim.cli.method_options import device_options, ranking_methods_option
from imgsim.cli.options import discover_options, run_options, writing_options
from imgsim.cli.ranked import ranking_options, show_matches
from imgsim.cli.terminal import Terminal
from imgsim.errors import UsageError

if TYPE_CHECKING:
    from imgsim.read.options import RunOptions
    from imgsim.tasks.match_results import Matches


@click.command("matches")
@click.argument("paths", nargs=-1, metavar="PATH...", type=click.Path())
@ranking_methods_option
@click.option(
    "--features",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Instead of PATH and --method: rank by the features in this file, which imgsim features"
    " wrote. No picture is read.",
)
@ranking_options
@discover_options
@run_options
@device_options
@writing_options
@click.pass_context
def command(ctx: click.Context, /, paths: tuple[str, ...], **given: Any) -> int:
    """Rank the nearest other images of every image, by each method.

    \b
    imgsim matches photos --method phash --method ssim
    imgsim matches photos --method all --montage matches.png
    imgsim matches --features photos.npz
    """
    from imgsim.tasks.matches import matches

    terminal = ctx.ensure_object(Terminal)
    file = given.pop("features")
    if file is None:
        check_paths(paths, given["files_from"], given["manifests"])
    elif paths or given["files_from"] or given["manifests"]:
        raise UsageError("PATH and --features are given", "name one of them")
    elif ctx.get_parameter_source("method") is ParameterSource.COMMANDLINE:
        raise UsageError("--features has a method of its own", "leave out --method")
    output = {n: given.pop(n) for n in ("k", "format", "output", "montage", "no_timing")}
    methods = make_methods(terminal, given, ranking=True)
    options = make_run_options(terminal, **given)
    if file is None:
        ranking = matches(paths, methods, k=output["k"], options=options)
    else:
        ranking = _by_features(file, output["k"], options)
    show_matches(terminal, ranking, **output)
    return 0


def _by_features(file: str, k: int, options: RunOptions) -> Matches:
    from imgsim.report.features import read_features
    from imgsim.tasks.features import rank_features

    return rank_features(read_features(file), k=k, options=options)
