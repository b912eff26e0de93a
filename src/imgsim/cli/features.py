"""``imgsim features``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from imgsim.cli.make import check_paths, make_method, make_run_options
from imgsim.cli.method_options import device_options, method_option
from imgsim.cli.options import (
    check_folder_exists,
    discover_options,
    run_options,
    writing_options,
)
from imgsim.cli.output import write_bytes
from imgsim.cli.terminal import Terminal
from imgsim.comparators.registry import RANKING_METHOD


@click.command("features")
@click.argument("paths", nargs=-1, metavar="PATH...", type=click.Path())
@method_option(RANKING_METHOD, "Whose features; imgsim methods lists the names.")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    callback=check_folder_exists,
    metavar="FILE",
    help="A table that ends in .parquet (needs pyarrow), .npz or .csv.",
)
@discover_options
@run_options
@device_options
@writing_options
@click.pass_obj
def command(terminal: Terminal, /, paths: tuple[str, ...], output: Path, **given: Any) -> int:
    """Write the features that a method compares, a row per image, as a table.

    imgsim matches --features reads Parquet and npz again.

    \b
    imgsim features photos -m phash:size=16 -o photos.npz
    imgsim features photos -m efficientnet-cosine -o photos.parquet
    imgsim matches --features photos.npz
    """
    from imgsim.report.features import check_suffix, features_bytes
    from imgsim.report.text import skipped_lines
    from imgsim.report.units import count
    from imgsim.tasks.features import features

    check_paths(paths, given["files_from"], given["manifests"])
    suffix = check_suffix(output)
    method = make_method(terminal, given)
    options = make_run_options(terminal, **given)
    feature_set = features(paths, method, options=options)
    write_bytes(features_bytes(feature_set, suffix), output)
    images = count(len(feature_set.paths), "image")
    terminal.summary(f"{output}: {images} ({feature_set.decoded} decoded)")
    for line in skipped_lines(feature_set.skipped, terminal.verbosity > 0):
        terminal.summary(line)
    return 0
